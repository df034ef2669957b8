//! Portraits as textures: each is taken apart when it is first seen, and kept for as long as it is.

use eframe::egui::{
    ColorImage, Context, Id, TextureFilter, TextureHandle, TextureId, TextureOptions,
};

use crate::trust::Portrait;

/// More are not seen at once.
const MOST: usize = 64;
/// Not seen for so many frames, one makes room for another.
const UNSEEN: u64 = 600;

/// Those that were seen lately.
#[derive(Clone, Default)]
struct Album(Vec<Seen>);

#[derive(Clone)]
struct Seen {
    portrait: Portrait,
    /// None for one that cannot be drawn, which is not tried again.
    texture: Option<TextureHandle>,
    /// The frame in which it was last seen.
    at: u64,
}

/// `portrait` to be painted; none if it cannot be drawn.
pub fn texture(ctx: &Context, portrait: &Portrait) -> Option<TextureId> {
    let id = Id::unique("portraits");
    let now = ctx.cumulative_pass_nr_for(eframe::egui::ViewportId::ROOT);
    let known = ctx.data_mut(|data| {
        let album = data.get_temp_mut_or_default::<Album>(id);
        let known = album.0.iter_mut().find(|seen| seen.portrait == *portrait)?;
        known.at = now;
        Some(known.texture.as_ref().map(TextureHandle::id))
    });
    known.unwrap_or_else(|| {
        let texture = load(ctx, portrait);
        let shown = texture.as_ref().map(TextureHandle::id);
        let seen = Seen {
            portrait: portrait.clone(),
            texture,
            at: now,
        };
        ctx.data_mut(|data| {
            let album = data.get_temp_mut_or_default::<Album>(id);
            album.take(seen);
        });
        shown
    })
}

impl Album {
    fn take(&mut self, new: Seen) {
        self.0
            .retain(|seen| new.at.saturating_sub(seen.at) < UNSEEN);
        if self.0.len() == MOST {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, seen)| seen.at);
            if let Some((oldest, _)) = oldest {
                self.0.swap_remove(oldest);
            }
        }
        self.0.push(new);
    }
}

fn load(ctx: &Context, portrait: &Portrait) -> Option<TextureHandle> {
    let pixels = portrait.pixels()?;
    let image = ColorImage::from_rgba_unmultiplied([Portrait::SIDE as usize; 2], &pixels);
    let options = TextureOptions {
        mipmap_mode: Some(TextureFilter::Linear),
        ..TextureOptions::LINEAR
    };
    Some(ctx.load_texture("portrait", image, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_loaded_once_and_there_is_an_end_of_them() {
        let ctx = Context::default();
        let before = ctx.tex_manager().read().num_allocated();
        let loaded = || ctx.tex_manager().read().num_allocated() - before;
        let maya = Portrait::plain([200, 30, 40]);
        let first = texture(&ctx, &maya);
        assert!(first.is_some());
        assert_eq!(texture(&ctx, &maya.clone()), first);
        assert_eq!(loaded(), 1);
        for number in 0..100_u8 {
            texture(&ctx, &Portrait::plain([2 * number, 60, 190]));
        }
        assert_eq!(loaded(), MOST);
    }
}
