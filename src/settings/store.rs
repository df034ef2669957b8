use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Settings;

const SETTINGS_FILE: &str = "settings.json";
const LOCK_FILE: &str = "lock";
/// Nothing that this program writes is larger; anything larger is not its own.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Damaged files of one name that are kept.
const MAX_PUT_ASIDE: u32 = 20;

/// Why settings cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another window of Twocan has the folder.
    #[error("Twocan is already open; look for its window")]
    AlreadyOpen,
    /// The system knows no place for settings.
    #[error("the system does not say where settings belong; set HOME")]
    NoHome,
    /// The folder or a file in it.
    #[error("settings cannot be kept in {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Loaded<T> {
    /// It was there and makes sense.
    Fine(T),
    /// It was never written.
    Missing,
    /// It made no sense and was put aside, there; nowhere if the folder cannot be written.
    Damaged(Option<PathBuf>),
}

/// A folder of small JSON files, readable by their owner only, for one running Twocan at a time.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// The folder where the system wants settings of this person.
    ///
    /// # Errors
    /// When the system knows none.
    pub fn usual_folder() -> Result<PathBuf, StoreError> {
        let folders = directories::ProjectDirs::from("", "", "twocan").ok_or(StoreError::NoHome)?;
        Ok(folders.config_dir().to_owned())
    }

    /// Takes the folder, made if it is missing.
    ///
    /// # Errors
    /// When it cannot be made, or another Twocan has it.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let folder = folder.into();
        let failed = |source| StoreError::Io {
            path: folder.clone(),
            source,
        };
        make_private_folder(&folder).map_err(failed)?;
        let lock = private()
            .truncate(false)
            .open(folder.join(LOCK_FILE))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder,
                _lock: lock,
            }),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::AlreadyOpen),
            Err(fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The settings, and a sentence if any of them could not be used.
    pub fn load_settings(&self) -> (Settings, Option<String>) {
        match self.load::<Settings>(SETTINGS_FILE) {
            Loaded::Fine(settings) => {
                let server = settings.server.clone();
                let settings = settings.validated();
                let replaced = server.filter(|_| settings.server.is_none());
                let sentence = replaced.map(|server| {
                    format!(
                        "“{server}” in your settings is no address of a call server, so your calls start on this computer. Settings → Network has the right form."
                    )
                });
                (settings, sentence)
            }
            Loaded::Missing => (Settings::default(), None),
            Loaded::Damaged(kept) => {
                let kept = match kept.as_deref().and_then(Path::file_name) {
                    Some(name) => format!("The old file is kept as {}.", name.to_string_lossy()),
                    None => "They cannot be kept either: their folder cannot be written.".into(),
                };
                let sentence = format!(
                    "Your settings could not be read, so Twocan starts with fresh ones. {kept}"
                );
                (Settings::default(), Some(sentence))
            }
        }
    }

    /// Keeps the settings.
    ///
    /// # Errors
    /// When the file cannot be written; the old one is still whole.
    pub fn save_settings(&self, settings: &Settings) -> Result<(), StoreError> {
        self.save(SETTINGS_FILE, settings)
    }

    /// Reads one file.
    pub fn load<T: DeserializeOwned>(&self, file: &str) -> Loaded<T> {
        let path = self.folder.join(file);
        match read_bounded(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(value) => Loaded::Fine(value),
                Err(error) => {
                    tracing::warn!(file, %error, "a file is damaged");
                    self.put_aside(&path)
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Loaded::Missing,
            Err(error) => {
                tracing::warn!(file, %error, "a file cannot be read");
                self.put_aside(&path)
            }
        }
    }

    /// Writes one file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written; the old one is still whole.
    pub fn save(&self, file: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let path = self.folder.join(file);
        let scratch = self.folder.join(format!("{file}.new"));
        let write = || {
            let mut bytes = serde_json::to_vec_pretty(value)?;
            bytes.push(b'\n');
            let mut out = private().truncate(true).open(&scratch)?;
            out.write_all(&bytes)?;
            out.sync_all()?;
            fs::rename(&scratch, &path)
        };
        write().map_err(|source| StoreError::Io {
            path: path.clone(),
            source,
        })
    }

    /// Never over a file that was put aside before, unless there are very many.
    fn put_aside<T>(&self, path: &Path) -> Loaded<T> {
        let kept = (1..MAX_PUT_ASIDE)
            .map(|number| path.with_extension(damaged_extension(number)))
            .find(|kept| !kept.exists())
            .unwrap_or_else(|| path.with_extension(damaged_extension(MAX_PUT_ASIDE)));
        Loaded::Damaged(match fs::rename(path, &kept) {
            Ok(()) => Some(kept),
            Err(error) => {
                tracing::warn!(%error, "a damaged file cannot be put aside");
                None
            }
        })
    }
}

fn damaged_extension(number: u32) -> String {
    match number {
        1 => "damaged.json".into(),
        _ => format!("damaged-{number}.json"),
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let length = fs::metadata(path)?.len();
    if length > MAX_FILE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is far too large",
        ));
    }
    fs::read(path)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::TempDir;

    #[test]
    fn settings_come_back_as_they_were_saved_and_only_their_owner_reads_them() {
        let folder = TempDir::new();
        let store = Store::open(folder.path()).expect("a free folder");
        assert_eq!(store.load_settings(), (Settings::default(), None));
        let settings = Settings {
            name: "Jonas".into(),
            scale: 1.5,
            ..Settings::default()
        };
        store.save_settings(&settings).expect("room for a file");
        assert_eq!(store.load_settings(), (settings, None));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(SETTINGS_FILE)).expect("it is there");
            assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn damaged_settings_are_kept_aside_and_said_once() {
        let folder = TempDir::new();
        let store = Store::open(folder.path()).expect("a free folder");
        let file = folder.path().join(SETTINGS_FILE);
        let damages = [
            ("settings.damaged.json", &b"{\"name\": 7"[..]),
            ("settings.damaged-2.json", b"\xff\xfe"),
            ("settings.damaged-3.json", b"[7]"),
            ("settings.damaged-4.json", b""),
        ];
        for (kept, damage) in damages {
            fs::write(&file, damage).expect("room for a file");
            let (settings, sentence) = store.load_settings();
            assert_eq!(settings, Settings::default());
            assert!(sentence.is_some_and(|words| words.contains(kept)));
            assert_eq!(store.load_settings().1, None, "said once");
        }
        for (kept, damage) in damages {
            assert_eq!(fs::read(folder.path().join(kept)).expect("kept"), damage);
        }
    }

    #[test]
    fn a_server_that_is_none_is_said() {
        let folder = TempDir::new();
        let store = Store::open(folder.path()).expect("a free folder");
        let settings = Settings {
            server: Some("wss//example here".into()),
            ..Settings::default()
        };
        store.save_settings(&settings).expect("room for a file");
        let (settings, sentence) = store.load_settings();
        assert_eq!(settings.server, None);
        assert!(sentence.is_some_and(|words| words.contains("“wss//example here”")));
    }

    #[test]
    fn a_second_twocan_is_told_that_there_is_a_first() {
        let folder = TempDir::new();
        let first = Store::open(folder.path()).expect("a free folder");
        assert!(matches!(
            Store::open(folder.path()),
            Err(StoreError::AlreadyOpen)
        ));
        drop(first);
        assert!(Store::open(folder.path()).is_ok());
    }
}
