use std::panic::{AssertUnwindSafe, catch_unwind};

use sonora::config::MaxProcessingRate;
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::media::{FRAME_SAMPLES, SAMPLE_RATE_HZ};

/// Frames that a fresh stage is given before it is heard: its filter banks hold up to 9 ms, so its
/// first output is partly the silence that it began with.
const WARM_UP_FRAMES: u8 = 2;

/// What a stage runs: 10 ms at a time, all samples finite.
pub(super) trait Pipeline: Send {
    /// Hears what is played; `None` if it refuses.
    fn render(&mut self, frame: &Frame) -> Option<()>;
    /// Makes the best of what was captured; `None` if it refuses.
    fn capture(&mut self, frame: &Frame) -> Option<Frame>;
}

type Frame = [f32; FRAME_SAMPLES];
type Build = Box<dyn Fn() -> Box<dyn Pipeline> + Send>;

struct Sonora(AudioProcessing);

impl Pipeline for Sonora {
    fn render(&mut self, frame: &Frame) -> Option<()> {
        let mut unused = [0.0; FRAME_SAMPLES];
        self.0.process_render_f32(&[frame], &mut [&mut unused]).ok()
    }

    fn capture(&mut self, frame: &Frame) -> Option<Frame> {
        let mut out = [0.0; FRAME_SAMPLES];
        self.0.process_capture_f32(&[frame], &mut [&mut out]).ok()?;
        Some(out)
    }
}

/// One `sonora` pipeline that can be switched on and off while sound runs, under a cross-fade of
/// 10 ms, and whose failure, even a panic, only bypasses it.
///
/// Each job has its own: toggling a job inside a `sonora` pipeline resets all of it, so that a
/// change of noise suppression would make the echo canceller forget the room.
pub(super) struct Stage {
    name: &'static str,
    build: Build,
    state: State,
}

enum State {
    Off,
    FadingIn {
        pipeline: Box<dyn Pipeline>,
        warm_up: u8,
    },
    On(Box<dyn Pipeline>),
    FadingOut(Box<dyn Pipeline>),
    /// `told` once the failure was handed out.
    Failed {
        told: bool,
    },
}

impl Stage {
    pub(super) fn sonora(name: &'static str, config: Config, on: bool) -> Self {
        let config = Config {
            pipeline: sonora::config::Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                ..sonora::config::Pipeline::default()
            },
            ..config
        };
        let stream = StreamConfig::new(SAMPLE_RATE_HZ, 1);
        let build = move || -> Box<dyn Pipeline> {
            Box::new(Sonora(
                AudioProcessing::builder()
                    .config(config.clone())
                    .capture_config(stream)
                    .render_config(stream)
                    .build(),
            ))
        };
        Self::new(name, Box::new(build), on)
    }

    fn new(name: &'static str, build: Build, on: bool) -> Self {
        let mut stage = Self {
            name,
            build,
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

    fn build(&self) -> Option<Box<dyn Pipeline>> {
        catch_unwind(AssertUnwindSafe(|| (self.build)())).ok()
    }

    /// On or off from the next frame on. A stage that failed may be tried again by turning it off
    /// and on.
    pub(super) fn set_on(&mut self, on: bool) {
        let state = std::mem::replace(&mut self.state, State::Off);
        self.state = match (state, on) {
            (State::Off, true) => match self.build() {
                Some(pipeline) => State::FadingIn {
                    pipeline,
                    warm_up: WARM_UP_FRAMES,
                },
                None => State::Failed { told: false },
            },
            // The fade has not begun: it takes one frame, and that is still to come.
            (State::FadingOut(pipeline), true) => State::On(pipeline),
            (State::On(pipeline), false) => State::FadingOut(pipeline),
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
    pub(super) fn render(&mut self, frame: &Frame) {
        let pipeline = match &mut self.state {
            State::On(pipeline) | State::FadingOut(pipeline) | State::FadingIn { pipeline, .. } => {
                pipeline
            }
            State::Off | State::Failed { .. } => return,
        };
        let result = catch_unwind(AssertUnwindSafe(|| pipeline.render(frame)));
        if !matches!(result, Ok(Some(()))) {
            self.state = State::Failed { told: false };
        }
    }

    /// The near-end signal, in place; finite samples only, and it stays finite.
    pub(super) fn capture(&mut self, frame: &mut Frame) {
        let pipeline = match &mut self.state {
            State::On(pipeline) | State::FadingOut(pipeline) | State::FadingIn { pipeline, .. } => {
                pipeline
            }
            State::Off | State::Failed { .. } => return,
        };
        let result = catch_unwind(AssertUnwindSafe(|| pipeline.capture(frame)));
        let processed = match result {
            Ok(Some(processed)) if processed.iter().all(|sample| sample.is_finite()) => processed,
            _ => {
                self.state = State::Failed { told: false };
                return;
            }
        };
        self.state = match std::mem::replace(&mut self.state, State::Off) {
            State::FadingIn {
                pipeline,
                warm_up: 0,
            } => {
                cross_fade(frame, &processed);
                State::On(pipeline)
            }
            State::FadingIn { pipeline, warm_up } => State::FadingIn {
                pipeline,
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
fn cross_fade(frame: &mut Frame, target: &Frame) {
    for (i, (sample, target)) in frame.iter_mut().zip(target).enumerate() {
        let weight = (i + 1) as f32 / FRAME_SAMPLES as f32;
        *sample += weight * (target - *sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Halves what it hears, and breaks at a loud enough frame in one of three ways.
    struct Fragile(fn() -> Option<Frame>);

    impl Pipeline for Fragile {
        fn render(&mut self, frame: &Frame) -> Option<()> {
            self.capture(frame).map(|_| ())
        }

        fn capture(&mut self, frame: &Frame) -> Option<Frame> {
            if frame[0] > 0.5 {
                return (self.0)();
            }
            Some(frame.map(|sample| 0.5 * sample))
        }
    }

    fn stage(breaks: fn() -> Option<Frame>) -> Stage {
        Stage::new("halving", Box::new(move || Box::new(Fragile(breaks))), true)
    }

    #[test]
    fn a_pipeline_that_breaks_is_bypassed_said_once_and_can_be_tried_again() {
        let ways: [fn() -> Option<Frame>; 3] = [
            || panic!("a bug of the library, on purpose"),
            || None,
            || Some([f32::NAN; FRAME_SAMPLES]),
        ];
        for breaks in ways {
            let mut stage = stage(breaks);
            let mut frame = [0.2; FRAME_SAMPLES];
            stage.capture(&mut frame);
            assert_eq!(frame[0], 0.1);
            let mut frame = [0.8; FRAME_SAMPLES];
            stage.capture(&mut frame);
            assert_eq!(frame, [0.8; FRAME_SAMPLES], "bypassed");
            assert_eq!(stage.take_failure(), Some("halving"));
            assert_eq!(stage.take_failure(), None);
            stage.render(&[0.8; FRAME_SAMPLES]);

            stage.set_on(false);
            stage.set_on(true);
            for _ in 0..=WARM_UP_FRAMES {
                frame = [0.2; FRAME_SAMPLES];
                stage.capture(&mut frame);
            }
            assert!(
                (frame[FRAME_SAMPLES - 1] - 0.1).abs() < 1e-6,
                "it works again"
            );
            assert!(stage.is_heard());
        }
    }

    #[test]
    fn a_pipeline_that_breaks_at_what_is_played_is_bypassed_as_well() {
        let mut stage = stage(|| panic!("a bug of the library, on purpose"));
        stage.render(&[0.8; FRAME_SAMPLES]);
        assert_eq!(stage.take_failure(), Some("halving"));
        assert!(!stage.is_heard());
    }

    #[test]
    fn a_pipeline_that_cannot_be_built_leaves_the_sound_as_it_is() {
        let mut stage = Stage::new("halving", Box::new(|| panic!("on purpose")), true);
        let mut frame = [0.2; FRAME_SAMPLES];
        stage.capture(&mut frame);
        assert_eq!(frame[0], 0.2);
        assert_eq!(stage.take_failure(), Some("halving"));
    }
}
