use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::codec::{OpusEncoder, OpusMode};
use crate::engine::AudioSender;
use crate::media::{AudioFrame, Bitrate, EncoderControl, MediaKind, OutgoingRtp};
use crate::peer::runtime::SplitMix;
use crate::process::Processing;
use crate::process::speech::{speech_clip, speech_frames};
use crate::process::stoi::{delay_between, stoi};

const FRAME: Duration = Duration::from_millis(10);

/// A way for packets: a delay, more of it at random, loss, and a sender's clock that runs fast.
#[derive(Clone, Copy)]
struct Way {
    delay: Duration,
    jitter: Duration,
    loss: f64,
    sender_ppm: f64,
    /// The speaker asks for so many frames at once.
    pulls_at_once: usize,
}

const STILL: Way = Way {
    delay: Duration::from_millis(40),
    jitter: Duration::ZERO,
    loss: 0.0,
    sender_ppm: 0.0,
    pulls_at_once: 1,
};

/// A sender, a way and a receiver on virtual time.
struct Call {
    way: Way,
    dice: SplitMix,
    sender: AudioSender,
    receiver: AudioReceiver,
    start: Instant,
    sequence_number: u16,
    frames_sent: u64,
    pulls: u64,
    flying: BTreeMap<(Instant, u64), RtpPacket>,
    sent: Vec<f32>,
    heard: Vec<f32>,
    keep: bool,
    ssrc: u32,
}

impl Call {
    fn new(way: Way, seed: u64) -> Self {
        let sender = AudioSender::new(
            RtpTimestamp(u32::MAX - 48_000),
            Processing::OFF,
            OpusMode::Voice,
            None,
        )
        .unwrap();
        Self {
            way,
            dice: SplitMix::new(seed),
            sender,
            receiver: AudioReceiver::new().unwrap(),
            start: Instant::now(),
            sequence_number: u16::MAX - 20,
            frames_sent: 0,
            pulls: 0,
            flying: BTreeMap::new(),
            sent: Vec::new(),
            heard: Vec::new(),
            keep: true,
            ssrc: 7,
        }
    }

    fn now(&self) -> Instant {
        self.start + FRAME * self.pulls as u32
    }

    fn send(&mut self, samples: [f32; FRAME_SAMPLES]) {
        let length = 0.01 / (1.0 + self.way.sender_ppm * 1e-6);
        let captured_at = self.start + Duration::from_secs_f64(self.frames_sent as f64 * length);
        if self.keep {
            self.sent.extend_from_slice(&samples);
        }
        self.frames_sent += 1;
        let packet = self.sender.handle_frame(AudioFrame {
            samples,
            captured_at,
        });
        if let Some(packet) = packet {
            self.fly(packet, captured_at + FRAME);
        }
    }

    fn fly(&mut self, packet: OutgoingRtp, at: Instant) {
        self.sequence_number = self.sequence_number.wrapping_add(1);
        let lost = self.dice.unit() < self.way.loss;
        let arrived_at = at + self.way.delay + self.way.jitter.mul_f64(self.dice.unit());
        if !lost {
            self.flying.insert(
                (arrived_at, self.frames_sent),
                RtpPacket {
                    kind: MediaKind::Audio,
                    ssrc: self.ssrc,
                    sequence_number: self.sequence_number,
                    rtp_timestamp: packet.rtp_timestamp,
                    marker: packet.marker,
                    payload: packet.payload,
                    arrived_at,
                    recovered: false,
                },
            );
        }
    }

    /// 10 ms of call, the sender saying `samples`.
    fn step(&mut self, samples: [f32; FRAME_SAMPLES]) {
        let now = self.now();
        let length = 0.01 / (1.0 + self.way.sender_ppm * 1e-6);
        while self.start + Duration::from_secs_f64((self.frames_sent + 1) as f64 * length)
            <= now + FRAME
        {
            self.send(samples);
        }
        while let Some(entry) = self.flying.first_entry()
            && entry.key().0 <= now
        {
            let packet = entry.remove();
            self.receiver.handle_packet(packet);
        }
        self.pulls += 1;
        if self.pulls.is_multiple_of(self.way.pulls_at_once as u64) {
            for _ in 0..self.way.pulls_at_once {
                let frame = self.receiver.pull(now);
                if self.keep {
                    self.heard.extend_from_slice(&frame);
                }
            }
        }
    }

    fn speak(&mut self, seconds: u64) {
        for frame in speech_frames().take(seconds as usize * 100) {
            self.step(frame);
        }
    }

    /// Intelligibility of what was heard after the first two seconds, and the delay in samples.
    fn quality(&self) -> (f64, usize) {
        // The clip repeats after 8.8 s: look at less, so that only one delay fits.
        let shortest = self.sent.len().min(self.heard.len()).min(7 * 48_000);
        let delay = delay_between(&self.sent[..shortest], &self.heard[..shortest]);
        let from = 96_000;
        let quality = stoi(&self.sent[from..], &self.heard[from + delay..], 48_000).unwrap();
        (quality, delay)
    }

    fn stats(&mut self) -> AudioReceiverStats {
        let now = self.now();
        self.receiver.stats(now)
    }
}

#[test]
fn speech_goes_from_end_to_end() {
    let mut call = Call::new(STILL, 1);
    call.speak(16);
    let (quality, delay) = call.quality();
    let stats = call.stats();
    assert!(quality > 0.97, "STOI {quality}");
    // 10 ms of the second half of a packet, 6.5 ms of look-ahead, 40 ms of way, and the buffer.
    assert!((56 * 48..80 * 48).contains(&delay), "{delay} samples");
    assert_eq!(stats.jitter.concealed_samples, 0);
    assert_eq!(stats.jitter.packets_lost, 0);
    assert!(stats.audio_level > 0.0 && stats.total_audio_energy > 0.0);
}

/// The report that a network with this loss gives.
fn report(loss: f64) -> EncoderControl {
    EncoderControl {
        target_bitrate: Bitrate::from_kbps(32),
        loss: loss as f32,
        round_trip_time: None,
    }
}

#[test]
fn a_tenth_lost_and_30_ms_of_jitter_leave_speech_intelligible() {
    for seed in 1..=3 {
        let way = Way {
            jitter: Duration::from_millis(30),
            loss: 0.1,
            ..STILL
        };
        let mut call = Call::new(way, seed);
        call.sender.handle_control(report(way.loss)).unwrap();
        call.speak(20);
        let (quality, delay) = call.quality();
        let stats = call.stats();
        eprintln!("seed {seed}: STOI {quality:.3}, delay {delay}, {stats:?}");
        assert!(quality >= 0.93, "seed {seed}: STOI {quality}");
        // Most of what was lost was in the next packet.
        let guessed = stats.jitter.concealed_samples as f64 / stats.total_samples_received as f64;
        assert!(guessed < 0.05, "seed {seed}: {guessed}");
        assert!(stats.jitter.fec_recovered_samples > 10 * 960, "seed {seed}");
    }
}

#[test]
fn jitter_alone_is_waited_for_and_costs_almost_no_sound() {
    for (jitter_ms, seed) in [(10, 4), (30, 5), (80, 6)] {
        let way = Way {
            jitter: Duration::from_millis(jitter_ms),
            ..STILL
        };
        let mut call = Call::new(way, seed);
        call.speak(5);
        let settled = call.stats();
        call.speak(25);
        let stats = call.stats();
        let guessed = (stats.jitter.concealed_samples - settled.jitter.concealed_samples) as f64
            / (25.0 * 48_000.0);
        eprintln!("{jitter_ms} ms: {guessed:.4}, {stats:?}");
        assert!(guessed < 0.01, "{jitter_ms} ms: {guessed}");
        let delay = stats.current_delay.as_millis() as u64;
        assert!(delay < jitter_ms + 40, "{jitter_ms} ms: {delay} ms");
    }
}

#[test]
fn a_speaker_that_pulls_in_bursts_hears_everything() {
    let way = Way {
        pulls_at_once: 4,
        ..STILL
    };
    let mut call = Call::new(way, 1);
    call.speak(3);
    let settled = call.stats();
    call.speak(15);
    let stats = call.stats();
    let guessed = stats.jitter.concealed_samples - settled.jitter.concealed_samples;
    assert!(guessed <= 480, "{guessed}");
}

/// The clip as packets, again and again: encoding is what takes time in a long call.
struct Tape(Vec<Bytes>);

impl Tape {
    fn new() -> Self {
        let mut encoder = OpusEncoder::new(OpusMode::Voice).unwrap();
        encoder.set_expected_loss(0.1).unwrap();
        Self(
            speech_clip()
                .chunks_exact(960)
                .map(|chunk| encoder.encode(chunk.try_into().unwrap()).unwrap())
                .collect(),
        )
    }

    fn packet(&self, number: u64, arrived_at: Instant) -> RtpPacket {
        RtpPacket {
            kind: MediaKind::Audio,
            ssrc: 7,
            sequence_number: number as u16,
            rtp_timestamp: RtpTimestamp((number as u32).wrapping_mul(960)),
            marker: false,
            payload: self.0[number as usize % self.0.len()].clone(),
            arrived_at,
            recovered: false,
        }
    }
}

#[test]
fn clocks_that_drift_apart_for_ten_minutes_neither_gather_delay_nor_lose_sound() {
    let tape = Tape::new();
    for ppm in [-200.0, 200.0] {
        let mut dice = SplitMix::new(9);
        let mut receiver = AudioReceiver::new().unwrap();
        let start = Instant::now();
        let mut sent = 0_u64;
        let mut next_arrival = start;
        let mut longest = Duration::ZERO;
        for pull in 0..60_000_u32 {
            let now = start + FRAME * pull;
            while next_arrival <= now {
                receiver.handle_packet(tape.packet(sent, next_arrival));
                sent += 1;
                let due = sent as f64 * 0.020 / (1.0 + ppm * 1e-6) + 0.005 * dice.unit();
                next_arrival = start + Duration::from_secs_f64(due);
            }
            receiver.pull(now);
            if pull > 1_000 && pull.is_multiple_of(10) {
                longest = longest.max(receiver.stats(now).current_delay);
            }
        }
        let stats = receiver.stats(start + FRAME * 60_000);
        let drift = stats.jitter.removed_samples_for_acceleration as f64
            - stats.jitter.inserted_samples_for_deceleration as f64;
        eprintln!("{ppm} ppm: longest {longest:?}, {stats:?}");
        assert!(
            longest < Duration::from_millis(45),
            "{ppm} ppm: {longest:?}"
        );
        let guessed = stats.jitter.concealed_samples as f64 / stats.total_samples_received as f64;
        assert!(guessed < 0.0005, "{ppm} ppm: {guessed}");
        // 120 ms in ten minutes, give or take the delay itself.
        let expected = ppm * 1e-6 * 600.0 * 48_000.0;
        assert!((drift - expected).abs() < 1_500.0, "{ppm} ppm: {drift}");
    }
}

#[test]
fn a_muted_friend_is_silence_and_not_loss() {
    let mut call = Call::new(STILL, 1);
    call.speak(4);
    let before = call.stats();
    call.sender.set_muted(true);
    call.speak(5);
    let muted = call.stats();
    assert!(muted.audio_level < 1e-3, "{}", muted.audio_level);
    call.sender.set_muted(false);
    call.speak(6);
    let after = call.stats();
    let guessed = |stats: &AudioReceiverStats| stats.jitter.concealed_samples;
    assert_eq!(guessed(&before), 0, "{before:?}");
    assert_eq!(guessed(&muted), 0, "{muted:?}");
    assert_eq!(guessed(&after), 0, "{after:?}");
    assert!(after.audio_level > 0.01);
    assert_eq!(after.jitter.packets_lost, 0);
    let (_, delay) = call.quality();
    assert!(delay < 90 * 48, "{delay}");
}

#[test]
fn an_outage_fades_to_silence_and_sound_comes_back_with_the_packets() {
    let mut call = Call::new(STILL, 1);
    call.speak(4);
    call.way.loss = 1.0;
    call.speak(3);
    let out = call.stats();
    assert!(out.jitter.silent_concealed_samples > 2 * 48_000);
    assert!(out.jitter.concealed_samples > out.jitter.silent_concealed_samples);
    assert!(out.audio_level < 1e-2, "{}", out.audio_level);
    assert_eq!(out.jitter.concealment_events, 1);
    call.way.loss = 0.0;
    call.speak(3);
    let back = call.stats();
    assert!(back.audio_level > 0.01);
    assert_eq!(back.jitter.packets_lost, 150);
    assert!(back.jitter.concealed_samples - out.jitter.concealed_samples < 9_600);
}

#[test]
fn a_new_stream_takes_over_and_stray_packets_do_not() {
    let mut call = Call::new(STILL, 1);
    call.speak(3);
    let tape = Tape::new();
    let now = call.now();
    // One packet of another stream, and one from another time.
    let mut stray = tape.packet(5, now);
    stray.ssrc = 99;
    call.receiver.handle_packet(stray);
    let mut stray = tape.packet(5, now);
    stray.rtp_timestamp = RtpTimestamp(0x7fff_0000);
    call.receiver.handle_packet(stray);
    call.speak(2);
    let before = call.stats();
    assert_eq!(before.jitter.concealed_samples, 0);
    // The sender starts anew: another SSRC, sequence and clock.
    call.ssrc = 8;
    call.sequence_number = 1_000;
    call.sender =
        AudioSender::new(RtpTimestamp(5), Processing::OFF, OpusMode::Voice, None).unwrap();
    call.speak(4);
    let after = call.stats();
    assert!(after.audio_level > 0.01);
    assert!(after.jitter.concealed_samples < 12_000, "{after:?}");
}

#[test]
fn ten_thousand_packets_a_second_do_not_fill_the_memory() {
    let tape = Tape::new();
    let start = Instant::now();
    let mut receiver = AudioReceiver::new().unwrap();
    let mut dice = SplitMix::new(3);
    for pull in 0..300_u32 {
        let now = start + FRAME * pull;
        for _ in 0..100 {
            let mut packet = tape.packet((dice.unit() * 1e6) as u64, now);
            packet.ssrc = (dice.unit() * 2.0) as u32;
            packet.rtp_timestamp = RtpTimestamp((dice.unit() * 2_000_000.0) as u32);
            receiver.handle_packet(packet);
        }
        let frame = receiver.pull(now);
        assert!(frame.iter().all(|sample| (-1.0..=1.0).contains(sample)));
    }
    assert!(receiver.line.available() < 48_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_packets_never_panic_and_every_pull_gives_sound_in_range(
        packets in prop::collection::vec(
            (any::<u16>(), any::<u32>(), 0_u32..3, any::<bool>(),
             prop::collection::vec(any::<u8>(), 0..80), 0_u64..50_000),
            0..60,
        ),
    ) {
        let start = Instant::now();
        let mut receiver = AudioReceiver::new().unwrap();
        let mut now = start;
        for (sequence_number, ticks, ssrc, recovered, payload, wait) in packets {
            now += Duration::from_micros(wait);
            receiver.handle_packet(RtpPacket {
                kind: MediaKind::Audio,
                ssrc,
                sequence_number,
                rtp_timestamp: RtpTimestamp(ticks),
                marker: false,
                payload: payload.into(),
                arrived_at: now,
                recovered,
            });
            let frame = receiver.pull(now);
            prop_assert!(frame.iter().all(|sample| (-1.0..=1.0).contains(sample)));
        }
    }
}
