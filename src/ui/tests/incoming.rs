use std::sync::Arc;

use eframe::egui::{Key, Modifiers, Pos2, Rect, Role, Vec2, pos2};
use egui_kittest::kittest::{NodeT, Queryable};

use super::waiting::waiting;
use super::{Room, SMALLEST, WIDE, contact, keys, snapshot};
use crate::engine::{
    CallRole, CallStage, CallView, Command, Incoming, ParticipantId, Phase, Problem, Snapshot,
};
use crate::ui::phrases::may_be_another;

/// So many frames take a second. After 0.7 of it, the card listens.
const A_SECOND: usize = 60;
const MAYA_CALLS: &str = "Maya Lindqvist is calling";
const MAYA: ParticipantId = ParticipantId(7);
const PRIYA: ParticipantId = ParticipantId(8);
const BY_VOICE: Command = Command::Accept {
    caller: MAYA,
    camera: false,
};
const BY_VIDEO: Command = Command::Accept {
    caller: MAYA,
    camera: true,
};

fn call_of(caller: u8, name: &str) -> Option<Incoming> {
    Some(Incoming {
        caller: ParticipantId(caller.into()),
        identity: keys(caller),
        friend: name.to_owned(),
        portrait: None,
    })
}

fn maya() -> Option<Incoming> {
    call_of(7, "Maya Lindqvist")
}

/// Each way to say who somebody is to this person.
const STANDINGS: [&str; 3] = ["Verified", "In your contacts", "Not in your contacts"];

/// It rings for one who has these contacts.
fn rung_for(contacts: Vec<crate::engine::ContactView>, size: Vec2) -> Room {
    let mut room = rung_in(
        Snapshot {
            contacts: contacts.into(),
            ..snapshot()
        },
        size,
    );
    room.harness.run_steps(A_SECOND);
    room
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
    assert_eq!(room.focus_order(2), ["Block Maya", "Silence"]);
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
        (Modifiers::COMMAND, Key::Backspace, Command::Decline(MAYA)),
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
        ("Decline the call of Maya", Command::Decline(MAYA)),
        ("Answer Maya with voice", BY_VOICE),
        ("Answer Maya with video", BY_VIDEO),
        ("Block Maya", Command::DeclineAndBlock(MAYA)),
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
        ("Decline the call of Maya", Command::Decline(MAYA)),
        ("Answer Maya with voice", BY_VOICE),
        ("Answer Maya with video", BY_VIDEO),
        ("Block Maya", Command::DeclineAndBlock(MAYA)),
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
    room.control("Answer Maya with video").focus();
    room.frames();
    assert_eq!(room.focused(), "Answer Maya with video");
    room.show(|snapshot| snapshot.incoming = call_of(8, "Priya Nair"));
    assert_eq!(room.focused(), "Silence", "she is not answered by a slip");
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
    let answer = Command::Accept {
        caller: PRIYA,
        camera: false,
    };
    assert_eq!(room.commands(), [answer]);
}

#[test]
fn it_is_said_at_once_who_calls() {
    for (contacts, said) in [
        (vec![], "Maya Lindqvist is calling, not in your contacts"),
        (
            vec![contact(7, "Maya", false)],
            "Maya is calling, in your contacts",
        ),
        (vec![contact(7, "Maya", true)], "Maya is calling, verified"),
        (
            vec![contact(1, "Maya Lindqvist", true)],
            "Maya Lindqvist is calling, may be somebody else",
        ),
    ] {
        assert!(rung_for(contacts, WIDE).has(said), "{said}");
    }
}

#[test]
fn a_contact_whose_name_another_one_has_is_doubted_until_verified() {
    let doubt = "You have two contacts called Maya. Compare the safety words before you talk.";
    let rung = |verified, size| {
        let twin = contact(1, " maya lindqvist", true);
        rung_for(vec![twin, contact(7, "Maya Lindqvist", verified)], size)
    };
    for size in [WIDE, SMALLEST] {
        let room = rung(false, size);
        let place = room.harness.get_by_label(doubt).rect();
        let answer = room.control("Answer Maya with voice").rect();
        assert!(place.bottom() <= answer.top(), "{place:?} {answer:?}");
        assert!(!room.has("In your contacts") && !room.has("Block Maya"));
    }
    let room = rung(true, WIDE);
    assert!(room.has("Verified") && !room.has(doubt));
}

#[test]
fn a_problem_waits_until_nobody_calls_and_is_not_over_a_call() {
    let title = "We couldn’t reach Priya";
    let mut room = rung();
    room.show(|snapshot| {
        snapshot.problem = Some(Arc::new(Problem {
            title: title.to_owned(),
            explanation: "It’s fixable.".to_owned(),
            rungs: Vec::new(),
            cure: String::new(),
            can_try_again: true,
            report: "report".to_owned(),
        }));
    });
    assert!(room.has(MAYA_CALLS) && !room.has(title));
    assert_eq!(room.focused(), "Silence");
    assert_eq!(room.tab(), "Decline the call of Maya");
    room.frames();
    assert_eq!(room.focused(), "Decline the call of Maya");
    room.show(|snapshot| snapshot.incoming = None);
    assert!(room.has(title) && !room.has(MAYA_CALLS));
    assert_eq!(room.focused(), "Close");
    room.show(|snapshot| {
        snapshot.phase = Phase::Call(CallView {
            stage: CallStage::Joining,
            role: CallRole::Guest,
            calling: None,
            room: None,
            portrait: None,
            connected_at: None,
            participants: Vec::new(),
            statistics: Arc::default(),
        });
    });
    assert!(room.has("Hang up") && !room.has(title));
    assert_eq!(room.commands(), []);
}

#[test]
fn a_contact_has_the_name_that_they_were_saved_by() {
    for (verified, said) in [(true, "Verified"), (false, "In your contacts")] {
        let mut room = rung_for(vec![contact(7, "Maya from work", verified)], WIDE);
        assert!(room.has("Maya from work is calling") && room.has("Maya from work"));
        assert!(!room.has("Maya Lindqvist"));
        for standing in STANDINGS {
            assert_eq!(room.has(standing), standing == said, "{standing}");
        }
        // Friends are not blocked by a slip.
        assert!(!room.has("Block Maya"));
        assert_eq!(room.focused(), "Silence");
        room.key(Modifiers::COMMAND, Key::Enter);
        assert_eq!(room.commands(), [BY_VOICE]);
    }
}

#[test]
fn a_stranger_is_said_to_be_one() {
    let room = rung_for(vec![contact(1, "Tom Okafor", true)], WIDE);
    assert!(room.has(MAYA_CALLS) && room.has("Not in your contacts"));
    assert!(room.has("Block Maya"));
    assert!(!room.has(&may_be_another("Maya")));
}

#[test]
fn who_only_has_the_name_of_a_contact_is_not_taken_for_them() {
    for size in [WIDE, SMALLEST] {
        let mut room = rung_for(vec![contact(1, "maya lindqvist", true)], size);
        let warning =
            "This may not be the Maya you know. Compare the safety words before you talk.";
        assert!(room.has(warning));
        for standing in STANDINGS {
            assert!(!room.has(standing), "{standing}");
        }
        // It is in nobody's way.
        let place = room.harness.get_by_label(warning).rect();
        let answer = room.control("Answer Maya with voice").rect();
        assert!(place.bottom() <= answer.top(), "{place:?} {answer:?}");
        room.press("Block Maya");
        assert_eq!(room.commands(), [Command::DeclineAndBlock(MAYA)]);
    }
}

#[test]
fn what_lies_over_the_lobby_makes_way_and_comes_back() {
    let mut room = Room::new(Snapshot {
        contacts: [contact(1, "Tom Okafor", false)].into(),
        ..snapshot()
    });
    room.enter("Tom Okafor, here now. Open");
    assert_eq!(room.focused(), "Done");
    room.show(|snapshot| snapshot.incoming = maya());
    assert_eq!(room.focused(), "Silence");
    assert!(!room.has("What you call them"));
    room.tab();
    assert_eq!(room.focused(), "Decline the call of Maya");
    room.show(|snapshot| snapshot.incoming = None);
    assert!(room.has("What you call them"));
    assert_eq!(room.commands(), []);
}
