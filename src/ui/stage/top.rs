//! Who it is and for how long, top left; the safety words and how the connection is, top right.

use eframe::egui::{
    Align2, Color32, CursorIcon, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2,
};

use super::safety;
use super::view::{Met, View};
use super::words::{self, QualityWords};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, GLASS, STAGE, Weight, fade};
use crate::ui::widgets::{RoundButton, RoundKind, Words, paint};

const GLASS_ALPHA: f32 = 0.66;
/// The chip of the safety words where there is no room for them: an icon.
const ICON_ONLY: f32 = 38.0;
/// Between two of them.
const GAP: f32 = 8.0;

/// Where all of it is, for what must not cover it.
pub(super) struct Places {
    name: Rect,
    safety: Option<Rect>,
    quality: Rect,
}

impl Places {
    /// One after the other.
    pub(super) fn all(&self) -> impl Iterator<Item = Rect> {
        [Some(self.name), self.safety, Some(self.quality)]
            .into_iter()
            .flatten()
    }
}

/// What is shown.
pub(super) struct Top {
    /// Where.
    pub(super) places: Places,
    /// Opens the safety words; none while there is no line to read them over.
    pub(super) safety: Option<Response>,
    /// Opens the statistics.
    pub(super) quality: Response,
}

/// Shows it, in reading order.
pub(super) fn show(ui: &mut Ui, view: &View) -> Top {
    let quality = words::quality(view.call.stage, view.friend.quality, &view.friend.name);
    let met = view.friend.met.as_ref().filter(|_| view.was_connected());
    let phrase = met.map(|met| met.phrase.words().join("  "));
    let places = places(ui, view, phrase.as_deref(), &quality);
    name_pill(ui, view, places.name);
    let safety = match (met, phrase.as_deref(), places.safety) {
        (Some(met), Some(phrase), Some(place)) => Some(safety_chip(ui, place, met, phrase)),
        _ => None,
    };
    let quality = quality_chip(ui, places.quality, &quality);
    Top {
        places,
        safety,
        quality,
    }
}

/// Of a chip with an icon and these words.
fn chip_width(ui: &Ui, words: &str) -> f32 {
    paint::text_width(ui, words, theme::small_medium()) + 42.0
}

/// How wide the marks beside the name are.
fn marks_width(view: &View) -> f32 {
    let is_verified = view.friend.met.as_ref().is_some_and(Met::is_verified);
    let verified = if is_verified { 22.0 } else { 0.0 };
    let muted = if view.friend.muted { 20.0 } else { 0.0 };
    verified + muted
}

fn places(ui: &Ui, view: &View, phrase: Option<&str>, quality: &QualityWords) -> Places {
    let side = if view.is_narrow() { 12.0 } else { 18.0 };
    let right = view.rect.right() - if view.is_narrow() { 12.0 } else { 24.0 };
    let y = view.rect.top() + 38.0;
    let left = view.rect.left() + side;
    let name = paint::text_width(
        ui,
        words::full_name(&view.friend.name),
        theme::font(15.5, Weight::Semibold),
    );
    let line = paint::text_width(ui, &line(view), theme::font(13.0, Weight::Medium));
    let wanted = 52.0 + (name + marks_width(view)).max(line) + 20.0;
    let name = Rect::from_min_size(pos2(left, y - 24.0), vec2(wanted.min(right - left), 48.0));
    let chip =
        |left: f32, top: f32, width: f32| Rect::from_min_size(pos2(left, top), vec2(width, 28.0));
    let width = chip_width(ui, &quality.seen);
    // The words beside the connection if there is room, else what stands for them.
    let full = phrase.map(|phrase| chip_width(ui, phrase));
    let both = |room: f32| {
        let fits = |safety: &f32| safety + GAP + width <= room;
        full.and_then(|full| [full, ICON_ONLY].into_iter().find(fits))
    };
    let beside = right - name.right() - GAP;
    let safety = both(beside);
    let fits_beside = match full {
        Some(_) => safety.is_some(),
        None => width <= beside,
    };
    if fits_beside {
        let quality = chip(right - width, y - 14.0, width);
        let safety = safety.map(|safety| chip(quality.left() - GAP - safety, y - 14.0, safety));
        return Places {
            name,
            safety,
            quality,
        };
    }
    // Where all do not fit in one row, these go below the name.
    let top = name.bottom() + 8.0;
    let safety = full.map(|_| chip(left, top, both(right - left).unwrap_or(ICON_ONLY)));
    let quality_left = safety.map_or(left, |safety| safety.right() + GAP);
    Places {
        name,
        safety,
        quality: chip(quality_left, top, width),
    }
}

/// "24:51", "Voice call · 4:05", "24:51 · paused".
fn line(view: &View) -> String {
    let Some(connected_at) = view.call.connected_at else {
        return match view.call.stage {
            _ if view.is_calling() => "Calling…".into(),
            crate::engine::CallStage::WaitingForFriend => "Not here yet".into(),
            _ => "On the way".into(),
        };
    };
    let clock = words::clock(view.now.saturating_duration_since(connected_at));
    if view.is_reconnecting() {
        format!("{clock} · paused")
    } else if view.is_voice_only() {
        format!("Voice call · {clock}")
    } else {
        clock
    }
}

fn name_pill(ui: &mut Ui, view: &View, rect: Rect) {
    let painter = ui.painter();
    painter.rect_filled(rect, 24, fade(GLASS, GLASS_ALPHA));
    let center = pos2(rect.left() + 24.0, rect.center().y);
    view.friend_face(painter, center, 18.0);
    let left = rect.left() + 52.0;
    let name = Words::new(
        words::full_name(&view.friend.name),
        theme::font(15.5, Weight::Semibold),
        Color32::WHITE,
    )
    .heading()
    .id_salt("friend")
    .cut_at(
        ui,
        pos2(left, rect.center().y - 9.0),
        Align2::LEFT_CENTER,
        rect.right() - left - 16.0 - marks_width(view),
    );
    let mut mark = name.rect.right() + 14.0;
    if view.friend.met.as_ref().is_some_and(Met::is_verified) {
        let at = pos2(mark, rect.center().y - 8.5);
        let ink = STAGE.accent;
        paint::icon(ui.painter(), at, Icon::SEAL_CHECK, 15.0, true, ink);
        mark += 20.0;
    }
    if view.friend.muted {
        let at = pos2(mark, rect.center().y - 8.5);
        let ink = STAGE.warn;
        paint::icon(ui.painter(), at, Icon::MICROPHONE_SLASH, 15.0, true, ink);
    }
    Words::new(
        &line(view),
        theme::font(13.0, Weight::Medium),
        fade(Color32::WHITE, 0.85),
    )
    .id_salt("duration")
    .cut_at(
        ui,
        pos2(left, rect.center().y + 11.0),
        Align2::LEFT_CENTER,
        rect.right() - left - 14.0,
    );
}

/// The words, or only their icon where `rect` has no room for them.
fn safety_chip(ui: &mut Ui, rect: Rect, met: &Met, phrase: &str) -> Response {
    let response = ui
        .interact(rect, ui.make_persistent_id("safety"), Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand)
        .on_hover_text(safety::SENTENCE);
    response.widget_info(|| {
        let state = if met.is_verified() {
            "Verified"
        } else if met.is_namesake() {
            "May be somebody else"
        } else {
            "Not compared yet"
        };
        let name = format!("Safety words: {}. {state}", met.phrase.words().join(", "));
        WidgetInfo::labeled(Role::Button, true, name)
    });
    let painter = ui.painter();
    let ground = fade(GLASS, if response.hovered() { 0.8 } else { GLASS_ALPHA });
    painter.rect_filled(rect, 14, ground);
    let (icon, filled, ink) = if met.doubt.is_some() {
        (Icon::WARNING_CIRCLE, true, STAGE.warn)
    } else {
        (Icon::SHIELD_CHECK, met.is_verified(), Color32::WHITE)
    };
    let y = rect.center().y;
    if rect.width() < ICON_ONLY + 1.0 {
        paint::icon(painter, rect.center(), icon, 15.0, filled, ink);
    } else {
        let center = pos2(rect.left() + 18.0, y);
        paint::icon(painter, center, icon, 15.0, filled, ink);
        painter.text(
            pos2(rect.left() + 31.0, y),
            Align2::LEFT_CENTER,
            phrase,
            theme::small_medium(),
            Color32::WHITE,
        );
    }
    paint::focus_ring(ui, rect, 14, &response);
    response
}

fn quality_chip(ui: &mut Ui, rect: Rect, quality: &QualityWords) -> Response {
    let id = ui.make_persistent_id("quality");
    let response = ui
        .interact(rect, id, Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand)
        .on_hover_text("Details: Ctrl+I");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &quality.heard));
    let painter = ui.painter();
    let ground = fade(GLASS, if response.hovered() { 0.8 } else { GLASS_ALPHA });
    painter.rect_filled(rect, 14, ground);
    let color = if quality.fine { STAGE.good } else { STAGE.warn };
    let y = rect.center().y;
    for bar in 0..3_u8 {
        let x = rect.left() + 12.0 + 5.0 * f32::from(bar);
        let height = 5.0 + 3.5 * f32::from(bar);
        let lit = bar < quality.bars;
        painter.rect_filled(
            Rect::from_min_max(pos2(x, y + 6.0 - height), pos2(x + 3.0, y + 6.0)),
            1,
            if lit {
                color
            } else {
                fade(Color32::WHITE, 0.25)
            },
        );
    }
    painter.text(
        pos2(rect.left() + 31.0, y),
        Align2::LEFT_CENTER,
        &quality.seen,
        theme::small_medium(),
        Color32::WHITE,
    );
    paint::focus_ring(ui, rect, 14, &response);
    response
}

/// What the engine wants to be known: below the name, until it is closed. Gives the one closed now.
pub(super) fn notices(ui: &mut Ui, view: &View, below: f32) -> Option<u64> {
    let mut closed = None;
    let mut top = below + 12.0;
    for notice in view.snapshot.notices.iter() {
        let salt = format!("notice {}", notice.id);
        let (place, pressed) = bubble(ui, view, top, &notice.text, notice.warning, &salt);
        if pressed {
            closed = Some(notice.id);
        }
        top = place.bottom() + 8.0;
    }
    closed
}

/// A sentence on glass from `top` down; gives where it is, and whether it is to go.
pub(super) fn bubble(
    ui: &mut Ui,
    view: &View,
    top: f32,
    text: &str,
    is_warning: bool,
    salt: &str,
) -> (Rect, bool) {
    let left = view.rect.left() + if view.is_narrow() { 12.0 } else { 18.0 };
    let most = (view.rect.width() - 2.0 * (left - view.rect.left())).min(420.0);
    let font = theme::font(13.0, Weight::Medium);
    let job = theme::paragraph(text, font.clone(), Color32::WHITE, most - 84.0);
    let size = ui.painter().layout_job(job).size();
    let rect = Rect::from_min_size(pos2(left, top), vec2(size.x + 84.0, size.y + 20.0));
    ui.painter().rect_filled(rect, 16, fade(GLASS, 0.8));
    let (icon, ink) = if is_warning {
        (Icon::WARNING_CIRCLE, STAGE.warn)
    } else {
        (Icon::INFO, STAGE.accent)
    };
    let icon_at = pos2(rect.left() + 20.0, rect.top() + 19.0);
    paint::icon(ui.painter(), icon_at, icon, 18.0, true, ink);
    Words::new(text, font, Color32::WHITE)
        .id_salt(salt)
        .polite()
        .within(ui, pos2(rect.left() + 38.0, rect.top() + 10.0), most - 84.0);
    let close = RoundButton::new(RoundKind::Ghost, Icon::X, "Close message")
        .diameter(28.0)
        .id_salt(salt)
        .at(ui, pos2(rect.right() - 20.0, rect.top() + 19.0));
    (rect, close.clicked())
}
