//! What happens to packets between the call and the wire: our interceptors in the slots of `rtc`.
//!
//! ```text
//! wire ── meter ── congestion ── numbering ── sender reports ── departure ── feedback, receiver reports
//!      ── unwrap RTX ── ask again ── tap ── call
//! ```

mod ask_again;
mod departure;
mod estimate;
mod meter;
mod sender_reports;
mod sent_packets;
mod stage;
mod tap;
#[cfg(test)]
mod tests;
mod unwrap;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{
    ReceiverReportBuilder, Registry, Slot, TwccReceiverBuilder, TwccSenderBuilder,
};

use self::stage::{Stage, WithRepair};
use super::PeerConfig;
use super::shared::Shared;

/// Feedback for the other side's estimator; half of the library's default, for quicker reactions.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(50);

/// Nearest to the wire.
const METER: usize = 900;
/// Behind the pacer, so that they count what was sent and not what waits.
const SENDER_REPORTS: usize = 2_500;
/// Both look at what arrived, so they come before the unwrapping: a repaired packet was lost on the
/// way, and a retransmission that turns out to be superfluous did arrive.
const FEEDBACK: usize = 6_300;
const RECEIVER_REPORTS: usize = 6_400;
const UNWRAP: usize = 6_500;
/// Nearest to the call.
const TAP: usize = 20_000;

/// The chain of one connection, as it stands at `now`.
pub(super) fn registry(shared: &Arc<Shared>, config: &PeerConfig, now: Instant) -> Registry {
    let estimate = estimate::Estimate::new(Arc::clone(shared), config, now);
    Registry::new()
        .with(
            Slot::from(METER),
            Stage::new(meter::Meter::new(Arc::clone(shared))),
        )
        .with(Slot::CongestionControl, Stage::new(estimate))
        .with(
            Slot::TwccSender,
            WithRepair(TwccSenderBuilder::new().build()),
        )
        .with(
            Slot::from(SENDER_REPORTS),
            Stage::new(sender_reports::SenderReports::new(Arc::clone(shared))),
        )
        .with(
            Slot::Pacer,
            Stage::new(departure::Departure::new(Arc::clone(shared), now)),
        )
        .with(
            Slot::from(FEEDBACK),
            TwccReceiverBuilder::new()
                .with_interval(FEEDBACK_INTERVAL)
                .build(),
        )
        .with(
            Slot::from(RECEIVER_REPORTS),
            ReceiverReportBuilder::new()
                .with_interval(sender_reports::INTERVAL)
                .build(),
        )
        .with(Slot::from(UNWRAP), Stage::new(unwrap::RtxUnwrap::default()))
        .with(
            Slot::NackGenerator,
            Stage::new(ask_again::AskAgain::new(Arc::clone(shared))),
        )
        .with(
            Slot::from(TAP),
            Stage::new(tap::Tap::new(Arc::clone(shared))),
        )
}
