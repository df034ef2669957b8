use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::task::AtomicWaker;
use twocan_protocol::{MemberId, Nameplate, RoomId, ServerMessage};
use twocan_server::registry::{Registry, RegistryLimits, Transmit};

use super::{ServerClock, Signaling, SignalingError, SignalingEvent, Switchboard};

/// The name that stands for the server in errors.
const NAME: &str = "in memory";

/// A server without sockets, clock or runtime, for calls on virtual time: the rooms of the real one (the
/// same [`Registry`], the same text on the wire), and messages that arrive at once.
#[derive(Debug, Clone, Default)]
pub struct MemoryServer(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    registry: Registry<Arc<AtomicWaker>>,
    reachable: bool,
    /// Everybody is to be woken to see that.
    reach_changed: bool,
    /// Clients that do not reach it although it is there.
    cut_off: BTreeSet<u64>,
    outage: Option<Outage>,
    /// Messages that were passed on.
    relayed: u64,
    last_id: u64,
    /// Every client there is, in a room or not, in the order in which they came.
    clients: BTreeMap<u64, Arc<AtomicWaker>>,
}

/// A loss of the server in the middle of what is said over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// So many messages are still passed on.
    pub passed: u64,
    /// When somebody notices that the next ones are lost.
    pub noticed: Noticed,
    /// Who is out then: the client that came as this one, counted from 0; or everybody.
    pub client: Option<usize>,
}

/// When a loss is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticed {
    /// With the first message.
    AtOnce,
    /// At [`MemoryServer::break_off`].
    Later,
}

impl Default for State {
    fn default() -> Self {
        Self {
            registry: Registry::new(RegistryLimits::default()),
            reachable: true,
            reach_changed: false,
            cut_off: BTreeSet::new(),
            outage: None,
            relayed: 0,
            last_id: 0,
            clients: BTreeMap::new(),
        }
    }
}

impl State {
    fn set_reachable(&mut self, reachable: bool) {
        self.reachable = reachable;
        self.reach_changed = true;
        if reachable {
            self.cut_off.clear();
        } else {
            self.registry = Registry::new(RegistryLimits::default());
        }
    }

    /// Whether the next message is passed on, as the planned outage has it.
    fn passes(&mut self) -> bool {
        let Some(outage) = &mut self.outage else {
            return true;
        };
        if let Some(left) = outage.passed.checked_sub(1) {
            outage.passed = left;
            return true;
        }
        if outage.noticed == Noticed::AtOnce {
            self.break_off();
        }
        false
    }

    fn break_off(&mut self) {
        let Some(outage) = self.outage.take() else {
            return;
        };
        match outage.client {
            Some(client) => self.cut_off.extend(self.clients.keys().nth(client)),
            None => self.set_reachable(false),
        }
        self.reach_changed = true;
    }

    /// Ids of members and of clients: each once, rising.
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

impl MemoryServer {
    /// Without rooms.
    pub fn new() -> Self {
        Self::default()
    }

    /// A client that enters `room` when it is first asked for an event.
    pub fn connect(&self, room: &RoomId) -> MemorySignaling {
        self.open(Goal::Room(room.clone()))
    }

    fn open(&self, goal: Goal) -> MemorySignaling {
        let waker = Arc::new(AtomicWaker::new());
        let client = self.with(|state| {
            let client = state.next_id();
            state.clients.insert(client, Arc::clone(&waker));
            client
        });
        MemorySignaling {
            server: self.clone(),
            goal,
            client,
            waker,
            place: Place::Outside,
        }
    }

    /// For tests of what a call does without its server: out of reach, all members are out and told so;
    /// in reach again, all enter again as new members.
    pub fn set_reachable(&self, reachable: bool) {
        self.with(|state| state.set_reachable(reachable));
    }

    /// For tests as well: it goes out of reach by itself, until [`Self::set_reachable`].
    pub fn plan(&self, outage: Outage) {
        self.with(|state| state.outage = Some(outage));
    }

    /// What was planned is noticed now, if it was not before.
    pub fn break_off(&self) {
        self.with(State::break_off);
    }

    /// How many messages were passed on so far.
    pub fn relayed(&self) -> u64 {
        self.with(|state| state.relayed)
    }

    /// Does something with the state, then wakes whom it concerns.
    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut state);
        let mut wakers: Vec<_> = std::iter::from_fn(|| state.registry.poll_wake()).collect();
        if std::mem::take(&mut state.reach_changed) {
            wakers.extend(state.clients.values().cloned());
        }
        drop(state);
        for waker in wakers {
            waker.wake();
        }
        result
    }
}

/// The way to all rooms of a [`MemoryServer`]. Each is entered by a client of its own, so that members of
/// different rooms have nothing in common.
#[derive(Debug)]
pub struct MemorySwitchboard {
    server: MemoryServer,
    clock: ServerClock,
}

impl MemorySwitchboard {
    /// To `server`, on this day since 1970.
    pub fn new(server: MemoryServer, time: u64) -> Self {
        let clock = ServerClock::default();
        clock.set(time);
        Self { server, clock }
    }
}

impl Switchboard for MemorySwitchboard {
    fn enter(&self, room: &RoomId) -> Box<dyn Signaling> {
        Box::new(self.server.connect(room))
    }

    fn claim(&self, nameplate: Nameplate) -> Box<dyn Signaling> {
        Box::new(self.server.open(Goal::Nameplate(nameplate)))
    }

    fn clock(&self) -> &ServerClock {
        &self.clock
    }
}

/// Where a client wants to go.
#[derive(Debug, Clone)]
enum Goal {
    Room(RoomId),
    /// Becomes a room once it was claimed.
    Nameplate(Nameplate),
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// Entering, or waiting to.
    Outside,
    /// In the room.
    Inside(MemberId),
    /// Refused for good.
    Ended,
}

/// A client of a [`MemoryServer`]; it behaves as [`super::WebsocketSignaling`] does.
#[derive(Debug)]
pub struct MemorySignaling {
    server: MemoryServer,
    goal: Goal,
    client: u64,
    waker: Arc<AtomicWaker>,
    place: Place,
}

impl MemorySignaling {
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<SignalingEvent>> {
        self.waker.register(context.waker());
        loop {
            match self.place {
                Place::Ended => return Poll::Ready(None),
                Place::Outside => match self.enter() {
                    None => return Poll::Pending,
                    Some(Ok(member)) => self.place = Place::Inside(member),
                    Some(Err(refused)) => {
                        self.place = Place::Ended;
                        return Poll::Ready(Some(refused));
                    }
                },
                Place::Inside(member) => {
                    self.server.with(|state| {
                        if state.cut_off.contains(&self.client) {
                            state.registry.disconnect(member);
                        }
                    });
                    match self
                        .server
                        .with(|state| state.registry.poll_transmit(member))
                    {
                        Transmit::Idle => return Poll::Pending,
                        Transmit::Message(text) => {
                            if let Some(event) = self.understand(&text) {
                                return Poll::Ready(Some(event));
                            }
                        }
                        Transmit::Gone => {
                            self.place = Place::Outside;
                            let server = NAME.to_owned();
                            return Poll::Ready(Some(SignalingEvent::Disconnected {
                                reason: SignalingError::Lost { server },
                                retry_at: None,
                            }));
                        }
                    }
                }
            }
        }
    }

    /// `None` while the server is out of reach.
    fn enter(&self) -> Option<Result<MemberId, SignalingEvent>> {
        self.server.with(|state| {
            if !state.reachable || state.cut_off.contains(&self.client) {
                return None;
            }
            let member = MemberId(state.next_id());
            let waker = Arc::clone(&self.waker);
            let registry = &mut state.registry;
            let entered = registry
                .connect(member, 0, waker)
                .and_then(|()| match &self.goal {
                    Goal::Room(room) => registry.enter(member, room.clone()),
                    // Numbers last for as long as nobody claims them: there is no clock here.
                    Goal::Nameplate(nameplate) => registry.claim(member, *nameplate, beginning()),
                });
            Some(match entered {
                Ok(()) => Ok(member),
                Err(reason) => Err(SignalingEvent::Refused(reason)),
            })
        })
    }
}

impl MemorySignaling {
    fn understand(&mut self, text: &str) -> Option<SignalingEvent> {
        let Place::Inside(you) = self.place else {
            return None;
        };
        Some(match ServerMessage::decode(text).ok()? {
            ServerMessage::Entered { room, members, .. } => {
                self.goal = Goal::Room(room);
                SignalingEvent::Connected { you, members }
            }
            ServerMessage::NotEntered { reason, .. } => {
                self.end(you);
                SignalingEvent::Refused(reason)
            }
            ServerMessage::NoSuchNameplate { .. } => {
                self.end(you);
                SignalingEvent::NoSuchNameplate
            }
            ServerMessage::Joined { member, .. } => SignalingEvent::Joined(member),
            ServerMessage::Left { member, .. } => SignalingEvent::Left(member),
            ServerMessage::Relayed { from, payload, .. } => {
                SignalingEvent::Relayed { from, payload }
            }
            ServerMessage::Allotted {
                nameplate, seconds, ..
            } => SignalingEvent::Allotted {
                nameplate,
                lasts: Duration::from_secs(seconds.into()),
            },
            ServerMessage::NotAllotted { .. } => SignalingEvent::NotAllotted,
            ServerMessage::Welcome { .. }
            | ServerMessage::Refused { .. }
            | ServerMessage::ShuttingDown => return None,
        })
    }

    fn end(&mut self, member: MemberId) {
        self.place = Place::Ended;
        self.server.with(|state| state.registry.disconnect(member));
    }
}

/// The moment of all moments of a server without a clock.
fn beginning() -> Instant {
    static BEGINNING: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    *BEGINNING
}

#[async_trait]
impl Signaling for MemorySignaling {
    async fn send(&self, to: Option<MemberId>, payload: String) -> Result<(), SignalingError> {
        if payload.len() > super::MAX_PAYLOAD_BYTES {
            return Err(SignalingError::TooBig);
        }
        let (Place::Inside(from), Goal::Room(room)) = (self.place, &self.goal) else {
            return Ok(());
        };
        self.server
            .with(|state| {
                if !state.passes() || state.cut_off.contains(&self.client) {
                    return Ok(());
                }
                state.relayed += 1;
                state.registry.relay(from, room.clone(), to, payload)
            })
            .map_err(SignalingError::Refused)
    }

    async fn allot(&self) -> Result<(), SignalingError> {
        let (Place::Inside(member), Goal::Room(room)) = (self.place, &self.goal) else {
            return Ok(());
        };
        let room = room.clone();
        self.server
            .with(|state| {
                let mut id = state.next_id();
                state.registry.allot(member, room, beginning(), |below| {
                    id += 1;
                    (id % u64::from(below)) as u32
                })
            })
            .map_err(SignalingError::Refused)
    }

    async fn next_event(&mut self) -> Option<SignalingEvent> {
        poll_fn(|context| self.poll_event(context)).await
    }
}

impl Drop for MemorySignaling {
    fn drop(&mut self) {
        self.server.with(|state| {
            state.clients.remove(&self.client);
            if let Place::Inside(member) = self.place {
                state.registry.disconnect(member);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use twocan_protocol::{MAX_MEMBERS, RefusalReason};

    fn room() -> RoomId {
        "kitchen".parse().unwrap()
    }

    /// What has happened by now; nothing here ever waits for anything else.
    fn heard(client: &mut MemorySignaling) -> Vec<SignalingEvent> {
        std::iter::from_fn(|| client.next_event().now_or_never().flatten()).collect()
    }

    fn send(client: &MemorySignaling, to: Option<MemberId>, payload: &str) {
        let sent = client.send(to, payload.to_owned()).now_or_never();
        assert_eq!(sent, Some(Ok(())));
    }

    fn connected(client: &mut MemorySignaling) -> (MemberId, Vec<MemberId>) {
        match heard(client).as_slice() {
            [SignalingEvent::Connected { you, members }] => (*you, members.clone()),
            other => panic!("not connected: {other:?}"),
        }
    }

    fn relayed(from: MemberId, payload: &str) -> SignalingEvent {
        let payload = payload.to_owned();
        SignalingEvent::Relayed { from, payload }
    }

    #[test]
    fn two_meet_talk_and_part() {
        let server = MemoryServer::new();
        let (mut anna, mut ben) = (server.connect(&room()), server.connect(&room()));
        let (anna_id, nobody) = connected(&mut anna);
        let (ben_id, there) = connected(&mut ben);
        assert_eq!((nobody, there), (vec![], vec![anna_id]));
        for i in 0..10 {
            send(&anna, Some(ben_id), &i.to_string());
        }
        let in_order: Vec<_> = (0..10).map(|i| relayed(anna_id, &i.to_string())).collect();
        assert_eq!(heard(&mut ben), in_order);
        send(&ben, None, "back");
        drop(ben);
        assert_eq!(
            heard(&mut anna),
            [
                SignalingEvent::Joined(ben_id),
                relayed(ben_id, "back"),
                SignalingEvent::Left(ben_id)
            ]
        );
    }

    #[test]
    fn the_ninth_is_refused_for_good() {
        let server = MemoryServer::new();
        let mut clients: Vec<_> = (0..=MAX_MEMBERS).map(|_| server.connect(&room())).collect();
        let mut ninth = clients.pop().unwrap();
        for client in &mut clients {
            connected(client);
        }
        assert_eq!(
            heard(&mut ninth),
            [SignalingEvent::Refused(RefusalReason::RoomFull)]
        );
        assert_eq!(ninth.next_event().now_or_never(), Some(None));
    }

    #[test]
    fn without_the_server_all_are_out_and_come_back_as_others() {
        let server = MemoryServer::new();
        let (mut anna, mut ben) = (server.connect(&room()), server.connect(&room()));
        let (old_anna, _) = connected(&mut anna);
        connected(&mut ben);
        heard(&mut anna);
        server.set_reachable(false);
        for client in [&mut anna, &mut ben] {
            let events = heard(client);
            assert!(
                matches!(events[..], [SignalingEvent::Disconnected { .. }]),
                "{events:?}"
            );
        }
        send(&anna, None, "to nobody");
        server.set_reachable(true);
        let (new_anna, nobody) = connected(&mut anna);
        assert!(new_anna > old_anna && nobody.is_empty());
        let (_, there) = connected(&mut ben);
        assert_eq!(there, [new_anna]);
    }

    #[test]
    fn what_one_says_who_is_cut_off_is_lost_before_they_notice() {
        let server = MemoryServer::new();
        let (mut anna, mut ben) = (server.connect(&room()), server.connect(&room()));
        connected(&mut anna);
        connected(&mut ben);
        let (passed, client) = (1, Some(0));
        let noticed = Noticed::AtOnce;
        server.plan(Outage {
            passed,
            noticed,
            client,
        });
        for payload in ["arrives", "is lost", "too"] {
            send(&anna, None, payload);
        }
        let (heard_by_ben, cut_off) = (heard(&mut ben), heard(&mut anna));
        assert!(matches!(
            heard_by_ben[..],
            [SignalingEvent::Relayed { ref payload, .. }] if payload == "arrives"
        ));
        let lost = cut_off.last();
        assert!(matches!(lost, Some(SignalingEvent::Disconnected { .. })));
        assert_eq!(server.relayed(), 1);
    }

    #[test]
    fn one_that_does_not_listen_is_put_out() {
        let server = MemoryServer::new();
        let (mut anna, mut ben) = (server.connect(&room()), server.connect(&room()));
        connected(&mut anna);
        let (ben_id, _) = connected(&mut ben);
        let payload = "x".repeat(60_000);
        for _ in 0..100 {
            send(&anna, None, &payload);
        }
        assert_eq!(
            heard(&mut anna),
            [SignalingEvent::Joined(ben_id), SignalingEvent::Left(ben_id)]
        );
        assert!(matches!(
            ben.next_event().now_or_never(),
            Some(Some(SignalingEvent::Disconnected { .. }))
        ));
    }

    #[test]
    fn who_waits_is_woken() {
        struct Count(std::sync::atomic::AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let server = MemoryServer::new();
        let (mut anna, mut ben) = (server.connect(&room()), server.connect(&room()));
        connected(&mut anna);
        connected(&mut ben);
        heard(&mut anna);
        let count = Arc::new(Count(0.into()));
        let waker = Arc::clone(&count).into();
        let mut context = Context::from_waker(&waker);
        assert!(anna.poll_event(&mut context).is_pending());
        send(&ben, None, "wake up");
        assert_eq!(count.0.load(std::sync::atomic::Ordering::SeqCst), 1);
    }
}
