//! Lip-sync: how long to hold a picture so that it is seen when its sound is heard.
//!
//! Each stream's RTP clock starts anywhere; the sender's reports tie both to its one wall clock
//! (RFC 3550 section 6.4.1). A picture and the sound of the same wall-clock moment belong together.
//! Only the picture waits: the ear notices a gap in sound, the eye no picture held by a few
//! hundredths of a second. When the picture is the late one, [`AvSync::sound_lead`] says by how much,
//! and the audio jitter buffer may hold the sound for it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::media::{MediaKind, RtpTimestamp, SenderReport};

/// A picture is never held longer than this for its sound.
pub const MAX_HOLD: Duration = Duration::from_millis(400);
/// How many reports of a stream are compared; at one in a few seconds that is half a minute.
const REPORTS: usize = 8;
/// A report that disagrees by more than this means that the sender's clock was set, in seconds.
const CLOCK_STEP: f64 = 0.5;
/// Sound and picture further apart than this are from different worlds: the reports are nonsense.
const NONSENSE: f64 = 5.0;
/// The share of a new observation in the smoothed one, and the difference above which a new one is
/// believed at once, in seconds.
const SMOOTHING: f64 = 0.1;
const BELIEVED_AT_ONCE: f64 = 0.15;

/// What is being heard, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaPosition {
    /// A point on the stream's RTP clock.
    pub rtp_timestamp: RtpTimestamp,
    /// When that point leaves the speaker (or the screen); it may lie a little ahead.
    pub at: Instant,
}

/// One stream's RTP clock against the sender's wall clock.
#[derive(Debug, Default)]
struct ClockMap {
    /// Wall clock minus RTP clock, in seconds, at each of the latest reports, with the report.
    reports: VecDeque<(RtpTimestamp, f64)>,
}

impl ClockMap {
    fn insert(&mut self, report: SenderReport) {
        // 32.32 fixed point; an `f64` still tells half a microsecond at this size.
        let wall = report.ntp_time as f64 / f64::from(1_u32 << 16) / f64::from(1_u32 << 16);
        let agrees = |&(rtp_timestamp, other): &(RtpTimestamp, f64)| {
            let elapsed = seconds(report.kind, report.rtp_timestamp, rtp_timestamp);
            (wall - elapsed - other).abs() < CLOCK_STEP
        };
        if !self.reports.iter().all(agrees) {
            self.reports.clear();
        }
        if self.reports.len() == REPORTS {
            self.reports.pop_front();
        }
        self.reports.push_back((report.rtp_timestamp, wall));
    }

    /// When `point` was on the sender's wall clock, in seconds.
    ///
    /// A report ties the clocks at the moment when a packet left, which is the capture plus however
    /// long it waited, so each is late by some; the least late of the latest is the best.
    fn wall_of(&self, kind: MediaKind, point: RtpTimestamp) -> Option<f64> {
        self.reports
            .iter()
            .map(|&(rtp_timestamp, wall)| wall + seconds(kind, point, rtp_timestamp))
            .reduce(f64::min)
    }
}

fn seconds(kind: MediaKind, point: RtpTimestamp, since: RtpTimestamp) -> f64 {
    f64::from(point.ticks_since(since)) / f64::from(kind.clock_hz())
}

/// Keeps both clocks, and the smoothed distance between sound and picture.
#[derive(Debug, Default)]
pub struct AvSync {
    audio: ClockMap,
    video: ClockMap,
    /// How much later than the picture could be shown its sound is heard, in seconds; negative when
    /// the picture is the late one.
    sound_delay: Option<f64>,
}

impl AvSync {
    /// Takes a report of either stream.
    pub fn handle_sender_report(&mut self, report: SenderReport) {
        match report.kind {
            MediaKind::Audio => self.audio.insert(report),
            MediaKind::Video => self.video.insert(report),
        }
    }

    /// A new picture is `rtp_timestamp`, could be shown at `ready_at`, and `sound` is what is heard.
    /// Call once for each picture, before [`Self::hold`].
    pub fn observe(
        &mut self,
        rtp_timestamp: RtpTimestamp,
        ready_at: Instant,
        sound: MediaPosition,
    ) {
        let Some(heard_at) = self.heard_at(rtp_timestamp, sound) else {
            return;
        };
        let delay = heard_at - signed_seconds(ready_at, sound.at);
        if delay.abs() > NONSENSE {
            self.sound_delay = None;
            return;
        }
        let smoothed = self.sound_delay.unwrap_or(delay);
        self.sound_delay = Some(if (delay - smoothed).abs() > BELIEVED_AT_ONCE {
            delay
        } else {
            smoothed + (delay - smoothed) * SMOOTHING
        });
    }

    /// How long to hold pictures now, at most [`MAX_HOLD`]; zero as long as nothing is known.
    pub fn hold(&self) -> Duration {
        let delay = self.sound_delay.unwrap_or(0.0).max(0.0);
        Duration::from_secs_f64(delay).min(MAX_HOLD)
    }

    /// How much earlier than its picture sound is heard: what the audio side could add to its delay.
    pub fn sound_lead(&self) -> Duration {
        let delay = self.sound_delay.unwrap_or(0.0).min(0.0);
        Duration::from_secs_f64(-delay)
    }

    /// How much later than the sound of the same moment a picture is seen that is shown at
    /// `shown_at`, in seconds; negative when it is early. `None` without reports.
    pub fn picture_lag(
        &self,
        rtp_timestamp: RtpTimestamp,
        shown_at: Instant,
        sound: MediaPosition,
    ) -> Option<f64> {
        let heard_at = self.heard_at(rtp_timestamp, sound)?;
        Some(signed_seconds(shown_at, sound.at) - heard_at)
    }

    /// When the sound that belongs to a picture is heard, in seconds after `sound.at`.
    fn heard_at(&self, rtp_timestamp: RtpTimestamp, sound: MediaPosition) -> Option<f64> {
        let picture = self.video.wall_of(MediaKind::Video, rtp_timestamp)?;
        let heard = self.audio.wall_of(MediaKind::Audio, sound.rtp_timestamp)?;
        Some(picture - heard)
    }
}

fn signed_seconds(later: Instant, earlier: Instant) -> f64 {
    if later >= earlier {
        (later - earlier).as_secs_f64()
    } else {
        -(earlier - later).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ};

    /// A sender whose wall clock read `WALL` seconds and whose RTP clocks read these when `start` was.
    const WALL: u64 = 3_900_000_000;
    const AUDIO_BASE: u32 = u32::MAX - 10_000;
    const VIDEO_BASE: u32 = 77;

    fn ticks(base: u32, hz: u32, ms: i64) -> RtpTimestamp {
        RtpTimestamp(base.wrapping_add((ms * i64::from(hz) / 1_000) as u32))
    }

    fn report(kind: MediaKind, ms: i64, waited_ms: i64, now: Instant) -> SenderReport {
        let wall_ms = (WALL as i64 * 1_000 + ms + waited_ms) as u64;
        SenderReport {
            kind,
            ntp_time: ((u128::from(wall_ms) << 32) / 1_000) as u64,
            rtp_timestamp: match kind {
                MediaKind::Audio => ticks(AUDIO_BASE, AUDIO_CLOCK_HZ, ms),
                MediaKind::Video => ticks(VIDEO_BASE, VIDEO_CLOCK_HZ, ms),
            },
            arrived_at: now,
        }
    }

    fn at(start: Instant, ms: i64) -> Instant {
        start + Duration::from_millis(ms as u64)
    }

    /// Pictures ready `picture_ms` after capture, sound heard `sound_ms` after: what is the hold?
    fn hold_for(sync: &mut AvSync, start: Instant, picture_ms: i64, sound_ms: i64) -> Duration {
        for frame in 0..150 {
            let captured = frame * 33;
            let ready_at = at(start, captured + picture_ms);
            // What is heard now was captured `sound_ms` ago; the position is told every 10 ms.
            let told = (captured + picture_ms) / 10 * 10;
            let sound = MediaPosition {
                rtp_timestamp: ticks(AUDIO_BASE, AUDIO_CLOCK_HZ, told - sound_ms),
                at: at(start, told),
            };
            sync.observe(ticks(VIDEO_BASE, VIDEO_CLOCK_HZ, captured), ready_at, sound);
        }
        sync.hold()
    }

    #[test]
    fn an_early_picture_waits_for_its_sound() {
        let start = Instant::now();
        let mut sync = AvSync::default();
        sync.handle_sender_report(report(MediaKind::Audio, 900, 0, start));
        sync.handle_sender_report(report(MediaKind::Video, 2_000, 0, start));
        let hold = hold_for(&mut sync, start, 30, 180).as_secs_f64();
        assert!((0.149..0.151).contains(&hold), "{hold} s");
        assert_eq!(sync.sound_lead(), Duration::ZERO);
    }

    #[test]
    fn a_late_picture_is_not_held_and_the_sound_is_told() {
        let start = Instant::now();
        let mut sync = AvSync::default();
        sync.handle_sender_report(report(MediaKind::Audio, 0, 0, start));
        sync.handle_sender_report(report(MediaKind::Video, 0, 0, start));
        assert_eq!(hold_for(&mut sync, start, 150, 60), Duration::ZERO);
        let lead = sync.sound_lead().as_secs_f64();
        assert!((0.089..0.091).contains(&lead), "{lead} s");
    }

    #[test]
    fn nothing_waits_without_reports_or_for_one_stream_only() {
        let start = Instant::now();
        let mut sync = AvSync::default();
        assert_eq!(hold_for(&mut sync, start, 30, 180), Duration::ZERO);
        sync.handle_sender_report(report(MediaKind::Video, 0, 0, start));
        assert_eq!(hold_for(&mut sync, start, 30, 180), Duration::ZERO);
    }

    #[test]
    fn the_hold_is_bounded_and_nonsense_is_ignored() {
        let start = Instant::now();
        let mut sync = AvSync::default();
        sync.handle_sender_report(report(MediaKind::Audio, 0, 0, start));
        sync.handle_sender_report(report(MediaKind::Video, 0, 2_000, start));
        assert_eq!(hold_for(&mut sync, start, 30, 180), MAX_HOLD);
        // An hour apart: another clock altogether.
        sync.handle_sender_report(report(MediaKind::Video, 0, 3_600_000, start));
        assert_eq!(hold_for(&mut sync, start, 30, 180), Duration::ZERO);
    }

    #[test]
    fn a_report_that_waited_behind_a_key_frame_does_not_pull_the_picture_away() {
        let start = Instant::now();
        let mut sync = AvSync::default();
        sync.handle_sender_report(report(MediaKind::Audio, 0, 0, start));
        for second in 0..6 {
            let waited = if second % 2 == 1 { 120 } else { 5 };
            sync.handle_sender_report(report(MediaKind::Video, second * 1_000, waited, start));
        }
        let hold = hold_for(&mut sync, start, 30, 180).as_secs_f64();
        assert!((0.150..0.160).contains(&hold), "{hold} s");
    }

    #[test]
    fn a_clock_that_was_set_is_followed_at_once() {
        let start = Instant::now();
        let mut sync = AvSync::default();
        for second in 0..4 {
            sync.handle_sender_report(report(MediaKind::Audio, second * 1_000, 0, start));
            sync.handle_sender_report(report(MediaKind::Video, second * 1_000, 0, start));
        }
        hold_for(&mut sync, start, 30, 100);
        sync.handle_sender_report(report(MediaKind::Audio, 4_000, -40_000, start));
        sync.handle_sender_report(report(MediaKind::Video, 4_000, -40_000, start));
        let hold = hold_for(&mut sync, start, 30, 100).as_secs_f64();
        assert!((0.069..0.071).contains(&hold), "{hold} s");
    }
}
