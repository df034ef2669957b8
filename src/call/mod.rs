//! The sans-IO heart: the state machine of a call.

mod reason;

pub use reason::CallEndReason;
