use std::time::SystemTime;

use eframe::egui::{PointerButton, Rect, Response, Ui, pos2, vec2};

use super::Lobby;
use super::list;
use super::new_room::NewRoom;
use super::parts::list_heading;
use super::person::PersonSheet;
use super::room::RoomSheet;
use super::rooms::{self, RoomWish};
use crate::engine::{Command, ContactView, Handle, Presence, RoomView, Snapshot};
use crate::ui::icons::Icon;
use crate::ui::phrases;
use crate::ui::theme::{self, tokens};
use crate::ui::twins;
use crate::ui::widgets::{RoundButton, RoundKind, face, paint, presence_mark, row, two_lines};

const AVATAR: f32 = 19.0;
/// From the middle of an avatar to the words beside it.
pub(super) const WORDS: f32 = 32.0;
/// Between the middles of two buttons.
pub(super) const STEP: f32 = 44.0;

/// What a row is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Open,
    Call { camera: bool },
}

/// What a row is about.
enum Entry<'a> {
    Person(&'a ContactView),
    Room(&'a RoomView),
    NewRoom,
}

impl Lobby {
    /// Heading and card.
    pub(super) fn people(&mut self, ui: &mut Ui, rect: Rect, handle: &Handle, snapshot: &Snapshot) {
        list_heading(ui, rect, "People");
        self.new_room_beside(ui, rect);
        let rows = snapshot.contacts.len() + snapshot.rooms.len();
        let (card, height) = list::card(ui, rect, rows);
        self.people_rows(ui, card, height, false, handle, snapshot);
    }

    /// The rows, each `height` high, scrolling within `rect`.
    pub(super) fn people_rows(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        height: f32,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
    ) {
        let inset = avatar_inset(narrow) + WORDS;
        let contacts = &snapshot.contacts;
        let now = SystemTime::now();
        // Where there is room for a heading, it is there.
        let new_room = narrow.then_some(Entry::NewRoom);
        let people = contacts.iter().map(Entry::Person);
        let rooms = snapshot.rooms.iter().map(Entry::Room);
        let entries: Vec<Entry> = people.chain(rooms).chain(new_room).collect();
        list::rows(
            ui,
            "people",
            rect,
            height,
            inset,
            &entries,
            |ui, place, entry| match entry {
                Entry::Person(contact) => {
                    let name = twins::told_apart(contacts, &contact.identity, &contact.name);
                    let wish = ui.push_id(contact.identity, |ui| {
                        person(ui, place, narrow, contact, &name)
                    });
                    match wish.inner {
                        Some(Wish::Open) => self.person = Some(PersonSheet::of(contact)),
                        Some(Wish::Call { camera }) => handle.send(Command::CallContact {
                            contact: contact.identity,
                            camera,
                        }),
                        None => {}
                    }
                }
                Entry::Room(room) => {
                    let wish = ui.push_id(("room", &room.link), |ui| {
                        rooms::room(ui, place, narrow, room, now)
                    });
                    match wish.inner {
                        Some(RoomWish::Open) => self.room = Some(RoomSheet::of(room)),
                        Some(RoomWish::Enter { camera }) => handle.send(Command::EnterRoom {
                            name: room.name.to_string(),
                            camera,
                        }),
                        None => {}
                    }
                }
                Entry::NewRoom => {
                    if rooms::new_room(ui, place) {
                        self.making = Some(NewRoom::default());
                    }
                }
            },
        );
    }
}

/// From the left of a row to the middle of its avatar.
pub(super) fn avatar_inset(narrow: bool) -> f32 {
    if narrow { 22.0 } else { 34.0 }
}

/// One of them, under this name.
fn person(
    ui: &mut Ui,
    place: Rect,
    narrow: bool,
    contact: &ContactView,
    name: &str,
) -> Option<Wish> {
    let t = tokens(ui);
    let name = phrases::friend(name);
    let presence = phrases::presence_inside(contact.presence);
    let verified = if contact.verified { ", verified" } else { "" };
    let spoken = format!("{name}{verified}, {presence}. Open");
    let ground = row(ui, place, "person", &spoken);

    let middle = place.center().y;
    let center = pos2(place.left() + avatar_inset(narrow), middle);
    let behind = match (ground.hovered() || ground.has_focus(), narrow) {
        (true, _) => t.sunken,
        (false, true) => t.bg,
        (false, false) => t.surface,
    };
    face(
        ui.painter(),
        center,
        AVATAR,
        phrases::friend(&contact.name),
        contact.portrait.as_ref(),
    );
    presence_mark(ui, center, AVATAR, contact.presence, behind);

    let video_at = pos2(place.right() - if narrow { 20.0 } else { 32.0 }, middle);
    let voice_at = video_at - vec2(STEP, 0.0);
    let left = center.x + WORDS;
    let width = voice_at.x - 30.0 - left;
    let name_width = if contact.verified {
        width - 22.0
    } else {
        width
    };
    let color = match contact.presence {
        Some(Presence::Free) => t.good,
        Some(Presence::Busy) | None => t.text2,
    };
    two_lines(
        ui,
        pos2(left, middle),
        (name, name_width),
        (phrases::presence(contact.presence), width),
        color,
    );
    if contact.verified {
        let shown = paint::text_width(ui, name, theme::name()).min(name_width);
        let seal = pos2(left + shown + 13.0, middle - 9.0);
        paint::icon(ui.painter(), seal, Icon::SEAL_CHECK, 14.0, true, t.accent);
    }

    // Somebody who is not there may be called all the same: they will see that somebody did.
    let kind = if contact.presence.is_some() {
        RoundKind::Accent
    } else {
        RoundKind::Ghost
    };
    let voice = RoundButton::new(kind, Icon::PHONE, &format!("Voice call {name}, {presence}"))
        .id_salt("voice")
        .at(ui, voice_at);
    let video_name = format!("Video call {name}, {presence}");
    let video = RoundButton::new(kind, Icon::VIDEO_CAMERA, &video_name)
        .id_salt("video")
        .at(ui, video_at);
    list::follow_keyboard(ui, place, &[&ground, &voice, &video]);
    if voice.clicked() {
        Some(Wish::Call { camera: false })
    } else if video.clicked() {
        Some(Wish::Call { camera: true })
    } else {
        is_opened(&ground).then_some(Wish::Open)
    }
}

/// Enter or a double click. One click only picks the row: who misses a button by a hair opens nothing.
pub(super) fn is_opened(row: &Response) -> bool {
    let pressed = row.clicked_by(PointerButton::Primary);
    if pressed {
        row.request_focus();
    }
    row.double_clicked() || row.secondary_clicked() || (row.clicked() && !pressed)
}
