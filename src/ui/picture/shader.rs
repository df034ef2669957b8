//! What runs on the graphics card, for each dialect that egui's own painter supports.

use eframe::egui_glow::ShaderVersion;

/// One quad; its corner 0,0 is the top left.
const VERTEX: &str = "
IN vec2 a_corner;
OUT vec2 v_corner;
void main() {
    v_corner = a_corner;
    gl_Position = vec4(a_corner.x * 2.0 - 1.0, 1.0 - a_corner.y * 2.0, 0.0, 1.0);
}
";

/// I420 to RGB (ITU-R BT.601, limited range).
const CONVERT: &str = "
uniform sampler2D u_luma;
uniform sampler2D u_cb;
uniform sampler2D u_cr;
uniform vec2 u_crop_origin;
uniform vec2 u_crop_size;
uniform vec2 u_chroma_scale;
uniform float u_brightness;
IN vec2 v_corner;

vec2 sample_chroma(vec2 at) {
    vec2 chroma_at = at * u_chroma_scale;
    return vec2(SAMPLE(u_cb, chroma_at).r, SAMPLE(u_cr, chroma_at).r);
}

vec3 to_rgb(vec3 yuv) {
    vec3 from_black = yuv - vec3(16.0, 128.0, 128.0) / 255.0;
    float luma = from_black.x * 1.164384;
    return clamp(vec3(
        luma + 1.596027 * from_black.z,
        luma - 0.391762 * from_black.y - 0.812968 * from_black.z,
        luma + 2.017232 * from_black.y), 0.0, 1.0) * u_brightness;
}
";

/// The darkness at the top and the bottom that words stand on. It costs nothing here; as a mesh of
/// its own it would be half of the work of painting the window without a graphics card.
const SHADE: &str = "
uniform vec2 u_shade_span;
uniform vec2 u_shade_size;
uniform vec2 u_shade_strength;

float shade(float corner) {
    float from_top = u_shade_span.x + corner * u_shade_span.y;
    float from_bottom = 1.0 - from_top;
    vec2 near = clamp(1.0 - vec2(from_top, from_bottom) / u_shade_size, 0.0, 1.0);
    vec2 light = 1.0 - near * u_shade_strength;
    return light.x * light.y;
}
";

/// A picture about as large as it is, in a plain rectangle: the stage. Without a graphics card this
/// is where the time goes, so there is nothing in it that can be left out.
const PLAIN: &str = "
void main() {
    vec2 at = u_crop_origin + u_crop_size * v_corner;
    vec3 yuv = vec3(SAMPLE(u_luma, at).r, sample_chroma(at));
    COLOR = vec4(to_rgb(yuv) * shade(v_corner.y), 1.0);
}
";

/// A picture scaled down by averaging `u_taps`² samples a pixel, a quarter as many of chroma, within
/// a rounded rectangle given by its signed distance, with a line along its edge.
const TILE: &str = "
uniform vec2 u_place;
uniform float u_taps;
uniform float u_chroma_taps;
uniform float u_radius;
uniform float u_ring;

vec2 tap(int column, int row, float taps) {
    vec2 within = (vec2(float(column), float(row)) + 0.5) / taps - 0.5;
    return u_crop_origin + u_crop_size * (v_corner + within / u_place);
}

void main() {
    float luma = 0.0;
    for (int row = 0; row < 8; row++) {
        if (float(row) >= u_taps) { break; }
        for (int column = 0; column < 8; column++) {
            if (float(column) >= u_taps) { break; }
            luma += SAMPLE(u_luma, tap(column, row, u_taps)).r;
        }
    }
    vec2 chroma = vec2(0.0);
    for (int row = 0; row < 4; row++) {
        if (float(row) >= u_chroma_taps) { break; }
        for (int column = 0; column < 4; column++) {
            if (float(column) >= u_chroma_taps) { break; }
            chroma += sample_chroma(tap(column, row, u_chroma_taps));
        }
    }
    vec3 rgb = to_rgb(vec3(
        luma / (u_taps * u_taps),
        chroma / (u_chroma_taps * u_chroma_taps)));

    vec2 outside = abs(v_corner - 0.5) * u_place - u_place * 0.5 + u_radius;
    float edge = length(max(outside, 0.0)) + min(max(outside.x, outside.y), 0.0) - u_radius;
    float ring = clamp(edge + u_ring + 0.5, 0.0, 1.0) * step(0.001, u_ring);
    float cover = clamp(0.5 - edge, 0.0, 1.0);
    COLOR = vec4(mix(rgb, vec3(1.0), 0.28 * ring) * cover, cover);
}
";

/// One direction of a Gaussian over nine samples. A texture that was painted has its first row at
/// the bottom, so it is read upside down.
const BLUR: &str = "
uniform sampler2D u_image;
uniform vec2 u_step;
IN vec2 v_corner;

void main() {
    vec2 at = vec2(v_corner.x, 1.0 - v_corner.y);
    vec3 sum = SAMPLE(u_image, at).rgb * 0.2042;
    sum += (SAMPLE(u_image, at + u_step).rgb + SAMPLE(u_image, at - u_step).rgb) * 0.1802;
    sum += (SAMPLE(u_image, at + 2.0 * u_step).rgb + SAMPLE(u_image, at - 2.0 * u_step).rgb) * 0.1238;
    sum += (SAMPLE(u_image, at + 3.0 * u_step).rgb + SAMPLE(u_image, at - 3.0 * u_step).rgb) * 0.0663;
    sum += (SAMPLE(u_image, at + 4.0 * u_step).rgb + SAMPLE(u_image, at - 4.0 * u_step).rgb) * 0.0276;
    COLOR = vec4(sum, 1.0);
}
";

/// The small blurred copy drawn large: a cubic B-spline from four linear samples, so that no grid
/// of the few pixels shows.
const ENLARGE: &str = "
uniform sampler2D u_image;
uniform vec2 u_image_size;
uniform vec2 u_crop_origin;
uniform vec2 u_crop_size;
uniform float u_brightness;
IN vec2 v_corner;

void main() {
    vec2 at = u_crop_origin + u_crop_size * v_corner;
    vec2 pixel = vec2(at.x, 1.0 - at.y) * u_image_size - 0.5;
    vec2 part = fract(pixel);
    vec2 base = pixel - part;
    vec2 rest = 1.0 - part;
    vec2 first = rest * rest * rest / 6.0;
    vec2 last = part * part * part / 6.0;
    vec2 second = 2.0 / 3.0 - 0.5 * part * part * (2.0 - part);
    vec2 low = first + second;
    vec2 high = 1.0 - low;
    vec2 low_at = (base - 0.5 + second / low) / u_image_size;
    vec2 high_at = (base + 1.5 + last / high) / u_image_size;
    vec3 rgb = high.y * (high.x * SAMPLE(u_image, high_at).rgb
            + low.x * SAMPLE(u_image, vec2(low_at.x, high_at.y)).rgb)
        + low.y * (high.x * SAMPLE(u_image, vec2(high_at.x, low_at.y)).rgb
            + low.x * SAMPLE(u_image, low_at).rgb);
    // Half a step of noise hides the bands of a dark, slow gradient.
    float noise = fract(sin(dot(gl_FragCoord.xy, vec2(12.9898, 78.233))) * 43758.5453) - 0.5;
    COLOR = vec4(rgb * u_brightness * shade(v_corner.y) + noise / 255.0, 1.0);
}
";

/// What a fragment shader is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fragment {
    Plain,
    Tile,
    Blur,
    Enlarge,
}

/// The whole vertex shader.
pub(super) fn vertex(version: ShaderVersion) -> String {
    let names = if version.is_new_shader_interface() {
        "#define IN in\n#define OUT out\n"
    } else {
        "#define IN attribute\n#define OUT varying\n"
    };
    format!("{}{names}{VERTEX}", version.version_declaration())
}

/// The whole fragment shader.
pub(super) fn fragment(version: ShaderVersion, fragment: Fragment) -> String {
    let precision = if version.is_embedded() {
        "#ifdef GL_FRAGMENT_PRECISION_HIGH\nprecision highp float;\n#else\nprecision mediump float;\n#endif\n"
    } else {
        ""
    };
    let names = if version.is_new_shader_interface() {
        "#define IN in\n#define SAMPLE texture\n#define COLOR color\nout vec4 color;\n"
    } else {
        "#define IN varying\n#define SAMPLE texture2D\n#define COLOR gl_FragColor\n"
    };
    let body = match fragment {
        Fragment::Plain => [CONVERT, SHADE, PLAIN].concat(),
        Fragment::Tile => [CONVERT, TILE].concat(),
        Fragment::Blur => BLUR.to_owned(),
        Fragment::Enlarge => [SHADE, ENLARGE].concat(),
    };
    format!("{}{precision}{names}{body}", version.version_declaration())
}
