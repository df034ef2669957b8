//! The window as a whole: reads one snapshot a frame, shows the screen it is about, and sees to keys,
//! short messages, and what assistive technology is told.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Instant;

use eframe::egui::{
    self, Context, Key, KeyboardShortcut, Modifiers, Popup, Rect, Sense, Ui, UserAttentionType,
    ViewportCommand, WidgetInfo, accesskit::Live, vec2,
};

use super::check::{Check, Checked};
use super::frame_times::FrameTimes;
use super::icons::Icon;
use super::incoming::IncomingCard;
use super::lobby::{Lobby, LobbyEvent};
use super::notices;
use super::pace::Pace;
use super::problem::{self, ProblemEvent};
use super::settings::{self, Page, SettingsScreen, Wanted};
use super::stage::{Stage, StageEvent};
use super::theme;
use super::waiting;
use super::widgets::{Toast, Toasts};
use crate::engine::{CallView, Command, Event, Handle, Phase, Problem, Snapshot};
use crate::settings::Settings;

/// How small the window may become, in points.
pub const SMALLEST: egui::Vec2 = vec2(380.0, 520.0);
/// How large everything may be made.
const SCALE: std::ops::RangeInclusive<f32> = 1.0..=2.0;
/// What was changed here is shown at once; if the engine has not taken it by then, it will not.
const DRAFT_SECONDS: f64 = 1.0;

/// The window's state; everything about calls is in the engine.
pub struct App {
    handle: Handle,
    pace: Arc<Pace>,
    lobby: Lobby,
    check: Check,
    incoming: IncomingCard,
    settings: SettingsScreen,
    settings_open: bool,
    stage: Option<Stage>,
    frame_times: FrameTimes,
    toasts: Toasts,
    announcements: Announcements,
    asked: Wanted,
    draft: Option<(Arc<Settings>, f64)>,
    scale: f32,
    /// Which screen, and whether a problem lies over it.
    shown: Option<(Discriminant<Phase>, bool)>,
    /// A text field or a list had the keyboard at the end of the last frame: Esc belongs to it.
    escape_taken: bool,
}

impl App {
    /// Dresses the window of `ctx`, and lets the engine behind `handle` wake it.
    pub fn new(ctx: &Context, handle: Handle) -> Self {
        theme::install(ctx);
        super::widgets::install_focus_return(ctx);
        let pace = Pace::of(ctx);
        let waker = (ctx.clone(), pace.clone());
        handle.on_change(move || {
            let (ctx, pace) = &waker;
            ctx.request_repaint_after(pace.news(Instant::now()));
        });
        Self {
            handle,
            pace,
            lobby: Lobby::default(),
            check: Check::default(),
            incoming: IncomingCard::default(),
            settings: SettingsScreen::default(),
            settings_open: false,
            stage: None,
            frame_times: FrameTimes::default(),
            toasts: Toasts::default(),
            announcements: Announcements::default(),
            asked: Wanted::default(),
            draft: None,
            scale: 1.0,
            shown: None,
            escape_taken: false,
        }
    }

    /// Shows one frame in all of `ui`.
    pub fn show(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let snapshot = self.snapshot(&ctx);
        theme::follow(
            &ctx,
            snapshot.settings.theme,
            snapshot.settings.reduced_motion,
        );
        self.follow_scale(&ctx, snapshot.settings.scale);
        self.hear(&ctx);
        self.keyboard(ui, &snapshot);
        let problem = problem_shown(&snapshot);
        let shown = (discriminant(&snapshot.phase), problem.is_some());
        if self.shown.replace(shown) != Some(shown) {
            // What is new has its place and the keyboard only in its second frame.
            ctx.request_repaint();
        }

        let window = ui.max_rect();
        let in_call = matches!(snapshot.phase, Phase::Call(_)) && !self.settings_open;
        if !in_call {
            ui.painter().rect_filled(window, 0, theme::tokens(ui).bg);
        }
        let screen = if in_call {
            window
        } else {
            notices::show(ui, window, &snapshot.notices, &self.handle)
        };
        self.forget_left_screens(&snapshot);
        match (&snapshot.phase, self.settings_open) {
            (_, true) => self.show_settings(ui, screen, &snapshot),
            (Phase::Lobby, false) => self.show_lobby(ui, screen, &snapshot),
            (Phase::Preparing { .. } | Phase::Waiting { .. }, false) => {
                waiting::show(ui, screen, &self.handle, &snapshot, &mut self.toasts);
            }
            (
                Phase::Check {
                    friend,
                    role,
                    camera,
                },
                false,
            ) => {
                let checked = Checked {
                    friend: friend.as_deref(),
                    role: *role,
                    camera: *camera,
                };
                let changed = self
                    .check
                    .show(ui, screen, &self.handle, &snapshot, checked);
                self.change(&ctx, changed);
            }
            (Phase::Call(call), false) => self.show_call(ui, &snapshot, call),
        }
        self.ask_for_devices(&snapshot);
        if let Some(problem) = problem
            && let Some(ProblemEvent::ReportCopied) = problem::show(&ctx, problem, &self.handle)
        {
            self.toasts.push(Toast::done("Report copied"));
        }
        match &snapshot.incoming {
            Some(incoming) => {
                let said = self.incoming.show(&ctx, incoming, &snapshot, &self.handle);
                if let Some(said) = said {
                    self.announcements.at_once(&said);
                }
            }
            None => self.incoming.left(),
        }
        self.toasts.show(&ctx, self.foot(&snapshot.phase) + 12.0);
        self.announcements.show(ui, window);
        self.escape_taken = ctx.text_edit_focused() || Popup::is_any_open(&ctx);
    }

    /// How high the buttons at the bottom reach, which short messages must not cover.
    fn foot(&self, phase: &Phase) -> f32 {
        match phase {
            _ if self.settings_open => 8.0,
            Phase::Lobby => 8.0,
            Phase::Preparing { .. } | Phase::Waiting { .. } => 72.0,
            Phase::Check { .. } | Phase::Call(_) => 124.0,
        }
    }

    /// The engine's snapshot, with what was just changed here already in it.
    fn snapshot(&mut self, ctx: &Context) -> Arc<Snapshot> {
        let snapshot = self.handle.snapshot();
        let Some((draft, until)) = &self.draft else {
            return snapshot;
        };
        let now = ctx.input(|input| input.time);
        if **draft == *snapshot.settings || now > *until {
            self.draft = None;
            return snapshot;
        }
        ctx.request_repaint_after_secs((until - now) as f32);
        let settings = draft.clone();
        Arc::new(Snapshot {
            settings,
            ..(*snapshot).clone()
        })
    }

    fn change(&mut self, ctx: &Context, changed: Option<Settings>) {
        if let Some(settings) = changed {
            let until = ctx.input(|input| input.time) + DRAFT_SECONDS;
            self.draft = Some((Arc::new(settings.clone()), until));
            self.handle
                .send(Command::ChangeSettings(Box::new(settings)));
        }
    }

    /// Makes everything as large as was chosen, and the window large enough for it.
    fn follow_scale(&mut self, ctx: &Context, scale: f32) {
        let scale = scale.clamp(*SCALE.start(), *SCALE.end());
        if scale == self.scale {
            return;
        }
        let was = ctx.content_rect().size() * self.scale;
        self.scale = scale;
        ctx.set_zoom_factor(scale);
        // Sizes are sent in points, which have just changed.
        ctx.send_viewport_cmd(ViewportCommand::MinInnerSize(SMALLEST));
        let size = (was / scale).max(SMALLEST);
        ctx.send_viewport_cmd(ViewportCommand::InnerSize(size));
    }

    fn forget_left_screens(&mut self, snapshot: &Snapshot) {
        if !matches!(snapshot.phase, Phase::Lobby) {
            self.lobby.left();
        }
        if !matches!(snapshot.phase, Phase::Check { .. }) {
            self.check.left();
        }
        if !matches!(snapshot.phase, Phase::Call(_)) {
            self.stage = None;
        }
    }

    fn show_lobby(&mut self, ui: &mut Ui, window: Rect, snapshot: &Snapshot) {
        let event = self.lobby.show(ui, window, &self.handle, snapshot);
        match event {
            Some(LobbyEvent::Settings(page)) => self.open_settings(page),
            Some(LobbyEvent::Changed(settings)) => {
                self.change(&ui.ctx().clone(), Some(*settings));
            }
            Some(LobbyEvent::Copied(what)) => self.toasts.push(Toast::done(what)),
            None => {}
        }
    }

    fn open_settings(&mut self, page: Page) {
        self.settings.open(page);
        self.settings_open = true;
    }

    fn show_settings(&mut self, ui: &mut Ui, window: Rect, snapshot: &Snapshot) {
        let response = self.settings.show(ui, window, &self.handle, snapshot);
        if response.back {
            self.settings_open = false;
        }
        self.change(&ui.ctx().clone(), response.changed);
    }

    fn show_call(&mut self, ui: &mut Ui, snapshot: &Snapshot, call: &CallView) {
        let stage = self.stage.get_or_insert_with(Stage::default);
        let now = Instant::now();
        let event = stage.show(ui, snapshot, call, &self.handle, &self.frame_times, now);
        if let Some(StageEvent::StatisticsCopied) = event {
            self.toasts.push(Toast::done("Statistics copied"));
        }
    }

    /// For the check and the settings. A call opens what it needs itself, so nothing is asked for it:
    /// a camera that is still open for the check could not be turned off in the call.
    fn ask_for_devices(&mut self, snapshot: &Snapshot) {
        let wanted = match (&snapshot.phase, self.settings_open) {
            (Phase::Call(_), _) => Wanted::default(),
            (_, true) => self.settings.wants(),
            (Phase::Check { camera, .. }, false) => Wanted {
                microphone: true,
                camera: self.check.wants_camera(*camera),
            },
            _ => Wanted::default(),
        };
        settings::preview(&self.handle, &mut self.asked, wanted);
    }

    fn keyboard(&mut self, ui: &mut Ui, snapshot: &Snapshot) {
        let pressed = |key| {
            let shortcut = KeyboardShortcut::new(Modifiers::COMMAND, key);
            ui.input_mut(|input| input.consume_shortcut(&shortcut))
        };
        let scale = snapshot.settings.scale;
        let larger = pressed(Key::Plus) || pressed(Key::Equals);
        let smaller = pressed(Key::Minus);
        let as_it_was = pressed(Key::Num0);
        let wanted = match (larger, smaller, as_it_was) {
            (true, _, _) => scale + 0.25,
            (_, true, _) => scale - 0.25,
            (_, _, true) => 1.0,
            _ => scale,
        };
        let wanted = wanted.clamp(*SCALE.start(), *SCALE.end());
        if wanted != scale {
            let settings = Settings {
                scale: wanted,
                ..(*snapshot.settings).clone()
            };
            self.change(&ui.ctx().clone(), Some(settings));
        }
        let in_lobby = matches!(snapshot.phase, Phase::Lobby);
        let covered = in_lobby && !self.settings_open && self.lobby.is_covered();
        // What lies over everything has the keyboard to itself.
        if problem_shown(snapshot).is_some() || snapshot.incoming.is_some() || covered {
            return;
        }
        if pressed(Key::Comma) {
            self.open_settings(Page::Sound);
        }
        if pressed(Key::F) {
            self.settings_open = true;
            self.settings.search();
        }
        if in_lobby && pressed(Key::N) {
            self.settings_open = false;
            self.handle.send(Command::Host);
        }
        if in_lobby && pressed(Key::J) {
            self.settings_open = false;
            self.lobby.focus_link();
        }
        let escape = ui.input(|input| input.key_pressed(Key::Escape));
        if escape && !self.escape_taken && !Popup::is_any_open(ui.ctx()) {
            self.go_back(ui.max_rect(), snapshot);
        }
    }

    fn go_back(&mut self, window: Rect, snapshot: &Snapshot) {
        if self.settings_open {
            if !self.settings.step_back(window) {
                self.settings_open = false;
            }
            return;
        }
        match snapshot.phase {
            Phase::Preparing { .. } | Phase::Waiting { .. } | Phase::Check { .. } => {
                self.handle.send(Command::Leave);
            }
            // A call does not end by a stray key.
            Phase::Lobby | Phase::Call(_) => {}
        }
    }

    fn hear(&mut self, ctx: &Context) {
        while let Some(event) = self.handle.next_event() {
            self.happened(ctx, event);
        }
    }

    fn happened(&mut self, ctx: &Context, event: Event) {
        match event {
            Event::Rang => {
                ctx.send_viewport_cmd(ViewportCommand::RequestUserAttention(
                    UserAttentionType::Critical,
                ));
            }
            Event::Joined { name } => {
                let name = super::phrases::friend(&name);
                self.announcements.politely(&format!("{name} joined."));
            }
            Event::Ended { reason } => {
                self.announcements
                    .at_once(&format!("The call is over. {}", reason.sentence()));
            }
            Event::Reconnecting => self
                .announcements
                .politely("The line dropped. Picking it up again."),
            Event::Back => self.announcements.politely("The line is back."),
            Event::DeviceChanged { text } => {
                self.announcements.politely(&text);
                self.toasts.push(Toast::news(Icon::HEADPHONES, text));
            }
        }
    }
}

/// Why the last call did not come about, once that matters most: whoever calls is seen to first, and over a
/// call that has begun it is of no use any more.
fn problem_shown(snapshot: &Snapshot) -> Option<&Problem> {
    let has_its_turn = snapshot.incoming.is_none() && !matches!(snapshot.phase, Phase::Call(_));
    snapshot.problem.as_deref().filter(|_| has_its_turn)
}

impl eframe::App for App {
    /// Also runs while the window is hidden: whoever calls is heard of, and gets a window.
    fn logic(&mut self, ctx: &Context, _: &mut eframe::Frame) {
        self.hear(ctx);
        let snapshot = self.handle.snapshot();
        let caller = snapshot.incoming.as_ref().map(|incoming| incoming.caller);
        if self.incoming.is_out_of_date(ctx, caller) {
            ctx.send_viewport_cmd(ViewportCommand::RequestPaintWhileHidden);
            ctx.request_repaint();
        }
    }

    fn ui(&mut self, ui: &mut Ui, frame: &mut eframe::Frame) {
        let now = Instant::now();
        self.pace.painted(now);
        self.frame_times.record(now, frame.info().cpu_usage);
        self.show(ui);
        if let Some(gl) = frame.gl() {
            super::picture::release_unused(gl);
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, gl: Option<&eframe::glow::Context>) {
        if let Some(gl) = gl {
            super::picture::release_all(gl);
        }
    }
}

/// Words for assistive technology that are not seen.
#[derive(Debug, Default)]
struct Announcements {
    polite: String,
    urgent: String,
}

impl Announcements {
    /// After what is being said.
    fn politely(&mut self, text: &str) {
        text.clone_into(&mut self.polite);
    }

    /// Before anything else.
    fn at_once(&mut self, text: &str) {
        text.clone_into(&mut self.urgent);
    }

    fn show(&self, ui: &Ui, window: Rect) {
        let spoken = [
            ("polite", &self.polite, Live::Polite),
            ("urgent", &self.urgent, Live::Assertive),
        ];
        for (salt, text, live) in spoken {
            if text.is_empty() {
                continue;
            }
            let place = Rect::from_min_size(window.left_bottom() - vec2(0.0, 1.0), vec2(1.0, 1.0));
            let id = ui.make_persistent_id(("announcement", salt));
            let response = ui.interact(place, id, Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(egui::Role::Status, true, text));
            ui.ctx()
                .accesskit_node_builder(id, |node| node.set_live(live));
        }
    }
}
