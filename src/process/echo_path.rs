use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::{ProcessError, Resampler};
use crate::media::{FRAME_SAMPLES, Level, SAMPLE_RATE_HZ};

/// Telephone bandwidth holds all of a voice that its echo is known by.
const RATE_HZ: u32 = 8_000;
/// What is compared at a time: this much of what was played, and the later half of what was captured
/// meanwhile. An echo may be late by the difference, 512 ms; no canceller follows further.
const PLAYED: usize = 8_192;
const CAPTURED: usize = PLAYED / 2;
/// How often: every 250 ms.
const HOP: isize = 2_000;
/// Hums lie below, nothing of a voice above.
const BAND_HZ: std::ops::Range<usize> = 200..3_600;
/// Share of what was known that is kept at each comparison: a time constant of 2 s.
const KEPT: f32 = 0.882;
/// How far the peak of the correlation stands out of the lags around it, as a multiple of their RMS,
/// and how often in a row at the same lag, give or take 1 ms. Over 25 minutes of two who spoke all
/// the time, unrelated speech came to as much once; an echo 15 dB weaker than a voice over it comes
/// to it within 2 s, and so does one 30 dB weaker by itself.
const ECHO: f32 = 7.0;
const IN_A_ROW: u32 = 3;
const SAME_LAG: usize = 8;
/// The lags around a peak, and those of them that belong to it. Not all lags, for few words in the
/// whole second make many of them empty.
const AROUND: usize = 256;
const OF_THE_PEAK: usize = 12;
/// Silence does not echo.
const FAR_ACTIVE_RMS: f32 = 0.001;
/// Comparisons without an echo, while the far end speaks, before it is believed that there is none:
/// 2.5 s at the start, and 30 s where there was one, which may only be covered by the near voice.
const AT_THE_START: u32 = 10;
const AFTER_AN_ECHO: u32 = 120;

/// Whether what is played comes back through the microphone at all.
///
/// It does not with headphones, and there an echo canceller only does harm, for it takes the near
/// voice for an echo whenever both speak. Found by the cross-correlation of both signals, whitened by
/// the phase transform (Knapp and Carter, The generalized correlation method for estimation of time
/// delay, 1976) and averaged: what two people say is unrelated at each lag, an echo stands out at one.
///
/// Until it is known otherwise, there is an echo.
pub(super) struct EchoPath {
    played: History,
    captured: History,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
    /// Averaged cross-spectrum of unit magnitudes.
    likeness: Vec<Complex<f32>>,
    /// Samples captured since the last comparison. The first waits for full histories: two signals
    /// that begin at one moment are alike in that.
    fresh: isize,
    /// Where the last peak was, and how often in a row there was an echo.
    lag: usize,
    in_a_row: u32,
    without_echo: u32,
    enough: u32,
}

/// The latest samples of a signal at [`RATE_HZ`], the oldest first.
struct History {
    resampler: Resampler,
    samples: Vec<f32>,
    length: usize,
}

impl History {
    fn new(length: usize) -> Result<Self, ProcessError> {
        Ok(Self {
            resampler: Resampler::new(SAMPLE_RATE_HZ, RATE_HZ)?,
            samples: vec![0.0; length],
            length,
        })
    }

    /// How many samples came of the frame.
    fn push(&mut self, frame: &[f32; FRAME_SAMPLES]) -> isize {
        self.resampler.push(frame, &mut self.samples);
        let more = self.samples.len() - self.length;
        self.samples.drain(..more);
        more as isize
    }
}

impl EchoPath {
    /// # Errors
    /// [`ProcessError::UnsupportedRate`], which these two rates are not.
    pub(super) fn new() -> Result<Self, ProcessError> {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(PLAYED);
        Ok(Self {
            played: History::new(PLAYED)?,
            captured: History::new(CAPTURED)?,
            likeness: forward.make_output_vec(),
            forward,
            backward: planner.plan_fft_inverse(PLAYED),
            fresh: HOP - PLAYED as isize,
            lag: 0,
            in_a_row: 0,
            without_echo: 0,
            enough: AT_THE_START,
        })
    }

    /// Whether there is one, as far as is known.
    pub(super) fn is_there(&self) -> bool {
        self.without_echo < self.enough
    }

    /// Takes 10 ms that are about to be played.
    pub(super) fn render(&mut self, frame: &[f32; FRAME_SAMPLES]) {
        self.played.push(frame);
    }

    /// Takes 10 ms as they were captured, before anything is done to them.
    pub(super) fn capture(&mut self, frame: &[f32; FRAME_SAMPLES]) {
        self.fresh += self.captured.push(frame);
        if self.fresh < HOP {
            return;
        }
        self.fresh -= HOP;
        if Level::of(&self.played.samples).rms < FAR_ACTIVE_RMS {
            return;
        }
        let Some(Peak { lag, prominence }) = self.compare() else {
            return;
        };
        self.in_a_row = match prominence > ECHO {
            true if lag.abs_diff(self.lag) <= SAME_LAG => self.in_a_row + 1,
            true => 1,
            false => 0,
        };
        self.lag = lag;
        if self.in_a_row >= IN_A_ROW {
            self.without_echo = 0;
            self.enough = AFTER_AN_ECHO;
        } else {
            self.without_echo = (self.without_echo + 1).min(self.enough);
        }
    }

    /// Compares once more. `None` if a buffer is not of its transform's length, which they are.
    fn compare(&mut self) -> Option<Peak> {
        let mut played = self.played.samples.clone();
        let mut captured = vec![0.0; PLAYED];
        for (i, (late, sample)) in captured[PLAYED - CAPTURED..]
            .iter_mut()
            .zip(&self.captured.samples)
            .enumerate()
        {
            // A window: an edge would look alike in all signals.
            let phase = std::f32::consts::TAU * i as f32 / CAPTURED as f32;
            *late = sample * (0.5 - 0.5 * phase.cos());
        }
        let mut far = self.forward.make_output_vec();
        let mut near = self.forward.make_output_vec();
        self.forward.process(&mut played, &mut far).ok()?;
        self.forward.process(&mut captured, &mut near).ok()?;
        for (likeness, (near, far)) in self.likeness.iter_mut().zip(near.iter().zip(&far)) {
            let cross = near * far.conj();
            let unit = cross / cross.norm().max(f32::MIN_POSITIVE);
            *likeness = *likeness * KEPT + unit * (1.0 - KEPT);
        }
        let bin = |hz: usize| hz * PLAYED / RATE_HZ as usize;
        let voice = bin(BAND_HZ.start)..bin(BAND_HZ.end);
        let mut spectrum = self.forward.make_output_vec();
        spectrum[voice.clone()].copy_from_slice(&self.likeness[voice]);
        let mut correlation = self.backward.make_output_vec();
        self.backward
            .process(&mut spectrum, &mut correlation)
            .ok()?;
        Peak::of(&correlation)
    }
}

/// Where a correlation is strongest.
struct Peak {
    lag: usize,
    /// As a multiple of the RMS around it.
    prominence: f32,
}

impl Peak {
    /// Of a circular correlation of [`PLAYED`] lags, among those that an echo can have.
    fn of(correlation: &[f32]) -> Option<Self> {
        let (lag, peak) = correlation[..=PLAYED - CAPTURED]
            .iter()
            .map(|value| value.abs())
            .enumerate()
            .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let (mut energy, mut count) = (0.0, 0.0);
        for distance in OF_THE_PEAK + 1..=AROUND {
            for around in [lag + PLAYED - distance, lag + distance] {
                energy += correlation[around % PLAYED].powi(2);
                count += 1.0;
            }
        }
        let rms = (energy / count).sqrt();
        Some(Self {
            lag,
            prominence: peak / rms.max(f32::MIN_POSITIVE),
        })
    }
}

impl fmt::Debug for EchoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EchoPath")
            .field("is_there", &self.is_there())
            .finish_non_exhaustive()
    }
}
