use std::collections::BTreeMap;

use super::*;
use crate::codec::OpusMode;
use crate::engine::AudioSender;
use crate::media::{AudioFrame, MediaKind, OutgoingRtp};
use crate::process::Processing;
use crate::process::speech::speech_frames;
use crate::process::stoi::{delay_between, stoi};

const FRAME: Duration = Duration::from_millis(10);

/// Numbers that look random and are the same at every run of the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

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
    dice: Dice,
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
            dice: Dice(seed),
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
        let lost = self.dice.roll() < self.way.loss;
        let arrived_at = at + self.way.delay + self.way.jitter.mul_f64(self.dice.roll());
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
        let delay = delay_between(&self.sent, &self.heard);
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
