use data_encoding::BASE64URL_NOPAD;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use twocan_protocol::RoomId;
use zeroize::Zeroizing;

/// Of what a secret gives: HKDF with SHA-256 (RFC 5869).
pub struct Schedule(Prk);

struct Bytes(usize);

impl KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl Schedule {
    /// Extracts.
    pub fn new(salt: &[u8], secret: &[u8]) -> Self {
        Self(Salt::new(HKDF_SHA256, salt).extract(secret))
    }

    /// Expands; another name gives other bytes.
    pub fn expand<const N: usize>(&self, name: &[u8]) -> Zeroizing<[u8; N]> {
        let mut bytes = Zeroizing::new([0; N]);
        let names = [name];
        self.0
            .expand(&names, Bytes(N))
            .and_then(|okm| okm.fill(bytes.as_mut()))
            .expect("HKDF-SHA256 gives up to 8,160 bytes, and nobody asks for more");
        bytes
    }
}

/// Where the call of this secret is.
pub fn room_of_call(secret: &[u8; 32]) -> RoomId {
    expand_room(&Schedule::new(b"twocan call 2", secret), b"call")
}

/// The name of a room that only who has the secret can tell: 96 bits, 16 characters.
pub fn expand_room(keys: &Schedule, name: &[u8]) -> RoomId {
    let bytes: Zeroizing<[u8; 12]> = keys.expand(&[b"room ", name].concat());
    let text = BASE64URL_NOPAD.encode(bytes.as_ref());
    text.parse()
        .expect("a room may have 16 characters of this alphabet")
}
