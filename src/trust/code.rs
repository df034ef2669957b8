use std::fmt;
use std::str::FromStr;

use rand::CryptoRng;
use twocan_protocol::Nameplate;

use super::words::Word;

/// How many words a code has: 22 bits, of which a stranger has one guess.
const WORDS_OF_A_CODE: usize = 2;

/// What one person tells the other so that they meet: `7-guitar-lamp`. The number, which the server
/// allots, finds the room; the words, which the server never sees, make the key (see
/// [`super::Handshake`]). It is good for one meeting, and for ten minutes.
///
/// `Debug` shows no word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    nameplate: Nameplate,
    words: [Word; WORDS_OF_A_CODE],
}

impl Code {
    /// New words for a number.
    pub fn new(nameplate: Nameplate, rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 2 * WORDS_OF_A_CODE];
        rng.fill_bytes(&mut bytes);
        let [a, b, c, d] = bytes;
        let bits = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
        Self {
            nameplate,
            words: bits.map(Word::from_bits),
        }
    }

    /// What is missing of the word that is being typed, once it can be no other; with the hyphen after
    /// it, if another word follows. None for whatever is not the beginning of a code.
    pub fn completion(typed: &str) -> Option<String> {
        let mut parts = typed.split(['-', ' ']);
        let number = parts.next()?;
        number.parse::<Nameplate>().ok()?;
        let words: Vec<&str> = parts.collect();
        let (begun, before) = words.split_last()?;
        if before.len() >= WORDS_OF_A_CODE || before.iter().any(|word| Word::find(word).is_none()) {
            return None;
        }
        let mut candidates = Word::beginning(begun);
        let word = candidates.next()?.as_str();
        if begun.is_empty() || candidates.next().is_some() {
            return None;
        }
        let is_last = before.len() + 1 == WORDS_OF_A_CODE;
        let rest = word.get(begun.len()..)?;
        let rest = format!("{rest}{}", if is_last { "" } else { "-" });
        (!rest.is_empty()).then_some(rest)
    }

    /// What the server knows it by.
    pub fn nameplate(&self) -> Nameplate {
        self.nameplate
    }

    /// What the two have in common before they meet.
    pub(super) fn password(&self) -> String {
        let [first, second] = self.words.map(Word::as_str);
        format!("{first}-{second}")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.nameplate, self.password())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({}-…)", self.nameplate)
    }
}

impl FromStr for Code {
    type Err = CodeError;

    /// Takes it as people say and type it: with hyphens, spaces, dots or commas, in any case.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let mut parts = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|part| !part.is_empty());
        let number = parts.next().ok_or(CodeError::NotACode)?;
        let words: Vec<&str> = parts.collect();
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            let begins_with_a_word = Word::find(number).is_some();
            return Err(
                match begins_with_a_word && words.len() < WORDS_OF_A_CODE + 1 {
                    true => CodeError::NoNumber,
                    false => CodeError::NotACode,
                },
            );
        }
        let nameplate = number.parse().map_err(|_| CodeError::NotACode)?;
        if words.len() > WORDS_OF_A_CODE {
            return Err(CodeError::NotACode);
        }
        let known = |typed: &str| {
            Word::find(typed).ok_or_else(|| CodeError::UnknownWord {
                typed: typed.chars().take(20).collect(),
                meant: Word::near(typed).map(Word::as_str),
            })
        };
        let words: Vec<Word> = words.into_iter().map(known).collect::<Result<_, _>>()?;
        let words = words.try_into().map_err(|_| CodeError::Unfinished)?;
        Ok(Self { nameplate, words })
    }
}

/// Why a text is not a code. The sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Nothing like it.
    #[error("this is not a code; a code is a number and two words, such as 7-guitar-lamp")]
    NotACode,
    /// Words alone.
    #[error("the number before the words is missing; a code looks like 7-guitar-lamp")]
    NoNumber,
    /// A word is missing.
    #[error("a word is missing; a code is a number and two words, such as 7-guitar-lamp")]
    Unfinished,
    /// Not a word of the list.
    #[error("no code has the word “{typed}”{}", did_you_mean(.meant))]
    UnknownWord {
        /// As it was typed.
        typed: String,
        /// What was probably meant.
        meant: Option<&'static str>,
    },
}

fn did_you_mean(meant: &Option<&'static str>) -> String {
    match meant {
        Some(meant) => format!("; did you mean “{meant}”?"),
        None => "; ask your friend to spell it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    #[test]
    fn a_word_is_completed_when_it_can_be_no_other() {
        for (typed, rest) in [
            ("7-guit", Some("ar-")),
            ("7-GUIT", Some("ar-")),
            ("7 guit", Some("ar-")),
            ("7-guitar", Some("-")),
            ("7-guitar-guit", Some("ar")),
            ("7-guitar-guitar", None),
            ("7-", None),
            ("7-g", None),
            ("7", None),
            ("guit", None),
            ("7-xyzzy-guit", None),
            ("7-guitar-guitar-guit", None),
            ("twocan://call.example/guit", None),
            ("7-ö", None),
            ("", None),
        ] {
            assert_eq!(Code::completion(typed).as_deref(), rest, "{typed}");
        }
    }

    fn code(text: &str) -> Result<Code, CodeError> {
        text.parse()
    }

    #[test]
    fn a_code_is_taken_as_people_type_it() {
        let written = code("7-guitar-lamp").unwrap();
        assert_eq!(written.to_string(), "7-guitar-lamp");
        for typed in [
            "7 guitar lamp",
            "  7-Guitar-LAMP\n",
            "7. guitar, lamp.",
            "“7–guitar–lamp”",
            "007 guitar lamp",
        ] {
            assert_eq!(code(typed), Ok(written), "{typed}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_code_is_said() {
        let unknown = |typed: &str, meant| {
            let typed = typed.to_owned();
            Err(CodeError::UnknownWord { typed, meant })
        };
        for (typed, said) in [
            ("", Err(CodeError::NotACode)),
            ("hello there my friend", Err(CodeError::NotACode)),
            ("99999999999-guitar-lamp", Err(CodeError::NotACode)),
            ("0-guitar-lamp", Err(CodeError::NotACode)),
            ("7-guitar-lamp-lamp", Err(CodeError::NotACode)),
            ("guitar-lamp", Err(CodeError::NoNumber)),
            ("7", Err(CodeError::Unfinished)),
            ("7-guitar", Err(CodeError::Unfinished)),
            ("7-guitra-lamp", unknown("guitra", Some("guitar"))),
            ("7-guitar-qqqq", unknown("qqqq", None)),
        ] {
            assert_eq!(code(typed), said, "{typed}");
        }
        let sentence = code("7-guitra-lamp").unwrap_err().to_string();
        assert_eq!(
            sentence,
            "no code has the word “guitra”; did you mean “guitar”?"
        );
    }

    #[test]
    fn neither_word_shows_in_debug() {
        assert_eq!(format!("{:?}", code("7-guitar-lamp").unwrap()), "Code(7-…)");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 1..100_000_u32, seed in any::<u64>()) {
            let nameplate = number.to_string().parse().unwrap();
            let made = Code::new(nameplate, &mut StdRng::seed_from_u64(seed));
            prop_assert_eq!(made.to_string().parse(), Ok(made));
        }

        #[test]
        fn any_text_is_a_code_or_is_not(text in any::<String>(), tail in "[0-9]{0,6}[- a-z]{0,30}") {
            let _ = code(&text);
            let _ = code(&tail);
        }
    }
}
