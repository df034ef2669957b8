use std::time::Instant;

/// The size of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resolution {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// A picture in I420: three planes without padding, chroma halved both ways (rounded up), BT.601 limited range.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoFrame {
    width: u32,
    height: u32,
    data: Vec<u8>,
    /// When it was captured; for received pictures, when it is to be shown.
    pub captured_at: Instant,
}

impl VideoFrame {
    /// The largest width or height that is taken from anyone.
    pub const MAX_SIDE: u32 = 8_192;

    /// Bytes of a picture of this size: luma, then both chroma planes.
    pub fn size_of(width: u32, height: u32) -> usize {
        let (cw, ch) = (width.div_ceil(2) as usize, height.div_ceil(2) as usize);
        width as usize * height as usize + 2 * cw * ch
    }

    /// A picture from its three planes, one after the other; `None` if a side is 0 or over
    /// [`Self::MAX_SIDE`], or `data` is not exactly [`Self::size_of`] long.
    pub fn new(width: u32, height: u32, data: Vec<u8>, captured_at: Instant) -> Option<Self> {
        let sides_fit =
            (1..=Self::MAX_SIDE).contains(&width) && (1..=Self::MAX_SIDE).contains(&height);
        (sides_fit && data.len() == Self::size_of(width, height)).then_some(Self {
            width,
            height,
            data,
            captured_at,
        })
    }

    /// A black picture; sides are clamped to 1..=[`Self::MAX_SIDE`].
    pub fn black(width: u32, height: u32, captured_at: Instant) -> Self {
        let (width, height) = (
            width.clamp(1, Self::MAX_SIDE),
            height.clamp(1, Self::MAX_SIDE),
        );
        let mut data = vec![128; Self::size_of(width, height)];
        data[..width as usize * height as usize].fill(16);
        Self {
            width,
            height,
            data,
            captured_at,
        }
    }

    /// In pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Width and height.
    pub fn resolution(&self) -> Resolution {
        Resolution {
            width: self.width,
            height: self.height,
        }
    }

    /// Bytes in a row of either chroma plane.
    pub fn chroma_width(&self) -> usize {
        self.width.div_ceil(2) as usize
    }

    /// Rows of either chroma plane.
    pub fn chroma_height(&self) -> usize {
        self.height.div_ceil(2) as usize
    }

    /// All three planes, one after the other.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Luma, Cb and Cr.
    pub fn planes(&self) -> (&[u8], &[u8], &[u8]) {
        let (y, chroma) = self
            .data
            .split_at(self.width as usize * self.height as usize);
        let (u, v) = chroma.split_at(self.chroma_width() * self.chroma_height());
        (y, u, v)
    }

    /// Luma, Cb and Cr, to be painted on.
    pub fn planes_mut(&mut self) -> (&mut [u8], &mut [u8], &mut [u8]) {
        let chroma_size = self.chroma_width() * self.chroma_height();
        let (y, chroma) = self
            .data
            .split_at_mut(self.width as usize * self.height as usize);
        let (u, v) = chroma.split_at_mut(chroma_size);
        (y, u, v)
    }
}
