//! VP8 (RFC 6386) by libvpx, and its way over RTP (RFC 7741). The only `unsafe` of the room is in
//! the two wrappers here; what they hand out is owned and checked.

mod decoder;
mod encoder;
pub mod rtp;
#[cfg(test)]
pub(crate) mod test_pictures;
#[cfg(test)]
mod wrapper_tests;

pub use decoder::Vp8Decoder;
pub use encoder::Vp8Encoder;

use std::ffi::CStr;

use vpx_sys::{vpx_codec_ctx_t, vpx_codec_err_t, vpx_codec_err_to_string};

use super::VideoCodecError;

/// What a key frame says about itself in its first ten bytes (RFC 6386 section 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Decodable without any frame before it.
    pub key_frame: bool,
    /// Width and height in pixels; only key frames tell.
    pub size: Option<(u32, u32)>,
}

impl FrameHeader {
    /// Reads the header, or `None` if `data` does not begin like a frame.
    pub fn parse(data: &[u8]) -> Option<Self> {
        let key_frame = data.first()? & 1 == 0;
        if !key_frame {
            return (data.len() >= 3).then_some(Self {
                key_frame,
                size: None,
            });
        }
        let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *data else {
            return None;
        };
        // Two bits of each are a hint for scaling, which nobody uses.
        let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
        Some(Self {
            key_frame,
            size: Some((side(w0, w1), side(h0, h1))),
        })
    }
}

/// libvpx's word for a failure.
fn library_error(code: vpx_codec_err_t) -> VideoCodecError {
    // SAFETY: the function maps any code to a static, null-terminated string.
    let text = unsafe { CStr::from_ptr(vpx_codec_err_to_string(code)) };
    VideoCodecError::Library(text.to_string_lossy().into_owned())
}

/// A libvpx context that is destroyed exactly once. Boxed, so that it never moves.
struct Context(Box<vpx_codec_ctx_t>);

impl Context {
    /// An all-zero context, which is what the init functions expect and `destroy` ignores.
    fn zeroed() -> Self {
        // SAFETY: a plain C struct of pointers and integers, for which all zeros is the documented
        // state before initialisation.
        Self(Box::new(unsafe { std::mem::zeroed() }))
    }

    fn as_ptr(&mut self) -> *mut vpx_codec_ctx_t {
        &mut *self.0
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is ours alone; libvpx refuses one that was never initialised.
        unsafe { vpx_sys::vpx_codec_destroy(self.as_ptr()) };
    }
}

// SAFETY: a libvpx context is bound to no thread; it only must not be used by two at a time, and
// every use goes through `&mut`.
unsafe impl Send for Context {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_key_frames_and_their_size() {
        let key = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x45, 0xd0, 0x02];
        let header = FrameHeader::parse(&key);
        assert_eq!(
            header,
            Some(FrameHeader {
                key_frame: true,
                size: Some((1280, 720))
            })
        );
        assert_eq!(FrameHeader::parse(&key[..9]), None);
        assert_eq!(FrameHeader::parse(&[0x10, 0, 0, 1, 2, 3, 4, 5, 6, 7]), None);
        let delta = FrameHeader::parse(&[0x11, 0, 0]);
        assert!(delta.is_some_and(|header| !header.key_frame && header.size.is_none()));
        assert_eq!(FrameHeader::parse(&[]), None);
    }
}
