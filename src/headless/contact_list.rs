use serde::Serialize;
use twocan_protocol::ServerUrl;

use super::home::Home;
use super::{Exit, say};
use crate::call::clean_name;
use crate::cli::ContactsAction;
use crate::contacts::{Book, Contact};
use crate::trust::PublicIdentity;

/// A slip of so many letters is still told what was meant.
const MOST_SLIPS: usize = 2;

/// Lists or changes whom this person knows.
///
/// # Errors
/// When nobody reads stdout.
pub fn contacts(what: ContactsAction) -> anyhow::Result<Exit> {
    match Home::open().and_then(|home| act(&home, what)) {
        Ok(Some(text)) => {
            say(&text)?;
            Ok(Exit::good())
        }
        Ok(None) => Ok(Exit::good()),
        Err(exit) => Ok(exit),
    }
}

/// What is to be said of it.
fn act(home: &Home, what: ContactsAction) -> Result<Option<String>, Exit> {
    match what {
        ContactsAction::List { json } => return list(&home.book, json).map(Some),
        ContactsAction::Add {
            name,
            identity,
            server,
        } => add(home, &name, identity, server)?,
        ContactsAction::Rename { old, new } => {
            let contact = contact_called(&home.book.contacts()?, &old)?;
            home.book.save(&Contact {
                name: name_of(&new)?,
                ..contact
            })?;
        }
        ContactsAction::Remove { who } => {
            let contact = contact_called(&home.book.contacts()?, &who)?;
            home.book.remove(&contact.identity)?;
        }
        ContactsAction::Block { who } => block(home, &who)?,
        ContactsAction::Unblock { who } => {
            let blocked = home.book.blocked()?;
            let identity = meant(&blocked, &who, "whom you have blocked")?;
            home.book.unblock(&identity)?;
        }
    }
    Ok(None)
}

#[derive(Serialize)]
struct Listed<'a> {
    contacts: &'a [Contact],
    blocked: Vec<Blocked<'a>>,
}

#[derive(Serialize)]
struct Blocked<'a> {
    identity: PublicIdentity,
    name: &'a str,
}

fn list(book: &Book, json: bool) -> Result<String, Exit> {
    let (contacts, blocked) = (book.contacts()?, book.blocked()?);
    if json {
        let blocked = blocked.iter().map(|(identity, name)| Blocked {
            identity: *identity,
            name,
        });
        let listed = Listed {
            contacts: &contacts,
            blocked: blocked.collect(),
        };
        // Plain structs with string keys: serializing them cannot fail.
        return Ok(serde_json::to_string_pretty(&listed).unwrap_or_default());
    }
    let contacts = contacts.iter().map(|contact| {
        let verified = if contact.verified { ", verified" } else { "" };
        let server = contact.server.as_ref();
        let server = server.map(|server| format!(", at {}", server.short()));
        let what = format!("{verified}{}", server.unwrap_or_default());
        line_of(&contact.name, &what, contact.identity)
    });
    let blocked = blocked
        .iter()
        .map(|(identity, name)| line_of(name, "", *identity));
    let lines: Vec<String> = ["Contacts".to_owned()]
        .into_iter()
        .chain(or_none(contacts.collect()))
        .chain(["Blocked".to_owned()])
        .chain(or_none(blocked.collect()))
        .collect();
    Ok(lines.join("\n"))
}

fn line_of(name: &str, what: &str, identity: PublicIdentity) -> String {
    let name = if name.is_empty() {
        "somebody without a name"
    } else {
        name
    };
    format!("  {name}{what}  ({})", String::from(identity))
}

fn or_none(lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        vec!["  none".to_owned()]
    } else {
        lines
    }
}

/// Saves somebody, or what is new about them.
fn add(
    home: &Home,
    name: &str,
    identity: PublicIdentity,
    server: Option<ServerUrl>,
) -> Result<(), Exit> {
    let own = home.identity()?;
    if identity == own.public() {
        return Err(Exit::wrong_words(
            "this is your own identity; a contact is somebody else",
        ));
    }
    if own.common_with(&identity).is_none() {
        return Err(Exit::wrong_words("this is nobody's identity"));
    }
    let name = name_of(name)?;
    let blocked = home.book.blocked()?;
    if blocked.iter().any(|(blocked, _)| *blocked == identity) {
        eprintln!("{name} was blocked, and is not any more");
    }
    let known = home.book.contact(&identity)?;
    home.book.save(&Contact {
        identity,
        name,
        verified: known.as_ref().is_some_and(|known| known.verified),
        server: server.or_else(|| known.and_then(|known| known.server)),
    })?;
    Ok(())
}

/// A contact, or whoever has this identity.
fn block(home: &Home, who: &str) -> Result<(), Exit> {
    let contacts = home.book.contacts()?;
    let stranger = as_identity(who)
        .filter(|identity| contacts.iter().all(|known| known.identity != *identity));
    if let Some(identity) = stranger {
        if identity == home.identity()?.public() {
            return Err(Exit::wrong_words("this is your own identity"));
        }
        home.book.block(&identity, "")?;
        return Ok(());
    }
    let contact = contact_called(&contacts, who)?;
    home.book.block(&contact.identity, &contact.name)?;
    Ok(())
}

fn name_of(name: &str) -> Result<String, Exit> {
    let name = clean_name(name);
    if name.is_empty() {
        return Err(Exit::wrong_words("a contact needs a name"));
    }
    Ok(name)
}

fn as_identity(text: &str) -> Option<PublicIdentity> {
    PublicIdentity::try_from(text.trim().to_owned()).ok()
}

/// The contact of this name, capitals aside, or of this identity.
///
/// # Errors
/// When it is nobody, or more than one.
pub fn contact_called(contacts: &[Contact], who: &str) -> Result<Contact, Exit> {
    let people = contacts
        .iter()
        .map(|contact| (contact.identity, contact.name.clone()));
    let people: Vec<_> = people.collect();
    let identity = meant(&people, who, "among your contacts")?;
    let found = contacts.iter().find(|known| known.identity == identity);
    found
        .cloned()
        .ok_or_else(|| Exit::wrong_words("this is none of your contacts"))
}

/// Who is meant by a name or an identity; of people who are `there`.
fn meant(
    people: &[(PublicIdentity, String)],
    who: &str,
    there: &str,
) -> Result<PublicIdentity, Exit> {
    if let Some(identity) = as_identity(who)
        && people.iter().any(|(known, _)| *known == identity)
    {
        return Ok(identity);
    }
    let called = clean_name(who).to_lowercase();
    let found: Vec<_> = people
        .iter()
        .filter(|(_, name)| name.to_lowercase() == called)
        .collect();
    match found.as_slice() {
        [(identity, _)] => Ok(*identity),
        [] => {
            let meant = nearest(people, &called);
            let meant = meant.map(|name| format!("; did you mean “{name}”?"));
            Err(Exit::wrong_words(format!(
                "nobody {there} is called “{who}”{}",
                meant.unwrap_or_default()
            )))
        }
        [..] => {
            let choices = found
                .iter()
                .map(|(identity, name)| format!("\n{name}  {}", String::from(*identity)));
            Err(Exit::wrong_words(format!(
                "more than one {there} is called “{who}”; say whom you mean by the identity:{}",
                choices.collect::<String>()
            )))
        }
    }
}

/// What was probably meant; none where it is anyone's guess.
fn nearest<'a>(people: &'a [(PublicIdentity, String)], called: &str) -> Option<&'a str> {
    let slips = |name: &str| strsim::osa_distance(called, &name.to_lowercase());
    let names = people.iter().map(|(_, name)| name.as_str());
    let (slips, name) = names
        .map(|name| (slips(name), name))
        .min_by_key(|(slips, _)| *slips)?;
    // Of a short name, two letters are most of it.
    (slips <= MOST_SLIPS && slips * 2 < called.chars().count()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::contact;

    fn sentence(contacts: &[Contact], who: &str) -> String {
        let exit = contact_called(contacts, who).expect_err("nobody");
        assert_eq!(exit.code, 2);
        exit.sentence.expect("a sentence")
    }

    #[test]
    fn a_contact_is_found_by_name_or_identity() {
        let contacts = [contact(1, "Maya"), contact(2, "Örjan")];
        for (who, found) in [
            ("Maya", 0),
            (" mAYA ", 0),
            ("öRJAN", 1),
            (&*String::from(contacts[1].identity), 1),
        ] {
            let contact = contact_called(&contacts, who).expect("somebody");
            assert_eq!(contact, contacts[found], "{who}");
        }
    }

    #[test]
    fn nobody_and_more_than_one_get_a_sentence() {
        let contacts = [contact(1, "Maya"), contact(2, "maya"), contact(3, "Ben")];
        assert_eq!(
            sentence(&contacts, "Bne"),
            "nobody among your contacts is called “Bne”; did you mean “Ben”?"
        );
        assert_eq!(
            sentence(&contacts, "Carl"),
            "nobody among your contacts is called “Carl”"
        );
        let both = sentence(&contacts, "MAYA");
        for contact in &contacts[..2] {
            assert!(both.contains(&String::from(contact.identity)), "{both}");
        }
        assert!(!both.contains(&String::from(contacts[2].identity)));
        let stranger = String::from(contact(4, "").identity);
        assert!(sentence(&contacts, &stranger).starts_with("nobody among your contacts"));
    }
}
