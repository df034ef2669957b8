use std::sync::Arc;

use crate::media::SAMPLE_RATE_HZ;

/// Sounds of the app itself, mixed into what the speaker plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UiSound {
    /// Three rising notes, once: can you hear this?
    Test,
    /// Someone calls; repeated until stopped.
    Ring,
}

/// A note: when it begins and how long it rings, in seconds, and its pitch in Hz.
type Note = (f32, f32, f32);

const TEST_NOTES: &[Note] = &[(0.0, 0.5, 523.25), (0.25, 0.5, 659.26), (0.5, 0.9, 783.99)];
const RING_NOTES: &[Note] = &[
    (0.0, 0.4, 587.33),
    (0.2, 0.4, 880.0),
    (0.6, 0.4, 587.33),
    (0.8, 0.6, 880.0),
];
const RING_LENGTH_S: f32 = 2.6;

impl UiSound {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Test, Self::Ring];

    /// Whether it starts again when it has ended.
    pub(super) fn repeats(self) -> bool {
        self == Self::Ring
    }

    /// The sound, mono at 48 kHz.
    pub(super) fn render(self) -> Arc<[f32]> {
        let (notes, length) = match self {
            Self::Test => (TEST_NOTES, 1.4),
            Self::Ring => (RING_NOTES, RING_LENGTH_S),
        };
        let rate = SAMPLE_RATE_HZ as f32;
        let mut samples = vec![0.0; (length * rate) as usize];
        for (start, duration, hz) in notes {
            for i in 0..(duration * rate) as usize {
                let t = i as f32 / rate;
                // Struck like a bell: up within 5 ms, then ringing down to nothing.
                let left = 1.0 - t / duration;
                let envelope = (t / 0.005).min(1.0) * left * left;
                let phase = std::f32::consts::TAU * hz * t;
                let wave = phase.sin() + 0.35 * (2.0 * phase).sin() + 0.1 * (3.0 * phase).sin();
                if let Some(sample) = samples.get_mut((start * rate) as usize + i) {
                    *sample += 0.18 * envelope * wave;
                }
            }
        }
        samples.into()
    }
}
