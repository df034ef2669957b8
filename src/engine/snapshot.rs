use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::call::{CallRole, ParticipantId, Presence, as_read};
use crate::capture::Devices;
use crate::contacts::Recent;
use crate::media::{Level, Resolution};
use crate::settings::Settings;
use crate::trust::{Portrait, PublicIdentity, SafetyPhrase};

/// Everything the window shows, as it is now. Replaced whole, never changed.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Which screen this is about.
    pub phase: Phase,
    /// This side's microphone, speaker and camera.
    pub local: LocalMedia,
    /// What can be picked.
    pub devices: Arc<Devices>,
    /// What was chosen.
    pub settings: Arc<Settings>,
    /// How friends see this person: the chosen name, or the one of the command line; may be empty.
    pub name: Arc<str>,
    /// How this person looks, if they have chosen to show it.
    pub portrait: Option<Portrait>,
    /// How the call server is.
    pub server: ServerStatus,
    /// The server of the call that is about to begin does not answer; it is tried again.
    pub server_away: bool,
    /// Who was saved, by name.
    pub contacts: Arc<[ContactView]>,
    /// Of whom nothing is heard, and the name they had.
    pub blocked: Arc<[(PublicIdentity, String)]>,
    /// The standing rooms, by name.
    pub rooms: Arc<[RoomView]>,
    /// The latest first.
    pub recents: Arc<[Recent]>,
    /// Why the last call did not come about, until it is dismissed.
    pub problem: Option<Arc<Problem>>,
    /// Somebody calls, and waits for an answer; nothing is sent to them.
    pub incoming: Option<Incoming>,
    /// Things worth a word, until they are dismissed or no longer true.
    pub notices: Arc<[Notice]>,
    /// The five-second trial of the microphone.
    pub sound_trial: SoundTrial,
}

/// Where a person is.
#[derive(Debug, Clone)]
pub enum Phase {
    /// Nothing is going on.
    Lobby,
    /// The invite is being made: a server is started or reached.
    Preparing {
        /// When it began.
        since: Instant,
    },
    /// The invite can be given to a friend; devices are off.
    Waiting {
        /// The link to copy.
        invite: Arc<str>,
        /// The code to be said.
        code: CodeView,
        /// When it could first be copied.
        since: Instant,
        /// The server runs in this app.
        hosted_here: bool,
    },
    /// The check before the call: devices are open here, and nothing is sent.
    Check {
        /// The friend, if one is already waiting: a name, or empty if none was given.
        friend: Option<String>,
        /// Whose call it is.
        role: CallRole,
        /// Pictures are to be sent from the beginning, unless that is changed here.
        camera: bool,
    },
    /// In a call, or on the way into it.
    Call(CallView),
}

/// Somebody who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Another call is another one.
    pub caller: ParticipantId,
    /// Whose keys these are.
    pub identity: PublicIdentity,
    /// As they call themselves; may be empty.
    pub friend: String,
    /// As they look, if they have shown it.
    pub portrait: Option<Portrait>,
}

/// Somebody who was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactView {
    /// By which they are known.
    pub identity: PublicIdentity,
    /// As this person calls them.
    pub name: String,
    /// The same as a person reads it ([`as_read`]).
    pub read_as: String,
    /// Both have compared safety words.
    pub verified: bool,
    /// How they are by their own word; none: not there, as far as the call server knows.
    pub presence: Option<Presence>,
    /// As they last showed themselves.
    pub portrait: Option<Portrait>,
}

/// A standing room: whoever has its link meets there, again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomView {
    /// As this person calls it.
    pub name: Arc<str>,
    /// To be given away; by which it is known.
    pub link: Arc<str>,
    /// Where it is, as people say it.
    pub server: Arc<str>,
    /// When this person enters it no more; none: they do until they remove it.
    pub until: Option<SystemTime>,
}

impl RoomView {
    /// Whether a person reads its name so.
    pub fn is_called(&self, name: &str) -> bool {
        as_read(&self.name) == as_read(name)
    }

    /// Whether it is not entered any more.
    pub fn has_run_out(&self, now: SystemTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Who somebody is to this person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody who was saved.
    Stranger,
    /// Nobody who was saved, but somebody with the name of one who was.
    Namesake,
    /// A friend.
    Contact {
        /// As this person calls them.
        name: String,
        /// Both have compared safety words.
        verified: bool,
    },
}

/// A code by which a friend can join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeView {
    /// There is none to be had.
    None,
    /// It is being made.
    Making,
    /// It can be said.
    Ready {
        /// Such as 7-guitar-lamp.
        code: Arc<str>,
        /// When it will be good for nothing.
        until: Instant,
        /// How long it was good for at first.
        lasts: Duration,
    },
    /// A friend has used it; another can be made.
    Used,
    /// Somebody tried it and had it wrong; another can be made.
    Spent,
    /// It has run out; another can be made.
    Expired,
}

/// A call.
#[derive(Debug, Clone)]
pub struct CallView {
    /// How far it is.
    pub stage: CallStage,
    /// Whose call it is.
    pub role: CallRole,
    /// The contact who is called.
    pub calling: Option<Arc<str>>,
    /// Of the contact who is called, as they last showed themselves.
    pub portrait: Option<Portrait>,
    /// The link of the standing room in which it is, if it is in one.
    pub room: Option<Arc<str>>,
    /// When it first connected.
    pub connected_at: Option<Instant>,
    /// The others.
    pub participants: Vec<ParticipantView>,
    /// How it has been.
    pub statistics: Arc<CallStatistics>,
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStage {
    /// Going to the server.
    Joining,
    /// We are ready and the friend is not yet (absent, or still in the check).
    WaitingForFriend,
    /// Looking for the direct line.
    Connecting {
        /// When the search began.
        since: Instant,
    },
    /// Talking.
    Connected,
    /// The line dropped and is being picked up; microphone and camera are paused.
    Reconnecting {
        /// When it dropped.
        since: Instant,
    },
}

/// Somebody else in the call.
#[derive(Debug, Clone)]
pub struct ParticipantView {
    /// For [`super::Handle::picture_of`].
    pub id: ParticipantId,
    /// Whose keys these are.
    pub identity: PublicIdentity,
    /// The same on both sides, if nobody is in between.
    pub phrase: SafetyPhrase,
    /// As they call themselves; may be empty.
    pub name: String,
    /// As they look, if they have shown it.
    pub portrait: Option<Portrait>,
    /// By their own word.
    pub muted: bool,
    /// By their own word.
    pub camera_on: bool,
    /// How loud they are here, now.
    pub level: Level,
    /// How loud we are there, by their own reports; none for 2 s and it is gone.
    pub hears_us: Option<Level>,
    /// In words, not numbers.
    pub quality: Quality,
}

/// How good the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quality {
    /// Too early to say.
    #[default]
    Unknown,
    /// Nothing to complain of.
    Good,
    /// Their upload is the bottleneck.
    TheirsWeak,
    /// Our upload is the bottleneck.
    OursWeak,
}

/// This side's devices.
#[derive(Debug, Clone, Default)]
pub struct LocalMedia {
    /// Our sound is not sent.
    pub muted: bool,
    /// Talking although muted, while a key is held.
    pub holding_to_talk: bool,
    /// The microphone.
    pub microphone: DeviceState,
    /// The speaker.
    pub speaker: DeviceState,
    /// The camera.
    pub camera: DeviceState,
    /// How loud we are, muted or not.
    pub level: Level,
}

/// How one device is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceState {
    /// Not in use.
    #[default]
    Off,
    /// Being opened.
    Opening,
    /// In use.
    On {
        /// What a person knows it by.
        label: String,
    },
    /// Cannot be used; a sentence says why and what helps.
    Unusable {
        /// The sentence.
        why: String,
    },
}

/// How the call server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerStatus {
    /// None is set: calls are hosted on this computer.
    HostedHere,
    /// Being asked.
    Checking {
        /// Its name without scheme and path.
        name: String,
    },
    /// It answered.
    Reachable {
        /// Its name without scheme and path.
        name: String,
        /// How long it took.
        took: Duration,
    },
    /// It does not answer.
    Unreachable {
        /// Its name without scheme and path.
        name: String,
        /// A sentence.
        why: String,
    },
}

/// Why a call did not come about: a ladder whose first broken rung has the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Such as "We couldn’t reach Priya".
    pub title: String,
    /// One or two sentences.
    pub explanation: String,
    /// From the ground up.
    pub rungs: Vec<Rung>,
    /// What helps with the first failed rung.
    pub cure: String,
    /// Doing it again makes sense.
    pub can_try_again: bool,
    /// To copy: no key, code or address in it.
    pub report: String,
}

/// One rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// Such as "Your call server answers".
    pub name: String,
    /// Such as "31 ms".
    pub detail: String,
    /// Whether it holds.
    pub state: RungState,
}

/// Whether a rung holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RungState {
    /// It holds.
    Passed,
    /// It is broken.
    Failed,
    /// Not tried, or not needed.
    NotTried,
}

/// Something worth a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// For [`super::Command::DismissNotice`].
    pub id: u64,
    /// The sentence.
    pub text: String,
    /// Something is wrong, not just new.
    pub warning: bool,
}

/// The five-second trial of the microphone.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum SoundTrial {
    /// Not running.
    #[default]
    Idle,
    /// Recording since then.
    Recording {
        /// When it began.
        since: Instant,
    },
    /// Playing back since then.
    Playing {
        /// When it began.
        since: Instant,
    },
}

/// How a call has been, for the statistics panel.
#[derive(Debug, Clone, Default)]
pub struct CallStatistics {
    /// One a second, the oldest first, 60 at most.
    pub history: Vec<StatisticsSample>,
    /// Straight, or over a relay; none until known.
    pub relayed: Option<bool>,
    /// Such as "Maya's upload is slow. We lowered the picture so the sound stays clear."
    pub verdict: Option<String>,
    /// All of it as text, to copy; no address in it.
    pub report: String,
}

/// One second of a call.
#[derive(Debug, Clone, Copy, Default)]
pub struct StatisticsSample {
    /// How late words arrive: half the round trip, plus the buffers of the way in.
    pub delay: Duration,
    /// Of the packets sent to us.
    pub loss_in: f32,
    /// Of the packets we sent.
    pub loss_out: f32,
    /// The picture that we get.
    pub picture_in: PictureSample,
    /// The picture that we send.
    pub picture_out: PictureSample,
    /// Sound that we get, bits a second.
    pub sound_in_bps: f32,
    /// Sound that we send, bits a second.
    pub sound_out_bps: f32,
    /// The share of played sound that had to be made up.
    pub concealed: f32,
}

/// A picture's second.
#[derive(Debug, Clone, Copy, Default)]
pub struct PictureSample {
    /// None if there was no picture.
    pub resolution: Option<Resolution>,
    /// Pictures a second.
    pub frames_per_second: f32,
    /// Bits a second.
    pub bps: f32,
}

impl Snapshot {
    /// Who somebody with these keys, who gives this name, is to this person.
    pub fn standing(&self, identity: &PublicIdentity, name: &str) -> Standing {
        let found = self
            .contacts
            .iter()
            .find(|contact| contact.identity == *identity);
        if let Some(contact) = found {
            return Standing::Contact {
                name: contact.name.clone(),
                verified: contact.verified,
            };
        }
        let name = as_read(name);
        let namesake = |contact: &ContactView| contact.read_as == name;
        if !name.is_empty() && self.contacts.iter().any(namesake) {
            Standing::Namesake
        } else {
            Standing::Stranger
        }
    }

    /// How somebody with these keys looks: as `shown` now, else as they last did if they are a contact.
    pub fn portrait_of<'a>(
        &'a self,
        identity: &PublicIdentity,
        shown: Option<&'a Portrait>,
    ) -> Option<&'a Portrait> {
        let known = || {
            let mut contacts = self.contacts.iter();
            let contact = contacts.find(|contact| contact.identity == *identity)?;
            contact.portrait.as_ref()
        };
        shown.or_else(known)
    }

    /// The lobby of somebody new.
    pub fn lobby(settings: Arc<Settings>) -> Self {
        Self {
            phase: Phase::Lobby,
            local: LocalMedia::default(),
            devices: Arc::default(),
            name: settings.name.as_str().into(),
            portrait: None,
            settings,
            server: ServerStatus::HostedHere,
            server_away: false,
            contacts: Arc::new([]),
            blocked: Arc::new([]),
            rooms: Arc::new([]),
            recents: Arc::new([]),
            problem: None,
            incoming: None,
            notices: Arc::new([]),
            sound_trial: SoundTrial::Idle,
        }
    }
}
