//! A call without a window, for servers, scripts and tests: progress on stderr, the invite and
//! results on stdout, a report in a file, and an exit code for each way to end.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt as _;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::call::{CallEndReason, CallOptions, CallRole, ParticipantId};
use crate::capture::{CameraSpec, DeviceError, Devices, MicrophoneSpec, devices};
use crate::cli::{CallArgs, DeviceArgs};
use crate::codec::OpusMode;
use crate::engine::{
    CallReport, DeviceKind, Media, Meeting, Opened, Pictures, Session, SessionCommand,
    SessionEvent, SessionOptions, SessionRemote, SessionView, Workshop, stage_word,
};
use crate::media::Bitrate;
use crate::peer::runtime::{HostRuntime, Runtime};
use crate::peer::{PeerConfig, WebrtcFactory};
use crate::playout::{SpeakerSpec, VideoSink};
use crate::process::Processing;

/// The exit code of a file that cannot be used.
const BAD_FILE: u8 = 3;
/// How long a server that has never answered is tried, even if there is no hurry.
const SERVER_PATIENCE: Duration = Duration::from_secs(20);
/// What is tried before anything was measured.
const START_BITRATE: Bitrate = Bitrate::from_kbps(800);

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
pub async fn host(args: CallArgs) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let gear = match Gear::new(&args) {
        Ok(gear) => gear,
        Err(error) => return Ok(bad_file(&error)),
    };
    let report_file = match open_report(args.report.as_deref()) {
        Ok(file) => file,
        Err(exit) => return Ok(exit),
    };
    let meeting = Meeting::host(args.server.clone()).await?;
    say_invite(&meeting)?;
    let (report, exit) = call(args, gear, CallRole::Host, meeting, started, "").await?;
    write_report(report_file, &report)?;
    Ok(exit)
}

/// Joins the call of an invite.
///
/// # Errors
/// When it cannot even begin.
pub async fn join(invite: &str, args: CallArgs) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let gear = match Gear::new(&args) {
        Ok(gear) => gear,
        Err(error) => return Ok(bad_file(&error)),
    };
    let report_file = match open_report(args.report.as_deref()) {
        Ok(file) => file,
        Err(exit) => return Ok(exit),
    };
    let meeting = match Meeting::join(invite) {
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
    let guest_args = CallArgs {
        // Only one of the two can write down what is seen and heard.
        display: None,
        devices: DeviceArgs {
            speaker: Some(SpeakerSpec::Null),
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
    let meeting = Meeting::host(args.server.clone()).await?;
    let invite = meeting.invite.to_string();
    let joined = Meeting::join(&invite)?;
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

/// Lists what can be picked.
///
/// # Errors
/// When stdout is closed.
pub fn list_devices(json: bool) -> anyhow::Result<Exit> {
    let devices = devices();
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&devices)?)?;
    } else {
        let Devices {
            microphones,
            speakers,
            cameras,
        } = &devices;
        for (title, list) in [
            ("Microphones", microphones),
            ("Speakers", speakers),
            ("Cameras", cameras),
        ] {
            writeln!(out, "{title}")?;
            if list.is_empty() {
                writeln!(out, "  none")?;
            }
            for device in list {
                let mark = if device.default { "*" } else { " " };
                writeln!(out, "{mark} {}  (device:{})", device.label, device.id)?;
            }
        }
    }
    Ok(Exit {
        code: 0,
        sentence: None,
    })
}

fn say_invite(meeting: &Meeting) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", meeting.invite)?;
    out.flush()?;
    Ok(())
}

/// Opened before the call: nobody wants to learn after it that nothing was kept.
fn open_report(path: Option<&Path>) -> Result<Option<ReportFile>, Exit> {
    let Some(path) = path else { return Ok(None) };
    match File::create(path) {
        Ok(file) => Ok(Some(ReportFile {
            file,
            path: path.to_owned(),
        })),
        Err(error) => Err(Exit {
            code: BAD_FILE,
            sentence: Some(format!(
                "the report cannot be written to {}: {}",
                path.display(),
                in_words(&error)
            )),
        }),
    }
}

struct ReportFile {
    file: File,
    path: PathBuf,
}

fn write_report(file: Option<ReportFile>, report: &impl Serialize) -> anyhow::Result<()> {
    let Some(ReportFile { mut file, path }) = file else {
        return Ok(());
    };
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    file.write_all(text.as_bytes())
        .with_context(|| format!("the report cannot be written to {}", path.display()))
}

/// Without the system's number for it.
fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such folder".to_owned(),
        ErrorKind::PermissionDenied => "the system does not allow it".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

fn bad_file(error: &DeviceError) -> Exit {
    Exit {
        code: BAD_FILE,
        sentence: Some(error.to_string()),
    }
}

fn summarize(report: &CallReport) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let ms = |value: Option<f64>| value.map_or("-".to_owned(), |ms| format!("{ms:.0} ms"));
    writeln!(out, "talked          {:.1} s", report.talked)?;
    writeln!(
        out,
        "connected after {}",
        ms(report.setup.joined_to_connected_ms)
    )?;
    writeln!(
        out,
        "first sound     {}",
        ms(report.setup.joined_to_first_audio_ms)
    )?;
    writeln!(
        out,
        "first picture   {}",
        ms(report.setup.joined_to_first_picture_ms)
    )?;
    for participant in &report.participants {
        let frames = &participant.video_inbound["frames_decoded"];
        let packets = &participant.audio_inbound["packets_received"];
        writeln!(
            out,
            "received        {packets} packets of sound, {frames} pictures"
        )?;
    }
    writeln!(out, "processor       {:.1} s", report.process.cpu_seconds)?;
    Ok(())
}

/// The connections of this process: real sockets, tokio's tasks.
pub(crate) fn peer_factory() -> Arc<WebrtcFactory> {
    Arc::new(WebrtcFactory::new(|| {
        Arc::new(HostRuntime::new()) as Arc<dyn Runtime>
    }))
}

async fn call(
    args: CallArgs,
    gear: Gear,
    role: CallRole,
    meeting: Meeting,
    started: Instant,
    prefix: &'static str,
) -> anyhow::Result<(CallReport, Exit)> {
    let Gear { devices, display } = gear;
    let processing = if args.processing.unwrap_or(true) {
        Processing::ALL
    } else {
        Processing::OFF
    };
    let pictures = Arc::<Pictures>::default();
    let own = pictures.own().clone();
    let (media, opened) = Media::new(Workshop::Threads, processing, OpusMode::Voice, own, display)?;
    let media = Arc::new(media);
    let options = SessionOptions {
        call: CallOptions::new(role, ParticipantId(rand::rng().random()), args.name.clone()),
        key: *meeting.invite.key(),
        peer: PeerConfig {
            ice_servers: args.stun.iter().chain(&args.turn).cloned().collect(),
            bind: Vec::new(),
            relay_only: args.relay_only,
            start_bitrate: START_BITRATE,
            max_bitrate: Bitrate::from_kbps(args.max_bitrate),
        },
        patience: args
            .patience
            .or((role == CallRole::Guest).then_some(Duration::from_secs(60))),
        duration: args.duration,
        started,
    };
    let runtime: Arc<dyn Runtime> = Arc::new(HostRuntime::new());
    let (session, remote, events) = Session::new(
        options,
        runtime,
        meeting.signaling,
        peer_factory(),
        media.clone(),
        pictures,
    );
    // Whoever starts a headless call has said that it may start.
    let _ = remote.commands.try_send(SessionCommand::Ready);
    let mut task = tokio::spawn(session.run());
    let mut companion = Companion {
        remote,
        events,
        opened,
        media,
        devices,
        prefix,
        bad_file: None,
        away: None,
        last: "",
        said_lost: Vec::new(),
        entered: false,
        give_up_at: started + SERVER_PATIENCE,
    };
    let report = loop {
        tokio::select! {
            report = &mut task => break report.context("the call broke off")?,
            () = companion.accompany() => {}
        }
    };
    let exit = match (companion.bad_file, companion.away) {
        (Some(sentence), _) => Exit {
            code: BAD_FILE,
            sentence: Some(sentence),
        },
        // What the server is or does says more than that it does not answer.
        (None, Some(away)) if report.ended == CallEndReason::ServerUnreachable => Exit {
            code: report.ended.exit_code(),
            sentence: Some(away),
        },
        (None, _) => Exit::of(report.ended),
    };
    drop(meeting.embedded);
    if exit.sentence.is_none() {
        eprintln!("{prefix}{}", report.ended_sentence);
    }
    Ok((report, exit))
}

/// What the command line asks for, as far as it can be had before the call.
struct Gear {
    devices: Wanted,
    display: Option<Box<dyn VideoSink>>,
}

impl Gear {
    fn new(args: &CallArgs) -> Result<Self, DeviceError> {
        let devices = Wanted::new(args)?;
        let display = args.display.as_ref();
        let display = display.map(|spec| spec.open(Instant::now())).transpose()?;
        Ok(Self { devices, display })
    }
}

/// The devices of a headless call: opened when there is somebody to talk to.
struct Wanted {
    microphone: MicrophoneSpec,
    speaker: SpeakerSpec,
    camera: CameraSpec,
    open: bool,
}

impl Wanted {
    /// Files are tried at once: better a sentence now than when the friend has come.
    fn new(args: &CallArgs) -> Result<Self, DeviceError> {
        let microphone = args.devices.microphone.clone().unwrap_or_default();
        let camera = args.devices.camera.clone().unwrap_or_default();
        if let MicrophoneSpec::Wav(_) = microphone {
            microphone.open(Instant::now())?;
        }
        if let CameraSpec::Y4m(_) = camera {
            camera.open(Instant::now())?;
        }
        let speaker = args.devices.speaker.clone().unwrap_or_default();
        if let SpeakerSpec::Wav(_) = speaker {
            speaker.open(Instant::now())?;
        }
        Ok(Self {
            microphone,
            speaker,
            camera,
            open: false,
        })
    }
}

/// Walks beside a call: opens its devices, tells how it goes, and listens for ctrl-c.
struct Companion {
    remote: SessionRemote,
    events: mpsc::Receiver<SessionEvent>,
    opened: mpsc::Receiver<Opened>,
    media: Arc<Media>,
    devices: Wanted,
    prefix: &'static str,
    bad_file: Option<String>,
    /// Why the server is away, for as long as it is.
    away: Option<String>,
    last: &'static str,
    /// Which lost devices were told of.
    said_lost: Vec<DeviceError>,
    entered: bool,
    /// When to end a call whose server has never answered.
    give_up_at: Instant,
}

impl Companion {
    async fn accompany(&mut self) {
        tokio::select! {
            Some(event) = self.events.recv() => self.handle_event(event),
            Some(opened) = self.opened.recv() => self.handle_opened(opened),
            _ = tokio::signal::ctrl_c() => self.interrupt(),
            () = tokio::time::sleep(Duration::from_secs(1)) => self.say_status(),
        }
    }

    fn say(&self, words: &str) {
        eprintln!("{}{words}", self.prefix);
    }

    fn handle_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Entered => {
                self.away = None;
                self.entered = true;
                self.say("in the room");
            }
            SessionEvent::ServerAway(why) => self.handle_away(why),
            SessionEvent::Rang(_) => {
                self.say("a friend is here");
                self.open_devices();
            }
            SessionEvent::Gone => self.say("the friend left again"),
            SessionEvent::Joined(_) => self.say("connected"),
            SessionEvent::Dropped => self.say("the line dropped; picking it up again"),
            SessionEvent::Back => self.say("the line is back"),
        }
    }

    /// It is tried again; the same reason is not worth saying again.
    fn handle_away(&mut self, why: String) {
        if self.away.as_ref() != Some(&why) {
            self.say(&why);
            self.away = Some(why);
        }
        if !self.entered && Instant::now() >= self.give_up_at {
            let end = SessionCommand::End(CallEndReason::ServerUnreachable);
            let _ = self.remote.commands.try_send(end);
        }
    }

    fn open_devices(&mut self) {
        if self.devices.open {
            return;
        }
        self.devices.open = true;
        self.media.open_speaker(self.devices.speaker.clone());
        self.media.open_microphone(self.devices.microphone.clone());
        self.media.open_camera(self.devices.camera.clone());
        let camera_on = self.devices.camera != CameraSpec::None;
        let muted = self.devices.microphone == MicrophoneSpec::None;
        let _ = self
            .remote
            .commands
            .try_send(SessionCommand::Announce { muted, camera_on });
    }

    fn handle_opened(&mut self, opened: Opened) {
        let Err(error) = opened.result else { return };
        if let DeviceError::File { .. } = error {
            self.bad_file = Some(error.to_string());
            let end = SessionCommand::End(CallEndReason::Cancelled);
            let _ = self.remote.commands.try_send(end);
            return;
        }
        let without = match opened.kind {
            DeviceKind::Microphone => "your friend will not hear you",
            DeviceKind::Speaker => "you will not hear your friend",
            DeviceKind::Camera => "your friend will not see you",
        };
        self.say(&format!("{error}; the call goes on, but {without}"));
    }

    fn interrupt(&self) {
        let talking = self.remote.view.load().connected_at.is_some();
        let reason = if talking {
            CallEndReason::LocalHangup
        } else {
            CallEndReason::Cancelled
        };
        let _ = self.remote.commands.try_send(SessionCommand::End(reason));
    }

    fn say_status(&mut self) {
        let view = self.remote.view.load_full();
        let word = stage_word(view.stage);
        if let Some(line) = status_line(&view) {
            self.say(&line);
        } else if word != self.last {
            self.say(word);
        }
        self.last = word;
        let (sound, film) = (self.media.audio().status(), self.media.video_out().status());
        let lost = [&sound.source_lost, &sound.sink_lost, &film.source_lost];
        for error in lost.into_iter().flatten() {
            if !self.said_lost.contains(error) {
                self.say(&format!("{error}; the call goes on without it"));
                self.said_lost.push(error.clone());
            }
        }
    }
}

/// One second of a call in one line; none as long as nobody talks.
fn status_line(view: &SessionView) -> Option<String> {
    let since = view.connected_at?;
    let last = view.statistics.history.last()?;
    let picture = |sample: &crate::engine::PictureSample| match sample.resolution {
        Some(size) => format!(
            "{}x{} {:.0}/s {:.0} kb/s",
            size.width,
            size.height,
            sample.frames_per_second,
            sample.bps / 1_000.0
        ),
        None => "no picture".to_owned(),
    };
    Some(format!(
        "{:>4} s  delay {:.0} ms  loss {:.1} %/{:.1} %  in: {:.0} kb/s, {}  out: {:.0} kb/s, {}",
        since.elapsed().as_secs(),
        last.delay.as_secs_f64() * 1_000.0,
        last.loss_in * 100.0,
        last.loss_out * 100.0,
        last.sound_in_bps / 1_000.0,
        picture(&last.picture_in),
        last.sound_out_bps / 1_000.0,
        picture(&last.picture_out),
    ))
}
