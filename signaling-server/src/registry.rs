//! Who is in which rooms, and what waits to be written to them. No sockets, no clock, no randomness: the
//! server drives it with websockets, the app's tests with plain channels.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use tokio_tungstenite::tungstenite::Utf8Bytes;
use twocan_protocol::{
    MAX_MEMBERS, MAX_ROOMS, MemberId, Nameplate, PROTOCOL_VERSION, ProtocolError, RefusalReason,
    RoomId, ServerMessage,
};

pub use crate::nameplates::NameplateLimits;
use crate::nameplates::Nameplates;

/// Bounds of a [`Registry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryLimits {
    /// Rooms with somebody in them; the next one is refused.
    pub rooms: usize,
    /// Numbers that lead to rooms.
    pub nameplates: NameplateLimits,
    /// Messages that wait for one member; at the next one the member is dropped.
    pub queue_messages: usize,
    /// Bytes that wait for one member; a message that goes over it drops the member.
    pub queue_bytes: usize,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self {
            rooms: 100_000,
            nameplates: NameplateLimits::default(),
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
    /// The member is gone: it left, or it was dropped because it reads too slowly.
    Gone,
}

/// All members and rooms. `W` is how the driver wakes whoever writes to a member; after each call that
/// changes something, take from [`Self::poll_wake`] until it is empty.
#[derive(Debug)]
pub struct Registry<W> {
    limits: RegistryLimits,
    rooms: HashMap<RoomId, Vec<MemberId>>,
    members: HashMap<MemberId, Member<W>>,
    nameplates: Nameplates,
    to_wake: VecDeque<W>,
}

#[derive(Debug)]
struct Member<W> {
    /// Few, so that a list is faster and smaller than a set.
    rooms: Vec<RoomId>,
    outgoing: VecDeque<Utf8Bytes>,
    outgoing_bytes: usize,
    waker: W,
}

impl<W: Clone> Registry<W> {
    /// Without members.
    pub fn new(limits: RegistryLimits) -> Self {
        Self {
            limits,
            rooms: HashMap::new(),
            members: HashMap::new(),
            nameplates: Nameplates::new(limits.nameplates),
            to_wake: VecDeque::new(),
        }
    }

    /// Lets `member` in and welcomes it; `time` is the server's, seconds since 1970. The driver gives
    /// each id once.
    ///
    /// # Errors
    /// When there is such a member already.
    pub fn connect(&mut self, member: MemberId, time: u64, waker: W) -> Result<(), RefusalReason> {
        if self.members.contains_key(&member) {
            return Err(RefusalReason::BadRequest);
        }
        let connected = Member {
            rooms: Vec::new(),
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            waker,
        };
        self.members.insert(member, connected);
        let welcome = ServerMessage::Welcome {
            version: PROTOCOL_VERSION,
            you: member,
            time,
        };
        self.send(&[member], &welcome)
    }

    /// Lets `member` into a room and tells the others, or tells it why not.
    ///
    /// # Errors
    /// None that it could not be told.
    pub fn enter(&mut self, member: MemberId, room: RoomId) -> Result<(), RefusalReason> {
        self.enter_by(member, room, None)
    }

    fn enter_by(
        &mut self,
        member: MemberId,
        room: RoomId,
        by: Option<Nameplate>,
    ) -> Result<(), RefusalReason> {
        let Some(entering) = self.members.get(&member) else {
            return Ok(());
        };
        if entering.rooms.contains(&room) {
            return self.turn_away(member, room, by, RefusalReason::BadRequest);
        }
        let is_new = !self.rooms.contains_key(&room);
        let present = self.rooms.get(&room).map_or(0, Vec::len);
        let reason = if entering.rooms.len() >= MAX_ROOMS
            || (is_new && self.rooms.len() >= self.limits.rooms)
        {
            Some(RefusalReason::TooManyRooms)
        } else if present >= MAX_MEMBERS {
            Some(RefusalReason::RoomFull)
        } else {
            None
        };
        if let Some(reason) = reason {
            return self.turn_away(member, room, by, reason);
        }
        let others = self.rooms.get(&room).cloned().unwrap_or_default();
        let entered = ServerMessage::Entered {
            room: room.clone(),
            by,
            members: others.clone(),
        };
        self.send(&[member], &entered)?;
        // That can be the message that is too much for it; then the others hear nothing of it.
        let Some(entering) = self.members.get_mut(&member) else {
            return Ok(());
        };
        entering.rooms.push(room.clone());
        self.rooms.entry(room.clone()).or_default().push(member);
        self.send(&others, &ServerMessage::Joined { room, member })
    }

    fn turn_away(
        &mut self,
        member: MemberId,
        room: RoomId,
        by: Option<Nameplate>,
        reason: RefusalReason,
    ) -> Result<(), RefusalReason> {
        let message = match by {
            // Whoever has only the number does not know of the room.
            Some(nameplate) => ServerMessage::NoSuchNameplate { nameplate },
            None => ServerMessage::NotEntered { room, reason },
        };
        self.send(&[member], &message)
    }

    /// Takes `member` out of a room and tells the others; nothing if it is not there.
    pub fn leave(&mut self, member: MemberId, room: &RoomId) {
        if let Some(leaving) = self.members.get_mut(&member) {
            leaving.rooms.retain(|other| other != room);
        }
        self.nameplates.forget(member, Some(room));
        let too_slow = self.take_out(member, room);
        for member in too_slow {
            self.disconnect(member);
        }
    }

    /// Passes `payload` on, in order. For or from somebody who is not in the room it is dropped.
    ///
    /// # Errors
    /// When it is too big for the others.
    pub fn relay(
        &mut self,
        from: MemberId,
        room: RoomId,
        to: Option<MemberId>,
        payload: String,
    ) -> Result<(), RefusalReason> {
        let Some(present) = self.rooms.get(&room).filter(|room| room.contains(&from)) else {
            return Ok(());
        };
        let addressed = |member: &MemberId| *member != from && to.is_none_or(|to| to == *member);
        let recipients: Vec<_> = present.iter().copied().filter(addressed).collect();
        let message = ServerMessage::Relayed {
            room,
            from,
            payload,
        };
        self.send(&recipients, &message)
    }

    /// Tells `member` a number that leads to its room, or that there is none to be had; `draw` gives a
    /// random number below its argument.
    ///
    /// # Errors
    /// When it is not in that room.
    pub fn allot(
        &mut self,
        member: MemberId,
        room: RoomId,
        now: Instant,
        draw: impl FnMut(u32) -> u32,
    ) -> Result<(), RefusalReason> {
        let owner = self.members.get(&member);
        if !owner.is_some_and(|owner| owner.rooms.contains(&room)) {
            return Err(RefusalReason::BadRequest);
        }
        let allotted = self.nameplates.allot(member, room.clone(), now, draw);
        let message = match allotted {
            Some(nameplate) => ServerMessage::Allotted {
                room,
                nameplate,
                seconds: u32::try_from(self.nameplates.lifetime().as_secs()).unwrap_or(u32::MAX),
            },
            None => ServerMessage::NotAllotted { room },
        };
        self.send(&[member], &message)
    }

    /// Lets `member` into the room that the number leads to, or tells it that there is none.
    ///
    /// # Errors
    /// None that it could not be told.
    pub fn claim(
        &mut self,
        member: MemberId,
        nameplate: Nameplate,
        now: Instant,
    ) -> Result<(), RefusalReason> {
        // Who claims their own has mistyped, and others may still come.
        match self.nameplates.claim(member, nameplate, now) {
            Some(room) => self.enter_by(member, room, Some(nameplate)),
            None => self.send(&[member], &ServerMessage::NoSuchNameplate { nameplate }),
        }
    }

    /// Takes `member` out of everything and tells the others; nothing if it is gone already.
    pub fn disconnect(&mut self, member: MemberId) {
        let mut leaving = vec![member];
        // Telling the others can be the message that is too much for one of them.
        while let Some(member) = leaving.pop() {
            let Some(gone) = self.members.remove(&member) else {
                continue;
            };
            self.to_wake.push_back(gone.waker);
            self.nameplates.forget(member, None);
            for room in &gone.rooms {
                leaving.extend(self.take_out(member, room));
            }
        }
    }

    /// Tells the others in the room, and returns those for whom it is too much.
    fn take_out(&mut self, member: MemberId, room: &RoomId) -> Vec<MemberId> {
        let Some(present) = self.rooms.get_mut(room) else {
            return Vec::new();
        };
        let before = present.len();
        present.retain(|other| *other != member);
        if present.len() == before {
            return Vec::new();
        }
        let others = present.clone();
        if others.is_empty() {
            self.rooms.remove(room);
            return Vec::new();
        }
        let room = room.clone();
        match (ServerMessage::Left { room, member }).encode() {
            Ok(text) => self.queue(&others, &text.into()),
            Err(_) => Vec::new(),
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

    /// Whether `member` is there.
    pub fn contains(&self, member: MemberId) -> bool {
        self.members.contains_key(&member)
    }

    /// Rooms with somebody in them.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// All members, in a room or not.
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
            self.disconnect(member);
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
