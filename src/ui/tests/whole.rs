use std::sync::Arc;

use eframe::egui::{Key, Modifiers, ViewportCommand};

use super::{Room, snapshot};
use crate::call::CallEndReason;
use crate::engine::{Command, Event, Notice, Problem};

#[test]
fn moments_are_told_to_assistive_technology() {
    let mut room = Room::new(snapshot());
    for (event, words) in [
        (
            Event::Joined {
                name: "Maya".to_owned(),
            },
            "Maya joined.",
        ),
        (
            Event::Reconnecting,
            "The line dropped. Picking it up again.",
        ),
        (Event::Back, "The line is back."),
        (
            Event::Ended {
                reason: CallEndReason::RemoteHangup,
            },
            "The call is over. Your friend hung up.",
        ),
    ] {
        room.engine.report(event);
        room.frames();
        assert!(room.has(words), "{words}");
    }
}

#[test]
fn a_friend_who_comes_gets_the_systems_attention() {
    let mut room = Room::new(snapshot());
    room.engine.report(Event::Rang);
    room.harness.step();
    let asked = room
        .harness
        .output()
        .viewport_output
        .values()
        .flat_map(|viewport| &viewport.commands)
        .any(|command| matches!(command, ViewportCommand::RequestUserAttention(_)));
    assert!(asked);
}

#[test]
fn size_follows_the_keys_and_stays_within_reason() {
    let mut room = Room::new(snapshot());
    room.key(Modifiers::COMMAND, Key::Plus);
    assert_eq!(room.changed_settings().scale, 1.25);
    room.show(|snapshot| {
        let mut settings = (*snapshot.settings).clone();
        settings.scale = 2.0;
        snapshot.settings = settings.into();
    });
    // What was just chosen is shown until the engine has had time to take it.
    room.harness.run_steps(70);
    assert_eq!(room.harness.ctx.zoom_factor(), 2.0);
    room.key(Modifiers::COMMAND, Key::Plus);
    assert_eq!(room.commands(), []);
    room.key(Modifiers::COMMAND, Key::Num0);
    assert_eq!(room.changed_settings().scale, 1.0);
}

#[test]
fn notices_stay_until_they_are_dismissed() {
    let mut room = Room::new(snapshot());
    let text = "Your settings could not be read. They are kept aside.";
    room.show(|snapshot| {
        snapshot.notices = [Notice {
            id: 7,
            text: text.to_owned(),
            warning: true,
        }]
        .into();
    });
    room.harness.run_steps(400);
    assert!(room.has(text));
    room.press("Dismiss this message");
    assert_eq!(room.commands(), [Command::DismissNotice(7)]);
}

#[test]
fn a_device_that_went_away_is_told_in_a_toast_that_goes() {
    let mut room = Room::new(snapshot());
    let text = "Your headset was unplugged. Now using the built-in speakers.";
    room.engine.report(Event::DeviceChanged {
        text: text.to_owned(),
    });
    room.frames();
    assert!(room.has("Close message"));
    room.harness.remove_cursor();
    room.harness.run_steps(400);
    assert!(!room.has("Close message"));
}

#[test]
fn over_a_problem_no_key_starts_anything() {
    let mut room = Room::new(snapshot());
    room.show(|snapshot| {
        snapshot.problem = Some(Arc::new(Problem {
            title: "We couldn’t reach Priya".to_owned(),
            explanation: "It’s fixable.".to_owned(),
            rungs: Vec::new(),
            cure: String::new(),
            can_try_again: true,
            report: "report".to_owned(),
        }));
    });
    room.key(Modifiers::COMMAND, Key::N);
    assert_eq!(room.commands(), []);
    assert!(room.has("We couldn’t reach Priya"));
    room.key(Modifiers::NONE, Key::Escape);
    assert_eq!(room.commands(), [Command::DismissProblem]);
}
