//! Somebody calls: who it is to this person, and what to do about it. No stray key answers.

use eframe::egui::{
    Align2, Color32, Context, Key, KeyboardShortcut, Modifiers, Pos2, Rect, Stroke, Ui, Vec2,
    ViewportBuilder, ViewportCommand, ViewportId, pos2, vec2,
};

use super::icons::Icon;
use super::phrases::{first_name, first_name_inside, friend};
use super::theme::{self, Weight, fade, tokens};
use super::twins;
use super::widgets::{
    Button, ButtonKind, Chip, RoundButton, RoundKind, Sheet, Tone, Words, face, paint, warning,
};
use crate::engine::{Command, Handle, Incoming, ParticipantId, Snapshot, Standing};
use crate::trust::Portrait;

/// Keys that were pressed for something else are not taken for an answer so soon.
const DEAF_SECONDS: f64 = 0.7;
const SIZE: Vec2 = vec2(432.0, 486.0);

/// What the card remembers between frames.
#[derive(Debug, Default)]
pub struct IncomingCard {
    /// Who it is about, and since when it is shown.
    shown: Option<(ParticipantId, f64)>,
    silenced: bool,
    own_window: OwnWindow,
}

/// The card's own small window, for when the large one is not to be seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum OwnWindow {
    #[default]
    None,
    Open,
    /// The person has closed it; for this caller it stays so.
    Closed,
}

/// What a person does about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Voice,
    Video,
    Decline,
    Block,
    Silence,
}

/// Whoever calls, as this person knows them.
struct Caller {
    /// May be empty.
    name: String,
    standing: Standing,
    /// As they show themselves, or last did.
    portrait: Option<Portrait>,
    /// What to say before they are trusted.
    doubt: Option<String>,
}

impl Caller {
    fn new(incoming: &Incoming, snapshot: &Snapshot) -> Self {
        let identity = &incoming.identity;
        let standing = snapshot.standing(identity, &incoming.friend);
        let name = match &standing {
            Standing::Contact { name, .. } => name,
            Standing::Stranger | Standing::Namesake => &incoming.friend,
        };
        Self {
            name: name.clone(),
            portrait: snapshot
                .portrait_of(identity, incoming.portrait.as_ref())
                .cloned(),
            doubt: twins::doubt(&snapshot.contacts, identity, &standing, name),
            standing,
        }
    }

    /// For who does not see it.
    fn spoken(&self) -> String {
        let standing = match &self.standing {
            Standing::Contact { verified: true, .. } => "verified",
            Standing::Contact { .. } => "in your contacts",
            Standing::Stranger => "not in your contacts",
            Standing::Namesake => "may be somebody else",
        };
        format!("{} is calling, {standing}", friend(&self.name))
    }

    fn is_contact(&self) -> bool {
        matches!(self.standing, Standing::Contact { .. })
    }

    fn is_verified(&self) -> bool {
        matches!(self.standing, Standing::Contact { verified: true, .. })
    }
}

impl IncomingCard {
    /// Nobody calls any more.
    pub fn left(&mut self) {
        *self = Self::default();
    }

    /// Shows it over whatever there is. Gives what is to be said at once: when somebody begins to call, who.
    pub fn show(
        &mut self,
        ctx: &Context,
        incoming: &Incoming,
        snapshot: &Snapshot,
        handle: &Handle,
    ) -> Option<String> {
        let now = ctx.input(|input| input.time);
        let anew = self
            .shown
            .is_none_or(|(caller, _)| caller != incoming.caller);
        if anew {
            *self = Self {
                shown: Some((incoming.caller, now)),
                own_window: match self.own_window {
                    // It is the next caller's.
                    OwnWindow::Open => OwnWindow::Open,
                    OwnWindow::None | OwnWindow::Closed => OwnWindow::None,
                },
                ..Self::default()
            };
        }
        let caller = Caller::new(incoming, snapshot);
        let title = format!("{} is calling", friend(&caller.name));
        // Also where it is not to be seen: of other windows eframe 0.37 tells assistive technology nothing.
        let within = self.show_within(ctx, title.clone(), anew, &caller);
        let apart = match (is_hidden(ctx), self.own_window) {
            (true, OwnWindow::None | OwnWindow::Open) => self.show_apart(ctx, title, &caller, now),
            (true, OwnWindow::Closed) => None,
            (false, _) => {
                self.own_window = OwnWindow::None;
                None
            }
        };
        let since = self.shown.map_or(now, |(_, since)| since);
        let hears = now - since >= DEAF_SECONDS;
        if !hears {
            ctx.request_repaint_after_secs((since + DEAF_SECONDS - now) as f32);
        }
        // Whoever closes the window has heard enough at once.
        let hears = hears || self.own_window == OwnWindow::Closed;
        let wish = apart.or(within).filter(|_| hears);
        match wish {
            Some(wish @ (Wish::Voice | Wish::Video)) => {
                handle.send(Command::Accept {
                    caller: incoming.caller,
                    camera: wish == Wish::Video,
                });
                if self.own_window == OwnWindow::Open {
                    for command in [ViewportCommand::Minimized(false), ViewportCommand::Focus] {
                        ctx.send_viewport_cmd_to(ViewportId::ROOT, command);
                    }
                }
            }
            Some(Wish::Decline) => handle.send(Command::Decline(incoming.caller)),
            Some(Wish::Block) => handle.send(Command::DeclineAndBlock(incoming.caller)),
            Some(Wish::Silence) => {
                self.silenced = true;
                handle.send(Command::Silence);
            }
            None => {}
        }
        anew.then(|| caller.spoken())
    }

    /// While the large window is hidden: whether it is to be gone through all the same, since what is shown of
    /// whoever calls is not what is to be shown.
    pub fn is_out_of_date(&self, ctx: &Context, caller: Option<ParticipantId>) -> bool {
        let shown = self.shown.map(|(shown, _)| shown);
        let lacks_window = caller.is_some() && self.own_window == OwnWindow::None;
        is_hidden(ctx) && (shown != caller || lacks_window)
    }

    /// Over whatever the window shows.
    fn show_within(
        &self,
        ctx: &Context,
        title: String,
        anew: bool,
        caller: &Caller,
    ) -> Option<Wish> {
        let by_key = pressed(ctx);
        let sheet = Sheet::new("incoming", title, SIZE);
        let response = sheet.show(ctx, |ui, fresh| {
            self.contents(ui, fresh || anew, true, caller)
        });
        // Whoever presses beside it, or Esc, has not decided yet.
        let silence = response.close.then_some(Wish::Silence);
        by_key.or(response.inner).or(silence)
    }

    /// In a window of its own above those of other programs. It asks not to be given the keyboard, and the system
    /// may give it all the same: what is being typed for another program is no answer, so there are no shortcuts.
    fn show_apart(
        &mut self,
        ctx: &Context,
        title: String,
        caller: &Caller,
        now: f64,
    ) -> Option<Wish> {
        let fresh = self.own_window != OwnWindow::Open;
        if fresh {
            // It opens under the pointer: what was pressed for something else is not taken for an answer.
            self.shown = self.shown.map(|(shown, _)| (shown, now));
        }
        self.own_window = OwnWindow::Open;
        let window = ViewportBuilder::default()
            .with_title(title)
            .with_inner_size(SIZE)
            .with_resizable(false)
            .with_always_on_top()
            .with_active(false);
        let id = ViewportId::from_hash_of("incoming");
        let (wish, closed) = ctx.show_viewport_immediate(id, window, |ui, _| {
            let (escape, closed) = ui.input(|input| {
                let escape = input.key_pressed(Key::Escape);
                (escape, input.viewport().close_requested())
            });
            ui.painter()
                .rect_filled(ui.max_rect(), 0, tokens(ui).surface);
            let pressed = self.contents(ui, fresh, false, caller);
            let silence = (escape || closed).then_some(Wish::Silence);
            (pressed.or(silence), closed)
        });
        if closed {
            self.own_window = OwnWindow::Closed;
        }
        wish
    }

    /// All of it. When somebody begins to call, the keyboard is nowhere where it answers.
    fn contents(&self, ui: &mut Ui, anew: bool, shortcuts: bool, caller: &Caller) -> Option<Wish> {
        let t = tokens(ui);
        let card = ui.max_rect();
        let middle = card.center().x;
        let at = |y: f32| pos2(middle, card.top() + y);
        let mut wish = None;

        rings(ui, at(128.0), !self.silenced);
        let portrait = caller.portrait.as_ref();
        face(ui.painter(), at(128.0), 52.0, &caller.name, portrait);
        name(ui, at(246.0), card.width() - 48.0, caller);
        Words::new("is calling", theme::font(15.0, Weight::Regular), t.text2).at(
            ui,
            at(276.0),
            Align2::CENTER_CENTER,
        );
        standing(ui, at(314.0), card.width() - 32.0, caller);

        let silence = Rect::from_min_size(
            pos2(card.right() - 104.0, card.top() + 12.0),
            vec2(88.0, 32.0),
        );
        let silence = Button::new(ButtonKind::Ghost, "Silence")
            .enabled(!self.silenced)
            .at(ui, silence);
        if anew {
            silence.request_focus();
        }
        if silence.clicked() {
            wish = Some(Wish::Silence);
        }

        let who = first_name_inside(&caller.name);
        let buttons = [
            (
                -122.0,
                RoundKind::HangUp,
                Icon::PHONE_DISCONNECT,
                "Decline",
                Wish::Decline,
            ),
            (0.0, RoundKind::Answer, Icon::PHONE, "Voice", Wish::Voice),
            (
                122.0,
                RoundKind::Answer,
                Icon::VIDEO_CAMERA,
                "Video",
                Wish::Video,
            ),
        ];
        for (dx, kind, icon, label, wished) in buttons {
            let center = at(382.0) + vec2(dx, 0.0);
            let name = match wished {
                Wish::Decline => format!("Decline the call of {who}"),
                Wish::Video => format!("Answer {who} with video"),
                Wish::Voice | Wish::Block | Wish::Silence => format!("Answer {who} with voice"),
            };
            let mut button = RoundButton::new(kind, icon, &name)
                .id_salt(label)
                .diameter(64.0)
                .filled(true);
            if shortcuts {
                button = button.tooltip(tooltip(wished));
            }
            if button.at(ui, center).clicked() {
                wish = Some(wished);
            }
            let galley = paint::elided(
                ui,
                label,
                theme::font(14.0, Weight::Semibold),
                t.text,
                110.0,
            );
            let below = center + vec2(0.0, 51.0);
            paint::put(ui.painter(), galley, below, Align2::CENTER_CENTER);
        }
        if !caller.is_contact() {
            let place = pos2(card.left() + 16.0, card.top() + 12.0);
            let block = format!("Block {who}");
            let block = Button::new(ButtonKind::Ghost, "Block")
                .name(&block)
                .at(ui, Rect::from_min_size(place, vec2(80.0, 32.0)));
            if block.clicked() {
                wish = Some(Wish::Block);
            }
        }
        let who = first_name(&caller.name);
        let note = format!("{who} can’t see or hear you until you answer.");
        Words::new(&note, theme::small(), t.text2).cut_at(
            ui,
            at(460.0),
            Align2::CENTER_CENTER,
            card.width() - 32.0,
        );
        wish
    }
}

/// The large window is not to be seen, as far as the system says; Wayland mostly does not.
fn is_hidden(ctx: &Context) -> bool {
    ctx.input(|input| input.viewport().visible() == Some(false)) && !ctx.embed_viewports()
}

fn tooltip(wish: Wish) -> &'static str {
    match wish {
        Wish::Voice => "Ctrl+Enter",
        Wish::Video => "Ctrl+Shift+Enter",
        Wish::Decline => "Ctrl+Backspace",
        Wish::Silence => "Esc",
        // No key: it is not to happen by a slip.
        Wish::Block => "",
    }
}

/// The name around `middle`, with the mark of somebody whose keys were compared.
fn name(ui: &mut Ui, middle: Pos2, width: f32, caller: &Caller) {
    let t = tokens(ui);
    let verified = caller.is_verified();
    let (aside, mark) = if verified { (14.0, 28.0) } else { (0.0, 0.0) };
    let shown = Words::new(friend(&caller.name), theme::title(), t.text)
        .id_salt("name")
        .heading()
        .cut_at(
            ui,
            middle - vec2(aside, 0.0),
            Align2::CENTER_CENTER,
            width - mark,
        );
    if verified {
        let seal = pos2(shown.rect.right() + 18.0, middle.y + 1.0);
        paint::icon(ui.painter(), seal, Icon::SEAL_CHECK, 22.0, true, t.accent);
    }
}

/// Who it is to this person, around `middle`: nobody is to be taken for somebody else.
fn standing(ui: &mut Ui, middle: Pos2, width: f32, caller: &Caller) {
    if let Some(doubt) = &caller.doubt {
        warning(ui, middle - vec2(0.0, 24.0), width, doubt);
        return;
    }
    let (tone, icon, words) = match caller.standing {
        Standing::Contact { verified: true, .. } => (Tone::Accent, Icon::SEAL_CHECK, "Verified"),
        Standing::Contact { .. } => (Tone::Accent, Icon::USER, "In your contacts"),
        Standing::Stranger | Standing::Namesake => {
            (Tone::Neutral, Icon::USER, "Not in your contacts")
        }
    };
    Chip::new(tone, words)
        .icon(icon)
        .id_salt("standing")
        .at(ui, middle, Align2::CENTER_CENTER);
}

fn pressed(ctx: &Context) -> Option<Wish> {
    let keys = [
        (
            Modifiers::COMMAND | Modifiers::SHIFT,
            Key::Enter,
            Wish::Video,
        ),
        (Modifiers::COMMAND, Key::Enter, Wish::Voice),
        (Modifiers::COMMAND, Key::Backspace, Wish::Decline),
    ];
    ctx.input_mut(|input| {
        let mut wishes = keys.into_iter().filter(|(modifiers, key, _)| {
            input.consume_shortcut(&KeyboardShortcut::new(*modifiers, *key))
        });
        wishes.next().map(|(_, _, wish)| wish)
    })
}

/// Around whoever calls, going outwards while it rings.
fn rings(ui: &Ui, center: Pos2, ringing: bool) {
    let t = tokens(ui);
    let swell = if !ringing || theme::is_still(ui) {
        0.0
    } else {
        ui.ctx()
            .request_repaint_after(std::time::Duration::from_millis(40));
        (ui.input(|input| input.time) * 3.0).sin() as f32
    };
    for (index, opacity) in [0.75, 0.45, 0.22].into_iter().enumerate() {
        let radius = 70.0 + 14.0 * index as f32 + swell * (index + 1) as f32;
        let color: Color32 = fade(t.brand, opacity);
        ui.painter()
            .circle_stroke(center, radius, Stroke::new(2.0, color));
    }
}
