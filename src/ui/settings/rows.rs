use std::time::{Duration, Instant};

use eframe::egui::{Align2, Rect, Role, Ui, pos2, vec2};

use super::item::Item;
use super::{SettingsScreen, about, network, people, portrait};
use crate::engine::{Command, DeviceState, Handle, Snapshot, SoundTrial};
use crate::settings::{Settings, ThemeChoice};
use crate::ui::devices::{self, device_select, hear, no_picture};
use crate::ui::icons::Icon;
use crate::ui::picture::Look;
use crate::ui::theme::{self, Weight, tokens};
use crate::ui::widgets::{
    Button, ButtonKind, RoundButton, RoundKind, TextField, Toggle, Words, paint, segments,
};

/// How long either half of the trial takes.
const TRIAL: Duration = Duration::from_secs(5);
/// The sizes on offer.
const SCALES: [f32; 5] = [1.0, 1.25, 1.5, 1.75, 2.0];
/// The colours on offer.
const THEMES: [(ThemeChoice, &str); 3] = [
    (ThemeChoice::System, "System"),
    (ThemeChoice::Light, "Light"),
    (ThemeChoice::Dark, "Dark"),
];
/// As wide as a control beside its title may be.
const CONTROL: f32 = 306.0;

impl SettingsScreen {
    /// How high `item` is on a card `width` wide.
    pub(super) fn height(&self, item: Item, width: f32, narrow: bool, snapshot: &Snapshot) -> f32 {
        let stacked = if narrow { 40.0 } else { 0.0 };
        match item {
            Item::Microphone => 106.0 + stacked * 1.3,
            Item::Speakers => 72.0 + stacked,
            Item::HearYourself => 72.0 + stacked * 1.2,
            Item::RemoveEcho | Item::ReduceNoise | Item::EvenVolume | Item::MusicMode => 76.0,
            Item::CameraOn | Item::CheckFirst | Item::ReducedMotion => 72.0,
            Item::Camera => 72.0 + stacked + picture_height(width) + 20.0,
            Item::Server => network::server_height(narrow),
            Item::IceServers => self.network.ice_height(snapshot, narrow),
            Item::RelayOnly | Item::HideFromStrangers | Item::ContactsOnly => 76.0,
            Item::Blocked => people::blocked_height(snapshot),
            Item::Portrait => portrait::height(narrow, snapshot),
            Item::Name | Item::Theme | Item::Size => 72.0 + stacked * 1.2,
            Item::Version => 72.0,
            Item::Keys => about::keys_height(),
            Item::Licences => about::licences_height(width),
        }
    }

    /// One item in `row`; gives the settings if it changed them.
    pub(super) fn item(
        &mut self,
        ui: &mut Ui,
        item: Item,
        row: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<Settings> {
        let mut settings = (*snapshot.settings).clone();
        let enabled = match item {
            Item::RemoveEcho | Item::ReduceNoise | Item::EvenVolume => !settings.music_mode,
            Item::RelayOnly => settings.relay_only || network::has_relay(&settings),
            Item::HideFromStrangers => network::has_relay(&settings),
            _ => true,
        };
        if let Some(on) = item.switch(&mut settings) {
            // It is on from the beginning, and hides nothing for as long as there is no relay.
            let shown = *on && (enabled || item != Item::HideFromStrangers);
            *on = self.toggle(ui, item, row, shown, enabled)?;
            return Some(settings);
        }
        match item {
            Item::Microphone => {
                settings.microphone = self.microphone(ui, row, narrow, snapshot)?;
            }
            Item::Speakers => {
                settings.speaker = self.speakers(ui, row, narrow, handle, snapshot)?
            }
            Item::HearYourself => self.hear_yourself(ui, row, narrow, handle, snapshot),
            Item::Camera => settings.camera = self.camera(ui, row, narrow, handle, snapshot)?,
            Item::Server => settings.server = self.network.server(ui, row, narrow, snapshot)?,
            Item::IceServers => return self.network.ice_servers(ui, row, narrow, snapshot),
            Item::Blocked => people::blocked(ui, row, handle, snapshot),
            Item::Portrait => self.portrait(ui, row, narrow, handle, snapshot),
            Item::Name => settings.name = self.name(ui, row, narrow, &settings)?,
            Item::Theme => {
                let place = self.beside(ui, item, row, narrow, CONTROL);
                let shown = THEMES
                    .iter()
                    .position(|(theme, _)| *theme == settings.theme);
                let names = THEMES.map(|(_, name)| name);
                let chosen = segments(ui, place, Role::RadioButton, &names, shown)?;
                settings.theme = THEMES[chosen].0;
            }
            Item::Size => {
                let place = self.beside(ui, item, row, narrow, CONTROL);
                let names = SCALES.map(|scale| format!("{:.0}%", scale * 100.0));
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let shown = SCALES
                    .iter()
                    .position(|scale| (scale - settings.scale).abs() < 0.01);
                let chosen = segments(ui, place, Role::RadioButton, &names, shown)?;
                settings.scale = SCALES[chosen];
            }
            Item::Version => about::version(ui, row),
            Item::Keys => about::keys(ui, row),
            Item::Licences => about::licences(ui, row),
            // Turned on and off above.
            Item::RemoveEcho
            | Item::ReduceNoise
            | Item::EvenVolume
            | Item::MusicMode
            | Item::CameraOn
            | Item::CheckFirst
            | Item::RelayOnly
            | Item::HideFromStrangers
            | Item::ContactsOnly
            | Item::ReducedMotion => {}
        }
        (settings != *snapshot.settings).then_some(settings)
    }

    /// Title and sentence in the middle of `row`, `width` wide.
    pub(super) fn title(&self, ui: &mut Ui, item: Item, row: Rect, detail: &str, width: f32) {
        let t = tokens(ui);
        let wraps = paint::text_width(ui, detail, theme::small()) > width;
        let y = match (detail.is_empty(), wraps) {
            (true, _) => row.center().y,
            (false, false) => row.center().y - 10.0,
            (false, true) => row.center().y - 18.0,
        };
        let at = pos2(row.left(), y);
        // Most controls say their title themselves.
        let title = if item.is_named_apart() {
            Words::new(item.title(), theme::name(), t.text)
                .id_salt("title")
                .cut_at(ui, at, Align2::LEFT_CENTER, width)
                .rect
        } else {
            let galley = paint::elided(ui, item.title(), theme::name(), t.text, width);
            paint::put(ui.painter(), galley, at, Align2::LEFT_CENTER)
        };
        if self.is_searching() {
            self.mark_found(ui, item, title);
        }
        if !detail.is_empty() {
            Words::new(detail, theme::small(), t.text2)
                .id_salt("detail")
                .within(ui, pos2(row.left(), y + 12.0), width);
        }
    }

    /// Underlines what was searched for, and says where the item is.
    fn mark_found(&self, ui: &mut Ui, item: Item, title: Rect) {
        let t = tokens(ui);
        let font = theme::name();
        let lower = item.title().to_lowercase();
        for word in self.query.split_whitespace() {
            let word = word.to_lowercase();
            let Some(at) = lower.find(&word) else {
                continue;
            };
            // Titles are plain English, so lower case has the same bytes.
            let before = paint::text_width(ui, &item.title()[..at], font.clone());
            let found = paint::text_width(ui, &item.title()[at..at + word.len()], font.clone());
            let line = Rect::from_min_size(
                pos2(title.left() + before, title.bottom() + 0.5),
                vec2(found, 2.0),
            );
            ui.painter().rect_filled(line, 1, t.brand);
        }
        let place = format!("in {}", item.page().title());
        Words::new(&place, theme::small(), t.text2).at(
            ui,
            pos2(title.right() + 10.0, title.center().y + 0.5),
            Align2::LEFT_CENTER,
        );
    }

    /// Title left and a place for a control right; below each other on narrow windows.
    pub(super) fn beside(
        &self,
        ui: &mut Ui,
        item: Item,
        row: Rect,
        narrow: bool,
        width: f32,
    ) -> Rect {
        self.beside_saying(ui, item, row, narrow, width, item.detail())
    }

    fn beside_saying(
        &self,
        ui: &mut Ui,
        item: Item,
        row: Rect,
        narrow: bool,
        width: f32,
        detail: &str,
    ) -> Rect {
        if narrow {
            let head = row.with_max_y(row.bottom() - 52.0);
            self.title(ui, item, head, detail, row.width());
            Rect::from_min_size(
                pos2(row.left(), row.bottom() - 56.0),
                vec2(row.width(), 42.0),
            )
        } else {
            self.title(ui, item, row, detail, row.width() - width - 16.0);
            Rect::from_center_size(
                pos2(row.right() - width / 2.0, row.center().y),
                vec2(width, 42.0),
            )
        }
    }

    /// A row with a toggle; gives the other state when it was used.
    fn toggle(&self, ui: &mut Ui, item: Item, row: Rect, on: bool, enabled: bool) -> Option<bool> {
        let width = row.width() - Toggle::SIZE.x - 16.0;
        self.title(ui, item, row, item.detail(), width);
        let at = pos2(row.right() - Toggle::SIZE.x, row.center().y);
        Toggle::new(item.title(), on)
            .enabled(enabled)
            .at(ui, at)
            .clicked()
            .then_some(!on)
    }

    fn microphone(
        &mut self,
        ui: &mut Ui,
        row: Rect,
        narrow: bool,
        snapshot: &Snapshot,
    ) -> Option<Option<String>> {
        let head = row.with_max_y(row.bottom() - if narrow { 38.0 } else { 26.0 });
        let place = self.beside(ui, Item::Microphone, head, narrow, CONTROL);
        let picked = device_select(ui, place, devices::Role::Microphone, snapshot);
        let hearing = hear(ui, &mut self.meter, snapshot);
        let (_, ink) = hearing.tone.colors(ui);
        let y = row.bottom() - 27.0;
        let bars = matches!(snapshot.local.microphone, DeviceState::On { .. });
        let bars_width = if narrow { 110.0 } else { place.width() - 4.0 };
        let width = if bars {
            row.width() - bars_width - 40.0
        } else {
            row.width() - 24.0
        };
        let words = Words::new(hearing.sentence, theme::font(13.0, Weight::Medium), ink)
            .id_salt("verdict")
            .cut_at(ui, pos2(row.left(), y), Align2::LEFT_CENTER, width);
        paint::icon(
            ui.painter(),
            pos2(words.rect.right() + 14.0, y),
            hearing.icon,
            15.0,
            true,
            ink,
        );
        if bars {
            let place = Rect::from_min_size(
                pos2(row.right() - bars_width, y - 6.0),
                vec2(bars_width, 12.0),
            );
            self.meter.paint(ui, place, snapshot.local.level);
        }
        picked
    }

    fn speakers(
        &self,
        ui: &mut Ui,
        row: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<Option<String>> {
        let place = self.beside(ui, Item::Speakers, row, narrow, CONTROL);
        let select = place.with_max_x(place.right() - 52.0);
        let picked = device_select(ui, select, devices::Role::Speakers, snapshot);
        let play = RoundButton::new(RoundKind::Soft, Icon::PLAY, "Play a test sound")
            .diameter(42.0)
            .icon_size(18.0)
            .at(ui, pos2(place.right() - 21.0, place.center().y));
        if play.clicked() {
            handle.send(Command::PlayTestSound);
        }
        picked
    }

    fn hear_yourself(
        &self,
        ui: &mut Ui,
        row: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) {
        let left = |since: Instant| {
            ui.ctx().request_repaint_after(Duration::from_millis(200));
            TRIAL
                .saturating_sub(since.elapsed())
                .as_secs_f32()
                .ceil()
                .max(1.0)
        };
        let (detail, label) = match snapshot.sound_trial {
            SoundTrial::Idle => (Item::HearYourself.detail().to_owned(), "Try my sound"),
            SoundTrial::Recording { since } => (
                format!("Say something. You’ll hear it in {:.0} s.", left(since)),
                "Recording…",
            ),
            SoundTrial::Playing { since } => {
                left(since);
                ("This is what friends hear.".to_owned(), "Playing…")
            }
        };
        let place = self.beside_saying(ui, Item::HearYourself, row, narrow, 158.0, &detail);
        let button = Button::new(ButtonKind::Quiet, label)
            .id_salt("try")
            .icon(Icon::WAVEFORM)
            .busy(snapshot.sound_trial != SoundTrial::Idle);
        if button.at(ui, place.shrink2(vec2(0.0, 1.0))).clicked() {
            handle.send(Command::TrySound);
        }
    }

    fn camera(
        &mut self,
        ui: &mut Ui,
        row: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<Option<String>> {
        let height = picture_height(row.width() + 40.0);
        let head = row.with_max_y(row.bottom() - height - 20.0);
        let place = self.beside(ui, Item::Camera, head, narrow, CONTROL);
        let picked = device_select(ui, place, devices::Role::Camera, snapshot);
        let width = (height * 16.0 / 9.0).min(row.width());
        let tile = Rect::from_min_size(
            pos2(row.center().x - width / 2.0, head.bottom()),
            vec2(width, height),
        );
        ui.painter().rect_filled(tile, 16, theme::STAGE.surface);
        let look = Look {
            corner_radius: 16.0,
            mirrored: true,
            ..Look::default()
        };
        let usable = matches!(snapshot.local.camera, DeviceState::On { .. });
        if !usable || !self.picture.show(ui, tile, &handle.self_view(), look) {
            no_picture(ui, tile, &snapshot.local.camera);
        }
        picked
    }

    fn name(
        &mut self,
        ui: &mut Ui,
        row: Rect,
        narrow: bool,
        settings: &Settings,
    ) -> Option<String> {
        let place = self.beside(ui, Item::Name, row, narrow, CONTROL);
        let id = TextField::id(ui, "Your name");
        if !ui.memory(|memory| memory.has_focus(id) || memory.had_focus_last_frame(id)) {
            self.name.clone_from(&settings.name);
        }
        let field = TextField::new("Your name", &mut self.name)
            .hint("What friends call you")
            .limit(64)
            .at(ui, place);
        let name = self.name.trim();
        (field.settled && name != settings.name).then(|| name.to_owned())
    }
}

/// Of the camera's picture on a card `width` wide.
fn picture_height(width: f32) -> f32 {
    ((width - 40.0) * 9.0 / 16.0).min(300.0)
}
