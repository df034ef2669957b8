use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system's clock, read once: moments are told by how far they are from that reading, so that
/// somebody who sets the clock during a call does not shift what happened in it.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    read_at: Instant,
    /// Since the Unix epoch.
    reading: Duration,
}

impl WallClock {
    /// Reads it now.
    pub fn read() -> Self {
        Self::new(
            Instant::now(),
            // A clock that stands before 1970 is not set at all.
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }

    /// One that stood at `reading` since the epoch at `read_at`; of virtual time, for example.
    pub fn new(read_at: Instant, reading: Duration) -> Self {
        Self { read_at, reading }
    }

    /// What it showed at `moment`, before or after it was read: seconds since the epoch, to a
    /// microsecond.
    pub fn seconds_at(&self, moment: Instant) -> f64 {
        let after = moment.saturating_duration_since(self.read_at);
        let before = self.read_at.saturating_duration_since(moment);
        let since_epoch = (self.reading + after).saturating_sub(before);
        let micros = (since_epoch.as_nanos() + 500) / 1_000;
        micros as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_before_and_after_the_reading_are_told_to_a_microsecond() {
        let read_at = Instant::now();
        let clock = WallClock::new(read_at, Duration::from_secs(1_700_000_000));
        let step = Duration::from_nanos(1_500_001_499);
        assert_eq!(clock.seconds_at(read_at), 1_700_000_000.0);
        assert_eq!(clock.seconds_at(read_at + step), 1_700_000_001.500_001);
        assert_eq!(clock.seconds_at(read_at - step), 1_699_999_998.499_999);
    }

    #[test]
    fn what_was_read_is_the_time_of_the_system() {
        let clock = WallClock::read();
        let (now, moment) = (SystemTime::now(), Instant::now());
        let now = now.duration_since(UNIX_EPOCH).expect("a clock that is set");
        assert!((clock.seconds_at(moment) - now.as_secs_f64()).abs() < 0.1);
    }
}
