//! The outermost form of all that goes over the server: a byte that says what it is, its content, and
//! zeros up to one of a few sizes, so that the size tells next to nothing.

use data_encoding::BASE64URL_NOPAD;
use twocan_protocol::MAX_MESSAGE_BYTES;

/// What a parcel weighs, in bytes; as text it is a third longer. The largest leaves room in a message
/// for what the server writes around it.
pub const BUCKETS: [usize; 5] = [256, 1_024, 4_096, 16_384, 48_000];
const LENGTH_BYTES: usize = 4;

/// What is in a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The first of a handshake, in the clear: a share of a key.
    Share = 1,
    /// The second: who sends it has the key; and a commitment.
    Confirmation = 2,
    /// Sealed: the third and fourth of a handshake, and all that follows.
    Sealed = 3,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Share, Self::Confirmation, Self::Sealed]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// Fills `bytes` with zeros up to the next size, its own length before it.
///
/// # Errors
/// When it is larger than the largest; the error has how large it is.
pub fn pad(bytes: &[u8]) -> Result<Vec<u8>, usize> {
    let size = LENGTH_BYTES + bytes.len();
    let bucket = BUCKETS.into_iter().find(|bucket| size <= *bucket);
    let bucket = bucket.ok_or(bytes.len())?;
    let length = u32::try_from(bytes.len()).map_err(|_| bytes.len())?;
    let mut padded = Vec::with_capacity(bucket);
    padded.extend(length.to_be_bytes());
    padded.extend(bytes);
    padded.resize(bucket, 0);
    Ok(padded)
}

/// Takes away what [`pad`] added; none where it did not make it.
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let (length, rest) = padded.split_at_checked(LENGTH_BYTES)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let (bytes, zeros) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let is_ours = BUCKETS.contains(&padded.len()) && zeros.iter().all(|byte| *byte == 0);
    is_ours.then_some(bytes)
}

/// As text, for the server.
pub fn wrap(kind: Kind, content: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(1 + content.len());
    bytes.push(kind as u8);
    bytes.extend(content);
    BASE64URL_NOPAD.encode(&bytes)
}

/// From the server's text; none where it is no parcel.
pub fn unwrap(text: &str) -> Option<(Kind, Vec<u8>)> {
    if text.len() > MAX_MESSAGE_BYTES {
        return None;
    }
    let mut bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let kind = Kind::of(*bytes.first()?)?;
    bytes.remove(0);
    Some((kind, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_parcel_fits_into_a_message() {
        let largest = wrap(Kind::Sealed, &[0; 48_000 + 100]);
        // Of the server: type, room, sender.
        assert!(largest.len() + 256 < MAX_MESSAGE_BYTES, "{}", largest.len());
        let too_much = vec![1; 48_000 - LENGTH_BYTES + 1];
        assert_eq!(pad(&too_much), Err(too_much.len()));
    }

    proptest! {
        #[test]
        fn what_is_padded_comes_out_and_has_one_of_the_sizes(bytes in proptest::collection::vec(any::<u8>(), 0..5_000)) {
            let padded = pad(&bytes).unwrap();
            prop_assert!(BUCKETS.contains(&padded.len()));
            prop_assert_eq!(unpad(&padded), Some(bytes.as_slice()));
        }

        #[test]
        fn any_text_is_a_parcel_or_is_not(text in any::<String>(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = unwrap(&text);
            let _ = unwrap(&BASE64URL_NOPAD.encode(&bytes));
            let _ = unpad(&bytes);
        }
    }
}
