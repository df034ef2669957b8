//! The file of what was measured.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What calls have in common whose figures are laid together.
#[derive(Debug, Clone, PartialEq)]
pub struct Alike {
    /// How long they are.
    pub seconds: f64,
    /// What the line is like.
    pub line: String,
    /// Which state of what is said and filmed.
    pub stimuli: String,
}

/// As they are in their file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// Each that brought some of them.
    pub command: Vec<String>,
    /// One for each call.
    pub results: Vec<Value>,
}

impl Results {
    /// Of a file.
    ///
    /// # Errors
    /// When there are none in it.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} holds no results of the lab", path.display()))
    }

    /// Into a file, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let write = || -> anyhow::Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let mut beside = path.as_os_str().to_owned();
            beside.push(".part");
            fs::write(&beside, serde_json::to_string_pretty(self)?)?;
            Ok(fs::rename(&beside, path)?)
        };
        write().with_context(|| format!("{} cannot be written", path.display()))
    }

    /// The last round of each scenario and peer.
    pub fn last_rounds(&self) -> BTreeMap<(String, String), u32> {
        let mut rounds = BTreeMap::new();
        for result in &self.results {
            let word = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
            let round = result["round"].as_u64().unwrap_or_default();
            let last = rounds.entry((word("scenario"), word("peer"))).or_default();
            *last = u32::try_from(round).unwrap_or(u32::MAX).max(*last);
        }
        rounds
    }

    /// Calls like this one can be laid beside those that are there.
    ///
    /// # Errors
    /// When those are of another length, on another line, or fed with something else.
    pub fn takes(&self, scenario: &str, alike: &Alike) -> anyhow::Result<()> {
        let of_it = |result: &&Value| result["scenario"] == scenario;
        for other in self.results.iter().filter(of_it) {
            for (key, value, what) in [
                (
                    "seconds",
                    &Value::from(alike.seconds),
                    "were of another length",
                ),
                (
                    "line",
                    &Value::from(alike.line.as_str()),
                    "were had on another line",
                ),
                (
                    "stimuli",
                    &Value::from(alike.stimuli.as_str()),
                    "said and filmed something else",
                ),
            ] {
                anyhow::ensure!(
                    other[key] == *value,
                    "The calls on {scenario} that are there already {what}: their figures and new ones \
                     cannot be laid together."
                );
            }
        }
        Ok(())
    }
}

/// What took part on each side of a call, which is left in `folder`.
pub fn versions(folder: &Path) -> Value {
    let side = |name: &str| {
        let text = fs::read(folder.join(name).join("side.json")).unwrap_or_default();
        let side: Value = serde_json::from_slice(&text).unwrap_or_default();
        let word = |key: &str| side[key].as_str().unwrap_or("unknown").to_owned();
        (word("program"), word("version"))
    };
    let sides = [side("left"), side("right")];
    Value::Object(
        sides
            .map(|(program, version)| (program, version.into()))
            .into_iter()
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alike(seconds: f64, line: &str, stimuli: &str) -> Alike {
        Alike {
            seconds,
            line: line.to_owned(),
            stimuli: stimuli.to_owned(),
        }
    }

    fn some() -> Results {
        let result = |scenario: &str, peer: &str, round: u32| json!({ "scenario": scenario, "peer": peer, "round": round, "seconds": 60.0, "line": "long", "stimuli": "first" });
        Results {
            command: vec!["./dev lab run".to_owned()],
            results: vec![
                result("wifi", "twocan", 1),
                result("wifi", "twocan", 2),
                result("wifi", "chromium", 1),
            ],
        }
    }

    #[test]
    fn rounds_go_on_and_calls_that_are_not_alike_are_refused() {
        let rounds = some().last_rounds();
        let of = |peer: &str| rounds.get(&("wifi".to_owned(), peer.to_owned())).copied();
        assert_eq!((of("twocan"), of("chromium")), (Some(2), Some(1)));
        assert_eq!(of("libwebrtc"), None);
        let takes = |scenario, seconds, line, stimuli| {
            some().takes(scenario, &alike(seconds, line, stimuli))
        };
        takes("wifi", 60.0, "long", "first").expect("as they are");
        takes("clean", 20.0, "short", "second").expect("nothing is there of it");
        for (seconds, line, stimuli, what) in [
            (20.0, "long", "first", "were of another length"),
            (60.0, "short", "first", "were had on another line"),
            (60.0, "long", "second", "said and filmed something else"),
        ] {
            let error = takes("wifi", seconds, line, stimuli)
                .expect_err(what)
                .to_string();
            let expected = format!(
                "The calls on wifi that are there already {what}: their figures and new ones cannot be \
                 laid together."
            );
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = std::env::temp_dir().join(format!("twocan-results-{}", std::process::id()));
        let path = folder.join("results.json");
        some().write(&path).expect("a new folder");
        some().write(&path).expect("an old file");
        let read = Results::read(&path).expect("results");
        assert_eq!(read.results, some().results);
        assert_eq!(fs::read_dir(&folder).expect("ours").count(), 1);
        fs::write(&path, "[]").expect("ours");
        let error = Results::read(&path).expect_err("no results").to_string();
        assert!(error.ends_with("holds no results of the lab"), "{error}");
        fs::remove_dir_all(&folder).expect("ours");
    }
}
