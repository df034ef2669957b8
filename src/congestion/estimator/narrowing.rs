//! A path that becomes much narrower at once: each moment until it is noticed is several moments of
//! queue, so it is not waited for a trend.

use std::collections::VecDeque;

/// How far back it looks, in seconds of arrival.
const WINDOW_SECONDS: f64 = 0.08;
/// The later of these packets say how long the queue is.
const LATE_SECONDS: f64 = 0.03;
/// Fewer packets say nothing.
const MIN_PACKETS: usize = 4;
/// A queue of this length, in seconds, was not there a moment ago.
const STEEP_QUEUE: f64 = 0.06;
/// More of it for each second of jitter.
const DOUBT: f64 = 2.0;

/// Follows how packets that were sent together come apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Narrowing {
    /// Arrival, one-way delay and size in bits, lately.
    packets: VecDeque<(f64, f64, f64)>,
    narrow: Option<Narrow>,
}

/// What a path has become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Narrow {
    /// How long a packet waits, in seconds.
    pub(super) queue: f64,
    /// Bits a second.
    pub(super) carries: f64,
}

impl Narrowing {
    /// Takes a packet by its times in seconds, each on its own clock.
    pub(super) fn add(&mut self, sent: f64, arrived: f64, size: usize) {
        self.packets
            .push_back((arrived, arrived - sent, size as f64 * 8.0));
    }

    /// After all packets of a report were added; `empty` is the delay of the empty path.
    pub(super) fn update(&mut self, empty: f64) {
        let arrivals = self.packets.iter().map(|(arrived, ..)| *arrived);
        let newest = arrivals.fold(f64::NEG_INFINITY, f64::max);
        self.packets
            .retain(|(arrived, ..)| newest - arrived <= WINDOW_SECONDS);
        self.narrow = self.look(newest, empty);
    }

    /// A queue that grew beyond what jitter of `doubt` seconds could feign.
    pub(super) fn found(&self, doubt: f64) -> Option<Narrow> {
        self.narrow
            .filter(|narrow| narrow.queue > STEEP_QUEUE + DOUBT * doubt)
    }

    fn look(&self, newest: f64, empty: f64) -> Option<Narrow> {
        if self.packets.len() < MIN_PACKETS {
            return None;
        }
        let late = self
            .packets
            .iter()
            .filter(|(arrived, ..)| newest - arrived <= LATE_SECONDS);
        let least = late.map(|(_, delay, _)| *delay).reduce(f64::min)?;
        // The size of the first does not count: it only begins.
        let first = self
            .packets
            .iter()
            .copied()
            .reduce(|first, packet| if packet.0 < first.0 { packet } else { first })?;
        let bits: f64 = self.packets.iter().map(|(_, _, bits)| *bits).sum();
        let span = newest - first.0;
        (span > LATE_SECONDS).then(|| Narrow {
            queue: least - empty,
            carries: (bits - first.2) / span,
        })
    }
}
