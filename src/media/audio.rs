use std::time::{Duration, Instant};

/// The rate at which all sound moves through the house, in Hz.
pub const SAMPLE_RATE_HZ: u32 = 48_000;
/// The length of an [`AudioFrame`]: 10 ms.
pub const FRAME_DURATION: Duration = Duration::from_millis(10);
/// Samples in an [`AudioFrame`]: 480, mono.
pub const FRAME_SAMPLES: usize = 480;

/// 10 ms of mono sound at 48 kHz, samples in -1.0..=1.0.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioFrame {
    /// The sound.
    pub samples: [f32; FRAME_SAMPLES],
    /// When the first sample was captured (or is due, for sound that was made here).
    pub captured_at: Instant,
}

impl AudioFrame {
    /// A frame of silence.
    pub fn silence(captured_at: Instant) -> Self {
        Self {
            samples: [0.0; FRAME_SAMPLES],
            captured_at,
        }
    }
}

/// How loud something is, linear, 1.0 being full scale.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Level {
    /// Root mean square over the last 10 ms or more.
    pub rms: f32,
    /// The largest sample over the same time.
    pub peak: f32,
}

impl Level {
    /// The level of `samples`.
    pub fn of(samples: &[f32]) -> Self {
        if samples.is_empty() {
            return Self::default();
        }
        let (sum, peak) = samples
            .iter()
            .fold((0.0_f32, 0.0_f32), |(sum, peak), sample| {
                (sum + sample * sample, peak.max(sample.abs()))
            });
        Self {
            rms: (sum / samples.len() as f32).sqrt(),
            peak,
        }
    }
}
