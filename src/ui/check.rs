//! The check before a call: am I seen, am I heard, do I hear?

use eframe::egui::{
    Align2, Color32, ColorImage, Context, Id, Pos2, Rect, TextureHandle, TextureOptions, Ui,
    epaint::RectShape, pos2, vec2,
};

use super::devices::{Role, device_select, hearing_panel, no_picture};
use super::header::header;
use super::icons::Icon;
use super::layout;
use super::phrases::SERVER_AWAY;
use super::picture::{Look, Picture};
use super::theme::{self, GLASS, Weight, tokens};
use super::widgets::paint::{self, Elevation};
use super::widgets::{
    Button, ButtonKind, Chip, Meter, RoundButton, RoundKind, Toggle, Tone, Words,
};
use crate::engine::{CallRole, Command, DeviceState, Handle, Snapshot};
use crate::settings::Settings;

/// What the check remembers between frames.
#[derive(Debug, Default)]
pub struct Check {
    meter: Meter,
    picture: Picture,
    /// What was chosen here for this call; before that, how it begins.
    camera_on: Option<bool>,
}

/// What this check is about.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// The friend, if one is already waiting.
    pub friend: Option<&'a str>,
    /// Whose call it is.
    pub role: CallRole,
    /// It begins with pictures.
    pub camera: bool,
}

impl Check {
    /// Whether the camera is wanted in the check of a call that `begins` with or without pictures.
    pub fn wants_camera(&self, begins: bool) -> bool {
        self.camera_on.unwrap_or(begins)
    }

    /// Forgets what was chosen: another screen is shown.
    pub fn left(&mut self) {
        self.camera_on = None;
        self.meter = Meter::default();
    }

    /// Shows it in `window`; gives the settings if they were changed.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        window: Rect,
        handle: &Handle,
        snapshot: &Snapshot,
        checked: Checked<'_>,
    ) -> Option<Settings> {
        let (title, mut waiting) = words(checked);
        // Whoever is there needs the server as well.
        if snapshot.server_away {
            waiting = SERVER_AWAY.into();
        }
        if header(ui, window, title, &waiting) {
            handle.send(Command::Leave);
        }
        let narrow = layout::is_narrow(window);
        let foot_height = if narrow { 128.0 } else { 124.0 };
        let foot = Rect::from_min_max(
            pos2(window.left(), window.bottom() - foot_height),
            window.max,
        );
        let body = Rect::from_min_max(pos2(window.left(), window.top() + 80.0), foot.right_top());
        let mut changed = None;
        let content = layout::content(window);
        let picture_height = if narrow {
            content.width() * 0.75
        } else {
            content.width().min(916.0) * 544.0 / 916.0 * 0.75
        };
        let least = if narrow {
            picture_height + 460.0
        } else {
            picture_height.max(400.0) + 24.0
        };
        layout::scroll(ui, "check", body, least, |ui, place| {
            let rect = Rect::from_x_y_ranges(content.x_range(), place.y_range());
            let rect = rect.with_min_y(rect.top() + 12.0);
            let (preview, pickers) = if narrow {
                let preview = Rect::from_min_size(rect.min, vec2(rect.width(), picture_height));
                (preview, layout::below(rect, preview.bottom() + 20.0))
            } else {
                let width = picture_height / 0.75;
                let preview = Rect::from_min_size(rect.min, vec2(width, picture_height));
                (preview, rect.with_min_x(preview.right() + 32.0))
            };
            self.preview(ui, preview, handle, snapshot, checked);
            changed = self.pickers(ui, pickers, handle, snapshot);
        });
        let foot = self.foot(ui, foot, narrow, handle, snapshot, checked);
        changed.or(foot)
    }

    fn preview(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        handle: &Handle,
        snapshot: &Snapshot,
        checked: Checked<'_>,
    ) {
        paint::shadow(ui, rect, 20, Elevation::Two);
        ui.painter().rect_filled(rect, 20, theme::STAGE.surface);
        let wanted = self.wants_camera(checked.camera);
        let usable = !matches!(snapshot.local.camera, DeviceState::Unusable { .. });
        let look = Look {
            corner_radius: 20.0,
            mirrored: true,
            ..Look::default()
        };
        let seen = wanted && usable && self.picture.show(ui, rect, &handle.self_view(), look);
        if seen {
            scrim(ui, rect, 20);
            Chip::new(Tone::Glass, "Only you can see this").at(
                ui,
                rect.left_top() + vec2(16.0, 16.0),
                Align2::LEFT_TOP,
            );
        } else {
            let state = if wanted {
                &snapshot.local.camera
            } else {
                &DeviceState::Off
            };
            let above = rect.with_max_y(rect.bottom() - 60.0);
            no_picture(ui, above, state);
        }
        theme::on_stage(ui, |ui| {
            let y = rect.bottom() - 58.0;
            let middle = rect.center().x;
            let muted = snapshot.local.muted;
            let microphone = switch(
                ui,
                pos2(middle - 56.0, y),
                "microphone",
                if muted {
                    (
                        Icon::MICROPHONE_SLASH,
                        "Muted",
                        "Join with microphone, muted",
                    )
                } else {
                    (Icon::MICROPHONE, "Mic on", "Join with microphone, on")
                },
                !muted,
            );
            if microphone {
                handle.send(Command::SetMuted(!muted));
            }
            let on = wanted && usable;
            let camera = switch(
                ui,
                pos2(middle + 56.0, y),
                "camera",
                if on {
                    (Icon::VIDEO_CAMERA, "Camera on", "Join with camera, on")
                } else {
                    (
                        Icon::VIDEO_CAMERA_SLASH,
                        "Camera off",
                        "Join with camera, off",
                    )
                },
                on,
            );
            if camera {
                self.camera_on = Some(!wanted);
                handle.send(Command::SetCamera(!wanted));
            }
        });
    }

    fn pickers(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        handle: &Handle,
        snapshot: &Snapshot,
    ) -> Option<Settings> {
        let t = tokens(ui);
        let settings = &snapshot.settings;
        let mut changed = None;
        let mut top = rect.top();
        let place = |top: f32, height: f32| {
            Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), height))
        };
        let heading = |ui: &mut Ui, top: f32, text: &str| {
            Words::new(text, theme::label(), t.text).at(
                ui,
                pos2(rect.left(), top + 9.0),
                Align2::LEFT_CENTER,
            );
        };
        heading(ui, top, "Microphone");
        let picked = device_select(ui, place(top + 24.0, 42.0), Role::Microphone, snapshot);
        if let Some(microphone) = picked {
            changed = Some(Settings {
                microphone,
                ..(**settings).clone()
            });
        }
        top += 78.0;
        hearing_panel(ui, place(top, 76.0), &mut self.meter, snapshot);
        top += 96.0;
        heading(ui, top, "Speakers");
        let picked = device_select(ui, place(top + 24.0, 42.0), Role::Speakers, snapshot);
        if let Some(speaker) = picked {
            changed = Some(Settings {
                speaker,
                ..(**settings).clone()
            });
        }
        top += 76.0;
        let test = Button::new(ButtonKind::Soft, "Play a test sound").icon(Icon::PLAY);
        if test.at(ui, place(top, 40.0)).clicked() {
            handle.send(Command::PlayTestSound);
        }
        if let DeviceState::Unusable { why } = &snapshot.local.speaker {
            let at = pos2(rect.left(), top + 43.0);
            Words::new(why, theme::small(), t.bad)
                .id_salt("speaker trouble")
                .cut_at(ui, at, Align2::LEFT_TOP, rect.width());
        }
        top += 62.0;
        heading(ui, top, "Camera");
        let picked = device_select(ui, place(top + 24.0, 42.0), Role::Camera, snapshot);
        if let Some(camera) = picked {
            changed = Some(Settings {
                camera,
                ..(**settings).clone()
            });
        }
        changed
    }

    fn foot(
        &self,
        ui: &mut Ui,
        foot: Rect,
        narrow: bool,
        handle: &Handle,
        snapshot: &Snapshot,
        checked: Checked<'_>,
    ) -> Option<Settings> {
        let t = tokens(ui);
        let rect = layout::content(foot);
        ui.painter().hline(
            rect.x_range(),
            foot.top(),
            eframe::egui::Stroke::new(1.0, t.line),
        );
        let y = if narrow {
            foot.top() + 34.0
        } else {
            foot.top() + 54.0
        };
        let on = snapshot.settings.check_before_call;
        let toggled = Toggle::new("Check before every call", on).at(ui, pos2(rect.left(), y));
        let left = rect.left() + 56.0;
        // The toggle itself says these words.
        let words = [
            (
                "Check before every call",
                theme::font(14.0, Weight::Medium),
                t.text,
                -10.0,
            ),
            (
                "You can turn this off; one click then joins.",
                theme::small(),
                t.text2,
                10.0,
            ),
        ];
        for (text, font, color, dy) in words {
            let galley = paint::elided(ui, text, font, color, rect.right() - left);
            paint::put(
                ui.painter(),
                galley,
                pos2(left, y + dy),
                Align2::LEFT_CENTER,
            );
        }
        let (not_now, join) = foot_buttons(rect, foot, narrow);
        if Button::new(ButtonKind::Quiet, "Not now")
            .at(ui, not_now)
            .clicked()
        {
            handle.send(Command::Leave);
        }
        let usable = !matches!(snapshot.local.camera, DeviceState::Unusable { .. });
        let camera = usable && self.wants_camera(checked.camera);
        let label = match checked.role {
            CallRole::Host => "Start the call",
            CallRole::Guest => "Join the call",
        };
        let enter = Button::new(ButtonKind::Brand, label)
            .icon(if camera {
                Icon::VIDEO_CAMERA
            } else {
                Icon::PHONE
            })
            .at(ui, join);
        if enter.clicked() {
            handle.send(Command::Enter);
        }
        toggled.clicked().then(|| Settings {
            check_before_call: !on,
            ..(*snapshot.settings).clone()
        })
    }
}

fn words(checked: Checked<'_>) -> (&'static str, String) {
    let title = match checked.role {
        CallRole::Host => "Quick check before you start",
        CallRole::Guest => "Quick check before you join",
    };
    let waiting = match checked.friend.map(str::trim) {
        Some("") => "Your friend is waiting for you.".to_owned(),
        Some(name) => format!("{name} is waiting for you."),
        None => "Your friend isn’t here yet.".to_owned(),
    };
    (title, waiting)
}

fn foot_buttons(rect: Rect, foot: Rect, narrow: bool) -> (Rect, Rect) {
    if narrow {
        let top = foot.top() + 66.0;
        let join = Rect::from_min_max(
            pos2(rect.left() + 122.0, top),
            pos2(rect.right(), top + 48.0),
        );
        let not_now = Rect::from_min_size(pos2(rect.left(), top), vec2(110.0, 48.0));
        (not_now, join)
    } else {
        let top = foot.top() + 30.0;
        let join = Rect::from_min_size(pos2(rect.right() - 190.0, top), vec2(190.0, 48.0));
        let not_now = Rect::from_min_size(pos2(join.left() - 122.0, top), vec2(110.0, 48.0));
        (not_now, join)
    }
}

/// A round switch on the preview, 52 across, with its words below.
fn switch(
    ui: &mut Ui,
    center: Pos2,
    id: &str,
    (icon, label, name): (Icon, &str, &str),
    on: bool,
) -> bool {
    let kind = if on {
        RoundKind::White
    } else {
        RoundKind::Glass
    };
    RoundButton::new(kind, icon, name)
        .id_salt(id)
        .diameter(52.0)
        .filled(true)
        .label(label)
        .at(ui, center)
        .clicked()
}

/// Darkens the lower part of a picture in the picture's own shape, so that white words are readable.
fn scrim(ui: &Ui, rect: Rect, radius: u8) {
    let texture = scrim_texture(ui.ctx());
    let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
    ui.painter()
        .add(RectShape::filled(rect, radius, Color32::WHITE).with_texture(texture.id(), whole));
}

fn scrim_texture(ctx: &Context) -> TextureHandle {
    const HEIGHT: usize = 64;
    let id = Id::unique("scrim");
    if let Some(texture) = ctx.data(|data| data.get_temp::<TextureHandle>(id)) {
        return texture;
    }
    let pixels = (0..HEIGHT)
        .map(|row| {
            let height = row as f32 / (HEIGHT - 1) as f32;
            GLASS.gamma_multiply(((height - 0.55) / 0.45).max(0.0) * 0.78)
        })
        .collect();
    let texture = ctx.load_texture(
        "scrim",
        ColorImage::new([1, HEIGHT], pixels),
        TextureOptions::LINEAR,
    );
    ctx.data_mut(|data| data.insert_temp(id, texture.clone()));
    texture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_says_who_is_waiting() {
        let said = |friend, role| {
            words(Checked {
                friend,
                role,
                camera: true,
            })
        };
        assert_eq!(
            said(Some("Maya Lindqvist"), CallRole::Guest),
            (
                "Quick check before you join",
                "Maya Lindqvist is waiting for you.".to_owned()
            )
        );
        assert_eq!(
            said(Some(" "), CallRole::Host).1,
            "Your friend is waiting for you."
        );
        assert_eq!(said(None, CallRole::Guest).1, "Your friend isn’t here yet.");
    }
}
