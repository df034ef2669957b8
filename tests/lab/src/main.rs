//! `./dev lab`: calls on bad networks, ours beside others', measured.

mod folders;
mod mobile;
mod scenario;

#[cfg(target_os = "linux")]
mod again;
#[cfg(target_os = "linux")]
mod apart;
#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod call;
#[cfg(target_os = "linux")]
mod doubts;
#[cfg(target_os = "linux")]
mod emulator;
#[cfg(target_os = "linux")]
mod legs;
#[cfg(target_os = "linux")]
mod prompt;
#[cfg(target_os = "linux")]
mod results;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod selftest;
#[cfg(target_os = "linux")]
mod short;
#[cfg(target_os = "linux")]
mod sim;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use twocan::engine::Handicap;

#[cfg(target_os = "linux")]
use self::bench::Bench;
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
    Run {
        /// On which lines; all if none is named
        #[arg(value_name = "SCENARIO")]
        scenarios: Vec<String>,
        #[command(flatten)]
        calls: CallArguments,
    },
    /// The same in five minutes: a clean, an uneven and a narrow line, ours and Chromium
    Quick(CallArguments),
    /// Measure once more what is left of calls, with the measures as they are now
    Again {
        /// The results, which are replaced
        #[arg(long, value_name = "FILE", default_value = RESULTS)]
        json: PathBuf,
        /// Where the table goes besides, as Markdown
        #[arg(long, value_name = "FILE")]
        markdown: Option<PathBuf>,
    },
    /// Have calls between two of ours on virtual time, a minute of them in seconds
    Sim(SimArguments),
    /// Show that the lab notices calls that are made bad on purpose, and that both its legs agree
    Prove {
        /// Only these handicaps, or `legs`
        names: Vec<String>,
        /// Our program
        #[arg(long, value_name = "FILE", default_value_os_t = ours(), hide = true)]
        twocan: PathBuf,
    },
    /// Two short calls from end to end: does the lab work here?
    Short {
        /// Our program
        #[arg(long, value_name = "FILE", default_value_os_t = ours(), hide = true)]
        twocan: PathBuf,
    },
}

/// Which calls to have.
#[derive(Debug, Args)]
struct CallArguments {
    /// Between whom; may be repeated; all if none is named
    #[arg(long = "peer", value_name = "PEER")]
    peers: Vec<String>,
    /// How often each; once in `quick`, else three times
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// How long each call is, instead of what its scenario says
    #[arg(long, value_parser = clap::value_parser!(u64).range(5..=90))]
    seconds: Option<u64>,
    /// Where the results go
    #[arg(long, value_name = "FILE", default_value = RESULTS)]
    json: PathBuf,
    /// Add to the results that are there already
    #[arg(long)]
    add: bool,
    /// Where the table goes besides, as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Our program
    #[arg(long, value_name = "FILE", default_value_os_t = ours(), hide = true)]
    twocan: PathBuf,
}

/// Which calls to have on virtual time.
#[derive(Debug, Args)]
struct SimArguments {
    /// On which lines; all if none is named
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Decides all that is random
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..1 << 32))]
    seed: u64,
    /// Where each leaves a folder
    #[arg(long, value_name = "FOLDER", default_value = "target/lab/sim")]
    folder: PathBuf,
    /// Makes both sides worse on purpose; may be repeated
    #[arg(long, value_name = "NAME", hide = true)]
    handicap: Vec<Handicap>,
}

/// As people have it, and `./dev lab` builds it: beside the folder of this program.
fn ours() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let target = here.ancestors().nth(2).unwrap_or(Path::new("target"));
    target.join("release/twocan")
}
const RESULTS: &str = "target/lab/results.json";
const LEGS: &str = "legs";
/// Of fewer nobody could tell how much they differ by themselves.
const ROUNDS: u32 = 3;
const QUICK: [&str; 3] = ["clean", "wifi", "rate-1m"];
const QUICK_PEERS: [&str; 2] = ["twocan", "chromium"];
const QUICK_SECONDS: u64 = 20;

fn main() -> ExitCode {
    match Arguments::parse().action {
        Action::List => told(list()),
        #[cfg(target_os = "linux")]
        Action::Selftest { names } => apart(|| selftest::run(&names)),
        #[cfg(target_os = "linux")]
        Action::Run { scenarios, calls } => run(&scenarios, calls),
        #[cfg(target_os = "linux")]
        Action::Quick(mut calls) => {
            calls.seconds = calls.seconds.or(Some(QUICK_SECONDS));
            calls.rounds = calls.rounds.or(Some(1));
            if calls.peers.is_empty() {
                calls.peers = QUICK_PEERS.map(str::to_owned).into();
            }
            run(&QUICK.map(str::to_owned), calls)
        }
        #[cfg(target_os = "linux")]
        Action::Again { json, markdown } => told(
            again::Again {
                json,
                markdown,
                command: as_given(),
            }
            .run(),
        ),
        #[cfg(target_os = "linux")]
        Action::Sim(arguments) => told(simulate(arguments)),
        #[cfg(target_os = "linux")]
        Action::Prove { names, twocan } => match provable(&names) {
            Ok(()) => apart(|| prove(&names, &Bench::new(twocan)?)),
            Err(error) => told(Err(error)),
        },
        #[cfg(target_os = "linux")]
        Action::Short { twocan } => apart(|| short::run(&Bench::new(twocan)?)),
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
        if !error.is::<apart::NotHere>() {
            return told(Err(error));
        }
        eprintln!("{error}");
        ExitCode::from(NOT_HERE)
    })
}

#[cfg(target_os = "linux")]
fn run(scenarios: &[String], calls: CallArguments) -> ExitCode {
    match plan(scenarios, calls) {
        Ok(plan) => apart(|| plan.run()),
        Err(error) => told(Err(error)),
    }
}

#[cfg(target_os = "linux")]
fn plan(scenarios: &[String], arguments: CallArguments) -> anyhow::Result<run::Plan> {
    Ok(run::Plan {
        scenarios: Scenario::named(scenarios)?,
        peers: call::Peer::named(&arguments.peers)?,
        rounds: arguments.rounds.unwrap_or(ROUNDS),
        length: arguments.seconds.map(std::time::Duration::from_secs),
        twocan: arguments.twocan,
        json: arguments.json,
        add: arguments.add,
        markdown: arguments.markdown,
        command: as_given(),
    })
}

#[cfg(target_os = "linux")]
fn simulate(arguments: SimArguments) -> anyhow::Result<()> {
    let simulations = run::Simulations {
        scenarios: Scenario::named(&arguments.scenarios)?,
        seed: arguments.seed,
        handicaps: arguments.handicap,
        folder: arguments.folder,
        command: as_given(),
    };
    simulations.run(&Bench::to_measure()?)
}

#[cfg(target_os = "linux")]
fn as_given() -> String {
    let words: Vec<_> = std::env::args().skip(1).collect();
    format!("./dev lab {}", words.join(" "))
}

/// What is wrong with the question is said before anything is done.
#[cfg(target_os = "linux")]
fn provable(names: &[String]) -> anyhow::Result<()> {
    let known = [doubts::names(), vec![LEGS.to_owned()]].concat();
    for name in names {
        anyhow::ensure!(
            known.contains(name),
            "There is no proof {name}: {}.",
            known.join(", ")
        );
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn prove(names: &[String], bench: &Bench) -> anyhow::Result<()> {
    let (legs, handicaps): (Vec<_>, Vec<_>) = names.iter().cloned().partition(|name| name == LEGS);
    if names.is_empty() || !handicaps.is_empty() {
        doubts::run(bench, &handicaps)?;
    }
    if names.is_empty() || !legs.is_empty() {
        legs::run(bench)?;
    }
    Ok(())
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
