//! What fills the stage: the friend's picture, or two people and the string between them.

use eframe::egui::{
    Align2, Color32, Mesh, Pos2, Rect, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2,
};

use super::dropped;
use super::view::View;
use super::words;
use crate::engine::CallStage;
use crate::ui::picture::{Fit, Look, Picture, Shade};
use crate::ui::theme::{self, STAGE, Weight, fade};
use crate::ui::widgets::{Words, empty_seat, sagging_string, voice_string};

const LAGOON_TOP: Color32 = Color32::from_rgb(0x1E, 0x45, 0x52);
const LAGOON_BOTTOM: Color32 = Color32::from_rgb(0x0C, 0x14, 0x18);
/// A pause within speech is not the end of it.
const TALK_PAUSE: f64 = 0.7;
/// How fast the string follows a voice, in shares a second.
const RISE: f32 = 14.0;
const FALL: f32 = 4.0;

/// The moving part of the stage: the friend's picture, and how loud people are.
#[derive(Debug, Default)]
pub(super) struct Scene {
    picture: Picture,
    theirs: Voice,
    ours: Voice,
}

/// A level that does not jitter.
#[derive(Debug, Clone, Copy, Default)]
struct Voice {
    loudness: f32,
    last_heard: Option<f64>,
}

impl Voice {
    fn update(&mut self, time: f64, elapsed: f32, level: crate::media::Level) {
        let target = words::loudness(level);
        let speed = if target > self.loudness { RISE } else { FALL };
        self.loudness += (target - self.loudness) * (speed * elapsed).min(1.0);
        if words::is_voice(level) {
            self.last_heard = Some(time);
        }
    }

    fn is_talking(&self, time: f64) -> bool {
        self.last_heard.is_some_and(|at| time - at < TALK_PAUSE)
    }
}

impl Scene {
    /// Paints it; true when the friend's picture is what is seen. `controls` is how much of the
    /// controls shows, 0.0..=1.0: what darkens the picture behind them goes with them.
    pub(super) fn show(&mut self, ui: &mut Ui, view: &View, controls: f32) -> bool {
        let elapsed = ui.input(|input| input.stable_dt).min(0.1);
        self.theirs.update(view.time, elapsed, view.friend.level);
        let heard = view.friend.hears_us.unwrap_or_default();
        self.ours.update(view.time, elapsed, heard);

        let has_picture =
            view.was_connected() && view.friend.camera_on && self.picture(ui, view, controls);
        if !has_picture {
            vertical_gradient(ui, view.rect, LAGOON_TOP, LAGOON_BOTTOM);
            if view.is_connected() {
                self.voices(ui, view);
            } else if !view.is_reconnecting() {
                waiting(ui, view);
            }
        }
        if let CallStage::Reconnecting { since } = view.call.stage {
            let tried = view.now.saturating_duration_since(since);
            dropped::show(ui, view, tried);
        }
        has_picture
    }

    fn picture(&mut self, ui: &mut Ui, view: &View, controls: f32) -> bool {
        let met = view.friend.met.as_ref();
        let Some(slot) = met.and_then(|met| view.handle.picture_of(met.id)) else {
            return false;
        };
        // White words need darkness behind them, whatever the picture shows.
        let shade = Shade {
            top: 130.0,
            bottom: 190.0,
            strength: controls,
        };
        let look = if view.is_reconnecting() {
            Look {
                fit: Fit::Blurred,
                brightness: 0.47,
                shade,
                ..Look::default()
            }
        } else {
            Look {
                fit: Fit::Whole,
                shade,
                ..Look::default()
            }
        };
        if !self.picture.show(ui, view.rect, &slot, look) {
            return false;
        }
        let id = ui.make_persistent_id("friend's picture");
        let response = ui.interact(view.rect, id, Sense::hover());
        let name = format!("{}’s video", view.friend_name());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
        true
    }

    /// Two people, and the string that carries what they say.
    fn voices(&self, ui: &mut Ui, view: &View) {
        let places = Places::of(view);
        let (ours, theirs) = (places.ours, places.theirs);
        let friend_talks = self.theirs.is_talking(view.time) && !view.friend.muted;
        let still = theme::is_still(ui);
        let painter = ui.painter();
        if friend_talks {
            let swell = if still { 0.5 } else { self.theirs.loudness };
            for (ring, alpha) in [0.22, 0.12, 0.06].into_iter().enumerate() {
                let wide =
                    places.their_radius + 4.0 + (10.0 + 12.0 * ring as f32) * (0.4 + 0.8 * swell);
                painter.circle_filled(theirs, wide, fade(STAGE.brand, alpha));
            }
        }
        view.own_face(painter, ours, places.our_radius);
        view.friend_face(painter, theirs, places.their_radius);
        let loudest = if still {
            0.0
        } else {
            self.theirs.loudness.max(self.ours.loudness)
        };
        let from = ours + vec2(places.our_radius + places.gap, 0.0);
        let to = theirs - vec2(places.their_radius + places.gap * 0.7, 0.0);
        let stroke = Stroke::new(3.0, STAGE.brand);
        // In a short string the same wave would look frantic.
        let loudest = if view.is_narrow() {
            loudest * 0.6
        } else {
            loudest
        };
        // A voice travels away from whoever speaks.
        let time = if self.theirs.loudness > self.ours.loudness {
            -view.seconds()
        } else {
            view.seconds()
        };
        voice_string(painter, from, to, loudest, time, stroke);
        if loudest > 0.02 {
            view.keep_moving(ui);
        }

        let below = places.their_radius + 52.0;
        let caption = |ui: &mut Ui, at: Pos2, text: &str, salt: &str, second: bool, color| {
            let (font, y) = if second {
                (theme::font(13.0, Weight::Regular), 24.0)
            } else {
                (theme::font(18.0, Weight::Semibold), 0.0)
            };
            Words::new(text, font, color).id_salt(salt).cut_at(
                ui,
                at + vec2(0.0, below + y),
                Align2::CENTER_CENTER,
                places.caption,
            );
        };
        caption(ui, ours, "You", "you", false, Color32::WHITE);
        caption(
            ui,
            theirs,
            view.friend_name(),
            "them",
            false,
            Color32::WHITE,
        );
        let (about_us, color) = about_us(view, self.ours.is_talking(view.time));
        caption(ui, ours, &about_us, "about you", true, color);
        let about_them = about_them(view, friend_talks);
        caption(
            ui,
            theirs,
            about_them,
            "about them",
            true,
            fade(Color32::WHITE, 0.85),
        );
    }
}

fn about_us(view: &View, heard: bool) -> (String, Color32) {
    let quiet = fade(Color32::WHITE, 0.85);
    if view.snapshot.local.muted && !view.snapshot.local.holding_to_talk {
        ("muted".into(), STAGE.warn)
    } else if heard {
        (format!("{} hears you", view.friend_name()), STAGE.good)
    } else {
        (String::new(), quiet)
    }
}

fn about_them(view: &View, talking: bool) -> &'static str {
    match (view.friend.muted, talking, view.is_voice_only()) {
        (true, ..) => "is muted",
        (_, true, _) => "is talking",
        (_, _, false) => "has the camera off",
        (_, _, true) => "",
    }
}

/// Where two people are.
struct Places {
    ours: Pos2,
    theirs: Pos2,
    our_radius: f32,
    their_radius: f32,
    /// Between a person and the string.
    gap: f32,
    /// How wide words below them may be.
    caption: f32,
}

impl Places {
    fn of(view: &View) -> Self {
        let rect = view.rect;
        let inset = rect.width() * 0.225;
        let y = rect.center().y - 46.0;
        let (our_radius, their_radius, gap) = if view.is_narrow() {
            (44.0, 52.0, 12.0)
        } else {
            (64.0, 78.0, 20.0)
        };
        Self {
            ours: pos2(rect.left() + inset, y),
            theirs: pos2(rect.right() - inset, y),
            our_radius,
            their_radius,
            gap,
            caption: rect.width() / 2.0 - 24.0,
        }
    }
}

/// Before there is a line: the string hangs.
fn waiting(ui: &mut Ui, view: &View) {
    let places = Places::of(view);
    let (ours, theirs) = (places.ours, places.theirs);
    let friend_is_here = view.friend.met.is_some();
    let painter = ui.painter();
    view.own_face(painter, ours, places.our_radius);
    if friend_is_here || view.is_calling() {
        view.friend_face(painter, theirs, places.our_radius);
    } else {
        let ink = fade(Color32::WHITE, 0.6);
        empty_seat(painter, theirs, places.our_radius, STAGE.edge, ink);
    }
    let swing = if theme::is_still(ui) {
        0.0
    } else {
        (view.seconds() * 1.3).sin() * 6.0
    };
    sagging_string(
        painter,
        ours + vec2(places.our_radius + places.gap, 0.0),
        theirs - vec2(places.our_radius + places.gap, 0.0),
        54.0 + swing,
        Stroke::new(3.0, STAGE.brand),
    );
    view.keep_moving(ui);
    let name = words::first_name_inside(&view.friend.name);
    let (title, detail) = match view.call.stage {
        _ if view.is_calling() => (
            format!("Calling {name}…"),
            "The call starts when they answer.".to_owned(),
        ),
        CallStage::Joining => (
            "Going to the call…".to_owned(),
            "This takes a moment.".to_owned(),
        ),
        CallStage::Connecting { .. } => (
            format!("Connecting you with {name}…"),
            "Looking for the direct line between you.".to_owned(),
        ),
        _ if friend_is_here => (
            format!("Waiting for {name}…"),
            "The call starts by itself when you are both ready.".to_owned(),
        ),
        _ if view.call.room.is_some() => (
            "Nobody else is here yet…".to_owned(),
            "Leave this open; the call starts when somebody comes.".to_owned(),
        ),
        _ => (
            "Waiting for your friend…".to_owned(),
            "Leave this open; the call starts when they join.".to_owned(),
        ),
    };
    let top = pos2(view.rect.left() + 16.0, ours.y + places.our_radius + 44.0);
    let width = view.rect.width() - 32.0;
    let title = Words::new(&title, theme::heading(), Color32::WHITE)
        .id_salt("waiting title")
        .centered()
        .polite()
        .within(ui, top, width);
    Words::new(&detail, theme::body(), fade(Color32::WHITE, 0.85))
        .id_salt("waiting detail")
        .centered()
        .within(ui, pos2(top.x, title.rect.bottom() + 6.0), width);
}

fn vertical_gradient(ui: &Ui, rect: Rect, top: Color32, bottom: Color32) {
    let mut mesh = Mesh::default();
    for (corner, color) in [
        (rect.left_top(), top),
        (rect.right_top(), top),
        (rect.left_bottom(), bottom),
        (rect.right_bottom(), bottom),
    ] {
        mesh.colored_vertex(corner, color);
    }
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(1, 2, 3);
    ui.painter().add(Shape::mesh(mesh));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Level;

    #[test]
    fn a_voice_is_followed_smoothly_and_survives_a_pause() {
        let loud = Level {
            rms: 0.1,
            peak: 0.3,
        };
        let mut voice = Voice::default();
        voice.update(1.0, 0.016, loud);
        let first = voice.loudness;
        assert!(first > 0.0 && first < words::loudness(loud));
        for frame in 0..60 {
            voice.update(1.0 + f64::from(frame) * 0.016, 0.016, loud);
        }
        assert!((voice.loudness - words::loudness(loud)).abs() < 0.01);
        voice.update(2.0, 0.016, Level::default());
        assert!(voice.loudness > 0.5, "it falls slowly");
        assert!(voice.is_talking(2.5));
        assert!(!voice.is_talking(3.0));
    }
}
