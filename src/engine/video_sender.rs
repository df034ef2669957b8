use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::video_ladder::{Choice, Ladder, QualityLimitationReason};
use crate::codec::vp8::{Vp8Encoder, rtp::MAX_PAYLOAD, rtp::Packetizer};
use crate::codec::{VideoCodecError, VideoEncoder, VideoEncoderSettings};
use crate::media::{
    Bitrate, EncodedFrame, EncoderControl, MediaKind, OutgoingRtp, Resolution, RtpTimestamp,
    VIDEO_CLOCK_HZ, VideoFrame,
};
use crate::process::scale::scale;

/// What is sent before the network said anything.
const START_BITRATE: Bitrate = Bitrate::from_kbps(500);
/// Pictures never get less: sound is protected by its priority, not by this.
const LEAST_BITRATE: Bitrate = Bitrate::from_kbps(30);
/// What UDP, RTP and SRTP add to each payload, in bytes.
const PACKET_OVERHEAD: u64 = 70;
/// Requests for key frames that come this soon after one, or within a round trip, were sent before
/// it arrived.
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(300);
/// Frames this many times larger than the mean are huge (W3C `hugeFramesSent`).
const HUGE: f64 = 2.5;
/// The fastest speed that still looks like a picture.
const FASTEST: u8 = 14;
/// The encoder is not told of a bitrate that differs by less than one in this many.
const SMALL_CHANGE: u64 = 40;
/// The window for frames a second.
const FRAME_RATE_WINDOW: Duration = Duration::from_secs(2);

/// Where a stream's counters begin; both should be random (RFC 3550 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamStart {
    /// What the RTP clock reads at the start.
    pub rtp_timestamp: RtpTimestamp,
    /// The first picture's id.
    pub picture_id: u16,
}

/// Pictures of a camera to packets: chooses size and rate, encodes, packetizes. Pure: it lives on
/// whatever thread the engine gives it, and on virtual time in tests.
pub struct VideoSender {
    encoder: Box<dyn VideoEncoder>,
    /// What the encoder was last told; `None` to begin with and after it failed.
    settings: Option<VideoEncoderSettings>,
    packetizer: Packetizer,
    /// The zero of the RTP clock.
    epoch: Instant,
    first_timestamp: RtpTimestamp,
    /// Of the latest picture, in ticks since the epoch.
    last_ticks: Option<u64>,
    source: Source,
    ladder: Ladder,
    bitrate: Bitrate,
    round_trip: Duration,
    /// Pictures captured before this are skipped to keep the frame rate.
    next_due: Option<Instant>,
    key_frame: KeyFrame,
    last_key_frame: Option<Instant>,
    /// The latest picture got as far as the encoder.
    encode_tried: bool,
    /// When the latest pictures were encoded, to count them by the second.
    encoded_at: VecDeque<Instant>,
    mean_size: f64,
    stats: VideoSenderStats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyFrame {
    Wanted,
    NotWanted,
}

/// Counters of the pictures that we send (W3C webrtc-stats names).
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct VideoSenderStats {
    /// Pictures encoded.
    pub frames_encoded: u64,
    /// Of these, key frames.
    pub key_frames_encoded: u64,
    /// Pictures that the encoder skipped to keep the bitrate.
    pub frames_dropped: u64,
    /// Size of the latest picture, in pixels.
    pub frame_width: u32,
    /// Size of the latest picture, in pixels.
    pub frame_height: u32,
    /// Over the last two seconds.
    pub frames_per_second: f64,
    /// Wall time spent in encoding.
    pub total_encode_time: Duration,
    /// Quantizers (0..=127) of all pictures added up.
    pub qp_sum: u64,
    /// Pictures over 2.5 times the mean size.
    pub huge_frames_sent: u64,
    /// Bytes of all pictures, before packetizing.
    pub total_encoded_bytes: u64,
    /// What the encoder keeps to now.
    pub target_bitrate: Bitrate,
    /// Why pictures are smaller or fewer than the camera's.
    pub quality_limitation_reason: QualityLimitationReason,
    /// How often the size was changed for that.
    pub quality_limitation_resolution_changes: u64,
    /// Key frames that the other side asked for (PLI and FIR).
    pub key_frame_requests: u64,
}

impl VideoSender {
    /// A sender that uses `encoder`, whatever it is set to. The RTP clock starts at `now`.
    pub fn new(encoder: Box<dyn VideoEncoder>, start: StreamStart, now: Instant) -> Self {
        Self {
            encoder,
            settings: None,
            packetizer: Packetizer::new(start.picture_id),
            epoch: now,
            first_timestamp: start.rtp_timestamp,
            last_ticks: None,
            source: Source::On,
            ladder: Ladder::new(),
            bitrate: START_BITRATE,
            round_trip: Duration::ZERO,
            next_due: None,
            key_frame: KeyFrame::Wanted,
            last_key_frame: None,
            encode_tried: false,
            encoded_at: VecDeque::new(),
            mean_size: 0.0,
            stats: VideoSenderStats {
                target_bitrate: START_BITRATE,
                ..VideoSenderStats::default()
            },
        }
    }

    /// A sender of VP8.
    ///
    /// # Errors
    /// When libvpx refuses to start.
    pub fn vp8(start: StreamStart, now: Instant) -> Result<Self, VideoCodecError> {
        let placeholder = Resolution {
            width: 320,
            height: 180,
        };
        let encoder = Vp8Encoder::new(placeholder, START_BITRATE, 30)?;
        Ok(Self::new(Box::new(encoder), start, now))
    }

    /// Takes what the network bears. `audio` is what sound takes of it, headers included.
    pub fn handle_control(&mut self, control: EncoderControl, audio: Bitrate) {
        if let Some(round_trip) = control.round_trip_time {
            self.round_trip = round_trip;
        }
        let share = control.target_bitrate.bps().saturating_sub(audio.bps());
        // What is lost is sent again, out of the same share.
        let again = 1.0 + f64::from(control.loss.clamp(0.0, 0.5));
        let payload = MAX_PAYLOAD as f64 / (MAX_PAYLOAD as u64 + PACKET_OVERHEAD) as f64;
        let bitrate = Bitrate((share as f64 * payload / again) as u64);
        self.bitrate = bitrate.max(LEAST_BITRATE);
        self.stats.target_bitrate = self.bitrate;
    }

    /// The other side cannot decode (PLI or FIR): the next picture is a key frame, unless one that
    /// the request cannot know about is on its way.
    pub fn request_key_frame(&mut self, now: Instant) {
        self.stats.key_frame_requests += 1;
        let interval = KEY_FRAME_INTERVAL.max(self.round_trip.min(Duration::from_secs(1)));
        if self
            .last_key_frame
            .is_none_or(|last| now >= last + interval)
        {
            self.key_frame = KeyFrame::Wanted;
        }
    }

    /// A picture that was encoded did not leave: the next is a key frame, however new the last one is,
    /// for that may be what did not leave.
    pub fn handle_picture_dropped(&mut self) {
        self.key_frame = KeyFrame::Wanted;
    }

    /// The camera is off, or paused: no picture is sent until [`Self::turn_on`].
    pub fn turn_off(&mut self) {
        self.source = Source::Off;
    }

    /// The camera is on (again), or another took its place; it begins with a key frame.
    pub fn turn_on(&mut self) {
        self.source = Source::On;
        self.key_frame = KeyFrame::Wanted;
        self.next_due = None;
    }

    /// The packets of the next picture, in order; none when it is skipped.
    ///
    /// # Errors
    /// When the encoder fails. The next picture starts it anew.
    pub fn handle_frame(
        &mut self,
        frame: &VideoFrame,
        now: Instant,
    ) -> Result<Vec<OutgoingRtp>, VideoCodecError> {
        self.encode_tried = false;
        if self.source == Source::Off {
            return Ok(Vec::new());
        }
        let choice = self.ladder.choose(frame.resolution(), self.bitrate, now);
        if !self.is_due(frame.captured_at, choice.frame_rate) {
            return Ok(Vec::new());
        }
        let Some(rtp_timestamp) = self.timestamp_of(frame.captured_at) else {
            return Ok(Vec::new());
        };
        let encoded = match self.encode(frame, choice) {
            Ok(Some(encoded)) => encoded,
            Ok(None) => {
                self.stats.frames_dropped += 1;
                return Ok(Vec::new());
            }
            Err(error) => {
                self.settings = None;
                self.key_frame = KeyFrame::Wanted;
                return Err(error);
            }
        };
        self.count(&encoded, choice, now);
        let payloads = self.packetizer.packetize(&encoded.data);
        let last = payloads.len().saturating_sub(1);
        let packets = payloads.into_iter().enumerate();
        Ok(packets
            .map(|(index, payload)| OutgoingRtp {
                kind: MediaKind::Video,
                rtp_timestamp,
                marker: index == last,
                payload,
                captured_at: frame.captured_at,
            })
            .collect())
    }

    /// The latest [`Self::handle_frame`] took `spent` of wall time. Too much of it, again and again,
    /// makes pictures simpler and then smaller.
    pub fn handle_encode_time(&mut self, spent: Duration, now: Instant) {
        let Some(settings) = self.settings.filter(|_| self.encode_tried) else {
            return;
        };
        self.stats.total_encode_time += spent;
        let interval = Duration::from_secs(1) / settings.frame_rate;
        self.ladder.handle_encode_time(spent, interval, now);
    }

    /// What was counted so far.
    pub fn stats(&self, now: Instant) -> VideoSenderStats {
        VideoSenderStats {
            frames_per_second: frames_per_second(&self.encoded_at, now),
            ..self.stats.clone()
        }
    }

    fn encode(
        &mut self,
        frame: &VideoFrame,
        choice: Choice,
    ) -> Result<Option<EncodedFrame>, VideoCodecError> {
        let settings = VideoEncoderSettings {
            resolution: choice.resolution,
            bitrate: choice.bitrate,
            frame_rate: choice.frame_rate,
            speed: (Vp8Encoder::speed_for(choice.resolution) + 4 * choice.hurry).min(FASTEST),
        };
        self.configure(settings)?;
        self.encode_tried = true;
        let force_key = self.key_frame == KeyFrame::Wanted;
        if frame.resolution() == choice.resolution {
            self.encoder.encode(frame, force_key)
        } else {
            self.encoder
                .encode(&scale(frame, choice.resolution), force_key)
        }
    }

    fn configure(&mut self, settings: VideoEncoderSettings) -> Result<(), VideoCodecError> {
        if let Some(before) = self.settings {
            let change = settings.bitrate.bps().abs_diff(before.bitrate.bps());
            let bitrate = if change * SMALL_CHANGE < before.bitrate.bps() {
                before.bitrate
            } else {
                settings.bitrate
            };
            if before
                == (VideoEncoderSettings {
                    bitrate,
                    ..settings
                })
            {
                return Ok(());
            }
            if before.resolution != settings.resolution {
                self.stats.quality_limitation_resolution_changes += 1;
            }
        }
        self.encoder.configure(settings)?;
        self.settings = Some(settings);
        Ok(())
    }

    /// Keeps to `frame_rate` by skipping, evenly.
    fn is_due(&mut self, captured_at: Instant, frame_rate: u32) -> bool {
        let interval = Duration::from_secs(1) / frame_rate;
        if let Some(due) = self.next_due {
            // Cameras are not on time to the millisecond.
            if captured_at + interval / 4 < due {
                return false;
            }
            let steady = due + interval;
            let late = captured_at > steady;
            self.next_due = Some(if late { captured_at + interval } else { steady });
        } else {
            self.next_due = Some(captured_at + interval);
        }
        true
    }

    /// `None` for a picture that is not newer than the one before it.
    fn timestamp_of(&mut self, captured_at: Instant) -> Option<RtpTimestamp> {
        let elapsed = captured_at
            .saturating_duration_since(self.epoch)
            .as_micros();
        let ticks = (elapsed * u128::from(VIDEO_CLOCK_HZ) / 1_000_000) as u64;
        if self.last_ticks.is_some_and(|last| ticks <= last) {
            return None;
        }
        self.last_ticks = Some(ticks);
        Some(self.first_timestamp.advanced_by(ticks as u32))
    }

    fn count(&mut self, encoded: &EncodedFrame, choice: Choice, now: Instant) {
        let stats = &mut self.stats;
        stats.frames_encoded += 1;
        if encoded.key_frame {
            stats.key_frames_encoded += 1;
            self.last_key_frame = Some(now);
            self.key_frame = KeyFrame::NotWanted;
        }
        stats.frame_width = choice.resolution.width;
        stats.frame_height = choice.resolution.height;
        stats.quality_limitation_reason = choice.limited_by;
        stats.qp_sum += u64::from(self.encoder.last_quantizer().unwrap_or(0));
        let size = encoded.data.len() as f64;
        stats.total_encoded_bytes += encoded.data.len() as u64;
        if self.mean_size > 0.0 && size > self.mean_size * HUGE {
            stats.huge_frames_sent += 1;
        }
        self.mean_size += (size - self.mean_size) / (stats.frames_encoded.min(60)) as f64;
        note_frame(&mut self.encoded_at, now);
    }
}

/// Notes a frame at `now`, and forgets those that no longer count.
pub(super) fn note_frame(frames: &mut VecDeque<Instant>, now: Instant) {
    while frames
        .front()
        .is_some_and(|first| now > *first + FRAME_RATE_WINDOW)
    {
        frames.pop_front();
    }
    frames.push_back(now);
}

/// Frames a second among those noted.
pub(super) fn frames_per_second(frames: &VecDeque<Instant>, now: Instant) -> f64 {
    let recent = |at: &&Instant| now <= **at + FRAME_RATE_WINDOW;
    let Some(first) = frames.iter().find(recent) else {
        return 0.0;
    };
    // Intervals, not frames, fill a time; the last one is not over yet.
    let last = frames.back().unwrap_or(first);
    let count = frames.iter().filter(recent).count();
    let span = if now > *last + FRAME_RATE_WINDOW / 4 {
        now.saturating_duration_since(*first)
    } else {
        last.saturating_duration_since(*first)
    };
    if span.is_zero() {
        return 0.0;
    }
    (count - 1) as f64 / span.as_secs_f64()
}
