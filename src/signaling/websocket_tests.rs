use std::future::pending;
use std::net::SocketAddr;

use futures_util::SinkExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use twocan_protocol::{MAX_MEMBERS, MAX_MESSAGE_BYTES};

use super::*;
use crate::signaling::EmbeddedServer;

/// A test that hangs fails after this long.
const TOO_LONG: Duration = Duration::from_secs(30);

fn room() -> RoomId {
    "kitchen".parse().unwrap()
}

fn url(address: SocketAddr) -> ServerUrl {
    format!("ws://{address}").parse().unwrap()
}

async fn bind(address: &str) -> (TcpListener, ServerUrl) {
    let listener = TcpListener::bind(address).await.unwrap();
    let server = url(listener.local_addr().unwrap());
    (listener, server)
}

async fn serve() -> ServerUrl {
    let (listener, server) = bind("127.0.0.1:0").await;
    tokio::spawn(twocan_server::serve(listener, pending()));
    server
}

async fn serve_until(listener: TcpListener) -> (oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(twocan_server::serve(listener, async {
        let _ = stopped.await;
    }));
    (stop, task)
}

/// A server that takes each websocket, hears the hello, answers with `answer`, and then neither closes nor reads.
async fn answering(answer: &str) -> ServerUrl {
    let (listener, server) = bind("127.0.0.1:0").await;
    let answer = answer.to_owned();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let _ = socket.next().await;
            let _ = socket.send(Message::text(answer.clone())).await;
            open.push(socket);
        }
    });
    server
}

async fn next(client: &mut WebsocketSignaling) -> Option<SignalingEvent> {
    match timeout(TOO_LONG, client.next_event()).await {
        Ok(event) => event,
        Err(_) => panic!("nothing happened"),
    }
}

async fn connected(client: &mut WebsocketSignaling) -> (MemberId, Vec<MemberId>) {
    match next(client).await {
        Some(SignalingEvent::Connected { you, members }) => (you, members),
        other => panic!("not connected: {other:?}"),
    }
}

async fn disconnected(client: &mut WebsocketSignaling) -> SignalingError {
    match next(client).await {
        Some(SignalingEvent::Disconnected {
            reason,
            retry_at: Some(_),
        }) => reason,
        other => panic!("not disconnected: {other:?}"),
    }
}

fn relayed(from: MemberId, payload: &str) -> Option<SignalingEvent> {
    let payload = payload.to_owned();
    Some(SignalingEvent::Relayed { from, payload })
}

#[tokio::test]
async fn two_meet_talk_and_part() {
    let servers = [serve().await];
    let mut anna = WebsocketSignaling::connect(&servers, &room());
    let (anna_id, nobody) = connected(&mut anna).await;
    let mut ben = WebsocketSignaling::connect(&servers, &room());
    let (ben_id, there) = connected(&mut ben).await;
    assert_eq!((nobody, there), (vec![], vec![anna_id]));
    assert_eq!(next(&mut anna).await, Some(SignalingEvent::Joined(ben_id)));
    for i in 0..100 {
        anna.send(Some(ben_id), i.to_string()).await.unwrap();
    }
    for i in 0..100 {
        assert_eq!(next(&mut ben).await, relayed(anna_id, &i.to_string()));
    }
    ben.send(None, "last words".to_owned()).await.unwrap();
    drop(ben);
    assert_eq!(next(&mut anna).await, relayed(ben_id, "last words"));
    assert_eq!(next(&mut anna).await, Some(SignalingEvent::Left(ben_id)));
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    let (listener, server) = bind("127.0.0.1:0").await;
    let (stop, stopped) = serve_until(listener).await;
    let mut anna = WebsocketSignaling::connect(std::slice::from_ref(&server), &room());
    connected(&mut anna).await;
    drop(stop);
    let reason = disconnected(&mut anna).await;
    let stopped_reason = SignalingError::Stopped {
        server: server.short().to_owned(),
    };
    assert_eq!(reason, stopped_reason);
    timeout(TOO_LONG, stopped).await.unwrap().unwrap();
    // For members that are no more.
    anna.send(None, "lost".to_owned()).await.unwrap();
    let (listener, _) = bind(server.short()).await;
    tokio::spawn(twocan_server::serve(listener, pending()));
    let mut ben = WebsocketSignaling::connect(&[server], &room());
    let (ben_id, _) = connected(&mut ben).await;
    // A try in between may have found nobody.
    let (anna_id, there) = loop {
        match next(&mut anna).await {
            Some(SignalingEvent::Connected { you, members }) => break (you, members),
            Some(SignalingEvent::Disconnected { .. }) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(there, [ben_id]);
    anna.send(None, "back".to_owned()).await.unwrap();
    assert_eq!(next(&mut ben).await, Some(SignalingEvent::Joined(anna_id)));
    assert_eq!(next(&mut ben).await, relayed(anna_id, "back"));
}

#[tokio::test]
async fn of_several_servers_the_one_that_answers_is_taken() {
    let (gone, gone_url) = bind("127.0.0.1:0").await;
    drop(gone);
    let (_silent, silent_url) = bind("127.0.0.1:0").await;
    let servers = [gone_url, silent_url, serve().await];
    connected(&mut WebsocketSignaling::connect(&servers, &room())).await;
}

#[tokio::test]
async fn a_server_with_several_addresses_is_entered_once() {
    let (listener, server) = bind("127.0.0.1:0").await;
    tokio::spawn(twocan_server::serve(listener, pending()));
    let other_way: ServerUrl = format!("ws://localhost:{}", server.port()).parse().unwrap();
    let mut anna = WebsocketSignaling::connect(std::slice::from_ref(&server), &room());
    connected(&mut anna).await;
    for _ in 0..20 {
        let servers = [server.clone(), other_way.clone(), server.clone()];
        let mut ben = WebsocketSignaling::connect(&servers, &room());
        let (ben_id, there) = connected(&mut ben).await;
        assert_eq!(there.len(), 1);
        drop(ben);
        assert_eq!(next(&mut anna).await, Some(SignalingEvent::Joined(ben_id)));
        assert_eq!(next(&mut anna).await, Some(SignalingEvent::Left(ben_id)));
    }
}

#[tokio::test]
async fn a_full_room_is_the_end() {
    let servers = [serve().await];
    let mut inside = Vec::new();
    for _ in 0..MAX_MEMBERS {
        let mut client = WebsocketSignaling::connect(&servers, &room());
        connected(&mut client).await;
        inside.push(client);
    }
    let mut ninth = WebsocketSignaling::connect(&servers, &room());
    let refused = SignalingEvent::Refused(RefusalReason::RoomFull);
    assert_eq!(next(&mut ninth).await, Some(refused));
    assert_eq!(next(&mut ninth).await, None);
    assert_eq!(
        ninth.send(None, "x".to_owned()).await,
        Err(SignalingError::Closed)
    );
}

#[tokio::test]
async fn another_version_is_the_end() {
    for answer in [
        r#"{"type":"welcome","version":3,"you":1,"time":1}"#,
        r#"{"type":"refused","reason":"wrong_version"}"#,
    ] {
        let mut client = WebsocketSignaling::connect(&[answering(answer).await], &room());
        let refused = SignalingEvent::Refused(RefusalReason::WrongVersion);
        assert_eq!(next(&mut client).await, Some(refused));
        assert_eq!(next(&mut client).await, None);
    }
}

#[tokio::test]
async fn a_websocket_server_that_is_not_ours() {
    for answer in ["hello", "{}", r#"{"type":"left","room":"a","member":1}"#] {
        let server = answering(answer).await;
        let mut client = WebsocketSignaling::connect(std::slice::from_ref(&server), &room());
        let name = server.short().to_owned();
        assert_eq!(
            disconnected(&mut client).await,
            SignalingError::NotACallServer { server: name }
        );
    }
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let (listener, server) = bind("127.0.0.1:0").await;
    drop(listener);
    let mut client = WebsocketSignaling::connect(&[server], &room());
    for _ in 0..2 {
        let reason = disconnected(&mut client).await;
        assert!(
            matches!(reason, SignalingError::Unreachable { .. }),
            "{reason}"
        );
    }
    let mut nowhere = WebsocketSignaling::connect(&[], &room());
    assert_eq!(disconnected(&mut nowhere).await, SignalingError::NoServer);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left() {
    let server = answering(r#"{"type":"welcome","version":2,"you":1,"time":1}"#).await;
    let patience = Patience {
        ping_after: Duration::from_millis(20),
        pong_within: Duration::from_millis(20),
    };
    let servers = std::slice::from_ref(&server);
    let mut client = WebsocketSwitchboard::with(patience, servers).open(Goal::Room(room()));
    let name = server.short().to_owned();
    assert_eq!(
        disconnected(&mut client).await,
        SignalingError::Silent { server: name }
    );
}

#[tokio::test]
async fn a_server_that_answers_pings_is_kept() {
    let server = serve().await;
    let patience = Patience {
        ping_after: Duration::from_millis(2),
        pong_within: TOO_LONG,
    };
    let servers = [server];
    let mut anna = WebsocketSwitchboard::with(patience, &servers).open(Goal::Room(room()));
    let (anna_id, _) = connected(&mut anna).await;
    for _ in 0..20 {
        let mut ben = WebsocketSignaling::connect(&servers, &room());
        let (ben_id, there) = connected(&mut ben).await;
        assert_eq!(there, [anna_id], "the same membership all the time");
        drop(ben);
        assert_eq!(next(&mut anna).await, Some(SignalingEvent::Joined(ben_id)));
        assert_eq!(next(&mut anna).await, Some(SignalingEvent::Left(ben_id)));
    }
}

#[tokio::test]
async fn a_message_that_is_too_big_does_not_cost_the_connection() {
    let servers = [serve().await];
    let mut anna = WebsocketSignaling::connect(&servers, &room());
    let (anna_id, _) = connected(&mut anna).await;
    let mut ben = WebsocketSignaling::connect(&servers, &room());
    connected(&mut ben).await;
    let big = "x".repeat(MAX_MESSAGE_BYTES);
    assert_eq!(anna.send(None, big).await, Err(SignalingError::TooBig));
    anna.send(None, "small".to_owned()).await.unwrap();
    assert_eq!(next(&mut ben).await, relayed(anna_id, "small"));
}

#[tokio::test]
async fn too_much_at_once_is_told_at_once_and_what_was_taken_arrives() {
    let servers = [serve().await];
    let mut anna = WebsocketSignaling::connect(&servers, &room());
    connected(&mut anna).await;
    let mut ben = WebsocketSignaling::connect(&servers, &room());
    connected(&mut ben).await;
    // Nothing is written meanwhile: this test and the driver share a thread, and `send` does not wait.
    for number in 0..QUEUE {
        anna.send(None, number.to_string()).await.unwrap();
    }
    assert_eq!(
        anna.send(None, "one more".to_owned()).await,
        Err(SignalingError::Congested)
    );
    // The server takes fewer at once than the queue holds.
    for number in 0..QUEUE {
        match next(&mut ben).await {
            Some(SignalingEvent::Relayed { payload, .. }) => {
                assert_eq!(payload, number.to_string());
            }
            other => panic!("not {number}, but {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_app_can_be_its_own_server() {
    let server = EmbeddedServer::start(0).await.unwrap();
    assert!(!server.addresses().is_empty());
    let loopback = server.loopback().unwrap();
    let same_port = |address: &ServerUrl| address.port() == loopback.port();
    assert!(server.addresses().iter().all(same_port));
    let mut anna = WebsocketSignaling::connect(std::slice::from_ref(&loopback), &room());
    connected(&mut anna).await;
    let taken = EmbeddedServer::start(loopback.port()).await;
    assert_eq!(
        taken.map(|_| ()).map_err(|error| error.kind()),
        Err(std::io::ErrorKind::AddrInUse)
    );
    drop(server);
    let name = loopback.short().to_owned();
    assert_eq!(
        disconnected(&mut anna).await,
        SignalingError::Stopped { server: name }
    );
}
