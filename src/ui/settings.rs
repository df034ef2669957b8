//! Settings: pages of cards, and a search that shows the working controls it found. What is changed
//! holds at once.

mod about;
mod item;
mod network;
mod people;
mod portrait;
mod rows;

use eframe::egui::{
    Align2, CursorIcon, FontId, Pos2, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2,
};

pub use item::Page;

use item::Item;
use network::NetworkDrafts;
use portrait::PortraitDraft;

use super::icons::Icon;
use super::layout;
use super::picture::Picture;
use super::theme::{self, Weight, fade, tokens};
use super::widgets::{Meter, RoundButton, RoundKind, TextField, Words, divider, paint};
use crate::engine::{Command, Handle, Snapshot};
use crate::settings::Settings;

/// Which devices the page that is shown wants open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// For the meter.
    pub microphone: bool,
    /// For the picture.
    pub camera: bool,
}

/// What became of the settings' screen in a frame.
#[derive(Debug, Default)]
pub struct SettingsResponse {
    /// A person wants to go back to where they came from.
    pub back: bool,
    /// What the settings are to be now.
    pub changed: Option<Settings>,
}

/// What the settings' screen remembers between frames.
#[derive(Debug, Default)]
pub struct SettingsScreen {
    page: Page,
    /// On narrow windows: a page is shown, not the list.
    opened: bool,
    query: String,
    focus_search: bool,
    meter: Meter,
    picture: Picture,
    name: String,
    portrait: PortraitDraft,
    network: NetworkDrafts,
}

impl SettingsScreen {
    /// Begins with `page`.
    pub fn open(&mut self, page: Page) {
        self.page = page;
        self.opened = true;
        self.query.clear();
        self.portrait = PortraitDraft::default();
        self.network = NetworkDrafts::default();
        self.meter = Meter::default();
    }

    /// Puts the keyboard into the search.
    pub fn search(&mut self) {
        self.focus_search = true;
        self.opened = false;
    }

    /// What is to be open for what is shown.
    pub fn wants(&self) -> Wanted {
        let shown = |item: Item| {
            if self.is_searching() {
                item.matches(&self.query)
            } else {
                item.page() == self.page
            }
        };
        Wanted {
            microphone: shown(Item::Microphone),
            camera: shown(Item::Camera),
        }
    }

    /// Esc: clears the search, closes a page on narrow windows; false if there was nothing to do.
    pub fn step_back(&mut self, window: Rect) -> bool {
        if self.is_searching() {
            self.query.clear();
            true
        } else if layout::is_narrow(window) && self.opened {
            self.opened = false;
            true
        } else {
            false
        }
    }

    fn is_searching(&self) -> bool {
        !self.query.trim().is_empty()
    }

    /// Shows it in `window`.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        window: Rect,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> SettingsResponse {
        let mut response = SettingsResponse::default();
        let narrow = layout::is_narrow(window);
        let nav = if narrow {
            window
        } else {
            window.with_max_x(window.left() + 256.0)
        };
        let page = if narrow {
            window.shrink2(vec2(16.0, 0.0))
        } else {
            let space = window.with_min_x(nav.right());
            let width = (space.width() - 72.0).min(760.0);
            Rect::from_min_size(
                pos2(nav.right() + 36.0, window.top()),
                vec2(width, window.height()),
            )
        };
        if narrow && self.opened && !self.is_searching() {
            response.changed = self.page(ui, page, true, handle, snapshot);
            return response;
        }
        response.back = self.nav(ui, nav, narrow);
        if !narrow {
            response.changed = self.page(ui, page, false, handle, snapshot);
        } else if self.is_searching() {
            let results = layout::below(page, window.top() + 124.0);
            response.changed = self.results(ui, results, true, handle, snapshot);
        }
        response
    }

    /// The list of pages, with the search above it.
    fn nav(&mut self, ui: &mut Ui, nav: Rect, narrow: bool) -> bool {
        let t = tokens(ui);
        if !narrow {
            ui.painter().rect_filled(nav, 0, t.sunken);
        }
        let back = head(ui, nav.min, "Settings", theme::heading(), Some("Back"));
        let field = Rect::from_min_size(nav.min + vec2(16.0, 76.0), vec2(nav.width() - 32.0, 40.0));
        self.search_field(ui, field);
        if narrow && self.is_searching() {
            return back;
        }
        let top = nav.top() + 132.0;
        for (index, page) in Page::ALL.into_iter().enumerate() {
            let place = Rect::from_min_size(
                pos2(nav.left() + 12.0, top + 46.0 * index as f32),
                vec2(nav.width() - 24.0, 42.0),
            );
            let selected = page == self.page && !self.is_searching() && !narrow;
            if nav_entry(ui, place, page, selected).clicked() {
                self.open(page);
            }
        }
        back
    }

    fn search_field(&mut self, ui: &mut Ui, field: Rect) {
        let t = tokens(ui);
        let id = TextField::id(ui, "Search settings");
        if std::mem::take(&mut self.focus_search) {
            ui.memory_mut(|memory| memory.request_focus(id));
        }
        let right = if self.query.is_empty() { 40.0 } else { 24.0 };
        TextField::new("Search settings", &mut self.query)
            .hint("Search settings")
            .icon(Icon::MAGNIFYING_GLASS)
            .size(14.0)
            .limit(80)
            .leave_right(right)
            .at(ui, field);
        if self.query.is_empty() {
            ui.painter().text(
                pos2(field.right() - 12.0, field.center().y),
                Align2::RIGHT_CENTER,
                "Ctrl F",
                theme::font(12.0, Weight::Medium),
                t.text2,
            );
        } else {
            let clear = RoundButton::new(RoundKind::Ghost, Icon::X, "Clear the search")
                .diameter(28.0)
                .icon_size(15.0)
                .at(ui, pos2(field.right() - 20.0, field.center().y));
            if clear.clicked() {
                self.query.clear();
                ui.memory_mut(|memory| memory.request_focus(id));
            }
        }
    }

    fn page(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<Settings> {
        if self.is_searching() {
            return self.results(ui, rect, narrow, handle, snapshot);
        }
        let page = self.page;
        let (corner, back) = if narrow {
            (rect.min - vec2(16.0, 0.0), Some("Back to the list"))
        } else {
            (rect.min, None)
        };
        let font = theme::font(22.0, Weight::Display);
        if head(ui, corner, page.title(), font, back) {
            self.opened = false;
        }
        let body = layout::below(rect, rect.top() + 76.0);
        let cards = page.cards();
        self.cards(
            ui,
            Cards {
                id_salt: page.title(),
                cards,
                gap: 18.0,
            },
            body,
            narrow,
            handle,
            snapshot,
        )
    }

    fn results(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<Settings> {
        let t = tokens(ui);
        let query = self.query.trim().to_owned();
        let found: Vec<Item> = Item::ALL
            .into_iter()
            .filter(|item| item.matches(&query))
            .collect();
        let title = match found.len() {
            0 => format!("Nothing for “{query}”"),
            1 => format!("1 result for “{query}”"),
            many => format!("{many} results for “{query}”"),
        };
        let (top, size) = if narrow { (16.0, 17.0) } else { (40.0, 22.0) };
        Words::new(&title, theme::font(size, Weight::Display), t.text)
            .id_salt("results")
            .heading()
            .polite()
            .cut_at(
                ui,
                rect.left_top() + vec2(0.0, top),
                Align2::LEFT_CENTER,
                rect.width(),
            );
        let body = layout::below(rect, rect.top() + top + 36.0);
        let cards: Vec<&[Item]> = found.chunks(1).collect();
        self.cards(
            ui,
            Cards {
                id_salt: "results",
                cards: &cards,
                gap: 12.0,
            },
            body,
            narrow,
            handle,
            snapshot,
        )
    }

    /// Cards below each other in `body`, scrolling if need be.
    fn cards(
        &mut self,
        ui: &mut Ui,
        Cards {
            id_salt,
            cards,
            gap,
        }: Cards<'_>,
        body: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<Settings> {
        let width = body.width();
        let heights: Vec<Vec<f32>> = cards
            .iter()
            .map(|card| {
                let heights = card.iter();
                heights
                    .map(|item| self.height(*item, width, narrow, snapshot))
                    .collect()
            })
            .collect();
        let total = heights.iter().flatten().sum::<f32>() + gap * cards.len() as f32 + 6.0;
        // Room for the shadow and focus rings left and right.
        let clip = body.expand2(vec2(8.0, 0.0));
        let mut changed = None;
        layout::scroll(ui, id_salt, clip, total, |ui, place| {
            let mut top = place.top();
            for (card, heights) in cards.iter().zip(&heights) {
                let size = vec2(width, heights.iter().sum());
                paint::card(ui, Rect::from_min_size(pos2(body.left(), top), size), 16);
                for (index, (item, height)) in card.iter().zip(heights).enumerate() {
                    let row = Rect::from_min_size(
                        pos2(body.left() + 20.0, top),
                        vec2(width - 40.0, *height),
                    );
                    if index > 0 {
                        divider(ui, row.x_range(), row.top());
                    }
                    let now = ui
                        .push_id(item, |ui| {
                            self.item(ui, *item, row, narrow, handle, snapshot)
                        })
                        .inner;
                    changed = changed.take().or(now);
                    top += height;
                }
                top += gap;
            }
        });
        changed
    }
}

/// Rows on cards, each card followed by a `gap`.
struct Cards<'a> {
    id_salt: &'a str,
    cards: &'a [&'a [Item]],
    gap: f32,
}

/// A title at the top left, after a button that is called `back`, if any; true when that was used.
fn head(ui: &mut Ui, corner: Pos2, title: &str, font: FontId, back: Option<&str>) -> bool {
    let used = back.is_some_and(|name| {
        RoundButton::new(RoundKind::Ghost, Icon::ARROW_LEFT, name)
            .icon_size(17.0)
            .at(ui, corner + vec2(36.0, 40.0))
            .clicked()
    });
    let left = if back.is_some() { 62.0 } else { 0.0 };
    Words::new(title, font, tokens(ui).text)
        .id_salt(back.unwrap_or("page"))
        .heading()
        .at(ui, corner + vec2(left, 40.0), Align2::LEFT_CENTER);
    used
}

fn nav_entry(ui: &mut Ui, place: Rect, page: Page, selected: bool) -> Response {
    let t = tokens(ui);
    let title = page.title();
    let response = ui
        .interact(
            place,
            ui.make_persistent_id(("page", title)),
            Sense::click(),
        )
        .on_hover_cursor(CursorIcon::PointingHand);
    response.widget_info(|| WidgetInfo::selected(Role::Tab, true, selected, title));
    if selected {
        ui.painter().rect_filled(place, 12, t.surface);
        let mark = Rect::from_min_size(place.min + vec2(0.0, 11.0), vec2(4.0, 20.0));
        ui.painter().rect_filled(mark, 2, t.accent);
    } else if response.hovered() {
        ui.painter().rect_filled(place, 12, fade(t.surface, 0.5));
    }
    let y = place.center().y;
    let color = if selected { t.accent } else { t.text2 };
    paint::icon(
        ui.painter(),
        pos2(place.left() + 26.0, y),
        page.icon(),
        19.0,
        selected,
        color,
    );
    let weight = if selected {
        Weight::Semibold
    } else {
        Weight::Medium
    };
    ui.painter().text(
        pos2(place.left() + 48.0, y),
        Align2::LEFT_CENTER,
        title,
        theme::font(14.5, weight),
        t.text,
    );
    paint::focus_ring(ui, place.shrink(3.0), 9, &response);
    response
}

/// Asks the engine for devices, once for each change of what is wanted.
pub fn preview(handle: &Handle, asked: &mut Wanted, wanted: Wanted) {
    if *asked != wanted {
        *asked = wanted;
        handle.send(Command::Preview {
            microphone: wanted.microphone,
            camera: wanted.camera,
        });
    }
}
