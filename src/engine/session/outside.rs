use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use crate::call::{CallEndReason, CallOptions, ParticipantId, Person, Stage};
use crate::engine::{CallStatistics, ParticipantCounters, ParticipantView, WallClock, Way};
use crate::peer::PeerConfig;
use crate::trust::{Code, Identity, Invite, Portrait, PublicIdentity};

/// How to have a call.
pub struct SessionOptions {
    /// Role and timeouts.
    pub call: CallOptions,
    /// Who we are to the others.
    pub identity: Arc<Identity>,
    /// As we call ourselves; may be empty.
    pub name: String,
    /// Where others meet us, or we them.
    pub ways: Vec<Way>,
    /// Who may know our address.
    pub direct_with: DirectWith,
    /// How lines are made.
    pub peer: PeerConfig,
    /// Give up when nobody has come by then.
    pub patience: Option<Duration>,
    /// Hang up when they have talked so long.
    pub duration: Option<Duration>,
    /// When the call was asked for.
    pub started: Instant,
    /// What the report tells moments by.
    pub clock: WallClock,
}

/// With whom a line may go straight; to others only through a relay.
#[derive(Debug, Clone, Default)]
pub enum DirectWith {
    /// As the line's own options say.
    #[default]
    Everybody,
    /// With these.
    Only(BTreeSet<PublicIdentity>),
}

impl DirectWith {
    pub(super) fn allows(&self, person: &Person) -> bool {
        match self {
            Self::Everybody => true,
            Self::Only(friends) => friends.contains(&person.identity),
        }
    }
}

/// What a person tells a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionCommand {
    /// Ring whoever is there, or, for who answers everybody, answer.
    Ready,
    /// Talk with them, and with nobody else.
    Accept(ParticipantId),
    /// Do not.
    Decline(ParticipantId),
    /// Make another code of our own, in place of the one there is.
    NewCode,
    /// Make another link of our own, in place of the one there is.
    NewLink,
    /// It is over, and why.
    End(CallEndReason),
    /// The person looks so from now on; none: they do not show it.
    SetPortrait(Option<Portrait>),
    /// What the others are to be told of us.
    Announce {
        /// Our sound is not sent.
        muted: bool,
        /// Our pictures are sent.
        camera_on: bool,
    },
}

/// What happened in a call, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// The server let us in.
    Entered,
    /// The server does not answer, or does not want us; where it may help, it is tried again. A
    /// sentence.
    ServerAway(String),
    /// This code leads to the call now, once and for so long.
    NewCode {
        /// The code.
        code: Code,
        /// How long.
        lasts: Duration,
    },
    /// The server has no number for a code.
    NoCode,
    /// Somebody tried our code and did not have it.
    CodeSpent,
    /// Somebody has used our code.
    CodeUsed,
    /// Nobody used our code in time.
    CodeExpired,
    /// This link leads to the call now, in place of the one before: another was wished for.
    NewLink(Box<Invite>),
    /// The same, and nobody wished for it: the one before had run out.
    LinkRanOut(Box<Invite>),
    /// Somebody is there.
    Rang(ParticipantId, Box<Person>),
    /// They left before talking had begun.
    Gone(ParticipantId),
    /// Somebody has shown how they look, or does not show it any more.
    Portrait(PublicIdentity, Option<Portrait>),
    /// Talking has begun.
    Joined(String),
    /// The line dropped.
    Dropped,
    /// The line is back.
    Back,
    /// No TURN server of the settings gives a relay.
    NoRelay,
}

/// A call as it is now.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// How far it is.
    pub stage: Stage,
    /// When it first connected.
    pub connected_at: Option<Instant>,
    /// The others.
    pub participants: Vec<ParticipantView>,
    /// Of whoever has shown one, even if they are not talked with.
    pub portraits: BTreeMap<ParticipantId, Portrait>,
    /// How it has been.
    pub statistics: Arc<CallStatistics>,
    /// What was counted.
    pub counters: BTreeMap<ParticipantId, ParticipantCounters>,
}

impl Default for SessionView {
    fn default() -> Self {
        Self {
            stage: Stage::Joining,
            connected_at: None,
            participants: Vec::new(),
            portraits: BTreeMap::new(),
            statistics: Arc::default(),
            counters: BTreeMap::new(),
        }
    }
}

/// The outer end of a [`super::Session`].
#[derive(Clone)]
pub struct SessionRemote {
    /// Tells it something.
    pub commands: mpsc::Sender<SessionCommand>,
    /// How it is now.
    pub view: Arc<ArcSwap<SessionView>>,
}
