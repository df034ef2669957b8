use std::sync::LazyLock;

/// Common English words, in alphabetical order, one a line: 3 to 8 letters, no two of them a letter
/// apart, so that a slip of the finger or of the ear never makes another word of the list.
const LIST: &str = include_str!("../../assets/words.txt");
/// How many there are: each is worth 11 bits.
pub const WORDS: usize = 2_048;
/// A slip of so many letters is still told what was meant.
const MOST_SLIPS: usize = 2;

static BY_INDEX: LazyLock<Vec<&'static str>> = LazyLock::new(|| LIST.lines().collect());

/// One of the [`WORDS`], to be said aloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word(u16);

impl Word {
    /// The one with the low 11 bits of this number.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits % WORDS as u16)
    }

    /// Its place in the list, of 11 bits.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// This word of the list, if it is one; capitals do not matter.
    pub fn find(typed: &str) -> Option<Self> {
        let typed = typed.to_ascii_lowercase();
        let index = BY_INDEX.binary_search(&typed.as_str()).ok()?;
        u16::try_from(index).ok().map(Self)
    }

    /// What was probably meant by something that is no word of the list; none where it is anyone's guess.
    pub fn near(typed: &str) -> Option<Self> {
        let typed = typed.to_ascii_lowercase();
        let slips = |word: &str| strsim::osa_distance(&typed, word);
        let nearest = BY_INDEX.iter().map(|word| slips(word)).min()?;
        // Of a short word, two letters are most of it.
        if nearest > MOST_SLIPS || nearest * 2 >= typed.chars().count() {
            return None;
        }
        let mut candidates = BY_INDEX.iter().filter(|word| slips(word) == nearest);
        let candidate = candidates.next()?;
        match candidates.next() {
            Some(_) => None,
            None => Self::find(candidate),
        }
    }

    /// The words that begin so, for completion.
    pub fn beginning(typed: &str) -> impl Iterator<Item = Self> {
        let typed = typed.to_ascii_lowercase();
        let from = BY_INDEX.partition_point(|word| *word < typed.as_str());
        BY_INDEX[from..]
            .iter()
            .take_while(move |word| word.starts_with(&typed))
            .filter_map(|word| Self::find(word))
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        BY_INDEX[usize::from(self.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_word_is_short_plain_and_in_its_place() {
        assert_eq!(BY_INDEX.len(), WORDS);
        assert!(BY_INDEX.is_sorted_by(|a, b| a < b));
        for word in BY_INDEX.iter() {
            assert!((3..=8).contains(&word.len()), "{word}");
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
            assert_eq!(Word::find(word).map(Word::as_str), Some(*word));
        }
    }

    /// Words that are a letter more, less or other, or two letters swapped apart, have a form in
    /// common once a letter is left out of one or both.
    #[test]
    fn no_slip_of_a_letter_makes_another_word() {
        let mut forms: HashSet<String> = HashSet::new();
        for word in BY_INDEX.iter() {
            let shortened = (0..word.len()).map(|at| format!("{}{}", &word[..at], &word[at + 1..]));
            let own: HashSet<String> = shortened.chain([(*word).to_owned()]).collect();
            assert!(own.is_disjoint(&forms), "{word} is like another one");
            forms.extend(own);
        }
    }

    #[test]
    fn a_slip_is_told_what_was_meant() {
        for (typed, meant) in [
            ("guitr", Some("guitar")),
            ("gutiar", Some("guitar")),
            ("Guitarr", Some("guitar")),
            ("lanp", Some("lamp")),
            ("xyzzy", None),
            ("", None),
            ("ö", None),
        ] {
            assert_eq!(Word::near(typed).map(Word::as_str), meant, "{typed}");
        }
    }

    #[test]
    fn a_beginning_is_completed() {
        let begun: Vec<_> = Word::beginning("GUIT").map(Word::as_str).collect();
        assert_eq!(begun, ["guitar"]);
        assert_eq!(Word::beginning("").count(), WORDS);
        assert_eq!(Word::beginning("zzz").count(), 0);
    }
}
