//! Invites and sealed envelopes (sans-IO).
//!
//! An [`Invite`] is a link that one person gives the other: where the call server is, which room, and a
//! secret key. The server learns the room, never the key. Whatever goes through the server is sealed with
//! it by an [`Envelope`], so that the server can pass it on but not read, change, repeat or forge it.
//!
//! Randomness is an argument.

mod envelope;
mod invite;

pub use envelope::{Envelope, EnvelopeError};
pub use invite::{Invite, InviteError};
