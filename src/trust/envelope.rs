use std::collections::HashMap;
use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use twocan_protocol::{MAX_MESSAGE_BYTES, MemberId};

/// First byte: to everybody in the room. A later version takes other bytes.
const TO_ALL: u8 = 1;
/// First byte: to one member.
const TO_ONE: u8 = 2;
/// Random, from which with the invite's key a sender's own key is made.
const SESSION_BYTES: usize = 16;
const COUNTER_BYTES: usize = 8;
const HEADER_BYTES: usize = 1 + SESSION_BYTES + COUNTER_BYTES;
const INFO: &[u8] = b"twocan envelope 1";
/// The longest sealed text: what the relay message around it leaves of [`MAX_MESSAGE_BYTES`].
const MAX_SEALED: usize = MAX_MESSAGE_BYTES - 128;

type Session = [u8; SESSION_BYTES];

/// Seals what this member sends and opens what the others sent, with the key of the invite.
///
/// Make a new one at each connection to the server, that is for each [`MemberId`] of ours.
///
/// Each envelope draws a random session, and HKDF-SHA256 makes of it and of the invite's key a key that
/// only this sender uses; with it, ChaCha20-Poly1305 (RFC 8439) seals with a counter for the nonce, so no
/// nonce comes twice. Sender, recipient, session and counter are authenticated. So the server cannot
/// read, change, redirect, repeat or reorder what it relays, nor send in anybody's name. It can withhold,
/// and to a newcomer it can play what was sealed in the same room in an earlier life of the server: that
/// can spoil a call, but not listen to it.
pub struct Envelope {
    invite_key: [u8; 32],
    me: MemberId,
    session: Session,
    seal_key: LessSafeKey,
    sealed: u64,
    /// Only who has the key gets in here, so it grows with the people in the call, not with the server's will.
    peers: HashMap<MemberId, Peer>,
}

struct Peer {
    session: Session,
    open_key: LessSafeKey,
    opened: u64,
}

impl Envelope {
    /// For `me`, with the key of the invite.
    pub fn new(invite_key: &[u8; 32], me: MemberId, rng: &mut impl CryptoRng) -> Self {
        let mut session = [0; SESSION_BYTES];
        rng.fill_bytes(&mut session);
        Self {
            invite_key: *invite_key,
            me,
            session,
            seal_key: sender_key(invite_key, &session),
            sealed: 0,
            peers: HashMap::new(),
        }
    }

    /// Seals `payload` for `to`, or for everybody in the room.
    pub fn seal(&mut self, to: Option<MemberId>, payload: &[u8]) -> Result<String, EnvelopeError> {
        let sealed_bytes = HEADER_BYTES + payload.len() + CHACHA20_POLY1305.tag_len();
        if BASE64URL_NOPAD.encode_len(sealed_bytes) > MAX_SEALED {
            return Err(EnvelopeError::TooBig {
                bytes: payload.len(),
            });
        }
        self.sealed += 1;
        let mut bytes = Vec::with_capacity(sealed_bytes);
        bytes.push(if to.is_some() { TO_ONE } else { TO_ALL });
        bytes.extend(self.session);
        bytes.extend(self.sealed.to_be_bytes());
        let aad = additional_data(&bytes, self.me, to);
        let mut sealed = payload.to_vec();
        self.seal_key
            .seal_in_place_append_tag(nonce(self.sealed), Aad::from(aad), &mut sealed)
            .map_err(|_| EnvelopeError::TooBig {
                bytes: payload.len(),
            })?;
        bytes.append(&mut sealed);
        Ok(BASE64URL_NOPAD.encode(&bytes))
    }

    /// Opens what the server says came from `from`.
    pub fn open(&mut self, from: MemberId, text: &str) -> Result<Vec<u8>, EnvelopeError> {
        if text.len() > MAX_SEALED {
            return Err(EnvelopeError::Malformed);
        }
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| EnvelopeError::Malformed)?;
        let (header, sealed) = bytes
            .split_at_checked(HEADER_BYTES)
            .ok_or(EnvelopeError::Malformed)?;
        let (to, session, counter) = parse_header(header).ok_or(EnvelopeError::Malformed)?;
        let to = match to {
            TO_ALL => None,
            TO_ONE => Some(self.me),
            _ => return Err(EnvelopeError::Malformed),
        };
        if from == self.me {
            return Err(EnvelopeError::Forged);
        }
        let aad = additional_data(header, from, to);
        let open = |key: &LessSafeKey| {
            let mut sealed = sealed.to_vec();
            let opened = key
                .open_in_place(nonce(counter), Aad::from(&aad), &mut sealed)
                .map_err(|_| EnvelopeError::Forged)?
                .len();
            sealed.truncate(opened);
            Ok(sealed)
        };
        match self.peers.get_mut(&from) {
            None => {
                let open_key = sender_key(&self.invite_key, &session);
                let payload = open(&open_key)?;
                let peer = Peer {
                    session,
                    open_key,
                    opened: counter,
                };
                self.peers.insert(from, peer);
                Ok(payload)
            }
            // A member has one session for as long as it is this member.
            Some(peer) if peer.session != session => Err(EnvelopeError::Replayed),
            Some(peer) => {
                let payload = open(&peer.open_key)?;
                if counter <= peer.opened {
                    return Err(EnvelopeError::Replayed);
                }
                peer.opened = counter;
                Ok(payload)
            }
        }
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("me", &self.me)
            .field("sealed", &self.sealed)
            .finish_non_exhaustive()
    }
}

fn parse_header(header: &[u8]) -> Option<(u8, Session, u64)> {
    let (to, rest) = header.split_first()?;
    let (session, counter) = rest.split_at_checked(SESSION_BYTES)?;
    let counter = u64::from_be_bytes(counter.try_into().ok()?);
    Some((*to, session.try_into().ok()?, counter))
}

/// Fixed widths, so that no two different messages have the same.
fn additional_data(header: &[u8], from: MemberId, to: Option<MemberId>) -> Vec<u8> {
    let mut data = header.to_vec();
    data.extend(from.0.to_be_bytes());
    data.extend(to.map_or(0, |to| to.0).to_be_bytes());
    data
}

/// RFC 8439 section 2.8: 96 bits, here a counter under a key of its own.
fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// RFC 5869 with the session for the salt.
fn sender_key(invite_key: &[u8; 32], session: &Session) -> LessSafeKey {
    let key = Salt::new(HKDF_SHA256, session).extract(invite_key);
    let expanded = key
        .expand(&[INFO], &CHACHA20_POLY1305)
        .expect("HKDF-SHA256 gives up to 8,160 bytes, and this is 32");
    LessSafeKey::new(UnboundKey::from(expanded))
}

/// Why something was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not the text of an envelope, or of one of another version.
    #[error("a message from the other side cannot be read; perhaps one Twocan is older")]
    Malformed,
    /// Sealed with another key, for somebody else, by somebody else, or changed on its way.
    #[error("a message was not sealed by the other side, or was changed on its way")]
    Forged,
    /// It was opened before, or is older than what was opened.
    #[error("a message came a second time")]
    Replayed,
    /// It does not fit into a message to the server.
    #[error("{bytes} bytes are too many for one message")]
    TooBig {
        /// How big the payload is.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    const KEY: [u8; 32] = [7; 32];
    const ANNA: MemberId = MemberId(1);
    const BEN: MemberId = MemberId(2);
    const CARL: MemberId = MemberId(3);

    fn envelope(me: MemberId) -> Envelope {
        Envelope::new(&KEY, me, &mut StdRng::seed_from_u64(me.0))
    }

    #[test]
    fn what_one_seals_the_other_opens() {
        let (mut anna, mut ben, mut carl) = (envelope(ANNA), envelope(BEN), envelope(CARL));
        let to_all = anna.seal(None, b"hello all").unwrap();
        let to_ben = anna.seal(Some(BEN), b"hello ben").unwrap();
        assert_eq!(ben.open(ANNA, &to_all).unwrap(), b"hello all");
        assert_eq!(carl.open(ANNA, &to_all).unwrap(), b"hello all");
        assert_eq!(ben.open(ANNA, &to_ben).unwrap(), b"hello ben");
        let back = ben.seal(Some(ANNA), b"").unwrap();
        assert_eq!(anna.open(BEN, &back).unwrap(), b"");
    }

    #[test]
    fn the_server_can_neither_read_nor_tell_equal_messages() {
        let mut anna = envelope(ANNA);
        let first = anna.seal(None, b"the same secret").unwrap();
        let second = anna.seal(None, b"the same secret").unwrap();
        assert_ne!(first, second);
        let bytes = BASE64URL_NOPAD.decode(first.as_bytes()).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn another_key_opens_nothing() {
        let mut stranger = Envelope::new(&[8; 32], BEN, &mut StdRng::seed_from_u64(1));
        let sealed = envelope(ANNA).seal(None, b"x").unwrap();
        assert_eq!(stranger.open(ANNA, &sealed), Err(EnvelopeError::Forged));
    }

    #[test]
    fn a_message_is_bound_to_sender_and_recipient() {
        let (mut anna, mut ben, mut carl) = (envelope(ANNA), envelope(BEN), envelope(CARL));
        let to_ben = anna.seal(Some(BEN), b"x").unwrap();
        assert_eq!(carl.open(ANNA, &to_ben), Err(EnvelopeError::Forged));
        assert_eq!(ben.open(CARL, &to_ben), Err(EnvelopeError::Forged));
        assert_eq!(anna.open(ANNA, &to_ben), Err(EnvelopeError::Forged));
        assert_eq!(anna.open(BEN, &to_ben), Err(EnvelopeError::Forged));
        assert_eq!(ben.open(ANNA, &to_ben).unwrap(), b"x");
    }

    #[test]
    fn nothing_is_taken_twice_or_out_of_order() {
        let (mut anna, mut ben) = (envelope(ANNA), envelope(BEN));
        let [first, second, third] = [b"1", b"2", b"3"].map(|p| anna.seal(None, p).unwrap());
        assert_eq!(ben.open(ANNA, &second).unwrap(), b"2");
        assert_eq!(ben.open(ANNA, &second), Err(EnvelopeError::Replayed));
        assert_eq!(ben.open(ANNA, &first), Err(EnvelopeError::Replayed));
        assert_eq!(ben.open(ANNA, &third).unwrap(), b"3");
    }

    #[test]
    fn an_old_session_of_a_member_is_not_taken_up_again() {
        let mut ben = envelope(BEN);
        let mut rng = StdRng::seed_from_u64(99);
        let old = Envelope::new(&KEY, ANNA, &mut rng)
            .seal(None, b"old")
            .unwrap();
        let new = Envelope::new(&KEY, ANNA, &mut rng)
            .seal(None, b"new")
            .unwrap();
        assert_eq!(ben.open(ANNA, &new).unwrap(), b"new");
        assert_eq!(ben.open(ANNA, &old), Err(EnvelopeError::Replayed));
    }

    #[test]
    fn a_forgery_does_not_shut_out_the_real_sender() {
        let (mut anna, mut ben) = (envelope(ANNA), envelope(BEN));
        let mut stranger = Envelope::new(&[8; 32], ANNA, &mut StdRng::seed_from_u64(5));
        let forged = stranger.seal(None, b"x").unwrap();
        assert_eq!(ben.open(ANNA, &forged), Err(EnvelopeError::Forged));
        let real = anna.seal(None, b"real").unwrap();
        assert_eq!(ben.open(ANNA, &real).unwrap(), b"real");
    }

    #[test]
    fn the_largest_that_is_sealed_fits_into_a_message() {
        let mut anna = envelope(MemberId(u64::MAX));
        let fits = (0..MAX_MESSAGE_BYTES).rev().find(|bytes| {
            BASE64URL_NOPAD.encode_len(HEADER_BYTES + bytes + CHACHA20_POLY1305.tag_len())
                <= MAX_SEALED
        });
        let largest = vec![0; fits.unwrap()];
        let payload = anna.seal(None, &largest).unwrap();
        assert_eq!(
            envelope(BEN).open(MemberId(u64::MAX), &payload).unwrap(),
            largest
        );
        let from = MemberId(u64::MAX);
        let message = twocan_protocol::ServerMessage::Relayed { from, payload };
        assert!(message.encode().is_ok());
        let bytes = largest.len() + 1;
        assert_eq!(
            anna.seal(None, &vec![0; bytes]),
            Err(EnvelopeError::TooBig { bytes })
        );
    }

    proptest! {
        #[test]
        fn any_payload_comes_out_as_it_went_in(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..20),
            seed in any::<u64>(),
        ) {
            let mut anna = Envelope::new(&KEY, ANNA, &mut StdRng::seed_from_u64(seed));
            let mut ben = envelope(BEN);
            for (i, payload) in payloads.iter().enumerate() {
                let to = (i % 2 == 0).then_some(BEN);
                let sealed = anna.seal(to, payload).unwrap();
                prop_assert_eq!(&ben.open(ANNA, &sealed).unwrap(), payload);
            }
        }

        #[test]
        fn any_change_of_a_byte_is_noticed(
            at in any::<proptest::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            let sealed = envelope(ANNA).seal(Some(BEN), b"a payload").unwrap();
            let mut bytes = BASE64URL_NOPAD.decode(sealed.as_bytes()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            let changed = BASE64URL_NOPAD.encode(&bytes);
            prop_assert!(envelope(BEN).open(ANNA, &changed).is_err());
        }

        #[test]
        fn any_text_is_refused_without_a_panic(
            text in any::<String>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut ben = envelope(BEN);
            prop_assert!(ben.open(ANNA, &text).is_err());
            prop_assert!(ben.open(ANNA, &BASE64URL_NOPAD.encode(&bytes)).is_err());
        }
    }
}
