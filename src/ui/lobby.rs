//! Where everything starts: start a call, join one, who is there, and what was lately.

mod list;
mod new_room;
mod parts;
mod people;
mod person;
mod recents;
mod room;
mod rooms;

use std::time::SystemTime;

use eframe::egui::{Align2, Context, Rect, Role, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use url::Url;

use self::list::NARROW_ROW;
use self::new_room::{Making, NewRoom};
use self::parts::FirstStep;
use self::person::PersonSheet;
use self::room::{Looking, RoomSheet};
use super::icons::Icon;
use super::layout::{self, below};
use super::settings::Page;
use super::theme::{self, Weight, tokens};
use super::widgets::{Button, ButtonKind, Sheet, TextField, Words, paint, segments};
use crate::engine::{Command, Handle, Phase, Snapshot};
use crate::settings::Settings;
use crate::trust::Code;

/// Around the words of a small sheet.
const ASK_PADDING: f32 = 28.0;
/// Between its title and the rest.
const ASK_GAP: f32 = 10.0;

/// Where a person wants to go from the lobby, besides into a call.
#[derive(Debug, Clone, PartialEq)]
pub enum LobbyEvent {
    /// To a page of the settings.
    Settings(Page),
    /// Nowhere, but the settings are to be these.
    Changed(Box<Settings>),
    /// Nowhere, but something lies in the clipboard: what is to be said of it.
    Copied(&'static str),
}

/// What the lobby remembers between frames.
#[derive(Debug, Default)]
pub struct Lobby {
    link: String,
    tab: Tab,
    asking: Option<Asking>,
    /// The contact who is looked at.
    person: Option<PersonSheet>,
    /// The room that is looked at.
    room: Option<RoomSheet>,
    /// A room is being made.
    making: Option<NewRoom>,
    /// The room that was asked for, to be looked at when it is there.
    awaited: Option<String>,
    /// A join was asked for and has not led anywhere yet.
    joining: bool,
    focus_link: bool,
}

/// A list below the hero: side by side with another one, or one of two tabs on narrow windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Tab {
    #[default]
    People,
    Recent,
    Devices,
}

impl Tab {
    fn name(self) -> &'static str {
        match self {
            Self::People => "People",
            Self::Recent => "Recent",
            Self::Devices => "Your devices",
        }
    }

    /// The two that there is something to say in; none for somebody new. Devices, which the settings have
    /// too, fill the place of a list that is empty.
    fn shown(snapshot: &Snapshot) -> Option<[Self; 2]> {
        let nobody = snapshot.contacts.is_empty() && snapshot.rooms.is_empty();
        match (nobody, snapshot.recents.is_empty()) {
            (true, true) => None,
            (true, false) => Some([Self::Recent, Self::Devices]),
            (false, true) => Some([Self::People, Self::Devices]),
            (false, false) => Some([Self::People, Self::Recent]),
        }
    }
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

    /// A sheet of the lobby lies over it.
    pub fn is_covered(&self) -> bool {
        let about_room = self.room.is_some() || self.making.is_some();
        self.asking.is_some() || self.person.is_some() || about_room
    }

    /// Called while another screen is shown: what was asked for here has happened.
    pub fn left(&mut self) {
        self.joining = false;
        self.link.clear();
        self.asking = None;
        self.person = None;
        self.room = None;
        self.making = None;
        self.awaited = None;
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
        if self.takes_pictures(snapshot) {
            self.take_picture(ui, handle);
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
        // Whoever calls is seen to first, and then why a call did not come about.
        if snapshot.incoming.is_none() && snapshot.problem.is_none() {
            if let Some(person) = &mut self.person
                && person.show(ui, handle, snapshot)
            {
                self.person = None;
            }
            event = event.or(self.room_sheets(ui, handle, snapshot));
            self.sheet(ui, handle);
        }
        event
    }

    fn room_sheets(&mut self, ui: &Ui, handle: &Handle, snapshot: &Snapshot) -> Option<LobbyEvent> {
        if let Some(name) = &self.awaited
            && !self.is_covered()
        {
            let mut rooms = snapshot.rooms.iter();
            let now = SystemTime::now();
            if let Some(made) = rooms.find(|room| *room.name == **name && !room.has_run_out(now)) {
                self.room = Some(RoomSheet::of(made));
                self.awaited = None;
            }
        }
        if let Some(making) = &mut self.making {
            match making.show(ui, handle, snapshot) {
                Making::Asked => {}
                Making::Done(name) => {
                    self.making = None;
                    self.awaited = Some(name);
                }
                Making::Left => self.making = None,
                Making::NeedsServer => {
                    self.making = None;
                    return Some(LobbyEvent::Settings(Page::Network));
                }
            }
            return None;
        }
        match self.room.as_mut()?.show(ui, handle, snapshot) {
            Looking::On => None,
            Looking::Over => {
                self.room = None;
                None
            }
            Looking::Copied(what) => Some(LobbyEvent::Copied(what)),
        }
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
        let hovers = ui.input(|input| !input.raw.hovered_files.is_empty());
        if hovers && self.takes_pictures(snapshot) {
            drop_hint(ui, join);
        }
        let gap = if narrow { 12.0 } else { 24.0 };
        let lists = below(rect, join.bottom() + gap);
        let Some(tabs) = Tab::shown(snapshot) else {
            let place = lists.with_max_y(lists.bottom() - if narrow { 16.0 } else { 24.0 });
            return match parts::first_run(ui, place, narrow)? {
                FirstStep::TestSound => Some(LobbyEvent::Settings(Page::Sound)),
                FirstStep::NewRoom => {
                    self.making = Some(NewRoom::default());
                    None
                }
            };
        };
        if narrow {
            return self.tabs(ui, lists, tabs, handle, snapshot);
        }
        let left = lists.with_max_x(hero.right());
        let right = lists.with_min_x(join.left());
        let mut event = None;
        for (tab, rect) in tabs.into_iter().zip([left, right]) {
            match tab {
                Tab::People => self.people(ui, rect, handle, snapshot),
                Tab::Recent => self.recents(ui, rect, handle, snapshot),
                Tab::Devices => {
                    event = parts::devices(ui, rect, snapshot, true);
                    if !tabs.contains(&Tab::People) {
                        self.new_room_beside(ui, rect);
                    }
                }
            }
        }
        event
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
        let completion = Code::completion(&self.link);
        let entered = TextField::new("Code or link from your friend", &mut self.link)
            .hint("7-guitar-lamp")
            .completion(completion.as_deref())
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
                "Your friend says three words, or sends a link.",
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

    /// Nothing lies over the lobby, and nothing is under way.
    fn takes_pictures(&self, snapshot: &Snapshot) -> bool {
        let covered = snapshot.incoming.is_some() || snapshot.problem.is_some();
        !covered && !self.is_covered() && !self.joining
    }

    /// Joins the call of the picture that was dropped here, if one was.
    fn take_picture(&mut self, ui: &Ui, handle: &Handle) {
        // As a URL, which is not taken for anything else.
        let dropped = ui.input(|input| {
            let mut files = input.raw.dropped_files.iter();
            files.find_map(|file| Url::from_file_path(file.path()).ok())
        });
        if let Some(picture) = dropped {
            self.joining = true;
            handle.send(Command::Join {
                invite: picture.into(),
            });
        }
    }

    fn tabs(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        tabs: [Tab; 2],
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<LobbyEvent> {
        let bar = Rect::from_min_size(rect.min, vec2(rect.width(), 40.0));
        let names = tabs.map(Tab::name);
        // The one that was chosen may have become empty.
        let shown = usize::from(tabs[1] == self.tab);
        let chosen = segments(ui, bar, Role::Tab, &names, Some(shown));
        if let Some(chosen) = chosen {
            self.tab = tabs[chosen];
        }
        let list = below(rect, bar.bottom() + 8.0);
        match tabs[chosen.unwrap_or(shown)] {
            Tab::People => {
                self.people_rows(ui, list, NARROW_ROW, true, handle, snapshot);
                None
            }
            Tab::Recent => {
                self.recent_rows(ui, list, NARROW_ROW, handle, snapshot);
                None
            }
            Tab::Devices => {
                let with_room = !tabs.contains(&Tab::People);
                let height = parts::DEVICES + if with_room { NARROW_ROW } else { 0.0 };
                layout::scroll(ui, "devices", list, height, |ui, place| {
                    let event = parts::devices(ui, place, snapshot, false);
                    let row = Rect::from_min_size(
                        pos2(place.left(), place.top() + parts::DEVICES),
                        vec2(place.width(), NARROW_ROW),
                    );
                    if with_room && rooms::new_room(ui, row) {
                        self.making = Some(NewRoom::default());
                    }
                    event
                })
            }
        }
    }

    fn sheet(&mut self, ui: &Ui, handle: &Handle) {
        let Some(asking) = self.asking.clone() else {
            return;
        };
        let (title, text, answers) = match &asking {
            Asking::Why { title, why } => (title.as_str(), *why, None),
            Asking::Forget => (
                "Forget all recent calls?",
                "The list is kept on this computer only. It cannot be brought back.",
                Some(("Forget them", "Keep them")),
            ),
        };
        let size = ask_size(ui.ctx(), title, text);
        let shown = Sheet::new("lobby", title, size)
            .show(ui.ctx(), |ui, fresh| ask(ui, title, text, answers, fresh));
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

/// Over the card to join, while a file is held over the window.
fn drop_hint(ui: &mut Ui, card: Rect) {
    let t = tokens(ui);
    ui.painter().rect_filled(card, 20, t.accent_soft);
    ui.painter()
        .rect_stroke(card, 20, Stroke::new(2.0, t.accent), StrokeKind::Inside);
    let center = card.center();
    let icon = center - vec2(0.0, 18.0);
    paint::icon(ui.painter(), icon, Icon::LINK_SIMPLE, 26.0, false, t.accent);
    Words::new(
        "Drop the picture of a code here",
        theme::card_heading(),
        t.accent,
    )
    .polite()
    .cut_at(
        ui,
        center + vec2(0.0, 18.0),
        Align2::CENTER_CENTER,
        card.width() - 32.0,
    );
}

/// As large as a small sheet with these words is to be.
fn ask_size(ctx: &Context, title: &str, text: &str) -> Vec2 {
    let width = 420.0_f32.min(ctx.content_rect().width() - 24.0);
    let high = |text: &str, font| {
        let job = theme::paragraph(text, font, theme::LIGHT.text, width - 2.0 * ASK_PADDING);
        ctx.fonts_mut(|fonts| fonts.layout_job(job)).size().y
    };
    let words = high(title, theme::heading()) + ASK_GAP + high(text, theme::body());
    vec2(width, words + 24.0 + 40.0 + 2.0 * ASK_PADDING)
}

/// A small sheet's contents, with its answers, yes and no, if there is anything to answer; gives the one that was
/// given.
fn ask(
    ui: &mut Ui,
    title: &str,
    text: &str,
    answers: Option<(&str, &str)>,
    fresh: bool,
) -> Option<bool> {
    let t = tokens(ui);
    let rect = ui.max_rect().shrink(ASK_PADDING);
    let title = Words::new(title, theme::heading(), t.text)
        .heading()
        .within(ui, rect.left_top(), rect.width());
    Words::new(text, theme::body(), t.text2).within(
        ui,
        pos2(rect.left(), title.rect.bottom() + ASK_GAP),
        rect.width(),
    );
    let bottom = |right: f32, width: f32| {
        Rect::from_min_max(
            pos2(right - width, rect.bottom() - 40.0),
            pos2(right, rect.bottom()),
        )
    };
    let mut answer = None;
    let no = answers.map_or("Close", |(_, no)| no);
    let no = Button::new(ButtonKind::Quiet, no);
    let yes = answers.map(|(yes, _)| Button::new(ButtonKind::Danger, yes));
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
