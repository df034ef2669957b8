//! The code to be said: a number and two words, how long it is good, and another one.

use std::time::{Duration, Instant};

use eframe::egui::{Align2, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::engine::CodeView;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, Weight, tokens};
use crate::ui::widgets::{Button, ButtonKind, Words, paint};

/// How high the tiles are.
pub(super) const WIDE_TILES: f32 = 116.0;
/// In a narrow window the words have a line each.
pub(super) const NARROW_TILES: f32 = 148.0;

/// The code, or why there is none, in `rect`; true when another one is wanted.
pub(super) fn tiles(ui: &mut Ui, rect: Rect, narrow: bool, code: &CodeView) -> bool {
    match code {
        CodeView::Ready { code, .. } => {
            show(ui, rect, narrow, code);
            false
        }
        CodeView::Making | CodeView::None => {
            let t = tokens(ui);
            paint::card(ui, rect, 18);
            let center = pos2(rect.left() + 36.0, rect.center().y);
            paint::spinner(ui, center, 9.0, t.accent);
            Words::new("Making your code…", theme::body(), t.text2)
                .polite()
                .at(ui, center + vec2(24.0, 0.0), Align2::LEFT_CENTER);
            false
        }
        CodeView::Spent => over(
            ui,
            rect,
            "Somebody tried this code and had it wrong. It works for nobody any more.",
        ),
        CodeView::Used => over(
            ui,
            rect,
            "This code was used. Make a new one for somebody else?",
        ),
        CodeView::Expired => over(ui, rect, "This code has run out. Make a new one?"),
    }
}

fn show(ui: &mut Ui, rect: Rect, narrow: bool, code: &str) {
    let t = tokens(ui);
    let parts: Vec<&str> = code.split('-').collect();
    let spoken = format!("Call code: {}", parts.join(", "));
    let response = ui.interact(rect, ui.make_persistent_id("code"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
    let (height, gap) = if narrow {
        (68.0, 12.0)
    } else {
        (WIDE_TILES, 24.0)
    };
    let space = rect.width() - gap * 2.0;
    // The largest letters with which the three stand side by side, or the words below the number.
    let width = |ui: &Ui, text: &str, size: f32| {
        paint::text_width(ui, text, theme::font(size, Weight::Display)) + size * 0.9
    };
    let size = [58.0, 50.0, 42.0, 34.0, 28.0, 22.0]
        .into_iter()
        .find(|size| {
            let widths = parts.iter().map(|part| width(ui, part, *size));
            let needed: f32 = if narrow {
                widths.skip(1).fold(0.0, f32::max) * 2.0
            } else {
                widths.sum()
            };
            needed <= space && *size <= height * 0.52
        })
        .unwrap_or(22.0);
    let mut left = rect.left();
    let mut top = rect.top();
    for (index, part) in parts.iter().enumerate() {
        let tile = Rect::from_min_size(pos2(left, top), vec2(width(ui, part, size), height));
        paint::card(ui, tile, 18);
        let font = theme::font(size, Weight::Display);
        let galley = paint::elided(ui, part, font, t.text, tile.width());
        paint::put(ui.painter(), galley, tile.center(), Align2::CENTER_CENTER);
        left = tile.right() + gap;
        let wraps = narrow && index == 0;
        if wraps {
            left = rect.left();
            top += height + gap;
        } else if index + 1 < parts.len() {
            let dash = pos2(tile.right() + gap / 2.0, tile.center().y);
            let dash = Rect::from_center_size(dash, vec2(gap / 2.0, 4.0));
            ui.painter().rect_filled(dash, 2, t.brand);
        }
    }
}

fn over(ui: &mut Ui, rect: Rect, text: &str) -> bool {
    let t = tokens(ui);
    ui.painter().rect_filled(rect, 18, t.warn_soft);
    let icon = pos2(rect.left() + 32.0, rect.top() + 32.0);
    paint::icon(ui.painter(), icon, Icon::WARNING_CIRCLE, 22.0, true, t.warn);
    let left = pos2(rect.left() + 58.0, rect.top() + 22.0);
    Words::new(text, theme::body(), t.text)
        .polite()
        .within(ui, left, rect.right() - 20.0 - left.x);
    let button = Button::new(ButtonKind::Accent, "New code").icon(Icon::ARROW_CLOCKWISE);
    let width = button.width(ui);
    let place = Rect::from_min_size(pos2(left.x, rect.bottom() - 52.0), vec2(width, 40.0));
    button.at(ui, place).clicked()
}

/// How long it is good still, at `left`; true when another one is wanted.
pub(super) fn timer(ui: &mut Ui, left: eframe::egui::Pos2, code: &CodeView) -> bool {
    let CodeView::Ready { until, lasts, .. } = code else {
        return false;
    };
    let t = tokens(ui);
    let rest = until.saturating_duration_since(Instant::now());
    ui.ctx().request_repaint_after(Duration::from_secs(1));
    let share = rest.as_secs_f32() / lasts.as_secs_f32().max(1.0);
    let center = left + vec2(16.0, 0.0);
    ui.painter()
        .circle_stroke(center, 13.0, Stroke::new(3.0, t.line));
    paint::arc(
        ui.painter(),
        center,
        13.0,
        0.0,
        share.clamp(0.0, 1.0),
        Stroke::new(3.0, t.accent),
    );
    let (minutes, seconds) = (rest.as_secs() / 60, rest.as_secs() % 60);
    let words = format!("Good for {minutes} min {seconds} s");
    // A timer is not read out.
    let galley = paint::elided(ui, &words, theme::font(13.0, Weight::Medium), t.text, 180.0);
    let at = left + vec2(40.0, -10.0);
    paint::put(ui.painter(), galley, at, Align2::LEFT_CENTER);
    let link = Rect::from_min_size(left + vec2(28.0, -1.0), vec2(90.0, 24.0));
    Button::new(ButtonKind::Ghost, "New code")
        .at(ui, link)
        .clicked()
}
