//! The pictures that come with the program.

use eframe::egui::{ColorImage, Context, Id, TextureFilter, TextureHandle, TextureOptions};

const ICON: &[u8] = include_bytes!("../../assets/icon.png");
const TOUCAN: &[u8] = include_bytes!("../../assets/toucan.png");

/// The program's mark.
pub fn icon(ctx: &Context) -> TextureHandle {
    texture(ctx, "icon", ICON)
}

/// The hero.
pub fn toucan(ctx: &Context) -> TextureHandle {
    texture(ctx, "toucan", TOUCAN)
}

/// For the window's frame and the task bar.
pub fn window_icon() -> eframe::egui::IconData {
    let image = decode(ICON);
    eframe::egui::IconData {
        width: image.size[0] as u32,
        height: image.size[1] as u32,
        rgba: image
            .pixels
            .iter()
            .flat_map(|pixel| pixel.to_srgba_unmultiplied())
            .collect(),
    }
}

/// Decoded at the first use, then kept.
fn texture(ctx: &Context, name: &'static str, png: &'static [u8]) -> TextureHandle {
    let id = Id::unique(("asset", name));
    if let Some(texture) = ctx.data(|data| data.get_temp::<TextureHandle>(id)) {
        return texture;
    }
    let options = TextureOptions {
        mipmap_mode: Some(TextureFilter::Linear),
        ..TextureOptions::LINEAR
    };
    let texture = ctx.load_texture(name, decode(png), options);
    ctx.data_mut(|data| data.insert_temp(id, texture.clone()));
    texture
}

/// Our own RGBA pictures; anything else is an empty one, which a test rules out.
fn decode(png: &'static [u8]) -> ColorImage {
    let decoded = || -> Option<ColorImage> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png))
            .read_info()
            .ok()?;
        let mut pixels = vec![0; reader.output_buffer_size()?];
        let info = reader.next_frame(&mut pixels).ok()?;
        if info.color_type != png::ColorType::Rgba || info.bit_depth != png::BitDepth::Eight {
            return None;
        }
        let size = [info.width as usize, info.height as usize];
        pixels.truncate(info.buffer_size());
        Some(ColorImage::from_rgba_unmultiplied(size, &pixels))
    };
    decoded().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_that_come_with_the_program_are_whole() {
        assert_eq!(decode(ICON).size, [256, 256]);
        assert_eq!(decode(TOUCAN).size, [738, 492]);
        let icon = window_icon();
        assert_eq!(icon.rgba.len(), 256 * 256 * 4);
    }
}
