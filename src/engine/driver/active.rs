use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use twocan_protocol::ServerUrl;

use crate::call::{CallEndReason, CallRole, CallSecret, ParticipantId, Person, Presence, Stage};
use crate::engine::snapshot::{CallStage, CallView, Incoming, Phase, ServerStatus};
use crate::engine::{
    CallReport, CodeView, Meeting, MeetingError, SessionCommand, SessionEvent, SessionRemote,
};
use crate::signaling::EmbeddedServer;
use crate::trust::{Code, Portrait, PublicIdentity};

/// How long a server that has never answered is tried by whoever waits for their link.
const SERVER_PATIENCE: Duration = Duration::from_secs(20);

/// What is going on besides the lobby.
pub(super) enum Activity {
    None,
    /// A place to meet is being made.
    Preparing {
        since: Instant,
        role: CallRole,
        meeting: JoinHandle<Result<Box<Meeting>, MeetingError>>,
    },
    /// A call, entered or about to be.
    Call(Box<Active>),
}

impl Activity {
    pub(super) fn call(&self) -> Option<&Active> {
        match self {
            Self::Call(active) => Some(active),
            Self::None | Self::Preparing { .. } => None,
        }
    }

    pub(super) fn call_mut(&mut self) -> Option<&mut Active> {
        match self {
            Self::Call(active) => Some(active),
            Self::None | Self::Preparing { .. } => None,
        }
    }

    /// How contacts see us.
    pub(super) fn presence(&self) -> Presence {
        match self.call() {
            Some(active) if active.step == Step::Calling && active.keeps_busy() => Presence::Busy,
            Some(_) | None => Presence::Free,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::None => Phase::Lobby,
            Self::Preparing { since, .. } => Phase::Preparing { since: *since },
            Self::Call(active) => active.phase(),
        }
    }
}

/// How far the person has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The invite is out, devices are off.
    Waiting,
    /// Somebody calls; devices are off still.
    Ringing(ParticipantId),
    /// Looking at themselves before they join.
    Checking,
    /// They said that the call may start.
    Calling,
}

/// A contact with whom a call is: whom we called, or who called us.
pub(super) struct Dialed {
    pub(super) contact: PublicIdentity,
    pub(super) name: Arc<str>,
    /// As they last showed themselves.
    pub(super) portrait: Option<Portrait>,
    pub(super) call: CallSecret,
}

pub(super) struct Active {
    pub(super) role: CallRole,
    /// The link to give away; empty for a guest.
    pub(super) invite: Arc<str>,
    /// The link of the standing room in which it is.
    pub(super) room: Option<Arc<str>>,
    /// Pictures are sent from the beginning.
    pub(super) camera: bool,
    pub(super) code: CodeView,
    /// That of this call, whatever the settings are by now.
    pub(super) server: ServerStatus,
    /// Where friends of this call are met again; none for the server of the settings.
    pub(super) meets_at: Option<ServerUrl>,
    /// None for a call by link or code.
    pub(super) dialed: Option<Dialed>,
    pub(super) remote: SessionRemote,
    pub(super) events: mpsc::Receiver<SessionEvent>,
    pub(super) task: JoinHandle<CallReport>,
    /// Lives as long as the call.
    pub(super) _server: Option<EmbeddedServer>,
    pub(super) began: SystemTime,
    pub(super) waiting_since: Instant,
    pub(super) step: Step,
    /// Who came and did not leave again before talking; the latest last.
    pub(super) there: Vec<(ParticipantId, Person)>,
    /// Whom the person has accepted.
    pub(super) accepted: Option<ParticipantId>,
    /// The friend's code.
    pub(super) tries: Option<Code>,
    pub(super) entered: bool,
    /// Why the server is away, for as long as it is.
    pub(super) server_away: Option<String>,
    /// It was told to end.
    pub(super) is_ending: bool,
}

impl Active {
    /// Who it is about, as far as they have come.
    pub(super) fn friend(&self) -> Option<&Person> {
        let accepted = self.there.iter().find(|(id, _)| Some(*id) == self.accepted);
        let friend = accepted.or(self.there.last());
        friend.map(|(_, person)| person)
    }

    /// Who it is about, even if they have not come.
    pub(super) fn friend_identity(&self) -> Option<PublicIdentity> {
        let dialed = self.dialed.as_ref().map(|dialed| dialed.contact);
        dialed.or(self.friend().map(|person| person.identity))
    }

    /// As this person calls them, or they themselves; may be empty.
    pub(super) fn friend_name(&self) -> String {
        match &self.dialed {
            Some(dialed) => dialed.name.to_string(),
            None => self
                .friend()
                .map_or_else(String::new, |person| person.name.clone()),
        }
    }

    /// Who rings.
    pub(super) fn incoming(&self) -> Option<Incoming> {
        let (caller, person) = self.ringing()?;
        Some(Incoming {
            caller,
            identity: person.identity,
            friend: match &self.dialed {
                Some(dialed) => dialed.name.to_string(),
                None => person.name.clone(),
            },
            portrait: self.remote.view.load().portraits.get(&caller).cloned(),
        })
    }

    /// How somebody looks who is talked with, if they have shown it.
    pub(super) fn portrait_of(&self, identity: &PublicIdentity) -> Option<Portrait> {
        let view = self.remote.view.load();
        let mut others = view.participants.iter();
        let found = others.find(|other| other.identity == *identity);
        found.and_then(|other| other.portrait.clone())
    }

    pub(super) fn ringing(&self) -> Option<(ParticipantId, &Person)> {
        let Step::Ringing(caller) = self.step else {
            return None;
        };
        let (_, person) = self.there.iter().find(|(id, _)| *id == caller)?;
        Some((caller, person))
    }

    pub(super) fn rings(&self, caller: ParticipantId) -> bool {
        self.ringing().is_some_and(|(ringing, _)| ringing == caller)
    }

    /// A contact called us to it.
    pub(super) fn was_called(&self) -> bool {
        self.dialed.is_some() && self.role == CallRole::Guest
    }

    /// The link can be given away: whoever follows it finds the room.
    fn has_link(&self) -> bool {
        self.entered || self.is_hosted_here()
    }

    fn is_hosted_here(&self) -> bool {
        self.server == ServerStatus::HostedHere
    }

    /// Who waits in a standing room can be called.
    fn keeps_busy(&self) -> bool {
        !self.is_ending && (self.room.is_none() || self.is_talking())
    }

    pub(super) fn is_talking(&self) -> bool {
        self.remote.view.load().connected_at.is_some()
    }

    /// Whoever makes a link gives a server that has never answered a while.
    pub(super) fn is_patient(&self) -> bool {
        self.role == CallRole::Host && self.waiting_since.elapsed() < SERVER_PATIENCE
    }

    pub(super) fn wants_devices(&self) -> bool {
        match self.step {
            Step::Waiting | Step::Ringing(_) => false,
            Step::Checking | Step::Calling => true,
        }
    }

    /// Full or closed: the call is ending.
    pub(super) fn order(&self, command: SessionCommand) {
        let _ = self.remote.commands.try_send(command);
    }

    pub(super) fn end(&mut self, why: CallEndReason) {
        self.is_ending = true;
        self.order(SessionCommand::End(why));
    }

    fn phase(&self) -> Phase {
        match self.step {
            Step::Waiting | Step::Ringing(_) if self.has_link() => Phase::Waiting {
                invite: self.invite.clone(),
                code: self.code.clone(),
                since: self.waiting_since,
                hosted_here: self.is_hosted_here(),
            },
            Step::Waiting | Step::Ringing(_) => Phase::Preparing {
                since: self.waiting_since,
            },
            Step::Checking => Phase::Check {
                friend: self.friend().map(|person| person.name.clone()),
                role: self.role,
                camera: self.camera,
            },
            Step::Calling => {
                let view = self.remote.view.load_full();
                Phase::Call(CallView {
                    stage: call_stage(view.stage),
                    role: self.role,
                    calling: self.dialed.as_ref().map(|dialed| dialed.name.clone()),
                    portrait: self
                        .dialed
                        .as_ref()
                        .and_then(|dialed| dialed.portrait.clone()),
                    room: self.room.clone(),
                    connected_at: view.connected_at,
                    participants: view.participants.clone(),
                    statistics: view.statistics.clone(),
                })
            }
        }
    }
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

/// What has become of the activity.
pub(super) enum Progress {
    /// There is a place to meet, or why not; or the attempt came to grief.
    Met(
        CallRole,
        Result<Result<Box<Meeting>, MeetingError>, JoinError>,
    ),
    Event(SessionEvent),
    Over(Option<Box<CallReport>>),
}

pub(super) async fn progress(activity: &mut Activity) -> Progress {
    match activity {
        Activity::None => std::future::pending().await,
        Activity::Preparing { role, meeting, .. } => Progress::Met(*role, meeting.await),
        Activity::Call(active) => progress_of(active).await,
    }
}

/// Of a call of which the person has not been told yet, or that rings beside another activity.
pub(super) async fn progress_beside(knock: &mut Option<Box<Active>>) -> Progress {
    match knock {
        Some(active) => progress_of(active).await,
        None => std::future::pending().await,
    }
}

async fn progress_of(active: &mut Active) -> Progress {
    tokio::select! {
        biased;
        Some(event) = active.events.recv() => Progress::Event(event),
        report = &mut active.task => Progress::Over(report.ok().map(Box::new)),
    }
}
