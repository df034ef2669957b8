use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{AudioSink, VideoSink};
use crate::capture::DeviceError;
use crate::media::{FRAME_DURATION, FRAME_SAMPLES, VideoFrame};

/// Counts the 10 ms frames that a listener would have heard up to now.
#[derive(Debug)]
pub(crate) struct Heard {
    start: Instant,
    taken: u64,
}

impl Heard {
    /// Nobody is asked to catch up with more than this; it was silence.
    const MAX_BEHIND: u64 = 100;

    pub(crate) fn new(start: Instant) -> Self {
        Self { start, taken: 0 }
    }

    /// How many frames are due and not taken, and how many before those are lost: the caller was
    /// away for so long that a speaker would have fallen silent.
    pub(crate) fn due(&mut self, now: Instant) -> (usize, u64) {
        let elapsed = now.saturating_duration_since(self.start).as_nanos();
        let due = (elapsed / FRAME_DURATION.as_nanos()) as u64 + 1;
        let behind = due.saturating_sub(self.taken);
        let lost = if behind > Self::MAX_BEHIND {
            behind - 1
        } else {
            0
        };
        self.taken += lost;
        ((behind - lost) as usize, lost)
    }

    /// When the first frame was wanted.
    pub(crate) fn start(&self) -> Instant {
        self.start
    }

    pub(crate) fn take(&mut self) {
        self.taken += 1;
    }
}

/// A speaker that takes sound in real time and throws it away.
#[derive(Debug)]
pub struct NullSpeaker {
    heard: Heard,
}

impl NullSpeaker {
    /// Wants its first frame at `now`.
    pub fn new(now: Instant) -> Self {
        Self {
            heard: Heard::new(now),
        }
    }
}

impl AudioSink for NullSpeaker {
    fn demand(&mut self, now: Instant) -> usize {
        self.heard.due(now).0
    }

    fn push(&mut self, _: &[f32; FRAME_SAMPLES], _: Instant) -> Result<(), DeviceError> {
        self.heard.take();
        Ok(())
    }

    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}

/// A screen that nobody looks at.
#[derive(Debug)]
pub struct NullDisplay;

impl VideoSink for NullDisplay {
    fn push(&mut self, _: &Arc<VideoFrame>, _: Instant) -> Result<(), DeviceError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speaker_that_is_none_keeps_the_pace_of_one() {
        let start = Instant::now();
        let mut speaker = NullSpeaker::new(start);
        let mut taken = 0;
        for tick in 0..100 {
            let now = start + Duration::from_millis(7 * tick);
            for _ in 0..speaker.demand(now) {
                speaker.push(&[0.0; FRAME_SAMPLES], now).unwrap();
                taken += 1;
            }
            assert_eq!(speaker.demand(now), 0);
        }
        assert_eq!(taken, 1 + 7 * 99 / 10);
        assert_eq!(speaker.demand(start + Duration::from_secs(3_600)), 1);
    }
}
