use eframe::egui::{Key, Modifiers};

use super::{Room, SMALLEST, snapshot};
use crate::engine::{CallRole, Command, DeviceState, LocalMedia, Phase, Snapshot};
use crate::media::Level;
use crate::ui::phrases::SERVER_AWAY;

const VOICE: Level = Level {
    rms: 0.05,
    peak: 0.2,
};
const OPEN: Command = Command::Preview {
    microphone: true,
    camera: true,
};

fn on(label: &str) -> DeviceState {
    DeviceState::On {
        label: label.to_owned(),
    }
}

fn check() -> Snapshot {
    Snapshot {
        phase: Phase::Check {
            friend: Some("Maya Lindqvist".to_owned()),
            role: CallRole::Guest,
            camera: true,
        },
        local: LocalMedia {
            microphone: on("The headset"),
            speaker: on("The headset"),
            camera: on("The webcam"),
            level: VOICE,
            ..LocalMedia::default()
        },
        ..snapshot()
    }
}

#[test]
fn the_keyboard_goes_from_the_picture_to_the_pickers_to_the_call() {
    let mut room = Room::new(check());
    assert_eq!(
        room.focus_order(10),
        [
            "Back",
            "Join with microphone, on",
            "Join with camera, on",
            "Microphone, The headset",
            "Speakers, The headset",
            "Play a test sound",
            "Camera, The webcam",
            "Check before every call",
            "Not now",
            "Join the call",
        ]
    );
}

#[test]
fn devices_are_opened_for_the_check_and_closed_when_it_is_left() {
    let mut room = Room::new(check());
    assert_eq!(room.commands(), [OPEN]);
    room.show(|snapshot| snapshot.phase = Phase::Lobby);
    let close = Command::Preview {
        microphone: false,
        camera: false,
    };
    assert_eq!(room.commands(), [close]);
}

#[test]
fn the_call_is_joined_with_what_was_chosen() {
    let mut room = Room::new(check());
    room.commands();
    room.press("Join with microphone, on");
    assert_eq!(room.commands(), [Command::SetMuted(true)]);
    room.show(|snapshot| snapshot.local.muted = true);
    assert!(room.has("Join with microphone, muted"));
    room.press("Join with camera, on");
    let without = Command::Preview {
        microphone: true,
        camera: false,
    };
    assert_eq!(room.commands(), [Command::SetCamera(false), without]);
    assert!(room.has("Your camera is off"));
    room.press("Play a test sound");
    room.press("Join the call");
    assert_eq!(room.commands(), [Command::PlayTestSound, Command::Enter]);
}

#[test]
fn not_now_and_escape_lead_back() {
    let mut room = Room::new(check());
    room.commands();
    room.press("Not now");
    room.key(Modifiers::NONE, Key::Escape);
    assert_eq!(room.commands(), [Command::Leave, Command::Leave]);
}

#[test]
fn the_meter_comes_to_a_verdict_only_after_a_while() {
    let mut room = Room::new(check());
    assert!(room.has("Say something…"));
    room.harness.run_steps(60);
    assert!(room.has("We hear you. Sounds good."));
    room.show(|snapshot| snapshot.local.level = Level::default());
    assert!(room.has("We hear you. Sounds good."), "not at once");
    room.harness.run_steps(200);
    assert!(room.has("No sound. Is the headset muted?"));
}

#[test]
fn a_camera_that_cannot_be_used_is_explained_and_the_call_still_joined() {
    let why = "Another app is using your camera. Close it, or join with sound only.";
    let mut room = Room::new(check());
    room.show(|snapshot| {
        snapshot.local.camera = DeviceState::Unusable {
            why: why.to_owned(),
        };
    });
    assert!(room.has(why));
    room.commands();
    room.press("Join the call");
    assert_eq!(room.commands(), [Command::Enter]);
}

#[test]
fn another_microphone_is_picked_by_keyboard() {
    let mut room = Room::new(check());
    room.commands();
    let field = "Microphone, The headset";
    room.control(field).focus();
    room.frames();
    room.key(Modifiers::NONE, Key::Enter);
    assert!(room.has("The desk microphone"));
    for _ in 0..3 {
        room.key(Modifiers::NONE, Key::ArrowDown);
    }
    assert_eq!(room.focused(), "The desk microphone");
    room.key(Modifiers::NONE, Key::Enter);
    let settings = room.changed_settings();
    assert_eq!(settings.microphone.as_deref(), Some("desk microphone"));
    assert_eq!(room.focused(), "Microphone, The desk microphone");
}

#[test]
fn escape_closes_a_list_and_not_the_check() {
    let mut room = Room::new(check());
    room.commands();
    room.press("Microphone, The headset");
    assert!(room.has("The desk microphone"));
    room.key(Modifiers::NONE, Key::Escape);
    assert!(!room.has("The desk microphone"));
    assert_eq!(room.commands(), []);
}

#[test]
fn the_check_can_be_turned_off_for_the_next_time() {
    let mut room = Room::new(check());
    room.commands();
    room.press("Check before every call");
    assert!(!room.changed_settings().check_before_call);
    // Shown at once, before the engine answers.
    assert_eq!(room.is_on("Check before every call"), Some(false));
}

#[test]
fn the_next_step_stays_in_sight_in_the_smallest_window() {
    let room = Room::sized(check(), SMALLEST);
    let join = room.control("Join the call").rect();
    assert!(join.bottom() <= SMALLEST.y && join.right() <= SMALLEST.x);
}

#[test]
fn a_server_that_is_away_is_said_in_the_check() {
    let mut room = Room::new(check());
    assert!(!room.has(SERVER_AWAY));
    room.show(|snapshot| snapshot.server_away = true);
    assert!(room.has(SERVER_AWAY));
}

#[test]
fn who_enters_a_room_by_voice_shows_nothing_of_themselves() {
    let mut by_voice = check();
    by_voice.phase = Phase::Check {
        friend: None,
        role: CallRole::Guest,
        camera: false,
    };
    assert!(by_voice.settings.camera_on, "other calls begin with it");
    let mut room = Room::new(by_voice);
    let preview = |camera| Command::Preview {
        microphone: true,
        camera,
    };
    assert_eq!(room.commands(), [preview(false)]);
    room.press("Join with camera, off");
    assert_eq!(room.commands(), [Command::SetCamera(true), preview(true)]);
    assert!(room.has("Join with camera, on"));
}
