use crate::media::{FRAME_SAMPLES, Level};

/// How much of a level is left 10 ms later when it has become silent: 24 dB a second.
const RELEASE: f32 = 0.972_747;

/// A meter that jumps up and falls back gently, as a person expects of one.
#[derive(Debug, Clone, Default)]
pub struct LevelMeter {
    level: Level,
    energy: f64,
}

impl LevelMeter {
    /// A meter at rest.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next 10 ms.
    pub fn push(&mut self, frame: &[f32; FRAME_SAMPLES]) {
        let now = Level::of(frame);
        self.level.rms = now.rms.max(self.level.rms * RELEASE);
        self.level.peak = now.peak.max(self.level.peak * RELEASE);
        self.energy += f64::from(now.rms) * f64::from(now.rms) * 0.01;
    }

    /// What the meter shows.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The sum of squared level over time, in seconds (W3C `total_audio_energy`).
    pub fn total_audio_energy(&self) -> f64 {
        self.energy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_at_once_and_falls_by_24_db_in_a_second() {
        let mut meter = LevelMeter::new();
        meter.push(&[0.5; FRAME_SAMPLES]);
        assert_eq!(meter.level().peak, 0.5);
        for _ in 0..100 {
            meter.push(&[0.0; FRAME_SAMPLES]);
        }
        let fallen_db = 20.0 * (meter.level().rms / 0.5).log10();
        assert!((-24.5..=-23.5).contains(&fallen_db), "{fallen_db}");
        assert!((meter.total_audio_energy() - 0.0025).abs() < 1e-9);
    }
}
