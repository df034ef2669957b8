use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rand::RngExt as _;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use twocan_protocol::ServerUrl;

use super::local_devices::{FixedDevices, LocalDevices, mode, processing};
use super::meeting::NotHosted;
use super::memory::give_back_memory;
use super::problem::{Failure, explain};
use super::snapshot::{
    CallStage, CallView, Incoming, Notice, Phase, Problem, Recent, ServerStatus, Snapshot,
};
use super::{
    CallReport, CodeView, Command, DeviceKind, DeviceNews, EngineOptions, Event, Handle,
    HandleBackend, Inviting, Media, MediaError, Meeting, MeetingError, Opened, Session,
    SessionCommand, SessionEvent, SessionOptions, SessionRemote, WallClock, Way, Workshop,
};
use crate::call::{CallEndReason, CallOptions, CallRole, ParticipantId, Person, Stage};
use crate::capture::{DeviceWatcher, Devices};
use crate::contacts::{IdentityError, NoKeyring, kept_identity};
use crate::media::Bitrate;
use crate::peer::runtime::{HostRuntime, Runtime};
use crate::peer::{Certificate, LEAST_BITRATE, PeerConfig, START_BITRATE, WebrtcFactory};
use crate::playout::UiSound;
use crate::settings::{Loaded, Settings, Store, StoreError};
use crate::signaling::probe;
use crate::trust::{Code, Identity};

const RECENTS_FILE: &str = "recents.json";
const MAX_RECENTS: usize = 50;
const MAX_NOTICES: usize = 4;
/// How often the snapshot is made anew while something moves, and while nothing does.
const LIVELY: Duration = Duration::from_millis(50);
const QUIET: Duration = Duration::from_millis(500);
/// How often the call server is asked whether it is there.
const PROBE_INTERVAL: Duration = Duration::from_secs(30);
/// How long a server that has never answered is tried by whoever waits for their link.
const SERVER_PATIENCE: Duration = Duration::from_secs(20);
const MAX_BITRATE: Bitrate = Bitrate::from_kbps(2_500);
/// So long nobody tries a code again: by then its number leads elsewhere.
const CODE_LIFETIME: Duration = Duration::from_secs(600);

/// Why the engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Settings.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Media threads and codecs.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Who this person is to friends.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Threads of its own.
    #[error("the system has no thread to spare: {0}")]
    Thread(#[from] std::io::Error),
}

/// Joins the engine's thread; the handle drops it last, when the command queue is closed.
struct JoinOnDrop(Option<thread::JoinHandle<()>>);

impl Drop for JoinOnDrop {
    fn drop(&mut self) {
        if let Some(engine) = self.0.take()
            && engine.join().is_err()
        {
            tracing::error!("the engine panicked");
        }
    }
}

/// Starts the engine on a thread of its own.
///
/// # Errors
/// When settings, threads or codecs are not to be had.
pub fn start(options: EngineOptions) -> Result<Handle, EngineError> {
    let store = options.folder.as_ref().map(Store::open).transpose()?;
    let (settings, sentence) = match &store {
        Some(store) => store.load_settings(),
        None => (Settings::default(), None),
    };
    let recents = match store
        .as_ref()
        .map(|store| store.load::<Vec<Recent>>(RECENTS_FILE))
    {
        Some(Loaded::Fine(recents)) => recents,
        Some(Loaded::Missing | Loaded::Damaged(_)) | None => Vec::new(),
    };
    let identity = match &options.folder {
        Some(folder) => kept_identity(folder, &NoKeyring, &mut rand::rng())?.0,
        None => Identity::new(&mut rand::rng()),
    };
    let identity = Arc::new(identity);
    let settings = Arc::new(settings);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("twocan-net")
        .enable_all()
        .build()?;
    let mut guard = Box::new(JoinOnDrop(None));
    let (go, gone) = std::sync::mpsc::channel::<(HandleBackend, Media, mpsc::Receiver<Opened>)>();
    let in_force = options.in_force(&settings);
    guard.0 = Some(thread::Builder::new().name("twocan-engine".into()).spawn({
        let settings = settings.clone();
        move || {
            let Ok((backend, media, opened)) = gone.recv() else {
                return;
            };
            let kept = Kept {
                store,
                settings,
                recents,
                identity,
            };
            let core = Core::new(backend, options, kept, media, opened);
            runtime.block_on(core.run(sentence));
            runtime.shutdown_timeout(Duration::from_millis(300));
        }
    })?);
    let (handle, backend) = Handle::new(Snapshot::lobby(settings), guard);
    let own = backend.pictures.own().clone();
    let (processing, mode) = (processing(&in_force), mode(&in_force));
    match Media::new(Workshop::Threads, processing, mode, own, None, &[]) {
        Ok((media, opened)) => {
            let _ = go.send((backend, media, opened));
            Ok(handle)
        }
        Err(error) => {
            // Before the handle, which waits for the engine's thread.
            drop(go);
            Err(error.into())
        }
    }
}

/// What is going on besides the lobby.
enum Activity {
    None,
    /// A place to meet is being made.
    Preparing {
        since: Instant,
        role: CallRole,
        meeting: JoinHandle<Result<Meeting, MeetingError>>,
    },
    /// A call, entered or about to be.
    Call(Box<Active>),
}

struct Active {
    role: CallRole,
    /// The link to give away; empty for a guest.
    invite: Arc<str>,
    code: CodeView,
    /// That of this call, whatever the settings are by now.
    server: ServerStatus,
    remote: SessionRemote,
    events: mpsc::Receiver<SessionEvent>,
    task: JoinHandle<CallReport>,
    /// Lives as long as the call.
    _server: Option<crate::signaling::EmbeddedServer>,
    began: SystemTime,
    waiting_since: Instant,
    step: Step,
    /// Who came and did not leave again before talking, with their names; the latest last.
    there: Vec<(ParticipantId, Person)>,
    /// Whom the person has accepted.
    accepted: Option<ParticipantId>,
    /// The friend's code.
    tries: Option<Code>,
    entered: bool,
    /// Why the server is away, for as long as it is.
    server_away: Option<String>,
}

impl Active {
    fn friend(&self) -> Option<&str> {
        let accepted = self.there.iter().find(|(id, _)| Some(*id) == self.accepted);
        let friend = accepted.or(self.there.last());
        friend.map(|(_, person)| person.name.as_str())
    }

    /// Who rings.
    fn incoming(&self) -> Option<Incoming> {
        let Step::Ringing(caller) = self.step else {
            return None;
        };
        let (_, person) = self.there.iter().find(|(id, _)| *id == caller)?;
        Some(Incoming {
            caller,
            friend: person.name.clone(),
        })
    }

    /// The link can be given away: whoever follows it finds the room.
    fn has_link(&self) -> bool {
        self.entered || self.is_hosted_here()
    }

    fn is_hosted_here(&self) -> bool {
        self.server == ServerStatus::HostedHere
    }

    fn is_talking(&self) -> bool {
        self.remote.view.load().connected_at.is_some()
    }
}

/// How far the person has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The invite is out, devices are off.
    Waiting,
    /// Somebody calls; devices are off still.
    Ringing(ParticipantId),
    /// Looking at themselves before they join.
    Checking,
    /// They said that the call may start.
    Calling,
}

/// What outlives a run.
struct Kept {
    store: Option<Store>,
    settings: Arc<Settings>,
    recents: Vec<Recent>,
    identity: Arc<Identity>,
}

/// The engine: one task that owns everything and never blocks.
struct Core {
    backend: HandleBackend,
    options: EngineOptions,
    store: Option<Store>,
    settings: Arc<Settings>,
    recents: Vec<Recent>,
    identity: Arc<Identity>,
    /// The codes that were tried here, and when: each is good for one try.
    tried: Vec<(Code, Instant)>,
    media: Arc<Media>,
    opened: mpsc::Receiver<Opened>,
    connected_devices: Arc<Devices>,
    device_lists: mpsc::Receiver<Devices>,
    _watcher: Option<DeviceWatcher>,
    devices: LocalDevices,
    activity: Activity,
    last_attempt: Option<Command>,
    server: ServerStatus,
    probing: Option<JoinHandle<ServerStatus>>,
    next_probe: Instant,
    problem: Option<Arc<Problem>>,
    notices: Vec<Notice>,
    next_notice: u64,
    trial_since: Instant,
}

impl Core {
    fn new(
        backend: HandleBackend,
        options: EngineOptions,
        kept: Kept,
        media: Media,
        opened: mpsc::Receiver<Opened>,
    ) -> Self {
        let Kept {
            store,
            settings,
            recents,
            identity,
        } = kept;
        let (lists, device_lists) = mpsc::channel(4);
        let watcher = DeviceWatcher::start(move |devices| {
            // The next list is as good as one that nobody took.
            let _ = lists.try_send(devices);
        });
        let watcher =
            watcher.inspect_err(|error| tracing::warn!(%error, "devices are not watched"));
        let fixed = FixedDevices {
            microphone: options.microphone.clone(),
            speaker: options.speaker.clone(),
            camera: options.camera.clone(),
        };
        let devices = LocalDevices::new(fixed, settings.camera_on);
        let now = Instant::now();
        Self {
            backend,
            options,
            store,
            settings,
            recents,
            identity,
            tried: Vec::new(),
            media: Arc::new(media),
            opened,
            connected_devices: Arc::default(),
            device_lists,
            _watcher: watcher.ok(),
            devices,
            activity: Activity::None,
            last_attempt: None,
            server: ServerStatus::HostedHere,
            probing: None,
            next_probe: now,
            problem: None,
            notices: Vec::new(),
            next_notice: 1,
            trial_since: now,
        }
    }

    async fn run(mut self, sentence: Option<String>) {
        if let Some(sentence) = sentence {
            self.notify(sentence, true);
        }
        loop {
            self.probe_if_due();
            self.devices
                .reconcile(&self.media, &self.settings, self.wants_devices());
            self.announce();
            self.publish();
            let pause = if self.is_lively() { LIVELY } else { QUIET };
            tokio::select! {
                command = self.backend.commands.recv() => match command {
                    Some(command) => self.handle_command(command),
                    None => break,
                },
                Some(opened) = self.opened.recv() => self.handle_opened(opened),
                Some(devices) = self.device_lists.recv() => self.handle_devices(devices),
                status = probed(&mut self.probing) => {
                    self.probing = None;
                    self.server = status;
                }
                progress = progress(&mut self.activity) => self.handle_progress(progress),
                () = tokio::time::sleep(pause) => {}
            }
            self.notice_lost_devices();
            self.try_devices_again(false);
        }
        self.leave().await;
    }

    fn is_lively(&self) -> bool {
        !matches!(self.activity, Activity::None) || self.devices.any_open()
    }

    /// Devices are open in the check and in a call; elsewhere only where the window shows them.
    fn wants_devices(&self) -> bool {
        match &self.activity {
            Activity::Call(active) => match active.step {
                Step::Waiting | Step::Ringing(_) => false,
                Step::Checking | Step::Calling => true,
            },
            Activity::None | Activity::Preparing { .. } => false,
        }
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Host => self.prepare(CallRole::Host, command),
            Command::Join { .. } => self.prepare(CallRole::Guest, command),
            Command::Enter => self.enter(),
            Command::Accept { camera } => self.accept(camera),
            Command::Decline => self.decline(),
            Command::Silence => self.media.stop(UiSound::Ring),
            Command::NewCode => self.make_new_code(),
            Command::Leave => self.hang_up(),
            Command::SetMuted(muted) => self.devices.set_muted(&self.media, muted),
            Command::HoldToTalk(held) => self.devices.hold_to_talk(&self.media, held),
            Command::SetCamera(on) => self.devices.set_camera(on),
            Command::Preview { microphone, camera } => self.devices.preview(microphone, camera),
            Command::PlayTestSound => self.media.play(UiSound::Test),
            Command::TrySound => {
                self.trial_since = Instant::now();
                self.devices.try_sound(&self.media);
            }
            Command::ChangeSettings(settings) => self.change_settings(*settings),
            Command::DismissProblem => self.problem = None,
            Command::TryAgain => {
                self.problem = None;
                if let Some(again) = self.last_attempt.clone() {
                    self.handle_command(again);
                }
            }
            Command::DismissNotice(id) => self.notices.retain(|notice| notice.id != id),
            Command::ForgetRecents => {
                self.recents.clear();
                self.keep_recents();
            }
        }
    }

    fn prepare(&mut self, role: CallRole, command: Command) {
        if !matches!(self.activity, Activity::None) {
            return;
        }
        self.problem = None;
        let server = self.server_url();
        self.last_attempt = Some(command.clone());
        // A server in this app has no numbers that a friend could know where to use.
        let inviting = match server {
            Some(_) => Inviting::Both,
            None => Inviting::Link,
        };
        let now = Instant::now();
        self.tried.retain(|(_, at)| now < *at + CODE_LIFETIME);
        let tried: Vec<_> = self.tried.iter().map(|(code, _)| *code).collect();
        let meeting = tokio::spawn(async move {
            match command {
                Command::Join { invite } => Meeting::join(&invite, server, &tried),
                _ => Meeting::host(server, inviting).await,
            }
        });
        self.activity = Activity::Preparing {
            since: Instant::now(),
            role,
            meeting,
        };
    }

    fn server_url(&self) -> Option<ServerUrl> {
        let settings = self.options.in_force(&self.settings);
        settings.server?.parse().ok()
    }

    fn handle_progress(&mut self, progress: Progress) {
        match progress {
            Progress::Met(role, Ok(Ok(meeting))) => self.begin(role, meeting),
            Progress::Met(role, Ok(Err(MeetingError::Tried))) => {
                self.handle_not_met(role, CallEndReason::NoSuchCode, None);
            }
            Progress::Met(
                role,
                Ok(Err(error @ (MeetingError::Invitation(_) | MeetingError::NoServer))),
            ) => {
                let why = error.to_string();
                self.explain(&Failure {
                    reason: CallEndReason::BadInvite,
                    bad_invite: Some(&why),
                    ..not_met(role, &self.server.clone())
                });
                self.activity = Activity::None;
            }
            Progress::Met(role, Ok(Err(MeetingError::Host(error)))) => {
                let why = NotHosted::from(&error);
                tracing::warn!(%why, "no server can be started here");
                self.handle_not_met(role, CallEndReason::ServerUnreachable, Some(why));
            }
            Progress::Met(role, Err(_)) => {
                self.handle_not_met(role, CallEndReason::InternalError, None);
            }
            Progress::Event(event) => self.handle_event(event),
            Progress::Over(report) => self.handle_over(report.map(|report| *report)),
        }
    }

    fn handle_not_met(
        &mut self,
        role: CallRole,
        reason: CallEndReason,
        not_hosted: Option<NotHosted>,
    ) {
        self.activity = Activity::None;
        // Only a call that is to be hosted here has not met for want of a server.
        let server = match not_hosted {
            Some(_) => ServerStatus::HostedHere,
            None => self.server.clone(),
        };
        self.explain(&Failure {
            reason,
            not_hosted,
            ..not_met(role, &server)
        });
        tracing::debug!(?role, ?reason, "no place to meet");
    }

    fn begin(&mut self, role: CallRole, meeting: Meeting) {
        let runtime: Arc<dyn Runtime> = Arc::new(HostRuntime::new());
        let factory = Arc::new(WebrtcFactory::new(|| {
            Arc::new(HostRuntime::new()) as Arc<dyn Runtime>
        }));
        let me = ParticipantId(rand::rng().random());
        let certificate = match Certificate::new() {
            Ok(certificate) => certificate,
            Err(error) => {
                tracing::warn!(%error, "no certificate");
                self.handle_not_met(role, CallEndReason::InternalError, None);
                return;
            }
        };
        let settings = self.options.in_force(&self.settings);
        let options = SessionOptions {
            call: CallOptions::new(role, me),
            identity: self.identity.clone(),
            name: settings.name,
            ways: meeting.ways.clone(),
            peer: PeerConfig {
                ice_servers: settings.ice_servers,
                bind: Vec::new(),
                certificate,
                relay_only: settings.relay_only,
                start_bitrate: START_BITRATE,
                min_bitrate: LEAST_BITRATE,
                max_bitrate: self.options.max_bitrate.unwrap_or(MAX_BITRATE),
            },
            // A server that is away is tried again for as long as the person waits; a guest's
            // friend may be in the check.
            patience: None,
            duration: None,
            started: Instant::now(),
            clock: WallClock::read(),
        };
        let invite = match (role, &meeting.invite) {
            (CallRole::Host, Some(invite)) => invite.to_string(),
            _ => String::new(),
        };
        let tries = meeting.ways.iter().find_map(|way| match way {
            Way::Code(code) => Some(*code),
            Way::Room { .. } | Way::OwnCode => None,
        });
        let offers_code = meeting.ways.iter().any(|way| matches!(way, Way::OwnCode));
        let server = self.server_of(&meeting);
        let (session, remote, events) = Session::new(
            options,
            runtime,
            meeting.switchboard,
            factory,
            self.media.clone(),
            self.backend.pictures.clone(),
        );
        self.activity = Activity::Call(Box::new(Active {
            role,
            invite: invite.into(),
            code: if offers_code {
                CodeView::Making
            } else {
                CodeView::None
            },
            server,
            remote,
            events,
            task: tokio::spawn(session.run()),
            _server: meeting.embedded,
            began: SystemTime::now(),
            waiting_since: Instant::now(),
            step: match role {
                CallRole::Host => Step::Waiting,
                CallRole::Guest => Step::Checking,
            },
            there: Vec::new(),
            accepted: None,
            tries,
            entered: false,
            server_away: None,
        }));
        self.devices
            .start_call(&self.media, self.settings.camera_on);
        if role == CallRole::Guest && !self.settings.check_before_call {
            self.enter();
        }
    }

    /// What is known of where a call meets.
    fn server_of(&self, meeting: &Meeting) -> ServerStatus {
        if meeting.embedded.is_some() {
            return ServerStatus::HostedHere;
        }
        let name = meeting.server.clone();
        match &self.server {
            status @ ServerStatus::Reachable { name: known, .. } if *known == name => {
                status.clone()
            }
            _ => ServerStatus::Checking { name },
        }
    }

    fn enter(&mut self) {
        let Activity::Call(active) = &mut self.activity else {
            return;
        };
        if active.step != Step::Checking {
            return;
        }
        active.step = Step::Calling;
        self.media.stop(UiSound::Ring);
        let _ = active.remote.commands.try_send(SessionCommand::Ready);
    }

    /// Talks with whoever rings.
    fn accept(&mut self, camera: bool) {
        let Activity::Call(active) = &mut self.activity else {
            return;
        };
        let Step::Ringing(caller) = active.step else {
            return;
        };
        active.step = Step::Calling;
        active.accepted = Some(caller);
        self.media.stop(UiSound::Ring);
        self.devices.set_camera(camera);
        let accept = SessionCommand::Accept(caller);
        let _ = active.remote.commands.try_send(accept);
    }

    fn decline(&mut self) {
        if let Activity::Call(active) = &self.activity
            && let Step::Ringing(caller) = active.step
        {
            let decline = SessionCommand::Decline(caller);
            let _ = active.remote.commands.try_send(decline);
        }
    }

    fn make_new_code(&mut self) {
        if let Activity::Call(active) = &mut self.activity
            && active.code != CodeView::None
        {
            active.code = CodeView::Making;
            let _ = active.remote.commands.try_send(SessionCommand::NewCode);
        }
    }

    /// Rings for whoever came first of those who are there, or is quiet.
    fn ring_for_the_next(&mut self) {
        let Activity::Call(active) = &mut self.activity else {
            return;
        };
        match active.there.first() {
            Some((caller, _)) => {
                active.step = Step::Ringing(*caller);
                self.media.play(UiSound::Ring);
                self.backend.report(Event::Rang);
            }
            None => {
                active.step = Step::Waiting;
                self.media.stop(UiSound::Ring);
            }
        }
    }

    fn hang_up(&mut self) {
        match &self.activity {
            Activity::None => {}
            Activity::Preparing { meeting, .. } => {
                meeting.abort();
                self.activity = Activity::None;
            }
            Activity::Call(active) => {
                let reason = if active.is_talking() {
                    CallEndReason::LocalHangup
                } else {
                    CallEndReason::Cancelled
                };
                let _ = active.remote.commands.try_send(SessionCommand::End(reason));
            }
        }
    }

    fn handle_event(&mut self, event: SessionEvent) {
        let Activity::Call(active) = &mut self.activity else {
            return;
        };
        match event {
            SessionEvent::Entered => {
                active.entered = true;
                active.server_away = None;
                let tried = active.tries.take().map(|code| (code, Instant::now()));
                self.tried.extend(tried);
            }
            SessionEvent::ServerAway(why) => {
                tracing::debug!(why, "the server is away");
                active.server_away = Some(why);
                // A guest whose server never answered is told why instead of waiting; whoever
                // makes a link gives it a while. A call that stands does not need the server.
                let patient = active.role == CallRole::Host
                    && active.waiting_since.elapsed() < SERVER_PATIENCE;
                if !active.entered && !active.is_talking() && !patient {
                    let end = SessionCommand::End(CallEndReason::ServerUnreachable);
                    let _ = active.remote.commands.try_send(end);
                }
            }
            SessionEvent::NewCode { code, lasts } => {
                active.code = CodeView::Ready {
                    code: code.to_string().into(),
                    until: Instant::now() + lasts,
                    lasts,
                };
            }
            SessionEvent::NoCode => active.code = CodeView::None,
            SessionEvent::CodeSpent => active.code = CodeView::Spent,
            SessionEvent::CodeUsed => active.code = CodeView::Used,
            SessionEvent::CodeExpired => active.code = CodeView::Expired,
            SessionEvent::Rang(who, person) => {
                active.there.push((who, *person));
                if active.step == Step::Waiting {
                    self.ring_for_the_next();
                }
            }
            SessionEvent::Gone(who) => {
                active.there.retain(|(there, _)| *there != who);
                let was_accepted = active.accepted == Some(who);
                if was_accepted {
                    active.accepted = None;
                }
                if active.step == Step::Ringing(who) || was_accepted {
                    self.ring_for_the_next();
                }
            }
            SessionEvent::Joined(name) => self.backend.report(Event::Joined { name }),
            SessionEvent::Dropped => self.backend.report(Event::Reconnecting),
            SessionEvent::Back => self.backend.report(Event::Back),
            SessionEvent::NoRelay => self.notify(
                "The TURN server doesn't answer, or refuses its name and password. See Settings, Network."
                    .into(),
                true,
            ),
        }
    }

    fn handle_over(&mut self, report: Option<CallReport>) {
        let Activity::Call(active) = std::mem::replace(&mut self.activity, Activity::None) else {
            return;
        };
        let ended = report
            .as_ref()
            .map_or(CallEndReason::InternalError, |report| report.ended);
        let talked = report
            .as_ref()
            .map(|report| report.talked)
            .filter(|talked| *talked > 0.0)
            .map(Duration::from_secs_f64);
        let friend = active.friend().unwrap_or_default().to_owned();
        if is_worth_keeping(active.role, active.friend().is_some(), ended) {
            self.recents.insert(
                0,
                Recent {
                    name: friend.clone(),
                    role: active.role,
                    began: active.began,
                    talked,
                    ended,
                },
            );
            self.recents.truncate(MAX_RECENTS);
            self.keep_recents();
        }
        self.explain(&Failure {
            reason: ended,
            friend: &friend,
            role: active.role,
            server: &active.server,
            server_away: active.server_away.as_deref(),
            bad_invite: None,
            not_hosted: None,
            entered: active.entered,
            met: active.friend().is_some(),
            online: is_online(),
        });
        self.media.stop(UiSound::Ring);
        self.devices.end_call(&self.media);
        drop(active);
        give_back_memory();
        self.backend.report(Event::Ended { reason: ended });
    }

    fn explain(&mut self, failure: &Failure<'_>) {
        self.problem = explain(failure).map(Arc::new);
    }

    fn change_settings(&mut self, settings: Settings) {
        let settings = settings.validated();
        let server_changed = settings.server != self.settings.server;
        let (old, new) = (&self.settings, &settings);
        let in_force = |settings| self.options.in_force(settings);
        self.devices
            .settings_changed(&self.media, &in_force(old), &in_force(new));
        self.settings = Arc::new(settings);
        if server_changed {
            self.probing = None;
            self.next_probe = Instant::now();
        }
        if let Some(store) = &self.store
            && let Err(error) = store.save_settings(&self.settings)
        {
            self.notify(format!("{error}"), true);
        }
    }

    fn keep_recents(&mut self) {
        if let Some(store) = &self.store
            && let Err(error) = store.save(RECENTS_FILE, &self.recents)
        {
            self.notify(format!("{error}"), true);
        }
    }

    fn handle_opened(&mut self, opened: Opened) {
        let now = Instant::now();
        if let Some(news) = self.devices.handle_opened(&self.media, opened, now) {
            self.tell(&news);
        }
    }

    fn handle_devices(&mut self, devices: Devices) {
        self.connected_devices = Arc::new(devices);
        self.try_devices_again(true);
    }

    fn try_devices_again(&mut self, changed: bool) {
        let (media, devices) = (&self.media, &self.connected_devices);
        self.devices
            .try_again(media, devices, changed, Instant::now());
    }

    fn notice_lost_devices(&mut self) {
        let (media, devices) = (&self.media, &self.connected_devices);
        for news in self.devices.notice_lost(media, devices, Instant::now()) {
            self.tell(&news);
        }
    }

    fn tell(&mut self, news: &DeviceNews) {
        let text = news.sentence();
        match news {
            DeviceNews::Lost { .. } => {
                self.backend
                    .report(Event::DeviceChanged { text: text.clone() });
                self.notify(text, true);
            }
            DeviceNews::Back { settled, .. } => {
                let settled: Vec<String> = settled.iter().map(DeviceNews::sentence).collect();
                self.notices
                    .retain(|notice| !settled.contains(&notice.text));
                self.backend.report(Event::DeviceChanged { text });
            }
            DeviceNews::Unusable {
                kind: DeviceKind::Speaker,
                ..
            } => self.notify(text, true),
            // The screens with pickers show these themselves.
            DeviceNews::Unusable { .. } => {}
        }
    }

    fn notify(&mut self, text: String, warning: bool) {
        if self.notices.iter().any(|notice| notice.text == text) {
            return;
        }
        if self.notices.len() == MAX_NOTICES {
            self.notices.remove(0);
        }
        self.notices.push(Notice {
            id: self.next_notice,
            text,
            warning,
        });
        self.next_notice += 1;
    }

    /// Tells the call what the others are to know of our devices.
    fn announce(&mut self) {
        let Activity::Call(active) = &self.activity else {
            return;
        };
        if let Some((muted, camera_on)) = self.devices.take_announcement() {
            let announce = SessionCommand::Announce { muted, camera_on };
            let _ = active.remote.commands.try_send(announce);
        }
    }

    fn probe_if_due(&mut self) {
        let Some(server) = self.server_url() else {
            self.server = ServerStatus::HostedHere;
            self.probing = None;
            return;
        };
        if self.probing.is_some() || Instant::now() < self.next_probe {
            return;
        }
        self.next_probe = Instant::now() + PROBE_INTERVAL;
        let name = server.short().to_owned();
        let known = match &self.server {
            ServerStatus::Reachable { name: known, .. }
            | ServerStatus::Unreachable { name: known, .. } => *known == name,
            ServerStatus::HostedHere | ServerStatus::Checking { .. } => false,
        };
        if !known {
            self.server = ServerStatus::Checking { name: name.clone() };
        }
        self.probing = Some(tokio::spawn(async move {
            match probe(&server).await {
                Ok(took) => ServerStatus::Reachable { name, took },
                Err(error) => ServerStatus::Unreachable {
                    name,
                    why: error.to_string(),
                },
            }
        }));
    }

    fn publish(&mut self) {
        let now = Instant::now();
        let snapshot = Snapshot {
            phase: self.phase(),
            local: self.devices.view(&self.media, &self.connected_devices),
            devices: self.connected_devices.clone(),
            settings: self.settings.clone(),
            name: self.options.name_in_force(&self.settings).into(),
            server: self.server.clone(),
            server_away: self.server_is_away(),
            recents: self.recents.clone().into(),
            problem: self.problem.clone(),
            incoming: match &self.activity {
                Activity::Call(active) => active.incoming(),
                Activity::None | Activity::Preparing { .. } => None,
            },
            notices: self.notices.clone().into(),
            sound_trial: self.devices.trial(&self.media, self.trial_since, now),
        };
        self.backend.publish(snapshot);
    }

    /// It matters until talking has begun.
    fn server_is_away(&self) -> bool {
        match &self.activity {
            Activity::Call(active) => active.server_away.is_some() && !active.is_talking(),
            Activity::None | Activity::Preparing { .. } => false,
        }
    }

    fn phase(&self) -> Phase {
        let active = match &self.activity {
            Activity::None => return Phase::Lobby,
            Activity::Preparing { since, .. } => return Phase::Preparing { since: *since },
            Activity::Call(active) => active,
        };
        match active.step {
            Step::Waiting | Step::Ringing(_) if active.has_link() => Phase::Waiting {
                invite: active.invite.clone(),
                code: active.code.clone(),
                since: active.waiting_since,
                hosted_here: active.is_hosted_here(),
            },
            Step::Waiting | Step::Ringing(_) => Phase::Preparing {
                since: active.waiting_since,
            },
            Step::Checking => Phase::Check {
                friend: active.friend().map(str::to_owned),
                role: active.role,
            },
            Step::Calling => {
                let view = active.remote.view.load_full();
                Phase::Call(CallView {
                    stage: call_stage(view.stage),
                    role: active.role,
                    connected_at: view.connected_at,
                    participants: view.participants.clone(),
                    statistics: view.statistics.clone(),
                })
            }
        }
    }

    async fn leave(mut self) {
        self.hang_up();
        if let Activity::Call(active) = self.activity {
            // Bounded: lines close within their patience.
            let _ = tokio::time::timeout(Duration::from_millis(450), active.task).await;
        }
    }
}

/// There was no place to meet.
fn not_met(role: CallRole, server: &ServerStatus) -> Failure<'_> {
    Failure {
        reason: CallEndReason::InternalError,
        friend: "",
        role,
        server,
        server_away: None,
        bad_invite: None,
        not_hosted: None,
        entered: false,
        met: false,
        online: is_online(),
    }
}

/// Recent calls are calls with somebody. Whoever starts a call and waits in vain has had none, however
/// that ended; whoever joins one has a friend in mind, unless they turn back themselves.
fn is_worth_keeping(role: CallRole, met: bool, ended: CallEndReason) -> bool {
    met || (role == CallRole::Guest && ended != CallEndReason::Cancelled)
}

fn call_stage(stage: Stage) -> CallStage {
    match stage {
        Stage::Joining => CallStage::Joining,
        Stage::Waiting => CallStage::WaitingForFriend,
        Stage::Connecting { since } => CallStage::Connecting { since },
        Stage::Connected { .. } | Stage::Ended(_) => CallStage::Connected,
        Stage::Reconnecting { since } => CallStage::Reconnecting { since },
    }
}

/// Where that cannot be told, nobody is sent to look after their network.
fn is_online() -> bool {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.iter().any(|interface| !interface.is_loopback()),
        Err(_) => true,
    }
}

enum Progress {
    /// There is a place to meet, or why not; or the attempt came to grief.
    Met(CallRole, Result<Result<Meeting, MeetingError>, JoinError>),
    Event(SessionEvent),
    Over(Option<Box<CallReport>>),
}

async fn progress(activity: &mut Activity) -> Progress {
    match activity {
        Activity::None => std::future::pending().await,
        Activity::Preparing { role, meeting, .. } => Progress::Met(*role, meeting.await),
        Activity::Call(active) => tokio::select! {
            biased;
            Some(event) = active.events.recv() => Progress::Event(event),
            report = &mut active.task => Progress::Over(report.ok().map(Box::new)),
        },
    }
}

async fn probed(probing: &mut Option<JoinHandle<ServerStatus>>) -> ServerStatus {
    match probing {
        Some(task) => match task.await {
            Ok(status) => status,
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_calls_are_calls_with_somebody() {
        use CallEndReason::{Cancelled, LocalHangup, ServerUnreachable, ServerVersion};
        for ended in [Cancelled, ServerUnreachable, ServerVersion] {
            assert!(!is_worth_keeping(CallRole::Host, false, ended), "{ended:?}");
        }
        assert!(is_worth_keeping(CallRole::Host, true, LocalHangup));
        assert!(is_worth_keeping(CallRole::Host, true, Cancelled));
        assert!(!is_worth_keeping(CallRole::Guest, false, Cancelled));
        assert!(is_worth_keeping(CallRole::Guest, false, ServerUnreachable));
    }
}
