//! The one thing worth saying above the bar.

use std::time::{Duration, Instant};

use super::view::Friend;
use super::words::{first_name, first_name_inside, is_voice};
use crate::engine::{CallStage, DeviceState, LocalMedia, Quality};

/// Speaking for this long without an echo of it in the friend's reports is worth a warning.
const UNHEARD_FOR: Duration = Duration::from_secs(2);
/// Between two words nobody stops being heard.
const PAUSE: Duration = Duration::from_millis(1_500);
/// Reports need this long to begin.
const SETTLING: Duration = Duration::from_secs(4);

/// What is said, most pressing first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hint {
    /// Nobody hears us, by our own choice.
    Muted,
    /// Muted, and talking while the key is held.
    HoldingToTalk,
    /// The microphone cannot be used; why.
    NoMicrophone(String),
    /// We talk, and the friend's reports do not show it.
    NotHeard,
    /// The camera cannot be used; why.
    NoCamera(String),
    /// A connection is weak; what was done about it.
    Weak(String),
    /// The friend muted themselves.
    FriendMuted,
    /// The friend hears us, by their own report.
    Hears,
}

/// Whether what we say arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Heard {
    /// Nothing is known, or nothing was said.
    #[default]
    Unknown,
    /// It does, by the friend's own report.
    Yes,
    /// We talk, and it does not.
    No,
}

/// Watches whether what we say arrives.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hearing {
    speaking_since: Option<Instant>,
    last_heard: Option<Instant>,
}

impl Hearing {
    /// Takes in how things are at `now`.
    pub(super) fn update(
        &mut self,
        now: Instant,
        connected_at: Option<Instant>,
        local: &LocalMedia,
        friend: &Friend,
    ) -> Heard {
        let settled = connected_at.is_some_and(|at| now.saturating_duration_since(at) >= SETTLING);
        let sending = !local.muted && matches!(local.microphone, DeviceState::On { .. });
        if friend.hears_us.is_some_and(is_voice) {
            self.last_heard = Some(now);
        }
        let lately = self
            .last_heard
            .is_some_and(|at| now.saturating_duration_since(at) < PAUSE);
        if friend.hears_us.is_some() && lately {
            self.speaking_since = None;
            return Heard::Yes;
        }
        if !settled || !sending {
            self.speaking_since = None;
            return Heard::Unknown;
        }
        if is_voice(local.level) {
            self.speaking_since.get_or_insert(now);
        }
        match self.speaking_since {
            Some(since) if now.saturating_duration_since(since) >= UNHEARD_FOR => Heard::No,
            _ => Heard::Unknown,
        }
    }
}

/// What is worth saying; nothing while the call is not up, or when all there is to say is silence.
pub(super) fn hint(
    stage: CallStage,
    local: &LocalMedia,
    friend: &Friend,
    verdict: Option<&str>,
    heard: Heard,
) -> Option<Hint> {
    if stage != CallStage::Connected {
        return local.muted.then_some(Hint::Muted);
    }
    if let DeviceState::Unusable { why } = &local.microphone {
        return Some(Hint::NoMicrophone(why.clone()));
    }
    if local.muted {
        return Some(if local.holding_to_talk {
            Hint::HoldingToTalk
        } else {
            Hint::Muted
        });
    }
    if heard == Heard::No {
        return Some(Hint::NotHeard);
    }
    if let DeviceState::Unusable { why } = &local.camera {
        return Some(Hint::NoCamera(why.clone()));
    }
    let weak = match friend.quality {
        Quality::TheirsWeak => Some(format!("{}’s connection is weak", first_name(&friend.name))),
        Quality::OursWeak => Some("Your connection is weak".into()),
        Quality::Good | Quality::Unknown => None,
    };
    if let Some(words) = weak {
        return Some(Hint::Weak(verdict.map_or(words, str::to_owned)));
    }
    if friend.muted {
        return Some(Hint::FriendMuted);
    }
    (heard == Heard::Yes).then_some(Hint::Hears)
}

impl Hint {
    /// The sentence.
    pub(super) fn text(&self, friend: &str) -> String {
        let (name, inside) = (first_name(friend), first_name_inside(friend));
        match self {
            Self::Muted => format!("You’re muted. {name} can’t hear you."),
            Self::HoldingToTalk => format!("{name} hears you while you hold Space"),
            Self::NotHeard => format!(
                "Your microphone works, but {inside} isn’t getting your sound. We’re trying again."
            ),
            Self::NoMicrophone(why) | Self::NoCamera(why) | Self::Weak(why) => why.clone(),
            Self::FriendMuted => format!("{name} is muted"),
            Self::Hears => format!("{name} hears you"),
        }
    }

    /// It is worth staying in sight.
    pub(super) fn is_warning(&self) -> bool {
        match self {
            Self::Muted
            | Self::HoldingToTalk
            | Self::NoMicrophone(_)
            | Self::NotHeard
            | Self::NoCamera(_)
            | Self::Weak(_) => true,
            Self::FriendMuted | Self::Hears => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Level;

    const VOICE: Level = Level {
        rms: 0.05,
        peak: 0.2,
    };

    fn friend() -> Friend {
        Friend {
            name: "Maya Lindqvist".into(),
            camera_on: true,
            hears_us: Some(VOICE),
            quality: Quality::Good,
            ..Friend::default()
        }
    }

    fn local() -> LocalMedia {
        LocalMedia {
            microphone: DeviceState::On {
                label: "Jabra".into(),
            },
            level: VOICE,
            ..LocalMedia::default()
        }
    }

    fn said(local: &LocalMedia, friend: &Friend, verdict: Option<&str>) -> String {
        let now = Instant::now();
        let heard = Hearing::default().update(now, Some(now), local, friend);
        hint(CallStage::Connected, local, friend, verdict, heard)
            .map_or(String::new(), |hint| hint.text(&friend.name))
    }

    #[test]
    fn that_she_hears_us_comes_from_her_reports_only() {
        assert_eq!(said(&local(), &friend(), None), "Maya hears you");
        let mut deaf = friend();
        deaf.hears_us = None;
        assert_eq!(said(&local(), &deaf, None), "");
        deaf.hears_us = Some(Level::default());
        assert_eq!(said(&local(), &deaf, None), "");
    }

    #[test]
    fn the_most_pressing_thing_is_said() {
        let (mut us, mut maya) = (local(), friend());
        maya.quality = Quality::TheirsWeak;
        assert_eq!(said(&us, &maya, None), "Maya’s connection is weak");
        let verdict = "Maya’s upload is slow.";
        assert_eq!(said(&us, &maya, Some(verdict)), verdict);
        us.camera = DeviceState::Unusable {
            why: "Another app is using your camera.".into(),
        };
        assert_eq!(said(&us, &maya, None), "Another app is using your camera.");
        us.muted = true;
        assert_eq!(said(&us, &maya, None), "You’re muted. Maya can’t hear you.");
        us.holding_to_talk = true;
        assert_eq!(
            said(&us, &maya, None),
            "Maya hears you while you hold Space"
        );
    }

    #[test]
    fn two_seconds_of_talking_into_nothing_are_noticed() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let up = Some(start);
        let mut hearing = Hearing::default();
        let mut deaf = friend();
        deaf.hears_us = None;
        let mut quiet = local();
        quiet.level = Level::default();
        let mut after = |ms, us: &LocalMedia, maya: &Friend| hearing.update(at(ms), up, us, maya);
        assert_eq!(after(3_900, &local(), &deaf), Heard::Unknown, "too early");
        assert_eq!(after(4_000, &quiet, &deaf), Heard::Unknown);
        assert_eq!(after(9_000, &quiet, &deaf), Heard::Unknown, "nothing said");
        assert_eq!(after(9_100, &local(), &deaf), Heard::Unknown);
        assert_eq!(after(10_000, &quiet, &deaf), Heard::Unknown);
        assert_eq!(after(11_200, &quiet, &deaf), Heard::No);
        assert_eq!(after(11_300, &local(), &friend()), Heard::Yes);
        let mut pausing = friend();
        pausing.hears_us = Some(Level::default());
        assert_eq!(after(12_000, &quiet, &pausing), Heard::Yes, "a pause");
        assert_eq!(after(13_000, &quiet, &pausing), Heard::Unknown);
        assert_eq!(after(13_100, &local(), &deaf), Heard::Unknown);
        let mut muted = local();
        muted.muted = true;
        assert_eq!(after(20_000, &muted, &deaf), Heard::Unknown);
    }
}
