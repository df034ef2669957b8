//! Where everything starts: start a call, join one, and what was lately.

mod parts;
mod recents;

use eframe::egui::{Align2, Rect, Role, Stroke, Ui, pos2, vec2};

use super::layout::{self, below};
use super::settings::Page;
use super::theme::{self, Weight, tokens};
use super::widgets::{Button, ButtonKind, Sheet, TextField, Words, paint, segments};
use crate::engine::{Command, Handle, Phase, Snapshot};
use crate::settings::Settings;

/// Where a person wants to go from the lobby, besides into a call.
#[derive(Debug, Clone, PartialEq)]
pub enum LobbyEvent {
    /// To a page of the settings.
    Settings(Page),
    /// Nowhere, but the settings are to be these.
    Changed(Box<Settings>),
}

/// What the lobby remembers between frames.
#[derive(Debug, Default)]
pub struct Lobby {
    link: String,
    tab: Tab,
    asking: Option<Asking>,
    /// A join was asked for and has not led anywhere yet.
    joining: bool,
    focus_link: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Tab {
    #[default]
    Recent,
    Devices,
}

/// What a sheet over the lobby is about.
#[derive(Debug, Clone, PartialEq)]
enum Asking {
    /// Why a call ended as it did.
    Why { title: String, why: &'static str },
    /// Really forget the recent calls?
    Forget,
}

impl Lobby {
    /// Puts the keyboard into the field for the link.
    pub fn focus_link(&mut self) {
        self.focus_link = true;
    }

    /// Called while another screen is shown: what was asked for here has happened.
    pub fn left(&mut self) {
        self.joining = false;
        self.link.clear();
        self.asking = None;
    }

    /// Shows it in `window`.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        window: Rect,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<LobbyEvent> {
        if snapshot.problem.is_some() {
            self.joining = false;
        }
        let mut event = parts::top_bar(ui, window, snapshot);
        let rect = layout::content(below(window, window.top() + 72.0));
        let narrow = layout::is_narrow(window);
        let least = if narrow { 440.0 } else { 520.0 };
        let lobby_rect = Rect::from_x_y_ranges(window.x_range(), rect.y_range());
        layout::scroll(ui, "lobby", lobby_rect, least, |ui, place| {
            let rect = Rect::from_x_y_ranges(rect.x_range(), place.y_range());
            event = event
                .take()
                .or(self.contents(ui, rect, narrow, handle, snapshot));
        });
        self.sheet(ui, handle);
        event
    }

    fn contents(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<LobbyEvent> {
        let (hero, join) = places(rect, narrow);
        let preparing = matches!(snapshot.phase, Phase::Preparing { .. });
        if parts::hero(ui, hero, narrow, preparing) {
            handle.send(Command::Host);
        }
        self.join_card(ui, join, narrow, handle);
        let gap = if narrow { 12.0 } else { 24.0 };
        let lists = below(rect, join.bottom() + gap);
        if snapshot.recents.is_empty() {
            let place = lists.with_max_y(lists.bottom() - if narrow { 16.0 } else { 24.0 });
            return parts::first_run(ui, place, narrow)
                .then_some(LobbyEvent::Settings(Page::Sound));
        }
        if narrow {
            self.tabs(ui, lists, snapshot)
        } else {
            let left = lists.with_max_x(hero.right());
            let right = lists.with_min_x(join.left());
            self.recents(ui, left, snapshot);
            parts::devices(ui, right, snapshot, true)
        }
    }

    fn join_card(&mut self, ui: &mut Ui, card: Rect, narrow: bool, handle: &Handle) {
        let t = tokens(ui);
        paint::card(ui, card, 20);
        let pad = if narrow { 16.0 } else { 24.0 };
        let left = card.left() + pad;
        let (title_y, size, field_y) = if narrow {
            (26.0, 15.0, 48.0)
        } else {
            (46.0, 18.0, 74.0)
        };
        Words::new(
            "Join with a code or link",
            theme::font(size, Weight::Semibold),
            t.text,
        )
        .heading()
        .at(ui, pos2(left, card.top() + title_y), Align2::LEFT_CENTER);
        let field = Rect::from_min_size(
            pos2(left, card.top() + field_y),
            vec2(card.width() - 2.0 * pad - 92.0, 44.0),
        );
        let id = TextField::id(ui, "Code or link from your friend");
        if std::mem::take(&mut self.focus_link) {
            ui.memory_mut(|memory| memory.request_focus(id));
        }
        let entered = TextField::new("Code or link from your friend", &mut self.link)
            .hint("7-guitar-lamp")
            .size(16.0)
            .at(ui, field);
        let written = !self.link.trim().is_empty();
        let kind = if written {
            ButtonKind::Accent
        } else {
            ButtonKind::Soft
        };
        let button = Rect::from_min_max(
            pos2(field.right() + 10.0, field.top()),
            pos2(card.right() - pad, field.bottom()),
        );
        let pressed = Button::new(kind, "Join")
            .name("Join the call")
            .busy(self.joining)
            .at(ui, button)
            .clicked();
        if pressed && !written {
            ui.memory_mut(|memory| memory.request_focus(id));
        }
        if (pressed || entered.submitted) && written && !self.joining {
            self.joining = true;
            handle.send(Command::Join {
                invite: self.link.trim().to_owned(),
            });
        }
        if !narrow {
            Words::new(
                "Your friend starts a call and says three words, or sends a link.",
                theme::font(13.0, Weight::Regular),
                t.text2,
            )
            .cut_at(
                ui,
                pos2(left, card.bottom() - 38.0),
                Align2::LEFT_CENTER,
                card.width() - 2.0 * pad,
            );
        }
    }

    fn tabs(&mut self, ui: &mut Ui, rect: Rect, snapshot: &Snapshot) -> Option<LobbyEvent> {
        let bar = Rect::from_min_size(rect.min, vec2(rect.width(), 40.0));
        let tabs = ["Recent", "Your devices"];
        let shown = usize::from(self.tab == Tab::Devices);
        if let Some(tab) = segments(ui, bar, Role::Tab, &tabs, Some(shown)) {
            self.tab = if tab == 0 { Tab::Recent } else { Tab::Devices };
        }
        let list = below(rect, bar.bottom() + 8.0);
        match self.tab {
            Tab::Recent => {
                self.recent_rows(ui, list, 64.0, snapshot);
                None
            }
            Tab::Devices => layout::scroll(ui, "devices", list, parts::DEVICES, |ui, place| {
                parts::devices(ui, place, snapshot, false)
            }),
        }
    }

    fn sheet(&mut self, ui: &Ui, handle: &Handle) {
        let Some(asking) = self.asking.clone() else {
            return;
        };
        let (title, text, yes) = match &asking {
            Asking::Why { title, why } => (title.as_str(), *why, None),
            Asking::Forget => (
                "Forget all recent calls?",
                "The list is kept on this computer only. It cannot be brought back.",
                Some("Forget them"),
            ),
        };
        let shown = Sheet::new("lobby", title, vec2(420.0, 196.0))
            .show(ui.ctx(), |ui, fresh| ask(ui, title, text, yes, fresh));
        match shown.inner {
            Some(true) if asking == Asking::Forget => {
                handle.send(Command::ForgetRecents);
                self.asking = None;
            }
            Some(_) => self.asking = None,
            None if shown.close => self.asking = None,
            None => {}
        }
    }
}

/// A small sheet's contents; gives the answer.
fn ask(ui: &mut Ui, title: &str, text: &str, yes: Option<&str>, fresh: bool) -> Option<bool> {
    let t = tokens(ui);
    let rect = ui.max_rect().shrink(28.0);
    Words::new(title, theme::heading(), t.text)
        .heading()
        .cut_at(ui, rect.left_top(), Align2::LEFT_TOP, rect.width());
    Words::new(text, theme::body(), t.text2).within(
        ui,
        rect.left_top() + vec2(0.0, 34.0),
        rect.width(),
    );
    let bottom = |right: f32, width: f32| {
        Rect::from_min_max(
            pos2(right - width, rect.bottom() - 40.0),
            pos2(right, rect.bottom()),
        )
    };
    let mut answer = None;
    let no = Button::new(
        ButtonKind::Quiet,
        if yes.is_some() { "Keep them" } else { "Close" },
    );
    let yes = yes.map(|yes| Button::new(ButtonKind::Danger, yes));
    let yes_width = yes.as_ref().map_or(0.0, |yes| yes.width(ui) + 12.0);
    let no_width = no.width(ui);
    let kept = no.at(ui, bottom(rect.right() - yes_width, no_width));
    if fresh {
        kept.request_focus();
    }
    if kept.clicked() {
        answer = Some(false);
    }
    if let Some(yes) = yes
        && yes.at(ui, bottom(rect.right(), yes_width - 12.0)).clicked()
    {
        answer = Some(true);
    }
    answer
}

fn places(rect: Rect, narrow: bool) -> (Rect, Rect) {
    if narrow {
        let hero = Rect::from_min_size(rect.min, vec2(rect.width(), 132.0));
        let join = Rect::from_min_size(
            pos2(rect.left(), hero.bottom() + 12.0),
            vec2(rect.width(), 108.0),
        );
        (hero, join)
    } else {
        let hero = Rect::from_min_size(rect.min, vec2((rect.width() - 20.0) * 0.54, 196.0));
        let join = Rect::from_min_max(
            pos2(hero.right() + 20.0, rect.top()),
            pos2(rect.right(), hero.bottom()),
        );
        (hero, join)
    }
}

/// A thin line between parts of a card.
fn line(ui: &Ui, x: std::ops::RangeInclusive<f32>, y: f32) {
    ui.painter().hline(x, y, Stroke::new(1.0, tokens(ui).line));
}
