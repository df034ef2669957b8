use eframe::egui::{Align2, Rect, Ui, pos2, vec2};

use super::item::Item;
use super::network::heading;
use crate::engine::{Command, Handle, Snapshot};
use crate::ui::theme::{self, tokens};
use crate::ui::widgets::{Button, ButtonKind, Words, avatar};

/// Above the list.
const HEAD: f32 = 72.0;
/// Each of them.
const ROW: f32 = 56.0;
/// Where nobody is.
const NOBODY: f32 = 34.0;
const UNBLOCK: f32 = 96.0;

pub(super) fn blocked_height(snapshot: &Snapshot) -> f32 {
    match snapshot.blocked.len() {
        0 => HEAD + NOBODY,
        people => HEAD + ROW * people as f32 + 6.0,
    }
}

/// Of whom nothing is heard, each with a way to hear of them again.
pub(super) fn blocked(ui: &mut Ui, row: Rect, handle: &Handle, snapshot: &Snapshot) {
    heading(ui, Item::Blocked, row);
    let top = row.top() + HEAD;
    if snapshot.blocked.is_empty() {
        let at = pos2(row.left(), top + NOBODY / 2.0 - 6.0);
        Words::new("Nobody is blocked.", theme::body(), tokens(ui).text2).at(
            ui,
            at,
            Align2::LEFT_CENTER,
        );
        return;
    }
    for (index, (identity, name)) in snapshot.blocked.iter().enumerate() {
        let corner = pos2(row.left(), top + ROW * index as f32);
        let place = Rect::from_min_size(corner, vec2(row.width(), ROW - 6.0));
        let unblocked = ui.push_id(identity, |ui| listed(ui, place, name));
        if unblocked.inner {
            handle.send(Command::Unblock(*identity));
        }
    }
}

/// One of them; true when they may be heard again.
fn listed(ui: &mut Ui, place: Rect, name: &str) -> bool {
    let t = tokens(ui);
    ui.painter().rect_filled(place, 12, t.sunken);
    let y = place.center().y;
    let shown = match name.trim() {
        "" => "Somebody without a name",
        name => name,
    };
    avatar(ui.painter(), pos2(place.left() + 28.0, y), 16.0, shown);
    let button = Rect::from_min_max(
        pos2(place.right() - 8.0 - UNBLOCK, y - 18.0),
        pos2(place.right() - 8.0, y + 18.0),
    );
    let left = place.left() + 54.0;
    Words::new(shown, theme::name(), t.text).cut_at(
        ui,
        pos2(left, y),
        Align2::LEFT_CENTER,
        button.left() - 8.0 - left,
    );
    let spoken = format!("Unblock {shown}");
    Button::new(ButtonKind::Ghost, "Unblock")
        .name(&spoken)
        .at(ui, button)
        .clicked()
}
