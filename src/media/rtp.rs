use std::time::{Duration, Instant};

use bytes::Bytes;

/// The RTP clock of Opus (RFC 7587 section 4.1), in Hz.
pub const AUDIO_CLOCK_HZ: u32 = 48_000;
/// The RTP clock of video (RFC 7741 section 4.1 for VP8), in Hz.
pub const VIDEO_CLOCK_HZ: u32 = 90_000;

/// Sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

impl MediaKind {
    /// The rate of the RTP clock, in Hz.
    pub fn clock_hz(self) -> u32 {
        match self {
            Self::Audio => AUDIO_CLOCK_HZ,
            Self::Video => VIDEO_CLOCK_HZ,
        }
    }
}

/// A point on an RTP clock (RFC 3550 section 5.1): it wraps, so it is compared by distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RtpTimestamp(pub u32);

impl RtpTimestamp {
    /// This point moved on by `ticks`.
    pub fn advanced_by(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// The signed distance from `earlier` to here, in ticks.
    pub fn ticks_since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }
}

/// Bits a second.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Bitrate(pub u64);

impl Bitrate {
    /// From thousands of bits a second.
    pub const fn from_kbps(kbps: u64) -> Self {
        Self(kbps * 1_000)
    }

    /// In bits a second.
    pub const fn bps(self) -> u64 {
        self.0
    }

    /// How long `bytes` take at this rate; the longest duration at rate zero.
    pub fn time_for(self, bytes: usize) -> Duration {
        if self.0 == 0 {
            return Duration::MAX;
        }
        Duration::from_secs_f64(bytes as f64 * 8.0 / self.0 as f64)
    }
}

/// An RTP packet that arrived, its header read (RFC 3550 section 5.1), RTX already unwrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPacket {
    /// Sound or picture.
    pub kind: MediaKind,
    /// The sender's stream.
    pub ssrc: u32,
    /// Counts packets; wraps.
    pub sequence_number: u16,
    /// On the clock of `kind`.
    pub rtp_timestamp: RtpTimestamp,
    /// The last packet of a picture.
    pub marker: bool,
    /// What the codec made; for VP8 beginning with its payload descriptor (RFC 7741 section 4.2).
    pub payload: Bytes,
    /// When it came in.
    pub arrived_at: Instant,
    /// It came by retransmission (RFC 4588).
    pub recovered: bool,
}

/// A packet to send; the peer gives it its sequence number and SSRC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingRtp {
    /// Sound or picture.
    pub kind: MediaKind,
    /// On the clock of `kind`.
    pub rtp_timestamp: RtpTimestamp,
    /// The last packet of a picture; for sound the first after silence (RFC 3551 section 4.1).
    pub marker: bool,
    /// What goes on the wire after the RTP header.
    pub payload: Bytes,
    /// When the content was captured.
    pub captured_at: Instant,
}

/// What a codec made of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// The bitstream.
    pub data: Bytes,
    /// Decodable without any frame before it.
    pub key_frame: bool,
    /// When the content was captured.
    pub captured_at: Instant,
}

/// From the network to the encoders: the backward edge `EncoderControl` of the design.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderControl {
    /// All media together may use this much, retransmissions included.
    pub target_bitrate: Bitrate,
    /// The share of our packets that was lost lately, 0.0..=1.0.
    pub loss: f32,
    /// The latest round trip, if one was measured.
    pub round_trip_time: Option<Duration>,
}

/// The sender's word on when a point of its RTP clock was (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// Sound or picture.
    pub kind: MediaKind,
    /// The sender's wall clock, NTP 32.32 fixed point.
    pub ntp_time: u64,
    /// The same moment on the RTP clock.
    pub rtp_timestamp: RtpTimestamp,
    /// When the report came in.
    pub arrived_at: Instant,
}
