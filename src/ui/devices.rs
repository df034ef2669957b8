//! Picking devices, and hearing what the microphone gives: shared by the check and the settings.

use eframe::egui::{Align2, Rect, Ui, pos2, vec2};

use super::icons::Icon;
use super::theme::{self, Weight, fade};
use super::widgets::{Meter, Select, Tone, Verdict, Words, paint};
use crate::capture::Device;
use crate::engine::{DeviceState, Snapshot};

/// The device that a call would use: the chosen one, else the system's choice, else the first.
pub fn chosen_label<'a>(devices: &'a [Device], chosen: Option<&str>) -> Option<&'a str> {
    chosen
        .and_then(|id| devices.iter().find(|device| device.id == id))
        .or_else(|| devices.iter().find(|device| device.default))
        .or_else(|| devices.first())
        .map(|device| device.label.as_str())
}

/// What a device is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To be heard.
    Microphone,
    /// To hear.
    Speakers,
    /// To be seen.
    Camera,
}

/// A field to pick the device for `role`, or the system's choice; gives the setting that was picked now.
pub fn device_select(
    ui: &mut Ui,
    rect: Rect,
    role: Role,
    snapshot: &Snapshot,
) -> Option<Option<String>> {
    let (listed, chosen, local) = (&snapshot.devices, &snapshot.settings, &snapshot.local);
    let (name, icon, devices, chosen, state) = match role {
        Role::Microphone => (
            "Microphone",
            Icon::MICROPHONE,
            &listed.microphones,
            &chosen.microphone,
            &local.microphone,
        ),
        Role::Speakers => (
            "Speakers",
            Icon::HEADPHONES,
            &listed.speakers,
            &chosen.speaker,
            &local.speaker,
        ),
        Role::Camera => (
            "Camera",
            Icon::VIDEO_CAMERA,
            &listed.cameras,
            &chosen.camera,
            &local.camera,
        ),
    };
    let (options, selected) = options(devices, chosen.as_deref());
    // The system's choice shows what it is; a chosen device that is not there does not hide that.
    let shown = match chosen {
        None => devices.iter().find(|device| device.default),
        Some(_) => None,
    };
    let otherwise = match state {
        // A film or a test pattern, which no list of devices has.
        DeviceState::On { label } if devices.is_empty() => label,
        _ if devices.is_empty() => "None is connected",
        _ => "Not connected. Using the system’s choice",
    };
    Select::new(name, icon, &options, selected)
        .shown(shown.map(|device| device.label.as_str()))
        .otherwise(otherwise)
        .at(ui, rect)
        .map(|picked| {
            picked
                .checked_sub(1)
                .and_then(|index| devices.get(index))
                .map(|device| device.id.clone())
        })
}

/// The system's choice comes first; none is selected if the chosen device is not there.
fn options(devices: &[Device], chosen: Option<&str>) -> (Vec<String>, Option<usize>) {
    if devices.is_empty() {
        return (Vec::new(), None);
    }
    let system = match devices.iter().find(|device| device.default) {
        Some(device) => format!("System’s choice: {}", device.label),
        None => "System’s choice".to_owned(),
    };
    let options = std::iter::once(system)
        .chain(devices.iter().map(|device| device.label.clone()))
        .collect();
    let selected = match chosen {
        None => Some(0),
        Some(id) => devices
            .iter()
            .position(|device| device.id == id)
            .map(|index| index + 1),
    };
    (options, selected)
}

/// What is to be said about the microphone now.
pub struct Hearing<'a> {
    /// How good or bad it is.
    pub tone: Tone,
    /// As a picture.
    pub icon: Icon,
    /// For a person.
    pub sentence: &'a str,
}

/// Looks at the microphone's state and its level. Call once a frame.
pub fn hear<'a>(ui: &Ui, meter: &mut Meter, snapshot: &'a Snapshot) -> Hearing<'a> {
    let device = snapshot.settings.microphone.as_deref().unwrap_or_default();
    match &snapshot.local.microphone {
        DeviceState::Unusable { why } => Hearing {
            tone: Tone::Bad,
            icon: Icon::X_CIRCLE,
            sentence: why,
        },
        DeviceState::Off | DeviceState::Opening => {
            *meter = Meter::default();
            Hearing {
                tone: Tone::Neutral,
                icon: Icon::MICROPHONE,
                sentence: "Opening your microphone…",
            }
        }
        DeviceState::On { .. } => {
            let verdict = meter.update(ui, device, snapshot.local.level);
            let (tone, icon) = match verdict {
                Verdict::Listening => (Tone::Neutral, Icon::MICROPHONE),
                Verdict::Good => (Tone::Good, Icon::CHECK_CIRCLE),
                Verdict::Quiet | Verdict::Loud => (Tone::Warn, Icon::WARNING_CIRCLE),
                Verdict::Silent => (Tone::Bad, Icon::X_CIRCLE),
            };
            Hearing {
                tone,
                icon,
                sentence: verdict.sentence(),
            }
        }
    }
}

/// The verdict with the bars below it, 76 high.
pub fn hearing_panel(ui: &mut Ui, rect: Rect, meter: &mut Meter, snapshot: &Snapshot) {
    let hearing = hear(ui, meter, snapshot);
    let (ground, ink) = hearing.tone.colors(ui);
    ui.painter().rect_filled(rect, 14, ground);
    let y = rect.top() + 25.0;
    paint::icon(
        ui.painter(),
        pos2(rect.left() + 24.0, y),
        hearing.icon,
        20.0,
        true,
        ink,
    );
    let width = rect.width() - 56.0;
    let font = theme::font(14.0, Weight::Semibold);
    if paint::text_width(ui, hearing.sentence, font.clone()) <= width {
        Words::new(hearing.sentence, font, ink)
            .id_salt("verdict")
            .at(ui, pos2(rect.left() + 42.0, y), Align2::LEFT_CENTER);
    } else {
        // A device that cannot be used takes more words, and shows no level.
        Words::new(hearing.sentence, theme::small_medium(), ink)
            .id_salt("verdict")
            .within(ui, pos2(rect.left() + 42.0, rect.top() + 14.0), width);
        return;
    }
    let bars = Rect::from_min_size(
        pos2(rect.left() + 16.0, rect.top() + 46.0),
        vec2(rect.width() - 32.0, 14.0),
    );
    meter.paint(ui, bars, snapshot.local.level);
}

/// Words in place of a picture: the camera is off, opening, or cannot be used.
pub fn no_picture(ui: &mut Ui, rect: Rect, camera: &DeviceState) {
    let (icon, title, more): (Icon, &str, &str) = match camera {
        DeviceState::Off => (Icon::VIDEO_CAMERA_SLASH, "Your camera is off", ""),
        DeviceState::Opening => (Icon::VIDEO_CAMERA, "Opening your camera…", ""),
        DeviceState::On { .. } => (Icon::VIDEO_CAMERA, "Waiting for your camera…", ""),
        DeviceState::Unusable { why } => (
            Icon::VIDEO_CAMERA_SLASH,
            "No picture from your camera",
            why.as_str(),
        ),
    };
    let t = &theme::STAGE;
    let center = rect.center() - vec2(0.0, if more.is_empty() { 26.0 } else { 44.0 });
    ui.painter().circle_filled(center, 34.0, fade(t.text, 0.1));
    paint::icon(ui.painter(), center, icon, 30.0, false, t.text);
    Words::new(title, theme::card_heading(), t.text)
        .id_salt("no picture")
        .polite()
        .at(ui, center + vec2(0.0, 58.0), Align2::CENTER_CENTER);
    if !more.is_empty() {
        let width = (rect.width() - 48.0).min(380.0);
        Words::new(more, theme::font(13.0, Weight::Regular), t.text2)
            .id_salt("no picture, why")
            .centered()
            .within(
                ui,
                pos2(rect.center().x - width / 2.0, center.y + 74.0),
                width,
            );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, default: bool) -> Device {
        Device {
            id: id.to_owned(),
            label: format!("The {id}"),
            default,
        }
    }

    #[test]
    fn the_systems_choice_is_offered_first_and_says_what_it_is() {
        let devices = [device("webcam", false), device("headset", true)];
        let (names, selected) = options(&devices, None);
        assert_eq!(
            names,
            ["System’s choice: The headset", "The webcam", "The headset"]
        );
        assert_eq!(selected, Some(0));
        assert_eq!(options(&devices, Some("webcam")).1, Some(1));
        assert_eq!(options(&devices, Some("gone")).1, None);
        assert_eq!(options(&[], None), (Vec::new(), None));
    }

    #[test]
    fn a_call_uses_what_is_there() {
        let devices = [device("webcam", false), device("headset", true)];
        assert_eq!(chosen_label(&devices, Some("webcam")), Some("The webcam"));
        assert_eq!(chosen_label(&devices, Some("gone")), Some("The headset"));
        assert_eq!(chosen_label(&devices[..1], None), Some("The webcam"));
        assert_eq!(chosen_label(&[], None), None);
    }
}
