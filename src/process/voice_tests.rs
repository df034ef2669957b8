use super::*;
use crate::media::Level;
use crate::process::speech::{other_speech_frames, speech_frames};
use crate::process::stoi::{delay_between, stoi};

type Frame = [f32; FRAME_SAMPLES];

/// A room that gives back what the speaker plays: 40 ms later, 6 dB weaker, and a little of it again
/// from a wall.
struct Room {
    played: Vec<f32>,
}

impl Room {
    fn new() -> Self {
        Self {
            played: vec![0.0; 4_800],
        }
    }

    fn echo(&mut self, played: &Frame) -> Frame {
        self.played.extend_from_slice(played);
        let now = self.played.len() - FRAME_SAMPLES;
        std::array::from_fn(|i| {
            0.5 * self.played[now + i - 1_920] + 0.1 * self.played[now + i - 2_900]
        })
    }
}

/// By how many dB the echo comes out weaker, second after second.
fn echo_return_loss_db(processor: &mut VoiceProcessor, seconds: usize) -> Vec<f32> {
    let mut room = Room::new();
    let mut speech = speech_frames();
    (0..seconds)
        .map(|_| {
            let (mut before, mut after) = (1e-12, 1e-12);
            for played in speech.by_ref().take(100) {
                processor.process_render(&played);
                let mut frame = room.echo(&played);
                before += Level::of(&frame).rms.powi(2);
                processor.process_capture(&mut frame);
                after += Level::of(&frame).rms.powi(2);
            }
            10.0 * (before / after).log10()
        })
        .collect()
}

#[test]
fn the_echo_is_25_db_weaker_after_five_seconds_with_everything_on() {
    for processing in [
        Processing {
            remove_echo: true,
            ..Processing::OFF
        },
        Processing::ALL,
    ] {
        let loss = echo_return_loss_db(&mut VoiceProcessor::new(processing), 20);
        eprintln!("{processing:?}: {loss:?}");
        for (second, loss) in loss.iter().enumerate().skip(5) {
            assert!(*loss > 25.0, "{processing:?}, second {second}: {loss} dB");
        }
    }
}

#[test]
fn near_speech_stays_intelligible_with_everything_on() {
    let mut processor = VoiceProcessor::new(Processing::ALL);
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    for frame in speech_frames().take(1_500) {
        said.extend_from_slice(&frame);
        let mut frame = frame;
        processor.process_render(&[0.0; FRAME_SAMPLES]);
        processor.process_capture(&mut frame);
        heard.extend_from_slice(&frame);
    }
    let length = 7 * 48_000;
    let delay = delay_between(&said[..length], &heard[..length]);
    let expected = processor.delay().as_secs_f64() * 48_000.0;
    assert!(
        (delay as f64 - expected).abs() < 96.0,
        "{delay}, not {expected}"
    );
    let quality = stoi(&said[48_000..], &heard[48_000 + delay..], 48_000).unwrap();
    eprintln!("STOI {quality}");
    assert!(quality > 0.9, "STOI {quality}");
}

/// Two who speak without a pause, `echo` of what is played being added to what is captured. STOI of
/// the near voice in each 3 s, and whether an echo was thought possible at the end of each.
fn double_talk(processing: Processing, echo: f32) -> Vec<(f64, bool)> {
    let mut processor = VoiceProcessor::new(processing);
    let mut room = Room::new();
    let far = other_speech_frames().skip(370);
    let (mut said, mut heard, mut may_echo) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (near, far)) in speech_frames().zip(far).take(1_800).enumerate() {
        processor.process_render(&far);
        let echoed = room.echo(&far);
        let mut frame: Frame = std::array::from_fn(|i| near[i] + echo * echoed[i]);
        processor.process_capture(&mut frame);
        said.extend_from_slice(&near);
        heard.extend_from_slice(&frame);
        if number % 300 == 299 {
            may_echo.push(processor.may_echo());
        }
    }
    let part = 3 * 48_000;
    said.chunks_exact(part)
        .zip(heard.chunks_exact(part))
        .map(|(said, heard)| {
            let delay = delay_between(said, heard);
            stoi(&said[..part - delay], &heard[delay..], 48_000).unwrap()
        })
        .zip(may_echo)
        .collect()
}

#[test]
fn two_may_speak_at_once_where_nothing_echoes() {
    let parts = double_talk(Processing::ALL, 0.0);
    eprintln!("{parts:?}");
    for (quality, may_echo) in &parts[1..] {
        assert!(!may_echo && *quality > 0.93, "{parts:?}");
    }
}

#[test]
fn an_echo_is_noticed_under_the_near_voice() {
    // 6, 12 and 18 dB below what is played.
    for echo in [1.0, 0.5, 0.25] {
        let parts = double_talk(Processing::ALL, echo);
        eprintln!("{echo}: {parts:?}");
        assert!(
            parts.iter().all(|(_, may_echo)| *may_echo),
            "{echo}: {parts:?}"
        );
    }
}

#[test]
fn an_echo_that_appears_is_removed_within_a_second() {
    let mut processor = VoiceProcessor::new(Processing::ALL);
    let mut room = Room::new();
    let mut frames = speech_frames();
    for played in frames.by_ref().take(600) {
        processor.process_render(&played);
        processor.process_capture(&mut [0.0; FRAME_SAMPLES]);
    }
    assert!(!processor.may_echo(), "headphones");
    let mut loss = Vec::new();
    for _ in 0..12 {
        let (mut before, mut after) = (1e-12, 1e-12);
        for played in frames.by_ref().take(50) {
            processor.process_render(&played);
            let mut frame = room.echo(&played);
            before += Level::of(&frame).rms.powi(2);
            processor.process_capture(&mut frame);
            after += Level::of(&frame).rms.powi(2);
        }
        loss.push(10.0 * (before / after).log10());
    }
    eprintln!("{loss:?}");
    assert!(processor.may_echo());
    assert!(loss[2..].iter().all(|loss| *loss > 15.0), "{loss:?}");
}

#[test]
fn off_is_untouched_and_without_delay() {
    let mut processor = VoiceProcessor::new(Processing::OFF);
    assert_eq!(processor.delay(), Duration::ZERO);
    for frame in speech_frames().take(50) {
        let mut out = frame;
        processor.process_render(&frame);
        processor.process_capture(&mut out);
        assert_eq!(out, frame);
    }
}

#[test]
fn switching_while_sound_runs_does_not_click() {
    let mut processor = VoiceProcessor::new(Processing::OFF);
    let tone = |frame: usize| -> Frame {
        std::array::from_fn(|i| {
            let t = (frame * FRAME_SAMPLES + i) as f32 / 48_000.0;
            0.3 * (std::f32::consts::TAU * 300.0 * t).sin()
        })
    };
    let mut heard = Vec::new();
    for frame in 0..600 {
        if frame % 25 == 0 {
            let on = |bit: usize| (frame / 25) >> bit & 1 == 1;
            processor.set_processing(Processing {
                remove_echo: on(0),
                reduce_noise: on(1),
                even_volume: on(2),
            });
        }
        let mut samples = tone(frame);
        processor.process_render(&[0.0; FRAME_SAMPLES]);
        processor.process_capture(&mut samples);
        heard.extend_from_slice(&samples);
    }
    let step = heard
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f32::max);
    // The tone itself moves by 0.012 a sample.
    assert!(step < 0.025, "{step}");
    assert!(processor.take_failure().is_none());
}

#[test]
fn samples_that_are_not_numbers_harm_nothing_after_them() {
    let mut processor = VoiceProcessor::new(Processing::ALL);
    for (number, frame) in speech_frames().take(400).enumerate() {
        let (mut near, mut far) = (frame, frame);
        if number % 50 == 7 {
            near[13] = f32::NAN;
            far[99] = f32::INFINITY;
            near[400] = 1e30;
            far[0] = f32::NEG_INFINITY;
        }
        processor.process_render(&far);
        processor.process_capture(&mut near);
        assert!(
            near.iter().all(|sample| sample.is_finite()),
            "frame {number}"
        );
    }
    assert!(processor.take_failure().is_none());
    let mut loudest = 0.0_f32;
    for mut frame in speech_frames().take(400) {
        processor.process_render(&[0.0; FRAME_SAMPLES]);
        processor.process_capture(&mut frame);
        loudest = loudest.max(Level::of(&frame).peak);
    }
    assert!(loudest > 0.05, "{loudest}");
}

#[test]
fn steady_noise_is_reduced() {
    let mut processor = VoiceProcessor::new(Processing {
        reduce_noise: true,
        ..Processing::OFF
    });
    let mut state = 1_u32;
    let (mut before, mut after) = (0.0, 0.0);
    for number in 0..600 {
        let mut frame: Frame = std::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * 0.02
        });
        if number > 300 {
            before += Level::of(&frame).rms.powi(2);
        }
        processor.process_capture(&mut frame);
        if number > 300 {
            after += Level::of(&frame).rms.powi(2);
        }
    }
    let reduced = 10.0 * (before / after).log10();
    assert!(reduced > 8.0, "{reduced} dB");
}
