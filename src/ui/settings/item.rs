use crate::settings::Settings;
use crate::ui::icons::Icon;

/// A page of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Page {
    /// Microphone, speakers, and what is done to sound.
    #[default]
    Sound,
    /// The camera, and how calls begin.
    Camera,
    /// Servers.
    Network,
    /// Whom this person hears of, and whom not.
    People,
    /// Name, colours, size, motion.
    Appearance,
    /// What this is.
    About,
}

impl Page {
    /// In the order of the list.
    pub const ALL: [Self; 6] = [
        Self::Sound,
        Self::Camera,
        Self::Network,
        Self::People,
        Self::Appearance,
        Self::About,
    ];

    /// For a person.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sound => "Sound",
            Self::Camera => "Camera",
            Self::Network => "Network",
            Self::People => "People",
            Self::Appearance => "Appearance",
            Self::About => "About Twocan",
        }
    }

    /// Beside the title in the list.
    pub(super) fn icon(self) -> Icon {
        match self {
            Self::Sound => Icon::SPEAKER_HIGH,
            Self::Camera => Icon::VIDEO_CAMERA,
            Self::Network => Icon::GLOBE_SIMPLE,
            Self::People => Icon::USER,
            Self::Appearance => Icon::PALETTE,
            Self::About => Icon::INFO,
        }
    }

    /// Its cards, and what is on each.
    pub(super) fn cards(self) -> &'static [&'static [Item]] {
        match self {
            Self::Sound => &[
                &[Item::Microphone, Item::Speakers, Item::HearYourself],
                &[
                    Item::RemoveEcho,
                    Item::ReduceNoise,
                    Item::EvenVolume,
                    Item::MusicMode,
                ],
            ],
            Self::Camera => &[&[Item::Camera], &[Item::CameraOn, Item::CheckFirst]],
            Self::Network => &[
                &[Item::Server],
                &[Item::IceServers, Item::RelayOnly, Item::HideFromStrangers],
            ],
            Self::People => &[&[Item::ContactsOnly], &[Item::Blocked]],
            Self::Appearance => &[
                &[Item::Name, Item::Portrait],
                &[Item::Theme, Item::Size, Item::ReducedMotion],
            ],
            Self::About => &[&[Item::Version], &[Item::Keys], &[Item::Licences]],
        }
    }
}

/// One thing that can be set or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Item {
    Microphone,
    Speakers,
    HearYourself,
    RemoveEcho,
    ReduceNoise,
    EvenVolume,
    MusicMode,
    Camera,
    CameraOn,
    CheckFirst,
    Server,
    IceServers,
    RelayOnly,
    HideFromStrangers,
    ContactsOnly,
    Blocked,
    Name,
    Portrait,
    Theme,
    Size,
    ReducedMotion,
    Version,
    Keys,
    Licences,
}

impl Item {
    pub(super) const ALL: [Self; 24] = [
        Self::Microphone,
        Self::Speakers,
        Self::HearYourself,
        Self::RemoveEcho,
        Self::ReduceNoise,
        Self::EvenVolume,
        Self::MusicMode,
        Self::Camera,
        Self::CameraOn,
        Self::CheckFirst,
        Self::Server,
        Self::IceServers,
        Self::RelayOnly,
        Self::HideFromStrangers,
        Self::ContactsOnly,
        Self::Blocked,
        Self::Name,
        Self::Portrait,
        Self::Theme,
        Self::Size,
        Self::ReducedMotion,
        Self::Version,
        Self::Keys,
        Self::Licences,
    ];

    /// Where it is.
    pub(super) fn page(self) -> Page {
        match self {
            Self::Microphone
            | Self::Speakers
            | Self::HearYourself
            | Self::RemoveEcho
            | Self::ReduceNoise
            | Self::EvenVolume
            | Self::MusicMode => Page::Sound,
            Self::Camera | Self::CameraOn | Self::CheckFirst => Page::Camera,
            Self::Server | Self::IceServers | Self::RelayOnly | Self::HideFromStrangers => {
                Page::Network
            }
            Self::ContactsOnly | Self::Blocked => Page::People,
            Self::Name | Self::Portrait | Self::Theme | Self::Size | Self::ReducedMotion => {
                Page::Appearance
            }
            Self::Version | Self::Keys | Self::Licences => Page::About,
        }
    }

    /// For a person.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Microphone => "Microphone",
            Self::Speakers => "Speakers",
            Self::HearYourself => "Hear yourself",
            Self::RemoveEcho => "Remove echo",
            Self::ReduceNoise => "Reduce background noise",
            Self::EvenVolume => "Keep my volume even",
            Self::MusicMode => "Music mode",
            Self::Camera => "Camera",
            Self::CameraOn => "Start calls with the camera on",
            Self::CheckFirst => "Check before every call",
            Self::Server => "Call server",
            Self::IceServers => "Helpers to find the direct line",
            Self::RelayOnly => "Always go through a relay",
            Self::HideFromStrangers => "Hide your address from strangers",
            Self::ContactsOnly => "Only contacts can ring you",
            Self::Blocked => "Blocked people",
            Self::Name => "Your name",
            Self::Portrait => "Your picture",
            Self::Theme => "Colours",
            Self::Size => "Size of everything",
            Self::ReducedMotion => "Reduce motion",
            Self::Version => "Twocan",
            Self::Keys => "Keyboard",
            Self::Licences => "Licences",
        }
    }

    /// Its control does not say its title.
    pub(super) fn is_named_apart(self) -> bool {
        matches!(
            self,
            Self::HearYourself | Self::Portrait | Self::Theme | Self::Size
        )
    }

    /// A sentence more; may be empty.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Microphone | Self::Speakers | Self::Camera | Self::Keys => "",
            Self::HearYourself => "Records five seconds and plays them back.",
            Self::RemoveEcho => "Keep on unless you always wear headphones.",
            Self::ReduceNoise => "Fans, keyboards, traffic.",
            Self::EvenVolume => "Turns you up when you lean back.",
            Self::MusicMode => "Full sound for instruments. Turns the three above off.",
            Self::CameraOn => "You can turn it off in the check and in the call.",
            Self::CheckFirst => "See and hear yourself before you join.",
            Self::Server => "It introduces you to each other, then steps aside.",
            Self::IceServers => "STUN finds your address. TURN passes the sealed call along.",
            Self::RelayOnly => "Friends don’t learn your address. Needs a TURN server.",
            Self::HideFromStrangers => "The direct line is for contacts only. Needs a TURN server.",
            Self::ContactsOnly => "Others with your link or code hear that you can’t talk now.",
            Self::Blocked => "They can’t call you, and nobody tells them.",
            Self::Name => "Friends see it when you call.",
            Self::Portrait => "Friends see it when you call or answer. Nobody sees it before.",
            Self::Theme => "As your system, or always the same.",
            Self::Size => "Ctrl + and Ctrl − do it anywhere.",
            Self::ReducedMotion => "Nothing in the window moves by itself.",
            Self::Version => "Two can talk, nobody in between.",
            Self::Licences => "Twocan is free software under MIT or Apache 2.0.",
        }
    }

    /// What it turns on and off, if it does only that.
    pub(super) fn switch(self, settings: &mut Settings) -> Option<&mut bool> {
        match self {
            Self::RemoveEcho => Some(&mut settings.remove_echo),
            Self::ReduceNoise => Some(&mut settings.reduce_noise),
            Self::EvenVolume => Some(&mut settings.even_volume),
            Self::MusicMode => Some(&mut settings.music_mode),
            Self::CameraOn => Some(&mut settings.camera_on),
            Self::CheckFirst => Some(&mut settings.check_before_call),
            Self::RelayOnly => Some(&mut settings.relay_only),
            Self::HideFromStrangers => Some(&mut settings.hide_from_strangers),
            Self::ContactsOnly => Some(&mut settings.contacts_only),
            Self::ReducedMotion => Some(&mut settings.reduced_motion),
            _ => None,
        }
    }

    /// Words that people may look for it by.
    fn keywords(self) -> &'static str {
        match self {
            Self::Microphone => "mic input headset level loud quiet",
            Self::Speakers => "output headphones headset test sound play chime",
            Self::HearYourself => "echo try test record sound check",
            Self::RemoveEcho => "cancellation aec loudspeaker",
            Self::ReduceNoise => "suppression",
            Self::EvenVolume => "gain agc loud quiet automatic",
            Self::MusicMode => "instrument hifi stereo quality",
            Self::Camera => "video webcam picture",
            Self::CameraOn => "video begin",
            Self::CheckFirst => "preview precall test",
            Self::Server => "address signaling websocket wss host own",
            Self::IceServers => "stun turn ice nat firewall relay",
            Self::RelayOnly => "turn ip address privacy hide",
            Self::HideFromStrangers => "relay ip privacy unknown people",
            Self::ContactsOnly => "strangers unknown calls decline disturb privacy",
            Self::Blocked => "block unblock ignore contacts strangers",
            Self::Name => "me profile called",
            Self::Portrait => "photo avatar portrait face image me profile",
            Self::Theme => "theme dark light mode system",
            Self::Size => "scale zoom big text larger",
            Self::ReducedMotion => "animation still movement",
            Self::Version => "about what build",
            Self::Keys => "shortcuts keys hotkeys",
            Self::Licences => "fonts inter phosphor noto emoji open source copyright",
        }
    }

    /// Every word of `query` is found somewhere in it.
    pub(super) fn matches(self, query: &str) -> bool {
        let text = format!(
            "{} {} {} {}",
            self.title(),
            self.detail(),
            self.keywords(),
            self.page().title()
        )
        .to_lowercase();
        let mut words = query.split_whitespace().map(str::to_lowercase).peekable();
        words.peek().is_some() && words.all(|word| text.contains(&word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(query: &str) -> Vec<Item> {
        Item::ALL
            .into_iter()
            .filter(|item| item.matches(query))
            .collect()
    }

    #[test]
    fn search_finds_by_title_sentence_and_other_words() {
        assert_eq!(found("echo"), [Item::HearYourself, Item::RemoveEcho]);
        assert_eq!(found("ECHO  remove"), [Item::RemoveEcho]);
        assert_eq!(found("dark"), [Item::Theme]);
        assert_eq!(
            found("turn server"),
            [Item::RelayOnly, Item::HideFromStrangers]
        );
        assert_eq!(
            found("strangers"),
            [Item::HideFromStrangers, Item::ContactsOnly, Item::Blocked]
        );
        assert!(found("stun").contains(&Item::IceServers));
        for word in ["photo", "avatar", "picture friends"] {
            assert_eq!(found(word), [Item::Portrait], "{word}");
        }
        assert_eq!(found("picture"), [Item::Camera, Item::Portrait]);
        assert!(found("zzz").is_empty());
        assert!(found("  ").is_empty());
    }

    #[test]
    fn every_item_is_on_its_page_once() {
        for item in Item::ALL {
            let places = Page::ALL
                .into_iter()
                .flat_map(Page::cards)
                .copied()
                .flatten()
                .filter(|other| **other == item)
                .count();
            assert_eq!(places, 1, "{item:?}");
            assert!(
                item.page().cards().iter().any(|card| card.contains(&item)),
                "{item:?}"
            );
        }
    }
}
