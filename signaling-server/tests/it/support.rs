//! A server, and clients that say and hear one message at a time.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use twocan_protocol::{
    ClientMessage, MemberId, PROTOCOL_VERSION, RefusalReason, RoomId, ServerMessage,
};
use twocan_server::{Limits, serve_with_limits};

/// A test that hangs fails after this long.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited too long for {what}"),
    }
}

pub struct Server {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve_with_limits(listener, stopped, limits));
        Self {
            address,
            stop,
            task,
        }
    }

    /// Asks it to stop; the handle is done when it has.
    pub fn stop(self) -> JoinHandle<()> {
        let _ = self.stop.send(());
        self.task
    }

    /// Drops it without a word, as when the program that embeds it drops its future.
    pub fn abort(self) {
        self.task.abort();
    }

    pub async fn tcp(&self) -> TcpStream {
        soon("a TCP connection", TcpStream::connect(self.address))
            .await
            .unwrap()
    }
}

pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub async fn connect(server: &Server) -> Self {
        Self::try_connect(server).await.unwrap()
    }

    pub async fn try_connect(server: &Server) -> Result<Self, Error> {
        let url = format!("ws://{}/", server.address);
        let connecting = tokio_tungstenite::client_async(url, server.tcp().await);
        let (socket, _) = soon("a handshake", connecting).await?;
        Ok(Self { socket })
    }

    /// In the room: who it is, and who was there.
    pub async fn join(server: &Server, room: &str) -> (Self, MemberId, Vec<MemberId>) {
        let (mut client, you) = Self::welcome(server).await;
        let members = client.enter(room).await;
        (client, you, members)
    }

    /// Let in, and in no room: who it is.
    pub async fn welcome(server: &Server) -> (Self, MemberId) {
        let mut client = Self::connect(server).await;
        client.hello().await;
        match client.hear().await {
            ServerMessage::Welcome {
                version: PROTOCOL_VERSION,
                you,
                ..
            } => (client, you),
            other => panic!("not welcome: {other:?}"),
        }
    }

    pub async fn hello(&mut self) {
        let version = PROTOCOL_VERSION;
        self.say(&ClientMessage::Hello { version }).await;
    }

    /// Who was there.
    pub async fn enter(&mut self, name: &str) -> Vec<MemberId> {
        self.say(&ClientMessage::Enter { room: room(name) }).await;
        match self.hear().await {
            ServerMessage::Entered {
                room: entered,
                by: None,
                members,
            } if entered == room(name) => members,
            other => panic!("not in the room: {other:?}"),
        }
    }

    pub async fn say(&mut self, message: &ClientMessage) {
        self.send(Message::text(message.encode().unwrap())).await;
    }

    pub async fn relay(&mut self, name: &str, to: Option<MemberId>, payload: impl Into<String>) {
        let (room, payload) = (room(name), payload.into());
        self.say(&ClientMessage::Relay { room, to, payload }).await;
    }

    pub async fn send(&mut self, frame: Message) {
        soon("a write", self.socket.send(frame)).await.unwrap();
    }

    /// The next frame; `None` when the connection is over.
    pub async fn frame(&mut self) -> Option<Message> {
        soon("a frame", self.socket.next()).await?.ok()
    }

    pub async fn hear(&mut self) -> ServerMessage {
        loop {
            match self.frame().await {
                Some(Message::Text(text)) => return ServerMessage::decode(&text).unwrap(),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    }

    /// Hears the refusal and then the close code.
    pub async fn hear_refusal(&mut self) -> (RefusalReason, u16) {
        let ServerMessage::Refused { reason } = self.hear().await else {
            panic!("not refused");
        };
        (reason, self.hear_close().await)
    }

    pub async fn hear_close(&mut self) -> u16 {
        match self.frame().await {
            Some(Message::Close(Some(frame))) => frame.code.into(),
            other => panic!("no close frame but {other:?}"),
        }
    }
}

pub fn room(name: &str) -> RoomId {
    name.parse().unwrap()
}

pub fn relayed(name: &str, from: MemberId, payload: impl Into<String>) -> ServerMessage {
    let (room, payload) = (room(name), payload.into());
    ServerMessage::Relayed {
        room,
        from,
        payload,
    }
}

pub fn joined(name: &str, member: MemberId) -> ServerMessage {
    let room = room(name);
    ServerMessage::Joined { room, member }
}

pub fn left(name: &str, member: MemberId) -> ServerMessage {
    let room = room(name);
    ServerMessage::Left { room, member }
}
