//! Contacts of one name, who must not be taken for each other, and whoever only has the name of a contact.

use std::borrow::Cow;

use super::phrases::{first_name, may_be_another};
use crate::engine::{ContactView, Standing, as_read};
use crate::trust::PublicIdentity;

/// So many letters of somebody's keys tell them from another one of their name.
const LETTERS: usize = 4;

/// The name of one of these contacts, with a part of their keys where another one has it too.
pub fn told_apart<'a>(
    contacts: &[ContactView],
    identity: &PublicIdentity,
    name: &'a str,
) -> Cow<'a, str> {
    if !have_another(contacts, identity, name) {
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
        } if have_another(contacts, identity, name) => {
            let name = first_name(name);
            Some(format!(
                "You have two contacts called {name}. Compare the safety words before you talk."
            ))
        }
        Standing::Contact { .. } | Standing::Stranger => None,
    }
}

/// Besides the one with these keys, one of `contacts` has this name, as a person would read it.
fn have_another(contacts: &[ContactView], identity: &PublicIdentity, name: &str) -> bool {
    let name = as_read(name);
    let mut others = contacts
        .iter()
        .filter(|contact| contact.identity != *identity);
    !name.is_empty() && others.any(|contact| contact.read_as == name)
}
