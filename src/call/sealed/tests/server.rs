use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngExt as _};
use twocan_protocol::MemberId;

use crate::trust::BUCKETS;

/// What a side hears of the server.
#[derive(Debug, Clone)]
pub enum Word {
    Entered(Vec<MemberId>),
    Joined(MemberId),
    Left(MemberId),
    Relayed { from: MemberId, text: String },
    Lost,
}

/// What it wants a side to hear, and when.
pub struct Delivery {
    pub to: usize,
    pub after: Duration,
    pub word: Word,
}

/// A server of rooms, honest or not.
pub struct Server {
    /// The share of what it does that is an attack.
    malice: f64,
    pub attacks: u64,
    next_member: u64,
    present: Vec<Present>,
    /// Everything that was ever passed on.
    heard: Vec<String>,
}

#[derive(Clone, Copy)]
struct Present {
    side: usize,
    room: usize,
    member: MemberId,
}

/// What is sealed has a kind before it, and a number and a tag around it: so many bytes at most.
const MOST_ADDED: usize = 64;
/// What is said in plain in what is sealed, among other things; long enough not to turn up by chance.
const SECRETS: [&str; 6] = [
    "fingerprint",
    "candidate",
    "ice-ufrag",
    r#""name":"Anna""#,
    "identity",
    r#"{"type":"#,
];

impl Server {
    pub fn new(malice: f64) -> Self {
        Self {
            malice,
            attacks: 0,
            next_member: 100,
            present: Vec::new(),
            heard: Vec::new(),
        }
    }

    pub fn is_there(&self, side: usize) -> bool {
        self.find(side).is_some()
    }

    fn find(&self, side: usize) -> Option<Present> {
        self.present
            .iter()
            .find(|there| there.side == side)
            .copied()
    }

    fn others_in(&self, room: usize) -> Vec<Present> {
        let there = self.present.iter().filter(|there| there.room == room);
        there.copied().collect()
    }

    pub fn enter(&mut self, side: usize, room: usize, rng: &mut StdRng) -> Vec<Delivery> {
        self.next_member += 1;
        let member = MemberId(self.next_member);
        let others = self.others_in(room);
        self.present.push(Present { side, room, member });
        let mut members: Vec<_> = others.iter().map(|there| there.member).collect();
        if self.attacks_now(rng) {
            // Hides somebody, makes somebody up, or shows people of another room.
            match rng.random_range(0..3) {
                0 => {
                    members.pop();
                }
                1 => members.push(MemberId(rng.random_range(0..1_000))),
                _ => members = self.present.iter().map(|there| there.member).collect(),
            }
        }
        let mut deliveries = vec![now(side, Word::Entered(members), rng)];
        let joined = others
            .iter()
            .map(|other| now(other.side, Word::Joined(member), rng));
        deliveries.extend(joined);
        deliveries
    }

    pub fn leave(&mut self, side: usize, rng: &mut StdRng) -> Vec<Delivery> {
        let Some(Present { room, member, .. }) = self.find(side) else {
            return Vec::new();
        };
        self.present.retain(|there| there.side != side);
        let others = self.others_in(room);
        let left = others
            .iter()
            .map(|other| now(other.side, Word::Left(member), rng));
        left.collect()
    }

    pub fn relay(
        &mut self,
        from: usize,
        to: MemberId,
        text: String,
        rng: &mut StdRng,
    ) -> Vec<Delivery> {
        let Some(sender) = self.find(from) else {
            return Vec::new();
        };
        look_at(&text);
        self.heard.push(text.clone());
        let others = self.others_in(sender.room);
        let Some(recipient) = others.iter().find(|other| other.member == to) else {
            return Vec::new();
        };
        let recipient = recipient.side;
        if self.attacks_now(rng) {
            return self.attack(sender, recipient, text, rng);
        }
        let word = Word::Relayed {
            from: sender.member,
            text,
        };
        vec![now(recipient, word, rng)]
    }

    /// Does anything else with what `sender` said than to pass it on.
    fn attack(
        &mut self,
        sender: Present,
        recipient: usize,
        text: String,
        rng: &mut StdRng,
    ) -> Vec<Delivery> {
        let somebody = *self.present.choose(rng).unwrap_or(&sender);
        let relayed = |from: Present, text: &str| Word::Relayed {
            from: from.member,
            text: text.to_owned(),
        };
        let as_said = relayed(sender, &text);
        match rng.random_range(0..9) {
            // Keeps it.
            0 => Vec::new(),
            // Says it twice.
            1 => vec![
                now(recipient, as_said.clone(), rng),
                now(recipient, as_said, rng),
            ],
            // Says it after what comes later, or when nobody waits for it any more.
            2 => vec![Delivery {
                to: recipient,
                after: Duration::from_millis(rng.random_range(100..90_000)),
                word: as_said,
            }],
            // Changes it.
            3 => vec![now(recipient, relayed(sender, &spoil(&text, rng)), rng)],
            // Says that somebody else has said it.
            4 => vec![now(recipient, relayed(somebody, &text), rng)],
            // Says it to somebody else.
            5 => vec![now(somebody.side, as_said, rng)],
            // Says it back.
            6 => vec![now(sender.side, as_said, rng)],
            // Besides, says something again that was once said, as anybody.
            7 => {
                let old = self.heard.choose(rng).cloned().unwrap_or_default();
                vec![
                    now(recipient, as_said, rng),
                    now(somebody.side, relayed(sender, &old), rng),
                ]
            }
            // Leads it into the other room, as if the one there had said it.
            _ => {
                let there = self
                    .present
                    .iter()
                    .filter(|there| there.room != sender.room);
                let there: Vec<_> = there.copied().collect();
                match (there.first(), there.last()) {
                    (Some(from), Some(to)) => vec![now(to.side, relayed(*from, &text), rng)],
                    _ => Vec::new(),
                }
            }
        }
    }

    /// Something of its own accord.
    pub fn make_trouble(&mut self, rng: &mut StdRng) -> Vec<Delivery> {
        if !self.attacks_now(rng) {
            return Vec::new();
        }
        let (Some(victim), Some(somebody)) = (self.present.choose(rng), self.present.choose(rng))
        else {
            return Vec::new();
        };
        let member = match rng.random() {
            true => somebody.member,
            false => MemberId(rng.random_range(0..1_000)),
        };
        let word = match rng.random_range(0..5) {
            0 => Word::Joined(member),
            1 => Word::Left(member),
            2 => Word::Lost,
            3 => Word::Entered(vec![member]),
            _ => {
                let mut bytes = vec![0; rng.random_range(0..2_000)];
                rng.fill_bytes(&mut bytes);
                let text = BASE64URL_NOPAD.encode(&bytes);
                Word::Relayed { from: member, text }
            }
        };
        vec![now(victim.side, word, rng)]
    }

    fn attacks_now(&mut self, rng: &mut StdRng) -> bool {
        let attacks = rng.random_bool(self.malice);
        self.attacks += u64::from(attacks);
        attacks
    }
}

/// What a server can read: one of a few sizes, and nothing that anybody has said.
fn look_at(text: &str) {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64");
    let fits = |bucket: &usize| (*bucket..=bucket + MOST_ADDED).contains(&bytes.len());
    assert!(
        BUCKETS.iter().any(fits),
        "{} bytes are on their way",
        bytes.len()
    );
    let readable = String::from_utf8_lossy(&bytes);
    for secret in SECRETS {
        assert!(!readable.contains(secret), "the server can read {secret}");
    }
}

fn now(to: usize, word: Word, rng: &mut StdRng) -> Delivery {
    Delivery {
        to,
        after: Duration::from_millis(rng.random_range(1..80)),
        word,
    }
}

fn spoil(text: &str, rng: &mut StdRng) -> String {
    let mut bytes = BASE64URL_NOPAD.decode(text.as_bytes()).expect("base64");
    match rng.random_range(0..3) {
        0 => {
            let at = rng.random_range(0..bytes.len());
            bytes[at] ^= rng.random_range(1..=255_u8);
        }
        1 => bytes.truncate(rng.random_range(0..bytes.len())),
        _ => bytes.extend([0; 7]),
    }
    BASE64URL_NOPAD.encode(&bytes)
}
