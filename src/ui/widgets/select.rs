use eframe::egui::{
    Align2, CursorIcon, Popup, PopupCloseBehavior, Rect, Response, Role, ScrollArea, Sense, Stroke,
    StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use super::paint;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, Weight, fade, tokens};

const ROW_HEIGHT: f32 = 38.0;

/// A field that opens a list to pick from. Enter or Space opens it, arrows move, Esc closes.
#[must_use = "say where: `at`"]
pub struct Select<'a> {
    name: &'a str,
    icon: Icon,
    options: &'a [String],
    selected: Option<usize>,
    otherwise: &'a str,
    shown: Option<&'a str>,
}

impl<'a> Select<'a> {
    /// `name` is also the id within its `Ui`.
    pub fn new(name: &'a str, icon: Icon, options: &'a [String], selected: Option<usize>) -> Self {
        Self {
            name,
            icon,
            options,
            selected,
            otherwise: "",
            shown: None,
        }
    }

    /// Shown while nothing is selected.
    pub fn otherwise(mut self, text: &'a str) -> Self {
        self.otherwise = text;
        self
    }

    /// Shown while the list is closed, instead of the selected option.
    pub fn shown(mut self, text: Option<&'a str>) -> Self {
        self.shown = text;
        self
    }

    /// The field in `rect`; gives what was picked now.
    pub fn at(self, ui: &mut Ui, rect: Rect) -> Option<usize> {
        let id = ui.make_persistent_id(("select", self.name));
        let enabled = ui.is_enabled() && !self.options.is_empty();
        let sense = if enabled {
            Sense::click()
        } else {
            Sense::focusable_noninteractive()
        };
        let mut response = ui.interact(rect, id, sense);
        if enabled {
            response = response.on_hover_cursor(CursorIcon::PointingHand);
        }
        let option = self.selected.and_then(|index| self.options.get(index));
        let shown = self
            .shown
            .or(option.map(String::as_str))
            .unwrap_or(self.otherwise);
        response.widget_info(|| {
            WidgetInfo::labeled(Role::ComboBox, enabled, format!("{}, {shown}", self.name))
        });
        self.paint(ui, rect, shown, enabled, &response);

        let popup_id = Popup::default_response_id(&response);
        let was_open = Popup::is_id_open(ui.ctx(), popup_id);
        let picked = Popup::menu(&response)
            .width(rect.width())
            .gap(6.0)
            .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
            .accessible_name(self.name)
            .show(|ui| self.list(ui, rect.width() - 20.0))
            .and_then(|list| list.inner);
        if picked.is_some() {
            Popup::close_id(ui.ctx(), popup_id);
        }
        if was_open && !Popup::is_id_open(ui.ctx(), popup_id) && !response.clicked_elsewhere() {
            response.request_focus();
        }
        picked
    }

    fn list(&self, ui: &mut Ui, width: f32) -> Option<usize> {
        ui.set_width(width);
        let mut picked = None;
        ScrollArea::vertical().max_height(300.0).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            for (index, option) in self.options.iter().enumerate() {
                let (_, rect) = ui.allocate_space(vec2(width, ROW_HEIGHT));
                if self.option(ui, rect, index, option).clicked() {
                    picked = Some(index);
                }
            }
        });
        picked
    }

    fn option(&self, ui: &mut Ui, rect: Rect, index: usize, option: &str) -> Response {
        let id = ui.make_persistent_id(("option", index));
        let response = ui
            .interact(rect, id, Sense::click())
            .on_hover_cursor(CursorIcon::PointingHand);
        let selected = self.selected == Some(index);
        response.widget_info(|| WidgetInfo::selected(Role::MenuItemRadio, true, selected, option));
        let t = tokens(ui);
        if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(rect, 8, t.sunken);
        }
        if response.has_focus() {
            ui.painter()
                .rect_stroke(rect, 8, Stroke::new(2.0, t.accent), StrokeKind::Inside);
        }
        let weight = if selected {
            Weight::Medium
        } else {
            Weight::Regular
        };
        let galley = paint::elided(
            ui,
            option,
            theme::font(14.0, weight),
            t.text,
            rect.width() - 48.0,
        );
        paint::put(
            ui.painter(),
            galley,
            pos2(rect.left() + 12.0, rect.center().y),
            Align2::LEFT_CENTER,
        );
        if selected {
            let center = pos2(rect.right() - 18.0, rect.center().y);
            paint::icon(ui.painter(), center, Icon::CHECK, 16.0, false, t.accent);
        }
        response
    }

    fn paint(&self, ui: &Ui, rect: Rect, shown: &str, enabled: bool, response: &Response) {
        let t = tokens(ui);
        let ground = if response.hovered() && enabled {
            t.sunken
        } else {
            t.surface
        };
        let painter = ui.painter();
        painter.rect(
            rect,
            12,
            ground,
            Stroke::new(1.0, fade(t.edge, 0.8)),
            StrokeKind::Inside,
        );
        let y = rect.center().y;
        paint::icon(
            painter,
            pos2(rect.left() + 22.0, y),
            self.icon,
            18.0,
            false,
            t.text2,
        );
        let ink = if enabled { t.text } else { t.text2 };
        let galley = paint::elided(
            ui,
            shown,
            theme::font(14.0, Weight::Regular),
            ink,
            rect.width() - 78.0,
        );
        paint::put(
            painter,
            galley,
            pos2(rect.left() + 42.0, y),
            Align2::LEFT_CENTER,
        );
        if enabled {
            paint::icon(
                painter,
                pos2(rect.right() - 20.0, y),
                Icon::CARET_DOWN,
                14.0,
                false,
                t.text2,
            );
        }
        paint::focus_ring(ui, rect, 12, response);
    }
}
