//! What a room is for.

use tokio_tungstenite::tungstenite::Message;
use twocan_protocol::{
    ClientMessage, MAX_MEMBERS, MAX_MESSAGE_BYTES, RefusalReason, ServerMessage,
};
use twocan_server::Limits;

use crate::support::{Client, Server, joined, left, relayed, room};

#[tokio::test]
async fn two_meet_talk_and_part() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, anna_id, nobody) = Client::join(&server, "kitchen").await;
    assert_eq!(nobody, []);
    let (mut ben, ben_id, there) = Client::join(&server, "kitchen").await;
    assert_eq!(there, [anna_id]);
    assert!(ben_id > anna_id, "who comes later has the larger id");
    assert_eq!(anna.hear().await, joined("kitchen", ben_id));

    anna.relay("kitchen", Some(ben_id), "offer").await;
    assert_eq!(ben.hear().await, relayed("kitchen", anna_id, "offer"));
    ben.relay("kitchen", None, "answer").await;
    assert_eq!(anna.hear().await, relayed("kitchen", ben_id, "answer"));

    ben.say(&ClientMessage::Bye).await;
    assert_eq!(anna.hear().await, left("kitchen", ben_id));
    assert_eq!(ben.hear_close().await, 1000);
}

#[tokio::test]
async fn a_broken_line_is_a_leave() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, _, _) = Client::join(&server, "kitchen").await;
    let (ben, ben_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.hear().await, joined("kitchen", ben_id));
    drop(ben);
    assert_eq!(anna.hear().await, left("kitchen", ben_id));
}

#[tokio::test]
async fn payloads_arrive_in_order_whatever_is_in_them() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, anna_id, _) = Client::join(&server, "kitchen").await;
    let (mut ben, ben_id, _) = Client::join(&server, "kitchen").await;
    let (mut carl, _, _) = Client::join(&server, "kitchen").await;
    for i in 0..100 {
        anna.relay("kitchen", None, format!("{i} \"ä\\\u{0}🦜"))
            .await;
        ben.relay("kitchen", None, format!("{i} from ben")).await;
    }
    let (mut from_anna, mut from_ben) = (0, 0);
    while from_anna + from_ben < 200 {
        let message = carl.hear().await;
        if message == relayed("kitchen", anna_id, format!("{from_anna} \"ä\\\u{0}🦜")) {
            from_anna += 1;
        } else if message == relayed("kitchen", ben_id, format!("{from_ben} from ben")) {
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
    ben.relay("cellar", None, "to nobody").await;
    ben.relay("cellar", Some(anna_id), "through the wall").await;
    ben.relay("kitchen", Some(anna_id), "from outside").await;
    ben.say(&ClientMessage::Bye).await;
    assert_eq!(ben.hear_close().await, 1000);
    // Whatever would have reached Anna was sent before this.
    let (_carl, carl_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.hear().await, joined("kitchen", carl_id));
    assert_ne!(ben_id, carl_id);
}

#[tokio::test]
async fn the_largest_payload_passes() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, anna_id, _) = Client::join(&server, "kitchen").await;
    let (_ben, ben_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.hear().await, joined("kitchen", ben_id));
    let (mut carl, carl_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.hear().await, joined("kitchen", carl_id));
    let payload = "x".repeat(MAX_MESSAGE_BYTES - 100);
    anna.relay("kitchen", Some(carl_id), payload.clone()).await;
    assert_eq!(carl.hear().await, relayed("kitchen", anna_id, payload));
}

#[tokio::test]
async fn the_ninth_finds_the_room_full() {
    let server = Server::start(Limits::default()).await;
    let mut inside = Vec::new();
    for _ in 0..MAX_MEMBERS {
        inside.push(Client::join(&server, "kitchen").await);
    }
    let (mut ninth, _) = Client::welcome(&server).await;
    let room = room("kitchen");
    ninth
        .say(&ClientMessage::Enter { room: room.clone() })
        .await;
    let reason = RefusalReason::RoomFull;
    assert_eq!(
        ninth.hear().await,
        ServerMessage::NotEntered { room, reason }
    );

    let (gone, gone_id, _) = inside.pop().unwrap();
    drop(gone);
    let (first, _, _) = &mut inside[0];
    while first.hear().await != left("kitchen", gone_id) {}
    let (_, _, there) = Client::join(&server, "kitchen").await;
    assert_eq!(there.len(), MAX_MEMBERS - 1);
}

#[tokio::test]
async fn another_version_is_refused_as_such() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(&server).await;
    let hello = r#"{"type":"hello","version":3,"house":"of the future"}"#;
    client.send(Message::text(hello)).await;
    assert_eq!(
        client.hear_refusal().await,
        (RefusalReason::WrongVersion, 1008)
    );
}

#[tokio::test]
async fn one_connection_is_in_several_rooms() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, anna_id, _) = Client::join(&server, "kitchen").await;
    assert_eq!(anna.enter("cellar").await, []);
    let (mut ben, ben_id, there) = Client::join(&server, "cellar").await;
    assert_eq!(there, [anna_id]);
    assert_eq!(anna.hear().await, joined("cellar", ben_id));
    anna.relay("cellar", None, "down here").await;
    assert_eq!(ben.hear().await, relayed("cellar", anna_id, "down here"));
    anna.say(&ClientMessage::Leave {
        room: room("cellar"),
    })
    .await;
    assert_eq!(ben.hear().await, left("cellar", anna_id));
    let (_, carl_id, there) = Client::join(&server, "kitchen").await;
    assert_eq!(there, [anna_id]);
    assert_eq!(anna.hear().await, joined("kitchen", carl_id));
}

#[tokio::test]
async fn a_number_leads_one_into_a_room() {
    let server = Server::start(Limits::default()).await;
    let (mut anna, anna_id, _) = Client::join(&server, "a-secret-room").await;
    let room = room("a-secret-room");
    anna.say(&ClientMessage::Allot { room: room.clone() }).await;
    let ServerMessage::Allotted {
        nameplate, seconds, ..
    } = anna.hear().await
    else {
        panic!("no number");
    };
    assert_eq!(seconds, 600);
    let (mut ben, ben_id) = Client::welcome(&server).await;
    ben.say(&ClientMessage::Claim { nameplate }).await;
    let entered = ServerMessage::Entered {
        room,
        by: Some(nameplate),
        members: vec![anna_id],
    };
    assert_eq!(ben.hear().await, entered);
    assert_eq!(anna.hear().await, joined("a-secret-room", ben_id));
    let (mut carl, _) = Client::welcome(&server).await;
    carl.say(&ClientMessage::Claim { nameplate }).await;
    assert_eq!(
        carl.hear().await,
        ServerMessage::NoSuchNameplate { nameplate }
    );
}
