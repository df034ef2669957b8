//! The keys of the call.

use eframe::egui::{Event, Key, Modifiers, Popup, Ui};

/// What a key asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressed {
    Mute,
    Camera,
    /// The key to talk went down or up.
    Talk(bool),
    Statistics,
    FullScreen,
    HangUp,
    /// Nothing closer wanted Esc.
    Escape,
}

const CONTROL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

/// The longer ones come first: consuming Ctrl+H would take Ctrl+Shift+H too.
const SHORTCUTS: [(Modifiers, Key, Pressed); 5] = [
    (CONTROL_SHIFT, Key::H, Pressed::HangUp),
    (Modifiers::COMMAND, Key::D, Pressed::Mute),
    (Modifiers::COMMAND, Key::E, Pressed::Camera),
    (Modifiers::COMMAND, Key::I, Pressed::Statistics),
    (Modifiers::NONE, Key::F11, Pressed::FullScreen),
];

/// Which keys are held.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Keys {
    talking: bool,
}

impl Keys {
    /// What was pressed since the last frame; before any widget looks, so that Space does not also
    /// press the button that has the focus.
    pub(super) fn read(&mut self, ui: &Ui, muted: bool) -> Vec<Pressed> {
        let typing = ui.ctx().text_edit_focused();
        let menu_open = Popup::is_any_open(ui.ctx());
        let mut pressed = ui.input_mut(|input| {
            let mut pressed: Vec<Pressed> = SHORTCUTS
                .into_iter()
                .filter(|(modifiers, key, _)| consume_first_press(input, *modifiers, *key))
                .map(|(_, _, pressed)| pressed)
                .collect();
            if muted && !typing && !menu_open {
                let space = input.count_and_consume_key(Modifiers::NONE, Key::Space) > 0;
                if space && !self.talking {
                    self.talking = true;
                    pressed.push(Pressed::Talk(true));
                }
            }
            let held = input.key_down(Key::Space) && input.focused;
            if self.talking && (!held || !muted) {
                self.talking = false;
                pressed.push(Pressed::Talk(false));
            }
            pressed
        });
        let escape = ui.input(|input| input.key_pressed(Key::Escape));
        if escape && !menu_open {
            pressed.push(Pressed::Escape);
        }
        pressed
    }
}

/// A held key repeats; a switch that flickers is of no use.
fn consume_first_press(
    input: &mut eframe::egui::InputState,
    modifiers: Modifiers,
    wanted: Key,
) -> bool {
    let first = input.events.iter().any(|event| {
        matches!(event, Event::Key { key, pressed: true, repeat: false, .. } if *key == wanted)
    });
    input.count_and_consume_key(modifiers, wanted) > 0 && first
}
