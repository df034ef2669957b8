//! Somebody calls: who it is, and what to do about it. No stray key answers.

use eframe::egui::{
    Align2, Color32, Context, Key, KeyboardShortcut, Modifiers, Pos2, Rect, Stroke, Ui, pos2, vec2,
};

use super::icons::Icon;
use super::phrases::{first_name, first_name_inside, friend};
use super::theme::{self, Weight, fade, tokens};
use super::widgets::{
    Button, ButtonKind, Chip, RoundButton, RoundKind, Sheet, Tone, Words, avatar, paint,
};
use crate::engine::{Command, Handle, Incoming, ParticipantId};

/// Keys that were pressed for something else are not taken for an answer so soon.
const DEAF_SECONDS: f64 = 0.7;

/// What the card remembers between frames.
#[derive(Debug, Default)]
pub struct IncomingCard {
    /// Who it is about, and since when it is shown.
    shown: Option<(ParticipantId, f64)>,
    silenced: bool,
}

/// What a person does about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Voice,
    Video,
    Decline,
    Silence,
}

impl IncomingCard {
    /// Nobody calls any more.
    pub fn left(&mut self) {
        *self = Self::default();
    }

    /// Shows it over whatever there is.
    pub fn show(&mut self, ctx: &Context, incoming: &Incoming, handle: &Handle) {
        let now = ctx.input(|input| input.time);
        let (_, since) = match self.shown {
            Some(shown @ (caller, _)) if caller == incoming.caller => shown,
            _ => {
                self.silenced = false;
                *self.shown.insert((incoming.caller, now))
            }
        };
        let hears = now - since >= DEAF_SECONDS;
        if !hears {
            ctx.request_repaint_after_secs((since + DEAF_SECONDS - now) as f32);
        }
        let by_key = pressed(ctx);
        let name = format!("{} is calling", friend(&incoming.friend));
        let sheet = Sheet::new("incoming", name, vec2(432.0, 486.0));
        let response = sheet.show(ctx, |ui, fresh| self.contents(ui, fresh, incoming));
        // Whoever presses beside it, or Esc, has not decided yet.
        let silence = response.close.then_some(Wish::Silence);
        let wish = by_key.or(response.inner).or(silence).filter(|_| hears);
        match wish {
            Some(Wish::Voice) => handle.send(Command::Accept { camera: false }),
            Some(Wish::Video) => handle.send(Command::Accept { camera: true }),
            Some(Wish::Decline) => handle.send(Command::Decline),
            Some(Wish::Silence) => {
                self.silenced = true;
                handle.send(Command::Silence);
            }
            None => {}
        }
    }

    fn contents(&self, ui: &mut Ui, fresh: bool, incoming: &Incoming) -> Option<Wish> {
        let t = tokens(ui);
        let card = ui.max_rect();
        let middle = card.center().x;
        let at = |y: f32| pos2(middle, card.top() + y);
        let mut wish = None;

        rings(ui, at(128.0), !self.silenced);
        avatar(ui.painter(), at(128.0), 52.0, &incoming.friend);
        Words::new(friend(&incoming.friend), theme::title(), t.text)
            .heading()
            .cut_at(ui, at(246.0), Align2::CENTER_CENTER, card.width() - 48.0);
        Words::new("is calling", theme::font(15.0, Weight::Regular), t.text2).at(
            ui,
            at(276.0),
            Align2::CENTER_CENTER,
        );
        Chip::new(Tone::Accent, "They have your invitation")
            .icon(Icon::LINK_SIMPLE)
            .at(ui, at(314.0), Align2::CENTER_CENTER);

        let silence = Rect::from_min_size(
            pos2(card.right() - 104.0, card.top() + 12.0),
            vec2(88.0, 32.0),
        );
        let silence = Button::new(ButtonKind::Ghost, "Silence")
            .enabled(!self.silenced)
            .at(ui, silence);
        if fresh {
            silence.request_focus();
        }
        if silence.clicked() {
            wish = Some(Wish::Silence);
        }

        let who = first_name_inside(&incoming.friend);
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
                Wish::Voice | Wish::Silence => format!("Answer {who} with voice"),
            };
            let pressed = RoundButton::new(kind, icon, &name)
                .id_salt(label)
                .diameter(64.0)
                .filled(true)
                .tooltip(tooltip(wished))
                .at(ui, center)
                .clicked();
            if pressed {
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
        let who = first_name(&incoming.friend);
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

fn tooltip(wish: Wish) -> &'static str {
    match wish {
        Wish::Voice => "Ctrl+Enter",
        Wish::Video => "Ctrl+Shift+Enter",
        Wish::Decline => "Ctrl+Backspace",
        Wish::Silence => "Esc",
    }
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
