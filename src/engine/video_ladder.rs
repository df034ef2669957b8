use std::time::{Duration, Instant};

use crate::media::{Bitrate, Resolution};
use crate::process::scale;

/// The sizes to choose from, in eighths of the camera's sides.
const RUNGS: [u32; 5] = [8, 6, 4, 3, 2];
/// What a picture of 720p needs to look decent, thirty times a second.
const HD_NEEDS_BPS: f64 = 900_000.0;
const HD_PIXELS: f64 = 1280.0 * 720.0;
/// Smaller pictures need more for each pixel; the exponent fits 540p at 540, 360p at 260, 180p at 75 kb/s.
const NEED_EXPONENT: f64 = 0.9;
/// More than this many times what it needs does not make a picture any better.
const USEFUL_FACTOR: f64 = 2.8;
/// Below this nobody recognises a face, so the frame rate falls instead of the size.
const LEAST_PIXELS: u32 = 50_000;
/// A size is left when its need is not met to this share for this long, or at once below the second.
const LEAVE: f64 = 0.85;
const LEAVE_AT_ONCE: f64 = 0.6;
const LEAVE_AFTER: Duration = Duration::from_secs(1);
/// A larger size is taken when its need is exceeded to this share for this long.
const CLIMB: f64 = 1.15;
const CLIMB_AFTER: Duration = Duration::from_secs(2);
/// Frames a second by the share of the need that is met.
const FRAME_RATES: [(f64, u32); 4] = [(0.7, 30), (0.5, 20), (0.35, 15), (0.0, 10)];

/// Encoding took more than this share of the time between pictures, on average over about a second:
/// the processor is the bottleneck. Under the second share it has room again.
const OVERLOADED: f64 = 0.8;
const RELAXED: f64 = 0.35;
const LOAD_SMOOTHING: f64 = 0.05;
/// How long the processor must have had room before more is asked of it; doubles each time that
/// turns out to be too much.
const RELAX_AFTER: Duration = Duration::from_secs(10);
const RELAX_AFTER_MAX: Duration = Duration::from_secs(160);
/// Between two reactions to overload, so that the first can be felt.
const OVERLOAD_EVERY: Duration = Duration::from_secs(2);
/// Steps of encoder speed that are tried before a smaller size.
const SPEED_STEPS: u8 = 2;

/// Why pictures are not as good as the camera's (W3C `RTCQualityLimitationReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityLimitationReason {
    /// They are.
    #[default]
    None,
    /// The processor cannot keep up.
    Cpu,
    /// The network carries no more.
    Bandwidth,
}

/// What to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) resolution: Resolution,
    pub(crate) frame_rate: u32,
    /// What is worth spending at this size.
    pub(crate) bitrate: Bitrate,
    /// Steps to be added to the encoder's speed.
    pub(crate) hurry: u8,
    pub(crate) limited_by: QualityLimitationReason,
}

/// Chooses size and frame rate for a bitrate and a processor, and does not flutter between two.
#[derive(Debug)]
pub(crate) struct Ladder {
    source: Option<Resolution>,
    rung: usize,
    /// Since when the rung's need is not met, or that of a better one is.
    short_since: Option<Instant>,
    ample_since: Option<Instant>,
    /// Encode time as a share of the frame interval, smoothed.
    load: f64,
    /// Reactions to overload so far: first speed, then size.
    cpu_steps: u8,
    last_cpu_step: Option<Instant>,
    relaxed_since: Option<Instant>,
    relax_after: Duration,
}

impl Ladder {
    pub(crate) fn new() -> Self {
        Self {
            source: None,
            rung: 0,
            short_since: None,
            ample_since: None,
            load: 0.0,
            cpu_steps: 0,
            last_cpu_step: None,
            relaxed_since: None,
            relax_after: RELAX_AFTER,
        }
    }

    /// What to make of pictures of size `source` at `bitrate`. Ask for each picture.
    pub(crate) fn choose(&mut self, source: Resolution, bitrate: Bitrate, now: Instant) -> Choice {
        let last = last_rung(source);
        let best = |share: f64| {
            (0..last)
                .find(|&rung| bitrate.bps() as f64 >= need(size(source, rung)) * share)
                .unwrap_or(last)
        };
        if self.source != Some(source) {
            self.source = Some(source);
            self.rung = best(1.0);
            (self.short_since, self.ample_since) = (None, None);
        }
        let met = bitrate.bps() as f64 / need(size(source, self.rung));
        if met < LEAVE && self.rung < last {
            let since = *self.short_since.get_or_insert(now);
            if met < LEAVE_AT_ONCE || now >= since + LEAVE_AFTER {
                self.rung = best(1.0).max(self.rung + 1);
                self.short_since = None;
            }
        } else {
            self.short_since = None;
        }
        let climb = best(CLIMB);
        if climb < self.rung {
            let since = *self.ample_since.get_or_insert(now);
            if now >= since + CLIMB_AFTER {
                self.rung = climb;
                self.ample_since = None;
            }
        } else {
            self.ample_since = None;
        }

        let cpu_rung = usize::from(self.cpu_steps.saturating_sub(SPEED_STEPS)).min(last);
        let rung = self.rung.max(cpu_rung);
        let resolution = size(source, rung);
        let met = bitrate.bps() as f64 / need(resolution);
        let frame_rate = FRAME_RATES
            .iter()
            .find(|(share, _)| met >= *share)
            .map_or(10, |(_, rate)| *rate);
        let limited_by = if cpu_rung > self.rung {
            QualityLimitationReason::Cpu
        } else if rung > 0 || frame_rate < FRAME_RATES[0].1 {
            QualityLimitationReason::Bandwidth
        } else {
            QualityLimitationReason::None
        };
        Choice {
            resolution,
            frame_rate,
            bitrate: bitrate.min(Bitrate((need(resolution) * USEFUL_FACTOR) as u64)),
            hurry: self.cpu_steps.min(SPEED_STEPS),
            limited_by,
        }
    }

    /// A picture took `spent` to encode, of the `interval` until the next.
    pub(crate) fn handle_encode_time(&mut self, spent: Duration, interval: Duration, now: Instant) {
        let load = spent.as_secs_f64() / interval.as_secs_f64().max(1e-3);
        // One picture that was held up by something else counts as no more than two intervals.
        self.load += (load.min(2.0) - self.load) * LOAD_SMOOTHING;
        let recently = self
            .last_cpu_step
            .is_some_and(|step| now < step + OVERLOAD_EVERY);
        if self.load > OVERLOADED && !recently {
            self.relaxed_since = None;
            let most = SPEED_STEPS + RUNGS.len() as u8 - 1;
            if self.cpu_steps < most {
                // It had been relaxed lately, which was a mistake: wait longer the next time.
                if self.cpu_steps > 0 {
                    self.relax_after = (self.relax_after * 2).min(RELAX_AFTER_MAX);
                }
                self.cpu_steps += 1;
                self.last_cpu_step = Some(now);
            }
        } else if self.load < RELAXED && self.cpu_steps > 0 {
            let since = *self.relaxed_since.get_or_insert(now);
            if now >= since + self.relax_after {
                self.cpu_steps -= 1;
                self.relaxed_since = None;
            }
        } else {
            self.relaxed_since = None;
        }
    }
}

fn size(source: Resolution, rung: usize) -> Resolution {
    scale::fit(source, RUNGS[rung], RUNGS[0])
}

/// The smallest size that is still worth looking at.
fn last_rung(source: Resolution) -> usize {
    let worth = |rung: &usize| {
        let size = size(source, *rung);
        size.width * size.height >= LEAST_PIXELS
    };
    (1..RUNGS.len()).take_while(worth).last().unwrap_or(0)
}

fn need(size: Resolution) -> f64 {
    let pixels = f64::from(size.width) * f64::from(size.height);
    HD_NEEDS_BPS * (pixels / HD_PIXELS).powf(NEED_EXPONENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Resolution = Resolution {
        width: 1280,
        height: 720,
    };

    fn heights(ladder: &mut Ladder, kbps: u64, seconds: u64, start: &mut Instant) -> Vec<u32> {
        let mut heights = Vec::new();
        for _ in 0..seconds * 30 {
            *start += Duration::from_millis(33);
            let choice = ladder.choose(HD, Bitrate::from_kbps(kbps), *start);
            if heights.last() != Some(&choice.resolution.height) {
                heights.push(choice.resolution.height);
            }
        }
        heights
    }

    #[test]
    fn each_bitrate_has_its_size_and_the_smallest_slows_down() {
        let rates = [
            (2_500, 720, 30),
            (950, 720, 30),
            (600, 540, 30),
            (300, 360, 30),
            (160, 270, 30),
        ];
        for (kbps, height, fps) in
            rates
                .into_iter()
                .chain([(80, 180, 30), (40, 180, 20), (15, 180, 10)])
        {
            let choice = Ladder::new().choose(HD, Bitrate::from_kbps(kbps), Instant::now());
            assert_eq!(
                (choice.resolution.height, choice.frame_rate),
                (height, fps),
                "{kbps} kb/s"
            );
        }
    }

    #[test]
    fn a_rate_on_the_edge_does_not_flutter() {
        let (mut ladder, mut now) = (Ladder::new(), Instant::now());
        assert_eq!(heights(&mut ladder, 920, 1, &mut now), [720]);
        for _ in 0..20 {
            assert_eq!(heights(&mut ladder, 800, 1, &mut now), [720]);
            assert_eq!(heights(&mut ladder, 1_000, 1, &mut now), [720]);
        }
        assert_eq!(heights(&mut ladder, 700, 3, &mut now), [720, 540]);
        assert_eq!(heights(&mut ladder, 950, 20, &mut now), [540]);
        assert_eq!(heights(&mut ladder, 1_100, 3, &mut now), [540, 720]);
    }

    #[test]
    fn a_collapse_is_followed_at_once() {
        let (mut ladder, mut now) = (Ladder::new(), Instant::now());
        heights(&mut ladder, 2_000, 1, &mut now);
        let choice = ladder.choose(HD, Bitrate::from_kbps(200), now);
        assert_eq!(choice.resolution.height, 270);
        assert_eq!(choice.limited_by, QualityLimitationReason::Bandwidth);
    }

    #[test]
    fn a_small_camera_keeps_its_size_and_slows_down() {
        let small = Resolution {
            width: 320,
            height: 180,
        };
        let choice = Ladder::new().choose(small, Bitrate::from_kbps(30), Instant::now());
        assert_eq!((choice.resolution, choice.frame_rate), (small, 15));
    }

    #[test]
    fn an_overloaded_processor_gets_less_to_do_and_more_when_it_has_rested() {
        let (mut ladder, mut now) = (Ladder::new(), Instant::now());
        let interval = Duration::from_millis(33);
        let mut run = |spent_ms: u64, seconds: u32| {
            let mut choice = ladder.choose(HD, Bitrate::from_kbps(2_000), now);
            for _ in 0..seconds * 30 {
                now += interval;
                choice = ladder.choose(HD, Bitrate::from_kbps(2_000), now);
                ladder.handle_encode_time(Duration::from_millis(spent_ms), interval, now);
            }
            (choice.resolution.height, choice.hurry, choice.limited_by)
        };
        assert_eq!(run(20, 5), (720, 0, QualityLimitationReason::None));
        // One long hiccup is not overload.
        assert_eq!(run(900, 0), (720, 0, QualityLimitationReason::None));
        assert_eq!(run(40, 2), (720, 1, QualityLimitationReason::None));
        assert_eq!(run(40, 3), (540, 2, QualityLimitationReason::Cpu));
        assert_eq!(run(8, 9).0, 540);
        assert_eq!(run(8, 200), (720, 0, QualityLimitationReason::None));
    }
}
