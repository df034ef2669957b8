use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rand::RngExt as _;
use tokio::task::spawn_blocking;

use super::Core;
use super::active::{Active, Activity, Dialed, Progress, Step};
use crate::call::{Answer, CallEndReason, CallOptions, CallRole, Part, ParticipantId, Person};
use crate::engine::meeting::NotHosted;
use crate::engine::memory::give_back_memory;
use crate::engine::problem::{Failure, explain};
use crate::engine::snapshot::ServerStatus;
use crate::engine::{
    CallReport, CodeView, Command, DirectWith, Event, Inviting, Meeting, MeetingError, Recent,
    Session, SessionCommand, SessionEvent, SessionOptions, WallClock, Way,
};
use crate::media::Bitrate;
use crate::peer::runtime::{HostRuntime, Runtime};
use crate::peer::{Certificate, LEAST_BITRATE, PeerConfig, START_BITRATE, WebrtcFactory};
use crate::playout::UiSound;
use crate::settings::Settings;

const MAX_BITRATE: Bitrate = Bitrate::from_kbps(2_500);
/// So long nobody tries a code again: by then its number leads elsewhere.
const CODE_LIFETIME: Duration = Duration::from_secs(600);

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is what the window is about.
    Front,
    /// A contact has called us to it, and rings beside whatever else there is.
    Beside,
}

/// How a call begins.
pub(super) struct Beginning {
    pub(super) role: CallRole,
    pub(super) answer: Answer,
    pub(super) step: Step,
    pub(super) dialed: Option<Dialed>,
}

impl Core {
    pub(super) fn prepare(&mut self, role: CallRole, command: Command) {
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
            let meeting = match command {
                // It may have to look for a code in a large picture.
                Command::Join { invite } => {
                    spawn_blocking(move || Meeting::join(&invite, server, &tried))
                        .await
                        .unwrap_or_else(|error| resume_unwind(error.into_panic()))
                }
                _ => Meeting::host(server, inviting).await,
            };
            meeting.map(Box::new)
        });
        self.activity = Activity::Preparing {
            since: Instant::now(),
            role,
            meeting,
        };
    }

    pub(super) fn handle_progress(&mut self, progress: Progress) {
        match progress {
            Progress::Met(role, Ok(Ok(meeting))) => self.begin(role, *meeting),
            Progress::Met(role, Ok(Err(MeetingError::Tried))) => {
                self.handle_not_met(role, CallEndReason::NoSuchCode, None);
            }
            Progress::Met(
                role,
                Ok(Err(
                    error @ (MeetingError::Invitation(_)
                    | MeetingError::File(_)
                    | MeetingError::NoServer),
                )),
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
            Progress::Event(event) => self.handle_event(Place::Front, event),
            Progress::Over(report) => self.handle_over(report.map(|report| *report)),
        }
    }

    pub(super) fn handle_progress_beside(&mut self, progress: Progress) {
        match progress {
            Progress::Event(event) => self.handle_event(Place::Beside, event),
            Progress::Over(report) => {
                if let Some(knock) = self.knock.take() {
                    let ended = match report.map(|report| report.ended) {
                        Some(
                            ended @ (CallEndReason::Declined | CallEndReason::AnsweredElsewhere),
                        ) => ended,
                        // Whatever kept us from hearing them ring.
                        Some(_) | None => CallEndReason::Missed,
                    };
                    self.remember(&knock, ended, None);
                }
                self.quiet_if_nobody_rings();
            }
            // It has a place to meet from the beginning.
            Progress::Met(..) => {}
        }
    }

    pub(super) fn handle_not_met(
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
        let beginning = Beginning {
            role,
            answer: Answer::Asked,
            step: match role {
                CallRole::Host => Step::Waiting,
                CallRole::Guest => Step::Checking,
            },
            dialed: None,
        };
        let Some(active) = self.open_call(beginning, meeting) else {
            self.handle_not_met(role, CallEndReason::InternalError, None);
            return;
        };
        self.bring_to_front(active);
        if role == CallRole::Guest && !self.settings.check_before_call {
            self.enter();
        }
    }

    /// Goes to a standing room: by the check, as to the call of a friend.
    pub(super) fn enter_room(&mut self, name: String, camera: bool) {
        if !matches!(self.activity, Activity::None) {
            return;
        }
        let invite = match self.people.open_room(&name) {
            Ok(room) => room.invite.clone(),
            Err(why) => {
                self.notify(why, true);
                return;
            }
        };
        self.problem = None;
        self.last_attempt = Some(Command::EnterRoom { name, camera });
        self.begin(CallRole::Guest, Meeting::follow(invite));
        if let Some(active) = self.activity.call_mut() {
            active.camera = camera;
            self.devices.set_camera(camera);
        }
    }

    /// From now on the window is about this call; whatever it was about is over.
    pub(super) fn bring_to_front(&mut self, active: Box<Active>) {
        self.hang_up();
        if self.activity.call().is_some() {
            self.devices.end_call(&self.media);
        }
        self.activity = Activity::Call(active);
        self.devices
            .start_call(&self.media, self.settings.camera_on);
    }

    /// Enters a call; none where this computer cannot have one.
    pub(super) fn open_call(&self, beginning: Beginning, meeting: Meeting) -> Option<Box<Active>> {
        let runtime: Arc<dyn Runtime> = Arc::new(HostRuntime::new());
        let factory = Arc::new(WebrtcFactory::new(|| {
            Arc::new(HostRuntime::new()) as Arc<dyn Runtime>
        }));
        let certificate = Certificate::new()
            .inspect_err(|error| tracing::warn!(%error, "no certificate"))
            .ok()?;
        let role = beginning.role;
        let settings = self.options.in_force(&self.settings);
        // Whoever is rung can decline; in a standing room there is nothing to decline.
        let ignored = match meeting.part {
            Part::Meets => {
                let blocked = self.people.blocked();
                blocked.iter().map(|(identity, _)| *identity).collect()
            }
            Part::Waits | Part::Rings | Part::IsRung => BTreeSet::new(),
        };
        let options = SessionOptions {
            call: CallOptions {
                part: meeting.part,
                answer: beginning.answer,
                ignored,
                portrait: self.people.own_portrait().cloned(),
                ..CallOptions::new(role, ParticipantId(rand::rng().random()))
            },
            identity: self.identity.clone(),
            name: settings.name.clone(),
            ways: meeting.ways.clone(),
            direct_with: self.direct_with(&settings),
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
            Way::Room { .. } | Way::OwnCode | Way::OwnLink(_) => None,
        });
        let room = meeting.invite.as_ref().filter(|link| link.is_standing());
        let room = room.map(|link| link.to_string().into());
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
        Some(Box::new(Active {
            role,
            invite: invite.into(),
            room,
            camera: settings.camera_on,
            code: if offers_code {
                CodeView::Making
            } else {
                CodeView::None
            },
            server,
            meets_at: meeting.meets_at,
            dialed: beginning.dialed,
            remote,
            events,
            task: tokio::spawn(session.run()),
            _server: meeting.embedded,
            began: SystemTime::now(),
            waiting_since: Instant::now(),
            step: beginning.step,
            there: Vec::new(),
            accepted: None,
            tries,
            entered: false,
            server_away: None,
            is_ending: false,
        }))
    }

    /// A relay that is there hides us from strangers.
    fn direct_with(&self, settings: &Settings) -> DirectWith {
        let has_relay = settings
            .ice_servers
            .iter()
            .any(|server| server.url.starts_with("turn"));
        if settings.hide_from_strangers && has_relay {
            let contacts = self.people.view();
            DirectWith::Only(contacts.iter().map(|contact| contact.identity).collect())
        } else {
            DirectWith::Everybody
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

    pub(super) fn enter(&mut self) {
        let Some(active) = self.activity.call_mut() else {
            return;
        };
        if active.step != Step::Checking {
            return;
        }
        active.step = Step::Calling;
        active.order(SessionCommand::Ready);
        self.quiet_if_nobody_rings();
    }

    /// Talks with somebody who rings.
    pub(super) fn accept(&mut self, caller: ParticipantId, camera: bool) {
        if !self.rings(caller) {
            return;
        }
        if self
            .knock
            .as_deref()
            .is_some_and(|knock| knock.rings(caller))
            && let Some(knock) = self.knock.take()
        {
            self.bring_to_front(knock);
        }
        let Some(active) = self.activity.call_mut() else {
            return;
        };
        active.step = Step::Calling;
        active.accepted = Some(caller);
        active.order(SessionCommand::Accept(caller));
        self.problem = None;
        self.devices.set_camera(camera);
        self.quiet_if_nobody_rings();
    }

    pub(super) fn decline(&self, caller: ParticipantId) {
        let calls = [self.activity.call(), self.knock.as_deref()];
        let found = calls.into_iter().flatten().find(|call| call.rings(caller));
        if let Some(active) = found {
            active.order(SessionCommand::Decline(caller));
        }
    }

    pub(super) fn decline_and_block(&mut self, caller: ParticipantId) {
        let incoming = self.ringing().and_then(Active::incoming);
        if let Some(incoming) = incoming.filter(|incoming| incoming.caller == caller) {
            self.decline(caller);
            self.block(&incoming.identity, &incoming.friend);
        }
    }

    /// Whether it is them who ring: somebody else may by now.
    fn rings(&self, caller: ParticipantId) -> bool {
        let calls = [self.activity.call(), self.knock.as_deref()];
        calls.into_iter().flatten().any(|call| call.rings(caller))
    }

    /// The call in which somebody waits for an answer.
    pub(super) fn ringing(&self) -> Option<&Active> {
        let calls = [self.activity.call(), self.knock.as_deref()];
        calls
            .into_iter()
            .flatten()
            .find(|active| active.ringing().is_some())
    }

    pub(super) fn make_new_code(&mut self) {
        if let Some(active) = self.activity.call_mut()
            && active.code != CodeView::None
        {
            active.code = CodeView::Making;
            active.order(SessionCommand::NewCode);
        }
    }

    /// Only while nobody has come: who rings has the link that there is.
    pub(super) fn make_new_link(&self) {
        if let Some(active) = self.activity.call()
            && active.step == Step::Waiting
            && !active.invite.is_empty()
        {
            active.order(SessionCommand::NewLink);
        }
    }

    fn at(&mut self, place: Place) -> Option<&mut Active> {
        match place {
            Place::Front => self.activity.call_mut(),
            Place::Beside => self.knock.as_deref_mut(),
        }
    }

    /// Rings for whoever came first of those who are there, or is quiet.
    fn ring_for_the_next(&mut self, place: Place) {
        let Some(active) = self.at(place) else {
            return;
        };
        let next = active.there.first().map(|(caller, _)| *caller);
        active.step = next.map_or(Step::Waiting, Step::Ringing);
        if next.is_some() {
            self.media.play(UiSound::Ring);
            self.backend.report(Event::Rang);
        }
        self.quiet_if_nobody_rings();
    }

    pub(super) fn quiet_if_nobody_rings(&self) {
        if self.ringing().is_none() {
            self.media.stop(UiSound::Ring);
        }
    }

    pub(super) fn hang_up(&mut self) {
        match &mut self.activity {
            Activity::None => {}
            Activity::Preparing { meeting, .. } => {
                meeting.abort();
                self.activity = Activity::None;
            }
            Activity::Call(active) => active.end(if active.is_talking() {
                CallEndReason::LocalHangup
            } else {
                CallEndReason::Cancelled
            }),
        }
    }

    fn handle_event(&mut self, place: Place, event: SessionEvent) {
        let Some(active) = self.at(place) else {
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
                // A guest whose server never answered is told why instead of waiting. A call that
                // stands does not need the server.
                if !active.entered && !active.is_talking() && !active.is_patient() {
                    active.end(CallEndReason::ServerUnreachable);
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
            SessionEvent::NewLink(link) => {
                active.invite = link.to_string().into();
                self.notify(
                    "This is another link. The one before leads to nobody any more.".into(),
                    false,
                );
            }
            SessionEvent::LinkRanOut(link) => {
                active.invite = link.to_string().into();
                self.notify(
                    "Your link was a day old and leads to nobody any more. Send your friend the new one."
                        .into(),
                    true,
                );
            }
            SessionEvent::Rang(who, person) => self.handle_rang(place, who, *person),
            SessionEvent::Gone(who) => {
                active.there.retain(|(there, _)| *there != who);
                let was_accepted = active.accepted == Some(who);
                if was_accepted {
                    active.accepted = None;
                }
                // Whom the person goes to may come back; if not, the call ends by itself.
                let goes_there = active.step == Step::Calling && active.dialed.is_some();
                if active.step == Step::Ringing(who) || (was_accepted && !goes_there) {
                    self.ring_for_the_next(place);
                }
            }
            SessionEvent::Portrait(who, portrait) => self.handle_shown(&who, portrait.as_ref()),
            SessionEvent::Joined(name) => self.backend.report(Event::Joined { name }),
            SessionEvent::Dropped => self.backend.report(Event::Reconnecting),
            SessionEvent::Back => self.backend.report(Event::Back),
            SessionEvent::NoRelay => self.notify(
                "The TURN server doesn’t answer, or refuses its name and password. See Settings, Network."
                    .into(),
                true,
            ),
        }
    }

    fn handle_rang(&mut self, place: Place, who: ParticipantId, person: Person) {
        let is_unwanted = self.is_unwanted(&person);
        let Some(active) = self.at(place) else {
            return;
        };
        // Whom this person goes to themselves is wanted.
        let waits = matches!(active.step, Step::Waiting | Step::Ringing(_));
        if waits && is_unwanted {
            active.order(SessionCommand::Decline(who));
            return;
        }
        active.there.push((who, person));
        match active.step {
            Step::Waiting => self.ring_for_the_next(place),
            // They called, and were called back before they could ring.
            Step::Calling if active.was_called() => {
                active.accepted = Some(who);
                active.order(SessionCommand::Accept(who));
            }
            Step::Ringing(_) | Step::Checking | Step::Calling => {}
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
        self.remember(&active, ended, talked);
        self.explain(&Failure {
            reason: ended,
            friend: &active.friend_name(),
            role: active.role,
            dialed: active.dialed.is_some(),
            room: active.room.is_some(),
            server: &active.server,
            server_away: active.server_away.as_deref(),
            bad_invite: None,
            not_hosted: None,
            entered: active.entered,
            met: active.friend().is_some(),
            online: is_online(),
        });
        self.devices.end_call(&self.media);
        drop(active);
        self.quiet_if_nobody_rings();
        give_back_memory();
        self.backend.report(Event::Ended { reason: ended });
    }

    /// Keeps a call that is over for the list of recent ones.
    pub(super) fn remember(
        &mut self,
        active: &Active,
        ended: CallEndReason,
        talked: Option<Duration>,
    ) {
        let met = active.friend().is_some() || active.dialed.is_some();
        if !is_worth_keeping(active.role, met, ended) {
            return;
        }
        let recent = Recent {
            name: active.friend_name(),
            identity: active.friend_identity(),
            server: active.meets_at.clone(),
            role: active.role,
            began: active.began,
            talked,
            ended,
        };
        let kept = self.people.add_recent(&recent);
        self.tell_if_not_kept(kept);
    }

    pub(super) fn explain(&mut self, failure: &Failure<'_>) {
        self.problem = explain(failure).map(Arc::new);
    }
}

/// There was no place to meet.
pub(super) fn not_met(role: CallRole, server: &ServerStatus) -> Failure<'_> {
    Failure {
        reason: CallEndReason::InternalError,
        friend: "",
        role,
        dialed: false,
        room: false,
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
    // The device that took it keeps it.
    if ended == CallEndReason::AnsweredElsewhere {
        return false;
    }
    met || (role == CallRole::Guest && ended != CallEndReason::Cancelled)
}

/// Where that cannot be told, nobody is sent to look after their network.
fn is_online() -> bool {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces.iter().any(|interface| !interface.is_loopback()),
        Err(_) => true,
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
