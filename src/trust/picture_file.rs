//! Files of pictures, whoever made them: nothing is taken apart that would take too much.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits};

/// The largest file of a picture that is read, in bytes: 20 MiB.
pub const MAX_PICTURE_BYTES: usize = 20 << 20;
/// Longer than the sides of what any phone takes.
pub const MAX_SIDE: u32 = 8_192;

/// What a file shows.
pub struct Opened {
    /// As it lies in the file.
    pub picture: DynamicImage,
    /// How it is to be turned to stand upright.
    pub orientation: Orientation,
}

/// Why a file shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// Of no kind that is wanted, or damaged.
    NotAPicture,
    /// More than is wanted.
    TooLarge,
}

impl From<ImageError> for Unopened {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooLarge,
            _ => Self::NotAPicture,
        }
    }
}

/// Opens a file of one of these kinds, neither side longer than `max_side`.
pub fn open(file: &[u8], kinds: &[ImageFormat], max_side: u32) -> Result<Opened, Unopened> {
    unbroken(|| opened(file, kinds, max_side)).unwrap_or(Err(Unopened::NotAPicture))
}

/// Libraries for pictures have been broken by odd ones before.
pub fn unbroken<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn opened(file: &[u8], kinds: &[ImageFormat], max_side: u32) -> Result<Opened, Unopened> {
    let mut reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(|_| Unopened::NotAPicture)?;
    if !reader
        .format()
        .is_some_and(|format| kinds.contains(&format))
    {
        return Err(Unopened::NotAPicture);
    }
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(max_side);
    limits.max_image_height = Some(max_side);
    // Taken apart, four bytes for each pixel of the largest.
    limits.max_alloc = Some(4 * u64::from(max_side) * u64::from(max_side));
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok(Opened {
        picture: DynamicImage::from_decoder(decoder)?,
        orientation,
    })
}
