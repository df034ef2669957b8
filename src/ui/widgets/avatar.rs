use eframe::egui::{Align2, Color32, Painter, Pos2, Rect, Stroke, Ui, Vec2, pos2, vec2};

use super::paint;
use crate::engine::Presence;
use crate::trust::Portrait;
use crate::ui::icons::Icon;
use crate::ui::portraits;
use crate::ui::theme::{self, Weight, tokens};

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

/// Fill and ink; each pair has a contrast of 7.4 or more.
const COLORS: [(Color32, Color32); 8] = [
    (rgb(0xF6C9A8), rgb(0x5A2A0C)),
    (rgb(0xBFE3D0), rgb(0x0F4A30)),
    (rgb(0xC9D9F7), rgb(0x1B3672)),
    (rgb(0xF3C6D3), rgb(0x6A1637)),
    (rgb(0xF5DE9C), rgb(0x563C00)),
    (rgb(0xD9CCF3), rgb(0x3F2280)),
    (rgb(0xBEE5EC), rgb(0x0B4654)),
    (rgb(0xE2DCC8), rgb(0x433A22)),
];

/// The first letters of the first and the last word.
pub fn initials(name: &str) -> String {
    let mut words = name
        .split_whitespace()
        .filter_map(|word| word.chars().find(|letter| letter.is_alphanumeric()));
    let first = words.next();
    let last = words.next_back();
    first
        .into_iter()
        .chain(last)
        .flat_map(char::to_uppercase)
        .collect()
}

/// The same colours for the same name, on every computer (FNV-1a).
fn colors(name: &str) -> (Color32, Color32) {
    let hash = name.trim().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    COLORS[(hash >> 8) as usize % COLORS.len()]
}

/// A person: initials on a colour of their own, or a figure for somebody without a name.
pub fn avatar(painter: &Painter, center: Pos2, radius: f32, name: &str) {
    let (fill, ink) = colors(name);
    painter.circle_filled(center, radius, fill);
    let initials = initials(name);
    if initials.is_empty() {
        paint::icon(painter, center, Icon::USER, radius, true, ink);
    } else {
        painter.text(
            center + vec2(0.0, 0.5),
            Align2::CENTER_CENTER,
            initials,
            theme::font(radius * 0.78, Weight::Semibold),
            ink,
        );
    }
}

/// A person as they show themselves, or their [`avatar`].
pub fn face(painter: &Painter, center: Pos2, radius: f32, name: &str, portrait: Option<&Portrait>) {
    let rect = Rect::from_center_size(center, Vec2::splat(2.0 * radius));
    // A long list is painted whole.
    if !painter.clip_rect().intersects(rect) {
        return;
    }
    let texture = portrait.and_then(|portrait| portraits::texture(painter.ctx(), portrait));
    match texture {
        Some(texture) => {
            let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
            paint::picture(painter, rect, radius.round() as u8, texture, whole);
        }
        None => avatar(painter, center, radius, name),
    }
}

/// How somebody is, on the rim of their avatar: filled, a bar, or hollow, so that the shape says it as
/// well as the colour. `ground` is what lies behind the avatar.
pub fn presence_mark(
    ui: &Ui,
    center: Pos2,
    radius: f32,
    presence: Option<Presence>,
    ground: Color32,
) {
    let t = tokens(ui);
    let painter = ui.painter();
    let size = (radius * 0.27).max(4.5);
    let at = center + Vec2::splat(radius * 0.72);
    painter.circle_filled(at, size + 2.0, ground);
    match presence {
        Some(Presence::Free) => {
            painter.circle_filled(at, size, t.meter_good);
        }
        Some(Presence::Busy) => {
            painter.circle_filled(at, size, t.warn);
            let bar = Rect::from_center_size(at, vec2(size * 1.1, 2.0));
            painter.rect_filled(bar, 1, ground);
        }
        None => {
            painter.circle_stroke(at, size - 1.0, Stroke::new(2.0, t.edge));
        }
    }
}

/// Where somebody is still to come: a dashed circle.
pub fn empty_seat(painter: &Painter, center: Pos2, radius: f32, edge: Color32, ink: Color32) {
    for dash in 0..20 {
        paint::arc(
            painter,
            center,
            radius - 1.0,
            dash as f32 / 20.0,
            0.03,
            Stroke::new(2.0, edge),
        );
    }
    paint::icon(painter, center, Icon::USER_PLUS, radius * 0.8, false, ink);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_those_of_the_first_and_last_name() {
        assert_eq!(initials("Maya Lindqvist"), "ML");
        assert_eq!(initials("  grandma   elsa "), "GE");
        assert_eq!(initials("Anna Maria Weber"), "AW");
        assert_eq!(initials("Élodie"), "É");
        assert_eq!(initials("(Tom) \u{1F600} O'Brien"), "TO");
        assert_eq!(initials(" \u{1F600} "), "");
        assert_eq!(initials(""), "");
    }

    #[test]
    fn a_name_keeps_its_colours() {
        assert_eq!(colors("Maya Lindqvist"), colors(" Maya Lindqvist "));
        let all: std::collections::BTreeSet<_> = ["Maya", "Tom", "Priya", "Elsa", "Lea", "Jonas"]
            .into_iter()
            .map(|name| colors(name).0.to_array())
            .collect();
        assert!(all.len() > 2, "people look different");
    }
}
