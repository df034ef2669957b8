//! The stage as a person meets it: by name, by key, in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{Key, Modifiers, ViewportCommand, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{Stage, StageEvent};
use crate::capture::{Device, Devices};
use crate::engine::{
    CallRole, CallStage, CallStatistics, CallView, Command, ContactView, DeviceState, Handle,
    HandleBackend, LocalMedia, Notice, ParticipantId, ParticipantView, Phase, PictureSample,
    Quality, RoomView, Snapshot, StatisticsSample, as_read,
};
use crate::media::{Level, Resolution};
use crate::settings::Settings;
use crate::trust::{Identity, PublicIdentity, SafetyPhrase};
use crate::ui::frame_times::FrameTimes;
use crate::ui::theme;

const VOICE: Level = Level {
    rms: 0.05,
    peak: 0.2,
};

fn on(label: &str) -> DeviceState {
    DeviceState::On {
        label: label.into(),
    }
}

fn device(id: &str, default: bool) -> Device {
    Device {
        id: id.into(),
        label: format!("The {id}"),
        default,
    }
}

/// The keys of somebody: of another one for each seed.
fn keys(seed: u8) -> PublicIdentity {
    Identity::from_seed(&[seed; 32]).public()
}

fn phrase() -> SafetyPhrase {
    SafetyPhrase::of(b"what Maya and Jonas said")
}

/// The name of the chip, which tells what came of comparing.
fn chip(state: &str) -> String {
    format!("Safety words: {}. {state}", phrase().words().join(", "))
}

/// The same before anything came of it.
fn safety_words() -> String {
    chip("Not compared yet")
}

/// Somebody who was saved.
fn saved(seed: u8, name: &str, verified: bool) -> Arc<[ContactView]> {
    Arc::new([ContactView {
        identity: keys(seed),
        name: name.into(),
        read_as: as_read(name),
        verified,
        presence: None,
        portrait: None,
    }])
}

fn snapshot() -> Snapshot {
    let settings = Settings {
        name: "Jonas Weber".into(),
        ..Settings::default()
    };
    let mut snapshot = Snapshot::lobby(Arc::new(settings));
    snapshot.local = LocalMedia {
        microphone: on("The headset"),
        speaker: on("The headset"),
        camera: on("The webcam"),
        level: VOICE,
        ..LocalMedia::default()
    };
    snapshot.devices = Arc::new(Devices {
        microphones: vec![device("headset", true), device("desk microphone", false)],
        speakers: vec![device("headset", true)],
        cameras: vec![device("webcam", true)],
    });
    let now = Instant::now();
    snapshot.phase = Phase::Call(CallView {
        stage: CallStage::Connected,
        role: CallRole::Host,
        calling: None,
        room: None,
        portrait: None,
        connected_at: Some(now.checked_sub(Duration::from_secs(1491)).unwrap_or(now)),
        participants: vec![ParticipantView {
            id: ParticipantId(7),
            identity: keys(7),
            phrase: phrase(),
            name: "Maya Lindqvist".into(),
            portrait: None,
            muted: false,
            camera_on: true,
            level: VOICE,
            hears_us: Some(VOICE),
            quality: Quality::Good,
        }],
        statistics: Arc::new(CallStatistics {
            history: vec![StatisticsSample {
                delay: Duration::from_millis(64),
                picture_in: PictureSample {
                    resolution: Some(Resolution {
                        width: 1280,
                        height: 720,
                    }),
                    frames_per_second: 30.0,
                    bps: 1.6e6,
                },
                ..StatisticsSample::default()
            }],
            relayed: Some(false),
            verdict: None,
            report: "delay 64 ms".into(),
        }),
    });
    snapshot
}

fn call(snapshot: &mut Snapshot) -> &mut CallView {
    match &mut snapshot.phase {
        Phase::Call(call) => call,
        other => panic!("not a call: {other:?}"),
    }
}

struct Window {
    stage: Stage,
    handle: Handle,
    times: FrameTimes,
    event: Option<StageEvent>,
}

struct Room {
    harness: Harness<'static, Window>,
    engine: HandleBackend,
}

impl Room {
    fn sized(snapshot: Snapshot, width: f32, height: f32) -> Self {
        let (handle, engine) = Handle::new(snapshot, Box::new(()));
        let window = Window {
            stage: Stage::default(),
            handle,
            times: FrameTimes::default(),
            event: None,
        };
        let mut dressed = false;
        let harness = Harness::builder()
            .with_size(vec2(width, height))
            .build_ui_state(
                move |ui, window: &mut Window| {
                    // Stillness, so that a frame settles.
                    if !std::mem::replace(&mut dressed, true) {
                        theme::install(ui.ctx());
                    }
                    theme::follow(ui.ctx(), crate::settings::ThemeChoice::Light, true);
                    let snapshot = window.handle.snapshot();
                    if let Phase::Call(call) = &snapshot.phase {
                        let (handle, times) = (&window.handle, &window.times);
                        let now = Instant::now();
                        let event = window.stage.show(ui, &snapshot, call, handle, times, now);
                        window.event = window.event.or(event);
                    }
                },
                window,
            );
        let mut room = Self { harness, engine };
        room.frames();
        room
    }

    fn new(snapshot: Snapshot) -> Self {
        Self::sized(snapshot, 980.0, 680.0)
    }

    fn frames(&mut self) {
        self.harness.run_steps(4);
    }

    fn show(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let mut snapshot = (*self.harness.state().handle.snapshot()).clone();
        change(&mut snapshot);
        self.engine.publish(snapshot);
        self.frames();
    }

    fn press(&mut self, name: &str) {
        self.harness.get_by_label(name).click();
        self.frames();
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.frames();
    }

    fn has(&self, name: &str) -> bool {
        self.harness.query_by_label(name).is_some()
    }

    fn commands(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.engine.commands.try_recv().ok()).collect()
    }

    fn asks(&mut self, command: Command) {
        assert_eq!(self.commands(), [command]);
    }

    fn focused(&self) -> String {
        let context = &self.harness.ctx;
        let focused = context.memory(|memory| memory.focused());
        let node = self
            .harness
            .query_all(egui_kittest::kittest::by().predicate(|node| node.is_focused()))
            .next();
        match (focused, node) {
            (Some(_), Some(node)) => node.accesskit_node().label().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

#[test]
fn every_control_has_its_name_with_its_state_and_does_what_it_says() {
    let mut room = Room::new(snapshot());
    assert!(room.has("Maya Lindqvist") && room.has("Connection: good"));
    room.press("Mute microphone, on, Maya hears you");
    room.asks(Command::SetMuted(true));
    room.press("Turn camera off, on");
    room.asks(Command::SetCamera(false));
    room.press("Hang up");
    room.asks(Command::Leave);
    room.show(|snapshot| {
        snapshot.local.muted = true;
        snapshot.local.camera = DeviceState::Off;
    });
    assert!(room.has("You’re muted. Maya can’t hear you."));
    room.press("Turn camera on, off");
    room.asks(Command::SetCamera(true));
    room.press("Unmute microphone, muted, Maya can’t hear you");
    room.asks(Command::SetMuted(false));
    room.press("Unmute");
    room.asks(Command::SetMuted(false));
}

#[test]
fn tab_follows_the_reading_order() {
    let mut room = Room::new(snapshot());
    let mut order = Vec::new();
    for _ in 0..7 {
        room.key(Modifiers::NONE, Key::Tab);
        order.push(room.focused());
    }
    assert_eq!(
        order,
        [
            safety_words().as_str(),
            "Connection: good",
            "Mute microphone, on, Maya hears you",
            "Turn camera off, on",
            "More: devices, statistics, full screen",
            "Hang up",
            "Your own video, bottom right",
        ]
    );
    room.key(Modifiers::NONE, Key::Enter);
    assert_eq!(room.focused(), "Your own video, bottom left");
}

#[test]
fn keys_do_what_the_buttons_do() {
    let mut room = Room::new(snapshot());
    room.key(Modifiers::COMMAND, Key::D);
    room.asks(Command::SetMuted(true));
    room.key(Modifiers::COMMAND, Key::E);
    room.asks(Command::SetCamera(false));
    room.key(Modifiers::COMMAND, Key::I);
    assert!(room.has("How the call is doing"));
    room.key(Modifiers::NONE, Key::Escape);
    assert!(!room.has("How the call is doing"));
    assert_eq!(room.commands(), [], "Esc never hangs up");
    room.key(Modifiers::NONE, Key::D);
    assert_eq!(room.commands(), [], "no single letters");
    room.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::H);
    room.asks(Command::Leave);
}

#[test]
fn holding_space_talks_while_muted_and_nothing_else() {
    let mut room = Room::new(snapshot());
    room.harness.key_down(Key::Space);
    room.frames();
    room.harness.key_up(Key::Space);
    room.frames();
    assert_eq!(room.commands(), [], "not muted");
    room.show(|snapshot| snapshot.local.muted = true);
    for _ in 0..4 {
        room.key(Modifiers::NONE, Key::Tab);
    }
    assert_eq!(
        room.focused(),
        "Unmute microphone, muted, Maya can’t hear you"
    );
    room.harness.key_down(Key::Space);
    room.frames();
    room.asks(Command::HoldToTalk(true));
    room.show(|snapshot| snapshot.local.holding_to_talk = true);
    assert!(room.has("Maya hears you while you hold Space"));
    room.harness.key_up(Key::Space);
    room.frames();
    room.asks(Command::HoldToTalk(false));
}

#[test]
fn full_screen_comes_and_goes_by_key() {
    let mut room = Room::new(snapshot());
    room.harness.key_down(Key::F11);
    room.harness.step();
    let asked = room
        .harness
        .output()
        .viewport_output
        .values()
        .flat_map(|viewport| &viewport.commands)
        .any(|command| *command == ViewportCommand::Fullscreen(true));
    assert!(asked);
    // The call is over: the screen is given back.
    room.harness.state_mut().stage = Stage::default();
    room.harness.step();
    let given_back = room
        .harness
        .output()
        .viewport_output
        .values()
        .flat_map(|viewport| &viewport.commands)
        .any(|command| *command == ViewportCommand::Fullscreen(false));
    assert!(given_back);
}

#[test]
fn the_self_view_is_dragged_into_another_corner_and_covers_nothing_there() {
    let mut room = Room::new(snapshot());
    let tile = room.harness.get_by_label("Your own video, bottom right");
    let from = tile.rect().center();
    let to = eframe::egui::pos2(120.0, 150.0);
    let button = |pos, pressed| eframe::egui::Event::PointerButton {
        pos,
        button: eframe::egui::PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    room.harness.hover_at(from);
    room.harness.event(button(from, true));
    for step in 1..=8 {
        room.harness.hover_at(from.lerp(to, step as f32 / 8.0));
    }
    room.frames();
    let carried = room.harness.get_by_label("Your own video, bottom right");
    assert!(carried.rect().center().distance(to) < 1.0);
    room.harness.event(button(to, false));
    room.frames();
    let tile = room.harness.get_by_label("Your own video, top left").rect();
    let name = room.harness.get_by_label("Maya Lindqvist").rect();
    assert!(tile.left() < 40.0 && tile.top() < 120.0, "{tile:?}");
    assert!(tile.top() > name.bottom());
}

#[test]
fn the_controls_step_aside_after_three_quiet_seconds_but_not_from_assistive_technology() {
    let mut room = Room::new(snapshot());
    let opacity = |room: &Room| room.harness.state().stage.opacity;
    room.harness.hover_at(eframe::egui::pos2(310.0, 300.0));
    room.harness.step();
    assert_eq!(opacity(&room), 1.0);
    // A step takes a quarter of a second of the window's time.
    room.harness.run_steps(20);
    assert_eq!(opacity(&room), 0.0);
    assert!(room.has("Hang up"));
    room.harness.hover_at(eframe::egui::pos2(300.0, 300.0));
    room.harness.step();
    assert_eq!(opacity(&room), 1.0);
    room.harness.run_steps(20);
    room.show(|snapshot| snapshot.local.muted = true);
    room.harness.run_steps(40);
    assert_eq!(opacity(&room), 1.0, "muted, they stay");
}

#[test]
fn devices_change_during_the_call_from_the_menu() {
    let mut room = Room::new(snapshot());
    room.press("More: devices, statistics, full screen");
    assert!(room.has("Speakers, The headset") && room.has("Camera, The webcam"));
    room.press("Microphone, The headset");
    room.press("The desk microphone");
    let commands = room.commands();
    let [Command::ChangeSettings(settings)] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    assert_eq!(settings.microphone.as_deref(), Some("desk microphone"));
    assert_eq!(settings.name, "Jonas Weber", "nothing else changes");
    assert!(!room.has("The desk microphone"), "the menu has closed");
}

#[test]
fn the_menu_is_left_by_escape_and_gives_the_keyboard_back() {
    let mut room = Room::new(snapshot());
    for _ in 0..5 {
        room.key(Modifiers::NONE, Key::Tab);
    }
    let more = "More: devices, statistics, full screen";
    assert_eq!(room.focused(), more);
    room.key(Modifiers::NONE, Key::Enter);
    room.key(Modifiers::NONE, Key::ArrowDown);
    assert_eq!(room.focused(), "Microphone, The headset");
    room.key(Modifiers::NONE, Key::ArrowDown);
    assert_eq!(room.focused(), "Speakers, The headset");
    room.key(Modifiers::NONE, Key::Escape);
    assert!(!room.has("Microphone, The headset"));
    assert_eq!(room.focused(), more);
}

#[test]
fn statistics_are_read_as_sentences_and_copied_with_the_frame_times() {
    let mut room = Room::new(snapshot());
    room.press("Connection: good");
    assert!(room.has("Delay: 64 ms, how late words arrive"));
    assert!(room.has("Picture from Maya: 720p · 30/s, 1.6 Mbit/s"));
    room.harness.get_by_label("Copy statistics").click();
    let mut copied = String::new();
    for _ in 0..4 {
        room.harness.step();
        for command in &room.harness.output().platform_output.commands {
            if let eframe::egui::OutputCommand::CopyText(text) = command {
                copied.clone_from(text);
            }
        }
    }
    assert!(
        copied.starts_with("delay 64 ms\nwindow: frame time"),
        "{copied}"
    );
    let event = room.harness.state().event;
    assert_eq!(event, Some(StageEvent::StatisticsCopied));
    room.press("Close statistics");
    assert!(!room.has("Delay: 64 ms, how late words arrive"));
}

#[test]
fn a_dropped_line_is_said_with_what_it_means() {
    let mut room = Room::new(snapshot());
    room.show(|snapshot| {
        let since = Instant::now();
        call(snapshot).stage = CallStage::Reconnecting { since };
    });
    assert!(room.has("The line dropped. Picking it up again…"));
    assert!(room.has("Your microphone and camera are paused until Maya is back."));
    assert!(room.has("Connection: reconnecting"));
    room.press("Hang up");
    room.asks(Command::Leave);
}

#[test]
fn what_the_friend_does_shows() {
    let mut room = Room::new(snapshot());
    room.show(|snapshot| {
        let friend = &mut call(snapshot).participants[0];
        friend.muted = true;
        friend.camera_on = false;
    });
    assert!(room.has("is muted"));
    room.show(|snapshot| {
        let friend = &mut call(snapshot).participants[0];
        friend.muted = false;
        friend.level = Level::default();
        friend.hears_us = None;
    });
    assert!(room.has("has the camera off"));
    assert!(room.has("Mute microphone, on"));
    room.show(|snapshot| call(snapshot).participants[0].quality = Quality::OursWeak);
    assert!(room.has("Connection: yours is weak"));
}

#[test]
fn before_the_line_is_up_it_says_what_is_going_on() {
    let mut room = Room::new(snapshot());
    room.show(|snapshot| {
        let call = call(snapshot);
        call.connected_at = None;
        call.participants.clear();
        call.stage = CallStage::WaitingForFriend;
    });
    assert!(room.has("Waiting for your friend…") && room.has("Your friend"));
    room.show(|snapshot| {
        let since = Instant::now();
        call(snapshot).stage = CallStage::Connecting { since };
    });
    assert!(room.has("Connecting you with your friend…"));
}

#[test]
fn news_about_devices_stays_until_closed() {
    let mut room = Room::new(snapshot());
    let text = "Your headset was unplugged. Now using the built-in speakers.";
    room.show(|snapshot| {
        snapshot.notices = Arc::new([Notice {
            id: 3,
            text: text.into(),
            warning: true,
        }]);
        snapshot.local.camera = DeviceState::Unusable {
            why: "another app is using the camera; close it and try again".into(),
        };
    });
    assert!(room.has(text));
    assert!(room.has("Another app is using the camera; close it and try again"));
    room.press("Turn camera on, cannot be used");
    room.asks(Command::SetCamera(true));
    room.press("Close message");
    room.asks(Command::DismissNotice(3));
}

#[test]
fn everything_is_within_reach_in_the_smallest_window() {
    let mut room = Room::sized(snapshot(), 380.0, 520.0);
    room.show(|snapshot| {
        snapshot.local.muted = true;
        call(snapshot).participants[0].quality = Quality::TheirsWeak;
    });
    let window = eframe::egui::Rect::from_min_size(eframe::egui::Pos2::ZERO, vec2(380.0, 520.0));
    let words = safety_words();
    let names = [
        words.as_str(),
        "Connection: Maya’s is weak",
        "Unmute",
        "Unmute microphone, muted, Maya can’t hear you",
        "Turn camera off, on",
        "More: devices, statistics, full screen",
        "Hang up",
        "Your own video, bottom right",
    ];
    let places = names.map(|name| room.harness.get_by_label(name).rect());
    for (name, place) in names.iter().zip(places) {
        assert!(window.contains_rect(place), "{name}: {place:?}");
    }
    for (index, place) in places.iter().enumerate() {
        for (other, beside) in places.iter().enumerate().skip(index + 1) {
            let apart = !place.shrink(1.0).intersects(beside.shrink(1.0));
            assert!(apart, "{} covers {}", names[index], names[other]);
        }
    }
    room.press("Connection: Maya’s is weak");
    room.press("Close statistics");
    room.press("Hang up");
    room.asks(Command::Leave);
}

#[test]
fn whoever_is_called_is_named_until_they_answer() {
    let mut room = Room::new(snapshot());
    let there = match &room.harness.state().handle.snapshot().phase {
        Phase::Call(call) => call.participants.clone(),
        other => panic!("not a call: {other:?}"),
    };
    for stage in [CallStage::Joining, CallStage::WaitingForFriend] {
        // Ringing there, they are known already.
        for participants in [Vec::new(), there.clone()] {
            room.show(|snapshot| {
                let call = call(snapshot);
                call.calling = Some("Maya Lindqvist".into());
                call.connected_at = None;
                call.participants = participants;
                call.stage = stage;
            });
            assert!(room.has("Calling Maya…") && room.has("Maya Lindqvist"));
            let mut found = room.harness.query_all_by_label_contains("Safety words: ");
            assert!(found.next().is_none(), "nothing can be read aloud");
        }
    }
    // Whoever has answered is not calling.
    room.show(|snapshot| call(snapshot).role = CallRole::Guest);
    assert!(room.has("Waiting for Maya…"));
    room.show(|snapshot| {
        let since = Instant::now();
        call(snapshot).stage = CallStage::Connecting { since };
    });
    assert!(room.has("Connecting you with Maya…"));
}

#[test]
fn a_contact_has_the_name_that_they_were_saved_by() {
    let mut room = Room::new(snapshot());
    room.show(|snapshot| snapshot.contacts = saved(7, "Aunt May", true));
    assert!(room.has("Aunt May") && !room.has("Maya Lindqvist"));
    assert!(room.has("Mute microphone, on, Aunt hears you"));
}

#[test]
fn same_words_verify_a_contact_until_that_is_taken_back() {
    let set = |verified| Command::SetVerified {
        contact: keys(7),
        verified,
    };
    let mut room = Room::new(snapshot());
    room.show(|snapshot| snapshot.contacts = saved(7, "Maya", false));
    room.press(&safety_words());
    assert_eq!(room.focused(), "Close", "nothing is confirmed by a slip");
    for word in phrase().words() {
        assert!(room.has(word), "{word}");
    }
    let pictures = phrase().emoji().map(|emoji| emoji.name).join(", ");
    assert!(room.has(&format!("As pictures: {pictures}")));
    assert!(room.has("Read these to each other. Same words? Then nobody is in between."));
    assert!(!room.has("Save as contact") && !room.has("Verified"));
    room.press("They are the same");
    room.asks(set(true));
    room.show(|snapshot| snapshot.contacts = saved(7, "Maya", true));
    assert!(room.has("Verified") && !room.has("They are the same"));
    assert!(room.has(&chip("Verified")));
    assert_eq!(room.focused(), "Close", "where nothing is taken back");
    room.press("Not the same any more?");
    room.asks(set(false));
    room.press("Close");
    assert!(!room.has("Not the same any more?"));
    assert_eq!(room.commands(), []);
}

#[test]
fn a_stranger_is_saved_before_they_are_verified() {
    let save = || Command::SaveContact {
        identity: keys(7),
        name: "Maya Lindqvist".into(),
    };
    let mut room = Room::new(snapshot());
    room.press(&safety_words());
    assert!(!room.has("They are the same"));
    room.press("Save as contact");
    room.asks(save());
    room.show(|snapshot| snapshot.contacts = saved(7, "Maya Lindqvist", false));
    assert!(room.has("They are the same") && !room.has("Save as contact"));
    assert_eq!(room.focused(), "Close");
    room.press("Close");
    // From the menu, too, as long as it is of use.
    room.press("More: devices, statistics, full screen");
    assert!(!room.has("Save as contact"));
    room.key(Modifiers::NONE, Key::Escape);
    room.show(|snapshot| snapshot.contacts = Arc::new([]));
    room.press("More: devices, statistics, full screen");
    room.press("Save as contact");
    room.asks(save());
    assert!(!room.has("Save as contact"), "the menu has closed");
}

#[test]
fn who_only_has_the_name_of_a_contact_is_warned_of() {
    let warning = "This may not be the Maya you know. Compare the safety words before you talk.";
    let mut room = Room::new(snapshot());
    room.show(|snapshot| snapshot.contacts = saved(8, "Maya Lindqvist", true));
    assert!(room.has(warning), "at once");
    room.harness.run_steps(40);
    assert_eq!(room.harness.state().stage.opacity, 1.0, "it stays in sight");
    // Nobody is saved without it.
    room.press("More: devices, statistics, full screen");
    assert!(!room.has("Save as contact"));
    room.key(Modifiers::NONE, Key::Escape);
    room.press(&chip("May be somebody else"));
    assert!(room.has(warning) && room.has("Save as contact"));
    assert!(!room.has("They are the same") && !room.has("Verified"));
    // Saved all the same, they are still to be compared.
    room.show(|snapshot| {
        let both = [
            saved(8, "Maya Lindqvist", true),
            saved(7, "Maya Lindqvist", false),
        ];
        snapshot.contacts = both.iter().flat_map(|one| one.iter().cloned()).collect();
    });
    let twins = "You have two contacts called Maya. Compare the safety words before you talk.";
    assert!(room.has(twins) && room.has("They are the same"));
    room.press("Close");
    assert!(!room.has(warning) && !room.has(twins), "once is enough");

    let mut room = Room::new(snapshot());
    room.show(|snapshot| snapshot.contacts = saved(8, "Maya Lindqvist", true));
    room.press("Close message");
    assert!(!room.has(warning));
    assert_eq!(room.commands(), [], "it is no notice of the engine");
}

#[test]
fn the_safety_words_are_reached_by_key_and_left_by_escape() {
    let mut room = Room::new(snapshot());
    room.key(Modifiers::NONE, Key::Tab);
    assert_eq!(room.focused(), safety_words());
    room.key(Modifiers::NONE, Key::Enter);
    let mut order = vec![room.focused()];
    for _ in 0..2 {
        room.key(Modifiers::NONE, Key::Tab);
        order.push(room.focused());
    }
    assert_eq!(order, ["Close", "Save as contact", "Close"]);
    room.key(Modifiers::NONE, Key::Escape);
    assert!(!room.has("Save as contact"));
    assert_eq!(room.commands(), []);
}

#[test]
fn the_words_of_one_are_not_confirmed_for_another() {
    let mut room = Room::new(snapshot());
    room.show(|snapshot| snapshot.contacts = saved(7, "Maya", false));
    room.press(&safety_words());
    assert!(room.has("They are the same"));
    room.show(|snapshot| call(snapshot).participants[0].phrase = SafetyPhrase::of(b"others"));
    assert!(!room.has("They are the same"));
}

#[test]
fn a_second_press_in_the_same_place_says_nothing_of_the_words() {
    let mut room = Room::new(snapshot());
    room.press(&safety_words());
    let save = room.harness.get_by_label("Save as contact");
    let place = save.rect().center();
    save.click();
    room.harness.step();
    assert!(matches!(*room.commands(), [Command::SaveContact { .. }]));
    let mut known = (*room.harness.state().handle.snapshot()).clone();
    known.contacts = saved(7, "Maya Lindqvist", false);
    room.engine.publish(known);
    room.harness.step();
    let same = room.harness.get_by_label("They are the same").rect();
    assert!(same.contains(place), "it took that place");
    // Each event takes a quarter of a second.
    let press = |room: &mut Room| {
        for pressed in [true, false] {
            room.harness.event(eframe::egui::Event::PointerButton {
                pos: place,
                button: eframe::egui::PointerButton::Primary,
                pressed,
                modifiers: Modifiers::NONE,
            });
        }
        room.harness.step();
    };
    press(&mut room);
    assert_eq!(room.commands(), []);
    room.frames();
    press(&mut room);
    room.asks(Command::SetVerified {
        contact: keys(7),
        verified: true,
    });
}

const FAMILY: &str = "twocan://call.weber.family/k3Vn8Qe1xT7mZ0aQ#b2R6yLwPq4uJ9sHdXc5FgA";

#[test]
fn in_a_room_nobody_in_particular_is_waited_for() {
    let mut room = Room::new(snapshot());
    room.show(|snapshot| {
        let call = call(snapshot);
        call.room = Some(FAMILY.into());
        call.connected_at = None;
        call.participants.clear();
        call.stage = CallStage::WaitingForFriend;
    });
    assert!(room.has("Nobody else is here yet…") && !room.has("Waiting for your friend…"));
    assert!(room.has("Leave this open; the call starts when somebody comes."));
}

#[test]
fn the_room_of_a_friend_is_kept_from_the_menu_once() {
    const MORE: &str = "More: devices, statistics, full screen";
    let mut room = Room::new(snapshot());
    room.press(MORE);
    assert!(!room.has("Keep this room"), "a call by link is over once");
    room.key(Modifiers::NONE, Key::Escape);
    room.show(|snapshot| call(snapshot).room = Some(FAMILY.into()));
    room.press(MORE);
    room.press("Keep this room");
    room.asks(Command::KeepRoom {
        name: "Room with Maya".into(),
        invite: FAMILY.into(),
    });
    room.show(|snapshot| {
        snapshot.rooms = Arc::new([RoomView {
            name: "Room with Maya".into(),
            link: FAMILY.into(),
            server: "call.weber.family".into(),
            until: None,
        }]);
    });
    room.press(MORE);
    assert!(!room.has("Keep this room"));
}
