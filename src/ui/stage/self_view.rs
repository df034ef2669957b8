//! Our own picture: a tile that is mirrored here only, and can be put into any corner.

use eframe::egui::{
    Align2, Color32, CursorIcon, Key, Modifiers, Pos2, Rect, Role, Sense, Ui, WidgetInfo, pos2,
    vec2,
};

use super::tile::{self, Corner};
use super::view::View;
use crate::ui::icons::Icon;
use crate::ui::picture::{Look, Picture};
use crate::ui::theme::{self, STAGE, Weight, fade};
use crate::ui::widgets::paint::{self, Elevation};

const RADIUS: u8 = 16;
const GLIDE_SECONDS: f32 = 0.18;

/// The tile.
#[derive(Debug, Default)]
pub(super) struct SelfView {
    picture: Picture,
    corner: Corner,
    /// Where the pointer took it.
    dragged: Option<Pos2>,
}

impl SelfView {
    /// Shows the tile if our camera is on, clear of `obstacles`.
    pub(super) fn show(&mut self, ui: &mut Ui, view: &View, obstacles: &[Rect]) {
        if !view.own_camera_on() {
            self.dragged = None;
            return;
        }
        let home = tile::place(view.rect, self.corner, obstacles);
        let rect = self.glide(ui, home);
        let id = ui.make_persistent_id("self view");
        let response = ui
            .interact(rect, id, Sense::click_and_drag())
            .on_hover_cursor(CursorIcon::Grab);
        response.widget_info(|| {
            let name = format!("Your own video, {}", self.corner.name());
            WidgetInfo::labeled(Role::Button, true, name)
        });
        if response.dragged() {
            let center = self.dragged.unwrap_or(rect.center()) + response.drag_delta();
            self.dragged = Some(center);
            ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
        } else if let Some(center) = self.dragged.take() {
            self.corner = Corner::nearest(view.rect, center);
        }
        if response.has_focus() && ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter)) {
            self.corner = self.corner.next();
        }
        self.paint(ui, view, rect);
        paint::focus_ring(ui, rect, RADIUS, &response);
    }

    /// Where it is on its way home; home at once for who wants nothing to move.
    fn glide(&self, ui: &Ui, home: Rect) -> Rect {
        let seconds = match self.dragged {
            Some(_) => 0.0,
            None => theme::motion(ui, GLIDE_SECONDS),
        };
        let target = self.dragged.unwrap_or(home.center());
        let id = ui.make_persistent_id("self view glides");
        let context = ui.ctx();
        let center = pos2(
            context.animate_value_with_time(id.with("x"), target.x, seconds),
            context.animate_value_with_time(id.with("y"), target.y, seconds),
        );
        Rect::from_center_size(center, home.size())
    }

    fn paint(&mut self, ui: &mut Ui, view: &View, rect: Rect) {
        paint::shadow(ui, rect, RADIUS, Elevation::Three);
        let look = Look {
            corner_radius: f32::from(RADIUS),
            ring: true,
            mirrored: true,
            brightness: if view.is_reconnecting() { 0.6 } else { 1.0 },
            ..Look::default()
        };
        let shown = self.picture.show(ui, rect, &view.handle.self_view(), look);
        if !shown {
            ui.painter().rect_filled(rect, RADIUS, STAGE.surface);
            paint::spinner(ui, rect.center(), 10.0, STAGE.text2);
        }
        let muted = view.snapshot.local.muted && !view.snapshot.local.holding_to_talk;
        let font = theme::font(12.0, Weight::Medium);
        let width = paint::text_width(ui, "You", font.clone()) + 16.0;
        let width = width + if muted { 18.0 } else { 0.0 };
        let label = Rect::from_min_size(
            pos2(rect.left() + 8.0, rect.bottom() - 29.0),
            vec2(width, 21.0),
        );
        let painter = ui.painter();
        painter.rect_filled(label, 10, fade(Color32::BLACK, 0.62));
        let y = label.center().y;
        painter.text(
            pos2(label.left() + 8.0, y),
            Align2::LEFT_CENTER,
            "You",
            font,
            Color32::WHITE,
        );
        if muted {
            let at = pos2(label.right() - 13.0, y);
            paint::icon(painter, at, Icon::MICROPHONE_SLASH, 13.0, true, STAGE.warn);
        }
    }
}
