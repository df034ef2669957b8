use bytes::Bytes;

use crate::media::{AUDIO_CLOCK_HZ, Bitrate, FRAME_SAMPLES, SAMPLE_RATE_HZ};

/// Samples in a packet of ours: 20 ms.
pub const OPUS_PACKET_SAMPLES: usize = 2 * FRAME_SAMPLES;
/// The longest packet that Opus has: 120 ms.
const MAX_PACKET_SAMPLES: usize = 5_760;
/// Larger than any packet of 20 ms; libopus stays within it.
const MAX_PACKET_BYTES: usize = 1_275;
/// Concealment works in steps of 2.5 ms.
const STEP_SAMPLES: usize = 120;

/// What the encoder is to make the best of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OpusMode {
    /// A voice.
    #[default]
    Voice,
    /// Anything else.
    Music,
}

/// Why a frame was not encoded or a packet not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpusError {
    /// The packet has no content.
    #[error("an empty sound packet")]
    Empty,
    /// The packet is not Opus (RFC 6716 section 3.4).
    #[error("a sound packet that is not Opus: {0}")]
    Malformed(String),
    /// The library refused something else.
    #[error("the sound codec failed: {0}")]
    Failed(String),
}

impl From<opus::Error> for OpusError {
    fn from(error: opus::Error) -> Self {
        match error.code() {
            opus::ErrorCode::InvalidPacket => Self::Malformed(error.description().to_owned()),
            _ => Self::Failed(error.description().to_owned()),
        }
    }
}

/// Opus at 48 kHz mono, 20 ms a packet, variable bitrate, with in-band FEC (RFC 6716, RFC 7587).
#[derive(Debug)]
pub struct OpusEncoder {
    encoder: opus::Encoder,
    mode: OpusMode,
    loss_percent: i32,
    bitrate: Bitrate,
}

impl OpusEncoder {
    /// An encoder at 32 kb/s that expects no loss.
    ///
    /// # Errors
    /// [`OpusError::Failed`] if libopus has no memory.
    pub fn new(mode: OpusMode) -> Result<Self, OpusError> {
        let application = match mode {
            OpusMode::Voice => opus::Application::Voip,
            OpusMode::Music => opus::Application::Audio,
        };
        let mut encoder = opus::Encoder::new(SAMPLE_RATE_HZ, opus::Channels::Mono, application)?;
        encoder.set_vbr(true)?;
        encoder.set_inband_fec(true)?;
        encoder.set_complexity(9)?;
        let bitrate = Bitrate::from_kbps(32);
        encoder.set_bitrate(opus::Bitrate::Bits(bitrate.bps() as i32))?;
        Ok(Self {
            encoder,
            mode,
            loss_percent: 0,
            bitrate,
        })
    }

    /// What it makes the best of.
    pub fn mode(&self) -> OpusMode {
        self.mode
    }

    /// Bits a second of payload, 6 to 510 kb/s.
    ///
    /// # Errors
    /// [`OpusError::Failed`] if libopus refuses.
    pub fn set_bitrate(&mut self, bitrate: Bitrate) -> Result<(), OpusError> {
        let bps = bitrate.bps().clamp(6_000, 510_000);
        self.encoder.set_bitrate(opus::Bitrate::Bits(bps as i32))?;
        self.bitrate = Bitrate(bps);
        Ok(())
    }

    /// Bits a second of payload that it aims at.
    pub fn bitrate(&self) -> Bitrate {
        self.bitrate
    }

    /// The share of packets that will be lost, 0.0..=1.0: above 0 each packet also carries a coarse
    /// copy of the one before it.
    ///
    /// # Errors
    /// [`OpusError::Failed`] if libopus refuses.
    pub fn set_expected_loss(&mut self, loss: f32) -> Result<(), OpusError> {
        let percent = if loss.is_finite() {
            loss.clamp(0.0, 1.0) * 100.0
        } else {
            0.0
        };
        let percent = percent.round() as i32;
        if percent != self.loss_percent {
            self.encoder.set_packet_loss_perc(percent)?;
            self.loss_percent = percent;
        }
        Ok(())
    }

    /// Whether packets may carry such a copy at all (in-band FEC); they may, if not said.
    ///
    /// # Errors
    /// [`OpusError::Failed`] if libopus refuses.
    pub fn set_copies(&mut self, copies: bool) -> Result<(), OpusError> {
        Ok(self.encoder.set_inband_fec(copies)?)
    }

    /// How much work is spent on a packet, 0..=10.
    ///
    /// # Errors
    /// [`OpusError::Failed`] if libopus refuses.
    pub fn set_complexity(&mut self, complexity: u8) -> Result<(), OpusError> {
        Ok(self.encoder.set_complexity(i32::from(complexity.min(10)))?)
    }

    /// How much later a sound is in the decoder's output than in the packet's time, in samples.
    pub fn lookahead(&mut self) -> u32 {
        self.encoder
            .get_lookahead()
            .map_or(0, |samples| samples.max(0) as u32)
    }

    /// Encodes 20 ms.
    ///
    /// # Errors
    /// [`OpusError::Failed`] if libopus refuses.
    pub fn encode(&mut self, samples: &[f32; OPUS_PACKET_SAMPLES]) -> Result<Bytes, OpusError> {
        let mut packet = [0; MAX_PACKET_BYTES];
        let length = self.encoder.encode_float(samples, &mut packet)?;
        Ok(Bytes::copy_from_slice(&packet[..length.min(packet.len())]))
    }
}

/// Opus to 48 kHz mono; takes packets of any duration and channel count that Opus has.
#[derive(Debug)]
pub struct OpusDecoder {
    decoder: opus::Decoder,
}

impl OpusDecoder {
    /// A decoder that has heard nothing.
    ///
    /// # Errors
    /// [`OpusError::Failed`] if libopus has no memory.
    pub fn new() -> Result<Self, OpusError> {
        Ok(Self {
            decoder: opus::Decoder::new(SAMPLE_RATE_HZ, opus::Channels::Mono)?,
        })
    }

    /// Appends what `packet` holds to `output` and returns how many samples that are.
    ///
    /// # Errors
    /// [`OpusError::Empty`], [`OpusError::Malformed`]; nothing was appended.
    pub fn decode(&mut self, packet: &[u8], output: &mut Vec<f32>) -> Result<usize, OpusError> {
        if packet.is_empty() {
            return Err(OpusError::Empty);
        }
        self.run(packet, MAX_PACKET_SAMPLES, false, output)
    }

    /// Appends `samples` (rounded down to 2.5 ms) of what came before `next` and was lost: from the
    /// coarse copy in `next` if it has one, else guessed.
    ///
    /// # Errors
    /// [`OpusError::Empty`], [`OpusError::Malformed`]; nothing was appended.
    pub fn recover(
        &mut self,
        next: &[u8],
        samples: usize,
        output: &mut Vec<f32>,
    ) -> Result<usize, OpusError> {
        if next.is_empty() {
            return Err(OpusError::Empty);
        }
        self.run(next, samples, true, output)
    }

    /// Appends `samples` (rounded down to 2.5 ms) that continue what was heard (PLC).
    ///
    /// # Errors
    /// [`OpusError::Failed`]; nothing was appended.
    pub fn conceal(&mut self, samples: usize, output: &mut Vec<f32>) -> Result<usize, OpusError> {
        self.run(&[], samples, false, output)
    }

    fn run(
        &mut self,
        packet: &[u8],
        samples: usize,
        recover: bool,
        output: &mut Vec<f32>,
    ) -> Result<usize, OpusError> {
        let samples = samples.min(MAX_PACKET_SAMPLES) / STEP_SAMPLES * STEP_SAMPLES;
        if samples == 0 {
            return Ok(0);
        }
        let start = output.len();
        output.resize(start + samples, 0.0);
        let result = self
            .decoder
            .decode_float(packet, &mut output[start..], recover);
        let decoded = result.as_ref().map_or(0, |decoded| (*decoded).min(samples));
        output.truncate(start + decoded);
        for sample in &mut output[start..] {
            // A hostile packet may decode to anything.
            *sample = if sample.is_finite() {
                sample.clamp(-1.0, 1.0)
            } else {
                0.0
            };
        }
        Ok(result.map(|_| decoded)?)
    }
}

/// The duration of `packet` on the RTP clock (RFC 6716 section 3.1); `None` if it is not Opus.
pub fn opus_packet_samples(packet: &[u8]) -> Option<u32> {
    if packet.is_empty() {
        return None;
    }
    // `parse` checks all that a decoder would check of the framing.
    opus::packet::parse(packet).ok()?;
    let samples = opus::packet::get_nb_samples(packet, AUDIO_CLOCK_HZ).ok()?;
    (1..=MAX_PACKET_SAMPLES)
        .contains(&samples)
        .then_some(samples as u32)
}

/// Whether `packet` carries a coarse copy of the one before it (RFC 6716 section 4.2.3): a flag in
/// the SILK header, which packets without a SILK layer do not have.
pub fn opus_packet_has_fec(packet: &[u8]) -> bool {
    let Some(&toc) = packet.first() else {
        return false;
    };
    // Configurations 16 and up are CELT only (RFC 6716 section 3.1, table 2).
    if toc >> 3 >= 16 {
        return false;
    }
    let Ok(parsed) = opus::packet::parse(packet) else {
        return false;
    };
    let Some(&header) = parsed.frames.first().and_then(|frame| frame.first()) else {
        return false;
    };
    // One VAD flag for each 20 ms, then the flag of the copies; for stereo the same again.
    let samples = opus::packet::get_samples_per_frame(packet, AUDIO_CLOCK_HZ).unwrap_or(0);
    let silk_frames = (samples / 960).max(1);
    let stereo = toc & 0b100 != 0;
    let mid = header >> (7 - silk_frames) & 1 == 1;
    let side = stereo && silk_frames <= 3 && header >> (6 - 2 * silk_frames) & 1 == 1;
    mid || side
}

#[cfg(test)]
#[path = "opus_tests.rs"]
mod tests;
