//! Pictures to another size, pure: each new pixel is the mean of what it covers, so that nothing
//! flickers when a picture shrinks; where it grows, the mean of its two neighbours each way.

use crate::media::{Resolution, VideoFrame};

/// Fixed point: weights of one pixel add up to this. With 8 bits a whole line of sums fits 16 bits,
/// and the result is never off by more than one.
const ONE: u16 = 1 << 8;

/// `frame` at the size `to` (sides are clamped to 1..=[`VideoFrame::MAX_SIDE`]); the shape is not
/// kept, see [`fit`].
pub fn scale(frame: &VideoFrame, to: Resolution) -> VideoFrame {
    let mut scaled = VideoFrame::black(to.width, to.height, frame.captured_at);
    if frame.resolution() == scaled.resolution() {
        return frame.clone();
    }
    let chroma_from = (frame.chroma_width(), frame.chroma_height());
    let chroma_to = (scaled.chroma_width(), scaled.chroma_height());
    let luma_from = (frame.width() as usize, frame.height() as usize);
    let luma_to = (scaled.width() as usize, scaled.height() as usize);
    let (y, u, v) = frame.planes();
    let (to_y, to_u, to_v) = scaled.planes_mut();
    let luma = PlaneScaler::new(luma_from, luma_to);
    let chroma = PlaneScaler::new(chroma_from, chroma_to);
    luma.run(y, to_y);
    chroma.run(u, to_u);
    chroma.run(v, to_v);
    scaled
}

/// The size with the shape of `from`, `numerator / denominator` of its sides, even both ways (odd
/// sizes cost a codec a column of nothing), and at least 16 pixels a side.
pub fn fit(from: Resolution, numerator: u32, denominator: u32) -> Resolution {
    let side = |length: u32| {
        let exact = u64::from(length) * u64::from(numerator) / u64::from(denominator.max(1));
        u32::try_from(exact & !1)
            .unwrap_or(VideoFrame::MAX_SIDE)
            .clamp(16, VideoFrame::MAX_SIDE)
    };
    Resolution {
        width: side(from.width),
        height: side(from.height),
    }
}

/// Which old pixels each new one along a side is made of: `count` of them from `firsts[i]` on, with
/// `count` weights that add up to [`ONE`].
struct Taps {
    count: usize,
    firsts: Vec<usize>,
    weights: Vec<u16>,
}

impl Taps {
    fn new(from: usize, to: usize) -> Self {
        let ratio = from as f64 / to as f64;
        // What a new pixel covers, at least one old one wide, may begin and end within one.
        let count = (ratio.max(1.0).ceil() as usize + 1).min(from);
        let (mut firsts, mut weights) = (Vec::with_capacity(to), Vec::with_capacity(to * count));
        for index in 0..to {
            let center = (index as f64 + 0.5) * ratio;
            let reach = ratio.max(1.0) / 2.0;
            let (left, right) = ((center - reach).max(0.0), (center + reach).min(from as f64));
            let first = (left.floor() as usize).min(from - count);
            let covered = |pixel: usize| {
                let covered = right.min(pixel as f64 + 1.0) - left.max(pixel as f64);
                (covered.max(0.0) / (right - left) * f64::from(ONE)) as u16
            };
            firsts.push(first);
            weights.extend((first..first + count).map(covered));
            // What rounding took away goes to the largest, so that grey stays grey.
            let mine = &mut weights[index * count..];
            let missing = ONE - mine.iter().sum::<u16>().min(ONE);
            if let Some(largest) = mine.iter_mut().max() {
                *largest += missing;
            }
        }
        Self {
            count,
            firsts,
            weights,
        }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[u16])> {
        self.firsts
            .iter()
            .copied()
            .zip(self.weights.chunks_exact(self.count))
    }
}

struct PlaneScaler {
    from_width: usize,
    columns: Taps,
    rows: Taps,
}

impl PlaneScaler {
    fn new(from: (usize, usize), to: (usize, usize)) -> Self {
        Self {
            from_width: from.0,
            columns: Taps::new(from.0, to.0),
            rows: Taps::new(from.1, to.1),
        }
    }

    fn run(&self, from: &[u8], to: &mut [u8]) {
        // Rows first, on whole lines: the inner loop is one that compilers turn into SIMD.
        let mut line = vec![0_u16; self.from_width];
        let lines = to.chunks_exact_mut(self.columns.firsts.len());
        for ((first, weights), out) in self.rows.iter().zip(lines) {
            line.fill(0);
            let sources = from[first * self.from_width..].chunks_exact(self.from_width);
            for (&weight, source) in weights.iter().zip(sources) {
                for (sum, &value) in line.iter_mut().zip(source) {
                    // Cannot wrap, as the weights add up to ONE; said so, it is SIMD in every build.
                    *sum = sum.wrapping_add(weight.wrapping_mul(u16::from(value)));
                }
            }
            match self.columns.count {
                2 => self.shrink_line::<2>(&line, out),
                3 => self.shrink_line::<3>(&line, out),
                4 => self.shrink_line::<4>(&line, out),
                5 => self.shrink_line::<5>(&line, out),
                _ => {
                    for ((first, weights), pixel) in self.columns.iter().zip(out) {
                        *pixel = mean(weights.iter().zip(&line[first..]));
                    }
                }
            }
        }
    }

    /// The same for a number of taps that the compiler knows: several times faster.
    fn shrink_line<const TAPS: usize>(&self, line: &[u16], out: &mut [u8]) {
        let (weights, _) = self.columns.weights.as_chunks::<TAPS>();
        for ((&first, weights), pixel) in self.columns.firsts.iter().zip(weights).zip(out) {
            let values = line[first..].first_chunk::<TAPS>().unwrap_or(&[0; TAPS]);
            *pixel = mean(weights.iter().zip(values));
        }
    }
}

fn mean<'a>(weighted: impl Iterator<Item = (&'a u16, &'a u16)>) -> u8 {
    let scale = u32::from(ONE) * u32::from(ONE);
    let sum = weighted.fold(0_u32, |sum, (&weight, &value)| {
        sum.wrapping_add(u32::from(weight).wrapping_mul(u32::from(value)))
    });
    ((sum + scale / 2) / scale) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{burn_frame_number, read_frame_number};
    use proptest::prelude::*;
    use std::time::Instant;

    const HD: Resolution = Resolution {
        width: 1280,
        height: 720,
    };

    #[test]
    fn a_number_survives_every_step_down() {
        let mut frame = VideoFrame::black(HD.width, HD.height, Instant::now());
        burn_frame_number(&mut frame, 0x5a3c);
        for (numerator, denominator) in [(3, 4), (1, 2), (3, 8), (1, 4)] {
            let scaled = scale(&frame, fit(HD, numerator, denominator));
            assert_eq!(
                read_frame_number(&scaled),
                Some(0x5a3c),
                "{numerator}/{denominator}"
            );
        }
    }

    #[test]
    fn half_a_picture_is_the_mean_of_four_pixels() {
        let luma = [10, 20, 30, 40, 50, 60, 70, 80];
        let data = [&luma[..], &[100, 120], &[200, 220]].concat();
        let frame = VideoFrame::new(4, 2, data, Instant::now()).expect("its size");
        let half = scale(
            &frame,
            Resolution {
                width: 2,
                height: 1,
            },
        );
        assert_eq!(half.data(), [35, 55, 110, 210]);
    }

    #[test]
    fn sizes_keep_their_shape_and_are_even() {
        assert_eq!(
            fit(HD, 3, 4),
            Resolution {
                width: 960,
                height: 540
            }
        );
        assert_eq!(
            fit(HD, 3, 8),
            Resolution {
                width: 480,
                height: 270
            }
        );
        let odd = Resolution {
            width: 641,
            height: 361,
        };
        assert_eq!(
            fit(odd, 1, 1),
            Resolution {
                width: 640,
                height: 360
            }
        );
        assert_eq!(
            fit(
                Resolution {
                    width: 1,
                    height: 9
                },
                1,
                4
            ),
            Resolution {
                width: 16,
                height: 16
            }
        );
    }

    proptest! {
        #[test]
        fn a_plain_picture_stays_plain_at_any_size(
            from in (1_u32..70, 1_u32..70),
            to in (1_u32..90, 1_u32..90),
            grey: u8,
        ) {
            let data = vec![grey; VideoFrame::size_of(from.0, from.1)];
            let frame = VideoFrame::new(from.0, from.1, data, Instant::now()).expect("its size");
            let scaled = scale(&frame, Resolution { width: to.0, height: to.1 });
            prop_assert_eq!((scaled.width(), scaled.height()), to);
            prop_assert!(scaled.data().iter().all(|&value| value == grey));
        }
    }
}
