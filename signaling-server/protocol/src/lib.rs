//! What Twocan and its signaling server say to each other.
//!
//! JSON objects in websocket text frames, one message a frame. The client opens with
//! [`ClientMessage::Hello`]; the server answers with [`ServerMessage::Welcome`] or
//! [`ServerMessage::Refused`]. From then on the server relays opaque payloads, in order, between the
//! members of a room, and tells who joined and who left. It never looks into a payload.
//!
//! ```text
//! → {"type":"hello","version":1,"room":"k3J…"}
//! ← {"type":"welcome","version":1,"you":7,"members":[3]}
//! → {"type":"relay","to":3,"payload":"…"}          "to" left out: everybody else
//! ← {"type":"relayed","from":3,"payload":"…"}
//! ← {"type":"joined","member":9}
//! ← {"type":"left","member":3}
//! → {"type":"leave"}
//! ← {"type":"refused","reason":"room_full"}         and the connection ends
//! ← {"type":"shutting_down"}                        and the connection ends
//! ```

mod id;
mod message;
mod server_url;

pub use id::{BadRoomId, MAX_ROOM_ID_LENGTH, MemberId, RoomId};
pub use message::{ClientMessage, ProtocolError, RefusalReason, ServerMessage};
pub use server_url::{ServerUrl, ServerUrlError};

/// The version of this language. Both sides must speak the same one.
pub const PROTOCOL_VERSION: u32 = 1;

/// The largest message on the wire, either way, in bytes of UTF-8: 64 KiB.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// The most members that a room takes.
pub const MAX_MEMBERS: usize = 8;
