//! What the stage says, in a person's words.

use std::time::Duration;

use super::view::Friend;
use crate::engine::{CallStage, Quality};
use crate::media::Level;
pub(super) use crate::ui::phrases::{first_name, first_name_inside, friend as full_name};

/// Below this a microphone hears a room, not a voice: -46 dB.
const VOICE: f32 = 0.005;
/// What the green arc and the string call silence, in dB below full scale.
const QUIET_DB: f32 = -50.0;

/// "4:05", "24:51", "1:02:03".
pub(super) fn clock(talked: Duration) -> String {
    let seconds = talked.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// How the connection is, as words to see, words to hear, and how many of three bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct QualityWords {
    /// On the glass.
    pub(super) seen: String,
    /// For assistive technology.
    pub(super) heard: String,
    /// Of three.
    pub(super) bars: u8,
    /// Nothing to worry about.
    pub(super) fine: bool,
}

/// The words for `quality`.
pub(super) fn quality(stage: CallStage, quality: Quality, friend: &str) -> QualityWords {
    let words = |seen: String, heard: &str, bars, fine| QualityWords {
        seen,
        heard: format!("Connection: {heard}"),
        bars,
        fine,
    };
    match (stage, quality) {
        (CallStage::Joining, _) => words("Joining…".into(), "joining", 1, true),
        (CallStage::WaitingForFriend, _) => words("Ready".into(), "ready", 1, true),
        (CallStage::Connecting { .. }, _) => words("Connecting…".into(), "connecting", 1, true),
        (CallStage::Reconnecting { .. }, _) => {
            words("Reconnecting…".into(), "reconnecting", 1, false)
        }
        (CallStage::Connected, Quality::Unknown) => {
            words("Connected".into(), "too early to say", 2, true)
        }
        (CallStage::Connected, Quality::Good) => words("Good connection".into(), "good", 3, true),
        (CallStage::Connected, Quality::TheirsWeak) => words(
            format!("{}’s connection is weak", first_name(friend)),
            &format!("{}’s is weak", first_name_inside(friend)),
            2,
            false,
        ),
        (CallStage::Connected, Quality::OursWeak) => {
            words("Your connection is weak".into(), "yours is weak", 2, false)
        }
    }
}

/// With a capital first letter: errors begin small.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Somebody speaks, rather than a room.
pub(super) fn is_voice(level: Level) -> bool {
    level.rms > VOICE
}

/// A level as a share of what is worth showing: 0.0 in silence, 1.0 at full scale, even to the ear
/// in between.
pub(super) fn loudness(level: Level) -> f32 {
    if level.rms <= 0.0 {
        return 0.0;
    }
    // Speech peaks 12 dB or so above its mean; a shout should nearly fill the arc.
    let db = 20.0 * level.rms.log10() + 12.0;
    (1.0 - db / QUIET_DB).clamp(0.0, 1.0)
}

/// The name of the mute button, state included.
pub(super) fn mute_button(muted: bool, microphone_on: bool, friend: &Friend) -> String {
    let name = first_name_inside(&friend.name);
    match (muted, microphone_on, friend.hears_us) {
        (true, ..) => format!("Unmute microphone, muted, {name} can’t hear you"),
        (false, false, _) => "Mute microphone, no microphone in use".into(),
        (false, true, Some(_)) => format!("Mute microphone, on, {name} hears you"),
        (false, true, None) => "Mute microphone, on".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn the_clock_counts_hours_only_when_there_are_any() {
        for (seconds, shown) in [
            (0, "0:00"),
            (245, "4:05"),
            (1491, "24:51"),
            (3723, "1:02:03"),
        ] {
            assert_eq!(clock(Duration::from_secs(seconds)), shown);
        }
    }

    #[test]
    fn quality_is_said_in_words_with_who_is_affected() {
        let connected = CallStage::Connected;
        let maya = "Maya Lindqvist";
        let words = quality(connected, Quality::Good, maya);
        assert_eq!(words.seen, "Good connection");
        assert_eq!(words.heard, "Connection: good");
        let words = quality(connected, Quality::TheirsWeak, maya);
        assert_eq!(words.seen, "Maya’s connection is weak");
        assert!(!words.fine);
        let words = quality(connected, Quality::OursWeak, maya);
        assert_eq!(words.seen, "Your connection is weak");
        let words = quality(
            CallStage::Reconnecting {
                since: Instant::now(),
            },
            Quality::Good,
            maya,
        );
        assert_eq!(words.seen, "Reconnecting…");
        assert_eq!(
            quality(connected, Quality::TheirsWeak, "").seen,
            "Your friend’s connection is weak"
        );
    }

    #[test]
    fn loudness_is_nothing_in_silence_and_full_for_a_shout() {
        let of = |rms| loudness(Level { rms, peak: rms });
        assert_eq!(of(0.0), 0.0);
        assert_eq!(of(0.0005), 0.0);
        assert!((0.35..0.8).contains(&of(0.03)), "{}", of(0.03));
        assert!(of(0.03) < of(0.1));
        assert_eq!(of(0.9), 1.0);
    }

    #[test]
    fn the_mute_button_says_what_the_friend_reports_and_nothing_else() {
        let mut friend = Friend {
            name: "Maya Lindqvist".into(),
            camera_on: true,
            hears_us: Some(Level::default()),
            quality: Quality::Good,
            ..Friend::default()
        };
        assert_eq!(
            mute_button(false, true, &friend),
            "Mute microphone, on, Maya hears you"
        );
        friend.hears_us = None;
        assert_eq!(mute_button(false, true, &friend), "Mute microphone, on");
        assert!(mute_button(true, true, &friend).starts_with("Unmute microphone, muted"));
    }
}
