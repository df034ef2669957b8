//! A picture that moves: the latest frame of a [`FrameSlot`], converted from I420 and scaled by the
//! graphics card, so that the window's thread only hands the planes over.

mod gpu;
mod planes;
mod program;
mod shader;

use std::sync::Arc;
use std::time::Instant;

use eframe::egui::{self, Pos2, Rect, Vec2, pos2, vec2};

use super::pace::Pace;
use crate::playout::FrameSlot;

pub use gpu::{release_all, release_unused};

/// A crop that leaves less of a picture than this hides people: it is shown whole instead.
const LEAST_SHARE_SHOWN: f32 = 0.5;
/// Where a crop is taken from, top to bottom: faces are above the middle.
const FACE_HEIGHT: f32 = 0.25;

/// How a picture fills its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// It fills the place; what sticks out is cut off.
    #[default]
    Cover,
    /// As [`Fit::Cover`], unless too little of the picture would be left: then it is whole, over a
    /// blurred copy of itself.
    Whole,
    /// A blurred copy fills the place.
    Blurred,
}

/// Darkness for words to stand on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shade {
    /// How far it reaches from the top, in points.
    pub top: f32,
    /// How far it reaches from the bottom, in points.
    pub bottom: f32,
    /// How much of it there is, 0.0..=1.0.
    pub strength: f32,
}

/// How a picture looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// In points.
    pub corner_radius: f32,
    /// The fine light line around tiles.
    pub ring: bool,
    /// Left and right swapped, as in a mirror.
    pub mirrored: bool,
    /// 1.0 as it is, 0.0 black.
    pub brightness: f32,
    /// How it fills its place.
    pub fit: Fit,
    /// Only where it is not a tile: neither rounded, nor ringed, nor much smaller than it was.
    pub shade: Shade,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            corner_radius: 0.0,
            ring: false,
            mirrored: false,
            brightness: 1.0,
            fit: Fit::Cover,
            shade: Shade::default(),
        }
    }
}

/// A place on the graphics card for one moving picture. Belongs to the window's thread; what it
/// holds there is freed by [`release_unused`] after it was dropped.
#[derive(Debug)]
pub struct Picture {
    id: gpu::PictureId,
    followed: Option<Arc<FrameSlot>>,
}

impl Default for Picture {
    fn default() -> Self {
        Self::new()
    }
}

impl Picture {
    /// An empty place.
    pub fn new() -> Self {
        Self {
            id: gpu::PictureId::next(),
            followed: None,
        }
    }

    /// Paints the latest frame of `slot` into `rect`, and has the window painted again at the next
    /// one. `false` without a frame, or where the graphics card cannot do it: then nothing was
    /// painted, and the caller shows who it is instead.
    pub fn show(&mut self, ui: &egui::Ui, rect: Rect, slot: &Arc<FrameSlot>, look: Look) -> bool {
        self.follow(ui.ctx(), slot);
        let Some((version, frame)) = slot.latest() else {
            return false;
        };
        if !rect.is_positive() || gpu::has_failed() {
            return false;
        }
        let size = vec2(frame.width() as f32, frame.height() as f32);
        for layer in layers(size, rect, look) {
            gpu::paint(ui.painter(), self.id, version, frame.clone(), layer);
        }
        true
    }

    /// Once for each slot: a new frame wakes the window, at its [`Pace`].
    fn follow(&mut self, context: &egui::Context, slot: &Arc<FrameSlot>) {
        let known = self
            .followed
            .as_ref()
            .is_some_and(|followed| Arc::ptr_eq(followed, slot));
        if !known {
            let film = Pace::of(context).film(Instant::now());
            let context = context.clone();
            slot.on_publish(move || context.request_repaint_after(film.next(Instant::now())));
            self.followed = Some(slot.clone());
        }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        gpu::forget(self.id);
    }
}

/// One thing to paint: a part of a picture in a place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Layer {
    /// In points.
    rect: Rect,
    /// The part shown, 0.0..=1.0 both ways; negative width where it is mirrored.
    crop: Crop,
    /// In points.
    corner_radius: f32,
    ring: bool,
    brightness: f32,
    blurred: bool,
    shade: Shade,
    /// Where the shade begins and ends, in points.
    shaded: Rect,
}

/// A part of a picture, in shares of its sides.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Crop {
    origin: Pos2,
    size: Vec2,
}

impl Crop {
    /// The largest part of a picture of `size` that has the shape of `place`.
    fn covering(size: Vec2, place: Vec2) -> Self {
        let shape = (place.x / place.y) / (size.x / size.y);
        let shown = vec2(shape.min(1.0), shape.recip().min(1.0));
        Self {
            origin: pos2((1.0 - shown.x) / 2.0, (1.0 - shown.y) * FACE_HEIGHT),
            size: shown,
        }
    }

    /// All of it.
    const WHOLE: Self = Self {
        origin: Pos2::ZERO,
        size: Vec2::splat(1.0),
    };

    fn mirrored(self) -> Self {
        Self {
            origin: pos2(self.origin.x + self.size.x, self.origin.y),
            size: vec2(-self.size.x, self.size.y),
        }
    }

    fn share(self) -> f32 {
        (self.size.x * self.size.y).abs()
    }
}

/// The largest place of the shape of `size` in the middle of `place`.
fn whole_within(size: Vec2, place: Rect) -> Rect {
    let scale = (place.width() / size.x).min(place.height() / size.y);
    Rect::from_center_size(place.center(), size * scale)
}

fn layers(size: Vec2, rect: Rect, look: Look) -> Vec<Layer> {
    let side = |crop: Crop| if look.mirrored { crop.mirrored() } else { crop };
    let cover = Layer {
        rect,
        crop: side(Crop::covering(size, rect.size())),
        corner_radius: look.corner_radius,
        ring: look.ring,
        brightness: look.brightness,
        blurred: look.fit == Fit::Blurred,
        shade: look.shade,
        shaded: rect,
    };
    if look.fit != Fit::Whole || cover.crop.share() >= LEAST_SHARE_SHOWN {
        return vec![cover];
    }
    let behind = Layer {
        brightness: look.brightness * 0.45,
        blurred: true,
        ..cover
    };
    let whole = Layer {
        rect: whole_within(size, rect),
        crop: side(Crop::WHOLE),
        corner_radius: 0.0,
        ..cover
    };
    vec![behind, whole]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::VideoFrame;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    fn place(width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(10.0, 20.0), vec2(width, height))
    }

    #[test]
    fn a_wide_picture_in_a_tall_place_loses_its_sides_evenly() {
        let crop = Crop::covering(vec2(1280.0, 720.0), vec2(720.0, 720.0));
        assert!((crop.size.x - 0.5625).abs() < 1e-6);
        assert_eq!(crop.size.y, 1.0);
        assert!((crop.origin.x - 0.21875).abs() < 1e-6);
    }

    #[test]
    fn a_tall_picture_in_a_wide_place_keeps_the_face() {
        let crop = Crop::covering(vec2(720.0, 1280.0), vec2(720.0, 720.0));
        assert_eq!(crop.size.x, 1.0);
        assert!(crop.origin.y < (1.0 - crop.size.y) / 2.0);
        assert!(crop.origin.y + crop.size.y <= 1.0);
    }

    #[test]
    fn mirroring_reads_the_same_part_from_the_other_side() {
        let crop = Crop::covering(vec2(1280.0, 720.0), vec2(100.0, 100.0));
        let mirrored = crop.mirrored();
        assert_eq!(mirrored.origin.x, crop.origin.x + crop.size.x);
        assert!((mirrored.origin.x + mirrored.size.x - crop.origin.x).abs() < 1e-6);
    }

    #[test]
    fn a_picture_that_hardly_fits_is_shown_whole_over_a_blur_of_itself() {
        let look = Look {
            fit: Fit::Whole,
            ..Look::default()
        };
        assert_eq!(
            layers(vec2(1280.0, 720.0), place(980.0, 680.0), look).len(),
            1
        );
        let both = layers(vec2(720.0, 1280.0), place(980.0, 680.0), look);
        assert_eq!(both.len(), 2);
        assert!(both[0].blurred && both[0].rect == place(980.0, 680.0));
        assert!(!both[1].blurred && both[1].crop == Crop::WHOLE);
        assert!((both[1].rect.aspect_ratio() - 720.0 / 1280.0).abs() < 1e-5);
        assert!((both[1].rect.height() - 680.0).abs() < 1e-3);
    }

    #[test]
    fn without_a_frame_it_says_so_and_each_new_frame_repaints_once() {
        let slot = Arc::new(FrameSlot::new());
        let woken = Arc::new(AtomicU32::new(0));
        let mut picture = Picture::new();
        let mut shown = Vec::new();
        let context = egui::Context::default();
        context.set_request_repaint_callback({
            let woken = woken.clone();
            move |_| {
                woken.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..2 {
            // A window that has just opened paints itself a few times.
            for _ in 0..4 {
                let mut output = context.run_ui(egui::RawInput::default(), |ui| {
                    shown.push(picture.show(ui, place(100.0, 100.0), &slot, Look::default()));
                });
                output.textures_delta.clear();
            }
            woken.store(0, Ordering::Relaxed);
            slot.publish(Arc::new(VideoFrame::black(16, 16, Instant::now())));
            assert_eq!(woken.load(Ordering::Relaxed), 1);
        }
        assert_eq!(shown.first(), Some(&false));
        assert_eq!(shown.last(), Some(&true));
    }
}
