//! A minute as a small curve.

use eframe::egui::{Color32, Mesh, Painter, Pos2, Rect, Shape, Stroke, lerp, pos2};

use crate::ui::theme::fade;

/// Seconds shown.
const SPAN: usize = 60;

/// Where the curve of `values`, one a second with the newest last, runs within `rect`. The newest is
/// at the right edge; a call younger than a minute begins later. The top is the largest value, or
/// `at_least` if all are smaller, so that small changes of a small thing look small.
pub(super) fn points(rect: Rect, values: &[f32], at_least: f32) -> Vec<Pos2> {
    let values = &values[values.len().saturating_sub(SPAN)..];
    let top = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .fold(at_least, f32::max)
        .max(f32::MIN_POSITIVE);
    let begins = SPAN - values.len();
    values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            let across = (begins + index) as f32 / (SPAN - 1) as f32;
            let up = if value.is_finite() {
                (value / top).clamp(0.0, 1.0)
            } else {
                0.0
            };
            pos2(
                lerp(rect.left()..=rect.right(), across),
                lerp(rect.bottom()..=rect.top(), up),
            )
        })
        .collect()
}

/// The curve, its fading ground, and a dot at its newest end.
pub(super) fn paint(
    painter: &Painter,
    rect: Rect,
    values: &[f32],
    at_least: f32,
    color: Color32,
    line: Color32,
) {
    painter.hline(rect.x_range(), rect.bottom(), Stroke::new(1.0, line));
    let points = points(rect, values, at_least);
    let Some(newest) = points.last().copied() else {
        return;
    };
    let mut ground = Mesh::default();
    for (index, point) in points.iter().enumerate() {
        ground.colored_vertex(*point, fade(color, 0.30));
        ground.colored_vertex(pos2(point.x, rect.bottom()), fade(color, 0.02));
        if index > 0 {
            let this = index as u32 * 2;
            ground.add_triangle(this - 2, this - 1, this);
            ground.add_triangle(this - 1, this + 1, this);
        }
    }
    painter.add(Shape::mesh(ground));
    painter.line(points, Stroke::new(1.8, color));
    painter.circle_filled(newest, 3.0, color);
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::vec2;

    fn place() -> Rect {
        Rect::from_min_size(pos2(100.0, 50.0), vec2(118.0, 40.0))
    }

    #[test]
    fn the_newest_is_at_the_right_and_the_largest_at_the_top() {
        let points = points(place(), &[1.0, 4.0, 2.0], 0.0);
        assert_eq!(points.len(), 3);
        assert_eq!(points[2], pos2(218.0, 70.0));
        assert_eq!(points[1].y, 50.0);
        assert!(
            (points[2].x - points[1].x - 2.0).abs() < 1e-3,
            "2 points a second"
        );
    }

    #[test]
    fn small_values_stay_small_and_only_a_minute_is_shown() {
        let values: Vec<f32> = (0..90)
            .map(|second| if second < 30 { 900.0 } else { 1.0 })
            .collect();
        let points = points(place(), &values, 100.0);
        assert_eq!(points.len(), 60);
        assert_eq!(points[0].x, 100.0);
        for point in &points {
            assert!((point.y - 89.6).abs() < 1e-3, "{point:?}");
        }
    }

    #[test]
    fn nothing_and_nonsense_are_drawn_without_harm() {
        assert!(points(place(), &[], 1.0).is_empty());
        for point in points(place(), &[f32::NAN, f32::INFINITY, -5.0, 0.0], 0.0) {
            assert!(place().contains(point), "{point:?}");
        }
    }
}
