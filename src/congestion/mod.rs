//! What became of packets, and so how fast to send (sans-IO): estimator and pacer queue.
//!
//! - [`Allocator`]: what the codecs may make of the target.
//! - [`Estimator`]: from the fate of packets to a target.
//! - [`SentHistory`]: the fate of packets, from feedback.
//! - [`PacerQueue`]: who goes when; sound never waits behind pictures.
//! - [`NackSchedule`]: what to ask for again, and when.

mod allocator;
mod arrival_clock;
mod estimator;
mod nack;
mod pacer;
mod probe;
mod sent_history;

#[cfg(test)]
mod nack_tests;
#[cfg(test)]
mod pacer_tests;

pub use allocator::{Allocation, Allocator, WIRE_OVERHEAD};
pub use arrival_clock::ArrivalClock;
pub use estimator::{Estimator, EstimatorConfig, PacketResult};
pub use nack::{NackSchedule, NackStats};
pub use pacer::{PacerQueue, PacerStats, PacketClass};
pub use probe::Probe;
pub use sent_history::SentHistory;
