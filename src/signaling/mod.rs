//! The way to the other members of a room: the websocket client with its reconnecting, its in-memory twin,
//! and a server inside the app for when there is no other.
//!
//! A connection to a server is a [`Switchboard`], over which as many rooms are entered as are wanted, each
//! a [`Signaling`]. When the connection is lost the client comes back by itself, as a new member with a
//! new id: after each [`SignalingEvent::Connected`] everything known about members is void.
//!
//! # Queues
//!
//! - Outgoing: 256 messages. When it is full, [`Signaling::send`] says so at once, as nothing in a call should
//!   wait for a slow server. While there is no connection, what is sent is dropped: it is for members
//!   that will have other ids.
//! - Incoming: 256 events. When it is full, nothing is read from the server; it then drops this member as a
//!   slow reader, and the connection begins anew.

mod backoff;
mod dial;
mod embedded;
mod memory;
mod race;
mod server_clock;
mod websocket;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use twocan_protocol::{MAX_MESSAGE_BYTES, MemberId, Nameplate, RefusalReason, RoomId};

pub use backoff::Backoff;
pub use dial::probe;
pub use embedded::EmbeddedServer;
pub use memory::{MemoryServer, MemorySignaling, MemorySwitchboard, Noticed, Outage};
pub use server_clock::ServerClock;
pub use websocket::{WebsocketSignaling, WebsocketSwitchboard};

/// The longest payload that is passed on: what the server's words around it leave of a message.
pub const MAX_PAYLOAD_BYTES: usize = MAX_MESSAGE_BYTES - 256;

/// A server, and the way to all rooms there.
pub trait Switchboard: Send + Sync {
    /// Into this room, again and again if need be.
    fn enter(&self, room: &RoomId) -> Box<dyn Signaling>;

    /// Into the room that this number leads to; from then on into that room.
    fn claim(&self, nameplate: Nameplate) -> Box<dyn Signaling>;

    /// What time it is there.
    fn clock(&self) -> &ServerClock;
}

/// A room, entered once or, as somebody else, again. Dropping it leaves.
#[async_trait]
pub trait Signaling: Send + Sync {
    /// Sends `payload` to one member, or to everybody else in the room. It does not wait for the server.
    async fn send(&self, to: Option<MemberId>, payload: String) -> Result<(), SignalingError>;

    /// Asks for a number that leads to this room; it comes as an event.
    async fn allot(&self) -> Result<(), SignalingError>;

    /// What happens next; `None` after the end. May be dropped while waiting without losing an event.
    async fn next_event(&mut self) -> Option<SignalingEvent>;
}

/// What happens in the room, and to the way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignalingEvent {
    /// In the room, as somebody new.
    Connected {
        /// Who we are.
        you: MemberId,
        /// Who else is there, longest first.
        members: Vec<MemberId>,
    },
    /// Somebody entered.
    Joined(MemberId),
    /// Somebody left, or lost the connection to the server.
    Left(MemberId),
    /// Somebody sent this.
    Relayed {
        /// Who, according to the server.
        from: MemberId,
        /// As it was sent.
        payload: String,
    },
    /// This number leads here now, once and for so long.
    Allotted {
        /// The number.
        nameplate: Nameplate,
        /// How long, from now on.
        lasts: Duration,
    },
    /// The server has no numbers left.
    NotAllotted,
    /// The number that was claimed leads nowhere. Nothing comes after it.
    NoSuchNameplate,
    /// There is no connection to the server; it will be tried again.
    Disconnected {
        /// Why.
        reason: SignalingError,
        /// When it will be tried again, if that is known.
        retry_at: Option<Instant>,
    },
    /// The server does not want us, and trying again would not help. Nothing comes after it.
    Refused(RefusalReason),
}

/// What is wrong with the way to the others. The sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalingError {
    /// No computer of that name, nobody listens there, or no answer.
    #[error("cannot reach the call server {server}: {detail}")]
    Unreachable {
        /// As people say it.
        server: String,
        /// What the system says.
        detail: String,
    },
    /// Something else answers there.
    #[error("{server} is not a call server: it does not speak websocket")]
    NotAWebsocket {
        /// As people say it.
        server: String,
    },
    /// It speaks websocket, but not our language.
    #[error("{server} is not a call server for Twocan")]
    NotACallServer {
        /// As people say it.
        server: String,
    },
    /// No encrypted connection.
    #[error("no secure connection to the call server {server}: {detail}")]
    Tls {
        /// As people say it.
        server: String,
        /// What is wrong with it.
        detail: String,
    },
    /// It has as many connections as it takes.
    #[error("the call server {server} is full; try again later")]
    ServerFull {
        /// As people say it.
        server: String,
    },
    /// For now or for good: [`RefusalReason::is_final`].
    #[error("{0}")]
    Refused(RefusalReason),
    /// The connection stood, and broke.
    #[error("the line to the call server {server} dropped")]
    Lost {
        /// As people say it.
        server: String,
    },
    /// The connection stands, but nothing comes back.
    #[error("the call server {server} does not answer")]
    Silent {
        /// As people say it.
        server: String,
    },
    /// It said so.
    #[error("the call server {server} was stopped")]
    Stopped {
        /// As people say it.
        server: String,
    },
    /// The payload is over what a server takes.
    #[error("a message is too big for the call server")]
    TooBig,
    /// The outgoing queue is full.
    #[error("too many messages wait for the call server")]
    Congested,
    /// The end was reached before.
    #[error("the call server is not connected any more")]
    Closed,
    /// No address to try.
    #[error("no call server is named")]
    NoServer,
}
