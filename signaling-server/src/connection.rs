use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use rand::RngExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{
    Bytes, Error, Message, Utf8Bytes,
    error::CapacityError,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use tracing::debug;
use twocan_protocol::{ClientMessage, MemberId, ProtocolError, RefusalReason, ServerMessage};

use crate::Limits;
use crate::limits::websocket_config;
use crate::rate::TokenBucket;
use crate::registry::{Registry, Transmit};

/// What is read and thrown away after our last words, at most.
const LINGER_BYTES: usize = 1024 * 1024;

type Socket = WebSocketStream<TcpStream>;

/// What all connections share.
pub(crate) struct Hub {
    limits: Limits,
    registry: Mutex<Registry<Arc<Notify>>>,
    next_member: AtomicU64,
}

/// Not the number of anyone whom another server, or this one before it was restarted, let in: who
/// comes back would be taken for them.
fn random_start() -> u64 {
    u64::from(RandomState::new().hash_one(()) as u32) << 20
}

impl Hub {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            registry: Mutex::new(Registry::new(limits.registry)),
            next_member: AtomicU64::new(random_start()),
        }
    }

    /// Does something with the registry, then wakes whom it concerns.
    fn with<R>(&self, act: impl FnOnce(&mut Registry<Arc<Notify>>) -> R) -> R {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut registry);
        while let Some(waker) = registry.poll_wake() {
            waker.notify_one();
        }
        result
    }
}

/// Leaves all rooms however the connection ends.
struct Membership<'a> {
    hub: &'a Hub,
    member: MemberId,
}

impl Drop for Membership<'_> {
    fn drop(&mut self) {
        self.hub.with(|registry| registry.disconnect(self.member));
    }
}

/// How a connection ends.
#[derive(Debug)]
enum End {
    /// The other side closed, or said that it leaves.
    Left,
    /// The line broke, or what came was not a websocket frame.
    Broken(Error),
    /// It did not answer, or did not take what was written to it; there is nobody to talk to.
    Silent,
    /// We refuse, and say why.
    Refused(RefusalReason),
    /// The server ends.
    ShuttingDown,
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => Self::Left,
            Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                Self::Refused(RefusalReason::TooBig)
            }
            Error::Utf8(_) => Self::Refused(RefusalReason::BadRequest),
            error => Self::Broken(error),
        }
    }
}

/// From the TCP connection to its end.
pub(crate) async fn run(stream: TcpStream, hub: &Hub, mut stopped: watch::Receiver<()>) {
    let limits = &hub.limits;
    // Boxed, so that what only the handshake needs is freed after it.
    let greeting = Box::pin(timeout(limits.handshake, greet(stream, limits)));
    let greeted = tokio::select! {
        greeted = greeting => greeted,
        _ = stopped.changed() => return,
    };
    let mut socket = match greeted {
        Ok(Some(socket)) => socket,
        Ok(None) => return,
        Err(_) => return debug!("no handshake in time"),
    };
    let end = tokio::select! {
        ended = converse(&mut socket, hub) => match ended {
            Ok(never) => match never {},
            Err(end) => end,
        },
        _ = stopped.changed() => End::ShuttingDown,
    };
    let farewell = match end {
        End::Left => None,
        End::Broken(error) => return debug!(%error, "a connection broke"),
        End::Silent | End::Refused(RefusalReason::TooSlow) => return debug!(?end, "dropped"),
        End::Refused(reason) => Some((
            ServerMessage::Refused { reason },
            close_code(reason),
            "refused",
        )),
        End::ShuttingDown => Some((
            ServerMessage::ShuttingDown,
            CloseCode::Away,
            "the server is shutting down",
        )),
    };
    let closing = Box::pin(close(socket, farewell));
    if timeout(limits.linger, closing).await.is_err() {
        debug!("the other side did not take our last words");
    }
}

/// The websocket handshake; `None` if that is not what the other side wanted.
async fn greet(stream: TcpStream, limits: &Limits) -> Option<Socket> {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "no TCP_NODELAY");
    }
    let mut head = [0; 12];
    let peeked = stream.peek(&mut head).await.ok()?;
    if head[..peeked] == *b"GET /health " {
        answer_health(stream, limits.linger).await;
        return None;
    }
    let accepted = tokio_tungstenite::accept_async_with_config(stream, Some(websocket_config()));
    match accepted.await {
        Ok(socket) => Some(socket),
        Err(error) => {
            debug!(%error, "no websocket handshake");
            None
        }
    }
}

/// For whoever watches over the server.
async fn answer_health(mut stream: TcpStream, linger: Duration) {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\
        connection: close\r\n\r\nok\n";
    if stream.write_all(answer).await.is_ok() && timeout(linger, drain(stream)).await.is_err() {
        debug!("the health check did not close");
    }
}

enum Never {}

/// From the hello to the end.
async fn converse(socket: &mut Socket, hub: &Hub) -> Result<Never, End> {
    match timeout(hub.limits.hello, next_message(socket)).await {
        Ok(message) => match message? {
            Some(ClientMessage::Hello { .. }) => {}
            Some(_) => return Err(End::Refused(RefusalReason::BadRequest)),
            None => return Err(End::Left),
        },
        Err(_) => return Err(End::Refused(RefusalReason::BadRequest)),
    }
    let member = MemberId(hub.next_member.fetch_add(1, Ordering::Relaxed));
    let wake = Arc::new(Notify::new());
    hub.with(|registry| registry.connect(member, unix_seconds(), Arc::clone(&wake)))
        .map_err(End::Refused)?;
    let membership = Membership { hub, member };
    attend(socket, &membership, &wake).await
}

/// The time from the welcome on.
async fn attend(
    socket: &mut Socket,
    Membership { hub, member }: &Membership<'_>,
    wake: &Notify,
) -> Result<Never, End> {
    let limits = &hub.limits;
    let now = Instant::now();
    let mut bucket = TokenBucket::new(limits.rate, now.into_std());
    let mut heard_at = now;
    let mut pinged = false;
    let mut alarm = pin!(sleep_until(now + limits.ping_after));
    loop {
        tokio::select! {
            frame = socket.next() => {
                let frame = frame.ok_or(End::Left)??;
                heard_at = Instant::now();
                if std::mem::take(&mut pinged) {
                    alarm.as_mut().reset(heard_at + limits.ping_after);
                }
                if !bucket.take(frame.len(), heard_at.into_std()) {
                    return Err(End::Refused(RefusalReason::TooManyMessages));
                }
                if let Some(message) = understand(frame)? {
                    obey(message, hub, *member)?;
                }
            }
            () = wake.notified() => write_waiting(socket, hub, *member, wake).await?,
            () = &mut alarm => {
                let now = Instant::now();
                let due = heard_at + limits.ping_after;
                if now < due {
                    alarm.as_mut().reset(due);
                } else if pinged {
                    return Err(End::Silent);
                } else {
                    pinged = true;
                    alarm.as_mut().reset(now + limits.pong_within);
                    let ping = socket.send(Message::Ping(Bytes::new()));
                    timeout(limits.write, ping).await.map_err(|_| End::Silent)??;
                }
            }
        }
    }
}

fn obey(message: ClientMessage, hub: &Hub, member: MemberId) -> Result<(), End> {
    let now = std::time::Instant::now();
    if matches!(message, ClientMessage::Bye) {
        return Err(End::Left);
    }
    let done = hub.with(|registry| match message {
        ClientMessage::Enter { room } => registry.enter(member, room),
        ClientMessage::Leave { room } => {
            registry.leave(member, &room);
            Ok(())
        }
        ClientMessage::Relay { room, to, payload } => registry.relay(member, room, to, payload),
        ClientMessage::Allot { room } => registry.allot(member, room, now, |below| {
            rand::rng().random_range(0..below)
        }),
        ClientMessage::Claim { nameplate } => registry.claim(member, nameplate, now),
        ClientMessage::Hello { .. } | ClientMessage::Bye => Err(RefusalReason::BadRequest),
    });
    done.map_err(End::Refused)
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// Writes what waits for `member`, unless it is dropped meanwhile for waiting too long.
async fn write_waiting(
    socket: &mut Socket,
    hub: &Hub,
    member: MemberId,
    wake: &Notify,
) -> Result<(), End> {
    loop {
        let mut woken = false;
        {
            let mut writing = pin!(timeout(hub.limits.write, write_all(socket, hub, member)));
            loop {
                tokio::select! {
                    written = &mut writing => break written.map_err(|_| End::Silent)??,
                    () = wake.notified() => {
                        woken = true;
                        if !hub.with(|registry| registry.contains(member)) {
                            return Err(End::Refused(RefusalReason::TooSlow));
                        }
                    }
                }
            }
        }
        // The last wake-up may have come after the last look into the queue.
        if !woken {
            return Ok(());
        }
    }
}

async fn write_all(socket: &mut Socket, hub: &Hub, member: MemberId) -> Result<(), End> {
    loop {
        match hub.with(|registry| registry.poll_transmit(member)) {
            Transmit::Message(text) => socket.feed(Message::Text(text)).await?,
            Transmit::Idle => return Ok(socket.flush().await?),
            Transmit::Gone => return Err(End::Refused(RefusalReason::TooSlow)),
        }
    }
}

/// The next message of the other side; `None` at the end.
async fn next_message(socket: &mut Socket) -> Result<Option<ClientMessage>, End> {
    while let Some(frame) = socket.next().await {
        if let Some(message) = understand(frame?)? {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

/// `None` for frames that the library deals with.
fn understand(frame: Message) -> Result<Option<ClientMessage>, End> {
    match frame {
        Message::Text(text) => match ClientMessage::decode(&text) {
            Ok(message) => Ok(Some(message)),
            Err(ProtocolError::WrongVersion(_)) => Err(End::Refused(RefusalReason::WrongVersion)),
            Err(ProtocolError::TooBig { .. }) => Err(End::Refused(RefusalReason::TooBig)),
            Err(ProtocolError::Malformed) => Err(End::Refused(RefusalReason::BadRequest)),
        },
        Message::Binary(_) => Err(End::Refused(RefusalReason::BadRequest)),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(None),
    }
}

fn close_code(reason: RefusalReason) -> CloseCode {
    match reason {
        RefusalReason::TooBig => CloseCode::Size,
        RefusalReason::BadRequest => CloseCode::Unsupported,
        RefusalReason::TooManyRooms => CloseCode::Again,
        RefusalReason::WrongVersion
        | RefusalReason::RoomFull
        | RefusalReason::TooManyMessages
        | RefusalReason::TooSlow
        | RefusalReason::Unknown => CloseCode::Policy,
    }
}

/// Says the last words, then reads until the other side closes: a socket that is closed with unread
/// bytes is reset, and a reset throws away what the other side has not read yet.
async fn close(mut socket: Socket, farewell: Option<(ServerMessage, CloseCode, &'static str)>) {
    let (message, code, reason) = match farewell {
        Some((message, code, reason)) => (message.encode().ok(), code, reason),
        None => (None, CloseCode::Normal, ""),
    };
    if let Some(text) = message
        && let Err(error) = socket.feed(Message::text(text)).await
    {
        debug!(%error, "no last words");
    }
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::from_static(reason),
    };
    match socket.send(Message::Close(Some(frame))).await {
        Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => {}
        Err(error) => debug!(%error, "no close frame"),
    }
    drain(socket.into_inner()).await;
}

async fn drain(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut scratch = [0; 4096];
    let mut drained = 0;
    while drained < LINGER_BYTES && stream.readable().await.is_ok() {
        match stream.try_read(&mut scratch) {
            Ok(0) => return,
            Ok(bytes) => drained += bytes,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
