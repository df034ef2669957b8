//! Whether the window keeps up: how long its frames take, and how far apart they are.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// About ten seconds of a moving picture.
const KEPT: usize = 300;
/// How often the log hears of it.
const LOG_EVERY: Duration = Duration::from_secs(5);
/// A longer pause means that nothing moved, not that the window was late.
const AT_REST: Duration = Duration::from_millis(500);

/// The last frames of the window.
#[derive(Debug, Clone, Default)]
pub struct FrameTimes {
    work: VecDeque<Duration>,
    apart: VecDeque<Duration>,
    last: Option<Instant>,
    logged: Option<Instant>,
    since_logged: u32,
}

/// The middle of some durations, and what one in twenty exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The median.
    pub p50: Duration,
    /// The 95th percentile.
    pub p95: Duration,
}

impl FrameTimes {
    /// Call once at the start of each frame, with what the one before cost the window's thread
    /// (eframe's `cpu_usage`: layout, tessellation, upload and drawing, without the wait for the screen).
    pub fn record(&mut self, now: Instant, work_before: Option<f32>) {
        let work = work_before.and_then(|seconds| Duration::try_from_secs_f32(seconds).ok());
        if let Some(work) = work {
            keep(&mut self.work, work);
        }
        if let Some(last) = self.last {
            let apart = now.saturating_duration_since(last);
            if apart < AT_REST {
                keep(&mut self.apart, apart);
            }
        }
        self.last = Some(now);
        self.since_logged += 1;
        let Some(logged) = self.logged else {
            self.logged = Some(now);
            return;
        };
        let passed = now.saturating_duration_since(logged);
        if passed >= LOG_EVERY {
            let rate = f64::from(self.since_logged) / passed.as_secs_f64();
            tracing::debug!("{}, {rate:.1} a second", self.report());
            self.logged = Some(now);
            self.since_logged = 0;
        }
    }

    /// What a frame costs; none before the second one.
    pub fn work(&self) -> Option<Spread> {
        spread(&self.work)
    }

    /// The time from one frame to the next while something moves.
    pub fn apart(&self) -> Option<Spread> {
        spread(&self.apart)
    }

    /// One line for the log and the copied report.
    pub fn report(&self) -> String {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let part = |name: &str, spread: Option<Spread>| match spread {
            Some(Spread { p50, p95 }) => {
                format!("{name} p50 {:.1} ms p95 {:.1} ms", ms(p50), ms(p95))
            }
            None => format!("{name} not known yet"),
        };
        format!(
            "window: {}, {} ({} frames)",
            part("frame time", self.work()),
            part("between frames", self.apart()),
            self.work.len()
        )
    }
}

fn keep(kept: &mut VecDeque<Duration>, value: Duration) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(value);
}

fn spread(kept: &VecDeque<Duration>) -> Option<Spread> {
    let mut sorted: Vec<Duration> = kept.iter().copied().collect();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    Some(Spread {
        p50: sorted[last / 2],
        p95: sorted[last * 95 / 100],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_the_middle_and_the_slow_ones_of_the_last_frames() {
        let mut times = FrameTimes::default();
        let mut now = Instant::now();
        assert_eq!(times.work(), None);
        for frame in 0..1000 {
            // Long ago it was slow; of the last hundred, ten are.
            let ms = if frame < 600 || frame % 10 == 0 {
                30
            } else {
                4
            };
            times.record(now, Some(ms as f32 / 1e3));
            now += Duration::from_millis(33);
        }
        let work = times.work().expect("frames were recorded");
        assert!((work.p50.as_secs_f64() - 0.004).abs() < 1e-6);
        assert!((work.p95.as_secs_f64() - 0.030).abs() < 1e-6);
        let apart = times.apart().expect("frames were recorded");
        assert_eq!(apart.p95, Duration::from_millis(33));
        assert!(times.report().contains("frame time p50 4.0 ms p95 30.0 ms"));
    }

    #[test]
    fn a_window_at_rest_is_not_late() {
        let mut times = FrameTimes::default();
        let start = Instant::now();
        times.record(start, None);
        times.record(start + Duration::from_secs(20), Some(0.002));
        times.record(
            start + Duration::from_secs(20) + Duration::from_millis(16),
            Some(f32::NAN),
        );
        assert_eq!(
            times.apart(),
            Some(Spread {
                p50: Duration::from_millis(16),
                p95: Duration::from_millis(16)
            })
        );
        assert!(times.report().contains("(1 frames)"));
    }
}
