use eframe::egui::{Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};
use url::Url;

use super::SettingsScreen;
use super::item::Item;
use crate::engine::{Command, Handle, Snapshot};
use crate::trust::Portrait;
use crate::ui::theme::tokens;
use crate::ui::widgets::{Button, ButtonKind, TextField, face};

/// The radius of the portrait.
const FACE: f32 = 28.0;
/// Of the field and the buttons.
const LINE: f32 = 44.0;
const GAP: f32 = 8.0;
const FIELD: &str = "Where the picture is";

/// Above the field.
fn head(narrow: bool) -> f32 {
    if narrow { 100.0 } else { 80.0 }
}

pub(super) fn height(narrow: bool, snapshot: &Snapshot) -> f32 {
    let lines = if narrow && snapshot.portrait.is_some() {
        2.0 * LINE + GAP
    } else {
        LINE
    };
    head(narrow) + lines + 18.0
}

/// Where a picture is, as it is being written.
#[derive(Debug, Default)]
pub(super) struct PortraitDraft {
    file: String,
    /// Once it was asked for: how this person looked before.
    before: Option<Option<Portrait>>,
}

impl PortraitDraft {
    /// What has come about is not written any more; what was mistyped is.
    fn follow(&mut self, snapshot: &Snapshot) {
        if self
            .before
            .as_ref()
            .is_some_and(|before| *before != snapshot.portrait)
        {
            *self = Self::default();
        }
    }
}

impl SettingsScreen {
    /// How friends see this person, and ways to change it.
    pub(super) fn portrait(
        &mut self,
        ui: &mut Ui,
        row: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) {
        // What lies over everything has what is dropped to itself.
        let takes = snapshot.incoming.is_none() && snapshot.problem.is_none();
        let hovers = takes && ui.input(|input| !input.raw.hovered_files.is_empty());
        if takes && let Some(file) = dropped(ui) {
            handle.send(Command::SetPortrait { file });
        }
        let detail = if hovers {
            drop_frame(ui, row);
            "Drop it here."
        } else {
            Item::Portrait.detail()
        };
        let above = row.with_max_y(row.top() + head(narrow));
        let width = row.width() - 2.0 * FACE - 16.0;
        self.title(ui, Item::Portrait, above, detail, width);
        show(ui, above, snapshot);

        let line = Rect::from_min_size(above.left_bottom(), vec2(row.width(), LINE));
        let remove = Button::new(ButtonKind::Quiet, "Remove").name("Remove your picture");
        let width = remove.width(ui);
        let is_shown = snapshot.portrait.is_some();
        let (field, remove_at) = if narrow {
            let below = line.translate(vec2(0.0, LINE + GAP));
            (line, below.with_max_x(below.left() + width))
        } else {
            let left = line.right() - width;
            let right = if is_shown { left - GAP } else { line.right() };
            (line.with_max_x(right), line.with_min_x(left))
        };
        self.portrait.follow(snapshot);
        if self.portrait_field(ui, field) {
            self.portrait.before = Some(snapshot.portrait.clone());
            handle.send(Command::SetPortrait {
                file: self.portrait.file.trim().to_owned(),
            });
        }
        if is_shown && remove.at(ui, remove_at).clicked() {
            handle.send(Command::RemovePortrait);
        }
    }

    /// True once the file that is named is meant.
    fn portrait_field(&mut self, ui: &mut Ui, line: Rect) -> bool {
        let written = !self.portrait.file.trim().is_empty();
        let kind = if written {
            ButtonKind::Accent
        } else {
            ButtonKind::Soft
        };
        let choose = Button::new(kind, "Use it").name("Use this picture");
        let button = line.with_min_x(line.right() - choose.width(ui));
        let field = line.with_max_x(button.left() - GAP);
        let id = TextField::id(ui, FIELD);
        let entered = TextField::new(FIELD, &mut self.portrait.file)
            .hint("Drop a picture here, or paste where it is")
            .size(14.0)
            .at(ui, field);
        let pressed = choose.at(ui, button).clicked();
        if pressed && !written {
            ui.memory_mut(|memory| memory.request_focus(id));
        }
        (pressed || entered.submitted) && written
    }
}

/// As friends see this person.
fn show(ui: &mut Ui, above: Rect, snapshot: &Snapshot) {
    let center = pos2(above.right() - FACE, above.center().y);
    let portrait = snapshot.portrait.as_ref();
    face(ui.painter(), center, FACE, snapshot.name.trim(), portrait);
    if portrait.is_some() {
        let place = Rect::from_center_size(center, Vec2::splat(2.0 * FACE));
        let id = ui.make_persistent_id("portrait");
        let name = "Your picture, as friends see it";
        ui.interact(place, id, Sense::hover())
            .widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    }
}

/// As a URL, which says what it is.
fn dropped(ui: &Ui) -> Option<String> {
    ui.input(|input| {
        let mut files = input.raw.dropped_files.iter();
        let file = files.find_map(|file| Url::from_file_path(file.path()).ok());
        file.map(String::from)
    })
}

/// While a file is held over the window.
fn drop_frame(ui: &Ui, row: Rect) {
    let t = tokens(ui);
    let frame = row.expand2(vec2(12.0, -6.0));
    ui.painter().rect_filled(frame, 12, t.accent_soft);
    ui.painter()
        .rect_stroke(frame, 12, Stroke::new(2.0, t.accent), StrokeKind::Inside);
}
