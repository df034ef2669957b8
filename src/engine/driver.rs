mod active;
mod calls;
mod friends;
mod portrait;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use twocan_protocol::ServerUrl;

use self::active::{Active, Activity, progress, progress_beside};
use self::portrait::{Reading, read};
use super::local_devices::{FixedDevices, LocalDevices, mode, processing};
use super::snapshot::{Notice, Problem, ServerStatus, Snapshot};
use super::{
    Command, DeviceKind, DeviceNews, EngineOptions, Event, Handle, HandleBackend, Media,
    MediaError, Opened, People, SessionCommand, Workshop,
};
use crate::call::{CallEndReason, CallRole, Presence};
use crate::capture::{DeviceWatcher, Devices};
use crate::contacts::{
    Book, BookError, IdentityError, IdentityKeeper, NoKeyring, SystemKeyring, kept_identity,
};
use crate::playout::UiSound;
use crate::settings::{Settings, Store, StoreError};
use crate::signaling::probe;
use crate::trust::{Card, Code, Fingerprint, Identity};

const MAX_NOTICES: usize = 4;
/// How often the snapshot is made anew while something moves, and while nothing does.
const LIVELY: Duration = Duration::from_millis(50);
const QUIET: Duration = Duration::from_millis(500);
/// How often the call server is asked whether it is there.
const PROBE_INTERVAL: Duration = Duration::from_secs(30);

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
    /// Whom this person knows.
    #[error(transparent)]
    Book(#[from] BookError),
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
    let identity = match &options.folder {
        Some(folder) => {
            let keyring: &dyn IdentityKeeper = match options.keyring {
                true => &SystemKeyring::of(folder),
                false => &NoKeyring,
            };
            kept_identity(folder, keyring, &mut rand::rng())?.0
        }
        None => Identity::new(&mut rand::rng()),
    };
    let identity = Arc::new(identity);
    let settings = Arc::new(settings);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("twocan-net")
        .enable_all()
        .build()?;
    let (people, no_book) = {
        let _inside = runtime.enter();
        open_people(options.folder.as_deref(), &identity)?
    };
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
                identity,
                people,
            };
            let core = Core::new(backend, options, kept, media, opened);
            runtime.block_on(core.run([sentence, no_book]));
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

/// What outlives a run.
struct Kept {
    store: Option<Store>,
    settings: Arc<Settings>,
    identity: Arc<Identity>,
    people: People,
}

/// Those of the folder; without one, and with a sentence where they cannot be read, nobody.
fn open_people(
    folder: Option<&Path>,
    identity: &Arc<Identity>,
) -> Result<(People, Option<String>), BookError> {
    // Contacts know us by the keys alone, and no line is made where they meet.
    let card = Card {
        identity: identity.clone(),
        name: String::new(),
        fingerprint: Fingerprint::new([0; 32]),
    };
    let kept = folder.map(|folder| People::open(Book::open(folder)?, card.clone()));
    match kept {
        Some(Ok(people)) => Ok((people, None)),
        Some(Err(error)) => {
            let sentence = format!("Nobody whom you save is kept now: {error}.");
            Ok((People::open(Book::in_memory()?, card)?, Some(sentence)))
        }
        None => Ok((People::open(Book::in_memory()?, card)?, None)),
    }
}

/// The engine: one task that owns everything and never blocks.
struct Core {
    backend: HandleBackend,
    options: EngineOptions,
    store: Option<Store>,
    settings: Arc<Settings>,
    identity: Arc<Identity>,
    people: People,
    /// How contacts see us.
    presence: Presence,
    /// The codes that were tried here, and when: each is good for one try.
    tried: Vec<(Code, Instant)>,
    media: Arc<Media>,
    opened: mpsc::Receiver<Opened>,
    connected_devices: Arc<Devices>,
    device_lists: mpsc::Receiver<Devices>,
    _watcher: Option<DeviceWatcher>,
    devices: LocalDevices,
    activity: Activity,
    /// A contact calls us to this.
    knock: Option<Box<Active>>,
    last_attempt: Option<Command>,
    server: ServerStatus,
    probing: Option<JoinHandle<ServerStatus>>,
    next_probe: Instant,
    /// The picture that this person has chosen.
    reading: Option<Reading>,
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
            identity,
            people,
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
            identity,
            people,
            presence: Presence::Free,
            tried: Vec::new(),
            media: Arc::new(media),
            opened,
            connected_devices: Arc::default(),
            device_lists,
            _watcher: watcher.ok(),
            devices,
            activity: Activity::None,
            knock: None,
            last_attempt: None,
            server: ServerStatus::HostedHere,
            probing: None,
            next_probe: now,
            reading: None,
            problem: None,
            notices: Vec::new(),
            next_notice: 1,
            trial_since: now,
        }
    }

    async fn run(mut self, sentences: [Option<String>; 2]) {
        for sentence in sentences.into_iter().flatten() {
            self.notify(sentence, true);
        }
        loop {
            self.meet_people();
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
                portrait = read(&mut self.reading) => self.handle_read(portrait),
                progress = progress(&mut self.activity) => self.handle_progress(progress),
                progress = progress_beside(&mut self.knock) => self.handle_progress_beside(progress),
                news = self.people.next() => self.handle_people(news),
                () = tokio::time::sleep(pause) => {}
            }
            self.notice_lost_devices();
            self.try_devices_again(false);
        }
        self.leave().await;
    }

    fn is_lively(&self) -> bool {
        !matches!(self.activity, Activity::None) || self.knock.is_some() || self.devices.any_open()
    }

    /// Devices are open in the check and in a call; elsewhere only where the window shows them.
    fn wants_devices(&self) -> bool {
        self.activity.call().is_some_and(Active::wants_devices)
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Host => self.prepare(CallRole::Host, command),
            Command::Join { .. } => self.prepare(CallRole::Guest, command),
            Command::CallContact { contact, camera } => self.call_contact(contact, camera),
            Command::Enter => self.enter(),
            Command::Accept { caller, camera } => self.accept(caller, camera),
            Command::Decline(caller) => self.decline(caller),
            Command::DeclineAndBlock(caller) => self.decline_and_block(caller),
            Command::Silence => self.media.stop(UiSound::Ring),
            Command::NewCode => self.make_new_code(),
            Command::NewLink => self.make_new_link(),
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
            Command::SetPortrait { file } => self.read_portrait(file),
            Command::RemovePortrait => self.set_portrait(None),
            Command::ForgetRecents => {
                let forgotten = self.people.forget_recents();
                self.tell_if_not_kept(forgotten);
            }
            Command::SaveContact { identity, name } => self.save_contact(identity, name),
            Command::RenameContact { contact, name } => {
                let kept = self.people.change(&contact, |contact| contact.name = name);
                self.tell_if_not_kept(kept);
            }
            Command::SetVerified { contact, verified } => {
                let kept = self
                    .people
                    .change(&contact, |contact| contact.verified = verified);
                self.tell_if_not_kept(kept);
            }
            Command::RemoveContact(contact) => {
                let kept = self.people.remove(&contact);
                self.tell_if_not_kept(kept);
            }
            Command::Block { identity, name } => self.block(&identity, &name),
            Command::Unblock(identity) => {
                let kept = self.people.unblock(&identity);
                self.tell_if_not_kept(kept);
            }
            Command::MakeRoom { name, lasts } => {
                let made = self.people.make_room(&name, lasts);
                self.tell_if_refused(made);
            }
            Command::KeepRoom { name, invite } => {
                let kept = self.people.keep_room(&name, &invite);
                if kept.is_ok() {
                    let sentence = format!("The room is kept as “{name}”, in the list of people.");
                    self.notify(sentence, false);
                }
                self.tell_if_refused(kept);
            }
            Command::RenameRoom { room, name } => {
                let renamed = self.people.rename_room(&room, &name);
                self.tell_if_refused(renamed);
            }
            Command::RemoveRoom { name } => {
                let removed = self.people.remove_room(&name);
                self.tell_if_refused(removed);
            }
            Command::EnterRoom { name, camera } => self.enter_room(name, camera),
        }
    }

    fn server_url(&self) -> Option<ServerUrl> {
        let settings = self.options.in_force(&self.settings);
        settings.server?.parse().ok()
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
        if let Some(active) = self.activity.call()
            && let Some((muted, camera_on)) = self.devices.take_announcement()
        {
            active.order(SessionCommand::Announce { muted, camera_on });
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
            phase: self.activity.phase(),
            local: self.devices.view(&self.media, &self.connected_devices),
            devices: self.connected_devices.clone(),
            settings: self.settings.clone(),
            name: self.options.name_in_force(&self.settings).into(),
            portrait: self.people.own_portrait().cloned(),
            server: self.server.clone(),
            server_away: self.server_is_away(),
            contacts: self.people.view(),
            blocked: self.people.blocked(),
            rooms: self.people.rooms(),
            recents: self.people.recents(),
            problem: self.problem.clone(),
            incoming: self.ringing().and_then(Active::incoming),
            notices: self.notices.clone().into(),
            sound_trial: self.devices.trial(&self.media, self.trial_since, now),
        };
        self.backend.publish(snapshot);
    }

    /// It matters until talking has begun.
    fn server_is_away(&self) -> bool {
        let away = |active: &Active| active.server_away.is_some() && !active.is_talking();
        self.activity.call().is_some_and(away)
    }

    async fn leave(mut self) {
        if let Some(knock) = self.knock.take() {
            self.remember(&knock, CallEndReason::Missed, None);
        }
        self.hang_up();
        if let Activity::Call(active) = self.activity {
            // Bounded: lines close within their patience.
            let _ = tokio::time::timeout(Duration::from_millis(450), active.task).await;
        }
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
