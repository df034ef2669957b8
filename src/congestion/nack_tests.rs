use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::peer::runtime::{Jitter, Link, LinkConditions, LinkProfile, Verdict};

use super::NackSchedule;

const MS: Duration = Duration::from_millis(1);
const MEDIA: u32 = 1;
const RTX: u32 = 2;

#[derive(Debug, Clone, Copy)]
enum Event {
    Media(u16),
    Retransmitted(u16),
    Request(u16),
    Wake,
}

#[derive(Debug)]
struct Outcome {
    lost: u64,
    retransmissions: u64,
    missing: usize,
    recovery_p95: Duration,
}

/// 30 pictures a second of 8 packets each go through a link, requests come back after the same delay.
fn run(loss: f64, delay: Duration, jitter: Jitter, length: Duration) -> Outcome {
    let start = Instant::now();
    let conditions = LinkConditions {
        delay,
        jitter,
        loss,
        ..LinkConditions::default()
    };
    let mut link = Link::new(LinkProfile::new(4, conditions), start);
    link.keep_log(true);
    let mut schedule = NackSchedule::new();
    schedule.set_round_trip_time(2 * delay);
    let mut events = BTreeMap::new();
    let mut count = 0_u64;
    let mut add = |events: &mut BTreeMap<(Instant, u64), Event>, at, event| {
        count += 1;
        events.insert((at, count), event);
    };
    // Before the wrap, so that the run crosses it.
    let mut number = 65_000_u16;
    let mut sent = BTreeSet::new();
    let mut sent_at = start;
    let mut lost_at = BTreeMap::new();
    while sent_at < start + length {
        for _ in 0..8 {
            let deliveries = link.admit_packet(sent_at, 1_200, Some((MEDIA, number)));
            if deliveries.is_empty() {
                lost_at.insert(number, sent_at + delay);
            }
            for at in deliveries {
                add(&mut events, at, Event::Media(number));
            }
            sent.insert(number);
            number = number.wrapping_add(1);
        }
        sent_at += Duration::from_secs(1) / 30;
    }
    // Nothing comes after the last ones that would show their loss.
    let last = number;
    let mut recovery = Vec::new();
    let mut resent = 0_u16;
    while let Some(((now, _), event)) = events.pop_first() {
        match event {
            Event::Media(number) => {
                schedule.handle_packet(now, number, false);
                sent.remove(&number);
            }
            Event::Retransmitted(number) => {
                schedule.handle_packet(now, number, true);
                if sent.remove(&number) {
                    recovery.push(now - lost_at[&number]);
                }
            }
            Event::Request(number) => {
                for at in link.admit_packet(now, 1_200, Some((RTX, resent))) {
                    add(&mut events, at, Event::Retransmitted(number));
                }
                resent = resent.wrapping_add(1);
            }
            Event::Wake => {}
        }
        for number in schedule.poll(now) {
            add(&mut events, now + delay, Event::Request(number));
        }
        if let Some(wake) = schedule.next_wake(now)
            && events.keys().next().is_none_or(|(next, _)| *next > wake)
        {
            assert!(wake > now, "a wake that does not advance");
            add(&mut events, wake, Event::Wake);
        }
    }
    recovery.sort_unstable();
    let lost = |record: &&crate::peer::runtime::LinkRecord| {
        record.verdict == Verdict::Lost && record.rtp.is_some_and(|(ssrc, _)| ssrc == MEDIA)
    };
    Outcome {
        lost: link.stats().log().iter().filter(lost).count() as u64,
        retransmissions: u64::from(resent),
        missing: sent
            .iter()
            .filter(|number| last.wrapping_sub(**number) > 16)
            .count(),
        recovery_p95: recovery
            .get(recovery.len() * 95 / 100)
            .copied()
            .unwrap_or_default(),
    }
}

#[test]
fn few_retransmissions_bring_back_what_was_lost() {
    let none = Jitter::None;
    let uniform = Jitter::Uniform { spread: 30 * MS };
    let normal = Jitter::Normal { deviation: 30 * MS };
    for (loss, delay, jitter, bound) in [
        (0.0, 25 * MS, none, 0.0),
        (0.05, 25 * MS, none, 1.15),
        (0.1, 25 * MS, none, 1.25),
        (0.1, 50 * MS, uniform, 1.3),
        (0.1, 100 * MS, normal, 1.3),
        (0.1, 5 * MS, none, 1.25),
        (0.3, 25 * MS, none, 1.6),
    ] {
        let outcome = run(loss, delay, jitter, Duration::from_secs(60));
        let ratio = outcome.retransmissions as f64 / outcome.lost.max(1) as f64;
        println!("loss {loss} delay {delay:?} {jitter:?}: {ratio:.2} a lost packet, {outcome:?}");
        assert!(ratio <= bound, "{ratio} retransmissions a lost packet");
        // Many losses in a row take longer than anybody waits.
        let hopeless = 2 + (outcome.lost as f64 * loss.powi(5)) as usize;
        assert!(
            outcome.missing <= hopeless,
            "{} never came",
            outcome.missing
        );
        assert!(
            outcome.recovery_p95 <= 6 * delay + 100 * MS,
            "{:?}",
            outcome.recovery_p95
        );
    }
}

#[test]
fn reordering_alone_is_soon_no_reason_to_ask() {
    let jitter = Jitter::Uniform { spread: 30 * MS };
    let outcome = run(0.0, 50 * MS, jitter, Duration::from_secs(60));
    println!("{outcome:?}");
    assert!(outcome.retransmissions <= 60, "of 14,400 packets");
}

#[test]
fn a_lost_packet_is_asked_for_within_ten_milliseconds_then_once_a_round_trip_then_never() {
    let start = Instant::now();
    let mut schedule = NackSchedule::new();
    schedule.set_round_trip_time(50 * MS);
    schedule.handle_packet(start, 10, false);
    schedule.handle_packet(start, 12, false);
    let mut asked = Vec::new();
    let mut now = start;
    while let Some(wake) = schedule.next_wake(now) {
        now = wake;
        asked.extend(
            schedule
                .poll(now)
                .iter()
                .map(|number| (*number, now - start)),
        );
    }
    assert_eq!(asked.len(), 10);
    assert!(asked.iter().all(|(number, _)| *number == 11));
    assert!(asked[0].1 <= 10 * MS);
    assert!(
        asked
            .windows(2)
            .all(|pair| pair[1].1 - pair[0].1 >= 50 * MS)
    );
    assert_eq!((schedule.missing(), schedule.stats().given_up), (0, 1));
}

#[test]
fn answers_that_take_longer_than_the_round_trip_are_waited_for() {
    let start = Instant::now();
    let mut schedule = NackSchedule::new();
    schedule.set_round_trip_time(20 * MS);
    let mut number = 0_u16;
    let mut requests = 0;
    for n in 0..50 {
        let now = start + n * 1_000 * MS;
        schedule.handle_packet(now, number, false);
        schedule.handle_packet(now, number + 2, false);
        // The answer takes 150 ms: the sender has a queue.
        let mut at = schedule.next_wake(now).expect("one is missing");
        let asked = at;
        while at < asked + 150 * MS {
            requests += schedule.poll(at).len();
            at += 5 * MS;
        }
        schedule.handle_packet(asked + 150 * MS, number + 1, true);
        number += 3;
    }
    assert!(requests <= 300, "{requests}");
    let first_rounds = 12;
    assert!(
        requests as f64 / 50.0 < f64::from(first_rounds),
        "it must learn"
    );
}

#[test]
fn a_jump_is_another_stream_and_memory_is_bounded() {
    let start = Instant::now();
    let mut schedule = NackSchedule::new();
    schedule.handle_packet(start, 0, false);
    schedule.handle_packet(start, 20_000, false);
    assert_eq!(schedule.missing(), 0);
    for n in 0..20_u16 {
        schedule.handle_packet(start, 20_000_u16.wrapping_add(n * 2_500), false);
    }
    assert!(schedule.missing() <= 1_024);
    assert!(schedule.poll(start + 9 * MS).len() <= 1_024);
}

proptest! {
    #[test]
    fn any_sequence_of_packets_keeps_it_bounded_and_moving(
        packets in prop::collection::vec((any::<u16>(), 0_u64..50, any::<bool>()), 1..500),
    ) {
        let mut now = Instant::now();
        let mut schedule = NackSchedule::new();
        for (number, wait, retransmitted) in packets {
            now += Duration::from_millis(wait);
            schedule.handle_packet(now, number, retransmitted);
            let asked = schedule.poll(now);
            prop_assert!(asked.len() <= 1_024 && schedule.missing() <= 1_024);
            prop_assert!(schedule.next_wake(now).is_none_or(|wake| wake > now));
        }
    }
}
