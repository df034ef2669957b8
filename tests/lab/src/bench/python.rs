use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde_json::Value;

use crate::folders;

/// What measures, in an environment of its own that `./dev` has made.
pub struct Python(PathBuf);

impl Python {
    /// Looks for it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn ready() -> anyhow::Result<Self> {
        let program = folders::in_target("measure/venv/bin/python");
        anyhow::ensure!(
            program.is_file(),
            "What measures is not installed ({}); `./dev lab` does that.",
            program.display()
        );
        Ok(Self(program))
    }

    /// Runs one of the lab's scripts.
    ///
    /// # Errors
    /// When it fails; it has said why.
    pub fn run(&self, script: &str, arguments: &[&dyn AsRef<OsStr>]) -> anyhow::Result<()> {
        let status = self
            .command(script, arguments)
            .status()
            .context("Python cannot be started")?;
        anyhow::ensure!(status.success(), "{script} failed ({status}).");
        Ok(())
    }

    /// What came of a call.
    ///
    /// # Errors
    /// When its folder cannot be made sense of.
    pub fn measure(&self, folder: &Path) -> anyhow::Result<Value> {
        let output = self
            .command("measure.py", &[&"call", &folder])
            .stderr(Stdio::inherit())
            .output()
            .context("Python cannot be started")?;
        let status = output.status;
        anyhow::ensure!(
            status.success(),
            "The call could not be measured ({status})."
        );
        serde_json::from_slice(&output.stdout).context("measure.py printed no JSON")
    }

    fn command(&self, script: &str, arguments: &[&dyn AsRef<OsStr>]) -> Command {
        let mut command = Command::new(&self.0);
        command
            .arg(folders::in_lab("measure").join(script))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }
}
