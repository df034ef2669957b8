//! The signaling server: it introduces, and nothing else.
//!
//! Rooms of up to [`twocan_protocol::MAX_MEMBERS`] members, by opaque id, over websockets. Opaque payloads
//! are relayed in order between the members of a room. Nothing is kept, nothing is read.
//!
//! # Layout
//!
//! - [`registry`]: who is in which rooms, and what waits to be written to them. No sockets, no clock.
//! - `nameplates`: the numbers that lead to rooms, for spoken codes.
//! - [`rate`]: how many messages a member may send. The time is an argument.
//! - `connection`: one task for each connection, from the handshake to the last close frame.
//! - `serve`: accepts, counts, and closes politely.
//!
//! # Bounds
//!
//! Everything has one, in [`Limits`]. A member that sends too fast is refused; one that reads too slowly
//! is dropped, not buffered; one that says nothing is pinged, then dropped. The others hear `left`.
//!
//! Nothing above `debug` tells a room id, a payload or an address.

mod connection;
mod limits;
mod nameplates;
pub mod rate;
pub mod registry;
mod serve;

pub use limits::Limits;
pub use registry::{NameplateLimits, RegistryLimits};
pub use serve::{serve, serve_with_limits};
