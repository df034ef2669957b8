//! A device that was chosen, is pulled out in a call, and comes back: against a real sound server, in a
//! call between two engines as windows have them.
#![cfg(target_os = "linux")]

use twocan::capture::Device;
use twocan::engine::{Command, DeviceState, EngineOptions, Event, Snapshot};
use twocan::settings::Settings;

use crate::support::TempDir;
use crate::support::child::{self, Child};
use crate::support::engine::{Engine, meet};
use crate::support::pulse::PulseServer;

const SPARE: &str = "module-remap-source source_name=spare master=mic.monitor source_properties=device.description=Spare-Microphone";
const SPEAKER: &str =
    "module-null-sink sink_name=speaker sink_properties=device.description=Test-Speaker";

fn start(role: &str, server: &PulseServer) -> Child {
    Child::start(
        "device_return::in_a_process_of_its_own",
        role,
        &server.environment(),
    )
}

/// The children of the other tests; nothing by itself.
#[test]
fn in_a_process_of_its_own() {
    match child::role().as_deref() {
        Some("microphone") => lose_the_microphone(),
        Some("system's choice") => lose_the_systems_choice(),
        Some("pick another") => pick_another(),
        Some("spare as well") => lose_the_spare_as_well(),
        Some("speaker") => lose_the_speaker(),
        _ => {}
    }
}

/// Two engines in a call; the first has chosen devices.
struct Call {
    ours: Engine,
    _theirs: Engine,
    _home: TempDir,
}

impl Call {
    fn start(microphone: Option<&str>, speaker: Option<&str>) -> Self {
        let home = TempDir::new();
        let settings = Settings {
            microphone: microphone.map(str::to_owned),
            speaker: speaker.map(str::to_owned),
            ..Settings::default()
        };
        let text = serde_json::to_string(&settings).expect("settings");
        std::fs::write(home.path().join("settings.json"), text).expect("our folder");
        let ours = Engine::with(EngineOptions {
            folder: Some(home.path().to_owned()),
            camera: Some("pattern:320x180@30".parse().expect("a camera")),
            ..EngineOptions::default()
        });
        let theirs = Engine::start();
        meet(&ours, &theirs);
        Self {
            ours,
            _theirs: theirs,
            _home: home,
        }
    }

    #[track_caller]
    fn wait_until_on(&self, label: &str, state: impl Fn(&Snapshot) -> &DeviceState) {
        self.ours.wait_for(label, |snapshot| {
            let on = matches!(state(snapshot), DeviceState::On { label: on } if on == label);
            on.then_some(())
        });
        child::tell(label);
    }

    #[track_caller]
    fn wait_until_told(&self, text: &str) {
        self.ours.wait_for(text, |_| {
            let events = std::iter::from_fn(|| self.ours.handle.next_event());
            let mut told = events.filter_map(|event| match event {
                Event::DeviceChanged { text } => Some(text),
                _ => None,
            });
            told.any(|told| told == text).then_some(())
        });
    }
}

fn microphone(snapshot: &Snapshot) -> &DeviceState {
    &snapshot.local.microphone
}

fn notices(call: &Call) -> Vec<String> {
    let snapshot = call.ours.handle.snapshot();
    let texts = snapshot.notices.iter().map(|notice| notice.text.clone());
    texts.collect()
}

fn go_away_and_come_back(call: &Call) {
    call.wait_until_on("Test-Microphone", microphone);
    call.wait_until_told("Your microphone was unplugged. Now using Spare-Microphone.");
    call.wait_until_on("Spare-Microphone", microphone);
    child::wait_for_parent();
    call.wait_until_told("Your microphone is back. Now using Test-Microphone.");
    call.wait_until_on("Test-Microphone", microphone);
    assert_eq!(
        notices(call),
        [""; 0],
        "what is no longer true is not shown"
    );
    child::wait_for_parent();
}

fn lose_the_microphone() {
    go_away_and_come_back(&Call::start(Some("micsrc"), None));
}

fn lose_the_systems_choice() {
    go_away_and_come_back(&Call::start(None, None));
}

/// The device that a program of ours uses, as the server sees it: `streams` are to or from `devices`.
fn used(server: &PulseServer, streams: &str, devices: &str) -> String {
    let rows = |list| -> Vec<Vec<String>> {
        let rows = server.control(&["list", "short", list]);
        let words = |row: &str| row.split('\t').map(str::to_owned).collect();
        rows.lines().map(words).collect()
    };
    // The server's own streams have no program.
    let ours = rows(streams).into_iter().find(|row| row[2] != "-");
    let number = &ours.expect("the device is used")[1];
    let device = rows(devices).into_iter().find(|row| row[0] == *number);
    device.expect("it is listed")[1].clone()
}

fn recorded(server: &PulseServer) -> String {
    used(server, "source-outputs", "sources")
}

fn played(server: &PulseServer) -> String {
    used(server, "sink-inputs", "sinks")
}

fn load(server: &PulseServer, module: &str) {
    let arguments: Vec<&str> = module.split(' ').collect();
    server.control(&[&["load-module"], &arguments[..]].concat());
}

#[test]
fn a_chosen_microphone_that_comes_back_is_used_again() {
    for role in ["microphone", "system's choice"] {
        let server = PulseServer::start();
        load(&server, SPARE);
        let mut child = start(role, &server);
        assert_eq!(child.next_line().as_deref(), Some("Test-Microphone"));
        assert_eq!(recorded(&server), "micsrc");
        server.unplug_microphone();
        assert_eq!(child.next_line().as_deref(), Some("Spare-Microphone"));
        assert_eq!(recorded(&server), "spare");
        server.plug_microphone_in();
        child.go_on();
        assert_eq!(child.next_line().as_deref(), Some("Test-Microphone"));
        assert_eq!(recorded(&server), "micsrc");
        child.go_on();
        child.finish();
    }
}

fn pick_another() {
    let call = Call::start(Some("micsrc"), None);
    call.wait_until_on("Test-Microphone", microphone);
    call.wait_until_told("Your microphone was unplugged. Now using Spare-Microphone.");
    call.wait_until_on("Spare-Microphone", microphone);
    let settings = Settings {
        microphone: Some("spare".to_owned()),
        ..(*call.ours.handle.snapshot().settings).clone()
    };
    let change = Command::ChangeSettings(Box::new(settings));
    call.ours.handle.send(change);
    call.ours.wait_for("changed", |snapshot| {
        (snapshot.settings.microphone.as_deref() == Some("spare")).then_some(())
    });
    call.wait_until_on("Spare-Microphone", microphone);
    child::wait_for_parent();
    let state = call.ours.wait_for("a list with both", |snapshot| {
        let has = |id| move |device: &Device| device.id == id;
        let listed = &snapshot.devices.microphones;
        let both = listed.iter().any(has("micsrc")) && listed.iter().any(has("spare"));
        both.then(|| snapshot.local.microphone.clone())
    });
    let label = "Spare-Microphone".to_owned();
    assert_eq!(state, DeviceState::On { label });
    child::tell("stays");
    child::wait_for_parent();
}

#[test]
fn a_microphone_that_was_picked_meanwhile_stays() {
    let server = PulseServer::start();
    load(&server, SPARE);
    let mut child = start("pick another", &server);
    assert_eq!(child.next_line().as_deref(), Some("Test-Microphone"));
    server.unplug_microphone();
    assert_eq!(child.next_line().as_deref(), Some("Spare-Microphone"));
    assert_eq!(child.next_line().as_deref(), Some("Spare-Microphone"));
    // Else the server would move streams, ours among them, when its own choice changes back.
    server.control(&["set-default-source", "spare"]);
    server.plug_microphone_in();
    child.go_on();
    assert_eq!(child.next_line().as_deref(), Some("stays"));
    assert_eq!(recorded(&server), "spare");
    child.go_on();
    child.finish();
}

fn lose_the_spare_as_well() {
    let call = Call::start(Some("micsrc"), None);
    call.wait_until_on("Test-Microphone", microphone);
    call.wait_until_told("Your microphone was unplugged. Now using Spare-Microphone.");
    call.wait_until_on("Spare-Microphone", microphone);
    call.wait_until_told(
        "Your microphone was unplugged. Your friend can't hear you until another one is connected.",
    );
    call.ours.wait_for("both in the notices", |snapshot| {
        (snapshot.notices.len() == 2).then_some(())
    });
    child::tell("none is left");
    call.wait_until_told("Your microphone works again.");
    call.wait_until_on("Test-Microphone", microphone);
    assert_eq!(notices(&call), [""; 0]);
    child::wait_for_parent();
}

#[test]
fn of_microphones_lost_in_turn_nothing_is_shown_when_one_is_back() {
    let server = PulseServer::start();
    load(&server, SPARE);
    let mut child = start("spare as well", &server);
    assert_eq!(child.next_line().as_deref(), Some("Test-Microphone"));
    server.unplug_microphone();
    assert_eq!(child.next_line().as_deref(), Some("Spare-Microphone"));
    server.unload("source_name=spare");
    assert_eq!(child.next_line().as_deref(), Some("none is left"));
    server.plug_microphone_in();
    assert_eq!(child.next_line().as_deref(), Some("Test-Microphone"));
    assert_eq!(recorded(&server), "micsrc");
    child.go_on();
    child.finish();
}

fn lose_the_speaker() {
    fn speaker(snapshot: &Snapshot) -> &DeviceState {
        &snapshot.local.speaker
    }
    let call = Call::start(None, Some("speaker"));
    call.wait_until_on("Test-Speaker", speaker);
    call.wait_until_on("Null Output", speaker);
    child::wait_for_parent();
    call.wait_until_told("Your speaker is back. Now using Test-Speaker.");
    call.wait_until_on("Test-Speaker", speaker);
    assert_eq!(notices(&call), [""; 0]);
    child::wait_for_parent();
}

#[test]
fn a_chosen_speaker_that_comes_back_is_used_again() {
    let server = PulseServer::start();
    // One that can be told from the other by its name.
    server.unload("sink_name=speaker");
    load(&server, SPEAKER);
    let mut child = start("speaker", &server);
    assert_eq!(child.next_line().as_deref(), Some("Test-Speaker"));
    assert_eq!(played(&server), "speaker");
    server.unload("sink_name=speaker");
    assert_eq!(child.next_line().as_deref(), Some("Null Output"));
    assert_eq!(played(&server), "mic");
    load(&server, SPEAKER);
    child.go_on();
    assert_eq!(child.next_line().as_deref(), Some("Test-Speaker"));
    assert_eq!(played(&server), "speaker");
    child.go_on();
    child.finish();
}
