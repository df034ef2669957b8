use eframe::egui::{
    Align2, Color32, CursorIcon, Pos2, Rangef, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo,
    vec2,
};

use super::paint;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, fade, tokens};

/// The ground of a list row that can be opened: it comes before the buttons on it, which win.
pub fn row(ui: &mut Ui, rect: Rect, id_salt: &str, name: &str) -> Response {
    let response = ui
        .interact(
            rect,
            ui.make_persistent_id(("row", id_salt)),
            Sense::click(),
        )
        .on_hover_cursor(CursorIcon::PointingHand);
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    let inner = rect.shrink(4.0);
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(inner, 12, tokens(ui).sunken);
    }
    paint::focus_ring(ui, inner.shrink(3.0), 12, &response);
    response
}

/// What a row begins with: an icon on a disc, `ground` below `ink`.
pub fn disc(ui: &Ui, center: Pos2, icon: Icon, size: f32, (ground, ink): (Color32, Color32)) {
    ui.painter().circle_filled(center, 17.0, ground);
    paint::icon(ui.painter(), center, icon, size, false, ink);
}

/// The two lines of a row whose middle begins `at`: a title and, in `color`, more about it, each with
/// how wide it may be. Nothing is said of them to assistive technology: the row, or the control on
/// it, has a name. Gives the place of the second.
pub fn two_lines(ui: &Ui, at: Pos2, title: (&str, f32), more: (&str, f32), color: Color32) -> Rect {
    let line = |(text, width), font, color, dy| {
        let galley = paint::elided(ui, text, font, color, width);
        let at = at + vec2(0.0, dy);
        paint::put(ui.painter(), galley, at, Align2::LEFT_CENTER)
    };
    line(title, theme::name(), tokens(ui).text, -10.0);
    line(more, theme::small(), color, 10.0)
}

/// The line between two rows.
pub fn divider(ui: &Ui, x: impl Into<Rangef>, y: f32) {
    ui.painter()
        .hline(x, y, Stroke::new(1.0, fade(tokens(ui).line, 0.7)));
}
