//! The wall clock of sender reports (RFC 3550 section 4): one offset for the whole connection, so
//! that it runs exactly as the call's own clock does, virtual or real. (The sender reports of
//! `rtc-interceptor` 0.21.1 read the system's clock for each picture, and the moment of sending
//! instead of the moment of capture.)

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1900 to 1970.
const UNIX_IN_NTP: u64 = 2_208_988_800;

/// Turns instants into NTP time, 32.32 fixed point.
#[derive(Debug, Clone, Copy)]
pub(super) struct NtpClock {
    start: Instant,
    ntp_at_start: u64,
}

impl NtpClock {
    /// A clock that shows the system's time at `start`, to the second: nobody needs it closer, and
    /// so what is rounded does not hang on the moment at which a call on virtual time is played.
    pub(super) fn starting_at(start: Instant) -> Self {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start,
            ntp_at_start: UNIX_IN_NTP.wrapping_add(unix.as_secs()) << 32,
        }
    }

    /// The NTP time of `instant`, which may lie before the start.
    pub(super) fn ntp(&self, instant: Instant) -> u64 {
        match instant.checked_duration_since(self.start) {
            Some(after) => self.ntp_at_start.wrapping_add(fixed_point(after)),
            None => self
                .ntp_at_start
                .wrapping_sub(fixed_point(self.start.saturating_duration_since(instant))),
        }
    }

    /// The round trip that a reception report of `last_sender_report` and `delay` (both in 1/65536 s,
    /// RFC 3550 section 6.4.1) tells of when it arrives at `now`. Nothing if it names no report, or
    /// if what it says cannot be.
    pub(super) fn round_trip(
        &self,
        now: Instant,
        last_sender_report: u32,
        delay: u32,
    ) -> Option<Duration> {
        if last_sender_report == 0 {
            return None;
        }
        let now = (self.ntp(now) >> 16) as u32;
        let elapsed = now.wrapping_sub(last_sender_report).wrapping_sub(delay);
        // Rounding can make a very short way look negative.
        let elapsed = (elapsed as i32 >= -66).then_some((elapsed as i32).max(0))?;
        (elapsed < 60 << 16).then(|| Duration::from_secs_f64(f64::from(elapsed) / 65_536.0))
    }
}

fn fixed_point(duration: Duration) -> u64 {
    let fraction = (u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000;
    (duration.as_secs() << 32).wrapping_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_a_second_before_and_after_the_start() {
        let start = Instant::now();
        let clock = NtpClock::starting_at(start);
        let second = Duration::from_secs(1);
        assert_eq!(clock.ntp(start + second) - clock.ntp(start), 1 << 32);
        let earlier = start.checked_sub(second).expect("a second ago");
        assert_eq!(clock.ntp(start) - clock.ntp(earlier), 1 << 32);
    }

    #[test]
    fn the_round_trip_is_what_is_left_after_the_delay() {
        let start = Instant::now();
        let clock = NtpClock::starting_at(start);
        let sent = (clock.ntp(start) >> 16) as u32;
        let now = start + Duration::from_millis(350);
        let delay = 65_536 * 300 / 1_000;
        let found = clock.round_trip(now, sent, delay).expect("a round trip");
        assert!(found.abs_diff(Duration::from_millis(50)) < Duration::from_micros(50));
        assert_eq!(clock.round_trip(now, 0, delay), None);
        assert_eq!(
            clock.round_trip(start, sent, 65_536 * 5),
            None,
            "not from the future"
        );
    }
}
