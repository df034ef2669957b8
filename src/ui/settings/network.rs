use eframe::egui::{Align2, Rect, Ui, pos2, vec2};
use url::Url;

use super::item::Item;
use crate::engine::Snapshot;
use crate::settings::{IceServer, Settings};
use crate::ui::icons::Icon;
use crate::ui::phrases::server_words;
use crate::ui::theme::{self, Weight, tokens};
use crate::ui::widgets::{
    Button, ButtonKind, Chip, RoundButton, RoundKind, TextField, Words, paint,
};

/// Rows of servers are this high.
const ROW: f32 = 48.0;
/// More would slow down finding the direct line.
const MOST: usize = 8;

/// What is written but not meant yet.
#[derive(Debug, Default)]
pub(super) struct NetworkDrafts {
    server: String,
    server_trouble: Option<&'static str>,
    url: String,
    username: String,
    credential: String,
    ice_trouble: Option<&'static str>,
}

/// Has a server that can pass calls along.
pub(super) fn has_relay(settings: &Settings) -> bool {
    settings
        .ice_servers
        .iter()
        .any(|server| is_relay(&server.url))
}

fn is_relay(url: &str) -> bool {
    let url = url.trim().to_ascii_lowercase();
    url.starts_with("turn:") || url.starts_with("turns:")
}

/// The address of a call server, as it is kept; none to host here.
fn server_address(written: &str) -> Result<Option<String>, &'static str> {
    let written = written.trim();
    if written.is_empty() {
        return Ok(None);
    }
    let whole = if written.contains("://") {
        written.to_owned()
    } else {
        format!("wss://{written}")
    };
    let url =
        Url::parse(&whole).map_err(|_| "That isn’t an address. Write it like call.example.org.")?;
    match url.scheme() {
        "ws" | "wss" => {}
        "http" | "https" => return Err("Call servers start with wss://, not with https://."),
        _ => return Err("Call servers start with wss:// or ws://."),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("There is no server’s name in that address.");
    }
    Ok(Some(whole))
}

/// A STUN or TURN server, or what is wrong with it (RFC 7064, 7065).
fn ice_server(url: &str, username: &str, credential: &str) -> Result<IceServer, &'static str> {
    let url = url.trim();
    let Some((scheme, rest)) = url.split_once(':') else {
        return Err("Start with stun: or turn:, such as stun:stun.example.org:3478.");
    };
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "stun" | "stuns" | "turn" | "turns") {
        return Err("Start with stun: or turn:, such as stun:stun.example.org:3478.");
    }
    let address = rest.split('?').next().unwrap_or_default();
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !address.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let odd =
        |letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':'));
    if bare.is_empty() || bare.contains(odd) || (bare.contains(':') && !host.starts_with('[')) {
        return Err("There is no server’s name in that, such as stun.example.org.");
    }
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err("The number after the last colon must be from 1 to 65535.");
    }
    if scheme.starts_with("turn") && (username.trim().is_empty() || credential.is_empty()) {
        return Err("A TURN server needs a name and a password.");
    }
    let relay = scheme.starts_with("turn");
    Ok(IceServer {
        url: url.to_owned(),
        username: if relay {
            username.trim().to_owned()
        } else {
            String::new()
        },
        credential: if relay {
            credential.to_owned()
        } else {
            String::new()
        },
    })
}

pub(super) fn server_height(narrow: bool) -> f32 {
    if narrow { 162.0 } else { 132.0 }
}

/// Where the list of STUN and TURN servers begins: the words above it take two lines if need be.
fn list_top(narrow: bool) -> f32 {
    if narrow { 90.0 } else { 72.0 }
}

/// Title and sentence at the top of `row`; gives the middle of the title.
pub(super) fn heading(ui: &mut Ui, item: Item, row: Rect) -> f32 {
    let t = tokens(ui);
    let top = row.top() + 26.0;
    Words::new(item.title(), theme::name(), t.text)
        .id_salt("title")
        .at(ui, pos2(row.left(), top), Align2::LEFT_CENTER);
    Words::new(item.detail(), theme::small(), t.text2)
        .id_salt("detail")
        .within(ui, pos2(row.left(), top + 12.0), row.width());
    top
}

impl NetworkDrafts {
    /// The call server's address, and how the server is; gives the address if it was changed.
    pub(super) fn server(
        &mut self,
        ui: &mut Ui,
        row: Rect,
        narrow: bool,
        snapshot: &Snapshot,
    ) -> Option<Option<String>> {
        let settings = &*snapshot.settings;
        let top = heading(ui, Item::Server, row);
        let (tone, words, all) = server_words(&snapshot.server);
        let chip = Chip::new(tone, &words).dot().id_salt("status");
        let (at, anchor) = if narrow {
            (pos2(row.left(), top + 50.0), Align2::LEFT_CENTER)
        } else {
            (pos2(row.right(), top + 8.0), Align2::RIGHT_CENTER)
        };
        chip.at(ui, at, anchor).on_hover_text(all);
        let place = Rect::from_min_size(
            pos2(row.left(), top + if narrow { 74.0 } else { 44.0 }),
            vec2(row.width(), 42.0),
        );
        let id = TextField::id(ui, "Address of the call server");
        let writing = ui.memory(|memory| memory.has_focus(id) || memory.had_focus_last_frame(id));
        if !writing && self.server_trouble.is_none() {
            self.server = settings.server.clone().unwrap_or_default();
        }
        let field = TextField::new("Address of the call server", &mut self.server)
            .hint("None: calls are hosted on this computer")
            .icon(Icon::HARD_DRIVES)
            .error(self.server_trouble)
            .at(ui, place);
        if field.response.changed() {
            self.server_trouble = None;
        }
        if !field.settled {
            return None;
        }
        match server_address(&self.server) {
            Ok(server) => {
                self.server_trouble = None;
                (server != settings.server).then_some(server)
            }
            Err(trouble) => {
                self.server_trouble = Some(trouble);
                None
            }
        }
    }

    /// How high the list of STUN and TURN servers is, with the form below it.
    pub(super) fn ice_height(&self, snapshot: &Snapshot, narrow: bool) -> f32 {
        let form = self.form_height(narrow);
        list_top(narrow) + ROW * snapshot.settings.ice_servers.len() as f32 + form
    }

    fn form_height(&self, narrow: bool) -> f32 {
        let relay = is_relay(&self.url);
        let fields = match (narrow, relay) {
            (false, true) => 104.0,
            (false, false) => 54.0,
            (true, true) => 206.0,
            (true, false) => 104.0,
        };
        fields
            + if self.ice_trouble.is_some() {
                30.0
            } else {
                0.0
            }
            + 12.0
    }

    /// STUN and TURN servers.
    pub(super) fn ice_servers(
        &mut self,
        ui: &mut Ui,
        row: Rect,
        narrow: bool,
        snapshot: &Snapshot,
    ) -> Option<Settings> {
        let settings = &*snapshot.settings;
        let mut changed = None;
        heading(ui, Item::IceServers, row);
        let list = row.top() + list_top(narrow);
        for (index, server) in settings.ice_servers.iter().enumerate() {
            let y = list + ROW * (index as f32 + 0.5) - 4.0;
            let place =
                Rect::from_center_size(pos2(row.center().x, y), vec2(row.width(), ROW - 6.0));
            let removed = ui.push_id(index, |ui| listed(ui, place, server)).inner;
            if removed {
                let mut settings = settings.clone();
                settings.ice_servers.remove(index);
                settings.relay_only &= has_relay(&settings);
                changed = Some(settings);
            }
        }
        let form = Rect::from_min_max(
            pos2(row.left(), row.bottom() - self.form_height(narrow)),
            pos2(row.right(), row.bottom() - 12.0),
        );
        if self.add_form(ui, form, narrow, settings.ice_servers.len() < MOST) {
            match ice_server(&self.url, &self.username, &self.credential) {
                Ok(server) => {
                    let mut settings = settings.clone();
                    settings.ice_servers.push(server);
                    *self = Self::default();
                    changed = Some(settings);
                }
                Err(trouble) => self.ice_trouble = Some(trouble),
            }
        }
        changed
    }

    /// Fields for one server more; true when it is to be added.
    fn add_form(&mut self, ui: &mut Ui, rect: Rect, narrow: bool, enabled: bool) -> bool {
        let relay = is_relay(&self.url);
        let place = |x: f32, y: f32, width: f32| {
            Rect::from_min_size(rect.min + vec2(x, y), vec2(width, 42.0))
        };
        let button_width = 92.0;
        let url_width = if narrow {
            rect.width()
        } else {
            rect.width() - button_width - 12.0
        };
        let url = TextField::new("Address of a STUN or TURN server", &mut self.url)
            .hint("stun:stun.example.org:3478")
            .icon(Icon::PLUS)
            .limit(256)
            .at(ui, place(0.0, 0.0, url_width));
        let mut changed = url.response.changed();
        let mut submitted = url.submitted;
        let mut next = 50.0;
        if relay {
            let (name, password) = if narrow {
                (
                    place(0.0, 51.0, rect.width()),
                    place(0.0, 102.0, rect.width()),
                )
            } else {
                let half = (url_width - 12.0) / 2.0;
                (place(0.0, 50.0, half), place(half + 12.0, 50.0, half))
            };
            next = if narrow { 153.0 } else { 100.0 };
            let name = TextField::new("Name at the TURN server", &mut self.username)
                .hint("Name")
                .icon(Icon::USER)
                .limit(256)
                .at(ui, name);
            let password = TextField::new("Password at the TURN server", &mut self.credential)
                .hint("Password")
                .icon(Icon::LOCK)
                .secret()
                .limit(256)
                .at(ui, password);
            changed |= name.response.changed() || password.response.changed();
            submitted |= name.submitted || password.submitted;
        }
        if changed {
            self.ice_trouble = None;
        }
        if let Some(trouble) = self.ice_trouble {
            let below = if narrow { next + 50.0 } else { next };
            Words::new(trouble, theme::small(), tokens(ui).bad)
                .id_salt("trouble")
                .polite()
                .cut_at(
                    ui,
                    rect.min + vec2(2.0, below),
                    Align2::LEFT_TOP,
                    rect.width(),
                );
        }
        let button = if narrow {
            place(0.0, next, rect.width())
        } else {
            place(rect.width() - button_width, 0.0, button_width)
        };
        let pressed = Button::new(ButtonKind::Soft, "Add")
            .name("Add this server")
            .enabled(enabled && !self.url.trim().is_empty())
            .at(ui, button)
            .clicked();
        enabled && !self.url.trim().is_empty() && (pressed || submitted)
    }
}

/// One server of the list; true when it is to go.
fn listed(ui: &mut Ui, place: Rect, server: &IceServer) -> bool {
    let t = tokens(ui);
    ui.painter().rect_filled(place, 12, t.sunken);
    let y = place.center().y;
    let kind = if is_relay(&server.url) {
        "Passes calls along"
    } else {
        "Finds your address"
    };
    let remove = format!("Remove {}", server.url);
    let removed = RoundButton::new(RoundKind::Ghost, Icon::TRASH, &remove)
        .diameter(34.0)
        .id_salt("remove")
        .tooltip("Remove")
        .at(ui, pos2(place.right() - 22.0, y))
        .clicked();
    let kind_width = paint::text_width(ui, kind, theme::small());
    let space = place.width() - 14.0 - 50.0;
    let with_kind = space > kind_width + 180.0;
    let width = if with_kind {
        space - kind_width - 12.0
    } else {
        space
    };
    Words::new(&server.url, theme::font(14.0, Weight::Medium), t.text)
        .id_salt("url")
        .cut_at(ui, pos2(place.left() + 14.0, y), Align2::LEFT_CENTER, width);
    if with_kind {
        Words::new(kind, theme::small(), t.text2)
            .id_salt("kind")
            .at(ui, pos2(place.right() - 50.0, y), Align2::RIGHT_CENTER);
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_servers_address_may_be_short() {
        assert_eq!(server_address("  "), Ok(None));
        assert_eq!(
            server_address(" call.weber.family "),
            Ok(Some("wss://call.weber.family".to_owned()))
        );
        assert_eq!(
            server_address("ws://127.0.0.1:9000/x"),
            Ok(Some("ws://127.0.0.1:9000/x".to_owned()))
        );
        for wrong in [
            "https://call.weber.family",
            "ftp://a",
            "wss://",
            "a b",
            "wss://a b",
        ] {
            assert!(server_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn stun_and_turn_servers_are_checked_before_they_are_kept() {
        for good in [
            "stun:stun.example.org",
            "stun:stun.example.org:3478",
            "stun:127.0.0.1:3478",
            "stun:[::1]:3478",
            "STUN:[::1]",
        ] {
            assert!(ice_server(good, "", "").is_ok(), "{good}");
        }
        for wrong in [
            "",
            "stun.example.org:3478",
            "https://stun.example.org",
            "stun:",
            "stun::3478",
            "stun:a b",
            "stun:a:0",
            "stun:a:70000",
            "stun:::1",
        ] {
            assert!(ice_server(wrong, "", "").is_err(), "{wrong}");
        }
        let turn = "turn:turn.example.org:3478?transport=udp";
        assert!(ice_server(turn, "", "").is_err());
        assert_eq!(
            ice_server(turn, " me ", "secret"),
            Ok(IceServer {
                url: turn.to_owned(),
                username: "me".to_owned(),
                credential: "secret".to_owned(),
            })
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_gets_an_answer(text in ".{0,80}") {
            let _ = server_address(&text);
            let _ = ice_server(&text, "name", "word");
            let _ = ice_server(&format!("turn:{text}"), "name", "word");
        }
    }
}
