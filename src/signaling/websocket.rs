mod line;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tracing::{debug, info};
use twocan_protocol::{
    ClientMessage, MemberId, Nameplate, RefusalReason, RoomId, ServerMessage, ServerUrl,
};

use self::line::{GOODBYE, Line};
use super::dial::{Connection, connect, lost, not_ours, silent, stopped};
use super::server_clock::ServerClock;
use super::{Backoff, Signaling, SignalingError, SignalingEvent, Switchboard};

/// Orders to the connection, and events of a room.
const QUEUE: usize = 256;

/// How long a server may say nothing.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Without a word for this long it is pinged; its own pings come every 20 s.
    ping_after: Duration,
    /// Then it has this long for any word.
    pong_within: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            ping_after: Duration::from_secs(15),
            pong_within: Duration::from_secs(10),
        }
    }
}

/// A real server. Made on a tokio runtime, its connection runs as a task of its own, is made anew by
/// itself, enters all rooms again then, and ends when this and all rooms are dropped.
#[derive(Debug, Clone)]
pub struct WebsocketSwitchboard {
    orders: mpsc::Sender<Order>,
    dropped: Arc<Notify>,
    clock: Arc<ServerClock>,
}

impl WebsocketSwitchboard {
    /// Connects to the first of `servers` that lets us in; how that goes comes as events of the rooms.
    pub fn connect(servers: &[ServerUrl]) -> Self {
        Self::with(Patience::default(), servers)
    }

    fn with(patience: Patience, servers: &[ServerUrl]) -> Self {
        let (orders, orders_rx) = mpsc::channel(QUEUE);
        let dropped = Arc::<Notify>::default();
        let clock = Arc::<ServerClock>::default();
        let driver = Driver {
            patience,
            servers: servers.to_vec(),
            rooms: Rooms::default(),
            orders: orders_rx,
            dropped: dropped.clone(),
            clock: clock.clone(),
        };
        tokio::spawn(driver.run());
        Self {
            orders,
            dropped,
            clock,
        }
    }

    fn open(&self, goal: Goal) -> WebsocketSignaling {
        let (events, events_rx) = mpsc::channel(QUEUE);
        let key = Arc::new(());
        let order = Order::Open(Room {
            key: key.clone(),
            goal,
            events,
            inside: false,
            turned_away: false,
        });
        if self.orders.try_send(order).is_err() {
            // The room has no events then: it has ended.
            debug!("the connection to the call server takes no more rooms");
        }
        WebsocketSignaling {
            orders: self.orders.clone(),
            key,
            dropped: self.dropped.clone(),
            events: events_rx,
        }
    }
}

impl Switchboard for WebsocketSwitchboard {
    fn enter(&self, room: &RoomId) -> Box<dyn Signaling> {
        Box::new(self.open(Goal::Room(room.clone())))
    }

    fn claim(&self, nameplate: Nameplate) -> Box<dyn Signaling> {
        Box::new(self.open(Goal::Nameplate(nameplate)))
    }

    fn clock(&self) -> &ServerClock {
        &self.clock
    }
}

/// One room of a [`WebsocketSwitchboard`]. It is left when this is dropped.
#[derive(Debug)]
pub struct WebsocketSignaling {
    orders: mpsc::Sender<Order>,
    key: Key,
    dropped: Arc<Notify>,
    events: mpsc::Receiver<SignalingEvent>,
}

impl WebsocketSignaling {
    /// The only room of a connection of its own.
    pub fn connect(servers: &[ServerUrl], room: &RoomId) -> Self {
        WebsocketSwitchboard::connect(servers).open(Goal::Room(room.clone()))
    }

    fn order(&self, words: Words) -> Result<(), SignalingError> {
        // The connection may go on for other rooms.
        if self.events.is_closed() {
            return Err(SignalingError::Closed);
        }
        let order = Order::Say(self.key.clone(), words);
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SignalingError::Congested,
            mpsc::error::TrySendError::Closed(_) => SignalingError::Closed,
        })
    }
}

#[async_trait]
impl Signaling for WebsocketSignaling {
    async fn send(&self, to: Option<MemberId>, payload: String) -> Result<(), SignalingError> {
        // An over-long message would cost us the connection.
        let fits = payload.len() <= super::MAX_PAYLOAD_BYTES;
        if !fits {
            return Err(SignalingError::TooBig);
        }
        self.order(Words::Relay { to, payload })
    }

    async fn allot(&self) -> Result<(), SignalingError> {
        self.order(Words::Allot)
    }

    async fn next_event(&mut self) -> Option<SignalingEvent> {
        self.events.recv().await
    }
}

impl Drop for WebsocketSignaling {
    fn drop(&mut self) {
        self.events.close();
        self.dropped.notify_one();
    }
}

/// Tells one room's handle from all others, for as long as it is there.
type Key = Arc<()>;

#[derive(Debug)]
enum Order {
    Open(Room),
    Say(Key, Words),
}

#[derive(Debug)]
enum Words {
    Relay {
        to: Option<MemberId>,
        payload: String,
    },
    Allot,
}

/// Where somebody wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Goal {
    Room(RoomId),
    /// Becomes a room once it was claimed.
    Nameplate(Nameplate),
}

impl Goal {
    fn message(&self) -> ClientMessage {
        match self {
            Self::Room(room) => ClientMessage::Enter { room: room.clone() },
            Self::Nameplate(nameplate) => ClientMessage::Claim {
                nameplate: *nameplate,
            },
        }
    }
}

#[derive(Debug)]
struct Room {
    key: Key,
    goal: Goal,
    events: mpsc::Sender<SignalingEvent>,
    /// The server has let us in, in this connection.
    inside: bool,
    /// It has not, for now.
    turned_away: bool,
}

impl Room {
    /// Also on the way in: the server hears one after the other.
    fn leave(self) -> Option<ClientMessage> {
        match self.goal {
            Goal::Room(room) => Some(ClientMessage::Leave { room }),
            // That is left when it turns out which it is.
            Goal::Nameplate(_) => None,
        }
    }
}

#[derive(Debug, Default)]
struct Rooms(Vec<Room>);

impl Rooms {
    fn by_key(&mut self, key: &Key) -> Option<&mut Room> {
        self.0.iter_mut().find(|room| Arc::ptr_eq(&room.key, key))
    }

    fn by_id(&mut self, id: &RoomId) -> Option<&mut Room> {
        let is_it = |room: &&mut Room| matches!(&room.goal, Goal::Room(goal) if goal == id);
        self.0.iter_mut().find(is_it)
    }

    /// Tells everybody, and forgets who does not listen any more.
    async fn tell(&mut self, event: &SignalingEvent) {
        for room in &mut self.0 {
            room.inside = false;
            room.turned_away = false;
            // Those are forgotten next.
            let _ = room.events.send(event.clone()).await;
        }
        self.0.retain(|room| !room.events.is_closed());
    }
}

/// How a connection ended.
enum End {
    /// The user went.
    Dropped,
    /// The server does not want us.
    Refused(RefusalReason),
    /// Anything that another try may cure.
    Failed(SignalingError),
}

impl From<SignalingError> for End {
    fn from(error: SignalingError) -> Self {
        match error {
            SignalingError::Refused(reason) if reason.is_final() => Self::Refused(reason),
            error => Self::Failed(error),
        }
    }
}

struct Driver {
    patience: Patience,
    servers: Vec<ServerUrl>,
    rooms: Rooms,
    orders: mpsc::Receiver<Order>,
    dropped: Arc<Notify>,
    clock: Arc<ServerClock>,
}

impl Driver {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let (reason, retry_at) = match self.one_connection(&mut backoff).await {
                End::Dropped => return,
                End::Refused(reason) => {
                    info!(%reason, "the call server refused");
                    self.rooms.tell(&SignalingEvent::Refused(reason)).await;
                    // For them that was all.
                    self.rooms = Rooms::default();
                    return self.refuse_later_ones(reason).await;
                }
                End::Failed(reason) => {
                    debug!(%reason, "no connection to the call server");
                    let now = Instant::now().into_std();
                    (reason, backoff.handle_failure(now, &mut rand::rng()))
                }
            };
            self.rooms
                .tell(&SignalingEvent::Disconnected {
                    reason,
                    retry_at: Some(retry_at),
                })
                .await;
            let again = sleep_until(Instant::from_std(retry_at));
            tokio::select! {
                () = again => {}
                () = wait(&mut self.rooms, &mut self.orders, &self.dropped) => return,
            }
        }
    }

    /// Whoever comes when the server has refused us already is told the same.
    async fn refuse_later_ones(&mut self, reason: RefusalReason) {
        while let Some(order) = self.orders.recv().await {
            if let Order::Open(room) = order {
                // Who does not listen any more has left.
                let _ = room.events.send(SignalingEvent::Refused(reason)).await;
            }
        }
    }

    async fn one_connection(&mut self, backoff: &mut Backoff) -> End {
        let connected = tokio::select! {
            connected = connect(&self.servers) => connected,
            () = wait(&mut self.rooms, &mut self.orders, &self.dropped) => return End::Dropped,
        };
        let Connection {
            socket,
            server,
            you,
            time,
        } = match connected {
            Ok(connection) => connection,
            Err(error) => return error.into(),
        };
        backoff.handle_connected(Instant::now().into_std());
        self.clock.set(time);
        info!("at the call server");
        let mut line = Line::new(socket, server);
        let end = match self.enter_all(&mut line).await {
            Ok(()) => self.attend(&mut line, you).await,
            Err(end) => end,
        };
        if matches!(end, End::Dropped) && timeout(GOODBYE, line.leave()).await.is_err() {
            debug!("the call server did not take our leave");
        }
        end
    }

    async fn enter_all(&mut self, line: &mut Line) -> Result<(), End> {
        self.rooms.0.retain(|room| !room.events.is_closed());
        let goals: Vec<_> = self
            .rooms
            .0
            .iter()
            .map(|room| room.goal.message())
            .collect();
        for message in goals {
            line.say(&message).await?;
        }
        Ok(())
    }

    /// The time with the server.
    async fn attend(&mut self, line: &mut Line, you: MemberId) -> End {
        match self.converse(line, you).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn converse(&mut self, line: &mut Line, you: MemberId) -> Result<Never, End> {
        let Patience {
            ping_after,
            pong_within,
        } = self.patience;
        let mut heard_at = Instant::now();
        let mut pinged = false;
        let mut alarm = pin!(sleep_until(heard_at + ping_after));
        loop {
            tokio::select! {
                frame = line.socket.next() => {
                    let Some(Ok(frame)) = frame else { return Err(End::Failed(lost(&line.server))) };
                    heard_at = Instant::now();
                    if std::mem::take(&mut pinged) {
                        alarm.as_mut().reset(heard_at + ping_after);
                    }
                    let Message::Text(text) = frame else { continue };
                    match ServerMessage::decode(&text) {
                        Ok(message) => {
                            if let Some(answer) = self.hear(message, &line.server, you).await? {
                                line.say(&answer).await?;
                            }
                        }
                        Err(_) => return Err(End::Failed(not_ours(&line.server))),
                    }
                }
                order = self.orders.recv() => {
                    let Some(order) = order else { return Err(End::Dropped) };
                    for message in self.obey(order) {
                        line.say(&message).await?;
                    }
                }
                () = self.dropped.notified() => {
                    // What was said before leaving goes before it.
                    while let Ok(order) = self.orders.try_recv() {
                        for message in self.obey(order) {
                            line.say(&message).await?;
                        }
                    }
                    for message in self.leave_dropped() {
                        line.say(&message).await?;
                    }
                }
                () = &mut alarm => {
                    for message in self.try_again() {
                        line.say(&message).await?;
                    }
                    let now = Instant::now();
                    if now < heard_at + ping_after {
                        alarm.as_mut().reset(heard_at + ping_after);
                    } else if pinged {
                        return Err(End::Failed(silent(&line.server)));
                    } else {
                        pinged = true;
                        alarm.as_mut().reset(now + pong_within);
                        line.ping().await?;
                    }
                }
            }
        }
    }

    /// What is to be said to the server, if anything.
    fn obey(&mut self, order: Order) -> Vec<ClientMessage> {
        match order {
            Order::Open(room) => {
                let mut messages = Vec::new();
                // Who comes back to a room leaves it first.
                let is_it = |known: &Room| known.goal == room.goal && known.events.is_closed();
                if let Some(index) = self.rooms.0.iter().position(is_it) {
                    messages.extend(self.rooms.0.swap_remove(index).leave());
                }
                messages.push(room.goal.message());
                self.rooms.0.push(room);
                messages
            }
            Order::Say(key, words) => self.put(&key, words).into_iter().collect(),
        }
    }

    fn put(&mut self, key: &Key, words: Words) -> Option<ClientMessage> {
        // What is said before is for members of another connection.
        let room = self.rooms.by_key(key).filter(|room| room.inside)?;
        let Goal::Room(room) = room.goal.clone() else {
            return None;
        };
        Some(match words {
            Words::Relay { to, payload } => ClientMessage::Relay { room, to, payload },
            Words::Allot => ClientMessage::Allot { room },
        })
    }

    /// Forgets the rooms that nobody listens to any more, and leaves them.
    fn leave_dropped(&mut self) -> Vec<ClientMessage> {
        let (dropped, kept): (Vec<Room>, Vec<Room>) = std::mem::take(&mut self.rooms.0)
            .into_iter()
            .partition(|room| room.events.is_closed());
        self.rooms.0 = kept;
        dropped.into_iter().filter_map(Room::leave).collect()
    }

    /// To the rooms that the server had no place for.
    fn try_again(&mut self) -> Vec<ClientMessage> {
        let rooms = self.rooms.0.iter_mut();
        rooms
            .filter_map(|room| std::mem::take(&mut room.turned_away).then(|| room.goal.message()))
            .collect()
    }

    /// What is to be said to that, if anything.
    async fn hear(
        &mut self,
        message: ServerMessage,
        server: &ServerUrl,
        you: MemberId,
    ) -> Result<Option<ClientMessage>, End> {
        let (room, event) = match message {
            ServerMessage::Entered { room, by, members } => {
                let entered = self.rooms.0.iter_mut().find(|known| match &known.goal {
                    Goal::Room(goal) => *goal == room,
                    Goal::Nameplate(goal) => Some(*goal) == by,
                });
                let Some(entered) = entered else {
                    // Whoever wanted to go there has gone meanwhile.
                    return Ok(Some(ClientMessage::Leave { room }));
                };
                entered.goal = Goal::Room(room.clone());
                entered.inside = true;
                (room, SignalingEvent::Connected { you, members })
            }
            ServerMessage::NotEntered { room, reason } if reason.is_final() => {
                (room, SignalingEvent::Refused(reason))
            }
            ServerMessage::NotEntered { room, reason } => {
                if let Some(known) = self.rooms.by_id(&room) {
                    known.turned_away = true;
                }
                let reason = SignalingError::Refused(reason);
                let retry_at = None;
                (room, SignalingEvent::Disconnected { reason, retry_at })
            }
            ServerMessage::Joined { room, member } => (room, SignalingEvent::Joined(member)),
            ServerMessage::Left { room, member } => (room, SignalingEvent::Left(member)),
            ServerMessage::Relayed {
                room,
                from,
                payload,
            } => (room, SignalingEvent::Relayed { from, payload }),
            ServerMessage::Allotted {
                room,
                nameplate,
                seconds,
            } => {
                let lasts = Duration::from_secs(seconds.into());
                (room, SignalingEvent::Allotted { nameplate, lasts })
            }
            ServerMessage::NotAllotted { room } => (room, SignalingEvent::NotAllotted),
            ServerMessage::NoSuchNameplate { nameplate } => {
                let claimed =
                    |room: &Room| matches!(room.goal, Goal::Nameplate(goal) if goal == nameplate);
                let index = self.rooms.0.iter().position(claimed);
                if let Some(index) = index {
                    let room = self.rooms.0.swap_remove(index);
                    let _ = room.events.send(SignalingEvent::NoSuchNameplate).await;
                }
                return Ok(None);
            }
            ServerMessage::Refused { reason } => {
                return Err(SignalingError::Refused(reason).into());
            }
            ServerMessage::ShuttingDown => return Err(End::Failed(stopped(server))),
            ServerMessage::Welcome { .. } => return Err(End::Failed(not_ours(server))),
        };
        let over = matches!(event, SignalingEvent::Refused(_));
        if let Some(known) = self.rooms.by_id(&room) {
            // Whoever does not listen has left, which is dealt with next.
            let _ = known.events.send(event).await;
        }
        if over {
            let is_it = |known: &Room| matches!(&known.goal, Goal::Room(goal) if *goal == room);
            self.rooms.0.retain(|known| !is_it(known));
        }
        Ok(None)
    }
}

enum Never {}

/// Without a connection: takes orders, of which only new rooms are kept, until there is nobody to give any.
async fn wait(rooms: &mut Rooms, orders: &mut mpsc::Receiver<Order>, dropped: &Notify) {
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Open(room)) => rooms.0.push(room),
                Some(Order::Say(..)) => {}
                None => return,
            },
            () = dropped.notified() => rooms.0.retain(|room| !room.events.is_closed()),
        }
    }
}

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;
