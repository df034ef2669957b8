//! The sans-IO heart: the state machine of a call.
//!
//! After every `handle_*`, call [`Call::poll_output`] until it is empty.

mod machine;
mod message;
mod participant;
mod reason;

pub use machine::{Call, CallOptions, Output, Stage};
pub use message::{
    CALL_VERSION, ControlMessage, DescriptionKind, MAX_CANDIDATE_BYTES, MAX_NAME_CHARS,
    MAX_SDP_BYTES, Message, MessageError, clean_name,
};
pub use participant::{Attempt, Link, Participant, ParticipantId};
pub use reason::CallEndReason;

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallRole {
    /// We made the invite.
    Host,
    /// We were invited.
    Guest,
}
