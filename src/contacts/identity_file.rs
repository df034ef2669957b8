use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use crate::trust::Identity;

const FILE: &str = "identity.key";
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
}

/// What keeps a secret for this person: the system's keyring, if it has one.
pub trait IdentityKeeper {
    /// What was kept; none if nothing was, or nothing is kept at all.
    fn load(&self) -> Option<Zeroizing<String>>;
    /// Whether it is kept from now on.
    fn keep(&self, secret: &str) -> bool;
}

/// Where there is none.
#[derive(Debug, Clone, Copy)]
pub struct NoKeyring;

impl IdentityKeeper for NoKeyring {
    fn load(&self) -> Option<Zeroizing<String>> {
        None
    }

    fn keep(&self, _: &str) -> bool {
        false
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
    let path = folder.join(FILE);
    // The file first: it was made where the keyring refused, and is the one that friends know.
    if let Some(identity) = from_file(&path)? {
        return Ok((identity, Kept::File));
    }
    if let Some(identity) = keyring.load().and_then(|text| understand(&text)) {
        return Ok((identity, Kept::Keyring));
    }
    let identity = Identity::new(rng);
    let kept = keep_identity(&identity, folder, keyring)?;
    Ok((identity, kept))
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
    if keyring.keep(&text) && keyring.load().is_some_and(|kept| *kept == *text) {
        return match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(IdentityError::Io { path, source })
            }
            _ => Ok(Kept::Keyring),
        };
    }
    write_private(&path, text.as_bytes()).map_err(|source| IdentityError::Io { path, source })?;
    Ok(Kept::File)
}

fn from_file(path: &Path) -> Result<Option<Identity>, IdentityError> {
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
    understand(text).map(Some).ok_or_else(damaged)
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

/// Whole or not at all, and readable by its owner only.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // One that a crash has left may be readable by others.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)?;
    // So that the new name survives a crash as well; elsewhere folders cannot be opened.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::TempDir;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use std::cell::RefCell;

    /// A keyring that works, refuses, or forgets.
    #[derive(Default)]
    struct Keyring {
        takes: bool,
        forgets: bool,
        kept: RefCell<Option<String>>,
    }

    impl IdentityKeeper for Keyring {
        fn load(&self) -> Option<Zeroizing<String>> {
            self.kept.borrow().clone().map(Zeroizing::new)
        }

        fn keep(&self, secret: &str) -> bool {
            if self.takes && !self.forgets {
                *self.kept.borrow_mut() = Some(secret.to_owned());
            }
            self.takes
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
