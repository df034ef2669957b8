/// A picture with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Emoji {
    /// As Unicode has it, of one character.
    pub glyph: char,
    /// In English.
    pub name: &'static str,
}

const fn emoji(glyph: char, name: &'static str) -> Emoji {
    Emoji { glyph, name }
}

/// Pictures that nobody takes for each other, each worth 6 bits. Only these are in the font
/// (`assets/fonts/subset.sh`).
pub static EMOJI: [Emoji; 64] = [
    emoji('\u{1f436}', "dog"),
    emoji('\u{1f431}', "cat"),
    emoji('\u{1f981}', "lion"),
    emoji('\u{1f40c}', "snail"),
    emoji('\u{1f984}', "unicorn"),
    emoji('\u{1f437}', "pig"),
    emoji('\u{1f418}', "elephant"),
    emoji('\u{1f430}', "rabbit"),
    emoji('\u{1f43c}', "panda"),
    emoji('\u{1f413}', "rooster"),
    emoji('\u{1f427}', "penguin"),
    emoji('\u{1f422}', "turtle"),
    emoji('\u{1f41f}', "fish"),
    emoji('\u{1f419}', "octopus"),
    emoji('\u{1f98b}', "butterfly"),
    emoji('\u{1f337}', "flower"),
    emoji('\u{1f333}', "tree"),
    emoji('\u{1f335}', "cactus"),
    emoji('\u{1f344}', "mushroom"),
    emoji('\u{1f30f}', "globe"),
    emoji('\u{1f319}', "moon"),
    emoji('\u{2601}', "cloud"),
    emoji('\u{1f525}', "fire"),
    emoji('\u{1f34c}', "banana"),
    emoji('\u{1f34e}', "apple"),
    emoji('\u{1f353}', "strawberry"),
    emoji('\u{1f33d}', "corn"),
    emoji('\u{1f355}', "pizza"),
    emoji('\u{1f382}', "cake"),
    emoji('\u{2764}', "heart"),
    emoji('\u{1f600}', "smiley"),
    emoji('\u{1f916}', "robot"),
    emoji('\u{1f3a9}', "hat"),
    emoji('\u{1f453}', "glasses"),
    emoji('\u{1f527}', "spanner"),
    emoji('\u{1f385}', "santa"),
    emoji('\u{1f44d}', "thumbs up"),
    emoji('\u{2602}', "umbrella"),
    emoji('\u{231b}', "hourglass"),
    emoji('\u{23f0}', "clock"),
    emoji('\u{1f381}', "gift"),
    emoji('\u{1f4a1}', "light bulb"),
    emoji('\u{1f4d5}', "book"),
    emoji('\u{270f}', "pencil"),
    emoji('\u{1f4ce}', "paperclip"),
    emoji('\u{2702}', "scissors"),
    emoji('\u{1f512}', "lock"),
    emoji('\u{1f511}', "key"),
    emoji('\u{1f528}', "hammer"),
    emoji('\u{260e}', "telephone"),
    emoji('\u{1f3c1}', "flag"),
    emoji('\u{1f682}', "train"),
    emoji('\u{1f6b2}', "bicycle"),
    emoji('\u{2708}', "aeroplane"),
    emoji('\u{1f680}', "rocket"),
    emoji('\u{1f3c6}', "trophy"),
    emoji('\u{26bd}', "ball"),
    emoji('\u{1f3b8}', "guitar"),
    emoji('\u{1f3ba}', "trumpet"),
    emoji('\u{1f514}', "bell"),
    emoji('\u{2693}', "anchor"),
    emoji('\u{1f3a7}', "headphones"),
    emoji('\u{1f4c1}', "folder"),
    emoji('\u{1f4cc}', "pin"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_is_another_in_looks_and_name() {
        let glyphs: HashSet<_> = EMOJI.iter().map(|emoji| emoji.glyph).collect();
        let names: HashSet<_> = EMOJI.iter().map(|emoji| emoji.name).collect();
        assert_eq!((glyphs.len(), names.len()), (EMOJI.len(), EMOJI.len()));
        for name in names {
            let plain = |c: char| c.is_ascii_lowercase() || c == ' ';
            assert!(!name.is_empty() && name.chars().all(plain), "{name}");
        }
    }
}
