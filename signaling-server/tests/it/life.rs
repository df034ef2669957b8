//! Staying, ending, and being watched over.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use twocan_protocol::ServerMessage;
use twocan_server::Limits;

use crate::support::{Client, Server, joined, relayed, soon};

#[tokio::test]
async fn an_idle_member_that_answers_pings_stays() {
    let limits = Limits {
        ping_after: Duration::from_millis(20),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let (mut anna, anna_id, _) = Client::join(&server, "kitchen").await;
    let mut pings = 0;
    while pings < 5 {
        match anna.frame().await {
            Some(Message::Ping(_)) => pings += 1,
            other => panic!("no ping but {other:?}"),
        }
    }
    let (mut ben, ben_id, there) = Client::join(&server, "kitchen").await;
    assert_eq!(there, [anna_id]);
    assert_eq!(anna.hear().await, joined("kitchen", ben_id));
    anna.relay("kitchen", None, "here").await;
    assert_eq!(ben.hear().await, relayed("kitchen", anna_id, "here"));
}

#[tokio::test]
async fn shutdown_is_polite_and_complete() {
    let server = Server::start(Limits::default()).await;
    let address = server.address;
    let (mut anna, _, _) = Client::join(&server, "kitchen").await;
    let (mut ben, _, _) = Client::join(&server, "cellar").await;
    let mut undecided = Client::connect(&server).await;
    let silent = server.tcp().await;
    let stopped = server.stop();
    for client in [&mut anna, &mut ben, &mut undecided] {
        assert_eq!(client.hear().await, ServerMessage::ShuttingDown);
        assert_eq!(client.hear_close().await, 1001);
        assert_eq!(client.frame().await, None);
    }
    drop((anna, ben, undecided, silent));
    soon("the server's end", stopped).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_member_that_does_not_read_cannot_hold_up_the_shutdown() {
    let server = Server::start(Limits::default()).await;
    let (_anna, _, _) = Client::join(&server, "kitchen").await;
    soon("the server's end", server.stop()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_dropped_says_goodbye_all_the_same() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, _, _) = Client::join(&server, "kitchen").await;
    server.abort();
    assert_eq!(anna.hear().await, ServerMessage::ShuttingDown);
    assert_eq!(anna.hear_close().await, 1001);
}

#[tokio::test]
async fn health_is_answered_in_plain_http() {
    let server = Server::start(Limits::default()).await;
    let mut stream = server.tcp().await;
    let request = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    soon("a write", stream.write_all(request)).await.unwrap();
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
}
