use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hound::{SampleFormat, WavSpec, WavWriter};

use super::AudioSink;
use super::null::Heard;
use crate::capture::{DeviceError, bad_file, file_error};
use crate::media::{FRAME_SAMPLES, SAMPLE_RATE_HZ};

/// Writes down what would have been heard: mono, 48 kHz, 16 bits, in real time from the moment it
/// was opened. The header is right once a second and when it is dropped.
pub struct WavSink {
    path: PathBuf,
    writer: WavWriter<BufWriter<File>>,
    heard: Heard,
    since_flush: usize,
}

impl WavSink {
    /// Makes or overwrites `path`; the first frame is wanted at `now`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: &Path, now: Instant) -> Result<Self, DeviceError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE_HZ,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let file = File::create(path).map_err(|error| file_error(path, &error))?;
        let writer =
            WavWriter::new(BufWriter::new(file), spec).map_err(|error| write_error(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            heard: Heard::new(now),
            since_flush: 0,
        })
    }

    fn write(&mut self, samples: &[f32]) -> Result<(), DeviceError> {
        let mut write = || {
            for sample in samples {
                let full = f32::from(i16::MAX);
                self.writer
                    .write_sample((sample.clamp(-1.0, 1.0) * full).round() as i16)?;
            }
            self.since_flush += samples.len();
            if self.since_flush >= SAMPLE_RATE_HZ as usize {
                self.since_flush = 0;
                self.writer.flush()?;
            }
            Ok(())
        };
        write().map_err(|error| write_error(&self.path, error))
    }
}

fn write_error(path: &Path, error: hound::Error) -> DeviceError {
    match error {
        hound::Error::IoError(error) => file_error(path, &error),
        // A WAV file holds four gigabytes, which is twelve hours of this sound.
        error => bad_file(path, error.to_string()),
    }
}

impl AudioSink for WavSink {
    fn demand(&mut self, now: Instant) -> usize {
        let (due, lost) = self.heard.due(now);
        for _ in 0..lost {
            // A failure shows again at the next push, which can report it.
            if self.write(&[0.0; FRAME_SAMPLES]).is_err() {
                break;
            }
        }
        due
    }

    fn push(&mut self, samples: &[f32; FRAME_SAMPLES], _: Instant) -> Result<(), DeviceError> {
        self.heard.take();
        self.write(samples)
    }

    fn delay(&self) -> Duration {
        Duration::ZERO
    }

    fn time_zero(&self) -> Option<Instant> {
        Some(self.heard.start())
    }
}

impl Drop for WavSink {
    fn drop(&mut self) {
        if let Err(error) = self.writer.flush() {
            let error: io::Error = match error {
                hound::Error::IoError(error) => error,
                other => io::Error::other(other.to_string()),
            };
            tracing::warn!(path = %self.path.display(), %error, "the recording was not finished");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{AudioSource, Pull, ToneSource};
    use crate::test_files::TempDir;

    fn read(path: &Path) -> Vec<i16> {
        let mut reader = hound::WavReader::open(path).unwrap();
        let spec = reader.spec();
        assert_eq!(
            (spec.channels, spec.sample_rate, spec.bits_per_sample),
            (1, 48_000, 16)
        );
        reader.samples().map(Result::unwrap).collect()
    }

    #[test]
    fn what_was_pushed_is_in_the_file_while_it_is_written_and_after() {
        let dir = TempDir::new();
        let path = dir.path().join("heard.wav");
        let start = Instant::now();
        let mut sink = WavSink::create(&path, start).unwrap();
        let mut tone = ToneSource::new(440, start);
        let mut pushed = Vec::new();
        for tick in 0..150 {
            let now = start + Duration::from_millis(10 * tick);
            assert_eq!(sink.demand(now), 1);
            let Pull::Ready(frame) = tone.pull(now) else {
                panic!("no tone");
            };
            sink.push(&frame.samples, now).unwrap();
            pushed.extend(
                frame
                    .samples
                    .map(|sample| (sample * 32_767.0).round() as i16),
            );
        }
        assert_eq!(
            read(&path),
            pushed[..48_000],
            "as it would be after a crash"
        );
        drop(sink);
        assert_eq!(read(&path), pushed);
    }

    #[test]
    fn time_that_nobody_filled_is_silence_in_the_file() {
        let dir = TempDir::new();
        let path = dir.path().join("heard.wav");
        let start = Instant::now();
        let mut sink = WavSink::create(&path, start).unwrap();
        let later = start + Duration::from_secs(5);
        assert_eq!(sink.demand(later), 1);
        sink.push(&[1.5; FRAME_SAMPLES], later).unwrap();
        assert_eq!(sink.demand(later), 0);
        drop(sink);
        let samples = read(&path);
        assert_eq!(samples.len(), 5 * 48_000 + 480);
        assert!(samples[..5 * 48_000].iter().all(|sample| *sample == 0));
        assert!(
            samples[5 * 48_000..]
                .iter()
                .all(|sample| *sample == i16::MAX)
        );
    }

    #[test]
    fn a_place_that_cannot_be_written_gets_a_sentence() {
        let error = WavSink::create(Path::new("/nowhere/at/all.wav"), Instant::now()).err();
        assert_eq!(
            error.unwrap().to_string(),
            "/nowhere/at/all.wav: there is no such file or folder"
        );
    }
}
