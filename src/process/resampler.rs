use std::fmt;
use std::time::Duration;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable as _, Async, FixedAsync, Resampler as _, SincInterpolationParameters, Slip,
    WindowFunction,
};

use super::ProcessError;

/// Rates outside of this are not sound.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=768_000;
/// Longest piece that goes through at once.
const CHUNK: usize = 480;
/// `Slip` needs as many to place a cross-fade.
const MIN_SLIP_CHUNK: usize = 4;
/// Length of the filter at the lower of the two rates: 0.7 ms of delay at 44.1 kHz, flat to 18 kHz.
const SINC_LEN: usize = 64;
/// No two crystals differ by more.
const MAX_PPM: f64 = 2_000.0;

/// Brings a mono stream from one rate to another, in pieces of any size, the ratio adjustable by
/// parts per million while it runs so that two clocks can be matched.
///
/// Equal rates pass through without delay; a difference in clocks is then met by inserting or
/// dropping single samples under a cross-fade. Otherwise it is a windowed sinc.
pub struct Resampler {
    engine: Engine,
    from_hz: u32,
    to_hz: u32,
    pending: Vec<f32>,
    scratch: Vec<f32>,
}

enum Engine {
    Slip(Slip<f32>),
    Sinc(Box<Async<f32>>),
}

impl Resampler {
    /// # Errors
    /// [`ProcessError::UnsupportedRate`] for rates outside of 4 kHz to 768 kHz.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, ProcessError> {
        let unsupported = ProcessError::UnsupportedRate { from_hz, to_hz };
        if !RATES_HZ.contains(&from_hz) || !RATES_HZ.contains(&to_hz) {
            return Err(unsupported);
        }
        let margin = 1.0 + 2.0 * MAX_PPM * 1e-6;
        let engine = if from_hz == to_hz {
            Engine::Slip(Slip::new(CHUNK, 1, FixedAsync::Input).map_err(|_| unsupported)?)
        } else {
            // The filter is laid out at the input's rate, so going down it must be longer.
            let going_down = (f64::from(from_hz) / f64::from(to_hz)).max(1.0);
            let parameters = SincInterpolationParameters::new(
                (SINC_LEN as f64 * going_down).ceil() as usize,
                WindowFunction::Blackman2,
            );
            let ratio = f64::from(to_hz) / f64::from(from_hz);
            Engine::Sinc(Box::new(
                Async::new_sinc(ratio, margin, &parameters, CHUNK, 1, FixedAsync::Input)
                    .map_err(|_| unsupported)?,
            ))
        };
        Ok(Self {
            engine,
            from_hz,
            to_hz,
            pending: Vec::with_capacity(2 * CHUNK),
            scratch: Vec::new(),
        })
    }

    /// From now on gives `ppm` parts per million more output (fewer if negative), at most ±2000.
    pub fn set_ppm(&mut self, ppm: f64) {
        let ppm = if ppm.is_finite() { ppm } else { 0.0 };
        let factor = 1.0 + ppm.clamp(-MAX_PPM, MAX_PPM) * 1e-6;
        // Within the margin that both were made with, so neither refuses.
        let _ = match &mut self.engine {
            Engine::Slip(slip) => slip.set_resample_ratio(factor, false),
            Engine::Sinc(sinc) => sinc.set_resample_ratio_relative(factor, true),
        };
    }

    /// Takes `input` and appends what it gives to `output`, as soon as it is known: up to three
    /// samples are held back for the next call when the rates are equal, none otherwise.
    pub fn push(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.pending.extend_from_slice(input);
        let least = match self.engine {
            Engine::Slip(_) => MIN_SLIP_CHUNK,
            Engine::Sinc(_) => 1,
        };
        let mut done = 0;
        while self.pending.len() - done >= least {
            let left = self.pending.len() - done;
            // A rest too short to go by itself goes with the last full chunk, halved.
            let length = match left {
                _ if left <= CHUNK => left,
                _ if left < CHUNK + least => left / 2,
                _ => CHUNK,
            };
            let chunk = &self.pending[done..done + length];
            done += length;
            let written = match &mut self.engine {
                Engine::Slip(slip) => run(slip, chunk, &mut self.scratch),
                Engine::Sinc(sinc) => run(sinc.as_mut(), chunk, &mut self.scratch),
            };
            output.extend_from_slice(&self.scratch[..written]);
        }
        self.pending.drain(..done);
    }

    /// How much later a sound comes out than it went in.
    pub fn delay(&self) -> Duration {
        match &self.engine {
            Engine::Slip(_) => Duration::ZERO,
            Engine::Sinc(sinc) => {
                Duration::from_secs_f64(sinc.output_delay() as f64 / f64::from(self.to_hz))
            }
        }
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("from_hz", &self.from_hz)
            .field("to_hz", &self.to_hz)
            .finish_non_exhaustive()
    }
}

/// Puts what `chunk` gives into `scratch` and returns its length.
fn run(engine: &mut impl rubato::Resizable<f32>, chunk: &[f32], scratch: &mut Vec<f32>) -> usize {
    let resized = engine.set_chunk_size(chunk.len());
    let room = engine.output_frames_next();
    if scratch.len() < room {
        scratch.resize(room, 0.0);
    }
    let result = (|| {
        resized.ok()?;
        let input = InterleavedSlice::new(chunk, 1, chunk.len()).ok()?;
        let mut output = InterleavedSlice::new_mut(&mut scratch[..room], 1, room).ok()?;
        let (_, written) = engine.process_into_buffer(&input, &mut output, None).ok()?;
        Some(written)
    })();
    // Every size was asked for beforehand, so there is nothing that it could refuse.
    debug_assert!(result.is_some(), "the resampler refused its own sizes");
    result.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate_hz: u32, seconds: f64) -> Vec<f32> {
        let step = std::f64::consts::TAU * hz / f64::from(rate_hz);
        (0..(seconds * f64::from(rate_hz)) as usize)
            .map(|i| 0.5 * (step * i as f64).sin() as f32)
            .collect()
    }

    /// The ratio in dB of the part of `samples` that is a tone of `hz` to everything else.
    fn purity_db(samples: &[f32], hz: f64, rate_hz: u32) -> f64 {
        let step = std::f64::consts::TAU * hz / f64::from(rate_hz);
        let n = samples.len() as f64;
        let (mut a, mut b) = (0.0, 0.0);
        for (i, sample) in samples.iter().enumerate() {
            a += f64::from(*sample) * (step * i as f64).sin() * 2.0 / n;
            b += f64::from(*sample) * (step * i as f64).cos() * 2.0 / n;
        }
        let (mut tone, mut rest) = (0.0, 1e-30);
        for (i, sample) in samples.iter().enumerate() {
            let fit = a * (step * i as f64).sin() + b * (step * i as f64).cos();
            tone += fit * fit;
            rest += (f64::from(*sample) - fit).powi(2);
        }
        10.0 * (tone / rest).log10()
    }

    fn resample(from_hz: u32, to_hz: u32, input: &[f32], pieces: &[usize]) -> Vec<f32> {
        let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
        let (mut output, mut at) = (Vec::new(), 0);
        for piece in pieces.iter().cycle() {
            if at >= input.len() {
                break;
            }
            let end = (at + piece).min(input.len());
            resampler.push(&input[at..end], &mut output);
            at = end;
        }
        output
    }

    #[test]
    fn a_tone_stays_a_tone_between_all_common_rates() {
        for device_hz in [
            8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000,
        ] {
            for (from, to) in [(device_hz, 48_000), (48_000, device_hz)] {
                let out = resample(from, to, &tone(1_000.0, from, 1.0), &[441, 7, 1024]);
                let expected = f64::from(to);
                assert!(
                    (out.len() as f64 - expected).abs() < 0.02 * expected,
                    "{from} → {to}: {}",
                    out.len()
                );
                let steady = &out[out.len() / 4..];
                // Slice offset only changes the phase, which the fit is free to choose.
                let purity = purity_db(steady, 1_000.0, to);
                assert!(purity > 70.0, "{from} → {to}: {purity} dB");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_does_not_fold_back() {
        let out = resample(48_000, 16_000, &tone(11_000.0, 48_000, 1.0), &[480]);
        let loudest = out[1_000..].iter().fold(0.0_f32, |m, s| m.max(s.abs()));
        assert!(loudest < 0.5e-3, "{loudest}");
    }

    #[test]
    fn the_size_of_the_pieces_does_not_matter() {
        let input = tone(440.0, 44_100, 0.5);
        let whole = resample(44_100, 48_000, &input, &[480]);
        let odd = resample(44_100, 48_000, &input, &[1, 2, 3, 997, 5]);
        let common = whole.len().min(odd.len());
        assert!(whole.len().abs_diff(odd.len()) <= 2);
        for (a, b) in whole[..common].iter().zip(&odd[..common]) {
            assert!((a - b).abs() < 1e-4);
        }
    }

    #[test]
    fn equal_rates_pass_through_untouched() {
        let input = tone(440.0, 48_000, 0.2);
        let out = resample(48_000, 48_000, &input, &[480, 1, 2, 481, 483, 3]);
        assert!(input.len() - out.len() < MIN_SLIP_CHUNK);
        assert_eq!(out, input[..out.len()]);
    }

    #[test]
    fn ppm_changes_the_amount_of_output_by_as_much() {
        for (from, to) in [(48_000, 48_000), (44_100, 48_000)] {
            for ppm in [-200.0, 200.0] {
                let mut resampler = Resampler::new(from, to).unwrap();
                resampler.set_ppm(ppm);
                let mut total = 0;
                let mut out = Vec::new();
                for _ in 0..6_000 {
                    out.clear();
                    resampler.push(&vec![0.1; from as usize / 100], &mut out);
                    total += out.len();
                }
                let measured = (f64::from(total as u32) / (60.0 * f64::from(to)) - 1.0) * 1e6;
                // Start-up delay of the filter is worth up to 0.8 ms in 60 s.
                assert!((measured - ppm).abs() < 40.0, "{from}: {ppm} → {measured}");
            }
        }
    }

    #[test]
    fn a_rate_of_nothing_is_refused() {
        assert!(Resampler::new(0, 48_000).is_err());
        assert!(Resampler::new(48_000, u32::MAX).is_err());
    }
}
