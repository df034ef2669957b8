use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::stop::StopWish;
use super::words;
use crate::call::{CallEndReason, ParticipantId, Stage};
use crate::capture::{CameraSpec, DeviceError, DeviceWatcher, Devices, MicrophoneSpec};
use crate::engine::{
    DeviceNews, FixedDevices, LocalDevices, Media, Opened, SessionCommand, SessionEvent,
    SessionRemote,
};
use crate::playout::SpeakerSpec;
use crate::settings::Settings;

/// How long a server that has never answered is tried, even if there is no hurry.
const SERVER_PATIENCE: Duration = Duration::from_secs(20);
/// How often devices are looked after.
const TICK: Duration = Duration::from_millis(250);
/// Ticks from one line of figures to the next.
const TICKS_PER_LINE: u32 = 4;
/// Lists of devices that may wait; the next is as good as one that nobody took.
const DEVICE_LISTS: usize = 4;

/// A slip is made good for; more of them are none.
const MOST_SPENT_CODES: u32 = 3;

/// Walks beside a call: opens its devices, tells how it goes, and ends it when that is wished.
pub struct Companion {
    remote: SessionRemote,
    events: mpsc::Receiver<SessionEvent>,
    opened: mpsc::Receiver<Opened>,
    media: Arc<Media>,
    devices: LocalDevices,
    connected_devices: Devices,
    device_lists: mpsc::Receiver<Devices>,
    _watcher: Option<DeviceWatcher>,
    settings: Settings,
    prefix: &'static str,
    stop: StopWish,
    ticks: Interval,
    tick: u32,
    /// Somebody is there: devices are open.
    met: bool,
    /// Who came and did not leave again before talking.
    there: BTreeSet<ParticipantId>,
    bad_file: Option<String>,
    /// Why the server is away, for as long as it is.
    away: Option<String>,
    entered: bool,
    /// When to end a call whose server has never answered.
    give_up_at: Instant,
    last_stage: &'static str,
    /// What was last told of the friend.
    friend: words::Friend,
    told_relayed: bool,
    spent_codes: u32,
}

impl Companion {
    /// Of a call that was asked for at `started`; each line of what it says begins with `prefix`.
    ///
    /// # Errors
    /// When the system does not tell of the wish to stop.
    pub fn new(
        remote: SessionRemote,
        events: mpsc::Receiver<SessionEvent>,
        media: Arc<Media>,
        opened: mpsc::Receiver<Opened>,
        devices: FixedDevices,
        prefix: &'static str,
        started: Instant,
    ) -> io::Result<Self> {
        let (lists, device_lists) = mpsc::channel(DEVICE_LISTS);
        // Asking the system takes some time: not where there is nothing to wait for.
        let watcher = has_real_devices(&devices).then(|| {
            DeviceWatcher::start(move |devices| {
                let _ = lists.try_send(devices);
            })
            .inspect_err(|error| tracing::warn!(%error, "devices are not watched"))
        });
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            remote,
            events,
            opened,
            media,
            devices: LocalDevices::new(devices, true),
            connected_devices: Devices::default(),
            device_lists,
            _watcher: watcher.and_then(Result::ok),
            settings: Settings::default(),
            prefix,
            stop: StopWish::new()?,
            ticks,
            tick: 0,
            met: false,
            there: BTreeSet::new(),
            bad_file: None,
            away: None,
            entered: false,
            give_up_at: started + SERVER_PATIENCE,
            last_stage: "",
            friend: words::Friend::default(),
            told_relayed: false,
            spent_codes: 0,
        })
    }

    /// Waits for the next thing to happen and does what is to be done.
    pub async fn accompany(&mut self) {
        tokio::select! {
            Some(event) = self.events.recv() => self.handle_event(event),
            Some(opened) = self.opened.recv() => self.handle_opened(opened),
            Some(devices) = self.device_lists.recv() => {
                self.connected_devices = devices;
                self.try_devices_again(true);
            }
            () = self.stop.wished() => self.interrupt(),
            _ = self.ticks.tick() => self.handle_tick(),
        }
        if self.met {
            self.devices.reconcile(&self.media, &self.settings, true);
            self.announce();
        }
    }

    /// What is wrong with a file of the call: it ended the call, or is said once more at its end.
    pub fn bad_file(&self) -> Option<&str> {
        self.bad_file.as_deref()
    }

    /// Why the server is away, if it is.
    pub fn away(&self) -> Option<&str> {
        self.away.as_deref()
    }

    /// Says the moments that nobody was told of when the call was over.
    pub fn finish(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.handle_event(event);
        }
    }

    fn say(&self, words: &str) {
        eprintln!("{}{words}", self.prefix);
    }

    fn order(&self, command: SessionCommand) {
        // Full or closed: the call is ending.
        let _ = self.remote.commands.try_send(command);
    }

    fn handle_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Entered => {
                self.away = None;
                self.say(if self.entered {
                    "the call server is back"
                } else {
                    "in the room"
                });
                self.entered = true;
            }
            SessionEvent::ServerAway(why) => self.handle_away(why),
            SessionEvent::NewCode { code, lasts } => {
                let minutes = lasts.as_secs().div_ceil(60);
                self.say(&format!("the code is good for one friend and {minutes} minutes"));
                if let Err(error) = super::say(&code) {
                    self.say(&format!("the code cannot be said: {error}"));
                }
            }
            SessionEvent::NoCode => self.say("the call server has no number left for a code"),
            SessionEvent::CodeSpent => self.replace_spent_code(),
            SessionEvent::NewLink(link) | SessionEvent::LinkRanOut(link) => {
                self.say("the link has run out; here is a new one");
                if let Err(error) = super::say(&link) {
                    self.say(&format!("the link cannot be said: {error}"));
                }
            }
            SessionEvent::CodeUsed | SessionEvent::Portrait(..) => {}
            SessionEvent::CodeExpired => {
                self.say("the code has run out; here is a new one");
                self.order(SessionCommand::NewCode);
            }
            SessionEvent::Rang(who, person) => {
                self.there.insert(who);
                self.say(&format!("{} is here", words::friend(&person.name)));
                self.met = true;
            }
            SessionEvent::Gone(who) => {
                let was_there = self.there.remove(&who);
                // Who comes back before the server has noticed that they went is still there.
                if was_there && self.there.is_empty() {
                    self.say("your friend left again");
                }
            }
            SessionEvent::Joined(_) => self.say("connected"),
            SessionEvent::Dropped => self.say("the line dropped; picking it up again"),
            SessionEvent::Back => self.say("the line is back"),
            SessionEvent::NoRelay => self.say(
                "there is no relay to be had: the TURN server does not answer, or refuses the name and password",
            ),
        }
    }

    /// Each new code is another guess for whoever spends them.
    fn replace_spent_code(&mut self) {
        self.spent_codes += 1;
        if self.spent_codes > MOST_SPENT_CODES {
            self.say("somebody tries one code after the other; no more are made");
            self.order(SessionCommand::End(CallEndReason::WrongCode));
            return;
        }
        self.say("somebody tried the code and had it wrong; here is a new one");
        self.order(SessionCommand::NewCode);
    }

    /// It is tried again; the same reason is not worth saying again.
    fn handle_away(&mut self, why: String) {
        if self.away.as_ref() != Some(&why) {
            self.say(&why);
            self.away = Some(why);
        }
        if !self.entered && Instant::now() >= self.give_up_at {
            self.order(SessionCommand::End(CallEndReason::ServerUnreachable));
        }
    }

    fn handle_opened(&mut self, opened: Opened) {
        if let Err(error @ DeviceError::File { .. }) = &opened.result {
            self.bad_file = Some(error.to_string());
            self.order(SessionCommand::End(CallEndReason::Cancelled));
            return;
        }
        if let Some(news) = self
            .devices
            .handle_opened(&self.media, opened, Instant::now())
        {
            self.say_news(&news);
        }
    }

    fn say_news(&self, news: &DeviceNews) {
        self.say(&words::device_news(news));
    }

    fn try_devices_again(&mut self, changed: bool) {
        let now = Instant::now();
        self.devices
            .try_again(&self.media, &self.connected_devices, changed, now);
    }

    /// Tells the call what the friend is to know of our devices.
    fn announce(&mut self) {
        if let Some((muted, camera_on)) = self.devices.take_announcement() {
            self.order(SessionCommand::Announce { muted, camera_on });
        }
    }

    fn interrupt(&self) {
        let talking = self.remote.view.load().connected_at.is_some();
        self.order(SessionCommand::End(if talking {
            CallEndReason::LocalHangup
        } else {
            CallEndReason::Cancelled
        }));
    }

    fn handle_tick(&mut self) {
        let (media, now) = (self.media.clone(), Instant::now());
        for news in self
            .devices
            .notice_lost(&media, &self.connected_devices, now)
        {
            self.say_news(&news);
            if let DeviceNews::Lost {
                error: DeviceError::File { .. },
                ..
            } = &news
            {
                let sentence = || words::device_news(&news);
                self.bad_file.get_or_insert_with(sentence);
            }
        }
        self.try_devices_again(false);
        if let Some(fault) = media.video_in().sink_fault()
            && self.bad_file.is_none()
        {
            let sentence = format!("pictures are no longer written down: {fault}");
            self.say(&sentence);
            self.bad_file = Some(sentence);
        }
        // The first tick comes at once, when there is nothing to say.
        if self.tick.is_multiple_of(TICKS_PER_LINE) && self.tick > 0 {
            self.say_status();
        }
        self.tick = self.tick.wrapping_add(1);
    }

    fn say_status(&mut self) {
        let view = self.remote.view.load_full();
        let word = words::stage(view.stage);
        if word != self.last_stage && !word.is_empty() {
            self.say(word);
        }
        self.last_stage = word;
        let Stage::Connected { .. } = view.stage else {
            return;
        };
        if let Some(friend) = view.participants.first() {
            for line in self.friend.changes(friend) {
                self.say(&line);
            }
        }
        if view.statistics.relayed == Some(true) && !self.told_relayed {
            self.told_relayed = true;
            self.say("the call goes through a relay");
        }
        if let Some(line) = words::figures(&view) {
            self.say(&line);
        }
    }
}

/// Whether any of them can come and go.
fn has_real_devices(devices: &FixedDevices) -> bool {
    use {CameraSpec as Camera, MicrophoneSpec as Microphone, SpeakerSpec as Speaker};
    matches!(
        devices.microphone,
        Some(Microphone::Default | Microphone::Device(_))
    ) || matches!(devices.speaker, Some(Speaker::Default | Speaker::Device(_)))
        || matches!(devices.camera, Some(Camera::Default | Camera::Device(_)))
}
