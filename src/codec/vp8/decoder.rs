use std::ffi::c_int;
use std::time::Instant;

use vpx_sys::{vpx_codec_err_t, vpx_image_t};

use super::{Context, FrameHeader, library_error};
use crate::codec::{VideoCodecError, VideoDecoder};
use crate::media::VideoFrame;

/// The most pixels that are decoded: a 4K screen. libvpx keeps about six pictures of the size.
const MAX_PIXELS: u64 = 3_840 * 2_160;
/// The longest bitstream that is taken: several times a 4K key frame.
const MAX_BYTES: usize = 8 << 20;

/// VP8 pictures from bytes of anyone. Nothing but a key frame is taken at first and after every
/// error, which begins with a fresh libvpx: its state after a fault is anyone's guess.
pub struct Vp8Decoder {
    /// None until a key frame comes.
    context: Option<Context>,
}

impl Vp8Decoder {
    /// A decoder that waits for a key frame.
    pub fn new() -> Self {
        Self { context: None }
    }

    fn open() -> Result<Context, VideoCodecError> {
        let mut context = Context::zeroed();
        let config = vpx_sys::vpx_codec_dec_cfg_t {
            threads: 1,
            w: 0,
            h: 0,
        };
        // SAFETY: `context` and `config` outlive the call, and libvpx copies `config`.
        let code = unsafe {
            vpx_sys::vpx_codec_dec_init_ver(
                context.as_ptr(),
                vpx_sys::vpx_codec_vp8_dx(),
                &config,
                0,
                vpx_sys::VPX_DECODER_ABI_VERSION as c_int,
            )
        };
        match code {
            vpx_codec_err_t::VPX_CODEC_OK => Ok(context),
            code => Err(library_error(code)),
        }
    }
}

impl Default for Vp8Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl VideoDecoder for Vp8Decoder {
    fn decode(&mut self, data: &[u8], now: Instant) -> Result<Option<VideoFrame>, VideoCodecError> {
        let context = match check(data) {
            Ok(header) if header.key_frame && self.context.is_none() => Self::open().map(Some),
            Ok(_) => Ok(self.context.take()),
            Err(error) => Err(error),
        };
        // Taken out first, put back last: on every error in between the state is dropped.
        let mut context = match context {
            Ok(Some(context)) => context,
            Ok(None) => return Err(VideoCodecError::KeyFrameMissing),
            Err(error) => {
                self.context = None;
                return Err(error);
            }
        };
        let frame = decode_with(&mut context, data, now)?;
        self.context = Some(context);
        Ok(frame)
    }
}

/// Refuses, before libvpx allocates anything, what is no frame or would be too large.
fn check(data: &[u8]) -> Result<FrameHeader, VideoCodecError> {
    if data.len() > MAX_BYTES {
        return Err(VideoCodecError::Damaged);
    }
    let header = FrameHeader::parse(data).ok_or(VideoCodecError::Damaged)?;
    if let Some((width, height)) = header.size {
        if width == 0 || height == 0 {
            return Err(VideoCodecError::Damaged);
        }
        let sides_fit = width <= VideoFrame::MAX_SIDE && height <= VideoFrame::MAX_SIDE;
        if !sides_fit || u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(VideoCodecError::TooLarge { width, height });
        }
    }
    Ok(header)
}

fn decode_with(
    context: &mut Context,
    data: &[u8],
    now: Instant,
) -> Result<Option<VideoFrame>, VideoCodecError> {
    let length = u32::try_from(data.len()).map_err(|_| VideoCodecError::Damaged)?;
    // SAFETY: the pointer and length are those of a slice that outlives the call.
    let code = unsafe {
        vpx_sys::vpx_codec_decode(
            context.as_ptr(),
            data.as_ptr(),
            length,
            std::ptr::null_mut(),
            0,
        )
    };
    match code {
        vpx_codec_err_t::VPX_CODEC_OK => {}
        vpx_codec_err_t::VPX_CODEC_MEM_ERROR => return Err(library_error(code)),
        _ => return Err(VideoCodecError::Damaged),
    }
    let mut corrupted: c_int = 0;
    // SAFETY: this control writes one int through the pointer, which lives on our stack.
    let code = unsafe {
        vpx_sys::vpx_codec_control_(
            context.as_ptr(),
            vpx_sys::vp8_dec_control_id::VP8D_GET_FRAME_CORRUPTED as c_int,
            &mut corrupted as *mut c_int,
        )
    };
    if code != vpx_codec_err_t::VPX_CODEC_OK || corrupted != 0 {
        return Err(VideoCodecError::Damaged);
    }
    let mut iterator = std::ptr::null();
    // SAFETY: `iterator` starts as null, as libvpx asks; the image is libvpx's own and valid until
    // the next call into the decoder, or null.
    let image = unsafe { vpx_sys::vpx_codec_get_frame(context.as_ptr(), &mut iterator).as_ref() };
    image.map(|image| copy_out(image, now)).transpose()
}

/// The picture without the padding that libvpx keeps around it.
fn copy_out(image: &vpx_image_t, now: Instant) -> Result<VideoFrame, VideoCodecError> {
    let (width, height) = (image.d_w, image.d_h);
    if image.fmt != vpx_sys::vpx_img_fmt::VPX_IMG_FMT_I420 {
        return Err(VideoCodecError::Damaged);
    }
    if width > VideoFrame::MAX_SIDE || height > VideoFrame::MAX_SIDE {
        return Err(VideoCodecError::TooLarge { width, height });
    }
    let mut data = Vec::with_capacity(VideoFrame::size_of(width, height));
    let chroma = (width.div_ceil(2), height.div_ceil(2));
    for (plane, (columns, rows)) in [(width, height), chroma, chroma].into_iter().enumerate() {
        let stride = image.stride[plane] as isize;
        for row in 0..rows as isize {
            // SAFETY: libvpx says that plane `plane` has `rows` rows of at least `columns` bytes,
            // `stride` apart; they are valid until the next call into the decoder.
            let line = unsafe {
                std::slice::from_raw_parts(
                    image.planes[plane].cast_const().offset(row * stride),
                    columns as usize,
                )
            };
            data.extend_from_slice(line);
        }
    }
    VideoFrame::new(width, height, data, now).ok_or(VideoCodecError::Damaged)
}
