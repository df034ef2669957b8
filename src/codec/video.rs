use std::time::Instant;

use crate::media::{Bitrate, EncodedFrame, Resolution, VideoFrame};

/// What an encoder is asked to make; it can be changed before any picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoEncoderSettings {
    /// The size of the pictures that will come. A new size begins with a key frame.
    pub resolution: Resolution,
    /// The mean that the encoded pictures are to keep to.
    pub bitrate: Bitrate,
    /// Pictures a second that will come, 1..=60.
    pub frame_rate: u32,
    /// How little work to spend on a picture, from 1 (slow, finer) to 16 (fast, coarser).
    pub speed: u8,
}

/// Pictures to a bitstream, one at a time.
pub trait VideoEncoder: Send {
    /// Takes new settings; cheap when only the bitrate changed.
    ///
    /// # Errors
    /// When the codec refuses them.
    fn configure(&mut self, settings: VideoEncoderSettings) -> Result<(), VideoCodecError>;

    /// Encodes a picture of the configured size, as a key frame if `force_key`. `None` when rate
    /// control skipped the picture, which it never does to a key frame that was asked for.
    ///
    /// # Errors
    /// When the picture has another size than the settings, or the codec fails.
    fn encode(
        &mut self,
        frame: &VideoFrame,
        force_key: bool,
    ) -> Result<Option<EncodedFrame>, VideoCodecError>;

    /// The quantizer of the latest picture on the codec's own scale (W3C `qpSum` adds these up).
    fn last_quantizer(&mut self) -> Option<u32>;
}

/// A bitstream to pictures, one at a time.
pub trait VideoDecoder: Send {
    /// Decodes what [`VideoEncoder::encode`] made, in order; the picture is dated `now`. `None`
    /// when there is nothing to be shown. After an error it waits for a key frame.
    ///
    /// # Errors
    /// When `data` is damaged, too large a picture, or a difference to a picture never decoded.
    fn decode(&mut self, data: &[u8], now: Instant) -> Result<Option<VideoFrame>, VideoCodecError>;
}

/// Why pictures cannot be encoded or decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VideoCodecError {
    /// The settings make no sense, or the picture is not of their size.
    #[error("the video encoder was given a picture or settings that it cannot use: {0}")]
    BadInput(String),
    /// The bitstream is no bitstream, or a part of it is missing.
    #[error("the video is damaged")]
    Damaged,
    /// Too large to be worth the memory.
    #[error("a picture of {width}x{height} is too large")]
    TooLarge {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// A difference to a picture that was never decoded.
    #[error("the video begins without a key frame")]
    KeyFrameMissing,
    /// The library has no memory, or another fault of its own.
    #[error("the video codec failed: {0}")]
    Library(String),
}
