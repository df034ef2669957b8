use std::fmt;

use super::handshake::hash;
use super::words::Word;

const WORDS_OF_A_PHRASE: usize = 4;

/// Four words that both sides of a call see. If they are the same, read aloud, nobody is in between:
/// who sat there would have two calls, each with words of its own, and one chance in 2⁴⁴ that they are
/// alike, as both sides are bound to their part before they know the other's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SafetyPhrase([Word; WORDS_OF_A_PHRASE]);

impl SafetyPhrase {
    /// From the hash of all that was said up to the proofs.
    pub(crate) fn of(transcript: &[u8]) -> Self {
        let bits = hash(b"twocan phrase", &[transcript]);
        let mut words = bits
            .chunks_exact(2)
            .map(|two| u16::from_be_bytes([two[0], two[1]]));
        Self(std::array::from_fn(|_| {
            Word::from_bits(words.next().unwrap_or_default())
        }))
    }

    /// The words.
    pub fn words(&self) -> [&'static str; WORDS_OF_A_PHRASE] {
        self.0.map(Word::as_str)
    }
}

impl fmt::Display for SafetyPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

impl fmt::Debug for SafetyPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafetyPhrase(…)")
    }
}
