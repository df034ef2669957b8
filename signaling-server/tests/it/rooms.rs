//! What a room is for.

use tokio_tungstenite::tungstenite::Message;
use twocan_protocol::{ClientMessage, MAX_MEMBERS, MAX_MESSAGE_BYTES, RefusalReason};
use twocan_server::Limits;

use crate::support::{Client, Server, joined, left, relayed};

#[tokio::test]
async fn two_meet_talk_and_part() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, anna_id, nobody) = Client::join(&server, "kitchen").await;
    assert_eq!(nobody, []);
    let (mut ben, ben_id, there) = Client::join(&server, "kitchen").await;
    assert_eq!(there, [anna_id]);
    assert!(ben_id > anna_id, "who comes later has the larger id");
    assert_eq!(anna.hear().await, joined(ben_id));

    anna.relay(Some(ben_id), "offer").await;
    assert_eq!(ben.hear().await, relayed(anna_id, "offer"));
    ben.relay(None, "answer").await;
    assert_eq!(anna.hear().await, relayed(ben_id, "answer"));

    ben.say(&ClientMessage::Leave).await;
    assert_eq!(anna.hear().await, left(ben_id));
    assert_eq!(ben.hear_close().await, 1000);
}

#[tokio::test]
async fn a_broken_line_is_a_leave() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, _, _) = Client::join(&server, "kitchen").await;
    let (ben, ben_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.hear().await, joined(ben_id));
    drop(ben);
    assert_eq!(anna.hear().await, left(ben_id));
}

#[tokio::test]
async fn payloads_arrive_in_order_whatever_is_in_them() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, anna_id, _) = Client::join(&server, "kitchen").await;
    let (mut ben, ben_id, _) = Client::join(&server, "kitchen").await;
    let (mut carl, _, _) = Client::join(&server, "kitchen").await;
    for i in 0..100 {
        anna.relay(None, format!("{i} \"ä\\\u{0}🦜")).await;
        ben.relay(None, format!("{i} from ben")).await;
    }
    let (mut from_anna, mut from_ben) = (0, 0);
    while from_anna + from_ben < 200 {
        let message = carl.hear().await;
        if message == relayed(anna_id, format!("{from_anna} \"ä\\\u{0}🦜")) {
            from_anna += 1;
        } else if message == relayed(ben_id, format!("{from_ben} from ben")) {
            from_ben += 1;
        } else {
            panic!("out of order: {message:?}");
        }
    }
}

#[tokio::test]
async fn rooms_hear_nothing_of_each_other() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, anna_id, _) = Client::join(&server, "kitchen").await;
    let (mut ben, ben_id, there) = Client::join(&server, "cellar").await;
    assert_eq!(there, []);
    ben.relay(None, "to nobody").await;
    ben.relay(Some(anna_id), "through the wall").await;
    ben.say(&ClientMessage::Leave).await;
    assert_eq!(ben.hear_close().await, 1000);
    // Whatever would have reached Anna was sent before this.
    let (_carl, carl_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.hear().await, joined(carl_id));
    assert_ne!(ben_id, carl_id);
}

#[tokio::test]
async fn the_largest_payload_passes() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, anna_id, _) = Client::join(&server, "kitchen").await;
    let (_ben, ben_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.hear().await, joined(ben_id));
    let (mut carl, carl_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.hear().await, joined(carl_id));
    let payload = "x".repeat(MAX_MESSAGE_BYTES - 100);
    anna.relay(Some(carl_id), payload.clone()).await;
    assert_eq!(carl.hear().await, relayed(anna_id, payload));
}

#[tokio::test]
async fn the_ninth_finds_the_room_full() {
    let server = Server::start(Limits::default()).await;
    let mut inside = Vec::new();
    for _ in 0..MAX_MEMBERS {
        inside.push(Client::join(&server, "kitchen").await);
    }
    let mut ninth = Client::connect(&server).await;
    ninth.hello("kitchen").await;
    assert_eq!(ninth.hear_refusal().await, (RefusalReason::RoomFull, 1008));

    let (gone, gone_id, _) = inside.pop().unwrap();
    drop(gone);
    let (first, _, _) = &mut inside[0];
    while first.hear().await != left(gone_id) {}
    let (_, _, there) = Client::join(&server, "kitchen").await;
    assert_eq!(there.len(), MAX_MEMBERS - 1);
}

#[tokio::test]
async fn another_version_is_refused_as_such() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(&server).await;
    let hello = r#"{"type":"hello","version":2,"house":"of the future"}"#;
    client.send(Message::text(hello)).await;
    assert_eq!(
        client.hear_refusal().await,
        (RefusalReason::WrongVersion, 1008)
    );
}
