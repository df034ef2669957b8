use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tracing::{debug, info};
use twocan_protocol::{ClientMessage, MemberId, RefusalReason, RoomId, ServerMessage, ServerUrl};

use super::dial::{Membership, Socket, enter, lost, not_ours, silent, stopped};
use super::{Backoff, Signaling, SignalingError, SignalingEvent};

/// Messages to the server, and events from it.
const QUEUE: usize = 256;
/// For the server to take what is written to it.
const WRITE: Duration = Duration::from_secs(10);
/// For the server to take our leave.
const GOODBYE: Duration = Duration::from_secs(1);

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

/// A room at a real server. Made on a tokio runtime, it runs as a task of its own, reconnects by itself,
/// and says goodbye when it is dropped.
#[derive(Debug)]
pub struct WebsocketSignaling {
    outgoing: mpsc::Sender<ClientMessage>,
    events: mpsc::Receiver<SignalingEvent>,
}

impl WebsocketSignaling {
    /// Enters `room` at the first of `servers` that lets us in; how that goes comes as events.
    pub fn connect(servers: &[ServerUrl], room: &RoomId) -> Self {
        Self::with(Patience::default(), servers, room)
    }

    fn with(patience: Patience, servers: &[ServerUrl], room: &RoomId) -> Self {
        let (outgoing, outgoing_rx) = mpsc::channel(QUEUE);
        let (events_tx, events) = mpsc::channel(QUEUE);
        let driver = Driver {
            patience,
            servers: servers.to_vec(),
            room: room.clone(),
            outgoing: outgoing_rx,
            events: events_tx,
        };
        tokio::spawn(driver.run());
        Self { outgoing, events }
    }
}

#[async_trait]
impl Signaling for WebsocketSignaling {
    async fn send(&self, to: Option<MemberId>, payload: String) -> Result<(), SignalingError> {
        let message = ClientMessage::Relay { to, payload };
        // An over-long message would cost us the connection.
        message.encode().map_err(|_| SignalingError::TooBig)?;
        self.outgoing
            .try_send(message)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SignalingError::Congested,
                mpsc::error::TrySendError::Closed(_) => SignalingError::Closed,
            })
    }

    async fn next_event(&mut self) -> Option<SignalingEvent> {
        self.events.recv().await
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
    room: RoomId,
    outgoing: mpsc::Receiver<ClientMessage>,
    events: mpsc::Sender<SignalingEvent>,
}

impl Driver {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let event = match self.one_connection(&mut backoff).await {
                End::Dropped => return,
                End::Refused(reason) => {
                    info!(%reason, "the call server refused");
                    // If nobody listens any more, nobody needs to know.
                    let _ = self.events.send(SignalingEvent::Refused(reason)).await;
                    return;
                }
                End::Failed(reason) => {
                    debug!(%reason, "no connection to the call server");
                    let now = Instant::now().into_std();
                    let retry_at = Some(backoff.handle_failure(now, &mut rand::rng()));
                    SignalingEvent::Disconnected { reason, retry_at }
                }
            };
            let retry_at = match &event {
                SignalingEvent::Disconnected {
                    retry_at: Some(at), ..
                } => Instant::from_std(*at),
                _ => Instant::now(),
            };
            if self.events.send(event).await.is_err() {
                return;
            }
            tokio::select! {
                () = sleep_until(retry_at) => {}
                () = discard(&mut self.outgoing) => return,
            }
        }
    }

    async fn one_connection(&mut self, backoff: &mut Backoff) -> End {
        let entered = tokio::select! {
            entered = enter(&self.servers, &self.room) => entered,
            () = discard(&mut self.outgoing) => return End::Dropped,
        };
        let Membership {
            mut socket,
            server,
            you,
            members,
        } = match entered {
            Ok(membership) => membership,
            Err(error) => return error.into(),
        };
        backoff.handle_connected(Instant::now().into_std());
        info!("in the room");
        // What was sent until now was for members of another connection.
        while self.outgoing.try_recv().is_ok() {}
        let connected = SignalingEvent::Connected { you, members };
        let end = match self.events.send(connected).await {
            Ok(()) => self.attend(&mut socket, &server).await,
            Err(_) => End::Dropped,
        };
        if matches!(end, End::Dropped) && timeout(GOODBYE, leave(&mut socket)).await.is_err() {
            debug!("the call server did not take our leave");
        }
        end
    }

    /// The time in the room.
    async fn attend(&mut self, socket: &mut Socket, server: &ServerUrl) -> End {
        let Patience {
            ping_after,
            pong_within,
        } = self.patience;
        let mut heard_at = Instant::now();
        let mut pinged = false;
        let mut alarm = pin!(sleep_until(heard_at + ping_after));
        loop {
            tokio::select! {
                frame = socket.next() => {
                    let Some(Ok(frame)) = frame else { return End::Failed(lost(server)) };
                    heard_at = Instant::now();
                    if std::mem::take(&mut pinged) {
                        alarm.as_mut().reset(heard_at + ping_after);
                    }
                    let Message::Text(text) = frame else { continue };
                    let event = match ServerMessage::decode(&text) {
                        Ok(ServerMessage::Joined { member }) => SignalingEvent::Joined(member),
                        Ok(ServerMessage::Left { member }) => SignalingEvent::Left(member),
                        Ok(ServerMessage::Relayed { from, payload }) => {
                            SignalingEvent::Relayed { from, payload }
                        }
                        Ok(ServerMessage::Refused { reason }) => {
                            return SignalingError::Refused(reason).into();
                        }
                        Ok(ServerMessage::ShuttingDown) => {
                            return End::Failed(stopped(server));
                        }
                        Ok(ServerMessage::Welcome { .. }) | Err(_) => {
                            return End::Failed(not_ours(server));
                        }
                    };
                    if self.events.send(event).await.is_err() {
                        return End::Dropped;
                    }
                }
                message = self.outgoing.recv() => {
                    let Some(message) = message else { return End::Dropped };
                    // It was encoded before it came here.
                    let Ok(text) = message.encode() else { continue };
                    match timeout(WRITE, socket.send(Message::text(text))).await {
                        Ok(Ok(())) => {}
                        // Why is in what can still be read: a refusal, perhaps.
                        Ok(Err(_)) => return last_words(socket, server).await,
                        Err(_) => return End::Failed(silent(server)),
                    }
                }
                () = &mut alarm => {
                    let now = Instant::now();
                    if now < heard_at + ping_after {
                        alarm.as_mut().reset(heard_at + ping_after);
                    } else if pinged {
                        return End::Failed(silent(server));
                    } else {
                        pinged = true;
                        alarm.as_mut().reset(now + pong_within);
                        match timeout(WRITE, socket.send(Message::Ping(Bytes::new()))).await {
                            Ok(Ok(())) => {}
                            Ok(Err(_)) => return End::Failed(lost(server)),
                            Err(_) => return End::Failed(silent(server)),
                        }
                    }
                }
            }
        }
    }
}

/// What the server said before it closed.
async fn last_words(socket: &mut Socket, server: &ServerUrl) -> End {
    while let Ok(Some(Ok(frame))) = timeout(GOODBYE, socket.next()).await {
        let Message::Text(text) = frame else { continue };
        match ServerMessage::decode(&text) {
            Ok(ServerMessage::Refused { reason }) => return SignalingError::Refused(reason).into(),
            Ok(ServerMessage::ShuttingDown) => return End::Failed(stopped(server)),
            _ => {}
        }
    }
    End::Failed(lost(server))
}

/// Throws away what is sent, until nobody can send any more.
async fn discard(outgoing: &mut mpsc::Receiver<ClientMessage>) {
    while outgoing.recv().await.is_some() {}
}

/// Says that we go, and waits for the server's close frame.
async fn leave(socket: &mut Socket) {
    let Ok(text) = ClientMessage::Leave.encode() else {
        return;
    };
    if socket.send(Message::text(text)).await.is_err() || socket.close(None).await.is_err() {
        return;
    }
    while let Some(Ok(_)) = socket.next().await {}
}

#[cfg(test)]
#[path = "websocket_tests.rs"]
mod tests;
