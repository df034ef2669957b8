use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use twocan::capture::DeviceError;
use twocan::engine::WallClock;
use twocan::media::{Resolution, VideoFrame};
use twocan::playout::VideoSink;
use twocan::process::scale::scale;

use crate::call::Shown;

/// Of the film, and so of what is kept.
const SIZE: Resolution = Resolution {
    width: 640,
    height: 360,
};

/// A display that writes down what was shown.
///
/// Unlike the product's it writes before it goes on, however long that takes: on virtual time that
/// is no time at all, and nothing is left out.
pub struct Recorder {
    folder: PathBuf,
    shown: Shown,
    clock: WallClock,
}

impl Recorder {
    /// In `folder`, in moments of `clock`.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn create(folder: &Path, clock: WallClock) -> io::Result<Self> {
        let Resolution { width, height } = SIZE;
        let header =
            format!("YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED");
        Ok(Self {
            folder: folder.to_owned(),
            shown: Shown::create(folder, &header)?,
            clock,
        })
    }

    fn write(&mut self, frame: &VideoFrame, now: Instant) -> io::Result<()> {
        let shown_s = self.clock.seconds_at(now);
        self.shown
            .push(shown_s, frame, |frame| Cow::Owned(scale(frame, SIZE)))?;
        // At once: what cannot be written is to be known while the call lasts.
        self.shown.flush()
    }
}

impl VideoSink for Recorder {
    fn push(&mut self, frame: &Arc<VideoFrame>, now: Instant) -> Result<(), DeviceError> {
        self.write(frame, now).map_err(|error| DeviceError::File {
            path: self.folder.display().to_string(),
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::Duration;
    use twocan::media::burn_frame_number;

    #[test]
    fn every_picture_is_told_and_the_first_of_each_six_is_kept() {
        let folder = std::env::temp_dir().join(format!("twocan-recorder-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let start = Instant::now();
        let clock = WallClock::new(start, Duration::from_secs(100));
        let mut recorder = Recorder::create(&folder, clock).expect("files");
        for (step, number) in [Some(10_006), Some(10_007), None, Some(13), Some(14)]
            .into_iter()
            .enumerate()
        {
            let now = start + Duration::from_millis(100 * step as u64);
            let mut frame = VideoFrame::black(320, 180, now);
            if let Some(number) = number {
                burn_frame_number(&mut frame, number);
            }
            recorder.push(&Arc::new(frame), now).expect("written");
        }
        drop(recorder);
        let table = fs::read_to_string(folder.join("shown.csv")).expect("a table");
        assert_eq!(
            table,
            "shown_s,number,picture\n100.000000,10006,0\n100.100000,10007,\n100.200000,,\n\
             100.300000,13,1\n100.400000,14,\n"
        );
        let kept = fs::read(folder.join("seen.y4m")).expect("a film");
        let picture = VideoFrame::size_of(SIZE.width, SIZE.height) + b"FRAME\n".len();
        let header = kept
            .iter()
            .position(|byte| *byte == b'\n')
            .expect("a header")
            + 1;
        assert_eq!(kept.len(), header + 2 * picture);
        fs::remove_dir_all(&folder).expect("ours");
    }
}
