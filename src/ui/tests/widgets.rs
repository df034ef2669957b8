use eframe::egui::{Key, Modifiers, Pos2, Rect, pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use crate::ui::icons::Icon;
use crate::ui::theme;
use crate::ui::widgets::{Button, ButtonKind, RoundButton, RoundKind, Toggle};

#[derive(Default)]
struct Pressed {
    plain: u32,
    busy: u32,
    disabled: u32,
    round: u32,
    toggle: u32,
}

fn harness() -> Harness<'static, Pressed> {
    let rect =
        |row: f32| Rect::from_min_size(Pos2::new(20.0, 20.0 + 60.0 * row), vec2(160.0, 40.0));
    let mut harness = Harness::builder()
        .with_size(vec2(300.0, 400.0))
        .with_context_setup(theme::install)
        .build_ui_state(
            move |ui, pressed: &mut Pressed| {
                theme::follow(ui.ctx(), crate::settings::ThemeChoice::Dark, true);
                let plain = Button::new(ButtonKind::Brand, "Plain").icon(Icon::PHONE_CALL);
                pressed.plain += u32::from(plain.at(ui, rect(0.0)).clicked());
                let busy = Button::new(ButtonKind::Quiet, "Busy").busy(true);
                pressed.busy += u32::from(busy.at(ui, rect(1.0)).clicked());
                let disabled = Button::new(ButtonKind::Danger, "Disabled").enabled(false);
                pressed.disabled += u32::from(disabled.at(ui, rect(2.0)).clicked());
                let round = RoundButton::new(RoundKind::Soft, Icon::X, "Round");
                pressed.round += u32::from(round.at(ui, pos2(40.0, 240.0)).clicked());
                let on = pressed.toggle % 2 == 1;
                let toggle = Toggle::new("Toggle", on).at(ui, pos2(20.0, 300.0));
                pressed.toggle += u32::from(toggle.clicked());
            },
            Pressed::default(),
        );
    harness.run_steps(2);
    harness
}

#[test]
fn buttons_work_by_pointer_unless_busy_or_disabled() {
    let mut harness = harness();
    for name in ["Plain", "Busy, busy", "Disabled", "Round", "Toggle"] {
        harness.get_by_label(name).click();
        harness.run_steps(3);
    }
    let pressed = harness.state();
    assert_eq!((pressed.plain, pressed.round, pressed.toggle), (1, 1, 1));
    assert_eq!((pressed.busy, pressed.disabled), (0, 0));
}

#[test]
fn buttons_work_by_keyboard_and_what_is_busy_keeps_its_place() {
    let mut harness = harness();
    // Plain, Busy, Round, Toggle: what is disabled is passed over.
    for key in [Key::Enter, Key::Space, Key::Enter, Key::Space] {
        harness.key_press_modifiers(Modifiers::NONE, Key::Tab);
        harness.run_steps(2);
        harness.key_press_modifiers(Modifiers::NONE, key);
        harness.run_steps(2);
    }
    let pressed = harness.state();
    assert_eq!((pressed.plain, pressed.busy), (1, 0));
    assert_eq!((pressed.round, pressed.toggle), (1, 1));
}

#[test]
fn a_still_window_asks_for_no_more_frames() {
    let mut harness = Harness::builder()
        .with_size(vec2(300.0, 200.0))
        .with_context_setup(theme::install)
        .build_ui(|ui| {
            theme::follow(ui.ctx(), crate::settings::ThemeChoice::Light, false);
            let rect = Rect::from_min_size(pos2(20.0, 20.0), vec2(160.0, 40.0));
            Button::new(ButtonKind::Brand, "Plain").at(ui, rect);
            Toggle::new("Toggle", true).at(ui, pos2(20.0, 100.0));
        });
    // Panics if it never settles.
    let frames = harness.run();
    assert!(frames < 30, "{frames} frames until it was still");
}
