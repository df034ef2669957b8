//! The code to say and the link to give to a friend, and waiting for them.

mod code;

use eframe::egui::{Align2, FontId, Pos2, Rect, Stroke, Ui, pos2, vec2};

use super::header::header;
use super::icons::Icon;
use super::layout;
use super::phrases::SERVER_AWAY;
use super::theme::{self, Weight, tokens};
use super::widgets::{
    Button, ButtonKind, Toast, Toasts, Words, empty_seat, face, paint, qr_code, sagging_string,
};
use crate::engine::{CodeView, Command, Handle, Phase, Snapshot};

/// The width of what tells how long a code is still good.
const TIMER: f32 = 190.0;
/// The card with the link as a picture.
const QR: eframe::egui::Vec2 = vec2(220.0, 264.0);

/// Shows it in `window`; the snapshot's phase is preparing or waiting.
pub fn show(ui: &mut Ui, window: Rect, handle: &Handle, snapshot: &Snapshot, toasts: &mut Toasts) {
    let (invite, code, hosted_here) = match &snapshot.phase {
        Phase::Waiting {
            invite,
            code,
            hosted_here,
            ..
        } => (Some(invite.as_ref()), code, *hosted_here),
        _ => (None, &CodeView::None, false),
    };
    let narrow = layout::is_narrow(window);
    let sentence = if narrow {
        "Your camera and microphone are off."
    } else {
        "Nothing is sent until your friend joins. Your camera and microphone are off."
    };
    let back = header(ui, window, "Start a call", sentence);
    if back {
        handle.send(Command::Leave);
    }
    let rect = layout::content(layout::below(window, window.top() + 80.0));
    let with_code = *code != CodeView::None;
    let least = match (narrow, with_code) {
        (true, true) => 760.0,
        (true, false) => 704.0,
        (false, _) => 576.0,
    };
    let full = Rect::from_x_y_ranges(window.x_range(), rect.y_range());
    layout::scroll(ui, "waiting", full, least, |ui, place| {
        let rect = Rect::from_x_y_ranges(rect.x_range(), place.y_range());
        let rect_of_words = match invite {
            Some(invite) if !narrow => {
                let place = Rect::from_min_size(pos2(rect.right() - QR.x, rect.top() + 28.0), QR);
                qr_card(ui, place, invite);
                rect.with_max_x(place.left() - 24.0)
            }
            _ => rect,
        };
        let (below, wish) = if with_code {
            let wishes_new = spoken_code(ui, rect_of_words, narrow, code);
            if wishes_new {
                handle.send(Command::NewCode);
            }
            let tiles = if narrow {
                code::NARROW_TILES
            } else {
                code::WIDE_TILES
            };
            let top = rect.top() + 28.0 + 34.0 + tiles;
            let text =
                "They open Twocan, type it in, and you’re talking. It works once, for one friend.";
            ways_to_copy(
                ui,
                rect_of_words,
                top,
                narrow,
                text,
                invite,
                Some(code),
                toasts,
            )
        } else {
            link(
                ui,
                rect_of_words,
                narrow,
                invite,
                snapshot.server_away,
                toasts,
            )
        };
        if let Some(wish) = wish {
            handle.send(wish);
        }
        note(ui, rect_of_words, below, narrow, hosted_here);
        let footer = rect.bottom() - if narrow { 60.0 } else { 70.0 };
        let band_height = if narrow { 176.0 } else { 128.0 };
        let gap = if narrow { 44.0 } else { 34.0 };
        let band = Rect::from_min_max(
            pos2(rect.left(), footer - gap - band_height),
            pos2(rect.right(), footer - gap),
        );
        let text = if invite.is_none() {
            "One moment…"
        } else if snapshot.server_away {
            SERVER_AWAY
        } else {
            "Waiting for your friend… Leave this open; we’ll ring when they join."
        };
        waiting_band(ui, band, narrow, snapshot, invite.is_some(), text);
        if foot(ui, rect, footer, narrow) {
            handle.send(Command::Leave);
        }
    });
}

/// The link and what to do with it; gives where it ends, and what is wished.
fn link(
    ui: &mut Ui,
    rect: Rect,
    narrow: bool,
    invite: Option<&str>,
    server_away: bool,
    toasts: &mut Toasts,
) -> (f32, Option<Command>) {
    let t = tokens(ui);
    let top = rect.top() + if narrow { 4.0 } else { 28.0 };
    Words::new(
        "Send this link to your friend",
        theme::font(16.0, Weight::Semibold),
        t.text,
    )
    .heading()
    .at(ui, pos2(rect.left(), top + 10.0), Align2::LEFT_CENTER);
    let tile = Rect::from_min_size(
        pos2(rect.left(), top + 34.0),
        vec2(rect.width(), if narrow { 84.0 } else { 92.0 }),
    );
    paint::card(ui, tile, 18);
    match invite {
        Some(invite) => show_link(ui, tile, invite),
        None => {
            let center = pos2(tile.left() + 36.0, tile.center().y);
            paint::spinner(ui, center, 9.0, t.accent);
            let text = if server_away {
                SERVER_AWAY
            } else {
                "Making your link…"
            };
            let left = center + vec2(24.0, 0.0);
            Words::new(text, theme::body(), t.text2)
                .id_salt("making")
                .polite()
                .cut_at(ui, left, Align2::LEFT_CENTER, tile.right() - 16.0 - left.x);
        }
    }
    let text = "They open Twocan, paste it, and you’re talking. It works for one call.";
    ways_to_copy(ui, rect, tile.bottom(), narrow, text, invite, None, toasts)
}

/// The code to say; true when another one is wanted.
fn spoken_code(ui: &mut Ui, rect: Rect, narrow: bool, code: &CodeView) -> bool {
    let t = tokens(ui);
    let top = rect.top() + 28.0;
    Words::new(
        "Say this to your friend",
        theme::font(16.0, Weight::Semibold),
        t.text,
    )
    .heading()
    .at(ui, pos2(rect.left(), top + 10.0), Align2::LEFT_CENTER);
    let height = if narrow {
        code::NARROW_TILES
    } else {
        code::WIDE_TILES
    };
    let place = Rect::from_min_size(pos2(rect.left(), top + 34.0), vec2(rect.width(), height));
    code::tiles(ui, place, narrow, code)
}

/// The link as a picture, light in both themes.
fn qr_card(ui: &mut Ui, place: Rect, invite: &str) {
    let t = tokens(ui);
    paint::card(ui, place, 18);
    let side = place.width() - 44.0;
    let code = Rect::from_min_size(place.min + vec2(22.0, 22.0), vec2(side, side));
    ui.painter()
        .rect_filled(code.expand(10.0), 8, eframe::egui::Color32::WHITE);
    qr_code(ui, code, invite, "The invite link as a QR code");
    let at = pos2(place.center().x, place.bottom() - 24.0);
    Words::new("Or let them scan this", theme::small(), t.text2).at(ui, at, Align2::CENTER_CENTER);
}

/// What to do with the link, below `top`; gives where it ends, and whether another link or code is wished.
#[expect(
    clippy::too_many_arguments,
    reason = "a part of a screen that two forms of it share"
)]
fn ways_to_copy(
    ui: &mut Ui,
    rect: Rect,
    top: f32,
    narrow: bool,
    text: &str,
    invite: Option<&str>,
    code: Option<&CodeView>,
    toasts: &mut Toasts,
) -> (f32, Option<Command>) {
    let t = tokens(ui);
    let words = Words::new(text, theme::body(), t.text2).within(
        ui,
        pos2(rect.left(), top + 16.0),
        rect.width(),
    );
    let top = words.rect.bottom() + 18.0;
    let enabled = invite.is_some();
    let (copy_width, both_width) = if narrow {
        let half = (rect.width() - 12.0) / 2.0;
        (half, half)
    } else {
        (144.0, 178.0)
    };
    let copy = Rect::from_min_size(pos2(rect.left(), top), vec2(copy_width, 44.0));
    let both = Rect::from_min_size(pos2(copy.right() + 12.0, top), vec2(both_width, 44.0));
    let copied = Button::new(ButtonKind::Brand, "Copy link")
        .icon(Icon::LINK_SIMPLE)
        .enabled(enabled)
        .at(ui, copy)
        .clicked();
    let mailed = Button::new(ButtonKind::Quiet, "Copy invitation")
        .icon(Icon::ENVELOPE_SIMPLE)
        .enabled(enabled)
        .at(ui, both)
        .on_hover_text("The link with a few words around it, for a mail or a chat")
        .clicked();
    if let Some(invite) = invite {
        if copied {
            ui.ctx().copy_text(invite.to_owned());
            toasts.push(Toast::done("Link copied"));
        }
        if mailed {
            ui.ctx().copy_text(invitation(invite));
            toasts.push(Toast::done("Invitation copied"));
        }
    }
    let new_link = Button::new(ButtonKind::Ghost, "New link");
    let width = new_link.width(ui);
    // With space for the time that a code has left.
    let space = width + if code.is_some() { TIMER } else { 0.0 };
    let beside = !narrow && both.right() + 8.0 + space <= rect.right();
    let new_at = if beside {
        Rect::from_min_size(pos2(both.right() + 8.0, top), vec2(width, 44.0))
    } else {
        let left = rect.right() - width;
        Rect::from_min_size(pos2(left, both.bottom() + 10.0), vec2(width, 40.0))
    };
    let mut wish = None;
    if invite.is_some() {
        let pressed = new_link
            .at(ui, new_at)
            .on_hover_text("The old one stops working")
            .clicked();
        wish = pressed.then_some(Command::NewLink);
    }
    let Some(code) = code else {
        return (both.bottom().max(new_at.bottom()), wish);
    };
    let timer = if narrow {
        pos2(rect.left(), both.bottom() + 32.0)
    } else if beside {
        pos2(new_at.right() + 8.0, both.center().y)
    } else {
        pos2(both.right() + 16.0, both.center().y)
    };
    if code::timer(ui, timer, code) {
        wish = Some(Command::NewCode);
    }
    let below = if narrow {
        timer.y + 20.0
    } else {
        both.bottom()
    };
    (below.max(new_at.bottom()), wish)
}

fn show_link(ui: &mut Ui, tile: Rect, invite: &str) {
    let t = tokens(ui);
    let width = tile.width() - 48.0;
    // As large as one line allows, then two lines of small letters.
    let fitting = [26.0, 22.0, 19.0, 16.0, 14.0]
        .into_iter()
        .find(|size| paint::text_width(ui, invite, theme::font(*size, Weight::Medium)) <= width);
    let font: FontId = theme::font(fitting.unwrap_or(14.0), Weight::Medium);
    let mut job = theme::paragraph(invite, font, t.text, width);
    job.wrap.max_rows = 3;
    job.wrap.break_anywhere = true;
    let galley = ui.painter().layout_job(job);
    let drawn = paint::put(
        ui.painter(),
        galley,
        pos2(tile.left() + 24.0, tile.center().y),
        Align2::LEFT_CENTER,
    );
    let response = ui.interact(
        drawn,
        ui.make_persistent_id("invite"),
        eframe::egui::Sense::hover(),
    );
    response.widget_info(|| {
        eframe::egui::WidgetInfo::labeled(
            eframe::egui::Role::Label,
            true,
            format!("Invite link: {invite}"),
        )
    });
}

/// A text for a mail or a chat.
fn invitation(invite: &str) -> String {
    format!(
        "Let’s talk! Open Twocan, paste this link and press Join:\n\n{invite}\n\nIt works for one call. Nobody is in between."
    )
}

const HOSTED_HERE: &str =
    "Your friend must be in the same network, or able to reach this computer. Keep Twocan open.";

/// What it means that the server runs here.
fn note(ui: &mut Ui, rect: Rect, above: f32, narrow: bool, hosted_here: bool) {
    if !hosted_here {
        return;
    }
    let t = tokens(ui);
    let top = above + if narrow { 14.0 } else { 18.0 };
    let left = rect.left() + 54.0;
    let width = rect.right() - 16.0 - left;
    let words = theme::paragraph(HOSTED_HERE, theme::small(), t.text, width);
    let height = 34.0 + ui.painter().layout_job(words).size().y + 14.0;
    let place = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), height));
    ui.painter().rect_filled(place, 14, t.accent_soft);
    let icon_y = place.top() + if narrow { 24.0 } else { 33.0 };
    paint::icon(
        ui.painter(),
        pos2(place.left() + 28.0, icon_y),
        Icon::DESKTOP,
        22.0,
        false,
        t.accent,
    );
    Words::new("Hosting on this computer", theme::label(), t.accent).at(
        ui,
        pos2(left, place.top() + 22.0),
        Align2::LEFT_CENTER,
    );
    Words::new(HOSTED_HERE, theme::small(), t.text).within(
        ui,
        pos2(left, place.top() + 34.0),
        width,
    );
}

/// The string hangs from one side and waits for the other.
fn waiting_band(
    ui: &mut Ui,
    band: Rect,
    narrow: bool,
    snapshot: &Snapshot,
    ready: bool,
    text: &str,
) {
    let t = tokens(ui);
    ui.painter().rect_filled(band, 20, t.sunken);
    let y = band.top() + 50.0;
    let inset = if narrow { 52.0 } else { 76.0 };
    let me = pos2(band.left() + inset, y);
    let friend = pos2(band.right() - inset, y);
    let sway = if theme::is_still(ui) || !ready {
        0.0
    } else {
        ui.ctx()
            .request_repaint_after(std::time::Duration::from_millis(40));
        (ui.input(|input| input.time) * 1.6).sin() as f32
    };
    sagging_string(
        ui.painter(),
        me + vec2(34.0, 0.0),
        friend - vec2(34.0, 0.0),
        12.0 + 2.0 * sway,
        Stroke::new(2.5, t.edge),
    );
    let portrait = snapshot.portrait.as_ref();
    face(ui.painter(), me, 28.0, &snapshot.name, portrait);
    empty_seat(ui.painter(), friend, 28.0, t.edge, t.text2);
    let small = theme::font(13.0, Weight::Medium);
    Words::new("You", small.clone(), t.text).at(ui, me + vec2(0.0, 44.0), Align2::CENTER_CENTER);
    Words::new("Your friend", small, t.text2).at(
        ui,
        friend + vec2(0.0, 44.0),
        Align2::CENTER_CENTER,
    );
    let font = theme::font(14.0, Weight::Medium);
    let (top, width): (Pos2, f32) = if narrow {
        (pos2(band.left() + 20.0, y + 66.0), band.width() - 40.0)
    } else {
        (pos2(me.x + 50.0, y + 34.0), friend.x - me.x - 100.0)
    };
    Words::new(text, font, t.text)
        .id_salt("waiting")
        .polite()
        .centered()
        .within(ui, top, width);
}

fn foot(ui: &mut Ui, rect: Rect, top: f32, narrow: bool) -> bool {
    let t = tokens(ui);
    let width = if narrow { 108.0 } else { 120.0 };
    let button = Rect::from_min_size(pos2(rect.right() - width, top), vec2(width, 44.0));
    let middle = button.center().y;
    paint::icon(
        ui.painter(),
        pos2(rect.left() + 12.0, middle),
        Icon::LOCK,
        18.0,
        true,
        t.text2,
    );
    let font = theme::font(13.0, Weight::Regular);
    let left = rect.left() + 30.0;
    let space = button.left() - 16.0 - left;
    let text = if narrow {
        "Encrypted between you two."
    } else {
        "Encrypted from your computer to theirs. The server can’t listen in."
    };
    Words::new(text, font, t.text2).cut_at(ui, pos2(left, middle), Align2::LEFT_CENTER, space);
    Button::new(ButtonKind::Quiet, "Cancel")
        .name("Cancel the call")
        .at(ui, button)
        .clicked()
}
