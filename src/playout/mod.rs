//! Frames to speaker and screen: the mixer, lip-sync, the latest-picture slot, and sinks that write
//! down what would have been heard or seen.

pub mod av_sync;
mod frame_slot;
mod limiter;
mod mixer;
mod null;
mod png;
mod recorder;
mod speaker;
mod spec;
mod ui_sound;
mod wav;
mod y4m;

pub use self::png::PngSink;
pub use mixer::{MixInput, Mixer};
pub use null::{NullDisplay, NullSpeaker};
pub use speaker::Speaker;
pub use spec::{DisplaySpec, SpeakerSpec};
pub use ui_sound::UiSound;
pub use wav::WavSink;
pub use y4m::Y4mSink;

use std::time::{Duration, Instant};

use crate::capture::DeviceError;
use crate::media::{FRAME_SAMPLES, VideoFrame};

pub use av_sync::{AvSync, MediaPosition};
pub use frame_slot::FrameSlot;

/// A speaker, or what stands in for one.
pub trait AudioSink: Send {
    /// How many 10 ms frames it wants at `now` to stay ahead of its device; files want what is due.
    fn demand(&mut self, now: Instant) -> usize;
    /// Takes 10 ms of mono 48 kHz. Never blocks.
    ///
    /// # Errors
    /// When the device or file is gone; the sink is of no further use.
    fn push(&mut self, samples: &[f32; FRAME_SAMPLES], now: Instant) -> Result<(), DeviceError>;
    /// The playout delay: how long a sample pushed now takes to be heard.
    fn delay(&self) -> Duration;

    /// When it wants its first sample, if that is known; a device does not tell.
    fn time_zero(&self) -> Option<Instant> {
        None
    }
}

/// A screen, or what stands in for one.
pub trait VideoSink: Send {
    /// Takes a picture that is to be seen now. Never blocks for long.
    ///
    /// # Errors
    /// When the file is gone; the sink is of no further use.
    fn push(&mut self, frame: &std::sync::Arc<VideoFrame>, now: Instant)
    -> Result<(), DeviceError>;

    /// What the times that it writes down count from, if it writes any.
    fn time_zero(&self) -> Option<Instant> {
        None
    }
}
