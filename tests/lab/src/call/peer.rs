use twocan::engine::Handicap;

/// Who talks with whom, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// As it is asked for.
    pub name: String,
    /// Who speaks.
    pub left: Program,
    /// Who answers with clicks.
    pub right: Program,
    /// Both film, too.
    pub pictures: bool,
    /// What Twocan is told to do badly.
    pub handicaps: Vec<Handicap>,
}

/// A program that can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Ours, without a window.
    Twocan,
    /// Debian's, without a window.
    Chromium,
    /// As Node.js has it; sound only.
    Libwebrtc,
}

impl Program {
    /// What it is called, and what drives it, unless it is ours.
    pub fn driver(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Twocan => None,
            Self::Chromium => Some(("Chromium", "chromium.mjs")),
            Self::Libwebrtc => Some(("libwebrtc", "libwebrtc.mjs")),
        }
    }
}

impl Peer {
    /// All that can be asked for.
    pub fn all() -> Vec<Self> {
        use Program::{Chromium, Libwebrtc, Twocan};
        [
            ("twocan", Twocan, Twocan, true),
            ("chromium", Chromium, Chromium, true),
            ("twocan-chromium", Twocan, Chromium, true),
            ("twocan-voice", Twocan, Twocan, false),
            ("libwebrtc", Libwebrtc, Libwebrtc, false),
        ]
        .into_iter()
        .map(|(name, left, right, pictures)| Self {
            name: name.to_owned(),
            left,
            right,
            pictures,
            handicaps: Vec::new(),
        })
        .collect()
    }

    /// Those of these names, or all if there are none.
    ///
    /// # Errors
    /// When there is no such peer.
    pub fn named(names: &[String]) -> anyhow::Result<Vec<Self>> {
        let all = Self::all();
        for name in names {
            anyhow::ensure!(
                all.iter().any(|peer| peer.name == *name),
                "There is no peer {name}: {}.",
                all.iter()
                    .map(|peer| peer.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        Ok(all
            .into_iter()
            .filter(|peer| names.is_empty() || names.contains(&peer.name))
            .collect())
    }
}
