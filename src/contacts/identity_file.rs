use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use super::private_file::write_private;
use crate::trust::Identity;

const FILE: &str = "identity.key";
/// What the file holds instead of a seed.
const IN_KEYRING: &str = "keyring";
/// A seed of 32 bytes is 43 characters.
const MAX_FILE_BYTES: u64 = 256;

/// Where the seed of an identity is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// By the system, for this person.
    Keyring,
    /// In a file that only its owner reads.
    File,
}

/// Why there is no identity. A damaged one is not replaced: friends would take the new one for a stranger.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file is there, and there is something else in it.
    #[error(
        "the file of your identity, {}, is damaged; put back a copy of it, or import your contacts, or remove it to begin as somebody new", path.display()
    )]
    Damaged {
        /// Where.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("your identity cannot be kept in {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is in the keyring, which does not give it.
    #[error(
        "your identity is in this system's keyring, which doesn't open: {0}; unlock it and start Twocan again"
    )]
    Keyring(#[from] KeyringRefusal),
    /// It was in the keyring.
    #[error(
        "your identity was in this system's keyring and isn't there any more; import it from an export, or remove {} to begin as somebody new", path.display()
    )]
    NotInKeyring {
        /// Of what says that it is there.
        path: PathBuf,
    },
}

/// Why a keyring does not do as it is asked: a clause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyringRefusal(pub String);

/// What keeps a secret for this person: the system's keyring, if it has one.
pub trait IdentityKeeper {
    /// What was kept; none if nothing was.
    ///
    /// # Errors
    /// When that cannot be told now.
    fn load(&self) -> Result<Option<Zeroizing<String>>, KeyringRefusal>;
    /// Keeps it from now on.
    ///
    /// # Errors
    /// When it is not kept.
    fn keep(&self, secret: &str) -> Result<(), KeyringRefusal>;
}

/// Where there is none.
#[derive(Debug, Clone, Copy)]
pub struct NoKeyring;

impl IdentityKeeper for NoKeyring {
    fn load(&self) -> Result<Option<Zeroizing<String>>, KeyringRefusal> {
        Ok(None)
    }

    fn keep(&self, _: &str) -> Result<(), KeyringRefusal> {
        Err(KeyringRefusal("there is none".into()))
    }
}

/// The identity of this person: that of the file in `folder` or of the keyring, or a new one, kept in the
/// keyring if it takes it, else in the file.
///
/// # Errors
/// When there is one that cannot be read, or a new one cannot be kept.
pub fn kept_identity(
    folder: &Path,
    keyring: &dyn IdentityKeeper,
    rng: &mut impl CryptoRng,
) -> Result<(Identity, Kept), IdentityError> {
    if let Some(kept) = find_identity(folder, keyring)? {
        return Ok(kept);
    }
    let identity = Identity::new(rng);
    // One that cannot be read may hold a key of before, which is not to be written over.
    let kept = match keyring.load() {
        Ok(_) => keep_identity(&identity, folder, keyring)?,
        Err(_) => keep_identity(&identity, folder, &NoKeyring)?,
    };
    Ok((identity, kept))
}

/// The identity that is kept, if there is one: that of the file in `folder` or of the keyring.
///
/// # Errors
/// When there is one that cannot be read.
pub fn find_identity(
    folder: &Path,
    keyring: &dyn IdentityKeeper,
) -> Result<Option<(Identity, Kept)>, IdentityError> {
    let path = folder.join(FILE);
    match from_file(&path)? {
        Some(Content::Identity(identity)) => Ok(Some((*identity, Kept::File))),
        // One that is locked or lost is not replaced: friends would take the new one for a stranger.
        Some(Content::InKeyring) => {
            let kept = keyring.load()?.and_then(|text| understand(&text));
            let identity = kept.ok_or(IdentityError::NotInKeyring { path })?;
            Ok(Some((identity, Kept::Keyring)))
        }
        // The folder may have been cleared away.
        None => {
            let kept = keyring.load().ok().flatten();
            let identity = kept.and_then(|text| understand(&text));
            Ok(identity.map(|identity| (identity, Kept::Keyring)))
        }
    }
}

/// Keeps an identity instead of the one that was there.
///
/// # Errors
/// When neither the keyring nor the file takes it; then the old one is still there.
pub fn keep_identity(
    identity: &Identity,
    folder: &Path,
    keyring: &dyn IdentityKeeper,
) -> Result<Kept, IdentityError> {
    let path = folder.join(FILE);
    let text = Zeroizing::new(BASE64URL_NOPAD.encode(identity.seed()));
    // A keyring that takes it and has lost it at the next start would make a stranger of us.
    let is_kept = || matches!(keyring.load(), Ok(Some(kept)) if *kept == *text);
    let refused = keyring.keep(&text);
    let (content, kept) = match refused {
        Ok(()) if is_kept() => (IN_KEYRING, Kept::Keyring),
        Ok(()) => (text.as_str(), Kept::File),
        Err(error) => {
            tracing::debug!(%error, "the identity is kept in a file");
            (text.as_str(), Kept::File)
        }
    };
    write_private(&path, content.as_bytes())
        .map_err(|source| IdentityError::Io { path, source })?;
    Ok(kept)
}

/// What the file says.
enum Content {
    Identity(Box<Identity>),
    InKeyring,
}

fn from_file(path: &Path) -> Result<Option<Content>, IdentityError> {
    let failed = |source| IdentityError::Io {
        path: path.to_owned(),
        source,
    };
    let damaged = || IdentityError::Damaged {
        path: path.to_owned(),
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(about) if about.len() > MAX_FILE_BYTES => return Err(damaged()),
        Ok(_) => {}
    }
    let text = fs::read(path).map(Zeroizing::new).map_err(failed)?;
    let text = std::str::from_utf8(&text).map_err(|_| damaged())?;
    if text.trim() == IN_KEYRING {
        return Ok(Some(Content::InKeyring));
    }
    let identity = understand(text).ok_or_else(damaged)?;
    Ok(Some(Content::Identity(Box::new(identity))))
}

fn understand(text: &str) -> Option<Identity> {
    let mut bytes = BASE64URL_NOPAD.decode(text.trim().as_bytes()).ok()?;
    let seed = <[u8; 32]>::try_from(bytes.as_slice())
        .ok()
        .map(Zeroizing::new);
    bytes.zeroize();
    let seed = seed?;
    Some(Identity::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::TempDir;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use std::cell::{Cell, RefCell};

    /// A keyring that works, refuses, forgets, or is locked.
    #[derive(Default)]
    struct Keyring {
        takes: bool,
        forgets: bool,
        locked: Cell<bool>,
        kept: RefCell<Option<String>>,
    }

    impl IdentityKeeper for Keyring {
        fn load(&self) -> Result<Option<Zeroizing<String>>, KeyringRefusal> {
            if self.locked.get() {
                return Err(KeyringRefusal("it is locked".into()));
            }
            Ok(self.kept.borrow().clone().map(Zeroizing::new))
        }

        fn keep(&self, secret: &str) -> Result<(), KeyringRefusal> {
            if !self.takes || self.locked.get() {
                return Err(KeyringRefusal("it does not want to".into()));
            }
            if !self.forgets {
                *self.kept.borrow_mut() = Some(secret.to_owned());
            }
            Ok(())
        }
    }

    fn kept(
        folder: &TempDir,
        keyring: &Keyring,
        seed: u64,
    ) -> Result<(Identity, Kept), IdentityError> {
        kept_identity(folder.path(), keyring, &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn an_identity_is_made_once_and_kept() {
        for (takes, forgets, where_) in [
            (true, false, Kept::Keyring),
            (false, false, Kept::File),
            (true, true, Kept::File),
        ] {
            let (folder, keyring) = (
                TempDir::new(),
                Keyring {
                    takes,
                    forgets,
                    ..Keyring::default()
                },
            );
            let (first, kept_in) = kept(&folder, &keyring, 1).unwrap();
            let (second, again) = kept(&folder, &keyring, 2).unwrap();
            assert_eq!(first.public(), second.public());
            assert_eq!((kept_in, again), (where_, where_));
        }
    }

    #[test]
    fn who_only_looks_for_an_identity_makes_none() {
        let (folder, keyring) = (TempDir::new(), Keyring::default());
        assert!(find_identity(folder.path(), &keyring).unwrap().is_none());
        let (made, _) = kept(&folder, &keyring, 1).unwrap();
        let (found, kept_in) = find_identity(folder.path(), &keyring).unwrap().unwrap();
        assert_eq!(found.public(), made.public());
        assert_eq!(kept_in, Kept::File);
    }

    #[test]
    fn a_keyring_that_is_locked_or_has_lost_it_makes_no_stranger_of_us() {
        let (folder, keyring) = (
            TempDir::new(),
            Keyring {
                takes: true,
                ..Keyring::default()
            },
        );
        let (first, _) = kept(&folder, &keyring, 1).unwrap();
        let in_file = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(in_file, IN_KEYRING, "the secret is nowhere else");
        keyring.locked.set(true);
        let error = kept(&folder, &keyring, 2).unwrap_err();
        assert!(matches!(error, IdentityError::Keyring(_)), "{error}");
        keyring.locked.set(false);
        let (again, _) = kept(&folder, &keyring, 3).unwrap();
        assert_eq!(first.public(), again.public());
        keyring.kept.take();
        let error = kept(&folder, &keyring, 4).unwrap_err();
        assert!(
            matches!(error, IdentityError::NotInKeyring { .. }),
            "{error}"
        );
    }

    #[test]
    fn what_a_locked_keyring_holds_is_not_written_over() {
        let (folder, keyring) = (
            TempDir::new(),
            Keyring {
                takes: true,
                ..Keyring::default()
            },
        );
        kept(&folder, &keyring, 1).unwrap();
        let before = keyring.kept.borrow().clone();
        fs::remove_file(folder.path().join(FILE)).unwrap();
        keyring.locked.set(true);
        let (_, kept_in) = kept(&folder, &keyring, 2).unwrap();
        assert_eq!(kept_in, Kept::File);
        assert_eq!(*keyring.kept.borrow(), before);
    }

    #[test]
    fn a_damaged_file_is_not_replaced() {
        let (folder, keyring) = (TempDir::new(), Keyring::default());
        let path = folder.path().join(FILE);
        for damaged in ["", "too short", &"A".repeat(5_000), "ö"] {
            fs::write(&path, damaged).unwrap();
            let error = kept(&folder, &keyring, 1).unwrap_err();
            assert!(matches!(error, IdentityError::Damaged { .. }), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, keyring) = (TempDir::new(), Keyring::default());
        kept(&folder, &keyring, 1).unwrap();
        let mode = fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
