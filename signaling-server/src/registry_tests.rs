use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const LIMITS: RegistryLimits = RegistryLimits {
    rooms: 3,
    nameplates: NameplateLimits {
        lifetime: Duration::from_secs(600),
        most: 5,
        most_of_one: 2,
    },
    queue_messages: 10,
    queue_bytes: 10_000,
};
const TIME: u64 = 1_795_000_000;

fn room(name: &str) -> RoomId {
    name.parse().unwrap()
}

fn member(id: u64) -> MemberId {
    MemberId(id)
}

/// The waker is the member itself, so that a test sees who is woken.
fn registry() -> Registry<MemberId> {
    Registry::new(LIMITS)
}

fn connect(registry: &mut Registry<MemberId>, id: u64) -> Result<(), RefusalReason> {
    registry.connect(member(id), TIME, member(id))
}

/// Connects if that was not done before, and enters.
fn join(registry: &mut Registry<MemberId>, id: u64, name: &str) -> Result<(), RefusalReason> {
    if !registry.contains(member(id)) {
        connect(registry, id)?;
    }
    registry.enter(member(id), room(name))
}

fn heard(registry: &mut Registry<MemberId>, id: u64) -> Vec<ServerMessage> {
    std::iter::from_fn(|| match registry.poll_transmit(member(id)) {
        Transmit::Message(text) => Some(ServerMessage::decode(&text).unwrap()),
        Transmit::Idle | Transmit::Gone => None,
    })
    .collect()
}

fn woken(registry: &mut Registry<MemberId>) -> BTreeSet<MemberId> {
    std::iter::from_fn(|| registry.poll_wake()).collect()
}

fn welcome(you: u64) -> ServerMessage {
    ServerMessage::Welcome {
        version: PROTOCOL_VERSION,
        you: member(you),
        time: TIME,
    }
}

fn entered(name: &str, members: &[u64]) -> ServerMessage {
    ServerMessage::Entered {
        room: room(name),
        by: None,
        members: members.iter().copied().map(MemberId).collect(),
    }
}

fn joined(name: &str, id: u64) -> ServerMessage {
    ServerMessage::Joined {
        room: room(name),
        member: member(id),
    }
}

fn left(name: &str, id: u64) -> ServerMessage {
    ServerMessage::Left {
        room: room(name),
        member: member(id),
    }
}

fn relayed(name: &str, from: u64, payload: &str) -> ServerMessage {
    ServerMessage::Relayed {
        room: room(name),
        from: member(from),
        payload: payload.into(),
    }
}

fn relay(registry: &mut Registry<MemberId>, from: u64, name: &str, to: Option<u64>, payload: &str) {
    let to = to.map(MemberId);
    let relayed = registry.relay(member(from), room(name), to, payload.into());
    relayed.unwrap();
}

#[test]
fn newcomers_are_welcomed_and_announced() {
    let mut registry = registry();
    join(&mut registry, 1, "a").unwrap();
    join(&mut registry, 2, "a").unwrap();
    join(&mut registry, 3, "b").unwrap();
    assert_eq!(
        heard(&mut registry, 1),
        [welcome(1), entered("a", &[]), joined("a", 2)]
    );
    assert_eq!(heard(&mut registry, 2), [welcome(2), entered("a", &[1])]);
    assert_eq!(heard(&mut registry, 3), [welcome(3), entered("b", &[])]);
    assert_eq!(
        woken(&mut registry),
        BTreeSet::from([member(1), member(2), member(3)])
    );
    assert_eq!(connect(&mut registry, 1), Err(RefusalReason::BadRequest));
    join(&mut registry, 1, "a").unwrap();
    let again = not_entered("a", RefusalReason::BadRequest);
    assert_eq!(heard(&mut registry, 1), [again]);
}

#[test]
fn one_is_in_several_rooms_at_once_and_leaves_them_one_by_one() {
    let mut registry = registry();
    for (id, name) in [(1, "a"), (1, "b"), (2, "a"), (3, "b")] {
        join(&mut registry, id, name).unwrap();
    }
    for id in 1..=3 {
        heard(&mut registry, id);
    }
    relay(&mut registry, 1, "a", None, "to a");
    relay(&mut registry, 1, "b", Some(3), "to three");
    relay(&mut registry, 1, "b", Some(2), "who is not in b");
    relay(&mut registry, 2, "b", None, "from where it is not");
    assert_eq!(heard(&mut registry, 2), [relayed("a", 1, "to a")]);
    assert_eq!(heard(&mut registry, 3), [relayed("b", 1, "to three")]);
    registry.leave(member(1), &room("a"));
    assert_eq!(heard(&mut registry, 2), [left("a", 1)]);
    relay(&mut registry, 3, "b", None, "still there");
    assert_eq!(heard(&mut registry, 1), [relayed("b", 3, "still there")]);
    registry.disconnect(member(1));
    assert_eq!(heard(&mut registry, 3), [left("b", 1)]);
    assert_eq!(registry.poll_transmit(member(1)), Transmit::Gone);
}

#[test]
fn payloads_reach_the_addressed_in_order_and_nobody_else() {
    let mut registry = registry();
    for (id, name) in [(1, "a"), (2, "a"), (3, "a"), (4, "b")] {
        join(&mut registry, id, name).unwrap();
    }
    for id in 1..=4 {
        heard(&mut registry, id);
    }
    relay(&mut registry, 1, "a", None, "to all");
    relay(&mut registry, 1, "a", Some(2), "to two");
    relay(&mut registry, 1, "a", Some(4), "to another room");
    relay(&mut registry, 1, "a", Some(1), "to itself");
    relay(&mut registry, 9, "a", None, "from nobody");
    assert_eq!(
        heard(&mut registry, 2),
        [relayed("a", 1, "to all"), relayed("a", 1, "to two")]
    );
    assert_eq!(heard(&mut registry, 3), [relayed("a", 1, "to all")]);
    assert_eq!(heard(&mut registry, 1), []);
    assert_eq!(heard(&mut registry, 4), []);
}

fn not_entered(name: &str, reason: RefusalReason) -> ServerMessage {
    ServerMessage::NotEntered {
        room: room(name),
        reason,
    }
}

#[test]
fn the_ninth_is_refused_and_the_eight_hear_nothing_of_it() {
    let mut registry = registry();
    for id in 1..=8 {
        join(&mut registry, id, "a").unwrap();
    }
    heard(&mut registry, 1);
    join(&mut registry, 9, "a").unwrap();
    let full = not_entered("a", RefusalReason::RoomFull);
    assert_eq!(heard(&mut registry, 9), [welcome(9), full]);
    assert_eq!(heard(&mut registry, 1), []);
    registry.disconnect(member(8));
    join(&mut registry, 9, "a").unwrap();
    let there = entered("a", &[1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(heard(&mut registry, 9), [there]);
}

#[test]
fn rooms_are_bounded_and_end_with_their_last_member() {
    let mut registry = registry();
    for (id, name) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        join(&mut registry, id, name).unwrap();
    }
    let full = not_entered("d", RefusalReason::TooManyRooms);
    assert_eq!(heard(&mut registry, 4), [welcome(4), full]);
    join(&mut registry, 4, "a").unwrap();
    assert_eq!(
        heard(&mut registry, 4),
        [entered("a", &[1])],
        "a known room is open"
    );
    registry.disconnect(member(2));
    join(&mut registry, 5, "d").unwrap();
    assert_eq!((registry.room_count(), registry.member_count()), (3, 4));
}

#[test]
fn one_can_be_in_many_rooms_but_not_in_all() {
    let rooms = MAX_ROOMS + 10;
    let mut registry: Registry<()> = Registry::new(RegistryLimits {
        rooms,
        queue_messages: rooms + 10,
        queue_bytes: 10_000_000,
        ..LIMITS
    });
    registry.connect(member(1), TIME, ()).unwrap();
    for index in 0..rooms {
        registry
            .enter(member(1), room(&format!("r{index}")))
            .unwrap();
    }
    assert_eq!(registry.room_count(), MAX_ROOMS);
}

fn allot(registry: &mut Registry<MemberId>, id: u64, name: &str) -> Option<Nameplate> {
    let asked = registry.allot(member(id), room(name), Instant::now(), |below| below / 2);
    asked.unwrap();
    heard(registry, id)
        .into_iter()
        .find_map(|message| match message {
            ServerMessage::Allotted { nameplate, .. } => Some(nameplate),
            _ => None,
        })
}

#[test]
fn a_number_leads_one_into_a_room_whose_name_it_does_not_know() {
    let mut registry = registry();
    join(&mut registry, 1, "secret").unwrap();
    let nameplate = allot(&mut registry, 1, "secret").unwrap();
    for id in 2..=3 {
        connect(&mut registry, id).unwrap();
        heard(&mut registry, id);
        registry
            .claim(member(id), nameplate, Instant::now())
            .unwrap();
    }
    let by_it = ServerMessage::Entered {
        room: room("secret"),
        by: Some(nameplate),
        members: vec![member(1)],
    };
    assert_eq!(heard(&mut registry, 2), [by_it]);
    assert_eq!(
        heard(&mut registry, 3),
        [ServerMessage::NoSuchNameplate { nameplate }]
    );
    assert_eq!(heard(&mut registry, 1), [joined("secret", 2)]);
}

#[test]
fn a_number_is_only_for_a_room_one_is_in_and_while_one_is() {
    let mut registry = registry();
    join(&mut registry, 1, "a").unwrap();
    let elsewhere = registry.allot(member(1), room("b"), Instant::now(), |_| 0);
    assert_eq!(elsewhere, Err(RefusalReason::BadRequest));
    let nameplate = allot(&mut registry, 1, "a").unwrap();
    registry.leave(member(1), &room("a"));
    connect(&mut registry, 2).unwrap();
    registry
        .claim(member(2), nameplate, Instant::now())
        .unwrap();
    let nowhere = ServerMessage::NoSuchNameplate { nameplate };
    assert_eq!(heard(&mut registry, 2), [welcome(2), nowhere]);
}

#[test]
fn a_number_of_a_room_that_is_full_leads_nowhere() {
    let mut registry = registry();
    for id in 1..=8 {
        join(&mut registry, id, "a").unwrap();
    }
    let nameplate = allot(&mut registry, 1, "a").unwrap();
    connect(&mut registry, 9).unwrap();
    registry
        .claim(member(9), nameplate, Instant::now())
        .unwrap();
    let nowhere = ServerMessage::NoSuchNameplate { nameplate };
    assert_eq!(heard(&mut registry, 9), [welcome(9), nowhere]);
}

#[test]
fn who_is_dropped_over_entering_was_never_there() {
    let mut registry = registry();
    join(&mut registry, 1, "a").unwrap();
    join(&mut registry, 2, "b").unwrap();
    heard(&mut registry, 1);
    // What waits for the second now is as much as may.
    for _ in 2..LIMITS.queue_messages {
        registry
            .claim(member(2), "1".parse().unwrap(), Instant::now())
            .unwrap();
    }
    join(&mut registry, 2, "a").unwrap();
    assert!(!registry.contains(member(2)));
    assert_eq!(heard(&mut registry, 1), []);
}

#[test]
fn a_slow_reader_is_dropped_and_the_others_go_on() {
    let mut registry = registry();
    for id in 1..=3 {
        join(&mut registry, id, "a").unwrap();
    }
    heard(&mut registry, 1);
    heard(&mut registry, 3);
    for i in 0..LIMITS.queue_messages {
        relay(&mut registry, 1, "a", None, &i.to_string());
        heard(&mut registry, 3);
        woken(&mut registry);
        if !registry.contains(member(2)) {
            break;
        }
    }
    assert_eq!(registry.poll_transmit(member(2)), Transmit::Gone);
    relay(&mut registry, 1, "a", None, "after");
    assert_eq!(heard(&mut registry, 1), [left("a", 2)]);
    let three = heard(&mut registry, 3);
    assert_eq!(three.last(), Some(&relayed("a", 1, "after")));
}

#[test]
fn bytes_that_wait_are_bounded_too() {
    let mut registry = registry();
    join(&mut registry, 1, "a").unwrap();
    join(&mut registry, 2, "a").unwrap();
    relay(&mut registry, 1, "a", None, &"x".repeat(6_000));
    assert!(registry.contains(member(2)));
    relay(&mut registry, 1, "a", None, &"x".repeat(6_000));
    assert!(!registry.contains(member(2)));
    assert!(woken(&mut registry).contains(&member(2)), "it learns of it");
}

#[test]
fn a_payload_that_grows_over_the_limit_on_its_way_is_refused() {
    let mut registry = registry();
    let long = u64::MAX;
    join(&mut registry, long, "a").unwrap();
    join(&mut registry, 1, "a").unwrap();
    let payload = "x".repeat(twocan_protocol::MAX_MESSAGE_BYTES - 50);
    assert_eq!(
        registry.relay(member(long), room("a"), None, payload),
        Err(RefusalReason::TooBig)
    );
}

#[derive(Debug, Clone)]
enum Step {
    Join(u64, u8),
    Leave(u64, u8),
    Disconnect(u64),
    Relay(u64, u8, Option<u64>),
    Allot(u64, u8),
    Claim(u64, u32),
    Read(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..40_u64, 0..5_u8).prop_map(|(id, room)| Step::Join(id, room)),
        1 => (0..40_u64, 0..5_u8).prop_map(|(id, room)| Step::Leave(id, room)),
        1 => (0..40_u64).prop_map(Step::Disconnect),
        1 => (0..40_u64, 0..5_u8, proptest::option::of(0..40_u64))
            .prop_map(|(id, room, to)| Step::Relay(id, room, to)),
        1 => (0..40_u64, 0..5_u8).prop_map(|(id, room)| Step::Allot(id, room)),
        1 => (0..40_u64, 1..9_u32).prop_map(|(id, number)| Step::Claim(id, number)),
        1 => (0..40_u64).prop_map(Step::Read),
    ]
}

proptest! {
    /// Whatever happens: what a member has read tells it exactly who is in its rooms, and no bound is passed.
    #[test]
    fn everybody_knows_who_is_there(steps in proptest::collection::vec(step(), 0..300)) {
        let mut registry = registry();
        let now = Instant::now();
        let mut drawn = 0;
        let name = |number: u8| format!("room-{number}");
        let mut seen: BTreeMap<u64, BTreeMap<RoomId, BTreeSet<MemberId>>> = BTreeMap::new();
        let mut read = |registry: &mut Registry<MemberId>, id: u64| {
            for message in heard(registry, id) {
                let known = seen.entry(id).or_default();
                match message {
                    ServerMessage::Welcome { .. } => known.clear(),
                    ServerMessage::Entered { room, members, .. } => {
                        known.insert(room, members.into_iter().collect());
                    }
                    ServerMessage::Joined { room, member } => {
                        // What was queued before it left the room itself still comes.
                        if let Some(there) = known.get_mut(&room) {
                            assert!(there.insert(member));
                        }
                    }
                    ServerMessage::Left { room, member } => {
                        if let Some(there) = known.get_mut(&room) {
                            assert!(there.remove(&member));
                        }
                    }
                    ServerMessage::Relayed { room, from, .. } => {
                        assert!(known.get(&room).is_none_or(|there| there.contains(&from)));
                    }
                    ServerMessage::NotEntered { .. }
                    | ServerMessage::Allotted { .. }
                    | ServerMessage::NotAllotted { .. }
                    | ServerMessage::NoSuchNameplate { .. } => {}
                    other => panic!("unexpected: {other:?}"),
                }
            }
            seen.get(&id).cloned().unwrap_or_default()
        };
        for step in steps {
            match step {
                Step::Join(id, number) => drop(join(&mut registry, id, &name(number))),
                Step::Leave(id, number) => {
                    read(&mut registry, id);
                    registry.leave(member(id), &room(&name(number)));
                }
                Step::Disconnect(id) => registry.disconnect(member(id)),
                Step::Relay(id, number, to) => relay(&mut registry, id, &name(number), to, "x"),
                Step::Allot(id, number) => {
                    let _ = registry.allot(member(id), room(&name(number)), now, |_| {
                        drawn = (drawn + 1) % 8;
                        drawn
                    });
                }
                Step::Claim(id, number) => {
                    let _ = registry.claim(member(id), number.try_into().unwrap(), now);
                }
                Step::Read(id) => drop(read(&mut registry, id)),
            }
            while registry.poll_wake().is_some() {}
            prop_assert!(registry.room_count() <= LIMITS.rooms);
        }
        let rooms = registry.rooms.clone();
        for (room, present) in rooms {
            prop_assert!(!present.is_empty() && present.len() <= MAX_MEMBERS);
            for id in &present {
                let mut others: BTreeSet<_> = present.iter().copied().collect();
                others.remove(id);
                prop_assert_eq!(read(&mut registry, id.0).remove(&room), Some(others));
            }
        }
    }
}
