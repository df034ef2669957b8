use std::fmt;
use std::mem;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use ring::digest::{self, SHA256};
use ring::hmac;
use serde::{Deserialize, Serialize};
use spake2::{Ed25519Group, Identity as Side, Password, Spake2};
use x25519_dalek::{EphemeralSecret, PublicKey};
use zeroize::Zeroizing;

use super::channel::{Channel, ChannelError};
use super::code::Code;
use super::fingerprint::Fingerprint;
use super::identity::{Identity, PublicIdentity};
use super::keys::Schedule;
use super::parcel::{self, Kind};
use super::phrase::SafetyPhrase;

/// The version of the handshake and of all that is sealed after it; it is part of every key.
pub const TRUST_VERSION: u8 = 2;
const SHARE_BYTES: usize = 32;
const NONCE_BYTES: usize = 32;
const HASH_BYTES: usize = 32;
/// The longest card that is taken from anyone: keys, a fingerprint, and a name of any honest length.
const MAX_CARD_BYTES: usize = 1_024;

type Hash = [u8; HASH_BYTES];

/// What the two have in common before they meet.
#[derive(Clone)]
pub enum Door {
    /// A spoken code. One of the two made it.
    Code {
        /// The code.
        code: Code,
        /// It is ours.
        ours: bool,
    },
    /// A secret that nobody guesses: of a link, of two contacts, or of an earlier meeting.
    Secret(Zeroizing<[u8; 32]>),
}

impl Door {
    fn mark(&self) -> u8 {
        match self {
            Self::Code { ours: true, .. } => 1,
            Self::Code { ours: false, .. } => 2,
            Self::Secret(_) => 3,
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { code, ours } => f
                .debug_struct("Code")
                .field("code", code)
                .field("ours", ours)
                .finish(),
            Self::Secret(_) => f.write_str("Secret(…)"),
        }
    }
}

/// What a side says of itself.
#[derive(Clone)]
pub struct Card {
    /// Who it is.
    pub identity: Arc<Identity>,
    /// As this person calls themselves; may be empty.
    pub name: String,
    /// Of the certificate with which it will make the direct line (DTLS, RFC 8122).
    pub fingerprint: Fingerprint,
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Card(…)")
    }
}

/// Who somebody has proved to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduced {
    /// Their keys, of which they have shown to hold the secret one.
    pub identity: PublicIdentity,
    /// As they call themselves; not to be shown before it was cleaned.
    pub name: String,
    /// Of the only certificate that is theirs.
    pub fingerprint: Fingerprint,
    /// What both see, if nobody is in between.
    pub phrase: SafetyPhrase,
}

/// How far a handshake is.
#[derive(Debug)]
pub enum Progress {
    /// This is to be sent.
    Say(String),
    /// It is done.
    Done(Box<Met>),
}

/// What a handshake ends with.
#[derive(Debug)]
pub struct Met {
    /// The way to each other from now on.
    pub channel: Channel,
    /// Who it is.
    pub who: Introduced,
    /// Opens the way anew when the server was lost; a code is good for one time only.
    pub again: Door,
}

/// Two find out over a server that they trust with nothing whether they are the ones who want to meet.
///
/// ```text
/// share          →  ←  share          a message of SPAKE2, or a key of X25519; in the clear
///                       keys from the secret and both shares
/// confirmation   →  ←  confirmation   an HMAC: who sends it has the key; and a commitment to the card
/// card           →  ←  card           sealed: keys, name, fingerprint of the certificate, a nonce
/// proof          →  ←  proof          sealed: a signature over everything before
/// ```
///
/// Each side says its next word when it has the other's last one, so that the four cross and take two
/// round trips. With a code the share is a message of SPAKE2 (as `spake2` 0.4 has it, which is older than RFC 9382) with both roles, the version
/// and the number of the code in it, so that a stranger, or the server, has one guess at the words, and
/// the one whose code it is sees that guess fail. With a secret it is a key of X25519 (RFC 7748) for this
/// meeting only, so that others who have the secret too, as all who have a link, read nothing of it, and
/// nobody who learns it later does. The confirmation is an HMAC and not something sealed,
/// since a sealed message can be made to open under many keys and so be many guesses at once. The
/// commitment comes before the nonces are known, so that nobody in between can try until the
/// [`SafetyPhrase`] of two calls is the same.
pub struct Handshake {
    card: Card,
    /// Nobody else will do.
    expects: Option<PublicIdentity>,
    door: Door,
    my_card: Zeroizing<Vec<u8>>,
    stage: Stage,
}

enum Stage {
    Sharing { part: Part, my_share: Vec<u8> },
    Confirming(Box<Agreed>),
    Introducing(Box<Agreed>, Hash),
    Proving(Box<Agreed>, Box<Theirs>),
    Over,
}

/// What makes a key of their share.
enum Part {
    Code(Box<Spake2<Ed25519Group>>),
    Secret(Box<EphemeralSecret>),
}

/// What follows from both shares.
struct Agreed {
    keys: Schedule,
    channel: Channel,
    /// Of the two shares, ours sorts before theirs.
    low: bool,
    shares: Hash,
}

/// What they said of themselves, and the hash of everything up to that.
struct Theirs {
    card: CardOnTheWay,
    transcript: Hash,
}

#[derive(Serialize, Deserialize)]
struct CardOnTheWay {
    identity: PublicIdentity,
    name: String,
    fingerprint: Fingerprint,
    nonce: String,
}

impl Handshake {
    /// Begins; the text is to be sent. With `expects`, nobody else will do.
    pub fn new(
        door: Door,
        card: Card,
        expects: Option<PublicIdentity>,
        rng: &mut impl CryptoRng,
    ) -> (Self, String) {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let on_the_way = CardOnTheWay {
            identity: card.identity.public(),
            name: card.name.clone(),
            fingerprint: card.fingerprint,
            nonce: BASE64URL_NOPAD.encode(&nonce),
        };
        // Plain structs with string keys: serializing them cannot fail.
        let my_card = Zeroizing::new(serde_json::to_vec(&on_the_way).unwrap_or_default());
        let (part, share) = match &door {
            Door::Code { code, ours } => {
                let (spake, share) = start_spake(code, *ours, rng);
                (Part::Code(Box::new(spake)), share)
            }
            Door::Secret(_) => {
                let ephemeral = EphemeralSecret::random_from_rng(rng);
                let share = PublicKey::from(&ephemeral).to_bytes().to_vec();
                (Part::Secret(Box::new(ephemeral)), share)
            }
        };
        let my_share = [&[TRUST_VERSION, door.mark()], share.as_slice()].concat();
        let said = parcel::wrap(Kind::Share, &parcel::pad(&my_share).unwrap_or_default());
        let handshake = Self {
            card,
            expects,
            door,
            my_card,
            stage: Stage::Sharing { part, my_share },
        };
        (handshake, said)
    }

    /// Takes what the other side said.
    ///
    /// # Errors
    /// When they are not who is to be met, or somebody is in between. It is over then.
    pub fn handle(&mut self, text: &str) -> Result<Progress, HandshakeError> {
        let (kind, content) = parcel::unwrap(text).ok_or(HandshakeError::Malformed)?;
        match (mem::replace(&mut self.stage, Stage::Over), kind) {
            (Stage::Sharing { part, my_share }, Kind::Share) => {
                self.handle_share(part, &my_share, &content)
            }
            (Stage::Confirming(agreed), Kind::Confirmation) => {
                self.handle_confirmation(agreed, &content)
            }
            (Stage::Introducing(agreed, promised), Kind::Sealed) => {
                self.handle_card(agreed, &promised, &content)
            }
            (Stage::Proving(agreed, theirs), Kind::Sealed) => {
                self.handle_proof(*agreed, *theirs, &content)
            }
            _ => Err(HandshakeError::Malformed),
        }
    }

    fn handle_share(
        &mut self,
        part: Part,
        mine: &[u8],
        content: &[u8],
    ) -> Result<Progress, HandshakeError> {
        let theirs = parcel::unpad(content).ok_or(HandshakeError::Malformed)?;
        let ([version, mark], share) = theirs
            .split_first_chunk()
            .ok_or(HandshakeError::Malformed)?;
        if *version != TRUST_VERSION {
            return Err(HandshakeError::WrongVersion(*version));
        }
        if theirs == mine {
            return Err(HandshakeError::Reflected);
        }
        let expected = match self.door.mark() {
            1 => 2,
            2 => 1,
            secret => secret,
        };
        if *mark != expected {
            return Err(HandshakeError::WrongKey);
        }
        let malformed = HandshakeError::Malformed;
        let secret: Zeroizing<Vec<u8>> = match (&self.door, part) {
            (Door::Code { .. }, Part::Code(spake)) => {
                Zeroizing::new(spake.finish(share).map_err(|_| malformed)?)
            }
            (Door::Secret(secret), Part::Secret(ephemeral)) => {
                let theirs: [u8; SHARE_BYTES] = share.try_into().map_err(|_| malformed)?;
                let agreed = ephemeral.diffie_hellman(&PublicKey::from(theirs));
                if !agreed.was_contributory() {
                    return Err(malformed);
                }
                Zeroizing::new([secret.as_slice(), agreed.as_bytes()].concat())
            }
            _ => return Err(malformed),
        };
        let low = mine < theirs;
        let (first, second) = if low { (mine, theirs) } else { (theirs, mine) };
        let shares = hash(b"twocan shares", &[first, second]);
        let keys = Schedule::new(&shares, &secret);
        let upward = keys.expand(b"low to high");
        let downward = keys.expand(b"high to low");
        let channel = if low {
            Channel::new(&upward, &downward)
        } else {
            Channel::new(&downward, &upward)
        };
        let agreed = Box::new(Agreed {
            keys,
            channel,
            low,
            shares,
        });
        let commitment = commitment(&agreed.shares, &self.my_card);
        let tag = hmac::sign(&agreed.confirms(low), &commitment);
        let content = [tag.as_ref(), &commitment].concat();
        let padded = parcel::pad(&content).unwrap_or_default();
        self.stage = Stage::Confirming(agreed);
        Ok(Progress::Say(parcel::wrap(Kind::Confirmation, &padded)))
    }

    fn handle_confirmation(
        &mut self,
        mut agreed: Box<Agreed>,
        content: &[u8],
    ) -> Result<Progress, HandshakeError> {
        let content = parcel::unpad(content).ok_or(HandshakeError::Malformed)?;
        let (tag, promised) = content
            .split_first_chunk::<HASH_BYTES>()
            .ok_or(HandshakeError::Malformed)?;
        let promised: Hash = promised.try_into().map_err(|_| HandshakeError::Malformed)?;
        hmac::verify(&agreed.confirms(!agreed.low), &promised, tag)
            .map_err(|_| HandshakeError::WrongKey)?;
        let said = agreed.channel.seal(&self.my_card)?;
        self.stage = Stage::Introducing(agreed, promised);
        Ok(Progress::Say(said))
    }

    fn handle_card(
        &mut self,
        mut agreed: Box<Agreed>,
        promised: &Hash,
        content: &[u8],
    ) -> Result<Progress, HandshakeError> {
        let theirs = agreed.channel.open(content)?;
        if commitment(&agreed.shares, &theirs) != *promised {
            return Err(HandshakeError::BrokenPromise);
        }
        if theirs.len() > MAX_CARD_BYTES {
            return Err(HandshakeError::Malformed);
        }
        let card: CardOnTheWay =
            serde_json::from_slice(&theirs).map_err(|_| HandshakeError::Malformed)?;
        let own = (self.card.identity.public(), self.card.fingerprint);
        if (card.identity, card.fingerprint) == own {
            return Err(HandshakeError::Reflected);
        }
        if self
            .expects
            .is_some_and(|expected| expected != card.identity)
        {
            return Err(HandshakeError::SomebodyElse);
        }
        let mine = self.my_card.as_slice();
        let (first, second) = if agreed.low {
            (mine, theirs.as_slice())
        } else {
            (theirs.as_slice(), mine)
        };
        let transcript = hash(b"twocan cards", &[&agreed.shares, first, second]);
        let proof = self.card.identity.sign(&statement(&transcript, agreed.low));
        let said = agreed.channel.seal(&proof)?;
        let theirs = Box::new(Theirs { card, transcript });
        self.stage = Stage::Proving(agreed, theirs);
        Ok(Progress::Say(said))
    }

    fn handle_proof(
        &mut self,
        mut agreed: Agreed,
        theirs: Theirs,
        content: &[u8],
    ) -> Result<Progress, HandshakeError> {
        let proof = agreed.channel.open(content)?;
        let Theirs { card, transcript } = theirs;
        let statement = statement(&transcript, !agreed.low);
        if !card.identity.signed(&statement, &proof) {
            return Err(HandshakeError::NotTheirKey);
        }
        let again = match &self.door {
            Door::Code { .. } => Door::Secret(agreed.keys.expand(b"again")),
            Door::Secret(_) => self.door.clone(),
        };
        Ok(Progress::Done(Box::new(Met {
            channel: agreed.channel,
            who: Introduced {
                identity: card.identity,
                name: card.name,
                fingerprint: card.fingerprint,
                phrase: SafetyPhrase::of(&transcript),
            },
            again,
        })))
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Sharing { .. } => "sharing",
            Stage::Confirming(_) => "confirming",
            Stage::Introducing(..) => "introducing",
            Stage::Proving(..) => "proving",
            Stage::Over => "over",
        };
        f.debug_tuple("Handshake").field(&stage).finish()
    }
}

impl Agreed {
    /// The key with which the side that sorts first, or the other, confirms.
    fn confirms(&self, low: bool) -> hmac::Key {
        let name: &[u8] = if low {
            b"low confirms"
        } else {
            b"high confirms"
        };
        let key: Zeroizing<[u8; 32]> = self.keys.expand(name);
        hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
    }
}

fn start_spake(
    code: &Code,
    ours: bool,
    rng: &mut impl CryptoRng,
) -> (Spake2<Ed25519Group>, Vec<u8>) {
    let side = |role| {
        let text = format!("twocan {TRUST_VERSION} {role} of {}", code.nameplate());
        Side::new(text.as_bytes())
    };
    let (host, guest) = (side("host"), side("guest"));
    let password = Password::new(code.password());
    let rng = OlderRng(rng);
    if ours {
        Spake2::start_a_with_rng(&password, &host, &guest, rng)
    } else {
        Spake2::start_b_with_rng(&password, &host, &guest, rng)
    }
}

/// Our randomness for `spake2` 0.4, which takes that of an older `rand_core`.
struct OlderRng<'a, R>(&'a mut R);

impl<R: CryptoRng> rand_core_06::RngCore for OlderRng<'_, R> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: CryptoRng> rand_core_06::CryptoRng for OlderRng<'_, R> {}

fn commitment(shares: &Hash, card: &[u8]) -> Hash {
    hash(b"twocan commitment", &[shares, card])
}

/// What a side signs; the two sign different things, so that no signature can be handed back.
fn statement(transcript: &Hash, low: bool) -> Vec<u8> {
    let who: &[u8] = if low {
        b"twocan proof of low"
    } else {
        b"twocan proof of high"
    };
    [who, transcript].concat()
}

/// SHA-256 over a name and parts, each with its length before it, so that no two lists are alike.
pub(super) fn hash(name: &[u8], parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&SHA256);
    for part in [name, &[TRUST_VERSION]].iter().chain(parts) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Why two did not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// Not what is said at this point.
    #[error("what the other side says makes no sense to this Twocan")]
    Malformed,
    /// They speak another version.
    #[error("the other side's Twocan is of another version")]
    WrongVersion(u8),
    /// Our own words came back.
    #[error("the call server sends our own words back to us")]
    Reflected,
    /// Another code, or another link.
    #[error("the other side has another code or link")]
    WrongKey,
    /// Something sealed was changed on its way.
    #[error(transparent)]
    Sealed(#[from] ChannelError),
    /// They committed to other words than they said.
    #[error("the other side did not stand by what it had announced")]
    BrokenPromise,
    /// Their signature is not by the key they named.
    #[error("the other side did not prove who it is")]
    NotTheirKey,
    /// They said nothing for too long.
    #[error("the other side does not say who it is")]
    Silent,
    /// They are not the contact that was called.
    #[error("the other side is somebody else than the contact that was called")]
    SomebodyElse,
}

#[cfg(test)]
mod tests;
