use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::capture::DeviceError;
use crate::media::{Bitrate, EncoderControl, FRAME_SAMPLES};
use crate::peer::LEAST_BITRATE;
use crate::playout::AudioSink;

/// Makes one side of a call worse on purpose, each in one way. For proving that whoever measures
/// calls notices what is wrong with them; a call of people has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handicap {
    /// Sound is meant to be played as soon as it is here: the target of its jitter buffer is 0.
    NoJitterBuffer,
    /// What is lost of the sound is silence: packets carry no copies (FEC), copies are not used, and
    /// nothing is guessed (PLC).
    NoRepairOfSound,
    /// It is always sent as much as there may be at most, whatever the other side reports.
    NoCongestionControl,
    /// The picture encoder is told half of what it may use.
    HalfBitrate,
    /// Sound is heard 100 ms later than it could be, and the pictures do not wait for it.
    LateSound,
}

impl Handicap {
    /// All that there are.
    pub const ALL: [Self; 5] = [
        Self::NoJitterBuffer,
        Self::NoRepairOfSound,
        Self::NoCongestionControl,
        Self::HalfBitrate,
        Self::LateSound,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::NoJitterBuffer => "no-jitter-buffer",
            Self::NoRepairOfSound => "no-repair-of-sound",
            Self::NoCongestionControl => "no-congestion-control",
            Self::HalfBitrate => "half-bitrate",
            Self::LateSound => "late-sound",
        }
    }
}

impl fmt::Display for Handicap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Handicap {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|one| one.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no handicap “{name}”; there are {names}")
        })
    }
}

/// What may be sent at least, where it may be `most` at most.
pub fn least_bitrate(most: Bitrate, handicaps: &[Handicap]) -> Bitrate {
    if handicaps.contains(&Handicap::NoCongestionControl) {
        most
    } else {
        LEAST_BITRATE
    }
}

/// `control` for a picture encoder that is to use half of what sound leaves of it; `audio` is what
/// that takes on the wire.
pub fn half_for_pictures(control: EncoderControl, audio: Bitrate) -> EncoderControl {
    let left = control.target_bitrate.bps().saturating_sub(audio.bps());
    EncoderControl {
        target_bitrate: Bitrate(audio.bps() + left / 2),
        ..control
    }
}

/// A speaker that everything reaches 100 ms late, which it does not admit.
pub struct LateSpeaker {
    speaker: Box<dyn AudioSink>,
    on_its_way: VecDeque<[f32; FRAME_SAMPLES]>,
}

impl LateSpeaker {
    const FRAMES: usize = 10;

    /// In place of `speaker`.
    pub fn new(speaker: Box<dyn AudioSink>) -> Self {
        Self {
            speaker,
            on_its_way: vec![[0.0; FRAME_SAMPLES]; Self::FRAMES].into(),
        }
    }
}

impl AudioSink for LateSpeaker {
    fn demand(&mut self, now: Instant) -> usize {
        self.speaker.demand(now)
    }

    fn push(&mut self, samples: &[f32; FRAME_SAMPLES], now: Instant) -> Result<(), DeviceError> {
        self.on_its_way.push_back(*samples);
        match self.on_its_way.pop_front() {
            Some(late) => self.speaker.push(&late, now),
            None => Ok(()),
        }
    }

    fn delay(&self) -> Duration {
        self.speaker.delay()
    }

    fn time_zero(&self) -> Option<Instant> {
        self.speaker.time_zero()
    }
}

#[cfg(test)]
#[path = "handicap_tests.rs"]
mod tests;
