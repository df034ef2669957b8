//! A codec that compresses nothing: frames of the asked size that carry a number. With it whole
//! calls run on virtual time, and every picture can be traced from one end to the other.

use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};

use super::vp8::FrameHeader;
use super::{VideoCodecError, VideoDecoder, VideoEncoder, VideoEncoderSettings};
use crate::media::{EncodedFrame, VideoFrame, burn_frame_number, read_frame_number};

/// How many times larger than the mean a key frame is.
const KEY_FRAME_FACTOR: usize = 4;
/// Bytes before the padding: VP8's key frame header, both counters.
const HEADER: usize = 10 + 4;
/// The size of decoded pictures, whatever was encoded: there is nothing to be seen on them.
const DECODED: (u32, u32) = (160, 90);

/// Encodes and decodes frames that begin like VP8's, so that they travel the same way. One object
/// is one direction: use another for the other.
#[derive(Debug)]
pub struct SyntheticCodec {
    settings: VideoEncoderSettings,
    /// The next picture needs to be, or to have been, this one; `None` before the first key frame.
    next: Option<u16>,
    unnumbered: u16,
}

impl SyntheticCodec {
    /// An encoder for pictures as `settings` say, or a decoder, which takes any.
    pub fn new(settings: VideoEncoderSettings) -> Self {
        Self {
            settings,
            next: None,
            unnumbered: 0,
        }
    }
}

impl VideoEncoder for SyntheticCodec {
    fn configure(&mut self, settings: VideoEncoderSettings) -> Result<(), VideoCodecError> {
        if settings.resolution != self.settings.resolution {
            self.next = None;
        }
        self.settings = settings;
        Ok(())
    }

    fn encode(
        &mut self,
        frame: &VideoFrame,
        force_key: bool,
    ) -> Result<Option<EncodedFrame>, VideoCodecError> {
        if frame.resolution() != self.settings.resolution {
            return Err(VideoCodecError::BadInput(
                "a picture of another size".into(),
            ));
        }
        let key_frame = force_key || self.next.is_none();
        let order = self.next.unwrap_or(0);
        self.next = Some(order.wrapping_add(1));
        self.unnumbered = self.unnumbered.wrapping_add(1);
        let number = read_frame_number(frame).unwrap_or(self.unnumbered);

        let rate = u64::from(self.settings.frame_rate.max(1));
        let mean = (self.settings.bitrate.bps() / 8 / rate) as usize;
        let size = mean * if key_frame { KEY_FRAME_FACTOR } else { 1 };
        let mut data = BytesMut::with_capacity(size.max(HEADER));
        data.put_slice(&[u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a]);
        data.put_u16_le((frame.width() & 0x3fff) as u16);
        data.put_u16_le((frame.height() & 0x3fff) as u16);
        data.put_u16_le(order);
        data.put_u16_le(number);
        data.resize(size.max(HEADER), 0);
        Ok(Some(EncodedFrame {
            data: Bytes::from(data),
            key_frame,
            captured_at: frame.captured_at,
        }))
    }

    fn last_quantizer(&mut self) -> Option<u32> {
        None
    }
}

impl VideoDecoder for SyntheticCodec {
    fn decode(&mut self, data: &[u8], now: Instant) -> Result<Option<VideoFrame>, VideoCodecError> {
        let expected = self.next.take();
        let header = FrameHeader::parse(data).ok_or(VideoCodecError::Damaged)?;
        let &[o0, o1, n0, n1] = data
            .get(10..HEADER)
            .and_then(|d| d.first_chunk())
            .ok_or(VideoCodecError::Damaged)?;
        let (order, number) = (u16::from_le_bytes([o0, o1]), u16::from_le_bytes([n0, n1]));
        if !header.key_frame && expected != Some(order) {
            return Err(VideoCodecError::KeyFrameMissing);
        }
        self.next = Some(order.wrapping_add(1));
        let mut frame = VideoFrame::black(DECODED.0, DECODED.1, now);
        burn_frame_number(&mut frame, number);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Bitrate, Resolution};

    #[test]
    fn numbers_go_through_and_a_gap_needs_a_key_frame() {
        let settings = VideoEncoderSettings {
            resolution: Resolution {
                width: 192,
                height: 108,
            },
            bitrate: Bitrate::from_kbps(480),
            frame_rate: 30,
            speed: 1,
        };
        let (mut encoder, mut decoder) =
            (SyntheticCodec::new(settings), SyntheticCodec::new(settings));
        let now = Instant::now();
        let mut encode = |number: u16, force_key| {
            let mut frame = VideoFrame::black(192, 108, now);
            burn_frame_number(&mut frame, number);
            encoder
                .encode(&frame, force_key)
                .expect("its size")
                .expect("never dropped")
        };
        let frames = [
            encode(7, false),
            encode(8, false),
            encode(9, false),
            encode(10, false),
            encode(11, true),
        ];
        assert_eq!(
            frames.each_ref().map(|frame| frame.key_frame),
            [true, false, false, false, true]
        );
        assert_eq!((frames[0].data.len(), frames[1].data.len()), (8_000, 2_000));
        let mut decode = |index: usize| {
            decoder
                .decode(&frames[index].data, now)
                .map(|frame| frame.as_ref().and_then(read_frame_number))
        };
        assert_eq!(decode(0), Ok(Some(7)));
        assert_eq!(decode(1), Ok(Some(8)));
        assert_eq!(decode(3), Err(VideoCodecError::KeyFrameMissing));
        assert_eq!(decode(2), Err(VideoCodecError::KeyFrameMissing));
        assert_eq!(decode(4), Ok(Some(11)));
    }
}
