//! `./dev lab`: calls on bad networks, ours beside others', measured.

mod folders;
mod mobile;
mod scenario;

#[cfg(target_os = "linux")]
mod apart;
#[cfg(target_os = "linux")]
mod call;
#[cfg(target_os = "linux")]
mod emulator;
#[cfg(target_os = "linux")]
mod prompt;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod selftest;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

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
    /// Have calls, measure them, and lay ours beside others'
    Run(RunArguments),
}

/// Which calls to have.
#[derive(Debug, Args)]
struct RunArguments {
    /// On which lines; all if none is named
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Between whom; may be repeated; all if none is named
    #[arg(long = "peer", value_name = "PEER")]
    peers: Vec<String>,
    /// How often each
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long each call is, instead of what its scenario says
    #[arg(long, value_parser = clap::value_parser!(u64).range(5..=90))]
    seconds: Option<u64>,
    /// Where the results go
    #[arg(long, value_name = "FILE", default_value = "target/lab/results.json")]
    json: PathBuf,
    /// Our program
    #[arg(
        long,
        value_name = "FILE",
        default_value = "target/release/twocan",
        hide = true
    )]
    twocan: PathBuf,
}

fn main() -> ExitCode {
    match Arguments::parse().action {
        Action::List => told(list()),
        #[cfg(target_os = "linux")]
        Action::Selftest { names } => apart(|| selftest::run(&names)),
        #[cfg(target_os = "linux")]
        Action::Run(arguments) => match plan(arguments) {
            Ok(plan) => apart(|| {
                plan.run()?;
                plan.present()
            }),
            Err(error) => told(Err(error)),
        },
        #[cfg(not(target_os = "linux"))]
        _ => {
            eprintln!(
                "The lab makes its networks of Linux namespaces, which this system does not have."
            );
            ExitCode::from(NOT_HERE)
        }
    }
}

/// Where lines can be emulated.
#[cfg(target_os = "linux")]
fn apart(work: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    apart::from_everything_else(|| told(work())).unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::from(NOT_HERE)
    })
}

#[cfg(target_os = "linux")]
fn plan(arguments: RunArguments) -> anyhow::Result<run::Plan> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    Ok(run::Plan {
        scenarios: Scenario::named(&arguments.scenarios)?,
        peers: call::Peer::named(&arguments.peers)?,
        rounds: arguments.rounds,
        length: arguments.seconds.map(std::time::Duration::from_secs),
        twocan: arguments.twocan,
        json: arguments.json,
        command: format!("./dev lab {}", words.join(" ")),
    })
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
