use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cpal::traits::DeviceTrait;
use cpal::{Data, FromSample, OutputCallbackInfo, SizedSample};
use rtrb::{Consumer, Producer, RingBuffer};

use super::AudioSink;
use crate::capture::DeviceError;
use crate::capture::sound::{Chosen, Direction, OnError, SoundStream, dispatch_format};
use crate::media::{FRAME_DURATION, FRAME_SAMPLES, SAMPLE_RATE_HZ};
use crate::process::Resampler;

/// No device takes longer from program to air.
const MAX_LATENCY: Duration = Duration::from_millis(500);

/// A real speaker.
///
/// Its demand keeps a little more than one period of the device in a ring, so the device's clock
/// sets the pace, and the difference between that clock and the friend's has one place where it is
/// absorbed: the jitter buffer. After an under-run a little more is kept, for a while.
pub struct Speaker {
    samples: Producer<f32>,
    rate_hz: u32,
    told: Arc<Told>,
    cushion: Cushion,
    resampler: Resampler,
    block: Vec<f32>,
    stream: SoundStream,
}

/// What the callback tells.
#[derive(Debug, Default)]
struct Told {
    /// Frames that the device takes at a time.
    period: AtomicU32,
    /// From the callback to the air.
    latency_us: AtomicU32,
    underruns: AtomicU32,
}

impl Speaker {
    /// Opens the speaker with this id or label, or the system's choice. May take three seconds.
    ///
    /// # Errors
    /// A sentence on why it cannot be used.
    pub fn open(name: Option<&str>) -> Result<Self, DeviceError> {
        let (stream, (samples, told, rate_hz)) = SoundStream::open(Direction::Output, name, build)?;
        let resampler =
            Resampler::new(SAMPLE_RATE_HZ, rate_hz).map_err(|error| DeviceError::Failed {
                kind: Direction::Output.kind(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            samples,
            rate_hz,
            told,
            cushion: Cushion::default(),
            resampler,
            block: Vec::new(),
            stream,
        })
    }

    fn duration(&self, frames: usize) -> Duration {
        Duration::from_nanos(frames as u64 * 1_000_000_000 / u64::from(self.rate_hz.max(1)))
    }

    /// Sound in the ring.
    fn queued(&self) -> Duration {
        self.duration(self.samples.buffer().capacity() - self.samples.slots())
    }
}

impl AudioSink for Speaker {
    fn demand(&mut self, now: Instant) -> usize {
        if self.stream.lost().is_some() {
            // The push that this asks for reports it.
            return 1;
        }
        let period = self.duration(self.told.period.load(Ordering::Relaxed) as usize);
        self.cushion
            .handle(self.told.underruns.load(Ordering::Relaxed), now);
        self.cushion.demand(period, self.queued())
    }

    fn push(&mut self, samples: &[f32; FRAME_SAMPLES], _: Instant) -> Result<(), DeviceError> {
        if let Some(error) = self.stream.lost() {
            return Err(error.clone());
        }
        self.block.clear();
        self.resampler.push(samples, &mut self.block);
        // Only more than was asked for does not fit, and that is dropped.
        let _ = self.samples.push_partial_slice(&self.block);
        Ok(())
    }

    fn delay(&self) -> Duration {
        let latency = Duration::from_micros(self.told.latency_us.load(Ordering::Relaxed).into());
        self.queued() + self.resampler.delay() + latency
    }
}

/// How much sound lies ready beyond one period of the device.
#[derive(Debug)]
struct Cushion {
    extra: Duration,
    underruns: u32,
    /// Since when it was enough, or since when it was last made less.
    calm_since: Option<Instant>,
}

impl Default for Cushion {
    fn default() -> Self {
        Self {
            extra: Self::LEAST,
            underruns: 0,
            calm_since: None,
        }
    }
}

impl Cushion {
    /// A frame: pushes come in frames.
    const LEAST: Duration = FRAME_DURATION;
    const MOST: Duration = Duration::from_millis(80);
    /// What an under-run adds.
    const MORE: Duration = Duration::from_millis(10);
    /// What each [`Self::CALM`] without one takes away.
    const LESS: Duration = Duration::from_millis(2);
    const CALM: Duration = Duration::from_secs(10);
    /// So much at a time; a device that wants more than this at once is asked again at once.
    const FRAMES_AT_ONCE: usize = 20;

    fn handle(&mut self, underruns: u32, now: Instant) {
        let calm_since = *self.calm_since.get_or_insert(now);
        if underruns != self.underruns {
            self.underruns = underruns;
            self.extra = (self.extra + Self::MORE).min(Self::MOST);
            self.calm_since = Some(now);
            tracing::debug!(extra = ?self.extra, underruns, "the speaker ran dry");
        } else if now.saturating_duration_since(calm_since) >= Self::CALM {
            self.extra = self.extra.saturating_sub(Self::LESS).max(Self::LEAST);
            self.calm_since = Some(now);
        }
    }

    fn demand(&self, period: Duration, queued: Duration) -> usize {
        let short = (period + self.extra).saturating_sub(queued);
        let frames = short.as_nanos().div_ceil(FRAME_DURATION.as_nanos()) as usize;
        frames.min(Self::FRAMES_AT_ONCE)
    }
}

type Ends = (Producer<f32>, Arc<Told>, u32);

fn build(
    device: &cpal::Device,
    chosen: Chosen,
    on_error: OnError,
) -> Result<(cpal::Stream, Ends), cpal::Error> {
    let rate_hz = chosen.config.sample_rate;
    let (write_samples, samples) = RingBuffer::new(rate_hz as usize);
    let told = Arc::new(Told::default());
    let mut ends = CallbackEnds {
        samples,
        told: told.clone(),
        channels: usize::from(chosen.config.channels.max(1)),
        playing: false,
    };
    let stream = device.build_output_stream_raw(
        chosen.config,
        chosen.format,
        move |data, info| dispatch_format!(data.sample_format(), read(&mut ends, data, info)),
        move |error| on_error.handle(error),
        Some(Duration::from_secs(2)),
    )?;
    Ok((stream, (write_samples, told, rate_hz)))
}

/// The callback's end of the ring.
struct CallbackEnds {
    samples: Consumer<f32>,
    told: Arc<Told>,
    channels: usize,
    /// The last period was filled whole.
    playing: bool,
}

/// The callback: no lock, allocation, log or system call.
fn read<T: SizedSample + FromSample<f32>>(
    ends: &mut CallbackEnds,
    data: &mut Data,
    info: &OutputCallbackInfo,
) {
    let Some(interleaved) = data.as_slice_mut::<T>() else {
        return;
    };
    let frames = interleaved.len() / ends.channels;
    ends.told.period.store(frames as u32, Ordering::Relaxed);
    let stamp = info.timestamp();
    if let Some(latency) = stamp
        .playback
        .checked_duration_since(stamp.callback)
        .filter(|latency| *latency <= MAX_LATENCY)
    {
        let latency_us = latency.as_micros() as u32;
        ends.told.latency_us.store(latency_us, Ordering::Relaxed);
    }
    let ready = frames.min(ends.samples.slots());
    // The rest of the buffer, and the channels behind the front ones, are silent.
    interleaved.fill(T::EQUILIBRIUM);
    if let Ok(chunk) = ends.samples.read_chunk(ready) {
        let front = ends.channels.min(2);
        for (frame, sample) in interleaved.chunks_exact_mut(ends.channels).zip(chunk) {
            frame[..front].fill(T::from_sample(sample));
        }
    }
    if ready < frames && ends.playing {
        ends.told.underruns.fetch_add(1, Ordering::Relaxed);
    }
    ends.playing = ready == frames;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(10);

    #[test]
    fn the_demand_keeps_a_period_and_a_frame_ready() {
        let cushion = Cushion::default();
        let demand = |queued| cushion.demand(PERIOD, Duration::from_millis(queued));
        assert_eq!([demand(0), demand(5), demand(10), demand(19)], [2, 2, 1, 1]);
        assert_eq!([demand(20), demand(500)], [0, 0]);
        let slow = Duration::from_secs(1);
        assert_eq!(cushion.demand(slow, Duration::ZERO), 20, "bounded");
    }

    #[test]
    fn an_under_run_adds_a_frame_that_calm_takes_away_again() {
        let start = Instant::now();
        let mut cushion = Cushion::default();
        cushion.handle(0, start);
        cushion.handle(1, start);
        cushion.handle(1, start);
        assert_eq!(cushion.extra, Duration::from_millis(20));
        for underruns in 2..40 {
            cushion.handle(underruns, start);
        }
        assert_eq!(cushion.extra, Cushion::MOST);
        let mut now = start;
        for _ in 0..40 {
            now += Cushion::CALM;
            cushion.handle(39, now);
        }
        assert_eq!(cushion.extra, Cushion::LEAST);
    }
}
