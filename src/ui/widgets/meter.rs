use std::time::Duration;

use eframe::egui::{Rect, Ui, pos2, vec2};

use super::{Verdict, VerdictTracker};
use crate::media::Level;
use crate::ui::theme::{fade, tokens};

const BAR: f32 = 6.0;
const STEP: f32 = 9.0;
const PEAK_HOLD: Duration = Duration::from_millis(150);
/// Below this the meter shows nothing.
const FLOOR_DB: f32 = -60.0;

/// 0 to 1 on the meter's scale, which is even in decibels.
pub fn loudness(amplitude: f32) -> f32 {
    let db = 20.0 * amplitude.max(1e-9).log10();
    (1.0 - db / FLOOR_DB).clamp(0.0, 1.0)
}

/// A microphone's level, with what is to be said about it. Silent for assistive technology: the
/// sentence says it.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    tracker: VerdictTracker,
    verdict: Verdict,
    held: f32,
    held_at: Duration,
    /// Which device this is about: another one starts anew.
    device: String,
}

impl Meter {
    /// Takes in the latest level of `device` and gives the verdict. Call once a frame, also when the
    /// meter itself is not shown.
    pub fn update(&mut self, ui: &Ui, device: &str, level: Level) -> Verdict {
        if self.device != device {
            *self = Self {
                device: device.to_owned(),
                ..Self::default()
            };
        }
        let now = Duration::from_secs_f64(ui.input(|input| input.time).max(0.0));
        let peak = loudness(level.peak);
        if peak >= self.held || now.saturating_sub(self.held_at) > PEAK_HOLD {
            self.held = peak;
            self.held_at = now;
        }
        self.verdict = self.tracker.update(now, level);
        self.verdict
    }

    /// The last verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The bars, within `rect`.
    pub fn paint(&self, ui: &Ui, rect: Rect, level: Level) {
        let t = tokens(ui);
        let bars = ((rect.width() + STEP - BAR) / STEP).floor().max(1.0) as usize;
        let lit = (loudness(level.rms * std::f32::consts::SQRT_2) * bars as f32).round() as usize;
        let held = (self.held * bars as f32).round() as usize;
        for bar in 0..bars {
            let share = bar as f32 / bars as f32;
            let color = if share > 0.88 {
                t.bad
            } else if share > 0.74 {
                t.meter_warn
            } else {
                t.meter_good
            };
            let on = bar < lit || (held > 0 && bar + 1 == held);
            let place = Rect::from_min_size(
                pos2(rect.left() + bar as f32 * STEP, rect.top()),
                vec2(BAR, rect.height()),
            );
            let color = if on { color } else { fade(t.text, 0.13) };
            ui.painter().rect_filled(place, 3, color);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_even_in_decibels() {
        assert_eq!(loudness(0.0), 0.0);
        assert_eq!(loudness(1.0), 1.0);
        assert!((loudness(0.031_62) - 0.5).abs() < 0.001, "-30 dBFS");
        assert_eq!(loudness(4.0), 1.0);
    }
}
