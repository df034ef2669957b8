//! The thin program of the signaling server.

use std::io;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Parser;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// The signaling server of Twocan: it introduces two people to each other, and nothing else.
///
/// It speaks plain websockets (ws://); for wss:// put it behind a web server with a certificate.
/// GET /health answers 200. RUST_LOG=debug says more.
#[derive(Debug, Parser)]
#[command(name = "twocan-server", version)]
struct Arguments {
    /// The address and port to listen on.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:4455")]
    listen: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .with_writer(io::stderr)
        .init();
    match run(&arguments.listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("twocan-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(listen: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("no threads to run on")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| anyhow!("{}", explain(&error, listen)))?;
        let stop = stop_signal().context("no signals to listen to")?;
        eprintln!("listening on {}", listener.local_addr()?);
        twocan_server::serve(listener, stop).await;
        eprintln!("closed");
        Ok(())
    })
}

fn explain(error: &io::Error, listen: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{listen} is in use; stop the other program, or choose another port")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{listen} is not an address of this computer; 0.0.0.0 is all of them")
        }
        io::ErrorKind::PermissionDenied => {
            format!("no permission to listen on {listen}; choose a port over 1023")
        }
        io::ErrorKind::InvalidInput => {
            format!("“{listen}” is not an address with a port, such as 0.0.0.0:4455")
        }
        _ => format!("cannot listen on “{listen}”: {error}"),
    }
}

/// Done at ctrl-c, and where there is one at SIGTERM.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Done at ctrl-c.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
