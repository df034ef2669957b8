use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system's clock, read once: moments are told by how far they are from that reading, so that
/// somebody who sets the clock during a call does not shift what happened in it.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    read_at: Instant,
    /// Since the Unix epoch.
    reading: Duration,
}

/// So often both clocks are read: the system may let others work between the one and the other.
const READINGS: usize = 16;

/// Both clocks, one right after the other.
struct Reading {
    before: Instant,
    system: SystemTime,
    after: Instant,
}

impl Reading {
    fn take() -> Self {
        // In this order, as they stand here.
        Self {
            before: Instant::now(),
            system: SystemTime::now(),
            after: Instant::now(),
        }
    }

    /// How far the moment of the system's time may be from where it is thought to be, twice.
    fn span(&self) -> Duration {
        self.after.saturating_duration_since(self.before)
    }
}

impl From<Reading> for WallClock {
    fn from(reading: Reading) -> Self {
        // A clock that stands before 1970 is not set at all.
        let since_epoch = reading.system.duration_since(UNIX_EPOCH);
        Self::new(
            reading.before + reading.span() / 2,
            since_epoch.unwrap_or_default(),
        )
    }
}

impl WallClock {
    /// Reads it now.
    pub fn read() -> Self {
        Self::tightest((0..READINGS).map(|_| Reading::take()))
    }

    fn tightest(readings: impl Iterator<Item = Reading>) -> Self {
        let tightest = readings.min_by_key(Reading::span);
        tightest.unwrap_or_else(Reading::take).into()
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
    fn the_reading_with_the_least_between_its_clocks_is_believed() {
        let start = Instant::now();
        let reading = |micros: u64, system_micros: u64, span_micros: u64| {
            let before = start + Duration::from_micros(micros);
            Reading {
                before,
                system: UNIX_EPOCH + Duration::from_micros(100_000_000 + system_micros),
                after: before + Duration::from_micros(span_micros),
            }
        };
        // Others worked before the system's clock was read, then nobody, then after it.
        let readings = [
            reading(0, 5_000, 5_001),
            reading(6_000, 6_001, 2),
            reading(7_000, 7_000, 4_000),
        ];
        let clock = WallClock::tightest(readings.into_iter());
        assert_eq!(clock.seconds_at(start), 100.0);
    }

    #[test]
    fn what_was_read_is_the_time_of_the_system() {
        let clock = WallClock::read();
        let (now, moment) = (SystemTime::now(), Instant::now());
        let now = now.duration_since(UNIX_EPOCH).expect("a clock that is set");
        assert!((clock.seconds_at(moment) - now.as_secs_f64()).abs() < 0.1);
    }
}
