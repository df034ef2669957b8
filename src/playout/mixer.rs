use std::sync::Arc;

use super::limiter::Limiter;
use super::ui_sound::UiSound;
use crate::media::FRAME_SAMPLES;

/// 10 ms of one participant.
#[derive(Debug, Clone, Copy)]
pub struct MixInput<'a> {
    /// Whose it is: the same number for the same participant, so that volume can move smoothly.
    pub id: u64,
    /// The sound.
    pub samples: &'a [f32; FRAME_SAMPLES],
    /// Linear; 1.0 leaves it as it is, 0.0 is silence, at most 2.0.
    pub volume: f32,
}

/// Sums participants and the app's own sounds into what is played, within full scale.
#[derive(Debug)]
pub struct Mixer {
    /// The volume that each participant had in the last frame.
    volumes: Vec<(u64, f32)>,
    sounds: Vec<Sound>,
    limiter: Limiter,
}

#[derive(Debug)]
struct Sound {
    kind: UiSound,
    samples: Arc<[f32]>,
    /// The next sample, while it plays.
    position: Option<usize>,
}

impl Default for Mixer {
    fn default() -> Self {
        Self::new()
    }
}

impl Mixer {
    /// A mixer that plays nothing.
    pub fn new() -> Self {
        Self {
            volumes: Vec::new(),
            sounds: UiSound::ALL
                .into_iter()
                .map(|kind| Sound {
                    kind,
                    samples: kind.render(),
                    position: None,
                })
                .collect(),
            limiter: Limiter::new(),
        }
    }

    /// The next 10 ms to be played. A participant who is not among the inputs is silent; volumes move
    /// within the frame, so nothing clicks.
    pub fn mix<'a>(
        &mut self,
        inputs: impl IntoIterator<Item = MixInput<'a>>,
    ) -> [f32; FRAME_SAMPLES] {
        let mut mixed = [0.0; FRAME_SAMPLES];
        let before = std::mem::take(&mut self.volumes);
        for input in inputs {
            let volume = if input.volume.is_finite() {
                input.volume.clamp(0.0, 2.0)
            } else {
                1.0
            };
            let from = before
                .iter()
                .find(|(id, _)| *id == input.id)
                .map_or(volume, |(_, volume)| *volume);
            let step = (volume - from) / FRAME_SAMPLES as f32;
            for (i, (sum, sample)) in mixed.iter_mut().zip(input.samples).enumerate() {
                *sum += sample * (from + step * (i + 1) as f32);
            }
            self.volumes.push((input.id, volume));
        }
        for sound in &mut self.sounds {
            sound.add_to(&mut mixed);
        }
        self.limiter.process(&mut mixed);
        mixed
    }

    /// Plays a sound of the app from its start.
    pub fn play(&mut self, kind: UiSound) {
        for sound in self.sounds.iter_mut().filter(|sound| sound.kind == kind) {
            sound.position = Some(0);
        }
    }

    /// Ends a sound of the app.
    pub fn stop(&mut self, kind: UiSound) {
        for sound in self.sounds.iter_mut().filter(|sound| sound.kind == kind) {
            sound.position = None;
        }
    }

    /// Whether a sound of the app is playing.
    pub fn is_playing(&self, kind: UiSound) -> bool {
        self.sounds
            .iter()
            .any(|sound| sound.kind == kind && sound.position.is_some())
    }
}

impl Sound {
    fn add_to(&mut self, mixed: &mut [f32; FRAME_SAMPLES]) {
        let Some(mut position) = self.position else {
            return;
        };
        for sum in mixed {
            if position >= self.samples.len() && self.kind.repeats() {
                position = 0;
            }
            let Some(sample) = self.samples.get(position) else {
                self.position = None;
                return;
            };
            *sum += sample;
            position += 1;
        }
        self.position = Some(position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(id: u64, samples: &[f32; FRAME_SAMPLES], volume: f32) -> MixInput<'_> {
        MixInput {
            id,
            samples,
            volume,
        }
    }

    #[test]
    fn voices_add_up_at_their_volumes() {
        let mut mixer = Mixer::new();
        let (a, b) = ([0.2; FRAME_SAMPLES], [0.1; FRAME_SAMPLES]);
        let out = mixer.mix([input(1, &a, 1.0), input(2, &b, 0.5)]);
        assert!(out.iter().all(|s| (s - 0.25).abs() < 1e-6));
        assert_eq!(mixer.mix([]), [0.0; FRAME_SAMPLES]);
    }

    #[test]
    fn a_change_of_volume_has_no_step() {
        let mut mixer = Mixer::new();
        let voice = [0.5; FRAME_SAMPLES];
        let mut heard = mixer.mix([input(1, &voice, 1.0)]).to_vec();
        heard.extend(mixer.mix([input(1, &voice, 0.0)]));
        heard.extend(mixer.mix([input(1, &voice, f32::NAN)]));
        let step = heard
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .fold(0.0, f32::max);
        assert!(step < 0.002, "{step}");
        assert_eq!(heard[2 * FRAME_SAMPLES - 1], 0.0);
    }

    #[test]
    fn many_loud_voices_stay_within_full_scale() {
        let mut mixer = Mixer::new();
        let voice = [0.9; FRAME_SAMPLES];
        for _ in 0..20 {
            let out = mixer.mix((0..8).map(|id| input(id, &voice, 2.0)));
            assert!(out.iter().all(|s| s.abs() <= 1.0));
        }
    }

    #[test]
    fn the_test_sound_ends_by_itself_and_the_ring_only_when_stopped() {
        let mut mixer = Mixer::new();
        mixer.play(UiSound::Test);
        mixer.play(UiSound::Ring);
        let mut loudest = 0.0_f32;
        for _ in 0..1_000 {
            let out = mixer.mix([]);
            loudest = out.iter().fold(loudest, |m, s| m.max(s.abs()));
        }
        assert!(loudest > 0.1);
        assert!(!mixer.is_playing(UiSound::Test));
        assert!(mixer.is_playing(UiSound::Ring));
        mixer.stop(UiSound::Ring);
        assert_eq!(mixer.mix([]), [0.0; FRAME_SAMPLES]);
    }
}
