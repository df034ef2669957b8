//! How calls begin on a network that loses and delays at random.

use std::time::Duration;

use super::scene::{Scene, Side};
use crate::call::CallEndReason;
use crate::peer::runtime::seeded_random::on_a_thread;
use crate::peer::runtime::{Jitter, LinkConditions, LinkProfile};

fn lossy(loss: f64) -> LinkConditions {
    LinkConditions {
        delay: Duration::from_millis(40),
        jitter: Jitter::Uniform {
            spread: Duration::from_millis(30),
        },
        loss,
        ..LinkConditions::default()
    }
}

/// How long it took from meeting to connected, on the slower side.
fn connects_in(loss: f64, seed: u64) -> Duration {
    let scene = Scene::new();
    let path = |seed| LinkProfile::new(seed, lossy(loss));
    let talk = Duration::from_secs(4);
    let (host, _here, _) = scene.seat(Side::host(path(seed), talk).filming("none"));
    let (guest, _there, _) = scene.seat(Side::guest(path(seed + 1_000)).filming("none"));
    let (reports, ()) = scene.play(vec![host, guest], async {});
    let ended: Vec<_> = reports.iter().map(|report| report.ended).collect();
    let wanted = [CallEndReason::DurationReached, CallEndReason::RemoteHangup];
    assert_eq!(ended, wanted, "seed {seed}");
    let times = reports.iter().map(|report| {
        let ms = report.setup.joined_to_connected_ms.expect("connected");
        Duration::from_secs_f64(ms / 1_000.0)
    });
    times.max().expect("two sides")
}

/// The median and the slowest of calls with these seeds.
fn all_connect(loss: f64, seeds: std::ops::Range<u64>) -> (Duration, Duration) {
    let mut times: Vec<_> = seeds
        .map(|seed| on_a_thread(seed, move || connects_in(loss, seed)))
        .collect();
    times.sort_unstable();
    println!(
        "loss {loss}: {} calls connected after {times:.2?}",
        times.len()
    );
    (times[times.len() / 2], times[times.len() - 1])
}

#[test]
fn every_call_connects_soon_with_a_tenth_lost() {
    let (median, slowest) = all_connect(0.1, 0..40);
    assert!(median <= Duration::from_millis(700), "{median:?}");
    assert!(slowest <= Duration::from_millis(1_200), "{slowest:?}");
}

#[test]
fn every_call_connects_with_a_fifth_lost() {
    let (median, slowest) = all_connect(0.2, 100..110);
    assert!(median <= Duration::from_millis(1_100), "{median:?}");
    assert!(slowest <= Duration::from_millis(1_700), "{slowest:?}");
}
