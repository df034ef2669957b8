use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use eframe::egui::{DroppedFile, HoveredFile, Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::{Room, SMALLEST, snapshot};
use crate::call::CallEndReason;
use crate::engine::{CallRole, Command, Phase, Recent, ServerStatus, Snapshot};

pub(super) fn with_recents() -> Snapshot {
    let recent = |name: &str, talked, ended| Recent {
        name: name.to_owned(),
        identity: None,
        server: None,
        role: CallRole::Host,
        began: SystemTime::now() - Duration::from_secs(400 * 24 * 3600),
        talked,
        ended,
    };
    Snapshot {
        recents: [
            recent(
                "Maya Lindqvist",
                Some(Duration::from_secs(42 * 60)),
                CallEndReason::LocalHangup,
            ),
            recent("Priya Nair", None, CallEndReason::ConnectionFailed),
        ]
        .into(),
        ..snapshot()
    }
}

#[test]
fn the_keyboard_goes_through_the_lobby_as_one_reads_it() {
    let mut room = Room::new(snapshot());
    assert_eq!(
        room.focus_order(8),
        [
            "Call server: Hosting on this computer",
            "Settings",
            "Your name, Jonas Weber",
            "Start a call",
            "Code or link from your friend",
            "Join the call",
            "Test my sound",
            "New room",
        ]
    );
}

#[test]
fn a_call_is_started_by_hand_or_by_key_and_not_twice() {
    let mut room = Room::new(snapshot());
    room.press("Start a call");
    assert_eq!(room.commands(), [Command::Host]);
    room.key(Modifiers::COMMAND, Key::N);
    assert_eq!(room.commands(), [Command::Host]);
}

#[test]
fn a_pasted_link_joins_on_enter_and_is_trimmed() {
    let link = "twocan://call.weber.family/k3Vn8Qe1xT7mZ0aQ#b2R6yLwPq4uJ9sHdXc5FgA";
    let mut room = Room::new(snapshot());
    room.key(Modifiers::COMMAND, Key::J);
    assert_eq!(room.focused(), "Code or link from your friend");
    room.harness
        .event(eframe::egui::Event::Paste(format!(" {link} ")));
    room.frames();
    room.key(Modifiers::NONE, Key::Enter);
    let join = Command::Join {
        invite: link.to_owned(),
    };
    assert_eq!(room.commands(), [join]);
    // Busy until it led somewhere: a second press is ignored.
    room.press("Join the call, busy");
    assert_eq!(room.commands(), []);
    room.show(|snapshot| {
        snapshot.phase = Phase::Check {
            friend: None,
            role: CallRole::Guest,
            camera: true,
        };
    });
    room.show(|snapshot| snapshot.phase = Phase::Lobby);
    assert!(room.has("Join the call"));
}

#[test]
fn a_code_joins_as_it_was_heard() {
    let mut room = Room::new(snapshot());
    room.write("Code or link from your friend", "7 guitar lamp");
    room.press("Join the call");
    let join = Command::Join {
        invite: "7 guitar lamp".to_owned(),
    };
    assert_eq!(room.commands(), [join]);
}

#[derive(Debug)]
struct Picture(PathBuf);

impl DroppedFile for Picture {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("the engine reads it, not the window".to_owned())
    }
}

const HINT: &str = "Drop the picture of a code here";

pub(super) fn drop_picture(room: &mut Room) {
    let path = std::env::temp_dir().join("Maya’s code.png");
    let input = room.harness.input_mut();
    input.hovered_files.clear();
    input.dropped_files.push(Arc::new(Picture(path)));
    room.frames();
}

#[test]
fn the_picture_of_a_code_is_dropped_and_joins() {
    for size in [super::WIDE, SMALLEST] {
        let mut room = Room::sized(snapshot(), size);
        assert!(!room.has(HINT));
        room.harness.input_mut().hovered_files.push(HoveredFile {
            path: Some("code.png".into()),
            ..HoveredFile::default()
        });
        room.frames();
        assert!(room.has(HINT));
        drop_picture(&mut room);
        assert!(!room.has(HINT) && room.has("Join the call, busy"));
        let commands = room.commands();
        let [Command::Join { invite }] = &*commands else {
            panic!("{commands:?}");
        };
        assert!(invite.starts_with("file:///"), "{invite}");
        assert!(invite.ends_with("/Maya%E2%80%99s%20code.png"), "{invite}");
        // Busy until it led somewhere.
        drop_picture(&mut room);
        assert_eq!(room.commands(), []);
    }
}

#[test]
fn a_picture_is_not_taken_by_what_lies_below_a_sheet() {
    let mut room = Room::new(with_recents());
    room.press("Clear recent calls");
    drop_picture(&mut room);
    assert_eq!(room.commands(), []);
    room.press("Keep them");
    drop_picture(&mut room);
    assert_eq!(room.commands().len(), 1);
}

#[test]
fn join_without_a_link_asks_for_one() {
    let mut room = Room::new(snapshot());
    room.press("Join the call");
    assert_eq!(room.commands(), []);
    assert_eq!(room.focused(), "Code or link from your friend");
}

#[test]
fn recent_calls_say_how_they_ended_and_why() {
    let mut room = Room::new(with_recents());
    let well = "Maya Lindqvist, 42 min · you hung up";
    assert!(room.harness.query_by_label_contains(well).is_some());
    room.harness
        .get_by_label_contains("Priya Nair, Couldn’t connect")
        .click();
    room.frames();
    assert!(room.has(CallEndReason::ConnectionFailed.sentence()));
    assert_eq!(room.focused(), "Close");
    room.key(Modifiers::NONE, Key::Escape);
    assert!(!room.has(CallEndReason::ConnectionFailed.sentence()));
    assert_eq!(room.commands(), []);
}

#[test]
fn recent_calls_are_forgotten_only_when_that_is_meant() {
    let mut room = Room::new(with_recents());
    room.press("Clear recent calls");
    room.press("Keep them");
    assert_eq!(room.commands(), []);
    room.press("Clear recent calls");
    room.press("Forget them");
    assert_eq!(room.commands(), [Command::ForgetRecents]);
    assert!(!room.has("Forget them"));
}

#[test]
fn a_sheet_keeps_the_keyboard_and_gives_it_back() {
    let mut room = Room::new(with_recents());
    room.control("Clear recent calls").focus();
    room.frames();
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.focused(), "Keep them");
    let order = room.focus_order(3);
    assert_eq!(order, ["Forget them", "Keep them", "Forget them"]);
    room.key(Modifiers::NONE, Key::Escape);
    room.frames();
    assert_eq!(room.focused(), "Clear recent calls");
}

#[test]
fn the_server_chip_says_how_the_server_is() {
    let mut room = Room::new(snapshot());
    let name = || "call.weber.family".to_owned();
    for (server, words) in [
        (ServerStatus::Checking { name: name() }, "Connecting…"),
        (
            ServerStatus::Reachable {
                name: name(),
                took: Duration::from_millis(31),
            },
            "Connected · call.weber.family",
        ),
        (
            ServerStatus::Unreachable {
                name: name(),
                why: "It does not answer.".to_owned(),
            },
            "Can’t reach call.weber.family",
        ),
    ] {
        room.show(|snapshot| snapshot.server = server);
        assert!(room.has(&format!("Call server: {words}")), "{words}");
    }
    room.press("Call server: Can’t reach call.weber.family");
    assert!(room.has("Address of the call server"));
}

#[test]
fn everything_is_there_in_the_smallest_window() {
    let mut room = Room::sized(with_recents(), SMALLEST);
    for name in [
        "Call server: Hosting on this computer",
        "Settings",
        "Your name, Jonas Weber",
        "Start a call",
        "Join the call",
        "Recent",
    ] {
        assert!(room.has(name), "{name}");
    }
    room.press("Your devices");
    assert!(room.has("Camera: The webcam. Change"));
    room.enter("Camera: The webcam. Change");
    assert!(room.has("Start calls with the camera on") && !room.has("Start a call"));
}

#[test]
fn what_would_be_used_is_told_and_leads_to_where_it_is_changed() {
    let mut room = Room::new(with_recents());
    room.show(|snapshot| snapshot.devices = std::sync::Arc::default());
    assert!(room.has("Microphone: None is connected. Change"));
    room.press("Microphone: None is connected. Change");
    assert!(room.has("Remove echo"));
}

#[test]
fn the_name_of_the_command_line_is_shown_in_place_of_the_chosen_one() {
    let mut room = Room::new(snapshot());
    room.show(|snapshot| snapshot.name = "Jo from the command line".into());
    assert!(room.has("Your name, Jo from the command line"));
    assert!(!room.has("Your name, Jonas Weber"));
}

#[test]
fn tab_takes_the_rest_of_a_word_and_else_goes_on() {
    const FIELD: &str = "Code or link from your friend";
    let mut room = Room::new(snapshot());
    room.write(FIELD, "7-guit");
    assert_eq!(room.tab(), FIELD, "the word is completed");
    room.control(FIELD).type_text("guit");
    room.frames();
    assert_eq!(room.tab(), FIELD, "the other as well");
    assert_eq!(room.tab(), "Join the call", "nothing is left to complete");
    room.enter("Join the call");
    let invite = "7-guitar-guitar".to_owned();
    assert_eq!(room.commands(), [Command::Join { invite }]);
}
