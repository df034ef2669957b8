use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::capacity;
use crate::emulator::{PacketLog, Punctuality};
use crate::scenario::Scenario;

/// What a call was, beside what its two sides leave.
#[derive(Debug)]
pub struct Record<'a> {
    /// What the line was like.
    pub scenario: &'a Scenario,
    /// Who talked, as it is asked for.
    pub peer: &'a str,
    /// Which of the rounds.
    pub round: u64,
    /// Of the line.
    pub seed: u64,
    /// How long it was meant to be, from being connected on.
    pub length: Duration,
    /// What was said and filmed.
    pub stimuli: &'a Path,
    /// The line was what the scenario says from then on.
    pub began: SystemTime,
    /// What is judged ends here.
    pub ended: SystemTime,
    /// How well the line kept its times to the right and to the left, where it is a real one.
    pub punctuality: Option<[Punctuality; 2]>,
}

impl Record<'_> {
    /// Writes `call.json` and, of what went to the right and to the left, `line.csv`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, folder: &Path, logs: &[PacketLog; 2]) -> anyhow::Result<()> {
        write_line(&folder.join("line.csv"), logs).context("line.csv cannot be written")?;
        // Last: where it is, the rest is whole.
        write_json(&folder.join("call.json"), &self.about())
    }

    fn about(&self) -> Value {
        let capacity = |profile| capacity::over_time(profile, self.began, self.ended);
        json!({
            "scenario": self.scenario.name,
            "peer": self.peer,
            "round": self.round,
            "seed": self.seed,
            "seconds": self.length.as_secs_f64(),
            "stimuli": self.stimuli,
            "began": unix(self.began),
            "ended": unix(self.ended),
            "capacity": {
                "there": capacity(&self.scenario.there),
                "back": capacity(&self.scenario.back),
            },
            "calls": self.scenario.calls,
            "punctuality": self.punctuality.map(|[there, back]| json!({ "there": there, "back": back })),
        })
    }
}

fn write_line(path: &Path, [there, back]: &[PacketLog; 2]) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "{}", PacketLog::HEADER)?;
    there.write("there", &mut file)?;
    back.write("back", &mut file)?;
    file.flush()
}

/// For people as well.
///
/// # Errors
/// When it cannot be written.
pub fn write_json(path: &Path, value: &Value) -> anyhow::Result<()> {
    fs::write(path, format!("{value:#}\n"))
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// Seconds since the epoch.
pub fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
