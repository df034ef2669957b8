use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use twocan_protocol::{MemberId, RoomId};
use zeroize::Zeroizing;

use crate::trust::{Card, Common, Door, Introduction, Introductions, PublicIdentity};

/// How long yesterday's mailbox is still looked into: the other side may be on its way to today's.
const OVERLAP: Duration = Duration::from_secs(60);
/// Longer ago is as long ago as this.
const LONGEST_MISSED: Duration = Duration::from_secs(366 * 86_400);
const SECRET_BYTES: usize = 32;

/// How somebody is, by their own word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Not at their computer, or not to be disturbed.
    Busy,
    /// There, and free to talk.
    #[default]
    Free,
}

/// The secret of a call that somebody was called to: of its room, and of the door there. Good for this call.
#[derive(Clone, PartialEq, Eq)]
pub struct CallSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl CallSecret {
    /// Of a new call.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        rng.fill_bytes(secret.as_mut());
        Self(secret)
    }

    fn to_text(&self) -> String {
        BASE64URL_NOPAD.encode(self.0.as_ref())
    }

    fn from_text(text: &str) -> Option<Self> {
        let secret = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        Some(Self(Zeroizing::new(secret.try_into().ok()?)))
    }

    /// Where it is.
    pub fn room(&self) -> RoomId {
        crate::trust::room_of_call(&self.0)
    }

    /// What opens it.
    pub fn door(&self) -> Door {
        Door::Secret(self.0.clone())
    }
}

impl std::fmt::Debug for CallSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallSecret(…)")
    }
}

/// What two contacts say to each other outside of calls, sealed.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Words {
    Presence {
        presence: Presence,
    },
    Knock {
        call: String,
    },
    Busy {
        call: String,
    },
    /// We called so long ago, when nobody was there. Not when: clocks differ.
    Missed {
        seconds: u64,
    },
}

/// What becomes of a call to a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// They are not met here, or we are not at the server now.
    Unknown,
    /// They are not there, and are told when they come.
    Nobody,
    /// So many of their devices were told.
    Devices(usize),
}

/// What is to be done, in this order.
#[derive(Debug)]
pub enum MailboxOutput {
    /// Go into this room as well.
    Enter(RoomId),
    /// Leave it.
    Leave(RoomId),
    /// Say this there.
    Send {
        /// Where.
        room: RoomId,
        /// To whom.
        to: MemberId,
        /// A parcel.
        text: String,
    },
    /// Somebody is there now, or not any more.
    Presence {
        /// Who.
        contact: PublicIdentity,
        /// How they are; none: offline, as far as this server knows.
        presence: Option<Presence>,
    },
    /// Somebody calls: they wait there, and ring as soon as they are met there.
    Knocked {
        /// Who.
        contact: PublicIdentity,
        /// To what.
        call: CallSecret,
    },
    /// Somebody whom we called is in another call, on all of their devices.
    Busy {
        /// Who.
        contact: PublicIdentity,
        /// To which of ours.
        call: CallSecret,
    },
    /// Somebody called when we were not there.
    Missed {
        /// Who.
        contact: PublicIdentity,
        /// How long ago, by their own word.
        ago: Duration,
    },
}

/// The mailboxes of all contacts at one server: for each a room whose name only the two can tell, and
/// tomorrow another. There they see whether the other is online, and call each other to calls.
///
/// A call itself is in a room of its own, of which the mailbox only gives the secret; so a knock that the
/// server holds back for an hour leads to an empty room, and rings nobody.
#[derive(Debug)]
pub struct Mailboxes {
    card: Card,
    presence: Presence,
    /// By the server's clock; none before it was reached.
    day: Option<u64>,
    boxes: BTreeMap<PublicIdentity, Mailbox>,
    /// Yesterday's.
    closing: Vec<(RoomId, Instant)>,
    outputs: VecDeque<MailboxOutput>,
}

#[derive(Debug)]
struct Mailbox {
    common: Common,
    /// Today's, once the day is known.
    room: Option<RoomId>,
    introductions: Introductions,
    /// Their devices, and what each said.
    met: BTreeMap<MemberId, Option<Presence>>,
    /// What was told of them last.
    told: Option<Presence>,
    /// When we called in vain, until they are told.
    missed: Option<Instant>,
    /// The server has let us in.
    inside: bool,
    /// Our latest call to them, and how many of their devices have not said that they are busy.
    called: Option<(CallSecret, usize)>,
}

impl Mailboxes {
    /// Of nobody yet. The card's fingerprint is never used: no line is made here.
    pub fn new(card: Card) -> Self {
        Self {
            card,
            presence: Presence::Free,
            day: None,
            boxes: BTreeMap::new(),
            closing: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<MailboxOutput> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let closing = self.closing.iter().map(|(_, at)| *at);
        let boxes = self.boxes.values();
        let meeting = boxes.filter_map(|mailbox| mailbox.introductions.poll_timeout());
        closing.chain(meeting).min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let (due, later): (Vec<_>, Vec<_>) = self.closing.drain(..).partition(|(_, at)| *at <= now);
        self.closing = later;
        let leave = due.into_iter().map(|(room, _)| MailboxOutput::Leave(room));
        self.outputs.extend(leave);
        for mailbox in self.boxes.values_mut() {
            mailbox.introductions.handle_timeout(now);
        }
        let everybody: Vec<_> = self.boxes.keys().copied().collect();
        for contact in everybody {
            self.settle(contact, now);
        }
    }

    /// These are the contacts now.
    pub fn set_contacts(&mut self, contacts: &[PublicIdentity]) {
        let gone: Vec<_> = self
            .boxes
            .keys()
            .filter(|known| !contacts.contains(known))
            .copied()
            .collect();
        for contact in gone {
            let Some(mailbox) = self.boxes.remove(&contact) else {
                continue;
            };
            if let Some(room) = mailbox.room {
                self.outputs.push_back(MailboxOutput::Leave(room));
            }
            if mailbox.told.is_some() {
                let presence = None;
                self.outputs
                    .push_back(MailboxOutput::Presence { contact, presence });
            }
        }
        for contact in contacts {
            if self.boxes.contains_key(contact) {
                continue;
            }
            // Nobody has a key with which nothing can be agreed on.
            let Some(common) = self.card.identity.common_with(contact) else {
                continue;
            };
            let door = Door::Secret(Zeroizing::new(*common.secret()));
            let introductions = Introductions::new(self.card.clone(), door, Some(*contact));
            let mailbox = Mailbox {
                common,
                room: None,
                introductions,
                met: BTreeMap::new(),
                told: None,
                missed: None,
                inside: false,
                called: None,
            };
            self.boxes.insert(*contact, mailbox);
        }
        self.enter_todays();
    }

    /// The server's day is this one.
    pub fn set_day(&mut self, day: u64, now: Instant) {
        if self.day == Some(day) {
            return;
        }
        self.day = Some(day);
        let contacts: Vec<_> = self.boxes.keys().copied().collect();
        for contact in contacts {
            let Some(mailbox) = self.boxes.get_mut(&contact) else {
                continue;
            };
            // Nobody is heard there any more; they are met again in today's.
            self.closing
                .extend(mailbox.room.take().map(|room| (room, now + OVERLAP)));
            mailbox.introductions.handle_lost();
            mailbox.met.clear();
            mailbox.inside = false;
            self.tell(contact);
        }
        self.enter_todays();
    }

    fn enter_todays(&mut self) {
        let Some(day) = self.day else {
            return;
        };
        for mailbox in self.boxes.values_mut() {
            if mailbox.room.is_none() {
                let room = mailbox.common.mailbox(day);
                mailbox.room = Some(room.clone());
                self.outputs.push_back(MailboxOutput::Enter(room));
            }
        }
    }

    /// How we are, for everybody who is there.
    pub fn set_presence(&mut self, presence: Presence) {
        if self.presence == presence {
            return;
        }
        self.presence = presence;
        let everybody: Vec<_> = self
            .boxes
            .iter()
            .flat_map(|(contact, mailbox)| {
                mailbox.met.keys().map(move |member| (*contact, *member))
            })
            .collect();
        for (contact, member) in everybody {
            self.say(contact, member, &Words::Presence { presence });
        }
    }

    /// Calls a contact, on all devices where they are.
    pub fn knock(&mut self, contact: PublicIdentity, call: &CallSecret, now: Instant) -> Reach {
        let Some(mailbox) = self.boxes.get_mut(&contact) else {
            return Reach::Unknown;
        };
        if !mailbox.inside {
            return Reach::Unknown;
        }
        let members: Vec<_> = mailbox.met.keys().copied().collect();
        mailbox.missed = members.is_empty().then_some(now);
        mailbox.called = Some((call.clone(), members.len()));
        for member in &members {
            let call = call.to_text();
            self.say(contact, *member, &Words::Knock { call });
        }
        match members.len() {
            0 => Reach::Nobody,
            devices => Reach::Devices(devices),
        }
    }

    /// Tells a contact who knocked that we are in another call.
    pub fn say_busy(&mut self, contact: PublicIdentity, call: &CallSecret) {
        let members: Vec<_> = match self.boxes.get(&contact) {
            Some(mailbox) => mailbox.met.keys().copied().collect(),
            None => return,
        };
        for member in members {
            let call = call.to_text();
            self.say(contact, member, &Words::Busy { call });
        }
    }

    /// Whether this is where somebody is met today.
    pub fn is_mailbox(&self, room: &RoomId) -> bool {
        let mut boxes = self.boxes.values();
        boxes.any(|mailbox| mailbox.room.as_ref() == Some(room))
    }

    /// Of nobody.
    pub fn are_none(&self) -> bool {
        self.boxes.is_empty() && self.closing.is_empty()
    }

    /// The server let us into a mailbox.
    pub fn handle_entered(
        &mut self,
        room: &RoomId,
        members: &[MemberId],
        now: Instant,
        rng: &mut impl CryptoRng,
    ) {
        self.in_room(room, now, |mailbox| {
            mailbox.met.clear();
            mailbox.inside = true;
            mailbox.introductions.handle_entered(members, now, rng);
        });
    }

    /// Somebody came there.
    pub fn handle_joined(
        &mut self,
        room: &RoomId,
        member: MemberId,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) {
        self.in_room(room, now, |mailbox| {
            mailbox.introductions.handle_joined(member, now, rng);
        });
    }

    /// Somebody left.
    pub fn handle_left(&mut self, room: &RoomId, member: MemberId, now: Instant) {
        self.in_room(room, now, |mailbox| {
            mailbox.met.remove(&member);
            mailbox.introductions.handle_left(member);
        });
    }

    /// Somebody said something there.
    pub fn handle_relayed(&mut self, room: &RoomId, from: MemberId, text: &str, now: Instant) {
        self.in_room(room, now, |mailbox| {
            mailbox.introductions.handle_relayed(from, text)
        });
    }

    /// The way to a mailbox is gone for now: nobody knows how they are.
    pub fn handle_lost(&mut self, room: &RoomId, now: Instant) {
        self.in_room(room, now, |mailbox| {
            mailbox.met.clear();
            mailbox.inside = false;
            mailbox.introductions.handle_lost();
        });
    }

    fn in_room(&mut self, room: &RoomId, now: Instant, act: impl FnOnce(&mut Mailbox)) {
        let found = self
            .boxes
            .iter_mut()
            .find(|(_, mailbox)| mailbox.room.as_ref() == Some(room));
        let Some((contact, mailbox)) = found else {
            return;
        };
        let contact = *contact;
        act(mailbox);
        self.settle(contact, now);
    }

    /// What came of it.
    fn settle(&mut self, contact: PublicIdentity, now: Instant) {
        while let Some(introduction) = self
            .boxes
            .get_mut(&contact)
            .and_then(|mailbox| mailbox.introductions.poll_output())
        {
            match introduction {
                Introduction::Send { to, text } => self.send(contact, to, text),
                Introduction::Met { member, .. } => {
                    let Some(mailbox) = self.boxes.get_mut(&contact) else {
                        return;
                    };
                    mailbox.met.insert(member, None);
                    let missed = mailbox.missed.take();
                    let presence = self.presence;
                    self.say(contact, member, &Words::Presence { presence });
                    if let Some(at) = missed {
                        let seconds = now.saturating_duration_since(at).as_secs();
                        self.say(contact, member, &Words::Missed { seconds });
                    }
                }
                Introduction::Said { member, payload } => self.hear(contact, member, &payload),
                // A device of our own, or somebody whom the server has made up.
                Introduction::Refused { .. } | Introduction::CodeSpent => {}
            }
        }
        self.tell(contact);
    }

    fn hear(&mut self, contact: PublicIdentity, member: MemberId, payload: &[u8]) {
        match serde_json::from_slice(payload) {
            Ok(Words::Presence { presence }) => {
                if let Some(mailbox) = self.boxes.get_mut(&contact) {
                    mailbox.met.insert(member, Some(presence));
                }
            }
            Ok(Words::Knock { call }) => {
                if let Some(call) = CallSecret::from_text(&call) {
                    self.outputs
                        .push_back(MailboxOutput::Knocked { contact, call });
                }
            }
            Ok(Words::Busy { call }) => {
                let called = self.boxes.get_mut(&contact);
                let called = called.and_then(|mailbox| mailbox.called.as_mut());
                // Whatever else they say is of another call.
                if let Some((ours, free)) = called
                    && CallSecret::from_text(&call).as_ref() == Some(ours)
                {
                    *free = free.saturating_sub(1);
                    if *free == 0 {
                        let call = ours.clone();
                        self.outputs
                            .push_back(MailboxOutput::Busy { contact, call });
                    }
                }
            }
            Ok(Words::Missed { seconds }) => {
                let ago = Duration::from_secs(seconds).min(LONGEST_MISSED);
                self.outputs
                    .push_back(MailboxOutput::Missed { contact, ago });
            }
            Err(error) => tracing::debug!(%error, "a contact said what is not understood"),
        }
    }

    fn tell(&mut self, contact: PublicIdentity) {
        let Some(mailbox) = self.boxes.get_mut(&contact) else {
            return;
        };
        let presence = mailbox.met.values().flatten().max().copied();
        if mailbox.told != presence {
            mailbox.told = presence;
            self.outputs
                .push_back(MailboxOutput::Presence { contact, presence });
        }
    }

    fn say(&mut self, contact: PublicIdentity, to: MemberId, words: &Words) {
        // Plain structs with string keys: serializing them cannot fail.
        let payload = serde_json::to_vec(words).unwrap_or_default();
        let mailbox = self.boxes.get_mut(&contact);
        let sealed = mailbox.map(|mailbox| mailbox.introductions.seal(to, &payload));
        if let Some(Ok(Some(text))) = sealed {
            self.send(contact, to, text);
        }
    }

    fn send(&mut self, contact: PublicIdentity, to: MemberId, text: String) {
        let room = self
            .boxes
            .get(&contact)
            .and_then(|mailbox| mailbox.room.clone());
        if let Some(room) = room {
            self.outputs
                .push_back(MailboxOutput::Send { room, to, text });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::trust::{Fingerprint, Identity};
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    /// Some people at one server, which passes on all that it is given.
    struct Town {
        people: Vec<Mailboxes>,
        /// Who is in which room.
        rooms: BTreeMap<RoomId, Vec<usize>>,
        seen: Vec<(usize, MailboxOutput)>,
        now: Instant,
        rng: StdRng,
    }

    fn identity(seed: u64) -> Arc<Identity> {
        Arc::new(Identity::new(&mut StdRng::seed_from_u64(seed)))
    }

    fn person(seed: u64) -> Mailboxes {
        Mailboxes::new(Card {
            identity: identity(seed),
            name: String::new(),
            fingerprint: Fingerprint::new([0; 32]),
        })
    }

    fn member(index: usize) -> MemberId {
        MemberId(index as u64)
    }

    impl Town {
        /// The person of index i has the identity of seed i.
        fn of(people: usize) -> Self {
            let mut town = Self {
                people: (0..people).map(|seed| person(seed as u64)).collect(),
                rooms: BTreeMap::new(),
                seen: Vec::new(),
                now: Instant::now(),
                rng: StdRng::seed_from_u64(99),
            };
            for person in &mut town.people {
                person.set_day(20_000, town.now);
            }
            town
        }

        fn befriend(&mut self, who: usize, friends: &[u64]) {
            let friends: Vec<_> = friends
                .iter()
                .map(|seed| identity(*seed).public())
                .collect();
            self.people[who].set_contacts(&friends);
            self.settle();
        }

        fn settle(&mut self) {
            while let Some((who, output)) = self
                .people
                .iter_mut()
                .enumerate()
                .find_map(|(who, person)| Some((who, person.poll_output()?)))
            {
                match output {
                    MailboxOutput::Enter(room) => {
                        let present = self.rooms.entry(room.clone()).or_default();
                        let others = present.clone();
                        present.push(who);
                        let members: Vec<_> = others.iter().map(|other| member(*other)).collect();
                        self.people[who].handle_entered(&room, &members, self.now, &mut self.rng);
                        for other in others {
                            self.people[other].handle_joined(
                                &room,
                                member(who),
                                self.now,
                                &mut self.rng,
                            );
                        }
                    }
                    MailboxOutput::Leave(room) => {
                        let present = self.rooms.entry(room.clone()).or_default();
                        present.retain(|other| *other != who);
                        for other in present.clone() {
                            self.people[other].handle_left(&room, member(who), self.now);
                        }
                    }
                    MailboxOutput::Send { room, to, text } => {
                        let there = self.rooms.get(&room).into_iter().flatten();
                        if let Some(to) = there.copied().find(|other| member(*other) == to) {
                            self.people[to].handle_relayed(&room, member(who), &text, self.now);
                        }
                    }
                    other => self.seen.push((who, other)),
                }
            }
        }

        /// How `who` saw that contact last.
        fn presence(&self, who: usize, of: u64) -> Option<Presence> {
            let of = identity(of).public();
            self.seen
                .iter()
                .rev()
                .find_map(|(at, output)| match output {
                    MailboxOutput::Presence { contact, presence }
                        if *at == who && *contact == of =>
                    {
                        Some(*presence)
                    }
                    _ => None,
                })?
        }

        fn knocks(&self, at: usize) -> Vec<CallSecret> {
            let knock = |(who, output): &(usize, MailboxOutput)| match output {
                MailboxOutput::Knocked { call, .. } if *who == at => Some(call.clone()),
                _ => None,
            };
            self.seen.iter().filter_map(knock).collect()
        }
    }

    #[test]
    fn two_who_saved_each_other_see_each_other_and_one_alone_sees_nobody() {
        let mut town = Town::of(3);
        town.befriend(0, &[1, 2]);
        assert_eq!(town.presence(0, 1), None);
        town.befriend(1, &[0]);
        assert_eq!(town.presence(0, 1), Some(Presence::Free));
        assert_eq!(town.presence(1, 0), Some(Presence::Free));
        town.people[1].set_presence(Presence::Busy);
        town.settle();
        assert_eq!(town.presence(0, 1), Some(Presence::Busy));
        assert_eq!(town.presence(0, 2), None, "who has not saved us");
        town.befriend(1, &[]);
        assert_eq!(town.presence(0, 1), None);
        assert_eq!(town.presence(1, 0), None, "who is forgotten is not there");
    }

    #[test]
    fn a_knock_reaches_all_devices_of_a_contact_and_nobody_else() {
        let mut town = Town::of(3);
        // Two devices of the same person.
        town.people.push(person(1));
        town.people[3].set_day(20_000, town.now);
        for who in [1, 3] {
            town.befriend(who, &[0]);
        }
        town.befriend(2, &[0]);
        town.befriend(0, &[1, 2]);
        let call = CallSecret::new(&mut StdRng::seed_from_u64(5));
        let reached = town.people[0].knock(identity(1).public(), &call, town.now);
        town.settle();
        assert_eq!(reached, Reach::Devices(2));
        assert_eq!(town.knocks(1), std::slice::from_ref(&call));
        assert_eq!(town.knocks(3), std::slice::from_ref(&call));
        assert_eq!(town.knocks(2), []);
        let busy = |town: &Town| {
            let busy = |(who, output): &&(usize, MailboxOutput)| {
                *who == 0 && matches!(output, MailboxOutput::Busy { .. })
            };
            town.seen.iter().filter(busy).count()
        };
        let anna = identity(0).public();
        town.people[1].say_busy(anna, &call);
        town.settle();
        assert_eq!(busy(&town), 0, "the other device is free");
        town.people[3].say_busy(anna, &CallSecret::new(&mut StdRng::seed_from_u64(6)));
        town.settle();
        assert_eq!(busy(&town), 0, "that is another call");
        town.people[3].say_busy(anna, &call);
        town.settle();
        assert_eq!(busy(&town), 1);
        let nobody = town.people[0].knock(identity(7).public(), &call, town.now);
        assert_eq!(nobody, Reach::Unknown);
    }

    #[test]
    fn who_was_away_hears_once_that_they_were_called() {
        let mut town = Town::of(2);
        town.befriend(0, &[1]);
        let call = CallSecret::new(&mut StdRng::seed_from_u64(5));
        let reached = town.people[0].knock(identity(1).public(), &call, town.now);
        assert_eq!(reached, Reach::Nobody);
        town.now += Duration::from_secs(600);
        town.befriend(1, &[0]);
        let missed = |town: &Town| {
            let missed = town.seen.iter().filter_map(|(who, output)| match output {
                MailboxOutput::Missed { contact, ago } if *contact == identity(0).public() => {
                    Some((*who, *ago))
                }
                _ => None,
            });
            missed.collect::<Vec<_>>()
        };
        assert_eq!(missed(&town), [(1, Duration::from_secs(600))]);
        town.befriend(1, &[]);
        town.befriend(1, &[0]);
        assert_eq!(missed(&town).len(), 1);
        assert_eq!(town.knocks(1), [], "nobody rings for a call that is over");
    }

    #[test]
    fn the_next_day_they_meet_elsewhere() {
        let mut town = Town::of(2);
        town.befriend(0, &[1]);
        town.befriend(1, &[0]);
        let today: Vec<_> = town.rooms.keys().cloned().collect();
        let now = town.now;
        for person in &mut town.people {
            person.set_day(20_001, now);
        }
        town.settle();
        assert_eq!(town.presence(0, 1), Some(Presence::Free));
        for person in &mut town.people {
            assert_eq!(person.poll_timeout(), Some(now + OVERLAP));
            person.handle_timeout(now + OVERLAP);
        }
        town.settle();
        assert!(town.rooms.get(&today[0]).is_some_and(Vec::is_empty));
        assert_eq!(town.presence(0, 1), Some(Presence::Free));
    }

    #[test]
    fn what_the_server_makes_up_is_nobodys_presence() {
        let mut town = Town::of(2);
        town.befriend(0, &[1]);
        let room = town.rooms.keys().next().cloned().unwrap();
        let now = town.now;
        town.people[0].handle_joined(&room, MemberId(77), now, &mut StdRng::seed_from_u64(1));
        town.people[0].handle_relayed(&room, MemberId(77), "nonsense", now);
        town.settle();
        assert_eq!(town.presence(0, 1), None);
    }
}
