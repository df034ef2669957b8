use std::sync::Arc;
use std::time::{Duration, SystemTime};

use eframe::egui::{Key, Modifiers, Pos2, Rect};
use egui_kittest::kittest::Queryable;

use super::{Room, SMALLEST, WIDE, contact, snapshot};
use crate::engine::{Command, RoomView, ServerStatus, Snapshot};

const LINK: &str = "twocan://call.weber.family/k3Vn8Qe1xT7mZ0aQ#b2R6yLwPq4uJ9sHdXc5FgA";
const FAMILY: &str = "Family. Room at call.weber.family. Open";
const OVER: &str = "Trip. Ran out yesterday. Open";
const NAME: &str = "What you call it";
const NEW_NAME: &str = "Name of the room";
const QR_CODE: &str = "The link of the room as a QR code";

fn room_view(name: &str, link: &str, until: Option<SystemTime>) -> RoomView {
    RoomView {
        name: name.into(),
        link: link.into(),
        server: "call.weber.family".into(),
        until,
    }
}

fn family() -> RoomView {
    room_view("Family", LINK, None)
}

/// One to enter, and one that has run out.
fn with_rooms() -> Snapshot {
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 3_600);
    Snapshot {
        rooms: Arc::new([
            family(),
            room_view("Trip", "twocan://call.weber.family/other", Some(yesterday)),
        ]),
        ..with_server()
    }
}

fn with_server() -> Snapshot {
    Snapshot {
        server: ServerStatus::Reachable {
            name: "call.weber.family".to_owned(),
            took: Duration::from_millis(31),
        },
        ..snapshot()
    }
}

fn enter(camera: bool) -> Command {
    Command::EnterRoom {
        name: "Family".to_owned(),
        camera,
    }
}

/// The sheet about the room of the family is open.
fn about_family() -> Room {
    let mut room = Room::new(with_rooms());
    room.enter(FAMILY);
    room
}

#[test]
fn a_room_is_entered_from_the_list_by_voice_or_video() {
    for size in [WIDE, SMALLEST] {
        let mut room = Room::sized(with_rooms(), size);
        assert!(room.has("People"));
        room.press("Enter Family by voice");
        assert_eq!(room.commands(), [enter(false)]);
        room.press("Enter Family by video");
        assert_eq!(room.commands(), [enter(true)]);
        assert!(!room.has(NAME), "the row itself was not meant");
    }
}

#[test]
fn a_room_that_has_run_out_says_so_and_is_not_entered() {
    let mut room = Room::new(with_rooms());
    assert!(room.has(OVER));
    assert!(!room.has("Enter Trip by voice") && !room.has("Enter Trip by video"));
    room.enter(OVER);
    assert!(room.has("It ran out yesterday. Make a new one."));
    assert_eq!(room.commands(), []);
}

#[test]
fn rooms_come_after_the_contacts() {
    let mut room = Room::new(Snapshot {
        contacts: [contact(1, "Maya Lindqvist", true)].into(),
        ..with_rooms()
    });
    room.control("Join the call").focus();
    room.frames();
    assert_eq!(
        room.focus_order(8),
        [
            "New room",
            "Maya Lindqvist, verified, here now. Open",
            "Voice call Maya Lindqvist, here now",
            "Video call Maya Lindqvist, here now",
            FAMILY,
            "Enter Family by voice",
            "Enter Family by video",
            OVER,
        ]
    );
}

#[test]
fn one_click_picks_a_room_and_two_open_it() {
    let mut room = Room::new(with_rooms());
    room.press(FAMILY);
    assert_eq!(room.focused(), FAMILY);
    assert!(!room.has(NAME));
    room.harness.run_steps(60);
    room.press(FAMILY);
    room.press(FAMILY);
    assert!(room.has(NAME));
    assert_eq!(room.commands(), []);
}

#[test]
fn the_sheet_has_all_there_is_to_know_and_gives_the_keyboard_back() {
    let mut room = about_family();
    assert!(room.has(QR_CODE) && room.has("It lasts until you remove it."));
    assert_eq!(room.focused(), "Done");
    assert_eq!(
        room.focus_order(5),
        [
            NAME,
            "Copy link",
            "Copy invitation",
            "Remove Family",
            "Done"
        ]
    );
    room.key(Modifiers::NONE, Key::Enter);
    room.frames();
    assert!(!room.has(NAME));
    assert_eq!(room.focused(), FAMILY);
    assert_eq!(room.commands(), []);
}

#[test]
fn the_link_of_a_room_is_copied_alone_or_with_words_around_it() {
    let mut room = about_family();
    assert_eq!(room.copies("Copy link").as_deref(), Some(LINK));
    room.frames();
    assert!(room.has("Link copied") && room.has(NAME));
    let invitation = room.copies("Copy invitation").expect("an invitation");
    assert!(invitation.contains(LINK) && invitation.len() > LINK.len() + 20);
    assert_eq!(room.commands(), []);
}

#[test]
fn a_room_is_called_something_else_when_that_is_meant() {
    let write = |room: &mut Room, name: &str| {
        room.control(NAME).focus();
        room.frames();
        room.key(Modifiers::COMMAND, Key::A);
        room.control(NAME).type_text(name);
        room.frames();
        assert_eq!(room.commands(), [], "not while writing");
    };
    let mut room = about_family();
    write(&mut room, " The Webers ");
    room.key(Modifiers::NONE, Key::Enter);
    let rename = Command::RenameRoom {
        room: "Family".to_owned(),
        name: "The Webers".to_owned(),
    };
    assert_eq!(room.commands(), [rename]);
    // It is the same room, by whatever name.
    room.show(|snapshot| snapshot.rooms = Arc::new([room_view("The Webers", LINK, None)]));
    assert!(room.has("Remove The Webers"));
    room.press("Done");
    assert_eq!(room.commands(), [], "once is enough");

    let mut room = about_family();
    write(&mut room, "trip");
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.commands(), []);
    assert!(room.has("You have a room of this name already."));
}

#[test]
fn a_room_is_not_removed_by_a_slip() {
    let mut room = about_family();
    room.press("Remove Family");
    assert!(room.has("Remove Family?"));
    assert!(room.has(
        "Nobody gets in by this link to you any more. Others who have it can still meet there."
    ));
    assert_eq!(room.focused(), "Keep it");
    room.key(Modifiers::NONE, Key::Escape);
    assert!(room.has(NAME) && !room.has("Remove Family?"));
    room.press("Remove Family");
    room.press("Keep it");
    assert_eq!(room.commands(), []);
    room.press("Remove Family");
    room.press("Remove it");
    let remove = Command::RemoveRoom {
        name: "Family".to_owned(),
    };
    assert_eq!(room.commands(), [remove]);
    assert!(!room.has(NAME));
}

#[test]
fn the_sheet_goes_with_the_room() {
    let mut room = about_family();
    room.show(|snapshot| snapshot.rooms = Arc::new([]));
    assert!(!room.has(NAME));
}

#[test]
fn what_the_sheet_ends_with_is_in_the_smallest_window() {
    let mut room = Room::sized(with_rooms(), SMALLEST);
    room.enter(FAMILY);
    let window = Rect::from_min_size(Pos2::ZERO, SMALLEST);
    for name in ["Remove Family", "Done"] {
        let place = room.control(name).rect();
        assert!(window.contains_rect(place), "{name}: {place:?}");
    }
    assert!(room.has(QR_CODE), "a scroll away");
    room.press("Done");
    assert!(!room.has(NAME));
}

fn make(name: &str, lasts: Option<Duration>) -> Command {
    Command::MakeRoom {
        name: name.to_owned(),
        lasts,
    }
}

#[test]
fn a_room_is_made_and_its_link_is_shown_at_once() {
    for size in [WIDE, SMALLEST] {
        let mut room = Room::sized(with_server(), size);
        room.enter("New room");
        assert_eq!(room.focused(), NEW_NAME);
        room.control(NEW_NAME).type_text(" Family ");
        room.frames();
        room.press("Make the room");
        assert_eq!(room.commands(), [make("Family", None)]);
        assert!(!room.has(NEW_NAME) && !room.has(NAME));
        room.show(|snapshot| snapshot.rooms = Arc::new([family()]));
        assert!(room.has(QR_CODE) && room.has("Remove Family"));
    }
}

#[test]
fn a_room_lasts_as_long_as_is_wished() {
    for (choice, days) in [("A day", 1), ("A week", 7)] {
        let mut room = Room::new(with_server());
        room.enter("New room");
        room.press(choice);
        room.write(NEW_NAME, "Trip");
        room.key(Modifiers::NONE, Key::Enter);
        let lasts = Duration::from_secs(days * 24 * 3_600);
        assert_eq!(room.commands(), [make("Trip", Some(lasts))]);
    }
}

#[test]
fn a_room_needs_a_name_of_its_own() {
    let mut room = Room::new(with_rooms());
    room.press("New room");
    room.press("Make the room");
    assert!(room.has("Give it a name."));
    room.write(NEW_NAME, "family");
    assert!(!room.has("Give it a name."));
    room.press("Make the room");
    assert!(room.has("You have a room of this name already."));
    room.press("Not now");
    assert!(!room.has(NEW_NAME));
    assert_eq!(room.commands(), []);
    // That of one that has run out is free.
    room.press("New room");
    room.write(NEW_NAME, "Trip");
    room.press("Make the room");
    assert_eq!(room.commands(), [make("Trip", None)]);
}

#[test]
fn without_a_call_server_it_is_said_how_to_get_one() {
    let mut room = Room::new(snapshot());
    room.press("New room");
    assert!(!room.has(NEW_NAME) && !room.has("Make the room"));
    let part = "A room is at a call server that is always there, and none is set";
    assert!(room.harness.query_by_label_contains(part).is_some());
    room.press("Set a call server");
    assert!(room.has("Address of the call server"));
    assert_eq!(room.commands(), []);
}

#[test]
fn a_room_is_made_from_wherever_the_lobby_is() {
    let with_recents = Snapshot {
        recents: super::lobby::with_recents().recents,
        ..with_server()
    };
    let with_people = Snapshot {
        contacts: [contact(1, "Maya Lindqvist", true)].into(),
        ..with_server()
    };
    for size in [WIDE, SMALLEST] {
        for before in [with_server(), with_recents.clone(), with_people.clone()] {
            let mut room = Room::sized(before, size);
            if room.has("Your devices") && !room.has("New room") {
                room.press("Your devices");
            }
            room.enter("New room");
            assert!(room.has(NEW_NAME));
        }
    }
}
