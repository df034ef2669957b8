use std::time::Duration;

/// How long it takes from when a gap shows until what was asked for again is here, as TCP learns its
/// timeout (RFC 6298). On a path that jitters that is more than a round trip: whoever asks waits
/// first, to see whether the packet is merely late.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    /// Mean and spread, in seconds.
    smoothed: Option<(f64, f64)>,
}

impl Repairs {
    /// One that took so long.
    pub(super) fn add(&mut self, time: Duration) {
        let time = time.as_secs_f64();
        self.smoothed = Some(match self.smoothed {
            None => (time, time / 2.0),
            Some((mean, spread)) => (
                0.875 * mean + 0.125 * time,
                0.75 * spread + 0.25 * (mean - time).abs(),
            ),
        });
    }

    /// How long one usually takes at most; zero before one was seen.
    pub(super) fn usual(&self) -> Duration {
        let (mean, spread) = self.smoothed.unwrap_or_default();
        Duration::try_from_secs_f64(mean + spread).unwrap_or_default()
    }
}
