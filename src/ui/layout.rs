//! Cutting the window into places.

use eframe::egui::{Rect, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};

/// Below this, columns become one.
pub const NARROW: f32 = 640.0;
/// Contents are never wider.
pub const WIDEST: f32 = 1080.0;

/// One column only.
pub fn is_narrow(window: Rect) -> bool {
    window.width() < NARROW
}

/// The free space left and right of contents.
pub fn margin(window: Rect) -> f32 {
    if is_narrow(window) { 16.0 } else { 32.0 }
}

/// `window` without its margins, no wider than [`WIDEST`], in the middle.
pub fn content(window: Rect) -> Rect {
    let width = (window.width() - 2.0 * margin(window)).min(WIDEST);
    Rect::from_center_size(window.center(), vec2(width, window.height()))
}

/// A part of `rect`, from `top` to its bottom.
pub fn below(rect: Rect, top: f32) -> Rect {
    Rect::from_min_max(pos2(rect.left(), top.min(rect.bottom())), rect.max)
}

/// Shows `contents` in `rect`, scrolling if they need more than there is: they get a rectangle at
/// least `height` high.
pub fn scroll<R>(
    ui: &mut Ui,
    id_salt: &str,
    rect: Rect,
    height: f32,
    contents: impl FnOnce(&mut Ui, Rect) -> R,
) -> R {
    let mut outer = ui.new_child(UiBuilder::new().id_salt(id_salt).max_rect(rect));
    outer.set_clip_rect(rect.intersect(ui.clip_rect()));
    ScrollArea::vertical()
        .id_salt(id_salt)
        .auto_shrink(false)
        .show(&mut outer, |ui| {
            let size = vec2(rect.width(), height.max(rect.height()));
            let (place, _) = ui.allocate_exact_size(size, Sense::hover());
            // In a child, so that nothing within adds to what scrolls.
            let mut inside = ui.new_child(UiBuilder::new().id_salt("contents").max_rect(place));
            contents(&mut inside, place)
        })
        .inner
}
