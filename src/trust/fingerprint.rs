use std::fmt;
use std::str::FromStr;

use data_encoding::HEXUPPER;
use serde::{Deserialize, Serialize};

const BYTES: usize = 32;

/// The SHA-256 of the certificate with which a side makes the direct line (RFC 8122, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; BYTES]);

impl Fingerprint {
    /// Of the bytes of the hash.
    pub fn new(hash: [u8; BYTES]) -> Self {
        Self(hash)
    }

    /// Whether a session description (RFC 8866) names this certificate, and no other. Whoever else reads it
    /// may be more generous with spaces and the like, so that every line that looks like a fingerprint has
    /// to be just the one.
    pub fn is_the_only_one_in(&self, sdp: &str) -> bool {
        let ours = format!("a=fingerprint:sha-256 {self}");
        let mut named = sdp
            .split(['\r', '\n'])
            .filter(|line| line.to_ascii_lowercase().contains("fingerprint"))
            .peekable();
        named.peek().is_some() && named.all(|line| line.eq_ignore_ascii_case(&ours))
    }
}

impl fmt::Display for Fingerprint {
    /// As in a session description, without the name of the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let hex = text.replace(':', "").to_ascii_uppercase();
        let bytes = HEXUPPER
            .decode(hex.as_bytes())
            .map_err(|_| NotAFingerprint)?;
        bytes.try_into().map(Self).map_err(|_| NotAFingerprint)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = NotAFingerprint;

    fn try_from(text: String) -> Result<Self, NotAFingerprint> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// Not 32 bytes in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the SHA-256 of a certificate")]
pub struct NotAFingerprint;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_in_a_description() {
        let fingerprint = Fingerprint::new([0xA7; BYTES]);
        let text = fingerprint.to_string();
        assert!(text.starts_with("A7:A7:") && text.len() == 95, "{text}");
        assert_eq!(text.parse(), Ok(fingerprint));
        assert_eq!(text.to_lowercase().parse(), Ok(fingerprint));
        for bad in ["", "A7", "zz:zz", &text[..92]] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(NotAFingerprint), "{bad}");
        }
    }

    #[test]
    fn a_description_names_it_and_no_other() {
        let (ours, other) = (Fingerprint::new([1; BYTES]), Fingerprint::new([2; BYTES]));
        let line = |fingerprint: Fingerprint| format!("a=fingerprint:sha-256 {fingerprint}\r\n");
        for (sdp, fine) in [
            (format!("v=0\r\n{}m=audio\r\n", line(ours)), true),
            (
                format!("v=0\r\n{}m=audio\r\n{}", line(ours), line(ours)),
                true,
            ),
            (
                format!("v=0\r\n{}m=audio\r\n{}", line(ours), line(other)),
                false,
            ),
            (line(other), false),
            ("v=0\r\nm=audio\r\n".to_owned(), false),
            (format!("a=fingerprint:sha-512 {ours}\r\n"), false),
            (format!("{}a=fingerprint:\r\n", line(ours)), false),
            (
                format!("a= fingerprint:sha-256 {other}\r\n{}", line(ours)),
                false,
            ),
            (
                format!("{}a=\tFingerprint:sha-256 {other}\r\n", line(ours)),
                false,
            ),
            (
                format!("{}a=fingerprint:sha-256  {ours}\r\n", line(ours)),
                false,
            ),
        ] {
            assert_eq!(ours.is_the_only_one_in(&sdp), fine, "{sdp}");
        }
    }
}
