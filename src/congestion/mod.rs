//! What became of packets, and so how fast to send (sans-IO): estimator and pacer queue.
//!
//! - [`Allocator`]: what the codecs may make of the target.
//! - [`PacerQueue`]: who goes when; sound never waits behind pictures.
//! - [`NackSchedule`]: what to ask for again, and when.

mod allocator;
mod nack;
mod pacer;
mod probe;

#[cfg(test)]
mod nack_tests;
#[cfg(test)]
mod pacer_tests;

pub use allocator::{Allocation, Allocator, WIRE_OVERHEAD};
pub use nack::{NackSchedule, NackStats};
pub use pacer::{PacerQueue, PacerStats, PacketClass};
pub use probe::Probe;
