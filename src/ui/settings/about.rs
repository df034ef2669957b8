use eframe::egui::{Align2, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use super::item::Item;
use crate::ui::assets;
use crate::ui::theme::{self, Weight, tokens};
use crate::ui::widgets::{Words, paint};

/// Keys, and what they do.
const KEYS: [(&str, &str); 12] = [
    ("Ctrl N", "Start a call"),
    ("Ctrl J", "Join a call"),
    ("Ctrl ,", "Settings"),
    ("Ctrl F", "Search settings"),
    ("Ctrl + and Ctrl −", "Larger and smaller"),
    ("Esc", "Back"),
    ("Ctrl D", "In a call: mute or unmute"),
    ("Ctrl E", "In a call: camera on or off"),
    ("Space, held", "In a call: talk while muted"),
    ("Ctrl I", "In a call: how it is doing"),
    ("F11", "In a call: full screen"),
    ("Ctrl Shift H", "In a call: hang up"),
];
const KEY_ROW: f32 = 34.0;
const LICENCES: &str = "The letters are Inter, © 2016 The Inter Project Authors, SIL Open Font License 1.1. The icons are Phosphor, © 2020 Phosphor Icons, MIT License. The pictures beside safety words are Noto Emoji, © 2013 Google LLC, SIL Open Font License 1.1. The licences come with Twocan.";

pub(super) fn version(ui: &mut Ui, row: Rect) {
    let t = tokens(ui);
    let mark = Rect::from_center_size(pos2(row.left() + 20.0, row.center().y), vec2(40.0, 40.0));
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let icon = assets::icon(ui.ctx());
    paint::picture(ui.painter(), mark, 10, icon.id(), whole);
    let title = format!("Twocan {}", env!("CARGO_PKG_VERSION"));
    let left = mark.right() + 14.0;
    Words::new(&title, theme::name(), t.text).at(
        ui,
        pos2(left, row.center().y - 10.0),
        Align2::LEFT_CENTER,
    );
    Words::new(Item::Version.detail(), theme::small(), t.text2).at(
        ui,
        pos2(left, row.center().y + 11.0),
        Align2::LEFT_CENTER,
    );
}

pub(super) fn keys_height() -> f32 {
    56.0 + KEY_ROW * KEYS.len() as f32
}

pub(super) fn keys(ui: &mut Ui, row: Rect) {
    let t = tokens(ui);
    Words::new(Item::Keys.title(), theme::card_heading(), t.text)
        .heading()
        .at(ui, pos2(row.left(), row.top() + 28.0), Align2::LEFT_CENTER);
    for (index, (key, action)) in KEYS.into_iter().enumerate() {
        let y = row.top() + 48.0 + KEY_ROW * (index as f32 + 0.5);
        let font = theme::font(12.0, Weight::Semibold);
        let width = paint::text_width(ui, key, font.clone()) + 16.0;
        let cap = Rect::from_min_size(pos2(row.right() - width, y - 12.0), vec2(width, 24.0));
        ui.painter()
            .rect_stroke(cap, 6, Stroke::new(1.0, t.edge), StrokeKind::Inside);
        Words::new(action, theme::font(14.0, Weight::Regular), t.text).cut_at(
            ui,
            pos2(row.left(), y),
            Align2::LEFT_CENTER,
            cap.left() - 12.0 - row.left(),
        );
        Words::new(key, font, t.text2).at(ui, cap.center(), Align2::CENTER_CENTER);
    }
}

pub(super) fn licences_height(width: f32) -> f32 {
    // The paragraph's length is known, so a rough count of lines is enough.
    let lines = (LICENCES.len() as f32 * 6.6 / (width - 40.0)).ceil();
    72.0 + 18.0 * lines + 12.0
}

pub(super) fn licences(ui: &mut Ui, row: Rect) {
    let t = tokens(ui);
    Words::new(Item::Licences.title(), theme::card_heading(), t.text)
        .heading()
        .at(ui, pos2(row.left(), row.top() + 28.0), Align2::LEFT_CENTER);
    Words::new(Item::Licences.detail(), theme::small(), t.text2).cut_at(
        ui,
        pos2(row.left(), row.top() + 52.0),
        Align2::LEFT_CENTER,
        row.width(),
    );
    Words::new(LICENCES, theme::small(), t.text2).within(
        ui,
        pos2(row.left(), row.top() + 66.0),
        row.width(),
    );
}
