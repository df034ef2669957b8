//! A number painted into a picture so that it survives coding and scaling: a strip of 24 black or
//! white cells along the top edge, 16 bits of number, then its complement's low byte as a check.

use super::VideoFrame;

/// Bits of number in the strip; it wraps after 65,535.
pub const FRAME_NUMBER_BITS: u32 = 16;
const CHECK_BITS: u32 = 8;
const CELLS: u32 = FRAME_NUMBER_BITS + CHECK_BITS;
const BLACK: u8 = 16;
const WHITE: u8 = 235;

fn check_of(number: u16) -> u32 {
    u32::from(!((number >> 8) as u8 ^ number as u8))
}

/// Height of the strip: a 24th of the width, so that the cells are square.
fn strip_height(frame: &VideoFrame) -> u32 {
    (frame.width() / CELLS).max(2).min(frame.height())
}

/// Paints `number` into the top of `frame`, which should be at least 96 pixels wide.
pub fn burn_frame_number(frame: &mut VideoFrame, number: u16) {
    let bits = (u32::from(number) << CHECK_BITS) | check_of(number);
    let (width, rows, chroma_width) = (
        frame.width() as usize,
        strip_height(frame) as usize,
        frame.chroma_width(),
    );
    let (y, u, v) = frame.planes_mut();
    for row in 0..rows {
        for x in 0..width {
            let cell = (x as u32 * CELLS / width as u32).min(CELLS - 1);
            let lit = bits >> (CELLS - 1 - cell) & 1 == 1;
            y[row * width + x] = if lit { WHITE } else { BLACK };
        }
    }
    let chroma = ..rows.div_ceil(2) * chroma_width;
    u[chroma].fill(128);
    v[chroma].fill(128);
}

/// The number that [`burn_frame_number`] painted, or `None` where there is none to be read.
pub fn read_frame_number(frame: &VideoFrame) -> Option<u16> {
    let (width, rows) = (frame.width(), strip_height(frame));
    let (y, _, _) = frame.planes();
    let mut bits = 0_u32;
    for cell in 0..CELLS {
        // The middle half of the cell, both ways: edges ring after coding.
        let (left, right) = (width * cell / CELLS, width * (cell + 1) / CELLS);
        let quarter = (right - left) / 4;
        let columns = left + quarter..(right - quarter).max(left + quarter + 1);
        let lines = rows / 4..(rows - rows / 4).max(rows / 4 + 1);
        let (mut sum, mut count) = (0_u32, 0_u32);
        for line in lines {
            for column in columns.clone() {
                sum += u32::from(*y.get((line * width + column) as usize)?);
                count += 1;
            }
        }
        let mean = sum / count.max(1);
        bits = bits << 1 | u32::from(mean > 125);
    }
    let number = (bits >> CHECK_BITS) as u16;
    (bits & 0xff == check_of(number)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn every_size_gives_back_the_number_it_was_given() {
        for (width, height) in [(96, 64), (160, 90), (641, 361), (1280, 720)] {
            for number in [0, 1, 0x00ff, 0x1234, u16::MAX] {
                let mut frame = VideoFrame::black(width, height, Instant::now());
                burn_frame_number(&mut frame, number);
                assert_eq!(read_frame_number(&frame), Some(number), "{width}x{height}");
            }
        }
    }

    #[test]
    fn a_plain_picture_has_no_number() {
        let frame = VideoFrame::black(640, 360, Instant::now());
        assert_eq!(read_frame_number(&frame), None);
    }
}
