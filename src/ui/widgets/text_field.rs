use eframe::egui::text::{CCursor, CCursorRange};
use eframe::egui::text_edit::TextEditState;
use eframe::egui::{
    Align2, Color32, FocusDirection, Frame, Id, Key, Margin, Modifiers, Rect, Response, Stroke,
    StrokeKind, TextEdit, Ui, pos2,
};

use super::{Words, paint};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, Weight, tokens};

/// One line to write in: outlined, accented while it has the keyboard, red with a sentence below it
/// when what is written cannot be used.
#[must_use = "say where: `at`"]
pub struct TextField<'a> {
    text: &'a mut String,
    name: &'a str,
    hint: &'a str,
    icon: Option<Icon>,
    error: Option<&'a str>,
    secret: bool,
    size: f32,
    limit: usize,
    /// Kept free on the right, for a button.
    right: f32,
    /// What Tab would add.
    completion: Option<&'a str>,
}

/// What happened to a [`TextField`].
pub struct TextFieldResponse {
    /// As of egui's own text field.
    pub response: Response,
    /// Enter was pressed in it.
    pub submitted: bool,
    /// The keyboard left it, or Enter was pressed: what is written is meant.
    pub settled: bool,
}

impl<'a> TextField<'a> {
    /// `name` is also the id within its `Ui`.
    pub fn new(name: &'a str, text: &'a mut String) -> Self {
        Self {
            text,
            name,
            hint: "",
            icon: None,
            error: None,
            secret: false,
            size: 15.0,
            limit: 2_048,
            right: 0.0,
            completion: None,
        }
    }

    /// Shown while nothing is written.
    pub fn hint(mut self, hint: &'a str) -> Self {
        self.hint = hint;
        self
    }

    /// Before the text.
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Why what is written cannot be used.
    pub fn error(mut self, error: Option<&'a str>) -> Self {
        self.error = error;
        self
    }

    /// Dots instead of letters.
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// How large the letters are.
    pub fn size(mut self, size: f32) -> Self {
        self.size = size;
        self
    }

    /// How many letters fit.
    pub fn limit(mut self, letters: usize) -> Self {
        self.limit = letters;
        self
    }

    /// Leaves space on the right for something else.
    pub fn leave_right(mut self, space: f32) -> Self {
        self.right = space;
        self
    }

    /// Shown after what is written, and added to it by Tab.
    pub fn completion(mut self, rest: Option<&'a str>) -> Self {
        self.completion = rest;
        self
    }

    /// The id that the field of this name has within `ui`, to give it the keyboard.
    pub fn id(ui: &Ui, name: &str) -> Id {
        ui.make_persistent_id(("field", name))
    }

    /// The field in `rect`; a sentence about an error goes below it.
    pub fn at(self, ui: &mut Ui, rect: Rect) -> TextFieldResponse {
        let t = tokens(ui);
        let id = Self::id(ui, self.name);
        let focused = ui.memory(|memory| memory.has_focus(id));
        let (width, color) = match (self.error.is_some(), focused) {
            (true, _) => (2.0, t.bad),
            (false, true) => (2.0, t.accent),
            (false, false) => (1.0, t.edge),
        };
        ui.painter().rect(
            rect,
            12,
            t.surface,
            Stroke::new(width, color),
            StrokeKind::Inside,
        );
        let mut left = rect.left() + 14.0;
        if let Some(icon) = self.icon {
            let center = pos2(rect.left() + 20.0, rect.center().y);
            paint::icon(ui.painter(), center, icon, 17.0, false, t.text2);
            left = rect.left() + 38.0;
        }
        if self.text.is_empty() {
            let galley = paint::elided(
                ui,
                self.hint,
                theme::font(self.size, Weight::Regular),
                t.text2,
                rect.right() - 12.0 - self.right - left,
            );
            paint::put(
                ui.painter(),
                galley,
                pos2(left, rect.center().y),
                Align2::LEFT_CENTER,
            );
        }
        let completion = self.completion.filter(|_| focused);
        if let Some(rest) = completion {
            complete_on_tab(ui, id, self.text, rest);
        }
        let inner = Rect::from_min_max(
            pos2(left, rect.top() + 2.0),
            pos2(rect.right() - 12.0 - self.right, rect.bottom() - 2.0),
        );
        let edit = TextEdit::singleline(self.text)
            .id(id)
            .font(theme::font(self.size, Weight::Medium))
            .text_color(t.text)
            .background_color(Color32::TRANSPARENT)
            .frame(Frame::NONE)
            .margin(Margin::ZERO)
            .align(Align2::LEFT_CENTER)
            .char_limit(self.limit)
            .password(self.secret)
            // Tab is the field's own for as long as it would add something.
            .lock_focus(completion.is_some())
            .desired_width(inner.width())
            .min_size(inner.size());
        let response = ui.put(inner, edit).accessible_name(self.name);
        if let Some(rest) = completion {
            let font = theme::font(self.size, Weight::Medium);
            let written = paint::elided(ui, self.text, font.clone(), t.text, f32::INFINITY);
            let left = inner.left() + written.size().x;
            let galley = paint::elided(ui, rest, font, t.text2, inner.right() - left);
            paint::put(
                ui.painter(),
                galley,
                pos2(left, rect.center().y),
                Align2::LEFT_CENTER,
            );
        }
        if let Some(error) = self.error {
            let salt = format!("{} error", self.name);
            Words::new(error, theme::small(), t.bad)
                .id_salt(&salt)
                .polite()
                .within(
                    ui,
                    rect.left_bottom() + eframe::egui::vec2(2.0, 6.0),
                    rect.width(),
                );
        }
        let settled = response.lost_focus();
        let submitted = settled && ui.input(|input| input.key_pressed(Key::Enter));
        TextFieldResponse {
            response,
            submitted,
            settled,
        }
    }
}

/// Tab takes what would be added, with the cursor after it; with Shift it leaves the field as ever.
fn complete_on_tab(ui: &Ui, id: Id, text: &mut String, rest: &str) {
    if ui.input_mut(|input| input.consume_key(Modifiers::SHIFT, Key::Tab)) {
        ui.memory_mut(|memory| memory.move_focus(FocusDirection::Previous));
        return;
    }
    if !ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Tab)) {
        return;
    }
    text.push_str(rest);
    let mut state = TextEditState::load(ui.ctx(), id).unwrap_or_default();
    let end = CCursorRange::one(CCursor::new(text.chars().count()));
    state.cursor.set_char_range(Some(end));
    state.store(ui.ctx(), id);
}
