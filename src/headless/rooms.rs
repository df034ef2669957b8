use twocan_protocol::ServerUrl;

use super::home::Home;
use super::{Exit, say};
use crate::call::{Part, clean_name};
use crate::cli::RoomsAction;
use crate::contacts::{Book, StandingRoom};
use crate::engine::{Meeting, MeetingError};
use crate::trust::Invite;

/// Lists or revokes the standing rooms of this person.
///
/// # Errors
/// When nobody reads stdout.
pub fn rooms(what: RoomsAction) -> anyhow::Result<Exit> {
    match act(what) {
        Ok(lines) => {
            for line in lines {
                say(&line)?;
            }
            Ok(Exit::good())
        }
        Err(exit) => Ok(exit),
    }
}

fn act(what: RoomsAction) -> Result<Vec<String>, Exit> {
    let home = Home::open()?;
    let book = &home.book;
    match what {
        RoomsAction::List => {
            let rooms = book.rooms()?.into_iter();
            Ok(rooms
                .map(|room| format!("{}  {}", room.name, room.invite))
                .collect())
        }
        RoomsAction::Revoke { name } => match find(book, &name)? {
            Some(room) => {
                book.revoke_room(&room.name)?;
                Ok(Vec::new())
            }
            None => Err(Exit::wrong_words(format!(
                "there is no room called “{name}”"
            ))),
        },
    }
}

fn find(book: &Book, name: &str) -> Result<Option<StandingRoom>, Exit> {
    let name = clean_name(name).to_lowercase();
    let mut rooms = book.rooms()?.into_iter();
    Ok(rooms.find(|room| room.name.to_lowercase() == name))
}

/// The link of a standing room, made and kept at the first time.
///
/// # Errors
/// When it is to be made and no server is named, when it is somewhere else, or cannot be kept.
pub fn standing(name: &str, server: Option<&ServerUrl>) -> Result<Invite, Exit> {
    let home = Home::open()?;
    match (find(&home.book, name)?, server) {
        (Some(room), Some(server)) if !room.invite.servers().contains(server) => {
            let its = room.invite.servers().first().map(ServerUrl::short);
            Err(Exit::wrong_words(format!(
                "the room “{}” is at {}; to make it anew elsewhere, revoke it first",
                room.name,
                its.unwrap_or_default()
            )))
        }
        (Some(room), _) => Ok(room.invite),
        (None, Some(server)) => make(&home.book, name, server),
        (None, None) => Err(Exit::wrong_words(format!(
            "there is no room called “{name}” yet; name the call server where it is to be, with --server"
        ))),
    }
}

fn make(book: &Book, name: &str, server: &ServerUrl) -> Result<Invite, Exit> {
    let name = clean_name(name);
    if name.is_empty() {
        return Err(Exit::wrong_words("a room needs a name"));
    }
    let invite = Invite::new(vec![server.clone()], &mut rand::rng());
    let invite = invite.map_err(|error| Exit::wrong_words(error.to_string()))?;
    let room = StandingRoom { name, invite };
    book.keep_room(&room)?;
    Ok(room.invite)
}

/// Where the owner of a room waits for others. Must be called on a tokio runtime.
///
/// # Errors
/// None: what is kept is a link.
pub fn meeting(invite: &Invite) -> Result<Meeting, MeetingError> {
    Ok(Meeting {
        part: Part::Waits,
        ..Meeting::join(&invite.to_string(), None, &[])?
    })
}
