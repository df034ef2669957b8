use std::time::{Duration, Instant};

use tokio::sync::watch;

const DAY: u64 = 86_400;

/// What time it is for a server: whoever meets there agrees on the day, however wrong their own clocks are.
#[derive(Debug)]
pub struct ServerClock(watch::Sender<Option<(u64, Instant)>>);

impl Default for ServerClock {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl ServerClock {
    /// The server has just said it: seconds since 1970 (UTC).
    pub(super) fn set(&self, time: u64) {
        self.0.send_replace(Some((time, Instant::now())));
    }

    /// Seconds since 1970 (UTC); none before the server was reached.
    pub fn now(&self) -> Option<u64> {
        let known = *self.0.borrow();
        known.map(|(time, at)| time.saturating_add(at.elapsed().as_secs()))
    }

    /// Days since 1970 (UTC), and how long this one lasts still.
    pub fn day(&self) -> Option<(u64, Duration)> {
        let now = self.now()?;
        Some((now / DAY, Duration::from_secs(DAY - now % DAY)))
    }

    /// Changes each time that the server says it from now on.
    pub fn watch(&self) -> watch::Receiver<Option<(u64, Instant)>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_the_servers() {
        let clock = ServerClock::default();
        assert_eq!((clock.now(), clock.day()), (None, None));
        clock.set(20_000 * DAY + 86_399);
        let (day, left) = clock.day().unwrap();
        assert!(day == 20_000 || day == 20_001, "a second may have passed");
        assert!(left <= Duration::from_secs(DAY));
    }

    #[tokio::test]
    async fn who_waits_for_it_is_told() {
        let clock = ServerClock::default();
        let mut watch = clock.watch();
        clock.set(7);
        watch.changed().await.expect("the clock is there");
        assert_eq!(clock.now(), Some(7));
    }
}
