//! What every part of the stage looks at.

use std::time::{Duration, Instant};

use eframe::egui::{Rect, Ui};

use super::words;
use crate::engine::{
    CallStage, CallView, DeviceState, Handle, ParticipantId, ParticipantView, Quality, Snapshot,
};
use crate::media::Level;

/// Strings swing at 30 frames a second: software rendering is to be bearable, too.
const MOVING: Duration = Duration::from_millis(33);

/// One frame's worth of a call.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) call: &'a CallView,
    pub(super) handle: &'a Handle,
    /// The friend, or somebody yet to come.
    pub(super) friend: &'a ParticipantView,
    pub(super) now: Instant,
    /// The window's clock, in seconds.
    pub(super) time: f64,
    /// The part of the window that shows the friend.
    pub(super) rect: Rect,
}

/// Somebody yet to come.
pub(super) fn nobody() -> ParticipantView {
    ParticipantView {
        id: ParticipantId(u64::MAX),
        name: String::new(),
        muted: false,
        camera_on: false,
        level: Level::default(),
        hears_us: None,
        quality: Quality::Unknown,
    }
}

impl View<'_> {
    /// "Maya", or "Your friend".
    pub(super) fn friend_name(&self) -> &str {
        words::first_name(&self.friend.name)
    }

    /// Talking, now.
    pub(super) fn is_connected(&self) -> bool {
        self.call.stage == CallStage::Connected
    }

    /// The line dropped.
    pub(super) fn is_reconnecting(&self) -> bool {
        matches!(self.call.stage, CallStage::Reconnecting { .. })
    }

    /// It has connected, whether or not it is now.
    pub(super) fn was_connected(&self) -> bool {
        self.is_connected() || self.is_reconnecting()
    }

    /// Our camera runs, or is about to.
    pub(super) fn own_camera_on(&self) -> bool {
        matches!(
            self.snapshot.local.camera,
            DeviceState::On { .. } | DeviceState::Opening
        )
    }

    /// Our sound goes out.
    pub(super) fn microphone_on(&self) -> bool {
        matches!(self.snapshot.local.microphone, DeviceState::On { .. })
    }

    /// Neither side shows a picture.
    pub(super) fn is_voice_only(&self) -> bool {
        !self.friend.camera_on && !self.own_camera_on()
    }

    /// A connection is weak or gone.
    pub(super) fn is_weak(&self) -> bool {
        !self.is_connected()
            || matches!(self.friend.quality, Quality::TheirsWeak | Quality::OursWeak)
    }

    /// Little room.
    pub(super) fn is_narrow(&self) -> bool {
        self.rect.width() < 640.0
    }

    /// As egui wants it for painting.
    pub(super) fn seconds(&self) -> f32 {
        // Kept small, so that a sine of it stays smooth after days.
        (self.time % 3600.0) as f32
    }

    /// Our own name, for the avatar.
    pub(super) fn own_name(&self) -> &str {
        &self.snapshot.name
    }

    /// Has the window painted again soon, because something moves by itself.
    pub(super) fn keep_moving(&self, ui: &Ui) {
        if !crate::ui::theme::is_still(ui) {
            ui.ctx().request_repaint_after(MOVING);
        }
    }
}
