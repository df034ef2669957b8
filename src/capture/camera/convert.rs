use std::borrow::Cow;
use std::time::Instant;

use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPackedImage, YuvPlanarImageMut, YuvRange,
    YuvStandardMatrix, bgr_to_yuv420, bgra_to_yuv420, rgb_to_yuv420, rgba_to_yuv420,
    yuyv422_to_yuv420,
};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::media::VideoFrame;

/// The ways in which cameras store pictures that we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PixelFormat {
    /// Three planes.
    I420,
    /// A plane of luma and one of both chromas.
    Nv12,
    /// Luma and chroma in turns, chroma halved across.
    Yuyv,
    /// A JPEG file for each picture.
    Mjpeg,
    Rgb,
    Bgr,
    Rgba,
    Bgra,
}

/// A picture as a camera gave it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) format: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes from a row to the next; zero for rows without a gap.
    pub(super) stride: u32,
    /// Luma, or everything.
    pub(super) primary: &'a [u8],
    /// The chroma planes, if they do not follow in `primary`.
    pub(super) secondary: &'a [u8],
    /// Luma runs from 0 to 255 and not from 16 to 235.
    pub(super) full_range: bool,
}

/// The picture as I420; `None` where its bytes are not the whole of it, which happens in the first
/// moments of a stream and on a bad cable.
pub(super) fn to_i420(raw: &Raw<'_>, captured_at: Instant) -> Option<VideoFrame> {
    let sides = 2..=VideoFrame::MAX_SIDE;
    if raw.format == PixelFormat::Mjpeg {
        return from_jpeg(raw.primary, captured_at);
    }
    if !sides.contains(&raw.width) || !sides.contains(&raw.height) {
        return None;
    }
    let mut frame = VideoFrame::black(raw.width, raw.height, captured_at);
    match raw.format {
        PixelFormat::I420 => from_planar(raw, &mut frame)?,
        PixelFormat::Nv12 => from_nv12(raw, &mut frame)?,
        PixelFormat::Yuyv => from_yuyv(raw, &mut frame)?,
        _ => from_rgb(raw, &mut frame)?,
    }
    let planar_or_packed = matches!(
        raw.format,
        PixelFormat::I420 | PixelFormat::Nv12 | PixelFormat::Yuyv
    );
    if raw.full_range && planar_or_packed {
        limit_range(&mut frame);
    }
    Some(frame)
}

fn planes_of(frame: &mut VideoFrame) -> YuvPlanarImageMut<'_, u8> {
    let (width, height, chroma) = (frame.width(), frame.height(), frame.chroma_width() as u32);
    let (y, u, v) = frame.planes_mut();
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: chroma,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: chroma,
        width,
        height,
    }
}

/// Copies `rows` rows of `width` bytes that begin `stride` apart; `None` if `from` ends before.
fn copy_rows(from: &[u8], stride: usize, width: usize, into: &mut [u8]) -> Option<()> {
    let mut lines = from.chunks(stride);
    for row in into.chunks_exact_mut(width) {
        row.copy_from_slice(lines.next()?.get(..width)?);
    }
    Some(())
}

/// Bytes from a row to the next, where a row has at least `width`.
fn stride_of(raw: &Raw<'_>, width: usize) -> usize {
    (raw.stride as usize).max(width)
}

/// The part of a picture behind its luma.
fn behind_luma<'a>(raw: &Raw<'a>, stride: usize) -> Option<&'a [u8]> {
    if raw.secondary.is_empty() {
        raw.primary.get(stride * raw.height as usize..)
    } else {
        Some(raw.secondary)
    }
}

fn from_planar(raw: &Raw<'_>, frame: &mut VideoFrame) -> Option<()> {
    let width = raw.width as usize;
    let stride = stride_of(raw, width);
    let (chroma_width, chroma_height) = (frame.chroma_width(), frame.chroma_height());
    let chroma_stride = stride.div_ceil(2);
    let chroma = behind_luma(raw, stride)?;
    let (y, u, v) = frame.planes_mut();
    copy_rows(raw.primary, stride, width, y)?;
    copy_rows(chroma, chroma_stride, chroma_width, u)?;
    let behind = chroma.get(chroma_stride * chroma_height..)?;
    copy_rows(behind, chroma_stride, chroma_width, v)
}

fn from_nv12(raw: &Raw<'_>, frame: &mut VideoFrame) -> Option<()> {
    let width = raw.width as usize;
    let stride = stride_of(raw, width);
    let chroma_width = frame.chroma_width();
    let chroma_stride = stride.max(2 * chroma_width);
    let mut lines = behind_luma(raw, stride)?.chunks(chroma_stride);
    let (y, u, v) = frame.planes_mut();
    copy_rows(raw.primary, stride, width, y)?;
    for (u, v) in u
        .chunks_exact_mut(chroma_width)
        .zip(v.chunks_exact_mut(chroma_width))
    {
        let line = lines.next()?.get(..2 * chroma_width)?;
        for ((u, v), pair) in u.iter_mut().zip(v).zip(line.chunks_exact(2)) {
            (*u, *v) = (pair[0], pair[1]);
        }
    }
    Some(())
}

fn from_yuyv(raw: &Raw<'_>, frame: &mut VideoFrame) -> Option<()> {
    let (width, height) = (raw.width, raw.height);
    let row = width.div_ceil(2) as usize * 4;
    let stride = stride_of(raw, row);
    let packed = gapless(raw.primary, stride, row, height as usize)?;
    let image = YuvPackedImage {
        yuy: &packed,
        yuy_stride: row as u32,
        width,
        height,
    };
    yuyv422_to_yuv420(&mut planes_of(frame), &image).ok()
}

fn from_rgb(raw: &Raw<'_>, frame: &mut VideoFrame) -> Option<()> {
    let (bytes, convert): (_, fn(&mut _, &_, _, _, _, _) -> _) = match raw.format {
        PixelFormat::Bgr => (3, bgr_to_yuv420),
        PixelFormat::Rgba => (4, rgba_to_yuv420),
        PixelFormat::Bgra => (4, bgra_to_yuv420),
        _ => (3, rgb_to_yuv420),
    };
    let row = raw.width as usize * bytes;
    let stride = stride_of(raw, row);
    let pixels = gapless(raw.primary, stride, row, raw.height as usize)?;
    convert(
        &mut planes_of(frame),
        &pixels,
        row as u32,
        YuvRange::Limited,
        YuvStandardMatrix::Bt601,
        YuvConversionMode::Balanced,
    )
    .ok()
}

/// `rows` rows of `row` bytes without gaps; `None` if `from` ends before.
fn gapless(from: &[u8], stride: usize, row: usize, rows: usize) -> Option<Cow<'_, [u8]>> {
    if stride == row {
        return from.get(..row * rows).map(Cow::Borrowed);
    }
    let mut packed = vec![0; row * rows];
    copy_rows(from, stride, row, &mut packed)?;
    Some(Cow::Owned(packed))
}

fn limit_range(frame: &mut VideoFrame) {
    let luma: [u8; 256] = std::array::from_fn(|value| (16.5 + value as f32 * 219.0 / 255.0) as u8);
    let chroma: [u8; 256] =
        std::array::from_fn(|value| (128.5 + (value as f32 - 128.0) * 224.0 / 255.0) as u8);
    let (y, u, v) = frame.planes_mut();
    for (plane, table) in [(y, luma), (u, chroma), (v, chroma)] {
        for sample in plane {
            *sample = table[usize::from(*sample)];
        }
    }
}

/// Says that this is a picture of a stream, which may leave the usual Huffman tables out.
const AVI1: [u8; 18] = *b"\xff\xe0\0\x10AVI1\0\0\0\0\0\0\0\0\0\0";

fn from_jpeg(bytes: &[u8], captured_at: Instant) -> Option<VideoFrame> {
    // Many webcams leave the tables out and do not say so.
    let has_tables = bytes.windows(2).any(|marker| marker == [0xff, 0xc4]);
    let bytes = if has_tables {
        Cow::Borrowed(bytes)
    } else {
        let (start, rest) = bytes.split_at_checked(2)?;
        Cow::Owned([start, &AVI1, rest].concat())
    };
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(VideoFrame::MAX_SIDE as usize)
        .set_max_height(VideoFrame::MAX_SIDE as usize);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes.as_ref()), options);
    let pixels = decoder.decode().ok()?;
    let info = decoder.info()?;
    let raw = Raw {
        format: PixelFormat::Rgb,
        width: u32::from(info.width),
        height: u32::from(info.height),
        stride: 0,
        primary: &pixels,
        secondary: &[],
        full_range: false,
    };
    to_i420(&raw, captured_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RED: [u8; 3] = [81, 90, 240];

    fn raw(format: PixelFormat, primary: &[u8]) -> Raw<'_> {
        Raw {
            format,
            width: 4,
            height: 2,
            stride: 0,
            primary,
            secondary: &[],
            full_range: false,
        }
    }

    fn assert_red(frame: &VideoFrame, what: &str) {
        let (y, u, v) = frame.planes();
        for (plane, expected) in [(y, RED[0]), (u, RED[1]), (v, RED[2])] {
            for sample in plane {
                assert!(sample.abs_diff(expected) <= 2, "{what}: {:?}", frame.data());
            }
        }
    }

    #[test]
    fn red_is_red_however_it_is_stored() {
        let now = Instant::now();
        let [y, u, v] = RED;
        for (format, pixels) in [
            (
                PixelFormat::I420,
                [[y; 8].as_slice(), &[u; 2], &[v; 2]].concat(),
            ),
            (
                PixelFormat::Nv12,
                [[y; 8].as_slice(), &[u, v, u, v]].concat(),
            ),
            (PixelFormat::Yuyv, [y, u, y, v].repeat(4)),
            (PixelFormat::Rgb, [255, 0, 0].repeat(8)),
            (PixelFormat::Bgr, [0, 0, 255].repeat(8)),
            (PixelFormat::Rgba, [255, 0, 0, 9].repeat(8)),
            (PixelFormat::Bgra, [0, 0, 255, 9].repeat(8)),
        ] {
            let picture = raw(format, &pixels);
            let name = format!("{format:?}");
            assert_red(&to_i420(&picture, now).unwrap(), &name);
            let cut = raw(format, &pixels[..pixels.len() - 1]);
            assert_eq!(to_i420(&cut, now), None, "{name} that is not whole");
        }
    }

    #[test]
    fn gaps_between_rows_and_planes_apart_are_understood() {
        let now = Instant::now();
        let [y, u, v] = RED;
        let row = |bytes: &[u8]| [bytes, &[7, 7]].concat();
        let pixels = [
            row(&[y, u, y, v, y, u, y, v]),
            row(&[y, u, y, v, y, u, y, v]),
        ]
        .concat();
        let mut picture = raw(PixelFormat::Yuyv, &pixels);
        picture.stride = 10;
        assert_red(&to_i420(&picture, now).unwrap(), "YUYV");
        let (luma, chroma) = ([row(&[y; 4]), row(&[y; 4])].concat(), row(&[u, v, u, v]));
        let mut picture = raw(PixelFormat::Nv12, &luma);
        picture.stride = 6;
        picture.secondary = &chroma;
        assert_red(&to_i420(&picture, now).unwrap(), "NV12");
    }

    #[test]
    fn full_range_is_brought_into_the_limited_range() {
        let pixels = [
            [255, 0, 255, 0, 0, 255, 0, 255].as_slice(),
            &[128; 2],
            &[255; 2],
        ]
        .concat();
        let mut picture = raw(PixelFormat::I420, &pixels);
        picture.full_range = true;
        let frame = to_i420(&picture, Instant::now()).unwrap();
        assert_eq!(
            frame.data(),
            [235, 16, 235, 16, 16, 235, 16, 235, 128, 128, 240, 240]
        );
    }

    /// 32x16, red, 4:2:2, with the usual tables, by ImageMagick's `convert` with `jpeg:optimize-coding=off`.
    const JPEG: &[u8] = &hex::<640>(
        "ffd8ffe000104a46494600010100000100010000ffdb0043000503040404030504040405050506070c08070707070f0b\
         0b090c110f1212110f111113161c1713141a1511111821181a1d1d1f1f1f13172224221e241c1e1f1effdb0043010505\
         050706070e08080e1e1411141e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e\
         1e1e1e1e1e1e1e1e1e1e1e1e1e1effc00011080010002003012100021101031101ffc4001f0000010501010101010100\
         000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d010203000411051221\
         31410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a\
         434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a9293949596979899\
         9aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1\
         f2f3f4f5f6f7f8f9faffc4001f0100030101010101010101010000000000000102030405060708090a0bffc400b51100\
         020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c109233352f015\
         6272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a63646566676869\
         6a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4\
         c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9faffda000c03010002110311003f00f2\
         ca2bf3a3fb2c28a0028a0028a00fffd9",
    );

    const fn hex<const N: usize>(text: &str) -> [u8; N] {
        const fn digit(character: u8) -> u8 {
            match character {
                b'0'..=b'9' => character - b'0',
                _ => character - b'a' + 10,
            }
        }
        let text = text.as_bytes();
        let mut bytes = [0; N];
        let mut index = 0;
        while index < N {
            bytes[index] = digit(text[2 * index]) << 4 | digit(text[2 * index + 1]);
            index += 1;
        }
        bytes
    }

    #[test]
    fn a_jpeg_is_read_with_and_without_its_tables() {
        let now = Instant::now();
        let read = |bytes: &[u8]| to_i420(&raw(PixelFormat::Mjpeg, bytes), now);
        let frame = read(JPEG).unwrap();
        assert_eq!((frame.width(), frame.height()), (32, 16));
        assert_red(&frame, "MJPEG");
        // As webcams send it: every DHT segment cut out.
        let mut bare = Vec::new();
        let mut rest = JPEG;
        while let [first, second, more @ ..] = rest {
            let length = match (first, second) {
                (0xff, 0xd8) => 0,
                (0xff, 0xda) => more.len(),
                _ => usize::from(u16::from_be_bytes([more[0], more[1]])),
            };
            if (*first, *second) != (0xff, 0xc4) {
                bare.extend_from_slice(&rest[..2 + length]);
            }
            rest = &more[length..];
        }
        assert!(bare.len() < JPEG.len());
        assert_eq!(read(&bare).as_ref(), Some(&frame));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            format in prop::sample::select(vec![
                PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Yuyv, PixelFormat::Rgb, PixelFormat::Bgra,
            ]),
            width in 0_u32..20, height in 0_u32..20, stride in 0_u32..100, full_range: bool,
            primary in prop::collection::vec(any::<u8>(), 0..2_000),
            secondary in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let raw = Raw { format, width, height, stride, primary: &primary, secondary: &secondary, full_range };
            if let Some(frame) = to_i420(&raw, Instant::now()) {
                prop_assert_eq!((frame.width(), frame.height()), (width, height));
            }
        }

        #[test]
        fn no_jpeg_panics(changes in prop::collection::vec((0..JPEG.len(), any::<u8>()), 0..8), cut in 0..=JPEG.len()) {
            let mut bytes = JPEG.to_vec();
            for (at, value) in changes {
                bytes[at] = value;
            }
            bytes.truncate(cut);
            let _ = to_i420(&raw(PixelFormat::Mjpeg, &bytes), Instant::now());
        }
    }
}
