use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rand::CryptoRng;
use twocan_protocol::{MAX_MEMBERS, MemberId};

use super::channel::{Channel, ChannelError};
use super::handshake::{Card, Door, Handshake, HandshakeError, Introduced, Progress};
use super::identity::PublicIdentity;
use super::parcel::{self, Kind};

/// How long somebody may take to show that they have our code: it is spoilt then.
const PATIENCE_WITH_CODE: Duration = Duration::from_secs(10);
/// And where they may come back.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is to be done about the people in a room, in this order.
#[derive(Debug)]
pub enum Introduction {
    /// Over the server.
    Send {
        /// To whom.
        to: MemberId,
        /// A parcel.
        text: String,
    },
    /// Somebody has shown who they are. What they say comes from now on, and nobody else can say it.
    Met {
        /// Where the server finds them.
        member: MemberId,
        /// Who it is.
        who: Box<Introduced>,
    },
    /// Somebody who was met said this.
    Said {
        /// Who.
        member: MemberId,
        /// Just as they sealed it.
        payload: Vec<u8>,
    },
    /// Somebody is not who is to be met, or somebody is in between.
    Refused {
        /// Whom the server calls so.
        member: MemberId,
        /// Why.
        why: HandshakeError,
    },
    /// Somebody tried the code that we made and did not have it, or went away over it: it is used up.
    CodeSpent,
}

/// Everybody in one room: who has shown who they are, and the sealed way to each.
///
/// The server says who is there and carries the words; it is believed in neither. Whoever it makes up
/// stays a stranger; whoever it hides is not met.
#[derive(Debug)]
pub struct Introductions {
    card: Card,
    door: Door,
    /// Nobody else will do.
    expects: Option<PublicIdentity>,
    /// The one guess at a code was made.
    code_tried: bool,
    /// And was right.
    code_used: bool,
    others: BTreeMap<MemberId, Other>,
    outputs: VecDeque<Introduction>,
}

#[derive(Debug)]
enum Other {
    Shaking {
        handshake: Box<Handshake>,
        since: Instant,
    },
    Met(Box<Channel>),
    /// Not heard any more.
    Refused,
}

impl Introductions {
    /// In a room behind `door`. With `expects`, nobody else will do.
    pub fn new(card: Card, door: Door, expects: Option<PublicIdentity>) -> Self {
        Self {
            card,
            door,
            expects,
            code_tried: false,
            code_used: false,
            others: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Introduction> {
        self.outputs.pop_front()
    }

    /// The server let us in, as somebody new; `members` were there before. To everybody we are a
    /// stranger again.
    pub fn handle_entered(&mut self, members: &[MemberId], now: Instant, rng: &mut impl CryptoRng) {
        self.handle_lost();
        for member in members.iter().take(MAX_MEMBERS) {
            self.handle_joined(*member, now, rng);
        }
    }

    /// The way to the server is gone.
    pub fn handle_lost(&mut self) {
        let everybody: Vec<_> = self.others.keys().copied().collect();
        for member in everybody {
            self.handle_left(member);
        }
    }

    /// The server says that somebody came.
    pub fn handle_joined(&mut self, member: MemberId, now: Instant, rng: &mut impl CryptoRng) {
        if self.others.contains_key(&member) || self.others.len() >= MAX_MEMBERS {
            return;
        }
        if matches!(self.door, Door::Code { .. }) {
            // Whoever comes second has no guess, nor who comes back.
            if self.code_tried {
                self.others.insert(member, Other::Refused);
                let why = HandshakeError::WrongKey;
                self.outputs
                    .push_back(Introduction::Refused { member, why });
                return;
            }
            self.code_tried = true;
        }
        let (card, door) = (self.card.clone(), self.door.clone());
        let (handshake, text) = Handshake::new(door, card, self.expects, rng);
        let handshake = Box::new(handshake);
        let shaking = Other::Shaking {
            handshake,
            since: now,
        };
        self.others.insert(member, shaking);
        self.outputs
            .push_back(Introduction::Send { to: member, text });
    }

    /// The server says that somebody left.
    pub fn handle_left(&mut self, member: MemberId) {
        if let Some(Other::Shaking { .. }) = self.others.remove(&member) {
            self.note_code_spent();
        }
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let patience = self.patience();
        self.shaking().map(|(_, since)| since + patience).min()
    }

    /// Time has passed: whoever is silent is not waited for.
    pub fn handle_timeout(&mut self, now: Instant) {
        let patience = self.patience();
        let late =
            |(member, since): (MemberId, Instant)| (now >= since + patience).then_some(member);
        let late: Vec<_> = self.shaking().filter_map(late).collect();
        for member in late {
            self.refuse(member, HandshakeError::Silent);
        }
    }

    fn patience(&self) -> Duration {
        match self.door {
            Door::Code { .. } => PATIENCE_WITH_CODE,
            Door::Secret(_) => PATIENCE,
        }
    }

    fn shaking(&self) -> impl Iterator<Item = (MemberId, Instant)> {
        self.others
            .iter()
            .filter_map(|(member, other)| match other {
                Other::Shaking { since, .. } => Some((*member, *since)),
                Other::Met(_) | Other::Refused => None,
            })
    }

    fn refuse(&mut self, member: MemberId, why: HandshakeError) {
        self.others.insert(member, Other::Refused);
        self.outputs
            .push_back(Introduction::Refused { member, why });
        self.note_code_spent();
    }

    /// The server says that somebody sent this.
    pub fn handle_relayed(&mut self, from: MemberId, text: &str) {
        match self.others.get_mut(&from) {
            Some(Other::Shaking { handshake, .. }) => match handshake.handle(text) {
                Ok(Progress::Say(text)) => {
                    self.outputs
                        .push_back(Introduction::Send { to: from, text });
                }
                Ok(Progress::Done(met)) => {
                    if matches!(self.door, Door::Code { .. }) {
                        self.expects = Some(met.who.identity);
                        self.code_used = true;
                    }
                    self.door = met.again;
                    self.others.insert(from, Other::Met(Box::new(met.channel)));
                    self.outputs.push_back(Introduction::Met {
                        member: from,
                        who: Box::new(met.who),
                    });
                }
                Err(why) => self.refuse(from, why),
            },
            Some(Other::Met(channel)) => match open(channel, text) {
                Ok(payload) => self.outputs.push_back(Introduction::Said {
                    member: from,
                    payload,
                }),
                Err(error) => {
                    // Forged by the server: the one who was met can still be heard.
                    tracing::debug!(%error, "a message was not taken");
                }
            },
            Some(Other::Refused) | None => {
                tracing::debug!("a message from nobody who was met");
            }
        }
    }

    /// Whether somebody was met by the code.
    pub fn code_was_used(&self) -> bool {
        self.code_used
    }

    /// Whether somebody may still turn out to be who is to be met.
    pub fn is_meeting(&self) -> bool {
        self.shaking().next().is_some()
    }

    /// Seals what is to be said to somebody who was met; nothing for anybody else.
    ///
    /// # Errors
    /// When it is too big.
    pub fn seal(&mut self, to: MemberId, payload: &[u8]) -> Result<Option<String>, ChannelError> {
        match self.others.get_mut(&to) {
            Some(Other::Met(channel)) => channel.seal(payload).map(Some),
            Some(Other::Shaking { .. } | Other::Refused) | None => Ok(None),
        }
    }

    fn note_code_spent(&mut self) {
        if matches!(self.door, Door::Code { ours: true, .. }) {
            self.outputs.push_back(Introduction::CodeSpent);
        }
    }
}

fn open(channel: &mut Channel, text: &str) -> Result<Vec<u8>, ChannelError> {
    match parcel::unwrap(text) {
        Some((Kind::Sealed, content)) => channel.open(&content),
        Some((Kind::Share | Kind::Confirmation, _)) | None => Err(ChannelError::Forged),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::trust::{Fingerprint, Identity};
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use zeroize::Zeroizing;

    /// A room with a server that passes on all it is given.
    struct Room {
        people: BTreeMap<MemberId, Introductions>,
        now: Instant,
        rng: StdRng,
        seen: Vec<(MemberId, Introduction)>,
    }

    fn card(seed: u64) -> Card {
        let identity = Identity::new(&mut StdRng::seed_from_u64(seed));
        Card {
            identity: Arc::new(identity),
            name: String::new(),
            fingerprint: Fingerprint::new([seed as u8; 32]),
        }
    }

    fn secret() -> Door {
        Door::Secret(Zeroizing::new([5; 32]))
    }

    fn code(text: &str, ours: bool) -> Door {
        let code = text.parse().unwrap();
        Door::Code { code, ours }
    }

    impl Room {
        fn new() -> Self {
            Self {
                people: BTreeMap::new(),
                now: Instant::now(),
                rng: StdRng::seed_from_u64(1),
                seen: Vec::new(),
            }
        }

        fn enter(&mut self, member: u64, mut who: Introductions) {
            let there: Vec<_> = self.people.keys().copied().collect();
            who.handle_entered(&there, self.now, &mut self.rng);
            for other in self.people.values_mut() {
                other.handle_joined(MemberId(member), self.now, &mut self.rng);
            }
            self.people.insert(MemberId(member), who);
            self.settle();
        }

        fn leave(&mut self, member: u64) -> Introductions {
            let gone = self.people.remove(&MemberId(member)).unwrap();
            for other in self.people.values_mut() {
                other.handle_left(MemberId(member));
            }
            self.settle();
            gone
        }

        fn say(&mut self, from: u64, to: u64, payload: &[u8]) {
            let sealed = self
                .people
                .get_mut(&MemberId(from))
                .unwrap()
                .seal(MemberId(to), payload);
            let text = sealed.unwrap().expect("they have met");
            self.people
                .get_mut(&MemberId(to))
                .unwrap()
                .handle_relayed(MemberId(from), &text);
            self.settle();
        }

        fn settle(&mut self) {
            loop {
                let mut said = Vec::new();
                for (member, who) in &mut self.people {
                    while let Some(output) = who.poll_output() {
                        match output {
                            Introduction::Send { to, text } => said.push((*member, to, text)),
                            other => self.seen.push((*member, other)),
                        }
                    }
                }
                if said.is_empty() {
                    return;
                }
                for (from, to, text) in said {
                    if let Some(who) = self.people.get_mut(&to) {
                        who.handle_relayed(from, &text);
                    }
                }
            }
        }

        fn met(&self) -> Vec<(u64, u64)> {
            let met = self.seen.iter().filter_map(|(at, output)| match output {
                Introduction::Met { member, .. } => Some((at.0, member.0)),
                _ => None,
            });
            met.collect()
        }

        fn codes_spent(&self) -> usize {
            let spent =
                |(_, output): &&(MemberId, Introduction)| matches!(output, Introduction::CodeSpent);
            self.seen.iter().filter(spent).count()
        }
    }

    #[test]
    fn three_with_a_link_meet_each_other_and_talk_in_pairs() {
        let mut room = Room::new();
        for who in 1..=3 {
            room.enter(who, Introductions::new(card(who), secret(), None));
        }
        let mut met = room.met();
        met.sort_unstable();
        assert_eq!(met, [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)]);
        room.say(1, 3, b"for you alone");
        let said = room.seen.last().unwrap();
        assert!(matches!(
            said,
            (MemberId(3), Introduction::Said { member: MemberId(1), payload }) if payload == b"for you alone"
        ));
    }

    #[test]
    fn a_code_is_for_one_and_for_one_guess() {
        let mut room = Room::new();
        room.enter(
            1,
            Introductions::new(card(1), code("7-guitar-lamp", true), None),
        );
        room.enter(
            2,
            Introductions::new(card(2), code("7-guitar-tiger", false), None),
        );
        assert_eq!((room.met(), room.codes_spent()), (vec![], 1));
        room.leave(2);
        room.enter(
            3,
            Introductions::new(card(3), code("7-guitar-lamp", false), None),
        );
        assert_eq!(room.met(), []);
    }

    #[test]
    fn who_goes_away_over_a_code_has_had_the_guess() {
        let mut room = Room::new();
        room.enter(
            1,
            Introductions::new(card(1), code("7-guitar-lamp", true), None),
        );
        let now = room.now;
        let host = room.people.get_mut(&MemberId(1)).unwrap();
        host.handle_joined(MemberId(2), now, &mut StdRng::seed_from_u64(2));
        host.handle_left(MemberId(2));
        room.settle();
        assert_eq!(room.codes_spent(), 1);
    }

    #[test]
    fn who_is_silent_over_a_code_has_had_the_guess() {
        let mut room = Room::new();
        room.enter(
            1,
            Introductions::new(card(1), code("7-guitar-lamp", true), None),
        );
        let now = room.now;
        let host = room.people.get_mut(&MemberId(1)).unwrap();
        host.handle_joined(MemberId(2), now, &mut StdRng::seed_from_u64(2));
        assert_eq!(host.poll_timeout(), Some(now + PATIENCE_WITH_CODE));
        host.handle_timeout(now + PATIENCE_WITH_CODE - Duration::from_millis(1));
        assert!(host.is_meeting());
        host.handle_timeout(now + PATIENCE_WITH_CODE);
        assert!(!host.is_meeting());
        assert_eq!(host.poll_timeout(), None);
        room.settle();
        assert_eq!(room.codes_spent(), 1);
    }

    #[test]
    fn who_met_by_a_code_comes_back_and_nobody_else_gets_in() {
        let mut room = Room::new();
        room.enter(
            1,
            Introductions::new(card(1), code("7-guitar-lamp", true), None),
        );
        room.enter(
            2,
            Introductions::new(card(2), code("7-guitar-lamp", false), None),
        );
        let guest = room.leave(2);
        room.seen.clear();
        room.enter(
            9,
            Introductions::new(card(9), code("7-guitar-lamp", false), None),
        );
        assert_eq!(room.met(), []);
        room.leave(9);
        room.enter(4, guest);
        assert_eq!(room.met().len(), 2);
        assert_eq!(room.codes_spent(), 0, "it was good when it was used");
    }

    #[test]
    fn what_the_server_makes_up_is_not_heard_and_does_no_harm() {
        let mut room = Room::new();
        for who in 1..=2 {
            room.enter(who, Introductions::new(card(who), secret(), None));
        }
        room.seen.clear();
        let first = room.people.get_mut(&MemberId(1)).unwrap();
        first.handle_relayed(MemberId(2), "nonsense");
        first.handle_relayed(MemberId(7), "from nobody");
        let text = parcel::wrap(Kind::Sealed, &[0; 300]);
        first.handle_relayed(MemberId(2), &text);
        room.settle();
        assert!(room.seen.is_empty());
        room.say(2, 1, b"still here");
        assert_eq!(room.seen.len(), 1);
    }

    #[test]
    fn nothing_is_sealed_for_somebody_who_was_not_met() {
        let mut alone = Introductions::new(card(1), secret(), None);
        assert_eq!(alone.seal(MemberId(2), b"secret"), Ok(None));
    }
}
