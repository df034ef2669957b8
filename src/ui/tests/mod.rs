//! The window as a person meets it: by name, by key, in order; with an engine that only listens.

mod check;
mod incoming;
mod lobby;
mod people;
mod portraits;
mod rooms;
mod settings;
mod waiting;
mod whole;
mod widgets;

use std::sync::Arc;

use eframe::egui::{self, Key, Modifiers, OutputCommand, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

use super::{App, theme};
use crate::capture::{Device, Devices};
use crate::engine::{Command, ContactView, Handle, HandleBackend, Presence, Snapshot, as_read};
use crate::settings::Settings;
use crate::trust::{Identity, PublicIdentity};

const WIDE: Vec2 = vec2(980.0, 680.0);
const SMALLEST: Vec2 = vec2(380.0, 520.0);

fn device(id: &str, default: bool) -> Device {
    Device {
        id: id.to_owned(),
        label: format!("The {id}"),
        default,
    }
}

/// The keys of somebody: of another one for each seed.
fn keys(seed: u8) -> PublicIdentity {
    Identity::from_seed(&[seed; 32]).public()
}

/// Somebody who was saved, and is there.
fn contact(seed: u8, name: &str, verified: bool) -> ContactView {
    ContactView {
        identity: keys(seed),
        name: name.to_owned(),
        read_as: as_read(name),
        verified,
        presence: Some(Presence::Free),
        portrait: None,
    }
}

/// The lobby of somebody with a name and devices, whose window keeps still.
fn snapshot() -> Snapshot {
    let settings = Settings {
        name: "Jonas Weber".to_owned(),
        reduced_motion: true,
        ..Settings::default()
    };
    Snapshot {
        devices: Arc::new(Devices {
            microphones: vec![device("headset", true), device("desk microphone", false)],
            speakers: vec![device("headset", true)],
            cameras: vec![device("webcam", true)],
        }),
        ..Snapshot::lobby(Arc::new(settings))
    }
}

struct Room {
    harness: Harness<'static, App>,
    engine: HandleBackend,
    snapshot: Snapshot,
}

impl Room {
    fn new(snapshot: Snapshot) -> Self {
        Self::sized(snapshot, WIDE)
    }

    fn sized(snapshot: Snapshot, size: Vec2) -> Self {
        let (handle, engine) = Handle::new(snapshot.clone(), Box::new(()));
        let context = eframe::egui::Context::default();
        let app = App::new(&context, handle);
        let harness = Harness::builder()
            .with_size(size)
            .with_step_dt(1.0 / 60.0)
            .with_context_setup(|context| {
                theme::install(context);
                super::widgets::install_focus_return(context);
            })
            .build_ui_state(|ui, app: &mut App| app.show(ui), app);
        let mut room = Self {
            harness,
            engine,
            snapshot,
        };
        room.frames();
        room
    }

    fn frames(&mut self) {
        self.harness.run_steps(4);
    }

    fn show(&mut self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.snapshot);
        self.engine.publish(self.snapshot.clone());
        self.frames();
    }

    /// What is called `name` and can be used.
    fn control<'a>(&'a self, name: &'a str) -> egui_kittest::Node<'a> {
        let mut found = self
            .harness
            .query_all_by_label(name)
            .filter(|node| egui::accessibility::is_input(node.accesskit_node().role()));
        match (found.next(), found.next()) {
            (Some(node), None) => node,
            (None, _) => panic!("there is no control called “{name}”"),
            (Some(_), Some(_)) => panic!("two controls are called “{name}”"),
        }
    }

    fn press(&mut self, name: &str) {
        self.control(name).click();
        self.frames();
    }

    /// By keyboard, wherever it is scrolled to.
    fn enter(&mut self, name: &str) {
        self.control(name).focus();
        self.frames();
        self.key(Modifiers::NONE, Key::Enter);
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.frames();
    }

    fn tab(&mut self) -> String {
        self.key(Modifiers::NONE, Key::Tab);
        self.focused()
    }

    fn write(&mut self, name: &str, text: &str) {
        self.control(name).focus();
        self.frames();
        self.control(name).type_text(text);
        self.frames();
    }

    fn has(&self, name: &str) -> bool {
        self.harness.query_all_by_label(name).next().is_some()
    }

    fn commands(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.engine.commands.try_recv().ok()).collect()
    }

    /// The settings that were asked for; nothing else was.
    fn changed_settings(&mut self) -> Settings {
        let mut commands = self.commands();
        match (commands.pop(), commands.is_empty()) {
            (Some(Command::ChangeSettings(settings)), true) => *settings,
            (last, _) => panic!("{commands:?}, {last:?}"),
        }
    }

    /// Presses `name` in the next frame and gives what went into the clipboard.
    fn copies(&mut self, name: &str) -> Option<String> {
        self.control(name).click();
        for _ in 0..4 {
            self.harness.step();
            let commands = &self.harness.output().platform_output.commands;
            let copied = commands.iter().find_map(|command| match command {
                OutputCommand::CopyText(text) => Some(text.clone()),
                _ => None,
            });
            if copied.is_some() {
                return copied;
            }
        }
        None
    }

    /// The name of what has the keyboard.
    fn focused(&self) -> String {
        self.harness
            .query_all(egui_kittest::kittest::by().predicate(|node| node.is_focused()))
            .filter_map(|node| node.accesskit_node().label())
            .find(|label| !label.is_empty())
            .unwrap_or_default()
    }

    /// What has the keyboard, one Tab after the other, from the first.
    fn focus_order(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.tab()).collect()
    }

    fn is_on(&self, name: &str) -> Option<bool> {
        use eframe::egui::accesskit::Toggled;
        self.control(name)
            .accesskit_node()
            .toggled()
            .map(|toggled| toggled == Toggled::True)
    }
}
