use std::sync::{Arc, Mutex};

use super::*;
use crate::codec::{OpusMode, opus_packet_has_fec};
use crate::engine::{AudioReceiver, AudioReceiverStats, AudioSender};
use crate::media::{AudioFrame, FRAME_DURATION, MediaKind, RtpPacket, RtpTimestamp};
use crate::process::Processing;
use crate::process::speech::speech_frames;

#[test]
fn each_is_known_by_its_name_and_nothing_else_is() {
    for handicap in Handicap::ALL {
        assert_eq!(handicap.to_string().parse(), Ok(handicap));
    }
    let why = "deaf".parse::<Handicap>().expect_err("no such thing");
    assert!(
        why.contains("“deaf”") && why.contains("late-sound"),
        "{why}"
    );
}

#[test]
fn half_of_what_sound_leaves() {
    let control = EncoderControl {
        target_bitrate: Bitrate::from_kbps(1_000),
        loss: 0.1,
        round_trip_time: None,
    };
    let audio = Bitrate::from_kbps(60);
    let halved = half_for_pictures(control, audio).target_bitrate;
    assert_eq!(halved, Bitrate::from_kbps(530));
    let nothing_left = half_for_pictures(control, Bitrate::from_kbps(2_000));
    assert_eq!(nothing_left.target_bitrate, Bitrate::from_kbps(2_000));
}

struct Ear(Arc<Mutex<Vec<f32>>>);

impl AudioSink for Ear {
    fn demand(&mut self, _: Instant) -> usize {
        1
    }

    fn push(&mut self, samples: &[f32; FRAME_SAMPLES], _: Instant) -> Result<(), DeviceError> {
        self.0.lock().expect("one thread").push(samples[0]);
        Ok(())
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(7)
    }
}

#[test]
fn sound_is_a_tenth_of_a_second_late_and_nobody_is_told() {
    let heard = Arc::<Mutex<Vec<f32>>>::default();
    let mut speaker = LateSpeaker::new(Box::new(Ear(heard.clone())));
    for number in 1..=13_u8 {
        let pushed = speaker.push(&[f32::from(number); FRAME_SAMPLES], Instant::now());
        assert_eq!(pushed, Ok(()));
    }
    let expected = [[0.0; 10].as_slice(), &[1.0, 2.0, 3.0]].concat();
    assert_eq!(*heard.lock().expect("one thread"), expected);
    assert_eq!(speaker.delay(), Duration::from_millis(7));
}

/// Eight seconds of speech over a way that loses every tenth packet, if it is to, and delays each
/// second one by `jitter`.
struct Heard {
    copies: usize,
    /// Samples that are exactly nothing.
    nothing: usize,
    stats: AudioReceiverStats,
}

fn hear(handicaps: &[Handicap], lossy: bool, jitter: Duration) -> Heard {
    let (processing, mode) = (Processing::OFF, OpusMode::Voice);
    let mut sender = AudioSender::new(RtpTimestamp(9), processing, mode, None).expect("a sender");
    let copies = !handicaps.contains(&Handicap::NoRepairOfSound);
    sender.set_copies(copies).expect("an encoder that takes it");
    let expected = EncoderControl {
        target_bitrate: Bitrate::from_kbps(32),
        loss: 0.2,
        round_trip_time: None,
    };
    sender.handle_control(expected).expect("an encoder");
    let mut receiver = AudioReceiver::handicapped(handicaps).expect("a receiver");
    let mut now = Instant::now();
    let (mut flying, mut sequence_number, mut copies) = (Vec::new(), 0_u16, 0);
    let mut heard = Vec::new();
    for samples in speech_frames().take(800) {
        let captured_at = now;
        let packet = sender.handle_frame(AudioFrame {
            samples,
            captured_at,
        });
        if let Some(packet) = packet {
            sequence_number += 1;
            copies += usize::from(opus_packet_has_fec(&packet.payload));
            let late = jitter * u32::from(sequence_number % 2);
            let lost = lossy && sequence_number.is_multiple_of(10);
            flying.extend((!lost).then(|| RtpPacket {
                kind: MediaKind::Audio,
                ssrc: 3,
                sequence_number,
                rtp_timestamp: packet.rtp_timestamp,
                marker: false,
                payload: packet.payload,
                arrived_at: now + late,
                recovered: false,
            }));
        }
        now += FRAME_DURATION;
        for packet in flying.extract_if(.., |packet| packet.arrived_at < now) {
            receiver.handle_packet(packet);
        }
        heard.extend(receiver.pull(now));
    }
    let nothing = heard.iter().skip(48_000).filter(|sample| **sample == 0.0);
    Heard {
        copies,
        nothing: nothing.count(),
        stats: receiver.stats(now),
    }
}

#[test]
fn what_is_lost_of_sound_is_silence() {
    let repaired = hear(&[], true, Duration::ZERO);
    let not_repaired = hear(&[Handicap::NoRepairOfSound], true, Duration::ZERO);
    assert!(repaired.copies > 200, "{} copies", repaired.copies);
    assert_eq!(not_repaired.copies, 0);
    // Five packets of 960 samples a second are lost, for seven seconds; and while one does not come
    // it may still be only late.
    assert!(repaired.nothing < 960, "{} samples", repaired.nothing);
    assert!(not_repaired.nothing > 33 * 960, "{}", not_repaired.nothing);
    assert!(not_repaired.nothing as u64 <= not_repaired.stats.jitter.concealed_samples);
    assert_eq!(not_repaired.stats.jitter.fec_recovered_samples, 0);
}

#[test]
fn sound_does_not_wait_for_what_is_late() {
    let late = Duration::from_millis(45);
    let waiting = hear(&[], false, late).stats;
    let hasty = hear(&[Handicap::NoJitterBuffer], false, late).stats;
    assert!(waiting.current_target_delay >= late, "{waiting:?}");
    assert_eq!(hasty.current_target_delay, Duration::ZERO);
    let guessed = |stats: AudioReceiverStats| stats.jitter.concealed_samples;
    assert!(guessed(waiting) < 4_800, "{} samples", guessed(waiting));
    assert!(guessed(hasty) > 48_000, "{} samples", guessed(hasty));
}

#[test]
fn without_congestion_control_the_least_is_the_most() {
    let most = Bitrate::from_kbps(2_500);
    assert_eq!(least_bitrate(most, &[]), LEAST_BITRATE);
    assert_eq!(least_bitrate(most, &[Handicap::NoCongestionControl]), most);
}
