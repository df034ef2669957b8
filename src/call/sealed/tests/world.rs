use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use zeroize::Zeroizing;

use super::super::{EntranceId, SealedCall, SealedOutput};
use super::server::{Delivery, Server, Word};
use crate::call::{
    Action, Answer, Call, CallEndReason, CallOptions, CallRole, DescriptionKind, Part,
    ParticipantId, Stage,
};
use crate::peer::{ConnectionState, IceCandidate};
use crate::trust::{Card, Door, Fingerprint, Identity};

/// Here everybody has one way in.
const DOOR: EntranceId = EntranceId(0);

/// What kind of run it is.
#[derive(Debug, Clone, Copy)]
pub enum Plot {
    /// An honest server, good lines, people who do what they like.
    Calm,
    /// An honest server that is lost now and then, lines that drop; the hosts answer so.
    Faults(Answer),
    /// A server that does anything.
    Malice,
}

/// For how long people do things.
const PLAY_S: u64 = 150;
/// By then everything that times out by itself has done so.
const END: Duration = Duration::from_secs(600);
/// A connection that finds no way says so then.
const NO_WAY: Duration = Duration::from_secs(15);

/// The people: making their keys takes longer than a run.
static IDENTITIES: LazyLock<Vec<Arc<Identity>>> = LazyLock::new(|| {
    let somebody = |seed| Arc::new(Identity::new(&mut StdRng::seed_from_u64(seed)));
    (0..5).map(somebody).collect()
});

const ANNA: usize = 0;
const BEN: usize = 1;
const CARL: usize = 2;
const DORA: usize = 3;
/// Knows no secret, and tries one.
const MALLORY: usize = 4;

/// Who means whom.
fn belong_together(one: usize, other: usize) -> bool {
    matches!((one.min(other), one.max(other)), (ANNA, BEN) | (CARL, DORA))
}

/// Something that happens to a side.
#[derive(Debug)]
enum Event {
    Said(Word),
    Enters,
    LosesServer,
    Ready,
    Accepts(ParticipantId),
    Declines(ParticipantId),
    HangsUp(CallEndReason),
    /// The other end of this one's line says goodbye on it.
    Bye(u64),
    /// This end and its other may have found each other.
    Meets(u64),
    FindsNoWay(u64),
    Drops(u64),
    Trouble,
}

struct Happening {
    at: Instant,
    order: u64,
    to: usize,
    event: Event,
}

impl PartialEq for Happening {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Happening {}

impl PartialOrd for Happening {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Happening {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// One end of a line.
#[derive(Debug)]
struct End {
    side: usize,
    participant: ParticipantId,
    /// The end that the other side's description names, and the fingerprint there.
    remote: Option<(u64, Fingerprint)>,
    up: bool,
}

struct Side {
    sealed: SealedCall,
    room: usize,
    role: CallRole,
    part: Part,
    fingerprint: Fingerprint,
    /// Its person has said that it may start with whoever is there.
    ready: bool,
    /// Whom its person has accepted.
    accepted: BTreeSet<ParticipantId>,
    /// Its person has declined somebody, or it let somebody ring in vain.
    declined: bool,
    lines: BTreeMap<ParticipantId, u64>,
    ended: Option<CallEndReason>,
    /// What comes over an honest server comes in order.
    last_word: Instant,
}

/// Everybody, everything between them, and what is to happen.
pub struct World {
    plot: Plot,
    began: Instant,
    now: Instant,
    rng: StdRng,
    sides: Vec<Side>,
    server: Server,
    ends: BTreeMap<u64, End>,
    happenings: BinaryHeap<Reverse<Happening>>,
    last_number: u64,
    pub steps: u64,
    pub lines_stood: u64,
}

impl World {
    pub fn new(seed: u64, plot: Plot) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let now = Instant::now();
        let (malice, answer) = match plot {
            Plot::Malice => ([0.02, 0.1, 0.4][rng.random_range(0..3)], Answer::Asked),
            Plot::Faults(answer) => (0.0, answer),
            Plot::Calm => (0.0, Answer::Asked),
        };
        let by_code: bool = rng.random();
        // Both rooms are standing rooms, where everybody does the same.
        let stands = !by_code && rng.random();
        let people = match plot {
            Plot::Malice => MALLORY + 1,
            Plot::Faults(_) | Plot::Calm => MALLORY,
        };
        let mut side = |index: usize| {
            let role = match index {
                ANNA | CARL => CallRole::Host,
                _ => CallRole::Guest,
            };
            let room = usize::from(index == CARL || index == DORA);
            let fingerprint = Fingerprint::new([index as u8 + 1; 32]);
            let card = Card {
                identity: IDENTITIES[index].clone(),
                name: "Anna".to_owned(),
                fingerprint,
            };
            let usual = CallOptions::new(role, ParticipantId(rng.random()));
            let part = if stands { Part::Meets } else { usual.part };
            let options = CallOptions {
                answer,
                part,
                ..usual
            };
            let mut sealed = SealedCall::new(options, card);
            sealed.open(DOOR, door(index, room, by_code), None);
            Side {
                sealed,
                room,
                role,
                part,
                fingerprint,
                ready: false,
                accepted: BTreeSet::new(),
                declined: false,
                lines: BTreeMap::new(),
                ended: None,
                last_word: now,
            }
        };
        Self {
            plot,
            began: now,
            now,
            sides: (0..people).map(&mut side).collect(),
            rng,
            server: Server::new(malice),
            ends: BTreeMap::new(),
            happenings: BinaryHeap::new(),
            last_number: 0,
            steps: 0,
            lines_stood: 0,
        }
    }

    pub fn attacks(&self) -> u64 {
        self.server.attacks
    }

    pub fn ended_by(&self, reason: CallEndReason) -> u64 {
        let ended = self.sides.iter().filter(|side| side.ended == Some(reason));
        ended.count() as u64
    }

    /// From the beginning until nothing can happen any more.
    pub fn play(&mut self) {
        self.plan();
        while self.now < self.began + END && self.step() {}
        // No state is without a way out: whoever waits still, for a person, hangs up.
        for index in 0..self.sides.len() {
            let waits = self.sides[index].ended.is_none();
            let talks = matches!(self.call(index).stage(), Stage::Connected { .. });
            let due = self.sides[index].sealed.poll_timeout();
            assert!(
                !waits || talks || due.is_none(),
                "{index} still waits for {due:?}"
            );
            self.happen(index, Event::HangsUp(CallEndReason::LocalHangup));
        }
        for (index, side) in self.sides.iter().enumerate() {
            assert!(side.ended.is_some(), "{index} cannot end");
            assert!(side.lines.is_empty(), "{index} left a line open");
        }
        self.compare_ends();
    }

    fn call(&mut self, index: usize) -> &mut Call {
        self.sides[index].sealed.call_mut()
    }

    fn plan(&mut self) {
        for index in 0..self.sides.len() {
            let enters = self.some_time(5);
            self.after(enters, index, Event::Enters);
            if self.rng.random_bool(0.9) {
                let ready = enters + self.some_time(10);
                self.after(ready, index, Event::Ready);
            }
            if self.rng.random_bool(0.6) {
                let reason = match self.rng.random() {
                    true => CallEndReason::LocalHangup,
                    false => CallEndReason::Cancelled,
                };
                let hangs_up = self.some_time(PLAY_S);
                self.after(hangs_up, index, Event::HangsUp(reason));
            }
            while matches!(self.plot, Plot::Faults(_)) && self.rng.random_bool(0.5) {
                let lost = self.some_time(PLAY_S);
                let back = lost + self.some_time(20);
                self.after(lost, index, Event::LosesServer);
                self.after(back, index, Event::Enters);
            }
        }
        if let Plot::Malice = self.plot {
            for _ in 0..40 {
                let trouble = self.some_time(PLAY_S);
                self.after(trouble, ANNA, Event::Trouble);
            }
        }
    }

    fn some_time(&mut self, most_seconds: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(0..=most_seconds * 1_000))
    }

    /// From now on.
    fn after(&mut self, time: Duration, to: usize, event: Event) {
        self.at(self.now + time, to, event);
    }

    fn at(&mut self, at: Instant, to: usize, event: Event) {
        let order = self.next_number();
        self.happenings.push(Reverse(Happening {
            at,
            order,
            to,
            event,
        }));
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The next thing that happens; false when nothing does.
    fn step(&mut self) -> bool {
        let timers = self.sides.iter().enumerate();
        let timer = timers
            .filter_map(|(index, side)| Some((side.sealed.poll_timeout()?, index)))
            .min();
        let next = self.happenings.peek().map(|Reverse(next)| next.at);
        if let Some((due, index)) = timer
            && next.is_none_or(|next| due <= next)
        {
            self.steps += 1;
            self.now = self.now.max(due);
            self.sides[index].sealed.handle_timeout(self.now);
            self.drain(index);
            let again = self.sides[index].sealed.poll_timeout();
            assert!(
                again.is_none_or(|again| again > self.now),
                "{index} is never done"
            );
            return true;
        }
        let Some(Reverse(Happening { at, to, event, .. })) = self.happenings.pop() else {
            return false;
        };
        self.now = self.now.max(at);
        self.happen(to, event);
        true
    }

    fn happen(&mut self, index: usize, event: Event) {
        self.steps += 1;
        let now = self.now;
        match event {
            Event::Trouble => {
                let deliveries = self.server.make_trouble(&mut self.rng);
                self.deliver(deliveries);
            }
            Event::Enters => {
                let side = &self.sides[index];
                if side.ended.is_none() && !self.server.is_there(index) {
                    let deliveries = self.server.enter(index, side.room, &mut self.rng);
                    self.deliver(deliveries);
                }
            }
            Event::LosesServer => {
                let deliveries = self.server.leave(index, &mut self.rng);
                self.deliver(deliveries);
                self.sides[index].sealed.handle_server_lost(DOOR, now);
            }
            Event::Said(word) => self.hear(index, word),
            Event::Ready => {
                self.sides[index].ready = true;
                self.call(index).handle_ready(now);
            }
            Event::Accepts(who) => {
                if self.call(index).participants().contains_key(&who) {
                    self.sides[index].accepted.insert(who);
                    self.call(index).handle_accept(who, now);
                }
            }
            Event::Declines(who) => {
                self.sides[index].declined = true;
                self.call(index).handle_decline(who);
            }
            Event::HangsUp(reason) => self.call(index).handle_hangup(reason),
            Event::Bye(end) => {
                if let Some(participant) = self.ends.get(&end).map(|end| end.participant) {
                    self.call(index).handle_control_bye(participant);
                }
            }
            Event::Meets(end) => self.meet(end),
            Event::FindsNoWay(end) => {
                if self.ends.get(&end).is_some_and(|end| !end.up) {
                    self.report(end, ConnectionState::Failed);
                }
            }
            Event::Drops(end) => self.drop_line(end),
        }
        self.drain(index);
    }

    fn hear(&mut self, index: usize, word: Word) {
        let (sealed, now) = (&mut self.sides[index].sealed, self.now);
        match word {
            Word::Entered(members) => sealed.handle_entered(DOOR, &members, now, &mut self.rng),
            Word::Joined(member) => sealed.handle_joined(DOOR, member, now, &mut self.rng),
            Word::Left(member) => sealed.handle_left(DOOR, member, now),
            Word::Relayed { from, text } => sealed.handle_relayed(DOOR, from, &text, now),
            Word::Lost => sealed.handle_server_lost(DOOR, now),
        }
    }

    fn deliver(&mut self, deliveries: Vec<Delivery>) {
        for Delivery { to, after, word } in deliveries {
            let last_word = &mut self.sides[to].last_word;
            // One of a malicious server may come much later, and overtakes nothing by it.
            let at = (self.now + after).max(*last_word + Duration::from_micros(1));
            if after < Duration::from_millis(100) {
                *last_word = at;
            }
            self.at(at, to, Event::Said(word));
        }
    }

    fn drain(&mut self, index: usize) {
        while let Some(output) = self.sides[index].sealed.poll_output() {
            match output {
                SealedOutput::Relay { to, text, .. } => {
                    let deliveries = self.server.relay(index, to, text, &mut self.rng);
                    self.deliver(deliveries);
                }
                SealedOutput::CodeSpent(_) | SealedOutput::CodeUsed(_) => {}
                SealedOutput::Do(action) => self.act(index, action),
            }
        }
    }

    fn act(&mut self, index: usize, action: Action) {
        match action {
            Action::Rang { participant } => self.let_the_person_decide(index, participant),
            Action::OpenLink { participant } => self.open(index, participant),
            Action::Offer { participant, .. } => {
                self.describe(index, participant, DescriptionKind::Offer);
            }
            Action::TakeDescription {
                participant,
                kind,
                sdp,
            } => {
                let id = self.sides[index].lines[&participant];
                if let Some(end) = self.ends.get_mut(&id) {
                    end.remote = Some(read_sdp(&sdp));
                }
                if kind == DescriptionKind::Offer {
                    self.describe(index, participant, DescriptionKind::Answer);
                }
                let found = self.some_time(2);
                self.after(found, index, Event::Meets(id));
            }
            Action::TakeCandidate { participant, .. } => {
                let has_line = self.sides[index].lines.contains_key(&participant);
                assert!(
                    has_line,
                    "{index} is told where somebody is who has no line to it"
                );
            }
            Action::CloseLink { participant } => self.close(index, participant),
            Action::Gone { participant } => {
                self.sides[index].accepted.remove(&participant);
            }
            Action::Portrait { .. }
            | Action::Joined { .. }
            | Action::Dropped { .. }
            | Action::Back { .. } => {}
            Action::Ended(reason) => {
                let side = &mut self.sides[index];
                assert!(side.lines.is_empty(), "{index} ended with a line open");
                assert!(side.ended.is_none(), "{index} ended twice");
                side.ended = Some(reason);
                let deliveries = self.server.leave(index, &mut self.rng);
                self.deliver(deliveries);
            }
        }
    }

    fn let_the_person_decide(&mut self, index: usize, who: ParticipantId) {
        // Who comes by themselves has decided.
        if self.sides[index].role == CallRole::Guest || self.sides[index].part == Part::Meets {
            return;
        }
        let decides = self.some_time(70);
        match self.rng.random_range(0..10) {
            0..=6 => self.after(decides, index, Event::Accepts(who)),
            7 => self.after(decides, index, Event::Declines(who)),
            _ => {}
        }
    }

    fn open(&mut self, index: usize, participant: ParticipantId) {
        let id = self.next_number();
        let side = &mut self.sides[index];
        let was_asked = match (side.role, side.part) {
            (CallRole::Guest, _) | (_, Part::Meets) => side.ready,
            (CallRole::Host, _) => side.accepted.contains(&participant),
        };
        assert!(was_asked, "{index} begins without having been told to");
        let before = side.lines.insert(participant, id);
        assert!(before.is_none(), "{index} opens a line twice");
        let end = End {
            side: index,
            participant,
            remote: None,
            up: false,
        };
        self.ends.insert(id, end);
        self.after(NO_WAY, index, Event::FindsNoWay(id));
    }

    fn close(&mut self, index: usize, participant: ParticipantId) {
        let id = self.sides[index].lines.remove(&participant);
        let end = id.and_then(|id| self.ends.remove(&id));
        let end = end.expect("a line that was open");
        let Some((other, _)) = end.remote.filter(|_| end.up) else {
            return;
        };
        let Some(to) = self.ends.get(&other).map(|end| end.side) else {
            return;
        };
        // It is said on the line as well, but the line may be bad.
        if matches!(self.plot, Plot::Calm) || self.rng.random_bool(0.8) {
            self.after(Duration::from_millis(30), to, Event::Bye(other));
        } else {
            self.after(Duration::from_millis(2_500), to, Event::Drops(other));
        }
    }

    fn describe(&mut self, index: usize, participant: ParticipantId, kind: DescriptionKind) {
        let id = self.sides[index].lines[&participant];
        let sdp = write_sdp(id, self.sides[index].fingerprint);
        let candidate = IceCandidate {
            candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host".to_owned(),
            sdp_mid: None,
            sdp_m_line_index: Some(0),
        };
        let call = self.call(index);
        call.handle_local_description(participant, kind, sdp);
        call.handle_local_candidate(participant, candidate);
    }

    /// A line stands where each end was told of the other, and holds the certificate it was told of.
    fn meet(&mut self, id: u64) {
        let Some(here) = self.ends.get(&id) else {
            return;
        };
        let Some((other, expected)) = here.remote else {
            return;
        };
        let Some(there) = self.ends.get(&other) else {
            return;
        };
        let (one, two) = (here.side, there.side);
        let both = expected == self.sides[two].fingerprint
            && there.remote == Some((id, self.sides[one].fingerprint));
        if !both || here.up || there.up {
            return;
        }
        assert!(belong_together(one, two), "{one} and {two} were connected");
        self.lines_stood += 1;
        self.report(id, ConnectionState::Connected);
        self.report(other, ConnectionState::Connected);
        if matches!(self.plot, Plot::Faults(_)) && self.rng.random_bool(0.4) {
            let drops = self.some_time(60);
            self.after(drops, one, Event::Drops(id));
        }
    }

    /// Both ends notice, and perhaps the way is found again.
    fn drop_line(&mut self, id: u64) {
        let remote = self.ends.get(&id).and_then(|end| end.remote);
        for id in [Some(id), remote.map(|(other, _)| other)]
            .into_iter()
            .flatten()
        {
            let Some(end) = self.ends.get(&id).filter(|end| end.up) else {
                continue;
            };
            let side = end.side;
            self.report(id, ConnectionState::Disconnected);
            self.after(Duration::from_secs(12), side, Event::FindsNoWay(id));
            let found = self.some_time(45);
            self.after(found, side, Event::Meets(id));
        }
    }

    fn report(&mut self, id: u64, state: ConnectionState) {
        let now = self.now;
        let Some(end) = self.ends.get_mut(&id) else {
            return;
        };
        end.up = state == ConnectionState::Connected;
        let (side, participant) = (end.side, end.participant);
        self.call(side).handle_connection(participant, state, now);
        self.drain(side);
    }

    /// Nobody says of the other what the other did not do.
    fn compare_ends(&self) {
        use CallEndReason as Reason;
        for (index, side) in self.sides.iter().enumerate() {
            let other = (0..self.sides.len()).find(|other| belong_together(index, *other));
            let other = other.map(|other| &self.sides[other]);
            let theirs = other.and_then(|other| other.ended);
            let declined = other.is_some_and(|other| other.declined);
            let fits = match side.ended {
                Some(Reason::RemoteHangup) => match theirs {
                    Some(Reason::RemoteHangup) | None => declined,
                    Some(_) => true,
                },
                Some(Reason::RemoteDeclined) => {
                    declined || matches!(theirs, Some(Reason::LocalHangup | Reason::Cancelled))
                }
                // A code is tried once, even if the server is lost over it.
                Some(Reason::WrongCode) => !matches!(self.plot, Plot::Calm),
                Some(Reason::NotTrusted | Reason::RemoteVersion) => {
                    matches!(self.plot, Plot::Malice)
                }
                Some(
                    Reason::LocalHangup
                    | Reason::Cancelled
                    | Reason::NoAnswer
                    | Reason::ConnectionFailed
                    | Reason::ConnectionLost,
                ) => true,
                Some(_) | None => false,
            };
            let ended = side.ended;
            assert!(
                fits,
                "{index} ended with {ended:?}, the other one with {theirs:?}"
            );
        }
    }
}

fn door(index: usize, room: usize, by_code: bool) -> Door {
    if !by_code {
        let byte = if index == MALLORY { 99 } else { room as u8 };
        return Door::Secret(Zeroizing::new([byte; 32]));
    }
    let code = match (index, room) {
        (MALLORY, _) => "7-guitar-tiger",
        (_, 0) => "7-guitar-lamp",
        _ => "8-lamp-tiger",
    };
    Door::Code {
        code: code.parse().expect("a code"),
        ours: index == ANNA || index == CARL,
    }
}

fn write_sdp(id: u64, fingerprint: Fingerprint) -> String {
    format!("v=0\r\na=ice-ufrag:{id}\r\na=fingerprint:sha-256 {fingerprint}\r\n")
}

fn read_sdp(sdp: &str) -> (u64, Fingerprint) {
    let field = |name: &str| {
        let line = sdp.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a description of ours")
    };
    let id = field("a=ice-ufrag:").parse().expect("a number");
    let fingerprint = field("a=fingerprint:sha-256 ").parse();
    (id, fingerprint.expect("a fingerprint"))
}
