use std::time::{Duration, Instant};

const NANOS: u128 = 1_000_000_000;
/// Whoever falls further behind than this goes on from where it is, instead of catching up.
const MAX_BEHIND: Duration = Duration::from_secs(1);

/// When the frames of something that was made here are due: `rate` a second from `start` on.
#[derive(Debug, Clone)]
pub(crate) struct Pacer {
    start: Instant,
    /// Frames a second, as a fraction.
    rate: (u32, u32),
    next: u64,
}

impl Pacer {
    /// Paces `numerator / denominator` frames a second; neither may be zero.
    pub(crate) fn new(start: Instant, numerator: u32, denominator: u32) -> Self {
        Self {
            start,
            rate: (numerator.max(1), denominator.max(1)),
            next: 0,
        }
    }

    /// 10 ms frames of sound.
    pub(crate) fn audio(start: Instant) -> Self {
        Self::new(start, 100, 1)
    }

    /// When the first frame is due. Whoever fell too far behind has gone on as if it had been later.
    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    fn at(&self, index: u64) -> Instant {
        let nanos = u128::from(index) * NANOS * u128::from(self.rate.1);
        let nanos = nanos.div_ceil(u128::from(self.rate.0));
        self.start + Duration::from_nanos(nanos as u64)
    }

    /// The moment of the next frame, one after the other, if that has come; else when it will.
    pub(crate) fn take_next(&mut self, now: Instant) -> Result<Instant, Instant> {
        let mut due = self.at(self.next);
        if now < due {
            return Err(due);
        }
        let behind = now - due;
        if behind > MAX_BEHIND {
            self.start += behind;
            due = now;
        }
        self.next += 1;
        Ok(due)
    }

    /// Index and moment of the newest frame that is due and was not taken, skipping those before
    /// it; else when the next one will be.
    pub(crate) fn take_newest(&mut self, now: Instant) -> Result<(u64, Instant), Instant> {
        let elapsed = now.saturating_duration_since(self.start).as_nanos();
        let index = elapsed * u128::from(self.rate.0) / (NANOS * u128::from(self.rate.1));
        let index = index as u64;
        if index < self.next {
            return Err(self.at(self.next));
        }
        self.next = index + 1;
        Ok((index, self.at(index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_frame_of_sound_is_due_once_in_order() {
        let start = Instant::now();
        let mut pacer = Pacer::audio(start);
        let now = start + Duration::from_millis(35);
        let taken: Vec<_> = std::iter::from_fn(|| pacer.take_next(now).ok())
            .map(|due| (due - start).as_millis())
            .collect();
        assert_eq!(taken, [0, 10, 20, 30]);
        assert_eq!(pacer.take_next(now), Err(start + Duration::from_millis(40)));
    }

    #[test]
    fn a_long_pause_is_not_caught_up() {
        let start = Instant::now();
        let mut pacer = Pacer::audio(start);
        let later = start + Duration::from_secs(3_600);
        assert_eq!(pacer.take_next(later), Ok(later));
        assert_eq!(
            pacer.take_next(later),
            Err(later + Duration::from_millis(10))
        );
    }

    proptest! {
        #[test]
        fn the_newest_picture_is_never_early_and_never_twice(
            rate in 1_u32..240_000, denominator in 1_u32..2_000, steps in prop::collection::vec(0_u64..200_000_000, 1..50),
        ) {
            let start = Instant::now();
            let mut pacer = Pacer::new(start, rate, denominator);
            let (mut now, mut last) = (start, None);
            for step in steps {
                now += Duration::from_nanos(step);
                match pacer.take_newest(now) {
                    Ok((index, at)) => {
                        prop_assert!(at <= now && Some(index) > last);
                        last = Some(index);
                    }
                    Err(at) => prop_assert!(at > now),
                }
            }
        }
    }
}
