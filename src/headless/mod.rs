//! A call without a window, for servers, scripts and tests: progress on stderr, the invite and
//! results on stdout, a report in a file, and an exit code for each way to end.

mod call;
mod companion;
mod device_list;
mod gear;
mod report_file;
mod stop;
mod words;

pub use device_list::list_devices;

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde::Serialize;

use self::call::call;
use self::gear::Gear;
use self::report_file::{ReportFile, open_report, write_report};
use self::words::summarize;
use crate::call::{CallEndReason, CallRole};
use crate::capture::{CameraSpec, DeviceError, MicrophoneSpec};
use crate::cli::{CallArgs, DeviceArgs, HostArgs};
use crate::engine::{CallReport, Inviting, Meeting};
use crate::playout::SpeakerSpec;

/// The exit code of a file that cannot be used.
const BAD_FILE: u8 = 3;

/// How a program ends: a code, and the sentence for it if something went wrong.
#[derive(Debug)]
pub struct Exit {
    /// For the shell.
    pub code: u8,
    /// For the person.
    pub sentence: Option<String>,
}

impl Exit {
    fn of(reason: CallEndReason) -> Self {
        let sentence = (!reason.is_success()).then(|| reason.sentence().to_owned());
        Self {
            code: reason.exit_code(),
            sentence,
        }
    }
}

/// Starts a call and waits for a friend.
///
/// # Errors
/// When it cannot even begin.
pub async fn host(how: HostArgs, args: CallArgs) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let (gear, report_file) = match files_of(&args) {
        Ok(files) => files,
        Err(exit) => return Ok(exit),
    };
    let inviting = match (how.code, how.link) {
        (true, true) => Inviting::Both,
        (true, false) => Inviting::Code,
        (false, _) => Inviting::Link,
    };
    let meeting = Meeting::host(args.server.clone(), inviting).await?;
    if let Some(invite) = &meeting.invite {
        say(invite)?;
    }
    let (report, exit) = call(args, gear, CallRole::Host, meeting, started, "").await?;
    summarize(&report)?;
    write_report(report_file, &report)?;
    Ok(exit)
}

/// Joins the call of a link or a code.
///
/// # Errors
/// When it cannot even begin.
pub async fn join(invite: &str, args: CallArgs) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let (gear, report_file) = match files_of(&args) {
        Ok(files) => files,
        Err(exit) => return Ok(exit),
    };
    let meeting = match Meeting::join(invite, args.server.clone(), &[]) {
        Ok(meeting) => meeting,
        Err(error) => {
            let code = CallEndReason::BadInvite.exit_code();
            return Ok(Exit {
                code,
                sentence: Some(error.to_string()),
            });
        }
    };
    let (report, exit) = call(args, gear, CallRole::Guest, meeting, started, "").await?;
    summarize(&report)?;
    write_report(report_file, &report)?;
    Ok(exit)
}

/// Both reports of a call with itself.
#[derive(Debug, Serialize)]
struct DemoReport {
    version: u32,
    host: CallReport,
    guest: CallReport,
}

/// A call with itself; without other wishes a tone and a pattern go both ways, heard and seen by
/// nobody, so that it works on a machine without any device.
///
/// # Errors
/// When it cannot even begin.
pub async fn demo(args: CallArgs) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let devices = args.devices;
    let args = CallArgs {
        devices: DeviceArgs {
            microphone: devices.microphone.or(Some(MicrophoneSpec::Tone(440))),
            speaker: devices.speaker.or(Some(SpeakerSpec::Null)),
            camera: devices
                .camera
                .or(Some(CameraSpec::Pattern(Default::default()))),
        },
        duration: args.duration.or(Some(Duration::from_secs(10))),
        // To noise suppression a steady tone is noise.
        processing: args.processing.or(Some(false)),
        ..args
    };
    let guest_camera = match &args.devices.camera {
        // A camera has one user at a time.
        Some(CameraSpec::Default | CameraSpec::Device(_)) => {
            Some(CameraSpec::Pattern(Default::default()))
        }
        other => other.clone(),
    };
    let guest_args = CallArgs {
        // Only one of the two can write down what is seen and heard.
        display: None,
        devices: DeviceArgs {
            speaker: Some(SpeakerSpec::Null),
            camera: guest_camera,
            ..args.devices.clone()
        },
        duration: None,
        ..args.clone()
    };
    let (gear, guest_gear) = match (Gear::new(&args), Gear::new(&guest_args)) {
        (Ok(gear), Ok(guest_gear)) => (gear, guest_gear),
        (Err(error), _) | (_, Err(error)) => return Ok(bad_file(&error)),
    };
    let report_file = match open_report(args.report.as_deref()) {
        Ok(file) => file,
        Err(exit) => return Ok(exit),
    };
    let meeting = Meeting::host(args.server.clone(), Inviting::Link).await?;
    let invite = meeting.invite.as_ref().map(ToString::to_string);
    let joined = Meeting::join(&invite.unwrap_or_default(), None, &[])?;
    let host = call(args, gear, CallRole::Host, meeting, started, "host: ");
    let guest = call(
        guest_args,
        guest_gear,
        CallRole::Guest,
        joined,
        started,
        "guest: ",
    );
    // If one of them breaks off, the other would wait in vain.
    let ((host, host_exit), (guest, guest_exit)) = tokio::try_join!(host, guest)?;
    summarize(&host)?;
    let report = DemoReport {
        version: 1,
        host,
        guest,
    };
    write_report(report_file, &report)?;
    Ok(if host_exit.code == 0 {
        guest_exit
    } else {
        host_exit
    })
}

/// A link or a code, for whoever or whatever passes it on.
fn say(invitation: &impl std::fmt::Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{invitation}")?;
    out.flush()?;
    Ok(())
}

/// All files that the call reads and writes, before anybody is invited.
fn files_of(args: &CallArgs) -> Result<(Gear, Option<ReportFile>), Exit> {
    let gear = Gear::new(args).map_err(|error| bad_file(&error))?;
    Ok((gear, open_report(args.report.as_deref())?))
}

fn bad_file(error: &DeviceError) -> Exit {
    Exit {
        code: BAD_FILE,
        sentence: Some(error.to_string()),
    }
}
