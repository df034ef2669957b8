use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::estimator::PacketResult;

/// A packet that later ones overtook may still come for this long: paths reorder.
const LATE: Duration = Duration::from_millis(150);
/// More packets than this on their way are forgotten, oldest first: 10 s at 8 Mb/s.
const MAX_PACKETS: usize = 8_192;

/// What was sent, until its fate is known: joins the numbers of transport-wide feedback
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01) with the times of sending.
///
/// What arrives is told at once; what does not, only when it has had time to be merely late.
#[derive(Debug, Default)]
pub struct SentHistory {
    /// By number, wraps counted.
    packets: BTreeMap<u64, Sent>,
    newest: Option<u64>,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    size: usize,
    /// When a later packet was first seen to have arrived.
    overtaken_at: Option<Instant>,
}

impl SentHistory {
    /// An empty history.
    pub fn new() -> Self {
        Self::default()
    }

    /// A packet left with this transport-wide number and `size` bytes on the wire.
    pub fn handle_sent(&mut self, now: Instant, sequence_number: u16, size: usize) {
        let number = match self.newest {
            // Room below, so that nothing wraps.
            None => (1 << 32) | u64::from(sequence_number),
            Some(newest) => unwrapped(newest, sequence_number),
        };
        self.newest = self.newest.max(Some(number));
        let sent = Sent {
            at: now,
            size,
            overtaken_at: None,
        };
        self.packets.insert(number, sent);
        while self.packets.len() > MAX_PACKETS {
            self.packets.pop_first();
        }
    }

    /// Takes a feedback: numbers, with the time of arrival on the receiver's clock if they arrived.
    /// Returns what is known now and was not before. Numbers that were never sent are ignored.
    pub fn handle_feedback(
        &mut self,
        now: Instant,
        feedback: impl IntoIterator<Item = (u16, Option<Duration>)>,
    ) -> Vec<PacketResult> {
        let Some(newest) = self.newest else {
            return Vec::new();
        };
        let mut results = Vec::new();
        let mut highest = None;
        for (sequence_number, arrived_at) in feedback {
            let number = unwrapped(newest, sequence_number);
            if let Some(arrived_at) = arrived_at
                && let Some(sent) = self.packets.remove(&number)
            {
                highest = highest.max(Some(number));
                results.push(sent.result(Some(arrived_at)));
            }
        }
        if let Some(highest) = highest {
            for (_, sent) in self.packets.range_mut(..highest) {
                sent.overtaken_at.get_or_insert(now);
            }
        }
        self.packets.retain(|_, sent| {
            let lost = sent
                .overtaken_at
                .is_some_and(|at| now.saturating_duration_since(at) >= LATE);
            if lost {
                results.push(sent.result(None));
            }
            !lost
        });
        results
    }
}

impl Sent {
    fn result(&self, arrived_at: Option<Duration>) -> PacketResult {
        PacketResult {
            sent_at: self.at,
            arrived_at,
            size: self.size,
        }
    }
}

fn unwrapped(near: u64, sequence_number: u16) -> u64 {
    let step = sequence_number.wrapping_sub(near as u16) as i16;
    near.wrapping_add_signed(i64::from(step))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn history(start: Instant, first: u16, count: u16) -> SentHistory {
        let mut history = SentHistory::new();
        for n in 0..count {
            history.handle_sent(
                start + u32::from(n) * MS,
                first.wrapping_add(n),
                100 + usize::from(n),
            );
        }
        history
    }

    #[test]
    fn a_late_packet_is_not_a_lost_one() {
        let start = Instant::now();
        let mut history = history(start, 65_534, 4);
        let arrived = |number, ms| (number, Some(ms * MS));
        let first = history.handle_feedback(
            start + 50 * MS,
            [
                arrived(65_534, 20),
                (65_535, None),
                (0, None),
                arrived(1, 23),
            ],
        );
        assert_eq!(
            first.iter().map(|result| result.size).collect::<Vec<_>>(),
            [100, 103]
        );
        let second = history.handle_feedback(start + 100 * MS, [arrived(65_535, 60)]);
        assert_eq!(second.len(), 1);
        assert_eq!(
            (second[0].sent_at, second[0].arrived_at),
            (start + MS, Some(60 * MS))
        );
        let third = history.handle_feedback(start + 200 * MS, []);
        assert_eq!(third.len(), 1);
        assert_eq!((third[0].size, third[0].arrived_at), (102, None));
        assert!(
            history
                .handle_feedback(start + 900 * MS, [arrived(0, 90)])
                .is_empty(),
            "once"
        );
    }

    #[test]
    fn what_nothing_has_overtaken_is_not_lost() {
        let start = Instant::now();
        let mut history = history(start, 0, 2);
        assert_eq!(
            history
                .handle_feedback(start + 50 * MS, [(0, Some(MS))])
                .len(),
            1
        );
        assert!(history.handle_feedback(start + 5_000 * MS, []).is_empty());
    }

    proptest! {
        #[test]
        fn each_packet_has_one_fate_whatever_the_feedback(
            rounds in prop::collection::vec(
                (0_u16..40, prop::collection::vec((any::<u16>(), any::<bool>()), 0..40)), 1..60),
        ) {
            let mut now = Instant::now();
            let mut history = SentHistory::new();
            let (mut next, mut told) = (0_u16, 0);
            for (sent, feedback) in rounds {
                for _ in 0..sent {
                    history.handle_sent(now, next, 1);
                    next = next.wrapping_add(1);
                }
                now += 20 * MS;
                let feedback = feedback.into_iter().map(|(number, arrived)| {
                    (number % (next.max(1)), arrived.then_some(MS))
                });
                told += history.handle_feedback(now, feedback.collect::<Vec<_>>()).len();
                prop_assert!(told <= usize::from(next));
            }
        }
    }
}
