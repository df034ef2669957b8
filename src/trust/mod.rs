//! Who is who, and the sealed ways between them (sans-IO: time and randomness are arguments).
//!
//! - [`Identity`]: the keys by which friends know this person; [`Portrait`]: how they look.
//! - [`Code`], [`Invite`]: how two are told where to meet, and what opens the door there.
//! - [`Handshake`]: the two find out that they are who is to be met, past a server that is not trusted.
//! - [`Channel`]: what they say from then on.
//! - [`Introductions`]: all of it, for everybody in a room.

mod channel;
mod code;
mod emoji;
mod fingerprint;
mod handshake;
mod identity;
mod introductions;
mod invite;
mod invite_picture;
mod keys;
mod parcel;
mod phrase;
mod picture_file;
mod portrait;
mod words;

pub use channel::{Channel, ChannelError};
pub use code::{Code, CodeError};
pub use emoji::{EMOJI, Emoji};
pub use fingerprint::{Fingerprint, NotAFingerprint};
pub use handshake::{
    Card, Door, Handshake, HandshakeError, Introduced, Met, Progress, TRUST_VERSION,
};
pub use identity::{Common, Identity, NotAnIdentity, PublicIdentity};
pub use introductions::{Introduction, Introductions};
pub use invite::{Invitation, InvitationError, Invite, InviteError};
pub use invite_picture::InvitePictureError;
pub use keys::room_of_call;
pub use parcel::BUCKETS;
pub use phrase::SafetyPhrase;
pub use picture_file::MAX_PICTURE_BYTES;
pub use portrait::{Portrait, PortraitError};
pub use words::{WORDS, Word};
