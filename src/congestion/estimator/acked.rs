use std::collections::VecDeque;

/// Long enough for several pictures, short enough to follow.
const WINDOW_SECONDS: f64 = 0.4;
/// Of a full path, less than that shows how fast it is now.
const SHORT_SECONDS: f64 = 0.15;
/// Fewer packets in the short window say nothing.
const MIN_SHORT_PACKETS: usize = 5;

/// How fast the path delivers: what arrived lately, on the receiver's clock.
#[derive(Debug, Clone, Default)]
pub(super) struct AckedRate {
    /// Arrival and size.
    packets: VecDeque<(f64, usize)>,
    bps: Option<f64>,
    short_bps: Option<f64>,
}

impl AckedRate {
    pub(super) fn add(&mut self, arrived: f64, size: usize) {
        self.packets.push_back((arrived, size));
    }

    /// After all packets of a report were added.
    pub(super) fn update(&mut self) {
        let Some(newest) = self
            .packets
            .iter()
            .map(|(arrived, _)| *arrived)
            .reduce(f64::max)
        else {
            return;
        };
        self.packets
            .retain(|(arrived, _)| newest - arrived < WINDOW_SECONDS);
        let oldest = self
            .packets
            .iter()
            .map(|(arrived, _)| *arrived)
            .fold(newest, f64::min);
        let bytes: usize = self.packets.iter().map(|(_, size)| *size).sum();
        let span = newest - oldest;
        // At the start the window is not full.
        if self.bps.is_some() || span > WINDOW_SECONDS / 2.0 {
            self.bps = Some(bytes as f64 * 8.0 / span.max(WINDOW_SECONDS / 2.0));
        }
        let short = self
            .packets
            .iter()
            .filter(|(arrived, _)| newest - arrived < SHORT_SECONDS);
        let (packets, bytes) = short.fold((0, 0), |(n, sum), (_, size)| (n + 1, sum + size));
        self.short_bps =
            (packets >= MIN_SHORT_PACKETS).then_some(bytes as f64 * 8.0 / SHORT_SECONDS);
    }

    /// Bits a second of a path that is full at present, which shows sooner if it has become narrower.
    pub(super) fn bps_when_full(&self) -> Option<f64> {
        let bps = self.bps?;
        Some(self.short_bps.map_or(bps, |short| short.min(bps)))
    }

    /// Bits a second, once known.
    pub(super) fn bps(&self) -> Option<f64> {
        self.bps
    }
}
