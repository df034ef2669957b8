use eframe::egui::{
    Align2, CursorIcon, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};

use super::{LobbyEvent, line};
use crate::engine::Snapshot;
use crate::settings::Settings;
use crate::ui::assets;
use crate::ui::devices::chosen_label;
use crate::ui::icons::Icon;
use crate::ui::layout;
use crate::ui::phrases::server_words;
use crate::ui::settings::Page;
use crate::ui::theme::{self, CREAM, LAGOON, LAGOON_EDGE, Weight, fade, tokens};
use crate::ui::widgets::paint::{self, Elevation};
use crate::ui::widgets::{
    Button, ButtonKind, Chip, RoundButton, RoundKind, Toggle, Words, disc, divider, face, row,
    sagging_string, two_lines,
};

/// The mark, how the call server is, the settings, and me.
pub(super) fn top_bar(ui: &mut Ui, window: Rect, snapshot: &Snapshot) -> Option<LobbyEvent> {
    let t = tokens(ui);
    let narrow = layout::is_narrow(window);
    let margin = layout::margin(window);
    let y = window.top() + 34.0;
    let mark = Rect::from_min_size(pos2(window.left() + margin, y - 17.0), vec2(34.0, 34.0));
    let icon = assets::icon(ui.ctx());
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    paint::picture(ui.painter(), mark, 9, icon.id(), whole);
    Words::new("Twocan", theme::font(18.0, Weight::Display), t.text)
        .heading()
        .at(ui, pos2(mark.right() + 10.0, y), Align2::LEFT_CENTER);

    let name = snapshot.name.trim();
    let shown = if name.is_empty() {
        "Add your name"
    } else {
        name
    };
    let font = theme::font(14.0, Weight::Medium);
    let right = window.right() - margin;
    let me = if narrow {
        Rect::from_center_size(pos2(right - 17.0, y), vec2(42.0, 42.0))
    } else {
        let width = paint::text_width(ui, shown, font.clone()).min(180.0);
        Rect::from_min_max(
            pos2(right - width - 48.0, y - 21.0),
            pos2(right + 14.0, y + 21.0),
        )
    };
    let gear = pos2(me.left() - if narrow { 24.0 } else { 28.0 }, y);
    let mut event = None;
    if server(ui, snapshot, pos2(gear.x - 30.0, y), narrow) {
        event = Some(LobbyEvent::Settings(Page::Network));
    }
    let settings = RoundButton::new(RoundKind::Ghost, Icon::GEAR_SIX, "Settings")
        .diameter(42.0)
        .icon_size(20.0)
        .at(ui, gear);
    if settings.clicked() {
        event = Some(LobbyEvent::Settings(Page::Sound));
    }
    let spoken = if name.is_empty() {
        "Add your name".to_owned()
    } else {
        format!("Your name, {name}")
    };
    let response = ui
        .interact(me, ui.make_persistent_id("me"), Sense::click())
        .on_hover_cursor(CursorIcon::PointingHand);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    if response.hovered() {
        ui.painter().rect_filled(me, 21, t.sunken);
    }
    let center = if narrow {
        me.center()
    } else {
        pos2(me.left() + 22.0, y)
    };
    face(ui.painter(), center, 17.0, name, snapshot.portrait.as_ref());
    if !narrow {
        let galley = paint::elided(ui, shown, font, t.text, 180.0);
        paint::put(
            ui.painter(),
            galley,
            pos2(me.left() + 46.0, y),
            Align2::LEFT_CENTER,
        );
    }
    paint::focus_ring(ui, me, 21, &response);
    if response.clicked() {
        event = Some(LobbyEvent::Settings(Page::Appearance));
    }
    event
}

fn server(ui: &mut Ui, snapshot: &Snapshot, right: eframe::egui::Pos2, narrow: bool) -> bool {
    let (tone, words, all) = server_words(&snapshot.server);
    let name = format!("Call server: {words}");
    if narrow {
        let center = right - vec2(14.0, 0.0);
        let clicked = RoundButton::new(RoundKind::Ghost, Icon::HARD_DRIVES, &name)
            .id_salt("server")
            .icon_size(19.0)
            .tooltip(&all)
            .at(ui, center)
            .clicked();
        let dot = center + vec2(10.0, 9.0);
        let t = tokens(ui);
        ui.painter().circle_filled(dot, 4.5, t.bg);
        ui.painter().circle_filled(dot, 3.5, tone.colors(ui).1);
        return clicked;
    }
    Chip::new(tone, &words)
        .dot()
        .clickable()
        .name(&name)
        .id_salt("server")
        .at(ui, right, Align2::RIGHT_CENTER)
        .on_hover_text(all)
        .clicked()
}

/// The one obvious next step; true when it was taken.
pub(super) fn hero(ui: &mut Ui, hero: Rect, narrow: bool, busy: bool) -> bool {
    let t = tokens(ui);
    paint::shadow(ui, hero, 20, Elevation::One);
    ui.painter().rect_filled(hero, 20, LAGOON);
    let width = if narrow { 150.0 } else { 246.0 };
    let toucan = Rect::from_min_max(hero.max - vec2(width, width * 2.0 / 3.0), hero.max);
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    paint::picture(
        ui.painter(),
        toucan,
        20,
        assets::toucan(ui.ctx()).id(),
        whole,
    );
    if t.dark {
        ui.painter()
            .rect_stroke(hero, 20, Stroke::new(1.0, LAGOON_EDGE), StrokeKind::Inside);
    }
    let pad = if narrow { 18.0 } else { 28.0 };
    let left = hero.left() + pad;
    let (size, y) = if narrow { (20.0, 32.0) } else { (27.0, 46.0) };
    Words::new("Call a friend", theme::font(size, Weight::Display), CREAM)
        .heading()
        .at(ui, pos2(left, hero.top() + y), Align2::LEFT_CENTER);
    let quiet = fade(CREAM, 0.86);
    if narrow {
        Words::new(
            "Two can talk, nobody in between.",
            theme::font(13.0, Weight::Regular),
            quiet,
        )
        .cut_at(
            ui,
            pos2(left, hero.top() + 56.0),
            Align2::LEFT_CENTER,
            hero.width() - pad - 108.0,
        );
    } else {
        Words::new(
            "Two can talk,\nnobody in between.",
            theme::font(14.0, Weight::Regular),
            quiet,
        )
        .within(ui, pos2(left, hero.top() + 66.0), 220.0);
    }
    let size = if narrow {
        vec2(150.0, 40.0)
    } else {
        vec2(158.0, 44.0)
    };
    let button = Rect::from_min_size(pos2(left, hero.bottom() - pad - size.y), size);
    Button::new(ButtonKind::Brand, "Start a call")
        .icon(Icon::PHONE_CALL)
        .busy(busy)
        .at(ui, button)
        .on_hover_text("Ctrl+N")
        .clicked()
}

/// At the top left of a list.
pub(super) fn list_heading(ui: &mut Ui, list: Rect, text: &str) {
    let at = list.min + vec2(4.0, 10.0);
    Words::new(text, theme::card_heading(), tokens(ui).text)
        .heading()
        .at(ui, at, Align2::LEFT_CENTER);
}

/// The height of a row about a device.
const DEVICE_ROW: f32 = 66.0;
/// Of all of [`devices`] without the heading.
pub(super) const DEVICES: f32 = 5.0 * DEVICE_ROW;

/// What a call would use and how it begins, and what a person wants to do about it.
pub(super) fn devices(
    ui: &mut Ui,
    rect: Rect,
    snapshot: &Snapshot,
    with_heading: bool,
) -> Option<LobbyEvent> {
    let t = tokens(ui);
    let mut chosen = None;
    let mut top = rect.top();
    if with_heading {
        list_heading(ui, rect, "Your sound and picture");
        top += 34.0;
    }
    let devices = &snapshot.devices;
    let settings = &snapshot.settings;
    let rows = [
        (
            Icon::MICROPHONE,
            "Microphone",
            chosen_label(&devices.microphones, settings.microphone.as_deref()),
            Page::Sound,
        ),
        (
            Icon::SPEAKER_HIGH,
            "Speakers",
            chosen_label(&devices.speakers, settings.speaker.as_deref()),
            Page::Sound,
        ),
        (
            Icon::VIDEO_CAMERA,
            "Camera",
            chosen_label(&devices.cameras, settings.camera.as_deref()),
            Page::Camera,
        ),
    ];
    let height = DEVICE_ROW;
    if with_heading {
        let card = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), DEVICES));
        paint::card(ui, card, 16);
    }
    let inset = if with_heading { 34.0 } else { 20.0 };
    for (index, (icon, title, label, page)) in rows.into_iter().enumerate() {
        let place = Rect::from_min_size(
            pos2(rect.left(), top + height * index as f32),
            vec2(rect.width(), height),
        );
        let said = label.unwrap_or("None is connected");
        let name = format!("{title}: {said}. Change");
        if row(ui, place, title, &name).clicked() {
            chosen = Some(LobbyEvent::Settings(page));
        }
        let (ground, ink) = if label.is_some() {
            (t.sunken, t.text2)
        } else {
            (t.warn_soft, t.warn)
        };
        let center = pos2(place.left() + inset, place.center().y);
        disc(ui, center, icon, 17.0, (ground, ink));
        let left = center.x + 30.0;
        let width = place.right() - 44.0 - left;
        let at = pos2(left, center.y);
        two_lines(ui, at, (title, width), (said, width), ink);
        let caret = pos2(place.right() - 24.0, place.center().y);
        paint::icon(ui.painter(), caret, Icon::CARET_RIGHT, 14.0, false, t.text2);
        divider(ui, left..=place.right() - 12.0, place.bottom());
    }
    let place = Rect::from_min_size(
        pos2(rect.left(), top + height * 3.0),
        vec2(rect.width(), height),
    );
    chosen = chosen.or(check_row(ui, place, inset, settings));
    let button = Rect::from_min_size(
        pos2(rect.left() + 16.0, top + height * 4.0 + 13.0),
        vec2(rect.width() - 32.0, 40.0),
    );
    let test = Button::new(ButtonKind::Soft, "Test my sound").icon(Icon::WAVEFORM);
    if test.at(ui, button).clicked() {
        chosen = Some(LobbyEvent::Settings(Page::Sound));
    }
    chosen
}

/// Whether the check comes before each call.
fn check_row(ui: &mut Ui, place: Rect, inset: f32, settings: &Settings) -> Option<LobbyEvent> {
    let t = tokens(ui);
    let center = pos2(place.left() + inset, place.center().y);
    let colors = (t.sunken, t.text2);
    disc(ui, center, Icon::CHECK_CIRCLE, 18.0, colors);
    let left = center.x + 30.0;
    let toggle = pos2(place.right() - 14.0 - Toggle::SIZE.x, place.center().y);
    let width = toggle.x - 8.0 - left;
    let title = "Check before every call";
    let more = "See and hear yourself first";
    two_lines(
        ui,
        pos2(left, center.y),
        (title, width),
        (more, width),
        t.text2,
    );
    let on = settings.check_before_call;
    divider(ui, left..=place.right() - 12.0, place.bottom());
    Toggle::new(title, on).at(ui, toggle).clicked().then(|| {
        LobbyEvent::Changed(Box::new(Settings {
            check_before_call: !on,
            ..settings.clone()
        }))
    })
}

/// What somebody new can do besides a first call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstStep {
    TestSound,
    NewRoom,
}

/// Three steps, and below them what else there is; what of it was taken.
pub(super) fn first_run(ui: &mut Ui, rect: Rect, narrow: bool) -> Option<FirstStep> {
    let t = tokens(ui);
    ui.painter()
        .rect_stroke(rect, 16, Stroke::new(1.0, t.line), StrokeKind::Inside);
    let steps = [
        (
            Icon::PHONE_CALL,
            "Start a call",
            "You get a link that works for one call.",
        ),
        (
            Icon::LINK_SIMPLE,
            "Send the link",
            "By mail, chat or text. However you like.",
        ),
        (
            Icon::HAND_WAVING,
            "Talk",
            "Your friend pastes it in Twocan. That’s all.",
        ),
    ];
    if narrow {
        return first_run_narrow(ui, rect, &steps);
    }
    Words::new(
        "Three steps to your first call",
        theme::font(18.0, Weight::Semibold),
        t.text,
    )
    .heading()
    .at(
        ui,
        pos2(rect.center().x, rect.top() + 40.0),
        Align2::CENTER_CENTER,
    );
    // The steps keep their distance from the heading and the line below, however high the window is.
    let y = rect.top() + 112.0 + ((rect.height() - 364.0) / 2.0).clamp(0.0, 40.0);
    let width = rect.width() / 3.0;
    for (index, (icon, title, text)) in steps.iter().enumerate() {
        let center = pos2(rect.left() + width * (index as f32 + 0.5), y);
        ui.painter().circle_filled(center, 30.0, t.accent_soft);
        paint::icon(ui.painter(), center, *icon, 28.0, false, t.accent);
        if index < 2 {
            sagging_string(
                ui.painter(),
                center + vec2(44.0, 0.0),
                center + vec2(width - 44.0, 0.0),
                12.0,
                Stroke::new(2.0, t.line),
            );
        }
        let id = format!("step {index}");
        Words::new(title, theme::card_heading(), t.text)
            .id_salt(&id)
            .at(ui, center + vec2(0.0, 54.0), Align2::CENTER_CENTER);
        Words::new(text, theme::font(13.5, Weight::Regular), t.text2)
            .centered()
            .within(ui, center + vec2(-95.0, 70.0), 190.0);
    }
    line(
        ui,
        rect.left() + 24.0..=rect.right() - 24.0,
        rect.bottom() - 74.0,
    );
    let y = rect.bottom() - 37.0;
    paint::icon(
        ui.painter(),
        pos2(rect.left() + 40.0, y),
        Icon::MICROPHONE,
        20.0,
        false,
        t.text2,
    );
    Words::new(
        "New microphone or headphones? Try them before you call.",
        theme::font(14.0, Weight::Regular),
        t.text,
    )
    .cut_at(
        ui,
        pos2(rect.left() + 62.0, y),
        Align2::LEFT_CENTER,
        rect.width() - 280.0,
    );
    let button = Rect::from_min_size(pos2(rect.right() - 196.0, y - 20.0), vec2(172.0, 40.0));
    let room = Rect::from_min_size(
        pos2(rect.right() - 140.0, rect.top() + 20.0),
        vec2(124.0, 40.0),
    );
    first_steps(ui, button, room)
}

fn first_steps(ui: &mut Ui, sound: Rect, room: Rect) -> Option<FirstStep> {
    let sound = Button::new(ButtonKind::Quiet, "Test my sound")
        .icon(Icon::WAVEFORM)
        .at(ui, sound);
    let room = Button::new(ButtonKind::Ghost, "New room")
        .icon(Icon::PLUS)
        .at(ui, room);
    if sound.clicked() {
        return Some(FirstStep::TestSound);
    }
    room.clicked().then_some(FirstStep::NewRoom)
}

fn first_run_narrow(ui: &mut Ui, rect: Rect, steps: &[(Icon, &str, &str); 3]) -> Option<FirstStep> {
    let t = tokens(ui);
    let inner = rect.shrink(16.0);
    layout::scroll(ui, "first run", rect.shrink(1.0), 340.0, |ui, place| {
        let top = place.top() + 15.0;
        for (index, (icon, title, text)) in steps.iter().enumerate() {
            let y = top + 22.0 + 70.0 * index as f32;
            let center = pos2(inner.left() + 22.0, y);
            ui.painter().circle_filled(center, 20.0, t.accent_soft);
            paint::icon(ui.painter(), center, *icon, 20.0, false, t.accent);
            let left = center.x + 36.0;
            let id = format!("step {index}");
            Words::new(title, theme::card_heading(), t.text)
                .id_salt(&id)
                .at(ui, pos2(left, y - 10.0), Align2::LEFT_CENTER);
            Words::new(text, theme::small(), t.text2).within(
                ui,
                pos2(left, y + 2.0),
                inner.right() - left,
            );
        }
        let button = |bottom: f32| {
            Rect::from_min_size(
                pos2(inner.left(), place.bottom() - bottom),
                vec2(inner.width(), 40.0),
            )
        };
        first_steps(ui, button(103.0), button(55.0))
    })
}
