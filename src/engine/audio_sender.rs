use std::time::{Duration, Instant};

use crate::codec::{OPUS_PACKET_SAMPLES, OpusEncoder, OpusError, OpusMode};
use crate::media::{
    AUDIO_CLOCK_HZ, AudioFrame, Bitrate, EncoderControl, FRAME_DURATION, FRAME_SAMPLES, Level,
    MediaKind, OutgoingRtp, RtpTimestamp,
};
use crate::process::{LevelMeter, ProcessError, Processing, RenderReference, VoiceProcessor};

const MIN_BITRATE: Bitrate = Bitrate::from_kbps(16);
const MAX_VOICE_BITRATE: Bitrate = Bitrate::from_kbps(48);
const MAX_MUSIC_BITRATE: Bitrate = Bitrate::from_kbps(128);
/// A change of bitrate smaller than this is not worth it.
const BITRATE_STEP_BPS: u64 = 1_000;
/// Loss that is always expected: the first lost packet of a call is recovered as well.
const LEAST_EXPECTED_LOSS: f32 = 0.05;
const MOST_EXPECTED_LOSS: f32 = 0.40;
/// The expected loss falls by this share with each report, about ten a second.
const LOSS_FALL: f32 = 0.02;
/// Silent packets after the fade, so that the other side knows that nothing is missing.
const SILENT_PACKETS: u32 = 3;
/// Captured time that is missing for certain: the RTP clock jumps over it at once.
const GAP_S: f64 = 1.0;
/// Captured time that may be missing, or only be late: the clock jumps if it stays away for so many
/// frames.
const POSSIBLE_GAP_S: f64 = 0.1;
const POSSIBLE_GAP_FRAMES: u32 = 10;
/// The share of a frame in the smoothed offset.
const OFFSET_SHARE: f64 = 0.001;

/// Our own sound: 10 ms frames from the microphone in, a packet out for every second one.
///
/// Pure: no thread and no clock; time comes with the frames.
#[derive(Debug)]
pub struct AudioSender {
    processor: VoiceProcessor,
    reference: Option<RenderReference>,
    encoder: OpusEncoder,
    lookahead: Duration,
    clock: Clock,
    /// The first half of a packet, and when it was captured.
    half: Option<([f32; FRAME_SAMPLES], Instant)>,
    voice: Voice,
    /// The next packet is the first after silence.
    begins: bool,
    meter: LevelMeter,
    expected_loss: f32,
    copies: bool,
    stats: AudioSenderStats,
}

/// Whether anything is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    Open,
    /// Muted a moment ago; the next frame fades out.
    Closing,
    /// Muted, and so many packets of silence are still to be sent.
    Ending(u32),
    Closed,
    /// Unmuted; the next packet fades in, and begins a talkspurt if there was a pause.
    Opening {
        pause: bool,
    },
}

/// The RTP clock: it counts samples, and jumps over gaps in the capture times.
#[derive(Debug)]
struct Clock {
    start: RtpTimestamp,
    ticks: i64,
    origin: Option<Instant>,
    /// How far the capture times run ahead of the samples, in seconds, smoothed over 10 s: two
    /// clocks drift apart for ever, and that is for the receiver to absorb.
    offset: f64,
    /// Frames in a row that came as after a gap.
    late_frames: u32,
}

/// What a sender counted (W3C webrtc-stats names).
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct AudioSenderStats {
    /// Samples that went into packets.
    pub total_samples_sent: u64,
    /// Packets that were made.
    pub packets_encoded: u64,
    /// Their bytes, without headers.
    pub bytes_encoded: u64,
    /// Seconds of captured sound.
    pub total_samples_duration: f64,
    /// Linear, 0.0..=1.0, before muting.
    pub audio_level: f32,
    /// Squared level times seconds, before muting.
    pub total_audio_energy: f64,
    /// What the encoder aims at, in bits a second of payload.
    pub target_bitrate: u64,
    /// The loss that it prepares for.
    pub expected_loss: f32,
    /// Frames that the encoder refused.
    pub encoder_errors: u64,
}

impl AudioSender {
    /// A sender whose RTP clock begins at `start` (which RFC 3550 section 5.1 wants random), its
    /// echo canceller listening to `reference`.
    ///
    /// # Errors
    /// [`OpusError::Failed`] if there is no memory for an encoder.
    pub fn new(
        start: RtpTimestamp,
        processing: Processing,
        mode: OpusMode,
        reference: Option<RenderReference>,
    ) -> Result<Self, OpusError> {
        let mut encoder = OpusEncoder::new(mode)?;
        encoder.set_expected_loss(LEAST_EXPECTED_LOSS)?;
        let lookahead = encoder.lookahead();
        Ok(Self {
            processor: VoiceProcessor::new(processing),
            reference,
            lookahead: Duration::from_secs_f64(f64::from(lookahead) / f64::from(AUDIO_CLOCK_HZ)),
            encoder,
            clock: Clock {
                start,
                ticks: 0,
                origin: None,
                offset: 0.0,
                late_frames: 0,
            },
            half: None,
            voice: Voice::Opening { pause: true },
            begins: false,
            meter: LevelMeter::new(),
            expected_loss: LEAST_EXPECTED_LOSS,
            copies: true,
            stats: AudioSenderStats::default(),
        })
    }

    /// Takes the next 10 ms of the microphone; every second frame completes a packet, unless muted.
    pub fn handle_frame(&mut self, frame: AudioFrame) -> Option<OutgoingRtp> {
        let AudioFrame {
            mut samples,
            captured_at,
        } = frame;
        if let Some(reference) = &mut self.reference {
            while let Some(played) = reference.pop() {
                self.processor.process_render(&played);
            }
        }
        self.processor.process_capture(&mut samples);
        self.meter.push(&samples);
        self.stats.total_samples_duration += FRAME_DURATION.as_secs_f64();
        if self.clock.follow(captured_at) {
            // What is before the gap does not belong into one packet with what is after it.
            self.half = None;
            self.begins = true;
        }
        self.apply_mute(&mut samples);

        let now = self.clock.ticks;
        self.clock.ticks += FRAME_SAMPLES as i64;
        let Some((first, first_captured_at)) = self.half.take() else {
            self.half = Some((samples, captured_at));
            return None;
        };
        match &mut self.voice {
            Voice::Closed | Voice::Opening { pause: true } => return None,
            Voice::Ending(left) => {
                *left -= 1;
                if *left == 0 {
                    self.voice = Voice::Closed;
                }
            }
            Voice::Open | Voice::Closing | Voice::Opening { pause: false } => {}
        }
        let mut packet = [0.0; OPUS_PACKET_SAMPLES];
        packet[..FRAME_SAMPLES].copy_from_slice(&first);
        packet[FRAME_SAMPLES..].copy_from_slice(&samples);
        let payload = match self.encoder.encode(&packet) {
            Ok(payload) => payload,
            Err(_) => {
                self.stats.encoder_errors += 1;
                return None;
            }
        };
        self.stats.packets_encoded += 1;
        self.stats.bytes_encoded += payload.len() as u64;
        self.stats.total_samples_sent += OPUS_PACKET_SAMPLES as u64;
        let held_back = self.processor.delay() + self.lookahead;
        Some(OutgoingRtp {
            kind: MediaKind::Audio,
            rtp_timestamp: self.clock.at(now - FRAME_SAMPLES as i64),
            marker: std::mem::take(&mut self.begins),
            payload,
            // The packet's first sample was captured before it went through the filters.
            captured_at: first_captured_at
                .checked_sub(held_back)
                .unwrap_or(first_captured_at),
        })
    }

    /// Silences what is not to be heard, with a fade of 10 ms at each change.
    fn apply_mute(&mut self, samples: &mut [f32; FRAME_SAMPLES]) {
        let ramp = |i: usize| (i + 1) as f32 / FRAME_SAMPLES as f32;
        match self.voice {
            Voice::Open => {}
            Voice::Closing => {
                for (i, sample) in samples.iter_mut().enumerate() {
                    *sample *= 1.0 - ramp(i);
                }
                // The packet with the fade, then the silent ones.
                self.voice = Voice::Ending(SILENT_PACKETS + 1);
            }
            Voice::Ending(_) | Voice::Closed => samples.fill(0.0),
            // Within a packet that began in silence it stays silent.
            Voice::Opening { .. } if self.half.is_some() => samples.fill(0.0),
            Voice::Opening { pause } => {
                for (i, sample) in samples.iter_mut().enumerate() {
                    *sample *= ramp(i);
                }
                self.begins |= pause;
                self.voice = Voice::Open;
            }
        }
    }

    /// Stops or resumes sending. The meter and the RTP clock go on.
    pub fn set_muted(&mut self, muted: bool) {
        self.voice = match (self.voice, muted) {
            (Voice::Open, true) => Voice::Closing,
            (Voice::Opening { .. }, true) => Voice::Closed,
            (Voice::Closing, false) => Voice::Open,
            (Voice::Ending(_), false) => Voice::Opening { pause: false },
            (Voice::Closed, false) => Voice::Opening { pause: true },
            (same, _) => same,
        };
    }

    /// Whether nothing is said.
    pub fn is_muted(&self) -> bool {
        matches!(
            self.voice,
            Voice::Closing | Voice::Ending(_) | Voice::Closed
        )
    }

    /// Switches echo cancellation, noise suppression and gain.
    pub fn set_processing(&mut self, processing: Processing) {
        self.processor.set_processing(processing);
    }

    /// Switches between voice and music; processing is left as it is.
    ///
    /// # Errors
    /// [`OpusError::Failed`]; the old mode goes on.
    pub fn set_mode(&mut self, mode: OpusMode) -> Result<(), OpusError> {
        if mode == self.encoder.mode() {
            return Ok(());
        }
        let mut encoder = OpusEncoder::new(mode)?;
        encoder.set_expected_loss(self.expected_loss)?;
        encoder.set_copies(self.copies)?;
        encoder.set_bitrate(self.encoder.bitrate().min(most(mode)))?;
        self.encoder = encoder;
        Ok(())
    }

    /// Whether packets carry copies of those before them where loss is expected.
    ///
    /// # Errors
    /// [`OpusError::Failed`]; the encoder goes on as it was.
    pub fn set_copies(&mut self, copies: bool) -> Result<(), OpusError> {
        self.encoder.set_copies(copies)?;
        self.copies = copies;
        Ok(())
    }

    /// Takes the network's word; `target_bitrate` is the share that sound may use, without headers.
    ///
    /// # Errors
    /// [`OpusError::Failed`]; the encoder goes on as it was.
    pub fn handle_control(&mut self, control: EncoderControl) -> Result<(), OpusError> {
        let loss = if control.loss.is_finite() {
            control.loss
        } else {
            0.0
        };
        // Up at once, down slowly: bursts come back.
        self.expected_loss = (self.expected_loss * (1.0 - LOSS_FALL))
            .max(loss)
            .clamp(LEAST_EXPECTED_LOSS, MOST_EXPECTED_LOSS);
        self.encoder.set_expected_loss(self.expected_loss)?;
        let wanted = control
            .target_bitrate
            .clamp(MIN_BITRATE, most(self.encoder.mode()));
        if wanted.bps().abs_diff(self.encoder.bitrate().bps()) >= BITRATE_STEP_BPS {
            self.encoder.set_bitrate(wanted)?;
        }
        Ok(())
    }

    /// How loud the microphone is, for a meter; muting does not change it.
    pub fn level(&self) -> Level {
        self.meter.level()
    }

    /// What part of the processing broke since the last call, each said once.
    pub fn take_failure(&mut self) -> Option<ProcessError> {
        self.processor.take_failure()
    }

    /// What was counted so far.
    pub fn stats(&self) -> AudioSenderStats {
        AudioSenderStats {
            audio_level: self.meter.level().rms.min(1.0),
            total_audio_energy: self.meter.total_audio_energy(),
            target_bitrate: self.encoder.bitrate().bps(),
            expected_loss: self.expected_loss,
            ..self.stats
        }
    }
}

fn most(mode: OpusMode) -> Bitrate {
    match mode {
        OpusMode::Voice => MAX_VOICE_BITRATE,
        OpusMode::Music => MAX_MUSIC_BITRATE,
    }
}

impl Clock {
    /// Jumps over captured time that is missing; true if it did.
    fn follow(&mut self, captured_at: Instant) -> bool {
        let origin = *self.origin.get_or_insert(captured_at);
        let elapsed = captured_at.saturating_duration_since(origin).as_secs_f64();
        let ahead = elapsed - self.ticks as f64 / f64::from(AUDIO_CLOCK_HZ) - self.offset;
        self.late_frames = if ahead > POSSIBLE_GAP_S {
            self.late_frames + 1
        } else {
            0
        };
        if ahead > GAP_S || self.late_frames >= POSSIBLE_GAP_FRAMES {
            self.ticks += (ahead * f64::from(AUDIO_CLOCK_HZ)).round() as i64;
            self.late_frames = 0;
            return true;
        }
        self.offset += OFFSET_SHARE * ahead;
        false
    }

    fn at(&self, ticks: i64) -> RtpTimestamp {
        RtpTimestamp(self.start.0.wrapping_add(ticks as u32))
    }
}

#[cfg(test)]
#[path = "audio_sender_tests.rs"]
mod tests;
