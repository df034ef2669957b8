//! Pictures for tests: something like a room, with a thing that moves and a number to be read.

use std::time::Instant;

use crate::media::{VideoFrame, burn_frame_number};

/// Picture `number` of a scene: a soft, slowly panning texture, a moving bright block, the number.
pub(crate) fn scene(width: u32, height: u32, number: u16, captured_at: Instant) -> VideoFrame {
    let mut frame = VideoFrame::black(width, height, captured_at);
    let shift = u32::from(number);
    let (y, u, v) = frame.planes_mut();
    let wave = |at: u32, period: u32| {
        let phase = at % period;
        phase.min(period - phase) * 2 * 255 / period
    };
    let columns: Vec<u32> = (0..width)
        .map(|x| wave(x + shift, 173) + wave(x + 2 * shift, 37) / 4)
        .collect();
    for row in 0..height {
        let down = wave(row + shift / 2, 131);
        for x in 0..width {
            let value = 40 + (columns[x as usize] + down) / 4;
            y[(row * width + x) as usize] = value.min(235) as u8;
        }
    }
    let side = (height / 5).max(8);
    let left = (shift * 7) % width.saturating_sub(side).max(1);
    let top = height / 2;
    for row in top..(top + side).min(height) {
        for x in left..(left + side).min(width) {
            y[(row * width + x) as usize] = 220;
        }
    }
    u.iter_mut()
        .enumerate()
        .for_each(|(at, value)| *value = 110 + (at % 40) as u8);
    v.iter_mut()
        .enumerate()
        .for_each(|(at, value)| *value = 140 - (at % 23) as u8);
    burn_frame_number(&mut frame, number);
    frame
}

/// Peak signal-to-noise ratio of luma, in dB; 99 for equal pictures.
pub(crate) fn luma_psnr(a: &VideoFrame, b: &VideoFrame) -> f64 {
    assert_eq!(a.resolution(), b.resolution());
    let error: u64 = a
        .planes()
        .0
        .iter()
        .zip(b.planes().0)
        .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
        .sum();
    if error == 0 {
        return 99.0;
    }
    let mean = error as f64 / (f64::from(a.width()) * f64::from(a.height()));
    10.0 * (255.0_f64.powi(2) / mean).log10()
}
