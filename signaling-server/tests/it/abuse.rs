//! What somebody can do to a server, and what the others notice of it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{Error, Message};
use twocan_protocol::{ClientMessage, MAX_MESSAGE_BYTES, MemberId, RefusalReason, ServerMessage};
use twocan_server::Limits;
use twocan_server::rate::Rate;

use crate::support::{Client, Server, joined, left, relayed, room, soon};

const SHORT: Duration = Duration::from_millis(50);

/// Anna and Ben are in a room; Mallory is there too.
struct Room {
    server: Server,
    anna: (Client, MemberId),
    ben: (Client, MemberId),
    mallory: (Client, MemberId),
}

impl Room {
    async fn with(limits: Limits) -> Self {
        let server = Server::start(limits).await;
        let (mut anna, anna_id, _) = Client::join(&server, "kitchen").await;
        let (mut ben, ben_id, _) = Client::join(&server, "kitchen").await;
        let (mallory, mallory_id, _) = Client::join(&server, "kitchen").await;
        assert_eq!(anna.hear().await, joined("kitchen", ben_id));
        assert_eq!(anna.hear().await, joined("kitchen", mallory_id));
        assert_eq!(ben.hear().await, joined("kitchen", mallory_id));
        Self {
            server,
            anna: (anna, anna_id),
            ben: (ben, ben_id),
            mallory: (mallory, mallory_id),
        }
    }

    /// Mallory is out, the others were told and talk on.
    async fn goes_on_without_mallory(mut self) {
        assert_eq!(self.anna.0.hear().await, left("kitchen", self.mallory.1));
        assert_eq!(self.ben.0.hear().await, left("kitchen", self.mallory.1));
        self.anna.0.relay("kitchen", None, "still there?").await;
        assert_eq!(
            self.ben.0.hear().await,
            relayed("kitchen", self.anna.1, "still there?")
        );
        self.ben.0.relay("kitchen", Some(self.anna.1), "yes").await;
        assert_eq!(
            self.anna.0.hear().await,
            relayed("kitchen", self.ben.1, "yes")
        );
    }
}

#[tokio::test]
async fn a_message_over_the_limit() {
    let mut room = Room::with(Limits::default()).await;
    let huge = "x".repeat(MAX_MESSAGE_BYTES + 1);
    room.mallory.0.send(Message::text(huge)).await;
    let refusal = room.mallory.0.hear_refusal().await;
    assert_eq!(refusal, (RefusalReason::TooBig, 1009));
    room.goes_on_without_mallory().await;
}

#[tokio::test]
async fn a_frame_that_claims_to_be_endless() {
    let mut room = Room::with(Limits::default()).await;
    let stream = room.mallory.0.socket.get_mut();
    // Text, final, masked, a 64-bit length of 2^62.
    let header = [0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    soon("a write", stream.write_all(&header)).await.unwrap();
    let refusal = room.mallory.0.hear_refusal().await;
    assert_eq!(refusal, (RefusalReason::TooBig, 1009));
    room.goes_on_without_mallory().await;
}

#[tokio::test]
async fn a_message_over_the_limit_in_small_pieces() {
    let mut room = Room::with(Limits::default()).await;
    let stream = room.mallory.0.socket.get_mut();
    // Unmasked content is fine with a mask of zeros: first a text frame, then continuations.
    for i in 0..70_u8 {
        let opcode = if i == 0 { 0x01 } else { 0x00 };
        let mut frame = vec![opcode, 0xfe, 0x04, 0x00, 0, 0, 0, 0];
        frame.extend([b'x'; 1024]);
        if soon("a write", stream.write_all(&frame)).await.is_err() {
            break;
        }
    }
    let refusal = room.mallory.0.hear_refusal().await;
    assert_eq!(refusal, (RefusalReason::TooBig, 1009));
    room.goes_on_without_mallory().await;
}

#[tokio::test]
async fn a_binary_message() {
    let mut room = Room::with(Limits::default()).await;
    let garbage: Vec<u8> = (0..1_000_u32).map(|i| (i * 31 % 251) as u8).collect();
    room.mallory.0.send(Message::binary(garbage)).await;
    let refusal = room.mallory.0.hear_refusal().await;
    assert_eq!(refusal, (RefusalReason::BadRequest, 1003));
    room.goes_on_without_mallory().await;
}

#[tokio::test]
async fn bytes_that_are_no_frames() {
    let mut room = Room::with(Limits::default()).await;
    let stream = room.mallory.0.socket.get_mut();
    soon("a write", stream.write_all(&[0xff; 4096]))
        .await
        .unwrap();
    room.goes_on_without_mallory().await;
}

#[tokio::test]
async fn text_that_is_no_message() {
    for nonsense in ["", "{}", "null", "{\"type\":\"welcome\"}", "[[[[[[[["] {
        let mut room = Room::with(Limits::default()).await;
        room.mallory.0.send(Message::text(nonsense)).await;
        let refusal = room.mallory.0.hear_refusal().await;
        assert_eq!(refusal, (RefusalReason::BadRequest, 1003), "{nonsense}");
        room.goes_on_without_mallory().await;
    }
}

#[tokio::test]
async fn a_second_hello() {
    let mut room = Room::with(Limits::default()).await;
    room.mallory.0.hello().await;
    let refusal = room.mallory.0.hear_refusal().await;
    assert_eq!(refusal, (RefusalReason::BadRequest, 1003));
    room.goes_on_without_mallory().await;
}

#[tokio::test]
async fn talking_before_the_hello() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(&server).await;
    client.say(&ClientMessage::Bye).await;
    let refusal = client.hear_refusal().await;
    assert_eq!(refusal, (RefusalReason::BadRequest, 1003));
}

#[tokio::test]
async fn bytes_that_are_no_handshake() {
    let server = Server::start(Limits::default()).await;
    let mut stream = server.tcp().await;
    soon("a write", stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 0xfc]))
        .await
        .unwrap();
    let mut answer = Vec::new();
    // Closed, be it by a reset.
    let _ = soon("the end", stream.read_to_end(&mut answer)).await;
    Client::join(&server, "kitchen").await;
}

#[tokio::test]
async fn a_connection_that_never_speaks() {
    let limits = Limits {
        handshake: SHORT,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut stream = server.tcp().await;
    let mut answer = Vec::new();
    soon("the end", stream.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn a_client_that_never_says_hello() {
    let limits = Limits {
        hello: SHORT,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut client = Client::connect(&server).await;
    let refusal = client.hear_refusal().await;
    assert_eq!(refusal, (RefusalReason::BadRequest, 1003));
}

#[tokio::test]
async fn a_member_that_falls_silent() {
    let limits = Limits {
        ping_after: SHORT,
        pong_within: Duration::from_millis(500),
        ..Limits::default()
    };
    // Mallory's socket is not read from now on, so that no ping is answered; Anna and Ben read in turns.
    let mut room = Room::with(limits).await;
    let ((anna, _), (ben, _)) = (&mut room.anna, &mut room.ben);
    let (anna_heard, ben_heard) = tokio::join!(anna.hear(), ben.hear());
    assert_eq!(
        (anna_heard, ben_heard),
        (
            left("kitchen", room.mallory.1),
            left("kitchen", room.mallory.1)
        )
    );
}

#[tokio::test]
async fn one_that_reads_too_slowly_is_dropped_and_the_others_go_on() {
    let limits = Limits {
        rate: Rate {
            per_second: 1e9,
            burst: 1e9,
        },
        write: Duration::from_secs(3_600),
        ..Limits::default()
    };
    let mut room = Room::with(limits).await;
    let (anna, anna_id) = (&mut room.anna.0, room.anna.1);
    let payload = "x".repeat(60_000);
    // Mallory does not read. What the two sockets and the queue hold is finite.
    let mut sent = 0;
    loop {
        assert!(sent < 5_000, "300 MB wait for somebody who does not read");
        let numbered = format!("{sent} {payload}");
        anna.relay("kitchen", None, numbered.clone()).await;
        sent += 1;
        let heard = room.ben.0.hear().await;
        if heard == left("kitchen", room.mallory.1) {
            assert_eq!(
                room.ben.0.hear().await,
                relayed("kitchen", anna_id, numbered)
            );
            break;
        }
        assert_eq!(heard, relayed("kitchen", anna_id, numbered));
    }
    assert_eq!(anna.hear().await, left("kitchen", room.mallory.1));
    anna.relay("kitchen", None, "after").await;
    assert_eq!(
        room.ben.0.hear().await,
        relayed("kitchen", anna_id, "after")
    );
}

#[tokio::test]
async fn ten_thousand_messages_at_once() {
    let mut room = Room::with(Limits::default()).await;
    let (mallory, mallory_id) = (&mut room.mallory.0, room.mallory.1);
    let flood = async {
        let relay = ClientMessage::Relay {
            room: "kitchen".parse().unwrap(),
            to: None,
            payload: "flood".into(),
        };
        let text = relay.encode().unwrap();
        for _ in 0..10_000 {
            use futures_util::SinkExt as _;
            if mallory
                .socket
                .send(Message::text(text.clone()))
                .await
                .is_err()
            {
                break;
            }
        }
    };
    let listen = async {
        let mut passed = 0;
        loop {
            let heard = room.ben.0.hear().await;
            if heard == left("kitchen", mallory_id) {
                break passed;
            }
            assert_eq!(heard, relayed("kitchen", mallory_id, "flood"));
            passed += 1;
        }
    };
    let ((), passed) = tokio::join!(flood, listen);
    // Entering the room was the first of what may come at once.
    assert!((249..2_000).contains(&passed), "{passed} were passed on");
    while room.anna.0.hear().await != left("kitchen", mallory_id) {}
    room.anna.0.relay("kitchen", None, "still there?").await;
    assert_eq!(
        room.ben.0.hear().await,
        relayed("kitchen", room.anna.1, "still there?")
    );
    let mut again = Client::join(&room.server, "kitchen").await;
    assert_eq!(again.2, [room.anna.1, room.ben.1]);
    again.0.relay("kitchen", None, "sorry").await;
}

#[tokio::test]
async fn more_connections_than_the_server_takes() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let (mut anna, _, _) = Client::join(&server, "kitchen").await;
    let (ben, ben_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.hear().await, joined("kitchen", ben_id));
    match Client::try_connect(&server).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 503),
        // The reset can overtake the answer.
        Err(Error::Io(_) | Error::Protocol(_)) => {}
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("a third connection was taken"),
    }
    anna.relay("kitchen", None, "fine here").await;
    drop(ben);
    assert_eq!(anna.hear().await, left("kitchen", ben_id));
}

#[tokio::test]
async fn more_rooms_than_the_server_takes() {
    let mut limits = Limits::default();
    limits.registry.rooms = 1;
    let server = Server::start(limits).await;
    let (_anna, anna_id, _) = Client::join(&server, "kitchen").await;
    let (mut ben, _) = Client::welcome(&server).await;
    let room = room("cellar");
    ben.say(&ClientMessage::Enter { room: room.clone() }).await;
    let reason = RefusalReason::TooManyRooms;
    assert_eq!(ben.hear().await, ServerMessage::NotEntered { room, reason });
    let (_, _, there) = Client::join(&server, "kitchen").await;
    assert_eq!(there, [anna_id]);
}
