use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use twocan_protocol::MemberId;

use super::super::{EntranceId, SealedCall, SealedOutput};
use crate::call::{
    Action, Answer, Call, CallOptions, CallRole, DescriptionKind, Message, Output, ParticipantId,
    Person,
};
use crate::trust::{Card, Door, Fingerprint, Identity, SafetyPhrase};

const DOOR: EntranceId = EntranceId(0);
const HOST: MemberId = MemberId(1);
const GUEST: MemberId = MemberId(2);

/// What both sides do is the same; only what goes over the server differs.
trait Side {
    type Word;

    /// The other one is there, as the server says.
    fn meet(&mut self);
    fn hear(&mut self, word: Self::Word);
    fn call(&mut self) -> &mut Call;
    fn next(&mut self) -> Option<Either<Self::Word>>;
    fn fingerprint(&self) -> Fingerprint;
}

enum Either<Word> {
    Say(Word),
    Do(Action),
}

struct Bare {
    call: Call,
    other: (MemberId, Person),
    fingerprint: Fingerprint,
}

impl Side for Bare {
    type Word = Message;

    fn meet(&mut self) {
        let (member, person) = self.other.clone();
        self.call.handle_entered(&[member]);
        self.call.handle_met(member, person);
    }

    fn hear(&mut self, word: Message) {
        self.call.handle_message(self.other.0, word, Instant::now());
    }

    fn call(&mut self) -> &mut Call {
        &mut self.call
    }

    fn next(&mut self) -> Option<Either<Message>> {
        Some(match self.call.poll_output()? {
            Output::Send { message, .. } => Either::Say(message),
            Output::Do(action) => Either::Do(action),
        })
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

struct Sealed {
    sealed: SealedCall,
    other: MemberId,
    fingerprint: Fingerprint,
    rng: StdRng,
}

impl Side for Sealed {
    type Word = String;

    fn meet(&mut self) {
        let (now, other) = (Instant::now(), self.other);
        if other == HOST {
            self.sealed
                .handle_entered(DOOR, &[other], now, &mut self.rng);
        } else {
            self.sealed.handle_entered(DOOR, &[], now, &mut self.rng);
            self.sealed.handle_joined(DOOR, other, now, &mut self.rng);
        }
    }

    fn hear(&mut self, word: String) {
        self.sealed
            .handle_relayed(DOOR, self.other, &word, Instant::now());
    }

    fn call(&mut self) -> &mut Call {
        self.sealed.call_mut()
    }

    fn next(&mut self) -> Option<Either<String>> {
        loop {
            return Some(match self.sealed.poll_output()? {
                SealedOutput::Relay { text, .. } => Either::Say(text),
                SealedOutput::Do(action) => Either::Do(action),
                SealedOutput::CodeSpent(_) | SealedOutput::CodeUsed(_) => continue,
            });
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// How often something has to go over the server, one way, one after the other, until both ends of the line
/// know where the other is.
fn ways<S: Side>(sides: &mut [S; 2]) -> u32 {
    let mut described = [false; 2];
    let mut on_the_way: [VecDeque<S::Word>; 2] = Default::default();
    for side in &mut *sides {
        side.call().handle_ready(Instant::now());
        side.meet();
    }
    for way in 0..50 {
        let arriving = std::mem::take(&mut on_the_way);
        for (index, words) in arriving.into_iter().enumerate() {
            for word in words {
                sides[index].hear(word);
            }
        }
        for index in 0..2 {
            while let Some(next) = sides[index].next() {
                match next {
                    Either::Say(word) => on_the_way[1 - index].push_back(word),
                    Either::Do(action) => {
                        describe(&mut sides[index], action, &mut described[index])
                    }
                }
            }
        }
        if described == [true; 2] {
            return way;
        }
    }
    panic!("they never heard of each other: {described:?}")
}

fn describe(side: &mut impl Side, action: Action, described: &mut bool) {
    let sdp = format!("v=0\r\na=fingerprint:sha-256 {}\r\n", side.fingerprint());
    match action {
        Action::Offer { participant, .. } => {
            let offer = DescriptionKind::Offer;
            side.call()
                .handle_local_description(participant, offer, sdp);
        }
        Action::TakeDescription {
            participant, kind, ..
        } => {
            *described = true;
            if kind == DescriptionKind::Offer {
                let answer = DescriptionKind::Answer;
                side.call()
                    .handle_local_description(participant, answer, sdp);
            }
        }
        _ => {}
    }
}

fn options(role: CallRole) -> CallOptions {
    let me = match role {
        CallRole::Host => ParticipantId(1),
        CallRole::Guest => ParticipantId(2),
    };
    CallOptions {
        answer: Answer::Everybody,
        ..CallOptions::new(role, me)
    }
}

fn fingerprint(role: CallRole) -> Fingerprint {
    Fingerprint::new([role as u8 + 1; 32])
}

fn identity(role: CallRole) -> Arc<Identity> {
    Arc::new(Identity::new(&mut StdRng::seed_from_u64(role as u64)))
}

fn bare(role: CallRole, other: CallRole, member: MemberId) -> Bare {
    let person = Person {
        identity: identity(other).public(),
        name: String::new(),
        fingerprint: fingerprint(other),
        phrase: SafetyPhrase::of(b""),
    };
    Bare {
        call: Call::new(options(role)),
        other: (member, person),
        fingerprint: fingerprint(role),
    }
}

fn sealed(role: CallRole, other: MemberId) -> Sealed {
    let card = Card {
        identity: identity(role),
        name: String::new(),
        fingerprint: fingerprint(role),
    };
    let mut sealed = SealedCall::new(options(role), card);
    let door = Door::Code {
        code: "7-guitar-lamp".parse().expect("a code"),
        ours: role == CallRole::Host,
    };
    sealed.open(DOOR, door, None);
    Sealed {
        sealed,
        other,
        fingerprint: fingerprint(role),
        rng: StdRng::seed_from_u64(role as u64),
    }
}

#[test]
fn a_code_costs_two_round_trips_at_most() {
    use CallRole::{Guest, Host};
    let bare = ways(&mut [bare(Host, Guest, GUEST), bare(Guest, Host, HOST)]);
    let sealed = ways(&mut [sealed(Host, GUEST), sealed(Guest, HOST)]);
    println!("ways over the server: {bare} bare, {sealed} with a code");
    assert!(sealed <= bare + 4, "{sealed} ways instead of {bare}");
}
