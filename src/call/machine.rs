use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use twocan_protocol::{MAX_MEMBERS, MemberId};

use super::{
    CALL_VERSION, CallEndReason, CallRole, DescriptionKind, Link, Message, Participant,
    ParticipantId, Person,
};
use crate::peer::{ConnectionState, IceCandidate};
use crate::trust::{Portrait, PublicIdentity};

mod negotiation;

/// Who is heard at once: a full room for each of two ways in.
const MAX_MET: usize = 2 * MAX_MEMBERS;
/// Whoever is rung waits so much longer than whoever rings.
const LATE: Duration = Duration::from_secs(2);

/// What a side does until talking begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Invited others, and waits for one after the other.
    Waits,
    /// Rings whoever is there, and gives up when nobody answers.
    Rings,
    /// Is rung, by one.
    IsRung,
    /// Comes to a standing room, and talks with whoever is there or comes: to enter is to accept. The call ends
    /// when the last of the others leaves; the room can be entered again.
    Meets,
}

impl Part {
    /// Whether the two have something to do with each other: two who were invited by the same link have not.
    fn goes_with(self, other: Self) -> bool {
        match self {
            Self::Waits | Self::IsRung => other == Self::Rings,
            Self::Rings => matches!(other, Self::Waits | Self::IsRung),
            Self::Meets => other == Self::Meets,
        }
    }

    /// Whoever was there may go again for this reason without an end of the call.
    fn goes_on_waiting(self, reason: CallEndReason) -> bool {
        match self {
            Self::Waits => true,
            // Where others talk already, whoever comes would wait in vain.
            Self::Meets => !matches!(
                reason,
                CallEndReason::RemoteBusy | CallEndReason::AnsweredElsewhere
            ),
            Self::Rings | Self::IsRung => false,
        }
    }

    /// Being ready is to be ready for everybody.
    fn asks_nobody(self) -> bool {
        match self {
            Self::Rings | Self::Meets => true,
            Self::Waits | Self::IsRung => false,
        }
    }
}

/// Who is talked with that comes by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Whom the person accepts.
    Asked,
    /// Everybody, once this side is ready: an intercom, a script.
    Everybody,
}

/// What never changes during a call.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// Whose call it is.
    pub role: CallRole,
    /// What this side does until talking begins.
    pub part: Part,
    /// Who is talked with, of those who ring.
    pub answer: Answer,
    /// Who we are; random.
    pub me: ParticipantId,
    /// How long it rings.
    pub ring_timeout: Duration,
    /// How long to look for a direct line before giving up.
    pub connect_timeout: Duration,
    /// How long to try to pick up a dropped line before giving up.
    pub reconnect_timeout: Duration,
    /// How long a drop must last before the first ICE restart, and between restarts.
    pub restart_interval: Duration,
    /// How many others may be talked with at once; who comes later is told that we are busy.
    pub most_others: usize,
    /// How the person looks, for those to whom this side says that the call may start.
    pub portrait: Option<Portrait>,
    /// To these nobody is here: they are not greeted and not heard.
    pub ignored: BTreeSet<PublicIdentity>,
}

impl CallOptions {
    /// Between two, with the timeouts that people get.
    pub fn new(role: CallRole, me: ParticipantId) -> Self {
        Self {
            role,
            part: match role {
                CallRole::Host => Part::Waits,
                CallRole::Guest => Part::Rings,
            },
            answer: Answer::Asked,
            me,
            ring_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(20),
            reconnect_timeout: Duration::from_secs(30),
            restart_interval: Duration::from_secs(4),
            most_others: 1,
            portrait: None,
            ignored: BTreeSet::new(),
        }
    }
}

/// How far the whole call is: that of the participant who is furthest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Not in a room.
    Joining,
    /// In the room; nobody else is ready.
    Waiting,
    /// Looking for the direct line.
    Connecting {
        /// Since when.
        since: Instant,
    },
    /// Talking.
    Connected {
        /// Since when.
        since: Instant,
    },
    /// The line dropped and is being picked up.
    Reconnecting {
        /// Since when.
        since: Instant,
    },
    /// Over.
    Ended(CallEndReason),
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Over the server.
    Send {
        /// To whom.
        to: MemberId,
        /// What.
        message: Message,
    },
    /// Anything else.
    Do(Action),
}

/// What is to be done here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make a connection object.
    OpenLink {
        /// To whom.
        participant: ParticipantId,
    },
    /// Make an offer on it; the description comes back by [`Call::handle_local_description`].
    Offer {
        /// To whom.
        participant: ParticipantId,
        /// Look for a new way.
        ice_restart: bool,
    },
    /// Give it their description; for an offer, an answer comes back the same way.
    TakeDescription {
        /// Whose.
        participant: ParticipantId,
        /// Offer or answer.
        kind: DescriptionKind,
        /// RFC 8866.
        sdp: String,
    },
    /// Give it their candidate.
    TakeCandidate {
        /// Whose.
        participant: ParticipantId,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// Close and forget it.
    CloseLink {
        /// To whom.
        participant: ParticipantId,
    },
    /// Somebody is there: to whoever waits, once they ring.
    Rang {
        /// Who.
        participant: ParticipantId,
    },
    /// Somebody with whom talking had not begun left again.
    Gone {
        /// Who.
        participant: ParticipantId,
    },
    /// Somebody has shown how they look, or said that they do not: see their [`Participant::portrait`].
    Portrait {
        /// Who.
        participant: ParticipantId,
    },
    /// Talking has begun.
    Joined {
        /// With whom.
        participant: ParticipantId,
    },
    /// The line dropped.
    Dropped {
        /// To whom.
        participant: ParticipantId,
    },
    /// The line is back.
    Back {
        /// To whom.
        participant: ParticipantId,
    },
    /// The call is over; no output follows.
    Ended(CallEndReason),
}

/// The way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    /// Not there yet, or lost for now.
    Away,
    /// In the room.
    There,
    /// Lost for good.
    Over,
}

/// A call, from entering the room to its end.
///
/// Inputs: the signaling server (`handle_entered`, `handle_met`, `handle_message`, `handle_member_left`,
/// `handle_refused`), the direct lines (`handle_connection`, `handle_local_*`,
/// `handle_control_bye`), the person (`handle_ready`, `handle_accept`, `handle_decline`, `handle_hangup`),
/// time (`handle_timeout`).
#[derive(Debug)]
pub struct Call {
    options: CallOptions,
    ready: bool,
    entered: bool,
    server: Server,
    /// Who has proved who they are, by where the server finds them now.
    met: BTreeMap<MemberId, Person>,
    /// To whom of them the person has shown how they look.
    shown: BTreeSet<MemberId>,
    participants: BTreeMap<ParticipantId, Participant>,
    ended: Option<CallEndReason>,
    outputs: VecDeque<Output>,
}

impl Call {
    /// A call that has not begun.
    pub fn new(options: CallOptions) -> Self {
        Self {
            options,
            ready: false,
            entered: false,
            server: Server::Away,
            met: BTreeMap::new(),
            shown: BTreeSet::new(),
            participants: BTreeMap::new(),
            ended: None,
            outputs: VecDeque::new(),
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The others.
    pub fn participants(&self) -> &BTreeMap<ParticipantId, Participant> {
        &self.participants
    }

    /// We have said that the call may start.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// How far the whole call is.
    pub fn stage(&self) -> Stage {
        if let Some(reason) = self.ended {
            return Stage::Ended(reason);
        }
        let links = || {
            self.participants
                .values()
                .map(|participant| participant.link)
        };
        let connected = links().find_map(|link| match link {
            Link::Connected { since } => Some(Stage::Connected { since }),
            Link::Unlinked | Link::Connecting(_) | Link::Reconnecting { .. } => None,
        });
        let reconnecting = || {
            links().find_map(|link| match link {
                Link::Reconnecting { since, .. } => Some(Stage::Reconnecting { since }),
                Link::Unlinked | Link::Connecting(_) | Link::Connected { .. } => None,
            })
        };
        let connecting = || {
            links().find_map(|link| match link {
                Link::Connecting(attempt) => Some(Stage::Connecting {
                    since: attempt.since(),
                }),
                Link::Unlinked | Link::Connected { .. } | Link::Reconnecting { .. } => None,
            })
        };
        let idle = if self.entered {
            Stage::Waiting
        } else {
            Stage::Joining
        };
        connected
            .or_else(reconnecting)
            .or_else(connecting)
            .unwrap_or(idle)
    }

    /// The server let us in, for the first time or again; `members` are there. Who left meanwhile is gone,
    /// unless they have a line to us.
    pub fn handle_entered(&mut self, members: &[MemberId]) {
        if self.ended.is_some() {
            return;
        }
        self.entered = true;
        self.server = Server::There;
        self.met.retain(|member, _| members.contains(member));
        let outputs = &mut self.outputs;
        self.participants.retain(|id, participant| {
            if participant
                .member
                .is_some_and(|member| !members.contains(&member))
            {
                participant.member = None;
            }
            let stays = participant.member.is_some() || participant.link.is_open();
            if !stays {
                outputs.push_back(Output::Do(Action::Gone { participant: *id }));
            }
            stays
        });
    }

    /// Somebody in the room has proved who they are. What they say comes after this.
    pub fn handle_met(&mut self, member: MemberId, person: Person) {
        let is_new = !self.met.contains_key(&member);
        if self.ended.is_some() || (is_new && self.met.len() >= MAX_MET) {
            return;
        }
        if self.options.ignored.contains(&person.identity) {
            self.handle_member_left(member);
            return;
        }
        // The server may give the number of one to another, who is not to speak for them.
        if let Some((_, known)) = self.find_member(member)
            && !known.person.is_still(&person)
        {
            self.handle_member_left(member);
        }
        self.met.insert(member, person);
        self.shown.remove(&member);
        self.greet(member);
    }

    /// Somebody left the room without a word. Who has a line to us stays: the line will tell.
    pub fn handle_member_left(&mut self, member: MemberId) {
        if self.ended.is_some() {
            return;
        }
        self.met.remove(&member);
        let Some((id, participant)) = self.find_member(member) else {
            return;
        };
        participant.member = None;
        if participant.link == Link::Unlinked {
            self.participants.remove(&id);
            self.act(Action::Gone { participant: id });
        }
    }

    /// The way to somebody in the room is gone for now; they are to be met again.
    pub fn handle_member_lost(&mut self, member: MemberId) {
        self.met.remove(&member);
        if let Some((_, participant)) = self.find_member(member) {
            participant.forget_way();
        }
    }

    /// The way to the server is gone for now. Calls outlive it.
    pub fn handle_server_lost(&mut self) {
        self.server = Server::Away;
        self.met.clear();
        for other in self.participants.values_mut() {
            other.forget_way();
        }
    }

    /// The server, or nobody in its place, will not have us, now or later.
    pub fn handle_refused(&mut self, reason: CallEndReason) {
        if self.ended.is_some() {
            return;
        }
        self.handle_server_lost();
        self.server = Server::Over;
        let failed: Vec<_> = self
            .participants
            .iter()
            .filter(|(_, p)| matches!(p.link, Link::Connecting(attempt) if attempt.failed))
            .map(|(id, _)| *id)
            .collect();
        // They waited for the server to begin anew.
        for id in failed {
            self.remove(id, CallEndReason::ConnectionFailed);
        }
        self.end_unless_talking(reason);
    }

    /// Somebody in the room is not who is to be met.
    pub fn handle_stranger(&mut self, reason: CallEndReason) {
        let alone = self.met.is_empty();
        if self.ended.is_none() && alone && !self.options.part.goes_on_waiting(reason) {
            self.end_unless_talking(reason);
        }
    }

    fn end_unless_talking(&mut self, reason: CallEndReason) {
        let talking = self
            .participants
            .values()
            .any(|participant| participant.link.is_open());
        if !talking {
            self.end(reason);
        }
    }

    /// Another Twocan said something over the server.
    pub fn handle_message(&mut self, from: MemberId, message: Message, now: Instant) {
        if self.ended.is_some() {
            return;
        }
        match message {
            Message::Hello {
                version,
                session,
                part,
                ready,
            } => {
                if version != CALL_VERSION {
                    // Who has met nobody else waits in vain.
                    self.met.remove(&from);
                    self.handle_stranger(CallEndReason::RemoteVersion);
                } else if self.options.part.goes_with(part) {
                    self.handle_hello(from, session, ready, now);
                }
            }
            Message::Ready => {
                if let Some((id, participant)) = self.find_member(from) {
                    participant.ready = true;
                    self.ring_or_link(id, now);
                }
            }
            Message::Portrait { portrait } => {
                if let Some((id, participant)) = self.find_member(from)
                    && participant.take_portrait(portrait)
                {
                    self.act(Action::Portrait { participant: id });
                }
            }
            Message::Description { kind, sdp } => {
                if let Some(id) = self.open_link_of(from) {
                    let person = self.participants.get(&id).map(|known| &known.person);
                    let is_theirs = |person: &Person| person.fingerprint.is_the_only_one_in(&sdp);
                    if !person.is_some_and(is_theirs) {
                        // Whoever made it holds another certificate than they proved to hold.
                        self.send(id, Message::Bye);
                        self.remove(id, CallEndReason::NotTrusted);
                        return;
                    }
                    self.note_description(id, from, kind);
                    self.act(Action::TakeDescription {
                        participant: id,
                        kind,
                        sdp,
                    });
                }
            }
            Message::Candidate { candidate } => {
                if let Some(id) = self.open_link_of(from) {
                    self.act(Action::TakeCandidate {
                        participant: id,
                        candidate,
                    });
                }
            }
            Message::Bye => {
                if let Some((id, participant)) = self.find_member(from) {
                    let talked_with = participant.link.is_open();
                    let reason = match self.options.part {
                        _ if talked_with => CallEndReason::RemoteHangup,
                        Part::Rings => CallEndReason::RemoteDeclined,
                        Part::IsRung | Part::Waits | Part::Meets => CallEndReason::Missed,
                    };
                    self.remove(id, reason);
                }
            }
            Message::Busy => self.turned_away(from, CallEndReason::RemoteBusy),
            Message::Decline => {
                self.give_up_their_other_devices(from);
                self.turned_away(from, CallEndReason::RemoteDeclined);
            }
            Message::Elsewhere => self.turned_away(from, CallEndReason::AnsweredElsewhere),
        }
    }

    /// Only who does not talk with us yet can do so.
    fn turned_away(&mut self, from: MemberId, reason: CallEndReason) {
        if let Some((id, participant)) = self.find_member(from)
            && matches!(participant.link, Link::Unlinked | Link::Connecting(_))
        {
            self.remove(id, reason);
        }
    }

    /// Who declines on one device does not want to be rung on another.
    fn give_up_their_other_devices(&mut self, from: MemberId) {
        let Some((declining, participant)) = self.find_member(from) else {
            return;
        };
        let identity = participant.person.identity;
        let others = self.participants.iter().filter(|(id, other)| {
            **id != declining && other.person.identity == identity && other.link == Link::Unlinked
        });
        let others: Vec<_> = others.map(|(id, _)| *id).collect();
        for id in others {
            self.send(id, Message::Elsewhere);
            self.remove(id, CallEndReason::RemoteDeclined);
        }
    }

    /// The person accepted them, and nobody else.
    pub fn handle_accept(&mut self, id: ParticipantId, now: Instant) {
        if self.ended.is_some() || self.is_wanted(id) {
            return;
        }
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.accepted = true;
            self.say_ready(id);
            self.ring_or_link(id, now);
        }
    }

    /// We have told, or would tell, them that the call may start.
    pub(super) fn is_wanted(&self, id: ParticipantId) -> bool {
        let known = self.participants.get(&id);
        self.is_ready_for_all() || known.is_some_and(|participant| participant.accepted)
    }

    /// Whoever is there, and whoever comes.
    fn is_ready_for_all(&self) -> bool {
        let asks_nobody =
            self.options.part.asks_nobody() || self.options.answer == Answer::Everybody;
        self.ready && asks_nobody
    }

    /// This side is ready: whoever rings begins to ring, and who answers everybody answers.
    pub fn handle_ready(&mut self, now: Instant) {
        if self.ready || self.ended.is_some() {
            return;
        }
        self.ready = true;
        if !self.is_ready_for_all() {
            return;
        }
        let everybody: Vec<_> = self.participants.keys().copied().collect();
        for id in everybody {
            self.say_ready(id);
            self.ring_or_link(id, now);
        }
    }

    /// Tells them that the call may start. They see the person as well: nobody does before, and nobody else.
    pub(super) fn say_ready(&mut self, id: ParticipantId) {
        self.send(id, Message::Ready);
        // Whoever only looks in at a room is not seen, and sees nobody.
        if self.options.part != Part::Meets {
            self.show_person(id);
        }
    }

    /// Once for each time that they are met.
    pub(super) fn show_person(&mut self, id: ParticipantId) {
        let known = self.participants.get(&id);
        let member = known.and_then(|participant| participant.member);
        let met = &self.met;
        let Some(member) = member.filter(|member| met.contains_key(member)) else {
            return;
        };
        self.shown.retain(|shown| met.contains_key(shown));
        if self.shown.insert(member) {
            let portrait = self.options.portrait.clone();
            self.send(id, Message::Portrait { portrait });
        }
    }

    /// The person looks so from now on; none: they do not show it.
    pub fn set_portrait(&mut self, portrait: Option<Portrait>) {
        self.options.portrait = portrait;
    }

    /// The person does not want to talk with them.
    pub fn handle_decline(&mut self, participant: ParticipantId) {
        let known = self.participants.get(&participant);
        if self.ended.is_none() && known.is_some_and(|known| known.link == Link::Unlinked) {
            self.send(participant, Message::Decline);
            self.remove(participant, CallEndReason::Declined);
        }
    }

    /// The person hung up, or their time is over: `reason` says which.
    pub fn handle_hangup(&mut self, reason: CallEndReason) {
        if self.ended.is_some() {
            return;
        }
        let everybody: Vec<_> = self.participants.keys().copied().collect();
        for id in everybody {
            self.send(id, Message::Bye);
        }
        self.end(reason);
    }

    /// A connection made the description that was asked for.
    pub fn handle_local_description(
        &mut self,
        participant: ParticipantId,
        kind: DescriptionKind,
        sdp: String,
    ) {
        if self.has_line_to(participant) {
            self.send(participant, Message::Description { kind, sdp });
        }
    }

    /// A connection found a candidate of ours.
    pub fn handle_local_candidate(&mut self, participant: ParticipantId, candidate: IceCandidate) {
        if self.has_line_to(participant) {
            self.send(participant, Message::Candidate { candidate });
        }
    }

    /// Only who was accepted has one, and only they hear where we are.
    fn has_line_to(&self, participant: ParticipantId) -> bool {
        let known = self.participants.get(&participant);
        self.ended.is_none() && known.is_some_and(|known| known.link.is_open())
    }

    /// A connection changed.
    pub fn handle_connection(&mut self, id: ParticipantId, state: ConnectionState, now: Instant) {
        let restart_interval = self.options.restart_interval;
        if self.ended.is_some() {
            return;
        }
        let Some(participant) = self.participants.get_mut(&id) else {
            return;
        };
        match (participant.link, state) {
            (Link::Connecting(_), ConnectionState::Connected) => {
                participant.link = Link::Connected { since: now };
                self.act(Action::Joined { participant: id });
            }
            (Link::Reconnecting { .. }, ConnectionState::Connected) => {
                participant.link = Link::Connected { since: now };
                self.act(Action::Back { participant: id });
            }
            (Link::Connected { .. }, ConnectionState::Disconnected) => {
                participant.link = Link::Reconnecting {
                    since: now,
                    restart_at: now + restart_interval / 4,
                    restarted_at: None,
                };
                self.act(Action::Dropped { participant: id });
            }
            (Link::Connected { .. }, ConnectionState::Failed) => {
                participant.link = Link::Reconnecting {
                    since: now,
                    restart_at: now,
                    restarted_at: None,
                };
                self.act(Action::Dropped { participant: id });
                self.handle_timeout(now);
            }
            (
                Link::Reconnecting {
                    since,
                    restarted_at,
                    ..
                },
                ConnectionState::Failed,
            ) => {
                participant.link = Link::Reconnecting {
                    since,
                    restart_at: now,
                    restarted_at,
                };
                self.handle_timeout(now);
            }
            (Link::Connecting(_), ConnectionState::Failed) => self.handle_failed_attempt(id, now),
            (
                Link::Unlinked
                | Link::Connecting(_)
                | Link::Connected { .. }
                | Link::Reconnecting { .. },
                _,
            ) => {}
        }
    }

    /// The participant said over the direct line that they hung up.
    pub fn handle_control_bye(&mut self, participant: ParticipantId) {
        self.remove(participant, CallEndReason::RemoteHangup);
    }

    /// A description of theirs could not be used, or a connection could not be made.
    pub fn handle_link_fault(&mut self, participant: ParticipantId) {
        let connecting = self
            .participants
            .get(&participant)
            .is_some_and(|participant| matches!(participant.link, Link::Connecting(_)));
        if connecting {
            self.remove(participant, CallEndReason::ConnectionFailed);
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.ended.is_some() {
            return None;
        }
        self.participants
            .iter()
            .filter_map(|(id, participant)| match participant.link {
                Link::Unlinked => Some(participant.rings_since? + self.rings_for()),
                Link::Connected { .. } => None,
                Link::Connecting(attempt) => {
                    let give_up = attempt.give_up_at(self.options.connect_timeout);
                    Some(attempt.offer_at.map_or(give_up, |due| due.min(give_up)))
                }
                Link::Reconnecting {
                    since, restart_at, ..
                } => {
                    let give_up = since + self.options.reconnect_timeout;
                    Some(if self.offers_to(*id) {
                        give_up.min(restart_at)
                    } else {
                        give_up
                    })
                }
            })
            .min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ended.is_some() {
            return;
        }
        let everybody: Vec<_> = self
            .participants
            .iter()
            .map(|(id, participant)| (*id, participant.link, participant.rings_since))
            .collect();
        for (id, link, rings_since) in everybody {
            match link {
                Link::Unlinked
                    if rings_since.is_some_and(|since| now >= since + self.rings_for()) =>
                {
                    self.stop_ringing(id);
                }
                Link::Connecting(attempt)
                    if now >= attempt.give_up_at(self.options.connect_timeout) =>
                {
                    self.remove(id, CallEndReason::ConnectionFailed);
                }
                Link::Connecting(attempt) if attempt.offer_at.is_some_and(|due| now >= due) => {
                    self.offer_anew(id, now);
                }
                Link::Reconnecting { since, .. }
                    if now >= since + self.options.reconnect_timeout =>
                {
                    self.remove(id, CallEndReason::ConnectionLost);
                }
                Link::Reconnecting { restart_at, .. } if now >= restart_at => {
                    self.restart(id, now);
                }
                Link::Unlinked
                | Link::Connecting(_)
                | Link::Connected { .. }
                | Link::Reconnecting { .. } => {}
            }
        }
    }

    fn act(&mut self, action: Action) {
        self.outputs.push_back(Output::Do(action));
    }

    fn greet(&mut self, member: MemberId) {
        let message = Message::Hello {
            version: CALL_VERSION,
            session: self.options.me,
            part: self.options.part,
            ready: self.is_ready_for_all(),
        };
        self.outputs.push_back(Output::Send {
            to: member,
            message,
        });
    }

    fn find_member(&mut self, member: MemberId) -> Option<(ParticipantId, &mut Participant)> {
        self.participants
            .iter_mut()
            .find(|(_, participant)| participant.member == Some(member))
            .map(|(id, participant)| (*id, participant))
    }

    fn open_link_of(&mut self, member: MemberId) -> Option<ParticipantId> {
        self.find_member(member)
            .and_then(|(id, participant)| participant.link.is_open().then_some(id))
    }

    fn send(&mut self, participant: ParticipantId, message: Message) {
        let member = self
            .participants
            .get(&participant)
            .and_then(|participant| participant.member);
        if let Some(to) = member
            && self.server == Server::There
        {
            self.outputs.push_back(Output::Send { to, message });
        }
    }

    /// Whoever rings gives up first and says so: then both know how it ended.
    fn rings_for(&self) -> Duration {
        let late = if self.options.part.asks_nobody() {
            Duration::ZERO
        } else {
            LATE
        };
        self.options.ring_timeout + late
    }

    /// It has rung for long enough: whoever rang gives up, whoever was rung has missed it.
    fn stop_ringing(&mut self, id: ParticipantId) {
        // Who rings gives up by themselves at the same time, and says so.
        if self.options.part == Part::Rings {
            self.send(id, Message::Bye);
        }
        self.remove(id, CallEndReason::NoAnswer);
    }

    /// Somebody is gone. The call ends with the last one, unless it had not begun: then whoever waits
    /// goes on waiting.
    fn remove(&mut self, id: ParticipantId, reason: CallEndReason) {
        if self.ended.is_some() {
            return;
        }
        let Some(participant) = self.participants.remove(&id) else {
            return;
        };
        let had_begun = participant.link.is_open();
        if had_begun {
            self.act(Action::CloseLink { participant: id });
        }
        if !had_begun {
            self.act(Action::Gone { participant: id });
        }
        let goes_on = !had_begun && self.options.part.goes_on_waiting(reason);
        if self.participants.is_empty() && !goes_on {
            self.end(reason);
        }
    }

    fn end(&mut self, reason: CallEndReason) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(reason);
        let open: Vec<_> = self
            .participants
            .iter()
            .filter(|(_, participant)| participant.link.is_open())
            .map(|(id, _)| *id)
            .collect();
        for participant in open {
            self.act(Action::CloseLink { participant });
        }
        self.act(Action::Ended(reason));
    }
}

#[cfg(test)]
mod tests;
