//! What is worth a word and stays until it is dismissed, outside of calls: above whatever is shown.

use eframe::egui::{Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use super::icons::Icon;
use super::theme::{self, tokens};
use super::widgets::paint::{self, Elevation};
use super::widgets::{RoundButton, RoundKind, Words};
use crate::engine::{Command, Handle, Notice};

/// Shows them at the top of `window`, the first on top; gives what is left for the screen.
pub fn show(ui: &mut Ui, window: Rect, notices: &[Notice], handle: &Handle) -> Rect {
    let mut top = window.top();
    for notice in notices {
        let place = window.with_min_y(top + 12.0);
        let (bottom, dismissed) = ui
            .push_id(("notice", notice.id), |ui| one(ui, place, notice))
            .inner;
        top = bottom;
        if dismissed {
            handle.send(Command::DismissNotice(notice.id));
        }
    }
    window.with_min_y(top)
}

/// Where it ends, and whether it is to go.
fn one(ui: &mut Ui, window: Rect, notice: &Notice) -> (f32, bool) {
    let t = tokens(ui);
    let most = (window.width() - 32.0).min(720.0);
    let font = theme::font(14.0, theme::Weight::Medium);
    let job = theme::paragraph(&notice.text, font.clone(), t.text, most - 100.0);
    let size = ui.painter().layout_job(job).size();
    let rect = Rect::from_min_size(
        pos2(window.center().x - (size.x + 100.0) / 2.0, window.top()),
        vec2(size.x + 100.0, (size.y + 28.0).max(48.0)),
    );
    paint::shadow(ui, rect, 14, Elevation::Two);
    let (icon, ink, ground) = if notice.warning {
        (Icon::WARNING_CIRCLE, t.warn, t.warn_soft)
    } else {
        (Icon::INFO, t.accent, t.surface)
    };
    ui.painter().rect(
        rect,
        14,
        ground,
        Stroke::new(1.0, t.line),
        StrokeKind::Inside,
    );
    let y = rect.top() + 24.0;
    paint::icon(
        ui.painter(),
        pos2(rect.left() + 24.0, y),
        icon,
        20.0,
        true,
        ink,
    );
    Words::new(&notice.text, font, t.text)
        .id_salt("text")
        .polite()
        .within(
            ui,
            pos2(rect.left() + 46.0, rect.center().y - size.y / 2.0),
            size.x + 2.0,
        );
    let dismissed = RoundButton::new(RoundKind::Ghost, Icon::X, "Dismiss this message")
        .diameter(32.0)
        .at(ui, pos2(rect.right() - 24.0, y))
        .clicked();
    (rect.bottom(), dismissed)
}
