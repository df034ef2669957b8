use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Contact, StandingRoom};
use crate::trust::{Identity, Portrait, PublicIdentity};

/// What every such file says it is.
const FORMAT: &str = "twocan-contacts";
const VERSION: u32 = 1;
/// Nobody knows so many people.
const MAX_FILE_BYTES: usize = 16 << 20;
/// So many portraits leave room in a file for everything else.
const MAX_PORTRAITS: usize = 500;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
/// Argon2id with 64 MiB and three passes (RFC 9106, section 4: the second recommended option): about a fifth
/// of a second for its owner, and as long for every guess.
const MEMORY_KIB: u32 = 64 * 1_024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
/// A file may ask for other costs, but not for all there is.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 32;
const MOST_LANES: u32 = 16;

/// All that goes to another computer.
#[derive(Debug)]
pub struct Export {
    /// Who this person is.
    pub identity: Identity,
    /// Whom they know.
    pub contacts: Vec<Contact>,
    /// From whom they want to hear nothing.
    pub blocked: Vec<(PublicIdentity, String)>,
    /// Where they meet.
    pub rooms: Vec<StandingRoom>,
    /// How contacts look, and how this person does.
    pub portraits: Vec<(PublicIdentity, Portrait)>,
}

#[derive(Serialize, Deserialize)]
struct Inside {
    seed: Zeroizing<String>,
    contacts: Vec<Contact>,
    blocked: Vec<(PublicIdentity, String)>,
    rooms: Vec<StandingRoom>,
    /// An earlier Twocan knows none, and one that is not understood is not missed.
    #[serde(default)]
    portraits: Vec<(PublicIdentity, String)>,
}

#[derive(Serialize, Deserialize)]
struct Outside {
    format: String,
    version: u32,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

/// Why a file of contacts cannot be made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Nobody could not guess it.
    #[error("the passphrase is empty; whoever finds the file could be you")]
    NoPassphrase,
    /// Something else.
    #[error("this is no file of Twocan's contacts")]
    NotContacts,
    /// A later Twocan made it.
    #[error("this file was made by a newer Twocan; update this one to import it")]
    Newer,
    /// It was one once.
    #[error("the file is damaged")]
    Damaged,
    /// It does not open.
    #[error("the passphrase is wrong, or the file was changed")]
    WrongPassphrase,
}

impl Export {
    /// As a file that only who has the passphrase can read.
    ///
    /// # Errors
    /// When the passphrase is empty.
    pub fn seal(&self, passphrase: &str, rng: &mut impl CryptoRng) -> Result<Vec<u8>, ExportError> {
        if passphrase.is_empty() {
            return Err(ExportError::NoPassphrase);
        }
        // Our own first, so that it is not what is left out.
        let own = self.identity.public();
        let (ours, others): (Vec<_>, Vec<_>) =
            self.portraits.iter().partition(|(who, _)| *who == own);
        let portraits = ours.into_iter().chain(others).take(MAX_PORTRAITS);
        let inside = Inside {
            seed: Zeroizing::new(BASE64URL_NOPAD.encode(self.identity.seed())),
            contacts: self.contacts.clone(),
            blocked: self.blocked.clone(),
            rooms: self.rooms.clone(),
            portraits: portraits
                .map(|(who, portrait)| (*who, portrait.clone().into()))
                .collect(),
        };
        // Plain structs with string keys: serializing them cannot fail.
        let inside = Zeroizing::new(serde_json::to_vec(&inside).unwrap_or_default());
        let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        let (memory_kib, passes, lanes) = (MEMORY_KIB, PASSES, LANES);
        let key = stretch(passphrase, &salt, memory_kib, passes, lanes)?;
        let message = Payload {
            msg: &inside,
            aad: &associated(memory_kib, passes, lanes),
        };
        let cipher = XChaCha20Poly1305::new(&Key::from(*key));
        let sealed = cipher.encrypt(&XNonce::from(nonce), message);
        let sealed = sealed.map_err(|_| ExportError::Damaged)?;
        let file = serde_json::json!({
            "format": FORMAT,
            "version": VERSION,
            "memory_kib": memory_kib,
            "passes": passes,
            "lanes": lanes,
            "salt": BASE64URL_NOPAD.encode(&salt),
            "nonce": BASE64URL_NOPAD.encode(&nonce),
            "sealed": BASE64URL_NOPAD.encode(&sealed),
        });
        Ok(format!("{file:#}\n").into_bytes())
    }

    /// From a file.
    ///
    /// # Errors
    /// When it is none, was changed, is of a newer version, or the passphrase is not its own.
    pub fn open(file: &[u8], passphrase: &str) -> Result<Self, ExportError> {
        if file.len() > MAX_FILE_BYTES {
            return Err(ExportError::NotContacts);
        }
        let outside: Outside =
            serde_json::from_slice(file).map_err(|_| ExportError::NotContacts)?;
        if outside.format != FORMAT {
            return Err(ExportError::NotContacts);
        }
        if outside.version > VERSION {
            return Err(ExportError::Newer);
        }
        let sealed: Sealed =
            serde_json::from_value(outside.rest.into()).map_err(|_| ExportError::Damaged)?;
        let Sealed {
            memory_kib,
            passes,
            lanes,
            ..
        } = sealed;
        let affordable =
            memory_kib <= MOST_MEMORY_KIB && passes <= MOST_PASSES && lanes <= MOST_LANES;
        let (salt, nonce, content) = (
            bytes_of(&sealed.salt)?,
            bytes_of(&sealed.nonce)?,
            bytes_of(&sealed.sealed)?,
        );
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| ExportError::Damaged)?;
        if !affordable || salt.len() != SALT_BYTES {
            return Err(ExportError::Damaged);
        }
        let key = stretch(passphrase, &salt, memory_kib, passes, lanes)?;
        let message = Payload {
            msg: &content,
            aad: &associated(memory_kib, passes, lanes),
        };
        let cipher = XChaCha20Poly1305::new(&Key::from(*key));
        let inside = cipher.decrypt(&XNonce::from(nonce), message);
        let inside = Zeroizing::new(inside.map_err(|_| ExportError::WrongPassphrase)?);
        let inside: Inside = serde_json::from_slice(&inside).map_err(|_| ExportError::Damaged)?;
        let seed = Zeroizing::new(bytes_of(&inside.seed)?);
        let seed = <[u8; 32]>::try_from(seed.as_slice()).map_err(|_| ExportError::Damaged)?;
        let portraits = inside.portraits.into_iter().take(MAX_PORTRAITS);
        Ok(Self {
            identity: Identity::from_seed(&Zeroizing::new(seed)),
            contacts: inside.contacts,
            blocked: inside.blocked,
            rooms: inside.rooms,
            portraits: portraits
                .filter_map(|(who, portrait)| Some((who, portrait.try_into().ok()?)))
                .collect(),
        })
    }
}

fn bytes_of(text: &str) -> Result<Vec<u8>, ExportError> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| ExportError::Damaged)
}

/// What the file says of its costs is sealed with the rest.
fn associated(memory_kib: u32, passes: u32, lanes: u32) -> Vec<u8> {
    format!("{FORMAT} {VERSION} {memory_kib} {passes} {lanes}").into_bytes()
}

fn stretch(
    passphrase: &str,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
    lanes: u32,
) -> Result<Zeroizing<[u8; 32]>, ExportError> {
    let params = Params::new(memory_kib, passes, lanes, Some(32));
    let params = params.map_err(|_| ExportError::Damaged)?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut key = Zeroizing::new([0; 32]);
    argon
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .map_err(|_| ExportError::Damaged)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::trust::Invite;
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn some() -> Export {
        let mut rng = StdRng::seed_from_u64(1);
        let friend = Identity::new(&mut rng).public();
        Export {
            identity: Identity::new(&mut rng),
            contacts: vec![Contact {
                identity: friend,
                name: "Maya".to_owned(),
                verified: true,
                server: None,
            }],
            portraits: vec![(friend, Portrait::plain([200, 0, 0]))],
            blocked: vec![],
            rooms: vec![StandingRoom {
                name: "family".to_owned(),
                invite: Invite::standing(vec!["a.example".parse().unwrap()], &mut rng).unwrap(),
                until: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            }],
        }
    }

    fn sealed() -> Vec<u8> {
        some()
            .seal("correct horse", &mut StdRng::seed_from_u64(2))
            .unwrap()
    }

    #[test]
    fn what_is_exported_is_imported_by_who_has_the_passphrase() {
        let file = sealed();
        let text = String::from_utf8(file.clone()).unwrap();
        assert!(!text.contains("Maya"));
        let opened = Export::open(&file, "correct horse").unwrap();
        assert_eq!(opened.identity.public(), some().identity.public());
        assert_eq!(opened.contacts, some().contacts);
        assert_eq!(opened.portraits, some().portraits);
        assert_eq!(opened.rooms, some().rooms);
        assert!(opened.rooms[0].until.is_some());
        let wrong = Export::open(&file, "correct hose").unwrap_err();
        assert_eq!(wrong, ExportError::WrongPassphrase);
    }

    #[test]
    fn there_is_room_for_many_portraits_and_our_own_is_among_them() {
        let mut rng = StdRng::seed_from_u64(3);
        let portrait = Portrait::plain([0, 200, 0]);
        let mut export = some();
        let friend = Identity::new(&mut rng).public();
        export.portraits = vec![(friend, portrait.clone()); MAX_PORTRAITS + 7];
        let own = (export.identity.public(), portrait);
        export.portraits.push(own.clone());
        let file = export.seal("correct horse", &mut rng).unwrap();
        let opened = Export::open(&file, "correct horse").unwrap();
        assert_eq!(opened.portraits.len(), MAX_PORTRAITS);
        assert!(opened.portraits.contains(&own));
        // As text inside of a text, the largest portraits are so much longer.
        const { assert!(MAX_PORTRAITS * Portrait::MAX_BYTES * 16 / 9 < MAX_FILE_BYTES * 3 / 4) };
    }

    #[test]
    fn what_an_earlier_or_a_later_twocan_wrote_about_portraits_is_understood() {
        let who = String::from(some().identity.public());
        let inside = |portraits: &str| {
            let text = format!(r#"{{"seed":"","contacts":[],"blocked":[],"rooms":[]{portraits}}}"#);
            let inside: Inside = serde_json::from_str(&text).unwrap();
            inside.portraits.len()
        };
        assert_eq!(inside(""), 0);
        assert_eq!(
            inside(&format!(r#","portraits":[["{who}","of a later kind"]]"#)),
            1
        );
    }

    #[test]
    fn a_file_that_is_none_a_newer_and_a_damaged_one_are_told_apart() {
        let text = String::from_utf8(sealed()).unwrap();
        for (file, error) in [
            (String::new(), ExportError::NotContacts),
            ("{}".to_owned(), ExportError::NotContacts),
            (
                text.replace(FORMAT, "something-else"),
                ExportError::NotContacts,
            ),
            (
                text.replace("\"version\": 1", "\"version\": 2"),
                ExportError::Newer,
            ),
            (text.replace("\"salt\"", "\"pepper\""), ExportError::Damaged),
            (text.replace("65536", "4294967295"), ExportError::Damaged),
            (
                text.replace("\"passes\": 3", "\"passes\": 4"),
                ExportError::WrongPassphrase,
            ),
        ] {
            let refused = Export::open(file.as_bytes(), "correct horse").unwrap_err();
            assert_eq!(refused, error, "{file}");
        }
    }

    #[test]
    fn without_a_passphrase_there_is_no_file() {
        let refused = some().seal("", &mut StdRng::seed_from_u64(2)).unwrap_err();
        assert_eq!(refused, ExportError::NoPassphrase);
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Export::open(&bytes, "x").is_err());
        }
    }
}
