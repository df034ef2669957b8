//! How two come to a line: who greets whom, who offers, and what is said again when it was lost.

use std::time::{Duration, Instant};

use twocan_protocol::{MAX_MEMBERS, MemberId};

use super::{Call, Output, Server};
use crate::call::participant::Attempt;
use crate::call::{
    CALL_VERSION, CallEndReason, DescriptionKind, Link, Message, Participant, ParticipantId,
};

/// From one offer that is made anew to the next: others can greet as often as they like.
const OFFER_INTERVAL: Duration = Duration::from_secs(1);

fn next_offer(last: Option<Instant>, now: Instant) -> Instant {
    last.map_or(now, |last| now.max(last + OFFER_INTERVAL))
}

impl Call {
    pub(super) fn handle_hello(
        &mut self,
        from: MemberId,
        version: u32,
        session: ParticipantId,
        name: String,
        ready: bool,
        now: Instant,
    ) {
        if session == self.options.me {
            return;
        }
        if version != CALL_VERSION {
            self.end_unless_talking(CallEndReason::RemoteVersion);
            return;
        }
        // A member speaks for one participant only, and the first to come has the name.
        if self
            .participants
            .iter()
            .any(|(id, p)| p.member == Some(from) && *id != session)
        {
            return;
        }
        if let Some(known) = self.participants.get_mut(&session) {
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
            self.outputs.push_back(Output::Send {
                to: from,
                message: Message::Busy,
            });
            return;
        } else if self.participants.len() + 1 < MAX_MEMBERS {
            let participant = Participant {
                name,
                member: Some(from),
                ready,
                link: Link::Unlinked,
            };
            self.participants.insert(session, participant);
            self.outputs.push_back(Output::Rang {
                participant: session,
            });
        } else {
            return;
        }
        // Our greeting may have left before this person said so, and nobody was known to be told.
        if self.ready {
            self.send(session, Message::Ready);
        }
        self.link_if_both_ready(session, now);
    }

    pub(super) fn link_if_both_ready(&mut self, id: ParticipantId, now: Instant) {
        let offers = self.offers_to(id);
        let Some(participant) = self.participants.get_mut(&id) else {
            return;
        };
        if !(self.ready && participant.ready && participant.link == Link::Unlinked) {
            return;
        }
        participant.link = Link::Connecting(Attempt::new(now));
        self.outputs.push_back(Output::OpenLink { participant: id });
        if offers {
            self.outputs.push_back(Output::Offer {
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
        self.outputs.push_back(Output::Offer {
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
            self.outputs.push_back(Output::Offer {
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
    pub(super) fn note_description(&mut self, id: ParticipantId, kind: DescriptionKind) {
        if let Some(attempt) = self.attempt_mut(id)
            && kind == DescriptionKind::Offer
        {
            attempt.failed = false;
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

    /// Who rang as well, and has no line to us now, gets none.
    fn turn_others_away(&mut self) {
        let others: Vec<_> = self
            .participants
            .iter()
            .filter(|(_, participant)| participant.link == Link::Unlinked)
            .map(|(id, _)| *id)
            .collect();
        for id in others {
            self.send(id, Message::Busy);
            self.participants.remove(&id);
            self.outputs.push_back(Output::Gone { participant: id });
        }
    }
}
