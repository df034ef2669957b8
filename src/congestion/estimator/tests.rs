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
