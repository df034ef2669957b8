use std::time::Instant;

use eframe::egui::{Key, Modifiers};

use super::{Room, SMALLEST, WIDE, snapshot};
use crate::engine::{Command, Phase, Snapshot};
use crate::ui::phrases::SERVER_AWAY;

const INVITE: &str = "twocan:192.168.178.24:47713/k3Vn8Qe1xT7mZ0#b2R6yLwPq4uJ9sHdXc5FgA";

fn waiting(hosted_here: bool) -> Snapshot {
    Snapshot {
        phase: Phase::Waiting {
            invite: INVITE.into(),
            since: Instant::now(),
            hosted_here,
        },
        ..snapshot()
    }
}

#[test]
fn the_keyboard_goes_from_the_link_to_cancel() {
    let mut room = Room::new(waiting(true));
    assert_eq!(
        room.focus_order(4),
        ["Back", "Copy link", "Copy invitation", "Cancel the call"]
    );
}

#[test]
fn the_link_is_copied_alone_or_with_words_around_it() {
    let mut room = Room::new(waiting(false));
    assert_eq!(room.copies("Copy link").as_deref(), Some(INVITE));
    room.frames();
    assert!(room.has("Link copied"));
    let invitation = room.copies("Copy invitation").expect("an invitation");
    assert!(invitation.contains(INVITE) && invitation.len() > INVITE.len() + 20);
    assert_eq!(room.commands(), []);
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
    for before in [waiting(false), preparing()] {
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
