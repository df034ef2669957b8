use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

use super::VideoSink;
use super::recorder::{PictureWriter, Recorder};
use crate::capture::{DeviceError, file_error};
use crate::media::VideoFrame;

/// Compressing takes longer than a picture lasts, so a long queue would only be longer behind.
const QUEUED: usize = 4;

/// A folder of pictures that would have been seen, named `000001-0000000033ms.png` by number and
/// moment. As many as can be compressed; the others are left out, and the numbers count on.
pub struct PngSink {
    recorder: Recorder,
}

impl PngSink {
    /// Makes the folder `directory` if it is not there; moments count from `now` on.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(directory: &Path, now: Instant) -> Result<Self, DeviceError> {
        std::fs::create_dir_all(directory).map_err(|error| file_error(directory, &error))?;
        let writer = PngWriter {
            directory: directory.to_owned(),
            number: 0,
            rgb: Vec::new(),
        };
        Ok(Self {
            recorder: Recorder::start(directory, now, QUEUED, writer)?,
        })
    }
}

impl VideoSink for PngSink {
    fn push(&mut self, frame: &Arc<VideoFrame>, now: Instant) -> Result<(), DeviceError> {
        self.recorder.push(frame, now)
    }

    fn time_zero(&self) -> Option<Instant> {
        Some(self.recorder.start_time())
    }
}

struct PngWriter {
    directory: PathBuf,
    number: u32,
    rgb: Vec<u8>,
}

impl PictureWriter for PngWriter {
    fn write(&mut self, frame: &VideoFrame, since_start: Duration) -> io::Result<()> {
        self.number += 1;
        let (width, height) = (frame.width(), frame.height());
        let (y_plane, u_plane, v_plane) = frame.planes();
        let image = YuvPlanarImage {
            y_plane,
            y_stride: width,
            u_plane,
            u_stride: width.div_ceil(2),
            v_plane,
            v_stride: width.div_ceil(2),
            width,
            height,
        };
        self.rgb.resize(width as usize * height as usize * 3, 0);
        yuv420_to_rgb(
            &image,
            &mut self.rgb,
            width * 3,
            YuvRange::Limited,
            YuvStandardMatrix::Bt601,
        )
        .map_err(io::Error::other)?;
        let name = format!("{:06}-{:010}ms.png", self.number, since_start.as_millis());
        let file = BufWriter::new(File::create(self.directory.join(name))?);
        let mut encoder = png::Encoder::new(file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Pull, TestPattern, VideoMode, VideoSource};
    use crate::test_files::TempDir;

    #[test]
    fn pictures_are_named_by_number_and_moment_and_have_the_right_colours() {
        let dir = TempDir::new();
        let folder = dir.path().join("a/b");
        let start = Instant::now();
        let mut sink = PngSink::create(&folder, start).unwrap();
        let mut source = TestPattern::new(VideoMode::default(), start);
        for index in 0..2 {
            let now = start + Duration::from_millis(1_234 * index);
            let Pull::Ready(frame) = source.pull(now) else {
                panic!("no picture");
            };
            sink.push(&Arc::new(frame), now).unwrap();
        }
        drop(sink);
        let mut names: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["000001-0000000000ms.png", "000002-0000001234ms.png"]
        );
        let file = std::io::BufReader::new(File::open(folder.join(&names[1])).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (1_280, 720));
        // The sixth bar is red at 75 %.
        let at = (700 * 1_280 + 880) * 3;
        let [red, green, blue] = pixels[at..at + 3] else {
            panic!("no pixel");
        };
        assert!(
            red.abs_diff(191) < 4 && green < 4 && blue < 4,
            "{red} {green} {blue}"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_made_gets_a_sentence() {
        let error = PngSink::create(Path::new("/proc/no/folder"), Instant::now()).err();
        assert!(
            error.unwrap().to_string().starts_with("/proc/no/folder: "),
            "the path comes first"
        );
    }
}
