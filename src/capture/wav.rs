use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::path::Path;
use std::time::Instant;

use hound::{SampleFormat, WavReader, WavSpec};

use super::pacer::Pacer;
use super::{AudioSource, DeviceError, Pull};
use crate::media::{AudioFrame, FRAME_SAMPLES, SAMPLE_RATE_HZ};
use crate::process::{Resampler, downmix};

/// A recording, played once in real time: any rate, channel count and bit depth that a WAV file
/// has, mixed to mono at 48 kHz.
///
/// At its end it says [`Pull::Ended`], because a recording that began again by itself would spoil
/// every comparison with the original; who wants it again opens it again.
pub struct WavSource {
    reader: WavReader<BufReader<File>>,
    resampler: Option<Resampler>,
    pacer: Pacer,
    /// Mono at 48 kHz, not handed out yet.
    ready: Vec<f32>,
    /// As it was read.
    interleaved: Vec<f32>,
    /// The same, mono, at its own rate.
    block: Vec<f32>,
    ended: bool,
}

/// A sentence for what the system says about a file.
pub(crate) fn file_error(path: &Path, error: &io::Error) -> DeviceError {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "the system does not let us open it".to_owned(),
        io::ErrorKind::IsADirectory => "this is a folder, not a file".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    };
    bad_file(path, reason)
}

pub(crate) fn bad_file(path: &Path, reason: impl Into<String>) -> DeviceError {
    DeviceError::File {
        path: path.display().to_string(),
        reason: reason.into(),
    }
}

fn wav_error(path: &Path, error: hound::Error) -> DeviceError {
    match error {
        hound::Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            bad_file(path, "the file ends within its header")
        }
        // hound reports a short read as `Other`.
        hound::Error::IoError(error) if error.kind() == io::ErrorKind::Other => {
            bad_file(path, "the file ends within its header")
        }
        hound::Error::IoError(error) => file_error(path, &error),
        hound::Error::FormatError(reason) => bad_file(
            path,
            format!("this is not a WAV file that can be read ({reason})"),
        ),
        _ => bad_file(
            path,
            "this kind of WAV file cannot be read; save it as PCM or 32-bit float",
        ),
    }
}

impl WavSource {
    const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=384_000;

    /// Opens `path`; the first frame is due at `now`.
    ///
    /// # Errors
    /// When the file is missing, truncated, empty, or of another format.
    pub fn open(path: &Path, now: Instant) -> Result<Self, DeviceError> {
        let mut file = BufReader::new(File::open(path).map_err(|e| file_error(path, &e))?);
        let (spec, samples) = WavReader::new(&mut file)
            .map(|reader| (reader.spec(), u64::from(reader.len())))
            .map_err(|error| wav_error(path, error))?;
        if !Self::RATES_HZ.contains(&spec.sample_rate) {
            return Err(bad_file(
                path,
                format!(
                    "its sample rate of {} Hz cannot be played",
                    spec.sample_rate
                ),
            ));
        }
        if spec.bits_per_sample > 32 {
            return Err(bad_file(path, "more than 32 bits a sample cannot be read"));
        }
        if samples == 0 {
            return Err(bad_file(path, "there is no sound in it"));
        }
        let io = |error: io::Error| file_error(path, &error);
        let data_start = file.stream_position().map_err(io)?;
        let file_end = file.get_ref().metadata().map_err(io)?.len();
        let data_bytes = samples * u64::from(spec.bits_per_sample.div_ceil(8));
        if file_end.saturating_sub(data_start) < data_bytes {
            return Err(bad_file(
                path,
                format!(
                    "the file is truncated: it says {:.1} s and holds {:.1} s",
                    seconds(&spec, data_bytes),
                    seconds(&spec, file_end.saturating_sub(data_start))
                ),
            ));
        }
        file.rewind().map_err(io)?;
        Ok(Self {
            reader: WavReader::new(file).map_err(|error| wav_error(path, error))?,
            resampler: (spec.sample_rate != SAMPLE_RATE_HZ)
                .then(|| Resampler::new(spec.sample_rate, SAMPLE_RATE_HZ))
                .transpose()
                .map_err(|error| bad_file(path, error.to_string()))?,
            pacer: Pacer::audio(now),
            ready: Vec::new(),
            interleaved: Vec::new(),
            block: Vec::new(),
            ended: false,
        })
    }

    /// Reads about 10 ms into `block`, mono; `false` where the recording ends.
    fn read_block(&mut self) -> bool {
        let spec = self.reader.spec();
        let channels = usize::from(spec.channels);
        let samples = (spec.sample_rate as usize).div_ceil(100) * channels;
        self.interleaved.clear();
        match spec.sample_format {
            SampleFormat::Float => self.interleaved.extend(
                self.reader
                    .samples::<f32>()
                    .take(samples)
                    .map_while(Result::ok)
                    // A float file may hold anything; one NaN would silence all that comes after.
                    .map(|value| {
                        if value.is_finite() {
                            value.clamp(-1.0, 1.0)
                        } else {
                            0.0
                        }
                    }),
            ),
            SampleFormat::Int => {
                let scale = 1.0 / (1_u64 << (spec.bits_per_sample - 1)) as f32;
                self.interleaved.extend(
                    self.reader
                        .samples::<i32>()
                        .take(samples)
                        .map_while(Result::ok)
                        .map(|sample| sample as f32 * scale),
                );
            }
        }
        self.block.clear();
        downmix(&self.interleaved, channels, &mut self.block);
        !self.block.is_empty()
    }

    fn fill(&mut self) {
        while self.ready.len() < FRAME_SAMPLES && !self.ended {
            if !self.read_block() {
                self.ended = true;
                // What the resampler still holds back comes out with some silence behind it.
                let rate = self.reader.spec().sample_rate as usize;
                self.block.resize(rate / 50, 0.0);
                if self.resampler.is_none() {
                    return;
                }
            }
            match &mut self.resampler {
                Some(resampler) => resampler.push(&self.block, &mut self.ready),
                None => self.ready.extend_from_slice(&self.block),
            }
        }
    }
}

fn seconds(spec: &WavSpec, bytes: u64) -> f64 {
    let frame = u64::from(spec.bits_per_sample.div_ceil(8)) * u64::from(spec.channels);
    bytes as f64 / (frame.max(1) * u64::from(spec.sample_rate.max(1))) as f64
}

impl AudioSource for WavSource {
    fn pull(&mut self, now: Instant) -> Pull<AudioFrame> {
        self.fill();
        if self.ready.is_empty() {
            return Pull::Ended;
        }
        let due = match self.pacer.take_next(now) {
            Ok(due) => due,
            Err(next) => return Pull::NotBefore(next),
        };
        let mut frame = AudioFrame::silence(due);
        let length = self.ready.len().min(FRAME_SAMPLES);
        frame.samples[..length].copy_from_slice(&self.ready[..length]);
        self.ready.drain(..length);
        Pull::Ready(frame)
    }

    fn time_zero(&self) -> Option<Instant> {
        Some(self.pacer.start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Level;
    use crate::test_files::TempDir;
    use proptest::prelude::*;
    use std::time::Duration;

    fn write(path: &Path, spec: WavSpec, seconds: f64, hz: f64) {
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        for index in 0..(f64::from(spec.sample_rate) * seconds) as usize {
            let turn = index as f64 * hz / f64::from(spec.sample_rate);
            let value = 0.5 * (turn * std::f64::consts::TAU).sin();
            for _ in 0..spec.channels {
                match spec.sample_format {
                    SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                    SampleFormat::Int => {
                        let full = 2.0_f64.powi(i32::from(spec.bits_per_sample) - 1);
                        writer.write_sample((value * full) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
    }

    fn play(source: &mut WavSource, start: Instant) -> Vec<f32> {
        let (mut now, mut samples) = (start, Vec::new());
        loop {
            match source.pull(now) {
                Pull::Ready(frame) => samples.extend_from_slice(&frame.samples),
                Pull::NotBefore(next) => {
                    assert!(next > now);
                    now = next;
                }
                Pull::Ended => return samples,
                Pull::Lost(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn every_rate_width_and_channel_count_becomes_the_same_sound() {
        let dir = TempDir::new();
        for (sample_rate, channels, bits_per_sample, sample_format) in [
            (48_000, 1, 16, SampleFormat::Int),
            (48_000, 2, 24, SampleFormat::Int),
            (44_100, 2, 32, SampleFormat::Float),
            (16_000, 1, 16, SampleFormat::Int),
            (8_000, 1, 8, SampleFormat::Int),
            (96_000, 6, 32, SampleFormat::Int),
        ] {
            let spec = WavSpec {
                channels,
                sample_rate,
                bits_per_sample,
                sample_format,
            };
            let path = dir.path().join("tone.wav");
            write(&path, spec, 1.0, 440.0);
            let start = Instant::now();
            let mut source = WavSource::open(&path, start).unwrap();
            let samples = play(&mut source, start);
            let length = samples.len() as i64;
            assert!((48_000..=50_400).contains(&length), "{spec:?}: {length}");
            let middle = &samples[9_600..38_400];
            let level = Level::of(middle);
            assert!((level.rms - 0.3535).abs() < 0.01, "{spec:?}: {level:?}");
            let rises = middle.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0);
            assert!((263..=265).contains(&rises.count()), "{spec:?}");
        }
    }

    #[test]
    fn frames_come_in_real_time_and_then_the_source_has_ended() {
        let dir = TempDir::new();
        let path = dir.path().join("short.wav");
        let spec = WavSpec {
            channels: 1,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        write(&path, spec, 0.025, 440.0);
        let start = Instant::now();
        let mut source = WavSource::open(&path, start).unwrap();
        for index in 0..3 {
            let due = start + Duration::from_millis(10 * index);
            if let Some(early) = due
                .checked_sub(Duration::from_nanos(1))
                .filter(|e| *e > start)
            {
                assert!(matches!(source.pull(early), Pull::NotBefore(at) if at == due));
            }
            assert!(matches!(source.pull(due), Pull::Ready(frame) if frame.captured_at == due));
        }
        assert!(matches!(source.pull(start), Pull::Ended));
    }

    #[test]
    fn what_is_no_whole_wav_file_gets_a_sentence() {
        let dir = TempDir::new();
        let now = Instant::now();
        let sentence = |name: &str, bytes: Option<&[u8]>| {
            let path = dir.path().join(name);
            if let Some(bytes) = bytes {
                std::fs::write(&path, bytes).unwrap();
            }
            match WavSource::open(&path, now) {
                Err(DeviceError::File { reason, .. }) => reason,
                other => panic!("{name}: {:?}", other.err()),
            }
        };
        let path = dir.path().join("whole.wav");
        let spec = WavSpec {
            channels: 1,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        write(&path, spec, 2.0, 440.0);
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(
            sentence("missing.wav", None),
            "there is no such file or folder"
        );
        assert_eq!(
            sentence("cut.wav", Some(&whole[..44 + 32_000])),
            "the file is truncated: it says 2.0 s and holds 1.0 s"
        );
        assert_eq!(
            sentence("header.wav", Some(&whole[..20])),
            "the file ends within its header"
        );
        assert_eq!(
            sentence("mp3.wav", Some(b"ID3\x04 and so on")),
            "this is not a WAV file that can be read (no RIFF tag found)"
        );
        write(&path, spec, 0.0, 440.0);
        let empty = std::fs::read(&path).unwrap();
        assert_eq!(
            sentence("empty.wav", Some(&empty)),
            "there is no sound in it"
        );
        let mut fast = whole.clone();
        fast[24..28].copy_from_slice(&1_000_000_000_u32.to_le_bytes());
        fast[28..32].copy_from_slice(&2_000_000_000_u32.to_le_bytes());
        assert_eq!(
            sentence("fast.wav", Some(&fast)),
            "its sample rate of 1000000000 Hz cannot be played"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_bytes_panic(
            // A good header with some bytes overwritten reaches further in than noise alone.
            changes in prop::collection::vec((0_usize..80, any::<u8>()), 0..6),
            tail in prop::collection::vec(any::<u8>(), 0..200),
            cut in 0_usize..300,
        ) {
            let mut bytes = Vec::from(*b"RIFF\xf4\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x80\xbb\0\0\0\xee\x02\0\x04\0\x10\0data\xc8\0\0\0");
            bytes.extend(tail);
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(cut);
            let dir = TempDir::new();
            let path = dir.path().join("any.wav");
            std::fs::write(&path, bytes).unwrap();
            let start = Instant::now();
            if let Ok(mut source) = WavSource::open(&path, start) {
                for sample in play(&mut source, start) {
                    prop_assert!((-1.5..=1.5).contains(&sample));
                }
            }
        }
    }

    #[test]
    fn time_zero_is_when_the_first_sample_was_due_though_nobody_asked_for_long() {
        let dir = TempDir::new();
        let path = dir.path().join("tone.wav");
        let spec = WavSpec {
            channels: 1,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        write(&path, spec, 0.1, 440.0);
        let start = Instant::now();
        let mut source = WavSource::open(&path, start).unwrap();
        assert_eq!(source.time_zero(), Some(start));
        let Pull::Ready(first) = source.pull(start + Duration::from_secs(3)) else {
            panic!("a frame is due")
        };
        assert_eq!(source.time_zero(), Some(first.captured_at));
    }
}
