//! Frames to encoded frames and back, without threads, clocks or IO.

pub mod synthetic;
mod video;
pub mod vp8;

pub use video::{VideoCodecError, VideoDecoder, VideoEncoder, VideoEncoderSettings};
