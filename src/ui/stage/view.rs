//! What every part of the stage looks at.

use std::time::{Duration, Instant};

use eframe::egui::{Painter, Pos2, Rect, Ui};

use super::words;
use crate::engine::{
    CallRole, CallStage, CallView, Command, DeviceState, Handle, ParticipantId, Quality, Snapshot,
    Standing,
};
use crate::media::Level;
use crate::trust::{Portrait, PublicIdentity, SafetyPhrase};
use crate::ui::widgets::face;
use crate::ui::{phrases, twins};

/// Strings swing at 30 frames a second: software rendering is to be bearable, too.
const MOVING: Duration = Duration::from_millis(33);

/// One frame's worth of a call.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) call: &'a CallView,
    pub(super) handle: &'a Handle,
    /// The friend, or somebody yet to come.
    pub(super) friend: &'a Friend,
    pub(super) now: Instant,
    /// The window's clock, in seconds.
    pub(super) time: f64,
    /// The part of the window that shows the friend.
    pub(super) rect: Rect,
}

/// The friend as this person knows them, or somebody yet to come.
#[derive(Debug, Clone, Default)]
pub(super) struct Friend {
    /// None: not here yet.
    pub(super) met: Option<Met>,
    /// As this person calls them, else as they call themselves; may be empty.
    pub(super) name: String,
    /// As they show themselves, or last did.
    pub(super) portrait: Option<Portrait>,
    /// By their own word.
    pub(super) muted: bool,
    /// By their own word.
    pub(super) camera_on: bool,
    /// How loud they are here, now.
    pub(super) level: Level,
    /// How loud we are there, by their own reports.
    pub(super) hears_us: Option<Level>,
    /// Of the connection with them.
    pub(super) quality: Quality,
}

/// Who a friend turned out to be.
#[derive(Debug, Clone)]
pub(super) struct Met {
    /// For their picture.
    pub(super) id: ParticipantId,
    /// Whose keys these are.
    pub(super) identity: PublicIdentity,
    /// The same on both sides, if nobody is in between.
    pub(super) phrase: SafetyPhrase,
    /// Who that is to this person.
    pub(super) standing: Standing,
    /// What to say before they are trusted.
    pub(super) doubt: Option<String>,
}

impl Met {
    /// Both have compared safety words before.
    pub(super) fn is_verified(&self) -> bool {
        matches!(self.standing, Standing::Contact { verified: true, .. })
    }

    /// Nobody who was saved, with the name of somebody who was.
    pub(super) fn is_namesake(&self) -> bool {
        self.standing == Standing::Namesake
    }

    /// Nobody who was saved.
    pub(super) fn is_stranger(&self) -> bool {
        self.standing == Standing::Stranger
    }
}

impl Friend {
    /// The first of those in `call`, else whoever is called.
    pub(super) fn of(snapshot: &Snapshot, call: &CallView) -> Self {
        let Some(them) = call.participants.first() else {
            return Self {
                name: call.calling.as_deref().unwrap_or_default().to_owned(),
                portrait: call.portrait.clone(),
                ..Self::default()
            };
        };
        let standing = snapshot.standing(&them.identity, &them.name);
        let name = match &standing {
            Standing::Contact { name, .. } => name.clone(),
            Standing::Stranger | Standing::Namesake => them.name.clone(),
        };
        let doubt = twins::doubt(&snapshot.contacts, &them.identity, &standing, &name);
        Self {
            met: Some(Met {
                id: them.id,
                identity: them.identity,
                phrase: them.phrase,
                standing,
                doubt,
            }),
            name,
            portrait: snapshot
                .portrait_of(&them.identity, them.portrait.as_ref())
                .cloned(),
            muted: them.muted,
            camera_on: them.camera_on,
            level: them.level,
            hears_us: them.hears_us,
            quality: them.quality,
        }
    }

    /// They are here, and nobody who was saved. Who has the name of somebody who was is saved only below
    /// the warning of them.
    pub(super) fn can_be_saved(&self) -> bool {
        self.met.as_ref().is_some_and(Met::is_stranger)
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

    /// We called a contact, and they have not answered yet.
    pub(super) fn is_calling(&self) -> bool {
        let before = matches!(
            self.call.stage,
            CallStage::Joining | CallStage::WaitingForFriend
        );
        // Whoever was called knows the name of the other one as well.
        before && self.call.role == CallRole::Host && self.call.calling.is_some()
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

    /// The link of the room in which the call is, if this person has not kept it.
    pub(super) fn room_to_keep(&self) -> Option<&str> {
        let link = self.call.room.as_deref()?;
        let is_kept = self.snapshot.rooms.iter().any(|room| *room.link == *link);
        (!is_kept).then_some(link)
    }

    /// Keeps the room under a name that tells with whom it was.
    pub(super) fn keep_room(&self) {
        if let Some(link) = self.room_to_keep() {
            self.handle.send(Command::KeepRoom {
                name: phrases::name_of_room(&self.friend.name, &self.snapshot.rooms),
                invite: link.to_owned(),
            });
        }
    }

    /// Saves the friend by the name they give.
    pub(super) fn save_friend(&self) {
        if let Some(met) = &self.friend.met {
            self.handle.send(Command::SaveContact {
                identity: met.identity,
                name: phrases::name_to_save(&self.friend.name).to_owned(),
            });
        }
    }

    /// Paints this person.
    pub(super) fn own_face(&self, painter: &Painter, center: Pos2, radius: f32) {
        let portrait = self.snapshot.portrait.as_ref();
        face(painter, center, radius, &self.snapshot.name, portrait);
    }

    /// Paints the friend.
    pub(super) fn friend_face(&self, painter: &Painter, center: Pos2, radius: f32) {
        let portrait = self.friend.portrait.as_ref();
        face(painter, center, radius, &self.friend.name, portrait);
    }

    /// Has the window painted again soon, because something moves by itself.
    pub(super) fn keep_moving(&self, ui: &Ui) {
        if !crate::ui::theme::is_still(ui) {
            ui.ctx().request_repaint_after(MOVING);
        }
    }
}
