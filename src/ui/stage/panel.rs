//! The statistics: a verdict in words, and the last minute in curves.

use std::sync::Arc;

use eframe::egui::{
    Align2, Color32, Rect, Role, ScrollArea, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2,
};

use super::figures::{self, Figure, Mood};
use super::{bar, sparkline};
use crate::engine::CallStatistics;
use crate::ui::frame_times::FrameTimes;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, STAGE, STAGE_BAR, Weight};
use crate::ui::widgets::paint;
use crate::ui::widgets::{Button, ButtonKind, RoundButton, RoundKind, Words};

/// Beside the picture.
const WIDTH: f32 = 330.0;
/// Below this it covers the picture instead.
const BESIDE: f32 = 760.0;
const ROW_AT_LEAST: f32 = 78.0;
const HEAD: f32 = 64.0;
const FOOT: f32 = 62.0;

/// What the panel wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Asked {
    pub(super) close: bool,
    pub(super) copied: bool,
}

/// Cuts the window into the part for the picture and the part for the panel.
pub(super) fn cut(window: Rect) -> (Rect, Rect) {
    if window.width() >= BESIDE {
        window.split_left_right_at_x(window.right() - WIDTH)
    } else {
        let bottom = bar::place(window).top() - 8.0;
        (
            window,
            Rect::from_min_max(window.min, pos2(window.right(), bottom)),
        )
    }
}

/// Shows it in `rect`.
pub(super) fn show(
    ui: &mut Ui,
    rect: Rect,
    statistics: &Arc<CallStatistics>,
    friend: &str,
    frame_times: &FrameTimes,
    fresh: bool,
) -> Asked {
    let id = ui.make_persistent_id("statistics");
    ui.interact(rect, id, Sense::click_and_drag() - Sense::FOCUSABLE);
    ui.painter().rect_filled(rect, 0, STAGE_BAR);
    ui.painter()
        .vline(rect.left(), rect.y_range(), Stroke::new(1.0, STAGE.line));
    let inner = rect.shrink2(vec2(20.0, 0.0));
    let heading = theme::font(16.0, Weight::Semibold);
    Words::new("How the call is doing", heading, STAGE.text)
        .heading()
        .at(
            ui,
            pos2(inner.left(), rect.top() + 38.0),
            Align2::LEFT_CENTER,
        );
    let close = RoundButton::new(RoundKind::Ghost, Icon::X, "Close statistics")
        .diameter(32.0)
        .at(ui, pos2(inner.right() - 10.0, rect.top() + 38.0));
    if fresh {
        close.request_focus();
    }

    // Wider than the figures, so that a scroll bar has its place beside them.
    let middle = Rect::from_min_max(
        pos2(inner.left(), rect.top() + HEAD),
        pos2(rect.right() - 6.0, rect.bottom() - FOOT),
    );
    let mut scrolled = ui.new_child(UiBuilder::new().max_rect(middle).id_salt("figures"));
    scrolled.set_clip_rect(middle.expand2(vec2(6.0, 0.0)).intersect(ui.clip_rect()));
    scrolled.spacing_mut().item_spacing.y = 0.0;
    let figures = ScrollArea::vertical().auto_shrink([false, true]);
    figures.show(&mut scrolled, |ui| {
        // A little less, so that rounding does not bring a scroll bar.
        let mut top = middle.height() - 2.0;
        if let Some(verdict) = &statistics.verdict {
            top -= show_verdict(ui, verdict, inner.width());
        }
        let height = (top / 5.0).max(ROW_AT_LEAST);
        for row in figures::figures(statistics, friend) {
            let (_, place) = ui.allocate_space(vec2(inner.width(), height));
            figure(ui, place, &row);
        }
    });

    let y = rect.bottom() - 30.0;
    let said = figures::footer(statistics);
    Words::new(&said, theme::small(), STAGE.text2)
        .id_salt("footer")
        .cut_at(
            ui,
            pos2(inner.left(), y),
            Align2::LEFT_CENTER,
            inner.width() - 96.0,
        );
    let copy = Button::new(ButtonKind::Ghost, "Copy")
        .icon(Icon::COPY)
        .name("Copy statistics")
        .at(
            ui,
            Rect::from_min_size(pos2(inner.right() - 84.0, y - 18.0), vec2(92.0, 36.0)),
        );
    let copied = copy.clicked();
    if copied {
        let report = format!(
            "{}\n{}\n",
            statistics.report.trim_end(),
            frame_times.report()
        );
        ui.ctx().copy_text(report);
    }
    Asked {
        close: close.clicked(),
        copied,
    }
}

/// Gives how much room it took.
fn show_verdict(ui: &mut Ui, verdict: &str, width: f32) -> f32 {
    let font = theme::font(13.0, Weight::Regular);
    let job = theme::paragraph(verdict, font.clone(), STAGE.text, width - 54.0);
    let height = ui.painter().layout_job(job).size().y + 28.0;
    let (_, place) = ui.allocate_space(vec2(width, height + 18.0));
    let card = Rect::from_min_size(place.min + vec2(0.0, 4.0), vec2(width, height));
    ui.painter().rect_filled(card, 14, STAGE.warn_soft);
    let icon = card.min + vec2(22.0, 24.0);
    paint::icon(
        ui.painter(),
        icon,
        Icon::WARNING_CIRCLE,
        18.0,
        true,
        STAGE.warn,
    );
    Words::new(verdict, font, STAGE.text)
        .id_salt("verdict")
        .polite()
        .within(ui, card.min + vec2(40.0, 14.0), width - 54.0);
    place.height()
}

fn color(mood: Mood) -> Color32 {
    match mood {
        Mood::Good => STAGE.good,
        Mood::Warn => STAGE.warn,
        Mood::Bad => STAGE.bad,
        Mood::Plain => STAGE.accent,
    }
}

fn figure(ui: &mut Ui, place: Rect, figure: &Figure) {
    let id = ui.make_persistent_id(("figure", &figure.name));
    let response = ui.interact(place, id, Sense::hover());
    response.widget_info(|| {
        let name = format!("{}: {}, {}", figure.name, figure.value, figure.detail);
        WidgetInfo::labeled(Role::Label, true, name)
    });
    let color = color(figure.mood);
    let painter = ui.painter();
    let top = place.top();
    let value = painter.text(
        pos2(place.right(), top + 12.0),
        Align2::RIGHT_CENTER,
        &figure.value,
        theme::font(13.5, Weight::Semibold),
        color,
    );
    let name = paint::elided(
        ui,
        &figure.name,
        theme::font(13.5, Weight::Medium),
        STAGE.text,
        value.left() - place.left() - 12.0,
    );
    paint::put(
        painter,
        name,
        pos2(place.left(), top + 12.0),
        Align2::LEFT_CENTER,
    );
    painter.text(
        pos2(place.left(), top + 31.0),
        Align2::LEFT_CENTER,
        &figure.detail,
        theme::font(12.0, Weight::Regular),
        STAGE.text2,
    );
    let curve = Rect::from_min_max(
        pos2(place.left() + 130.0, top + 31.0),
        pos2(place.right() - 4.0, place.bottom() - 12.0),
    );
    let at_least = figure.at_least;
    sparkline::paint(painter, curve, &figure.series, at_least, color, STAGE.line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_beside_a_wide_picture_and_covers_a_narrow_one_but_never_the_bar() {
        let window = |width, height| Rect::from_min_size(pos2(0.0, 0.0), vec2(width, height));
        let (picture, panel) = cut(window(980.0, 680.0));
        assert_eq!((picture.width(), panel.width()), (650.0, 330.0));
        let (picture, panel) = cut(window(759.0, 680.0));
        assert_eq!(picture, window(759.0, 680.0));
        assert_eq!(panel.width(), 759.0);
        assert!(panel.bottom() < bar::place(picture).top());
        let (_, panel) = cut(window(380.0, 520.0));
        assert!(panel.height() > HEAD + FOOT + ROW_AT_LEAST);
    }
}
