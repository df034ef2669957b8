//! Frames to better frames, pure: echo, noise, gain, resampling, level.
//!
//! Nothing here knows a device, a clock or a network. What two threads share (the far-end signal,
//! [`RenderReference`]) goes through a bounded ring without locks.

mod channels;
mod echo_path;
mod gain;
mod level;
mod render_reference;
mod resampler;
pub mod scale;
#[cfg(test)]
pub(crate) mod speech;
mod stage;
pub mod stoi;
mod stretch;
mod voice;

pub use channels::{downmix, upmix};
pub use level::LevelMeter;
pub use render_reference::{RenderReference, RenderReferenceSource, render_reference};
pub use resampler::Resampler;
pub use stretch::{Effort, TimeStretch};
pub use voice::{Processing, VoiceProcessor};

/// Why sound cannot be processed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    /// A device rate that makes no sense.
    #[error("sound at {from_hz} Hz cannot be brought to {to_hz} Hz")]
    UnsupportedRate {
        /// The rate of the input.
        from_hz: u32,
        /// The rate that was wanted.
        to_hz: u32,
    },
    /// A part of the voice processing broke and is bypassed from now on.
    #[error("{stage} stopped working and was turned off; the call goes on without it")]
    StageFailed {
        /// As a person would name it, such as "echo cancellation".
        stage: &'static str,
    },
}
