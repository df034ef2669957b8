use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Local, NaiveDateTime};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twocan_protocol::ServerUrl;

use super::private_file::{private, put_in_place, remove_if_there};
use super::rooms::name_not_taken;
use crate::call::{CallEndReason, CallRole, as_read, clean_name};
use crate::trust::{Invite, Portrait, PublicIdentity};

const FILE: &str = "people.redb";
/// What is written here; a later one may write something else.
const VERSION: u64 = 1;
/// More calls than this nobody looks back on.
const MAX_RECENTS: usize = 50;

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// By public identity, as JSON.
const CONTACTS: TableDefinition<&str, &[u8]> = TableDefinition::new("contacts");
/// By public identity: the name they had.
const BLOCKED: TableDefinition<&str, &str> = TableDefinition::new("blocked");
/// By name, as JSON.
const ROOMS: TableDefinition<&str, &[u8]> = TableDefinition::new("rooms");
/// By public identity, as JPEG: of contacts, and of this person.
const PORTRAITS: TableDefinition<&str, &[u8]> = TableDefinition::new("portraits");
/// By number, rising, as JSON.
const RECENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("recents");

/// A friend who was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// By which they are known, and by nothing else.
    pub identity: PublicIdentity,
    /// As this person calls them.
    pub name: String,
    /// Both have compared the safety phrase of a call with this key.
    pub verified: bool,
    /// Where they are met; none for the server of the settings.
    pub server: Option<ServerUrl>,
}

/// A room that does not end with a call, such as that of a family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingRoom {
    /// As this person calls it.
    pub name: String,
    /// Its link.
    #[serde(with = "as_text")]
    pub invite: Invite,
    /// When this person enters it no more; none: they do until they remove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<SystemTime>,
}

impl StandingRoom {
    /// Whether it is not entered any more.
    pub fn has_run_out(&self, now: SystemTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Whether a person reads its name so.
    pub fn is_called(&self, name: &str) -> bool {
        as_read(&self.name) == as_read(name)
    }

    /// Why it is not entered now, if it is not: a clause for a person.
    pub fn why_closed(&self, now: SystemTime) -> Option<String> {
        let name = &self.name;
        match self.until {
            Some(until) if until <= now => {
                let day = local_day(until);
                Some(format!(
                    "the room “{name}” ran out on {day}; make a new one"
                ))
            }
            // Before there was another kind, its link was that of a call, in which somebody is rung.
            _ if !self.invite.is_standing() => Some(format!(
                "the room “{name}” was made by an older Twocan; remove it, and make a new one"
            )),
            Some(_) | None => None,
        }
    }
}

/// Such as "3 Nov 2026", where this computer is.
pub fn local_day(time: SystemTime) -> String {
    local_time(time).format("%-d %b %Y").to_string()
}

/// Where this computer is. A time that no calendar has becomes the last that one has.
pub fn local_time(time: SystemTime) -> NaiveDateTime {
    /// The end of the year 9998.
    const LAST: u64 = 253_370_764_799;
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs().min(LAST));
    let time = DateTime::from_timestamp(seconds.cast_signed(), 0).unwrap_or_default();
    time.with_timezone(&Local).naive_local()
}

mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::trust::Invite;

    pub fn serialize<S: Serializer>(invite: &Invite, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(invite)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Invite, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// The friend's name; may be empty.
    pub name: String,
    /// Who it was, if they said so.
    pub identity: Option<PublicIdentity>,
    /// Where they were met; none for the server of the settings, or one in this app.
    #[serde(default)]
    pub server: Option<ServerUrl>,
    /// Whose call it was.
    pub role: CallRole,
    /// When it began.
    pub began: SystemTime,
    /// How long they talked; none if they never did.
    pub talked: Option<Duration>,
    /// How it ended.
    pub ended: CallEndReason,
}

/// Why people cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// Another Twocan has the file.
    #[error("your contacts are in use by another Twocan; close it first")]
    InUse,
    /// A later Twocan wrote it.
    #[error("your contacts were written by a newer Twocan; update this one to use them")]
    Newer,
    /// The file or its folder.
    #[error("your contacts cannot be kept in {}: {reason}", path.display())]
    Broken {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The file of people. Each change is whole and on the disk when its function returns, or not there at all.
#[derive(Debug)]
pub struct Book {
    path: PathBuf,
    database: Database,
}

impl Book {
    /// Opens the file in `folder`, which is there; makes it if it is not.
    ///
    /// # Errors
    /// When it cannot be read or written, or is somebody else's.
    pub fn open(folder: &Path) -> Result<Self, BookError> {
        let path = folder.join(FILE);
        if is_missing(&path) {
            Self::make(&path)?;
        }
        Self::of_file(&path, &path)
    }

    /// Makes the file. A database that was begun when the process was killed is none ever after, so that it
    /// is made beside its place.
    fn make(path: &Path) -> Result<(), BookError> {
        let beside = path.with_extension("new");
        let failed = |error: io::Error| broken(path, &error);
        remove_if_there(&beside).map_err(failed)?;
        drop(Self::of_file(&beside, path)?);
        put_in_place(&beside, path).map_err(failed)
    }

    /// That of `file`, whose place is `path`.
    fn of_file(file: &Path, path: &Path) -> Result<Self, BookError> {
        let file = private_file(file).map_err(|error| broken(path, &error))?;
        let backend = redb::backends::FileBackend::new(file);
        let database = backend.and_then(|file| Database::builder().create_with_backend(file));
        let database = database.map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen
            | redb::DatabaseError::LockProtocolMismatch => BookError::InUse,
            redb::DatabaseError::UpgradeRequired(_) => BookError::Newer,
            other => broken(path, &other),
        })?;
        let book = Self {
            path: path.to_owned(),
            database,
        };
        book.begin()?;
        Ok(book)
    }

    /// One that is forgotten when it is dropped.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn in_memory() -> Result<Self, BookError> {
        let path = PathBuf::new();
        let memory = redb::backends::InMemoryBackend::new();
        let database = Database::builder().create_with_backend(memory);
        let database = database.map_err(|error| broken(&path, &error))?;
        let book = Self { path, database };
        book.begin()?;
        Ok(book)
    }

    /// All tables are there, and of a version that is understood.
    fn begin(&self) -> Result<(), BookError> {
        let version = self.write(|transaction| {
            let mut meta = transaction.open_table(META)?;
            let known = meta.get("version")?.map(|version| version.value());
            match known {
                // Its tables may be others.
                Some(newer) if newer > VERSION => return Ok(newer),
                Some(_) => {}
                None => {
                    meta.insert("version", VERSION)?;
                }
            }
            transaction.open_table(CONTACTS)?;
            transaction.open_table(BLOCKED)?;
            transaction.open_table(ROOMS)?;
            transaction.open_table(PORTRAITS)?;
            transaction.open_table(RECENTS)?;
            Ok(known.unwrap_or(VERSION))
        })?;
        if version > VERSION {
            return Err(BookError::Newer);
        }
        Ok(())
    }

    /// Everybody who was saved, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn contacts(&self) -> Result<Vec<Contact>, BookError> {
        let mut contacts: Vec<Contact> = self.values(CONTACTS)?;
        contacts.sort_by_cached_key(|contact| contact.name.to_lowercase());
        Ok(contacts)
    }

    /// Who has this key, if they were saved.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn contact(&self, identity: &PublicIdentity) -> Result<Option<Contact>, BookError> {
        self.read(|transaction| {
            let contacts = transaction.open_table(CONTACTS)?;
            let found = contacts.get(key(identity).as_str())?;
            Ok(found.and_then(|found| understand(found.value())))
        })
    }

    /// Saves a friend, or what has changed about them. Somebody who is saved is not blocked any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, contact: &Contact) -> Result<(), BookError> {
        let contact = Contact {
            name: clean_name(&contact.name),
            ..contact.clone()
        };
        let key = key(&contact.identity);
        self.write(|transaction| {
            let mut contacts = transaction.open_table(CONTACTS)?;
            contacts.insert(key.as_str(), as_json(&contact).as_slice())?;
            transaction.open_table(BLOCKED)?.remove(key.as_str())?;
            Ok(())
        })
    }

    /// Forgets a friend.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove(&self, identity: &PublicIdentity) -> Result<(), BookError> {
        let key = key(identity);
        self.write(|transaction| {
            transaction.open_table(CONTACTS)?.remove(key.as_str())?;
            transaction.open_table(PORTRAITS)?.remove(key.as_str())?;
            Ok(())
        })
    }

    /// Nothing is heard of this key any more; it is no contact either.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn block(&self, identity: &PublicIdentity, name: &str) -> Result<(), BookError> {
        let (key, name) = (key(identity), clean_name(name));
        self.write(|transaction| {
            transaction
                .open_table(BLOCKED)?
                .insert(key.as_str(), name.as_str())?;
            transaction.open_table(CONTACTS)?.remove(key.as_str())?;
            transaction.open_table(PORTRAITS)?.remove(key.as_str())?;
            Ok(())
        })
    }

    /// They may be heard again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn unblock(&self, identity: &PublicIdentity) -> Result<(), BookError> {
        let key = key(identity);
        self.write(|transaction| {
            transaction.open_table(BLOCKED)?.remove(key.as_str())?;
            Ok(())
        })
    }

    /// Who is blocked, and the name they had.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn blocked(&self) -> Result<Vec<(PublicIdentity, String)>, BookError> {
        self.read(|transaction| {
            let table = transaction.open_table(BLOCKED)?;
            let mut blocked = Vec::new();
            for entry in table.iter()? {
                let (key, name) = entry?;
                if let Ok(identity) = PublicIdentity::try_from(key.value().to_owned()) {
                    blocked.push((identity, name.value().to_owned()));
                }
            }
            Ok(blocked)
        })
    }

    /// How contacts look, as they last showed it, and how this person does.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn portraits(&self) -> Result<Vec<(PublicIdentity, Portrait)>, BookError> {
        self.read(|transaction| {
            let table = transaction.open_table(PORTRAITS)?;
            let mut portraits = Vec::new();
            for entry in table.iter()? {
                let (key, jpeg) = entry?;
                let identity = PublicIdentity::try_from(key.value().to_owned());
                let portrait = Portrait::of_stranger(jpeg.value());
                if let (Ok(identity), Ok(portrait)) = (identity, portrait) {
                    portraits.push((identity, portrait));
                }
            }
            Ok(portraits)
        })
    }

    /// Keeps how a contact, or this person, looks; none forgets it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_portrait(
        &self,
        identity: &PublicIdentity,
        portrait: Option<&Portrait>,
    ) -> Result<(), BookError> {
        let key = key(identity);
        self.write(|transaction| {
            let mut table = transaction.open_table(PORTRAITS)?;
            match portrait {
                Some(portrait) => drop(table.insert(key.as_str(), portrait.jpeg())?),
                None => drop(table.remove(key.as_str())?),
            }
            Ok(())
        })
    }

    /// All standing rooms, by name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rooms(&self) -> Result<Vec<StandingRoom>, BookError> {
        let mut rooms: Vec<StandingRoom> = self.values(ROOMS)?;
        rooms.sort_by_cached_key(|room| room.name.to_lowercase());
        Ok(rooms)
    }

    /// Keeps a standing room under its name, instead of the one that had it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_room(&self, room: &StandingRoom) -> Result<(), BookError> {
        self.write(|transaction| {
            let mut rooms = transaction.open_table(ROOMS)?;
            rooms.insert(room.name.as_str(), as_json(room).as_slice())?;
            Ok(())
        })
    }

    /// Who has its link does not meet this person there any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn revoke_room(&self, name: &str) -> Result<(), BookError> {
        self.write(|transaction| {
            transaction.open_table(ROOMS)?.remove(name)?;
            Ok(())
        })
    }

    /// Keeps `room` in the place of the one of this name.
    pub(super) fn move_room(&self, name: &str, room: &StandingRoom) -> Result<(), BookError> {
        self.write(|transaction| {
            let mut rooms = transaction.open_table(ROOMS)?;
            rooms.remove(name)?;
            rooms.insert(room.name.as_str(), as_json(room).as_slice())?;
            Ok(())
        })
    }

    /// The latest calls, the last one first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn recents(&self) -> Result<Vec<Recent>, BookError> {
        self.read(|transaction| {
            let table = transaction.open_table(RECENTS)?;
            let mut recents = Vec::new();
            for entry in table.iter()?.rev() {
                recents.extend(understand::<Recent>(entry?.1.value()));
            }
            Ok(recents)
        })
    }

    /// Adds a call; the oldest ones make room.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_recent(&self, recent: &Recent) -> Result<(), BookError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(RECENTS)?;
            let last = table.last()?.map(|(number, _)| number.value());
            let next = last.map_or(0, |last| last + 1);
            table.insert(next, as_json(recent).as_slice())?;
            let oldest_kept = (next + 1).saturating_sub(MAX_RECENTS as u64);
            table.retain(|number, _| number >= oldest_kept)?;
            Ok(())
        })
    }

    /// Forgets all calls.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_recents(&self) -> Result<(), BookError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(RECENTS)?;
            table.retain(|_, _| false)?;
            Ok(())
        })
    }

    /// Takes in what was exported, all of it or nothing. Who is here already keeps what is here, but
    /// for a verification; a room whose name is taken gets another.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn merge(
        &self,
        contacts: &[Contact],
        blocked: &[(PublicIdentity, String)],
        rooms: &[StandingRoom],
        portraits: &[(PublicIdentity, Portrait)],
    ) -> Result<(), BookError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(CONTACTS)?;
            let mut blocked_here = transaction.open_table(BLOCKED)?;
            for contact in contacts {
                let key = key(&contact.identity);
                if blocked_here.get(key.as_str())?.is_some() {
                    continue;
                }
                let here: Option<Contact> = table
                    .get(key.as_str())?
                    .and_then(|found| understand(found.value()));
                let merged = match here {
                    Some(here) => Contact {
                        verified: here.verified || contact.verified,
                        ..here
                    },
                    None => Contact {
                        name: clean_name(&contact.name),
                        ..contact.clone()
                    },
                };
                table.insert(key.as_str(), as_json(&merged).as_slice())?;
            }
            for (identity, name) in blocked {
                let key = key(identity);
                // Whom this person has saved here is not blocked by a file.
                if table.get(key.as_str())?.is_none() {
                    blocked_here.insert(key.as_str(), clean_name(name).as_str())?;
                }
            }
            let mut portraits_here = transaction.open_table(PORTRAITS)?;
            for (identity, portrait) in portraits {
                let key = key(identity);
                let is_contact = table.get(key.as_str())?.is_some();
                if is_contact && portraits_here.get(key.as_str())?.is_none() {
                    portraits_here.insert(key.as_str(), portrait.jpeg())?;
                }
            }
            drop((table, blocked_here, portraits_here));
            let mut table = transaction.open_table(ROOMS)?;
            let mut here = Vec::new();
            for entry in table.iter()? {
                here.extend(understand::<StandingRoom>(entry?.1.value()));
            }
            for room in rooms {
                let clean = clean_name(&room.name);
                if clean.is_empty() || here.iter().any(|known| known.invite == room.invite) {
                    continue;
                }
                let is_taken = |name: &str| here.iter().any(|known| known.is_called(name));
                let room = StandingRoom {
                    name: name_not_taken(&clean, is_taken),
                    ..room.clone()
                };
                table.insert(room.name.as_str(), as_json(&room).as_slice())?;
                here.push(room);
            }
            Ok(())
        })
    }

    /// What a newer Twocan has added and this one does not understand is left out, and left alone.
    fn values<T: DeserializeOwned>(
        &self,
        table: TableDefinition<&'static str, &'static [u8]>,
    ) -> Result<Vec<T>, BookError> {
        self.read(|transaction| {
            let table = transaction.open_table(table)?;
            let mut values = Vec::new();
            for entry in table.iter()? {
                values.extend(understand::<T>(entry?.1.value()));
            }
            Ok(values)
        })
    }

    fn read<T>(
        &self,
        act: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, BookError> {
        let done = self.database.begin_read().map_err(redb::Error::from);
        let done = done.and_then(|transaction| act(&transaction));
        done.map_err(|error| broken(&self.path, &error))
    }

    /// On the disk when it returns.
    fn write<T>(
        &self,
        act: impl FnOnce(&redb::WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, BookError> {
        let done = self.database.begin_write().map_err(redb::Error::from);
        let done = done.and_then(|transaction| {
            let done = act(&transaction)?;
            transaction.commit()?;
            Ok(done)
        });
        done.map_err(|error| broken(&self.path, &error))
    }
}

fn broken(path: &Path, error: &dyn std::error::Error) -> BookError {
    BookError::Broken {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

fn key(identity: &PublicIdentity) -> String {
    String::from(*identity)
}

fn as_json(value: &impl Serialize) -> Vec<u8> {
    // Plain structs with string keys: serializing them cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}

fn understand<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let understood = serde_json::from_slice(bytes);
    understood
        .inspect_err(|error| {
            tracing::warn!("an entry of the contacts is not understood");
            // It may quote a name or an address.
            tracing::debug!(%error, "why");
        })
        .ok()
}

/// Never written, or not even begun.
fn is_missing(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(about) => about.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Readable by its owner only.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = private();
    options.read(true).create(true).truncate(false);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::{TempDir, contact};
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn recent(name: &str) -> Recent {
        Recent {
            name: name.to_owned(),
            identity: None,
            server: None,
            role: CallRole::Host,
            began: SystemTime::UNIX_EPOCH,
            talked: None,
            ended: CallEndReason::NoAnswer,
        }
    }

    #[test]
    fn who_was_saved_is_there_the_next_time() {
        let folder = TempDir::new();
        let (maya, ben) = (contact(1, "Maya"), contact(2, " ben\n"));
        {
            let book = Book::open(folder.path()).unwrap();
            book.save(&maya).unwrap();
            book.save(&ben).unwrap();
        }
        let book = Book::open(folder.path()).unwrap();
        let names: Vec<_> = book
            .contacts()
            .unwrap()
            .into_iter()
            .map(|c| c.name)
            .collect();
        assert_eq!(names, ["ben", "Maya"]);
        let verified = Contact {
            verified: true,
            ..maya.clone()
        };
        book.save(&verified).unwrap();
        assert_eq!(book.contact(&maya.identity).unwrap(), Some(verified));
        book.remove(&maya.identity).unwrap();
        assert_eq!(book.contact(&maya.identity).unwrap(), None);
    }

    #[test]
    fn who_is_blocked_is_no_contact_and_the_other_way_round() {
        let folder = TempDir::new();
        let book = Book::open(folder.path()).unwrap();
        let maya = contact(1, "Maya");
        book.save(&maya).unwrap();
        book.block(&maya.identity, "Maya").unwrap();
        assert_eq!(book.contacts().unwrap(), []);
        assert_eq!(
            book.blocked().unwrap(),
            [(maya.identity, "Maya".to_owned())]
        );
        book.save(&maya).unwrap();
        assert_eq!(book.blocked().unwrap(), []);
        book.block(&maya.identity, "Maya").unwrap();
        book.unblock(&maya.identity).unwrap();
        assert_eq!(book.blocked().unwrap(), []);
    }

    #[test]
    fn a_portrait_is_kept_until_its_owner_is_removed() {
        let folder = TempDir::new();
        let (maya, ben, me) = (
            contact(1, "Maya"),
            contact(2, "Ben"),
            contact(3, "").identity,
        );
        let [red, green, blue] = [[200, 0, 0], [0, 200, 0], [0, 0, 200]].map(Portrait::plain);
        {
            let book = Book::open(folder.path()).unwrap();
            book.save(&maya).unwrap();
            book.save(&ben).unwrap();
            for who in [&maya.identity, &ben.identity, &me] {
                book.keep_portrait(who, Some(&red)).unwrap();
            }
            book.keep_portrait(&maya.identity, Some(&green)).unwrap();
            book.keep_portrait(&me, Some(&blue)).unwrap();
        }
        let book = Book::open(folder.path()).unwrap();
        let of = |who: &PublicIdentity| {
            let portraits = book.portraits().unwrap();
            let found = portraits.into_iter().find(|(identity, _)| identity == who);
            found.map(|(_, portrait)| portrait)
        };
        assert_eq!(of(&maya.identity), Some(green));
        assert_eq!(of(&ben.identity), Some(red));
        assert_eq!(of(&me), Some(blue));
        // Another name is not another person.
        book.save(&contact(1, "Maya, work")).unwrap();
        assert!(of(&maya.identity).is_some());
        book.remove(&maya.identity).unwrap();
        book.block(&ben.identity, "Ben").unwrap();
        book.keep_portrait(&me, None).unwrap();
        assert_eq!(book.portraits().unwrap(), []);
    }

    #[test]
    fn what_was_written_before_there_were_portraits_is_read() {
        let folder = TempDir::new();
        let maya = contact(1, "Maya");
        {
            let book = Book::open(folder.path()).unwrap();
            book.save(&maya).unwrap();
            let gone = book.write(|transaction| Ok(transaction.delete_table(PORTRAITS)?));
            assert!(gone.unwrap(), "it was there");
        }
        let book = Book::open(folder.path()).unwrap();
        assert_eq!(book.contacts().unwrap(), std::slice::from_ref(&maya));
        assert_eq!(book.portraits().unwrap(), []);
        let portrait = Portrait::plain([200, 0, 0]);
        book.keep_portrait(&maya.identity, Some(&portrait)).unwrap();
        assert_eq!(book.portraits().unwrap(), [(maya.identity, portrait)]);
    }

    #[test]
    fn a_portrait_that_is_none_is_left_out() {
        let book = Book::in_memory().unwrap();
        let maya = contact(1, "Maya").identity;
        book.write(|transaction| {
            let mut table = transaction.open_table(PORTRAITS)?;
            table.insert(key(&maya).as_str(), b"not a picture".as_slice())?;
            Ok(())
        })
        .unwrap();
        assert_eq!(book.portraits().unwrap(), []);
    }

    #[test]
    fn portraits_are_merged_of_contacts_who_have_none_here() {
        let book = Book::in_memory().unwrap();
        let (maya, ben, stranger) = (contact(1, "Maya"), contact(2, "Ben"), contact(3, ""));
        let [here, theirs] = [[200, 0, 0], [0, 200, 0]].map(Portrait::plain);
        book.save(&maya).unwrap();
        book.keep_portrait(&maya.identity, Some(&here)).unwrap();
        let all = [&maya, &ben, &stranger].map(|who| (who.identity, theirs.clone()));
        book.merge(&[maya.clone(), ben.clone()], &[], &[], &all)
            .unwrap();
        let portraits = book.portraits().unwrap();
        assert_eq!(portraits.len(), 2);
        assert!(portraits.contains(&(maya.identity, here)));
        assert!(portraits.contains(&(ben.identity, theirs)));
    }

    #[test]
    fn the_latest_calls_are_kept_and_the_last_comes_first() {
        let folder = TempDir::new();
        let book = Book::open(folder.path()).unwrap();
        for number in 0..MAX_RECENTS + 7 {
            book.add_recent(&recent(&number.to_string())).unwrap();
        }
        let recents = book.recents().unwrap();
        assert_eq!(recents.len(), MAX_RECENTS);
        assert_eq!(recents[0].name, (MAX_RECENTS + 6).to_string());
        book.forget_recents().unwrap();
        assert_eq!(book.recents().unwrap(), []);
    }

    fn room(name: &str, until: Option<SystemTime>) -> StandingRoom {
        let servers = vec!["call.example.org".parse().unwrap()];
        StandingRoom {
            name: name.to_owned(),
            invite: Invite::standing(servers, &mut StdRng::seed_from_u64(1)).unwrap(),
            until,
        }
    }

    #[test]
    fn a_standing_room_has_its_link_until_it_is_revoked() {
        let folder = TempDir::new();
        let book = Book::open(folder.path()).unwrap();
        let family = room("family", None);
        book.keep_room(&family).unwrap();
        assert_eq!(book.rooms().unwrap(), std::slice::from_ref(&family));
        book.revoke_room("family").unwrap();
        assert_eq!(book.rooms().unwrap(), []);
    }

    #[test]
    fn a_room_that_has_run_out_says_so_and_is_kept() {
        let folder = TempDir::new();
        let book = Book::open(folder.path()).unwrap();
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_620_800);
        let trip = room("trip", Some(noon));
        book.keep_room(&trip).unwrap();
        assert_eq!(book.rooms().unwrap(), std::slice::from_ref(&trip));
        let before = noon.checked_sub(Duration::from_secs(1)).unwrap();
        assert!(!trip.has_run_out(before) && trip.has_run_out(noon));
        assert_eq!(trip.why_closed(before), None);
        let day = local_day(noon);
        assert!(day.ends_with(" 2026"), "{day}");
        assert_eq!(
            trip.why_closed(noon).unwrap(),
            format!("the room “trip” ran out on {day}; make a new one")
        );
        let family = room("family", None);
        assert!(!family.has_run_out(noon) && family.why_closed(noon).is_none());
    }

    #[test]
    fn rooms_of_an_older_twocan_open_and_say_what_they_are() {
        let older = serde_json::json!({
            "name": "family",
            "invite": room("family", None).invite.to_string(),
        });
        let read: StandingRoom = serde_json::from_value(older).unwrap();
        assert_eq!(read, room("family", None));
        let servers = vec!["call.example.org".parse().unwrap()];
        let of_call = StandingRoom {
            invite: Invite::new(servers, &mut StdRng::seed_from_u64(1)).unwrap(),
            ..read
        };
        let why = of_call.why_closed(SystemTime::UNIX_EPOCH).unwrap();
        assert!(why.contains("an older Twocan"), "{why}");
    }

    #[test]
    fn any_time_has_a_day() {
        let ages = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 62));
        let before = SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 40));
        for time in [ages, before, Some(SystemTime::now())] {
            assert!(!local_day(time.unwrap()).is_empty());
        }
    }

    #[test]
    fn two_cannot_have_it_at_a_time() {
        let folder = TempDir::new();
        let _book = Book::open(folder.path()).unwrap();
        let error = Book::open(folder.path()).unwrap_err();
        assert!(matches!(error, BookError::InUse), "{error}");
    }

    #[test]
    fn a_file_that_is_none_is_left_alone_and_said_to_be_so() {
        let folder = TempDir::new();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "not a database at all").unwrap();
        let error = Book::open(folder.path()).unwrap_err();
        assert!(matches!(error, BookError::Broken { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"not a database at all");
    }

    #[test]
    fn one_that_was_begun_and_not_finished_is_begun_anew() {
        let folder = TempDir::new();
        std::fs::write(folder.path().join(FILE), "").unwrap();
        std::fs::write(folder.path().join("people.new"), [0_u8; 4_096]).unwrap();
        let book = Book::open(folder.path()).unwrap();
        book.save(&contact(1, "Maya")).unwrap();
        drop(book);
        let book = Book::open(folder.path()).unwrap();
        assert_eq!(book.contacts().unwrap().len(), 1);
        assert!(!folder.path().join("people.new").exists());
    }

    #[test]
    fn what_a_newer_twocan_wrote_is_refused() {
        let folder = TempDir::new();
        {
            let book = Book::open(folder.path()).unwrap();
            book.write(|transaction| {
                transaction
                    .open_table(META)?
                    .insert("version", VERSION + 1)?;
                Ok(())
            })
            .unwrap();
        }
        let error = Book::open(folder.path()).unwrap_err();
        assert!(matches!(error, BookError::Newer), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = TempDir::new();
        let _book = Book::open(folder.path()).unwrap();
        let mode = std::fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_merged_does_not_undo_what_is_here() {
        let folder = TempDir::new();
        let book = Book::open(folder.path()).unwrap();
        let here = contact(1, "Maya, work");
        book.save(&here).unwrap();
        let theirs = [
            Contact {
                verified: true,
                ..contact(1, "Maya")
            },
            contact(2, "Ben"),
        ];
        book.merge(&theirs, &[], &[], &[]).unwrap();
        let contacts = book.contacts().unwrap();
        assert_eq!(contacts.len(), 2);
        assert!(contacts[1].verified && contacts[1].name == "Maya, work");
    }
}
