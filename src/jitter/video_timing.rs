use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::media::{RtpTimestamp, VIDEO_CLOCK_HZ};

/// How many of the latest frames the spread is taken over: four seconds at 30 a second.
const WINDOW: usize = 120;
/// The share of frames, in percent, that are to be there in time.
const IN_TIME_PERCENT: usize = 95;
/// Spread below this is not worth a delay: nobody sees it.
const UNSEEN: f64 = 0.006;
/// The longest delay for the sake of smooth motion; beyond it, being live matters more.
const MAX_DELAY: f64 = 0.25;
/// The share of the way that the delay goes with each frame, up and down.
const RISE: f64 = 0.25;
const FALL: f64 = 0.02;
/// Frames further than this from where their timestamps say began a new clock, in seconds.
const NEW_CLOCK: f64 = 2.0;

/// When to show frames so that they move as they did before the camera, in spite of the network:
/// the fastest way of the last seconds plus as much as nearly all of the latest frames needed.
#[derive(Debug, Default)]
pub struct VideoTiming {
    clock: Option<Clock>,
    /// Seconds between where a frame's timestamp puts it and when it was whole, of the latest frames.
    ways: VecDeque<f64>,
    /// What is added to the fastest way now, in seconds.
    delay: f64,
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Instant,
    latest: RtpTimestamp,
    /// From the start to `latest`, not wrapping.
    ticks: i64,
}

impl VideoTiming {
    /// A frame became whole: takes note, and says when it should be shown. That is never more than
    /// a quarter of a second later, and at once on a clean link.
    pub fn observe(&mut self, rtp_timestamp: RtpTimestamp, completed_at: Instant) -> Instant {
        let clock = self.clock.get_or_insert(Clock {
            start: completed_at,
            latest: rtp_timestamp,
            ticks: 0,
        });
        clock.ticks += i64::from(rtp_timestamp.ticks_since(clock.latest));
        clock.latest = rtp_timestamp;
        let position = clock.ticks as f64 / f64::from(VIDEO_CLOCK_HZ);
        let way = completed_at
            .saturating_duration_since(clock.start)
            .as_secs_f64()
            - position;
        if self
            .ways
            .back()
            .is_some_and(|last| (way - last).abs() > NEW_CLOCK)
        {
            *self = Self::default();
            return self.observe(rtp_timestamp, completed_at);
        }
        if self.ways.len() == WINDOW {
            self.ways.pop_front();
        }
        self.ways.push_back(way);

        let mut sorted: Vec<f64> = self.ways.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let fastest = sorted[0];
        let spread = sorted[(sorted.len() - 1) * IN_TIME_PERCENT / 100] - fastest;
        let wanted = if spread < UNSEEN {
            0.0
        } else {
            spread.min(MAX_DELAY)
        };
        self.delay += (wanted - self.delay) * if wanted > self.delay { RISE } else { FALL };
        let wait = fastest + self.delay - way;
        completed_at + Duration::from_secs_f64(wait.clamp(0.0, MAX_DELAY))
    }

    /// How long a frame that came the fastest way is held now.
    pub fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_TICKS: u32 = VIDEO_CLOCK_HZ / 30;
    const FRAME: f64 = 1.0 / 30.0;

    /// Frames that take `ways` seconds each; returns how late each is shown after its capture.
    fn shown_after(timing: &mut VideoTiming, ways: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let start = Instant::now();
        let first = RtpTimestamp(u32::MAX - 20 * FRAME_TICKS);
        let frames = ways.into_iter().enumerate();
        frames
            .map(|(index, way)| {
                let captured_at = start + Duration::from_secs_f64(index as f64 * FRAME);
                let rtp_timestamp = first.advanced_by(index as u32 * FRAME_TICKS);
                let completed_at = captured_at + Duration::from_secs_f64(way);
                let shown_at = timing.observe(rtp_timestamp, completed_at);
                assert!(shown_at >= completed_at);
                (shown_at - captured_at).as_secs_f64()
            })
            .collect()
    }

    /// Numbers in 0.0..1.0, the same for each seed.
    fn random(mut seed: u64) -> impl Iterator<Item = f64> {
        std::iter::repeat_with(move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        })
    }

    fn spread(values: &[f64]) -> f64 {
        let (low, high) = values
            .iter()
            .fold((f64::MAX, f64::MIN), |(low, high), value| {
                (low.min(*value), high.max(*value))
            });
        high - low
    }

    #[test]
    fn a_clean_link_costs_nothing() {
        let ways = random(7).map(|value| 0.040 + value * 0.004).take(300);
        let shown = shown_after(&mut VideoTiming::default(), ways.collect::<Vec<_>>());
        assert!(shown.iter().all(|after| *after < 0.0445), "{shown:?}");
    }

    #[test]
    fn jitter_is_smoothed_and_the_delay_is_no_more_than_it_takes() {
        for seed in [1, 2, 3] {
            let ways: Vec<f64> = random(seed)
                .map(|value| 0.050 + value * 0.030)
                .take(300)
                .collect();
            let shown = shown_after(&mut VideoTiming::default(), ways.clone());
            let mut settled = shown[150..].to_vec();
            settled.sort_by(f64::total_cmp);
            let middle = &settled[settled.len() / 20..settled.len() * 19 / 20];
            assert!(
                spread(middle) < 0.004,
                "seed {seed}: {:.4} s",
                spread(middle)
            );
            assert!(
                middle[0] < 0.085,
                "seed {seed}: shown {:.3} s after capture",
                middle[0]
            );
            assert!(spread(&ways[150..]) > 0.025, "there was jitter to smooth");
        }
    }

    #[test]
    fn one_late_frame_does_not_make_the_others_late() {
        let mut ways = vec![0.040; 200];
        ways[100] = 0.240;
        let shown = shown_after(&mut VideoTiming::default(), ways);
        assert!(shown[120..].iter().all(|after| *after < 0.041));
    }

    #[test]
    fn the_delay_is_given_back_when_the_link_calms_down() {
        let ways = random(5).map(|value| 0.040 + value * 0.060).take(200);
        let ways: Vec<f64> = ways.chain(std::iter::repeat_n(0.040, 400)).collect();
        let mut timing = VideoTiming::default();
        let shown = shown_after(&mut timing, ways);
        assert!(shown[190] > 0.080);
        assert!(shown[599] < 0.046, "{:.3}", shown[599]);
        assert!(timing.delay() < Duration::from_millis(6));
    }

    #[test]
    fn a_clock_that_jumps_is_followed_and_never_waited_for() {
        let mut timing = VideoTiming::default();
        shown_after(&mut timing, vec![0.040; 50]);
        let now = Instant::now() + Duration::from_secs(60);
        assert_eq!(timing.observe(RtpTimestamp(123), now), now);
        let next = now + Duration::from_millis(33);
        assert_eq!(timing.observe(RtpTimestamp(123 + FRAME_TICKS), next), next);
    }
}
