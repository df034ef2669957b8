use eframe::egui::{Pos2, Rect, Ui, vec2};

use super::Words;
use crate::ui::theme::{self, tokens};

/// A sentence that must not be overlooked, `width` wide, with the middle of its upper edge at `top`: read out
/// at once. Gives its place.
pub fn warning(ui: &mut Ui, top: Pos2, width: f32, text: &str) -> Rect {
    let t = tokens(ui);
    let inner = width - 28.0;
    let job = theme::paragraph(text, theme::small_medium(), t.warn, inner);
    let height = ui.painter().layout_job(job).size().y + 16.0;
    let place = Rect::from_min_size(top - vec2(width / 2.0, 0.0), vec2(width, height));
    ui.painter().rect_filled(place, 12, t.warn_soft);
    Words::new(text, theme::small_medium(), t.warn)
        .id_salt("warning")
        .centered()
        .assertive()
        .within(ui, place.min + vec2(14.0, 8.0), inner);
    place
}
