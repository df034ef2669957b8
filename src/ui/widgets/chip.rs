use eframe::egui::{
    Align2, Color32, CursorIcon, Pos2, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2,
};

use super::paint;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, GLASS, fade, tokens};

/// What a chip says by its colours, besides its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Neutral,
    /// On, or a way to go.
    Accent,
    /// All is well.
    Good,
    /// Worth a look.
    Warn,
    /// Broken.
    Bad,
    /// On video.
    Glass,
}

impl Tone {
    /// Ground and ink.
    pub fn colors(self, ui: &Ui) -> (Color32, Color32) {
        let t = tokens(ui);
        match self {
            Self::Neutral => (t.sunken, t.text2),
            Self::Accent => (t.accent_soft, t.accent),
            Self::Good => (t.good_soft, t.good),
            Self::Warn => (t.warn_soft, t.warn),
            Self::Bad => (t.bad_soft, t.bad),
            Self::Glass => (fade(GLASS, 0.72), Color32::WHITE),
        }
    }
}

/// 28 points high: a dot or an icon, and a few words.
#[must_use = "say where: `at`"]
pub struct Chip<'a> {
    text: &'a str,
    tone: Tone,
    icon: Option<Icon>,
    dot: bool,
    clickable: bool,
    name: Option<&'a str>,
    id_salt: Option<&'a str>,
}

impl<'a> Chip<'a> {
    /// `text`, which is also the name and the id within its `Ui`.
    pub fn new(tone: Tone, text: &'a str) -> Self {
        Self {
            text,
            tone,
            icon: None,
            dot: false,
            clickable: false,
            name: None,
            id_salt: None,
        }
    }

    /// Before the words, filled.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// A dot before the words.
    pub fn dot(mut self) -> Self {
        self.dot = true;
        self
    }

    /// It is a button.
    pub fn clickable(mut self) -> Self {
        self.clickable = true;
        self
    }

    /// For assistive technology, where the words alone do not tell.
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// For words that change or appear twice within a `Ui`.
    pub fn id_salt(mut self, salt: &'a str) -> Self {
        self.id_salt = Some(salt);
        self
    }

    fn lead(&self) -> f32 {
        match (self.dot, self.icon) {
            (true, _) => 16.0,
            (false, Some(_)) => 20.0,
            (false, None) => 0.0,
        }
    }

    /// How wide it is.
    pub fn width(&self, ui: &Ui) -> f32 {
        paint::text_width(ui, self.text, theme::small_medium()) + self.lead() + 22.0
    }

    /// The chip, with `anchor` of it at `pos`.
    pub fn at(self, ui: &mut Ui, pos: Pos2, anchor: Align2) -> Response {
        let size = vec2(self.width(ui), 28.0);
        let rect = anchor.anchor_size(pos, size);
        let id = ui.make_persistent_id(("chip", self.id_salt.unwrap_or(self.text)));
        let (sense, role) = if self.clickable {
            (Sense::click(), Role::Button)
        } else {
            (Sense::hover(), Role::Label)
        };
        let mut response = ui.interact(rect, id, sense);
        if self.clickable {
            response = response.on_hover_cursor(CursorIcon::PointingHand);
        }
        let enabled = ui.is_enabled();
        response.widget_info(|| WidgetInfo::labeled(role, enabled, self.name.unwrap_or(self.text)));
        self.paint(ui, rect, &response);
        response
    }

    fn paint(&self, ui: &Ui, rect: Rect, response: &Response) {
        let (ground, ink) = self.tone.colors(ui);
        let painter = ui.painter();
        let ground = if self.clickable && response.hovered() {
            theme::mix(ground, ink, 0.14)
        } else {
            ground
        };
        painter.rect_filled(rect, 14, ground);
        let y = rect.center().y;
        if self.dot {
            painter.circle_filled(pos2(rect.left() + 15.0, y), 4.0, ink);
        } else if let Some(icon) = self.icon {
            paint::icon(painter, pos2(rect.left() + 18.0, y), icon, 15.0, true, ink);
        }
        painter.text(
            pos2(rect.left() + 11.0 + self.lead(), y),
            Align2::LEFT_CENTER,
            self.text,
            theme::small_medium(),
            ink,
        );
        paint::focus_ring(ui, rect, 14, response);
    }
}
