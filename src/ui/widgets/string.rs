//! The string between two cans: it sags while waiting, carries the voice, and is cut where a call failed.

use eframe::egui::{Painter, Pos2, Stroke, vec2};

const STEPS: usize = 96;

/// How far a hanging string is below its ends at `share` of the way: 0 at the ends, 1 in the middle.
/// A catenary, as an evenly heavy string hangs.
fn hang(share: f32) -> f32 {
    let from_middle = 2.0 * share - 1.0;
    1.0 - (from_middle.cosh() - 1.0) / (1.0_f32.cosh() - 1.0)
}

fn points(from: Pos2, to: Pos2, offset: impl Fn(f32) -> f32) -> Vec<Pos2> {
    (0..=STEPS)
        .map(|step| {
            let share = step as f32 / STEPS as f32;
            from.lerp(to, share) + vec2(0.0, offset(share))
        })
        .collect()
}

/// A string that hangs `sag` points below its ends.
pub fn sagging_string(painter: &Painter, from: Pos2, to: Pos2, sag: f32, stroke: Stroke) {
    painter.line(points(from, to, |share| sag * hang(share)), stroke);
}

/// A taut string that carries a voice of `loudness` (0 to 1) at `time` seconds.
pub fn voice_string(
    painter: &Painter,
    from: Pos2,
    to: Pos2,
    loudness: f32,
    time: f32,
    stroke: Stroke,
) {
    let height = 30.0 * loudness.clamp(0.0, 1.0);
    let offset = |share: f32| {
        let held = (std::f32::consts::PI * share).sin();
        let swell = 0.35 + 0.65 * (share * 9.0 + 1.2 + time).sin().abs();
        let wave =
            (share * 42.0 - time * 7.0).sin() * 0.6 + (share * 75.0 + time * 4.0).sin() * 0.4;
        (1.0 - loudness) * 10.0 * hang(share) + height * held * swell * wave
    };
    painter.line(points(from, to, offset), stroke);
}

/// A string that is cut in the middle, `gap` points apart; both ends hang.
pub fn cut_string(painter: &Painter, from: Pos2, to: Pos2, sag: f32, gap: f32, stroke: Stroke) {
    let length = from.distance(to);
    if length <= gap {
        return;
    }
    let half = (length - gap) / 2.0 / length;
    for (end, middle) in [(from, from.lerp(to, half)), (to, to.lerp(from, half))] {
        let ends = points(end, middle, |share| {
            sag * (std::f32::consts::FRAC_PI_2 * share).sin()
        });
        painter.line(ends, stroke);
    }
}

#[cfg(test)]
mod tests {
    use super::hang;

    #[test]
    fn the_string_is_tied_at_its_ends_and_lowest_in_the_middle() {
        assert!(hang(0.0).abs() < 1e-6 && hang(1.0).abs() < 1e-6);
        assert!((hang(0.5) - 1.0).abs() < 1e-6);
        assert!((hang(0.3) - hang(0.7)).abs() < 1e-6);
        assert!(hang(0.2) < hang(0.4));
    }
}
