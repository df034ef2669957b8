//! Painting that several widgets share.

use std::sync::Arc;

use eframe::egui::{
    Align, Align2, Color32, FontId, Galley, Painter, Pos2, Rect, Response, Shadow, Stroke,
    StrokeKind, TextureId, Ui, Vec2,
    epaint::{RectShape, text::LayoutJob},
    pos2, vec2,
};

use crate::ui::icons::Icon;
use crate::ui::theme::{self, LIGHT, tokens};

/// One line of `text`, cut with an ellipsis at `width`.
pub fn elided(ui: &Ui, text: &str, font: FontId, color: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap.max_width = width.max(0.0);
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    ui.painter().layout_job(job)
}

/// How wide one line of `text` is.
pub fn text_width(ui: &Ui, text: &str, font: FontId) -> f32 {
    ui.painter()
        .layout_no_wrap(text.to_owned(), font, Color32::WHITE)
        .size()
        .x
}

/// Puts a laid-out text so that `anchor` of it is at `pos`; gives where it is.
pub fn put(painter: &Painter, galley: Arc<Galley>, pos: Pos2, anchor: Align2) -> Rect {
    let rect = anchor.anchor_size(pos, galley.size());
    // A galley that is centred or right-aligned within itself is drawn from that line.
    let x = match galley.job.halign {
        Align::Min => rect.left(),
        Align::Center => rect.center().x,
        Align::Max => rect.right(),
    };
    painter.galley(pos2(x, rect.top()), galley, Color32::PLACEHOLDER);
    rect
}

/// An icon around `center`.
pub fn icon(painter: &Painter, center: Pos2, icon: Icon, size: f32, filled: bool, color: Color32) {
    painter.text(
        center + vec2(0.0, 0.5),
        Align2::CENTER_CENTER,
        icon.glyph(),
        theme::icon_font(size, filled),
        color,
    );
}

/// How far something stands out from what is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elevation {
    /// Cards.
    One,
    /// Bars, toasts, the preview.
    Two,
    /// Sheets, the self view.
    Three,
}

/// The shadow below `rect`.
pub fn shadow(ui: &Ui, rect: Rect, radius: u8, elevation: Elevation) {
    let (offset, blur, alpha) = match elevation {
        Elevation::One => (2, 10, 0.05),
        Elevation::Two => (6, 24, 0.12),
        Elevation::Three => (14, 48, 0.28),
    };
    let alpha = if tokens(ui).dark { alpha * 2.2 } else { alpha };
    let shadow = Shadow {
        offset: [0, offset],
        blur,
        spread: 0,
        color: theme::fade(LIGHT.text, alpha),
    };
    ui.painter().add(shadow.as_shape(rect, radius));
}

/// A surface with a line around it.
pub fn card(ui: &Ui, rect: Rect, radius: u8) {
    let tokens = tokens(ui);
    if !tokens.dark {
        shadow(ui, rect, radius, Elevation::One);
    }
    ui.painter().rect(
        rect,
        radius,
        tokens.surface,
        Stroke::new(1.0, tokens.line),
        StrokeKind::Inside,
    );
}

/// The ring around what has the keyboard: 2 points thick, 3 points outside.
pub fn focus_ring(ui: &Ui, rect: Rect, radius: u8, response: &Response) {
    if response.has_focus() {
        ui.painter().rect_stroke(
            rect.expand(3.0),
            radius.saturating_add(3),
            Stroke::new(2.0, tokens(ui).accent),
            StrokeKind::Middle,
        );
    }
}

/// The part of a texture of `size` that covers `rect` without being stretched; mirrored if asked.
pub fn cover(rect: Rect, size: Vec2, mirrored: bool) -> Rect {
    let wanted = rect.width() / rect.height().max(1.0);
    let there = size.x / size.y.max(1.0);
    let share = if wanted > there {
        vec2(1.0, there / wanted)
    } else {
        vec2(wanted / there, 1.0)
    };
    let uv = Rect::from_center_size(pos2(0.5, 0.5), share);
    if mirrored {
        Rect::from_min_max(pos2(uv.right(), uv.top()), pos2(uv.left(), uv.bottom()))
    } else {
        uv
    }
}

/// A texture in a rounded rectangle.
pub fn picture(painter: &Painter, rect: Rect, radius: u8, texture: TextureId, uv: Rect) {
    painter.add(RectShape::filled(rect, radius, Color32::WHITE).with_texture(texture, uv));
}

/// A slice of a circle's rim, from the top, clockwise; `share` of a turn.
pub fn arc(painter: &Painter, center: Pos2, radius: f32, from: f32, share: f32, stroke: Stroke) {
    let steps = (share.abs() * 64.0).ceil().max(2.0) as usize;
    let points = (0..=steps)
        .map(|step| {
            let turn = from + share * step as f32 / steps as f32;
            let angle = (turn - 0.25) * std::f32::consts::TAU;
            center + radius * vec2(angle.cos(), angle.sin())
        })
        .collect();
    painter.line(points, stroke);
}

/// A turning arc, or a still one.
pub fn spinner(ui: &Ui, center: Pos2, radius: f32, color: Color32) {
    let turn = if theme::is_still(ui) {
        0.1
    } else {
        ui.ctx().request_repaint();
        (ui.input(|input| input.time) * 0.8).fract() as f32
    };
    ui.painter()
        .circle_stroke(center, radius, Stroke::new(2.0, theme::fade(color, 0.25)));
    arc(
        ui.painter(),
        center,
        radius,
        turn,
        0.7,
        Stroke::new(2.0, color),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_covers_its_place_without_being_stretched() {
        let wide = Rect::from_min_size(Pos2::ZERO, vec2(200.0, 100.0));
        let uv = cover(wide, vec2(100.0, 100.0), false);
        assert_eq!(uv.size(), vec2(1.0, 0.5));
        let tall = Rect::from_min_size(Pos2::ZERO, vec2(100.0, 200.0));
        assert_eq!(
            cover(tall, vec2(100.0, 100.0), false).size(),
            vec2(0.5, 1.0)
        );
        let mirrored = cover(tall, vec2(100.0, 100.0), true);
        assert_eq!((mirrored.left(), mirrored.right()), (0.75, 0.25));
    }
}
