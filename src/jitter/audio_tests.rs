use super::*;
use crate::jitter::audio_stream::MAX_PACKETS;
use crate::media::MediaKind;

const PACKET: u32 = 960;
const TEN_MS: Duration = Duration::from_millis(10);

/// A buffer on virtual time whose packets are numbered by their payload.
struct Bench {
    buffer: AudioJitterBuffer,
    start: Instant,
    now: Instant,
    first_sequence: u16,
    first_ticks: u32,
    carries_copy: bool,
    buffered: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Silence,
    Packet(u8),
    Recovered(u8),
    Guess,
}

impl Bench {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            buffer: AudioJitterBuffer::new(),
            start,
            now: start,
            first_sequence: u16::MAX - 3,
            first_ticks: u32::MAX - 2 * PACKET,
            carries_copy: true,
            buffered: 0,
        }
    }

    fn packet(&self, number: u32) -> RtpPacket {
        RtpPacket {
            kind: MediaKind::Audio,
            ssrc: 1,
            sequence_number: self.first_sequence.wrapping_add(number as u16),
            rtp_timestamp: RtpTimestamp(self.first_ticks.wrapping_add(number * PACKET)),
            marker: false,
            payload: vec![number as u8].into(),
            arrived_at: self.now,
            recovered: false,
        }
    }

    fn insert(&mut self, number: u32) -> Inserted {
        let packet = self.packet(number);
        self.buffer.insert(packet, PACKET, self.carries_copy)
    }

    /// Packet `number` comes `late` after its time.
    fn insert_late(&mut self, number: u32, late: Duration) -> Inserted {
        let mut packet = self.packet(number);
        packet.arrived_at = self.start + 2 * TEN_MS * number + late;
        self.buffer.insert(packet, PACKET, self.carries_copy)
    }

    /// 10 ms pass; what was fetched for them.
    fn pull(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        self.buffer.adjust(self.now, self.buffered);
        while self.buffered < FRAME_SAMPLES {
            let (what, samples) = match self.buffer.next(self.now, self.buffered, false) {
                Next::Silence(samples) => (Heard::Silence, samples),
                Next::Decode(payload) => (Heard::Packet(payload[0]), PACKET as usize),
                Next::Recover { next, samples } => (Heard::Recovered(next[0] - 1), samples),
                Next::Conceal { samples, .. } => (Heard::Guess, samples),
            };
            heard.push(what);
            self.buffered += samples;
        }
        self.buffered -= FRAME_SAMPLES;
        self.now += TEN_MS;
        heard
    }

    /// Packets of a still network, in time, all but those in `lost`; what was heard.
    fn run(&mut self, numbers: std::ops::Range<u32>, lost: &[u32]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for number in numbers {
            if !lost.contains(&number) {
                self.insert(number);
            }
            heard.extend(self.pull());
            heard.extend(self.pull());
        }
        heard
    }
}

fn packets(heard: &[Heard]) -> Vec<u8> {
    heard
        .iter()
        .filter_map(|heard| match heard {
            Heard::Packet(number) => Some(*number),
            _ => None,
        })
        .collect()
}

#[test]
fn before_the_first_packet_there_is_silence() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        assert_eq!(bench.pull(), [Heard::Silence]);
    }
    assert_eq!(bench.buffer.stats(), AudioJitterStats::default());
    assert_eq!(bench.buffer.rtp_timestamp(0), None);
}

#[test]
fn packets_are_heard_in_order_over_both_wraps() {
    let mut bench = Bench::new();
    let heard = bench.run(0..20, &[]);
    assert_eq!(packets(&heard), (0..19).collect::<Vec<u8>>());
    let stats = bench.buffer.stats();
    assert_eq!((stats.packets_lost, stats.concealed_samples), (0, 0));
    let mean = stats.jitter_buffer_delay / stats.jitter_buffer_emitted_count as f64;
    assert!((0.02..0.05).contains(&mean), "{mean}");
    let ahead = bench
        .buffer
        .rtp_timestamp(bench.buffered)
        .unwrap()
        .ticks_since(RtpTimestamp(bench.first_ticks));
    assert_eq!(ahead, 19 * 960);
}

#[test]
fn a_lost_packet_is_recovered_from_the_copy_in_the_next() {
    let mut bench = Bench::new();
    let heard = bench.run(0..20, &[10]);
    assert!(heard.contains(&Heard::Recovered(10)), "{heard:?}");
    assert!(!packets(&heard).contains(&10));
    let stats = bench.buffer.stats();
    assert_eq!(stats.fec_recovered_samples, 960);
    assert_eq!(stats.packets_lost, 1);
}

#[test]
fn without_copies_or_with_two_lost_the_gap_is_guessed() {
    let mut bench = Bench::new();
    bench.carries_copy = false;
    let heard = bench.run(0..20, &[10]);
    assert!(heard.iter().filter(|h| **h == Heard::Guess).count() >= 2);
    assert_eq!(bench.buffer.stats().fec_recovered_samples, 0);
    assert_eq!(bench.buffer.stats().concealment_events, 1);

    let mut bench = Bench::new();
    let heard = bench.run(0..20, &[10, 11]);
    assert!(heard.contains(&Heard::Guess), "{heard:?}");
    assert!(heard.contains(&Heard::Recovered(11)), "{heard:?}");
}

#[test]
fn where_loss_goes_on_the_copy_is_waited_for() {
    let mut bench = Bench::new();
    let lost: Vec<u32> = (0..250).filter(|number| number % 10 == 5).collect();
    bench.run(0..150, &lost);
    let before = bench.buffer.stats().concealed_samples;
    bench.run(150..250, &lost);
    assert_eq!(bench.buffer.stats().concealed_samples, before);
    assert!(bench.buffer.target_delay(bench.now) >= 2 * TEN_MS);
}

#[test]
fn packets_out_of_order_and_twice_are_put_right() {
    let mut bench = Bench::new();
    bench.run(0..10, &[]);
    // Pairs swap: the first of each comes with the second, 20 ms late.
    let mut heard = Vec::new();
    for number in (10..110).step_by(2) {
        heard.extend(bench.pull());
        heard.extend(bench.pull());
        bench.insert(number + 1);
        bench.insert(number);
        assert_eq!(bench.insert(number), Inserted::Duplicate);
        heard.extend(bench.pull());
        heard.extend(bench.pull());
    }
    let numbers = packets(&heard);
    assert!(numbers.is_sorted(), "{numbers:?}");
    let settled = &numbers[numbers.len() - 60..];
    let last = *settled.last().unwrap();
    let expected: Vec<u8> = (last - 59..=last).collect();
    assert_eq!(settled, expected);
    assert_eq!(bench.buffer.stats().packets_duplicated, 50);
    assert_eq!(bench.buffer.stats().packets_lost, 0);
}

#[test]
fn two_late_packets_raise_the_target_at_once_and_it_falls_slowly() {
    let mut bench = Bench::new();
    bench.run(0..50, &[]);
    assert!(bench.buffer.target_delay(bench.now) < TEN_MS);
    bench.now = bench.start + 2 * TEN_MS * 52;
    bench.insert_late(50, Duration::from_millis(60));
    assert!(
        bench.buffer.target_delay(bench.now) < TEN_MS,
        "one is an accident"
    );
    bench.insert_late(51, Duration::from_millis(55));
    let raised = bench.buffer.target_delay(bench.now);
    assert!((55..70).contains(&raised.as_millis()), "{raised:?}");
    bench.run(52..352, &[]);
    let fallen = bench.buffer.target_delay(bench.now);
    assert!((10..50).contains(&fallen.as_millis()), "{fallen:?}");
    bench.run(352..800, &[]);
    assert!(bench.buffer.target_delay(bench.now) < 2 * TEN_MS);
}

#[test]
fn what_was_sent_again_is_played_if_in_time_and_does_not_raise_the_target() {
    let mut bench = Bench::new();
    bench.run(0..50, &[]);
    // Much is waited for, because of jitter earlier.
    for number in 50..60 {
        bench.insert_late(number, Duration::from_millis(0));
    }
    bench.now = bench.start + 2 * TEN_MS * 50;
    let mut packet = bench.packet(60);
    packet.recovered = true;
    packet.arrived_at = bench.start + 2 * TEN_MS * 60 + Duration::from_millis(150);
    assert_eq!(
        bench.buffer.insert(packet, PACKET, true),
        Inserted::Accepted
    );
    assert!(bench.buffer.target_delay(bench.now) < TEN_MS);
}

#[test]
fn a_packet_whose_time_is_over_is_discarded_but_counts_as_received() {
    let mut bench = Bench::new();
    bench.run(0..20, &[10]);
    assert_eq!(bench.insert(10), Inserted::Discarded);
    let stats = bench.buffer.stats();
    assert_eq!((stats.packets_discarded, stats.packets_lost), (1, 0));
}

#[test]
fn a_pause_of_the_sender_is_silence_and_the_delay_stays() {
    let mut bench = Bench::new();
    bench.run(0..20, &[]);
    let before = bench.buffer.delay(bench.now, bench.buffered).unwrap();
    let concealed = |bench: &Bench| bench.buffer.stats().concealed_samples;
    // Nothing for a second; the last that was heard was silence.
    for _ in 0..100 {
        while bench.buffered < FRAME_SAMPLES {
            match bench.buffer.next(bench.now, bench.buffered, true) {
                Next::Silence(samples) => bench.buffered += samples,
                Next::Decode(_) => bench.buffered += PACKET as usize,
                other => panic!("{other:?}"),
            }
        }
        bench.buffered -= FRAME_SAMPLES;
        bench.now += TEN_MS;
    }
    assert_eq!(concealed(&bench), 0);
    // The clock went on, the sequence did not.
    bench.first_ticks = bench.first_ticks.wrapping_add(50 * PACKET);
    bench.run(20..30, &[]);
    let after = bench.buffer.delay(bench.now, bench.buffered).unwrap();
    assert!(after.abs_diff(before) <= TEN_MS, "{before:?} {after:?}");
    assert_eq!(concealed(&bench), 0);
}

#[test]
fn a_heap_of_delay_is_skipped() {
    let mut bench = Bench::new();
    bench.run(0..20, &[]);
    // The machine slept for two seconds; then everything comes at once.
    bench.now += Duration::from_millis(1_900);
    for number in 20..115 {
        bench.insert(number);
    }
    let heard = bench.run(115..200, &[]);
    let first = packets(&heard)[0];
    assert!(first < 25, "{first}");
    let delay = bench.buffer.delay(bench.now, bench.buffered).unwrap();
    assert!(delay < Duration::from_millis(600), "{delay:?}");
}

#[test]
fn floods_are_bounded_and_the_newest_are_kept() {
    let mut bench = Bench::new();
    for number in 0..90 {
        for copy in 0..20_u32 {
            let mut packet = bench.packet(number);
            packet.rtp_timestamp = packet.rtp_timestamp.advanced_by(copy * 7);
            packet.sequence_number = packet.sequence_number.wrapping_add(copy as u16);
            bench.buffer.insert(packet, PACKET, true);
        }
    }
    let held = bench.buffer.stream.as_ref().map(Stream::held);
    assert!(held <= Some(MAX_PACKETS), "{held:?}");
    assert!(bench.buffer.stats().packets_discarded > 1_000);
}

#[test]
fn another_stream_takes_over_after_three_packets() {
    let mut bench = Bench::new();
    bench.run(0..20, &[]);
    let other = |bench: &Bench, number: u32| {
        let mut packet = bench.packet(number);
        packet.ssrc = 2;
        packet.rtp_timestamp = packet.rtp_timestamp.advanced_by(1 << 30);
        packet
    };
    for number in 20..23 {
        let expected = if number < 22 {
            Inserted::Unexpected
        } else {
            Inserted::Accepted
        };
        let packet = other(&bench, number);
        assert_eq!(bench.buffer.insert(packet, PACKET, true), expected);
        bench.pull();
        bench.pull();
    }
    assert_eq!(bench.buffer.restarts(), 1);
    // A late packet of the old stream changes nothing.
    assert_eq!(bench.insert(20), Inserted::Unexpected);
    for number in 23..30 {
        let packet = other(&bench, number);
        assert_eq!(
            bench.buffer.insert(packet, PACKET, true),
            Inserted::Accepted
        );
        bench.pull();
        bench.pull();
    }
    assert_eq!(bench.buffer.restarts(), 1);
}
