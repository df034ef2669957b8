use unicode_security::skeleton;

/// A name as a person reads it: neither capitals nor spaces tell two apart, nor letters of other
/// alphabets that look the same (the skeleton of Unicode Technical Standard 39, section 4).
pub fn as_read(name: &str) -> String {
    // What looks alike may be a capital only, or only not be one.
    let as_written: String = skeleton(name).collect();
    let small = as_written.to_lowercase();
    // Of capitals, I is l already.
    let alike = |c| if c == 'i' { 'l' } else { c };
    let small: String = skeleton(&small).map(alike).collect();
    // Only now: there are more blanks than these.
    let words: Vec<_> = small.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_the_same_is_read_the_same() {
        let maya = as_read("Maya Lindqvist");
        for written in [
            " maya  LINDQVIST ",
            // Cyrillic.
            "М\u{430}у\u{430} Lindqvist",
            // Full width.
            "Ｍaya Lindqvist",
            "Maya LIndqvlst",
            // A blank of Braille.
            "Maya\u{2800} Lindqvist\u{2800}",
        ] {
            assert_eq!(as_read(written), maya, "{written}");
        }
        assert_eq!(as_read("Zo\u{eb}"), as_read("Zoe\u{308}"));
    }

    #[test]
    fn what_looks_another_is_another() {
        assert_ne!(as_read("Maya"), as_read("Mara"));
        assert_ne!(as_read("Maya Lindqvist"), as_read("Maya"));
        assert_ne!(as_read("Zo\u{eb}"), as_read("Zoe"));
        assert_eq!(as_read("  "), "");
    }

    proptest! {
        #[test]
        fn any_name_is_read(name in any::<String>()) {
            let read = as_read(&name);
            prop_assert_eq!(as_read(&format!(" {name} ")), read);
        }
    }
}
