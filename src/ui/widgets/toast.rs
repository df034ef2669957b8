use std::collections::VecDeque;

use eframe::egui::{
    Align2, Area, Context, Id, Order, Sense, Stroke, StrokeKind, Ui, accesskit::Live, pos2, vec2,
};

use super::paint::{self, Elevation};
use super::{RoundButton, RoundKind, Words};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, Weight, tokens};

/// How long a toast stays unless somebody is looking at it.
const SECONDS: f32 = 4.0;
/// More than this and the oldest goes.
const MOST: usize = 3;

/// A short message about something that was done. Never the only place of a problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Toast {
    /// Before the words, filled.
    pub icon: Icon,
    /// A few words.
    pub text: String,
}

impl Toast {
    /// Something went as it should.
    pub fn done(text: impl Into<String>) -> Self {
        Self {
            icon: Icon::CHECK_CIRCLE,
            text: text.into(),
        }
    }

    /// Something to know.
    pub fn news(icon: Icon, text: impl Into<String>) -> Self {
        Self {
            icon,
            text: text.into(),
        }
    }
}

/// The toasts on show: bottom centre, 48 high, one above the other.
#[derive(Debug, Default)]
pub struct Toasts {
    shown: VecDeque<(u64, Toast, f32)>,
    next: u64,
}

impl Toasts {
    /// Shows one more; the same words again start over.
    pub fn push(&mut self, toast: Toast) {
        self.shown.retain(|(_, other, _)| *other != toast);
        self.shown.push_back((self.next, toast, SECONDS));
        self.next += 1;
        while self.shown.len() > MOST {
            self.shown.pop_front();
        }
    }

    /// Paints them, and lets the time of those that nobody looks at run. `above` points of the
    /// window's bottom are kept free.
    pub fn show(&mut self, ctx: &Context, above: f32) {
        let elapsed = ctx.input(|input| input.stable_dt).min(0.1);
        let mut bottom = above;
        self.shown.retain_mut(|(id, toast, left)| {
            let (looked_at, closed) = show(ctx, *id, toast, bottom);
            bottom += 56.0;
            if !looked_at {
                *left -= elapsed;
            }
            !closed && *left > 0.0
        });
        let soonest = self.shown.iter().map(|(_, _, left)| *left).reduce(f32::min);
        if let Some(left) = soonest {
            ctx.request_repaint_after_secs(left.clamp(0.01, 0.1));
        }
    }
}

/// Whether somebody looks at it, and whether it was closed.
fn show(ctx: &Context, id: u64, toast: &Toast, bottom: f32) -> (bool, bool) {
    let area = Area::new(Id::unique(("toast", id)))
        .order(Order::Foreground)
        .anchor(Align2::CENTER_BOTTOM, vec2(0.0, -bottom))
        .interactable(true);
    let shown = area.show(ctx, |ui: &mut Ui| {
        let font = theme::font(14.0, Weight::Medium);
        let most = ctx.content_rect().width() - 32.0;
        let width = (paint::text_width(ui, &toast.text, font.clone()) + 92.0).min(most);
        let (_, rect) = ui.allocate_space(vec2(width, 48.0));
        let hovered = ui
            .interact(rect, ui.make_persistent_id("ground"), Sense::hover())
            .contains_pointer();
        let t = tokens(ui);
        paint::shadow(ui, rect, 14, Elevation::Two);
        ui.painter().rect(
            rect,
            14,
            t.surface,
            Stroke::new(1.0, t.line),
            StrokeKind::Inside,
        );
        let y = rect.center().y;
        let color = if toast.icon == Icon::CHECK_CIRCLE {
            t.good
        } else {
            t.accent
        };
        paint::icon(
            ui.painter(),
            pos2(rect.left() + 24.0, y),
            toast.icon,
            20.0,
            true,
            color,
        );
        let words = Words::new(&toast.text, font, t.text).cut_at(
            ui,
            pos2(rect.left() + 44.0, y),
            Align2::LEFT_CENTER,
            width - 92.0,
        );
        ctx.accesskit_node_builder(words.id, |node| node.set_live(Live::Polite));
        let close = RoundButton::new(RoundKind::Ghost, Icon::X, "Close message")
            .diameter(32.0)
            .at(ui, pos2(rect.right() - 24.0, y));
        (hovered || close.has_focus(), close.clicked())
    });
    shown.inner
}
