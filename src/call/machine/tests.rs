use super::*;
use proptest::prelude::*;

/// Two calls, a room between them, and connections that do as they are told.
struct Pair {
    now: Instant,
    host: Side,
    guest: Side,
}

struct Side {
    call: Call,
    member: MemberId,
    done: Vec<Output>,
}

impl Side {
    fn new(role: CallRole, id: u64, member: u64, name: &str) -> Self {
        let options = CallOptions::new(role, ParticipantId(id), name.to_owned());
        Self {
            call: Call::new(options),
            member: MemberId(member),
            done: Vec::new(),
        }
    }

    /// Drains the outputs; returns what goes over the server.
    fn drain(&mut self) -> Vec<(MemberId, Message)> {
        let mut sent = Vec::new();
        while let Some(output) = self.call.poll_output() {
            match &output {
                Output::Send { to, message } => sent.push((*to, message.clone())),
                Output::Offer { participant, .. } => {
                    let kind = DescriptionKind::Offer;
                    self.call
                        .handle_local_description(*participant, kind, "offer".into());
                }
                Output::TakeDescription {
                    participant,
                    kind: DescriptionKind::Offer,
                    ..
                } => {
                    let kind = DescriptionKind::Answer;
                    self.call
                        .handle_local_description(*participant, kind, "answer".into());
                }
                Output::TakeDescription { .. }
                | Output::OpenLink { .. }
                | Output::TakeCandidate { .. }
                | Output::CloseLink { .. }
                | Output::Rang { .. }
                | Output::Gone { .. }
                | Output::Joined { .. }
                | Output::Dropped { .. }
                | Output::Back { .. }
                | Output::Ended(_) => {}
            }
            self.done.push(output);
        }
        sent
    }

    fn did(&self, wanted: impl Fn(&Output) -> bool) -> usize {
        self.done.iter().filter(|output| wanted(output)).count()
    }

    fn connection(&mut self, state: ConnectionState, now: Instant) {
        let others: Vec<_> = self.call.participants().keys().copied().collect();
        for other in others {
            self.call.handle_connection(other, state, now);
        }
    }
}

impl Pair {
    fn in_room() -> Self {
        let mut pair = Self {
            now: Instant::now(),
            host: Side::new(CallRole::Host, 1, 10, "Jonas"),
            guest: Side::new(CallRole::Guest, 2, 20, "Maya"),
        };
        pair.host.call.handle_entered(&[]);
        pair.guest.call.handle_entered(&[MemberId(10)]);
        pair.host.call.handle_member_joined(MemberId(20));
        pair.exchange();
        pair
    }

    fn connected() -> Self {
        let mut pair = Self::in_room();
        pair.host.call.handle_ready(pair.now);
        pair.guest.call.handle_ready(pair.now);
        pair.exchange();
        pair.connection(ConnectionState::Connected);
        pair
    }

    fn connection(&mut self, state: ConnectionState) {
        self.host.connection(state, self.now);
        self.guest.connection(state, self.now);
        self.exchange();
    }

    fn exchange(&mut self) {
        loop {
            let (up, down) = (self.host.drain(), self.guest.drain());
            if up.is_empty() && down.is_empty() {
                return;
            }
            for (to, message) in up {
                assert_eq!(to, self.guest.member);
                self.guest
                    .call
                    .handle_message(self.host.member, message, self.now);
            }
            for (to, message) in down {
                assert_eq!(to, self.host.member);
                self.host
                    .call
                    .handle_message(self.guest.member, message, self.now);
            }
        }
    }

    fn advance(&mut self, by: Duration) {
        self.now += by;
        self.host.call.handle_timeout(self.now);
        self.guest.call.handle_timeout(self.now);
        self.exchange();
    }
}

fn is_open(output: &Output) -> bool {
    matches!(output, Output::OpenLink { .. } | Output::Offer { .. })
}

#[test]
fn two_who_are_ready_are_connected_and_only_one_offers() {
    let mut pair = Pair::connected();
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
    assert!(matches!(pair.guest.call.stage(), Stage::Connected { .. }));
    assert_eq!(
        pair.guest
            .did(|output| matches!(output, Output::Offer { .. })),
        1
    );
    assert_eq!(
        pair.host
            .did(|output| matches!(output, Output::Offer { .. })),
        0
    );
    assert_eq!(
        pair.host.call.participants()[&ParticipantId(2)].name,
        "Maya"
    );

    pair.guest.call.handle_hangup(CallEndReason::LocalHangup);
    pair.exchange();
    assert_eq!(
        pair.guest.call.stage(),
        Stage::Ended(CallEndReason::LocalHangup)
    );
    assert_eq!(
        pair.host.call.stage(),
        Stage::Ended(CallEndReason::RemoteHangup)
    );
    assert_eq!(
        pair.host
            .did(|output| matches!(output, Output::CloseLink { .. })),
        1
    );
}

#[test]
fn nothing_starts_until_both_have_said_so() {
    let mut pair = Pair::in_room();
    assert_eq!(
        pair.host
            .did(|output| matches!(output, Output::Rang { .. })),
        1
    );
    pair.guest.call.handle_ready(pair.now);
    pair.exchange();
    assert_eq!(pair.host.did(is_open) + pair.guest.did(is_open), 0);
    assert_eq!(pair.guest.call.stage(), Stage::Waiting);
    pair.host.call.handle_ready(pair.now);
    pair.exchange();
    assert_eq!((pair.host.did(is_open), pair.guest.did(is_open)), (1, 2));
}

#[test]
fn saying_so_between_two_greetings_is_not_lost() {
    for early in [false, true] {
        let mut pair = Pair {
            now: Instant::now(),
            host: Side::new(CallRole::Host, 1, 10, "Jonas"),
            guest: Side::new(CallRole::Guest, 2, 20, "Maya"),
        };
        pair.host.call.handle_entered(&[]);
        pair.guest.call.handle_entered(&[MemberId(10)]);
        pair.host.call.handle_member_joined(MemberId(20));
        // Both greetings are on their way and say that nobody is ready.
        let (first, second) = if early {
            (&mut pair.host, &mut pair.guest)
        } else {
            (&mut pair.guest, &mut pair.host)
        };
        first.call.handle_ready(pair.now);
        second.call.handle_ready(pair.now);
        pair.exchange();
        assert!(matches!(pair.host.call.stage(), Stage::Connecting { .. }));
        assert!(matches!(pair.guest.call.stage(), Stage::Connecting { .. }));
    }
}

#[test]
fn a_host_goes_on_waiting_when_a_guest_looks_in_and_leaves() {
    let mut pair = Pair::in_room();
    pair.guest.call.handle_hangup(CallEndReason::Cancelled);
    pair.exchange();
    assert_eq!(pair.host.call.stage(), Stage::Waiting);
    assert!(pair.host.call.participants().is_empty());
}

#[test]
fn a_dropped_line_is_restarted_by_the_offerer_until_it_is_back() {
    let mut pair = Pair::connected();
    pair.connection(ConnectionState::Disconnected);
    assert!(matches!(pair.host.call.stage(), Stage::Reconnecting { .. }));
    pair.advance(Duration::from_secs(1));
    pair.advance(Duration::from_secs(4));
    let restarts = |side: &Side| {
        side.did(|output| {
            matches!(
                output,
                Output::Offer {
                    ice_restart: true,
                    ..
                }
            )
        })
    };
    assert_eq!((restarts(&pair.guest), restarts(&pair.host)), (2, 0));
    pair.connection(ConnectionState::Connected);
    assert!(matches!(pair.guest.call.stage(), Stage::Connected { .. }));
    assert_eq!(
        pair.host
            .did(|output| matches!(output, Output::Back { .. })),
        1
    );
}

#[test]
fn a_line_that_stays_away_ends_the_call_with_its_reason() {
    let mut pair = Pair::connected();
    pair.connection(ConnectionState::Disconnected);
    pair.advance(Duration::from_secs(31));
    assert_eq!(
        pair.host.call.stage(),
        Stage::Ended(CallEndReason::ConnectionLost)
    );
    assert_eq!(
        pair.guest.call.stage(),
        Stage::Ended(CallEndReason::ConnectionLost)
    );
}

#[test]
fn a_line_that_is_never_found_ends_the_call_with_its_reason() {
    let mut pair = Pair::in_room();
    pair.host.call.handle_ready(pair.now);
    pair.guest.call.handle_ready(pair.now);
    pair.exchange();
    assert_eq!(
        pair.host.call.poll_timeout(),
        Some(pair.now + Duration::from_secs(20))
    );
    pair.advance(Duration::from_secs(20));
    assert_eq!(
        pair.host.call.stage(),
        Stage::Ended(CallEndReason::ConnectionFailed)
    );
}

#[test]
fn a_call_outlives_its_server_and_knows_the_friend_who_comes_back() {
    let mut pair = Pair::connected();
    pair.host.call.handle_member_left(MemberId(20));
    pair.guest.call.handle_server_lost();
    pair.exchange();
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));

    pair.guest.member = MemberId(21);
    pair.guest.call.handle_entered(&[MemberId(10)]);
    pair.host.call.handle_member_joined(MemberId(21));
    pair.exchange();
    assert_eq!(pair.host.call.participants().len(), 1);
    assert_eq!(
        pair.host.call.participants()[&ParticipantId(2)].member,
        Some(MemberId(21))
    );
    assert_eq!(
        pair.host.did(is_open),
        1,
        "the line that stood was not made anew"
    );
}

/// All offers of one side, and how many of these restart ICE.
fn offers(side: &Side) -> (usize, usize) {
    let restart = |output: &Output| {
        matches!(
            output,
            Output::Offer {
                ice_restart: true,
                ..
            }
        )
    };
    let offer = |output: &Output| matches!(output, Output::Offer { .. });
    (side.did(offer), side.did(restart))
}

impl Pair {
    /// Both are ready; what the guest, who offers, and the host say to each other then is lost.
    fn connecting_in_vain() -> Self {
        let mut pair = Self::in_room();
        pair.host.call.handle_ready(pair.now);
        pair.guest.call.handle_ready(pair.now);
        while !pair.host.drain().is_empty() | !pair.guest.drain().is_empty() {
            let ready = Message::Ready;
            pair.host
                .call
                .handle_message(MemberId(20), ready.clone(), pair.now);
            pair.guest
                .call
                .handle_message(MemberId(10), ready, pair.now);
        }
        assert_eq!((offers(&pair.guest), offers(&pair.host)), ((1, 0), (0, 0)));
        pair
    }

    fn guest_is_lost(&mut self) {
        self.host.call.handle_member_left(self.guest.member);
        self.guest.call.handle_server_lost();
    }

    /// As somebody new.
    fn guest_returns(&mut self) {
        self.guest.member = MemberId(self.guest.member.0 + 1);
        self.guest.call.handle_entered(&[self.host.member]);
        self.host.call.handle_member_joined(self.guest.member);
    }

    fn assert_connecting(&self) {
        for side in [&self.host, &self.guest] {
            let stage = side.call.stage();
            assert!(matches!(stage, Stage::Connecting { .. }), "{stage:?}");
        }
    }
}

#[test]
fn who_finds_the_server_again_while_connecting_negotiates_again() {
    for away in [Duration::from_secs(3), Duration::from_secs(5)] {
        let mut pair = Pair::connecting_in_vain();
        pair.guest_is_lost();
        pair.advance(away);
        pair.assert_connecting();
        pair.guest_returns();
        pair.exchange();
        let restarted = away > Duration::from_secs(4);
        assert_eq!(offers(&pair.guest), (2, usize::from(restarted)));
        let answers = |output: &Output| {
            let kind = DescriptionKind::Answer;
            matches!(output, Output::TakeDescription { kind: it, .. } if *it == kind)
        };
        assert_eq!(pair.guest.did(answers), 1);
        // The time to connect begins anew.
        let due = pair.now + Duration::from_secs(20);
        assert_eq!(pair.guest.call.poll_timeout(), Some(due));
        pair.connection(ConnectionState::Connected);
        assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
    }
}

#[test]
fn a_connection_that_failed_while_nobody_could_talk_about_it_begins_anew() {
    let mut pair = Pair::connecting_in_vain();
    pair.guest_is_lost();
    pair.connection(ConnectionState::Failed);
    pair.assert_connecting();
    pair.guest_returns();
    pair.exchange();
    assert_eq!(offers(&pair.guest), (2, 1), "however soon");
}

#[test]
fn a_connection_that_fails_in_a_second_blip_begins_anew_however_soon_they_return() {
    let mut pair = Pair::connecting_in_vain();
    pair.guest_is_lost();
    pair.advance(Duration::from_secs(3));
    pair.guest_returns();
    pair.exchange();
    assert_eq!(offers(&pair.guest), (2, 0));
    pair.guest_is_lost();
    pair.advance(Duration::from_millis(500));
    pair.connection(ConnectionState::Failed);
    pair.advance(Duration::from_secs(1));
    pair.guest_returns();
    pair.exchange();
    assert_eq!(offers(&pair.guest), (3, 1));
    // And one that has not failed is no longer waited for, though it was offered anew just now.
    pair.guest_is_lost();
    pair.advance(Duration::from_secs(1));
    pair.guest_returns();
    pair.exchange();
    assert_eq!(offers(&pair.guest), (4, 2));
}

#[test]
fn a_connection_that_fails_when_it_is_talked_about_anew_already_ends_nothing() {
    let mut pair = Pair::connecting_in_vain();
    pair.guest_is_lost();
    pair.advance(Duration::from_secs(5));
    pair.guest_returns();
    let (up, down) = (pair.host.drain(), pair.guest.drain());
    // Their greetings arrive, and before anything else does, both give up what they tried before.
    for (_, hello) in up {
        pair.guest
            .call
            .handle_message(pair.host.member, hello, pair.now);
    }
    for (_, hello) in down {
        pair.host
            .call
            .handle_message(pair.guest.member, hello, pair.now);
    }
    pair.connection(ConnectionState::Failed);
    pair.assert_connecting();
    assert_eq!(offers(&pair.guest), (2, 1));
    // Should the new one stay away as well, it is tried again, but not before it had its time.
    pair.advance(Duration::from_millis(3_999));
    assert_eq!(offers(&pair.guest), (2, 1));
    pair.advance(Duration::from_millis(1));
    assert_eq!(offers(&pair.guest), (3, 2));
    pair.advance(Duration::from_secs(16));
    for side in [&pair.host, &pair.guest] {
        let ended = Stage::Ended(CallEndReason::ConnectionFailed);
        assert_eq!(side.call.stage(), ended);
    }
}

#[test]
fn a_connection_that_fails_undisturbed_ends_the_call_at_once() {
    let mut pair = Pair::connecting_in_vain();
    pair.connection(ConnectionState::Failed);
    for side in [&pair.host, &pair.guest] {
        let ended = Stage::Ended(CallEndReason::ConnectionFailed);
        assert_eq!(side.call.stage(), ended);
    }
}

#[test]
fn a_connection_that_fails_without_hope_for_the_server_ends_the_call_at_once() {
    let ended = Stage::Ended(CallEndReason::ConnectionFailed);
    for failed_first in [true, false] {
        let mut pair = Pair::connecting_in_vain();
        let guest = &mut pair.guest;
        guest.call.handle_server_lost();
        if failed_first {
            guest.connection(ConnectionState::Failed, pair.now);
        }
        assert!(matches!(guest.call.stage(), Stage::Connecting { .. }));
        guest.call.handle_refused(CallEndReason::ServerUnreachable);
        if !failed_first {
            assert!(matches!(guest.call.stage(), Stage::Connecting { .. }));
            guest.connection(ConnectionState::Failed, pair.now);
        }
        assert_eq!(guest.call.stage(), ended);
    }
}

#[test]
fn greetings_without_end_bring_an_offer_a_second_and_no_more_than_twice_the_time() {
    let mut pair = Pair::connecting_in_vain();
    let (began, guest) = (pair.now, &mut pair.guest);
    let mut number = 0;
    while matches!(guest.call.stage(), Stage::Connecting { .. }) {
        // Two memberships of one who has the invite take turns.
        let hello = Message::Hello {
            version: CALL_VERSION,
            session: ParticipantId(1),
            name: "Jonas".into(),
            ready: true,
        };
        let member = MemberId(30 + number % 2);
        guest.call.handle_message(member, hello, pair.now);
        guest.drain();
        number += 1;
        pair.now += Duration::from_millis(10);
        guest.call.handle_timeout(pair.now);
        guest.drain();
        assert!(number < 10_000, "without end");
    }
    assert_eq!(pair.now - began, Duration::from_secs(40));
    // The first, and one anew each second.
    assert_eq!(offers(guest).0, 41);
    assert_eq!(
        guest.call.stage(),
        Stage::Ended(CallEndReason::ConnectionFailed)
    );
}

#[test]
fn greetings_without_end_restart_a_dropped_line_once_a_second() {
    let mut pair = Pair::connected();
    pair.connection(ConnectionState::Disconnected);
    let before = offers(&pair.guest).1;
    for number in 0..500 {
        let hello = Message::Hello {
            version: CALL_VERSION,
            session: ParticipantId(1),
            name: "Jonas".into(),
            ready: true,
        };
        let member = MemberId(30 + number % 2);
        pair.guest.call.handle_message(member, hello, pair.now);
        pair.guest.drain();
        pair.now += Duration::from_millis(10);
        pair.guest.call.handle_timeout(pair.now);
        pair.guest.drain();
    }
    let restarts = offers(&pair.guest).1 - before;
    assert!((5..=6).contains(&restarts), "{restarts} in five seconds");
}

#[test]
fn who_left_while_the_server_was_away_is_gone() {
    let mut pair = Pair::in_room();
    pair.host.call.handle_server_lost();
    pair.host.call.handle_entered(&[]);
    let gone = |output: &Output| matches!(output, Output::Gone { .. });
    pair.host.drain();
    assert_eq!(pair.host.did(gone), 1);
    assert!(pair.host.call.participants().is_empty());
    // Who stayed is still known, without ringing anew.
    let mut pair = Pair::in_room();
    pair.host.call.handle_server_lost();
    pair.host.call.handle_entered(&[MemberId(20)]);
    pair.exchange();
    assert_eq!(pair.host.did(gone), 0);
    assert_eq!(
        pair.host
            .did(|output| matches!(output, Output::Rang { .. })),
        1
    );
}

#[test]
fn a_third_is_told_that_the_two_are_busy() {
    let hello = |ready| Message::Hello {
        version: CALL_VERSION,
        session: ParticipantId(9),
        name: "Tom".into(),
        ready,
    };
    let busy = (MemberId(30), Message::Busy);
    // Who looks in during the call.
    let mut pair = Pair::connected();
    pair.host
        .call
        .handle_message(MemberId(30), hello(true), pair.now);
    assert_eq!(pair.host.drain(), std::slice::from_ref(&busy));
    assert_eq!(pair.host.call.participants().len(), 1);
    // Who waited beside the friend when the call began.
    let mut pair = Pair::in_room();
    pair.host
        .call
        .handle_message(MemberId(30), hello(false), pair.now);
    pair.host.call.handle_ready(pair.now);
    pair.guest.call.handle_ready(pair.now);
    pair.host.drain();
    pair.host
        .call
        .handle_message(MemberId(20), Message::Ready, pair.now);
    assert!(pair.host.drain().contains(&busy));
    assert_eq!(pair.host.call.participants().len(), 1);
    // And what becomes of them.
    let mut third = Side::new(CallRole::Guest, 9, 30, "Tom");
    third.call.handle_entered(&[MemberId(10)]);
    let host = Message::Hello {
        version: CALL_VERSION,
        session: ParticipantId(1),
        name: "Jonas".into(),
        ready: true,
    };
    third.call.handle_message(MemberId(10), host, pair.now);
    third
        .call
        .handle_message(MemberId(10), Message::Busy, pair.now);
    assert_eq!(third.call.stage(), Stage::Ended(CallEndReason::RemoteBusy));
}

#[test]
fn a_foreign_version_is_told_apart_from_a_failure() {
    let mut pair = Pair::in_room();
    let hello = Message::Hello {
        version: CALL_VERSION + 1,
        session: ParticipantId(9),
        name: "Old".into(),
        ready: true,
    };
    let mut lonely = Side::new(CallRole::Guest, 3, 30, "Tom");
    lonely.call.handle_entered(&[MemberId(9)]);
    lonely
        .call
        .handle_message(MemberId(9), hello.clone(), pair.now);
    assert_eq!(
        lonely.call.stage(),
        Stage::Ended(CallEndReason::RemoteVersion)
    );
    // A call that stands does not end because a stranger looks in.
    pair.host.call.handle_ready(pair.now);
    pair.guest.call.handle_ready(pair.now);
    pair.exchange();
    pair.connection(ConnectionState::Connected);
    pair.host.call.handle_message(MemberId(9), hello, pair.now);
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
}

fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (0_u64..4, any::<bool>(), 0_u32..3).prop_map(|(id, ready, version)| Message::Hello {
            version,
            session: ParticipantId(id),
            name: String::new(),
            ready
        }),
        Just(Message::Ready),
        Just(Message::Bye),
        any::<bool>().prop_map(|offer| Message::Description {
            kind: if offer {
                DescriptionKind::Offer
            } else {
                DescriptionKind::Answer
            },
            sdp: "v=0".into()
        }),
        Just(Message::Candidate {
            candidate: IceCandidate {
                candidate: "candidate:1".into(),
                sdp_mid: None,
                sdp_m_line_index: Some(0)
            }
        }),
    ]
}

proptest! {
    /// Whatever strangers send, and in whatever order: before this person says so there is no
    /// connection, hence no media and no address told.
    #[test]
    fn no_message_order_opens_a_line_before_the_person_says_so(
        messages in proptest::collection::vec((0_u64..4, any_message()), 0..40)
    ) {
        let now = Instant::now();
        let mut side = Side::new(CallRole::Host, 100, 10, "Jonas");
        side.call.handle_entered(&[]);
        for (member, message) in messages {
            side.call.handle_member_joined(MemberId(member));
            side.call.handle_message(MemberId(member), message, now);
            side.call.handle_timeout(now);
        }
        side.drain();
        prop_assert_eq!(side.did(is_open), 0);
        let tells_address = side.did(|output| matches!(
            output,
            Output::Send { message: Message::Description { .. } | Message::Candidate { .. }, .. }
        ));
        prop_assert_eq!(tells_address, 0);
        prop_assert!(side.call.participants().len() < MAX_MEMBERS);
    }
}
