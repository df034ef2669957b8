use std::ops::RangeInclusive;

use eframe::egui::style::ScrollAnimation;
use eframe::egui::{Rect, Response, ScrollArea, Sense, Ui, UiBuilder, pos2, vec2};

use crate::ui::widgets::{divider, paint};

/// Rows on a card are this high, or less if one more then fits.
const ROW: RangeInclusive<f32> = 58.0..=66.0;
/// Rows without a card, on narrow windows.
pub(super) const NARROW_ROW: f32 = 64.0;
/// Of the heading above a card.
const HEAD: f32 = 34.0;

/// The card below the heading of the list in `rect`, for at most so many rows, and how high each is.
pub(super) fn card(ui: &Ui, rect: Rect, rows: usize) -> (Rect, f32) {
    let top = rect.top() + HEAD;
    let space = (rect.bottom() - 20.0 - top).max(*ROW.end());
    let fitting = (space / ROW.start()).floor();
    let row = (space / fitting).min(*ROW.end()).floor();
    let height = fitting.min(rows as f32) * row;
    let card = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), height));
    paint::card(ui, card, 16);
    (card, row)
}

/// Rows, each `height` high, scrolling within `rect`. The lines between them begin `inset` points in. All of
/// them are there, seen or not: the keyboard goes through the whole list.
pub(super) fn rows<T>(
    ui: &mut Ui,
    id_salt: &str,
    rect: Rect,
    height: f32,
    inset: f32,
    items: &[T],
    mut show: impl FnMut(&mut Ui, Rect, &T),
) {
    let mut inside = ui.new_child(UiBuilder::new().id_salt(id_salt).max_rect(rect));
    inside.set_clip_rect(rect.intersect(ui.clip_rect()));
    ScrollArea::vertical()
        .id_salt(id_salt)
        .auto_shrink(false)
        .show(&mut inside, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let last = items.len().saturating_sub(1);
            for (index, item) in items.iter().enumerate() {
                let size = vec2(rect.width(), height);
                let (place, _) = ui.allocate_exact_size(size, Sense::hover());
                show(ui, place, item);
                if index != last {
                    let x = place.left() + inset..=place.right() - 12.0;
                    divider(ui, x, place.bottom());
                }
            }
        });
}

/// Scrolls to the row in `place` when the keyboard comes to a control of it.
pub(super) fn follow_keyboard(ui: &Ui, place: Rect, controls: &[&Response]) {
    if controls.iter().any(|control| control.gained_focus()) {
        ui.scroll_to_rect_animation(place, None, ScrollAnimation::none());
    }
}
