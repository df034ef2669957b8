use crate::media::{FRAME_SAMPLES, Level};

/// Where speech should lie, as RMS while someone speaks.
const TARGET_DBFS: f32 = -21.0;
const MIN_GAIN_DB: f32 = -6.0;
const MAX_GAIN_DB: f32 = 15.0;
/// Background noise is not raised above this.
const MAX_NOISE_DBFS: f32 = -52.0;
const RISE_DB_PER_FRAME: f32 = 0.015;
const FALL_DB_PER_FRAME: f32 = 0.06;
/// Speech stands out of the background by as much.
const SPEECH_OVER_NOISE_DB: f32 = 12.0;
const QUIETEST_SPEECH_DBFS: f32 = -58.0;
/// Far-end sound above this may echo.
const FAR_ACTIVE_DBFS: f32 = -55.0;
/// How long the room and the canceller may keep an echo going: 300 ms.
const FAR_HANGOVER_FRAMES: u32 = 30;
/// Speech that is heard before the gain begins to move: 1 s.
const LEARNING_FRAMES: u32 = 100;
/// The share of a new frame in the measured level of speech: about 2 s of speech.
const SPEECH_SHARE: f32 = 0.005;
/// The background is the quietest frame of the last 1.5 to 3 s: speech has pauses.
const NOISE_BLOCK_FRAMES: u32 = 150;

/// Brings speech slowly to an even level.
///
/// `sonora`'s own adaptive gain takes residual echo for quiet speech and raises it by up to 50 dB
/// in the first seconds of a call. This one learns only from frames in which the near end speaks
/// and the far end has been silent, starts at 0 dB, and moves by at most 1.5 dB a second upwards.
#[derive(Debug, Clone)]
pub(super) struct SpeechGain {
    gain_db: f32,
    speech_dbfs: f32,
    speech_frames: u32,
    /// The quietest frame of this block and of the one before.
    noise_dbfs: [f32; 2],
    block_frames: u32,
    frames_since_far_end: u32,
}

impl SpeechGain {
    pub(super) fn new() -> Self {
        Self {
            gain_db: 0.0,
            speech_dbfs: TARGET_DBFS,
            speech_frames: 0,
            noise_dbfs: [0.0; 2],
            block_frames: 0,
            frames_since_far_end: FAR_HANGOVER_FRAMES,
        }
    }

    /// Notes what is being played.
    pub(super) fn render(&mut self, frame: &[f32; FRAME_SAMPLES]) {
        if dbfs(Level::of(frame).rms) > FAR_ACTIVE_DBFS {
            self.frames_since_far_end = 0;
        }
    }

    /// Applies the gain in place, without steps; turned off, it is back at 0 dB within a frame.
    pub(super) fn capture(&mut self, frame: &mut [f32; FRAME_SAMPLES], on: bool) {
        let before = linear(self.gain_db);
        if on {
            self.learn(dbfs(Level::of(frame).rms));
        } else {
            *self = Self::new();
        }
        let after = linear(self.gain_db);
        for (i, sample) in frame.iter_mut().enumerate() {
            *sample *= before + (after - before) * (i as f32 / FRAME_SAMPLES as f32);
        }
    }

    fn learn(&mut self, level_dbfs: f32) {
        self.frames_since_far_end = self.frames_since_far_end.saturating_add(1);
        if self.frames_since_far_end <= FAR_HANGOVER_FRAMES {
            return;
        }
        if self.block_frames == NOISE_BLOCK_FRAMES {
            self.noise_dbfs = [0.0, self.noise_dbfs[0]];
            self.block_frames = 0;
        }
        self.block_frames += 1;
        self.noise_dbfs[0] = self.noise_dbfs[0].min(level_dbfs);
        let noise_dbfs = self.noise_dbfs[0].min(self.noise_dbfs[1]).max(-90.0);
        let speaking = level_dbfs > QUIETEST_SPEECH_DBFS.max(noise_dbfs + SPEECH_OVER_NOISE_DB);
        if !speaking {
            return;
        }
        self.speech_frames = self.speech_frames.saturating_add(1);
        let share = SPEECH_SHARE.max(1.0 / self.speech_frames as f32);
        self.speech_dbfs += share * (level_dbfs - self.speech_dbfs);
        if self.speech_frames < LEARNING_FRAMES {
            return;
        }
        let most = MAX_GAIN_DB.min(MAX_NOISE_DBFS - noise_dbfs).max(0.0);
        let wanted = (TARGET_DBFS - self.speech_dbfs).clamp(MIN_GAIN_DB, most);
        self.gain_db += (wanted - self.gain_db).clamp(-FALL_DB_PER_FRAME, RISE_DB_PER_FRAME);
    }
}

fn dbfs(rms: f32) -> f32 {
    20.0 * rms.max(1e-6).log10()
}

fn linear(db: f32) -> f32 {
    10.0_f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone at `dbfs` for 300 ms of every 400 ms, as syllables come; silence between.
    fn syllables(level_dbfs: f32, frames: usize) -> impl Iterator<Item = [f32; FRAME_SAMPLES]> {
        (0..frames).map(move |frame| {
            let amplitude = if frame % 40 < 30 {
                linear(level_dbfs) * std::f32::consts::SQRT_2
            } else {
                1e-4
            };
            std::array::from_fn(|i| {
                let t = (frame * FRAME_SAMPLES + i) as f32 / 48_000.0;
                amplitude * (std::f32::consts::TAU * 200.0 * t).sin()
            })
        })
    }

    #[test]
    fn quiet_speech_is_raised_and_loud_speech_lowered() {
        for (level, expected) in [(-33.0, 12.0), (-21.0, 0.0), (-16.0, -5.0)] {
            let mut gain = SpeechGain::new();
            for mut frame in syllables(level, 3_000) {
                gain.capture(&mut frame, true);
            }
            assert!(
                (gain.gain_db - expected).abs() < 1.5,
                "{level}: {}",
                gain.gain_db
            );
        }
    }

    #[test]
    fn what_may_be_echo_teaches_nothing() {
        let mut gain = SpeechGain::new();
        for (i, mut frame) in syllables(-45.0, 3_000).enumerate() {
            if i % 20 == 0 {
                gain.render(&[0.1; FRAME_SAMPLES]);
            }
            gain.capture(&mut frame, true);
        }
        assert_eq!(gain.gain_db, 0.0);
    }

    #[test]
    fn steady_noise_is_not_raised() {
        let mut gain = SpeechGain::new();
        let mut state = 1_u32;
        for _ in 0..6_000 {
            let mut frame = std::array::from_fn(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 * 0.01 - 0.01
            });
            gain.capture(&mut frame, true);
        }
        assert!(gain.gain_db < 0.5, "{}", gain.gain_db);
    }
}
