use std::time::{Duration, SystemTime};

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::{Room, SMALLEST, WIDE, contact, keys, snapshot};
use crate::call::CallEndReason;
use crate::engine::{CallRole, Command, ContactView, Presence, Recent, Snapshot};

const MAYA: &str = "Maya Lindqvist, verified, here now. Open";
const NAME: &str = "What you call them";

fn with_people() -> Snapshot {
    let with = |presence, contact| ContactView {
        presence,
        ..contact
    };
    Snapshot {
        contacts: [
            contact(1, "Maya Lindqvist", true),
            with(None, contact(2, "Priya Nair", false)),
            with(Some(Presence::Busy), contact(3, "Tom Okafor", false)),
        ]
        .into(),
        ..snapshot()
    }
}

fn recent(seed: Option<u8>, name: &str, ended: CallEndReason) -> Recent {
    Recent {
        name: name.to_owned(),
        identity: seed.map(keys),
        server: None,
        role: CallRole::Guest,
        began: SystemTime::now() - Duration::from_secs(400 * 24 * 3600),
        talked: None,
        ended,
    }
}

fn call(seed: u8, camera: bool) -> Command {
    Command::CallContact {
        contact: keys(seed),
        camera,
    }
}

/// The sheet about Maya is open.
fn about_maya() -> Room {
    let mut room = Room::new(with_people());
    room.enter(MAYA);
    room
}

#[test]
fn the_list_says_who_is_there_and_who_is_verified() {
    let room = Room::new(with_people());
    for name in [
        "People",
        MAYA,
        "Voice call Maya Lindqvist, here now",
        "Video call Maya Lindqvist, here now",
        "Priya Nair, not here. Open",
        "Video call Priya Nair, not here",
        "Tom Okafor, in a call. Open",
        "Voice call Tom Okafor, in a call",
    ] {
        assert!(room.has(name), "{name}");
    }
}

#[test]
fn people_are_called_from_the_list_there_or_not() {
    for size in [WIDE, SMALLEST] {
        let mut room = Room::sized(with_people(), size);
        room.press("Voice call Maya Lindqvist, here now");
        assert_eq!(room.commands(), [call(1, false)]);
        room.press("Video call Maya Lindqvist, here now");
        assert_eq!(room.commands(), [call(1, true)]);
        room.press("Video call Priya Nair, not here");
        assert_eq!(room.commands(), [call(2, true)]);
        assert!(!room.has(NAME), "the row itself was not meant");
    }
}

#[test]
fn the_keyboard_goes_through_the_list_row_by_row() {
    let mut room = Room::new(with_people());
    room.control("Join the call").focus();
    room.frames();
    assert_eq!(
        room.focus_order(6),
        [
            "New room",
            MAYA,
            "Voice call Maya Lindqvist, here now",
            "Video call Maya Lindqvist, here now",
            "Priya Nair, not here. Open",
            "Voice call Priya Nair, not here",
        ]
    );
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.commands(), [call(2, false)]);
}

#[test]
fn the_list_follows_the_keyboard_to_its_end() {
    let mut room = Room::new(Snapshot {
        contacts: (1..=20)
            .map(|seed| contact(seed, &format!("Friend {seed}"), false))
            .collect(),
        ..snapshot()
    });
    let last = "Video call Friend 20, here now";
    assert!(room.control(last).rect().top() > WIDE.y);
    room.control("Join the call").focus();
    room.frames();
    room.focus_order(1 + 3 * 20);
    assert_eq!(room.focused(), last);
    room.harness.run_steps(60);
    assert!(room.control(last).rect().bottom() < WIDE.y);
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.commands(), [call(20, true)]);
}

#[test]
fn one_click_picks_and_two_open_but_none_dials() {
    let mut room = Room::new(with_people());
    room.press(MAYA);
    assert_eq!(room.focused(), MAYA);
    assert!(!room.has(NAME));
    room.harness.run_steps(60);
    room.press(MAYA);
    room.press(MAYA);
    assert!(room.has(NAME));
    assert_eq!(room.commands(), []);
}

#[test]
fn the_sheet_keeps_the_keyboard_and_gives_it_back() {
    let mut room = about_maya();
    assert_eq!(room.focused(), "Done");
    assert_eq!(
        room.focus_order(5),
        [
            NAME,
            "Take back the verification",
            "Remove Maya",
            "Block Maya",
            "Done",
        ]
    );
    room.key(Modifiers::NONE, Key::Enter);
    room.frames();
    assert!(!room.has(NAME));
    assert_eq!(room.focused(), MAYA);
    assert_eq!(room.commands(), []);
}

#[test]
fn a_contact_is_called_something_else_when_that_is_meant() {
    let write = |room: &mut Room, name: &str| {
        room.control(NAME).focus();
        room.frames();
        room.key(Modifiers::COMMAND, Key::A);
        room.control(NAME).type_text(name);
        room.frames();
        assert_eq!(room.commands(), [], "not while writing");
    };
    let renamed = |name: &str| Command::RenameContact {
        contact: keys(1),
        name: name.to_owned(),
    };
    let mut room = about_maya();
    write(&mut room, " Maya from work ");
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.commands(), [renamed("Maya from work")]);
    assert_eq!(room.focused(), "Done");
    room.press("Done");
    assert_eq!(room.commands(), [], "once is enough");

    let mut room = about_maya();
    write(&mut room, "May");
    room.press("Done");
    assert_eq!(room.commands(), [renamed("May")]);
    assert!(!room.has(NAME));

    let mut room = about_maya();
    write(&mut room, "Mistake");
    room.key(Modifiers::NONE, Key::Escape);
    assert!(!room.has(NAME));
    assert_eq!(room.commands(), []);
}

#[test]
fn a_verification_is_taken_back() {
    let mut room = about_maya();
    assert!(room.has("Verified"));
    room.press("Take back the verification");
    let command = Command::SetVerified {
        contact: keys(1),
        verified: false,
    };
    assert_eq!(room.commands(), [command]);
    assert_eq!(room.focused(), "Done");
    room.show(|snapshot| snapshot.contacts = [contact(1, "Maya Lindqvist", false)].into());
    assert_eq!(room.focused(), "Done");
    assert!(room.has("Not verified") && !room.has("Take back the verification"));
}

#[test]
fn nobody_is_removed_or_blocked_by_a_slip() {
    let block = Command::Block {
        identity: keys(1),
        name: "Maya Lindqvist".to_owned(),
    };
    for (button, question, yes, command) in [
        (
            "Remove Maya",
            "Remove Maya Lindqvist?",
            "Remove them",
            Command::RemoveContact(keys(1)),
        ),
        ("Block Maya", "Block Maya Lindqvist?", "Block them", block),
    ] {
        let mut room = about_maya();
        room.press(button);
        assert!(room.has(question));
        assert_eq!(room.focused(), "Keep them");
        room.key(Modifiers::NONE, Key::Escape);
        assert!(room.has(NAME) && !room.has(question));
        room.press(button);
        room.press("Keep them");
        assert!(room.has(NAME));
        assert_eq!(room.commands(), []);
        room.press(button);
        room.press(yes);
        assert_eq!(room.commands(), [command]);
        assert!(!room.has(question) && !room.has(NAME));
    }
}

#[test]
fn the_sheet_goes_with_the_contact() {
    let mut room = about_maya();
    room.show(|snapshot| snapshot.contacts = [contact(3, "Tom Okafor", false)].into());
    assert!(!room.has(NAME));
}

#[test]
fn all_of_the_sheet_is_in_the_smallest_window() {
    let mut room = Room::sized(with_people(), SMALLEST);
    room.enter(MAYA);
    let window = eframe::egui::Rect::from_min_size(eframe::egui::Pos2::ZERO, SMALLEST);
    let names = [
        NAME,
        "Take back the verification",
        "Remove Maya",
        "Block Maya",
        "Done",
    ];
    let places = names.map(|name| room.control(name).rect());
    for (index, place) in places.iter().enumerate() {
        assert!(window.contains_rect(*place), "{}: {place:?}", names[index]);
        for other in &places[index + 1..] {
            assert!(!place.intersects(*other), "{}", names[index]);
        }
    }
}

#[test]
fn a_recent_call_offers_what_can_be_done_about_who_it_was() {
    let mut room = Room::new(Snapshot {
        recents: [
            recent(Some(1), "maya", CallEndReason::Missed),
            recent(Some(8), "Lea Brandt", CallEndReason::Declined),
            recent(Some(9), " ", CallEndReason::Offline),
            recent(Some(10), "Spam", CallEndReason::Declined),
            recent(None, "Grandma Elsa", CallEndReason::Missed),
        ]
        .into(),
        blocked: [(keys(10), "Spam".to_owned())].into(),
        ..with_people()
    });
    let has = |room: &Room, part: &str| {
        let mut found = room.harness.query_all_by_label_contains(part);
        found.next().is_some()
    };
    // By the name that this person knows.
    assert!(has(&room, "Maya Lindqvist, Missed,"));
    assert!(has(&room, "Lea Brandt, You declined,"));
    assert!(has(&room, "Your friend, Not there,"));
    room.press("Call Maya Lindqvist back");
    assert_eq!(room.commands(), [call(1, false)]);
    for (button, seed, name) in [
        ("Save Lea as a contact", 8, "Lea Brandt"),
        ("Save your friend as a contact", 9, "Friend"),
    ] {
        room.press(button);
        let save = Command::SaveContact {
            identity: keys(seed),
            name: name.to_owned(),
        };
        assert_eq!(room.commands(), [save]);
    }
    for name in ["Spam", "Grandma"] {
        assert!(!has(&room, &format!("Save {name}")), "{name}");
        assert!(!has(&room, &format!("Call {name}")), "{name}");
    }
}

#[test]
fn lists_that_are_empty_leave_their_place_to_others() {
    let mut room = Room::new(snapshot());
    assert!(room.has("Three steps to your first call") && !room.has("People"));
    room.show(|snapshot| snapshot.contacts = with_people().contacts);
    assert!(room.has("People") && !room.has("Three steps to your first call"));
    assert!(room.has("Microphone: The headset. Change") && !room.has("Clear recent calls"));
    let missed = recent(None, "Grandma Elsa", CallEndReason::Missed);
    room.show(|snapshot| snapshot.recents = [missed].into());
    assert!(room.has("People") && room.has("Clear recent calls"));
    assert!(!room.has("Microphone: The headset. Change"));
}

#[test]
fn on_narrow_windows_people_come_before_recent_calls() {
    let mut room = Room::sized(with_people(), SMALLEST);
    assert!(room.has(MAYA) && room.has("Your devices"));
    let missed = recent(Some(2), "Priya", CallEndReason::Missed);
    room.show(|snapshot| snapshot.recents = [missed].into());
    assert!(room.has(MAYA) && !room.has("Your devices"));
    room.press("Recent");
    assert!(!room.has(MAYA));
    room.press("Call Priya Nair back");
    assert_eq!(room.commands(), [call(2, false)]);
    room.press("People");
    assert!(room.has(MAYA));
}

#[test]
fn who_only_has_the_name_of_a_contact_is_not_saved_from_the_list() {
    let room = Room::new(Snapshot {
        recents: [recent(Some(8), "maya lindqvist", CallEndReason::Missed)].into(),
        ..with_people()
    });
    let has = |part: &str| {
        let mut found = room.harness.query_all_by_label_contains(part);
        found.next().is_some()
    };
    assert!(has("maya lindqvist, not in your contacts, Missed,"));
    assert!(!has("Save maya") && !has("Call maya lindqvist back"));
}

#[test]
fn contacts_of_one_name_are_told_apart() {
    let mut room = Room::new(Snapshot {
        contacts: [
            contact(1, "Maya Lindqvist", true),
            contact(2, "maya lindqvist ", false),
            contact(3, "Tom Okafor", false),
        ]
        .into(),
        ..snapshot()
    });
    let part = |seed: u8| String::from(keys(seed)).chars().take(4).collect::<String>();
    assert!(room.has(&format!(
        "Maya Lindqvist ({}), verified, here now. Open",
        part(1)
    )));
    assert!(room.has(&format!("maya lindqvist ({}), here now. Open", part(2))));
    assert!(room.has("Tom Okafor, here now. Open"));
    room.press(&format!(
        "Voice call maya lindqvist ({}), here now",
        part(2)
    ));
    assert_eq!(room.commands(), [call(2, false)]);
}

#[test]
fn a_call_that_joins_the_list_moves_the_keyboard_to_nobody_else() {
    let lea = recent(Some(8), "Lea Brandt", CallEndReason::Declined);
    let mut room = Room::new(Snapshot {
        recents: [lea.clone()].into(),
        ..with_people()
    });
    room.control("Save Lea as a contact").focus();
    room.frames();
    let spam = recent(Some(9), "Ned Bell", CallEndReason::Missed);
    room.show(|snapshot| snapshot.recents = [spam, lea].into());
    assert_eq!(room.focused(), "Save Lea as a contact");
    room.key(Modifiers::NONE, Key::Enter);
    let save = Command::SaveContact {
        identity: keys(8),
        name: "Lea Brandt".to_owned(),
    };
    assert_eq!(room.commands(), [save]);
}

#[test]
fn under_a_sheet_no_key_starts_anything() {
    let mut room = about_maya();
    for key in [Key::N, Key::J, Key::F, Key::Comma] {
        room.key(Modifiers::COMMAND, key);
        assert_eq!(room.commands(), [], "{key:?}");
        assert_eq!(room.focused(), "Done", "{key:?}");
        assert!(room.has(NAME) && !room.has("Search settings"), "{key:?}");
    }
    room.press("Done");
    room.key(Modifiers::COMMAND, Key::N);
    assert_eq!(room.commands(), [Command::Host]);
}
