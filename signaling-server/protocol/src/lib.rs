//! What Twocan and its signaling server say to each other.
//!
//! JSON objects in websocket text frames, one message a frame. The client opens with
//! [`ClientMessage::Hello`]; the server answers with [`ServerMessage::Welcome`] or
//! [`ServerMessage::Refused`]. From then on the client enters rooms, and the server relays opaque
//! payloads, in order, between the members of a room, and tells who joined and who left. It never looks
//! into a payload. A nameplate is a number that leads one other client into a room whose name it does not
//! know; so that two can meet by a number that is short enough to be said.
//!
//! ```text
//! → {"type":"hello","version":2}
//! ← {"type":"welcome","version":2,"you":7,"time":1795000000}
//! → {"type":"enter","room":"k3J…"}
//! ← {"type":"entered","room":"k3J…","members":[3]}
//! → {"type":"relay","room":"k3J…","to":3,"payload":"…"}      "to" left out: everybody else
//! ← {"type":"relayed","room":"k3J…","from":3,"payload":"…"}
//! ← {"type":"joined","room":"k3J…","member":9}
//! ← {"type":"left","room":"k3J…","member":3}
//! → {"type":"leave","room":"k3J…"}
//! ← {"type":"not_entered","room":"k3J…","reason":"room_full"}
//! → {"type":"allot","room":"k3J…"}
//! ← {"type":"allotted","room":"k3J…","nameplate":7,"seconds":600}
//! → {"type":"claim","nameplate":7}                           another client; once
//! ← {"type":"entered","room":"k3J…","by":7,"members":[3]}
//! ← {"type":"no_such_nameplate","nameplate":7}
//! → {"type":"bye"}
//! ← {"type":"refused","reason":"too_big"}                    and the connection ends
//! ← {"type":"shutting_down"}                                 and the connection ends
//! ```

mod id;
mod message;
mod server_url;

pub use id::{BadNameplate, BadRoomId, MAX_ROOM_ID_LENGTH, MemberId, Nameplate, RoomId};
pub use message::{ClientMessage, ProtocolError, RefusalReason, ServerMessage};
pub use server_url::{ServerUrl, ServerUrlError};

/// The version of this language. Both sides must speak the same one.
pub const PROTOCOL_VERSION: u32 = 2;

/// The largest message on the wire, either way, in bytes of UTF-8: 64 KiB.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// The most members that a room takes.
pub const MAX_MEMBERS: usize = 8;

/// The most rooms that a client may be in at a time.
pub const MAX_ROOMS: usize = 256;
