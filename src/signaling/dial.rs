use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use tracing::debug;
use twocan_protocol::{
    ClientMessage, MAX_MESSAGE_BYTES, MemberId, PROTOCOL_VERSION, RefusalReason, ServerMessage,
    ServerUrl,
};

use super::SignalingError;
use super::race::race;

/// For a server or an address over the next one.
const HEAD_START: Duration = Duration::from_millis(200);
/// From the first packet to the end of the websocket handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// From the hello to the welcome.
const WELCOME: Duration = Duration::from_secs(10);
const BUFFER_BYTES: usize = 8 * 1024;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A connection that the server has welcomed.
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) server: ServerUrl,
    pub(super) you: MemberId,
    /// By the server's clock, seconds since 1970.
    pub(super) time: u64,
}

/// How long it takes to connect to `server` and to shake hands with it, for whoever wants to know whether
/// it is there. Enters no room.
pub async fn probe(server: &ServerUrl) -> Result<Duration, SignalingError> {
    let start = Instant::now();
    let mut socket = open(server).await?;
    let took = start.elapsed();
    if let Err(error) = socket.close(None).await {
        debug!(%error, "the probe was not closed politely");
    }
    Ok(took)
}

/// Connects to the first of `servers` that lets us in; they are tried side by side.
pub(super) async fn connect(servers: &[ServerUrl]) -> Result<Connection, SignalingError> {
    let contenders: Vec<_> = servers
        .iter()
        .map(|server| open_and_greet(server).boxed())
        .collect();
    race(contenders, HEAD_START).await.map_err(sum_up)
}

async fn open_and_greet(server: &ServerUrl) -> Result<Connection, SignalingError> {
    let socket = open(server).await?;
    greet(socket, server).await
}

/// The failure that tells most; of unreachable servers, all.
fn sum_up(mut failures: Vec<SignalingError>) -> SignalingError {
    use SignalingError as E;
    let telling = |failure: &E| match failure {
        E::Refused(reason) if reason.is_final() => 6,
        E::Refused(_) => 5,
        E::ServerFull { .. } => 4,
        E::Tls { .. } => 3,
        E::NotACallServer { .. } => 2,
        E::NotAWebsocket { .. } => 1,
        _ => 0,
    };
    // A stable sort: of equals the earlier.
    failures.sort_by_key(|failure| std::cmp::Reverse(telling(failure)));
    let unreachable: Vec<_> = failures
        .iter()
        .filter_map(|failure| match failure {
            E::Unreachable { server, .. } => Some(server.as_str()),
            _ => None,
        })
        .collect();
    let all = unreachable.join(" or ");
    match failures.into_iter().next() {
        None => E::NoServer,
        Some(E::Unreachable { detail, .. }) => E::Unreachable {
            server: all,
            detail,
        },
        Some(first) => first,
    }
}

/// TCP, TLS where the address asks for it (with the roots that browsers trust), and the websocket handshake.
async fn open(server: &ServerUrl) -> Result<Socket, SignalingError> {
    match timeout(HANDSHAKE, open_with(server, None)).await {
        Ok(opened) => opened,
        Err(_) => Err(unreachable(server, "it does not answer")),
    }
}

async fn open_with(server: &ServerUrl, tls: Option<Connector>) -> Result<Socket, SignalingError> {
    let stream = reach(server).await?;
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "no TCP_NODELAY");
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_MESSAGE_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let opened = client_async_tls_with_config(server.as_str(), stream, Some(config), tls).await;
    match opened {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(explain(server, &error)),
    }
}

/// To the first address of the host that takes the connection.
async fn reach(server: &ServerUrl) -> Result<TcpStream, SignalingError> {
    let host = server.host();
    let addresses = tokio::net::lookup_host((host.as_str(), server.port())).await;
    let addresses = addresses.map_err(|error| {
        debug!(%error, "no address");
        unreachable(server, "there is no computer of that name, or no network")
    })?;
    let tries: Vec<_> = alternate(addresses.collect())
        .into_iter()
        .map(|address| TcpStream::connect(address).boxed())
        .collect();
    let failures = match race(tries, HEAD_START).await {
        Ok(stream) => return Ok(stream),
        Err(failures) => failures,
    };
    let detail = match failures.first() {
        Some(error) => describe(error),
        None => "it has no address".to_owned(),
    };
    Err(unreachable(server, &detail))
}

/// One of each family in turn (RFC 8305 section 4), so that a family without a network costs one head start.
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let longest = first.len().max(second.len());
    (0..longest)
        .flat_map(|i| [first.get(i).copied(), second.get(i).copied()])
        .flatten()
        .collect()
}

/// Says hello, and waits to be let in.
async fn greet(mut socket: Socket, server: &ServerUrl) -> Result<Connection, SignalingError> {
    let hello = ClientMessage::Hello {
        version: PROTOCOL_VERSION,
    };
    let hello = hello.encode().map_err(|_| SignalingError::TooBig)?;
    let answer = timeout(WELCOME, async {
        socket
            .send(Message::text(hello))
            .await
            .map_err(|_| lost(server))?;
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_)) => return Err(not_ours(server)),
                Some(Err(_)) | None => return Err(lost(server)),
            }
        }
    });
    let answer = answer.await.map_err(|_| not_ours(server))??;
    match ServerMessage::decode(&answer) {
        Ok(ServerMessage::Welcome {
            version: PROTOCOL_VERSION,
            you,
            time,
        }) => Ok(Connection {
            socket,
            server: server.clone(),
            you,
            time,
        }),
        Ok(ServerMessage::Welcome { .. }) => {
            Err(SignalingError::Refused(RefusalReason::WrongVersion))
        }
        Ok(ServerMessage::Refused { reason }) => Err(SignalingError::Refused(reason)),
        Ok(ServerMessage::ShuttingDown) => Err(stopped(server)),
        Ok(_) | Err(_) => Err(not_ours(server)),
    }
}

pub(super) fn lost(server: &ServerUrl) -> SignalingError {
    let server = server.short().to_owned();
    SignalingError::Lost { server }
}

pub(super) fn silent(server: &ServerUrl) -> SignalingError {
    let server = server.short().to_owned();
    SignalingError::Silent { server }
}

pub(super) fn stopped(server: &ServerUrl) -> SignalingError {
    let server = server.short().to_owned();
    SignalingError::Stopped { server }
}

pub(super) fn not_ours(server: &ServerUrl) -> SignalingError {
    let server = server.short().to_owned();
    SignalingError::NotACallServer { server }
}

fn unreachable(server: &ServerUrl, detail: &str) -> SignalingError {
    SignalingError::Unreachable {
        server: server.short().to_owned(),
        detail: detail.to_owned(),
    }
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::TimedOut => "it does not answer".to_owned(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            "there is no way to it from this network".to_owned()
        }
        _ => error.to_string(),
    }
}

/// What went wrong between TCP and websocket.
fn explain(server: &ServerUrl, error: &Error) -> SignalingError {
    debug!(%error, "no handshake");
    let name = server.short().to_owned();
    match error {
        Error::Http(response) if response.status() == 503 => {
            SignalingError::ServerFull { server: name }
        }
        Error::Tls(error) => SignalingError::Tls {
            server: name,
            detail: error.to_string(),
        },
        // The TLS library says what it does not like as invalid data, and a server that hangs up on TLS
        // is the end of the file.
        Error::Io(error) if server.is_secure() => match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => SignalingError::Tls {
                server: name,
                detail: error.to_string(),
            },
            _ => SignalingError::Tls {
                server: name,
                detail: "it does not answer in TLS; perhaps its address begins with ws://"
                    .to_owned(),
            },
        },
        _ => SignalingError::NotAWebsocket { server: name },
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
