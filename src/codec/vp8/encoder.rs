use std::ffi::{c_int, c_long, c_uint, c_ulong};
use std::mem::MaybeUninit;
use std::time::Instant;

use bytes::Bytes;
use vpx_sys::vp8e_enc_control_id as control;
use vpx_sys::{vpx_codec_enc_cfg_t, vpx_codec_err_t, vpx_image_t};

use super::{Context, library_error};
use crate::codec::{VideoCodecError, VideoEncoder, VideoEncoderSettings};
use crate::media::{Bitrate, EncodedFrame, Resolution, VIDEO_CLOCK_HZ, VideoFrame};

/// A key frame may be this many average frames large, in percent: at 30 a second 200 ms worth.
const MAX_KEY_FRAME_PERCENT: c_int = 600;
/// libvpx skips a picture when its rate buffer falls under this share, in percent.
const DROP_FRAME_THRESHOLD: c_uint = 30;
/// The finest and coarsest quantizer, of 0..=63. Coarser than 56 is not worth looking at; finer
/// than 2 is bits that nobody sees.
const QUANTIZERS: (c_uint, c_uint) = (2, 56);
/// The encoder's model of a leaky bucket, in milliseconds of the bitrate: size, start, aim.
const RATE_BUFFER_MS: (c_uint, c_uint, c_uint) = (1_000, 500, 600);
/// Blocks that differ by less than this are taken as unmoved.
const STATIC_THRESHOLD: c_int = 1;
/// Pictures with more pixels are encoded on two threads.
const ONE_THREAD_PIXELS: u32 = 1280 * 720;

/// Real-time VP8: one pass, constant bitrate, no look-ahead, key frames only when asked for (by a
/// PLI, RFC 4585) or when the size changes. Losses are mended by retransmission, so a picture may
/// always lean on the one before it.
pub struct Vp8Encoder {
    context: Context,
    config: vpx_codec_enc_cfg_t,
    settings: VideoEncoderSettings,
    /// The capture time of the first picture: the zero of libvpx's clock.
    epoch: Option<Instant>,
    last_pts: i64,
}

// SAFETY: `config` holds raw pointers only for two-pass statistics, which are null here; `Context`
// is `Send`.
unsafe impl Send for Vp8Encoder {}

impl Vp8Encoder {
    /// An encoder at a speed that suits the size (see [`Self::speed_for`]).
    ///
    /// # Errors
    /// When a side is 0 or over 16,383, or the library refuses.
    pub fn new(
        resolution: Resolution,
        bitrate: Bitrate,
        frame_rate: u32,
    ) -> Result<Self, VideoCodecError> {
        Self::open(VideoEncoderSettings {
            resolution,
            bitrate,
            frame_rate,
            speed: Self::speed_for(resolution),
        })
    }

    /// The speed that suits a size. Of 720p at 30 a second 6 takes about a sixth of an ordinary
    /// core and is a decibel better than 12, which takes a seventh; 4 takes a quarter for another
    /// third of a decibel; over 14 the picture falls apart.
    pub fn speed_for(resolution: Resolution) -> u8 {
        match resolution.width * resolution.height {
            0..=518_400 => 4,
            518_401..=921_600 => 6,
            _ => 10,
        }
    }

    fn open(settings: VideoEncoderSettings) -> Result<Self, VideoCodecError> {
        check(settings)?;
        let mut context = Context::zeroed();
        let mut config = MaybeUninit::zeroed();
        // SAFETY: libvpx fills `config` whole, or says that it did not; `context` and `config`
        // outlive the calls, and the context is destroyed on every path by its `Drop`.
        let config = unsafe {
            let interface = vpx_sys::vpx_codec_vp8_cx();
            ok(vpx_sys::vpx_codec_enc_config_default(
                interface,
                config.as_mut_ptr(),
                0,
            ))?;
            let mut config = config.assume_init();
            describe(&mut config, settings);
            ok(vpx_sys::vpx_codec_enc_init_ver(
                context.as_ptr(),
                interface,
                &config,
                0,
                vpx_sys::VPX_ENCODER_ABI_VERSION as c_int,
            ))?;
            config
        };
        let mut encoder = Self {
            context,
            config,
            settings,
            epoch: None,
            last_pts: -1,
        };
        // Fixed speed is the negative number: the positive one lets libvpx watch the wall clock.
        encoder.control(control::VP8E_SET_CPUUSED, -c_int::from(settings.speed))?;
        encoder.control(control::VP8E_SET_STATIC_THRESHOLD, STATIC_THRESHOLD)?;
        encoder.control(control::VP8E_SET_NOISE_SENSITIVITY, 0)?;
        encoder.control(
            control::VP8E_SET_MAX_INTRA_BITRATE_PCT,
            MAX_KEY_FRAME_PERCENT,
        )?;
        // As many partitions as threads (as powers of two): more would only cost bits.
        let partitions = c_int::from(encoder.config.g_threads > 1);
        encoder.control(control::VP8E_SET_TOKEN_PARTITIONS, partitions)?;
        Ok(encoder)
    }

    fn control(
        &mut self,
        id: vpx_sys::vp8e_enc_control_id,
        value: c_int,
    ) -> Result<(), VideoCodecError> {
        // SAFETY: every control used here takes exactly one int.
        ok(unsafe { vpx_sys::vpx_codec_control_(self.context.as_ptr(), id as c_int, value) })
    }

    /// libvpx's clock for a picture: that of RTP, strictly growing.
    fn pts_for(&mut self, captured_at: Instant) -> i64 {
        let epoch = *self.epoch.get_or_insert(captured_at);
        let elapsed = captured_at.saturating_duration_since(epoch).as_micros();
        let ticks = elapsed * u128::from(VIDEO_CLOCK_HZ) / 1_000_000;
        let pts = i64::try_from(ticks)
            .unwrap_or(i64::MAX - 1)
            .max(self.last_pts + 1);
        self.last_pts = pts;
        pts
    }

    /// Takes what the encoder made of the latest picture.
    fn take_output(&mut self, captured_at: Instant) -> Option<EncodedFrame> {
        let mut iterator = std::ptr::null();
        let mut output = None;
        loop {
            // SAFETY: `iterator` starts as null, as libvpx asks, and the packet is valid until the
            // next call into the encoder.
            let packet =
                unsafe { vpx_sys::vpx_codec_get_cx_data(self.context.as_ptr(), &mut iterator) };
            // SAFETY: libvpx returns null or a packet of its own.
            let Some(packet) = (unsafe { packet.as_ref() }) else {
                return output;
            };
            if packet.kind != vpx_sys::vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                continue;
            }
            // SAFETY: of this kind of packet the `frame` member is the one that is set, and its
            // buffer holds `sz` bytes.
            let (data, flags) = unsafe {
                let frame = packet.data.frame;
                (
                    std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz as usize),
                    frame.flags,
                )
            };
            output = Some(EncodedFrame {
                data: Bytes::copy_from_slice(data),
                key_frame: flags & vpx_sys::VPX_FRAME_IS_KEY != 0,
                captured_at,
            });
        }
    }
}

impl VideoEncoder for Vp8Encoder {
    fn configure(&mut self, settings: VideoEncoderSettings) -> Result<(), VideoCodecError> {
        if settings == self.settings {
            return Ok(());
        }
        if settings.resolution != self.settings.resolution {
            // libvpx cannot grow a picture, and a new size needs a key frame anyway.
            *self = Self::open(settings)?;
            return Ok(());
        }
        check(settings)?;
        if settings.speed != self.settings.speed {
            self.control(control::VP8E_SET_CPUUSED, -c_int::from(settings.speed))?;
        }
        describe(&mut self.config, settings);
        // SAFETY: the context was initialised with this very configuration, changed only in rate.
        ok(unsafe { vpx_sys::vpx_codec_enc_config_set(self.context.as_ptr(), &self.config) })?;
        self.settings = settings;
        Ok(())
    }

    fn encode(
        &mut self,
        frame: &VideoFrame,
        force_key: bool,
    ) -> Result<Option<EncodedFrame>, VideoCodecError> {
        if frame.resolution() != self.settings.resolution {
            return Err(VideoCodecError::BadInput(format!(
                "a picture of {}x{}, not {}x{}",
                frame.width(),
                frame.height(),
                self.settings.resolution.width,
                self.settings.resolution.height
            )));
        }
        let pts = self.pts_for(frame.captured_at);
        let duration = VIDEO_CLOCK_HZ / self.settings.frame_rate;
        let image = image_of(frame);
        let flags = if force_key {
            c_long::from(vpx_sys::VPX_EFLAG_FORCE_KF)
        } else {
            0
        };
        // SAFETY: `image` points into `frame`, which outlives the call, and tells its true size and
        // strides; libvpx copies the picture and does not write to it.
        ok(unsafe {
            vpx_sys::vpx_codec_encode(
                self.context.as_ptr(),
                &image,
                pts,
                c_ulong::from(duration),
                flags,
                c_ulong::from(vpx_sys::VPX_DL_REALTIME),
            )
        })?;
        Ok(self.take_output(frame.captured_at))
    }

    fn last_quantizer(&mut self) -> Option<u32> {
        let mut quantizer: c_int = 0;
        // SAFETY: this control writes one int through the pointer, which lives on our stack.
        let result = unsafe {
            vpx_sys::vpx_codec_control_(
                self.context.as_ptr(),
                control::VP8E_GET_LAST_QUANTIZER as c_int,
                &mut quantizer as *mut c_int,
            )
        };
        ok(result).ok()?;
        u32::try_from(quantizer).ok()
    }
}

fn ok(code: vpx_codec_err_t) -> Result<(), VideoCodecError> {
    match code {
        vpx_codec_err_t::VPX_CODEC_OK => Ok(()),
        code => Err(library_error(code)),
    }
}

fn check(settings: VideoEncoderSettings) -> Result<(), VideoCodecError> {
    let Resolution { width, height } = settings.resolution;
    let sides = 1..=VideoFrame::MAX_SIDE;
    if !sides.contains(&width)
        || !sides.contains(&height)
        || !(1..=60).contains(&settings.frame_rate)
        || !(1..=16).contains(&settings.speed)
    {
        return Err(VideoCodecError::BadInput(format!("{settings:?}")));
    }
    Ok(())
}

/// Writes `settings` into libvpx's own description.
fn describe(config: &mut vpx_codec_enc_cfg_t, settings: VideoEncoderSettings) {
    let Resolution { width, height } = settings.resolution;
    config.g_w = width;
    config.g_h = height;
    config.g_threads = if width * height > ONE_THREAD_PIXELS {
        2
    } else {
        1
    };
    config.g_timebase.num = 1;
    config.g_timebase.den = VIDEO_CLOCK_HZ as c_int;
    config.g_pass = vpx_sys::vpx_enc_pass::VPX_RC_ONE_PASS;
    config.g_lag_in_frames = 0;
    config.g_error_resilient = 0;
    config.rc_end_usage = vpx_sys::vpx_rc_mode::VPX_CBR;
    config.rc_target_bitrate = c_uint::try_from(settings.bitrate.bps() / 1_000)
        .unwrap_or(c_uint::MAX)
        .clamp(10, 100_000);
    (config.rc_min_quantizer, config.rc_max_quantizer) = QUANTIZERS;
    config.rc_undershoot_pct = 100;
    config.rc_overshoot_pct = 15;
    (
        config.rc_buf_sz,
        config.rc_buf_initial_sz,
        config.rc_buf_optimal_sz,
    ) = RATE_BUFFER_MS;
    config.rc_dropframe_thresh = DROP_FRAME_THRESHOLD;
    config.rc_resize_allowed = 0;
    // libvpx's "disabled": a key frame costs many others, so only a request is worth one.
    config.kf_mode = vpx_sys::vpx_kf_mode::VPX_KF_FIXED;
}

/// A view of `frame` as libvpx knows pictures. It borrows the planes without telling the compiler:
/// keep `frame` alive.
fn image_of(frame: &VideoFrame) -> vpx_image_t {
    let (y, u, v) = frame.planes();
    // SAFETY: a plain C struct; all zeros stands for "nothing owned" in every member.
    let mut image: vpx_image_t = unsafe { std::mem::zeroed() };
    image.fmt = vpx_sys::vpx_img_fmt::VPX_IMG_FMT_I420;
    image.bit_depth = 8;
    (image.w, image.h) = (frame.width(), frame.height());
    (image.d_w, image.d_h) = (frame.width(), frame.height());
    (image.x_chroma_shift, image.y_chroma_shift) = (1, 1);
    image.bps = 12;
    for (plane, data) in [y, u, v].into_iter().enumerate() {
        image.planes[plane] = data.as_ptr().cast_mut();
    }
    let chroma_stride = frame.chroma_width() as c_int;
    image.stride = [
        frame.width() as c_int,
        chroma_stride,
        chroma_stride,
        chroma_stride,
    ];
    image
}
