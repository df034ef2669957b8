use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};

use super::parcel::{self, Kind};

const NUMBER_BYTES: usize = 8;

/// The way between two after they agreed on keys: what one seals only the other opens, once and in order.
///
/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a key for each direction, so that nothing can
/// be thrown back at who sent it, and the number of the message for the nonce. The number travels with
/// it; one that is not higher than the last is a repetition or comes too late.
pub struct Channel {
    seals: XChaCha20Poly1305,
    opens: XChaCha20Poly1305,
    sealed: u64,
    opened: u64,
}

impl Channel {
    /// With the keys of both directions.
    pub(super) fn new(sealing: &[u8; 32], opening: &[u8; 32]) -> Self {
        Self {
            seals: XChaCha20Poly1305::new(&Key::from(*sealing)),
            opens: XChaCha20Poly1305::new(&Key::from(*opening)),
            sealed: 0,
            opened: 0,
        }
    }

    /// Seals `payload`, padded, as a parcel for the server.
    ///
    /// # Errors
    /// When it is larger than any parcel.
    pub fn seal(&mut self, payload: &[u8]) -> Result<String, ChannelError> {
        let too_big = |bytes| ChannelError::TooBig { bytes };
        let msg = parcel::pad(payload).map_err(too_big)?;
        self.sealed += 1;
        let number = self.sealed.to_be_bytes();
        let message = Payload {
            msg: &msg,
            aad: &number,
        };
        let sealed = self.seals.encrypt(&nonce(self.sealed), message);
        let sealed = sealed.map_err(|_| too_big(payload.len()))?;
        let content = [number.as_slice(), &sealed].concat();
        Ok(parcel::wrap(Kind::Sealed, &content))
    }

    /// Opens the content of a parcel of [`Kind::Sealed`].
    ///
    /// # Errors
    /// When it is not from the other side, was changed, or does not come next. It changes nothing then.
    pub(super) fn open(&mut self, content: &[u8]) -> Result<Vec<u8>, ChannelError> {
        let (number, sealed) = content
            .split_first_chunk::<NUMBER_BYTES>()
            .ok_or(ChannelError::Forged)?;
        let which = u64::from_be_bytes(*number);
        let message = Payload {
            msg: sealed,
            aad: number,
        };
        let padded = self.opens.decrypt(&nonce(which), message);
        let padded = padded.map_err(|_| ChannelError::Forged)?;
        if which <= self.opened {
            return Err(ChannelError::Replayed);
        }
        let payload = parcel::unpad(&padded).ok_or(ChannelError::Forged)?.to_vec();
        self.opened = which;
        Ok(payload)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("sealed", &self.sealed)
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}

/// 192 bits, of which a key of its own uses 64.
fn nonce(number: u64) -> XNonce {
    let mut bytes = [0; 24];
    bytes[16..].copy_from_slice(&number.to_be_bytes());
    XNonce::from(bytes)
}

/// Why something was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Sealed with another key, or changed on its way.
    #[error("a message was not sealed by the other side, or was changed on its way")]
    Forged,
    /// It was opened before, or is older than what was opened.
    #[error("a message came a second time, or too late")]
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

    fn pair() -> (Channel, Channel) {
        let (there, back) = ([1; 32], [2; 32]);
        (Channel::new(&there, &back), Channel::new(&back, &there))
    }

    fn open(channel: &mut Channel, sealed: &str) -> Result<Vec<u8>, ChannelError> {
        match parcel::unwrap(sealed) {
            Some((Kind::Sealed, content)) => channel.open(&content),
            _ => Err(ChannelError::Forged),
        }
    }

    #[test]
    fn what_one_seals_the_other_opens_and_nobody_else() {
        let (mut anna, mut ben) = pair();
        let hello = anna.seal(b"hello ben").unwrap();
        assert_eq!(open(&mut ben, &hello).unwrap(), b"hello ben");
        let back = ben.seal(b"").unwrap();
        assert_eq!(open(&mut anna, &back).unwrap(), b"");
        let mut stranger = Channel::new(&[3; 32], &[3; 32]);
        assert_eq!(open(&mut stranger, &hello), Err(ChannelError::Forged));
    }

    #[test]
    fn nothing_can_be_thrown_back() {
        let (mut anna, _) = pair();
        let own = anna.seal(b"x").unwrap();
        assert_eq!(open(&mut anna, &own), Err(ChannelError::Forged));
    }

    #[test]
    fn nothing_is_taken_twice_or_out_of_order() {
        let (mut anna, mut ben) = pair();
        let [first, second, third] = [b"1", b"2", b"3"].map(|payload| anna.seal(payload).unwrap());
        assert_eq!(open(&mut ben, &second).unwrap(), b"2");
        assert_eq!(open(&mut ben, &second), Err(ChannelError::Replayed));
        assert_eq!(open(&mut ben, &first), Err(ChannelError::Replayed));
        assert_eq!(open(&mut ben, &third).unwrap(), b"3");
    }

    #[test]
    fn equal_messages_look_different_and_of_equal_size() {
        let (mut anna, _) = pair();
        let short = anna.seal(b"no").unwrap();
        let again = anna.seal(b"no").unwrap();
        let longer = anna.seal(&[b'x'; 200]).unwrap();
        assert_ne!(short, again);
        assert_eq!(short.len(), longer.len());
    }

    #[test]
    fn what_is_larger_than_any_parcel_is_refused() {
        let (mut anna, _) = pair();
        let bytes = 60_000;
        assert_eq!(
            anna.seal(&vec![0; bytes]),
            Err(ChannelError::TooBig { bytes })
        );
    }

    proptest! {
        #[test]
        fn any_change_of_a_byte_is_noticed(at in any::<proptest::sample::Index>(), flip in 1..=255_u8) {
            let (mut anna, mut ben) = pair();
            let sealed = anna.seal(b"a payload").unwrap();
            let (_, mut content) = parcel::unwrap(&sealed).unwrap();
            let at = at.index(content.len());
            content[at] ^= flip;
            prop_assert_eq!(ben.open(&content), Err(ChannelError::Forged));
            // And does no harm.
            prop_assert_eq!(open(&mut ben, &sealed), Ok(b"a payload".to_vec()));
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let (_, mut ben) = pair();
            prop_assert_eq!(ben.open(&bytes), Err(ChannelError::Forged));
        }
    }
}
