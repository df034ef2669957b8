use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use rand::CryptoRng;
use twocan_protocol::MemberId;

use super::{Action, Call, CallEndReason, CallOptions, Message, Output, Person};
use crate::trust::{Card, Door, HandshakeError, Introduction, Introductions, PublicIdentity};

/// One of the rooms in which a call can be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntranceId(pub u32);

/// What is to be done, in this order.
#[derive(Debug)]
pub enum SealedOutput {
    /// Over the server.
    Relay {
        /// In this room.
        entrance: EntranceId,
        /// To whom.
        to: MemberId,
        /// A parcel.
        text: String,
    },
    /// Somebody tried the code of this entrance and did not have it.
    CodeSpent(EntranceId),
    /// Somebody had it; it is good for nobody else.
    CodeUsed(EntranceId),
    /// Here.
    Do(Action),
}

/// A call over a server that is not trusted: what goes out is sealed, and what the call hears is from
/// somebody who has shown who they are. There may be more than one way in: whoever waits for a friend
/// waits behind a link and behind a code.
#[derive(Debug)]
pub struct SealedCall {
    call: Call,
    card: Card,
    entrances: BTreeMap<EntranceId, Entrance>,
    outputs: VecDeque<SealedOutput>,
}

#[derive(Debug)]
struct Entrance {
    introductions: Introductions,
    by_code: bool,
    /// Nobody was met by the code yet.
    awaits_code: bool,
    /// The server has let us in.
    inside: bool,
    /// Who has shown who they are, and can be heard.
    met: BTreeSet<MemberId>,
    /// They, and who was met before the server was lost and may be there still.
    known: BTreeSet<MemberId>,
}

impl SealedCall {
    /// A call that has not begun, without a way in.
    pub fn new(options: CallOptions, card: Card) -> Self {
        Self {
            call: Call::new(options),
            card,
            entrances: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A way in behind `door`. With `expects`, nobody else will do.
    pub fn open(&mut self, id: EntranceId, door: Door, expects: Option<PublicIdentity>) {
        let entrance = Entrance {
            by_code: matches!(door, Door::Code { .. }),
            awaits_code: matches!(door, Door::Code { .. }),
            introductions: Introductions::new(self.card.clone(), door, expects),
            inside: false,
            met: BTreeSet::new(),
            known: BTreeSet::new(),
        };
        self.entrances.insert(id, entrance);
    }

    /// Nobody comes in there any more. Who rang and is not talked with is gone.
    pub fn close(&mut self, id: EntranceId) {
        if let Some(entrance) = self.entrances.remove(&id) {
            for member in entrance.known {
                self.call.handle_member_left(member);
            }
            self.note_whether_away();
        }
    }

    fn note_whether_away(&mut self) {
        if self.entrances.values().all(|entrance| !entrance.inside) {
            self.call.handle_server_lost();
        }
    }

    /// Whether the code of this entrance has led somebody to us, and is good for nobody else.
    pub fn has_been_used(&self, id: EntranceId) -> bool {
        let entrance = self.entrances.get(&id);
        entrance.is_some_and(|entrance| entrance.introductions.code_was_used())
    }

    /// Whether somebody there may still turn out to be who is to be met.
    pub fn is_meeting(&self, id: EntranceId) -> bool {
        let entrance = self.entrances.get(&id);
        entrance.is_some_and(|entrance| entrance.introductions.is_meeting())
    }

    /// The server has let us in somewhere.
    pub fn is_inside(&self) -> bool {
        self.entrances.values().any(|entrance| entrance.inside)
    }

    /// How it is.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// For all that does not come over the server.
    pub fn call_mut(&mut self) -> &mut Call {
        &mut self.call
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<SealedOutput> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            match self.call.poll_output()? {
                Output::Do(action) => return Some(SealedOutput::Do(action)),
                Output::Send { to, message } => self.seal(to, &message),
            }
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let entrances = self.entrances.values();
        let late = entrances.filter_map(|entrance| entrance.introductions.poll_timeout());
        late.chain(self.call.poll_timeout()).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let everywhere: Vec<_> = self.entrances.keys().copied().collect();
        for id in everywhere {
            self.at(id, now, |entrance| {
                entrance.introductions.handle_timeout(now)
            });
        }
        self.call.handle_timeout(now);
    }

    /// The server let us in there, as somebody new; `members` were there before.
    pub fn handle_entered(
        &mut self,
        id: EntranceId,
        members: &[MemberId],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) {
        self.forget_met(id);
        let Some(entrance) = self.entrances.get_mut(&id) else {
            return;
        };
        entrance.inside = true;
        entrance.known.retain(|member| members.contains(member));
        let elsewhere = self.entrances.values().flat_map(|entrance| &entrance.known);
        let there: Vec<_> = members.iter().chain(elsewhere).copied().collect();
        self.call.handle_entered(&there);
        self.at(id, now, |entrance| {
            entrance.introductions.handle_entered(members, now, rng);
        });
    }

    /// The server says that somebody came.
    pub fn handle_joined(
        &mut self,
        id: EntranceId,
        member: MemberId,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) {
        self.at(id, now, |entrance| {
            entrance.introductions.handle_joined(member, now, rng);
        });
    }

    /// The server says that somebody left.
    pub fn handle_left(&mut self, id: EntranceId, member: MemberId, now: Instant) {
        let was_known = self.at(id, now, |entrance| {
            entrance.introductions.handle_left(member);
            entrance.met.remove(&member);
            entrance.known.remove(&member)
        });
        if was_known == Some(true) {
            self.call.handle_member_left(member);
        }
    }

    /// The server says that somebody sent this.
    pub fn handle_relayed(&mut self, id: EntranceId, from: MemberId, text: &str, now: Instant) {
        self.at(id, now, |entrance| {
            entrance.introductions.handle_relayed(from, text);
        });
    }

    /// The way to the server is gone for now.
    pub fn handle_server_lost(&mut self, id: EntranceId, now: Instant) {
        self.at(id, now, |entrance| {
            entrance.introductions.handle_lost();
            entrance.inside = false;
        });
        self.forget_met(id);
        self.note_whether_away();
    }

    /// They are to be met again.
    fn forget_met(&mut self, id: EntranceId) {
        if let Some(entrance) = self.entrances.get_mut(&id) {
            for member in std::mem::take(&mut entrance.met) {
                self.call.handle_member_lost(member);
            }
        }
    }

    /// Does something at an entrance, then what comes of it.
    fn at<T>(
        &mut self,
        id: EntranceId,
        now: Instant,
        act: impl FnOnce(&mut Entrance) -> T,
    ) -> Option<T> {
        let done = act(self.entrances.get_mut(&id)?);
        while let Some(introduction) = self
            .entrances
            .get_mut(&id)
            .and_then(|entrance| entrance.introductions.poll_output())
        {
            self.settle(id, introduction, now);
        }
        Some(done)
    }

    fn settle(&mut self, id: EntranceId, introduction: Introduction, now: Instant) {
        match introduction {
            Introduction::Send { to, text } => self.relay(id, to, text),
            Introduction::Met { member, who } => {
                // The server may give the number of somebody to another, in another room.
                for entrance in self.entrances.values_mut() {
                    entrance.met.remove(&member);
                    entrance.known.remove(&member);
                }
                if let Some(entrance) = self.entrances.get_mut(&id) {
                    entrance.met.insert(member);
                    entrance.known.insert(member);
                    if std::mem::take(&mut entrance.awaits_code) {
                        self.outputs.push_back(SealedOutput::CodeUsed(id));
                    }
                }
                self.call.handle_met(member, Person::from(*who));
            }
            Introduction::Said { member, payload } => {
                let is_theirs = |entrance: &Entrance| entrance.met.contains(&member);
                if !self.entrances.get(&id).is_some_and(is_theirs) {
                    return;
                }
                match Message::decode(&payload) {
                    Ok(message) => self.call.handle_message(member, message, now),
                    Err(error) => tracing::debug!(%error, "a message was not understood"),
                }
            }
            Introduction::Refused { why, .. } => {
                tracing::debug!(%why, "somebody was not met");
                self.turn_away(id, why);
            }
            Introduction::CodeSpent => self.outputs.push_back(SealedOutput::CodeSpent(id)),
        }
    }

    /// A host goes on waiting for the right one. A guest whose door does not open is at the wrong one.
    fn turn_away(&mut self, id: EntranceId, why: HandshakeError) {
        let Some(entrance) = self.entrances.get(&id) else {
            return;
        };
        let reason = match why {
            HandshakeError::WrongVersion(_) => CallEndReason::RemoteVersion,
            HandshakeError::WrongKey if entrance.by_code => CallEndReason::WrongCode,
            HandshakeError::Silent if entrance.by_code => CallEndReason::NoAnswer,
            // A server may be late to notice that somebody is gone; the right one may still come.
            HandshakeError::Silent => return,
            // Another device of our own, which is called as well.
            HandshakeError::SomebodyElse => return,
            HandshakeError::Malformed
            | HandshakeError::Reflected
            | HandshakeError::WrongKey
            | HandshakeError::Sealed(_)
            | HandshakeError::BrokenPromise
            | HandshakeError::NotTheirKey => CallEndReason::NotTrusted,
        };
        // The right one may be on the way still.
        if !entrance.introductions.is_meeting() {
            self.call.handle_stranger(reason);
        }
    }

    fn seal(&mut self, to: MemberId, message: &Message) {
        let mut entrances = self.entrances.iter_mut();
        // Otherwise they are met anew first, and told all of it then.
        let Some((id, entrance)) = entrances.find(|(_, entrance)| entrance.met.contains(&to))
        else {
            return;
        };
        match entrance.introductions.seal(to, &message.encode()) {
            Ok(Some(text)) => {
                let id = *id;
                self.relay(id, to, text);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a message cannot be sealed"),
        }
    }

    fn relay(&mut self, entrance: EntranceId, to: MemberId, text: String) {
        self.outputs
            .push_back(SealedOutput::Relay { entrance, to, text });
    }
}

#[cfg(test)]
mod tests;
