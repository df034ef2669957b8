use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::VideoSink;
use super::recorder::{PictureWriter, Recorder};
use crate::capture::{DeviceError, file_error};
use crate::media::{Resolution, VideoFrame};
use crate::process::scale::scale;

/// A second of 720p, or 41 MB.
const QUEUED: usize = 30;

/// Bytes; some 300 ms of 720p.
const RELEASED_AT_ONCE: usize = 12 << 20;

/// Writes each picture that would have been seen once, and when it was to `FILE.times`: a line of
/// milliseconds since the sink was opened for each picture.
///
/// The header says 30 a second, since a Y4M file has one rate and a call has not; who measures
/// smoothness reads the times. A Y4M file has one size too: pictures of other sizes are scaled to it.
pub struct Y4mSink {
    recorder: Recorder,
}

impl Y4mSink {
    /// Makes or overwrites `path` and `path` with `.times` behind it; moments count from `now` on.
    /// Without a `resolution` it is that of the first picture.
    ///
    /// # Errors
    /// When either file cannot be written.
    pub fn create(
        path: &Path,
        resolution: Option<Resolution>,
        now: Instant,
    ) -> Result<Self, DeviceError> {
        let times = times_path(path);
        let writer = Y4mWriter {
            pictures: File::create(path).map_err(|error| file_error(path, &error))?,
            times: BufWriter::new(File::create(&times).map_err(|e| file_error(&times, &e))?),
            resolution,
            begun: false,
            unreleased: 0,
        };
        Ok(Self {
            recorder: Recorder::start(path, now, QUEUED, writer)?,
        })
    }
}

/// Where the moments of the pictures in `path` are.
fn times_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".times");
    name.into()
}

impl VideoSink for Y4mSink {
    fn push(&mut self, frame: &Arc<VideoFrame>, now: Instant) -> Result<(), DeviceError> {
        self.recorder.push(frame, now)
    }

    fn time_zero(&self) -> Option<Instant> {
        Some(self.recorder.start_time())
    }
}

struct Y4mWriter {
    pictures: File,
    times: BufWriter<File>,
    resolution: Option<Resolution>,
    begun: bool,
    /// Bytes written since memory was last given back.
    unreleased: usize,
}

/// Gives back the memory that holds what was written and has reached the disk, and has the rest
/// written there. Nobody reads a recording while it is made; at 41 MB a second it would push
/// everything else out of memory, and asking for ever new memory costs more than the copying.
fn release(file: &File) {
    // Only advice: a file that cannot take it, such as a pipe, is written all the same.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

impl PictureWriter for Y4mWriter {
    fn write(&mut self, frame: &VideoFrame, since_start: Duration) -> io::Result<()> {
        let resolution = *self.resolution.get_or_insert(frame.resolution());
        if !self.begun {
            self.begun = true;
            let Resolution { width, height } = resolution;
            writeln!(
                self.pictures,
                "YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED"
            )?;
        }
        let scaled;
        let frame = if frame.resolution() == resolution {
            frame
        } else {
            scaled = scale(frame, resolution);
            &scaled
        };
        self.pictures.write_all(b"FRAME\n")?;
        self.pictures.write_all(frame.data())?;
        self.unreleased += frame.data().len();
        if self.unreleased >= RELEASED_AT_ONCE {
            self.unreleased = 0;
            release(&self.pictures);
        }
        writeln!(self.times, "{:.3}", since_start.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Pull, TestPattern, VideoMode, VideoSource, Y4mSource};
    use crate::media::read_frame_number;
    use crate::test_files::TempDir;

    fn pattern(width: u32, height: u32, start: Instant) -> TestPattern {
        let resolution = Resolution { width, height };
        TestPattern::new(
            VideoMode {
                resolution,
                fps: 30,
            },
            start,
        )
    }

    fn next(source: &mut dyn VideoSource, now: Instant) -> Arc<VideoFrame> {
        match source.pull(now) {
            Pull::Ready(frame) => Arc::new(frame),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pictures_come_back_as_they_were_with_their_moments_beside_them() {
        let dir = TempDir::new();
        let path = dir.path().join("seen.y4m");
        let start = Instant::now();
        let mut sink = Y4mSink::create(&path, None, start).unwrap();
        let mut source = pattern(320, 180, start);
        let mut pushed = Vec::new();
        for index in 0..5 {
            let now = start + Duration::from_millis(40 * index);
            let frame = next(&mut source, now);
            sink.push(&frame, now).unwrap();
            pushed.push(frame);
        }
        drop(sink);
        let mut back = Y4mSource::open(&path, start).unwrap();
        for (index, frame) in pushed.iter().enumerate() {
            let due = start + Duration::from_millis(34 * index as u64);
            assert_eq!(next(&mut back, due).data(), frame.data());
        }
        let times = std::fs::read_to_string(dir.path().join("seen.y4m.times")).unwrap();
        assert_eq!(times, "0.000\n40.000\n80.000\n120.000\n160.000\n");
    }

    #[test]
    fn a_picture_of_another_size_is_scaled_and_stays_readable() {
        let dir = TempDir::new();
        let path = dir.path().join("seen.y4m");
        let start = Instant::now();
        let mut sink = Y4mSink::create(&path, None, start).unwrap();
        sink.push(&next(&mut pattern(640, 360, start), start), start)
            .unwrap();
        for (width, height) in [(320, 180), (1_280, 720), (97, 99)] {
            let mut source = pattern(width, height, start);
            let now = start + Duration::from_millis(100);
            sink.push(&next(&mut source, now), now).unwrap();
        }
        drop(sink);
        let mut back = Y4mSource::open(&path, start).unwrap();
        for (index, number) in [0, 3, 3, 3].into_iter().enumerate() {
            let frame = next(&mut back, start + Duration::from_millis(34 * index as u64));
            assert_eq!(frame.width(), 640);
            assert_eq!(read_frame_number(&frame), Some(number));
            let (y, u, _) = frame.planes();
            let (left, right) = (y[359 * 640 + 10], y[359 * 640 + 630]);
            assert_eq!((left, right, u[179 * 320 + 60]), (180, 16, 44));
        }
    }

    #[test]
    fn a_file_can_have_another_size_than_its_first_picture() {
        let dir = TempDir::new();
        let path = dir.path().join("seen.y4m");
        let start = Instant::now();
        let size = Resolution {
            width: 640,
            height: 360,
        };
        let mut sink = Y4mSink::create(&path, Some(size), start).unwrap();
        sink.push(&next(&mut pattern(320, 180, start), start), start)
            .unwrap();
        drop(sink);
        let mut back = Y4mSource::open(&path, start).unwrap();
        let frame = next(&mut back, start);
        assert_eq!(frame.resolution(), size);
        assert_eq!(read_frame_number(&frame), Some(0));
    }

    #[test]
    fn a_place_that_cannot_be_written_gets_a_sentence() {
        let error = Y4mSink::create(Path::new("/nowhere/seen.y4m"), None, Instant::now()).err();
        assert_eq!(
            error.unwrap().to_string(),
            "/nowhere/seen.y4m: there is no such file or folder"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_reported() {
        // Every write to this device fails with ENOSPC.
        let writer = Y4mWriter {
            pictures: File::options().write(true).open("/dev/full").unwrap(),
            times: BufWriter::new(File::options().write(true).open("/dev/full").unwrap()),
            resolution: None,
            begun: false,
            unreleased: 0,
        };
        let start = Instant::now();
        let path = Path::new("seen.y4m");
        let mut recorder = Recorder::start(path, start, 1, writer).unwrap();
        let frame = next(&mut pattern(96, 96, start), start);
        let error = loop {
            if let Err(error) = recorder.push(&frame, start) {
                break error;
            }
            std::thread::yield_now();
        };
        assert_eq!(error.to_string(), "seen.y4m: the disk is full");
    }
}
