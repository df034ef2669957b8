//! A place to have calls and measure them.

mod python;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use twocan::engine::Handicap;

use self::python::Python;
use crate::call::{Call, Peer};
use crate::folders;
use crate::results::Alike;
use crate::scenario::Scenario;
use crate::sim;

/// Programs are slower the first time, when their files are read: a call of this length comes first and
/// is not counted.
const WARM_UP: Duration = Duration::from_secs(6);

/// What calls are had and measured with.
pub struct Bench {
    python: Python,
    stimuli: PathBuf,
    twocan: PathBuf,
}

impl Bench {
    /// With our program at `twocan`, which is looked for where it is called with; what is said and
    /// filmed is made if it is not there.
    ///
    /// # Errors
    /// When something is missing.
    pub fn new(twocan: PathBuf) -> anyhow::Result<Self> {
        let python = Python::ready()?;
        let stimuli = folders::in_results("stimuli");
        python.run("stimuli.py", &[&stimuli])?;
        Ok(Self {
            python,
            stimuli: stimuli.canonicalize()?,
            twocan,
        })
    }

    /// What this call has in common with those that its figures are laid together with.
    ///
    /// # Errors
    /// When nobody knows what is said and filmed.
    pub fn alike(&self, scenario: &Scenario, length: Duration) -> anyhow::Result<Alike> {
        Ok(Alike {
            seconds: length.as_secs_f64(),
            line: scenario.to_string(),
            stimuli: self.stimuli_mark()?,
        })
    }

    /// Tells one state of what is said and filmed from another.
    ///
    /// # Errors
    /// When nobody knows.
    pub fn stimuli_mark(&self) -> anyhow::Result<String> {
        let mark = self.stimuli.join("made-by");
        fs::read_to_string(&mark).with_context(|| format!("{} cannot be read", mark.display()))
    }

    /// To measure calls that were had already, with what was said and filmed then.
    ///
    /// # Errors
    /// When something is missing.
    pub fn to_measure() -> anyhow::Result<Self> {
        let stimuli = folders::in_results("stimuli").canonicalize();
        Ok(Self {
            python: Python::ready()?,
            stimuli: stimuli.context("no call was had here yet")?,
            twocan: PathBuf::new(),
        })
    }

    /// Has `peer` call once on a clean line, so that the next call is like those after it.
    ///
    /// # Errors
    /// When that call fails; then the others would fail as well.
    pub fn warm_up(&self, peer: &Peer) -> anyhow::Result<()> {
        eprintln!("{}: trying it out", peer.name);
        let clean = Scenario::named(&["clean".to_owned()])?;
        let clean = clean.first().context("no scenario is called clean")?;
        let folder = folders::in_results("warm-up").join(&peer.name);
        self.call(clean, peer, 0, WARM_UP, folder)
            .have()
            .with_context(|| format!("{} on a clean line", peer.name))
    }

    /// What came of a call, and where it is left.
    ///
    /// # Errors
    /// When it does not come about, or cannot be measured.
    pub fn measure(
        &self,
        scenario: &Scenario,
        peer: &Peer,
        round: u32,
        length: Duration,
        folder: &Path,
    ) -> anyhow::Result<Value> {
        // The same line for every peer of a round.
        let scenario = scenario.of_round(u64::from(round))?;
        self.call(&scenario, peer, round, length, folder.to_owned())
            .have()?;
        self.measured(folder)
    }

    /// What came of the call that is left in `folder`.
    ///
    /// # Errors
    /// When it cannot be measured.
    pub fn measured(&self, folder: &Path) -> anyhow::Result<Value> {
        self.python.measure(folder)
    }

    /// What came of a call of ours on virtual time, and where it is left.
    ///
    /// # Errors
    /// When it does not come about, or cannot be measured.
    pub fn simulate(
        &self,
        scenario: &Scenario,
        seed: u64,
        length: Duration,
        folder: &Path,
        handicaps: &[Handicap],
    ) -> anyhow::Result<Value> {
        let scenario = Scenario {
            length,
            ..scenario.clone()
        };
        sim::run(&scenario, &self.stimuli, seed, folder, handicaps)?;
        self.measured(folder)
    }

    fn call<'a>(
        &'a self,
        scenario: &'a Scenario,
        peer: &'a Peer,
        round: u32,
        length: Duration,
        folder: PathBuf,
    ) -> Call<'a> {
        Call {
            scenario,
            peer,
            round,
            length,
            folder,
            stimuli: &self.stimuli,
            twocan: &self.twocan,
        }
    }

    /// Runs one of the scripts that make something of results.
    ///
    /// # Errors
    /// When it fails; it has said why.
    pub fn present(&self, script: &str, arguments: &[&dyn AsRef<OsStr>]) -> anyhow::Result<()> {
        self.python.run(script, arguments)
    }

    /// Prints the tables of a file of results, which go to `markdown` as well, and draws its page.
    ///
    /// # Errors
    /// When one of the scripts fails; it has said why.
    pub fn lay_open(&self, json: &Path, markdown: Option<&Path>) -> anyhow::Result<()> {
        let page = folders::in_results("report.html");
        let mut table: Vec<&dyn AsRef<OsStr>> = vec![&json];
        table.extend(markdown.iter().map(|path| path as &dyn AsRef<OsStr>));
        self.present("table.py", &table)?;
        self.present("report.py", &[&json, &page])?;
        println!("The page is {}", page.canonicalize()?.display());
        Ok(())
    }
}
