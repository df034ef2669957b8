//! Frames to encoded frames and back, without threads, clocks or IO.

mod opus;
pub mod synthetic;
mod video;
pub mod vp8;

pub use self::opus::{
    OPUS_PACKET_SAMPLES, OpusDecoder, OpusEncoder, OpusError, OpusMode, opus_packet_has_fec,
    opus_packet_samples,
};
pub use video::{VideoCodecError, VideoDecoder, VideoEncoder, VideoEncoderSettings};
