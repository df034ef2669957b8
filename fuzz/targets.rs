//! What is done with bytes that nobody honest sends: by the fuzzer (`cargo +nightly fuzz run NAME`), and with
//! all that it has ever found worth keeping (`corpus/NAME`) by the tests.

#![allow(dead_code, reason = "each fuzz target takes one of these")]

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use twocan::call::{ControlMessage, Message};
use twocan::contacts::Export;
use twocan::trust::{
    Card, Door, Fingerprint, Handshake, Identity, Introduction, Introductions, Invitation, Invite,
    Portrait,
};
use twocan_protocol::{ClientMessage, MemberId, ServerMessage, ServerUrl};

const FRIEND: MemberId = MemberId(2);

/// Somebody who has met a friend, and hears everything that is said in the friend's name.
static MET: LazyLock<Mutex<Introductions>> = LazyLock::new(|| Mutex::new(met()));

fn card(seed: u64) -> Card {
    let identity = Identity::new(&mut StdRng::seed_from_u64(seed));
    Card {
        identity: Arc::new(identity),
        name: "somebody".to_owned(),
        fingerprint: Fingerprint::new([seed as u8; 32]),
    }
}

fn door() -> Door {
    let servers = vec![
        "wss://call.example.org"
            .parse::<ServerUrl>()
            .expect("an address"),
    ];
    let rng = &mut StdRng::seed_from_u64(1);
    Invite::new(servers, rng).expect("an invite").door()
}

fn met() -> Introductions {
    let (now, rng) = (Instant::now(), &mut StdRng::seed_from_u64(3));
    let mut both = [1, 2].map(|seed| Introductions::new(card(seed), door(), None));
    both[0].handle_joined(FRIEND, now, rng);
    both[1].handle_joined(FRIEND, now, rng);
    let mut have_met = 0;
    while have_met < 2 {
        for one in 0..2 {
            while let Some(introduction) = both[one].poll_output() {
                match introduction {
                    Introduction::Send { text, .. } => {
                        both[1 - one].handle_relayed(FRIEND, &text);
                    }
                    Introduction::Met { .. } => have_met += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    let [one, _] = both;
    one
}

/// What comes over the server in somebody's name: before, while and after they show who they are.
pub fn envelope(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut met = MET.lock().unwrap_or_else(PoisonError::into_inner);
    met.handle_relayed(FRIEND, &text);
    assert!(met.poll_output().is_none(), "something forged was heard");
    let rng = &mut StdRng::seed_from_u64(4);
    let (mut handshake, _) = Handshake::new(door(), card(1), None, rng);
    for line in text.lines() {
        if handshake.handle(line).is_err() {
            break;
        }
    }
}

/// What a person pastes or types to join a call.
pub fn invite(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match text.parse::<Invitation>() {
        Ok(Invitation::Link(link)) => assert_eq!(link.to_string().parse(), Ok(link)),
        Ok(Invitation::Code(code)) => assert_eq!(code.to_string().parse(), Ok(code)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// What goes between client and server, and, sealed or over the line, between friends.
pub fn protocol(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(message) = ClientMessage::decode(&text) {
        let again = message.encode().expect("it has just come in");
        assert_eq!(ClientMessage::decode(&again), Ok(message));
    }
    if let Ok(message) = ServerMessage::decode(&text) {
        // It may have grown over the limit by what JSON escapes.
        if let Ok(again) = message.encode() {
            assert_eq!(ServerMessage::decode(&again), Ok(message));
        }
    }
    if let Ok(message) = Message::decode(data) {
        assert_eq!(Message::decode(&message.encode()), Ok(message));
    }
    if let Ok(message) = ControlMessage::decode(data) {
        assert!(ControlMessage::decode(&message.encode()).is_ok());
    }
}

/// A file of contacts that somebody sent.
pub fn contacts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // Finding out that a costly one does not open is slow on purpose.
    let is_cheap = |name: &str| {
        let after = text.split(&format!("\"{name}\":")).nth(1).unwrap_or("0");
        let digits: String = after
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse::<u32>().is_ok_and(|number| number <= 64)
    };
    if ["memory_kib", "passes", "lanes"].into_iter().all(is_cheap)
        && let Ok(export) = Export::open(data, "passphrase")
    {
        let rng = &mut StdRng::seed_from_u64(5);
        assert!(export.seal("another", rng).is_ok());
    }
}

/// How somebody says that they look.
pub fn portrait(data: &[u8]) {
    if let Ok(portrait) = Portrait::of_stranger(data) {
        let side = Portrait::SIDE as usize;
        let pixels = portrait.pixels().map(|pixels| pixels.len());
        assert_eq!(pixels, Some(side * side * 4));
    }
}
