use std::path::PathBuf;

use twocan_protocol::ServerUrl;

use crate::call::clean_name;
use crate::capture::{CameraSpec, MicrophoneSpec};
use crate::media::Bitrate;
use crate::peer::IceServer;
use crate::playout::SpeakerSpec;
use crate::settings::Settings;

/// How to start an engine. What is said here stands in place of the settings for this run, and is
/// not kept.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Where settings are kept; none keeps them nowhere.
    pub folder: Option<PathBuf>,
    /// The secret of the identity is kept by the system's keyring rather, if there is one.
    pub keyring: bool,
    /// In place of the microphone of the settings.
    pub microphone: Option<MicrophoneSpec>,
    /// In place of the speaker of the settings.
    pub speaker: Option<SpeakerSpec>,
    /// In place of the camera of the settings.
    pub camera: Option<CameraSpec>,
    /// In place of the server of the settings.
    pub server: Option<ServerUrl>,
    /// In place of the name of the settings; empty for none.
    pub name: String,
    /// In place of the STUN and TURN servers of the settings; empty for none.
    pub ice_servers: Vec<IceServer>,
    /// Only relays, whatever the settings say.
    pub relay_only: bool,
    /// All of the sound processing of the settings, or nothing of it.
    pub processing: Option<bool>,
    /// Never send more than this.
    pub max_bitrate: Option<Bitrate>,
}

impl EngineOptions {
    /// What is in force: `chosen`, with what was said for this run in its place.
    pub fn in_force(&self, chosen: &Settings) -> Settings {
        let mut settings = chosen.clone();
        if let Some(server) = &self.server {
            settings.server = Some(server.to_string());
        }
        settings.name = self.name_in_force(chosen);
        if !self.ice_servers.is_empty() {
            settings.ice_servers.clone_from(&self.ice_servers);
        }
        settings.relay_only |= self.relay_only;
        if let Some(on) = self.processing {
            settings.remove_echo = on;
            settings.reduce_noise = on;
            settings.even_volume = on;
            // It is full sound without any processing.
            settings.music_mode &= !on;
        }
        settings
    }

    /// How friends see this person; may be empty.
    pub fn name_in_force(&self, chosen: &Settings) -> String {
        if self.name.is_empty() {
            chosen.name.clone()
        } else {
            clean_name(&self.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(url: &str) -> IceServer {
        IceServer {
            url: url.into(),
            username: String::new(),
            credential: String::new(),
        }
    }

    #[test]
    fn what_is_said_for_this_run_stands_in_place_of_the_settings() {
        let chosen = Settings {
            name: "Jonas".into(),
            ice_servers: vec![turn("turn:old.example:3478")],
            music_mode: true,
            ..Settings::default()
        };
        assert_eq!(EngineOptions::default().in_force(&chosen), chosen);
        let said = EngineOptions {
            name: "Jo\u{7}".into(),
            ice_servers: vec![turn("turn:new.example:3478")],
            relay_only: true,
            processing: Some(true),
            server: Some("wss://call.example".parse().expect("a server")),
            ..EngineOptions::default()
        };
        let in_force = said.in_force(&chosen);
        assert_eq!(in_force.name, "Jo");
        assert_eq!(in_force.ice_servers, said.ice_servers);
        assert!(in_force.relay_only && in_force.remove_echo && !in_force.music_mode);
        assert_eq!(in_force.server.as_deref(), Some("wss://call.example"));
    }

    #[test]
    fn nothing_said_for_this_run_takes_relays_away() {
        let chosen = Settings {
            relay_only: true,
            ..Settings::default()
        };
        assert!(EngineOptions::default().in_force(&chosen).relay_only);
    }
}
