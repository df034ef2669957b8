use std::time::Duration;

use eframe::egui::{Align2, Rect, Role, Ui, pos2, vec2};

use crate::call::clean_name;
use crate::engine::{Command, Handle, ServerStatus, Snapshot};
use crate::ui::theme::{self, tokens};
use crate::ui::widgets::{Button, ButtonKind, Sheet, TextField, Words, paint, segments};

const TITLE: &str = "New room";
const WHAT: &str = "Name of the room";
const ABOUT: &str = "A room has a link that stays the same. Whoever has it meets whoever is there, again and again. Nobody rings.";
const NO_SERVER: &str = "A room is at a call server that is always there, and none is set: calls that you start are hosted on this computer. Set one in the settings, under Network: your own, or that of a friend.";
const DAY: Duration = Duration::from_secs(86_400);
const LASTS: [(&str, Option<Duration>); 3] = [
    ("Until removed", None),
    ("A day", Some(DAY)),
    ("A week", Some(Duration::from_secs(7 * 86_400))),
];
/// As long as names may be.
const LETTERS: usize = 64;

/// The sheet in which a room is made.
#[derive(Debug, Default)]
pub(super) struct NewRoom {
    name: String,
    /// Which of [`LASTS`].
    lasts: usize,
    /// Why the room was not made.
    error: Option<&'static str>,
}

/// What has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Making {
    /// It goes on.
    Asked,
    /// The room of this name was asked for.
    Done(String),
    /// Nothing was made.
    Left,
    /// A call server is to be set first.
    NeedsServer,
}

/// What a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Make,
    Leave,
    Settings,
}

impl NewRoom {
    /// Shows it over everything.
    pub(super) fn show(&mut self, ui: &Ui, handle: &Handle, snapshot: &Snapshot) -> Making {
        let has_server = snapshot.server != ServerStatus::HostedHere;
        let height = if has_server { 420.0 } else { 310.0 };
        let sheet = Sheet::new("new room", TITLE, vec2(440.0, height));
        let shown = sheet.show(ui.ctx(), |ui, fresh| {
            if has_server {
                self.contents(ui, fresh)
            } else {
                without_server(ui, fresh)
            }
        });
        match shown.inner {
            Some(Wish::Make) => self.make(handle, snapshot),
            Some(Wish::Leave) => Making::Left,
            Some(Wish::Settings) => Making::NeedsServer,
            None if shown.close => Making::Left,
            None => Making::Asked,
        }
    }

    fn make(&mut self, handle: &Handle, snapshot: &Snapshot) -> Making {
        let name = clean_name(&self.name);
        let now = std::time::SystemTime::now();
        let mut rooms = snapshot.rooms.iter();
        self.error = if name.is_empty() {
            Some("Give it a name.")
        } else if rooms.any(|room| room.is_called(&name) && !room.has_run_out(now)) {
            Some("You have a room of this name already.")
        } else {
            None
        };
        if self.error.is_some() {
            return Making::Asked;
        }
        let lasts = LASTS.get(self.lasts).and_then(|(_, lasts)| *lasts);
        handle.send(Command::MakeRoom {
            name: name.clone(),
            lasts,
        });
        Making::Done(name)
    }

    fn contents(&mut self, ui: &mut Ui, fresh: bool) -> Option<Wish> {
        let t = tokens(ui);
        let rect = ui.max_rect().shrink(28.0);
        let top = head(ui, rect, ABOUT);
        label(ui, rect, top, "Name");
        let field = Rect::from_min_size(pos2(rect.left(), top + 16.0), vec2(rect.width(), 44.0));
        let before = self.name.clone();
        let written = TextField::new(WHAT, &mut self.name)
            .hint("Family")
            .limit(LETTERS)
            .error(self.error)
            .at(ui, field);
        // Only now: the key that has opened the sheet was none for it.
        if fresh || written.submitted {
            let id = TextField::id(ui, WHAT);
            ui.memory_mut(|memory| memory.request_focus(id));
        }
        if self.name != before {
            self.error = None;
        }
        let top = field.bottom() + 34.0;
        label(ui, rect, top, "Lasts");
        let choice = Rect::from_min_size(pos2(rect.left(), top + 16.0), vec2(rect.width(), 40.0));
        let names = LASTS.map(|(name, _)| name);
        let chosen = segments(ui, choice, Role::RadioButton, &names, Some(self.lasts));
        self.lasts = chosen.unwrap_or(self.lasts);
        let (leave, make) = foot(ui, rect, ButtonKind::Brand, "Make the room");
        ui.painter().hline(
            rect.x_range(),
            rect.bottom() - 58.0,
            eframe::egui::Stroke::new(1.0, t.line),
        );
        if make || written.submitted {
            Some(Wish::Make)
        } else {
            leave.then_some(Wish::Leave)
        }
    }
}

/// Title and what it is about; gives where it ends.
fn head(ui: &mut Ui, rect: Rect, about: &str) -> f32 {
    let t = tokens(ui);
    let title = Words::new(TITLE, theme::heading(), t.text)
        .heading()
        .within(ui, rect.left_top(), rect.width());
    let about = Words::new(about, theme::body(), t.text2).within(
        ui,
        pos2(rect.left(), title.rect.bottom() + 8.0),
        rect.width(),
    );
    about.rect.bottom() + 18.0
}

fn label(ui: &Ui, rect: Rect, y: f32, text: &str) {
    let galley = paint::elided(ui, text, theme::label(), tokens(ui).text, rect.width());
    paint::put(
        ui.painter(),
        galley,
        pos2(rect.left(), y),
        Align2::LEFT_CENTER,
    );
}

/// Two buttons at the bottom: whether each was pressed.
fn foot(ui: &mut Ui, rect: Rect, kind: ButtonKind, yes: &str) -> (bool, bool) {
    let yes = Button::new(kind, yes);
    let foot = rect.with_min_y(rect.bottom() - 40.0);
    let yes_at = foot.with_min_x(foot.right() - yes.width(ui));
    let no = Button::new(ButtonKind::Quiet, "Not now");
    let right = yes_at.left() - 12.0;
    let no_at = foot.with_max_x(right).with_min_x(right - no.width(ui));
    let no = no.at(ui, no_at).clicked();
    (no, yes.at(ui, yes_at).clicked())
}

fn without_server(ui: &mut Ui, fresh: bool) -> Option<Wish> {
    let rect = ui.max_rect().shrink(28.0);
    head(ui, rect, NO_SERVER);
    let (leave, settings) = foot(ui, rect, ButtonKind::Brand, "Set a call server");
    if fresh {
        let id = ui.make_persistent_id(("button", "Not now"));
        ui.memory_mut(|memory| memory.request_focus(id));
    }
    if settings {
        Some(Wish::Settings)
    } else {
        leave.then_some(Wish::Leave)
    }
}
