use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use twocan_protocol::{MAX_MEMBERS, MemberId};

use super::{
    CALL_VERSION, CallEndReason, CallRole, DescriptionKind, Link, Message, Participant,
    ParticipantId,
};
use crate::peer::{ConnectionState, IceCandidate};

mod negotiation;

/// What never changes during a call.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// Whose call it is.
    pub role: CallRole,
    /// Who we are; random.
    pub me: ParticipantId,
    /// As we call ourselves.
    pub name: String,
    /// How long to look for a direct line before giving up.
    pub connect_timeout: Duration,
    /// How long to try to pick up a dropped line before giving up.
    pub reconnect_timeout: Duration,
    /// How long a drop must last before the first ICE restart, and between restarts.
    pub restart_interval: Duration,
    /// How many others may be talked with at once; who comes later is told that we are busy.
    pub most_others: usize,
}

impl CallOptions {
    /// Between two, with the timeouts that people get.
    pub fn new(role: CallRole, me: ParticipantId, name: String) -> Self {
        Self {
            role,
            me,
            name,
            connect_timeout: Duration::from_secs(20),
            reconnect_timeout: Duration::from_secs(30),
            restart_interval: Duration::from_secs(4),
            most_others: 1,
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
    /// Somebody came into the room, named or not.
    Rang {
        /// Who.
        participant: ParticipantId,
    },
    /// Somebody with whom talking had not begun left again.
    Gone {
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
/// Inputs: the signaling server (`handle_entered`, `handle_member_*`, `handle_message`,
/// `handle_refused`), the direct lines (`handle_connection`, `handle_local_*`,
/// `handle_control_bye`), the person (`handle_ready`, `handle_hangup`), time (`handle_timeout`).
#[derive(Debug)]
pub struct Call {
    options: CallOptions,
    ready: bool,
    entered: bool,
    server: Server,
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

    /// The server let us in, for the first time or again; `members` were there before. Who left
    /// meanwhile is gone, unless they have a line to us.
    pub fn handle_entered(&mut self, members: &[MemberId]) {
        if self.ended.is_some() {
            return;
        }
        self.entered = true;
        self.server = Server::There;
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
                outputs.push_back(Output::Gone { participant: *id });
            }
            stays
        });
        for member in members.iter().take(MAX_MEMBERS) {
            self.greet(*member);
        }
    }

    /// Somebody came into the room.
    pub fn handle_member_joined(&mut self, member: MemberId) {
        if self.ended.is_none() {
            self.greet(member);
        }
    }

    /// Somebody left the room without a word. Who has a line to us stays: the line will tell.
    pub fn handle_member_left(&mut self, member: MemberId) {
        let Some((id, participant)) = self.find_member(member) else {
            return;
        };
        participant.member = None;
        if participant.link == Link::Unlinked {
            self.participants.remove(&id);
            self.outputs.push_back(Output::Gone { participant: id });
        }
    }

    /// The way to the server is gone for now. Calls outlive it.
    pub fn handle_server_lost(&mut self) {
        self.server = Server::Away;
        // To be seen by their next greeting that something may have been lost on the way.
        let others = self.participants.values_mut();
        for other in others.filter(|other| other.link.is_open()) {
            other.member = None;
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
                name,
                ready,
            } => {
                self.handle_hello(from, version, session, name, ready, now);
            }
            Message::Ready => {
                if let Some((id, participant)) = self.find_member(from) {
                    participant.ready = true;
                    self.link_if_both_ready(id, now);
                }
            }
            Message::Description { kind, sdp } => {
                if let Some(id) = self.open_link_of(from) {
                    self.note_description(id, kind);
                    self.outputs.push_back(Output::TakeDescription {
                        participant: id,
                        kind,
                        sdp,
                    });
                }
            }
            Message::Candidate { candidate } => {
                if let Some(id) = self.open_link_of(from) {
                    self.outputs.push_back(Output::TakeCandidate {
                        participant: id,
                        candidate,
                    });
                }
            }
            Message::Bye => {
                if let Some((id, _)) = self.find_member(from) {
                    self.remove(id, CallEndReason::RemoteHangup);
                }
            }
            Message::Busy => {
                if let Some((id, participant)) = self.find_member(from)
                    && participant.link == Link::Unlinked
                {
                    self.remove(id, CallEndReason::RemoteBusy);
                }
            }
        }
    }

    /// The person said that the call may start.
    pub fn handle_ready(&mut self, now: Instant) {
        if self.ready || self.ended.is_some() {
            return;
        }
        self.ready = true;
        let everybody: Vec<_> = self.participants.keys().copied().collect();
        for id in everybody {
            self.send(id, Message::Ready);
            self.link_if_both_ready(id, now);
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
        self.send(participant, Message::Description { kind, sdp });
    }

    /// A connection found a candidate of ours.
    pub fn handle_local_candidate(&mut self, participant: ParticipantId, candidate: IceCandidate) {
        self.send(participant, Message::Candidate { candidate });
    }

    /// A connection changed.
    pub fn handle_connection(&mut self, id: ParticipantId, state: ConnectionState, now: Instant) {
        let restart_interval = self.options.restart_interval;
        let Some(participant) = self.participants.get_mut(&id) else {
            return;
        };
        match (participant.link, state) {
            (Link::Connecting(_), ConnectionState::Connected) => {
                participant.link = Link::Connected { since: now };
                self.outputs.push_back(Output::Joined { participant: id });
            }
            (Link::Reconnecting { .. }, ConnectionState::Connected) => {
                participant.link = Link::Connected { since: now };
                self.outputs.push_back(Output::Back { participant: id });
            }
            (Link::Connected { .. }, ConnectionState::Disconnected) => {
                participant.link = Link::Reconnecting {
                    since: now,
                    restart_at: now + restart_interval / 4,
                    restarted_at: None,
                };
                self.outputs.push_back(Output::Dropped { participant: id });
            }
            (Link::Connected { .. }, ConnectionState::Failed) => {
                participant.link = Link::Reconnecting {
                    since: now,
                    restart_at: now,
                    restarted_at: None,
                };
                self.outputs.push_back(Output::Dropped { participant: id });
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
                Link::Unlinked | Link::Connected { .. } => None,
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
        let everybody: Vec<_> = self
            .participants
            .iter()
            .map(|(id, participant)| (*id, participant.link))
            .collect();
        for (id, link) in everybody {
            match link {
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

    fn greet(&mut self, member: MemberId) {
        let message = Message::Hello {
            version: CALL_VERSION,
            session: self.options.me,
            name: self.options.name.clone(),
            ready: self.ready,
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

    /// Somebody is gone. The call ends with the last one, unless it had not begun: then a host
    /// goes on waiting.
    fn remove(&mut self, id: ParticipantId, reason: CallEndReason) {
        let Some(participant) = self.participants.remove(&id) else {
            return;
        };
        let had_begun = participant.link.is_open();
        if had_begun {
            self.outputs
                .push_back(Output::CloseLink { participant: id });
        }
        if !had_begun {
            self.outputs.push_back(Output::Gone { participant: id });
        }
        if self.participants.is_empty() && (had_begun || self.options.role == CallRole::Guest) {
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
            self.outputs.push_back(Output::CloseLink { participant });
        }
        self.outputs.push_back(Output::Ended(reason));
    }
}

#[cfg(test)]
mod tests;
