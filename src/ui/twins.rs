//! Contacts of one name, who must not be taken for each other, and whoever only has the name of a contact.

use std::borrow::Cow;

use super::phrases::{first_name, may_be_another};
use crate::engine::{ContactView, Standing};
use crate::trust::PublicIdentity;

/// So many letters of somebody's keys tell them from another one of their name.
const LETTERS: usize = 4;

/// The name of one of these contacts, with a part of their keys where another one has it too.
pub fn told_apart<'a>(
    contacts: &[ContactView],
    identity: &PublicIdentity,
    name: &'a str,
) -> Cow<'a, str> {
    if !have_another(contacts, identity) {
        return Cow::Borrowed(name);
    }
    let keys: String = String::from(*identity).chars().take(LETTERS).collect();
    Cow::Owned(format!("{} ({keys})", name.trim()))
}

/// What to say before somebody is trusted who gives this name, where there is a doubt who they are.
pub fn doubt(
    contacts: &[ContactView],
    identity: &PublicIdentity,
    standing: &Standing,
    name: &str,
) -> Option<String> {
    match standing {
        Standing::Namesake => Some(may_be_another(name)),
        Standing::Contact {
            name,
            verified: false,
        } if have_another(contacts, identity) => {
            let name = first_name(name);
            Some(format!(
                "You have two contacts called {name}. Compare the safety words before you talk."
            ))
        }
        Standing::Contact { .. } | Standing::Stranger => None,
    }
}

/// Another one of `contacts` has the name of the one with these keys, as a person would read it.
fn have_another(contacts: &[ContactView], identity: &PublicIdentity) -> bool {
    let of_them = |contact: &&ContactView| contact.identity == *identity;
    let Some(own) = contacts.iter().find(of_them) else {
        return false;
    };
    let is_alike = |other: &ContactView| !of_them(&other) && other.read_as == own.read_as;
    !own.read_as.is_empty() && contacts.iter().any(is_alike)
}
