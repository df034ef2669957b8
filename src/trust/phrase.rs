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

    /// Computed elsewhere, from the description of the hash alone (version 2): who changes this gives people
    /// of two versions different words for one call.
    #[test]
    fn one_call_has_these_words_forever() {
        let phrase = SafetyPhrase::of(b"a whole call");
        assert_eq!(phrase.words(), ["example", "finisher", "follow", "silicon"]);
        assert_eq!(phrase.to_string(), "example finisher follow silicon");
        let nothing = SafetyPhrase::of(b"");
        assert_eq!(nothing.words(), ["local", "hint", "dash", "splendid"]);
    }

    #[test]
    fn nothing_of_the_words_is_known_before() {
        const CALLS: u16 = 4_096;
        let mut ones = [[0_u16; BITS_OF_A_WORD]; WORDS_OF_A_PHRASE];
        for call in 0..CALLS {
            let phrase = SafetyPhrase::of(&call.to_be_bytes());
            for (word, ones) in phrase.0.iter().zip(&mut ones) {
                for (bit, ones) in ones.iter_mut().enumerate() {
                    *ones += word.bits() >> bit & 1;
                }
            }
        }
        // Each bit is set in half of the calls: five times as far off as chance goes is no chance.
        let far_off = |ones: &u16| ones.abs_diff(CALLS / 2) > 5 * 32;
        assert!(!ones.iter().flatten().any(far_off), "{ones:?}");
    }

    proptest! {
        #[test]
        fn other_words_have_other_pictures(
            one in any::<[u16; WORDS_OF_A_PHRASE]>(),
            word in 0..WORDS_OF_A_PHRASE,
            bit in 0..BITS_OF_A_WORD,
        ) {
            let mut other = one;
            other[word] ^= 1 << bit;
            prop_assert_ne!(phrase(one).words(), phrase(other).words());
            let shows = word < WORDS_OF_A_PHRASE - 1 || bit >= 2;
            prop_assert_eq!(phrase(one).emoji() != phrase(other).emoji(), shows);
        }

        #[test]
        fn a_call_of_which_one_bit_is_other_has_other_words(
            said in proptest::collection::vec(any::<u8>(), 1..100),
            at in any::<proptest::sample::Index>(),
            bit in 0..u8::BITS,
        ) {
            let mut other = said.clone();
            other[at.index(said.len())] ^= 1 << bit;
            let sides = [&said, &other].map(|said| SafetyPhrase::of(said).words());
            prop_assert_ne!(sides[0], sides[1]);
        }
    }
}
