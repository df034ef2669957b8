//! How many messages a member may send: a token bucket. The time is an argument.

use std::time::Instant;

/// Bytes of a message that cost as much as the message itself.
const BYTES_PER_TOKEN: usize = 4 * 1024;

/// What one member may send. A small message costs one token, one of 64 KiB seventeen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Tokens a second, in the long run.
    pub per_second: f64,
    /// Tokens at once. Offers with all their candidates to seven others fit; and all of it together
    /// fits into the queue of a member that does not read at all just now, so that nobody can get
    /// another member dropped.
    pub burst: f64,
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            per_second: 100.0,
            burst: 250.0,
        }
    }
}

/// What one member has left.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    rate: Rate,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    /// A full one.
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: rate.burst,
            filled_at: now,
        }
    }

    /// Takes what a message of `bytes` costs; `false`, and nothing taken, if there is not enough.
    pub fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate.per_second).min(self.rate.burst);
        self.filled_at = self.filled_at.max(now);
        let cost = 1.0 + (bytes / BYTES_PER_TOKEN) as f64;
        let enough = self.tokens >= cost;
        if enough {
            self.tokens -= cost;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RATE: Rate = Rate {
        per_second: 10.0,
        burst: 20.0,
    };

    #[test]
    fn a_burst_passes_and_then_only_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        assert_eq!((0..100).filter(|_| bucket.take(10, start)).count(), 20);
        let taken = (1..=10_000_u64)
            .filter(|i| bucket.take(10, start + Duration::from_micros(i * 1_000)))
            .count();
        assert!(
            (99..=100).contains(&taken),
            "{taken} in 10 s at 10 a second"
        );
    }

    #[test]
    fn big_messages_cost_more() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        assert!(bucket.take(64 * 1024, start));
        assert!(!bucket.take(64 * 1024, start));
        assert!(bucket.take(1, start));
    }

    #[test]
    fn rest_does_not_save_up_more_than_a_burst() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        let later = start + Duration::from_secs(3_600);
        assert_eq!((0..100).filter(|_| bucket.take(10, later)).count(), 20);
        assert!(
            !bucket.take(10, start),
            "a clock that goes back gives nothing"
        );
    }
}
