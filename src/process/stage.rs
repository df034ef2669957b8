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
    /// It goes on learning, but is not heard.
    aside: bool,
}

enum State {
    Off,
    Running(Running),
    /// `told` once the failure was handed out.
    Failed {
        told: bool,
    },
}

struct Running {
    pipeline: Box<dyn Pipeline>,
    warm_up: u8,
    /// Its output is what came out last.
    heard: bool,
    /// It was turned off, and goes as soon as it is no longer heard.
    ending: bool,
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
            aside: false,
        };
        if on {
            stage.start();
        }
        if let State::Running(running) = &mut stage.state {
            // Nothing was heard yet, so there is nothing to fade from.
            (running.warm_up, running.heard) = (0, true);
        }
        stage
    }

    fn start(&mut self) {
        self.state = match catch_unwind(AssertUnwindSafe(|| (self.build)())) {
            Ok(pipeline) => State::Running(Running {
                pipeline,
                warm_up: WARM_UP_FRAMES,
                heard: false,
                ending: false,
            }),
            Err(_) => State::Failed { told: false },
        };
    }

    /// On or off from the next frame on. A stage that failed may be tried again by turning it off
    /// and on.
    pub(super) fn set_on(&mut self, on: bool) {
        match &mut self.state {
            State::Off if on => self.start(),
            State::Failed { .. } if !on => self.state = State::Off,
            State::Running(running) => running.ending = !on,
            State::Off | State::Failed { .. } => {}
        }
    }

    /// While `aside`, sound passes by it from the next frame on; it hears and learns all the same.
    pub(super) fn set_aside(&mut self, aside: bool) {
        self.aside = aside;
    }

    /// Whether its output is what is heard, which then is later than its input.
    pub(super) fn is_heard(&self) -> bool {
        matches!(&self.state, State::Running(running) if running.heard)
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
        let State::Running(running) = &mut self.state else {
            return;
        };
        let result = catch_unwind(AssertUnwindSafe(|| running.pipeline.render(frame)));
        if !matches!(result, Ok(Some(()))) {
            self.state = State::Failed { told: false };
        }
    }

    /// The near-end signal, in place; finite samples only, and it stays finite.
    pub(super) fn capture(&mut self, frame: &mut Frame) {
        let State::Running(running) = &mut self.state else {
            return;
        };
        let result = catch_unwind(AssertUnwindSafe(|| running.pipeline.capture(frame)));
        let processed = match result {
            Ok(Some(processed)) if processed.iter().all(|sample| sample.is_finite()) => processed,
            _ => {
                self.state = State::Failed { told: false };
                return;
            }
        };
        let hear = !self.aside && !running.ending && running.warm_up == 0;
        running.warm_up = running.warm_up.saturating_sub(1);
        match (running.heard, hear) {
            (false, false) => {}
            (false, true) => cross_fade(frame, &processed),
            (true, true) => *frame = processed,
            (true, false) => {
                let target = *frame;
                *frame = processed;
                cross_fade(frame, &target);
            }
        }
        running.heard = hear;
        if running.ending {
            self.state = State::Off;
        }
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
