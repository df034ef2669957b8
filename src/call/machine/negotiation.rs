//! How two come to a line: who greets whom, who offers, and what is said again when it was lost.

use std::time::{Duration, Instant};

use twocan_protocol::{MAX_MEMBERS, MemberId};

use super::{Action, Call, Output, Part, Server};
use crate::call::participant::Attempt;
use crate::call::{CallEndReason, DescriptionKind, Link, Message, Participant, ParticipantId};

/// From one offer that is made anew to the next: others can greet as often as they like.
const OFFER_INTERVAL: Duration = Duration::from_secs(1);

fn next_offer(last: Option<Instant>, now: Instant) -> Instant {
    last.map_or(now, |last| now.max(last + OFFER_INTERVAL))
}

impl Call {
    pub(super) fn handle_hello(
        &mut self,
        from: MemberId,
        session: ParticipantId,
        ready: bool,
        now: Instant,
    ) {
        if session == self.options.me {
            return;
        }
        let Some(person) = self.met.get(&from).cloned() else {
            return;
        };
        // A member speaks for one participant only, and the first to come has the name.
        if self
            .participants
            .iter()
            .any(|(id, p)| p.member == Some(from) && *id != session)
        {
            return;
        }
        if let Some(known) = self.participants.get_mut(&session) {
            if !known.person.is_still(&person) {
                // Somebody else in the room who has heard of this session.
                return;
            }
            // Both sides show the words of the meeting in which the line was talked about.
            if known.link == Link::Unlinked {
                known.person = person;
            }
            let met_anew = known.member != Some(from);
            known.member = Some(from);
            known.ready |= ready;
            match known.link {
                // Back at the server with a dropped line: do not wait for the timer.
                Link::Reconnecting {
                    since,
                    restart_at,
                    restarted_at,
                } => {
                    known.link = Link::Reconnecting {
                        since,
                        restart_at: restart_at.min(next_offer(restarted_at, now)),
                        restarted_at,
                    };
                    self.handle_timeout(now);
                }
                Link::Connecting(_) if met_anew => self.negotiate_anew(session, now),
                Link::Unlinked | Link::Connecting(_) | Link::Connected { .. } => {}
            }
        } else if self.is_full() {
            let mut linked = self
                .participants
                .values()
                .filter(|known| known.link.is_open());
            let same = linked.any(|known| known.person.identity == person.identity);
            let message = if same {
                Message::Elsewhere
            } else {
                Message::Busy
            };
            self.outputs.push_back(Output::Send { to: from, message });
            return;
        } else if self.participants.len() + 1 < MAX_MEMBERS {
            let participant = Participant {
                person,
                member: Some(from),
                ready,
                announced: false,
                accepted: false,
                rings_since: None,
                link: Link::Unlinked,
                portrait: None,
                portraits: 0,
            };
            self.participants.insert(session, participant);
        } else {
            return;
        }
        // Our greeting may have left before this person said so, and nobody was known to be told.
        if self.is_wanted(session) {
            self.say_ready(session);
        }
        self.ring_or_link(session, now);
    }

    /// One who is ready rings; with both, the line is made.
    pub(super) fn ring_or_link(&mut self, id: ParticipantId, now: Instant) {
        let (offers, wanted) = (self.offers_to(id), self.is_wanted(id));
        let part = self.options.part;
        let Some(participant) = self.participants.get_mut(&id) else {
            return;
        };
        if participant.link != Link::Unlinked {
            return;
        }
        // Who waits to be called is told of nobody who has not decided yet.
        let rings_nobody_yet = match part {
            Part::Rings | Part::Meets => false,
            Part::Waits | Part::IsRung => !participant.ready,
        };
        if !participant.announced && !rings_nobody_yet {
            participant.announced = true;
            self.outputs
                .push_back(Output::Do(Action::Rang { participant: id }));
        }
        let (rings, is_rung) = match part {
            Part::Rings => (wanted, participant.ready),
            Part::Waits | Part::IsRung => (participant.ready, wanted),
            Part::Meets => (false, false),
        };
        if rings && !is_rung {
            participant.rings_since.get_or_insert(now);
        }
        if !(wanted && participant.ready) {
            return;
        }
        // Who is not met at the moment hears nothing of it, and is to be told when they are met anew.
        let is_met = |member: &MemberId| self.met.contains_key(member);
        participant.member = participant.member.filter(is_met);
        participant.link = Link::Connecting(Attempt::new(now));
        self.act(Action::OpenLink { participant: id });
        if part == Part::Meets {
            self.show_person(id);
        }
        if offers {
            self.act(Action::Offer {
                participant: id,
                ice_restart: false,
            });
        }
        if self.is_full() {
            self.turn_others_away();
        }
    }

    /// One of us was away from the server while the line was being made: nobody knows what of the
    /// offer, the answer and the candidates arrived. All of it is said again: a description has
    /// the candidates that were found before it.
    fn negotiate_anew(&mut self, id: ParticipantId, now: Instant) {
        let offers = self.offers_to(id);
        let Some(attempt) = self.attempt_mut(id) else {
            return;
        };
        attempt.renewed_at = Some(now);
        if offers {
            attempt.offer_by(next_offer(attempt.offered_at, now));
        }
        self.handle_timeout(now);
    }

    /// A line that may be shaking hands already is not disturbed; one that has tried for long, or
    /// in vain, begins anew.
    pub(super) fn offer_anew(&mut self, id: ParticipantId, now: Instant) {
        let restart_interval = self.options.restart_interval;
        let reachable = self.is_reachable(id);
        let Some(attempt) = self.attempt_mut(id) else {
            return;
        };
        attempt.offer_at = None;
        // Nobody would hear it; their next greeting brings another.
        if !reachable {
            return;
        }
        let ice_restart = attempt.failed || now >= attempt.began + restart_interval;
        attempt.failed = false;
        attempt.offered_at = Some(now);
        self.act(Action::Offer {
            participant: id,
            ice_restart,
        });
    }

    /// Looks for a new way for a line that dropped, and sets the time for the next.
    pub(super) fn restart(&mut self, id: ParticipantId, now: Instant) {
        let restart_interval = self.options.restart_interval;
        // Without the server nobody would hear the offer.
        let reachable = self.offers_to(id) && self.is_reachable(id);
        let Some(participant) = self.participants.get_mut(&id) else {
            return;
        };
        let Link::Reconnecting {
            since,
            restarted_at,
            ..
        } = participant.link
        else {
            return;
        };
        participant.link = Link::Reconnecting {
            since,
            restart_at: now + restart_interval,
            restarted_at: if reachable { Some(now) } else { restarted_at },
        };
        if reachable {
            self.act(Action::Offer {
                participant: id,
                ice_restart: true,
            });
        }
    }

    /// What is said to them over the server now, they hear, as far as is known.
    fn is_reachable(&self, id: ParticipantId) -> bool {
        let known = self.participants.get(&id);
        self.server == Server::There && known.is_some_and(|known| known.member.is_some())
    }

    /// The connection found no way.
    pub(super) fn handle_failed_attempt(&mut self, id: ParticipantId, now: Instant) {
        let (offers, restart_interval) = (self.offers_to(id), self.options.restart_interval);
        let away = !self.is_reachable(id);
        let may_return = self.server != Server::Over;
        let Some(attempt) = self.attempt_mut(id) else {
            return;
        };
        attempt.failed = true;
        match attempt.renewed_at {
            // It has to wait until they can be reached; then it begins anew.
            _ if away && may_return => {}
            // What has failed may be what was tried before, so the new way gets its time.
            Some(renewed_at) if !away => {
                if offers {
                    let last = attempt.offered_at.unwrap_or(renewed_at);
                    attempt.offer_by(now.max(last + restart_interval));
                    self.handle_timeout(now);
                }
            }
            _ => self.remove(id, CallEndReason::ConnectionFailed),
        }
    }

    /// An offer of theirs comes to a connection that has failed only to restart it.
    pub(super) fn note_description(
        &mut self,
        id: ParticipantId,
        from: MemberId,
        kind: DescriptionKind,
    ) {
        let Some(attempt) = self.attempt_mut(id) else {
            return;
        };
        if kind == DescriptionKind::Offer {
            attempt.failed = false;
        }
        if let (Some(known), Some(person)) = (self.participants.get_mut(&id), self.met.get(&from)) {
            known.person = person.clone();
        }
    }

    fn attempt_mut(&mut self, id: ParticipantId) -> Option<&mut Attempt> {
        match &mut self.participants.get_mut(&id)?.link {
            Link::Connecting(attempt) => Some(attempt),
            Link::Unlinked | Link::Connected { .. } | Link::Reconnecting { .. } => None,
        }
    }

    /// Of two, the one with the larger id offers; the other is the polite peer.
    pub(super) fn offers_to(&self, other: ParticipantId) -> bool {
        self.options.me > other
    }

    /// As many lines are open as may be.
    fn is_full(&self) -> bool {
        let open = self.participants.values().filter(|p| p.link.is_open());
        open.count() >= self.options.most_others
    }

    /// Who rang as well, and has no line to us now, gets none. Another device of somebody who has is told so.
    fn turn_others_away(&mut self) {
        let (linked, others): (Vec<_>, Vec<_>) = self
            .participants
            .iter()
            .map(|(id, participant)| (*id, participant.person.identity, participant.link))
            .partition(|(_, _, link)| link.is_open());
        for (id, identity, _) in others {
            let same = linked.iter().any(|(_, other, _)| *other == identity);
            let message = if same {
                Message::Elsewhere
            } else {
                Message::Busy
            };
            self.send(id, message);
            self.participants.remove(&id);
            self.act(Action::Gone { participant: id });
        }
    }
}
