//! The icons, from the Phosphor fonts in `assets/fonts/`.
//!
//! This is the one list of them: `assets/fonts/subset.sh` reads the code points from here and leaves
//! everything else out of the two font files.

/// One picture of the icon font; regular, or filled when something is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Icon(char);

impl Icon {
    /// As text, for a label in an icon font.
    pub fn glyph(self) -> char {
        self.0
    }

    /// Phosphor's `phone`.
    pub const PHONE: Self = Self('\u{e3b8}');
    /// Phosphor's `phone-call`.
    pub const PHONE_CALL: Self = Self('\u{e3ba}');
    /// Phosphor's `phone-disconnect`.
    pub const PHONE_DISCONNECT: Self = Self('\u{e3bc}');
    /// Phosphor's `video-camera`.
    pub const VIDEO_CAMERA: Self = Self('\u{e4da}');
    /// Phosphor's `video-camera-slash`.
    pub const VIDEO_CAMERA_SLASH: Self = Self('\u{e4dc}');
    /// Phosphor's `microphone`.
    pub const MICROPHONE: Self = Self('\u{e326}');
    /// Phosphor's `microphone-slash`.
    pub const MICROPHONE_SLASH: Self = Self('\u{e328}');
    /// Phosphor's `dots-three`.
    pub const DOTS_THREE: Self = Self('\u{e1fe}');
    /// Phosphor's `shield-check`.
    pub const SHIELD_CHECK: Self = Self('\u{e40c}');
    /// Phosphor's `seal-check`.
    pub const SEAL_CHECK: Self = Self('\u{e606}');
    /// Phosphor's `gear-six`.
    pub const GEAR_SIX: Self = Self('\u{e272}');
    /// Phosphor's `user-plus`.
    pub const USER_PLUS: Self = Self('\u{e4d0}');
    /// Phosphor's `link-simple`.
    pub const LINK_SIMPLE: Self = Self('\u{e2e6}');
    /// Phosphor's `copy`.
    pub const COPY: Self = Self('\u{e1ca}');
    /// Phosphor's `envelope-simple`.
    pub const ENVELOPE_SIMPLE: Self = Self('\u{e218}');
    /// Phosphor's `headphones`.
    pub const HEADPHONES: Self = Self('\u{e2a6}');
    /// Phosphor's `speaker-high`.
    pub const SPEAKER_HIGH: Self = Self('\u{e44a}');
    /// Phosphor's `waveform`.
    pub const WAVEFORM: Self = Self('\u{e802}');
    /// Phosphor's `play`.
    pub const PLAY: Self = Self('\u{e3d0}');
    /// Phosphor's `check`.
    pub const CHECK: Self = Self('\u{e182}');
    /// Phosphor's `check-circle`.
    pub const CHECK_CIRCLE: Self = Self('\u{e184}');
    /// Phosphor's `x-circle`.
    pub const X_CIRCLE: Self = Self('\u{e4f8}');
    /// Phosphor's `minus-circle`.
    pub const MINUS_CIRCLE: Self = Self('\u{e32c}');
    /// Phosphor's `warning-circle`.
    pub const WARNING_CIRCLE: Self = Self('\u{e4e2}');
    /// Phosphor's `lock`.
    pub const LOCK: Self = Self('\u{e2fa}');
    /// Phosphor's `globe-simple`.
    pub const GLOBE_SIMPLE: Self = Self('\u{e28e}');
    /// Phosphor's `magnifying-glass`.
    pub const MAGNIFYING_GLASS: Self = Self('\u{e30c}');
    /// Phosphor's `arrow-left`.
    pub const ARROW_LEFT: Self = Self('\u{e058}');
    /// Phosphor's `arrow-up-right`.
    pub const ARROW_UP_RIGHT: Self = Self('\u{e092}');
    /// Phosphor's `arrow-down-left`.
    pub const ARROW_DOWN_LEFT: Self = Self('\u{e040}');
    /// Phosphor's `arrow-clockwise`.
    pub const ARROW_CLOCKWISE: Self = Self('\u{e036}');
    /// Phosphor's `arrow-counter-clockwise`.
    pub const ARROW_COUNTER_CLOCKWISE: Self = Self('\u{e038}');
    /// Phosphor's `x`.
    pub const X: Self = Self('\u{e4f6}');
    /// Phosphor's `caret-down`.
    pub const CARET_DOWN: Self = Self('\u{e136}');
    /// Phosphor's `caret-right`.
    pub const CARET_RIGHT: Self = Self('\u{e13a}');
    /// Phosphor's `hard-drives`.
    pub const HARD_DRIVES: Self = Self('\u{e2a0}');
    /// Phosphor's `desktop`.
    pub const DESKTOP: Self = Self('\u{e560}');
    /// Phosphor's `hand-waving`.
    pub const HAND_WAVING: Self = Self('\u{e580}');
    /// Phosphor's `palette`.
    pub const PALETTE: Self = Self('\u{e6c8}');
    /// Phosphor's `info`.
    pub const INFO: Self = Self('\u{e2ce}');
    /// Phosphor's `chart-bar`.
    pub const CHART_BAR: Self = Self('\u{e150}');
    /// Phosphor's `corners-out`.
    pub const CORNERS_OUT: Self = Self('\u{e1d0}');
    /// Phosphor's `corners-in`.
    pub const CORNERS_IN: Self = Self('\u{e1ce}');
    /// Phosphor's `plus`.
    pub const PLUS: Self = Self('\u{e3d4}');
    /// Phosphor's `trash`.
    pub const TRASH: Self = Self('\u{e4a6}');
    /// Phosphor's `user`.
    pub const USER: Self = Self('\u{e4c2}');
    /// Phosphor's `sun`.
    pub const SUN: Self = Self('\u{e472}');
    /// Phosphor's `moon`.
    pub const MOON: Self = Self('\u{e330}');
}
