use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use eframe::egui::{Color32, Id, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use qrcode::{Color, EcLevel, QrCode};

/// A link, to be photographed (QR code, ISO 18004): dark on light in both themes, as not every camera takes
/// it the other way round.
pub fn qr_code(ui: &mut Ui, rect: Rect, text: &str, name: &str) {
    let response = ui.interact(rect, ui.make_persistent_id("qr"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let Some(code) = modules(ui, text) else {
        return;
    };
    let pixel = 1.0 / ui.ctx().pixels_per_point();
    // Whole pixels, so that no edge is blurred.
    let side = (rect.width() / code.width as f32 / pixel).floor().max(1.0) * pixel;
    let size = side * code.width as f32;
    let corner = rect.center() - vec2(size, size) / 2.0;
    let corner = pos2(
        (corner.x / pixel).round() * pixel,
        (corner.y / pixel).round() * pixel,
    );
    for (row, line) in code.dark.chunks(code.width).enumerate() {
        for (start, length) in runs(line) {
            let at = corner + vec2(start as f32, row as f32) * side;
            let dark = Rect::from_min_size(at, vec2(length as f32 * side, side));
            ui.painter()
                .rect_filled(dark, 0, Color32::from_rgb(0x16, 0x31, 0x3A));
        }
    }
}

struct Modules {
    width: usize,
    /// Row by row.
    dark: Vec<bool>,
}

/// Made once, not in each frame.
fn modules(ui: &Ui, text: &str) -> Option<Arc<Modules>> {
    // The text itself would be kept for debugging, and there is a secret in it.
    let id = Id::unique(("qr", hash(text)));
    if let Some(known) = ui.data(|data| data.get_temp::<Arc<Modules>>(id)) {
        return Some(known);
    }
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let modules = Arc::new(Modules {
        width: code.width(),
        dark: code
            .into_colors()
            .into_iter()
            .map(|color| color == Color::Dark)
            .collect(),
    });
    ui.data_mut(|data| data.insert_temp(id, modules.clone()));
    Some(modules)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Where dark modules begin, and how many there are in a row.
fn runs(line: &[bool]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in line.iter().enumerate().filter(|(_, dark)| **dark) {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            _ => runs.push((at, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_painted_together() {
        assert_eq!(runs(&[true, true, false, true, false]), [(0, 2), (3, 1)]);
        assert_eq!(runs(&[false; 3]), []);
    }
}
