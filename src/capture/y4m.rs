//! YUV4MPEG2, the format of `mjpegtools` and ffmpeg (its manual page `yuv4mpeg(5)`).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::pacer::Pacer;
use super::wav::{bad_file, file_error};
use super::{DeviceError, Pull, VideoSource};
use crate::media::{Resolution, VideoFrame};

/// No header line of any writer comes near this.
const MAX_LINE: u64 = 1_024;

/// What the first line of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    resolution: Resolution,
    /// Frames a second, as a fraction.
    rate: (u32, u32),
    full_range: bool,
}

impl Header {
    /// Reads a header line without its newline.
    fn parse(line: &[u8]) -> Result<Self, String> {
        let line = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.strip_prefix("YUV4MPEG2"))
            .ok_or("this is not a Y4M file: it does not begin with YUV4MPEG2")?;
        let (mut width, mut height, mut rate, mut full_range) = (None, None, None, false);
        for parameter in line.split(' ').filter(|word| !word.is_empty()) {
            let mut letters = parameter.chars();
            let key = letters.next();
            let value = letters.as_str();
            match key {
                Some('W') => width = value.parse().ok(),
                Some('H') => height = value.parse().ok(),
                Some('F') => rate = parse_rate(value),
                Some('I') if !matches!(value, "p" | "?") => {
                    return Err(
                        "interlaced pictures cannot be played; make them progressive".into(),
                    );
                }
                // Where between the luma samples the chroma lies does not matter here.
                Some('C') if !matches!(value, "420" | "420jpeg" | "420mpeg2" | "420paldv") => {
                    return Err(format!(
                        "its colours are stored as {value}; only 4:2:0 with 8 bits (C420jpeg) can be played"
                    ));
                }
                Some('X') if value == "COLORRANGE=FULL" => full_range = true,
                _ => {}
            }
        }
        let sides = 2..=VideoFrame::MAX_SIDE;
        let (Some(width), Some(height)) = (width, height) else {
            return Err("its header does not say how large the pictures are".into());
        };
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(format!("pictures of {width}x{height} cannot be played"));
        }
        Ok(Self {
            resolution: Resolution { width, height },
            rate: rate.ok_or("its header does not say how many pictures a second there are")?,
            full_range,
        })
    }
}

/// `30:1`, `30000:1001`; between one a minute and 240 a second.
fn parse_rate(value: &str) -> Option<(u32, u32)> {
    let (numerator, denominator) = value.split_once(':')?;
    let rate: (u32, u32) = (numerator.parse().ok()?, denominator.parse().ok()?);
    let per_second = f64::from(rate.0) / f64::from(rate.1);
    (1.0 / 60.0..=240.0).contains(&per_second).then_some(rate)
}

/// Reads a line without its newline; `None` at the end of the file.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok(match line.pop() {
        Some(b'\n') => Some(line),
        Some(last) => {
            line.push(last);
            Some(line)
        }
        None => None,
    })
}

/// A clip in real time, from the beginning again when it ends: a call outlasts most clips, and a
/// picture that stops would look like a fault.
#[derive(Debug)]
pub struct Y4mSource {
    path: PathBuf,
    file: BufReader<File>,
    header: Header,
    /// Where the planes of each picture begin.
    pictures: Vec<u64>,
    pacer: Pacer,
}

impl Y4mSource {
    /// Opens `path`; the first picture is due at `now`.
    ///
    /// # Errors
    /// When the file is missing, truncated, empty, or of another format.
    pub fn open(path: &Path, now: Instant) -> Result<Self, DeviceError> {
        let io = |error: io::Error| file_error(path, &error);
        let mut file = BufReader::new(File::open(path).map_err(io)?);
        let line = read_line(&mut file).map_err(io)?.unwrap_or_default();
        let header = Header::parse(&line).map_err(|reason| bad_file(path, reason))?;
        let Resolution { width, height } = header.resolution;
        let size = VideoFrame::size_of(width, height) as u64;
        let end = file.get_ref().metadata().map_err(io)?.len();
        let mut pictures = Vec::new();
        while let Some(line) = read_line(&mut file).map_err(io)? {
            let number = pictures.len() + 1;
            if line != b"FRAME" && !line.starts_with(b"FRAME ") {
                return Err(bad_file(
                    path,
                    format!("there is no picture where number {number} should begin"),
                ));
            }
            let start = file.stream_position().map_err(io)?;
            if end.saturating_sub(start) < size {
                return Err(bad_file(
                    path,
                    format!("the file is truncated: it ends within picture {number}"),
                ));
            }
            pictures.push(start);
            file.seek_relative(size as i64).map_err(io)?;
        }
        if pictures.is_empty() {
            return Err(bad_file(path, "there are no pictures in it"));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            header,
            pictures,
            pacer: Pacer::new(now, header.rate.0, header.rate.1),
        })
    }

    /// Width and height of the pictures.
    pub fn resolution(&self) -> Resolution {
        self.header.resolution
    }

    fn read(&mut self, index: u64, captured_at: Instant) -> io::Result<Option<VideoFrame>> {
        let Resolution { width, height } = self.header.resolution;
        let mut data = vec![0; VideoFrame::size_of(width, height)];
        let picture = (index % self.pictures.len() as u64) as usize;
        self.file.seek(SeekFrom::Start(self.pictures[picture]))?;
        self.file.read_exact(&mut data)?;
        if self.header.full_range {
            let (luma, chroma) = data.split_at_mut((width * height) as usize);
            limit(luma, |value| 16.0 + value * 219.0 / 255.0);
            limit(chroma, |value| 128.0 + (value - 128.0) * 224.0 / 255.0);
        }
        Ok(VideoFrame::new(width, height, data, captured_at))
    }
}

/// Brings full-range samples into the limited range that [`VideoFrame`] has.
fn limit(samples: &mut [u8], convert: impl Fn(f32) -> f32) {
    let table: [u8; 256] = std::array::from_fn(|value| convert(value as f32).round() as u8);
    for sample in samples {
        *sample = table[usize::from(*sample)];
    }
}

impl VideoSource for Y4mSource {
    fn pull(&mut self, now: Instant) -> Pull<VideoFrame> {
        let (index, due) = match self.pacer.take_newest(now) {
            Ok(taken) => taken,
            Err(next) => return Pull::NotBefore(next),
        };
        match self.read(index, due) {
            Ok(Some(frame)) => Pull::Ready(frame),
            Ok(None) => Pull::Ended,
            Err(error) => Pull::Lost(file_error(&self.path, &error)),
        }
    }

    fn time_zero(&self) -> Option<Instant> {
        Some(self.pacer.start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_files::TempDir;
    use proptest::prelude::*;
    use std::time::Duration;

    fn clip(header: &str, pictures: u8, size: usize) -> Vec<u8> {
        let mut bytes = format!("{header}\n").into_bytes();
        for picture in 0..pictures {
            bytes.extend_from_slice(b"FRAME\n");
            bytes.extend(std::iter::repeat_n(40 + picture, size));
        }
        bytes
    }

    fn open(bytes: &[u8], start: Instant) -> Result<(TempDir, Y4mSource), String> {
        let dir = TempDir::new();
        let path = dir.path().join("clip.y4m");
        std::fs::write(&path, bytes).unwrap();
        match Y4mSource::open(&path, start) {
            Ok(source) => Ok((dir, source)),
            Err(DeviceError::File { reason, .. }) => Err(reason),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_clip_plays_in_real_time_and_begins_again() {
        let start = Instant::now();
        for colours in [
            "",
            " C420",
            " C420jpeg",
            " C420mpeg2",
            " C420paldv XYSCSS=420JPEG",
        ] {
            let header = format!("YUV4MPEG2 W6 H4 F25:1 Ip A1:1{colours}");
            let (_dir, mut clip) = open(&clip(&header, 3, 36), start).unwrap();
            let mut seen = Vec::new();
            assert_eq!(clip.time_zero(), Some(start));
            for tick in 0..7 {
                let due = start + Duration::from_millis(40 * tick);
                match clip.pull(due) {
                    Pull::Ready(frame) => {
                        assert_eq!((frame.width(), frame.height()), (6, 4));
                        assert_eq!(frame.captured_at, due);
                        seen.push(frame.data()[0]);
                    }
                    other => panic!("{other:?}"),
                }
                assert!(
                    matches!(clip.pull(due), Pull::NotBefore(at) if at == due + Duration::from_millis(40))
                );
            }
            assert_eq!(seen, [40, 41, 42, 40, 41, 42, 40]);
            let late = clip.pull(start + Duration::from_millis(40 * 100 + 39));
            assert!(matches!(late, Pull::Ready(frame) if frame.data()[0] == 41));
        }
    }

    #[test]
    fn full_range_is_brought_into_the_limited_range() {
        let start = Instant::now();
        let mut bytes = b"YUV4MPEG2 W2 H2 F1:1 C420jpeg XCOLORRANGE=FULL\nFRAME\n".to_vec();
        bytes.extend([0, 255, 128, 128, 0, 255]);
        let (_dir, mut clip) = open(&bytes, start).unwrap();
        let Pull::Ready(frame) = clip.pull(start) else {
            panic!("no picture");
        };
        assert_eq!(frame.data(), [16, 235, 126, 126, 16, 240]);
    }

    #[test]
    fn what_cannot_be_played_gets_a_sentence() {
        let now = Instant::now();
        let reason = |bytes: &[u8]| open(bytes, now).map(|_| ()).unwrap_err();
        let whole = clip("YUV4MPEG2 W6 H4 F30:1 C420jpeg", 3, 36);
        assert_eq!(
            reason(&whole[..whole.len() - 1]),
            "the file is truncated: it ends within picture 3"
        );
        assert_eq!(
            reason(b"RIFF\0\0\0\0AVI "),
            "this is not a Y4M file: it does not begin with YUV4MPEG2"
        );
        assert_eq!(
            reason(b"YUV4MPEG2 W6 H4 F30:1\n"),
            "there are no pictures in it"
        );
        for (header, expected) in [
            (
                "W6 H4 F30:1 Cmono",
                "its colours are stored as mono; only 4:2:0 with 8 bits (C420jpeg) can be played",
            ),
            (
                "W6 H4 F30:1 C420p10",
                "its colours are stored as 420p10; only 4:2:0 with 8 bits (C420jpeg) can be played",
            ),
            (
                "W6 H4 F30:1 It",
                "interlaced pictures cannot be played; make them progressive",
            ),
            (
                "W6 H4 F0:0",
                "its header does not say how many pictures a second there are",
            ),
            (
                "W6 F30:1",
                "its header does not say how large the pictures are",
            ),
            ("W9000 H4 F30:1", "pictures of 9000x4 cannot be played"),
        ] {
            assert_eq!(
                reason(&clip(&format!("YUV4MPEG2 {header}"), 1, 36)),
                expected
            );
        }
        let mut shifted = whole.clone();
        shifted.insert(whole.len() - 50, 0);
        assert_eq!(
            reason(&shifted),
            "there is no picture where number 3 should begin"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn no_bytes_panic(
            changes in prop::collection::vec((0_usize..200, any::<u8>()), 0..5),
            header in "(YUV4MPEG2)?( [WHFICAX][0-9:a-zA-Z=?]{0,9}){0,6}",
            good in any::<bool>(),
            cut in 0_usize..200,
        ) {
            let header = if good { "YUV4MPEG2 W6 H4 F30:1" } else { &header };
            let mut bytes = clip(header, 3, 36);
            for (at, value) in changes {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            bytes.truncate(cut);
            let start = Instant::now();
            if let Ok((_dir, mut clip)) = open(&bytes, start) {
                let later = start + Duration::from_secs(100);
                prop_assert!(matches!(clip.pull(later), Pull::Ready(_)));
            }
        }
    }
}
