use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, GenericImageView as _, ImageFormat, Rgb, RgbImage, RgbaImage};
use serde::{Deserialize, Serialize};

use super::picture_file::{MAX_PICTURE_BYTES, MAX_SIDE, Opened, Unopened, open, unbroken};

/// How good a portrait is, the best first: the first that is small enough is taken.
const QUALITIES: [u8; 8] = [90, 82, 74, 62, 48, 34, 20, 5];
/// As long as a side is before it is scaled with care.
const BEFORE: u32 = 512;

/// How somebody looks, as they show it: a square JPEG, and nothing of the picture that it was made of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Portrait(Arc<[u8]>);

impl Portrait {
    /// The length of a side, in pixels.
    pub const SIDE: u32 = 128;
    /// The largest, in bytes: as text in a message it fits into a parcel of 16 KiB.
    pub const MAX_BYTES: usize = 12_000;

    /// Made of the middle of somebody's picture: the bytes of a PNG or JPEG file. Takes up to seconds for a
    /// large one.
    ///
    /// # Errors
    /// When it is no picture, or too large.
    pub fn from_picture(file: &[u8]) -> Result<Self, PortraitError> {
        if file.len() > MAX_PICTURE_BYTES {
            return Err(PortraitError::TooLarge);
        }
        let kinds = [ImageFormat::Png, ImageFormat::Jpeg];
        let opened = open(file, &kinds, MAX_SIDE)?;
        let made = unbroken(|| encoded(&drawn(&opened))).flatten();
        made.map(Self).ok_or(PortraitError::NotAPicture)
    }

    /// That of somebody else, or one that was kept: the bytes of a JPEG file.
    ///
    /// # Errors
    /// When it is none, or larger than anyone honest makes it.
    pub fn of_stranger(jpeg: &[u8]) -> Result<Self, PortraitError> {
        if jpeg.len() > Self::MAX_BYTES {
            return Err(PortraitError::TooLarge);
        }
        let portrait = Self(jpeg.into());
        match portrait.picture() {
            Some(_) => Ok(portrait),
            None => Err(PortraitError::NotAPortrait),
        }
    }

    /// The bytes of a JPEG file.
    pub fn jpeg(&self) -> &[u8] {
        &self.0
    }

    /// Each pixel as red, green, blue and 255, row by row; none for what cannot be drawn after all.
    pub fn pixels(&self) -> Option<Vec<u8>> {
        let picture = self.picture()?;
        unbroken(|| picture.into_rgba8().into_raw())
    }

    fn picture(&self) -> Option<DynamicImage> {
        let opened = open(&self.0, &[ImageFormat::Jpeg], Self::SIDE).ok()?;
        let is_square = opened.picture.dimensions() == (Self::SIDE, Self::SIDE);
        is_square.then_some(opened.picture)
    }
}

/// The square in the middle, upright and small.
fn drawn(opened: &Opened) -> RgbImage {
    let (width, height) = opened.picture.dimensions();
    let side = width.min(height);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let middle = imageops::crop_imm(&opened.picture, left, top, side, side);
    let middle = if side > BEFORE {
        imageops::thumbnail(&*middle, BEFORE, BEFORE)
    } else {
        middle.to_image()
    };
    let small = imageops::resize(
        &on_white(&middle),
        Portrait::SIDE,
        Portrait::SIDE,
        FilterType::Lanczos3,
    );
    let mut small = DynamicImage::from(small);
    small.apply_orientation(opened.orientation);
    small.into_rgb8()
}

fn on_white(picture: &RgbaImage) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u16::from);
        Rgb([red, green, blue].map(|shade| (255 - (255 - shade) * alpha / 255) as u8))
    })
}

fn encoded(picture: &RgbImage) -> Option<Arc<[u8]>> {
    QUALITIES.into_iter().find_map(|quality| {
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, quality);
        encoder.encode_image(picture).ok()?;
        (jpeg.len() <= Portrait::MAX_BYTES).then(|| jpeg.into())
    })
}

impl fmt::Debug for Portrait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Portrait({} bytes)", self.0.len())
    }
}

impl From<Portrait> for String {
    fn from(portrait: Portrait) -> Self {
        BASE64URL_NOPAD.encode(portrait.jpeg())
    }
}

impl TryFrom<String> for Portrait {
    type Error = PortraitError;

    fn try_from(text: String) -> Result<Self, PortraitError> {
        if text.len() > BASE64URL_NOPAD.encode_len(Self::MAX_BYTES) {
            return Err(PortraitError::TooLarge);
        }
        let jpeg = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| PortraitError::NotAPortrait)?;
        Self::of_stranger(&jpeg)
    }
}

/// Why there is no portrait. The sentences are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortraitError {
    /// Not one of a kind that is known, or damaged.
    #[error("this is not a picture that Twocan can read; a PNG or JPEG file is")]
    NotAPicture,
    /// More than 20 MiB, or 8192 pixels to a side; of somebody else, more than theirs may be.
    #[error("this picture is too large; a smaller one will do")]
    TooLarge,
    /// Not as Twocan makes them.
    #[error("this is not the portrait of anybody")]
    NotAPortrait,
}

impl From<Unopened> for PortraitError {
    fn from(why: Unopened) -> Self {
        match why {
            Unopened::NotAPicture => Self::NotAPicture,
            Unopened::TooLarge => Self::TooLarge,
        }
    }
}

#[cfg(test)]
impl Portrait {
    /// Of somebody who is all of one colour.
    pub fn plain(color: [u8; 3]) -> Self {
        let picture = RgbImage::from_pixel(Self::SIDE, Self::SIDE, Rgb(color));
        Self(encoded(&picture).unwrap())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use image::{GrayImage, Rgba};
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    const RED: Rgb<u8> = Rgb([200, 30, 40]);
    const BLUE: Rgb<u8> = Rgb([20, 60, 190]);

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let picture: DynamicImage = picture.into();
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    fn jpeg(picture: &RgbImage) -> Vec<u8> {
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, 90)
            .encode_image(picture)
            .unwrap();
        file
    }

    /// Red on the left, blue on the right, and a broad green border left and right of both.
    fn wide() -> RgbImage {
        RgbImage::from_fn(900, 300, |x, _| match x {
            300..450 => RED,
            450..600 => BLUE,
            _ => Rgb([0, 255, 0]),
        })
    }

    fn pixel(portrait: &Portrait, x: u32, y: u32) -> [u8; 3] {
        let pixels = portrait.pixels().unwrap();
        let at = ((y * Portrait::SIDE + x) * 4) as usize;
        [pixels[at], pixels[at + 1], pixels[at + 2]]
    }

    #[track_caller]
    fn is_about(portrait: &Portrait, (x, y): (u32, u32), color: Rgb<u8>) {
        let seen = pixel(portrait, x, y);
        let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) < 24;
        assert!(seen.iter().zip(&color.0).all(near), "{seen:?} at {x}, {y}");
    }

    #[test]
    fn it_is_the_middle_of_a_picture_small_and_square() {
        for file in [png(wide()), jpeg(&wide())] {
            let portrait = Portrait::from_picture(&file).unwrap();
            assert!(portrait.jpeg().len() <= Portrait::MAX_BYTES);
            for y in [8, 64, 120] {
                is_about(&portrait, (16, y), RED);
                is_about(&portrait, (112, y), BLUE);
            }
            let pixels = portrait.pixels().unwrap();
            assert_eq!(pixels.len(), 128 * 128 * 4);
            assert!(pixels.iter().skip(3).step_by(4).all(|alpha| *alpha == 255));
            assert_eq!(Portrait::of_stranger(portrait.jpeg()), Ok(portrait));
        }
    }

    #[test]
    fn it_may_be_of_a_tiny_or_a_large_picture() {
        for (width, height) in [(1, 1), (1, 300), (40, 30), (2_000, 3_000)] {
            let picture = RgbImage::from_pixel(width, height, RED);
            let portrait = Portrait::from_picture(&png(picture)).unwrap();
            is_about(&portrait, (64, 64), RED);
        }
    }

    #[test]
    fn where_one_sees_through_it_is_white() {
        let picture = RgbaImage::from_fn(200, 200, |x, _| match x {
            0..100 => Rgba([0, 0, 0, 0]),
            _ => Rgba([20, 60, 190, 255]),
        });
        let portrait = Portrait::from_picture(&png(picture)).unwrap();
        is_about(&portrait, (20, 64), Rgb([255, 255, 255]));
        is_about(&portrait, (108, 64), BLUE);
    }

    /// As phones write it: a quarter turn to the right is to be made (EXIF 2.3, tag 0x0112, value 6).
    fn exif_to_be_turned() -> Vec<u8> {
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
        exif.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
        let length = u16::try_from(exif.len() + 2).unwrap();
        [&b"\xff\xe1"[..], &length.to_be_bytes(), &exif].concat()
    }

    #[test]
    fn a_picture_of_a_phone_stands_upright_and_nothing_else_of_it_is_told() {
        let file = jpeg(&wide());
        let turned = [&file[..2], &exif_to_be_turned(), &file[2..]].concat();
        let portrait = Portrait::from_picture(&turned).unwrap();
        is_about(&portrait, (64, 16), RED);
        is_about(&portrait, (64, 112), BLUE);
        let mut parts = portrait.jpeg().windows(4);
        assert!(!parts.any(|part| part == b"Exif"));
    }

    #[test]
    fn even_grain_is_small_enough() {
        let mut rng = StdRng::seed_from_u64(1);
        let grain = RgbImage::from_fn(128, 128, |_, _| Rgb(rng.random()));
        let portrait = Portrait::from_picture(&png(grain)).unwrap();
        assert!(portrait.jpeg().len() <= Portrait::MAX_BYTES);
    }

    #[test]
    fn it_survives_the_way() {
        let portrait = Portrait::plain(RED.0);
        let text = serde_json::to_string(&portrait).unwrap();
        assert_eq!(serde_json::from_str::<Portrait>(&text).unwrap(), portrait);
        for bad in ["\"\"", "\"AAAA\"", "7", "\"ö\""] {
            assert!(serde_json::from_str::<Portrait>(bad).is_err(), "{bad}");
        }
        let long = format!("\"{}\"", "A".repeat(20_000));
        assert!(serde_json::from_str::<Portrait>(&long).is_err());
    }

    #[test]
    fn what_is_no_picture_is_said_to_be_none() {
        for file in [&b""[..], b"twocan", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"] {
            let wrong = Portrait::from_picture(file);
            assert_eq!(wrong, Err(PortraitError::NotAPicture), "{file:?}");
        }
        let long = vec![0; MAX_PICTURE_BYTES + 1];
        assert_eq!(Portrait::from_picture(&long), Err(PortraitError::TooLarge));
        let wide = png(GrayImage::new(MAX_SIDE + 1, 1));
        assert_eq!(Portrait::from_picture(&wide), Err(PortraitError::TooLarge));
    }

    #[test]
    fn of_somebody_else_nothing_is_taken_but_what_twocan_makes() {
        let refused = |file: &[u8]| Portrait::of_stranger(file).unwrap_err();
        let of_size = |width, height| jpeg(&RgbImage::from_pixel(width, height, RED));
        for (width, height) in [(127, 128), (128, 129), (64, 64), (1, 1)] {
            let file = of_size(width, height);
            assert_eq!(refused(&file), PortraitError::NotAPortrait);
        }
        let square = RgbImage::from_pixel(128, 128, RED);
        assert_eq!(refused(&png(square)), PortraitError::NotAPortrait);
        let long = [of_size(128, 128), vec![0; Portrait::MAX_BYTES]].concat();
        assert_eq!(refused(&long), PortraitError::TooLarge);
        assert_eq!(refused(b""), PortraitError::NotAPortrait);

        // A small file that says that it is a huge picture.
        let mut bomb = of_size(128, 128);
        let frame = bomb.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        // After the marker, a length of two bytes and a depth of one.
        bomb[frame + 5..frame + 9].fill(0xFF);
        assert_eq!(refused(&bomb), PortraitError::NotAPortrait);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let signed = [&b"\xff\xd8\xff"[..], &bytes].concat();
            for file in [&bytes, &signed] {
                let _ = Portrait::of_stranger(file);
                let _ = Portrait::from_picture(file);
            }
        }

        #[test]
        fn a_damaged_one_is_taken_or_refused_without_a_panic(
            damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)
        ) {
            let mut file = jpeg(&RgbImage::from_pixel(128, 128, BLUE));
            for (at, with) in &damage {
                let at = at.index(file.len());
                file[at] = *with;
            }
            if let Ok(portrait) = Portrait::of_stranger(&file) {
                prop_assert_eq!(portrait.pixels().map(|pixels| pixels.len()), Some(128 * 128 * 4));
            }
            let _ = Portrait::from_picture(&file);
        }
    }
}
