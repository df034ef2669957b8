use eframe::egui::{Align2, Key, Rect, Ui, pos2, vec2};

use super::{ask, ask_size};
use crate::engine::{Command, ContactView, Handle, Presence, Snapshot};
use crate::trust::PublicIdentity;
use crate::ui::icons::Icon;
use crate::ui::phrases;
use crate::ui::theme::{self, tokens};
use crate::ui::widgets::{Button, ButtonKind, Sheet, TextField, Words, face, paint, presence_mark};

/// As long as names may be.
const LETTERS: usize = 64;
const AVATAR: f32 = 28.0;

/// The sheet about one contact. Nobody is called from here.
#[derive(Debug)]
pub(super) struct PersonSheet {
    contact: PublicIdentity,
    /// As it is being written.
    name: String,
    /// What they are called, as far as was asked for here.
    called: String,
    asking: Option<Parting>,
}

/// What is asked about before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parting {
    Remove,
    Block,
}

/// What a person wants to do about a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Done,
    TakeBack,
    Part(Parting),
}

impl PersonSheet {
    /// About `contact`.
    pub(super) fn of(contact: &ContactView) -> Self {
        Self {
            contact: contact.identity,
            name: contact.name.clone(),
            called: contact.name.clone(),
            asking: None,
        }
    }

    /// Shows it over everything; true when it is to go.
    pub(super) fn show(&mut self, ui: &Ui, handle: &Handle, snapshot: &Snapshot) -> bool {
        let mut contacts = snapshot.contacts.iter();
        let Some(contact) = contacts.find(|contact| contact.identity == self.contact) else {
            return true;
        };
        match self.asking {
            Some(parting) => self.ask(ui, handle, contact, parting),
            None => self.about(ui, handle, contact),
        }
    }

    fn about(&mut self, ui: &Ui, handle: &Handle, contact: &ContactView) -> bool {
        let name = phrases::friend(&contact.name);
        let sheet = Sheet::new("person", name, vec2(420.0, 344.0));
        let shown = sheet.show(ui.ctx(), |ui, fresh| self.contents(ui, contact, fresh));
        let (meant, wish) = shown.inner;
        if meant || wish.is_some() {
            self.rename(handle);
        }
        match wish {
            Some(Wish::Done) => return true,
            Some(Wish::TakeBack) => handle.send(Command::SetVerified {
                contact: self.contact,
                verified: false,
            }),
            Some(Wish::Part(parting)) => self.asking = Some(parting),
            None => {}
        }
        shown.close
    }

    /// Asks for what is written, unless nothing is or it was asked for already.
    fn rename(&mut self, handle: &Handle) {
        let name = self.name.trim();
        if name.is_empty() {
            self.name.clone_from(&self.called);
        } else if name != self.called {
            self.called = name.to_owned();
            handle.send(Command::RenameContact {
                contact: self.contact,
                name: self.called.clone(),
            });
        }
    }

    /// Gives whether the name is meant as it is written, and what else is wanted.
    fn contents(
        &mut self,
        ui: &mut Ui,
        contact: &ContactView,
        fresh: bool,
    ) -> (bool, Option<Wish>) {
        let t = tokens(ui);
        let rect = ui.max_rect().shrink(28.0);
        head(ui, rect, contact);

        let top = rect.top() + 78.0;
        let what = "What you call them";
        let galley = paint::elided(ui, what, theme::label(), t.text, rect.width());
        let at = pos2(rect.left(), top + 7.0);
        paint::put(ui.painter(), galley, at, Align2::LEFT_CENTER);
        let field = Rect::from_min_size(pos2(rect.left(), top + 22.0), vec2(rect.width(), 44.0));
        let written = TextField::new(what, &mut self.name)
            .hint("A name")
            .limit(LETTERS)
            .at(ui, field);

        let place = Rect::from_min_size(
            pos2(rect.left(), field.bottom() + 14.0),
            vec2(rect.width(), 60.0),
        );
        let take_back = verified(ui, place, contact.verified);

        let first = phrases::first_name_inside(&contact.name);
        let foot = rect.with_min_y(rect.bottom() - 40.0);
        let remove_name = format!("Remove {first}");
        let remove = Button::new(ButtonKind::Quiet, "Remove").name(&remove_name);
        let remove_at = foot.with_max_x(foot.left() + remove.width(ui));
        let remove = remove.at(ui, remove_at);
        let block_name = format!("Block {first}");
        let block = Button::new(ButtonKind::Danger, "Block").name(&block_name);
        let left = remove_at.right() + 8.0;
        let block_at = foot.with_min_x(left).with_max_x(left + block.width(ui));
        let block = block.at(ui, block_at);
        let done_at = foot.with_min_x(foot.right() - 84.0);
        let done = Button::new(ButtonKind::Accent, "Done").at(ui, done_at);
        // What takes back is gone when it is taken back.
        if fresh || written.submitted || take_back {
            done.request_focus();
        }

        let wish = if done.clicked() {
            Some(Wish::Done)
        } else if remove.clicked() {
            Some(Wish::Part(Parting::Remove))
        } else if block.clicked() {
            Some(Wish::Part(Parting::Block))
        } else {
            take_back.then_some(Wish::TakeBack)
        };
        // Who leaves by Esc has not meant it.
        let escaped = ui.input(|input| input.key_pressed(Key::Escape));
        (written.settled && !escaped, wish)
    }

    fn ask(&mut self, ui: &Ui, handle: &Handle, contact: &ContactView, parting: Parting) -> bool {
        let name = phrases::friend(&contact.name);
        let (title, text, yes) = match parting {
            Parting::Remove => (
                format!("Remove {name}?"),
                "They leave your list. To meet again, one of you sends a new code or link.",
                "Remove them",
            ),
            Parting::Block => (
                format!("Block {name}?"),
                "They leave your list and can’t call you. They are not told. You can take it back in the settings.",
                "Block them",
            ),
        };
        let size = ask_size(ui.ctx(), &title, text);
        let sheet = Sheet::new("person, asked", title.as_str(), size);
        let shown = sheet.show(ui.ctx(), |ui, fresh| {
            ask(ui, &title, text, Some((yes, "Keep them")), fresh)
        });
        if shown.inner == Some(true) {
            handle.send(match parting {
                Parting::Remove => Command::RemoveContact(self.contact),
                Parting::Block => Command::Block {
                    identity: self.contact,
                    name: contact.name.clone(),
                },
            });
            return true;
        }
        if shown.inner == Some(false) || shown.close {
            self.asking = None;
        }
        false
    }
}

/// Who it is about, and how they are.
fn head(ui: &mut Ui, rect: Rect, contact: &ContactView) {
    let t = tokens(ui);
    let name = phrases::friend(&contact.name);
    let center = rect.left_top() + vec2(AVATAR, AVATAR);
    let portrait = contact.portrait.as_ref();
    face(ui.painter(), center, AVATAR, name, portrait);
    presence_mark(ui, center, AVATAR, contact.presence, t.surface);
    let left = center.x + 44.0;
    let mark = if contact.verified { 26.0 } else { 0.0 };
    let shown = Words::new(name, theme::heading(), t.text)
        .id_salt("name")
        .heading()
        .cut_at(
            ui,
            pos2(left, center.y - 11.0),
            Align2::LEFT_CENTER,
            rect.right() - left - mark,
        );
    if contact.verified {
        let seal = pos2(shown.rect.right() + 15.0, center.y - 10.0);
        paint::icon(ui.painter(), seal, Icon::SEAL_CHECK, 18.0, true, t.accent);
    }
    let color = match contact.presence {
        Some(Presence::Free) => t.good,
        Some(Presence::Busy) | None => t.text2,
    };
    Words::new(phrases::presence(contact.presence), theme::small(), color)
        .id_salt("presence")
        .at(ui, pos2(left, center.y + 13.0), Align2::LEFT_CENTER);
}

/// Whether both have compared safety words; true when that is to be taken back.
fn verified(ui: &mut Ui, place: Rect, verified: bool) -> bool {
    let t = tokens(ui);
    ui.painter().rect_filled(place, 12, t.sunken);
    let (icon, ink, title, more) = if verified {
        (
            Icon::SEAL_CHECK,
            t.accent,
            "Verified",
            "Safety words compared",
        )
    } else {
        (
            Icon::SHIELD_CHECK,
            t.text2,
            "Not verified",
            "Compare the safety words in a call.",
        )
    };
    let y = place.center().y;
    let center = pos2(place.left() + 26.0, y);
    paint::icon(ui.painter(), center, icon, 20.0, verified, ink);
    let left = place.left() + 48.0;
    let button = Rect::from_min_max(
        pos2(place.right() - 100.0, y - 18.0),
        pos2(place.right() - 6.0, y + 18.0),
    );
    let right = if verified {
        button.left()
    } else {
        place.right()
    };
    let width = right - 8.0 - left;
    Words::new(title, theme::name(), t.text)
        .id_salt("verified")
        .polite()
        .cut_at(ui, pos2(left, y - 10.0), Align2::LEFT_CENTER, width);
    Words::new(more, theme::small(), t.text2)
        .id_salt("about verified")
        .cut_at(ui, pos2(left, y + 11.0), Align2::LEFT_CENTER, width);
    verified
        && Button::new(ButtonKind::Ghost, "Take back")
            .name("Take back the verification")
            .at(ui, button)
            .clicked()
}
