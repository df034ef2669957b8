use std::time::Instant;

use super::pacer::Pacer;
use super::{Pull, VideoMode, VideoSource};
use crate::media::{VideoFrame, burn_frame_number};

/// White, yellow, cyan, green, magenta, red, blue and black at 75 %, as Y, Cb, Cr (BT.601 limited).
const BARS: [[u8; 3]; 8] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
    [16, 128, 128],
];
/// How long the moving square takes from the left edge to the right and back.
const SWEEP_SECONDS: u64 = 4;

/// Colour bars, a white square that wanders over them, and the frame's number burnt into the top.
///
/// The bars are painted once; a frame costs a copy of them and the little that moves.
#[derive(Debug)]
pub struct TestPattern {
    bars: VideoFrame,
    pacer: Pacer,
    fps: u32,
}

impl TestPattern {
    /// Frames of `mode`, the first due at `now`.
    pub fn new(mode: VideoMode, now: Instant) -> Self {
        let mut bars = VideoFrame::black(mode.resolution.width, mode.resolution.height, now);
        paint_bars(&mut bars);
        Self {
            bars,
            pacer: Pacer::new(now, mode.fps, 1),
            fps: mode.fps.max(1),
        }
    }

    /// Left edge of the square in frame `index`, in pixels, always even.
    fn square_left(&self, index: u64, side: u32) -> u32 {
        let sweep = SWEEP_SECONDS * u64::from(self.fps);
        let way = u64::from(self.bars.width().saturating_sub(side));
        let step = index % sweep;
        let there = (2 * step).min(2 * (sweep - step));
        (way * there / sweep) as u32 & !1
    }
}

fn paint_bars(frame: &mut VideoFrame) {
    let (width, chroma_width) = (frame.width() as usize, frame.chroma_width());
    let (y, u, v) = frame.planes_mut();
    let bar = |x: usize, width: usize| BARS[x * BARS.len() / width];
    let lumas: Vec<u8> = (0..width).map(|x| bar(x, width)[0]).collect();
    let blues: Vec<u8> = (0..chroma_width).map(|x| bar(x, chroma_width)[1]).collect();
    let reds: Vec<u8> = (0..chroma_width).map(|x| bar(x, chroma_width)[2]).collect();
    for (plane, row) in [(y, lumas), (u, blues), (v, reds)] {
        for line in plane.chunks_exact_mut(row.len()) {
            line.copy_from_slice(&row);
        }
    }
}

/// Fills a rectangle of a plane.
fn fill(plane: &mut [u8], stride: usize, left: usize, top: usize, side: usize, value: u8) {
    for line in plane.chunks_exact_mut(stride).skip(top).take(side) {
        let right = (left + side).min(stride);
        line[left.min(right)..right].fill(value);
    }
}

impl VideoSource for TestPattern {
    fn pull(&mut self, now: Instant) -> Pull<VideoFrame> {
        let (index, due) = match self.pacer.take_newest(now) {
            Ok(taken) => taken,
            Err(next) => return Pull::NotBefore(next),
        };
        let mut frame = self.bars.clone();
        frame.captured_at = due;
        let (width, height, chroma_width) = (
            frame.width() as usize,
            frame.height() as usize,
            frame.chroma_width(),
        );
        let side = (height / 6).max(2) & !1;
        let (left, top) = (
            self.square_left(index, side as u32) as usize,
            (height / 2) & !1,
        );
        let (y, u, v) = frame.planes_mut();
        fill(y, width, left, top, side, 235);
        fill(u, chroma_width, left / 2, top / 2, side / 2, 128);
        fill(v, chroma_width, left / 2, top / 2, side / 2, 128);
        burn_frame_number(&mut frame, index as u16);
        Pull::Ready(frame)
    }

    fn time_zero(&self) -> Option<Instant> {
        Some(self.pacer.start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Resolution, read_frame_number};
    use std::time::Duration;

    fn mode(width: u32, height: u32, fps: u32) -> VideoMode {
        VideoMode {
            resolution: Resolution { width, height },
            fps,
        }
    }

    fn frame_at(pattern: &mut TestPattern, at: Instant) -> VideoFrame {
        match pattern.pull(at) {
            Pull::Ready(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_frame_carries_its_number_and_its_moment() {
        let start = Instant::now();
        let mut pattern = TestPattern::new(VideoMode::default(), start);
        let first = frame_at(&mut pattern, start);
        assert_eq!((first.width(), first.height()), (1_280, 720));
        assert_eq!(read_frame_number(&first), Some(0));
        let Pull::NotBefore(next) = pattern.pull(start) else {
            panic!("the second frame came at once");
        };
        let second = frame_at(&mut pattern, next);
        assert_eq!(read_frame_number(&second), Some(1));
        assert_eq!(second.captured_at, next);
        // Whoever comes late gets the newest and does not have to eat up the rest.
        let late = frame_at(&mut pattern, start + Duration::from_secs(2));
        assert_eq!(read_frame_number(&late), Some(60));
        assert!(matches!(
            pattern.pull(start + Duration::from_secs(2)),
            Pull::NotBefore(_)
        ));
    }

    #[test]
    fn the_square_moves_from_frame_to_frame_over_colours_that_stay() {
        let start = Instant::now();
        let mut pattern = TestPattern::new(mode(640, 360, 30), start);
        let mut lefts = Vec::new();
        for index in 0..120 {
            let frame = frame_at(&mut pattern, start + Duration::from_millis(34 * index));
            let (y, _, _) = frame.planes();
            let row = &y[200 * 640..201 * 640];
            lefts.push(row.iter().position(|luma| *luma == 235).unwrap());
            let bottom = &y[359 * 640..];
            assert_eq!((bottom[0], bottom[639]), (180, 16));
        }
        let still = lefts.windows(2).filter(|w| w[0] == w[1]).count();
        assert!(still <= 2, "the square stood still {still} times");
        let reach = (lefts.iter().min(), lefts.iter().max());
        assert!(matches!(reach, (Some(0..=20), Some(560..))), "{reach:?}");
    }

    #[test]
    fn odd_and_extreme_sizes_are_painted() {
        let start = Instant::now();
        for (width, height) in [(97, 97), (96, 8_192), (8_192, 97), (641, 361)] {
            let mut pattern = TestPattern::new(mode(width, height, 240), start);
            let frame = frame_at(&mut pattern, start);
            assert_eq!(read_frame_number(&frame), Some(0), "{width}x{height}");
        }
    }
}
