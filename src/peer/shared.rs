//! What the parts of one connection know together: whom to report to, and what was counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::codecs::LocalSsrcs;
use super::ntp::NtpClock;
use super::{ConnectionState, PeerConfig, PeerEvent, PeerObserver, PeerStats, StreamStats};
use crate::congestion::Probe;
use crate::media::{Bitrate, EncoderControl, MediaKind, RtpPacket, RtpTimestamp};

/// How far back the waiting times of sound are kept.
const AUDIO_WAIT_WINDOW: Duration = Duration::from_secs(5);
/// Packets of sound on their way through the library; more are not timed.
const MAX_TIMED_PACKETS: usize = 256;

/// One for a connection, behind an `Arc`; holds nothing that holds the connection.
pub(super) struct Shared {
    pub(super) ssrcs: LocalSsrcs,
    pub(super) ntp: NtpClock,
    /// Taken away at the end, so that an observer that holds the link makes no circle.
    observer: RwLock<Option<Arc<dyn PeerObserver>>>,
    ledger: Mutex<Ledger>,
}

/// What was counted and agreed upon so far.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) connection: Option<ConnectionState>,
    pub(super) stats: PeerStats,
    /// The payload types that the other side takes; none where nothing may be sent.
    pub(super) audio_payload_type: Option<u8>,
    pub(super) video_payload_type: Option<u8>,
    /// The other side's pictures, once they came.
    pub(super) remote_video_ssrc: Option<u32>,
    audio_clock: Option<ClockPoint>,
    video_clock: Option<ClockPoint>,
    /// To be sent to see whether the path carries more, and since when; taken by who sends it.
    pub(super) probe: Option<(Probe, Instant)>,
    timed: VecDeque<(RtpTimestamp, Instant)>,
    waits: VecDeque<(Instant, Duration)>,
}

/// When a point of an RTP clock was captured.
#[derive(Clone, Copy)]
pub(super) struct ClockPoint {
    pub(super) rtp_timestamp: RtpTimestamp,
    pub(super) captured_at: Instant,
}

impl Shared {
    pub(super) fn new(config: &PeerConfig, observer: Arc<dyn PeerObserver>, now: Instant) -> Self {
        let ssrcs = LocalSsrcs::random();
        let stream = |ssrc| StreamStats {
            ssrc,
            ..StreamStats::default()
        };
        let ledger = Ledger {
            stats: PeerStats {
                audio_outbound: stream(ssrcs.audio),
                video_outbound: stream(ssrcs.video),
                target_bitrate: config.start_bitrate,
                ..PeerStats::default()
            },
            ..Ledger::default()
        };
        Self {
            ssrcs,
            ntp: NtpClock::starting_at(now),
            observer: RwLock::new(Some(observer)),
            ledger: Mutex::new(ledger),
        }
    }

    /// Held for a few instructions only, and never while the observer is called.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observer(&self) -> Option<Arc<dyn PeerObserver>> {
        let observer = self.observer.read().unwrap_or_else(PoisonError::into_inner);
        observer.clone()
    }

    pub(super) fn report(&self, event: PeerEvent) {
        if let Some(observer) = self.observer() {
            observer.handle_event(event);
        }
    }

    pub(super) fn deliver(&self, packet: RtpPacket) {
        if let Some(observer) = self.observer() {
            observer.handle_rtp(packet);
        }
    }

    /// Reports a state that differs from the last one. Closed is the last.
    pub(super) fn set_connection(&self, state: ConnectionState) {
        let changed = {
            let mut ledger = self.ledger();
            let last = ledger.connection.replace(state);
            if last == Some(ConnectionState::Closed) {
                ledger.connection = last;
            }
            ledger.connection != last
        };
        if changed {
            tracing::debug!(?state, "connection");
            self.report(PeerEvent::Connection(state));
        }
    }

    /// After this nothing is reported.
    pub(super) fn forget_observer(&self) {
        let mut observer = self
            .observer
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *observer = None;
    }

    /// Publishes how fast to send from now on.
    pub(super) fn control_encoders(&self, target_bitrate: Bitrate, loss: f32) {
        let control = {
            let mut ledger = self.ledger();
            ledger.stats.target_bitrate = target_bitrate;
            EncoderControl {
                target_bitrate,
                loss,
                round_trip_time: ledger.stats.round_trip_time,
            }
        };
        self.report(PeerEvent::EncoderControl(control));
    }
}

impl Ledger {
    /// The payload type to send `kind` with, while it can be sent at all.
    pub(super) fn payload_type(&self, kind: MediaKind) -> Option<u8> {
        let reachable = matches!(
            self.connection,
            Some(ConnectionState::Connected | ConnectionState::Disconnected)
        );
        let payload_type = match kind {
            MediaKind::Audio => self.audio_payload_type,
            MediaKind::Video => self.video_payload_type,
        };
        payload_type.filter(|_| reachable)
    }

    pub(super) fn clock_point(&self, kind: MediaKind) -> Option<ClockPoint> {
        match kind {
            MediaKind::Audio => self.audio_clock,
            MediaKind::Video => self.video_clock,
        }
    }

    pub(super) fn set_clock_point(&mut self, kind: MediaKind, point: ClockPoint) {
        match kind {
            MediaKind::Audio => self.audio_clock = Some(point),
            MediaKind::Video => self.video_clock = Some(point),
        }
    }

    /// A packet of sound was given to us.
    pub(super) fn audio_written(&mut self, rtp_timestamp: RtpTimestamp, now: Instant) {
        if self.timed.len() == MAX_TIMED_PACKETS {
            self.timed.pop_front();
        }
        self.timed.push_back((rtp_timestamp, now));
    }

    /// A packet of sound goes onto the wire; those before it never will.
    pub(super) fn audio_on_the_wire(&mut self, rtp_timestamp: RtpTimestamp, now: Instant) {
        let Some(place) = self
            .timed
            .iter()
            .position(|(timestamp, _)| *timestamp == rtp_timestamp)
        else {
            return;
        };
        if let Some((_, written_at)) = self.timed.drain(..=place).next_back() {
            let wait = now.saturating_duration_since(written_at);
            self.waits.push_back((now, wait));
        }
        while let Some((at, _)) = self.waits.front()
            && now.saturating_duration_since(*at) > AUDIO_WAIT_WINDOW
        {
            self.waits.pop_front();
        }
    }

    /// The 95th percentile of the last 5 s.
    pub(super) fn audio_queue_p95(&self) -> Duration {
        let mut waits: Vec<_> = self.waits.iter().map(|(_, wait)| *wait).collect();
        waits.sort_unstable();
        let rank = (waits.len() * 95).div_ceil(100);
        waits
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// Takes in a measured round trip, smoothed over a few reports: the path may jitter.
    pub(super) fn round_trip_measured(&mut self, sample: Duration) {
        let smoothed = match self.stats.round_trip_time {
            Some(known) => (known * 3 + sample) / 4,
            None => sample,
        };
        self.stats.round_trip_time = Some(smoothed);
    }
}
