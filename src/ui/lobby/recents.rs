use std::time::SystemTime;

use eframe::egui::{Align2, Rect, ScrollArea, Sense, Stroke, Ui, UiBuilder, pos2, vec2};

use super::parts::list_heading;
use super::{Asking, Lobby};
use crate::engine::{CallRole, Recent, Snapshot};
use crate::ui::icons::Icon;
use crate::ui::phrases::{self, Ending};
use crate::ui::theme::{self, tokens};
use crate::ui::widgets::{Button, ButtonKind, disc, divider, paint, row, two_lines};

/// Rows are this high, or less if one more then fits.
const ROW: std::ops::RangeInclusive<f32> = 58.0..=66.0;

impl Lobby {
    /// Heading and card.
    pub(super) fn recents(&mut self, ui: &mut Ui, rect: Rect, snapshot: &Snapshot) {
        let top = rect.top();
        list_heading(ui, rect, "Recent");
        let clear = Rect::from_min_size(pos2(rect.right() - 76.0, top - 8.0), vec2(80.0, 36.0));
        let forget = Button::new(ButtonKind::Ghost, "Clear").name("Clear recent calls");
        if forget.at(ui, clear).clicked() {
            self.asking = Some(Asking::Forget);
        }
        let space = (rect.bottom() - 20.0 - (top + 34.0)).max(*ROW.end());
        let fitting = (space / ROW.start()).floor();
        let row = (space / fitting).min(*ROW.end()).floor();
        let rows = fitting.min(snapshot.recents.len() as f32);
        let card = Rect::from_min_size(
            pos2(rect.left(), top + 34.0),
            vec2(rect.width(), rows * row),
        );
        paint::card(ui, card, 16);
        self.recent_rows(ui, card, row, snapshot);
    }

    /// The rows, each `height` high, scrolling within `rect`.
    pub(super) fn recent_rows(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        height: f32,
        snapshot: &Snapshot,
    ) {
        let mut inside = ui.new_child(UiBuilder::new().id_salt("recents").max_rect(rect));
        inside.set_clip_rect(rect.intersect(ui.clip_rect()));
        let now = SystemTime::now();
        ScrollArea::vertical()
            .auto_shrink(false)
            .show(&mut inside, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let last = snapshot.recents.len().saturating_sub(1);
                for (index, recent) in snapshot.recents.iter().enumerate() {
                    let size = vec2(rect.width(), height);
                    let (place, _) = ui.allocate_exact_size(size, Sense::hover());
                    if ui.is_rect_visible(place) {
                        ui.push_id(index, |ui| self.recent(ui, place, recent, now));
                    }
                    if index != last {
                        divider(
                            ui,
                            place.left() + 64.0..=place.right() - 12.0,
                            place.bottom(),
                        );
                    }
                }
            });
    }

    fn recent(&mut self, ui: &mut Ui, place: Rect, recent: &Recent, now: SystemTime) {
        let t = tokens(ui);
        let name = phrases::friend(&recent.name);
        let (ending, how) = phrases::ended(recent);
        let when = phrases::when(recent.began, now);
        let broken = ending == Ending::Broken;
        let way = match recent.role {
            CallRole::Host => "you called",
            CallRole::Guest => "you were called",
        };
        if broken {
            let spoken = format!("{name}, {how}, {when}. See why");
            if row(ui, place, "open", &spoken).clicked() {
                self.asking = Some(Asking::Why {
                    title: how.clone(),
                    why: recent.ended.sentence(),
                });
            }
        } else {
            let spoken = format!("{name}, {how}, {when}, {way}");
            let response = ui.interact(place, ui.make_persistent_id("recent"), Sense::hover());
            response.widget_info(|| {
                eframe::egui::WidgetInfo::labeled(eframe::egui::Role::ListItem, true, &spoken)
            });
        }
        let (ground, ink) = match ending {
            Ending::Fine => (t.sunken, t.text2),
            Ending::Open => (t.warn_soft, t.warn),
            Ending::Broken => (t.bad_soft, t.bad),
        };
        let icon = match (ending, recent.role) {
            (Ending::Broken, _) => Icon::WARNING_CIRCLE,
            (_, CallRole::Host) => Icon::ARROW_UP_RIGHT,
            (_, CallRole::Guest) => Icon::ARROW_DOWN_LEFT,
        };
        let middle = place.center().y;
        let center = pos2(place.left() + 34.0, middle);
        disc(ui, center, icon, 16.0, (ground, ink));
        let left = place.left() + 64.0;
        let right = place.right() - 16.0;
        let when = paint::elided(ui, &when, theme::small(), t.text2, 120.0);
        let when_width = when.size().x;
        paint::put(
            ui.painter(),
            when,
            pos2(right, middle - 10.0),
            Align2::RIGHT_CENTER,
        );
        let color = if ending == Ending::Fine { t.text2 } else { ink };
        let words = if broken { format!("{how} · ") } else { how };
        let drawn = two_lines(
            ui,
            pos2(left, middle),
            (name, right - when_width - 12.0 - left),
            (&words, right - left),
            color,
        );
        if broken {
            let galley = paint::elided(ui, "see why", theme::small(), color, 80.0);
            let link = paint::put(
                ui.painter(),
                galley,
                pos2(drawn.right(), middle + 10.0),
                Align2::LEFT_CENTER,
            );
            ui.painter()
                .hline(link.x_range(), link.bottom() - 1.0, Stroke::new(1.0, color));
        }
    }
}
