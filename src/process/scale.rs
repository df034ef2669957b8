//! Pictures to another size, pure: each new pixel is the mean of what it covers, so that nothing
//! flickers when a picture shrinks; where it grows, the mean of its two neighbours each way.

use crate::media::{Resolution, VideoFrame};

/// Fixed point: weights of one pixel add up to this.
const ONE: u32 = 1 << 12;

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

/// Which old pixels a new one is made of.
struct Taps {
    first: usize,
    /// One weight a pixel, adding up to [`ONE`].
    weights: Vec<u32>,
}

/// The old pixels of each new one along one side.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let ratio = from as f64 / to as f64;
    (0..to)
        .map(|index| {
            // What the new pixel covers, in old pixels; at least one of them wide.
            let center = (index as f64 + 0.5) * ratio;
            let reach = ratio.max(1.0) / 2.0;
            let left = (center - reach).max(0.0);
            let right = (center + reach).min(from as f64);
            let first = left.floor() as usize;
            let last = ((right - 1e-9).floor() as usize).clamp(first, from - 1);
            let mut weights: Vec<u32> = (first..=last)
                .map(|pixel| {
                    let covered = right.min(pixel as f64 + 1.0) - left.max(pixel as f64);
                    (covered.max(0.0) / (right - left) * f64::from(ONE)) as u32
                })
                .collect();
            // What rounding took away goes to the largest, so that grey stays grey.
            let missing = ONE - weights.iter().sum::<u32>().min(ONE);
            if let Some(largest) = weights.iter_mut().max() {
                *largest += missing;
            }
            Taps { first, weights }
        })
        .collect()
}

struct PlaneScaler {
    from_width: usize,
    columns: Vec<Taps>,
    rows: Vec<Taps>,
}

impl PlaneScaler {
    fn new(from: (usize, usize), to: (usize, usize)) -> Self {
        Self {
            from_width: from.0,
            columns: taps(from.0, to.0),
            rows: taps(from.1, to.1),
        }
    }

    fn run(&self, from: &[u8], to: &mut [u8]) {
        // Rows first, on whole lines: the inner loop is one that compilers turn into SIMD.
        let mut line = vec![0_u32; self.from_width];
        for (row, out) in self
            .rows
            .iter()
            .zip(to.chunks_exact_mut(self.columns.len()))
        {
            line.fill(0);
            let lines = from[row.first * self.from_width..].chunks_exact(self.from_width);
            for (&weight, source) in row.weights.iter().zip(lines) {
                for (sum, &value) in line.iter_mut().zip(source) {
                    *sum += weight * u32::from(value);
                }
            }
            for (pixel, taps) in out.iter_mut().zip(&self.columns) {
                let sum: u32 = taps
                    .weights
                    .iter()
                    .zip(&line[taps.first..])
                    // 20 bits of the row's sum times 12 of the weight: the product of 255, 4,096
                    // and 4,096 just fits 32 bits, and the weights add up to 4,096.
                    .map(|(&weight, &value)| weight * value)
                    .sum();
                *pixel = ((sum + ONE * ONE / 2) / (ONE * ONE)) as u8;
            }
        }
    }
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
