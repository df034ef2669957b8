//! The shaders on the graphics card. On `unsafe` see [`super::gpu`].

use std::collections::HashMap;

use eframe::egui::{PaintCallbackInfo, Vec2, vec2};
use eframe::egui_glow::ShaderVersion;
use eframe::glow::{self, HasContext};

use super::planes::{OnCard, bind};
use super::shader::{self, Fragment};
use super::{Crop, Layer};

/// The most samples a pixel, each way, when scaling down.
const MOST_TAPS: f32 = 8.0;
/// The light line around tiles, in points.
const RING_POINTS: f32 = 1.5;
/// How dark the top and the bottom are at most.
const SHADE_TOP: f32 = 0.55;
const SHADE_BOTTOM: f32 = 0.6;

/// Where on the screen, in pixels.
pub(super) struct Place {
    pub(super) left: i32,
    pub(super) bottom: i32,
    pub(super) size: Vec2,
    pub(super) pixels_per_point: f32,
}

impl Place {
    /// Unlike [`PaintCallbackInfo::viewport_in_pixels`], it may reach beyond the window.
    pub(super) fn of(info: &PaintCallbackInfo, layer: &Layer) -> Self {
        let min = (layer.rect.min * info.pixels_per_point).round();
        let max = (layer.rect.max * info.pixels_per_point).round();
        Self {
            left: min.x as i32,
            bottom: info.screen_size_px[1] as i32 - max.y as i32,
            size: max - min,
            pixels_per_point: info.pixels_per_point,
        }
    }

    pub(super) fn enter(&self, gl: &glow::Context) {
        // SAFETY: see `gpu`.
        unsafe {
            gl.viewport(
                self.left,
                self.bottom,
                self.size.x as i32,
                self.size.y as i32,
            );
        }
    }
}

/// How single bytes are kept in a texture.
#[derive(Clone, Copy)]
pub(super) struct ByteFormat {
    pub(super) internal: u32,
    pub(super) external: u32,
}

/// The shaders, and the quad that they fill.
pub(super) struct Programs {
    plain: Program,
    tile: Program,
    pub(super) blur: Program,
    pub(super) enlarge: Program,
    quad: glow::Buffer,
    quad_layout: Option<glow::VertexArray>,
    pub(super) bytes: ByteFormat,
}

impl Programs {
    pub(super) fn new(gl: &glow::Context) -> Result<Self, String> {
        let version = ShaderVersion::get(gl);
        let corners: Vec<u8> = [0.0_f32, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]
            .iter()
            .flat_map(|corner| corner.to_ne_bytes())
            .collect();
        let has_layouts = gl.version().major >= 3
            || gl
                .supported_extensions()
                .iter()
                .any(|name| name.contains("vertex_array_object"));
        let bytes = if gl.version().major >= 3 {
            ByteFormat {
                internal: glow::R8,
                external: glow::RED,
            }
        } else {
            ByteFormat {
                internal: glow::LUMINANCE,
                external: glow::LUMINANCE,
            }
        };
        // SAFETY: see `gpu`.
        unsafe {
            let quad = gl.create_buffer()?;
            gl.bind_buffer(glow::ARRAY_BUFFER, Some(quad));
            gl.buffer_data_u8_slice(glow::ARRAY_BUFFER, &corners, glow::STATIC_DRAW);
            let quad_layout = if has_layouts {
                let layout = gl.create_vertex_array()?;
                gl.bind_vertex_array(Some(layout));
                gl.vertex_attrib_pointer_f32(0, 2, glow::FLOAT, false, 8, 0);
                gl.enable_vertex_attrib_array(0);
                gl.bind_vertex_array(None);
                Some(layout)
            } else {
                None
            };
            Ok(Self {
                plain: Program::new(gl, version, Fragment::Plain)?,
                tile: Program::new(gl, version, Fragment::Tile)?,
                blur: Program::new(gl, version, Fragment::Blur)?,
                enlarge: Program::new(gl, version, Fragment::Enlarge)?,
                quad,
                quad_layout,
                bytes,
            })
        }
    }

    pub(super) fn picture(
        &self,
        gl: &glow::Context,
        on_card: &OnCard,
        place: &Place,
        layer: &Layer,
    ) {
        let pixels = vec2(on_card.width as f32, on_card.height as f32) * layer.crop.size.abs();
        // One sample covers two pixels well.
        let reduction = (pixels / place.size).max_elem();
        let taps = (reduction * 0.55).ceil().clamp(1.0, MOST_TAPS);
        let plain = taps == 1.0 && layer.corner_radius == 0.0 && !layer.ring;
        let program = if plain { &self.plain } else { &self.tile };
        program.enter(gl);
        on_card.bind_planes(gl);
        program.integer(gl, "u_luma", 0);
        program.integer(gl, "u_cb", 1);
        program.integer(gl, "u_cr", 2);
        program.crop(gl, layer.crop);
        program.pair(gl, "u_chroma_scale", on_card.chroma_scale());
        program.number(gl, "u_brightness", layer.brightness);
        if plain {
            program.shade(gl, layer);
        } else {
            let ring = if layer.ring { RING_POINTS } else { 0.0 };
            let radius = layer.corner_radius * place.pixels_per_point;
            program.pair(gl, "u_place", place.size);
            program.number(gl, "u_taps", taps);
            program.number(gl, "u_chroma_taps", (taps / 2.0).ceil());
            program.number(gl, "u_radius", radius);
            program.number(gl, "u_ring", ring * place.pixels_per_point);
        }
        self.fill(gl);
    }

    pub(super) fn enlarge(&self, gl: &glow::Context, on_card: &OnCard, layer: &Layer) {
        let Some(small) = &on_card.small else { return };
        self.enlarge.enter(gl);
        bind(gl, 0, small.kept);
        self.enlarge.integer(gl, "u_image", 0);
        self.enlarge.pair(gl, "u_image_size", small.size());
        self.enlarge.crop(gl, layer.crop);
        self.enlarge.shade(gl, layer);
        self.enlarge.number(gl, "u_brightness", layer.brightness);
        self.fill(gl);
    }

    pub(super) fn fill(&self, gl: &glow::Context) {
        // SAFETY: see `gpu`. egui puts back its own buffers after the callback.
        unsafe {
            if self.quad_layout.is_some() {
                gl.bind_vertex_array(self.quad_layout);
                gl.draw_arrays(glow::TRIANGLE_STRIP, 0, 4);
                gl.bind_vertex_array(None);
            } else {
                gl.bind_buffer(glow::ARRAY_BUFFER, Some(self.quad));
                gl.vertex_attrib_pointer_f32(0, 2, glow::FLOAT, false, 8, 0);
                gl.enable_vertex_attrib_array(0);
                gl.draw_arrays(glow::TRIANGLE_STRIP, 0, 4);
            }
        }
    }

    pub(super) fn free(self, gl: &glow::Context) {
        // SAFETY: see `gpu`.
        unsafe {
            for program in [self.plain, self.tile, self.blur, self.enlarge] {
                gl.delete_program(program.program);
            }
            gl.delete_buffer(self.quad);
            if let Some(layout) = self.quad_layout {
                gl.delete_vertex_array(layout);
            }
        }
    }
}

/// A linked shader and where its uniforms are.
pub(super) struct Program {
    program: glow::Program,
    uniforms: HashMap<String, glow::UniformLocation>,
}

impl Program {
    pub(super) fn new(
        gl: &glow::Context,
        version: ShaderVersion,
        kind: Fragment,
    ) -> Result<Self, String> {
        let sources = [
            (glow::VERTEX_SHADER, shader::vertex(version)),
            (glow::FRAGMENT_SHADER, shader::fragment(version, kind)),
        ];
        // SAFETY: see `gpu`.
        unsafe {
            let program = gl.create_program()?;
            for (stage, source) in sources {
                let shader = gl.create_shader(stage)?;
                gl.shader_source(shader, &source);
                gl.compile_shader(shader);
                if !gl.get_shader_compile_status(shader) {
                    return Err(format!("{kind:?}: {}", gl.get_shader_info_log(shader)));
                }
                gl.attach_shader(program, shader);
                // It lives on as long as the program does.
                gl.delete_shader(shader);
            }
            gl.bind_attrib_location(program, 0, "a_corner");
            gl.link_program(program);
            if !gl.get_program_link_status(program) {
                return Err(format!("{kind:?}: {}", gl.get_program_info_log(program)));
            }
            let uniforms = (0..gl.get_active_uniforms(program))
                .filter_map(|index| gl.get_active_uniform(program, index))
                .filter_map(|uniform| {
                    let location = gl.get_uniform_location(program, &uniform.name)?;
                    Some((uniform.name, location))
                })
                .collect();
            Ok(Self { program, uniforms })
        }
    }

    pub(super) fn enter(&self, gl: &glow::Context) {
        // SAFETY: see `gpu`.
        unsafe { gl.use_program(Some(self.program)) }
    }

    pub(super) fn integer(&self, gl: &glow::Context, name: &str, value: i32) {
        // SAFETY: see `gpu`; the program was entered. So too below.
        unsafe { gl.uniform_1_i32(self.uniforms.get(name), value) }
    }

    pub(super) fn number(&self, gl: &glow::Context, name: &str, value: f32) {
        unsafe { gl.uniform_1_f32(self.uniforms.get(name), value) }
    }

    pub(super) fn pair(&self, gl: &glow::Context, name: &str, value: Vec2) {
        unsafe { gl.uniform_2_f32(self.uniforms.get(name), value.x, value.y) }
    }

    fn shade(&self, gl: &glow::Context, layer: &Layer) {
        let height = layer.shaded.height().max(1.0);
        let begins = (layer.rect.top() - layer.shaded.top()) / height;
        let span = vec2(begins, layer.rect.height() / height);
        self.pair(gl, "u_shade_span", span);
        let size = vec2(layer.shade.top, layer.shade.bottom) / height;
        self.pair(gl, "u_shade_size", size.max(vec2(1e-3, 1e-3)));
        let strength = vec2(SHADE_TOP, SHADE_BOTTOM) * layer.shade.strength;
        self.pair(gl, "u_shade_strength", strength);
    }

    pub(super) fn crop(&self, gl: &glow::Context, crop: Crop) {
        self.pair(gl, "u_crop_origin", crop.origin.to_vec2());
        self.pair(gl, "u_crop_size", crop.size);
    }
}
