use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::home::Home;
use super::report_file::in_words;
use super::{BAD_FILE, Exit, passphrase, say};
use crate::cli::IdentityAction;
use crate::contacts::{
    Export, IdentityError, SystemKeyring, find_identity, keep_identity, write_new_private,
    write_private,
};
use crate::engine::portrait_in_file;
use crate::settings::Store;
use crate::trust::{Portrait, PublicIdentity};

/// No file of contacts is larger.
const MOST_BYTES: u64 = 17 << 20;

/// Shows, exports or imports who this person is, or changes how they look.
///
/// # Errors
/// When nobody reads stdout.
pub fn identity(what: IdentityAction) -> anyhow::Result<Exit> {
    let done = match what {
        IdentityAction::Show => show().map(Some),
        IdentityAction::Export { file, force } => export(&file, force).map(|()| None),
        IdentityAction::Import {
            file,
            replace_identity,
        } => import(&file, replace_identity).map(|()| None),
        IdentityAction::Picture { file, remove: _ } => picture(file).map(|()| None),
    };
    match done {
        Ok(Some(identity)) => {
            say(&String::from(identity))?;
            Ok(Exit::good())
        }
        Ok(None) => Ok(Exit::good()),
        Err(exit) => Ok(exit),
    }
}

/// One that is kept can be shown beside another Twocan.
fn show() -> Result<PublicIdentity, Exit> {
    let folder = Store::usual_folder()?;
    match find_identity(&folder, &SystemKeyring::of(&folder))? {
        Some((identity, _)) => Ok(identity.public()),
        None => Ok(Home::open()?.identity()?.public()),
    }
}

/// What friends see from now on; without a file, no picture.
fn picture(file: Option<PathBuf>) -> Result<(), Exit> {
    let portrait = file
        .map(|file| portrait_in_file(&file))
        .transpose()
        .map_err(|error| Exit::bad_file(&error))?;
    let home = Home::open()?;
    let own = home.identity()?.public();
    home.book.keep_portrait(&own, portrait.as_ref())?;
    Ok(())
}

fn export(file: &Path, force: bool) -> Result<(), Exit> {
    if !force && file.symlink_metadata().is_ok() {
        return Err(is_there(file));
    }
    let home = Home::open()?;
    let export = Export {
        identity: home.identity()?,
        contacts: home.book.contacts()?,
        blocked: home.book.blocked()?,
        rooms: home.book.rooms()?,
        portraits: home.book.portraits()?,
    };
    let passphrase = passphrase::choose()?;
    let sealed = export.seal(&passphrase, &mut rand::rng())?;
    let written = if force {
        write_private(file, &sealed)
    } else {
        write_new_private(file, &sealed)
    };
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => is_there(file),
        _ => Exit::bad_file(&format!(
            "your contacts cannot be written to {}: {}",
            file.display(),
            in_words(&error)
        )),
    })
}

fn is_there(file: &Path) -> Exit {
    Exit::bad_file(&format!(
        "{} is there already; with --force it is written over",
        file.display()
    ))
}

/// Whatever is wrong with the file, all is as it was then.
fn import(file: &Path, replace: bool) -> Result<(), Exit> {
    let sealed = read(file).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => in_words(&error),
        };
        Exit::bad_file(&format!("{} cannot be read: {why}", file.display()))
    })?;
    let home = Home::open()?;
    let here = match find_identity(&home.folder, &home.keyring()) {
        Ok(found) => found.map(|(identity, _)| identity.public()),
        Err(IdentityError::Damaged { .. } | IdentityError::NotInKeyring { .. }) if replace => None,
        Err(error @ (IdentityError::Damaged { .. } | IdentityError::NotInKeyring { .. })) => {
            return Err(Exit {
                code: BAD_FILE,
                sentence: Some(format!(
                    "{error}; with --replace-identity the one of the imported file takes its place"
                )),
            });
        }
        Err(error) => return Err(error.into()),
    };
    let passphrase = passphrase::ask()?;
    let export = Export::open(&sealed, &passphrase)?;
    let theirs = export.identity.public();
    let own = if replace {
        theirs
    } else {
        here.unwrap_or(theirs)
    };
    // Nobody is a contact of their own.
    let is_other = |identity: &PublicIdentity| *identity != own;
    let mut contacts = export.contacts;
    contacts.retain(|contact| is_other(&contact.identity));
    let mut blocked = export.blocked;
    blocked.retain(|(identity, _)| is_other(identity));
    let portraits = &export.portraits;
    home.book
        .merge(&contacts, &blocked, &export.rooms, portraits)?;
    if here != Some(own) {
        home.book.remove(&own)?;
        keep_identity(&export.identity, &home.folder, &home.keyring())?;
        if let Some(before) = here {
            home.book.keep_portrait(&before, None)?;
        }
    }
    // Whoever they are from now on looks as they do here, or else as in the file.
    let is_own = |(who, _): &&(PublicIdentity, Portrait)| *who == own;
    if let Some((_, portrait)) = portraits.iter().find(is_own)
        && !home.book.portraits()?.iter().any(|(who, _)| *who == own)
    {
        home.book.keep_portrait(&own, Some(portrait))?;
    }
    match here {
        Some(here) if here != own => eprintln!(
            "you are now who you are in the file; friends who know you from here take you for a stranger"
        ),
        Some(here) if here != theirs => eprintln!(
            "you stay who you are here, which is not who you are in the file: of it, only contacts, blocked people and rooms were taken; with --replace-identity the identity is, too"
        ),
        Some(_) | None => {}
    }
    Ok(())
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
