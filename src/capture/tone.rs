use std::f64::consts::TAU;
use std::time::Instant;

use super::pacer::Pacer;
use super::{AudioSource, Pull};
use crate::media::{AudioFrame, SAMPLE_RATE_HZ};

/// A quarter of full scale: clearly heard, and far from clipping wherever it is mixed in.
const AMPLITUDE: f64 = 0.25;

/// A sine without end, in real time.
#[derive(Debug)]
pub struct ToneSource {
    pacer: Pacer,
    /// In turns, 0.0..1.0.
    phase: f64,
    step: f64,
}

impl ToneSource {
    /// A sine of `hz`, its first frame due at `now`.
    pub fn new(hz: u32, now: Instant) -> Self {
        Self {
            pacer: Pacer::audio(now),
            phase: 0.0,
            step: f64::from(hz) / f64::from(SAMPLE_RATE_HZ),
        }
    }
}

impl AudioSource for ToneSource {
    fn pull(&mut self, now: Instant) -> Pull<AudioFrame> {
        let due = match self.pacer.take_next(now) {
            Ok(due) => due,
            Err(next) => return Pull::NotBefore(next),
        };
        let mut frame = AudioFrame::silence(due);
        for sample in &mut frame.samples {
            *sample = (AMPLITUDE * (self.phase * TAU).sin()) as f32;
            self.phase = (self.phase + self.step).fract();
        }
        Pull::Ready(frame)
    }
}

/// Silence without end, in real time.
#[derive(Debug)]
pub struct SilenceSource {
    pacer: Pacer,
}

impl SilenceSource {
    /// Silence, its first frame due at `now`.
    pub fn new(now: Instant) -> Self {
        Self {
            pacer: Pacer::audio(now),
        }
    }
}

impl AudioSource for SilenceSource {
    fn pull(&mut self, now: Instant) -> Pull<AudioFrame> {
        match self.pacer.take_next(now) {
            Ok(due) => Pull::Ready(AudioFrame::silence(due)),
            Err(next) => Pull::NotBefore(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Level;
    use std::time::Duration;

    #[test]
    fn a_tone_has_its_pitch_and_level_and_no_seam_between_frames() {
        let start = Instant::now();
        let mut tone = ToneSource::new(440, start);
        let mut samples = Vec::new();
        while let Pull::Ready(frame) = tone.pull(start + Duration::from_millis(999)) {
            samples.extend_from_slice(&frame.samples);
        }
        assert_eq!(samples.len(), 48_000);
        let rises = samples.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0);
        assert_eq!(
            rises.count(),
            439,
            "440 turns, the first of which starts at zero"
        );
        let level = Level::of(&samples);
        assert!((level.rms - 0.1768).abs() < 0.001, "{level:?}");
        let steepest = samples.windows(2).map(|w| (w[1] - w[0]).abs());
        assert!(steepest.fold(0.0, f32::max) < 0.0145, "a seam");
    }
}
