//! A call without a window, for servers, scripts and tests: progress on stderr, the invite and
//! results on stdout, a report in a file, and an exit code for each way to end.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt as _;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::call::{CallEndReason, CallOptions, CallRole, ParticipantId};
use crate::capture::{CameraSpec, DeviceError, Devices, MicrophoneSpec, devices};
use crate::cli::CallArgs;
use crate::codec::OpusMode;
use crate::engine::{
    CallReport, DeviceKind, Media, Meeting, Opened, Pictures, Session, SessionCommand,
    SessionEvent, SessionOptions, SessionRemote, SessionView, Workshop, stage_word,
};
use crate::media::Bitrate;
use crate::peer::runtime::{HostRuntime, Runtime};
use crate::peer::{PeerConfig, WebrtcFactory};
use crate::playout::SpeakerSpec;
use crate::process::Processing;

/// The exit code of a file that cannot be used.
const BAD_FILE: u8 = 3;
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
    let meeting = Meeting::host(args.server.clone()).await?;
    say_invite(&meeting)?;
    let (report, exit) = call(args.clone(), CallRole::Host, meeting, started, "").await?;
    write_report(args.report.as_deref(), &report)?;
    Ok(exit)
}

/// Joins the call of an invite.
///
/// # Errors
/// When it cannot even begin.
pub async fn join(invite: &str, args: CallArgs) -> anyhow::Result<Exit> {
    let started = Instant::now();
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
    let (report, exit) = call(args.clone(), CallRole::Guest, meeting, started, "").await?;
    write_report(args.report.as_deref(), &report)?;
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
    let args = CallArgs {
        microphone: args.microphone.or(Some(MicrophoneSpec::Tone(440))),
        speaker: args.speaker.or(Some(SpeakerSpec::Null)),
        camera: args
            .camera
            .or(Some(CameraSpec::Pattern(Default::default()))),
        duration: args.duration.or(Some(Duration::from_secs(10))),
        ..args
    };
    let meeting = Meeting::host(args.server.clone()).await?;
    let invite = meeting.invite.to_string();
    let guest_args = CallArgs {
        // Only one of the two can write down what is seen and heard.
        display: None,
        speaker: Some(SpeakerSpec::Null),
        duration: None,
        ..args.clone()
    };
    let joined = Meeting::join(&invite)?;
    let host = call(args.clone(), CallRole::Host, meeting, started, "host: ");
    let guest = call(guest_args, CallRole::Guest, joined, started, "guest: ");
    let (host, guest) = tokio::join!(host, guest);
    let ((host, host_exit), (guest, _)) = (host?, guest?);
    summarize(&host)?;
    let report = DemoReport {
        version: 1,
        host,
        guest,
    };
    write_report(args.report.as_deref(), &report)?;
    Ok(host_exit)
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

fn write_report(path: Option<&Path>, report: &impl Serialize) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    std::fs::write(path, text)
        .with_context(|| format!("the report cannot be written to {}", path.display()))
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
    role: CallRole,
    meeting: Meeting,
    started: Instant,
    prefix: &'static str,
) -> anyhow::Result<(CallReport, Exit)> {
    let devices = Wanted::new(&args)?;
    let display = match &args.display {
        Some(spec) => Some(spec.open(Instant::now())?),
        None => None,
    };
    let processing = if args.processing {
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
        last: "",
    };
    let report = loop {
        tokio::select! {
            report = &mut task => break report.context("the call broke off")?,
            () = companion.accompany() => {}
        }
    };
    let exit = match companion.bad_file {
        Some(sentence) => Exit {
            code: BAD_FILE,
            sentence: Some(sentence),
        },
        None => Exit::of(report.ended),
    };
    drop(meeting.embedded);
    eprintln!("{prefix}{}", report.ended_sentence);
    Ok((report, exit))
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
        let microphone = args.microphone.clone().unwrap_or_default();
        let camera = args.camera.clone().unwrap_or_default();
        if let MicrophoneSpec::Wav(_) = microphone {
            microphone.open(Instant::now())?;
        }
        if let CameraSpec::Y4m(_) = camera {
            camera.open(Instant::now())?;
        }
        Ok(Self {
            microphone,
            speaker: args.speaker.clone().unwrap_or_default(),
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
    last: &'static str,
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
            SessionEvent::Entered => self.say("in the room"),
            SessionEvent::ServerAway(why) => self.say(&why),
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
        let lost = self.media.audio().status();
        for error in lost.source_lost.iter().chain(&lost.sink_lost) {
            self.say(&format!("{error}; the call goes on without it"));
        }
        if let Some(error) = &self.media.video_out().status().source_lost {
            self.say(&format!("{error}; the call goes on without it"));
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
