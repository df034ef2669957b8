use std::time::{Duration, Instant};

use cpal::traits::DeviceTrait;
use cpal::{Data, FromSample, InputCallbackInfo, Sample, SizedSample};
use rtrb::chunks::ChunkError;
use rtrb::{Consumer, Producer, RingBuffer};

use super::sound::{Chosen, Direction, OnError, SoundStream, dispatch_format};
use super::{AudioSource, DeviceError, Pull};
use crate::media::{AudioFrame, FRAME_SAMPLES, SAMPLE_RATE_HZ};
use crate::process::Resampler;

/// Older sound than this is of no use in a conversation: it is skipped.
const MAX_BEHIND: Duration = Duration::from_millis(200);
/// Chunks whose moments wait to be read; 10 ms each, or shorter.
const STAMPS: usize = 512;
/// No device takes longer from air to program.
const MAX_LATENCY: Duration = Duration::from_millis(500);

/// When a chunk of sound was captured.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    /// Frames that went into the ring before it.
    position: u64,
    frames: u32,
    captured_at: Instant,
    arrived_at: Instant,
}

/// A real microphone. Where nobody pulls for a while, the oldest sound is skipped.
pub struct Microphone {
    samples: Consumer<f32>,
    stamps: Consumer<Stamp>,
    rate_hz: u32,
    /// Frames read from the ring.
    position: u64,
    clock: CaptureClock,
    /// When the next chunk should come.
    expected_at: Option<Instant>,
    resampler: Resampler,
    block: Vec<f32>,
    /// At 48 kHz, not handed out yet.
    ready: Vec<f32>,
    stream: SoundStream,
}

impl Microphone {
    /// Opens the microphone with this id or label, or the system's choice. May take three seconds.
    ///
    /// # Errors
    /// A sentence on why it cannot be used.
    pub fn open(name: Option<&str>) -> Result<Self, DeviceError> {
        let (stream, (samples, stamps, rate_hz)) =
            SoundStream::open(Direction::Input, name, build)?;
        let resampler =
            Resampler::new(rate_hz, SAMPLE_RATE_HZ).map_err(|error| DeviceError::Failed {
                kind: Direction::Input.kind(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            samples,
            stamps,
            rate_hz,
            position: 0,
            clock: CaptureClock::new(rate_hz),
            expected_at: None,
            resampler,
            block: Vec::new(),
            ready: Vec::new(),
            stream,
        })
    }

    /// Takes everything out of the rings.
    fn drain(&mut self) {
        while let Ok(stamp) = self.stamps.pop() {
            self.clock.handle(stamp.position, stamp.captured_at);
            let length = samples_duration(u64::from(stamp.frames), self.rate_hz);
            self.expected_at = Some(stamp.arrived_at + length);
        }
        let available = self.samples.slots();
        let most = (MAX_BEHIND.as_secs_f64() * f64::from(self.rate_hz)) as usize;
        if available > most {
            self.skip(available - self.rate_hz as usize / 50);
        }
        let available = self.samples.slots();
        let Ok(chunk) = self.samples.read_chunk(available) else {
            return;
        };
        self.block.clear();
        let (first, second) = chunk.as_slices();
        self.block.extend_from_slice(first);
        self.block.extend_from_slice(second);
        chunk.commit_all();
        self.position += self.block.len() as u64;
        self.resampler.push(&self.block, &mut self.ready);
    }

    fn skip(&mut self, frames: usize) {
        if let Ok(chunk) = self.samples.read_chunk(frames) {
            chunk.commit_all();
            self.position += frames as u64;
            self.ready.clear();
            tracing::debug!(frames, "skipped old sound");
        }
    }
}

impl AudioSource for Microphone {
    fn pull(&mut self, now: Instant) -> Pull<AudioFrame> {
        if self.ready.len() < FRAME_SAMPLES {
            self.drain();
        }
        if let Some(samples) = self.ready.first_chunk::<FRAME_SAMPLES>() {
            let waiting = samples_duration(self.ready.len() as u64, SAMPLE_RATE_HZ);
            let age = waiting + self.resampler.delay();
            let end = self.clock.at(self.position).unwrap_or(now);
            let frame = AudioFrame {
                samples: *samples,
                captured_at: end.checked_sub(age).unwrap_or(end),
            };
            self.ready.drain(..FRAME_SAMPLES);
            return Pull::Ready(frame);
        }
        if let Some(error) = self.stream.lost() {
            return Pull::Lost(error.clone());
        }
        let soon = now + Duration::from_millis(1);
        Pull::NotBefore(self.expected_at.map_or(soon, |expected| expected.max(soon)))
    }
}

fn samples_duration(frames: u64, rate_hz: u32) -> Duration {
    Duration::from_nanos(frames * 1_000_000_000 / u64::from(rate_hz.max(1)))
}

/// Says when a frame of the device's clock was, from the moments of chunks, which jitter.
#[derive(Debug)]
struct CaptureClock {
    rate_hz: u32,
    /// A position and its moment, smoothed.
    anchor: Option<(u64, Instant)>,
}

impl CaptureClock {
    /// A difference beyond this is no jitter: the stream was interrupted.
    const JUMP: Duration = Duration::from_millis(50);
    /// The share of a difference that is believed.
    const GAIN: f64 = 0.05;

    fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz,
            anchor: None,
        }
    }

    fn handle(&mut self, position: u64, measured: Instant) {
        let predicted = self.at(position).unwrap_or(measured);
        let (late, early) = (
            measured.saturating_duration_since(predicted),
            predicted.saturating_duration_since(measured),
        );
        let moment = if late.max(early) > Self::JUMP {
            measured
        } else {
            let smoothed = predicted + late.mul_f64(Self::GAIN);
            smoothed
                .checked_sub(early.mul_f64(Self::GAIN))
                .unwrap_or(smoothed)
        };
        self.anchor = Some((position, moment));
    }

    fn at(&self, position: u64) -> Option<Instant> {
        let (anchor, moment) = self.anchor?;
        if position >= anchor {
            moment.checked_add(samples_duration(position - anchor, self.rate_hz))
        } else {
            moment.checked_sub(samples_duration(anchor - position, self.rate_hz))
        }
    }
}

type Ends = (Consumer<f32>, Consumer<Stamp>, u32);

fn build(
    device: &cpal::Device,
    chosen: Chosen,
    on_error: OnError,
) -> Result<(cpal::Stream, Ends), cpal::Error> {
    let rate_hz = chosen.config.sample_rate;
    // A second, so that a caller that is late finds everything.
    let (samples, read_samples) = RingBuffer::new(rate_hz as usize);
    let (stamps, read_stamps) = RingBuffer::new(STAMPS);
    let mut ends = CallbackEnds {
        samples,
        stamps,
        channels: usize::from(chosen.config.channels.max(1)),
        rate_hz,
        position: 0,
    };
    let stream = device.build_input_stream_raw(
        chosen.config,
        chosen.format,
        move |data, info| dispatch_format!(data.sample_format(), write(&mut ends, data, info)),
        move |error| on_error.handle(error),
        Some(Duration::from_secs(2)),
    )?;
    Ok((stream, (read_samples, read_stamps, rate_hz)))
}

/// The callback's ends of the rings.
struct CallbackEnds {
    samples: Producer<f32>,
    stamps: Producer<Stamp>,
    channels: usize,
    rate_hz: u32,
    position: u64,
}

/// The callback: no lock, allocation, log or system call.
fn write<T: SizedSample>(ends: &mut CallbackEnds, data: &Data, info: &InputCallbackInfo)
where
    f32: FromSample<T>,
{
    let Some(interleaved) = data.as_slice::<T>() else {
        return;
    };
    let frames = interleaved.len() / ends.channels;
    let arrived_at = Instant::now();
    let stamp = info.timestamp();
    let latency = stamp
        .callback
        .checked_duration_since(stamp.capture)
        .filter(|latency| !latency.is_zero() && *latency <= MAX_LATENCY)
        .unwrap_or_else(|| samples_duration(frames as u64, ends.rate_hz));
    let room = frames.min(ends.samples.slots());
    let chunk = match ends.samples.write_chunk_uninit(room) {
        Ok(chunk) => chunk,
        Err(ChunkError::TooFewSlots(_)) => return,
    };
    let share = 1.0 / ends.channels as f32;
    let written = chunk.fill_from_iter(interleaved.chunks_exact(ends.channels).map(|frame| {
        let sum: f32 = frame.iter().map(|sample| f32::from_sample(*sample)).sum();
        sum * share
    }));
    // A full ring loses the moment of a chunk, and the next one brings it back.
    let _ = ends.stamps.push(Stamp {
        position: ends.position,
        frames: frames as u32,
        captured_at: arrived_at.checked_sub(latency).unwrap_or(arrived_at),
        arrived_at,
    });
    ends.position += written as u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_of_chunks_is_smoothed_and_the_devices_own_pace_followed() {
        let start = Instant::now();
        let mut clock = CaptureClock::new(48_000);
        // The device is 200 ppm fast, and chunks come up to 4 ms late.
        let true_at = |chunk: u64| start + Duration::from_nanos(chunk * 9_998_000);
        for chunk in 0..3_000 {
            let jitter = Duration::from_millis(chunk * 7 % 5);
            clock.handle(chunk * 480, true_at(chunk) + jitter);
        }
        let error = |chunk: u64| {
            let at = clock.at(chunk * 480).unwrap();
            at.saturating_duration_since(true_at(chunk))
        };
        let errors = [error(2_998), error(2_999), error(3_000)];
        for error in errors {
            let around_the_mean = Duration::from_micros(1_600)..Duration::from_micros(2_400);
            assert!(around_the_mean.contains(&error), "{errors:?}");
        }
    }

    #[test]
    fn an_interruption_is_believed_at_once() {
        let start = Instant::now();
        let mut clock = CaptureClock::new(48_000);
        clock.handle(0, start);
        clock.handle(480, start + Duration::from_millis(10));
        let later = start + Duration::from_secs(2);
        clock.handle(960, later);
        assert_eq!(clock.at(960), Some(later));
        assert_eq!(clock.at(1_440), Some(later + Duration::from_millis(10)));
        assert_eq!(clock.at(480), Some(later - Duration::from_millis(10)));
    }
}
