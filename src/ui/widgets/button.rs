use eframe::egui::{
    Align2, Color32, CursorIcon, Pos2, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2,
    Widget, WidgetInfo, vec2,
};

use super::paint;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, ANSWER, BRAND_HOVER, HANG_UP, Weight, fade, mix, tokens};

const RADIUS: u8 = 12;
const HOVER_SECONDS: f32 = 0.12;

/// What a button is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ButtonKind {
    /// The one obvious next step of a screen.
    Brand,
    /// The step of a part of a screen.
    Accent,
    /// Another way, outlined.
    Quiet,
    /// Another way, filled.
    Soft,
    /// A way that needs no weight.
    Ghost,
    /// A way that loses something.
    Danger,
}

/// A button with words: 40 points high in most places, 44 in heroes.
#[must_use = "say where: `at`, or `ui.add`"]
pub struct Button<'a> {
    label: &'a str,
    kind: ButtonKind,
    icon: Option<Icon>,
    enabled: bool,
    busy: bool,
    name: Option<&'a str>,
    id_salt: Option<&'a str>,
}

impl<'a> Button<'a> {
    /// A button whose label is its name and, within its `Ui`, its id.
    pub fn new(kind: ButtonKind, label: &'a str) -> Self {
        Self {
            label,
            kind,
            icon: None,
            enabled: true,
            busy: false,
            name: None,
            id_salt: None,
        }
    }

    /// Before the label.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Pale, and of no use.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// A spinner takes the icon's place; a second press is ignored.
    pub fn busy(mut self, busy: bool) -> Self {
        self.busy = busy;
        self
    }

    /// For assistive technology, where the label alone does not tell.
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// For a label that changes or appears twice within a `Ui`.
    pub fn id_salt(mut self, salt: &'a str) -> Self {
        self.id_salt = Some(salt);
        self
    }

    /// The width that its label asks for.
    pub fn width(&self, ui: &Ui) -> f32 {
        let icon = if self.icon.is_some() { 26.0 } else { 0.0 };
        (paint::text_width(ui, self.label, theme::font(15.0, Weight::Semibold)) + icon + 44.0)
            .round()
    }

    /// The button in `rect`.
    pub fn at(self, ui: &mut Ui, rect: Rect) -> Response {
        let id = ui.make_persistent_id(("button", self.id_salt.unwrap_or(self.label)));
        let enabled = self.enabled && ui.is_enabled();
        let sense = if !enabled {
            Sense::hover()
        } else if self.busy {
            Sense::focusable_noninteractive()
        } else {
            Sense::click()
        };
        let mut response = ui.interact(rect, id, sense);
        if enabled && !self.busy {
            response = response.on_hover_cursor(CursorIcon::PointingHand);
        }
        response.widget_info(|| {
            let name = self.name.unwrap_or(self.label);
            if self.busy {
                WidgetInfo::labeled(Role::Button, enabled, format!("{name}, busy"))
            } else {
                WidgetInfo::labeled(Role::Button, enabled, name)
            }
        });
        if ui.is_rect_visible(rect.expand(4.0)) {
            self.paint(ui, rect, enabled, &response);
        }
        response
    }

    fn paint(&self, ui: &Ui, rect: Rect, enabled: bool, response: &Response) {
        let hover = hover_share(ui, response);
        let look = look(self.kind, ui, hover, enabled);
        let shown = if response.is_pointer_button_down_on() {
            rect.shrink(1.0)
        } else {
            rect
        };
        let painter = ui.painter();
        painter.rect_filled(shown, RADIUS, look.ground);
        if let Some(edge) = look.edge {
            painter.rect_stroke(shown, RADIUS, Stroke::new(1.0, edge), StrokeKind::Inside);
        }
        let size = if rect.height() >= 44.0 { 15.0 } else { 14.0 };
        let has_icon = self.icon.is_some() || self.busy;
        let icon_width = if has_icon { 26.0 } else { 0.0 };
        let galley = paint::elided(
            ui,
            self.label,
            theme::font(size, Weight::Semibold),
            look.ink,
            shown.width() - 16.0 - icon_width,
        );
        let left = shown.center().x - (galley.size().x + icon_width) / 2.0;
        let icon_center = Pos2::new(left + 9.0, shown.center().y);
        if self.busy {
            paint::spinner(ui, icon_center, 7.5, look.ink);
        } else if let Some(icon) = self.icon {
            paint::icon(painter, icon_center, icon, 18.0, false, look.ink);
        }
        paint::put(
            painter,
            galley,
            Pos2::new(left + icon_width, shown.center().y),
            Align2::LEFT_CENTER,
        );
        paint::focus_ring(ui, rect, RADIUS, response);
    }
}

impl Widget for Button<'_> {
    fn ui(self, ui: &mut Ui) -> Response {
        let size = vec2(self.width(ui), 40.0);
        let (_, rect) = ui.allocate_space(size);
        self.at(ui, rect)
    }
}

struct Look {
    ground: Color32,
    ink: Color32,
    edge: Option<Color32>,
}

fn look(kind: ButtonKind, ui: &Ui, hover: f32, enabled: bool) -> Look {
    let t = tokens(ui);
    let plain = |ground, ink| Look {
        ground,
        ink,
        edge: None,
    };
    let mut look = match kind {
        ButtonKind::Brand => plain(mix(t.brand, BRAND_HOVER, hover), t.on_brand),
        ButtonKind::Accent => plain(mix(t.accent, t.text, hover * 0.14), t.on_accent),
        ButtonKind::Quiet => Look {
            ground: mix(t.surface, t.sunken, hover),
            ink: t.text,
            edge: Some(fade(t.edge, 0.75)),
        },
        ButtonKind::Soft => plain(mix(t.sunken, t.line, hover), t.text),
        ButtonKind::Ghost => plain(fade(t.text, 0.07 * hover), t.accent),
        ButtonKind::Danger => plain(mix(t.bad_soft, t.bad, hover * 0.14), t.bad),
    };
    if !enabled {
        look.ground = fade(look.ground, 0.5);
        look.ink = fade(look.ink, 0.48);
        look.edge = look.edge.map(|edge| fade(edge, 0.5));
    }
    look
}

/// 0 at rest, 1 under the pointer.
fn hover_share(ui: &Ui, response: &Response) -> f32 {
    let hovered = response.hovered() && response.sense.senses_click();
    ui.ctx().animate_bool_with_time(
        response.id.with("hover"),
        hovered,
        theme::motion(ui, HOVER_SECONDS),
    )
}

/// What a round button is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundKind {
    /// Filled, neutral.
    Soft,
    /// No ground until hovered.
    Ghost,
    /// In lists: a way that is open.
    Accent,
    /// On video, at rest.
    Glass,
    /// On video, when what it stands for is off or open: white.
    White,
    /// Pick up.
    Answer,
    /// Hang up or decline.
    HangUp,
}

/// A round button: 36 across in lists, 48 in calls, 64 when ringing. With a label below it in calls,
/// else with a tooltip.
#[must_use = "say where: `at`"]
pub struct RoundButton<'a> {
    icon: Icon,
    name: &'a str,
    kind: RoundKind,
    diameter: f32,
    filled: bool,
    label: Option<&'a str>,
    tooltip: Option<&'a str>,
    id_salt: Option<&'a str>,
    icon_size: Option<f32>,
}

impl<'a> RoundButton<'a> {
    /// 36 across; `name` tells what it does and the state of it.
    pub fn new(kind: RoundKind, icon: Icon, name: &'a str) -> Self {
        Self {
            icon,
            name,
            kind,
            diameter: 36.0,
            filled: false,
            label: None,
            tooltip: None,
            id_salt: None,
            icon_size: None,
        }
    }

    /// How wide it is.
    pub fn diameter(mut self, diameter: f32) -> Self {
        self.diameter = diameter;
        self
    }

    /// How large the icon is; by default half of the button.
    pub fn icon_size(mut self, size: f32) -> Self {
        self.icon_size = Some(size);
        self
    }

    /// The filled icon.
    pub fn filled(mut self, filled: bool) -> Self {
        self.filled = filled;
        self
    }

    /// Words below it.
    pub fn label(mut self, label: &'a str) -> Self {
        self.label = Some(label);
        self
    }

    /// Instead of the name.
    pub fn tooltip(mut self, tooltip: &'a str) -> Self {
        self.tooltip = Some(tooltip);
        self
    }

    /// For a name that changes or appears twice within a `Ui`.
    pub fn id_salt(mut self, salt: &'a str) -> Self {
        self.id_salt = Some(salt);
        self
    }

    /// The button around `center`.
    pub fn at(self, ui: &mut Ui, center: Pos2) -> Response {
        let rect = Rect::from_center_size(center, Vec2::splat(self.diameter));
        let id = ui.make_persistent_id(("round", self.id_salt.unwrap_or(self.name)));
        let enabled = ui.is_enabled();
        let response = ui
            .interact(rect, id, Sense::click())
            .on_hover_cursor(CursorIcon::PointingHand);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, self.name));
        self.paint(ui, rect, &response);
        match (self.label, self.tooltip) {
            (_, Some(tooltip)) => response.on_hover_text(tooltip),
            (None, None) => response.on_hover_text(self.name),
            (Some(_), None) => response,
        }
    }

    fn paint(&self, ui: &Ui, rect: Rect, response: &Response) {
        let t = tokens(ui);
        let hover = hover_share(ui, response);
        let white = Color32::WHITE;
        let (ground, ink) = match self.kind {
            RoundKind::Soft => (mix(t.sunken, t.line, hover), t.text),
            RoundKind::Ghost => (fade(t.text, 0.08 * hover), t.text2),
            RoundKind::Accent => (mix(t.accent_soft, t.accent, hover * 0.2), t.accent),
            RoundKind::Glass => (fade(white, 0.13 + 0.09 * hover), white),
            RoundKind::White => (mix(white, t.text2, hover * 0.2), theme::STAGE_BAR),
            RoundKind::Answer => (mix(ANSWER, Color32::BLACK, hover * 0.14), white),
            RoundKind::HangUp => (mix(HANG_UP, Color32::BLACK, hover * 0.14), white),
        };
        let pressed = response.is_pointer_button_down_on();
        let radius = self.diameter / 2.0 - if pressed { 1.0 } else { 0.0 };
        let painter = ui.painter();
        painter.circle_filled(rect.center(), radius, ground);
        let size = self.icon_size.unwrap_or(self.diameter * 0.475);
        paint::icon(painter, rect.center(), self.icon, size, self.filled, ink);
        if response.has_focus() {
            painter.circle_stroke(
                rect.center(),
                self.diameter / 2.0 + 3.0,
                Stroke::new(2.0, t.accent),
            );
        }
        if let Some(label) = self.label {
            painter.text(
                rect.center_bottom() + vec2(0.0, 14.0),
                Align2::CENTER_CENTER,
                label,
                theme::font(12.0, Weight::Medium),
                t.text,
            );
        }
    }
}

/// The pill that ends a call, 72×48 around `center`, with its words below.
pub fn hang_up(ui: &mut Ui, center: Pos2) -> Response {
    let rect = Rect::from_center_size(center, vec2(72.0, 48.0));
    let response = ui
        .interact(rect, ui.make_persistent_id("hang up"), Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand);
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, "Hang up"));
    let t = tokens(ui);
    let hover = hover_share(ui, &response);
    let shown = if response.is_pointer_button_down_on() {
        rect.shrink(1.0)
    } else {
        rect
    };
    let painter = ui.painter();
    painter.rect_filled(shown, 24, mix(HANG_UP, Color32::BLACK, hover * 0.14));
    paint::icon(
        painter,
        center,
        Icon::PHONE_DISCONNECT,
        24.0,
        true,
        Color32::WHITE,
    );
    painter.text(
        rect.center_bottom() + vec2(0.0, 14.0),
        Align2::CENTER_CENTER,
        "Hang up",
        theme::font(12.0, Weight::Medium),
        t.text,
    );
    paint::focus_ring(ui, rect, 24, &response);
    response
}
