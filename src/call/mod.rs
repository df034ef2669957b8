//! The sans-IO heart: the state machine of a call.
//!
//! After every `handle_*`, call `poll_output` until it is empty. [`Call`] decides, [`SealedCall`] keeps what it
//! says from the server, and [`Mailboxes`] let contacts find each other.

mod likeness;
mod machine;
mod mailboxes;
mod message;
mod participant;
mod reason;
mod sealed;

pub use likeness::as_read;
pub use machine::{Action, Answer, Call, CallOptions, Output, Part, Stage};
pub use mailboxes::{CallSecret, MailboxOutput, Mailboxes, Presence, Reach};
pub use message::{
    CALL_VERSION, ControlMessage, DescriptionKind, MAX_CANDIDATE_BYTES, MAX_NAME_CHARS,
    MAX_SDP_BYTES, Message, MessageError, clean_name,
};
pub use participant::{Attempt, Link, Participant, ParticipantId, Person};
pub use reason::CallEndReason;
pub use sealed::{EntranceId, SealedCall, SealedOutput};

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallRole {
    /// We made the invite.
    Host,
    /// We were invited.
    Guest,
}
