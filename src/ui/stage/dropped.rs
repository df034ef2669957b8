//! What is said while a dropped line is picked up again.

use std::time::Duration;

use eframe::egui::{Align2, Color32, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use super::view::View;
use super::words;
use crate::ui::theme::{self, GLASS, STAGE, Weight, fade};
use crate::ui::widgets::{Words, cut_string};

/// The line dropped: said in the middle, over a blur of what was seen last.
pub(super) fn show(ui: &mut Ui, view: &View, tried: Duration) {
    let width = (view.rect.width() - 32.0).min(430.0);
    let size = vec2(width, if view.is_narrow() { 206.0 } else { 178.0 });
    let card = if view.is_narrow() {
        // Higher, where it leaves room for the self view above the bar.
        Rect::from_min_size(
            pos2(view.rect.center().x - width / 2.0, view.rect.top() + 108.0),
            size,
        )
    } else {
        Rect::from_center_size(view.rect.center() - vec2(0.0, 40.0), size)
    };
    let painter = ui.painter();
    painter.rect_filled(card, 24, fade(GLASS, 0.8));
    let edge = Stroke::new(1.0, fade(Color32::WHITE, 0.1));
    painter.rect_stroke(card, 24, edge, StrokeKind::Inside);
    let y = card.top() + 46.0;
    let (ours, theirs) = (pos2(card.left() + 76.0, y), pos2(card.right() - 76.0, y));
    view.own_face(painter, ours, 20.0);
    view.friend_face(painter, theirs, 20.0);
    let aside = vec2(26.0, 0.0);
    let stroke = Stroke::new(2.5, STAGE.warn);
    cut_string(painter, ours + aside, theirs - aside, 12.0, 24.0, stroke);

    let place = pos2(card.left() + 20.0, card.top() + 85.0);
    let inner = width - 40.0;
    let title = Words::new(
        "The line dropped. Picking it up again…",
        theme::font(17.0, Weight::Semibold),
        Color32::WHITE,
    )
    .id_salt("line dropped")
    .centered()
    .within(ui, place, inner);
    let paused = format!(
        "Your microphone and camera are paused until {} is back.",
        words::first_name_inside(&view.friend.name)
    );
    let detail = Words::new(
        &paused,
        theme::font(13.0, Weight::Regular),
        fade(Color32::WHITE, 0.85),
    )
    .id_salt("paused")
    .centered()
    .within(ui, pos2(place.x, title.rect.bottom() + 5.0), inner);
    let tried = match tried.as_secs() {
        0 => "Trying now".to_owned(),
        1 => "Trying for a second now".to_owned(),
        seconds => format!("Trying for {seconds} seconds now"),
    };
    Words::new(&tried, theme::small_medium(), STAGE.warn)
        .id_salt("tried")
        .at(
            ui,
            pos2(card.center().x, detail.rect.bottom() + 17.0),
            Align2::CENTER_CENTER,
        );
    ui.ctx().request_repaint_after(Duration::from_secs(1));
}
