use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const LIMITS: RegistryLimits = RegistryLimits {
    rooms: 3,
    queue_messages: 10,
    queue_bytes: 10_000,
};

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

fn join(registry: &mut Registry<MemberId>, id: u64, name: &str) -> Result<(), RefusalReason> {
    registry.join(member(id), room(name), member(id))
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

fn welcome(you: u64, members: &[u64]) -> ServerMessage {
    ServerMessage::Welcome {
        version: PROTOCOL_VERSION,
        you: member(you),
        members: members.iter().copied().map(MemberId).collect(),
    }
}

fn relayed(from: u64, payload: &str) -> ServerMessage {
    ServerMessage::Relayed {
        from: member(from),
        payload: payload.into(),
    }
}

#[test]
fn newcomers_are_welcomed_and_announced() {
    let mut registry = registry();
    join(&mut registry, 1, "a").unwrap();
    join(&mut registry, 2, "a").unwrap();
    join(&mut registry, 3, "b").unwrap();
    assert_eq!(
        heard(&mut registry, 1),
        [welcome(1, &[]), ServerMessage::Joined { member: member(2) }]
    );
    assert_eq!(heard(&mut registry, 2), [welcome(2, &[1])]);
    assert_eq!(heard(&mut registry, 3), [welcome(3, &[])]);
    assert_eq!(
        woken(&mut registry),
        BTreeSet::from([member(1), member(2), member(3)])
    );
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
    registry.relay(member(1), None, "to all".into()).unwrap();
    registry
        .relay(member(1), Some(member(2)), "to two".into())
        .unwrap();
    registry
        .relay(member(1), Some(member(4)), "to another room".into())
        .unwrap();
    registry
        .relay(member(1), Some(member(1)), "to itself".into())
        .unwrap();
    registry
        .relay(member(9), None, "from nobody".into())
        .unwrap();
    assert_eq!(
        heard(&mut registry, 2),
        [relayed(1, "to all"), relayed(1, "to two")]
    );
    assert_eq!(heard(&mut registry, 3), [relayed(1, "to all")]);
    assert_eq!(heard(&mut registry, 1), []);
    assert_eq!(heard(&mut registry, 4), []);
}

#[test]
fn the_ninth_is_refused_and_the_eight_hear_nothing_of_it() {
    let mut registry = registry();
    for id in 1..=8 {
        join(&mut registry, id, "a").unwrap();
    }
    heard(&mut registry, 1);
    assert_eq!(join(&mut registry, 9, "a"), Err(RefusalReason::RoomFull));
    assert_eq!(heard(&mut registry, 1), []);
    registry.leave(member(8));
    assert_eq!(join(&mut registry, 9, "a"), Ok(()));
}

#[test]
fn rooms_are_bounded_and_end_with_their_last_member() {
    let mut registry = registry();
    for (id, name) in [(1, "a"), (2, "b"), (3, "c")] {
        join(&mut registry, id, name).unwrap();
    }
    assert_eq!(
        join(&mut registry, 4, "d"),
        Err(RefusalReason::TooManyRooms)
    );
    assert_eq!(join(&mut registry, 4, "a"), Ok(()), "a known room is open");
    registry.leave(member(2));
    assert_eq!(join(&mut registry, 5, "d"), Ok(()));
    assert_eq!((registry.room_count(), registry.member_count()), (3, 4));
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
        registry.relay(member(1), None, i.to_string()).unwrap();
        heard(&mut registry, 3);
        woken(&mut registry);
        if !registry.contains(member(2)) {
            break;
        }
    }
    assert_eq!(registry.poll_transmit(member(2)), Transmit::Gone);
    registry.relay(member(1), None, "after".into()).unwrap();
    let left = ServerMessage::Left { member: member(2) };
    assert_eq!(heard(&mut registry, 1), [left]);
    let three = heard(&mut registry, 3);
    assert_eq!(three.last(), Some(&relayed(1, "after")));
}

#[test]
fn bytes_that_wait_are_bounded_too() {
    let mut registry = registry();
    join(&mut registry, 1, "a").unwrap();
    join(&mut registry, 2, "a").unwrap();
    registry.relay(member(1), None, "x".repeat(6_000)).unwrap();
    assert!(registry.contains(member(2)));
    registry.relay(member(1), None, "x".repeat(6_000)).unwrap();
    assert!(!registry.contains(member(2)));
    assert!(woken(&mut registry).contains(&member(2)), "it learns of it");
}

#[test]
fn a_payload_that_grows_over_the_limit_on_its_way_is_refused() {
    let mut registry = registry();
    let long = u64::MAX;
    join(&mut registry, long, "a").unwrap();
    join(&mut registry, 1, "a").unwrap();
    let payload = "x".repeat(twocan_protocol::MAX_MESSAGE_BYTES - 40);
    assert_eq!(
        registry.relay(member(long), None, payload),
        Err(RefusalReason::TooBig)
    );
}

#[derive(Debug, Clone)]
enum Step {
    Join(u64, u8),
    Leave(u64),
    Relay(u64, Option<u64>),
    Read(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..40_u64, 0..5_u8).prop_map(|(id, room)| Step::Join(id, room)),
        (0..40_u64).prop_map(Step::Leave),
        (0..40_u64, proptest::option::of(0..40_u64)).prop_map(|(id, to)| Step::Relay(id, to)),
        (0..40_u64).prop_map(Step::Read),
    ]
}

proptest! {
    /// Whatever happens: what a member has read tells it exactly who is in its room, and no bound is passed.
    #[test]
    fn everybody_knows_who_is_there(steps in proptest::collection::vec(step(), 0..300)) {
        let mut registry = registry();
        let mut seen: BTreeMap<u64, BTreeSet<MemberId>> = BTreeMap::new();
        let mut read = |registry: &mut Registry<MemberId>, id: u64| {
            for message in heard(registry, id) {
                let known = seen.entry(id).or_default();
                match message {
                    ServerMessage::Welcome { members, .. } => *known = members.into_iter().collect(),
                    ServerMessage::Joined { member } => assert!(known.insert(member)),
                    ServerMessage::Left { member } => assert!(known.remove(&member)),
                    ServerMessage::Relayed { from, .. } => assert!(known.contains(&from)),
                    other => panic!("unexpected: {other:?}"),
                }
            }
            seen.get(&id).cloned().unwrap_or_default()
        };
        for step in steps {
            match step {
                Step::Join(id, name) => drop(join(&mut registry, id, &format!("room-{name}"))),
                Step::Leave(id) => registry.leave(member(id)),
                Step::Relay(id, to) => registry.relay(member(id), to.map(MemberId), "x".into()).unwrap(),
                Step::Read(id) => drop(read(&mut registry, id)),
            }
            while registry.poll_wake().is_some() {}
            prop_assert!(registry.room_count() <= LIMITS.rooms);
        }
        let rooms = registry.rooms.clone();
        for present in rooms.values() {
            prop_assert!(!present.is_empty() && present.len() <= MAX_MEMBERS);
            for id in present {
                let mut others: BTreeSet<_> = present.iter().copied().collect();
                others.remove(id);
                prop_assert_eq!(read(&mut registry, id.0), others);
            }
        }
    }
}
