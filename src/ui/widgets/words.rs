use eframe::egui::{
    Align, Align2, Color32, FontId, Pos2, Rect, Response, Role, Sense, Ui, WidgetInfo,
    accesskit::Live,
};

use super::paint;
use crate::ui::theme;

/// Painted text that assistive technology reads too.
#[must_use = "say where: `at`, `cut_at` or `within`"]
pub struct Words<'a> {
    text: &'a str,
    font: FontId,
    color: Color32,
    align: Align,
    id_salt: Option<&'a str>,
    role: Role,
    live: Option<Live>,
}

impl<'a> Words<'a> {
    /// `text`, which is also the id within its `Ui`.
    pub fn new(text: &'a str, font: FontId, color: Color32) -> Self {
        Self {
            text,
            font,
            color,
            align: Align::Min,
            id_salt: None,
            role: Role::Label,
            live: None,
        }
    }

    /// For text that changes or appears twice within a `Ui`.
    pub fn id_salt(mut self, salt: &'a str) -> Self {
        self.id_salt = Some(salt);
        self
    }

    /// A heading, for those who jump from one to the next.
    pub fn heading(mut self) -> Self {
        self.role = Role::Heading;
        self
    }

    /// Lines of a paragraph are centred.
    pub fn centered(mut self) -> Self {
        self.align = Align::Center;
        self
    }

    /// Read out when it changes, after what is being said.
    pub fn polite(mut self) -> Self {
        self.live = Some(Live::Polite);
        self
    }

    /// Read out when it changes, at once.
    pub fn assertive(mut self) -> Self {
        self.live = Some(Live::Assertive);
        self
    }

    /// One line, with `anchor` of it at `pos`.
    pub fn at(self, ui: &mut Ui, pos: Pos2, anchor: Align2) -> Response {
        self.cut_at(ui, pos, anchor, f32::INFINITY)
    }

    /// One line, cut with an ellipsis at `width`.
    pub fn cut_at(self, ui: &mut Ui, pos: Pos2, anchor: Align2, width: f32) -> Response {
        let galley = paint::elided(ui, self.text, self.font.clone(), self.color, width);
        let rect = paint::put(ui.painter(), galley, pos, anchor);
        self.tell(ui, rect)
    }

    /// A paragraph from `top_left`, `width` wide; the response's rectangle tells how high it became.
    pub fn within(self, ui: &mut Ui, top_left: Pos2, width: f32) -> Response {
        let mut job = theme::paragraph(self.text, self.font.clone(), self.color, width);
        job.halign = self.align;
        let galley = ui.painter().layout_job(job);
        let anchor = match self.align {
            Align::Min => (top_left, Align2::LEFT_TOP),
            Align::Center => (
                top_left + eframe::egui::vec2(width / 2.0, 0.0),
                Align2::CENTER_TOP,
            ),
            Align::Max => (top_left + eframe::egui::vec2(width, 0.0), Align2::RIGHT_TOP),
        };
        let rect = paint::put(ui.painter(), galley, anchor.0, anchor.1);
        self.tell(ui, rect)
    }

    fn tell(self, ui: &mut Ui, rect: Rect) -> Response {
        let id = ui.make_persistent_id(("words", self.id_salt.unwrap_or(self.text)));
        let response = ui.interact(rect, id, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(self.role, true, self.text));
        if let Some(live) = self.live {
            ui.ctx()
                .accesskit_node_builder(id, |node| node.set_live(live));
        }
        response
    }
}
