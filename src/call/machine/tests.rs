use super::*;
use crate::trust::{Fingerprint, Identity, Portrait, SafetyPhrase};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Two calls, a room between them, and connections that do as they are told.
struct Pair {
    now: Instant,
    host: Side,
    guest: Side,
}

struct Side {
    call: Call,
    member: MemberId,
    /// As others meet them.
    person: Person,
    done: Vec<Output>,
}

fn person(seed: u64, name: &str) -> Person {
    Person {
        identity: Identity::new(&mut StdRng::seed_from_u64(seed)).public(),
        name: name.to_owned(),
        fingerprint: Fingerprint::new([seed as u8; 32]),
        phrase: SafetyPhrase::of(&[seed as u8]),
    }
}

/// The same person, at a device that has another certificate.
fn other_device_of(person: &Person) -> Person {
    Person {
        fingerprint: Fingerprint::new([99; 32]),
        ..person.clone()
    }
}

fn hello(session: u64, part: Part, ready: bool) -> Message {
    Message::Hello {
        version: CALL_VERSION,
        session: ParticipantId(session),
        part,
        ready,
    }
}

/// A description by somebody with the certificate of this person.
fn sdp(person: &Person) -> String {
    format!("v=0\r\na=fingerprint:sha-256 {}\r\n", person.fingerprint)
}

fn candidate() -> IceCandidate {
    IceCandidate {
        candidate: "candidate:1".into(),
        sdp_mid: None,
        sdp_m_line_index: Some(0),
    }
}

impl Side {
    fn new(options: CallOptions, member: u64, name: &str) -> Self {
        Self {
            person: person(options.me.0, name),
            call: Call::new(options),
            member: MemberId(member),
            done: Vec::new(),
        }
    }

    /// Jonas, who made a link and waits.
    fn host(answer: Answer) -> Self {
        let options = CallOptions::new(CallRole::Host, ParticipantId(1));
        Self::new(CallOptions { answer, ..options }, 10, "Jonas")
    }

    /// Maya, who has the link and rings.
    fn guest() -> Self {
        let options = CallOptions::new(CallRole::Guest, ParticipantId(2));
        Self::new(options, 20, "Maya")
    }

    /// Tom's device, which Maya rings.
    fn rung(now: Instant) -> Self {
        let options = CallOptions::new(CallRole::Host, ParticipantId(3));
        let part = Part::IsRung;
        let mut side = Self::new(CallOptions { part, ..options }, 30, "Tom");
        let maya = MemberId(20);
        side.call.handle_entered(&[maya]);
        side.call.handle_met(maya, person(2, "Maya"));
        let rings = hello(2, Part::Rings, true);
        side.call.handle_message(maya, rings, now);
        side.drain();
        side
    }

    /// Drains the outputs; returns what goes over the server.
    fn drain(&mut self) -> Vec<(MemberId, Message)> {
        let mut sent = Vec::new();
        while let Some(output) = self.call.poll_output() {
            match &output {
                Output::Send { to, message } => sent.push((*to, message.clone())),
                Output::Do(Action::Offer { participant, .. }) => {
                    self.describe(*participant, DescriptionKind::Offer);
                }
                Output::Do(Action::TakeDescription {
                    participant,
                    kind: DescriptionKind::Offer,
                    ..
                }) => self.describe(*participant, DescriptionKind::Answer),
                Output::Do(
                    Action::TakeDescription { .. }
                    | Action::OpenLink { .. }
                    | Action::TakeCandidate { .. }
                    | Action::CloseLink { .. }
                    | Action::Rang { .. }
                    | Action::Gone { .. }
                    | Action::Portrait { .. }
                    | Action::Joined { .. }
                    | Action::Dropped { .. }
                    | Action::Back { .. }
                    | Action::Ended(_),
                ) => {}
            }
            self.done.push(output);
        }
        sent
    }

    fn describe(&mut self, to: ParticipantId, kind: DescriptionKind) {
        let sdp = sdp(&self.person);
        self.call.handle_local_description(to, kind, sdp);
    }

    fn did(&self, wanted: impl Fn(&Action) -> bool) -> usize {
        let wanted = |output: &&Output| match output {
            Output::Do(action) => wanted(action),
            Output::Send { .. } => false,
        };
        self.done.iter().filter(wanted).count()
    }

    fn said(&self, wanted: impl Fn(&Message) -> bool) -> usize {
        let wanted = |output: &&Output| match output {
            Output::Send { message, .. } => wanted(message),
            Output::Do(_) => false,
        };
        self.done.iter().filter(wanted).count()
    }

    /// A connection to this participant, should there be one, found where this side is; how often
    /// that was told to anybody.
    fn tells_where_it_is(&mut self, participant: u64) -> usize {
        let before = self.said(tells_address);
        let participant = ParticipantId(participant);
        self.call.handle_local_candidate(participant, candidate());
        self.describe(participant, DescriptionKind::Offer);
        self.describe(participant, DescriptionKind::Answer);
        self.drain();
        self.said(tells_address) - before
    }

    fn connection(&mut self, state: ConnectionState, now: Instant) {
        let others: Vec<_> = self.call.participants().keys().copied().collect();
        for other in others {
            self.call.handle_connection(other, state, now);
        }
    }
}

impl Pair {
    /// Both have met, and their greetings are on their way.
    fn greeting(host: Side, guest: Side) -> Self {
        let mut pair = Self {
            now: Instant::now(),
            host,
            guest,
        };
        pair.host.call.handle_entered(&[]);
        pair.guest.call.handle_entered(&[pair.host.member]);
        pair.meet();
        pair
    }

    fn of(host: Side, guest: Side) -> Self {
        let mut pair = Self::greeting(host, guest);
        pair.exchange();
        pair
    }

    fn in_room() -> Self {
        Self::of(Side::host(Answer::Everybody), Side::guest())
    }

    /// The guest rings, and the host has not been asked yet.
    fn ringing() -> Self {
        let mut pair = Self::of(Side::host(Answer::Asked), Side::guest());
        pair.both_are_ready();
        pair
    }

    /// And so does somebody else, who is member 30.
    fn rung_by_a_second(second: Person) -> Self {
        let mut pair = Self::ringing();
        let (host, member) = (&mut pair.host, MemberId(30));
        host.call.handle_met(member, second);
        let rings = hello(9, Part::Rings, true);
        host.call.handle_message(member, rings, pair.now);
        host.drain();
        pair
    }

    fn connected() -> Self {
        let mut pair = Self::in_room();
        pair.both_are_ready();
        pair.connection(ConnectionState::Connected);
        pair
    }

    /// They show each other who they are.
    fn meet(&mut self) {
        let (host, guest) = (&mut self.host, &mut self.guest);
        host.call.handle_met(guest.member, guest.person.clone());
        guest.call.handle_met(host.member, host.person.clone());
    }

    fn both_are_ready(&mut self) {
        self.host.call.handle_ready(self.now);
        self.guest.call.handle_ready(self.now);
        self.exchange();
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

fn is_open(action: &Action) -> bool {
    matches!(action, Action::OpenLink { .. } | Action::Offer { .. })
}

fn rang(action: &Action) -> bool {
    matches!(action, Action::Rang { .. })
}

fn gone(action: &Action) -> bool {
    matches!(action, Action::Gone { .. })
}

fn tells_address(message: &Message) -> bool {
    matches!(
        message,
        Message::Description { .. } | Message::Candidate { .. }
    )
}

#[test]
fn two_who_are_ready_are_connected_and_only_one_offers() {
    let mut pair = Pair::connected();
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
    assert!(matches!(pair.guest.call.stage(), Stage::Connected { .. }));
    assert_eq!(
        pair.guest
            .did(|action| matches!(action, Action::Offer { .. })),
        1
    );
    assert_eq!(
        pair.host
            .did(|action| matches!(action, Action::Offer { .. })),
        0
    );
    assert_eq!(
        pair.host.call.participants()[&ParticipantId(2)].person.name,
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
            .did(|action| matches!(action, Action::CloseLink { .. })),
        1
    );
}

#[test]
fn nothing_starts_until_both_have_said_so() {
    let mut pair = Pair::in_room();
    // Who has not decided yet rings nobody.
    assert_eq!(pair.host.did(rang), 0);
    pair.guest.call.handle_ready(pair.now);
    pair.exchange();
    assert_eq!(pair.host.did(rang), 1);
    assert_eq!(pair.host.did(is_open) + pair.guest.did(is_open), 0);
    assert_eq!(pair.guest.call.stage(), Stage::Waiting);
    pair.host.call.handle_ready(pair.now);
    pair.exchange();
    assert_eq!((pair.host.did(is_open), pair.guest.did(is_open)), (1, 2));
}

#[test]
fn saying_so_between_two_greetings_is_not_lost() {
    for early in [false, true] {
        let mut pair = Pair::greeting(Side::host(Answer::Everybody), Side::guest());
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
fn who_rings_and_is_accepted_is_connected() {
    let mut pair = Pair::ringing();
    pair.host.call.handle_accept(ParticipantId(2), pair.now);
    pair.exchange();
    assert_eq!((pair.host.did(is_open), pair.guest.did(is_open)), (1, 2));
    pair.connection(ConnectionState::Connected);
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
    assert!(matches!(pair.guest.call.stage(), Stage::Connected { .. }));
}

#[test]
fn who_is_accepted_before_they_ring_is_waited_for() {
    let mut pair = Pair::of(Side::host(Answer::Asked), Side::guest());
    pair.host.call.handle_accept(ParticipantId(2), pair.now);
    pair.exchange();
    assert_eq!(pair.host.did(is_open) + pair.guest.did(is_open), 0);
    pair.guest.call.handle_ready(pair.now);
    pair.exchange();
    assert_eq!((pair.host.did(is_open), pair.guest.did(is_open)), (1, 2));
}

fn shows_portrait(message: &Message) -> bool {
    matches!(message, Message::Portrait { .. })
}

/// What is said to who is accepted by somebody without a portrait.
fn accepted(member: MemberId) -> [(MemberId, Message); 2] {
    let faceless = Message::Portrait { portrait: None };
    [(member, Message::Ready), (member, faceless)]
}

fn took_portrait(action: &Action) -> bool {
    matches!(action, Action::Portrait { .. })
}

/// Maya is about to ring Jonas, and both have a portrait: first his, then hers.
fn with_portraits() -> (Pair, Portrait, Portrait) {
    let jonas = Portrait::plain([200, 30, 40]);
    let maya = Portrait::plain([20, 60, 190]);
    let mut host = Side::host(Answer::Asked);
    host.call.options.portrait = Some(jonas.clone());
    let mut guest = Side::guest();
    guest.call.options.portrait = Some(maya.clone());
    (Pair::of(host, guest), jonas, maya)
}

#[test]
fn who_says_that_the_call_may_start_is_seen_and_nobody_is_before() {
    let (mut pair, jonas, maya) = with_portraits();
    // Both are there, and neither has said anything.
    assert_eq!(pair.host.said(shows_portrait), 0);
    assert_eq!(pair.guest.said(shows_portrait), 0);
    pair.both_are_ready();
    // She rings and is seen; he is only there.
    let seen = |side: &Side, who| {
        let known = &side.call.participants()[&ParticipantId(who)];
        known.portrait.clone()
    };
    assert_eq!(seen(&pair.host, 2), Some(maya));
    assert_eq!(pair.host.did(took_portrait), 1);
    assert_eq!(pair.host.said(shows_portrait), 0);
    assert_eq!(seen(&pair.guest, 1), None);
    pair.host.call.handle_accept(ParticipantId(2), pair.now);
    pair.exchange();
    assert_eq!(seen(&pair.guest, 1), Some(jonas));
    assert_eq!(pair.guest.did(took_portrait), 1);
    for side in [&pair.host, &pair.guest] {
        assert_eq!(side.said(shows_portrait), 1, "once is enough");
    }
}

#[test]
fn who_is_declined_or_is_not_rung_does_not_see_us() {
    let (mut pair, _, _) = with_portraits();
    pair.both_are_ready();
    pair.host.call.handle_decline(ParticipantId(2));
    pair.host.drain();
    assert_eq!(pair.host.said(shows_portrait), 0);
    // Another guest of the same link, who is in the room as well.
    let (mut pair, _, _) = with_portraits();
    let member = MemberId(30);
    pair.guest.call.handle_ready(pair.now);
    pair.guest.call.handle_met(member, person(9, "Tom"));
    let rings = hello(9, Part::Rings, true);
    pair.guest.call.handle_message(member, rings, pair.now);
    let to_tom = |(to, message): &(MemberId, Message)| *to == member && shows_portrait(message);
    assert!(!pair.guest.drain().iter().any(to_tom));
}

#[test]
fn who_is_met_anew_sees_us_anew() {
    let (mut pair, _, _) = with_portraits();
    pair.both_are_ready();
    pair.guest_is_lost();
    pair.guest_returns();
    pair.exchange();
    assert_eq!(pair.guest.said(shows_portrait), 2);
    let maya = &pair.host.call.participants()[&ParticipantId(2)];
    assert!(maya.portrait.is_some());
}

#[test]
fn who_shows_no_portrait_says_so() {
    let (mut pair, _, _) = with_portraits();
    pair.guest.call.set_portrait(None);
    pair.both_are_ready();
    let maya = &pair.host.call.participants()[&ParticipantId(2)];
    assert_eq!(maya.portrait, None);
    // Whoever kept one of her forgets it now.
    assert_eq!(pair.host.did(took_portrait), 1);
    pair.guest
        .call
        .set_portrait(Some(Portrait::plain([1, 2, 3])));
    pair.guest_is_lost();
    pair.guest_returns();
    pair.exchange();
    let maya = &pair.host.call.participants()[&ParticipantId(2)];
    assert!(maya.portrait.is_some());
}

#[test]
fn the_latest_portrait_counts_and_there_is_an_end_of_them() {
    let mut pair = Pair::ringing();
    let host = &mut pair.host;
    for number in 0..100_u8 {
        let portrait = Portrait::plain([2 * number, 60, 190]);
        for _ in 0..2 {
            let portrait = Some(portrait.clone());
            let shown = Message::Portrait { portrait };
            host.call.handle_message(MemberId(20), shown, pair.now);
        }
        host.drain();
        let maya = &host.call.participants()[&ParticipantId(2)];
        let is_seen = maya.portrait.as_ref() == Some(&portrait);
        let news = host.did(took_portrait);
        let expected = match number {
            // The first was that she had none.
            0..7 => (true, usize::from(number) + 2),
            _ => (false, 8),
        };
        assert_eq!((is_seen, news), expected);
    }
}

#[test]
fn a_ring_that_nobody_accepts_opens_no_line_and_tells_no_address_on_either_side() {
    let mut pair = Pair::ringing();
    assert_eq!(pair.host.did(rang), 1);
    assert!(pair.host.call.is_ready() && pair.guest.call.is_ready());
    for (side, other) in [(&mut pair.host, 2), (&mut pair.guest, 1)] {
        assert_eq!(side.call.participants().len(), 1);
        assert_eq!(side.did(is_open), 0);
        assert_eq!(side.tells_where_it_is(other), 0);
        assert_eq!(side.said(tells_address), 0);
        assert_eq!(side.call.stage(), Stage::Waiting);
    }
}

#[test]
fn a_ring_that_nobody_accepts_ends_for_the_caller_while_the_host_goes_on_waiting() {
    let mut pair = Pair::ringing();
    let due = pair.now + Duration::from_secs(60);
    assert_eq!(pair.guest.call.poll_timeout(), Some(due));
    assert_eq!(pair.host.call.poll_timeout(), Some(due + LATE));
    pair.advance(Duration::from_millis(59_999));
    assert_eq!(pair.guest.call.stage(), Stage::Waiting);
    pair.advance(Duration::from_millis(1));
    let ended = Stage::Ended(CallEndReason::NoAnswer);
    assert_eq!(pair.guest.call.stage(), ended);
    assert_eq!(pair.host.call.stage(), Stage::Waiting);
    assert_eq!(pair.host.did(gone), 1);
    assert!(pair.host.call.participants().is_empty());
    assert_eq!(pair.host.call.poll_timeout(), None);
}

#[test]
fn who_is_rung_and_does_not_answer_has_missed_the_call() {
    let now = Instant::now();
    let mut tom = Side::rung(now);
    let due = now + Duration::from_secs(60) + LATE;
    assert_eq!(tom.call.poll_timeout(), Some(due));
    tom.call.handle_timeout(due);
    assert_eq!(tom.call.stage(), Stage::Ended(CallEndReason::NoAnswer));
    tom.drain();
    assert_eq!(tom.did(is_open), 0);
}

#[test]
fn accepting_one_of_two_who_ring_turns_the_other_away_as_busy() {
    let mut pair = Pair::rung_by_a_second(person(9, "Tom"));
    assert_eq!(pair.host.did(rang), 2);
    pair.host.call.handle_accept(ParticipantId(2), pair.now);
    let busy = (MemberId(30), Message::Busy);
    let [ready, faceless] = accepted(MemberId(20));
    assert_eq!(pair.host.drain(), [ready, faceless, busy]);
    assert_eq!(pair.host.did(gone), 1);
    let left: Vec<_> = pair.host.call.participants().keys().collect();
    assert_eq!(left, [&ParticipantId(2)]);
}

#[test]
fn another_device_of_who_is_accepted_is_told_that_it_was_answered_elsewhere() {
    let phone = other_device_of(&person(2, "Maya"));
    let elsewhere = (MemberId(30), Message::Elsewhere);
    // That rang as well.
    let mut pair = Pair::rung_by_a_second(phone.clone());
    pair.host.call.handle_accept(ParticipantId(2), pair.now);
    let [ready, faceless] = accepted(MemberId(20));
    assert_eq!(pair.host.drain(), [ready, faceless, elsewhere.clone()]);
    assert_eq!(pair.host.call.participants().len(), 1);
    // That comes when they talk already.
    let mut pair = Pair::connected();
    pair.host.call.handle_met(MemberId(30), phone);
    pair.host.drain();
    let rings = hello(9, Part::Rings, true);
    pair.host.call.handle_message(MemberId(30), rings, pair.now);
    assert_eq!(pair.host.drain(), [elsewhere]);
    assert_eq!(pair.host.call.participants().len(), 1);
}

#[test]
fn when_one_device_answers_the_other_falls_silent() {
    let now = Instant::now();
    let mut maya = Side::guest();
    let (laptop, phone) = (MemberId(30), MemberId(31));
    let tom = person(3, "Tom");
    maya.call.handle_entered(&[laptop, phone]);
    maya.call.handle_ready(now);
    for (member, session, person) in [(laptop, 3, tom.clone()), (phone, 4, other_device_of(&tom))] {
        maya.call.handle_met(member, person);
        let waits = hello(session, Part::IsRung, false);
        maya.call.handle_message(member, waits, now);
    }
    maya.drain();
    assert_eq!(maya.did(is_open), 0);
    maya.call.handle_message(laptop, Message::Ready, now);
    assert_eq!(maya.drain(), [(phone, Message::Elsewhere)]);
    assert_eq!(maya.did(is_open), 1);
    // And what becomes of that device.
    let mut rung = Side::rung(now);
    rung.call
        .handle_message(MemberId(20), Message::Elsewhere, now);
    let ended = Stage::Ended(CallEndReason::AnsweredElsewhere);
    assert_eq!(rung.call.stage(), ended);
}

#[test]
fn who_is_declined_is_told_so_and_the_host_goes_on_waiting() {
    let mut pair = Pair::ringing();
    pair.host.call.handle_decline(ParticipantId(2));
    pair.exchange();
    let ended = Stage::Ended(CallEndReason::RemoteDeclined);
    assert_eq!(pair.guest.call.stage(), ended);
    assert_eq!(pair.host.call.stage(), Stage::Waiting);
    assert!(pair.host.call.participants().is_empty());
    assert_eq!(pair.host.did(gone), 1);
    assert_eq!(pair.host.did(is_open) + pair.guest.did(is_open), 0);
}

#[test]
fn who_is_rung_ends_the_call_by_declining() {
    let mut tom = Side::rung(Instant::now());
    tom.call.handle_decline(ParticipantId(2));
    assert_eq!(tom.drain(), [(MemberId(20), Message::Decline)]);
    assert_eq!(tom.call.stage(), Stage::Ended(CallEndReason::Declined));
}

#[test]
fn declining_somebody_who_is_talked_with_changes_nothing() {
    let mut pair = Pair::connected();
    pair.host.call.handle_decline(ParticipantId(2));
    assert!(pair.host.drain().is_empty());
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
}

#[test]
fn a_word_that_turns_away_ends_the_call_of_who_rings_only_if_no_line_stands() {
    for (word, reason) in [
        (Message::Busy, CallEndReason::RemoteBusy),
        (Message::Decline, CallEndReason::RemoteDeclined),
        (Message::Elsewhere, CallEndReason::AnsweredElsewhere),
    ] {
        let mut pair = Pair::ringing();
        pair.guest
            .call
            .handle_message(MemberId(10), word.clone(), pair.now);
        assert_eq!(pair.guest.call.stage(), Stage::Ended(reason));
        // Who waits is not turned away by anybody.
        pair.host
            .call
            .handle_message(MemberId(20), word.clone(), pair.now);
        assert_eq!(pair.host.call.stage(), Stage::Waiting);

        let mut pair = Pair::connected();
        pair.guest
            .call
            .handle_message(MemberId(10), word.clone(), pair.now);
        pair.host.call.handle_message(MemberId(20), word, pair.now);
        assert!(matches!(pair.guest.call.stage(), Stage::Connected { .. }));
        assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
    }
}

#[test]
fn nothing_of_ours_is_told_before_a_line_is_open() {
    let mut pair = Pair::in_room();
    assert_eq!(pair.guest.tells_where_it_is(1), 0);
    pair.both_are_ready();
    assert_eq!(pair.guest.tells_where_it_is(1), 3);
    // Nor ever to somebody who is not known.
    assert_eq!(pair.guest.tells_where_it_is(9), 0);
}

#[test]
fn a_description_that_does_not_name_their_certificate_alone_ends_the_call_as_not_trusted() {
    let (theirs, foreign) = (sdp(&person(2, "Maya")), sdp(&person(9, "Tom")));
    for sdp in [
        foreign.clone(),
        format!("{theirs}{foreign}"),
        "v=0\r\n".to_owned(),
    ] {
        let mut pair = Pair::connecting_in_vain();
        let kind = DescriptionKind::Offer;
        let offer = Message::Description { kind, sdp };
        pair.host.call.handle_message(MemberId(20), offer, pair.now);
        let ended = Stage::Ended(CallEndReason::NotTrusted);
        assert_eq!(pair.host.call.stage(), ended);
        pair.host.drain();
        let taken = |action: &Action| matches!(action, Action::TakeDescription { .. });
        let closed = |action: &Action| matches!(action, Action::CloseLink { .. });
        assert_eq!((pair.host.did(taken), pair.host.did(closed)), (0, 1));
        assert_eq!(pair.host.said(tells_address), 0);
    }
}

const PARTS: [Part; 4] = [Part::Waits, Part::Rings, Part::IsRung, Part::Meets];

#[test]
fn both_sides_agree_whether_their_parts_go_together() {
    for one in PARTS {
        for other in PARTS {
            assert_eq!(one.goes_with(other), other.goes_with(one));
        }
    }
}

#[test]
fn two_guests_of_the_same_link_do_not_meet_each_other() {
    let options = CallOptions::new(CallRole::Guest, ParticipantId(1));
    let mut pair = Pair::of(Side::new(options, 10, "Tom"), Side::guest());
    pair.both_are_ready();
    for side in [&pair.host, &pair.guest] {
        assert!(side.call.participants().is_empty());
        assert_eq!(side.did(rang) + side.did(is_open), 0);
        assert_eq!(side.call.stage(), Stage::Waiting);
        assert_eq!(side.call.poll_timeout(), None);
    }
}

/// Somebody who has come to a standing room and looks at themselves first.
fn visitor(id: u64, member: u64, name: &str) -> Side {
    let options = CallOptions::new(CallRole::Guest, ParticipantId(id));
    let part = Part::Meets;
    Side::new(CallOptions { part, ..options }, member, name)
}

fn visitors() -> Pair {
    Pair::of(visitor(1, 10, "Jonas"), visitor(2, 20, "Maya"))
}

#[test]
fn who_looks_in_at_a_standing_room_gets_and_tells_nothing_before_they_enter() {
    let mut pair = visitors();
    let shows = |message: &Message| matches!(message, Message::Portrait { .. });
    for side in [&mut pair.host, &mut pair.guest] {
        side.call.set_portrait(Some(Portrait::plain([9, 9, 9])));
    }
    pair.guest.call.handle_ready(pair.now);
    pair.exchange();
    // Nor does who only looks in see anybody.
    assert_eq!(pair.host.said(shows) + pair.guest.said(shows), 0);
    // Whatever who is ready there sends: nothing of it is taken, and nothing comes back.
    let offer = Message::Description {
        kind: DescriptionKind::Offer,
        sdp: sdp(&pair.guest.person),
    };
    let found = Message::Candidate {
        candidate: candidate(),
    };
    for message in [offer, found, Message::Ready] {
        pair.host
            .call
            .handle_message(MemberId(20), message, pair.now);
    }
    assert_eq!(pair.host.tells_where_it_is(2), 0);
    assert_eq!(pair.guest.tells_where_it_is(1), 0);
    let takes = |action: &Action| {
        matches!(
            action,
            Action::TakeDescription { .. } | Action::TakeCandidate { .. }
        )
    };
    assert_eq!(pair.host.did(is_open) + pair.host.did(takes), 0);
    let says_ready = |message: &Message| match message {
        Message::Ready => true,
        Message::Hello { ready, .. } => *ready,
        _ => false,
    };
    assert_eq!(pair.host.said(says_ready), 0);
    // They are told that somebody is there.
    assert_eq!(pair.host.did(rang), 1);
    pair.host.call.handle_ready(pair.now);
    pair.exchange();
    assert_eq!(pair.host.did(is_open), 1);
    assert_eq!((pair.host.said(shows), pair.guest.said(shows)), (1, 1));
}

#[test]
fn who_comes_to_a_standing_room_later_is_met_without_a_word() {
    let mut pair = Pair::greeting(visitor(1, 10, "Jonas"), visitor(2, 20, "Maya"));
    // One is ready before the other has greeted.
    pair.host.call.handle_ready(pair.now);
    pair.exchange();
    pair.guest.call.handle_ready(pair.now);
    pair.exchange();
    pair.connection(ConnectionState::Connected);
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
    // The last who stays has no call any more, and may enter again.
    pair.guest.call.handle_hangup(CallEndReason::LocalHangup);
    pair.exchange();
    let left = Stage::Ended(CallEndReason::RemoteHangup);
    assert_eq!(pair.host.call.stage(), left);
}

#[test]
fn who_only_looked_in_at_a_standing_room_ends_nobodys_wait() {
    let mut pair = visitors();
    pair.host.call.handle_ready(pair.now);
    pair.exchange();
    pair.guest.call.handle_hangup(CallEndReason::Cancelled);
    pair.exchange();
    assert_eq!(pair.host.call.stage(), Stage::Waiting);
    assert!(pair.host.call.participants().is_empty());
    assert_eq!(pair.host.call.poll_timeout(), None);
}

#[test]
fn a_third_in_a_standing_room_does_not_wait_in_vain() {
    let mut pair = visitors();
    pair.both_are_ready();
    pair.connection(ConnectionState::Connected);
    let host = &mut pair.host;
    host.call.handle_met(MemberId(30), person(9, "Tom"));
    host.drain();
    let comes = hello(9, Part::Meets, false);
    host.call.handle_message(MemberId(30), comes, pair.now);
    assert_eq!(host.drain(), [(MemberId(30), Message::Busy)]);
    let mut third = visitor(9, 30, "Tom");
    third.call.handle_entered(&[MemberId(10)]);
    third.call.handle_met(MemberId(10), person(1, "Jonas"));
    let there = hello(1, Part::Meets, true);
    third.call.handle_message(MemberId(10), there, pair.now);
    third
        .call
        .handle_message(MemberId(10), Message::Busy, pair.now);
    assert_eq!(third.call.stage(), Stage::Ended(CallEndReason::RemoteBusy));
}

#[test]
fn to_who_is_ignored_nobody_is_here() {
    let mut side = visitor(1, 10, "Jonas");
    let spam = person(9, "Spam");
    side.call.options.ignored.insert(spam.identity);
    side.call.handle_entered(&[MemberId(30)]);
    let now = Instant::now();
    side.call.handle_ready(now);
    side.call.handle_met(MemberId(30), spam);
    let comes = hello(9, Part::Meets, true);
    side.call.handle_message(MemberId(30), comes, now);
    assert!(side.drain().is_empty());
    assert!(side.done.is_empty());
    assert_eq!(side.call.stage(), Stage::Waiting);
}

#[test]
fn two_in_a_standing_room_meet_and_nobody_is_asked() {
    let mut pair = visitors();
    pair.guest.call.handle_ready(pair.now);
    pair.exchange();
    // Who is there first does not ring, and waits for as long as it takes.
    assert_eq!(pair.host.did(is_open) + pair.guest.did(is_open), 0);
    assert_eq!(pair.guest.call.poll_timeout(), None);
    pair.advance(Duration::from_secs(600));
    assert_eq!(pair.guest.call.stage(), Stage::Waiting);
    pair.host.call.handle_ready(pair.now);
    pair.exchange();
    pair.connection(ConnectionState::Connected);
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
    assert!(matches!(pair.guest.call.stage(), Stage::Connected { .. }));
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
    assert_eq!((offers(&pair.guest).1, offers(&pair.host).1), (2, 0));
    pair.connection(ConnectionState::Connected);
    assert!(matches!(pair.guest.call.stage(), Stage::Connected { .. }));
    assert_eq!(
        pair.host
            .did(|action| matches!(action, Action::Back { .. })),
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
    pair.both_are_ready();
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
    pair.meet();
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

#[test]
fn somebody_else_who_has_heard_of_a_friend_does_not_speak_for_them() {
    let mut pair = Pair::connected();
    let (host, member) = (&mut pair.host, MemberId(30));
    host.call.handle_met(member, person(9, "Tom"));
    host.drain();
    let as_maya = hello(2, Part::Rings, true);
    host.call.handle_message(member, as_maya, pair.now);
    host.call.handle_message(member, Message::Bye, pair.now);
    assert!(host.drain().is_empty());
    let maya = &host.call.participants()[&ParticipantId(2)];
    assert_eq!(maya.member, Some(MemberId(20)));
    assert!(matches!(maya.link, Link::Connected { .. }));
}

#[test]
fn who_is_given_the_number_of_a_friend_does_not_speak_for_them() {
    for other in [person(9, "Tom"), other_device_of(&person(2, "Maya"))] {
        let mut pair = Pair::connected();
        let (host, member) = (&mut pair.host, MemberId(20));
        host.call.handle_met(member, other);
        host.call.handle_message(member, Message::Bye, pair.now);
        let maya = &host.call.participants()[&ParticipantId(2)];
        assert_eq!(maya.member, None);
        assert!(matches!(maya.link, Link::Connected { .. }));
    }
}

/// Two who are about to read them to each other must not see them change.
#[test]
fn the_words_are_those_of_the_last_meeting_before_talking() {
    let mut pair = Pair::in_room();
    let maya = pair.guest.person.clone();
    let meeting = |number: u8| Person {
        phrase: SafetyPhrase::of(&[number]),
        ..maya.clone()
    };
    let words_of = |side: &Side| side.call.participants()[&ParticipantId(2)].person.phrase;
    let greeting = hello(2, Part::Rings, true);
    pair.host.call.handle_met(MemberId(20), meeting(7));
    pair.host
        .call
        .handle_message(MemberId(20), greeting.clone(), pair.now);
    assert_eq!(words_of(&pair.host), SafetyPhrase::of(&[7]));
    pair.host.call.handle_ready(pair.now);
    pair.host.connection(ConnectionState::Connected, pair.now);
    pair.host.call.handle_met(MemberId(20), meeting(8));
    pair.host
        .call
        .handle_message(MemberId(20), greeting, pair.now);
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
    assert_eq!(words_of(&pair.host), SafetyPhrase::of(&[7]));
}

/// All offers of one side, and how many of these restart ICE.
fn offers(side: &Side) -> (usize, usize) {
    let restart = |action: &Action| {
        matches!(
            action,
            Action::Offer {
                ice_restart: true,
                ..
            }
        )
    };
    let offer = |action: &Action| matches!(action, Action::Offer { .. });
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

    /// As somebody new to the server, who shows anew who it is.
    fn guest_returns(&mut self) {
        self.guest.member = MemberId(self.guest.member.0 + 1);
        self.guest.call.handle_entered(&[self.host.member]);
        self.meet();
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
        let answers = |action: &Action| {
            let kind = DescriptionKind::Answer;
            matches!(action, Action::TakeDescription { kind: it, .. } if *it == kind)
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
    // Two memberships of the friend take turns; nobody else can greet as they do.
    let members = [MemberId(30), MemberId(31)];
    for member in members {
        guest.call.handle_met(member, pair.host.person.clone());
    }
    let mut number = 0;
    while matches!(guest.call.stage(), Stage::Connecting { .. }) {
        let greeting = hello(1, Part::Waits, true);
        let member = members[number % 2];
        guest.call.handle_message(member, greeting, pair.now);
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
    let members = [MemberId(30), MemberId(31)];
    for member in members {
        let jonas = pair.host.person.clone();
        pair.guest.call.handle_met(member, jonas);
    }
    for number in 0..500 {
        let greeting = hello(1, Part::Waits, true);
        let member = members[number % 2];
        pair.guest.call.handle_message(member, greeting, pair.now);
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
    pair.host.drain();
    assert_eq!(pair.host.did(gone), 1);
    assert!(pair.host.call.participants().is_empty());
    // Who stayed is still known when they are met again, without ringing anew.
    let mut pair = Pair::ringing();
    pair.host.call.handle_server_lost();
    pair.host.call.handle_entered(&[MemberId(20)]);
    pair.meet();
    pair.exchange();
    assert_eq!(pair.host.did(gone), 0);
    assert_eq!(pair.host.did(rang), 1);
}

#[test]
fn who_is_to_be_met_anew_is_not_gone_and_does_not_ring_anew() {
    let mut pair = Pair::ringing();
    pair.host.call.handle_member_lost(MemberId(20));
    pair.meet();
    pair.exchange();
    assert_eq!((pair.host.did(gone), pair.host.did(rang)), (0, 1));
    // A line stands for as long as they are out of reach over the server.
    let mut pair = Pair::connected();
    pair.host.call.handle_member_lost(MemberId(20));
    let maya = &pair.host.call.participants()[&ParticipantId(2)];
    assert_eq!(maya.member, None);
    assert!(matches!(maya.link, Link::Connected { .. }));
}

#[test]
fn a_third_is_told_that_the_two_are_busy() {
    let tom = person(9, "Tom");
    let busy = (MemberId(30), Message::Busy);
    // Who looks in during the call.
    let mut pair = Pair::connected();
    pair.host.call.handle_met(MemberId(30), tom.clone());
    pair.host.drain();
    pair.host
        .call
        .handle_message(MemberId(30), hello(9, Part::Rings, true), pair.now);
    assert_eq!(pair.host.drain(), std::slice::from_ref(&busy));
    assert_eq!(pair.host.call.participants().len(), 1);
    // Who waited beside the friend when the call began.
    let mut pair = Pair::in_room();
    pair.host.call.handle_met(MemberId(30), tom);
    pair.host
        .call
        .handle_message(MemberId(30), hello(9, Part::Rings, false), pair.now);
    pair.host.call.handle_ready(pair.now);
    pair.guest.call.handle_ready(pair.now);
    pair.host.drain();
    pair.host
        .call
        .handle_message(MemberId(20), Message::Ready, pair.now);
    assert!(pair.host.drain().contains(&busy));
    assert_eq!(pair.host.call.participants().len(), 1);
    // And what becomes of them.
    let options = CallOptions::new(CallRole::Guest, ParticipantId(9));
    let mut third = Side::new(options, 30, "Tom");
    third.call.handle_entered(&[MemberId(10)]);
    third.call.handle_met(MemberId(10), person(1, "Jonas"));
    let host = hello(1, Part::Waits, true);
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
        part: Part::Waits,
        ready: true,
    };
    let options = CallOptions::new(CallRole::Guest, ParticipantId(3));
    let mut lonely = Side::new(options, 30, "Tom");
    lonely.call.handle_entered(&[MemberId(9)]);
    // Nobody says anything before they were met.
    lonely.call.handle_met(MemberId(9), person(9, "Old"));
    lonely
        .call
        .handle_message(MemberId(9), hello.clone(), pair.now);
    assert_eq!(
        lonely.call.stage(),
        Stage::Ended(CallEndReason::RemoteVersion)
    );
    // A call that stands does not end because a stranger looks in.
    pair.both_are_ready();
    pair.connection(ConnectionState::Connected);
    pair.host.call.handle_met(MemberId(9), person(9, "Old"));
    pair.host.call.handle_message(MemberId(9), hello, pair.now);
    assert!(matches!(pair.host.call.stage(), Stage::Connected { .. }));
}

#[test]
fn a_stranger_ends_the_call_of_who_rings_and_has_met_nobody() {
    let reason = CallEndReason::NotTrusted;
    let mut alone = Side::guest();
    alone.call.handle_entered(&[MemberId(10)]);
    alone.call.handle_stranger(reason);
    assert_eq!(alone.call.stage(), Stage::Ended(reason));
    // Who waits goes on waiting for the right one, and who has met the right one talks to that one.
    let mut host = Side::host(Answer::Asked);
    host.call.handle_entered(&[MemberId(20)]);
    host.call.handle_stranger(reason);
    assert_eq!(host.call.stage(), Stage::Waiting);
    let mut pair = Pair::ringing();
    pair.guest.call.handle_stranger(reason);
    assert_eq!(pair.guest.call.stage(), Stage::Waiting);
}

fn any_message() -> impl Strategy<Value = Message> {
    let part = proptest::sample::select(PARTS.to_vec());
    let version = prop_oneof![3 => Just(CALL_VERSION), 1 => any::<u32>()];
    prop_oneof![
        (0_u64..4, any::<bool>(), part, version).prop_map(|(id, ready, part, version)| {
            Message::Hello {
                version,
                session: ParticipantId(id),
                part,
                ready,
            }
        }),
        Just(Message::Ready),
        (0_u8..4).prop_map(|shade| Message::Portrait {
            portrait: (shade > 0).then(|| Portrait::plain([40 * shade, 60, 190])),
        }),
        Just(Message::Bye),
        Just(Message::Busy),
        Just(Message::Decline),
        Just(Message::Elsewhere),
        (any::<bool>(), 0_u64..4).prop_map(|(offer, seed)| Message::Description {
            kind: if offer {
                DescriptionKind::Offer
            } else {
                DescriptionKind::Answer
            },
            sdp: sdp(&person(seed, ""))
        }),
        Just(Message::Candidate {
            candidate: candidate()
        }),
    ]
}

proptest! {
    /// Whatever others send, in whatever order, whoever they are, and even if the server gives the
    /// number of one to another: before this person says so there is no connection, hence no media
    /// and no address told, and nobody sees how they look. To whom asks first, being ready is not to say
    /// so; to whom comes to a room, it is.
    #[test]
    fn no_message_order_opens_a_line_before_the_person_says_so(
        part in proptest::sample::select(PARTS.to_vec()),
        asks in any::<bool>(),
        messages in proptest::collection::vec((0_u64..4, 0_u64..4, any_message()), 0..40)
    ) {
        let now = Instant::now();
        let people: BTreeMap<_, _> = (0_u64..4).map(|seed| (seed, person(seed, ""))).collect();
        let options = CallOptions::new(CallRole::Host, ParticipantId(100));
        let answer = if asks { Answer::Asked } else { Answer::Everybody };
        let portrait = Some(Portrait::plain([200, 30, 40]));
        let options = CallOptions { part, answer, portrait, ..options };
        let mut side = Side::new(options, 10, "Jonas");
        side.call.handle_entered(&[]);
        if asks && !part.asks_nobody() {
            side.call.handle_ready(now);
        }
        for (member, who, message) in messages {
            side.call.handle_met(MemberId(member), people[&who].clone());
            side.call.handle_message(MemberId(member), message, now);
            side.call.handle_timeout(now);
            prop_assert_eq!(side.tells_where_it_is(who), 0);
        }
        side.drain();
        prop_assert_eq!(side.did(is_open), 0);
        prop_assert_eq!(side.said(tells_address), 0);
        prop_assert_eq!(side.said(shows_portrait), 0);
        prop_assert!(side.call.participants().len() < MAX_MEMBERS);
    }

    /// Even by one who talks with everybody.
    #[test]
    fn who_has_not_shown_who_they_are_is_not_heard(
        messages in proptest::collection::vec((0_u64..4, any_message()), 0..40)
    ) {
        let now = Instant::now();
        let mut side = Side::host(Answer::Everybody);
        side.call.handle_entered(&[]);
        side.call.handle_ready(now);
        for (member, message) in messages {
            side.call.handle_message(MemberId(member), message, now);
            side.call.handle_timeout(now);
        }
        side.drain();
        prop_assert!(side.done.is_empty());
        prop_assert!(side.call.participants().is_empty());
        prop_assert_eq!(side.call.stage(), Stage::Waiting);
    }
}
