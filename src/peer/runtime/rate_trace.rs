use std::time::{Duration, Instant};

use crate::media::Bitrate;

/// What one opportunity carries: a full Ethernet frame without its checksum, as in Mahimahi's traces.
pub const OPPORTUNITY_BYTES: usize = 1_504;

/// When a link of changing rate can send: one opportunity of 1,504 bytes at each of these
/// milliseconds, in order; from the last one on it begins again (the format of Mahimahi's
/// `mm-link`, one number a line).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Vec<u32>", into = "Vec<u32>")]
pub struct RateTrace(Vec<u32>);

/// Why numbers are no trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTrace {
    /// A line that is no number of milliseconds.
    #[error("line {0} is not a number of milliseconds")]
    NotANumber(usize),
    /// A line with an earlier time than the one before.
    #[error("line {0} is earlier than the one before")]
    Backwards(usize),
    /// Nothing could ever be sent.
    #[error("it ends at 0 ms: a trace needs at least one opportunity after its start")]
    NoTime,
}

impl TryFrom<Vec<u32>> for RateTrace {
    type Error = BadTrace;

    fn try_from(times: Vec<u32>) -> Result<Self, BadTrace> {
        if let Some(at) = times.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(BadTrace::Backwards(at + 2));
        }
        match times.last() {
            Some(1..) => Ok(Self(times)),
            _ => Err(BadTrace::NoTime),
        }
    }
}

impl From<RateTrace> for Vec<u32> {
    fn from(trace: RateTrace) -> Self {
        trace.0
    }
}

impl std::str::FromStr for RateTrace {
    type Err = BadTrace;

    /// Reads a file's text; empty lines are skipped.
    fn from_str(text: &str) -> Result<Self, BadTrace> {
        let mut times = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() {
                let time = line.parse().map_err(|_| BadTrace::NotANumber(index + 1))?;
                times.push(time);
            }
        }
        Self::try_from(times)
    }
}

impl RateTrace {
    /// What it carries on the average.
    pub fn mean_rate(&self) -> Bitrate {
        let bits = (self.0.len() * OPPORTUNITY_BYTES * 8) as u64;
        Bitrate(bits * 1_000 / self.period())
    }

    /// In milliseconds; never 0.
    fn period(&self) -> u64 {
        self.0.last().copied().map_or(1, u64::from)
    }

    /// The moment of an opportunity, counted from the start of the link.
    fn moment(&self, index: u64) -> Duration {
        let count = self.0.len() as u64;
        let within = self.0[(index % count) as usize];
        Duration::from_millis(index / count * self.period() + u64::from(within))
    }

    /// The first opportunity at `at` or later.
    fn first_at(&self, at: Duration) -> u64 {
        let count = self.0.len() as u64;
        let passed = at.as_nanos().div_ceil(1_000_000) as u64;
        // What is at the very end of a round is not yet in the next.
        let rounds = passed.saturating_sub(1) / self.period();
        let within = passed - rounds * self.period();
        let index = self.0.partition_point(|time| u64::from(*time) < within);
        rounds * count + index as u64
    }
}

/// How far the opportunities of a trace are used up.
#[derive(Debug)]
pub(super) struct Opportunities {
    /// The one that is in use.
    index: u64,
    /// What is left of it.
    left: usize,
}

impl Default for Opportunities {
    fn default() -> Self {
        Self {
            index: 0,
            left: OPPORTUNITY_BYTES,
        }
    }
}

impl Opportunities {
    /// Uses up what `size` bytes take from `start` on; when the first and the last of them leave. The
    /// trace began at `origin`.
    pub(super) fn take(
        &mut self,
        trace: &RateTrace,
        origin: Instant,
        start: Instant,
        mut size: usize,
    ) -> (Instant, Instant) {
        let first = trace.first_at(start.saturating_duration_since(origin));
        if first > self.index {
            (self.index, self.left) = (first, OPPORTUNITY_BYTES);
        }
        if self.left == 0 {
            self.next();
        }
        let begin = origin + trace.moment(self.index);
        while size > self.left {
            size -= self.left;
            self.next();
        }
        self.left -= size;
        (begin, origin + trace.moment(self.index))
    }

    fn next(&mut self) {
        (self.index, self.left) = (self.index + 1, OPPORTUNITY_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_file_is_a_number_of_milliseconds_a_line() {
        let trace: RateTrace = "0\n5\n5\n\n10\n".parse().expect("a trace");
        assert_eq!(trace, RateTrace(vec![0, 5, 5, 10]));
        assert_eq!(trace.mean_rate(), Bitrate(4 * 1_504 * 8 * 100));
        let bad = |text: &str| text.parse::<RateTrace>().expect_err("no trace");
        assert_eq!(bad("1\ntwo\n"), BadTrace::NotANumber(2));
        assert_eq!(bad("1\n7\n6\n"), BadTrace::Backwards(3));
        assert_eq!(bad("0\n"), BadTrace::NoTime);
        assert_eq!(bad(""), BadTrace::NoTime);
    }

    #[test]
    fn packets_leave_at_opportunities_and_share_them() {
        let (trace, start) = (RateTrace(vec![2, 2, 10]), Instant::now());
        let mut queue = Opportunities::default();
        let mut take_both = |at: Duration, size| {
            let (begin, end) = queue.take(&trace, start, start + at, size);
            (begin - start, end - start)
        };
        let mut take = |at, size| take_both(at, size).1;
        // Two small ones share the first at 2 ms; what is left of it takes half of the next.
        assert_eq!(take(Duration::ZERO, 500), 2 * MS);
        assert_eq!(take(MS, 500), 2 * MS);
        assert_eq!(take(2 * MS, 1_000), 2 * MS);
        // The second one of that moment has 1,008 bytes left; the rest waits for the third.
        assert_eq!(take(2 * MS, 1_500), 10 * MS);
        // After a pause nothing of what went by is left, and the trace begins again every 10 ms.
        assert_eq!(take(25 * MS, 1_504), 30 * MS);
        assert_eq!(take(25 * MS, 1_504), 32 * MS);
        assert_eq!(take(25 * MS, 1_504), 32 * MS);
        assert_eq!(take(25 * MS, 1_504), 40 * MS);
        // Large ones begin at one opportunity and end at another.
        assert_eq!(take_both(41 * MS, 3_500), (42 * MS, 50 * MS));
        assert_eq!(take_both(41 * MS, 1_504), (50 * MS, 52 * MS));
    }
}
