//! A sender with encoder, pacer and estimator, a link, and a receiver that reports, on virtual time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::{Allocator, PacerQueue, PacketClass, SentHistory, WIRE_OVERHEAD};
use crate::media::{Bitrate, RtpTimestamp};
use crate::peer::runtime::{Jitter, Link, LinkConditions, LinkProfile, Queue};

use super::{Estimator, EstimatorConfig};

const MS: Duration = Duration::from_millis(1);
const REPORT_EVERY: Duration = Duration::from_millis(50);
const PAYLOAD: usize = 1_150;
const HEADERS: usize = WIRE_OVERHEAD + 20;
const NEVER: f64 = f64::INFINITY;

struct Case {
    profile: LinkProfile,
    max_kbps: u64,
    padding: bool,
    length: u64,
    /// The encoder makes no more than this, whatever the target.
    source_kbps: f64,
}

impl Case {
    fn new(delay_ms: u64, rate_kbps: Option<u64>, buffer: usize, length: u64) -> Self {
        let conditions = LinkConditions {
            delay: delay_ms as u32 * MS,
            rate: rate_kbps.map(Bitrate::from_kbps),
            queue: Queue::Bytes(buffer),
            ..LinkConditions::default()
        };
        Self {
            profile: LinkProfile::new(1, conditions),
            max_kbps: 4_000,
            padding: false,
            length,
            source_kbps: NEVER,
        }
    }

    fn with(mut self, edit: impl FnOnce(&mut LinkConditions)) -> Self {
        edit(&mut self.profile.conditions);
        self
    }

    fn then(mut self, second: u64, edit: impl FnOnce(&mut LinkConditions)) -> Self {
        self.profile = self.profile.then(Duration::from_secs(second), edit);
        self
    }
}

/// One of each 50 ms.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: f64,
    target: f64,
    queue: f64,
    acked: f64,
}

struct Run {
    samples: Vec<Sample>,
    sound_delay_p95: Duration,
}

impl Run {
    /// The first moment from `from` on since which `holds` is true until `to`.
    fn settled(&self, from: f64, to: f64, holds: impl Fn(&Sample) -> bool) -> f64 {
        let span = self.between(from, to);
        let last_bad = span.iter().rposition(|sample| !holds(sample));
        match last_bad {
            None => 0.0,
            Some(index) => span.get(index + 1).map_or(NEVER, |sample| sample.at - from),
        }
    }

    fn first(&self, from: f64, holds: impl Fn(&Sample) -> bool) -> f64 {
        let found = self
            .samples
            .iter()
            .find(|sample| sample.at >= from && holds(sample));
        found.map_or(NEVER, |sample| sample.at - from)
    }

    fn between(&self, from: f64, to: f64) -> &[Sample] {
        let index = |at: f64| self.samples.partition_point(|sample| sample.at < at);
        &self.samples[index(from)..index(to)]
    }

    fn mean(&self, from: f64, to: f64, value: impl Fn(&Sample) -> f64) -> f64 {
        let span = self.between(from, to);
        span.iter().map(value).sum::<f64>() / span.len() as f64
    }

    fn share(&self, from: f64, to: f64, share: f64, value: impl Fn(&Sample) -> f64) -> f64 {
        let mut values: Vec<_> = self.between(from, to).iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * share) as usize]
    }

    fn print(&self, name: &str) {
        print!("{name}:");
        for second in [
            1, 2, 3, 4, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 30, 35, 40, 45, 50, 55,
        ] {
            let Some(sample) = self
                .samples
                .iter()
                .find(|sample| sample.at >= second as f64)
            else {
                break;
            };
            print!(
                " {second}s {:.0}k/{:.0}ms",
                sample.target / 1e3,
                sample.queue * 1e3
            );
        }
        println!();
    }
}

#[derive(Debug, Clone, Copy)]
struct Packet {
    class: PacketClass,
    size: usize,
}

/// Numbers, and when they arrived.
type Feedback = Vec<(u16, Option<Duration>)>;

struct InFlight {
    sent_at: Instant,
    sequence_number: u16,
    arrives: Option<Instant>,
    reported: bool,
}

/// Follows its target slowly, its pictures vary, and each eight seconds comes a key frame.
struct Encoder {
    rate: f64,
    number: u32,
    key_frame_due: bool,
}

impl Encoder {
    fn picture(&mut self, wanted: f64) -> usize {
        self.rate += 0.3 * (wanted - self.rate);
        let wave = f64::from(self.number.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
        let key = std::mem::take(&mut self.key_frame_due) || self.number.is_multiple_of(240);
        let factor = if key { 6.0 } else { 0.65 + 0.6 * wave };
        self.number += 1;
        (self.rate / 8.0 / 30.0 * factor) as usize
    }
}

fn run(case: Case) -> Run {
    let start = Instant::now();
    let back = case.profile.conditions.delay;
    let mut link = Link::new(case.profile, start);
    let start_bitrate = Bitrate::from_kbps(300);
    let config = EstimatorConfig {
        start: start_bitrate,
        min: Bitrate::from_kbps(60),
        max: Bitrate::from_kbps(case.max_kbps),
    };
    let mut estimator = Estimator::new(start, config);
    let mut pacer = PacerQueue::new(start, start_bitrate);
    let mut encoder = Encoder {
        rate: 200_000.0,
        number: 0,
        key_frame_due: false,
    };
    let mut flight: Vec<InFlight> = Vec::new();
    let mut reports: VecDeque<(Instant, Feedback)> = VecDeque::new();
    let mut history = SentHistory::new();
    let mut lost_pictures: VecDeque<Instant> = VecDeque::new();
    let (mut next_picture, mut next_report, mut next_sequence) = (start, start, 0_u16);
    let mut samples = Vec::new();
    let mut sound_delays = Vec::new();

    for step in 0..case.length * 2_000 {
        let now = start + MS / 2 * step as u32;
        if step.is_multiple_of(40) {
            let packet = Packet {
                class: PacketClass::Audio,
                size: 80 + HEADERS,
            };
            pacer.push(now, packet.class, packet.size, packet);
        }
        if now >= next_picture {
            next_picture += Duration::from_secs(1) / 30;
            let target = estimator.target();
            let wanted = Allocator::allocate(target, estimator.loss()).video.bps() as f64;
            let bytes = encoder.picture(wanted.min(case.source_kbps * 1e3));
            let class = PacketClass::Video(RtpTimestamp(encoder.number * 3_000));
            for offset in (0..bytes).step_by(PAYLOAD) {
                let size = PAYLOAD.min(bytes - offset) + HEADERS;
                pacer.push(now, class, size, Packet { class, size });
            }
        }
        while reports.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, feedback)) = reports.pop_front() else {
                break;
            };
            let results = history.handle_feedback(now, feedback);
            estimator.handle_results(now, &results);
            pacer.set_target(estimator.target());
        }
        while lost_pictures.front().is_some_and(|at| *at <= now) {
            lost_pictures.pop_front();
            let packet = Packet {
                class: PacketClass::Retransmission,
                size: PAYLOAD + HEADERS,
            };
            pacer.push(now, packet.class, packet.size, packet);
        }
        if estimator
            .next_timeout()
            .is_some_and(|timeout| timeout <= now)
        {
            estimator.handle_timeout(now);
        }
        if case.padding
            && let Some(probe) = estimator.poll_probe(now)
        {
            pacer.start_probe(now, probe);
        }
        let mut out = Vec::new();
        while let Some(packet) = pacer.poll(now) {
            out.push(packet);
        }
        while pacer.padding_owed(now).is_some() {
            // What was sent before is sent again, and that is whole packets.
            let (class, size) = (PacketClass::Padding, PAYLOAD + HEADERS);
            pacer.charge_padding(now, size);
            out.push(Packet { class, size });
        }
        encoder.key_frame_due |= pacer.take_key_frame_needed();
        for Packet { class, size } in out {
            estimator.handle_sent(now);
            let arrives = link
                .admit_packet(now, size, Some((1, next_sequence)))
                .first()
                .copied();
            history.handle_sent(now, next_sequence, size);
            if matches!(class, PacketClass::Video(_)) && arrives.is_none() {
                lost_pictures.push_back(now + 2 * back + 20 * MS);
            }
            if let (PacketClass::Audio, Some(at)) = (class, arrives) {
                sound_delays.push(at - now);
            }
            flight.push(InFlight {
                sent_at: now,
                sequence_number: next_sequence,
                arrives,
                reported: false,
            });
            next_sequence = next_sequence.wrapping_add(1);
        }
        if now >= next_report {
            next_report += REPORT_EVERY;
            let feedback = report(&mut flight, now, start);
            if !feedback.is_empty() {
                reports.push_back((now + back, feedback));
            }
            flight.retain(|packet| packet.sent_at + 8_000 * MS > now);
            samples.push(Sample {
                at: (now - start).as_secs_f64(),
                target: estimator.target().bps() as f64,
                queue: link.queue_delay(now).as_secs_f64(),
                acked: estimator
                    .acknowledged()
                    .map_or(0.0, |rate| rate.bps() as f64),
            });
        }
    }
    sound_delays.sort_unstable();
    Run {
        samples,
        sound_delay_p95: sound_delays[sound_delays.len() * 95 / 100],
    }
}

/// As the library does it: all numbers from the oldest new arrival to the newest, each time; arrivals
/// in steps of 250 µs on a clock of the receiver's own.
fn report(flight: &mut [InFlight], now: Instant, start: Instant) -> Feedback {
    let arrived_now = |packet: &InFlight| packet.arrives.is_some_and(|at| at <= now);
    let is_new = |packet: &InFlight| !packet.reported && arrived_now(packet);
    let Some(first) = flight.iter().position(is_new) else {
        return Vec::new();
    };
    let last = flight.iter().rposition(is_new).unwrap_or(first);
    let mut feedback = Vec::new();
    for packet in &mut flight[first..=last] {
        packet.reported |= arrived_now(packet);
        let arrived_at = packet.arrives.filter(|at| *at <= now).map(|at| {
            let drifting = (at - start).as_secs_f64() * 1.000_05 + 4_000.0;
            Duration::from_micros((drifting * 4_000.0) as u64 * 250)
        });
        feedback.push((packet.sequence_number, arrived_at));
    }
    feedback
}

#[test]
fn a_steady_link_is_found_within_three_seconds_and_used_without_a_queue() {
    for (delay, buffer, padding) in [
        (25, 50_000, false),
        (25, 125_000, false),
        (25, 1_000_000, false),
        (100, 125_000, false),
        (100, 1_000_000, false),
        (25, 125_000, true),
        (5, 30_000, false),
    ] {
        let mut case = Case::new(delay, Some(2_000), buffer, 30);
        case.padding = padding;
        let run = run(case);
        let name = format!("2 Mb/s, {delay} ms, {buffer} B, padding {padding}");
        run.print(&name);
        let t90 = run.first(0.0, |sample| sample.target >= 1_800_000.0);
        let mean = run.mean(5.0, 30.0, |sample| sample.target);
        let queue = run.mean(5.0, 30.0, |sample| sample.queue);
        let queue95 = run.share(5.0, 30.0, 0.95, |sample| sample.queue);
        println!(
            "  t90 {t90:.2} s, mean {:.0}k, queue mean {:.0} ms p95 {:.0} ms, sound p95 {:?}",
            mean / 1e3,
            queue * 1e3,
            queue95 * 1e3,
            run.sound_delay_p95
        );
        assert!(t90 <= 3.0, "{name}: {t90} s to 1.8 Mb/s");
        assert!((1_500_000.0..2_050_000.0).contains(&mean), "{name}: {mean}");
        assert!(
            queue < 0.05 && queue95 < 0.15,
            "{name}: queue {queue} s, p95 {queue95} s"
        );
    }
}

#[test]
fn without_a_bottleneck_the_maximum_is_reached_within_four_seconds() {
    let mut case = Case::new(25, None, 0, 10);
    case.max_kbps = 2_500;
    let run = run(case);
    run.print("unlimited");
    let reached = run.first(0.0, |sample| sample.target >= 2_250_000.0);
    println!("  2.25 Mb/s after {reached:.2} s");
    assert!(reached <= 3.5, "{reached} s");
    assert!(
        run.between(4.0, 10.0)
            .iter()
            .all(|sample| sample.target > 2_200_000.0)
    );
}

#[test]
fn a_cut_link_is_followed_down_within_five_seconds_and_up_again() {
    for (delay, buffer) in [
        (25, 50_000),
        (25, 125_000),
        (25, 1_000_000),
        (100, 125_000),
        (100, 1_000_000),
    ] {
        let run = run(Case::new(delay, Some(2_000), buffer, 45)
            .then(10, |c| c.rate = Some(Bitrate::from_kbps(500)))
            .then(25, |c| c.rate = Some(Bitrate::from_kbps(2_000))));
        let name = format!("2 → 0.5 → 2 Mb/s, {delay} ms, {buffer} B");
        run.print(&name);
        // Half a second of targets at a time: a picture does not follow each step anyway.
        let below = run.settled(10.0, 25.0, |sample| {
            run.mean(sample.at - 0.5, sample.at + 0.05, |sample| sample.target) < 500_000.0
        });
        let drained = run.first(11.0, |sample| sample.queue < 0.1) + 1.0;
        let queue = run.mean(15.0, 25.0, |sample| sample.queue);
        let queue95 = run.share(15.0, 25.0, 0.95, |sample| sample.queue);
        let mean = run.mean(15.0, 25.0, |sample| sample.target);
        let low = run.share(12.0, 25.0, 0.0, |sample| sample.target);
        let back = run.first(25.0, |sample| sample.target >= 1_600_000.0);
        println!(
            "  below after {below:.2} s, drained after {drained:.2} s, then mean {:.0}k (least {:.0}k), \
             queue mean {:.0} ms p95 {:.0} ms, back at 1.6M after {back:.2} s",
            mean / 1e3,
            low / 1e3,
            queue * 1e3,
            queue95 * 1e3
        );
        assert!(below <= 5.0, "{name}: {below} s");
        assert!(
            queue < 0.05 && queue95 < 0.15,
            "{name}: {queue} s, {queue95} s"
        );
        assert!(mean > 400_000.0, "{name}: {mean}");
        assert!(back <= 5.0, "{name}: {back} s");
    }
}

#[test]
fn losses_that_come_anyway_do_not_slow_it_down() {
    for (loss, jitter, delay) in [
        (0.02, 0, 25),
        (0.05, 0, 25),
        (0.1, 0, 25),
        (0.1, 30, 50),
        (0.2, 0, 50),
        (0.0, 30, 50),
    ] {
        let mut case = Case::new(delay, None, 0, 30).with(|c| {
            c.loss = loss;
            c.jitter = Jitter::Uniform {
                spread: jitter * MS,
            };
        });
        case.max_kbps = 2_500;
        let run = run(case);
        let name = format!("loss {loss}, jitter {jitter} ms");
        run.print(&name);
        let mean = run.mean(8.0, 30.0, |sample| sample.target);
        let reached = run.first(0.0, |sample| sample.target >= 1_500_000.0);
        println!(
            "  1.5M after {reached:.2} s, mean from 8 s on {:.0}k",
            mean / 1e3
        );
        assert!(mean > 1_700_000.0, "{name}: {mean}");
        assert!(reached < 8.0, "{name}: {reached} s");
    }
}

#[test]
fn losses_of_a_link_without_buffer_are_our_own() {
    let run = run(Case::new(25, Some(1_000), 4_000, 40));
    run.print("1 Mb/s, 4 kB");
    let mean = run.mean(10.0, 40.0, |sample| sample.target);
    let high = run.share(10.0, 40.0, 0.9, |sample| sample.target);
    println!("  mean {:.0}k, p90 {:.0}k", mean / 1e3, high / 1e3);
    assert!((400_000.0..1_150_000.0).contains(&mean), "{mean}");
    assert!(high < 1_400_000.0, "{high}");
}

#[test]
fn an_idle_source_does_not_inflate_the_target() {
    let mut case = Case::new(25, Some(1_000), 125_000, 30);
    case.source_kbps = 200.0;
    let run = run(case);
    run.print("source of 200 kb/s");
    let high = run.share(5.0, 30.0, 1.0, |sample| sample.target);
    let acked = run.mean(5.0, 30.0, |sample| sample.acked);
    println!(
        "  highest {:.0}k at {:.0}k acknowledged",
        high / 1e3,
        acked / 1e3
    );
    assert!(high < 1_200_000.0, "{high}");
}

#[test]
fn a_longer_way_is_not_taken_for_a_queue_for_ever() {
    let run = run(Case::new(25, Some(2_000), 125_000, 40).then(15, |c| c.delay = 150 * MS));
    run.print("25 → 150 ms");
    let mean = run.mean(25.0, 40.0, |sample| sample.target);
    assert!(mean > 1_300_000.0, "{mean}");
}

#[test]
fn jitter_on_a_narrow_link_does_not_starve_it() {
    for jitter in [10, 30] {
        let run = run(Case::new(50, Some(1_000), 125_000, 30).with(|c| {
            c.jitter = Jitter::Uniform {
                spread: jitter * MS,
            }
        }));
        run.print(&format!("1 Mb/s, jitter {jitter} ms"));
        let mean = run.mean(8.0, 30.0, |sample| sample.target);
        let queue = run.mean(8.0, 30.0, |sample| sample.queue);
        println!(
            "  mean {:.0}k, queue mean {:.0} ms",
            mean / 1e3,
            queue * 1e3
        );
        assert!(mean > 600_000.0, "{mean}");
        assert!(queue < 0.1, "{queue}");
    }
}

#[test]
fn a_round_trip_of_three_seconds_is_survived() {
    let run = run(Case::new(1_500, Some(1_000), 125_000, 60));
    run.print("1.5 s each way");
    let mean = run.mean(25.0, 60.0, |sample| sample.target);
    let queue = run.mean(25.0, 60.0, |sample| sample.queue);
    println!(
        "  mean {:.0}k, queue mean {:.0} ms",
        mean / 1e3,
        queue * 1e3
    );
    assert!((250_000.0..1_500_000.0).contains(&mean), "{mean}");
    assert!(queue < 0.5, "{queue}");
}
