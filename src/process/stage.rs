use std::panic::{AssertUnwindSafe, catch_unwind};

use sonora::config::{MaxProcessingRate, Pipeline};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::media::{FRAME_SAMPLES, SAMPLE_RATE_HZ};

/// Frames that a fresh stage is given before it is heard: its filter banks hold up to 9 ms, so its
/// first output is partly the silence that it began with.
const WARM_UP_FRAMES: u8 = 2;

/// One `sonora` pipeline that can be switched on and off while sound runs, under a cross-fade of
/// 10 ms, and whose failure, even a panic, only bypasses it.
///
/// Each job has its own: toggling a job inside a `sonora` pipeline resets all of it, so that a
/// change of noise suppression would make the echo canceller forget the room.
pub(super) struct Stage {
    name: &'static str,
    config: Config,
    state: State,
}

enum State {
    Off,
    FadingIn {
        apm: Box<AudioProcessing>,
        warm_up: u8,
    },
    On(Box<AudioProcessing>),
    FadingOut(Box<AudioProcessing>),
    /// `told` once the failure was handed out.
    Failed {
        told: bool,
    },
}

impl Stage {
    pub(super) fn new(name: &'static str, config: Config, on: bool) -> Self {
        let config = Config {
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                ..Pipeline::default()
            },
            ..config
        };
        let mut stage = Self {
            name,
            config,
            state: State::Off,
        };
        if on {
            // Nothing was heard yet, so there is nothing to fade from.
            stage.state = stage
                .build()
                .map_or(State::Failed { told: false }, State::On);
        }
        stage
    }

    fn build(&self) -> Option<Box<AudioProcessing>> {
        let stream = StreamConfig::new(SAMPLE_RATE_HZ, 1);
        let config = self.config.clone();
        catch_unwind(AssertUnwindSafe(|| {
            AudioProcessing::builder()
                .config(config)
                .capture_config(stream)
                .render_config(stream)
                .build()
        }))
        .ok()
        .map(Box::new)
    }

    /// On or off from the next frame on. A stage that failed may be tried again by turning it off
    /// and on.
    pub(super) fn set_on(&mut self, on: bool) {
        let state = std::mem::replace(&mut self.state, State::Off);
        self.state = match (state, on) {
            (State::Off, true) => match self.build() {
                Some(apm) => State::FadingIn {
                    apm,
                    warm_up: WARM_UP_FRAMES,
                },
                None => State::Failed { told: false },
            },
            // The fade has not begun: it takes one frame, and that is still to come.
            (State::FadingOut(apm), true) => State::On(apm),
            (State::On(apm), false) => State::FadingOut(apm),
            (State::FadingIn { .. } | State::Failed { .. }, false) => State::Off,
            (same, _) => same,
        };
    }

    /// Whether its output is what is heard, which then is later than its input.
    pub(super) fn is_heard(&self) -> bool {
        matches!(self.state, State::On(_))
    }

    /// The stage's name, once after it failed.
    pub(super) fn take_failure(&mut self) -> Option<&'static str> {
        match &mut self.state {
            State::Failed { told } if !*told => {
                *told = true;
                Some(self.name)
            }
            _ => None,
        }
    }

    /// The far-end signal; finite samples only.
    pub(super) fn render(&mut self, frame: &[f32; FRAME_SAMPLES]) {
        let apm = match &mut self.state {
            State::On(apm) | State::FadingOut(apm) | State::FadingIn { apm, .. } => apm,
            State::Off | State::Failed { .. } => return,
        };
        let mut unused = [0.0; FRAME_SAMPLES];
        let result = catch_unwind(AssertUnwindSafe(|| {
            apm.process_render_f32(&[frame], &mut [&mut unused])
        }));
        if !matches!(result, Ok(Ok(()))) {
            self.state = State::Failed { told: false };
        }
    }

    /// The near-end signal, in place; finite samples only, and it stays finite.
    pub(super) fn capture(&mut self, frame: &mut [f32; FRAME_SAMPLES]) {
        let apm = match &mut self.state {
            State::On(apm) | State::FadingOut(apm) | State::FadingIn { apm, .. } => apm,
            State::Off | State::Failed { .. } => return,
        };
        let mut processed = [0.0; FRAME_SAMPLES];
        let result = catch_unwind(AssertUnwindSafe(|| {
            apm.process_capture_f32(&[&*frame], &mut [&mut processed])
        }));
        if !matches!(result, Ok(Ok(()))) || processed.iter().any(|sample| !sample.is_finite()) {
            self.state = State::Failed { told: false };
            return;
        }
        self.state = match std::mem::replace(&mut self.state, State::Off) {
            State::FadingIn { apm, warm_up: 0 } => {
                cross_fade(frame, &processed);
                State::On(apm)
            }
            State::FadingIn { apm, warm_up } => State::FadingIn {
                apm,
                warm_up: warm_up - 1,
            },
            State::FadingOut(_) => {
                let target = *frame;
                *frame = processed;
                cross_fade(frame, &target);
                State::Off
            }
            same => {
                *frame = processed;
                same
            }
        };
    }
}

/// From `frame` to `target` within 10 ms.
fn cross_fade(frame: &mut [f32; FRAME_SAMPLES], target: &[f32; FRAME_SAMPLES]) {
    for (i, (sample, target)) in frame.iter_mut().zip(target).enumerate() {
        let weight = (i + 1) as f32 / FRAME_SAMPLES as f32;
        *sample += weight * (target - *sample);
    }
}
