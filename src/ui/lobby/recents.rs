use std::time::SystemTime;

use eframe::egui::{Align2, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::list;
use super::parts::list_heading;
use super::{Asking, Lobby};
use crate::engine::{CallRole, Command, Handle, Recent, Snapshot, Standing};
use crate::ui::icons::Icon;
use crate::ui::phrases::{self, Ending};
use crate::ui::theme::{self, tokens};
use crate::ui::twins;
use crate::ui::widgets::{Button, ButtonKind, RoundButton, RoundKind, disc, paint, row, two_lines};

/// From the left of a row to its words.
const INSET: f32 = 64.0;

/// What can be done about whoever a call was with.
struct Offer {
    icon: Icon,
    name: String,
    command: Command,
}

impl Lobby {
    /// Heading and card.
    pub(super) fn recents(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        handle: &Handle,
        snapshot: &Snapshot,
    ) {
        list_heading(ui, rect, "Recent");
        let clear = Rect::from_min_size(
            pos2(rect.right() - 76.0, rect.top() - 8.0),
            vec2(80.0, 36.0),
        );
        let forget = Button::new(ButtonKind::Ghost, "Clear").name("Clear recent calls");
        if forget.at(ui, clear).clicked() {
            self.asking = Some(Asking::Forget);
        }
        let (card, height) = list::card(ui, rect, snapshot.recents.len());
        self.recent_rows(ui, card, height, handle, snapshot);
    }

    /// The rows, each `height` high, scrolling within `rect`.
    pub(super) fn recent_rows(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        height: f32,
        handle: &Handle,
        snapshot: &Snapshot,
    ) {
        let now = SystemTime::now();
        let recents = &snapshot.recents;
        list::rows(
            ui,
            "recents",
            rect,
            height,
            INSET,
            recents,
            |ui, place, recent| {
                let (name, offer) = who(recent, snapshot);
                // Not by its place in the list: another one takes it when a call is over.
                let taken = ui.push_id((recent.began, recent.identity), |ui| {
                    self.recent(ui, place, recent, &name, offer.as_ref(), now)
                });
                if let Some(offer) = offer.filter(|_| taken.inner) {
                    handle.send(offer.command);
                }
            },
        );
    }

    /// One call; true when what is offered was taken.
    fn recent(
        &mut self,
        ui: &mut Ui,
        place: Rect,
        recent: &Recent,
        name: &str,
        offer: Option<&Offer>,
        now: SystemTime,
    ) -> bool {
        let t = tokens(ui);
        let (ending, how) = phrases::ended(recent);
        let when = phrases::when(recent.began, now);
        let broken = ending == Ending::Broken;
        let way = match recent.role {
            CallRole::Host => "you called",
            CallRole::Guest => "you were called",
        };
        if broken {
            let spoken = format!("{name}, {how}, {when}. See why");
            let opened = row(ui, place, "open", &spoken);
            list::follow_keyboard(ui, place, &[&opened]);
            if opened.clicked() {
                self.asking = Some(Asking::Why {
                    title: how.clone(),
                    why: recent.ended.sentence(),
                });
            }
        } else {
            let spoken = format!("{name}, {how}, {when}, {way}");
            let response = ui.interact(place, ui.make_persistent_id("recent"), Sense::hover());
            response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, &spoken));
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
        let left = place.left() + INSET;
        // The button has its place beside the words.
        let right = place.right() - if offer.is_some() { 60.0 } else { 16.0 };
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
        offer.is_some_and(|offer| {
            let button = RoundButton::new(RoundKind::Ghost, offer.icon, &offer.name)
                .id_salt("offer")
                .at(ui, pos2(place.right() - 32.0, middle));
            list::follow_keyboard(ui, place, &[&button]);
            button.clicked()
        })
    }
}

/// Whose call it was, by the name that this person knows, and what can be done about them: a contact is
/// called back, and a stranger can become one. Who only has the name of a contact is not saved here, where
/// nobody warns of them.
fn who(recent: &Recent, snapshot: &Snapshot) -> (String, Option<Offer>) {
    let given = phrases::friend(&recent.name).to_owned();
    let Some(identity) = recent.identity else {
        return (given, None);
    };
    match snapshot.standing(&identity, &recent.name) {
        Standing::Contact { name, .. } => {
            let name = twins::told_apart(&snapshot.contacts, &identity, &name);
            let name = phrases::friend(&name).to_owned();
            let offer = Offer {
                icon: Icon::PHONE,
                name: format!("Call {name} back"),
                command: Command::CallContact {
                    contact: identity,
                    camera: false,
                },
            };
            return (name, Some(offer));
        }
        Standing::Namesake => return (format!("{given}, not in your contacts"), None),
        Standing::Stranger => {}
    }
    // Saving somebody would unblock them.
    let mut blocked = snapshot.blocked.iter();
    if blocked.any(|(blocked, _)| *blocked == identity) {
        return (given, None);
    }
    let first = phrases::first_name_inside(&recent.name);
    let offer = Offer {
        icon: Icon::USER_PLUS,
        name: format!("Save {first} as a contact"),
        command: Command::SaveContact {
            identity,
            name: phrases::name_to_save(&recent.name).to_owned(),
        },
    };
    (given, Some(offer))
}
