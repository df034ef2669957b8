use eframe::egui::{
    Area, Context, Frame, Id, Modal, Order, Stroke, StrokeKind, Ui, UiBuilder, Vec2, vec2,
};

use super::paint::{self, Elevation};
use crate::ui::theme::{GLASS, fade, tokens};

/// A dialog over everything: a scrim behind it, Esc or a press beside it closes it, and the keyboard
/// stays in it until then and goes back to where it was.
#[must_use = "show it"]
pub struct Sheet {
    id: Id,
    name: String,
    size: Vec2,
    radius: u8,
}

/// What became of a [`Sheet`] in this frame.
pub struct SheetResponse<R> {
    /// What the contents gave.
    pub inner: R,
    /// The person wants it closed.
    pub close: bool,
}

/// Which sheet has the keyboard, and who had it before.
#[derive(Clone, Copy)]
struct Borrowed {
    sheet: Id,
    from: Option<Id>,
    pass: u64,
}

fn borrowed_id() -> Id {
    Id::unique("keyboard borrowed by a sheet")
}

/// Gives the keyboard back when a sheet is gone. Once, before the first frame.
pub fn install_focus_return(ctx: &Context) {
    ctx.on_end_pass(
        "keyboard returns from sheets",
        std::sync::Arc::new(|ui: &mut Ui| {
            let ctx = ui.ctx();
            let borrowed = ctx.data(|data| data.get_temp::<Borrowed>(borrowed_id()));
            if let Some(borrowed) = borrowed
                && borrowed.pass < ctx.cumulative_pass_nr()
            {
                ctx.data_mut(|data| data.remove::<Borrowed>(borrowed_id()));
                if let Some(from) = borrowed.from {
                    ctx.memory_mut(|memory| memory.request_focus(from));
                }
            }
        }),
    );
}

impl Sheet {
    /// A sheet called `name`, at most as large as the window allows.
    pub fn new(id_salt: &str, name: impl Into<String>, size: Vec2) -> Self {
        Self {
            id: Id::unique(("sheet", id_salt)),
            name: name.into(),
            size,
            radius: 24,
        }
    }

    /// Shows it in the middle of the window. `contents` gets a `Ui` that fills the sheet; the widget
    /// that should have the keyboard first asks for it when `fresh` is true.
    pub fn show<R>(
        self,
        ctx: &Context,
        contents: impl FnOnce(&mut Ui, bool) -> R,
    ) -> SheetResponse<R> {
        let fresh = self.borrow_keyboard(ctx);
        let window = ctx.content_rect();
        let size = self.size.min(window.size() - vec2(24.0, 24.0));
        let dark = ctx.theme() == eframe::egui::Theme::Dark;
        let scrim = fade(GLASS, if dark { 0.66 } else { 0.5 });
        let modal = Modal::new(self.id)
            .area(
                Area::new(self.id)
                    .kind(eframe::egui::UiKind::Modal)
                    .sense(eframe::egui::Sense::hover())
                    .order(Order::Foreground)
                    .anchor(eframe::egui::Align2::CENTER_CENTER, Vec2::ZERO)
                    .accessible_name(self.name.clone())
                    .interactable(true),
            )
            .frame(Frame::NONE)
            .backdrop_color(scrim);
        let radius = self.radius;
        let shown = modal.show(ctx, |ui| {
            let (_, rect) = ui.allocate_space(size);
            paint::shadow(ui, rect, radius, Elevation::Three);
            let t = tokens(ui);
            ui.painter().rect(
                rect,
                radius,
                t.surface,
                Stroke::new(1.0, t.line),
                StrokeKind::Inside,
            );
            let mut inside = ui.new_child(UiBuilder::new().max_rect(rect).id_salt("inside"));
            inside.set_clip_rect(rect.intersect(ui.clip_rect()));
            contents(&mut inside, fresh)
        });
        let close = shown.should_close();
        SheetResponse {
            inner: shown.inner,
            close,
        }
    }

    /// True in the first pass.
    fn borrow_keyboard(&self, ctx: &Context) -> bool {
        let pass = ctx.cumulative_pass_nr();
        let before = ctx.data(|data| data.get_temp::<Borrowed>(borrowed_id()));
        let fresh = before.is_none_or(|borrowed| borrowed.sheet != self.id);
        let from = match before {
            Some(borrowed) => borrowed.from,
            None => ctx.memory(|memory| memory.focused()),
        };
        let borrowed = Borrowed {
            sheet: self.id,
            from,
            pass,
        };
        ctx.data_mut(|data| data.insert_temp(borrowed_id(), borrowed));
        fresh
    }
}
