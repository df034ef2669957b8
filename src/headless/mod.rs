//! A call without a window, for servers, scripts and tests: progress on stderr, the invite and
//! results on stdout, a report in a file, and an exit code for each way to end. And without a window as
//! well: who this person is, whom they know, and where they meet.

mod call;
mod companion;
mod contact_calls;
mod contact_list;
mod device_list;
mod gear;
mod home;
mod identity;
mod passphrase;
mod report_file;
mod rooms;
mod stop;
mod words;

pub use contact_calls::{call_contact, listen};
pub use contact_list::contacts;
pub use device_list::list_devices;
pub use identity::identity;
pub use rooms::rooms;

use std::fmt::Display;
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde::Serialize;

use self::call::{Side, call};
use self::gear::Gear;
use self::report_file::{ReportFile, open_report, write_report};
use self::words::summarize;
use crate::call::{CallEndReason, CallRole};
use crate::capture::{CameraSpec, MicrophoneSpec};
use crate::cli::{CallArgs, DeviceArgs, HostArgs};
use crate::contacts::{BookError, ExportError, IdentityError};
use crate::engine::{CallReport, Inviting, Meeting};
use crate::playout::SpeakerSpec;
use crate::settings::StoreError;

/// The exit code of words that lead nowhere, as of those that are not understood.
const WRONG_WORDS: u8 = 2;
/// The exit code of a file that cannot be used.
const BAD_FILE: u8 = 3;
/// The exit code where another Twocan has what this person keeps.
pub const ALREADY_OPEN: u8 = 5;

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

    fn good() -> Self {
        Self {
            code: 0,
            sentence: None,
        }
    }

    fn wrong_words(sentence: impl Into<String>) -> Self {
        Self {
            code: WRONG_WORDS,
            sentence: Some(sentence.into()),
        }
    }

    fn bad_file(why: &impl Display) -> Self {
        Self {
            code: BAD_FILE,
            sentence: Some(why.to_string()),
        }
    }
}

impl From<StoreError> for Exit {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::AlreadyOpen => Self {
                code: ALREADY_OPEN,
                sentence: Some(error.to_string()),
            },
            StoreError::NoHome | StoreError::Io { .. } => Self::bad_file(&error),
        }
    }
}

impl From<BookError> for Exit {
    fn from(error: BookError) -> Self {
        match error {
            BookError::InUse => Self {
                code: ALREADY_OPEN,
                sentence: Some(error.to_string()),
            },
            BookError::Newer | BookError::Broken { .. } => Self::bad_file(&error),
        }
    }
}

impl From<IdentityError> for Exit {
    fn from(error: IdentityError) -> Self {
        Self::bad_file(&error)
    }
}

impl From<ExportError> for Exit {
    fn from(error: ExportError) -> Self {
        Self::bad_file(&error)
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
    let mut side = Side::stranger(CallRole::Host, started, "");
    let meeting = match &how.room {
        Some(name) => match rooms::standing(name, args.server.as_ref()) {
            Ok((invite, blocked)) => {
                side.ignored = blocked;
                Meeting::follow(invite)
            }
            Err(exit) => return Ok(exit),
        },
        None => Meeting::host(args.server.clone(), inviting).await?,
    };
    if let Some(invite) = &meeting.invite {
        say(invite)?;
    }
    let (report, exit) = call(args, gear, meeting, side).await?;
    summarize(&report)?;
    write_report(report_file, &report)?;
    Ok(exit)
}

/// Joins the call of a link or a code, or of the picture of a link.
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
    // Of a link that is not in a file this was seen before.
    if args.server.is_some() && meeting.invite.is_some() {
        return Ok(Exit::wrong_words(
            "--server does not go with this invite: it says which server it is",
        ));
    }
    let side = Side::stranger(CallRole::Guest, started, "");
    let (report, exit) = call(args, gear, meeting, side).await?;
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
        (Err(error), _) | (_, Err(error)) => return Ok(Exit::bad_file(&error)),
    };
    let report_file = match open_report(args.report.as_deref()) {
        Ok(file) => file,
        Err(exit) => return Ok(exit),
    };
    let meeting = Meeting::host(args.server.clone(), Inviting::Link).await?;
    let invite = meeting.invite.as_ref().map(ToString::to_string);
    let joined = Meeting::join(&invite.unwrap_or_default(), None, &[])?;
    let host_side = Side::stranger(CallRole::Host, started, "host: ");
    let guest_side = Side::stranger(CallRole::Guest, started, "guest: ");
    let host = call(args, gear, meeting, host_side);
    let guest = call(guest_args, guest_gear, joined, guest_side);
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
fn say(invitation: &impl Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{invitation}")?;
    out.flush()?;
    Ok(())
}

/// All files that the call reads and writes, before anybody is invited.
fn files_of(args: &CallArgs) -> Result<(Gear, Option<ReportFile>), Exit> {
    let gear = Gear::new(args).map_err(|error| Exit::bad_file(&error))?;
    Ok((gear, open_report(args.report.as_deref())?))
}
