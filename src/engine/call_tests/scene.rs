//! A call without devices: who takes part, what their paths are like, and what they hear and see.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::mpsc;

use crate::call::{Answer, CallOptions, CallRole, Part, ParticipantId};
use crate::capture::{AudioSource, CameraSpec, DeviceError, Pull, VideoSource};
use crate::engine::media::Media;
use crate::engine::session::{Session, SessionCommand, SessionEvent, SessionRemote, SessionView};
use crate::engine::workbench::{Party, Workbench};
use crate::engine::{Handicap, WallClock, Way, Workshop};
use crate::media::{AudioFrame, Bitrate, FRAME_DURATION, FRAME_SAMPLES, VideoFrame};
use crate::peer::runtime::{LinkProfile, Runtime, VirtualRuntime};
use crate::peer::{Certificate, LEAST_BITRATE, PeerConfig};
use crate::playout::{AudioSink, NullSpeaker, VideoSink};
use crate::process::speech::speech_clip;
use crate::process::stoi::{delay_between, stoi};
use crate::signaling::{MemoryServer, MemorySwitchboard};
use crate::trust::{Door, Identity, Invite, PublicIdentity};

/// How long a script waits for what must happen, on the clock of its world.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a script looks.
const LOOK: Duration = Duration::from_millis(20);
/// Quality is judged piece by piece, so that a buffer that grows or shrinks is followed.
const PIECE: usize = 4 * 48_000;
/// No sound is later than this.
const MOST_DELAY: usize = 48_000;

/// Who takes part.
pub(super) struct Side {
    pub(super) role: CallRole,
    pub(super) name: &'static str,
    /// The path of what this side sends.
    pub(super) egress: LinkProfile,
    pub(super) camera: &'static str,
    pub(super) film: Option<Box<dyn VideoSource>>,
    /// Hangs up after so long.
    pub(super) talk: Option<Duration>,
    /// Says at once that the call may start.
    pub(super) ready: bool,
    /// Another door than the invite's.
    pub(super) door: Option<Door>,
    /// Nobody else will do.
    pub(super) expects: Option<PublicIdentity>,
    /// With how many others this side talks.
    pub(super) most_others: usize,
    /// What is made worse on purpose.
    pub(super) handicaps: Vec<Handicap>,
}

impl Side {
    pub(super) fn host(egress: LinkProfile, talk: Duration) -> Self {
        Self {
            role: CallRole::Host,
            name: "Jonas",
            egress,
            camera: "pattern:192x108@15",
            film: None,
            talk: Some(talk),
            ready: true,
            door: None,
            expects: None,
            most_others: 1,
            handicaps: Vec::new(),
        }
    }

    /// Different for different letters.
    pub(super) fn id(&self) -> ParticipantId {
        ParticipantId(self.name.bytes().map(u64::from).sum())
    }

    /// More than two come together as in a standing room.
    fn part(&self) -> Part {
        match self.role {
            _ if self.most_others > 1 => Part::Meets,
            CallRole::Host => Part::Waits,
            CallRole::Guest => Part::Rings,
        }
    }

    pub(super) fn guest(egress: LinkProfile) -> Self {
        Self {
            role: CallRole::Guest,
            name: "Maya",
            talk: None,
            ..Self::host(egress, Duration::ZERO)
        }
    }

    pub(super) fn looking_around(self) -> Self {
        Self {
            ready: false,
            ..self
        }
    }

    pub(super) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(super) fn among(self, most_others: usize) -> Self {
        Self {
            most_others,
            ..self
        }
    }

    pub(super) fn filming(self, camera: &'static str) -> Self {
        Self { camera, ..self }
    }
}

/// What somebody hears and sees, and the way to tell their session something.
pub(super) struct Seat {
    pub(super) remote: SessionRemote,
    pub(super) media: Arc<Media>,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) heard: Arc<Mutex<Vec<f32>>>,
    /// When each picture of the others was shown.
    pub(super) seen: Arc<Mutex<Vec<Instant>>>,
    events: mpsc::Receiver<SessionEvent>,
    began: Instant,
}

impl Seat {
    pub(super) fn order(&self, command: SessionCommand) {
        let told = self.remote.commands.try_send(command);
        told.expect("a session that takes orders");
    }

    pub(super) fn view(&self) -> Arc<SessionView> {
        self.remote.view.load_full()
    }

    /// What happened since the last look.
    pub(super) fn events(&mut self) -> Vec<SessionEvent> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    pub(super) async fn wait(&self, time: Duration) {
        self.runtime.sleep(time).await;
    }

    /// Waits until it is so; how long that took.
    pub(super) async fn until(&self, what: &str, so: impl Fn(&SessionView) -> bool) -> Duration {
        let since = self.runtime.now();
        while !so(&self.view()) {
            let waited = self.runtime.now() - since;
            assert!(waited < PATIENCE, "{what}: {:?}", self.view().stage);
            self.wait(LOOK).await;
        }
        self.runtime.now() - since
    }

    pub(super) fn pictures(&self) -> Vec<Instant> {
        lock(&self.seen).clone()
    }

    /// How many seconds of sound were heard that is louder than nothing.
    pub(super) fn sound_since(&self, then: Instant) -> f64 {
        let heard = lock(&self.heard);
        let skip = (then - self.began).as_secs_f64() * 48_000.0;
        let loud = |frame: &&[f32]| frame.iter().any(|sample| sample.abs() > 0.005);
        let since = heard.get(skip as usize..).unwrap_or_default();
        since.chunks(FRAME_SAMPLES).filter(loud).count() as f64 / 100.0
    }

    /// The longest time without a new picture from the first one to `end`.
    pub(super) fn longest_gap(&self, end: Instant) -> Duration {
        let mut seen = self.pictures();
        seen.push(end);
        let gaps = seen.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or_default()
    }

    /// How intelligible the speech of the other side is here, from `from` to `to` after the
    /// beginning: the mean of all pieces, and the worst.
    pub(super) fn intelligibility(&self, from: Duration, to: Duration) -> (f64, f64) {
        let (said, heard) = (said(to), lock(&self.heard));
        let first = (from.as_secs_f64() * 48_000.0) as usize;
        let mut pieces = Vec::new();
        for start in (first..).step_by(PIECE) {
            let (Some(said), Some(heard)) = (
                said.get(start..start + PIECE),
                heard.get(start..start + PIECE + MOST_DELAY),
            ) else {
                break;
            };
            let delay = delay_between(said, heard).min(MOST_DELAY);
            let heard = &heard[delay..delay + PIECE];
            pieces.push(stoi(said, heard, 48_000).expect("speech in every piece"));
        }
        assert!(!pieces.is_empty(), "nothing was heard");
        let mean = pieces.iter().sum::<f64>() / pieces.len() as f64;
        (mean, pieces.into_iter().fold(1.0, f64::min))
    }
}

/// What everybody says in the first `time`: the clip, again and again.
fn said(time: Duration) -> Vec<f32> {
    let clip = speech_clip();
    let count = (time.as_secs_f64() * 48_000.0) as usize;
    clip.into_iter().cycle().take(count).collect()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Speaks without end, on time.
struct Speech {
    clip: Vec<f32>,
    at: usize,
    due: Instant,
}

impl Speech {
    fn new(now: Instant) -> Self {
        Self {
            clip: speech_clip(),
            at: 0,
            due: now,
        }
    }
}

impl AudioSource for Speech {
    fn pull(&mut self, now: Instant) -> Pull<AudioFrame> {
        if now < self.due {
            return Pull::NotBefore(self.due);
        }
        let mut frame = AudioFrame::silence(self.due);
        for sample in &mut frame.samples {
            *sample = self.clip[self.at];
            self.at = (self.at + 1) % self.clip.len();
        }
        self.due += FRAME_DURATION;
        Pull::Ready(frame)
    }
}

/// Writes down what is heard.
struct Ear {
    pace: NullSpeaker,
    heard: Arc<Mutex<Vec<f32>>>,
}

impl AudioSink for Ear {
    fn demand(&mut self, now: Instant) -> usize {
        self.pace.demand(now)
    }

    fn push(&mut self, samples: &[f32; FRAME_SAMPLES], now: Instant) -> Result<(), DeviceError> {
        lock(&self.heard).extend_from_slice(samples);
        self.pace.push(samples, now)
    }

    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}

/// Writes down when something is seen.
struct Eye(Arc<Mutex<Vec<Instant>>>);

impl VideoSink for Eye {
    fn push(&mut self, _: &Arc<VideoFrame>, now: Instant) -> Result<(), DeviceError> {
        lock(&self.0).push(now);
        Ok(())
    }
}

/// Over loopback, and as fast as people's lines are.
pub(super) fn peer_config() -> PeerConfig {
    PeerConfig {
        ice_servers: Vec::new(),
        bind: vec!["127.0.0.1:0".parse().expect("an address")],
        certificate: Certificate::new().expect("a certificate"),
        relay_only: false,
        start_bitrate: Bitrate::from_kbps(600),
        min_bitrate: LEAST_BITRATE,
        max_bitrate: Bitrate::from_kbps(2_500),
    }
}

/// Somebody on whatever runtime, with whatever server.
pub(super) fn take_seat(
    runtime: Arc<dyn Runtime>,
    workshop: Workshop,
    server: &MemoryServer,
    invite: &Invite,
    side: Side,
) -> (Session, Seat) {
    let now = runtime.now();
    let (heard, seen) = (Arc::default(), Arc::default());
    let spec: CameraSpec = side.camera.parse().expect("a spec");
    let party = Party {
        call: CallOptions {
            answer: Answer::Everybody,
            most_others: side.most_others,
            part: side.part(),
            ..CallOptions::new(side.role, side.id())
        },
        identity: Arc::new(Identity::new(&mut StdRng::seed_from_u64(side.id().0))),
        name: side.name.to_owned(),
        ways: vec![Way::Room {
            room: invite.room().clone(),
            door: side.door.unwrap_or_else(|| invite.door()),
            expects: side.expects,
        }],
        peer: peer_config(),
        duration: side.talk,
        microphone: Box::new(Speech::new(now)),
        speaker: Box::new(Ear {
            pace: NullSpeaker::new(now),
            heard: Arc::clone(&heard),
        }),
        camera: side.film.or_else(|| spec.open(now).expect("a camera")),
        display: Box::new(Eye(Arc::clone(&seen))),
        handicaps: side.handicaps,
    };
    let clock = WallClock::new(now, Duration::ZERO);
    let switchboard = Box::new(MemorySwitchboard::new(server.clone(), 0));
    let place = party.take_place(runtime.clone(), workshop, clock, switchboard);
    let place = place.expect("media");
    let seat = Seat {
        remote: place.remote,
        media: place.media,
        runtime,
        heard,
        seen,
        events: place.events,
        began: now,
    };
    if side.ready {
        seat.order(SessionCommand::Ready);
    }
    (place.session, seat)
}

/// An invite to somewhere, always the same.
pub(super) fn invite() -> Invite {
    // `TWOCAN_LOG=debug` shows what the engines decide.
    let filter = tracing_subscriber::EnvFilter::from_env("TWOCAN_LOG");
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_test_writer()
        .try_init();
    let somewhere = "ws://127.0.0.1:1".parse().expect("an address");
    Invite::new(vec![somewhere], &mut StdRng::seed_from_u64(1)).expect("an invite")
}

/// A world with a server and an invite, and places in it for sides that hear and see.
pub(super) struct Scene(Workbench);

impl std::ops::Deref for Scene {
    type Target = Workbench;

    fn deref(&self) -> &Workbench {
        &self.0
    }
}

impl Scene {
    pub(super) fn new() -> Self {
        Self(Workbench::new(invite()))
    }

    /// A place in the call; the path of what they send can be looked at and changed.
    pub(super) fn seat(&self, side: Side) -> (Session, Seat, Arc<VirtualRuntime>) {
        let host = self.world.host(side.name, side.egress.clone());
        let runtime: Arc<dyn Runtime> = host.clone();
        let workshop = Workshop::Tasks(runtime.clone());
        let (session, seat) = take_seat(runtime, workshop, &self.server, &self.invite, side);
        (session, seat, host)
    }
}

pub(super) type Fields = std::collections::BTreeMap<String, serde_json::Value>;

pub(super) fn number(fields: &Fields, name: &str) -> f64 {
    fields[name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name} is {}", fields[name]))
}
