//! Twocan's thin program: the window, or a call without one.

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;
use twocan::cli::{Action, Cli};
use twocan::headless::{self, Exit};

/// The exit code of anything that has no code of its own.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("TWOCAN_LOG").unwrap_or_else(|_| "error".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(cli) {
        Ok(exit) => {
            if let Some(sentence) = exit.sentence {
                eprintln!("twocan: {sentence}");
            }
            ExitCode::from(exit.code)
        }
        Err(error) => {
            eprintln!("twocan: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Some(Action::Devices { json }) => headless::list_devices(json),
        Some(Action::Host(call)) => block_on(headless::host(call)),
        Some(Action::Join { invite, call }) => block_on(headless::join(&invite, call)),
        Some(Action::Demo(call)) => block_on(headless::demo(call)),
        None => anyhow::bail!("the window is on its way"),
    }
}

fn block_on(call: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("twocan-net")
        .enable_all()
        .build()?;
    let exit = runtime.block_on(call);
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    exit
}
