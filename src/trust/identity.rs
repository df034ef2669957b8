use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use twocan_protocol::RoomId;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::keys::{Schedule, expand_room};

const SEED_BYTES: usize = 32;
pub const SIGNATURE_BYTES: usize = 64;

/// Who this person is to friends: a key to sign with (Ed25519, RFC 8032) and one to agree on secrets
/// with (X25519, RFC 7748), both made from one secret seed.
///
/// `Debug` shows none of it, and the seed is wiped when it is dropped.
pub struct Identity {
    seed: Zeroizing<[u8; SEED_BYTES]>,
    signs: Ed25519KeyPair,
    agrees: StaticSecret,
    public: PublicIdentity,
}

/// What friends know of an [`Identity`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicIdentity {
    signs: [u8; 32],
    agrees: [u8; 32],
}

impl Identity {
    /// Of somebody new.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        rng.fill_bytes(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// Of somebody who kept [`Self::seed`].
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        let keys = Schedule::new(b"twocan identity 1", seed);
        let signs: Zeroizing<[u8; 32]> = keys.expand(b"signs");
        let agrees: Zeroizing<[u8; 32]> = keys.expand(b"agrees");
        let signs = Ed25519KeyPair::from_seed_unchecked(signs.as_ref())
            .expect("any 32 bytes are the seed of a key");
        let agrees = StaticSecret::from(*agrees);
        let mut public = PublicIdentity {
            signs: [0; 32],
            agrees: PublicKey::from(&agrees).to_bytes(),
        };
        public.signs.copy_from_slice(signs.public_key().as_ref());
        Self {
            seed: Zeroizing::new(*seed),
            signs,
            agrees,
            public,
        }
    }

    /// What to keep, secretly.
    pub fn seed(&self) -> &[u8; SEED_BYTES] {
        &self.seed
    }

    /// What friends may know.
    pub fn public(&self) -> PublicIdentity {
        self.public
    }

    /// Signs.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        signature.copy_from_slice(self.signs.sign(message).as_ref());
        signature
    }

    /// What this person has in common with a friend and with nobody else; none where the friend's key
    /// is none that anybody can have.
    pub fn common_with(&self, friend: &PublicIdentity) -> Option<Common> {
        let agreed = self.agrees.diffie_hellman(&PublicKey::from(friend.agrees));
        if !agreed.was_contributory() {
            return None;
        }
        let (low, high) = if self.public <= *friend {
            (self.public, *friend)
        } else {
            (*friend, self.public)
        };
        let both = [low.signs, low.agrees, high.signs, high.agrees].concat();
        let keys = Schedule::new(&both, agreed.as_bytes());
        Some(Common {
            door: keys.expand(b"twocan contact 1"),
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// The secret of two contacts: it opens their mailbox, and the handshake there.
///
/// `Debug` shows none of it.
pub struct Common {
    door: Zeroizing<[u8; 32]>,
}

impl Common {
    /// Where the two meet on a day, counted from 1970: a room whose name means nothing to anybody else,
    /// and tomorrow it is another.
    pub fn mailbox(&self, day: u64) -> RoomId {
        let keys = Schedule::new(b"twocan mailbox 1", self.door.as_ref());
        expand_room(&keys, &day.to_be_bytes())
    }

    /// The key to the handshake.
    pub fn secret(&self) -> &[u8; 32] {
        &self.door
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Common(…)")
    }
}

impl PublicIdentity {
    /// Both keys.
    pub(super) fn to_bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.signs);
        bytes[32..].copy_from_slice(&self.agrees);
        bytes
    }

    /// Whether they signed it.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.signs);
        key.verify(message, signature).is_ok()
    }
}

impl From<PublicIdentity> for String {
    fn from(identity: PublicIdentity) -> Self {
        BASE64URL_NOPAD.encode(&identity.to_bytes())
    }
}

impl TryFrom<String> for PublicIdentity {
    type Error = NotAnIdentity;

    fn try_from(text: String) -> Result<Self, NotAnIdentity> {
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| NotAnIdentity)?;
        let (signs, agrees) = bytes.split_at_checked(32).ok_or(NotAnIdentity)?;
        Ok(Self {
            signs: signs.try_into().map_err(|_| NotAnIdentity)?,
            agrees: agrees.try_into().map_err(|_| NotAnIdentity)?,
        })
    }
}

impl fmt::Debug for PublicIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicIdentity(…)")
    }
}

/// Not the 64 bytes of two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is nobody's key")]
pub struct NotAnIdentity;

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn somebody(seed: u64) -> Identity {
        Identity::new(&mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn the_same_seed_is_the_same_person() {
        let anna = somebody(1);
        assert_eq!(Identity::from_seed(anna.seed()).public(), anna.public());
        assert_ne!(somebody(2).public(), anna.public());
    }

    #[test]
    fn only_who_has_the_key_signs() {
        let (anna, ben) = (somebody(1), somebody(2));
        let signature = anna.sign(b"it is me");
        assert!(anna.public().signed(b"it is me", &signature));
        assert!(!anna.public().signed(b"it is you", &signature));
        assert!(!ben.public().signed(b"it is me", &signature));
    }

    #[test]
    fn two_friends_meet_at_the_same_place_and_nobody_else_does() {
        let (anna, ben, carl) = (somebody(1), somebody(2), somebody(3));
        let there = anna.common_with(&ben.public()).unwrap();
        let here = ben.common_with(&anna.public()).unwrap();
        let other = carl.common_with(&anna.public()).unwrap();
        assert_eq!(there.secret(), here.secret());
        assert_eq!(there.mailbox(20_000), here.mailbox(20_000));
        assert_ne!(there.mailbox(20_000), there.mailbox(20_001));
        assert_ne!(there.mailbox(20_000), other.mailbox(20_000));
    }

    #[test]
    fn a_key_that_nobody_can_have_is_refused() {
        let nobody = PublicIdentity {
            signs: [0; 32],
            agrees: [0; 32],
        };
        assert!(somebody(1).common_with(&nobody).is_none());
    }

    #[test]
    fn a_public_identity_survives_the_way() {
        let anna = somebody(1).public();
        let text = serde_json::to_string(&anna).unwrap();
        assert_eq!(serde_json::from_str::<PublicIdentity>(&text).unwrap(), anna);
        for bad in ["\"\"", "\"AAAA\"", "7", "\"ö\""] {
            assert!(
                serde_json::from_str::<PublicIdentity>(bad).is_err(),
                "{bad}"
            );
        }
    }
}
