//! What a person chose, kept between runs, validated when it is read.

mod store;

use twocan_protocol::ServerUrl;

pub use crate::peer::IceServer;
pub use store::{Loaded, Store, StoreError};

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThemeChoice {
    /// As the system says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

/// Everything that a person can set.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How friends see this person; empty for no name.
    pub name: String,
    /// The call server, `wss://…` or `ws://…`; none to host on this computer.
    pub server: Option<String>,
    /// STUN and TURN.
    pub ice_servers: Vec<IceServer>,
    /// Send everything through a relay, so that friends do not learn this computer's address.
    pub relay_only: bool,
    /// Where there is a relay, do so with whoever is no contact.
    pub hide_from_strangers: bool,
    /// Only contacts ring; others are told that they are not wanted.
    pub contacts_only: bool,
    /// A device id; none for the system's choice.
    pub microphone: Option<String>,
    /// A device id; none for the system's choice.
    pub speaker: Option<String>,
    /// A device id; none for the system's choice.
    pub camera: Option<String>,
    /// Echo cancellation.
    pub remove_echo: bool,
    /// Noise suppression.
    pub reduce_noise: bool,
    /// Automatic gain.
    pub even_volume: bool,
    /// Full sound for instruments; turns the three above off.
    pub music_mode: bool,
    /// Calls begin with the camera on.
    pub camera_on: bool,
    /// Show the check before a call starts.
    pub check_before_call: bool,
    /// Light or dark.
    pub theme: ThemeChoice,
    /// Size of everything in the window, 1.0..=2.0 on top of the system's.
    pub scale: f32,
    /// Nothing in the window moves by itself.
    pub reduced_motion: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: String::new(),
            server: None,
            ice_servers: Vec::new(),
            relay_only: false,
            hide_from_strangers: true,
            contacts_only: false,
            microphone: None,
            speaker: None,
            camera: None,
            remove_echo: true,
            reduce_noise: true,
            even_volume: true,
            music_mode: false,
            camera_on: true,
            check_before_call: true,
            theme: ThemeChoice::System,
            scale: 1.0,
            reduced_motion: false,
        }
    }
}

impl Settings {
    /// The longest text that any of them takes, in characters.
    const MAX_TEXT: usize = 512;
    /// More STUN and TURN servers than this only slow a call down.
    const MAX_ICE_SERVERS: usize = 8;

    /// The same, with what makes no sense replaced by the default.
    pub fn validated(mut self) -> Self {
        self.name = crate::call::clean_name(&self.name);
        self.server = self
            .server
            .filter(|server| server.parse::<ServerUrl>().is_ok());
        self.ice_servers.retain(|server| {
            let texts = [&server.url, &server.username, &server.credential];
            texts
                .iter()
                .all(|text| text.chars().count() <= Self::MAX_TEXT)
        });
        self.ice_servers.truncate(Self::MAX_ICE_SERVERS);
        for device in [&mut self.microphone, &mut self.speaker, &mut self.camera] {
            *device = device
                .take()
                .filter(|id| !id.is_empty() && id.chars().count() <= Self::MAX_TEXT);
        }
        self.scale = if self.scale.is_finite() {
            self.scale.clamp(1.0, 2.0)
        } else {
            1.0
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_makes_no_sense_is_replaced() {
        let settings = Settings {
            name: "Jonas\u{7}\n".into(),
            server: Some("not a server at all".into()),
            microphone: Some(String::new()),
            scale: 40.0,
            ..Settings::default()
        };
        let valid = settings.validated();
        assert_eq!(valid.name, "Jonas");
        assert_eq!((valid.server, valid.microphone), (None, None));
        assert_eq!(valid.scale, 2.0);
        let nan = Settings {
            scale: f32::NAN,
            ..Settings::default()
        };
        assert_eq!(nan.validated().scale, 1.0);
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::{Value, json};
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,600}".prop_map(Value::from),
            proptest::collection::vec(".{0,20}", 0..12).prop_map(|texts| {
                texts
                    .iter()
                    .map(|text| json!({ "url": text, "username": text, "credential": text }))
                    .collect()
            }),
        ]
    }

    proptest! {
        #[test]
        fn any_file_is_either_settings_or_refused(field in 0..20_usize, value in any_json()) {
            let mut file = serde_json::to_value(Settings::default()).expect("plain settings");
            let fields = file.as_object_mut().expect("an object");
            let name = fields.keys().nth(field % fields.len()).expect("a field").clone();
            fields.insert(name, value);
            if let Ok(settings) = serde_json::from_value::<Settings>(file) {
                let valid = settings.validated();
                prop_assert!((1.0..=2.0).contains(&valid.scale));
                prop_assert!(valid.ice_servers.len() <= Settings::MAX_ICE_SERVERS);
                prop_assert_eq!(valid.clone().validated(), valid);
            }
        }
    }
}
