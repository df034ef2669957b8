//! What a person chose, kept between runs, validated when it is read.

use crate::peer::IceServer;

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
