use super::DeviceKind;
use crate::capture::DeviceError;

/// Something that happened to one of this side's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceNews {
    /// It cannot be opened.
    Unusable {
        /// Which.
        kind: DeviceKind,
        /// Why.
        error: DeviceError,
    },
    /// It worked and does not any more.
    Lost {
        /// Which.
        kind: DeviceKind,
        /// What happened to it.
        error: DeviceError,
        /// What a person calls the one that takes its place.
        instead: Option<String>,
    },
    /// It works, after the person was told that it does not.
    Back {
        /// Which.
        kind: DeviceKind,
        /// What a person calls it, where another one had taken its place.
        name: Option<String>,
        /// What they were told, the oldest first: it is no longer true.
        settled: Vec<DeviceNews>,
    },
}

impl DeviceNews {
    /// For the window.
    pub fn sentence(&self) -> String {
        match self {
            Self::Unusable { error, .. } => sentence(error),
            Self::Lost {
                error,
                instead: Some(instead),
                ..
            } => format!("{} Now using {instead}.", sentence(error)),
            Self::Lost {
                kind: DeviceKind::Speaker,
                error: error @ DeviceError::File { .. },
                instead: None,
            } => format!("Sound is no longer written down: {error}."),
            Self::Lost {
                kind,
                error,
                instead: None,
            } => {
                let so = match kind {
                    DeviceKind::Microphone => {
                        "Your friend can't hear you until another one is connected."
                    }
                    DeviceKind::Speaker => {
                        "You can't hear your friend until another one is connected."
                    }
                    DeviceKind::Camera => "The call goes on with sound only.",
                };
                format!("{} {so}", sentence(error))
            }
            Self::Back {
                kind,
                name: Some(name),
                ..
            } => format!("Your {} is back. Now using {name}.", kind.name()),
            Self::Back {
                kind, name: None, ..
            } => format!("Your {} works again.", kind.name()),
        }
    }
}

/// Why a device cannot be used and what helps, for the window.
pub fn sentence(error: &DeviceError) -> String {
    match error {
        DeviceError::Busy { kind } => {
            format!("Another app is using your {kind}. Close it and try again.")
        }
        DeviceError::Denied { kind } => format!(
            "Your system doesn't let Twocan use the {kind}. Allow it in the system settings."
        ),
        DeviceError::Missing { kind } => format!("No {kind} is connected."),
        DeviceError::NotFound { kind, name } => {
            format!("The {kind} “{name}” is not connected. Pick another one.")
        }
        DeviceError::Unplugged { kind } => format!("Your {kind} was unplugged."),
        DeviceError::File { .. } | DeviceError::Failed { .. } => {
            let words = error.to_string();
            let mut letters = words.chars();
            letters.next().map_or_else(String::new, |first| {
                format!("{}{}.", first.to_uppercase(), letters.as_str())
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_device_helps_a_file_that_cannot_be_written_to() {
        let lost = |error| DeviceNews::Lost {
            kind: DeviceKind::Speaker,
            error,
            instead: None,
        };
        let full = lost(DeviceError::File {
            path: "/tmp/heard.wav".into(),
            reason: "no space left on device".into(),
        });
        assert_eq!(
            full.sentence(),
            "Sound is no longer written down: /tmp/heard.wav: no space left on device."
        );
        let unplugged = lost(DeviceError::Unplugged { kind: "speaker" });
        assert_eq!(
            unplugged.sentence(),
            "Your speaker was unplugged. You can't hear your friend until another one is connected."
        );
    }
}
