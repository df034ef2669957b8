use eframe::egui::{CursorIcon, Rangef, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo};

use super::paint;
use crate::ui::theme::{fade, tokens};

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

/// The line between two rows.
pub fn divider(ui: &Ui, x: impl Into<Rangef>, y: f32) {
    ui.painter()
        .hline(x, y, Stroke::new(1.0, fade(tokens(ui).line, 0.7)));
}
