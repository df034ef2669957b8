use super::*;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

struct Side {
    handshake: Handshake,
    /// What waits to be delivered to the other.
    said: Vec<String>,
    met: Option<Box<Met>>,
    failed: Option<HandshakeError>,
}

fn identity(seed: u64) -> Arc<Identity> {
    Arc::new(Identity::new(&mut StdRng::seed_from_u64(seed)))
}

fn card(who: u8) -> Card {
    Card {
        identity: identity(u64::from(who)),
        name: format!("person {who}"),
        fingerprint: Fingerprint::new([who; 32]),
    }
}

fn side(door: Door, who: u8, expects: Option<PublicIdentity>) -> Side {
    let rng = &mut StdRng::seed_from_u64(1_000 + u64::from(who));
    let (handshake, said) = Handshake::new(door, card(who), expects, rng);
    Side {
        handshake,
        said: vec![said],
        met: None,
        failed: None,
    }
}

fn code(words: &str, ours: bool) -> Door {
    let code = words.parse().unwrap();
    Door::Code { code, ours }
}

fn secret(byte: u8) -> Door {
    Door::Secret(Zeroizing::new([byte; 32]))
}

impl Side {
    fn hear(&mut self, text: &str) {
        match self.handshake.handle(text) {
            Ok(Progress::Say(text)) => self.said.push(text),
            Ok(Progress::Done(met)) => self.met = Some(met),
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
    }
}

/// Delivers until nothing is left; `way` may change what is on its way, by who said it.
fn deliver(sides: &mut [Side; 2], mut way: impl FnMut(usize, &str) -> String) {
    loop {
        let waiting: Vec<(usize, String)> = sides
            .iter_mut()
            .enumerate()
            .flat_map(|(from, side)| {
                side.said
                    .drain(..)
                    .map(move |text| (from, text))
                    .collect::<Vec<_>>()
            })
            .collect();
        if waiting.is_empty() {
            return;
        }
        for (from, text) in waiting {
            let text = way(from, &text);
            sides[1 - from].hear(&text);
        }
    }
}

fn meet(sides: &mut [Side; 2]) {
    deliver(sides, |_, text| text.to_owned());
}

/// Who met whom.
fn both(sides: [Side; 2]) -> (Box<Met>, Box<Met>) {
    let [anna, ben] = sides;
    let why = (anna.failed, ben.failed);
    match (anna.met, ben.met) {
        (Some(anna), Some(ben)) => (anna, ben),
        _ => panic!("they did not meet: {why:?}"),
    }
}

#[test]
fn two_with_the_same_code_meet_in_four_words_each() {
    let mut sides = [
        side(code("7-guitar-lamp", true), 1, None),
        side(code("7-guitar-lamp", false), 2, None),
    ];
    let mut words = [0, 0];
    deliver(&mut sides, |from, text| {
        words[from] += 1;
        text.to_owned()
    });
    assert_eq!(words, [4, 4]);
    let (mut anna, mut ben) = both(sides);
    assert_eq!(anna.who.phrase, ben.who.phrase);
    assert_eq!(anna.who.identity, identity(2).public());
    assert_eq!(ben.who.identity, identity(1).public());
    assert_eq!(
        (anna.who.name.as_str(), ben.who.name.as_str()),
        ("person 2", "person 1")
    );
    assert_eq!(anna.who.fingerprint, Fingerprint::new([2; 32]));
    let sealed = anna.channel.seal(b"hello").unwrap();
    let (_, content) = parcel::unwrap(&sealed).unwrap();
    assert_eq!(ben.channel.open(&content).unwrap(), b"hello");
}

#[test]
fn whoever_met_by_a_code_meets_again_without_it() {
    let mut sides = [
        side(code("7-guitar-lamp", true), 1, None),
        side(code("7-guitar-lamp", false), 2, None),
    ];
    meet(&mut sides);
    let (anna, ben) = both(sides);
    let mut again = [
        side(anna.again, 1, Some(identity(2).public())),
        side(ben.again, 2, Some(identity(1).public())),
    ];
    meet(&mut again);
    both(again);
}

#[test]
fn a_wrong_word_is_seen_by_both() {
    let mut sides = [
        side(code("7-guitar-lamp", true), 1, None),
        side(code("7-guitar-tiger", false), 2, None),
    ];
    meet(&mut sides);
    for side in &sides {
        assert_eq!(side.failed, Some(HandshakeError::WrongKey));
        assert!(side.met.is_none());
    }
}

#[test]
fn a_code_of_another_number_does_not_open() {
    let mut sides = [
        side(code("7-guitar-lamp", true), 1, None),
        side(code("8-guitar-lamp", false), 2, None),
    ];
    meet(&mut sides);
    assert_eq!(sides[0].failed, Some(HandshakeError::WrongKey));
}

#[test]
fn two_hosts_two_guests_or_a_code_and_a_secret_do_not_meet() {
    for (one, other) in [
        (code("7-guitar-lamp", true), code("7-guitar-lamp", true)),
        (code("7-guitar-lamp", false), code("7-guitar-lamp", false)),
        (code("7-guitar-lamp", true), secret(1)),
    ] {
        let mut sides = [side(one, 1, None), side(other, 2, None)];
        meet(&mut sides);
        assert_eq!(sides[0].failed, Some(HandshakeError::WrongKey));
    }
}

#[test]
fn two_with_the_same_secret_meet_and_with_another_they_do_not() {
    let mut sides = [side(secret(1), 1, None), side(secret(1), 2, None)];
    meet(&mut sides);
    let (anna, ben) = both(sides);
    assert_eq!(anna.who.phrase, ben.who.phrase);
    let mut strangers = [side(secret(1), 1, None), side(secret(2), 2, None)];
    meet(&mut strangers);
    assert_eq!(strangers[0].failed, Some(HandshakeError::WrongKey));
}

#[test]
fn a_server_that_echoes_meets_nobody() {
    let mut anna = side(secret(1), 1, None);
    let own = anna.said.remove(0);
    anna.hear(&own);
    assert_eq!(anna.failed, Some(HandshakeError::Reflected));
}

#[test]
fn a_contact_with_another_key_is_somebody_else() {
    let mut sides = [
        side(secret(1), 1, Some(identity(3).public())),
        side(secret(1), 2, Some(identity(1).public())),
    ];
    meet(&mut sides);
    assert_eq!(sides[0].failed, Some(HandshakeError::SomebodyElse));
    assert!(sides[0].met.is_none());
    // Who was turned away hears nothing more.
    assert!(sides[1].met.is_none());
}

#[test]
fn nobody_can_pass_for_somebody_whose_key_they_only_know() {
    let mut sides = [side(secret(1), 1, None), side(secret(1), 2, None)];
    let carl = identity(3).public();
    let mut pretended: CardOnTheWay = serde_json::from_slice(&sides[1].handshake.my_card).unwrap();
    pretended.identity = carl;
    *sides[1].handshake.my_card = serde_json::to_vec(&pretended).unwrap();
    meet(&mut sides);
    assert_eq!(sides[0].failed, Some(HandshakeError::NotTheirKey));
}

#[test]
fn nobody_can_choose_their_words_after_hearing_the_others() {
    let mut sides = [side(secret(1), 1, None), side(secret(1), 2, None)];
    let mut said = [0, 0];
    // Between their commitment and their card the second side changes its mind.
    loop {
        let waiting: Vec<_> = (0..2)
            .flat_map(|from| {
                sides[from]
                    .said
                    .drain(..)
                    .map(move |text| (from, text))
                    .collect::<Vec<_>>()
            })
            .collect();
        if waiting.is_empty() {
            break;
        }
        for (from, text) in waiting {
            said[from] += 1;
            if from == 0 && said[0] == 2 {
                let mut other: CardOnTheWay =
                    serde_json::from_slice(&sides[1].handshake.my_card).unwrap();
                other.nonce = "another".into();
                *sides[1].handshake.my_card = serde_json::to_vec(&other).unwrap();
            }
            sides[1 - from].hear(&text);
        }
    }
    assert_eq!(sides[0].failed, Some(HandshakeError::BrokenPromise));
}

/// Somebody who has both links, and passes on all that can be passed on, cannot confirm either.
#[test]
fn who_is_in_between_two_links_confirms_neither() {
    let mut anna = side(secret(1), 1, None);
    let mut ben = side(secret(2), 2, None);
    let (to_ben, to_anna) = (anna.said.remove(0), ben.said.remove(0));
    ben.hear(&to_ben);
    anna.hear(&to_anna);
    let confirmation = anna.said.remove(0);
    ben.hear(&confirmation);
    assert_eq!(ben.failed, Some(HandshakeError::WrongKey));
}

/// Somebody who has the link and sits in between has two calls, and the words show it.
#[test]
fn who_is_in_between_has_two_different_phrases() {
    let mut left = [side(secret(1), 1, None), side(secret(1), 3, None)];
    let mut right = [side(secret(1), 4, None), side(secret(1), 2, None)];
    meet(&mut left);
    meet(&mut right);
    let (anna, _) = both(left);
    let (_, ben) = both(right);
    assert_ne!(anna.who.phrase, ben.who.phrase);
}

#[test]
fn another_version_is_told_apart_from_nonsense() {
    let mut anna = side(secret(1), 1, None);
    let newer = parcel::wrap(
        Kind::Share,
        &parcel::pad(&[TRUST_VERSION + 1, 3, 9]).unwrap(),
    );
    anna.hear(&newer);
    assert_eq!(
        anna.failed,
        Some(HandshakeError::WrongVersion(TRUST_VERSION + 1))
    );
}

/// With 16 words instead of 2,048, a guess is right once in 256 times; nothing helps who guesses.
#[test]
fn codes_are_guessed_as_rarely_as_the_arithmetic_says() {
    const WORDS: u16 = 16;
    const GUESSES: u32 = 2_560;
    let seed = 7;
    let rng = &mut StdRng::seed_from_u64(seed);
    let few = |rng: &mut StdRng| {
        let [first, second] =
            [0, 1].map(|_| super::super::words::Word::from_bits(rng.random_range(0..WORDS)));
        code_of(&format!("7-{}-{}", first.as_str(), second.as_str()))
    };
    let mut right = 0;
    for _ in 0..GUESSES {
        let (made, guessed) = (few(rng), few(rng));
        let mut sides = [
            {
                let (handshake, said) = Handshake::new(
                    Door::Code {
                        code: made,
                        ours: true,
                    },
                    card(1),
                    None,
                    rng,
                );
                Side {
                    handshake,
                    said: vec![said],
                    met: None,
                    failed: None,
                }
            },
            {
                let (handshake, said) = Handshake::new(
                    Door::Code {
                        code: guessed,
                        ours: false,
                    },
                    card(2),
                    None,
                    rng,
                );
                Side {
                    handshake,
                    said: vec![said],
                    met: None,
                    failed: None,
                }
            },
        ];
        meet(&mut sides);
        let met = sides[0].met.is_some();
        assert_eq!(met, made == guessed, "seed {seed}");
        right += u32::from(met);
    }
    // 10 expected; a Poisson variable of that mean is out of these bounds once in 10,000 times.
    assert!(
        (1..=24).contains(&right),
        "{right} of {GUESSES}, seed {seed}"
    );
}

fn code_of(text: &str) -> Code {
    text.parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is changed of whichever word: they do not meet, and never with different ideas.
    #[test]
    fn any_change_on_the_way_is_noticed(
        from in 0..2_usize,
        which in 0..4_usize,
        at in any::<proptest::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut sides = [side(secret(1), 1, None), side(secret(1), 2, None)];
        let mut said = [0, 0];
        deliver(&mut sides, |who, text| {
            let number = said[who];
            said[who] += 1;
            if (who, number) != (from, which) {
                return text.to_owned();
            }
            let (kind, mut content) = parcel::unwrap(text).unwrap();
            let at = at.index(content.len());
            content[at] ^= flip;
            parcel::wrap(kind, &content)
        });
        prop_assert!(sides[1 - from].met.is_none());
        prop_assert!(sides[1 - from].failed.is_some());
    }

    #[test]
    fn any_text_is_refused_without_a_panic(
        text in any::<String>(),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        kind in 1..=3_u8,
    ) {
        for text in [text, data_encoding::BASE64URL_NOPAD.encode(&[&[kind], bytes.as_slice()].concat())] {
            let mut anna = side(secret(1), 1, None);
            prop_assert!(anna.handshake.handle(&text).is_err());
        }
    }
}
