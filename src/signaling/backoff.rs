use std::time::{Duration, Instant};

use rand::{Rng, RngExt as _};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that stood this long was a good one.
const STABLE: Duration = Duration::from_secs(10);

/// When to try again: after about 0.5, 1, 2 … 30 s, each shortened by up to a half at random, so that
/// those whom a server lost together do not come back together. Time and randomness are arguments.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
    connected_at: Option<Instant>,
}

impl Backoff {
    /// A try succeeded.
    pub fn handle_connected(&mut self, now: Instant) {
        self.connected_at = Some(now);
    }

    /// A try failed, or the connection was lost. When to try again.
    pub fn handle_failure(&mut self, now: Instant, rng: &mut impl Rng) -> Instant {
        let connected_at = self.connected_at.take();
        if connected_at.is_some_and(|at| now.saturating_duration_since(at) >= STABLE) {
            self.failures = 0;
        }
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let longest = FIRST.saturating_mul(factor).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        now + longest.mul_f64(rng.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn delays(backoff: &mut Backoff, count: usize, seed: u64) -> Vec<u64> {
        let mut rng = StdRng::seed_from_u64(seed);
        let now = Instant::now();
        (0..count)
            .map(|_| (backoff.handle_failure(now, &mut rng) - now).as_millis() as u64)
            .collect()
    }

    #[test]
    fn the_wait_doubles_up_to_half_a_minute() {
        for seed in 0..100 {
            let delays = delays(&mut Backoff::default(), 50, seed);
            let mut longest = 500;
            for delay in delays {
                assert!(
                    (longest / 2..=longest).contains(&delay),
                    "seed {seed}: {delay}"
                );
                longest = (longest * 2).min(30_000);
            }
        }
    }

    #[test]
    fn no_two_come_back_together() {
        let first = delays(&mut Backoff::default(), 5, 1);
        assert_ne!(first, delays(&mut Backoff::default(), 5, 2));
        assert_eq!(first, delays(&mut Backoff::default(), 5, 1));
    }

    #[test]
    fn only_a_connection_that_stood_starts_the_count_anew() {
        let mut backoff = Backoff::default();
        let mut rng = StdRng::seed_from_u64(1);
        delays(&mut backoff, 10, 1);
        let now = Instant::now();
        backoff.handle_connected(now);
        let soon = now + Duration::from_secs(1);
        let retry = backoff.handle_failure(soon, &mut rng);
        assert!(retry - soon >= Duration::from_secs(15), "it flaps");
        backoff.handle_connected(now);
        let later = now + STABLE;
        let retry = backoff.handle_failure(later, &mut rng);
        assert!(retry - later <= FIRST);
        let retry = backoff.handle_failure(later, &mut rng);
        assert!(retry - later > FIRST, "a later failure counts on");
    }
}
