use crate::media::FRAME_SAMPLES;

/// Played sound that is kept to find repetitions in: 30 ms.
const HISTORY: usize = 1_440;
/// Pitch periods that are looked for: 2.5 ms (400 Hz) to 15 ms (67 Hz).
const MIN_LAG: usize = 120;
const MAX_LAG: usize = 720;
/// Length of the cross-fade at a splice: 5 ms.
const OVERLAP: usize = 240;
/// Sound before the splice that is compared as well, so that whole periods are matched.
const LEAD: usize = 240;
/// The search is done first at a fifth of the rate.
const COARSE: usize = 5;
/// Mean square below which nobody hears a splice: -66 dBFS.
const SILENCE: f32 = 2.5e-7;

/// How badly a change of length is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Only where it cannot be heard.
    Gentle,
    /// Also where it may be heard a little: the delay is far off.
    Urgent,
}

impl Effort {
    /// The least normalised correlation across the splice.
    fn least_likeness(self) -> f32 {
        match self {
            Self::Gentle => 0.85,
            Self::Urgent => 0.4,
        }
    }

    /// The largest ratio of energies across the splice: a transient is never cut or doubled gently.
    fn largest_energy_ratio(self) -> f32 {
        match self {
            Self::Gentle => 2.0,
            Self::Urgent => 8.0,
        }
    }
}

/// Decoded sound on its way out, which can be made shorter or longer by a pitch period (WSOLA:
/// Verhelst and Roelands 1993) without changing its pitch.
#[derive(Debug, Default)]
pub struct TimeStretch {
    line: Vec<f32>,
    next: usize,
    coarse: Vec<f32>,
}

impl TimeStretch {
    /// What [`Self::accelerate`] needs to have ahead to consider every pitch period.
    pub const LOOK_AHEAD: usize = MAX_LAG + OVERLAP;

    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds sound at the end.
    pub fn push(&mut self, samples: &[f32]) {
        self.line.extend_from_slice(samples);
    }

    /// Samples that have not been taken yet.
    pub fn available(&self) -> usize {
        self.line.len() - self.next
    }

    /// The sound that has not been taken yet.
    pub fn ahead(&self) -> &[f32] {
        &self.line[self.next..]
    }

    /// Takes the next 10 ms, if there are as many.
    pub fn pop(&mut self) -> Option<[f32; FRAME_SAMPLES]> {
        let frame = self.line.get(self.next..self.next + FRAME_SAMPLES)?;
        let frame = frame.try_into().ok()?;
        self.next += FRAME_SAMPLES;
        if self.next > 3 * HISTORY {
            self.line.drain(..self.next - HISTORY);
            self.next = HISTORY;
        }
        Some(frame)
    }

    /// Removes one pitch period of at most `most` samples and returns its length; 0 if that would
    /// be heard.
    pub fn accelerate(&mut self, most: usize, effort: Effort) -> usize {
        let most = most
            .min(MAX_LAG)
            .min(self.available().saturating_sub(OVERLAP));
        let Some(lag) = self.find_lag(most, effort, Direction::Ahead) else {
            return 0;
        };
        for i in 0..OVERLAP {
            let weight = (i as f32 + 0.5) / OVERLAP as f32;
            let (from, to) = (self.line[self.next + i], self.line[self.next + lag + i]);
            self.line[self.next + lag + i] = from + weight * (to - from);
        }
        self.line.drain(self.next..self.next + lag);
        lag
    }

    /// Repeats one pitch period of at most `most` samples and returns its length; 0 if that would
    /// be heard.
    pub fn expand(&mut self, most: usize, effort: Effort) -> usize {
        if self.available() < OVERLAP {
            return 0;
        }
        let most = most.min(MAX_LAG).min(self.next.saturating_sub(LEAD));
        let Some(lag) = self.find_lag(most, effort, Direction::Back) else {
            return 0;
        };
        let mut splice = [0.0; OVERLAP];
        for (i, sample) in splice.iter_mut().enumerate() {
            let weight = (i as f32 + 0.5) / OVERLAP as f32;
            let (from, to) = (self.line[self.next + i], self.line[self.next + i - lag]);
            *sample = from + weight * (to - from);
        }
        // The splice, then on from one period earlier. Taken out of the line first: the splice is
        // longer than the shortest period, so the two may overlap.
        let rest = self.line[self.next + OVERLAP - lag..].to_vec();
        self.line.truncate(self.next);
        self.line.extend_from_slice(&splice);
        self.line.extend_from_slice(&rest);
        lag
    }

    /// The distance of up to `most` at which the sound around the splice resembles itself most.
    fn find_lag(&mut self, most: usize, effort: Effort, direction: Direction) -> Option<usize> {
        if most < MIN_LAG {
            return None;
        }
        let lead = match direction {
            Direction::Ahead => LEAD.min(self.next),
            Direction::Back => LEAD.min(self.next - most),
        };
        let here = self.next - lead..self.next + OVERLAP;
        let there = |lag: usize| match direction {
            Direction::Ahead => here.start + lag..here.end + lag,
            Direction::Back => here.start - lag..here.end - lag,
        };
        if energy(&self.line[here.clone()]) < SILENCE && energy(&self.line[there(most)]) < SILENCE {
            return Some(most);
        }

        // Coarse: means of COARSE samples, over everything that any lag can reach.
        let reach = match direction {
            Direction::Ahead => here.start..here.end + most,
            Direction::Back => here.start - most..here.end,
        };
        self.coarse.clear();
        self.coarse.extend(
            self.line[reach.clone()]
                .chunks_exact(COARSE)
                .map(|chunk| chunk.iter().sum::<f32>() / COARSE as f32),
        );
        let length = here.len() / COARSE;
        let start = (here.start - reach.start) / COARSE;
        let best = (MIN_LAG / COARSE..=most / COARSE)
            .filter_map(|lag| {
                let other = match direction {
                    Direction::Ahead => start + lag,
                    Direction::Back => start.checked_sub(lag)?,
                };
                let a = self.coarse.get(start..start + length)?;
                let b = self.coarse.get(other..other + length)?;
                Some((lag * COARSE, likeness(a, b)))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))?;

        let (lag, best) = (best.0.saturating_sub(COARSE).max(MIN_LAG)
            ..=(best.0 + COARSE).min(most))
            .map(|lag| {
                (
                    lag,
                    likeness(&self.line[here.clone()], &self.line[there(lag)]),
                )
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        let (a, b) = (
            energy(&self.line[here.clone()]),
            energy(&self.line[there(lag)]),
        );
        let ratio = a.max(b) / a.min(b).max(1e-12);
        (best >= effort.least_likeness() && ratio <= effort.largest_energy_ratio()).then_some(lag)
    }
}

#[derive(Debug, Clone, Copy)]
enum Direction {
    Ahead,
    Back,
}

fn energy(samples: &[f32]) -> f32 {
    samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32
}

/// Normalised cross-correlation, -1.0..=1.0.
fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let (mut ab, mut aa, mut bb) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (a, b) in a.iter().zip(b) {
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    ab / (aa * bb).sqrt().max(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Harmonics of a pitch, as a vowel has them.
    fn vowel(pitch_hz: f32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|i| {
                let t = i as f32 / 48_000.0;
                (1..8)
                    .map(|h| {
                        let h = h as f32;
                        0.2 / h * (std::f32::consts::TAU * pitch_hz * h * t + h).sin()
                    })
                    .sum()
            })
            .collect()
    }

    /// The largest second difference: a click shows as one that the signal itself has not.
    fn roughness(samples: &[f32]) -> f32 {
        samples
            .windows(3)
            .map(|w| (w[2] - 2.0 * w[1] + w[0]).abs())
            .fold(0.0, f32::max)
    }

    fn taken(stretch: &mut TimeStretch) -> Vec<f32> {
        std::iter::from_fn(|| stretch.pop()).flatten().collect()
    }

    fn ready(samples: &[f32]) -> TimeStretch {
        let mut stretch = TimeStretch::new();
        stretch.push(samples);
        for _ in 0..3 {
            stretch.pop();
        }
        stretch
    }

    #[test]
    fn a_vowel_loses_or_gains_whole_periods_without_a_click() {
        for pitch in [80.0, 110.0, 150.0, 220.0, 333.0] {
            let input = vowel(pitch, 9_600);
            let period = 48_000.0 / pitch;
            for expand in [false, true] {
                let mut stretch = ready(&input);
                let before = stretch.available();
                let changed = if expand {
                    stretch.expand(720, Effort::Gentle)
                } else {
                    stretch.accelerate(720, Effort::Gentle)
                };
                let periods = changed as f32 / period;
                assert!(changed > 0, "{pitch} Hz");
                assert!(
                    (periods - periods.round()).abs() < 0.03,
                    "{pitch} Hz: {changed}"
                );
                let after = stretch.available();
                assert_eq!(after.abs_diff(before), changed);
                let out = taken(&mut stretch);
                assert!(roughness(&out) < 1.1 * roughness(&input), "{pitch} Hz");
            }
        }
    }

    #[test]
    fn noise_is_left_alone_unless_it_is_urgent() {
        let mut state = 7_u32;
        let noise: Vec<f32> = (0..9_600)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 * 0.2 - 0.2
            })
            .map(|v: f32| v + 0.1)
            .collect();
        let mean = noise.iter().sum::<f32>() / noise.len() as f32;
        let noise: Vec<f32> = noise.iter().map(|v| v - mean).collect();
        assert_eq!(ready(&noise).accelerate(720, Effort::Gentle), 0);
        assert_eq!(ready(&noise).expand(720, Effort::Gentle), 0);
    }

    #[test]
    fn an_onset_is_never_doubled_gently() {
        // Silence-like hum, then ten times as loud.
        let mut sound = vowel(120.0, 4_800);
        for sample in &mut sound[..1_500] {
            *sample *= 0.05;
        }
        let mut stretch = ready(&sound);
        assert_eq!(stretch.expand(720, Effort::Gentle), 0);
    }

    #[test]
    fn silence_gives_exactly_what_is_asked_for() {
        let mut stretch = ready(&[0.0; 4_800]);
        assert_eq!(stretch.accelerate(500, Effort::Gentle), 500);
        assert_eq!(stretch.expand(333, Effort::Gentle), 333);
    }

    #[test]
    fn it_never_removes_more_than_it_may_or_has() {
        let mut stretch = TimeStretch::new();
        assert_eq!(stretch.accelerate(720, Effort::Urgent), 0);
        assert_eq!(stretch.expand(720, Effort::Urgent), 0);
        assert!(stretch.pop().is_none());
        stretch.push(&vowel(100.0, 480));
        assert!(stretch.accelerate(720, Effort::Urgent) <= 240);
        let mut stretch = ready(&vowel(100.0, 4_800));
        assert!(stretch.accelerate(300, Effort::Urgent) <= 300);
        assert_eq!(stretch.accelerate(100, Effort::Urgent), 0);
    }

    #[test]
    fn the_line_stays_short_for_ever() {
        let mut stretch = TimeStretch::new();
        for _ in 0..10_000 {
            stretch.push(&[0.1; 480]);
            stretch.pop();
        }
        assert!(stretch.line.len() <= 4 * HISTORY);
    }
}
