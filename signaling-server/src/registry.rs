//! Who is in which room, and what waits to be written to them. No sockets, no clock, no randomness: the
//! server drives it with websockets, the app's tests with plain channels.

use std::collections::{HashMap, VecDeque};

use tokio_tungstenite::tungstenite::Utf8Bytes;
use twocan_protocol::{
    MAX_MEMBERS, MemberId, PROTOCOL_VERSION, ProtocolError, RefusalReason, RoomId, ServerMessage,
};

/// Bounds of a [`Registry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryLimits {
    /// Rooms with somebody in them; the next one is refused.
    pub rooms: usize,
    /// Messages that wait for one member; at the next one the member is dropped.
    pub queue_messages: usize,
    /// Bytes that wait for one member; a message that goes over it drops the member.
    pub queue_bytes: usize,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self {
            rooms: 10_000,
            queue_messages: 1_024,
            queue_bytes: 1024 * 1024,
        }
    }
}

/// What there is to do for a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transmit {
    /// Write this: a [`ServerMessage`] as JSON.
    Message(Utf8Bytes),
    /// Nothing for now.
    Idle,
    /// The member is not in a room: it left, or it was dropped because it reads too slowly.
    Gone,
}

/// All rooms. `W` is how the driver wakes whoever writes to a member; after each call that changes
/// something, take from [`Self::poll_wake`] until it is empty.
#[derive(Debug)]
pub struct Registry<W> {
    limits: RegistryLimits,
    rooms: HashMap<RoomId, Vec<MemberId>>,
    members: HashMap<MemberId, Member<W>>,
    to_wake: VecDeque<W>,
}

#[derive(Debug)]
struct Member<W> {
    room: RoomId,
    outgoing: VecDeque<Utf8Bytes>,
    outgoing_bytes: usize,
    waker: W,
}

impl<W: Clone> Registry<W> {
    /// Without rooms.
    pub fn new(limits: RegistryLimits) -> Self {
        Self {
            limits,
            rooms: HashMap::new(),
            members: HashMap::new(),
            to_wake: VecDeque::new(),
        }
    }

    /// Lets `member` in, welcomes it and tells the others. The driver gives each id once.
    pub fn join(&mut self, member: MemberId, room: RoomId, waker: W) -> Result<(), RefusalReason> {
        if self.members.contains_key(&member) {
            return Err(RefusalReason::BadRequest);
        }
        let is_new = !self.rooms.contains_key(&room);
        if is_new && self.rooms.len() >= self.limits.rooms {
            return Err(RefusalReason::TooManyRooms);
        }
        let present = self.rooms.entry(room.clone()).or_default();
        if present.len() >= MAX_MEMBERS {
            return Err(RefusalReason::RoomFull);
        }
        let others = present.clone();
        present.push(member);
        let entered = Member {
            room,
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            waker,
        };
        self.members.insert(member, entered);
        let welcome = ServerMessage::Welcome {
            version: PROTOCOL_VERSION,
            you: member,
            members: others.clone(),
        };
        self.send(&[member], &welcome)?;
        self.send(&others, &ServerMessage::Joined { member })
    }

    /// Passes `payload` on, in order. For somebody who is not in the room it is dropped.
    pub fn relay(
        &mut self,
        from: MemberId,
        to: Option<MemberId>,
        payload: String,
    ) -> Result<(), RefusalReason> {
        let Some(sender) = self.members.get(&from) else {
            return Ok(());
        };
        let present = self.rooms.get(&sender.room).into_iter().flatten().copied();
        let addressed = |member: &MemberId| *member != from && to.is_none_or(|to| to == *member);
        let recipients: Vec<_> = present.filter(addressed).collect();
        self.send(&recipients, &ServerMessage::Relayed { from, payload })
    }

    /// Takes `member` out and tells the others; nothing if it is gone already.
    pub fn leave(&mut self, member: MemberId) {
        let mut leaving = vec![member];
        // Telling the others can be the message that is too much for one of them.
        while let Some(member) = leaving.pop() {
            let Some(gone) = self.members.remove(&member) else {
                continue;
            };
            self.to_wake.push_back(gone.waker);
            let Some(present) = self.rooms.get_mut(&gone.room) else {
                continue;
            };
            present.retain(|other| *other != member);
            let others = present.clone();
            if others.is_empty() {
                self.rooms.remove(&gone.room);
            } else if let Ok(text) = (ServerMessage::Left { member }).encode() {
                leaving.extend(self.queue(&others, &text.into()));
            }
        }
    }

    /// The next thing to write to `member`.
    pub fn poll_transmit(&mut self, member: MemberId) -> Transmit {
        let Some(member) = self.members.get_mut(&member) else {
            return Transmit::Gone;
        };
        match member.outgoing.pop_front() {
            Some(text) => {
                member.outgoing_bytes -= text.len();
                Transmit::Message(text)
            }
            None => {
                // An idle member should not keep the room of its busiest minute.
                member.outgoing.shrink_to(0);
                Transmit::Idle
            }
        }
    }

    /// The next one to wake.
    pub fn poll_wake(&mut self) -> Option<W> {
        self.to_wake.pop_front()
    }

    /// Whether `member` is in a room.
    pub fn contains(&self, member: MemberId) -> bool {
        self.members.contains_key(&member)
    }

    /// Rooms with somebody in them.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Members of all rooms together.
    pub fn member_count(&self) -> usize {
        self.members.len()
    }

    fn send(&mut self, to: &[MemberId], message: &ServerMessage) -> Result<(), RefusalReason> {
        let text: Utf8Bytes = match message.encode() {
            Ok(text) => text.into(),
            // What came in under the limit can go out over it, by the width of the sender's id.
            Err(ProtocolError::TooBig { .. }) => return Err(RefusalReason::TooBig),
            Err(_) => return Err(RefusalReason::BadRequest),
        };
        for member in self.queue(to, &text) {
            self.leave(member);
        }
        Ok(())
    }

    /// Queues `text`, and returns those for whom it is too much.
    fn queue(&mut self, to: &[MemberId], text: &Utf8Bytes) -> Vec<MemberId> {
        let mut too_slow = Vec::new();
        for id in to {
            let Some(member) = self.members.get_mut(id) else {
                continue;
            };
            let fits = member.outgoing.len() < self.limits.queue_messages
                && member.outgoing_bytes + text.len() <= self.limits.queue_bytes;
            if !fits {
                too_slow.push(*id);
                continue;
            }
            member.outgoing_bytes += text.len();
            member.outgoing.push_back(text.clone());
            // With more than one waiting, the wake-up of the first is still to be followed.
            if member.outgoing.len() == 1 {
                self.to_wake.push_back(member.waker.clone());
            }
        }
        too_slow
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
