//! Where this person meets others again and again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use twocan_protocol::ServerUrl;

use super::People;
use crate::contacts::{BookError, RoomError, StandingRoom};
use crate::engine::RoomView;

/// Why a standing room is not made, in a whole sentence.
const NO_SERVER: &str = "A room needs a call server that is always there, and none is set. Set one in the settings, under Network.";

impl People {
    /// The standing rooms, by name.
    pub fn rooms(&self) -> Arc<[RoomView]> {
        self.room_views.clone()
    }

    /// That of this name, or why it is not entered now: a sentence.
    ///
    /// # Errors
    /// When there is none, or it has run out.
    pub fn open_room(&self, name: &str) -> Result<&StandingRoom, String> {
        let found = self.rooms.iter().find(|room| room.name == name);
        let room = found.ok_or_else(|| as_sentence(&RoomError::Unknown(name.to_owned())))?;
        match room.why_closed(SystemTime::now()) {
            Some(why) => Err(as_sentence(&why)),
            None => Ok(room),
        }
    }

    /// Makes a room at the call server of the settings.
    ///
    /// # Errors
    /// A sentence, when there is no server, the name is none or taken, or the book cannot be written.
    pub fn make_room(&mut self, name: &str, lasts: Option<Duration>) -> Result<(), String> {
        let server = self.server.clone().ok_or_else(|| NO_SERVER.to_owned())?;
        let made = self.book.make_room(name, &server, lasts, &mut rand::rng());
        self.changed(made)
    }

    /// Keeps the room of a friend.
    ///
    /// # Errors
    /// A sentence, when the link is none of a standing room, it is kept already, the name is none or taken, or
    /// the book cannot be written.
    pub fn keep_room(&mut self, name: &str, link: &str) -> Result<(), String> {
        let kept = self.book.keep_room_of(name, link);
        self.changed(kept)
    }

    /// Calls a room something else.
    ///
    /// # Errors
    /// A sentence, when there is none, the name is none or taken, or the book cannot be written.
    pub fn rename_room(&mut self, name: &str, new: &str) -> Result<(), String> {
        let renamed = self.book.rename_room(name, new);
        self.changed(renamed)
    }

    /// Forgets a room: nobody meets this person there any more.
    ///
    /// # Errors
    /// A sentence, when the book cannot be written.
    pub fn remove_room(&mut self, name: &str) -> Result<(), String> {
        let removed = self.book.revoke_room(name).map_err(RoomError::from);
        self.changed(removed)
    }

    fn changed<T>(&mut self, done: Result<T, RoomError>) -> Result<(), String> {
        done.map_err(|error| as_sentence(&error))?;
        self.read_rooms().map_err(|error| as_sentence(&error))
    }

    pub(super) fn read_rooms(&mut self) -> Result<(), BookError> {
        self.rooms = self.book.rooms()?;
        let views = self.rooms.iter().map(|room| RoomView {
            name: room.name.as_str().into(),
            link: room.invite.to_string().into(),
            server: room
                .invite
                .servers()
                .first()
                .map_or("", ServerUrl::short)
                .into(),
            until: room.until,
        });
        self.room_views = views.collect();
        Ok(())
    }
}

/// Clauses begin small and have no full stop.
fn as_sentence(clause: &impl ToString) -> String {
    let clause = clause.to_string();
    let mut letters = clause.chars();
    let first = letters.next().map(char::to_uppercase);
    let first = first.into_iter().flatten();
    first.chain(letters).chain(['.']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        assert_eq!(as_sentence(&RoomError::NoName), "A room needs a name.");
    }
}
