use std::time::{Duration, Instant};

use super::handicap::Handicap;
use crate::codec::{OpusDecoder, OpusError, opus_packet_has_fec, opus_packet_samples};
use crate::jitter::{
    Adjustment, AudioJitterBuffer, AudioJitterStats, CONCEAL_FADE_FROM, CONCEAL_SILENT_FROM, Next,
};
use crate::media::{FRAME_SAMPLES, Level, RtpPacket, RtpTimestamp};
use crate::process::{Effort, LevelMeter, TimeStretch};

/// Peak below which decoded sound counts as silence: -60 dBFS. Opus leaves a little where there was none.
const QUIET_PEAK: f32 = 1e-3;

/// One participant's sound: packets in, 10 ms of steady sound out at every call.
///
/// Pure: no thread and no clock; `now` is an argument.
#[derive(Debug)]
pub struct AudioReceiver {
    jitter: AudioJitterBuffer,
    decoder: OpusDecoder,
    /// The restarts of the stream that the decoder has taken part in.
    restarts: u64,
    line: TimeStretch,
    scratch: Vec<f32>,
    quiet: bool,
    meter: LevelMeter,
    malformed: u64,
    frames: u64,
    playing: Option<RtpTimestamp>,
    first_audio_at: Option<Instant>,
    /// What is lost is recovered or guessed.
    repairs: bool,
}

/// What a receiver counted (W3C webrtc-stats names).
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct AudioReceiverStats {
    /// The counters of the jitter buffer.
    #[serde(flatten)]
    pub jitter: AudioJitterStats,
    /// Packets that are not Opus.
    pub packets_malformed: u64,
    /// How long a sample waits now, between its fastest possible arrival and its playout.
    pub current_delay: Duration,
    /// How long it is meant to.
    pub current_target_delay: Duration,
    /// Samples that were given out, silence included.
    pub total_samples_received: u64,
    /// In seconds.
    pub total_samples_duration: f64,
    /// Linear, 0.0..=1.0.
    pub audio_level: f32,
    /// Squared level times seconds.
    pub total_audio_energy: f64,
}

impl AudioReceiver {
    /// A receiver that has heard nothing.
    ///
    /// # Errors
    /// [`OpusError::Failed`] if there is no memory for a decoder.
    pub fn new() -> Result<Self, OpusError> {
        Self::handicapped(&[])
    }

    /// The same, with those of `handicaps` that concern it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn handicapped(handicaps: &[Handicap]) -> Result<Self, OpusError> {
        let jitter = if handicaps.contains(&Handicap::NoJitterBuffer) {
            AudioJitterBuffer::with_target(Duration::ZERO)
        } else {
            AudioJitterBuffer::new()
        };
        Ok(Self {
            jitter,
            decoder: OpusDecoder::new()?,
            restarts: 0,
            line: TimeStretch::new(),
            scratch: Vec::new(),
            quiet: true,
            meter: LevelMeter::new(),
            malformed: 0,
            frames: 0,
            playing: None,
            first_audio_at: None,
            repairs: !handicaps.contains(&Handicap::NoRepairOfSound),
        })
    }

    /// Takes a packet from the network; one that is not Opus is counted and dropped.
    pub fn handle_packet(&mut self, packet: RtpPacket) {
        let Some(samples) = opus_packet_samples(&packet.payload) else {
            self.malformed += 1;
            return;
        };
        let carries_copy = self.repairs && opus_packet_has_fec(&packet.payload);
        self.jitter.insert(packet, samples, carries_copy);
    }

    /// The next 10 ms to be played, due at `now`: silence before the first packet.
    pub fn pull(&mut self, now: Instant) -> [f32; FRAME_SAMPLES] {
        self.correct_delay(now);
        while self.line.available() < FRAME_SAMPLES {
            self.fetch(now);
        }
        self.playing = self.jitter.rtp_timestamp(self.line.available());
        let frame = self.line.pop().unwrap_or([0.0; FRAME_SAMPLES]);
        self.meter.push(&frame);
        self.frames += 1;
        frame
    }

    fn correct_delay(&mut self, now: Instant) {
        let effort = |urgent| {
            if urgent {
                Effort::Urgent
            } else {
                Effort::Gentle
            }
        };
        match self.jitter.adjust(now, self.line.available()) {
            Adjustment::None => {}
            Adjustment::Accelerate { samples, urgent } => {
                // Only what is here for certain: decoding ahead must not declare anything lost.
                while self.line.available() < FRAME_SAMPLES + TimeStretch::LOOK_AHEAD
                    && self.jitter.has_next()
                {
                    self.fetch(now);
                }
                let removed = self.line.accelerate(samples, effort(urgent));
                self.jitter.handle_adjusted(removed, 0);
            }
            Adjustment::Expand { samples, urgent } => {
                while self.line.available() < FRAME_SAMPLES {
                    self.fetch(now);
                }
                let inserted = self.line.expand(samples, effort(urgent));
                self.jitter.handle_adjusted(0, inserted);
            }
        }
    }

    /// Adds the next piece of sound to the line: always at least one sample.
    fn fetch(&mut self, now: Instant) {
        self.scratch.clear();
        let next = self.jitter.next(now, self.line.available(), self.quiet);
        if self.restarts != self.jitter.restarts() {
            self.restarts = self.jitter.restarts();
            if let Ok(decoder) = OpusDecoder::new() {
                self.decoder = decoder;
            }
        }
        let wanted = match &next {
            Next::Silence(samples) => *samples,
            Next::Decode(packet) => {
                self.first_audio_at.get_or_insert(now);
                let samples = opus_packet_samples(packet).unwrap_or(0) as usize;
                let decoded = self.decoder.decode(packet, &mut self.scratch);
                if decoded.is_err() {
                    // Well framed but broken inside: the same gap as a lost packet.
                    let _ = self.decoder.conceal(samples, &mut self.scratch);
                }
                self.quiet = Level::of(&self.scratch).peak < QUIET_PEAK;
                samples
            }
            Next::Recover { next, samples } => {
                // The copy is of a whole packet; what of it was guessed meanwhile is over.
                let whole = opus_packet_samples(next).unwrap_or(0) as usize;
                let _ = self
                    .decoder
                    .recover(next, whole.max(*samples), &mut self.scratch);
                let surplus = self.scratch.len().saturating_sub(*samples);
                self.scratch.drain(..surplus);
                *samples
            }
            Next::Conceal { samples, run } => {
                if self.repairs && *run < CONCEAL_SILENT_FROM {
                    let _ = self.decoder.conceal(*samples, &mut self.scratch);
                    fade(&mut self.scratch, *run);
                }
                *samples
            }
        };
        // Whatever a decoder does, time goes on.
        self.scratch.resize(wanted.max(1), 0.0);
        self.line.push(&self.scratch);
    }

    /// The RTP time of the first sample of what was last pulled; `None` before the first packet is
    /// played. For lip-sync: it is heard when the speaker's playout delay has passed.
    pub fn playing(&self) -> Option<RtpTimestamp> {
        self.first_audio_at.and(self.playing)
    }

    /// When the first sound from the network was pulled.
    pub fn first_audio_at(&self) -> Option<Instant> {
        self.first_audio_at
    }

    /// How loud it is, for a meter.
    pub fn level(&self) -> Level {
        self.meter.level()
    }

    /// What was counted so far.
    pub fn stats(&mut self, now: Instant) -> AudioReceiverStats {
        let total_samples_received = self.frames * FRAME_SAMPLES as u64;
        AudioReceiverStats {
            jitter: self.jitter.stats(),
            packets_malformed: self.malformed,
            current_delay: self
                .jitter
                .delay(now, self.line.available())
                .unwrap_or_default(),
            current_target_delay: self.jitter.target_delay(now),
            total_samples_received,
            total_samples_duration: self.frames as f64 * 0.01,
            audio_level: self.meter.level().rms.min(1.0),
            total_audio_energy: self.meter.total_audio_energy(),
        }
    }
}

/// Lets guessed sound die away: `run` samples were guessed before these.
fn fade(samples: &mut [f32], run: usize) {
    let length = (CONCEAL_SILENT_FROM - CONCEAL_FADE_FROM) as f32;
    for (i, sample) in samples.iter_mut().enumerate() {
        let into = (run + i).saturating_sub(CONCEAL_FADE_FROM) as f32;
        *sample *= (1.0 - into / length).max(0.0);
    }
}

#[cfg(test)]
#[path = "audio_receiver_tests.rs"]
mod tests;
