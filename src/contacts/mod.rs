//! The people this person knows: contacts, blocked keys, standing rooms and recent calls, in one file that
//! survives a crash in the middle of a write; and the way of all of it, with the identity, to another
//! computer.

mod book;
mod export;
mod identity_file;
mod keyring;
mod private_file;
mod rooms;

pub use book::{Book, BookError, Contact, Recent, StandingRoom, local_day, local_time};
pub use export::{Export, ExportError};
pub use identity_file::{
    IdentityError, IdentityKeeper, Kept, KeyringRefusal, NoKeyring, find_identity, keep_identity,
    kept_identity,
};
pub use keyring::SystemKeyring;
pub use private_file::{write_new_private, write_private};
pub use rooms::{RoomError, name_not_taken};
