use std::time::Duration;

/// One step of the reference time of transport-wide feedback.
const TICK: Duration = Duration::from_millis(64);
/// How many bits of it are told.
const BITS: u32 = 24;

/// The reference times of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01
/// section 3.1) start anew every 12.4 days of the receiver's clock; here they go on.
#[derive(Debug, Default)]
pub struct ArrivalClock {
    /// The latest, wraps counted.
    latest: Option<u64>,
}

impl ArrivalClock {
    /// How much to add to the times of a feedback with this reference time (24 bits), so that they
    /// follow on those before it.
    pub fn offset(&mut self, reference: u32) -> Duration {
        let reference = u64::from(reference) & ((1 << BITS) - 1);
        // Room below, so that an older one has its place.
        let first = (1 << BITS) | reference;
        let ticks = self.latest.map_or(first, |latest| {
            let unused = u64::BITS - BITS;
            let step = (reference.wrapping_sub(latest) << unused) as i64 >> unused;
            latest.checked_add_signed(step).unwrap_or(first)
        });
        self.latest = Some(ticks);
        Duration::from_millis((ticks - reference) * TICK.as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The reference time with its offset, in ticks.
    fn told(clock: &mut ArrivalClock, reference: u32) -> u128 {
        (clock.offset(reference) + TICK * reference).as_millis() / TICK.as_millis()
    }

    #[test]
    fn times_go_on_across_the_wrap_and_back() {
        let mut clock = ArrivalClock::default();
        let last = told(&mut clock, 0xff_ffff);
        assert_eq!(told(&mut clock, 0), last + 1);
        assert_eq!(told(&mut clock, 2), last + 3);
        assert_eq!(told(&mut clock, 0xff_ffff), last, "reports reorder");
        assert_eq!(told(&mut clock, 1), last + 2);
    }

    proptest! {
        #[test]
        fn whatever_is_told_has_its_place(references in prop::collection::vec(any::<u32>(), 1..50)) {
            let mut clock = ArrivalClock::default();
            for reference in references {
                let reference = reference & 0xff_ffff;
                prop_assert_eq!(told(&mut clock, reference) & 0xff_ffff, u128::from(reference));
            }
        }
    }
}
