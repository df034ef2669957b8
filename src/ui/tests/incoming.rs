use eframe::egui::{Key, Modifiers, Pos2, Rect, Role, Vec2, pos2};
use egui_kittest::kittest::{NodeT, Queryable};

use super::waiting::waiting;
use super::{Room, SMALLEST, WIDE, snapshot};
use crate::engine::{Command, Incoming, ParticipantId, Snapshot};

/// So many frames take a second. After 0.7 of it, the card listens.
const A_SECOND: usize = 60;
const MAYA_CALLS: &str = "Maya Lindqvist is calling";
const BY_VOICE: Command = Command::Accept { camera: false };
const BY_VIDEO: Command = Command::Accept { camera: true };

fn call_of(caller: u64, name: &str) -> Option<Incoming> {
    Some(Incoming {
        caller: ParticipantId(caller),
        friend: name.to_owned(),
    })
}

fn maya() -> Option<Incoming> {
    call_of(7, "Maya Lindqvist")
}

/// Four frames ago somebody began to ring.
fn rung_in(before: Snapshot, size: Vec2) -> Room {
    let mut room = Room::sized(before, size);
    room.show(|snapshot| snapshot.incoming = maya());
    room
}

fn just_rung() -> Room {
    rung_in(waiting(true), WIDE)
}

/// It has been ringing for long enough to be listened to.
fn rung() -> Room {
    let mut room = just_rung();
    room.harness.run_steps(A_SECOND);
    room
}

#[test]
fn the_card_says_who_calls_and_is_a_dialog() {
    let mut room = just_rung();
    let card = room.harness.get_by_label(MAYA_CALLS);
    assert_eq!(card.accesskit_node().role(), Role::Dialog);
    assert!(room.has("Maya Lindqvist") && room.has("is calling"));
    assert!(room.has("Maya can’t see or hear you until you answer."));
    room.show(|snapshot| snapshot.incoming = None);
    assert!(!room.has(MAYA_CALLS) && room.has("Cancel the call"));
    room.show(|snapshot| snapshot.incoming = call_of(8, " "));
    assert!(room.has("Your friend is calling"));
}

#[test]
fn the_keyboard_begins_on_silence_and_stays_in_the_card() {
    let mut room = just_rung();
    assert_eq!(room.focused(), "Silence");
    let answers = [
        "Decline the call of Maya",
        "Answer Maya with voice",
        "Answer Maya with video",
    ];
    assert_eq!(room.focus_order(3), answers);
    assert_eq!(room.focus_order(1), ["Silence"]);
    // Once it is silent there is nothing to silence, and the rest is still reached.
    room.harness.run_steps(A_SECOND);
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.commands(), [Command::Silence]);
    assert_eq!(room.focus_order(3), answers);
}

#[test]
fn each_key_does_its_own_and_none_does_anything_at_first() {
    let shift = Modifiers::COMMAND | Modifiers::SHIFT;
    for (modifiers, key, wish) in [
        (Modifiers::COMMAND, Key::Enter, BY_VOICE),
        (shift, Key::Enter, BY_VIDEO),
        (Modifiers::COMMAND, Key::Backspace, Command::Decline),
        // On the button that has the keyboard.
        (Modifiers::NONE, Key::Enter, Command::Silence),
        (Modifiers::NONE, Key::Space, Command::Silence),
    ] {
        let mut room = just_rung();
        room.key(modifiers, key);
        room.harness.run_steps(A_SECOND);
        assert_eq!(room.commands(), [], "{modifiers:?} {key:?}");
        room.key(modifiers, key);
        assert_eq!(room.commands(), [wish], "{modifiers:?} {key:?}");
    }
}

#[test]
fn each_button_does_its_own_and_none_does_anything_at_first() {
    for (name, wish) in [
        ("Silence", Command::Silence),
        ("Decline the call of Maya", Command::Decline),
        ("Answer Maya with voice", BY_VOICE),
        ("Answer Maya with video", BY_VIDEO),
    ] {
        let mut room = just_rung();
        room.press(name);
        room.harness.run_steps(A_SECOND);
        assert_eq!(room.commands(), [], "{name}");
        room.press(name);
        assert_eq!(room.commands(), [wish], "{name}");
    }
}

#[test]
fn escape_and_a_press_beside_it_silence_and_do_not_leave() {
    let mut room = rung();
    room.key(Modifiers::NONE, Key::Escape);
    assert_eq!(room.commands(), [Command::Silence]);
    assert!(room.has(MAYA_CALLS));

    let mut room = rung();
    let beside = pos2(20.0, WIDE.y / 2.0);
    room.harness.hover_at(beside);
    room.harness.drag_at(beside);
    room.harness.drop_at(beside);
    room.frames();
    assert_eq!(room.commands(), [Command::Silence]);
    assert!(room.has(MAYA_CALLS));
    // They can be answered all the same.
    room.key(Modifiers::COMMAND, Key::Enter);
    assert_eq!(room.commands(), [BY_VOICE]);
}

#[test]
fn while_it_is_there_keys_do_nothing_else() {
    let mut room = rung_in(snapshot(), WIDE);
    room.harness.run_steps(A_SECOND);
    for key in [Key::N, Key::J, Key::Comma, Key::F] {
        room.key(Modifiers::COMMAND, key);
        assert_eq!(room.commands(), [], "{key:?}");
        assert!(!room.has("Search settings"), "{key:?}");
        assert_eq!(room.focused(), "Silence", "{key:?}");
    }
    room.show(|snapshot| snapshot.incoming = None);
    room.key(Modifiers::COMMAND, Key::N);
    assert_eq!(room.commands(), [Command::Host]);
}

#[test]
fn it_lies_over_the_settings_and_goes_without_closing_them() {
    let mut room = Room::new(waiting(true));
    room.key(Modifiers::COMMAND, Key::Comma);
    assert!(room.has("Search settings"));
    room.show(|snapshot| snapshot.incoming = maya());
    room.harness.run_steps(A_SECOND);
    room.commands();
    room.key(Modifiers::NONE, Key::Escape);
    assert_eq!(room.commands(), [Command::Silence]);
    assert!(room.has(MAYA_CALLS) && room.has("Search settings"));
}

#[test]
fn all_of_it_is_in_the_smallest_window() {
    let window = Rect::from_min_size(Pos2::ZERO, SMALLEST);
    for (name, wish) in [
        ("Silence", Command::Silence),
        ("Decline the call of Maya", Command::Decline),
        ("Answer Maya with voice", BY_VOICE),
        ("Answer Maya with video", BY_VIDEO),
    ] {
        let mut room = rung_in(waiting(true), SMALLEST);
        room.harness.run_steps(A_SECOND);
        let place = room.control(name).rect();
        assert!(window.contains_rect(place), "{name}: {place:?}");
        room.press(name);
        assert_eq!(room.commands(), [wish], "{name}");
    }
}

#[test]
fn another_caller_is_another_call() {
    let mut room = rung();
    room.press("Silence");
    assert_eq!(room.commands(), [Command::Silence]);
    room.show(|snapshot| snapshot.incoming = call_of(8, "Priya Nair"));
    assert!(room.has("Priya Nair is calling") && !room.has(MAYA_CALLS));
    // Meant for Maya, perhaps.
    room.key(Modifiers::COMMAND, Key::Enter);
    room.press("Answer Priya with video");
    room.harness.run_steps(A_SECOND);
    assert_eq!(room.commands(), []);
    // It rings anew.
    room.press("Silence");
    assert_eq!(room.commands(), [Command::Silence]);
    room.key(Modifiers::COMMAND, Key::Enter);
    assert_eq!(room.commands(), [BY_VOICE]);
}
