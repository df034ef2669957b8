//! The hint above the bar, as a chip, a card, or the amber card of somebody muted.

use eframe::egui::{
    Align2, Color32, CursorIcon, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use super::hint::Hint;
use super::view::View;
use super::words;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, GLASS, STAGE, Weight, fade};
use crate::ui::widgets::Words;
use crate::ui::widgets::paint::{self, Elevation};

const AMBER: Color32 = Color32::from_rgb(0xFF, 0xC8, 0x61);
const INK: Color32 = Color32::from_rgb(0x1E, 0x1B, 0x17);
const INK_QUIET: Color32 = Color32::from_rgb(0x3A, 0x2C, 0x10);
const HEARD: Color32 = Color32::from_rgb(0xE9, 0xFB, 0xEF);

/// Shows `hint` above `bar`; gives where it is, and whether "Unmute" was pressed.
pub(super) fn show(ui: &mut Ui, view: &View, bar: Rect, hint: &Hint) -> (Rect, bool) {
    match hint {
        Hint::Muted => muted(ui, view, bar, hint),
        _ => (card(ui, view, bar, hint), false),
    }
}

fn muted(ui: &mut Ui, view: &View, bar: Rect, hint: &Hint) -> (Rect, bool) {
    let width = (view.rect.width() - 24.0).min(470.0);
    let text = hint.text(&view.friend.name);
    let (lead, tail) = if width < 400.0 {
        (44.0, 106.0)
    } else {
        (50.0, 118.0)
    };
    let words_width = width - lead - tail;
    let how = "Hold Space to talk for a moment.";
    let font = theme::font(14.5, Weight::Semibold);
    let high = |text: &str, font| {
        let job = theme::paragraph(text, font, INK, words_width);
        ui.painter().layout_job(job).size().y
    };
    let (first, second) = (high(&text, font.clone()), high(how, theme::small()));
    let size = vec2(width, (first + second + 18.0).max(56.0));
    let left = view.rect.center().x - width / 2.0;
    let rect = Rect::from_min_size(pos2(left, bar.top() - 16.0 - size.y), size);
    paint::shadow(ui, rect, 16, Elevation::Two);
    ui.painter().rect_filled(rect, 16, AMBER);
    let icon = pos2(rect.left() + lead / 2.0 + 3.0, rect.center().y);
    paint::icon(ui.painter(), icon, Icon::MICROPHONE_SLASH, 22.0, true, INK);
    let start = pos2(left + lead, rect.center().y - (first + second) / 2.0);
    Words::new(&text, font, INK)
        .id_salt("hint")
        .polite()
        .within(ui, start, words_width);
    let below = start + vec2(0.0, first);
    Words::new(how, theme::small(), INK_QUIET).within(ui, below, words_width);
    let button = Rect::from_center_size(
        pos2(rect.right() - tail / 2.0, rect.center().y),
        vec2(tail - 20.0, 38.0),
    );
    let pressed = unmute(ui, button);
    (rect, pressed)
}

/// A dark button on amber: of no theme, so no kind of [`crate::ui::widgets::Button`].
fn unmute(ui: &mut Ui, rect: Rect) -> bool {
    let id = ui.make_persistent_id("unmute hint");
    let response = ui
        .interact(rect, id, Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, "Unmute"));
    let pressed = response.is_pointer_button_down_on();
    let shown = rect.shrink(if pressed { 1.0 } else { 0.0 });
    let lighter = if response.hovered() { 0.14 } else { 0.0 };
    let painter = ui.painter();
    painter.rect_filled(shown, 12, theme::mix(INK, Color32::WHITE, lighter));
    painter.text(
        shown.center(),
        Align2::CENTER_CENTER,
        "Unmute",
        theme::label(),
        Color32::WHITE,
    );
    if response.has_focus() {
        let ring = Stroke::new(2.0, Color32::WHITE);
        painter.rect_stroke(shown.shrink(3.0), 9, ring, StrokeKind::Middle);
    }
    response.clicked()
}

fn card(ui: &mut Ui, view: &View, bar: Rect, hint: &Hint) -> Rect {
    let (icon, ink, words_ink) = match hint {
        Hint::Hears | Hint::HoldingToTalk => (Icon::MICROPHONE, HEARD, HEARD),
        Hint::FriendMuted => (Icon::MICROPHONE_SLASH, Color32::WHITE, Color32::WHITE),
        Hint::NoMicrophone(_) | Hint::NotHeard => {
            (Icon::MICROPHONE_SLASH, STAGE.warn, Color32::WHITE)
        }
        Hint::NoCamera(_) => (Icon::VIDEO_CAMERA_SLASH, STAGE.warn, Color32::WHITE),
        Hint::Weak(_) | Hint::Muted => (Icon::WARNING_CIRCLE, STAGE.warn, Color32::WHITE),
    };
    let text = words::sentence(&hint.text(&view.friend.name));
    let most = (view.rect.width() - 24.0 - 42.0).min(480.0);
    let font = theme::small_medium();
    let job = theme::paragraph(&text, font.clone(), words_ink, most);
    let size = ui.painter().layout_job(job).size();
    let size = vec2(size.x + 42.0, size.y + 10.0);
    let rect = Rect::from_min_size(
        pos2(
            view.rect.center().x - size.x / 2.0,
            bar.top() - 10.0 - size.y,
        ),
        size,
    );
    ui.painter().rect_filled(
        rect,
        14,
        fade(GLASS, if hint.is_warning() { 0.8 } else { 0.66 }),
    );
    let icon_at = pos2(rect.left() + 18.0, rect.top() + 14.0);
    paint::icon(ui.painter(), icon_at, icon, 15.0, true, ink);
    let said = Words::new(&text, font, words_ink).id_salt("hint");
    // That somebody hears us comes and goes with each sentence: nothing to be read out.
    let said = if hint.is_warning() {
        said.polite()
    } else {
        said
    };
    said.within(ui, pos2(rect.left() + 31.0, rect.top() + 5.0), most + 1.0);
    rect
}
