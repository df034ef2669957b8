//! The controls: mute, camera, more, hang up.

use eframe::egui::{Pos2, Rect, Response, Stroke, StrokeKind, Ui, pos2, vec2};

use super::view::View;
use super::words;
use crate::engine::DeviceState;
use crate::ui::icons::Icon;
use crate::ui::theme::{STAGE, STAGE_BAR, fade};
use crate::ui::widgets::paint::{self, Elevation};
use crate::ui::widgets::{RoundButton, RoundKind, hang_up};

const HEIGHT: f32 = 92.0;
const STEP: f32 = 76.0;
const PADDING: f32 = 18.0;
/// So much of the arc shows that reports come in, even in silence.
const ARC_AT_LEAST: f32 = 0.04;

/// What was pressed.
pub(super) struct Pressed {
    pub(super) mute: bool,
    pub(super) camera: bool,
    pub(super) hang_up: bool,
    /// For the menu that belongs to it.
    pub(super) more: Response,
}

/// Where the bar is within `stage`.
pub(super) fn place(stage: Rect) -> Rect {
    let width = STEP * 4.0 + 2.0 * PADDING + 4.0;
    Rect::from_center_size(
        pos2(stage.center().x, stage.bottom() - 70.0),
        vec2(width.min(stage.width() - 16.0), HEIGHT),
    )
}

/// Shows the bar. `more_open` has the button show what it opened.
pub(super) fn show(ui: &mut Ui, view: &View, more_open: bool) -> Pressed {
    let rect = place(view.rect);
    paint::shadow(ui, rect, 28, Elevation::Two);
    let painter = ui.painter();
    painter.rect_filled(rect, 28, fade(STAGE_BAR, 0.91));
    let edge = Stroke::new(1.0, fade(eframe::egui::Color32::WHITE, 0.09));
    painter.rect_stroke(rect, 28, edge, StrokeKind::Inside);

    let y = rect.center().y - 10.0;
    let step = (rect.width() - 2.0 * PADDING - 4.0) / 4.0;
    let x = |place: f32| rect.left() + PADDING + step * (place + 0.5);

    let local = &view.snapshot.local;
    let muted = local.muted && !local.holding_to_talk;
    let arc = !muted && view.is_connected();
    if let Some(level) = view.friend.hears_us.filter(|_| arc) {
        let share = words::loudness(level).max(ARC_AT_LEAST);
        let stroke = Stroke::new(3.0, STAGE.meter_good);
        paint::arc(ui.painter(), pos2(x(0.0), y), 28.0, 0.0, share, stroke);
    }
    let mute = Switch {
        salt: "mute",
        icon: if muted {
            Icon::MICROPHONE_SLASH
        } else {
            Icon::MICROPHONE
        },
        off: muted,
        label: if local.muted { "Unmute" } else { "Mute" },
        name: &words::mute_button(local.muted, view.microphone_on(), view.friend),
        keys: "Ctrl+D",
    }
    .at(ui, pos2(x(0.0), y));
    let (icon, label, name) = camera(&local.camera);
    let camera = Switch {
        salt: "camera",
        icon,
        off: !view.own_camera_on(),
        label,
        name,
        keys: "Ctrl+E",
    }
    .at(ui, pos2(x(1.0), y));
    let more = RoundButton::new(
        if more_open {
            RoundKind::White
        } else {
            RoundKind::Glass
        },
        Icon::DOTS_THREE,
        "More: devices, statistics, full screen",
    )
    .diameter(48.0)
    .label("More")
    .id_salt("more")
    .at(ui, pos2(x(2.0), y));
    let hang_up = hang_up(ui, pos2(x(3.0) + 4.0, y)).on_hover_text("Ctrl+Shift+H");
    Pressed {
        mute: mute.clicked(),
        camera: camera.clicked(),
        hang_up: hang_up.clicked(),
        more,
    }
}

fn camera(state: &DeviceState) -> (Icon, &'static str, &'static str) {
    match state {
        DeviceState::On { .. } => (Icon::VIDEO_CAMERA, "Camera", "Turn camera off, on"),
        DeviceState::Opening => (Icon::VIDEO_CAMERA, "Camera", "Turn camera off, starting"),
        DeviceState::Off => (
            Icon::VIDEO_CAMERA_SLASH,
            "Camera off",
            "Turn camera on, off",
        ),
        DeviceState::Unusable { .. } => (
            Icon::VIDEO_CAMERA_SLASH,
            "No camera",
            "Turn camera on, cannot be used",
        ),
    }
}

/// A switch: white when what it stands for is off.
struct Switch<'a> {
    salt: &'a str,
    icon: Icon,
    off: bool,
    label: &'a str,
    name: &'a str,
    keys: &'a str,
}

impl Switch<'_> {
    fn at(&self, ui: &mut Ui, center: Pos2) -> Response {
        let kind = if self.off {
            RoundKind::White
        } else {
            RoundKind::Glass
        };
        RoundButton::new(kind, self.icon, self.name)
            .diameter(48.0)
            .filled(true)
            .label(self.label)
            .tooltip(self.keys)
            .id_salt(self.salt)
            .at(ui, center)
    }
}
