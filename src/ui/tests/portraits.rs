use eframe::egui::{HoveredFile, Key, Modifiers, Shape};
use egui_kittest::kittest::NodeT as _;

use super::lobby::drop_picture;
use super::{Room, SMALLEST, WIDE, contact, keys, snapshot};
use crate::engine::{
    CallRole, CallStage, CallView, Command, ContactView, Incoming, ParticipantId, Phase, Snapshot,
};
use crate::trust::Portrait;

const FIELD: &str = "Where the picture is";
const REMOVE: &str = "Remove your picture";
const SHOWN: &str = "Your picture, as friends see it";

fn portrait() -> Option<Portrait> {
    Some(Portrait::plain([200, 30, 40]))
}

/// How many pictures so wide and high are painted.
fn painted(room: &Room, side: f32) -> usize {
    let is_one = |shape: &Shape| match shape {
        Shape::Rect(rect) => {
            let size = rect.rect.size();
            rect.brush.is_some() && (size.x - side).abs() < 0.1 && (size.y - side).abs() < 0.1
        }
        _ => false,
    };
    let shapes = &room.harness.output().shapes;
    let found = shapes.iter().filter(|clipped| is_one(&clipped.shape));
    found.count()
}

fn at_appearance(snapshot: Snapshot) -> Room {
    let mut room = Room::new(snapshot);
    room.key(Modifiers::COMMAND, Key::Comma);
    room.press("Appearance");
    room.commands();
    room
}

#[test]
fn who_shows_themselves_is_seen_in_the_list_and_on_their_sheet() {
    let saved = |portrait| Snapshot {
        contacts: [
            ContactView {
                portrait,
                ..contact(1, "Maya Lindqvist", true)
            },
            contact(2, "Priya Nair", false),
        ]
        .into(),
        ..snapshot()
    };
    assert_eq!(painted(&Room::new(saved(None)), 38.0), 0);
    let mut room = Room::new(saved(portrait()));
    assert_eq!(painted(&room, 38.0), 1);
    room.enter("Maya Lindqvist, verified, here now. Open");
    assert_eq!(painted(&room, 56.0), 1);
}

#[test]
fn who_calls_is_seen_as_they_show_themselves_or_last_did() {
    let rung = |shown: Option<Portrait>, known: Option<Portrait>| Snapshot {
        incoming: Some(Incoming {
            caller: ParticipantId(7),
            identity: keys(7),
            friend: "Maya Lindqvist".to_owned(),
            portrait: shown,
        }),
        contacts: [ContactView {
            portrait: known,
            ..contact(7, "Maya Lindqvist", true)
        }]
        .into(),
        ..snapshot()
    };
    assert_eq!(painted(&Room::new(rung(None, None)), 104.0), 0);
    assert_eq!(painted(&Room::new(rung(portrait(), None)), 104.0), 1);
    assert_eq!(painted(&Room::new(rung(None, portrait())), 104.0), 1);
    // Who only has the name of a contact has not their picture.
    let mut namesake = rung(None, portrait());
    if let Some(incoming) = &mut namesake.incoming {
        incoming.identity = keys(8);
    }
    assert_eq!(painted(&Room::new(namesake), 104.0), 0);
}

#[test]
fn a_picture_is_chosen_by_dropping_it() {
    let mut room = at_appearance(snapshot());
    assert!(!room.has("Drop it here."));
    room.harness.input_mut().hovered_files.push(HoveredFile {
        path: Some("me.png".into()),
        ..HoveredFile::default()
    });
    room.frames();
    assert!(room.has("Drop it here."));
    drop_picture(&mut room);
    assert!(!room.has("Drop it here."));
    let commands = room.commands();
    let [Command::SetPortrait { file }] = &*commands else {
        panic!("{commands:?}");
    };
    assert!(file.starts_with("file:///"), "{file}");
    // On another page nothing waits for it.
    room.press("Network");
    room.commands();
    drop_picture(&mut room);
    assert_eq!(room.commands(), []);
}

#[test]
fn a_picture_is_chosen_by_its_path() {
    let mut room = at_appearance(snapshot());
    room.press("Use this picture");
    assert_eq!(room.commands(), []);
    assert_eq!(room.focused(), FIELD);
    let chosen = [Command::SetPortrait {
        file: "/home/jonas/me.png".to_owned(),
    }];
    room.write(FIELD, " /home/jonas/me.png ");
    room.press("Use this picture");
    assert_eq!(room.commands(), chosen);
    // It is there to be mended until it has come about.
    let written = |room: &Room| {
        let field = room.control(FIELD);
        field.accesskit_node().value().unwrap_or_default()
    };
    room.frames();
    assert_eq!(written(&room).trim(), "/home/jonas/me.png");
    room.control(FIELD).focus();
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.commands(), chosen);
    room.show(|snapshot| snapshot.portrait = portrait());
    assert_eq!(written(&room), "");
}

#[test]
fn a_picture_is_shown_to_its_owner_and_removed() {
    for size in [WIDE, SMALLEST] {
        let mut room = Room::sized(snapshot(), size);
        room.key(Modifiers::COMMAND, Key::F);
        room.write("Search settings", "photo");
        assert!(room.has("Your picture") && !room.has(SHOWN));
        room.show(|snapshot| snapshot.portrait = portrait());
        assert!(room.has(SHOWN));
        assert_eq!(painted(&room, 56.0), 1);
        room.commands();
        room.enter(REMOVE);
        assert_eq!(room.commands(), [Command::RemovePortrait]);
    }
}

#[test]
fn whoever_is_called_is_seen_before_they_answer() {
    let mut room = Room::new(snapshot());
    room.show(|snapshot| {
        snapshot.portrait = portrait();
        snapshot.phase = Phase::Call(CallView {
            stage: CallStage::WaitingForFriend,
            role: CallRole::Host,
            calling: Some("Maya Lindqvist".into()),
            portrait: Some(Portrait::plain([20, 60, 190])),
            room: None,
            connected_at: None,
            participants: Vec::new(),
            statistics: std::sync::Arc::default(),
        });
    });
    assert_eq!(painted(&room, 128.0), 2);
}
