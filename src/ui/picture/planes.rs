//! The planes of a picture, and its small blurred copy, on the graphics card. On `unsafe` see
//! [`super::gpu`].

use eframe::egui::{Rect, Vec2, vec2};
use eframe::glow::{self, HasContext};

use super::program::{ByteFormat, Place, Programs};
use super::{Crop, Layer, Shade};
use crate::media::VideoFrame;

/// Width of the blurred copy, in pixels.
const SMALL_WIDTH: u32 = 72;
/// The largest the blurred copy may be high: a picture can be very tall.
const SMALL_HEIGHT_MAX: u32 = 128;

/// One picture's planes, and its blurred copy if that is shown.
pub(super) struct OnCard {
    planes: [glow::Texture; 3],
    bytes: ByteFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    version: Option<u64>,
    pub(super) small: Option<Small>,
}

impl OnCard {
    pub(super) fn new(gl: &glow::Context, bytes: ByteFormat) -> Result<Self, String> {
        Ok(Self {
            planes: [new_texture(gl)?, new_texture(gl)?, new_texture(gl)?],
            bytes,
            width: 0,
            height: 0,
            version: None,
            small: None,
        })
    }

    /// Hands over the planes, once for each version.
    pub(super) fn upload(&mut self, gl: &glow::Context, version: u64, frame: &VideoFrame) {
        if self.version == Some(version) {
            return;
        }
        let same_size = (self.width, self.height) == (frame.width(), frame.height());
        let (y, u, v) = frame.planes();
        let (width, height) = (frame.width() as i32, frame.height() as i32);
        let chroma = (frame.chroma_width() as i32, frame.chroma_height() as i32);
        let planes = [
            (y, width, height),
            (u, chroma.0, chroma.1),
            (v, chroma.0, chroma.1),
        ];
        for (texture, (bytes, width, height)) in self.planes.iter().zip(planes) {
            bind(gl, 0, *texture);
            let pixels = glow::PixelUnpackData::Slice(Some(bytes));
            // SAFETY: see `gpu`; the slice is as long as the plane is large.
            unsafe {
                gl.pixel_store_i32(glow::UNPACK_ALIGNMENT, 1);
                if same_size {
                    gl.tex_sub_image_2d(
                        glow::TEXTURE_2D,
                        0,
                        0,
                        0,
                        width,
                        height,
                        self.bytes.external,
                        glow::UNSIGNED_BYTE,
                        pixels,
                    );
                } else {
                    gl.tex_image_2d(
                        glow::TEXTURE_2D,
                        0,
                        self.bytes.internal as i32,
                        width,
                        height,
                        0,
                        self.bytes.external,
                        glow::UNSIGNED_BYTE,
                        pixels,
                    );
                }
            }
        }
        (self.width, self.height) = (frame.width(), frame.height());
        self.version = Some(version);
    }

    pub(super) fn bind_planes(&self, gl: &glow::Context) {
        // Luma last, so that unit 0 stays the active one.
        for unit in [2, 1, 0] {
            bind(gl, unit, self.planes[unit as usize]);
        }
    }

    /// Chroma planes of odd pictures reach half a pixel beyond luma.
    pub(super) fn chroma_scale(&self) -> Vec2 {
        let scale = |side: u32| side as f32 / (2 * side.div_ceil(2)).max(1) as f32;
        vec2(scale(self.width), scale(self.height))
    }

    /// Brings the small blurred copy up to date.
    pub(super) fn blur(
        &mut self,
        gl: &glow::Context,
        programs: &Programs,
        screen: Option<glow::Framebuffer>,
    ) -> Result<(), String> {
        let height = (self.height * SMALL_WIDTH / self.width.max(1)).clamp(1, SMALL_HEIGHT_MAX);
        if self
            .small
            .as_ref()
            .is_none_or(|small| small.height != height)
        {
            if let Some(old) = self.small.take() {
                old.free(gl);
            }
            self.small = Some(Small::new(gl, height, screen)?);
        }
        let Some(small) = &self.small else {
            return Ok(());
        };
        if small.version == self.version {
            return Ok(());
        }
        let place = Place {
            left: 0,
            bottom: 0,
            size: small.size(),
            pixels_per_point: 1.0,
        };
        let whole = Layer {
            rect: Rect::ZERO,
            crop: Crop::WHOLE,
            corner_radius: 0.0,
            ring: false,
            brightness: 1.0,
            blurred: false,
            shade: Shade::default(),
            shaded: Rect::ZERO,
        };
        place.enter(gl);
        // SAFETY: see `gpu`. egui's state is put back below; its viewport by `enter`.
        unsafe {
            gl.disable(glow::SCISSOR_TEST);
            gl.disable(glow::BLEND);
        }
        small.paint_into(gl, small.kept);
        programs.picture(gl, self, &place, &whole);
        let passes = [
            (small.kept, small.other, vec2(1.0 / place.size.x, 0.0)),
            (small.other, small.kept, vec2(0.0, 1.0 / place.size.y)),
        ];
        for (from, to, step) in passes {
            small.paint_into(gl, to);
            programs.blur.enter(gl);
            bind(gl, 0, from);
            programs.blur.integer(gl, "u_image", 0);
            programs.blur.pair(gl, "u_step", step);
            programs.fill(gl);
        }
        // SAFETY: as above.
        unsafe {
            gl.bind_framebuffer(glow::FRAMEBUFFER, screen);
            gl.enable(glow::SCISSOR_TEST);
            gl.enable(glow::BLEND);
        }
        let version = self.version;
        if let Some(small) = &mut self.small {
            small.version = version;
        }
        Ok(())
    }

    pub(super) fn free(self, gl: &glow::Context) {
        // SAFETY: see `gpu`.
        unsafe {
            for plane in self.planes {
                gl.delete_texture(plane);
            }
        }
        if let Some(small) = self.small {
            small.free(gl);
        }
    }
}

/// A few pixels of a picture, in RGB.
pub(super) struct Small {
    framebuffer: glow::Framebuffer,
    pub(super) kept: glow::Texture,
    other: glow::Texture,
    pub(super) height: u32,
    version: Option<u64>,
}

impl Small {
    pub(super) fn new(
        gl: &glow::Context,
        height: u32,
        screen: Option<glow::Framebuffer>,
    ) -> Result<Self, String> {
        let textures = [new_texture(gl)?, new_texture(gl)?];
        for texture in textures {
            bind(gl, 0, texture);
            // SAFETY: see `gpu`; no pixels are handed over.
            unsafe {
                gl.tex_image_2d(
                    glow::TEXTURE_2D,
                    0,
                    glow::RGBA as i32,
                    SMALL_WIDTH as i32,
                    height as i32,
                    0,
                    glow::RGBA,
                    glow::UNSIGNED_BYTE,
                    glow::PixelUnpackData::Slice(None),
                );
            }
        }
        let small = Self {
            // SAFETY: see `gpu`.
            framebuffer: unsafe { gl.create_framebuffer()? },
            kept: textures[0],
            other: textures[1],
            height,
            version: None,
        };
        small.paint_into(gl, small.kept);
        // SAFETY: as above.
        let status = unsafe { gl.check_framebuffer_status(glow::FRAMEBUFFER) };
        if status == glow::FRAMEBUFFER_COMPLETE {
            return Ok(small);
        }
        // SAFETY: as above.
        unsafe { gl.bind_framebuffer(glow::FRAMEBUFFER, screen) };
        small.free(gl);
        Err(format!("it cannot paint into a texture (0x{status:x})"))
    }

    pub(super) fn size(&self) -> Vec2 {
        vec2(SMALL_WIDTH as f32, self.height as f32)
    }

    pub(super) fn paint_into(&self, gl: &glow::Context, texture: glow::Texture) {
        // SAFETY: see `gpu`.
        unsafe {
            gl.bind_framebuffer(glow::FRAMEBUFFER, Some(self.framebuffer));
            gl.framebuffer_texture_2d(
                glow::FRAMEBUFFER,
                glow::COLOR_ATTACHMENT0,
                glow::TEXTURE_2D,
                Some(texture),
                0,
            );
        }
    }

    pub(super) fn free(self, gl: &glow::Context) {
        // SAFETY: see `gpu`.
        unsafe {
            gl.delete_framebuffer(self.framebuffer);
            gl.delete_texture(self.kept);
            gl.delete_texture(self.other);
        }
    }
}

/// A texture that is read smoothly and not beyond its edges.
pub(super) fn new_texture(gl: &glow::Context) -> Result<glow::Texture, String> {
    // SAFETY: see `gpu`.
    unsafe {
        let texture = gl.create_texture()?;
        bind(gl, 0, texture);
        for (name, value) in [
            (glow::TEXTURE_MIN_FILTER, glow::LINEAR),
            (glow::TEXTURE_MAG_FILTER, glow::LINEAR),
            (glow::TEXTURE_WRAP_S, glow::CLAMP_TO_EDGE),
            (glow::TEXTURE_WRAP_T, glow::CLAMP_TO_EDGE),
        ] {
            gl.tex_parameter_i32(glow::TEXTURE_2D, name, value as i32);
        }
        Ok(texture)
    }
}

pub(super) fn bind(gl: &glow::Context, unit: u32, texture: glow::Texture) {
    // SAFETY: see `gpu`.
    unsafe {
        gl.active_texture(glow::TEXTURE0 + unit);
        gl.bind_texture(glow::TEXTURE_2D, Some(texture));
    }
}
