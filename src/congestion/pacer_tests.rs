use std::time::{Duration, Instant};

use crate::media::{Bitrate, RtpTimestamp};

use super::{PacerQueue, PacketClass, Probe};

const MS: Duration = Duration::from_millis(1);
const PACKET: usize = 1_200;

fn frame(number: u32) -> PacketClass {
    PacketClass::Video(RtpTimestamp(number * 3_000))
}

/// What was sent when: class and size.
type Sent = Vec<(Instant, PacketClass, usize)>;

struct Bench {
    start: Instant,
    now: Instant,
    pacer: PacerQueue<(PacketClass, usize)>,
    sent: Sent,
    longest_video_delay: Duration,
}

impl Bench {
    fn new(target_kbps: u64) -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            pacer: PacerQueue::new(start, Bitrate::from_kbps(target_kbps)),
            sent: Vec::new(),
            longest_video_delay: Duration::ZERO,
        }
    }

    fn push(&mut self, class: PacketClass, bytes: usize) {
        for offset in (0..bytes).step_by(PACKET) {
            let size = PACKET.min(bytes - offset);
            self.pacer.push(self.now, class, size, (class, size));
        }
        self.drain();
    }

    fn drain(&mut self) {
        self.longest_video_delay = self
            .longest_video_delay
            .max(self.pacer.video_delay(self.now));
        while let Some((class, size)) = self.pacer.poll(self.now) {
            self.sent.push((self.now, class, size));
        }
        while self.pacer.padding_owed(self.now).is_some() {
            // What was sent before is sent again, and that is whole packets.
            self.pacer.charge_padding(self.now, PACKET);
            self.sent.push((self.now, PacketClass::Padding, PACKET));
        }
    }

    fn run_until(&mut self, end: Instant) {
        while let Some(wake) = self.pacer.next_wake()
            && wake <= end
        {
            assert!(wake > self.now, "a wake that does not advance");
            self.now = wake;
            self.drain();
        }
        self.now = end;
        self.drain();
    }

    fn kbps(&self, from: Instant, to: Instant) -> f64 {
        let bytes: usize = self
            .sent
            .iter()
            .filter(|(at, ..)| (from..to).contains(at))
            .map(|(_, _, size)| size)
            .sum();
        bytes as f64 * 8.0 / (to - from).as_secs_f64() / 1_000.0
    }

    /// 30 pictures a second and sound each 20 ms; `picture` says how many bytes the n-th has.
    fn call(&mut self, length: Duration, mut picture: impl FnMut(u32) -> usize) {
        let end = self.now + length;
        let mut number = 0;
        let mut next_picture = self.now;
        let mut next_sound = self.now;
        while self.now < end {
            self.run_until(next_picture.min(next_sound).min(end));
            if self.now == next_sound {
                self.push(PacketClass::Audio, 140);
                next_sound += 20 * MS;
            }
            if self.now == next_picture {
                self.push(frame(number), picture(number));
                number += 1;
                next_picture += Duration::from_secs(1) / 30;
            }
        }
    }
}

#[test]
fn sound_does_not_wait_behind_pictures() {
    let mut bench = Bench::new(500);
    // 400 kb/s of pictures, and a large key frame every three seconds.
    bench.call(Duration::from_secs(5), |n| {
        if n % 90 == 0 { 45_000 } else { 1_600 }
    });
    let p95 = bench.pacer.queue_time(bench.now, PacketClass::Audio, 0.95);
    let worst = bench.pacer.queue_time(bench.now, PacketClass::Audio, 1.0);
    println!(
        "sound waited p95 {p95:?}, at most {worst:?}; pictures {:?}",
        bench.longest_video_delay
    );
    assert!(worst <= 5 * MS, "{worst:?}");
}

#[test]
fn pictures_wait_no_longer_than_their_bound_and_none_is_lost() {
    for (target, key_frame) in [
        (500, 60_000),
        (300, 30_000),
        (2_000, 120_000),
        (150, 15_000),
    ] {
        let mut bench = Bench::new(target);
        let delta = (target * 1_000 / 8 / 30) as usize * 3 / 4;
        bench.call(Duration::from_secs(6), |n| {
            if n % 60 == 0 { key_frame } else { delta }
        });
        println!(
            "{target} kb/s, key frame {key_frame}: {:?}",
            bench.longest_video_delay
        );
        assert!(
            bench.longest_video_delay <= 300 * MS,
            "{:?}",
            bench.longest_video_delay
        );
        assert_eq!(bench.pacer.stats().dropped_packets, 0);
        assert!(!bench.pacer.take_key_frame_needed());
    }
}

#[test]
fn the_pace_is_even_and_above_the_target_only_as_far_as_needed() {
    let mut bench = Bench::new(1_000);
    bench.push(frame(1), 20_000);
    let start = bench.start;
    bench.run_until(start + 300 * MS);
    let (last, ..) = bench.sent.last().copied().expect("it was sent");
    // 160 kbit at 1.5 Mb/s, less the first burst.
    assert!(
        (95 * MS..=112 * MS).contains(&(last - start)),
        "{:?}",
        last - start
    );
    for from in (0..90).map(|ms| start + ms * MS) {
        let rate = bench.kbps(from, from + 20 * MS);
        // Two bursts of 5 ms and a packet on top of 20 ms at 1.5 Mb/s.
        assert!(rate <= 1_500.0 * 1.5 + 480.0, "{rate} kb/s in 20 ms");
    }
}

#[test]
fn retransmissions_go_before_pictures_and_are_part_of_the_budget() {
    let mut bench = Bench::new(1_000);
    bench.push(frame(1), 12_000);
    bench.push(PacketClass::Retransmission, 12_000);
    bench.run_until(bench.start + 60 * MS);
    let classes: Vec<_> = bench.sent.iter().map(|(_, class, _)| *class).collect();
    let last_resent = classes
        .iter()
        .rposition(|class| *class == PacketClass::Retransmission);
    let pictures_before = classes[..last_resent.expect("they were sent")]
        .iter()
        .filter(|c| **c == frame(1))
        .count();
    assert!(
        pictures_before <= 1,
        "only what went before the retransmissions came: {classes:?}"
    );
    assert!(bench.kbps(bench.start, bench.start + 60 * MS) <= 1_500.0 * 1.2);
}

#[test]
fn pictures_that_cannot_leave_in_time_go_whole_and_a_key_frame_is_asked_for() {
    let mut bench = Bench::new(100);
    // Two seconds of pictures at ten times the target.
    bench.call(2_000 * MS, |_| 4_200);
    assert!(bench.pacer.stats().dropped_packets > 0);
    assert!(bench.pacer.take_key_frame_needed());
    assert!(!bench.pacer.take_key_frame_needed(), "once for each drop");
    bench.run_until(bench.start + 10_000 * MS);
    // Every picture of which a packet was sent was sent whole.
    let mut bytes = std::collections::HashMap::new();
    for (_, class, size) in &bench.sent {
        if let PacketClass::Video(timestamp) = class {
            *bytes.entry(*timestamp).or_insert(0) += size;
        }
    }
    assert!(bytes.values().all(|size| *size == 4_200), "{bytes:?}");
}

#[test]
fn a_picture_that_was_thrown_away_half_pushed_does_not_come_back() {
    let mut bench = Bench::new(50);
    bench.push(frame(0), 12_000);
    bench.push(frame(1), 2_400);
    bench.run_until(bench.start + 400 * MS);
    assert!(bench.pacer.take_key_frame_needed());
    bench.push(frame(1), 1_200);
    bench.run_until(bench.start + 5_000 * MS);
    assert!(bench.sent.iter().all(|(_, class, _)| *class != frame(1)));
}

#[test]
fn a_probe_is_filled_with_padding_at_its_rate() {
    let mut bench = Bench::new(300);
    let probe = Probe {
        rate: Bitrate::from_kbps(1_200),
        duration: 50 * MS,
    };
    bench.pacer.start_probe(bench.now, probe);
    bench.push(frame(1), 2_400);
    bench.run_until(bench.start + 100 * MS);
    let rate = bench.kbps(bench.start, bench.start + 50 * MS);
    assert!((1_150.0..1_450.0).contains(&rate), "{rate} kb/s");
    assert_eq!(
        bench.kbps(bench.start + 50 * MS, bench.start + 100 * MS),
        0.0
    );
    assert!(bench.pacer.stats().padding_bytes > 3_000);
}

#[test]
fn padding_beyond_what_was_owed_is_paid_for() {
    let mut bench = Bench::new(80);
    let probe = Probe {
        rate: Bitrate::from_kbps(160),
        duration: 200 * MS,
    };
    bench.pacer.start_probe(bench.now, probe);
    bench.drain();
    bench.run_until(bench.start + 400 * MS);
    let owed = probe.rate.bps() as usize / 8 / 5;
    let padding = bench.pacer.stats().padding_bytes as usize;
    assert!((owed..owed + PACKET).contains(&padding), "{padding}");
}

#[test]
fn a_probe_ends_if_there_is_nothing_to_fill_it_with() {
    let start = Instant::now();
    let mut pacer: PacerQueue<()> = PacerQueue::new(start, Bitrate::from_kbps(80));
    let probe = Probe {
        rate: Bitrate::from_kbps(160),
        duration: 200 * MS,
    };
    pacer.start_probe(start, probe);
    assert!(pacer.padding_owed(start).is_some());
    pacer.charge_padding(start, 0);
    assert_eq!(pacer.padding_owed(start), None);
    assert_eq!(pacer.next_wake(), None);
}

#[test]
fn a_queue_that_nobody_polls_is_bounded() {
    let start = Instant::now();
    let mut pacer = PacerQueue::new(start, Bitrate::from_kbps(500));
    for number in 0..100_000 {
        pacer.push(start, frame(number), PACKET, ());
        pacer.push(start, PacketClass::Audio, 100, ());
    }
    let mut left = 0;
    while pacer.poll(start + 10 * MS).is_some() {
        left += 1;
    }
    assert!(left <= 4_200, "{left}");
    assert!(pacer.take_key_frame_needed());
}

#[test]
fn a_picture_that_finds_a_full_queue_is_thrown_away_as_a_whole() {
    const LENGTH: u32 = 100;
    let start = Instant::now();
    let mut pacer = PacerQueue::new(start, Bitrate::from_kbps(1_000_000));
    for number in 0..60 {
        for part in 0..LENGTH {
            pacer.push(start, frame(number), PACKET, (number, part));
        }
    }
    assert!(pacer.take_key_frame_needed());
    let mut left = Vec::new();
    for wait in 0..200 {
        left.extend(std::iter::from_fn(|| pacer.poll(start + wait * MS)));
    }
    let whole = (0..40).flat_map(|number| (0..LENGTH).map(move |part| (number, part)));
    assert!(left.into_iter().eq(whole));
    assert_eq!(pacer.stats().dropped_packets, 20 * u64::from(LENGTH));
}
