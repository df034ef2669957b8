use eframe::egui::{
    CursorIcon, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, lerp, pos2,
    vec2,
};

use super::paint;
use crate::ui::theme::{self, mix, tokens};

/// On or off, 44×26: filled with the knob right, or outlined with the knob left.
#[must_use = "say where: `at`"]
pub struct Toggle<'a> {
    name: &'a str,
    on: bool,
    enabled: bool,
}

impl<'a> Toggle<'a> {
    /// How large it is.
    pub const SIZE: eframe::egui::Vec2 = vec2(44.0, 26.0);

    /// `name` is also the id within its `Ui`.
    pub fn new(name: &'a str, on: bool) -> Self {
        Self {
            name,
            on,
            enabled: true,
        }
    }

    /// Pale, and of no use.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// The toggle, its left edge's middle at `pos`; `clicked` asks for the other state.
    pub fn at(self, ui: &mut Ui, left_center: Pos2) -> Response {
        let rect = Rect::from_min_size(left_center - vec2(0.0, 13.0), Self::SIZE);
        let id = ui.make_persistent_id(("toggle", self.name));
        let enabled = self.enabled && ui.is_enabled();
        let sense = if enabled {
            Sense::click()
        } else {
            Sense::hover()
        };
        let mut response = ui.interact(rect, id, sense);
        if enabled {
            response = response.on_hover_cursor(CursorIcon::PointingHand);
        }
        response.widget_info(|| WidgetInfo::selected(Role::Switch, enabled, self.on, self.name));
        let share =
            ui.ctx()
                .animate_bool_with_time(id.with("knob"), self.on, theme::motion(ui, 0.14));
        let t = tokens(ui);
        let pale = |color| {
            if enabled {
                color
            } else {
                theme::fade(color, 0.48)
            }
        };
        let painter = ui.painter();
        painter.rect_filled(rect, 13, pale(mix(t.surface, t.accent, share)));
        if share < 0.99 {
            painter.rect_stroke(rect, 13, Stroke::new(1.5, pale(t.edge)), StrokeKind::Inside);
        }
        let x = lerp(rect.left() + 13.0..=rect.right() - 13.0, share);
        painter.circle_filled(
            pos2(x, rect.center().y),
            lerp(7.0..=9.5, share),
            pale(mix(t.edge, t.on_accent, share)),
        );
        paint::focus_ring(ui, rect, 13, &response);
        response
    }
}
