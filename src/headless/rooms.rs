use std::collections::BTreeSet;
use std::time::SystemTime;

use twocan_protocol::ServerUrl;

use super::home::Home;
use super::{Exit, say};
use crate::call::CallEndReason;
use crate::cli::RoomsAction;
use crate::contacts::{RoomError, StandingRoom, local_day};
use crate::trust::{Invite, PublicIdentity};

/// Lists the standing rooms of this person, makes one, keeps that of a friend, or forgets one.
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

impl From<RoomError> for Exit {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::NoName
            | RoomError::NameTaken(_)
            | RoomError::Known(_)
            | RoomError::Unknown(_)
            | RoomError::OfACall => Self::wrong_words(error.to_string()),
            RoomError::Invite(error) => Self {
                code: CallEndReason::BadInvite.exit_code(),
                sentence: Some(error.to_string()),
            },
            RoomError::Book(error) => error.into(),
        }
    }
}

fn act(what: RoomsAction) -> Result<Vec<String>, Exit> {
    let home = Home::open()?;
    let book = &home.book;
    match what {
        RoomsAction::List => {
            let (rooms, now) = (book.rooms()?, SystemTime::now());
            Ok(rooms.iter().map(|room| line_of(room, now)).collect())
        }
        RoomsAction::Make {
            name,
            server,
            lasts,
        } => {
            let Some(server) = server.or_else(|| server_of_settings(&home)) else {
                return Err(Exit::wrong_words(
                    "name the call server where the room is to be, with --server",
                ));
            };
            let room = book.make_room(&name, &server, lasts, &mut rand::rng())?;
            Ok(vec![room.invite.to_string()])
        }
        RoomsAction::Keep { link, name } => {
            book.keep_room_of(&name, &link)?;
            Ok(Vec::new())
        }
        RoomsAction::Revoke { name } => match book.room(&name)? {
            Some(room) => {
                book.revoke_room(&room.name)?;
                Ok(Vec::new())
            }
            None => Err(RoomError::Unknown(name).into()),
        },
    }
}

fn line_of(room: &StandingRoom, now: SystemTime) -> String {
    let until = room.until.map(|until| {
        let how = if room.has_run_out(now) {
            "ran out on"
        } else {
            "until"
        };
        format!("  {how} {}", local_day(until))
    });
    let until = until.unwrap_or_default();
    format!("{}  {}{until}", room.name, room.invite)
}

fn server_of_settings(home: &Home) -> Option<ServerUrl> {
    let (settings, sentence) = home.store.load_settings();
    if let Some(sentence) = sentence {
        eprintln!("{sentence}");
    }
    settings.server?.parse().ok()
}

/// The link of a standing room that is still good, made and kept at the first time; and who is not to be met there.
///
/// # Errors
/// When it is to be made and no server is named, when it is somewhere else, has run out, or cannot be kept.
pub fn standing(
    name: &str,
    server: Option<&ServerUrl>,
) -> Result<(Invite, BTreeSet<PublicIdentity>), Exit> {
    let home = Home::open()?;
    let invite = kept_or_made(&home, name, server)?;
    let blocked = home.book.blocked()?.into_iter().map(|(who, _)| who);
    Ok((invite, blocked.collect()))
}

fn kept_or_made(home: &Home, name: &str, server: Option<&ServerUrl>) -> Result<Invite, Exit> {
    match (home.book.room(name)?, server) {
        (Some(room), Some(server)) if !room.invite.servers().contains(server) => {
            let its = room.invite.servers().first().map(ServerUrl::short);
            Err(Exit::wrong_words(format!(
                "the room “{}” is at {}; to make it anew elsewhere, revoke it first",
                room.name,
                its.unwrap_or_default()
            )))
        }
        (Some(room), _) => match room.why_closed(SystemTime::now()) {
            Some(why) => Err(Exit::wrong_words(why)),
            None => Ok(room.invite),
        },
        (None, Some(server)) => {
            let made = home.book.make_room(name, server, None, &mut rand::rng());
            Ok(made?.invite)
        }
        (None, None) => Err(Exit::wrong_words(format!(
            "there is no room called “{name}” yet; name the call server where it is to be, with --server"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contacts::Book;

    #[test]
    fn a_list_says_until_when_a_room_lasts() {
        let book = Book::in_memory().expect("a book");
        let server = "wss://call.example.org".parse().expect("a server");
        let week = Duration::from_secs(7 * 86_400);
        let made = |name, lasts| {
            let room = book.make_room(name, &server, lasts, &mut rand::rng());
            room.expect("a room")
        };
        let now = SystemTime::now();
        let family = made("Family", None);
        assert_eq!(line_of(&family, now), format!("Family  {}", family.invite));
        let trip = made("Trip", Some(week));
        let day = local_day(trip.until.expect("an end"));
        assert_eq!(
            line_of(&trip, now),
            format!("Trip  {}  until {day}", trip.invite)
        );
        assert_eq!(
            line_of(&trip, now + 2 * week),
            format!("Trip  {}  ran out on {day}", trip.invite)
        );
    }
}
