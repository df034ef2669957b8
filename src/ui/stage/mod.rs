//! The call: the friend's picture or the string between two voices, and what can be done about it.

mod bar;
mod dropped;
mod fade;
mod figures;
mod hint;
mod hint_view;
mod keys;
mod menu;
mod panel;
mod safety;
mod scene;
mod self_view;
mod sparkline;
mod tile;
mod top;
mod view;
mod words;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use eframe::egui::{Context, CursorIcon, Event, Popup, Ui, Vec2, ViewportCommand};

use self::fade::Fade;
use self::hint::{Hearing, Hint};
use self::keys::{Keys, Pressed};
use self::menu::{Menu, Picked};
use self::safety::Safety;
use self::scene::Scene;
use self::self_view::SelfView;
use self::view::{Friend, View};
use super::frame_times::FrameTimes;
use super::theme;
use crate::engine::{CallView, Command, DeviceState, Handle, Snapshot};

const FADE_SECONDS: f32 = 0.18;

/// What the app may want to do after a frame of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageEvent {
    /// The statistics lie in the clipboard.
    StatisticsCopied,
}

/// The call on the screen, and what of it lasts from frame to frame. One for each call.
#[derive(Debug, Default)]
pub struct Stage {
    scene: Scene,
    self_view: SelfView,
    menu: Menu,
    safety: Safety,
    fade: Fade,
    keys: Keys,
    hearing: Hearing,
    panel_open: bool,
    panel_fresh: bool,
    /// How much of the controls shows.
    opacity: f32,
    /// The window that fills the screen because of us: a call that is over gives the screen back.
    filled: Option<Context>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(context) = &self.filled {
            context.send_viewport_cmd(ViewportCommand::Fullscreen(false));
        }
    }
}

impl Stage {
    /// Shows the call in all of `ui`, and sends what the person asks for to the engine.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        snapshot: &Snapshot,
        call: &CallView,
        handle: &Handle,
        frame_times: &FrameTimes,
        now: Instant,
    ) -> Option<StageEvent> {
        let friend = Friend::of(snapshot, call);
        let window = ui.max_rect();
        let (picture, panel) = panel::cut(window);
        let view = View {
            snapshot,
            call,
            handle,
            friend: &friend,
            now,
            time: ui.input(|input| input.time),
            rect: if self.panel_open { picture } else { window },
        };
        theme::on_stage(ui, |ui| {
            self.keyboard(ui, &view);
            self.picture_side(ui, &view);
            if !self.panel_open {
                return None;
            }
            let asked = panel::show(
                ui,
                panel,
                &call.statistics,
                &view.friend.name,
                frame_times,
                std::mem::take(&mut self.panel_fresh),
            );
            if asked.close {
                self.panel_open = false;
            }
            asked.copied.then_some(StageEvent::StatisticsCopied)
        })
    }

    /// Everything but the panel, in reading order.
    fn picture_side(&mut self, ui: &mut Ui, view: &View) {
        let heard = self.hearing.update(
            view.now,
            view.call.connected_at,
            &view.snapshot.local,
            view.friend,
        );
        let verdict = view.call.statistics.verdict.as_deref();
        let local = &view.snapshot.local;
        let hint = hint::hint(view.call.stage, local, view.friend, verdict, heard);
        let shown = self.controls_shown(ui, view, hint.as_ref());
        self.opacity = ui.ctx().animate_bool_with_time(
            ui.make_persistent_id("controls"),
            shown,
            theme::motion(ui, FADE_SECONDS),
        );
        let has_picture = self.scene.show(ui, view, self.opacity);
        // Even unseen they are there for Tab and for assistive technology.
        let opaque = ui.opacity();
        ui.set_opacity(opaque * self.opacity);
        let top = top::show(ui, view);
        let bar = bar::place(view.rect);
        let mut obstacles = vec![bar];
        obstacles.extend(top.places.all());
        let hint = hint.filter(|hint| match hint {
            // The words below the two people say it already, or the panel beside them does.
            Hint::Hears | Hint::FriendMuted => has_picture,
            Hint::Weak(_) => !self.panel_open,
            _ => true,
        });
        if let Some(hint) = hint {
            let (place, unmute) = hint_view::show(ui, view, bar, &hint);
            obstacles.push(place);
            if unmute {
                view.handle.send(Command::SetMuted(false));
            }
        }
        let lowest = top.places.all().map(|place| place.bottom());
        let lowest = lowest.fold(view.rect.top(), f32::max);
        let lowest = self.safety.warn(ui, view, lowest);
        if let Some(id) = top::notices(ui, view, lowest) {
            view.handle.send(Command::DismissNotice(id));
        }
        let pressed = bar::show(ui, view, self.menu.is_open() || self.panel_open);
        ui.set_opacity(opaque);
        self.self_view.show(ui, view, &obstacles);

        let full_screen = is_full_screen(ui);
        match self.menu.show(ui, view, &pressed.more, bar, full_screen) {
            Some(Picked::Settings(settings)) => view.handle.send(Command::ChangeSettings(settings)),
            Some(Picked::SaveContact) => view.save_friend(),
            Some(Picked::KeepRoom) => view.keep_room(),
            Some(Picked::Statistics) => self.toggle_panel(),
            Some(Picked::FullScreen) => self.fill_screen(ui, !full_screen),
            None => {}
        }
        if let (Some(chip), Some(met)) = (&top.safety, &view.friend.met)
            && chip.clicked()
        {
            self.safety.open(met);
        }
        if top.quality.clicked() {
            self.toggle_panel();
        }
        if pressed.mute {
            toggle_mute(view);
        }
        if pressed.camera {
            toggle_camera(view);
        }
        if pressed.hang_up {
            view.handle.send(Command::Leave);
        }
        self.safety.show(ui, view);
    }

    fn controls_shown(&mut self, ui: &Ui, view: &View, hint: Option<&Hint>) -> bool {
        let active = ui.input(|input| {
            // A pointer that comes in from outside has not moved yet, but somebody is there.
            let pointed = input
                .events
                .iter()
                .any(|event| matches!(event, Event::PointerMoved(_)));
            pointed
                || input.pointer.any_down()
                || input.smooth_scroll_delta() != Vec2::ZERO
                || !input.keys_down.is_empty()
                || input.any_touches()
        }) || ui.memory(|memory| memory.focused().is_some())
            || Popup::is_any_open(ui.ctx());
        let pinned = view.snapshot.local.muted
            || view.friend.muted
            || view.is_weak()
            || self.panel_open
            || self.safety.is_open()
            || self.safety.warns(view)
            || !view.friend.camera_on
            || !view.snapshot.notices.is_empty()
            || hint.is_some_and(Hint::is_warning);
        let shown = self.fade.update(view.time, active, pinned);
        if !shown && is_full_screen(ui) {
            ui.ctx().set_cursor_icon(CursorIcon::None);
        }
        if let Some(rest) = self.fade.fades_in(view.time) {
            ui.ctx().request_repaint_after(rest);
        }
        if view.call.connected_at.is_some() {
            // The clock ticks also when no picture moves.
            ui.ctx().request_repaint_after(Duration::from_secs(1));
        }
        shown
    }

    fn keyboard(&mut self, ui: &Ui, view: &View) {
        for pressed in self.keys.read(ui, view.snapshot.local.muted) {
            match pressed {
                Pressed::Mute => toggle_mute(view),
                Pressed::Camera => toggle_camera(view),
                Pressed::Talk(held) => view.handle.send(Command::HoldToTalk(held)),
                Pressed::Statistics => self.toggle_panel(),
                Pressed::FullScreen => self.fill_screen(ui, !is_full_screen(ui)),
                Pressed::HangUp => view.handle.send(Command::Leave),
                // It is for the sheet.
                Pressed::Escape if self.safety.is_open() => {}
                Pressed::Escape if self.panel_open => self.panel_open = false,
                Pressed::Escape => self.fill_screen(ui, false),
            }
        }
    }

    fn fill_screen(&mut self, ui: &Ui, fill: bool) {
        if is_full_screen(ui) != fill {
            let context = ui.ctx();
            context.send_viewport_cmd(ViewportCommand::Fullscreen(fill));
            self.filled = fill.then(|| context.clone());
        }
    }

    fn toggle_panel(&mut self) {
        self.panel_open = !self.panel_open;
        self.panel_fresh = self.panel_open;
    }
}

fn toggle_mute(view: &View) {
    let muted = view.snapshot.local.muted;
    view.handle.send(Command::SetMuted(!muted));
}

fn toggle_camera(view: &View) {
    let on = match view.snapshot.local.camera {
        DeviceState::On { .. } | DeviceState::Opening => false,
        DeviceState::Off | DeviceState::Unusable { .. } => true,
    };
    view.handle.send(Command::SetCamera(on));
}

fn is_full_screen(ui: &Ui) -> bool {
    ui.input(|input| input.viewport().fullscreen.unwrap_or(false))
}
