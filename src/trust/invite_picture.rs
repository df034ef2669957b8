use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use rqrr::PreparedImage;

use super::invite::{Invite, InviteError};
use super::picture_file::{MAX_PICTURE_BYTES, MAX_SIDE, Unopened, open, unbroken};

/// How long the longer side is while it is searched: all of it at first, then, if there is more in it, what
/// is finer.
const LOOKS: [u32; 2] = [1_024, 2_048];

impl Invite {
    /// The invite of which somebody has a picture as a QR code (ISO 18004): the bytes of a PNG or JPEG file,
    /// the code turned, mirrored, or light on dark, if need be. Takes up to seconds for a large one.
    ///
    /// # Errors
    /// When it is no picture, or too large, or there is no code of an invite in it.
    pub fn in_picture(file: &[u8]) -> Result<Self, InvitePictureError> {
        if file.len() > MAX_PICTURE_BYTES {
            return Err(InvitePictureError::TooLarge);
        }
        let kinds = [ImageFormat::Png, ImageFormat::Jpeg];
        let picture = open(file, &kinds, MAX_SIDE)?.picture;
        let picture = unbroken(|| on_white(picture)).ok_or(InvitePictureError::NotAPicture)?;
        let mut trouble = InvitePictureError::NoCode;
        let (width, height) = picture.dimensions();
        let looks = if width.max(height) > LOOKS[0] { 2 } else { 1 };
        for side in LOOKS.into_iter().take(looks) {
            let mut seen = scaled(&picture, side);
            for _ in 0..2 {
                for text in unbroken(|| codes(&seen)).unwrap_or_default() {
                    match text.parse::<Self>() {
                        Ok(invite) => return Ok(invite),
                        Err(InviteError::NotAnInvite) if trouble != InvitePictureError::NoCode => {}
                        Err(InviteError::NotAnInvite) => trouble = InvitePictureError::OtherCode,
                        Err(error) => trouble = InvitePictureError::Invite(error),
                    }
                }
                imageops::invert(&mut seen);
            }
        }
        Err(trouble)
    }
}

/// In shades of grey, on white where one can see through it.
fn on_white(picture: DynamicImage) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.into_luma8();
    }
    let picture = picture.into_luma_alpha8();
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [shade, alpha] = picture.get_pixel(x, y).0.map(u16::from);
        let shade = 255 - (255 - shade) * alpha / 255;
        Luma([shade as u8])
    })
}

/// The same with its longer side at most `side`, and not much less: a code of a pixel a module is not found.
fn scaled(picture: &GrayImage, side: u32) -> GrayImage {
    let (width, height) = picture.dimensions();
    let longer = width.max(height).max(1);
    if longer > side {
        let shorter = |length: u32| (length * side / longer).max(1);
        return imageops::thumbnail(picture, shorter(width), shorter(height));
    }
    match side / longer {
        1 => picture.clone(),
        times => imageops::resize(picture, width * times, height * times, FilterType::Nearest),
    }
}

/// What all the dark codes on light that are found in it say.
fn codes(picture: &GrayImage) -> Vec<String> {
    let (width, height) = picture.dimensions();
    let shade = |x: usize, y: usize| picture.get_pixel(x as u32, y as u32).0[0];
    let mut prepared =
        PreparedImage::prepare_from_greyscale(width as usize, height as usize, shade);
    let grids = prepared.detect_grids();
    grids
        .iter()
        .filter_map(|grid| grid.decode().ok())
        .map(|(_, text)| text)
        .collect()
}

/// Why a file is not the picture of an invite. The sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvitePictureError {
    /// Not one of a kind that is known, or damaged.
    #[error("this is not a picture that Twocan can read; a PNG or JPEG file is")]
    NotAPicture,
    /// More than 20 MiB, or 8192 pixels to a side.
    #[error("this picture is too large; cut the code out of it")]
    TooLarge,
    /// None that can be read.
    #[error("no code can be read in this picture; a closer and sharper one may help")]
    NoCode,
    /// The code of something else.
    #[error("the code in this picture is not a Twocan invite")]
    OtherCode,
    /// It is meant to be one.
    #[error(transparent)]
    Invite(#[from] InviteError),
}

impl From<Unopened> for InvitePictureError {
    fn from(why: Unopened) -> Self {
        match why {
            Unopened::NotAPicture => Self::NotAPicture,
            Unopened::TooLarge => Self::TooLarge,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use image::codecs::jpeg::JpegEncoder;
    use image::{LumaA, Rgba, RgbaImage};
    use proptest::prelude::*;
    use qrcode::{Color, EcLevel, QrCode};
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    /// The quiet zone, in modules.
    const QUIET: u32 = 4;

    fn invite() -> Invite {
        let servers = vec!["wss://call.example.org".parse().unwrap()];
        Invite::new(servers, &mut StdRng::seed_from_u64(7)).unwrap()
    }

    /// As the window shows it, each module so many pixels.
    fn drawn(text: &str, side: u32) -> GrayImage {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let modules = code.width() as u32;
        let colors = code.into_colors();
        let length = (modules + 2 * QUIET) * side;
        GrayImage::from_fn(length, length, |x, y| {
            let module = |at: u32| (at / side).checked_sub(QUIET).filter(|at| *at < modules);
            let dark = match (module(x), module(y)) {
                (Some(x), Some(y)) => colors[(y * modules + x) as usize] == Color::Dark,
                _ => false,
            };
            Luma([if dark { 42 } else { 255 }])
        })
    }

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let picture: DynamicImage = picture.into();
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    }

    fn jpeg(picture: &GrayImage, quality: u8) -> Vec<u8> {
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, quality)
            .encode_image(picture)
            .unwrap();
        file
    }

    fn code() -> GrayImage {
        drawn(&invite().to_string(), 6)
    }

    #[track_caller]
    fn is_found(file: &[u8]) {
        assert_eq!(Invite::in_picture(file), Ok(invite()));
    }

    #[test]
    fn the_code_of_the_window_reads_back() {
        is_found(&png(code()));
    }

    #[test]
    fn it_may_be_turned_and_mirrored() {
        let code = code();
        is_found(&png(imageops::rotate90(&code)));
        is_found(&png(imageops::rotate180(&code)));
        is_found(&png(imageops::rotate270(&code)));
        is_found(&png(imageops::flip_horizontal(&code)));
    }

    #[test]
    fn it_may_be_small_or_large() {
        let text = invite().to_string();
        for side in [1, 2, 3, 10, 48] {
            println!("{side} pixels a module");
            is_found(&png(drawn(&text, side)));
        }
    }

    #[test]
    fn it_may_be_light_on_dark_or_on_nothing() {
        let code = code();
        let mut inverted = code.clone();
        imageops::invert(&mut inverted);
        is_found(&png(inverted));
        let see_through = image::GrayAlphaImage::from_fn(code.width(), code.height(), |x, y| {
            let dark = code.get_pixel(x, y).0[0] < 128;
            LumaA([0, if dark { 255 } else { 0 }])
        });
        is_found(&png(DynamicImage::ImageLumaA8(see_through)));
        let colored = RgbaImage::from_fn(code.width(), code.height(), |x, y| {
            let dark = code.get_pixel(x, y).0[0] < 128;
            Rgba(if dark {
                [0x16, 0x31, 0x3A, 255]
            } else {
                [0xF6, 0xEF, 0xE2, 255]
            })
        });
        is_found(&png(colored));
    }

    #[test]
    fn it_may_be_compressed_until_one_sees_it() {
        for quality in [90, 60, 35] {
            println!("quality {quality}");
            is_found(&jpeg(&code(), quality));
        }
    }

    /// A picture of 900×700 with shapes all over it, a code among them, and grain on everything.
    fn among_others(code: &GrayImage, seed: u64) -> GrayImage {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut picture = GrayImage::from_pixel(900, 700, Luma([235]));
        for _ in 0..50 {
            let (x, y) = (rng.random_range(0..880_u32), rng.random_range(0..680_u32));
            let (width, height) = (rng.random_range(8..120_u32), rng.random_range(8..120_u32));
            let shade = rng.random_range(20..120_u8);
            for x in x..(x + width).min(900) {
                for y in y..(y + height).min(700) {
                    picture.put_pixel(x, y, Luma([shade]));
                }
            }
        }
        imageops::replace(&mut picture, code, 310, 190);
        for pixel in picture.pixels_mut() {
            let grain = rng.random_range(-8..=8_i16);
            pixel.0[0] = (i16::from(pixel.0[0]) + grain).clamp(0, 255) as u8;
        }
        picture
    }

    #[test]
    fn it_may_be_among_other_things() {
        let code = code();
        for seed in 1..=3 {
            println!("seed {seed}");
            let picture = among_others(&code, seed);
            is_found(&png(picture.clone()));
            is_found(&jpeg(&picture, 60));
        }
    }

    #[test]
    fn of_two_codes_the_invite_is_taken() {
        let other = drawn("https://example.org/", 6);
        let code = code();
        let width = other.width() + code.width();
        let mut both = GrayImage::from_pixel(width, code.height(), Luma([255]));
        imageops::replace(&mut both, &other, 0, 0);
        imageops::replace(&mut both, &code, i64::from(other.width()), 0);
        is_found(&png(both));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |file: &[u8]| Invite::in_picture(file).unwrap_err();
        for file in [&b""[..], b"twocan", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"] {
            assert_eq!(wrong(file), InvitePictureError::NotAPicture, "{file:?}");
        }
        let whole = png(code());
        assert_eq!(
            wrong(&whole[..whole.len() / 2]),
            InvitePictureError::NotAPicture
        );
        let empty = GrayImage::from_pixel(200, 100, Luma([255]));
        assert_eq!(wrong(&png(empty)), InvitePictureError::NoCode);
        let web = png(drawn("https://example.org/", 6));
        assert_eq!(wrong(&web), InvitePictureError::OtherCode);
        let cut = invite().to_string();
        let cut = png(drawn(&cut[..cut.len() - 1], 6));
        assert_eq!(wrong(&cut), InviteError::Incomplete.into());
    }

    #[test]
    fn what_would_take_too_much_is_refused_by_its_first_bytes() {
        let wrong = |file: &[u8]| Invite::in_picture(file).unwrap_err();
        let long = vec![0; MAX_PICTURE_BYTES + 1];
        assert_eq!(wrong(&long), InvitePictureError::TooLarge);
        let wide = GrayImage::new(MAX_SIDE + 1, 1);
        assert_eq!(wrong(&png(wide)), InvitePictureError::TooLarge);

        // A small file that says that it is a huge picture.
        let mut bomb = jpeg(&code(), 60);
        let frame = bomb.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        // After the marker, a length of two bytes and a depth of one.
        bomb[frame + 5..frame + 9].fill(0xFF);
        assert_eq!(wrong(&bomb), InvitePictureError::TooLarge);
        let mut bomb = png(code());
        // After the signature, the length and the name of the chunk; and what checks it.
        bomb[16..20].copy_from_slice(&65_535_u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&65_535_u32.to_be_bytes());
        let check = crc(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&check.to_be_bytes());
        assert_eq!(wrong(&bomb), InvitePictureError::TooLarge);
    }

    /// As in the specification of PNG.
    fn crc(bytes: &[u8]) -> u32 {
        let bit = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
        let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| bit(crc));
        !bytes.iter().fold(!0, byte)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Invite::in_picture(&bytes);
            let _ = Invite::in_picture(&[&b"\x89PNG\r\n\x1a\n"[..], &bytes].concat());
            let _ = Invite::in_picture(&[&b"\xff\xd8\xff"[..], &bytes].concat());
        }

        #[test]
        fn any_damage_is_taken_without_a_panic(
            damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let small = drawn("twocan://a.example/", 2);
            for mut file in [png(small.clone()), jpeg(&small, 60)] {
                for (at, with) in &damage {
                    let at = at.index(file.len());
                    file[at] = *with;
                }
                let _ = Invite::in_picture(&file);
            }
        }

        #[test]
        fn any_picture_is_taken_without_a_panic(
            seed in any::<u64>(),
            width in 1..200_u32,
            height in 1..200_u32,
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            let grain = GrayImage::from_fn(width, height, |_, _| Luma([rng.random()]));
            let _ = Invite::in_picture(&png(grain));
        }
    }
}
