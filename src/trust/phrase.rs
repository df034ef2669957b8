use std::fmt;

use super::emoji::{EMOJI, Emoji};
use super::handshake::hash;
use super::words::Word;

const WORDS_OF_A_PHRASE: usize = 4;
const BITS_OF_A_WORD: usize = 11;
const EMOJI_OF_A_PHRASE: usize = 7;
const BITS_OF_AN_EMOJI: usize = 6;

/// Four words that both sides of a call see. If they are the same, read aloud, nobody is in between:
/// who sat there would have two calls, each with words of its own, and one chance in 2⁴⁴ that they are
/// alike, as both sides are bound to their part before they know the other's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SafetyPhrase([Word; WORDS_OF_A_PHRASE]);

impl SafetyPhrase {
    /// From the hash of all that was said up to the proofs.
    pub fn of(transcript: &[u8]) -> Self {
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

    /// The same as pictures: 42 of the 44 bits of the words, and so one chance in 2⁴² that they are alike.
    pub fn emoji(&self) -> [Emoji; EMOJI_OF_A_PHRASE] {
        let bits = self.0.iter().fold(0_u64, |bits, word| {
            (bits << BITS_OF_A_WORD) | u64::from(word.bits())
        });
        std::array::from_fn(|at| {
            let after = WORDS_OF_A_PHRASE * BITS_OF_A_WORD - (at + 1) * BITS_OF_AN_EMOJI;
            EMOJI[(bits >> after) as usize % EMOJI.len()]
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::WORDS;
    use proptest::prelude::*;

    fn phrase(bits: [u16; WORDS_OF_A_PHRASE]) -> SafetyPhrase {
        SafetyPhrase(bits.map(Word::from_bits))
    }

    #[test]
    fn the_pictures_have_the_bits_of_the_words_in_their_order() {
        assert_eq!(1 << BITS_OF_A_WORD, WORDS);
        assert_eq!(1 << BITS_OF_AN_EMOJI, EMOJI.len());
        let glyphs = |bits| phrase(bits).emoji().map(|emoji| emoji.glyph);
        let at = |places: [usize; 7]| places.map(|place| EMOJI[place].glyph);
        assert_eq!(glyphs([0; 4]), at([0; 7]));
        assert_eq!(glyphs([0x7FF; 4]), at([63; 7]));
        // 10000000001 00000000010 00000000100 00000001000, six by six; the last two show in none.
        assert_eq!(glyphs([0x401, 2, 4, 8]), at([32, 2, 0, 8, 0, 32, 2]));
        assert_eq!(glyphs([0, 0, 0, 3]), at([0; 7]));
    }

    proptest! {
        #[test]
        fn the_same_words_have_the_same_pictures_and_others_have_others(
            one in any::<[u16; WORDS_OF_A_PHRASE]>(),
            word in 0..WORDS_OF_A_PHRASE,
            bit in 0..BITS_OF_A_WORD,
        ) {
            prop_assert_eq!(phrase(one).emoji(), phrase(one).emoji());
            let mut other = one;
            other[word] ^= 1 << bit;
            prop_assert_ne!(phrase(one).words(), phrase(other).words());
            let shows = word < WORDS_OF_A_PHRASE - 1 || bit >= 2;
            prop_assert_eq!(phrase(one).emoji() != phrase(other).emoji(), shows);
        }

        #[test]
        fn both_sides_see_the_same(transcript in proptest::collection::vec(any::<u8>(), 0..100)) {
            let sides = [(); 2].map(|()| SafetyPhrase::of(&transcript));
            prop_assert_eq!(sides[0].emoji(), sides[1].emoji());
        }
    }
}
