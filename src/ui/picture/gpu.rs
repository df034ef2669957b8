//! The thin wrapper over OpenGL. What lies on the graphics card belongs to the thread that paints,
//! so it is kept there.
//!
//! `unsafe` here has one reason throughout: each call of `glow` needs the context it was made for to
//! be current on this thread. [`paint`]'s callback runs while egui paints with just this context,
//! and [`release_unused`] and [`release_all`] ask the same of their callers. No pointer is handed
//! over but slices that live through the call, with the lengths that the sizes beside them say:
//! a [`VideoFrame`] is always as long as its size demands.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use eframe::egui::{self, PaintCallbackInfo};
use eframe::egui_glow::{CallbackFn, Painter};
use eframe::glow;

use super::Layer;
use super::planes::OnCard;
use super::program::{Place, Programs};
use crate::media::VideoFrame;

/// Which picture: never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PictureId(u64);

impl PictureId {
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

thread_local! {
    static CARD: RefCell<Card> = RefCell::default();
}

/// What this thread keeps on the graphics card.
#[derive(Default)]
struct Card {
    programs: Option<Programs>,
    failed: bool,
    pictures: HashMap<PictureId, OnCard>,
    forgotten: Vec<PictureId>,
}

/// The graphics card cannot do it; said once in the log.
pub(super) fn has_failed() -> bool {
    CARD.with_borrow(|card| card.failed)
}

/// What `id` holds may be freed.
pub(super) fn forget(id: PictureId) {
    // At the end of a thread there is nothing left to note it in, and nothing left to free.
    let _ = CARD.try_with(|card| card.borrow_mut().forgotten.push(id));
}

/// Frees what dropped pictures held on the graphics card. `gl` must be the window's context, current
/// on this thread: call it from the app's `ui`.
pub fn release_unused(gl: &glow::Context) {
    CARD.with_borrow_mut(|card| {
        for id in std::mem::take(&mut card.forgotten) {
            if let Some(picture) = card.pictures.remove(&id) {
                picture.free(gl);
            }
        }
    });
}

/// Frees everything on the graphics card, as [`release_unused`] does: call it from the app's `on_exit`.
pub fn release_all(gl: &glow::Context) {
    CARD.with_borrow_mut(|card| {
        card.forgotten.clear();
        for (_, picture) in card.pictures.drain() {
            picture.free(gl);
        }
        if let Some(programs) = card.programs.take() {
            programs.free(gl);
        }
    });
}

/// Has egui call us back when it comes to paint this layer.
pub(super) fn paint(
    painter: &egui::Painter,
    id: PictureId,
    version: u64,
    frame: Arc<VideoFrame>,
    layer: Layer,
) {
    let callback = CallbackFn::new(move |info, painter| {
        CARD.with_borrow_mut(|card| card.paint(painter, &info, id, version, &frame, &layer));
    });
    painter.add(egui::PaintCallback {
        rect: layer.rect,
        callback: Arc::new(callback),
    });
}

impl Card {
    fn paint(
        &mut self,
        painter: &Painter,
        info: &PaintCallbackInfo,
        id: PictureId,
        version: u64,
        frame: &VideoFrame,
        layer: &Layer,
    ) {
        if self.failed {
            return;
        }
        if let Err(error) = self.try_paint(painter, info, id, version, frame, layer) {
            self.failed = true;
            tracing::error!("the graphics card cannot show pictures: {error}");
        }
    }

    fn try_paint(
        &mut self,
        painter: &Painter,
        info: &PaintCallbackInfo,
        id: PictureId,
        version: u64,
        frame: &VideoFrame,
        layer: &Layer,
    ) -> Result<(), String> {
        let gl: &glow::Context = painter.gl();
        let side = frame.width().max(frame.height()) as usize;
        if side > painter.max_texture_side() {
            return Err(format!("a picture {side} pixels long is too large for it"));
        }
        let programs = match &mut self.programs {
            Some(programs) => programs,
            empty => empty.insert(Programs::new(gl)?),
        };
        let picture = match self.pictures.entry(id) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(OnCard::new(gl, programs.bytes)?)
            }
        };
        picture.upload(gl, version, frame);
        let place = Place::of(info, layer);
        if layer.blurred {
            picture.blur(gl, programs, painter.intermediate_fbo())?;
            place.enter(gl);
            programs.enlarge(gl, picture, layer);
        } else {
            place.enter(gl);
            programs.picture(gl, picture, &place, layer);
        }
        Ok(())
    }
}
