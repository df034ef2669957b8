use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::media::Bitrate;

use super::{Estimator, EstimatorConfig, PacketResult};

const CONFIG: EstimatorConfig = EstimatorConfig {
    start: Bitrate::from_kbps(800),
    min: Bitrate::from_kbps(50),
    max: Bitrate::from_kbps(2_500),
};

#[test]
fn silence_halves_the_target_again_and_again_until_a_report_comes() {
    let start = Instant::now();
    let mut estimator = Estimator::new(start, CONFIG);
    assert_eq!(estimator.next_timeout(), None, "nothing was sent");
    estimator.handle_sent(start);
    let mut now = start;
    for expected in [400, 200, 100, 50, 50] {
        now = estimator.next_timeout().expect("a report is awaited");
        estimator.handle_timeout(now - Duration::from_millis(1));
        estimator.handle_timeout(now);
        assert_eq!(estimator.target(), Bitrate::from_kbps(expected));
        estimator.handle_sent(now);
    }
    assert!(now - start >= Duration::from_millis(2_500));
    let result = PacketResult {
        sent_at: now,
        arrived_at: Some(Duration::ZERO),
        size: 100,
    };
    estimator.handle_results(now + Duration::from_millis(400), &[result]);
    assert_eq!(estimator.next_timeout(), None);
    assert_eq!(
        estimator.round_trip_time(),
        Some(Duration::from_millis(400))
    );
    estimator.handle_sent(now);
    let patience = Duration::from_millis(1_300);
    assert_eq!(
        estimator.next_timeout(),
        Some(now + patience),
        "a slow path gets more time"
    );
}

#[test]
fn the_start_is_kept_within_the_bounds() {
    let now = Instant::now();
    let start = |kbps| {
        let start = Bitrate::from_kbps(kbps);
        Estimator::new(now, EstimatorConfig { start, ..CONFIG }).target()
    };
    assert_eq!((start(1), start(9_999)), (CONFIG.min, CONFIG.max));
}

#[test]
fn between_bounds_that_are_one_nothing_moves_it() {
    let (start, max) = (Instant::now(), CONFIG.max);
    let mut estimator = Estimator::new(start, EstimatorConfig { min: max, ..CONFIG });
    for step in 0..50 {
        let sent_at = start + Duration::from_millis(100 * step);
        estimator.handle_sent(sent_at);
        let lost = PacketResult {
            sent_at,
            arrived_at: None,
            size: 1_200,
        };
        estimator.handle_results(sent_at + Duration::from_millis(90), &[lost; 20]);
        assert_eq!(estimator.target(), max);
    }
    estimator.handle_sent(start + Duration::from_secs(6));
    estimator.handle_timeout(start + Duration::from_secs(20));
    assert_eq!(estimator.target(), max);
}

/// Two seconds of packets each 10 ms, reported each 50 ms, that arrive at `arrival`; the
/// longest queue that was seen.
fn steady(
    estimator: &mut Estimator,
    start: Instant,
    from: u32,
    arrival: impl Fn(u32) -> Duration,
) -> Duration {
    let mut longest = Duration::ZERO;
    for first in (from..from + 200).step_by(5) {
        let results = (first..first + 5).map(|n| PacketResult {
            sent_at: start + n * TEN_MS,
            arrived_at: Some(arrival(n)),
            size: 600,
        });
        let now = start + (first + 10) * TEN_MS;
        estimator.handle_results(now, &results.collect::<Vec<_>>());
        longest = longest.max(estimator.queue_delay());
    }
    longest
}

const TEN_MS: Duration = Duration::from_millis(10);

#[test]
fn a_receivers_clock_that_jumps_or_one_forged_time_does_not_stop_the_estimate() {
    let day = Duration::from_secs(86_400);
    let regular = |n: u32| 20 * day + (n + 2) * TEN_MS;
    let later = |n: u32| regular(n) + 12 * day;
    let earlier = |n: u32| regular(n) - 12 * day;
    for jumped in [&later as &dyn Fn(u32) -> Duration, &earlier] {
        let start = Instant::now();
        let mut estimator = Estimator::new(start, CONFIG);
        steady(&mut estimator, start, 0, regular);
        let forged = PacketResult {
            sent_at: start + 200 * TEN_MS,
            arrived_at: Some(jumped(200)),
            size: 600,
        };
        estimator.handle_results(start + 205 * TEN_MS, &[forged]);
        // Once by a clock that was right, and once by one that was set for good.
        for arrival in [&regular as &dyn Fn(u32) -> Duration, jumped] {
            let mut restarted = estimator.clone();
            let longest = steady(&mut restarted, start, 210, arrival);
            assert!(longest < TEN_MS, "{longest:?}");
            let acked = restarted.acknowledged().expect("a rate").bps();
            assert!((450_000..560_000).contains(&acked), "{acked}");
            // The path carries half: it is followed.
            let slower = |n: u32| arrival(n) + (n - 410) * TEN_MS;
            let longest = steady(&mut restarted, start, 410, slower);
            assert!(longest > 20 * TEN_MS, "{longest:?}");
            let acked = restarted.acknowledged().expect("a rate").bps();
            assert!((200_000..300_000).contains(&acked), "{acked}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_reported_the_target_stays_within_its_bounds(
        reports in prop::collection::vec(
            prop::collection::vec(
                (0_u64..100, prop::option::of(any::<u32>()), 0_usize..100_000), 0..30),
            1..100),
    ) {
        let start = Instant::now();
        let mut now = start;
        let mut estimator = Estimator::new(start, CONFIG);
        for report in reports {
            let mut results = Vec::new();
            for (wait, arrived, size) in report {
                now += Duration::from_millis(wait);
                let arrived_at = arrived.map(|us| Duration::from_micros(u64::from(us)));
                results.push(PacketResult { sent_at: now, arrived_at, size });
            }
            estimator.handle_results(now, &results);
            estimator.handle_sent(now);
            estimator.handle_timeout(now);
            estimator.poll_probe(now);
            prop_assert!((CONFIG.min..=CONFIG.max).contains(&estimator.target()));
            prop_assert!((0.0..=1.0).contains(&estimator.loss()));
        }
    }
}
