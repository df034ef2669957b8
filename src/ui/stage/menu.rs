//! More: devices that can be changed during the call, saving the friend, keeping the room, the statistics, full
//! screen.

use eframe::egui::{
    Align2, CursorIcon, Popup, PopupCloseBehavior, Rect, RectAlign, Response, Role, ScrollArea,
    Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use super::view::View;
use crate::capture::Device;
use crate::engine::DeviceState;
use crate::settings::Settings;
use crate::ui::icons::Icon;
use crate::ui::theme::{self, STAGE, Weight};
use crate::ui::widgets::paint;

const WIDTH: f32 = 288.0;
const ROW: f32 = 52.0;
const LOW_ROW: f32 = 40.0;

/// What can be picked during a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Microphone,
    Speaker,
    Camera,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Microphone, Self::Speaker, Self::Camera];

    fn name(self) -> &'static str {
        match self {
            Self::Microphone => "Microphone",
            Self::Speaker => "Speakers",
            Self::Camera => "Camera",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Microphone => Icon::MICROPHONE,
            Self::Speaker => Icon::HEADPHONES,
            Self::Camera => Icon::VIDEO_CAMERA,
        }
    }

    fn devices<'a>(self, view: &View<'a>) -> &'a [Device] {
        let devices = &view.snapshot.devices;
        match self {
            Self::Microphone => &devices.microphones,
            Self::Speaker => &devices.speakers,
            Self::Camera => &devices.cameras,
        }
    }

    fn chosen(self, settings: &Settings) -> Option<&str> {
        match self {
            Self::Microphone => settings.microphone.as_deref(),
            Self::Speaker => settings.speaker.as_deref(),
            Self::Camera => settings.camera.as_deref(),
        }
    }

    fn choose(self, settings: &mut Settings, id: Option<String>) {
        match self {
            Self::Microphone => settings.microphone = id,
            Self::Speaker => settings.speaker = id,
            Self::Camera => settings.camera = id,
        }
    }

    fn state<'a>(self, view: &View<'a>) -> &'a DeviceState {
        let local = &view.snapshot.local;
        match self {
            Self::Microphone => &local.microphone,
            Self::Speaker => &local.speaker,
            Self::Camera => &local.camera,
        }
    }
}

/// What was picked from the menu.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Picked {
    /// Other settings.
    Settings(Box<Settings>),
    /// Save the friend as a contact.
    SaveContact,
    /// Keep the standing room in which the call is.
    KeepRoom,
    /// Show or hide the statistics.
    Statistics,
    /// To full screen and back.
    FullScreen,
}

/// The menu, and the page of it that is open.
#[derive(Debug, Default)]
pub(super) struct Menu {
    page: Option<Kind>,
    was_open: bool,
}

impl Menu {
    /// Whether the menu of a button is open.
    pub(super) fn is_open(&self) -> bool {
        self.was_open
    }

    /// Shows the menu above `button` after it was pressed, until something is picked.
    pub(super) fn show(
        &mut self,
        ui: &Ui,
        view: &View,
        button: &Response,
        bar: Rect,
        full_screen: bool,
    ) -> Option<Picked> {
        let popup = Popup::default_response_id(button);
        let fresh = !self.was_open;
        if fresh {
            self.page = None;
        }
        let mut picked = None;
        let style = ui.style().clone();
        let over_button = Rect::from_x_y_ranges(button.rect.x_range(), bar.y_range());
        let shown = Popup::menu(button)
            .style(move |target: &mut eframe::egui::Style| *target = (*style).clone())
            .anchor(if view.is_narrow() { bar } else { over_button })
            .align(RectAlign::TOP)
            .gap(8.0)
            .width(WIDTH)
            .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
            .accessible_name("More")
            .show(|ui| {
                ui.set_width(WIDTH);
                ui.spacing_mut().item_spacing.y = 2.0;
                let tallest = (view.rect.height() - 190.0).max(150.0);
                ScrollArea::vertical().max_height(tallest).show(ui, |ui| {
                    picked = match self.page {
                        None => self.front(ui, view, full_screen),
                        Some(kind) => self.devices(ui, view, kind),
                    };
                });
            });
        if picked.is_some() {
            Popup::close_id(ui.ctx(), popup);
        }
        let open = Popup::is_id_open(ui.ctx(), popup) && shown.is_some();
        if self.was_open && !open && !button.clicked_elsewhere() {
            button.request_focus();
        }
        self.was_open = open;
        picked
    }

    fn front(&mut self, ui: &mut Ui, view: &View, full_screen: bool) -> Option<Picked> {
        let mut picked = None;
        for kind in Kind::ALL {
            let detail = match kind.state(view) {
                DeviceState::On { label } => label.clone(),
                DeviceState::Opening => "starting…".into(),
                DeviceState::Off => chosen_label(kind, view),
                DeviceState::Unusable { .. } => "cannot be used".into(),
            };
            let rect = row_place(ui, ROW);
            let response = row(ui, rect, kind.name(), &format!("{}, {detail}", kind.name()));
            icon_at(ui, rect, kind.icon());
            two_lines(ui, rect, kind.name(), &detail);
            let caret = pos2(rect.right() - 16.0, rect.center().y);
            paint::icon(
                ui.painter(),
                caret,
                Icon::CARET_RIGHT,
                14.0,
                false,
                STAGE.text2,
            );
            if response.clicked() {
                self.page = Some(kind);
            }
        }
        line(ui);
        if view.friend.can_be_saved() {
            let rect = row_place(ui, LOW_ROW);
            if plain(ui, rect, Icon::USER_PLUS, "Save as contact", "").clicked() {
                picked = Some(Picked::SaveContact);
            }
        }
        if view.room_to_keep().is_some() {
            let rect = row_place(ui, LOW_ROW);
            if plain(ui, rect, Icon::LINK_SIMPLE, "Keep this room", "").clicked() {
                picked = Some(Picked::KeepRoom);
            }
        }
        let rect = row_place(ui, LOW_ROW);
        let name = "How the call is doing";
        if plain(ui, rect, Icon::CHART_BAR, name, "Ctrl+I").clicked() {
            picked = Some(Picked::Statistics);
        }
        let rect = row_place(ui, LOW_ROW);
        let (icon, name) = if full_screen {
            (Icon::CORNERS_IN, "Leave full screen")
        } else {
            (Icon::CORNERS_OUT, "Full screen")
        };
        if plain(ui, rect, icon, name, "F11").clicked() {
            picked = Some(Picked::FullScreen);
        }
        picked
    }

    fn devices(&mut self, ui: &mut Ui, view: &View, kind: Kind) -> Option<Picked> {
        let mut picked = None;
        let rect = row_place(ui, LOW_ROW);
        let back = row(ui, rect, "back", &format!("Back, {}", kind.name()));
        icon_at(ui, rect, Icon::ARROW_LEFT);
        label(ui, rect, 40.0, 16.0, kind.name(), Weight::Semibold);
        if back.clicked() {
            self.page = None;
        }
        line(ui);
        let chosen = kind.chosen(&view.snapshot.settings);
        let devices = kind.devices(view);
        let system = devices.iter().find(|device| device.default);
        let system = match system {
            Some(device) => format!("System’s choice: {}", device.label),
            None => "System’s choice".into(),
        };
        let options = std::iter::once((None, system)).chain(
            devices
                .iter()
                .map(|d| (Some(d.id.as_str()), d.label.clone())),
        );
        for (id, name) in options {
            let rect = row_place(ui, LOW_ROW);
            let selected = chosen == id;
            let salt = id.unwrap_or("system");
            let response = radio(ui, rect, salt, &name, selected);
            if response.clicked() {
                let mut settings = (*view.snapshot.settings).clone();
                kind.choose(&mut settings, id.map(str::to_owned));
                picked = Some(Picked::Settings(Box::new(settings)));
            }
        }
        picked
    }
}

fn chosen_label(kind: Kind, view: &View) -> String {
    let chosen = kind.chosen(&view.snapshot.settings);
    kind.devices(view)
        .iter()
        .find(|device| match chosen {
            Some(id) => device.id == id,
            None => device.default,
        })
        .map_or("off".into(), |device| device.label.clone())
}

fn row_place(ui: &mut Ui, height: f32) -> Rect {
    ui.allocate_space(vec2(ui.available_width(), height)).1
}

fn line(ui: &mut Ui) {
    let rect = row_place(ui, 9.0);
    let stroke = Stroke::new(1.0, STAGE.line);
    ui.painter().hline(rect.x_range(), rect.center().y, stroke);
}

fn row(ui: &mut Ui, rect: Rect, salt: &str, name: &str) -> Response {
    let response = sensed(ui, rect, salt);
    response.widget_info(|| WidgetInfo::labeled(Role::MenuItem, true, name));
    response
}

fn sensed(ui: &mut Ui, rect: Rect, salt: &str) -> Response {
    let id = ui.make_persistent_id(("menu row", salt));
    let response = ui
        .interact(rect, id, Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand);
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, 8, STAGE.sunken);
    }
    if response.has_focus() {
        let ring = Stroke::new(2.0, STAGE.accent);
        ui.painter().rect_stroke(rect, 8, ring, StrokeKind::Inside);
    }
    response
}

fn plain(ui: &mut Ui, rect: Rect, icon: Icon, name: &str, keys: &str) -> Response {
    let response = row(ui, rect, name, name);
    icon_at(ui, rect, icon);
    label(ui, rect, 40.0, 64.0, name, Weight::Regular);
    ui.painter().text(
        pos2(rect.right() - 10.0, rect.center().y),
        Align2::RIGHT_CENTER,
        keys,
        theme::small(),
        STAGE.text2,
    );
    response
}

fn radio(ui: &mut Ui, rect: Rect, salt: &str, name: &str, selected: bool) -> Response {
    let response = sensed(ui, rect, salt);
    response.widget_info(|| WidgetInfo::selected(Role::MenuItemRadio, true, selected, name));
    let weight = if selected {
        Weight::Medium
    } else {
        Weight::Regular
    };
    label(ui, rect, 12.0, 36.0, name, weight);
    if selected {
        let at = pos2(rect.right() - 16.0, rect.center().y);
        paint::icon(ui.painter(), at, Icon::CHECK, 16.0, false, STAGE.accent);
    }
    response
}

fn icon_at(ui: &Ui, rect: Rect, icon: Icon) {
    let at = pos2(rect.left() + 20.0, rect.center().y);
    paint::icon(ui.painter(), at, icon, 18.0, false, STAGE.text2);
}

fn label(ui: &Ui, rect: Rect, left: f32, right: f32, text: &str, weight: Weight) {
    let width = rect.width() - left - right;
    let galley = paint::elided(ui, text, theme::font(14.0, weight), STAGE.text, width);
    let at = pos2(rect.left() + left, rect.center().y);
    paint::put(ui.painter(), galley, at, Align2::LEFT_CENTER);
}

fn two_lines(ui: &Ui, rect: Rect, name: &str, detail: &str) {
    let width = rect.width() - 72.0;
    let at = pos2(rect.left() + 40.0, rect.center().y);
    let name = paint::elided(
        ui,
        name,
        theme::font(14.0, Weight::Medium),
        STAGE.text,
        width,
    );
    paint::put(ui.painter(), name, at - vec2(0.0, 9.0), Align2::LEFT_CENTER);
    let detail = paint::elided(ui, detail, theme::small(), STAGE.text2, width);
    paint::put(
        ui.painter(),
        detail,
        at + vec2(0.0, 10.0),
        Align2::LEFT_CENTER,
    );
}
