//! The vocabulary of sound and pictures. It imports nothing of ours, and every room speaks it.
//!
//! Time is always an argument: `Instant`s come from whoever drives the call, on a real or a virtual clock.

mod audio;
mod frame_number;
mod rtp;
mod video;

pub use audio::{AudioFrame, FRAME_DURATION, FRAME_SAMPLES, Level, SAMPLE_RATE_HZ};
pub use frame_number::{FRAME_NUMBER_BITS, burn_frame_number, read_frame_number};
pub use rtp::{
    AUDIO_CLOCK_HZ, Bitrate, EncodedFrame, EncoderControl, MediaKind, OutgoingRtp, RtpPacket,
    RtpTimestamp, SenderReport, VIDEO_CLOCK_HZ,
};
pub use video::{Resolution, VideoFrame};
