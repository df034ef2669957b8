//! Calls that were had, measured once more, with the measures as they are now.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use serde_json::Value;

use crate::bench::Bench;
use crate::results::{Results, versions};

/// They are measured by one thread each, and leave a computer of two cores nothing to wait for.
const AT_A_TIME: usize = 2;

/// Which results.
#[derive(Debug)]
pub struct Again {
    /// Their file.
    pub json: PathBuf,
    /// Where the table goes besides, as Markdown.
    pub markdown: Option<PathBuf>,
    /// The command as it was given.
    pub command: String,
}

/// What becomes of a result.
enum Outcome {
    Measured {
        measures: Value,
        versions: Value,
    },
    /// Of figures that nobody can make anew now, there are none.
    Failed(String),
    /// It stays as it is.
    Kept(String),
}

impl Again {
    /// Measures all of which the call is left, and presents what is in the file then.
    ///
    /// # Errors
    /// When there are no results, or they cannot be written.
    pub fn run(&self) -> anyhow::Result<()> {
        let mut results = Results::read(&self.json)?;
        let bench = Bench::to_measure()?;
        let stimuli = bench.stimuli_mark()?;
        let outcomes = measure_all(&results.results, &stimuli, |folder| bench.measured(folder));
        for (result, outcome) in results.results.iter_mut().zip(outcomes) {
            apply(result, outcome);
        }
        if results.command.last() != Some(&self.command) {
            results.command.push(self.command.clone());
        }
        results.write(&self.json)?;
        bench.lay_open(&self.json, self.markdown.as_deref())
    }
}

/// In the order of the results.
fn measure_all(
    results: &[Value],
    stimuli: &str,
    measure: impl Fn(&Path) -> anyhow::Result<Value> + Sync,
) -> Vec<Outcome> {
    let waiting = Mutex::new(results.iter().enumerate());
    let work = || {
        let mut done = Vec::new();
        loop {
            let next = waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next();
            let Some((index, result)) = next else {
                return done;
            };
            eprintln!("{} of {}: {}", index + 1, results.len(), name(result));
            done.push((index, outcome(result, stimuli, &measure)));
        }
    };
    let mut done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        let done = threads.into_iter().map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done.flatten().collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn outcome(
    result: &Value,
    stimuli: &str,
    measure: impl Fn(&Path) -> anyhow::Result<Value>,
) -> Outcome {
    let folder = result["folder"].as_str().map(Path::new);
    // What is written last: without it the call failed, and there is nothing to measure.
    let Some(folder) = folder.filter(|folder| folder.join("call.json").is_file()) else {
        return Outcome::Kept("no call is left of it".to_owned());
    };
    if result["stimuli"] != stimuli {
        return Outcome::Kept("what was said and filmed then is gone".to_owned());
    }
    match measure(folder) {
        Ok(measures) => Outcome::Measured {
            measures,
            versions: versions(folder),
        },
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

fn apply(result: &mut Value, outcome: Outcome) {
    match outcome {
        Outcome::Measured { measures, versions } => {
            result["measures"] = measures;
            result["versions"] = versions;
            if let Some(result) = result.as_object_mut() {
                result.remove("failure");
            }
        }
        Outcome::Failed(why) => {
            eprintln!("{} cannot be measured: {why}", name(result));
            result["failure"] = why.into();
            if let Some(result) = result.as_object_mut() {
                result.remove("measures");
            }
        }
        Outcome::Kept(why) => eprintln!("{} stays as it is: {why}", name(result)),
    }
}

fn name(result: &Value) -> String {
    let word = |key: &str| result[key].as_str().unwrap_or("?");
    format!(
        "{}, {}, round {}",
        word("scenario"),
        word("peer"),
        result["round"]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    #[test]
    fn what_is_left_is_measured_and_the_rest_stays_as_it_is() {
        let folder = std::env::temp_dir().join(format!("twocan-again-{}", std::process::id()));
        let result = |name: &str| {
            let folder = folder.join(name);
            json!({ "scenario": name, "folder": folder, "stimuli": "same", "measures": "old", "failure": "it broke" })
        };
        for name in ["first", "third", "fourth"] {
            fs::create_dir_all(folder.join(name)).expect("a folder");
            fs::write(folder.join(name).join("call.json"), "{}").expect("a file");
        }
        let mut results = ["first", "second", "third", "fourth"].map(result);
        results[3]["stimuli"] = "other".into();
        let before = results.clone();
        let outcomes = measure_all(&results, "same", |folder| {
            anyhow::ensure!(!folder.ends_with("third"), "it cannot be measured");
            Ok(json!({ "of": folder.file_name().expect("a name").to_str() }))
        });
        for (result, outcome) in results.iter_mut().zip(outcomes) {
            apply(result, outcome);
        }
        assert_eq!(results[0]["measures"], json!({ "of": "first" }));
        assert!(results[0].get("failure").is_none());
        assert_eq!(results[1], before[1]);
        assert_eq!(results[2].get("measures"), None);
        assert_eq!(results[2]["failure"], "it cannot be measured");
        assert_eq!(results[3], before[3]);
        fs::remove_dir_all(&folder).expect("ours");
    }
}
