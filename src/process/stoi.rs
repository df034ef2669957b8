//! How intelligible speech is after what was done to it: STOI (Taal, Hendriks, Heusdens, Jensen: An
//! algorithm for intelligibility prediction of time-frequency weighted noisy speech, 2011), and the
//! delay between two recordings, which must be taken out first.

use std::f64::consts::PI;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::Resampler;

const RATE_HZ: u32 = 10_000;
const FRAME: usize = 256;
const HOP: usize = 128;
const FFT: usize = 512;
const BANDS: usize = 15;
const LOWEST_BAND_HZ: f64 = 150.0;
/// Frames in a segment that is compared: 384 ms.
const SEGMENT: usize = 30;
/// Frames quieter than the loudest by more are silence.
const RANGE_DB: f64 = 40.0;
/// Lower bound of the signal-to-distortion ratio.
const CLIP: f64 = 5.623_413_251_903_491;

/// From about 0.3 (nothing is understood) to 1.0 (as the original): how intelligible `heard` is, if
/// `original` is what was said. Both at `rate_hz`, aligned; the longer one is cut. `None` if less
/// than half a second of speech is in them.
pub fn stoi(original: &[f32], heard: &[f32], rate_hz: u32) -> Option<f64> {
    let length = original.len().min(heard.len());
    let original = at_10_khz(&original[..length], rate_hz)?;
    let heard = at_10_khz(&heard[..length], rate_hz)?;
    let (original, heard) = without_silence(&original, &heard);
    let (original, heard) = (bands(&original), bands(&heard));
    let frames = original.len().min(heard.len());
    if frames < SEGMENT {
        return None;
    }
    let (mut sum, mut count) = (0.0, 0);
    for end in SEGMENT..=frames {
        for band in 0..BANDS {
            let x: [f64; SEGMENT] = std::array::from_fn(|i| original[end - SEGMENT + i][band]);
            let y: [f64; SEGMENT] = std::array::from_fn(|i| heard[end - SEGMENT + i][band]);
            sum += segment_likeness(&x, &y);
            count += 1;
        }
    }
    Some(sum / f64::from(count))
}

/// By how many samples `heard` is later than `original`, up to half the length of the shorter: the
/// peak of their cross-correlation.
pub fn delay_between(original: &[f32], heard: &[f32]) -> usize {
    let size = (original.len() + heard.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let forward = planner.plan_fft_forward(size);
    let mut product: Vec<_> = spectrum(forward.as_ref(), original)
        .iter()
        .zip(spectrum(forward.as_ref(), heard))
        .map(|(original, heard)| heard * original.conj())
        .collect();
    // The first and the last bin of a real signal are real.
    for bin in [0, size / 2] {
        product[bin].im = 0.0;
    }
    let backward = planner.plan_fft_inverse(size);
    let mut correlation = backward.make_output_vec();
    backward
        .process(&mut product, &mut correlation)
        .expect("the lengths are the transform's own");
    let most = original.len().min(heard.len()) / 2;
    (0..most.max(1))
        .max_by(|i, j| correlation[*i].abs().total_cmp(&correlation[*j].abs()))
        .unwrap_or(0)
}

/// The transform of `samples`, followed by silence up to its length.
fn spectrum<S: Copy + Into<f64>>(
    forward: &dyn RealToComplex<f64>,
    samples: &[S],
) -> Vec<Complex<f64>> {
    let mut values = forward.make_input_vec();
    for (value, sample) in values.iter_mut().zip(samples) {
        *value = (*sample).into();
    }
    let mut spectrum = forward.make_output_vec();
    forward
        .process(&mut values, &mut spectrum)
        .expect("the lengths are the transform's own");
    spectrum
}

fn at_10_khz(samples: &[f32], rate_hz: u32) -> Option<Vec<f64>> {
    let mut out = Vec::new();
    Resampler::new(rate_hz, RATE_HZ)
        .ok()?
        .push(samples, &mut out);
    Some(out.into_iter().map(f64::from).collect())
}

fn window() -> [f64; FRAME] {
    std::array::from_fn(|i| 0.5 - 0.5 * (2.0 * PI * (i + 1) as f64 / (FRAME + 1) as f64).cos())
}

/// Both signals without the frames in which the first is silent, put together by overlap-add.
fn without_silence(original: &[f64], heard: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let window = window();
    let starts: Vec<usize> = (0..original.len().saturating_sub(FRAME))
        .step_by(HOP)
        .collect();
    let level = |start: usize| {
        let energy: f64 = window
            .iter()
            .zip(&original[start..])
            .map(|(w, s)| (w * s).powi(2))
            .sum();
        10.0 * (energy + 1e-30).log10()
    };
    let levels: Vec<f64> = starts.iter().map(|start| level(*start)).collect();
    let loudest = levels.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let kept: Vec<usize> = starts
        .into_iter()
        .zip(levels)
        .filter(|(_, level)| loudest - level < RANGE_DB)
        .map(|(start, _)| start)
        .collect();
    let together = |samples: &[f64]| {
        let mut out = vec![0.0; kept.len() * HOP + FRAME];
        for (i, start) in kept.iter().enumerate() {
            for (j, w) in window.iter().enumerate() {
                out[i * HOP + j] += w * samples[start + j];
            }
        }
        out
    };
    (together(original), together(heard))
}

/// The magnitude in each third of an octave, for each frame.
fn bands(samples: &[f64]) -> Vec<[f64; BANDS]> {
    let window = window();
    let forward = RealFftPlanner::new().plan_fft_forward(FFT);
    let bin_hz = f64::from(RATE_HZ) / FFT as f64;
    // The nearest bins to the edges, as in the reference.
    let edge = |hz: f64| (hz / bin_hz).round() as usize;
    let edges: [(usize, usize); BANDS] = std::array::from_fn(|band| {
        let centre = LOWEST_BAND_HZ * 2.0_f64.powf(band as f64 / 3.0);
        let sixth = 2.0_f64.powf(1.0 / 6.0);
        (edge(centre / sixth), edge(centre * sixth))
    });
    (0..samples.len().saturating_sub(FRAME))
        .step_by(HOP)
        .map(|start| {
            let windowed: [f64; FRAME] = std::array::from_fn(|i| window[i] * samples[start + i]);
            let spectrum = spectrum(forward.as_ref(), &windowed);
            std::array::from_fn(|band| {
                let (low, high) = edges[band];
                spectrum[low..high]
                    .iter()
                    .map(Complex::norm_sqr)
                    .sum::<f64>()
                    .sqrt()
            })
        })
        .collect()
}

/// Correlation of a segment of one band, the second scaled and clipped to the first (equations 3-5).
fn segment_likeness(x: &[f64; SEGMENT], y: &[f64; SEGMENT]) -> f64 {
    let norm = |v: &[f64; SEGMENT]| v.iter().map(|s| s * s).sum::<f64>().sqrt();
    let scale = norm(x) / (norm(y) + 1e-15);
    let clipped: [f64; SEGMENT] = std::array::from_fn(|i| (y[i] * scale).min(x[i] * (1.0 + CLIP)));
    let mean = |v: &[f64; SEGMENT]| v.iter().sum::<f64>() / SEGMENT as f64;
    let (mx, my) = (mean(x), mean(&clipped));
    let x: [f64; SEGMENT] = std::array::from_fn(|i| x[i] - mx);
    let y: [f64; SEGMENT] = std::array::from_fn(|i| clipped[i] - my);
    let dot: f64 = x.iter().zip(&y).map(|(a, b)| a * b).sum();
    dot / (norm(&x) * norm(&y) + 1e-15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::speech::speech_clip;

    fn noise(length: usize) -> Vec<f32> {
        let mut state = 12_345_u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        (0..length)
            .map(|_| (0..6).map(|_| uniform()).sum::<f32>() / 0.5_f32.sqrt())
            .collect()
    }

    fn with_noise(speech: &[f32], snr_db: f32) -> Vec<f32> {
        let rms = |s: &[f32]| (s.iter().map(|v| v * v).sum::<f32>() / s.len() as f32).sqrt();
        let noise = noise(speech.len());
        let gain = rms(speech) / rms(&noise) * 10.0_f32.powf(-snr_db / 20.0);
        speech
            .iter()
            .zip(&noise)
            .map(|(s, n)| s + gain * n)
            .collect()
    }

    #[test]
    fn noise_makes_speech_less_intelligible_as_the_reference_says() {
        let speech = speech_clip();
        assert!(stoi(&speech, &speech, 48_000).unwrap() > 0.999_9);
        let at = |snr_db| stoi(&speech, &with_noise(&speech, snr_db), 48_000).unwrap();
        let (high, middle, low) = (at(20.0), at(0.0), at(-20.0));
        assert!(high > middle && middle > low, "{high} {middle} {low}");
        assert!(high > 0.85 && low < 0.55, "{high} {middle} {low}");
    }

    #[test]
    fn silence_has_no_intelligibility_to_speak_of() {
        assert!(stoi(&[0.1; 100], &[0.1; 100], 48_000).is_none());
        let speech = speech_clip();
        assert!(stoi(&speech, &vec![0.0; speech.len()], 48_000).unwrap() < 0.1);
    }

    #[test]
    fn the_delay_is_found_to_the_sample_in_noise() {
        let speech = speech_clip();
        for delay in [0, 1, 777, 12_345] {
            let mut heard = vec![0.0; delay];
            heard.extend(with_noise(&speech, 0.0));
            assert_eq!(delay_between(&speech, &heard), delay);
        }
    }
}
