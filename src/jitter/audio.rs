use std::time::{Duration, Instant};

use bytes::Bytes;

use super::audio_stream::Stream;
use crate::media::{AUDIO_CLOCK_HZ, FRAME_SAMPLES, RtpPacket, RtpTimestamp};

/// A packet whose transit differs by more from the last one's is of another timeline.
pub(super) const MAX_TRANSIT_STEP_S: f64 = 2.0;
/// So many packets in a row must agree on a new timeline or SSRC before it replaces the old one.
const RESTART_AFTER: u32 = 3;
/// Concealment up to here may still sound like speech; then it fades, then it is silence.
pub const CONCEAL_FADE_FROM: usize = 6 * FRAME_SAMPLES;
/// See [`CONCEAL_FADE_FROM`].
pub const CONCEAL_SILENT_FROM: usize = 16 * FRAME_SAMPLES;

/// Holds packets until they are due, and says every 10 ms what to do for steady sound.
///
/// Sans-IO: the caller brings packets ([`Self::insert`]) and asks ([`Self::adjust`], then
/// [`Self::next`] until it has 10 ms); it decodes, conceals and stretches as it is told. The buffer
/// keeps the *delay*, the time from the fastest arrival of a moment to its playout, just over the
/// spread of arrivals; clock drift shows as a delay that wanders, and is stretched away.
#[derive(Debug, Default)]
pub struct AudioJitterBuffer {
    /// In seconds; in place of what the arrivals ask for.
    fixed_target: Option<f64>,
    stream: Option<Stream>,
    candidate: Option<Candidate>,
    restarts: u64,
    stats: AudioJitterStats,
}

/// Cumulative counters (W3C webrtc-stats names; durations in seconds, sound in samples).
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct AudioJitterStats {
    /// Packets of the stream that came in, retransmissions included, duplicates not.
    pub packets_received: u64,
    /// Packets that never came, or came too late to be counted here (RFC 3550 section 6.4.1).
    pub packets_lost: i64,
    /// Packets that came too late or were more than there is room for.
    pub packets_discarded: u64,
    /// Packets that came twice.
    pub packets_duplicated: u64,
    /// Over all emitted samples, the seconds that each spent here.
    pub jitter_buffer_delay: f64,
    /// Samples that were emitted.
    pub jitter_buffer_emitted_count: u64,
    /// Over all emitted samples, the seconds that each was meant to wait.
    pub jitter_buffer_target_delay: f64,
    /// Samples that were guessed.
    pub concealed_samples: u64,
    /// Samples that were guessed to be silence.
    pub silent_concealed_samples: u64,
    /// Runs of guessed samples.
    pub concealment_events: u64,
    /// Samples that were recovered from the copy in the next packet.
    pub fec_recovered_samples: u64,
    /// Samples that were added by stretching.
    pub inserted_samples_for_deceleration: u64,
    /// Samples that were taken out by stretching or skipping.
    pub removed_samples_for_acceleration: u64,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its turn.
    Accepted,
    /// It is here already, or was.
    Duplicate,
    /// Its time is over, or there are too many.
    Discarded,
    /// It does not belong to what is played; if its like keep coming, they will be.
    Unexpected,
}

/// Where the next sound is to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing has begun yet, or the sender has paused: this many samples of silence.
    Silence(usize),
    /// Decode this packet.
    Decode(Bytes),
    /// `samples` were lost; the packet that follows them may hold a copy.
    Recover {
        /// The packet that follows; it will be the next to decode.
        next: Bytes,
        /// How much is missing before it.
        samples: usize,
    },
    /// `samples` are missing and must be guessed.
    Conceal {
        /// How much to guess.
        samples: usize,
        /// How much was guessed just before: it fades from [`CONCEAL_FADE_FROM`] on.
        run: usize,
    },
}

/// How the delay is to be corrected before the next 10 ms are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// Leave it.
    None,
    /// Remove at most so many samples.
    Accelerate {
        /// At most.
        samples: usize,
        /// Even if it can be heard.
        urgent: bool,
    },
    /// Insert at most so many samples.
    Expand {
        /// At most.
        samples: usize,
        /// Even if it can be heard.
        urgent: bool,
    },
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    ssrc: u32,
    sequence_number: u16,
    rtp_timestamp: RtpTimestamp,
    arrived_at: Instant,
    count: u32,
}

impl AudioJitterBuffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer that keeps to this target, whatever the arrivals ask for.
    pub fn with_target(target: Duration) -> Self {
        Self {
            fixed_target: Some(target.as_secs_f64()),
            ..Self::default()
        }
    }

    /// Takes a packet that holds `samples` of sound; `carries_copy` if it can help to recover the one
    /// before it.
    pub fn insert(&mut self, packet: RtpPacket, samples: u32, carries_copy: bool) -> Inserted {
        if let Some(stream) = &mut self.stream
            && stream.fits(&packet)
        {
            self.candidate = None;
            return stream.insert(packet, samples, carries_copy, &mut self.stats);
        }
        if self.stream.is_some() && !self.agrees(&packet) {
            return Inserted::Unexpected;
        }
        self.restarts += u64::from(self.stream.is_some());
        self.candidate = None;
        let stream = self.stream.insert(Stream::new(&packet, self.fixed_target));
        stream.insert(packet, samples, carries_copy, &mut self.stats)
    }

    /// Whether enough packets in a row agree that the stream has become another one.
    fn agrees(&mut self, packet: &RtpPacket) -> bool {
        let count = match self.candidate {
            Some(before) if before.is_followed_by(packet) => before.count + 1,
            _ => 1,
        };
        self.candidate = Some(Candidate {
            ssrc: packet.ssrc,
            sequence_number: packet.sequence_number,
            rtp_timestamp: packet.rtp_timestamp,
            arrived_at: packet.arrived_at,
            count,
        });
        count >= RESTART_AFTER
    }

    /// How often the stream became another one, so that a decoder must forget the old one.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// What was counted so far.
    pub fn stats(&self) -> AudioJitterStats {
        self.stats
    }

    /// How long a sample is to wait now.
    pub fn target_delay(&mut self, now: Instant) -> Duration {
        self.stream.as_mut().map_or(Duration::ZERO, |stream| {
            Duration::from_secs_f64(stream.target(now))
        })
    }

    /// How long the next sample will have waited at `now`, if `buffered` decoded samples go before
    /// it; `None` before the first.
    pub fn delay(&self, now: Instant, buffered: usize) -> Option<Duration> {
        let stream = self.stream.as_ref()?;
        let seconds = stream.delay(now, buffered)?;
        Some(Duration::from_secs_f64(seconds.max(0.0)))
    }

    /// The RTP time of the sample after `buffered` decoded ones; `None` before the first.
    pub fn rtp_timestamp(&self, buffered: usize) -> Option<RtpTimestamp> {
        self.stream.as_ref()?.rtp_timestamp(buffered)
    }

    /// Once every 10 ms, before the next frame is taken, with `buffered` decoded samples in hand:
    /// how to correct the delay. Tell [`Self::handle_adjusted`] what was done.
    pub fn adjust(&mut self, now: Instant, buffered: usize) -> Adjustment {
        match &mut self.stream {
            Some(stream) => stream.adjust(now, buffered, &mut self.stats),
            None => Adjustment::None,
        }
    }

    /// Notes that `removed` samples were taken out of, and `inserted` put into, what was decoded.
    pub fn handle_adjusted(&mut self, removed: usize, inserted: usize) {
        if let Some(stream) = &mut self.stream
            && removed + inserted > 0
        {
            stream.handle_adjusted(removed, inserted);
        }
        self.stats.removed_samples_for_acceleration += removed as u64;
        self.stats.inserted_samples_for_deceleration += inserted as u64;
    }

    /// Whether the very next packet is here, so that decoding ahead loses nothing.
    pub fn has_next(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::has_next)
    }

    /// What to do for more sound, with `buffered` decoded samples in hand; `quiet` if the last
    /// decoded sound was silence, after which nothing is missed when nothing comes.
    pub fn next(&mut self, now: Instant, buffered: usize, quiet: bool) -> Next {
        match &mut self.stream {
            Some(stream) => stream.next(now, buffered, quiet, &mut self.stats),
            None => Next::Silence(FRAME_SAMPLES),
        }
    }
}

impl Candidate {
    fn is_followed_by(&self, packet: &RtpPacket) -> bool {
        let sequence = packet.sequence_number.wrapping_sub(self.sequence_number);
        let sent = f64::from(packet.rtp_timestamp.ticks_since(self.rtp_timestamp))
            / f64::from(AUDIO_CLOCK_HZ);
        let came = packet
            .arrived_at
            .saturating_duration_since(self.arrived_at)
            .as_secs_f64();
        packet.ssrc == self.ssrc
            && (1..=100).contains(&sequence)
            && (came - sent).abs() < MAX_TRANSIT_STEP_S
    }
}

#[cfg(test)]
#[path = "audio_tests.rs"]
mod tests;
