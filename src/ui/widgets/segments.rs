use eframe::egui::{
    Align2, CursorIcon, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2,
};

use super::paint;
use crate::ui::theme::{self, Weight, tokens};

/// A few choices side by side, one of which holds; gives the one that was chosen now. 40 high.
pub fn segments(
    ui: &mut Ui,
    rect: Rect,
    role: Role,
    names: &[&str],
    selected: Option<usize>,
) -> Option<usize> {
    let t = tokens(ui);
    ui.painter().rect_filled(rect, 12, t.sunken);
    let mut chosen = None;
    let width = (rect.width() - 6.0) / names.len().max(1) as f32;
    for (index, name) in names.iter().enumerate() {
        let place = Rect::from_min_size(
            rect.min + vec2(3.0 + width * index as f32, 3.0),
            vec2(width, rect.height() - 6.0),
        );
        let on = selected == Some(index);
        let id = ui.make_persistent_id(("segment", *name));
        let response = ui
            .interact(place, id, Sense::click())
            .on_hover_cursor(CursorIcon::PointingHand);
        response.widget_info(|| WidgetInfo::selected(role, true, on, *name));
        if on {
            ui.painter().rect(
                place,
                10,
                t.surface,
                Stroke::new(1.0, t.line),
                StrokeKind::Inside,
            );
        }
        let (weight, ink) = if on || response.hovered() {
            (if on { Weight::Semibold } else { Weight::Medium }, t.text)
        } else {
            (Weight::Medium, t.text2)
        };
        ui.painter().text(
            place.center(),
            Align2::CENTER_CENTER,
            name,
            theme::font(14.0, weight),
            ink,
        );
        paint::focus_ring(ui, place.shrink(3.0), 8, &response);
        if response.clicked() {
            chosen = Some(index);
        }
    }
    chosen
}
