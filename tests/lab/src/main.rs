//! `./dev lab`: calls on bad networks, ours beside others', measured.

#[cfg(target_os = "linux")]
mod apart;
#[cfg(target_os = "linux")]
mod emulator;
#[cfg(target_os = "linux")]
mod prompt;
mod scenario;
#[cfg(target_os = "linux")]
mod selftest;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::scenario::Scenario;

/// This system cannot have the lab; nothing is wrong with the line (as automake's tests say it).
const NOT_HERE: u8 = 77;

/// Calls on bad networks, ours beside others', measured.
#[derive(Debug, Parser)]
#[command(name = "./dev lab", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Name the scenarios, and what the line is like in each
    List,
    /// Measure the emulated line against what was asked of it
    Selftest {
        /// Only cases whose name contains one of these
        names: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().action {
        Action::List => list(),
        Action::Selftest { names } => return on_a_line(|| selftest(&names)),
    };
    told(done)
}

/// Where lines can be emulated.
fn on_a_line(work: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    match apart() {
        Ok(()) => told(work()),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(NOT_HERE)
        }
    }
}

fn told(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> anyhow::Result<()> {
    for scenario in Scenario::all()? {
        println!("{scenario}");
    }
    Ok(())
}

#[cfg(target_os = "linux")]
use self::{apart::from_everything_else as apart, selftest::run as selftest};

#[cfg(not(target_os = "linux"))]
fn apart() -> anyhow::Result<()> {
    anyhow::bail!(
        "The lab makes its networks of Linux namespaces, which this system does not have."
    )
}

#[cfg(not(target_os = "linux"))]
fn selftest(_: &[String]) -> anyhow::Result<()> {
    Ok(())
}
