use crate::media::FRAME_SAMPLES;

/// The gain is decided for each millisecond.
const BLOCK: usize = 48;
const BLOCKS: usize = FRAME_SAMPLES / BLOCK;
/// Below this nothing is touched: -2.5 dBFS.
const KNEE: f32 = 0.75;
/// Nothing comes out louder: -0.2 dBFS.
const CEILING: f32 = 0.98;
/// The share of a lowered gain that is given back each millisecond: slow against a syllable's
/// periods, fast against a sentence, so that neither buzzing nor pumping is heard.
const RELEASE: f32 = 0.010;

/// Keeps a sum of voices within full scale. It looks ahead within a frame, so it adds no delay; what
/// comes at a frame's very start is rounded off instead.
#[derive(Debug, Clone)]
pub(super) struct Limiter {
    gain: f32,
}

impl Limiter {
    pub(super) fn new() -> Self {
        Self { gain: 1.0 }
    }

    pub(super) fn process(&mut self, frame: &mut [f32; FRAME_SAMPLES]) {
        let mut allowed = [1.0_f32; BLOCKS];
        for (allowed, block) in allowed.iter_mut().zip(frame.chunks_exact(BLOCK)) {
            let peak = block.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
            *allowed = rounded(peak) / peak.max(KNEE);
            if peak <= KNEE {
                *allowed = 1.0;
            }
        }
        if self.gain == 1.0 && allowed.iter().all(|gain| *gain == 1.0) {
            return;
        }
        for (number, block) in frame.chunks_exact_mut(BLOCK).enumerate() {
            let ahead = allowed.get(number + 1).copied().unwrap_or(1.0);
            let released = self.gain + RELEASE * (1.0 - self.gain);
            let released = if released > 0.999 { 1.0 } else { released };
            let target = released.min(allowed[number]).min(ahead);
            let step = (target - self.gain) / BLOCK as f32;
            for (i, sample) in block.iter_mut().enumerate() {
                let gained = *sample * (self.gain + step * (i + 1) as f32);
                *sample = rounded(gained.abs()).copysign(gained);
            }
            self.gain = target;
        }
    }
}

/// `size` up to the knee, and smoothly towards the ceiling above it.
fn rounded(size: f32) -> f32 {
    if size <= KNEE {
        return size;
    }
    KNEE + (CEILING - KNEE) * ((size - KNEE) / (CEILING - KNEE)).tanh()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f32, frames: usize) -> Vec<[f32; FRAME_SAMPLES]> {
        (0..frames)
            .map(|frame| {
                std::array::from_fn(|i| {
                    let t = (frame * FRAME_SAMPLES + i) as f32 / 48_000.0;
                    amplitude * (std::f32::consts::TAU * 300.0 * t).sin()
                })
            })
            .collect()
    }

    #[test]
    fn what_fits_is_not_touched() {
        let mut limiter = Limiter::new();
        for frame in tone(0.74, 20) {
            let mut out = frame;
            limiter.process(&mut out);
            assert_eq!(out, frame);
        }
    }

    #[test]
    fn four_voices_at_once_stay_within_full_scale_and_undistorted() {
        let mut limiter = Limiter::new();
        let mut last = [0.0; FRAME_SAMPLES];
        for frame in tone(4.0, 50) {
            last = frame;
            limiter.process(&mut last);
            assert!(last.iter().all(|s| s.abs() <= CEILING));
        }
        // After the attack the tone is only smaller: its third harmonic stays below -30 dB.
        let amplitude = |hz: f32| {
            let (mut a, mut b) = (0.0, 0.0);
            for (i, sample) in last.iter().enumerate() {
                let phase = std::f32::consts::TAU * hz * i as f32 / 48_000.0;
                a += sample * phase.sin();
                b += sample * phase.cos();
            }
            (a * a + b * b).sqrt()
        };
        assert!(amplitude(900.0) < 0.03 * amplitude(300.0));
    }

    #[test]
    fn after_a_peak_the_gain_comes_back_within_half_a_second() {
        let mut limiter = Limiter::new();
        for mut frame in tone(3.0, 10) {
            limiter.process(&mut frame);
        }
        assert!(limiter.gain < 0.5);
        for mut frame in tone(0.2, 60) {
            limiter.process(&mut frame);
        }
        assert!(limiter.gain > 0.98);
    }
}
