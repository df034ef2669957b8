use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;

use super::{Room, SMALLEST, keys, snapshot};
use crate::engine::{Command, SoundTrial};
use crate::settings::{IceServer, Settings, ThemeChoice};

fn open() -> Room {
    let mut room = Room::new(snapshot());
    room.key(Modifiers::COMMAND, Key::Comma);
    room
}

fn at(page: &str) -> Room {
    let mut room = open();
    room.press(page);
    room.commands();
    room
}

#[test]
fn the_keyboard_goes_from_the_search_to_the_pages_to_the_controls() {
    let mut room = open();
    assert_eq!(
        room.focus_order(16),
        [
            "Back",
            "Search settings",
            "Sound",
            "Camera",
            "Network",
            "People",
            "Appearance",
            "About Twocan",
            "Microphone, The headset",
            "Speakers, The headset",
            "Play a test sound",
            "Try my sound",
            "Remove echo",
            "Reduce background noise",
            "Keep my volume even",
            "Music mode",
        ]
    );
}

#[test]
fn devices_are_open_only_for_the_page_that_shows_them() {
    let preview = |microphone, camera| Command::Preview { microphone, camera };
    let mut room = open();
    assert_eq!(room.commands(), [preview(true, false)]);
    room.press("Camera");
    assert_eq!(room.commands(), [preview(false, true)]);
    room.press("Network");
    assert_eq!(room.commands(), [preview(false, false)]);
    room.press("Sound");
    room.key(Modifiers::NONE, Key::Escape);
    assert_eq!(
        room.commands(),
        [preview(true, false), preview(false, false)]
    );
    assert!(room.has("Start a call"), "Esc leads back to the lobby");
}

#[test]
fn each_toggle_changes_its_setting_at_once() {
    for (page, name, changed) in [
        (
            "Sound",
            "Remove echo",
            (|settings| settings.remove_echo = false) as fn(&mut Settings),
        ),
        ("Sound", "Reduce background noise", |settings| {
            settings.reduce_noise = false;
        }),
        ("Sound", "Keep my volume even", |settings| {
            settings.even_volume = false;
        }),
        ("Sound", "Music mode", |settings| settings.music_mode = true),
        ("Camera", "Start calls with the camera on", |settings| {
            settings.camera_on = false;
        }),
        ("Camera", "Check before every call", |settings| {
            settings.check_before_call = false;
        }),
        ("People", "Only contacts can ring you", |settings| {
            settings.contacts_only = true;
        }),
        ("Appearance", "Reduce motion", |settings| {
            settings.reduced_motion = false;
        }),
    ] {
        let mut room = at(page);
        room.press(name);
        let mut expected = (*snapshot().settings).clone();
        changed(&mut expected);
        assert_eq!(room.changed_settings(), expected, "{name}");
    }
}

#[test]
fn music_mode_takes_the_three_above_out_of_use() {
    let mut room = open();
    room.show(|snapshot| {
        let mut settings = (*snapshot.settings).clone();
        settings.music_mode = true;
        snapshot.settings = settings.into();
    });
    room.commands();
    room.press("Remove echo");
    assert_eq!(room.commands(), []);
}

#[test]
fn colours_and_size_are_chosen() {
    let mut room = at("Appearance");
    room.press("Dark");
    assert_eq!(room.changed_settings().theme, ThemeChoice::Dark);
    room.press("150%");
    let settings = room.changed_settings();
    assert_eq!((settings.theme, settings.scale), (ThemeChoice::Dark, 1.5));
}

#[test]
fn a_name_is_kept_when_it_is_meant() {
    let mut room = at("Appearance");
    room.control("Your name").focus();
    room.frames();
    room.key(Modifiers::COMMAND, Key::A);
    room.control("Your name").type_text("  Ada ");
    room.frames();
    assert_eq!(room.commands(), [], "not while writing");
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.changed_settings().name, "Ada");
}

#[test]
fn a_call_servers_address_is_checked() {
    let mut room = at("Network");
    let field = "Address of the call server";
    room.write(field, "https://call.weber.family");
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.commands(), []);
    assert!(room.has("Call servers start with wss://, not with https://."));
    room.control(field).focus();
    room.frames();
    room.key(Modifiers::COMMAND, Key::A);
    room.control(field).type_text("call.weber.family");
    room.frames();
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(
        room.changed_settings().server.as_deref(),
        Some("wss://call.weber.family")
    );
}

#[test]
fn helpers_are_added_and_removed() {
    let mut room = at("Network");
    let field = "Address of a STUN or TURN server";
    room.write(field, "turn:turn.example.org");
    room.press("Add this server");
    assert_eq!(room.commands(), []);
    assert!(room.has("A TURN server needs a name and a password."));
    room.write("Name at the TURN server", "me");
    room.write("Password at the TURN server", "secret");
    room.press("Add this server");
    let turn = IceServer {
        url: "turn:turn.example.org".to_owned(),
        username: "me".to_owned(),
        credential: "secret".to_owned(),
    };
    assert_eq!(room.changed_settings().ice_servers, [turn]);
    // Now there is a relay to go through, and both go together.
    room.press("Always go through a relay");
    let settings = room.changed_settings();
    assert!(settings.relay_only);
    room.show(|snapshot| snapshot.settings = settings.into());
    room.press("Remove turn:turn.example.org");
    let settings = room.changed_settings();
    assert!(settings.ice_servers.is_empty() && !settings.relay_only);
}

#[test]
fn an_address_is_hidden_from_strangers_only_where_there_is_a_relay() {
    let mut room = at("Network");
    let name = "Hide your address from strangers";
    assert_eq!(room.is_on(name), Some(false), "it could not be");
    room.press(name);
    assert_eq!(room.commands(), []);
    room.show(|snapshot| {
        let mut settings = (*snapshot.settings).clone();
        settings.ice_servers = vec![IceServer {
            url: "turn:turn.example.org".to_owned(),
            username: "me".to_owned(),
            credential: "secret".to_owned(),
        }];
        snapshot.settings = settings.into();
    });
    assert_eq!(room.is_on(name), Some(true), "so it is if nothing is said");
    room.enter(name);
    let settings = room.changed_settings();
    assert!(!settings.hide_from_strangers && !settings.relay_only);
    room.show(|snapshot| snapshot.settings = settings.into());
    assert_eq!(room.is_on(name), Some(false));
    room.enter(name);
    assert!(room.changed_settings().hide_from_strangers);
}

#[test]
fn what_keeps_strangers_away_is_found_by_looking_for_them() {
    let mut room = Room::new(snapshot());
    room.key(Modifiers::COMMAND, Key::F);
    room.control("Search settings").type_text("strangers");
    room.frames();
    assert!(room.has("3 results for “strangers”"));
    room.commands();
    room.press("Only contacts can ring you");
    assert!(room.changed_settings().contacts_only);
}

#[test]
fn who_is_blocked_is_listed_and_may_be_heard_again() {
    let mut room = at("People");
    assert!(room.has("Nobody is blocked."));
    room.show(|snapshot| {
        snapshot.blocked = [(keys(1), "Maya".to_owned()), (keys(2), String::new())].into();
    });
    assert!(room.has("Maya") && !room.has("Nobody is blocked."));
    room.press("Unblock Maya");
    assert_eq!(room.commands(), [Command::Unblock(keys(1))]);
    room.press("Unblock Somebody without a name");
    assert_eq!(room.commands(), [Command::Unblock(keys(2))]);
    room.show(|snapshot| snapshot.blocked = std::sync::Arc::new([]));
    assert!(room.has("Nobody is blocked."));
}

#[test]
fn search_shows_working_controls() {
    let mut room = Room::new(snapshot());
    room.key(Modifiers::COMMAND, Key::F);
    assert_eq!(room.focused(), "Search settings");
    room.control("Search settings").type_text("echo");
    room.frames();
    assert!(room.has("2 results for “echo”"));
    room.commands();
    room.press("Remove echo");
    assert!(!room.changed_settings().remove_echo);
    room.press("Try my sound");
    assert_eq!(room.commands(), [Command::TrySound]);
    room.press("Clear the search");
    assert!(room.has("Reduce background noise"));
}

#[test]
fn the_trial_of_the_sound_says_what_to_do_and_is_not_started_twice() {
    let mut room = open();
    room.commands();
    room.show(|snapshot| {
        snapshot.sound_trial = SoundTrial::Recording {
            since: std::time::Instant::now(),
        };
    });
    assert!(
        room.harness
            .query_by_label_contains("Say something. You’ll hear it in")
            .is_some()
    );
    room.press("Recording…, busy");
    assert_eq!(room.commands(), []);
}

#[test]
fn on_narrow_windows_there_is_a_list_and_then_a_page() {
    let mut room = Room::sized(snapshot(), SMALLEST);
    room.key(Modifiers::COMMAND, Key::F);
    room.press("Appearance");
    assert!(room.has("Reduce motion") && !room.has("Network"));
    room.key(Modifiers::NONE, Key::Escape);
    assert!(room.has("Network"));
    room.key(Modifiers::NONE, Key::Escape);
    assert!(room.has("Start a call"));
}
