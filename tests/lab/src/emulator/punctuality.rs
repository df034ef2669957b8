use std::time::Duration;

use serde::Serialize;
use twocan::peer::runtime::DelayHistogram;

/// How well the computer has kept the times of one way of a line. Where it has not, because whatever is
/// measured took its processors, the line was worse than its log says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Punctuality {
    /// How many packets were due so far, duplicates counted.
    pub due: u64,
    /// How late they were handed over, in milliseconds: what 99 of 100 stayed below, within 3 %.
    pub late_p99_ms: f64,
    /// And the latest of them.
    pub late_max_ms: f64,
    /// How many the receiving computer did not take.
    pub failed_writes: u64,
}

/// How late packets were handed over, counted.
#[derive(Debug, Default)]
pub struct Lateness {
    late: DelayHistogram,
    latest: Duration,
    due: u64,
    failed_writes: u64,
}

impl Lateness {
    /// One more packet was due, so long ago, and the computer took it or not.
    pub fn add(&mut self, late: Duration, handed_over: bool) {
        self.late.add(late);
        self.latest = self.latest.max(late);
        self.due += 1;
        self.failed_writes += u64::from(!handed_over);
    }

    pub fn so_far(&self) -> Punctuality {
        let ms = |late: Duration| late.as_secs_f64() * 1_000.0;
        Punctuality {
            due: self.due,
            // A class of the histogram ends above what is in it.
            late_p99_ms: ms(self.late.percentile(0.99).min(self.latest)),
            late_max_ms: ms(self.latest),
            failed_writes: self.failed_writes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_and_what_was_not_taken_are_told() {
        let mut lateness = Lateness::default();
        assert_eq!(lateness.so_far().late_max_ms, 0.0);
        for n in 1..=200_u64 {
            let late = if n > 198 { 5_000 } else { 100 };
            lateness.add(Duration::from_micros(late), n % 100 != 0);
        }
        let so_far = lateness.so_far();
        assert_eq!((so_far.due, so_far.failed_writes), (200, 2));
        assert_eq!(so_far.late_max_ms, 5.0);
        let p99 = so_far.late_p99_ms;
        assert!((0.1..0.104).contains(&p99), "{p99}");
    }
}
