use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::video_sender::{frames_per_second, note_frame};
use crate::codec::VideoDecoder;
use crate::codec::vp8::Vp8Decoder;
use crate::jitter::{AssembledFrame, VideoAssembler, VideoTiming};
use crate::media::{RtpPacket, SenderReport, VideoFrame};
use crate::playout::{AvSync, MediaPosition};

/// Whole frames that wait for their moment; beyond it the oldest is shown early. At 60 a second this
/// covers the longest wait there is.
const MAX_WAITING: usize = 64;
/// Frames over which the mean interval for the freeze criterion is taken (W3C `freezeCount`).
const FREEZE_WINDOW: usize = 30;
/// A gap this much over the mean is a freeze (W3C).
const FREEZE_EXTRA: Duration = Duration::from_millis(150);
/// A longer gap is a pause, not a freeze (W3C `pauseCount`).
const PAUSE: Duration = Duration::from_secs(5);

/// Packets to the picture that is to be seen now. Pure: it decodes on whatever thread polls it.
///
/// After every [`Self::handle_packet`], and at [`Self::next_wake`]: [`Self::poll`], then
/// [`Self::poll_key_frame_request`].
pub struct VideoReceiver {
    assembler: VideoAssembler,
    timing: VideoTiming,
    av_sync: AvSync,
    decoder: Box<dyn VideoDecoder>,
    waiting: VecDeque<Waiting>,
    /// Wall time that decoding takes lately; pictures are begun this much early.
    decode_time: Duration,
    decoded_in_last_poll: u32,
    /// The other side's camera is off: what still comes is decoded, and not seen.
    paused: bool,
    /// When the latest pictures were shown.
    shown_at: VecDeque<Instant>,
    last_shown: Option<Instant>,
    intervals: VecDeque<Duration>,
    stats: VideoReceiverStats,
}

struct Waiting {
    frame: AssembledFrame,
    /// When it moves smoothly; lip-sync may hold it longer.
    ready_at: Instant,
}

/// Counters of the pictures that we get (W3C webrtc-stats names).
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct VideoReceiverStats {
    /// Whole pictures received.
    pub frames_received: u64,
    /// Of these, decoded.
    pub frames_decoded: u64,
    /// Of these, key frames.
    pub key_frames_decoded: u64,
    /// Pictures that never came whole, or came too late, or were overtaken by a newer one.
    pub frames_dropped: u64,
    /// Size of the latest picture, in pixels.
    pub frame_width: u32,
    /// Size of the latest picture, in pixels.
    pub frame_height: u32,
    /// Shown over the last two seconds.
    pub frames_per_second: f64,
    /// Wall time spent in decoding.
    pub total_decode_time: Duration,
    /// From one picture to the next, all added up.
    pub total_inter_frame_delay: Duration,
    /// The squares of the same, in seconds squared.
    pub total_squared_inter_frame_delay: f64,
    /// Gaps over three mean intervals, or 150 ms over one.
    pub freeze_count: u64,
    /// How long these were.
    pub total_freezes_duration: Duration,
    /// Gaps over five seconds, which do not count as freezes.
    pub pause_count: u64,
    /// How long these were.
    pub total_pauses_duration: Duration,
    /// From whole to decoded, of all pictures added up.
    pub jitter_buffer_delay: Duration,
    /// Pictures counted in that.
    pub jitter_buffer_emitted_count: u64,
    /// What a picture that came the fastest way waits now: for smooth motion and for its sound.
    pub jitter_buffer_target_delay: Duration,
    /// How often we asked for a key frame (`pli_count`).
    pub key_frames_requested: u64,
    /// Packets that came twice, too late, or make no sense (`packets_discarded`).
    pub packets_discarded: u64,
    /// How much later than its sound the latest picture was shown, in milliseconds; negative when
    /// early, none when not known.
    pub picture_lag_ms: Option<f64>,
    /// When the first picture was shown.
    #[serde(skip)]
    pub first_picture_at: Option<Instant>,
}

impl VideoReceiver {
    /// A receiver that uses `decoder`.
    pub fn new(decoder: Box<dyn VideoDecoder>) -> Self {
        Self {
            assembler: VideoAssembler::new(),
            timing: VideoTiming::default(),
            av_sync: AvSync::default(),
            decoder,
            waiting: VecDeque::new(),
            decode_time: Duration::ZERO,
            decoded_in_last_poll: 0,
            paused: false,
            shown_at: VecDeque::new(),
            last_shown: None,
            intervals: VecDeque::new(),
            stats: VideoReceiverStats::default(),
        }
    }

    /// A receiver of VP8.
    pub fn vp8() -> Self {
        Self::new(Box::new(Vp8Decoder::new()))
    }

    /// Takes a packet of the picture.
    pub fn handle_packet(&mut self, packet: &RtpPacket) {
        self.assembler.handle_packet(packet);
    }

    /// Takes a report on either stream, for lip-sync.
    pub fn handle_sender_report(&mut self, report: SenderReport) {
        self.av_sync.handle_sender_report(report);
    }

    /// Takes the latest measured round trip: how long retransmissions take.
    pub fn handle_round_trip_time(&mut self, round_trip: Duration) {
        self.assembler.handle_round_trip_time(round_trip);
    }

    /// The other side turned its camera off: nothing is seen from now on, also not what is on its
    /// way, and that is no freeze.
    pub fn handle_paused(&mut self) {
        self.paused = true;
        self.last_shown = None;
        self.intervals.clear();
    }

    /// The other side turned its camera on again.
    pub fn handle_resumed(&mut self) {
        self.paused = false;
    }

    /// The picture to be seen from `now` on, if it is another than before. `sound` is what is heard.
    pub fn poll(&mut self, now: Instant, sound: Option<MediaPosition>) -> Option<Arc<VideoFrame>> {
        self.collect(now, sound);
        self.decoded_in_last_poll = 0;
        let hold = self.av_sync.hold();
        let mut picture = None;
        while let Some(front) = self.waiting.front() {
            let due = front.ready_at + hold <= now + self.decode_time;
            if !due && self.waiting.len() <= MAX_WAITING {
                break;
            }
            let Some(Waiting { frame, .. }) = self.waiting.pop_front() else {
                break;
            };
            if let Some(decoded) = self.decode(&frame, now) {
                // Of several that are due at once only the newest is worth showing.
                let overtaken = picture.replace((frame, decoded)).is_some();
                self.stats.frames_dropped += u64::from(overtaken);
            }
        }
        let (frame, decoded) = picture?;
        if self.paused {
            self.stats.frames_dropped += 1;
            return None;
        }
        self.stats.picture_lag_ms = sound
            .and_then(|sound| {
                let shown_at = now + self.decode_time;
                self.av_sync
                    .picture_lag(frame.rtp_timestamp, shown_at, sound)
            })
            .map(|lag| lag * 1_000.0);
        self.count_shown(&decoded, now);
        Some(Arc::new(decoded))
    }

    /// The latest [`Self::poll`] took `spent` of wall time.
    pub fn handle_decode_time(&mut self, spent: Duration) {
        if self.decoded_in_last_poll == 0 {
            return;
        }
        self.stats.total_decode_time += spent;
        let each = (spent / self.decoded_in_last_poll).min(Duration::from_millis(50));
        self.decode_time = (self.decode_time * 15 + each) / 16;
    }

    /// Whether to ask the other side for a key frame now (PLI); it limits its own rate.
    pub fn poll_key_frame_request(&mut self, now: Instant) -> bool {
        self.assembler.poll_key_frame_request(now)
    }

    /// When to poll again at the latest, if no packet comes before.
    pub fn next_wake(&self) -> Option<Instant> {
        let hold = self.av_sync.hold();
        let due = self.waiting.front().map(|front| {
            let due = front.ready_at + hold;
            due.checked_sub(self.decode_time).unwrap_or(due)
        });
        due.into_iter().chain(self.assembler.next_wake()).min()
    }

    /// How much earlier than its picture sound is heard: worth adding to the sound's delay if it
    /// stays over 60 ms.
    pub fn sound_lead(&self) -> Duration {
        self.av_sync.sound_lead()
    }

    /// What was counted so far.
    pub fn stats(&self, now: Instant) -> VideoReceiverStats {
        let counters = self.assembler.counters();
        VideoReceiverStats {
            frames_received: counters.frames_assembled,
            frames_dropped: self.stats.frames_dropped + counters.frames_dropped,
            key_frames_requested: counters.key_frames_requested,
            packets_discarded: counters.packets_discarded,
            frames_per_second: frames_per_second(&self.shown_at, now),
            jitter_buffer_target_delay: self.timing.delay() + self.av_sync.hold(),
            ..self.stats.clone()
        }
    }

    /// Whole frames from the assembler to the waiting ones, each with its moment.
    fn collect(&mut self, now: Instant, sound: Option<MediaPosition>) {
        while let Some(frame) = self.assembler.poll_frame(now) {
            let ready_at = self.timing.observe(frame.rtp_timestamp, frame.completed_at);
            if let Some(sound) = sound {
                self.av_sync.observe(frame.rtp_timestamp, ready_at, sound);
            }
            self.waiting.push_back(Waiting { frame, ready_at });
        }
    }

    fn decode(&mut self, frame: &AssembledFrame, now: Instant) -> Option<VideoFrame> {
        self.decoded_in_last_poll += 1;
        match self.decoder.decode(&frame.data, now) {
            Ok(decoded) => {
                self.stats.frames_decoded += 1;
                self.stats.key_frames_decoded += u64::from(frame.key_frame);
                self.stats.jitter_buffer_emitted_count += 1;
                self.stats.jitter_buffer_delay += now.saturating_duration_since(frame.completed_at);
                decoded
            }
            Err(error) => {
                tracing::debug!(%error, "a picture cannot be decoded");
                // What leans on it is of no use; a key frame may be waiting already.
                let usable = self
                    .waiting
                    .iter()
                    .position(|waiting| waiting.frame.key_frame);
                if usable.is_none() {
                    self.assembler.handle_decode_error();
                }
                let lost = usable.unwrap_or(self.waiting.len());
                self.waiting.drain(..lost);
                self.stats.frames_dropped += lost as u64 + 1;
                None
            }
        }
    }

    fn count_shown(&mut self, picture: &VideoFrame, now: Instant) {
        let stats = &mut self.stats;
        (stats.frame_width, stats.frame_height) = (picture.width(), picture.height());
        stats.first_picture_at.get_or_insert(now);
        note_frame(&mut self.shown_at, now);
        let Some(last) = self.last_shown.replace(now) else {
            return;
        };
        let gap = now.saturating_duration_since(last);
        stats.total_inter_frame_delay += gap;
        stats.total_squared_inter_frame_delay += gap.as_secs_f64().powi(2);
        if gap >= PAUSE {
            stats.pause_count += 1;
            stats.total_pauses_duration += gap;
            return;
        }
        let count = self.intervals.len() as u32;
        if count > 0 {
            let mean = self.intervals.iter().sum::<Duration>() / count;
            if gap >= (mean * 3).max(mean + FREEZE_EXTRA) {
                stats.freeze_count += 1;
                stats.total_freezes_duration += gap;
            }
        }
        if self.intervals.len() == FREEZE_WINDOW {
            self.intervals.pop_front();
        }
        self.intervals.push_back(gap);
    }
}
