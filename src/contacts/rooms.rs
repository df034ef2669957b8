use std::time::{Duration, SystemTime};

use rand::CryptoRng;
use twocan_protocol::ServerUrl;

use super::{Book, BookError, StandingRoom};
use crate::call::clean_name;
use crate::trust::{Invite, InviteError};

/// Why a standing room is not kept; clauses for a person.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// Nothing, or nothing that can be seen.
    #[error("a room needs a name")]
    NoName,
    /// Another one is called so.
    #[error("there is a room called “{0}” already")]
    NameTaken(String),
    /// It is here, by this name.
    #[error("this room is kept already, as “{0}”")]
    Known(String),
    /// None of this name is here.
    #[error("there is no room called “{0}”")]
    Unknown(String),
    /// Somebody is rung by this link.
    #[error(
        "this is the link of a call, which ends with it; only the link of a standing room can be kept"
    )]
    OfACall,
    /// The link is none.
    #[error(transparent)]
    Invite(#[from] InviteError),
    /// The file.
    #[error(transparent)]
    Book(#[from] BookError),
}

impl Book {
    /// The room whose name a person reads so.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn room(&self, name: &str) -> Result<Option<StandingRoom>, BookError> {
        let name = clean_name(name);
        let mut rooms = self.rooms()?.into_iter();
        Ok(rooms.find(|room| room.is_called(&name)))
    }

    /// Makes a room at `server` and keeps it, for good or until it has lasted so long.
    ///
    /// # Errors
    /// When the name is none or taken, or the file cannot be written.
    pub fn make_room(
        &self,
        name: &str,
        server: &ServerUrl,
        lasts: Option<Duration>,
        rng: &mut impl CryptoRng,
    ) -> Result<StandingRoom, RoomError> {
        let now = SystemTime::now();
        let room = StandingRoom {
            name: self.free_name(name, now)?,
            invite: Invite::standing(vec![server.clone()], rng)?,
            until: lasts.and_then(|lasts| now.checked_add(lasts)),
        };
        self.keep_room(&room)?;
        Ok(room)
    }

    /// Keeps the room of a friend, whose link is in `text`.
    ///
    /// # Errors
    /// When there is none in it, the room is kept already, the name is none or taken, or the file cannot be
    /// written.
    pub fn keep_room_of(&self, name: &str, text: &str) -> Result<StandingRoom, RoomError> {
        let invite: Invite = text.parse()?;
        if !invite.is_standing() {
            return Err(RoomError::OfACall);
        }
        let now = SystemTime::now();
        let mut rooms = self.rooms()?.into_iter();
        let known = rooms.find(|room| room.invite == invite);
        if let Some(open) = known.iter().find(|known| known.why_closed(now).is_none()) {
            return Err(RoomError::Known(open.name.clone()));
        }
        let room = StandingRoom {
            name: self.free_name(name, now)?,
            invite,
            until: None,
        };
        // It was to be entered until a day that is over.
        if let Some(closed) = known {
            self.revoke_room(&closed.name)?;
        }
        self.keep_room(&room)?;
        Ok(room)
    }

    /// Calls a room something else.
    ///
    /// # Errors
    /// When there is none of this name, the new one is none or taken, or the file cannot be written.
    pub fn rename_room(&self, name: &str, new: &str) -> Result<(), RoomError> {
        let Some(room) = self.room(name)? else {
            return Err(RoomError::Unknown(name.to_owned()));
        };
        let new = StandingRoom {
            name: match room.is_called(new) {
                true => clean_name(new),
                false => self.free_name(new, SystemTime::now())?,
            },
            ..room.clone()
        };
        self.move_room(&room.name, &new)?;
        Ok(())
    }

    /// A name for another room: none that is taken, but by one that is entered no more, which is forgotten.
    fn free_name(&self, name: &str, now: SystemTime) -> Result<String, RoomError> {
        let clean = clean_name(name);
        if clean.is_empty() {
            return Err(RoomError::NoName);
        }
        if let Some(taken) = self.room(&clean)? {
            if taken.why_closed(now).is_none() {
                return Err(RoomError::NameTaken(taken.name));
            }
            self.revoke_room(&taken.name)?;
        }
        Ok(clean)
    }
}

/// This name, or with a number behind it: the first that is not taken.
pub fn name_not_taken(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number: u32| format!("{name} {number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let free = names.find(|name| !is_taken(name));
    free.unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn server() -> ServerUrl {
        "wss://call.example.org".parse().unwrap()
    }

    fn rng(seed: u64) -> StdRng {
        StdRng::seed_from_u64(seed)
    }

    fn names(book: &Book) -> Vec<String> {
        let rooms = book.rooms().unwrap().into_iter();
        rooms.map(|room| room.name).collect()
    }

    fn why<T>(done: Result<T, RoomError>) -> String {
        let Err(error) = done else {
            panic!("it was done")
        };
        error.to_string()
    }

    #[test]
    fn a_room_is_made_once_under_its_name_and_lasts_as_long_as_is_said() {
        let book = Book::in_memory().unwrap();
        let week = Duration::from_secs(7 * 86_400);
        let room = book.make_room(" Family ", &server(), Some(week), &mut rng(1));
        let room = room.unwrap();
        assert!(room.invite.is_standing() && room.name == "Family");
        let now = SystemTime::now();
        assert!(!room.has_run_out(now) && room.has_run_out(now + week));
        let again = book.make_room("FAMILY", &server(), None, &mut rng(2));
        assert_eq!(why(again), "there is a room called “Family” already");
        let nameless = book.make_room(" \u{200b}", &server(), None, &mut rng(3));
        assert_eq!(why(nameless), "a room needs a name");
        assert_eq!(names(&book), ["Family"]);
    }

    #[test]
    fn a_room_that_has_run_out_makes_room_for_another_of_its_name() {
        let book = Book::in_memory().unwrap();
        let old = book.make_room("family", &server(), None, &mut rng(1));
        let old = StandingRoom {
            until: Some(SystemTime::UNIX_EPOCH),
            ..old.unwrap()
        };
        book.keep_room(&old).unwrap();
        let new = book.make_room("Family", &server(), None, &mut rng(2));
        assert_ne!(new.unwrap().invite, old.invite);
        assert_eq!(names(&book), ["Family"]);
    }

    #[test]
    fn the_room_of_a_friend_is_kept_once_and_a_call_is_not() {
        let book = Book::in_memory().unwrap();
        let theirs = Invite::standing(vec![server()], &mut rng(1)).unwrap();
        let call = Invite::new(vec![server()], &mut rng(2)).unwrap();
        let text = format!("Come here: {theirs}.");
        let kept = book.keep_room_of("The Webers", &text).unwrap();
        assert_eq!((kept.invite, kept.until), (theirs, None));
        let again = book.keep_room_of("Again", &text);
        assert_eq!(why(again), "this room is kept already, as “The Webers”");
        let of_a_call = why(book.keep_room_of("A call", &call.to_string()));
        assert!(of_a_call.contains("the link of a call"), "{of_a_call}");
        assert!(book.keep_room_of("Nothing", "nonsense").is_err());
        assert_eq!(names(&book), ["The Webers"]);
    }

    #[test]
    fn the_room_of_a_friend_is_kept_again_when_it_had_run_out_here() {
        let book = Book::in_memory().unwrap();
        let old = book
            .make_room("Trip", &server(), None, &mut rng(1))
            .unwrap();
        let link = old.invite.to_string();
        book.make_room("Work", &server(), None, &mut rng(2))
            .unwrap();
        let over = StandingRoom {
            until: Some(SystemTime::UNIX_EPOCH),
            ..old.clone()
        };
        book.keep_room(&over).unwrap();
        // Nothing is lost over a name that will not do.
        assert!(book.keep_room_of("Work", &link).is_err());
        assert_eq!(names(&book), ["Trip", "Work"]);
        let kept = book.keep_room_of("The trip", &link).unwrap();
        assert_eq!((&kept.invite, kept.until), (&old.invite, None));
        assert_eq!(names(&book), ["The trip", "Work"]);
    }

    #[test]
    fn rooms_of_an_export_come_beside_those_that_are_here() {
        let book = Book::in_memory().unwrap();
        let family = book.make_room("Family", &server(), None, &mut rng(1));
        let renamed = StandingRoom {
            name: "The same".to_owned(),
            ..family.unwrap()
        };
        let another = |name: &str, seed| StandingRoom {
            name: name.to_owned(),
            invite: Invite::standing(vec![server()], &mut rng(seed)).unwrap(),
            until: None,
        };
        let theirs = [
            renamed,
            another("FAMILY", 2),
            another(" family", 3),
            another("\u{200b}", 4),
            another("Work", 5),
        ];
        for _ in 0..2 {
            book.merge(&[], &[], &theirs, &[]).unwrap();
            assert_eq!(names(&book), ["Family", "FAMILY 2", "family 3", "Work"]);
        }
    }

    #[test]
    fn a_room_keeps_its_link_under_another_name() {
        let book = Book::in_memory().unwrap();
        let family = book.make_room("family", &server(), None, &mut rng(1));
        let family = family.unwrap();
        book.make_room("work", &server(), None, &mut rng(2))
            .unwrap();
        assert_eq!(
            why(book.rename_room("family", "Work")),
            "there is a room called “work” already"
        );
        assert!(book.rename_room("nobody", "x").is_err());
        book.rename_room("family", "Family").unwrap();
        book.rename_room("family", "The Webers").unwrap();
        assert_eq!(names(&book), ["The Webers", "work"]);
        let kept = book.room("the webers").unwrap().unwrap();
        assert_eq!(kept.invite, family.invite);
    }
}
