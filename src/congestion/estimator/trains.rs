//! Pictures leave faster than the target on the average; if they arrive as fast, the path is wider than
//! was known, and no probe is needed to find out.

use std::collections::VecDeque;

/// A packet that follows the one before it at this multiple of the target or more is part of a train.
const FAST: f64 = 1.2;
/// How far back trains count, in seconds.
const WINDOW_SECONDS: f64 = 1.5;
/// Fewer pairs of packets say nothing.
const MIN_PAIRS: usize = 15;

/// How fast packets arrive that were sent close together.
#[derive(Debug, Clone, Default)]
pub(super) struct Trains {
    /// When the latest was sent, and arrived.
    previous: Option<(f64, f64)>,
    /// When it was sent, size in bits, and how long after the one before it came.
    pairs: VecDeque<(f64, f64, f64)>,
}

impl Trains {
    /// Takes a packet that arrived; those that are out of order are left out.
    pub(super) fn add(&mut self, sent: f64, arrived: f64, size: usize, target: f64) {
        let bits = size as f64 * 8.0;
        if let Some((sent_before, arrived_before)) = self.previous {
            let gap = sent - sent_before;
            if gap < 0.0 {
                return;
            }
            if gap * FAST * target <= bits {
                self.pairs.push_back((sent, bits, arrived - arrived_before));
            }
        }
        self.previous = Some((sent, arrived));
        while self
            .pairs
            .front()
            .is_some_and(|(at, ..)| sent - at > WINDOW_SECONDS)
        {
            self.pairs.pop_front();
        }
    }

    /// How fast trains come through, in bits a second.
    pub(super) fn carried(&self) -> Option<f64> {
        if self.pairs.len() < MIN_PAIRS {
            return None;
        }
        let (bits, time) = self.pairs.iter().fold((0.0, 0.0), |(bits, time), pair| {
            (bits + pair.1, time + pair.2)
        });
        (time > 0.0).then(|| bits / time)
    }

    pub(super) fn clear(&mut self) {
        self.pairs.clear();
    }
}
