//! Camera to screen without threads or clocks: a sender, a link that misbehaves by a seed, and a
//! receiver, a millisecond at a time. Every picture carries its number.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{StreamStart, VideoReceiver, VideoSender};
use crate::codec::synthetic::SyntheticCodec;
use crate::codec::vp8::test_pictures::scene;
use crate::codec::{VideoEncoder, VideoEncoderSettings};
use crate::media::{
    AUDIO_CLOCK_HZ, Bitrate, EncoderControl, MediaKind, Resolution, RtpPacket, RtpTimestamp,
    SenderReport, VIDEO_CLOCK_HZ, VideoFrame, read_frame_number,
};
use crate::playout::MediaPosition;

const MS: Duration = Duration::from_millis(1);
const START: StreamStart = StreamStart {
    rtp_timestamp: RtpTimestamp(u32::MAX - 100_000),
    picture_id: 0x7ff0,
};

/// What the link does to packets.
#[derive(Debug, Clone, Copy)]
struct Link {
    seed: u64,
    loss: f64,
    delay_ms: f64,
    jitter_ms: f64,
    /// What is lost comes again a round trip later (and may be lost again).
    retransmission: bool,
}

const CLEAN: Link = Link {
    seed: 1,
    loss: 0.0,
    delay_ms: 25.0,
    jitter_ms: 0.0,
    retransmission: true,
};

struct Shown {
    /// Milliseconds since the start.
    at: u32,
    /// Milliseconds since its capture.
    after: u32,
    number: u16,
    size: Resolution,
}

struct Call {
    start: Instant,
    ms: u32,
    link: Link,
    random: u64,
    source: (u32, u32),
    sender: VideoSender,
    receiver: VideoReceiver,
    next_number: u16,
    sequence_number: u16,
    /// By the time of arrival, in microseconds since the start, and a tie-breaker.
    in_flight: BTreeMap<(u64, u64), RtpPacket>,
    requests: Vec<u32>,
    /// How long after its capture sound is heard.
    sound_delay_ms: Option<u32>,
    shown: Vec<Shown>,
    packets_sent: usize,
}

fn no_settings() -> VideoEncoderSettings {
    VideoEncoderSettings {
        resolution: Resolution {
            width: 16,
            height: 16,
        },
        bitrate: Bitrate::from_kbps(1),
        frame_rate: 30,
        speed: 16,
    }
}

fn control(kbps: u64) -> EncoderControl {
    EncoderControl {
        target_bitrate: Bitrate::from_kbps(kbps),
        loss: 0.0,
        round_trip_time: Some(50 * MS),
    }
}

impl Call {
    fn vp8(link: Link) -> Self {
        let start = Instant::now();
        let sender = VideoSender::vp8(START, start).expect("libvpx is there");
        Self::with(link, start, sender, VideoReceiver::vp8())
    }

    fn synthetic(link: Link) -> Self {
        let encoder: Box<dyn VideoEncoder> = Box::new(SyntheticCodec::new(no_settings()));
        let start = Instant::now();
        let decoder = Box::new(SyntheticCodec::new(no_settings()));
        Self::with(
            link,
            start,
            VideoSender::new(encoder, START, start),
            VideoReceiver::new(decoder),
        )
    }

    fn with(link: Link, start: Instant, sender: VideoSender, receiver: VideoReceiver) -> Self {
        let mut call = Self {
            start,
            ms: 0,
            link,
            random: link.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            source: (320, 180),
            sender,
            receiver,
            next_number: 0,
            sequence_number: 65_000,
            in_flight: BTreeMap::new(),
            requests: Vec::new(),
            sound_delay_ms: None,
            shown: Vec::new(),
            packets_sent: 0,
        };
        call.sender
            .handle_control(control(600), Bitrate::from_kbps(40));
        let round_trip = MS.mul_f64(link.delay_ms * 2.0);
        call.receiver.handle_round_trip_time(round_trip);
        call
    }

    fn now(&self) -> Instant {
        self.start + MS * self.ms
    }

    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn run(&mut self, seconds: u32) {
        for _ in 0..seconds * 1_000 {
            self.step();
            self.ms += 1;
        }
    }

    fn step(&mut self) {
        let now = self.now();
        if self.ms >= u32::from(self.next_number) * 1_000 / 30 {
            let frame = scene(self.source.0, self.source.1, self.next_number, now);
            self.next_number += 1;
            self.send(&frame);
        }
        if self
            .requests
            .last()
            .is_some_and(|at| at + self.link.delay_ms as u32 == self.ms)
        {
            self.sender.request_key_frame(now);
        }
        if self.ms.is_multiple_of(1_000) {
            self.report();
        }
        let micros = u64::from(self.ms) * 1_000;
        while let Some(entry) = self.in_flight.first_entry()
            && entry.key().0 <= micros
        {
            let packet = entry.remove();
            self.receiver.handle_packet(&RtpPacket {
                arrived_at: now,
                ..packet
            });
        }
        let sound = self.sound_delay_ms.map(|delay| MediaPosition {
            rtp_timestamp: RtpTimestamp(
                (self.ms.wrapping_sub(delay)).wrapping_mul(AUDIO_CLOCK_HZ / 1_000),
            ),
            at: now,
        });
        if let Some(picture) = self.receiver.poll(now, sound) {
            self.note(&picture);
        }
        if self.receiver.poll_key_frame_request(now) {
            self.requests.push(self.ms);
        }
    }

    fn send(&mut self, frame: &VideoFrame) {
        let packets = self
            .sender
            .handle_frame(frame, self.now())
            .expect("encodes");
        for packet in packets {
            self.packets_sent += 1;
            let mut way = self.link.delay_ms + self.chance() * self.link.jitter_ms;
            let mut arrives = true;
            while self.chance() < self.link.loss {
                arrives = self.link.retransmission;
                way += self.link.delay_ms * 2.0;
            }
            let rtp = RtpPacket {
                kind: MediaKind::Video,
                ssrc: 9,
                sequence_number: self.sequence_number,
                rtp_timestamp: packet.rtp_timestamp,
                marker: packet.marker,
                payload: packet.payload,
                arrived_at: self.start,
                recovered: false,
            };
            self.sequence_number = self.sequence_number.wrapping_add(1);
            let at = u64::from(self.ms) * 1_000 + (way * 1_000.0) as u64;
            if arrives {
                self.in_flight.insert((at, self.packets_sent as u64), rtp);
            }
        }
    }

    fn report(&mut self) {
        let now = self.now();
        let ntp_time = ((u64::from(self.ms) + 3_900_000_000_000) / 1_000) << 32;
        let ticks = self.ms * (VIDEO_CLOCK_HZ / 1_000);
        let reports = [
            (
                MediaKind::Audio,
                RtpTimestamp(self.ms * (AUDIO_CLOCK_HZ / 1_000)),
            ),
            (MediaKind::Video, START.rtp_timestamp.advanced_by(ticks)),
        ];
        for (kind, rtp_timestamp) in reports {
            self.receiver.handle_sender_report(SenderReport {
                kind,
                ntp_time,
                rtp_timestamp,
                arrived_at: now,
            });
        }
    }

    fn note(&mut self, picture: &Arc<VideoFrame>) {
        let number = read_frame_number(picture).expect("every picture has one");
        self.shown.push(Shown {
            at: self.ms,
            after: self.ms - u32::from(number) * 1_000 / 30,
            number,
            size: picture.resolution(),
        });
    }

    fn longest_gap(&self) -> u32 {
        self.shown
            .windows(2)
            .map(|pair| pair[1].at - pair[0].at)
            .max()
            .unwrap_or(u32::MAX)
    }

    fn assert_in_order(&self) {
        assert!(
            self.shown
                .windows(2)
                .all(|pair| pair[0].number < pair[1].number),
            "a picture was shown out of order; {:?}",
            self.link
        );
    }
}

#[test]
fn on_a_clean_link_every_picture_is_shown_at_once() {
    let mut call = Call::vp8(CLEAN);
    call.run(10);
    let numbers: Vec<u16> = call.shown.iter().map(|shown| shown.number).collect();
    assert_eq!(numbers, (0..300).collect::<Vec<_>>());
    assert!(
        call.shown.iter().all(|shown| shown.after <= 26),
        "25 ms of link and no more"
    );
    let (sent, got) = (
        call.sender.stats(call.now()),
        call.receiver.stats(call.now()),
    );
    assert_eq!((sent.frames_encoded, sent.key_frames_encoded), (300, 1));
    assert_eq!(
        (
            got.frames_decoded,
            got.key_frames_decoded,
            got.frames_dropped
        ),
        (300, 1, 0)
    );
    assert_eq!((got.freeze_count, got.key_frames_requested), (0, 0));
    assert!(
        (29.0..31.0).contains(&got.frames_per_second),
        "{}",
        got.frames_per_second
    );
    assert!(
        (29.0..31.0).contains(&sent.frames_per_second),
        "{}",
        sent.frames_per_second
    );
}

#[test]
fn ten_percent_loss_with_retransmission_never_freezes_for_a_second() {
    for seed in [11, 12, 13, 14, 15] {
        let mut call = Call::synthetic(Link {
            seed,
            loss: 0.1,
            jitter_ms: 30.0,
            ..CLEAN
        });
        call.run(60);
        call.assert_in_order();
        let stats = call.receiver.stats(call.now());
        assert_eq!(stats.freeze_count, 0, "seed {seed}");
        assert!(
            call.longest_gap() < 600,
            "seed {seed}: {} ms",
            call.longest_gap()
        );
        assert!(
            call.shown.len() > 1_700,
            "seed {seed}: {} of 1,800",
            call.shown.len()
        );
    }
}

#[test]
fn without_retransmission_key_frames_bring_the_picture_back() {
    for seed in [21, 22, 23] {
        let mut call = Call::vp8(Link {
            seed,
            loss: 0.01,
            retransmission: false,
            ..CLEAN
        });
        call.run(20);
        call.assert_in_order();
        let stats = call.receiver.stats(call.now());
        assert!(stats.key_frames_decoded > 1 && !call.requests.is_empty());
        assert!(
            call.longest_gap() < 1_000,
            "seed {seed}: {} ms",
            call.longest_gap()
        );
        assert!(
            call.requests
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= 300)
        );
        assert!(call.shown.last().is_some_and(|last| last.at > 19_000));
    }
}

#[test]
fn jitter_is_not_seen() {
    let mut call = Call::synthetic(Link {
        seed: 31,
        jitter_ms: 30.0,
        ..CLEAN
    });
    call.run(20);
    call.assert_in_order();
    let settled: Vec<_> = call.shown.iter().skip(200).collect();
    let steady = settled
        .windows(2)
        .filter(|pair| (30..=37).contains(&(pair[1].at - pair[0].at)));
    let share = steady.count() as f64 / (settled.len() - 1) as f64;
    assert!(share > 0.85, "{share:.2} of the intervals are even");
    assert!(settled.iter().all(|shown| shown.after < 25 + 30 + 8));
}

#[test]
fn pictures_keep_to_their_sound() {
    // Sound heard 120 ms, then 200 ms after its capture; the pictures could be shown after 25.
    let mut call = Call::synthetic(CLEAN);
    for sound_delay_ms in [120, 200] {
        call.sound_delay_ms = Some(sound_delay_ms);
        call.run(5);
        let settled = call.shown.iter().filter(|shown| shown.at + 2_000 > call.ms);
        for shown in settled {
            assert!(
                shown.after.abs_diff(sound_delay_ms) <= 20,
                "{} ms for {sound_delay_ms}",
                shown.after
            );
        }
        let lag = call
            .receiver
            .stats(call.now())
            .picture_lag_ms
            .expect("reports came");
        assert!(lag.abs() <= 20.0, "{lag:.1} ms");
    }
    assert_eq!(call.receiver.stats(call.now()).freeze_count, 0);
    // Nobody talks any more: no sound to wait for, no stall.
    call.sound_delay_ms = None;
    let before = call.shown.len();
    call.run(2);
    assert!(call.shown.len() >= before + 55);
}

#[test]
fn the_size_follows_the_network_without_a_freeze() {
    let mut call = Call::vp8(CLEAN);
    call.source = (640, 360);
    for kbps in [600, 200, 60, 800] {
        call.sender
            .handle_control(control(kbps), Bitrate::from_kbps(20));
        call.run(5);
    }
    call.assert_in_order();
    let mut sizes: Vec<u32> = call.shown.iter().map(|shown| shown.size.height).collect();
    sizes.dedup();
    assert_eq!(sizes, [360, 270, 180, 360]);
    assert_eq!(call.receiver.stats(call.now()).freeze_count, 0);
    assert!(call.longest_gap() <= 250, "{} ms", call.longest_gap());
}

#[test]
fn a_camera_that_was_off_begins_with_a_key_frame_and_is_no_freeze() {
    let mut call = Call::synthetic(CLEAN);
    call.run(2);
    call.sender.turn_off();
    call.receiver.handle_paused();
    let before = call.shown.len();
    call.run(3);
    assert_eq!(call.shown.len(), before, "also not what was on its way");
    call.sender.turn_on();
    call.run(1);
    assert_eq!(call.shown.len(), before, "it was not said to be on");
    call.receiver.handle_resumed();
    call.run(2);
    assert!(call.shown.len() >= before + 58);
    let (sent, got) = (
        call.sender.stats(call.now()),
        call.receiver.stats(call.now()),
    );
    assert_eq!(sent.key_frames_encoded, 2);
    assert_eq!((got.freeze_count, got.pause_count), (0, 0));
}

#[test]
fn key_frame_requests_do_not_pile_up() {
    let mut call = Call::synthetic(CLEAN);
    call.run(1);
    for _ in 0..100 {
        call.sender.request_key_frame(call.now());
        call.run(1);
        for _ in 0..50 {
            call.sender.request_key_frame(call.now());
        }
        if call.ms > 10_000 {
            break;
        }
    }
    let stats = call.sender.stats(call.now());
    assert!(stats.key_frame_requests > 300);
    assert!(
        stats.key_frames_encoded <= 22,
        "{} in ten seconds",
        stats.key_frames_encoded
    );
}

#[test]
fn what_follows_a_picture_that_did_not_leave_is_a_key_frame_however_new_the_last_one_is() {
    let mut call = Call::synthetic(CLEAN);
    let key_frames = |call: &mut Call, pictures: u32| {
        let before = call.sender.stats(call.now()).key_frames_encoded;
        for _ in 0..pictures {
            let frame = scene(320, 180, call.next_number, call.now());
            call.next_number += 1;
            call.send(&frame);
            call.ms += 33;
        }
        call.sender.stats(call.now()).key_frames_encoded - before
    };
    assert_eq!(key_frames(&mut call, 1), 1);
    // They may ask for the one that is on its way.
    call.sender.request_key_frame(call.now());
    assert_eq!(key_frames(&mut call, 1), 0);
    // It will not come.
    call.sender.handle_picture_dropped();
    assert_eq!(key_frames(&mut call, 1), 1);
    call.sender.handle_picture_dropped();
    assert_eq!(key_frames(&mut call, 3), 1, "one");
    assert_eq!(call.sender.stats(call.now()).key_frame_requests, 1);
}

#[test]
fn a_fast_camera_is_thinned_to_thirty_a_second_and_an_uneven_one_kept() {
    for (interval_us, expected) in [(16_667, 28..=31), (40_000, 25..=26), (33_000, 29..=31)] {
        let start = Instant::now();
        let encoder = Box::new(SyntheticCodec::new(no_settings()));
        let mut sender = VideoSender::new(encoder, START, start);
        let mut timestamps = Vec::new();
        for index in 0..(3_000_000 / interval_us) {
            let uneven = [0, 3_000, -2_000, 4_000][index as usize % 4];
            let at = start + Duration::from_micros((index * interval_us + 5_000 + uneven) as u64);
            let packets = sender
                .handle_frame(&VideoFrame::black(320, 180, at), at)
                .expect("encodes");
            timestamps.extend(packets.first().map(|packet| packet.rtp_timestamp));
        }
        let per_second = timestamps.len() / 3;
        assert!(
            expected.contains(&per_second),
            "{per_second} of one every {interval_us} us"
        );
        assert!(
            timestamps
                .windows(2)
                .all(|pair| pair[1].ticks_since(pair[0]) > 0)
        );
    }
}
