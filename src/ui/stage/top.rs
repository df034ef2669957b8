//! Who it is and for how long, top left; how the connection is, top right.

use eframe::egui::{
    Align2, Color32, CursorIcon, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2,
};

use super::view::View;
use super::words::{self, QualityWords};
use crate::ui::icons::Icon;
use crate::ui::theme::{self, GLASS, STAGE, Weight, fade};
use crate::ui::widgets::{RoundButton, RoundKind, Words, avatar, paint};

const GLASS_ALPHA: f32 = 0.66;

/// Where both are, for what must not cover them.
pub(super) struct Places {
    pub(super) name: Rect,
    pub(super) quality: Rect,
}

/// Shows both; the response is that of the quality, which opens the statistics.
pub(super) fn show(ui: &mut Ui, view: &View) -> (Places, Response) {
    let quality = words::quality(view.call.stage, view.friend.quality, &view.friend.name);
    let places = places(ui, view, &quality);
    name_pill(ui, view, places.name);
    let response = quality_chip(ui, places.quality, &quality);
    (places, response)
}

fn quality_width(ui: &Ui, quality: &QualityWords) -> f32 {
    paint::text_width(ui, &quality.seen, theme::small_medium()) + 42.0
}

fn places(ui: &Ui, view: &View, quality: &QualityWords) -> Places {
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
    let muted = if view.friend.muted { 20.0 } else { 0.0 };
    let wanted = 52.0 + (name + muted).max(line) + 20.0;
    let name = Rect::from_min_size(pos2(left, y - 24.0), vec2(wanted.min(right - left), 48.0));
    let width = quality_width(ui, quality);
    // Where both do not fit in one row, the connection goes below the name.
    let quality = if name.right() + 8.0 + width <= right {
        Rect::from_min_size(pos2(right - width, y - 14.0), vec2(width, 28.0))
    } else {
        Rect::from_min_size(pos2(left, name.bottom() + 8.0), vec2(width, 28.0))
    };
    Places { name, quality }
}

/// "24:51", "Voice call · 4:05", "24:51 · paused".
fn line(view: &View) -> String {
    let Some(connected_at) = view.call.connected_at else {
        return match view.call.stage {
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
    avatar(painter, center, 18.0, &view.friend.name);
    let left = rect.left() + 52.0;
    let muted = if view.friend.muted { 20.0 } else { 0.0 };
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
        rect.right() - left - 16.0 - muted,
    );
    if view.friend.muted {
        let at = pos2(name.rect.right() + 14.0, rect.center().y - 8.5);
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
    let mut y = below + 12.0;
    let left = view.rect.left() + if view.is_narrow() { 12.0 } else { 18.0 };
    let most = (view.rect.width() - 2.0 * (left - view.rect.left())).min(420.0);
    for notice in view.snapshot.notices.iter() {
        let font = theme::font(13.0, Weight::Medium);
        let job = theme::paragraph(&notice.text, font.clone(), Color32::WHITE, most - 84.0);
        let size = ui.painter().layout_job(job).size();
        let rect = Rect::from_min_size(pos2(left, y), vec2(size.x + 84.0, size.y + 20.0));
        ui.painter().rect_filled(rect, 16, fade(GLASS, 0.8));
        let (icon, ink) = if notice.warning {
            (Icon::WARNING_CIRCLE, STAGE.warn)
        } else {
            (Icon::INFO, STAGE.accent)
        };
        let icon_at = pos2(rect.left() + 20.0, rect.top() + 19.0);
        paint::icon(ui.painter(), icon_at, icon, 18.0, true, ink);
        let salt = format!("notice {}", notice.id);
        Words::new(&notice.text, font, Color32::WHITE)
            .id_salt(&salt)
            .polite()
            .within(ui, pos2(rect.left() + 38.0, rect.top() + 10.0), most - 84.0);
        let close = RoundButton::new(RoundKind::Ghost, Icon::X, "Close message")
            .diameter(28.0)
            .id_salt(&salt)
            .at(ui, pos2(rect.right() - 20.0, rect.top() + 19.0));
        if close.clicked() {
            closed = Some(notice.id);
        }
        y = rect.bottom() + 8.0;
    }
    closed
}
