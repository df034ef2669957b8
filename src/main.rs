//! Twocan's thin program: the window, or a call without one.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use tracing_subscriber::EnvFilter;
use twocan::cli::{Action, CallArgs, Cli, DeviceArgs};
use twocan::engine::{self, Command, EngineError, EngineOptions};
use twocan::headless::{self, ALREADY_OPEN, Exit};
use twocan::media::Bitrate;
use twocan::settings::{Store, StoreError};
use twocan::ui::{self, UiError, WindowOptions};

/// The exit code of anything that has no code of its own.
const FAILED: u8 = 1;
/// The exit code of a window where there is no display.
const NO_DISPLAY: u8 = 4;

fn main() -> ExitCode {
    engine::share_memory_pools();
    let cli = Cli::parse();
    if let Err(error) = cli.check() {
        error.format(&mut Cli::command()).exit();
    }
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
        Some(Action::Host { how, call }) if call.headless => block_on(headless::host(how, call)),
        Some(Action::Host { call, .. }) => window(of_call(call), Some(Command::Host)),
        Some(Action::Join { invite, call }) if call.headless => {
            block_on(headless::join(&invite, call))
        }
        Some(Action::Join { invite, call }) => {
            window(of_call(call), Some(Command::Join { invite }))
        }
        Some(Action::Call { contact, call }) => block_on(headless::call_contact(&contact, call)),
        Some(Action::Listen { how, call }) => block_on(headless::listen(how, call)),
        Some(Action::Demo(call)) => block_on(headless::demo(call)),
        Some(Action::Contacts { what }) => headless::contacts(what),
        Some(Action::Identity { what }) => headless::identity(what),
        Some(Action::Rooms { what }) => headless::rooms(what),
        None => window(of_devices(cli.devices), None),
    }
}

/// What a window takes from the command line besides what to do first.
fn of_call(call: CallArgs) -> EngineOptions {
    EngineOptions {
        server: call.server,
        name: call.name,
        ice_servers: call.stun.into_iter().chain(call.turn).collect(),
        relay_only: call.relay_only,
        processing: call.processing,
        max_bitrate: Some(Bitrate::from_kbps(call.max_bitrate)),
        ..of_devices(call.devices)
    }
}

fn of_devices(devices: DeviceArgs) -> EngineOptions {
    EngineOptions {
        microphone: devices.microphone,
        speaker: devices.speaker,
        camera: devices.camera,
        ..EngineOptions::default()
    }
}

/// Opens the window, and does `first` as if the person had clicked it.
fn window(options: EngineOptions, first: Option<Command>) -> anyhow::Result<Exit> {
    let options = EngineOptions {
        folder: Some(Store::usual_folder()?),
        keyring: true,
        ..options
    };
    let handle = match engine::start(options) {
        Ok(handle) => handle,
        Err(EngineError::Store(error @ StoreError::AlreadyOpen)) => {
            return Ok(Exit {
                code: ALREADY_OPEN,
                sentence: Some(error.to_string()),
            });
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(first) = first {
        handle.send(first);
    }
    match ui::run(handle, WindowOptions::default()) {
        Ok(()) => Ok(Exit {
            code: 0,
            sentence: None,
        }),
        Err(error @ UiError::NoDisplay(_)) => Ok(Exit {
            code: NO_DISPLAY,
            sentence: Some(error.to_string()),
        }),
        Err(error) => Err(error.into()),
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
