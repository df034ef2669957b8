use std::time::SystemTime;

use eframe::egui::{Align2, Rect, Ui, pos2, vec2};

use super::Lobby;
use super::list;
use super::new_room::NewRoom;
use super::people::{STEP, WORDS, avatar_inset, is_opened};
use crate::engine::RoomView;
use crate::ui::icons::Icon;
use crate::ui::phrases;
use crate::ui::theme::{self, tokens};
use crate::ui::widgets::{Button, ButtonKind, RoundButton, RoundKind, disc, paint, row, two_lines};

/// What a row about a room is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoomWish {
    Open,
    Enter { camera: bool },
}

impl Lobby {
    /// At the top right of the list in `rect`.
    pub(super) fn new_room_beside(&mut self, ui: &mut Ui, rect: Rect) {
        let button = Button::new(ButtonKind::Ghost, "New room").icon(Icon::PLUS);
        let width = button.width(ui) - 24.0;
        let place = Rect::from_min_size(
            pos2(rect.right() + 4.0 - width, rect.top() - 8.0),
            vec2(width, 36.0),
        );
        if button.at(ui, place).clicked() {
            self.making = Some(NewRoom::default());
        }
    }
}

/// One room.
pub(super) fn room(
    ui: &mut Ui,
    place: Rect,
    narrow: bool,
    room: &RoomView,
    now: SystemTime,
) -> Option<RoomWish> {
    let t = tokens(ui);
    let (name, about) = (&*room.name, phrases::about_room(room, now));
    let ground = row(ui, place, "room", &format!("{name}. {about}. Open"));
    let over = room.has_run_out(now);
    let middle = place.center().y;
    let center = pos2(place.left() + avatar_inset(narrow), middle);
    let colors = if over {
        (t.sunken, t.text2)
    } else {
        (t.accent_soft, t.accent)
    };
    disc(ui, center, Icon::LINK_SIMPLE, 17.0, colors);
    let video_at = pos2(place.right() - if narrow { 20.0 } else { 32.0 }, middle);
    let voice_at = video_at - vec2(STEP, 0.0);
    let left = center.x + WORDS;
    let right = if over {
        place.right() - 16.0
    } else {
        voice_at.x - 30.0
    };
    let width = right - left;
    two_lines(
        ui,
        pos2(left, middle),
        (name, width),
        (&about, width),
        t.text2,
    );
    if over {
        list::follow_keyboard(ui, place, &[&ground]);
        return is_opened(&ground).then_some(RoomWish::Open);
    }
    let voice_name = format!("Enter {name} by voice");
    let voice = RoundButton::new(RoundKind::Accent, Icon::PHONE, &voice_name)
        .id_salt("voice")
        .at(ui, voice_at);
    let video_name = format!("Enter {name} by video");
    let video = RoundButton::new(RoundKind::Accent, Icon::VIDEO_CAMERA, &video_name)
        .id_salt("video")
        .at(ui, video_at);
    list::follow_keyboard(ui, place, &[&ground, &voice, &video]);
    if voice.clicked() {
        Some(RoomWish::Enter { camera: false })
    } else if video.clicked() {
        Some(RoomWish::Enter { camera: true })
    } else {
        is_opened(&ground).then_some(RoomWish::Open)
    }
}

/// The last row where there is no heading; true when another room is to be made.
pub(super) fn new_room(ui: &mut Ui, place: Rect) -> bool {
    let t = tokens(ui);
    let pressed = row(ui, place, "new room", "New room");
    list::follow_keyboard(ui, place, &[&pressed]);
    let center = pos2(place.left() + avatar_inset(true), place.center().y);
    disc(ui, center, Icon::PLUS, 16.0, (t.sunken, t.text2));
    let left = center.x + WORDS;
    let width = place.right() - 16.0 - left;
    let galley = paint::elided(ui, "New room", theme::name(), t.text, width);
    let at = pos2(left, center.y);
    paint::put(ui.painter(), galley, at, Align2::LEFT_CENTER);
    pressed.clicked()
}
