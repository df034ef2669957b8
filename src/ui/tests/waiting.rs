use std::time::{Duration, Instant};

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::{Room, SMALLEST, WIDE, snapshot};
use crate::engine::{CodeView, Command, Phase, Snapshot};
use crate::ui::phrases::SERVER_AWAY;

const INVITE: &str = "twocan://192.168.178.24:47713/k3Vn8Qe1xT7mZ0aQ#b2R6yLwPq4uJ9sHdXc5FgA";
const SPOKEN: &str = "Call code: 7, guitar, lamp";
const QR_CODE: &str = "The invite link as a QR code";

/// With a link alone.
pub(super) fn waiting(hosted_here: bool) -> Snapshot {
    Snapshot {
        phase: Phase::Waiting {
            invite: INVITE.into(),
            code: CodeView::None,
            since: Instant::now(),
            hosted_here,
        },
        ..snapshot()
    }
}

/// With a code besides: a server of its own has numbers for them.
fn waiting_with(code: CodeView) -> Snapshot {
    Snapshot {
        phase: Phase::Waiting {
            invite: INVITE.into(),
            code,
            since: Instant::now(),
            hosted_here: false,
        },
        ..snapshot()
    }
}

fn good_code() -> CodeView {
    let lasts = Duration::from_secs(600);
    CodeView::Ready {
        code: "7-guitar-lamp".into(),
        until: Instant::now() + lasts,
        lasts,
    }
}

#[test]
fn the_keyboard_goes_from_the_link_to_cancel() {
    let mut room = Room::new(waiting(true));
    assert_eq!(
        room.focus_order(5),
        [
            "Back",
            "Copy link",
            "Copy invitation",
            "New link",
            "Cancel the call"
        ]
    );
}

#[test]
fn with_a_code_the_keyboard_comes_by_another_one() {
    for (code, order) in [
        (
            good_code(),
            [
                "Back",
                "Copy link",
                "Copy invitation",
                "New link",
                "New code",
            ],
        ),
        (
            CodeView::Spent,
            [
                "Back",
                "New code",
                "Copy link",
                "Copy invitation",
                "New link",
            ],
        ),
    ] {
        let mut room = Room::new(waiting_with(code));
        assert_eq!(room.focus_order(5), order);
        assert_eq!(room.focus_order(1), ["Cancel the call"]);
    }
}

#[test]
fn the_code_is_read_as_it_is_said() {
    for size in [WIDE, SMALLEST] {
        let room = Room::sized(waiting_with(good_code()), size);
        assert!(room.has("Say this to your friend") && room.has(SPOKEN));
    }
}

#[test]
fn another_code_is_made_in_place_of_one_that_is_good_or_is_not_any_more() {
    let spent = "Somebody tried this code and had it wrong. It works for nobody any more.";
    for (code, sentence) in [
        (good_code(), SPOKEN),
        (CodeView::Spent, spent),
        (CodeView::Expired, "This code has run out. Make a new one?"),
    ] {
        let mut room = Room::new(waiting_with(code.clone()));
        assert!(room.has(sentence), "{sentence}");
        room.press("New code");
        assert_eq!(room.commands(), [Command::NewCode], "{sentence}");
        let mut room = Room::sized(waiting_with(code), SMALLEST);
        assert!(room.has(sentence), "{sentence}");
        room.enter("New code");
        assert_eq!(room.commands(), [Command::NewCode], "{sentence}");
    }
}

#[test]
fn another_link_takes_the_place_of_the_one_there_is() {
    for size in [WIDE, SMALLEST] {
        for before in [waiting(true), waiting(false), waiting_with(good_code())] {
            let mut room = Room::sized(before, size);
            room.enter("New link");
            assert_eq!(room.commands(), [Command::NewLink]);
            let other = "twocan://call.weber.family/Qm1xT7mZ0aQk3Vn8#yLwPq4uJ9sHdXc5FgAb2R6";
            room.show(|snapshot| match &mut snapshot.phase {
                Phase::Waiting { invite, .. } => *invite = other.into(),
                phase => panic!("not waiting: {phase:?}"),
            });
            assert_eq!(room.copies("Copy link").as_deref(), Some(other));
        }
    }
    assert!(!Room::new(preparing()).has("New link"), "there is none yet");
}

#[test]
fn while_a_code_is_being_made_there_is_the_link_and_no_other_code() {
    let mut room = Room::new(waiting_with(CodeView::Making));
    assert!(room.has("Making your code…"));
    assert!(!room.has("New code") && !room.has(SPOKEN));
    assert_eq!(room.copies("Copy link").as_deref(), Some(INVITE));
    room.show(|snapshot| snapshot.phase = waiting_with(good_code()).phase);
    assert!(!room.has("Making your code…"));
    assert!(room.has("New code") && room.has(SPOKEN));
}

#[test]
fn without_a_code_nothing_is_said_of_one() {
    for hosted_here in [true, false] {
        let room = Room::new(waiting(hosted_here));
        for words in ["code:", "code…", "New code", "Say this"] {
            let mut found = room.harness.query_all_by_label_contains(words);
            assert!(found.next().is_none(), "{words}");
        }
        assert!(room.has("Send this link to your friend"));
    }
}

#[test]
fn the_link_can_be_scanned_where_there_is_room_for_that() {
    for before in [waiting(true), waiting_with(good_code())] {
        assert!(Room::new(before.clone()).has(QR_CODE));
        assert!(!Room::sized(before, SMALLEST).has(QR_CODE));
    }
    assert!(!Room::new(preparing()).has(QR_CODE), "there is none yet");
}

#[test]
fn the_link_is_copied_alone_or_with_words_around_it() {
    for before in [waiting(false), waiting_with(good_code())] {
        let mut room = Room::new(before);
        assert_eq!(room.copies("Copy link").as_deref(), Some(INVITE));
        room.frames();
        assert!(room.has("Link copied"));
        let invitation = room.copies("Copy invitation").expect("an invitation");
        assert!(invitation.contains(INVITE) && invitation.len() > INVITE.len() + 20);
        assert_eq!(room.commands(), []);
    }
}

#[test]
fn hosting_here_is_explained_only_when_it_is_so() {
    let here = "Hosting on this computer";
    assert!(Room::new(waiting(true)).has(here));
    assert!(!Room::new(waiting(false)).has(here));
}

#[test]
fn cancel_back_and_escape_lead_to_the_lobby() {
    let mut room = Room::new(waiting(true));
    room.press("Cancel the call");
    room.press("Back");
    room.key(Modifiers::NONE, Key::Escape);
    assert_eq!(
        room.commands(),
        [Command::Leave, Command::Leave, Command::Leave]
    );
}

fn preparing() -> Snapshot {
    Snapshot {
        phase: Phase::Preparing {
            since: Instant::now(),
        },
        ..snapshot()
    }
}

#[test]
fn before_there_is_a_link_nothing_can_be_copied() {
    let mut room = Room::new(preparing());
    assert!(room.has("Making your link…"));
    assert_eq!(room.copies("Copy link"), None);
    room.press("Cancel the call");
    assert_eq!(room.commands(), [Command::Leave]);
}

#[test]
fn a_server_that_is_away_is_said_calmly() {
    for before in [waiting(false), waiting_with(good_code()), preparing()] {
        for size in [WIDE, SMALLEST] {
            let mut room = Room::sized(before.clone(), size);
            assert!(!room.has(SERVER_AWAY));
            room.show(|snapshot| snapshot.server_away = true);
            assert!(room.has(SERVER_AWAY));
            assert!(!room.has("Making your link…"));
        }
    }
}

#[test]
fn in_the_smallest_window_the_rest_is_a_scroll_away() {
    let room = Room::sized(waiting(true), SMALLEST);
    for name in ["Copy link", "Copy invitation", "Cancel the call"] {
        assert!(room.has(name), "{name}");
    }
}
