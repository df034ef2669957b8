use std::sync::Arc;
use std::time::SystemTime;

use eframe::egui::{Align2, Color32, Key, Rect, Ui, pos2, vec2};

use super::{ask, ask_size};
use crate::engine::{Command, Handle, RoomView, Snapshot};
use crate::ui::icons::Icon;
use crate::ui::layout;
use crate::ui::phrases;
use crate::ui::theme::{self, tokens};
use crate::ui::widgets::{Button, ButtonKind, Sheet, TextField, Words, disc, paint, qr_code};

/// As long as names may be.
const LETTERS: usize = 64;
const WHAT: &str = "What you call it";
/// The picture of the link.
const QR: f32 = 196.0;
/// Of everything above the buttons, beside the picture or above it.
const BODY: f32 = 300.0;
const PADDING: f32 = 28.0;
const RING: f32 = 6.0;
/// Where the picture stands beside the rest.
const WIDE: f32 = 560.0;

/// The sheet about one standing room. It is not entered from here.
#[derive(Debug)]
pub(super) struct RoomSheet {
    link: Arc<str>,
    /// As it is being written.
    name: String,
    /// What it is called, as far as was asked for here.
    called: String,
    /// Why it is not called so.
    error: Option<&'static str>,
    /// Whether to remove it is asked.
    asking: bool,
}

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looking {
    /// It goes on.
    On,
    /// It is over.
    Over,
    /// This lies in the clipboard.
    Copied(&'static str),
}

/// What a person wants to do about a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Done,
    CopyLink,
    CopyInvitation,
    Remove,
}

impl RoomSheet {
    /// About `room`.
    pub(super) fn of(room: &RoomView) -> Self {
        Self {
            link: room.link.clone(),
            name: room.name.to_string(),
            called: room.name.to_string(),
            error: None,
            asking: false,
        }
    }

    /// Shows it over everything.
    pub(super) fn show(&mut self, ui: &Ui, handle: &Handle, snapshot: &Snapshot) -> Looking {
        let mut rooms = snapshot.rooms.iter();
        let Some(room) = rooms.find(|room| room.link == self.link) else {
            return Looking::Over;
        };
        if self.asking {
            return self.ask(ui, handle, room);
        }
        let narrow = ui.ctx().content_rect().width() < WIDE + 60.0;
        let size = if narrow {
            vec2(420.0, BODY + 24.0 + QR + 60.0 + 2.0 * PADDING)
        } else {
            vec2(WIDE + 40.0, BODY + 64.0 + 2.0 * PADDING)
        };
        let sheet = Sheet::new("room", &*room.name, size);
        let shown = sheet.show(ui.ctx(), |ui, fresh| self.contents(ui, room, narrow, fresh));
        let (meant, wish) = shown.inner;
        if meant || wish.is_some() {
            self.rename(handle, room, snapshot);
        }
        match wish {
            // A name that is taken is not to be lost.
            Some(Wish::Done) if self.error.is_none() => return Looking::Over,
            Some(Wish::Done) => {}
            Some(Wish::CopyLink) => {
                ui.ctx().copy_text(self.link.to_string());
                return Looking::Copied("Link copied");
            }
            Some(Wish::CopyInvitation) => {
                ui.ctx().copy_text(invitation(&self.link));
                return Looking::Copied("Invitation copied");
            }
            Some(Wish::Remove) => self.asking = true,
            None => {}
        }
        if shown.close {
            Looking::Over
        } else {
            Looking::On
        }
    }

    /// Asks for what is written, unless nothing is, it is taken, or it was asked for already.
    fn rename(&mut self, handle: &Handle, room: &RoomView, snapshot: &Snapshot) {
        let name = self.name.trim();
        self.error = None;
        if name.is_empty() {
            self.name.clone_from(&self.called);
            return;
        }
        if name == self.called {
            return;
        }
        let mut others = snapshot
            .rooms
            .iter()
            .filter(|other| other.link != room.link);
        if others.any(|other| other.is_called(name)) {
            self.error = Some("You have a room of this name already.");
            return;
        }
        self.called = name.to_owned();
        handle.send(Command::RenameRoom {
            room: room.name.to_string(),
            name: self.called.clone(),
        });
    }

    /// Gives whether the name is meant as it is written, and what else is wanted.
    fn contents(
        &mut self,
        ui: &mut Ui,
        room: &RoomView,
        narrow: bool,
        fresh: bool,
    ) -> (bool, Option<Wish>) {
        let rect = ui.max_rect().shrink(PADDING);
        // With space for the ring around what has the keyboard.
        let body = rect.with_max_y(rect.bottom() - 56.0).expand(RING);
        let height = if narrow { BODY + 24.0 + QR } else { BODY } + 2.0 * RING;
        let (settled, submitted, mut wish) =
            layout::scroll(ui, "room", body, height, |ui, place| {
                let place = place.shrink(RING);
                let (words, picture) = if narrow {
                    let left = place.center().x - QR / 2.0;
                    (place, pos2(left, place.top() + BODY + 18.0))
                } else {
                    let left = place.right() - QR;
                    (
                        place.with_max_x(left - 28.0),
                        pos2(left, place.top() + 10.0),
                    )
                };
                let done = self.words(ui, words, room, narrow);
                let code = Rect::from_min_size(picture, vec2(QR, QR));
                ui.painter().rect_filled(code, 8, Color32::WHITE);
                qr_code(
                    ui,
                    code.shrink(10.0),
                    &room.link,
                    "The link of the room as a QR code",
                );
                done
            });

        let foot = rect.with_min_y(rect.bottom() - 40.0);
        let remove_name = format!("Remove {}", room.name);
        let remove = Button::new(ButtonKind::Quiet, "Remove").name(&remove_name);
        let remove_at = foot.with_max_x(foot.left() + remove.width(ui));
        if remove.at(ui, remove_at).clicked() {
            wish = Some(Wish::Remove);
        }
        let done_at = foot.with_min_x(foot.right() - 84.0);
        let done = Button::new(ButtonKind::Accent, "Done").at(ui, done_at);
        if fresh || submitted {
            done.request_focus();
        }
        if done.clicked() {
            wish = Some(Wish::Done);
        }
        // Who leaves by Esc has not meant it.
        let escaped = ui.input(|input| input.key_pressed(Key::Escape));
        (settled && !escaped, wish)
    }

    /// All but the picture: whether the name is settled, whether by Enter, and what else is wanted.
    fn words(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        room: &RoomView,
        narrow: bool,
    ) -> (bool, bool, Option<Wish>) {
        let t = tokens(ui);
        let now = SystemTime::now();
        let center = rect.left_top() + vec2(20.0, 22.0);
        disc(
            ui,
            center,
            Icon::LINK_SIMPLE,
            18.0,
            (t.accent_soft, t.accent),
        );
        let left = center.x + 32.0;
        let width = rect.right() - left;
        Words::new(&room.name, theme::heading(), t.text)
            .id_salt("name")
            .heading()
            .cut_at(ui, pos2(left, center.y - 11.0), Align2::LEFT_CENTER, width);
        let about = phrases::about_room(room, now);
        Words::new(&about, theme::small(), t.text2)
            .id_salt("about")
            .cut_at(ui, pos2(left, center.y + 13.0), Align2::LEFT_CENTER, width);

        let top = rect.top() + 66.0;
        let galley = paint::elided(ui, WHAT, theme::label(), t.text, rect.width());
        let at = pos2(rect.left(), top);
        paint::put(ui.painter(), galley, at, Align2::LEFT_CENTER);
        let field = Rect::from_min_size(pos2(rect.left(), top + 15.0), vec2(rect.width(), 44.0));
        let before = self.name.clone();
        let written = TextField::new(WHAT, &mut self.name)
            .hint("A name")
            .limit(LETTERS)
            .error(self.error)
            .at(ui, field);
        if self.name != before {
            self.error = None;
        }

        let tile = Rect::from_min_size(
            pos2(rect.left(), field.bottom() + 28.0),
            vec2(rect.width(), 40.0),
        );
        ui.painter().rect_filled(tile, 12, t.sunken);
        let at = pos2(tile.left() + 14.0, tile.center().y);
        Words::new(&room.link, theme::small(), t.text)
            .id_salt("link")
            .cut_at(ui, at, Align2::LEFT_CENTER, tile.width() - 28.0);
        let top = tile.bottom() + 10.0;
        let half = (rect.width() - 10.0) / 2.0;
        let copy = Rect::from_min_size(pos2(rect.left(), top), vec2(half, 40.0));
        let both = Rect::from_min_size(pos2(copy.right() + 10.0, top), vec2(half, 40.0));
        let (link, invitation) = (
            Button::new(ButtonKind::Soft, "Copy link"),
            Button::new(ButtonKind::Quiet, "Copy invitation"),
        );
        let (link, invitation) = if narrow {
            (link, invitation)
        } else {
            (
                link.icon(Icon::LINK_SIMPLE),
                invitation.icon(Icon::ENVELOPE_SIMPLE),
            )
        };
        let mut wish = link.at(ui, copy).clicked().then_some(Wish::CopyLink);
        let invitation = invitation
            .at(ui, both)
            .on_hover_text("The link with a few words around it, for a mail or a chat");
        if invitation.clicked() {
            wish = Some(Wish::CopyInvitation);
        }
        let lasts = phrases::room_lasts(room, now);
        Words::new(&lasts, theme::small(), t.text2)
            .id_salt("lasts")
            .polite()
            .within(ui, pos2(rect.left(), both.bottom() + 12.0), rect.width());
        (written.settled, written.submitted, wish)
    }

    fn ask(&mut self, ui: &Ui, handle: &Handle, room: &RoomView) -> Looking {
        let title = format!("Remove {}?", room.name);
        let text =
            "Nobody gets in by this link to you any more. Others who have it can still meet there.";
        let size = ask_size(ui.ctx(), &title, text);
        let sheet = Sheet::new("room, asked", title.as_str(), size);
        let answers = Some(("Remove it", "Keep it"));
        let shown = sheet.show(ui.ctx(), |ui, fresh| ask(ui, &title, text, answers, fresh));
        if shown.inner == Some(true) {
            handle.send(Command::RemoveRoom {
                name: room.name.to_string(),
            });
            return Looking::Over;
        }
        if shown.inner == Some(false) || shown.close {
            self.asking = false;
        }
        Looking::On
    }
}

/// A text for a mail or a chat.
fn invitation(link: &str) -> String {
    format!(
        "Let’s meet! Open Twocan, paste this link and press Join:\n\n{link}\n\nIt leads to the same room each time. Nobody is in between."
    )
}
