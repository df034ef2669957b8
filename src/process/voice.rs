use std::fmt;
use std::time::Duration;

use sonora::config::{Config, EchoCanceller, GainController2, NoiseSuppression};

use super::ProcessError;
use super::echo_path::EchoPath;
use super::gain::SpeechGain;
use super::stage::Stage;
use crate::media::FRAME_SAMPLES;

/// How long the filter banks hold sound back, measured.
const ECHO_DELAY: Duration = Duration::from_micros(9_000);
const NOISE_DELAY: Duration = Duration::from_micros(7_000);

/// What is done to the voice before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Processing {
    /// Echo cancellation.
    pub remove_echo: bool,
    /// Noise suppression.
    pub reduce_noise: bool,
    /// Slow automatic gain, and a limiter.
    pub even_volume: bool,
}

impl Processing {
    /// Everything: for a voice, a speaker and a room.
    pub const ALL: Self = Self {
        remove_echo: true,
        reduce_noise: true,
        even_volume: true,
    };
    /// Nothing: for music, and for a headset in a quiet room.
    pub const OFF: Self = Self {
        remove_echo: false,
        reduce_noise: false,
        even_volume: false,
    };
}

impl Default for Processing {
    fn default() -> Self {
        Self::ALL
    }
}

/// Echo canceller, noise suppressor and gain, in that order, each of which can be switched while
/// sound runs.
///
/// Where nothing of what is played comes back through the microphone, as with headphones, the echo
/// canceller steps aside, and both may speak at once without harm to either.
///
/// Give it every frame that is played ([`Self::process_render`], silence included) and every frame
/// that is captured ([`Self::process_capture`]), about as many of one as of the other.
pub struct VoiceProcessor {
    processing: Processing,
    /// `None` if it cannot be watched: then there is an echo.
    echo_path: Option<EchoPath>,
    echo: Stage,
    noise: Stage,
    gain: SpeechGain,
    limiter: Stage,
}

impl VoiceProcessor {
    /// A processor that has heard nothing.
    pub fn new(processing: Processing) -> Self {
        let echo = Config {
            echo_canceller: Some(EchoCanceller::default()),
            ..Config::default()
        };
        let noise = Config {
            noise_suppression: Some(NoiseSuppression::default()),
            ..Config::default()
        };
        // Without its adaptive mode this is a limiter; the gain is ours, see `SpeechGain`.
        let limiter = Config {
            gain_controller2: Some(GainController2::default()),
            ..Config::default()
        };
        Self {
            processing,
            echo_path: EchoPath::new().ok(),
            echo: Stage::sonora("echo cancellation", echo, processing.remove_echo),
            noise: Stage::sonora("noise suppression", noise, processing.reduce_noise),
            gain: SpeechGain::new(),
            limiter: Stage::sonora("automatic volume", limiter, processing.even_volume),
        }
    }

    /// Switches what is to be switched, from the next frame on, without a click.
    pub fn set_processing(&mut self, processing: Processing) {
        self.processing = processing;
        self.echo.set_on(processing.remove_echo);
        self.noise.set_on(processing.reduce_noise);
        self.limiter.set_on(processing.even_volume);
    }

    /// What it was last told to do.
    pub fn processing(&self) -> Processing {
        self.processing
    }

    /// Takes 10 ms that are about to be played.
    pub fn process_render(&mut self, frame: &[f32; FRAME_SAMPLES]) {
        let mut frame = *frame;
        sanitize(&mut frame);
        self.echo.render(&frame);
        if let Some(path) = &mut self.echo_path {
            path.render(&frame);
        }
        if self.may_echo() {
            self.gain.render(&frame);
        }
    }

    /// Makes 10 ms of captured sound better, in place. Samples that are not finite become zero.
    pub fn process_capture(&mut self, frame: &mut [f32; FRAME_SAMPLES]) {
        sanitize(frame);
        if let Some(path) = &mut self.echo_path {
            path.capture(frame);
        }
        self.echo.set_aside(!self.may_echo());
        self.echo.capture(frame);
        self.noise.capture(frame);
        self.gain.capture(frame, self.processing.even_volume);
        self.limiter.capture(frame);
    }

    /// Whether what is played may come back through the microphone.
    pub fn may_echo(&self) -> bool {
        self.echo_path.as_ref().is_none_or(EchoPath::is_there)
    }

    /// How much later sound comes out than it went in.
    pub fn delay(&self) -> Duration {
        let mut delay = Duration::ZERO;
        if self.echo.is_heard() {
            delay += ECHO_DELAY;
        }
        if self.noise.is_heard() {
            delay += NOISE_DELAY;
        }
        delay
    }

    /// What broke since the last call; each failure is said once, and its part is bypassed.
    pub fn take_failure(&mut self) -> Option<ProcessError> {
        [&mut self.echo, &mut self.noise, &mut self.limiter]
            .into_iter()
            .find_map(Stage::take_failure)
            .map(|stage| ProcessError::StageFailed { stage })
    }
}

impl fmt::Debug for VoiceProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoiceProcessor")
            .field("processing", &self.processing)
            .finish_non_exhaustive()
    }
}

/// One sample that is not a number would silence `sonora` for good.
fn sanitize(frame: &mut [f32; FRAME_SAMPLES]) {
    for sample in frame {
        *sample = if sample.is_finite() {
            sample.clamp(-1.0, 1.0)
        } else {
            0.0
        };
    }
}

#[cfg(test)]
#[path = "voice_tests.rs"]
mod tests;
