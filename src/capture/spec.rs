//! What a person writes for a microphone or a camera, and how it becomes a source.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

use super::{
    AudioSource, DeviceError, SilenceSource, TestPattern, ToneSource, VideoSource, WavSource,
    Y4mSource,
};
use crate::media::{Resolution, VideoFrame};

/// Why a word for a device was not understood; a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// None of the words that are known.
    #[error("“{given}” is not a {kind}; use {choices}")]
    Unknown {
        /// "microphone", "speaker", "camera" or "display".
        kind: &'static str,
        /// As it was written.
        given: String,
        /// All that would have been understood.
        choices: &'static str,
    },
    /// Something is to follow the colon.
    #[error("“{given}” says nothing after the colon; write {example}")]
    Empty {
        /// As it was written.
        given: String,
        /// What it might have been.
        example: &'static str,
    },
    /// A number is out of bounds or no number at all.
    #[error("“{given}” cannot be used: {reason}")]
    Number {
        /// As it was written.
        given: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Splits `head:tail`; `None` where there is no colon.
pub(crate) fn after<'a>(
    spec: &'a str,
    head: &str,
    example: &'static str,
) -> Option<Result<&'a str, SpecError>> {
    let tail = spec.strip_prefix(head)?.strip_prefix(':')?;
    Some(if tail.is_empty() {
        Err(SpecError::Empty {
            given: spec.to_owned(),
            example,
        })
    } else {
        Ok(tail)
    })
}

/// Where sound comes from: `default | device:NAME | tone:440 | wav:FILE | silence | none`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MicrophoneSpec {
    /// The system's choice.
    #[default]
    Default,
    /// The device with this id or label.
    Device(String),
    /// A sine of so many Hz, without end.
    Tone(u32),
    /// A recording, played once in real time; then the source has ended.
    Wav(PathBuf),
    /// Frames of silence, without end.
    Silence,
    /// No sound is sent.
    None,
}

impl MicrophoneSpec {
    const CHOICES: &str = "default, device:NAME, tone:440, wav:FILE, silence or none";
    const TONE_HZ: std::ops::RangeInclusive<u32> = 20..=20_000;

    /// Opens it; what it gives is paced from `now` on. `None` for [`Self::None`].
    ///
    /// A device may take up to three seconds to answer: do not call this where that hurts.
    ///
    /// # Errors
    /// A sentence on why the device or file cannot be used.
    pub fn open(&self, now: Instant) -> Result<Option<Box<dyn AudioSource>>, DeviceError> {
        Ok(Some(match self {
            Self::Default => Box::new(super::Microphone::open(None)?),
            Self::Device(name) => Box::new(super::Microphone::open(Some(name))?),
            Self::Tone(hz) => Box::new(ToneSource::new(*hz, now)),
            Self::Wav(path) => Box::new(WavSource::open(path, now)?),
            Self::Silence => Box::new(SilenceSource::new(now)),
            Self::None => return Ok(None),
        }))
    }
}

impl FromStr for MicrophoneSpec {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        match spec {
            "default" => return Ok(Self::Default),
            "silence" => return Ok(Self::Silence),
            "none" => return Ok(Self::None),
            _ => {}
        }
        if let Some(name) = after(spec, "device", "device:NAME") {
            return Ok(Self::Device(name?.to_owned()));
        }
        if let Some(path) = after(spec, "wav", "wav:FILE") {
            return Ok(Self::Wav(path?.into()));
        }
        if let Some(hz) = after(spec, "tone", "tone:440") {
            return match hz?.parse() {
                Ok(hz) if Self::TONE_HZ.contains(&hz) => Ok(Self::Tone(hz)),
                _ => Err(SpecError::Number {
                    given: spec.to_owned(),
                    reason: "a tone is a whole number of Hz from 20 to 20000",
                }),
            };
        }
        Err(SpecError::Unknown {
            kind: "microphone",
            given: spec.to_owned(),
            choices: Self::CHOICES,
        })
    }
}

impl fmt::Display for MicrophoneSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(name) => write!(f, "device:{name}"),
            Self::Tone(hz) => write!(f, "tone:{hz}"),
            Self::Wav(path) => write!(f, "wav:{}", path.display()),
            Self::Silence => f.write_str("silence"),
            Self::None => f.write_str("none"),
        }
    }
}

/// Where pictures come from: `default | device:NAME | pattern[:WxH@FPS] | y4m:FILE | none`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CameraSpec {
    /// The system's choice.
    #[default]
    Default,
    /// The device with this id or label.
    Device(String),
    /// Colour bars with a moving element and a burnt-in number.
    Pattern(VideoMode),
    /// A clip in real time, from the beginning again when it ends.
    Y4m(PathBuf),
    /// No pictures are sent.
    None,
}

/// The size and rate of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoMode {
    /// Width and height.
    pub resolution: Resolution,
    /// Frames a second.
    pub fps: u32,
}

impl Default for VideoMode {
    /// 1280x720 at 30.
    fn default() -> Self {
        Self {
            resolution: Resolution {
                width: 1_280,
                height: 720,
            },
            fps: 30,
        }
    }
}

impl VideoMode {
    /// The smallest width that a frame number can be burnt into.
    const MIN_SIDE: u32 = 96;

    fn parse(text: &str) -> Option<Self> {
        let (size, fps) = text.split_once('@')?;
        let (width, height) = size.split_once('x')?;
        let (width, height, fps) = (width.parse().ok()?, height.parse().ok()?, fps.parse().ok()?);
        let sides = Self::MIN_SIDE..=VideoFrame::MAX_SIDE;
        (sides.contains(&width) && sides.contains(&height) && (1..=240).contains(&fps)).then_some(
            Self {
                resolution: Resolution { width, height },
                fps,
            },
        )
    }
}

impl fmt::Display for VideoMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Resolution { width, height } = self.resolution;
        write!(f, "{width}x{height}@{}", self.fps)
    }
}

impl CameraSpec {
    const CHOICES: &str = "default, device:NAME, pattern, pattern:1280x720@30, y4m:FILE or none";

    /// Opens it; what it gives is paced from `now` on. `None` for [`Self::None`].
    ///
    /// A camera may take seconds to start: do not call this where that hurts.
    ///
    /// # Errors
    /// A sentence on why the device or file cannot be used.
    pub fn open(&self, now: Instant) -> Result<Option<Box<dyn VideoSource>>, DeviceError> {
        Ok(Some(match self {
            Self::Default => Box::new(super::Camera::open(None, VideoMode::default())?),
            Self::Device(name) => Box::new(super::Camera::open(Some(name), VideoMode::default())?),
            Self::Pattern(mode) => Box::new(TestPattern::new(*mode, now)),
            Self::Y4m(path) => Box::new(Y4mSource::open(path, now)?),
            Self::None => return Ok(None),
        }))
    }
}

impl FromStr for CameraSpec {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        match spec {
            "default" => return Ok(Self::Default),
            "pattern" => return Ok(Self::Pattern(VideoMode::default())),
            "none" => return Ok(Self::None),
            _ => {}
        }
        if let Some(name) = after(spec, "device", "device:NAME") {
            return Ok(Self::Device(name?.to_owned()));
        }
        if let Some(path) = after(spec, "y4m", "y4m:FILE") {
            return Ok(Self::Y4m(path?.into()));
        }
        if let Some(mode) = after(spec, "pattern", "pattern:1280x720@30") {
            return match VideoMode::parse(mode?) {
                Some(mode) => Ok(Self::Pattern(mode)),
                None => Err(SpecError::Number {
                    given: spec.to_owned(),
                    reason: "a pattern is WIDTHxHEIGHT@FPS, such as 1280x720@30, sides from 96 to 8192, 1 to 240 a second",
                }),
            };
        }
        Err(SpecError::Unknown {
            kind: "camera",
            given: spec.to_owned(),
            choices: Self::CHOICES,
        })
    }
}

impl fmt::Display for CameraSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(name) => write!(f, "device:{name}"),
            Self::Pattern(mode) => write!(f, "pattern:{mode}"),
            Self::Y4m(path) => write!(f, "y4m:{}", path.display()),
            Self::None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_word_of_the_help_is_understood_and_written_back() {
        for spec in [
            "default",
            "device:Built-in Audio: stereo",
            "tone:440",
            "wav:/tmp/a b.wav",
            "silence",
            "none",
        ] {
            let parsed: MicrophoneSpec = spec.parse().unwrap();
            assert_eq!(parsed.to_string(), spec);
        }
        for spec in [
            "default",
            "device:/dev/video0",
            "pattern:640x360@15",
            "y4m:clip.y4m",
            "none",
        ] {
            let parsed: CameraSpec = spec.parse().unwrap();
            assert_eq!(parsed.to_string(), spec);
        }
        let pattern: CameraSpec = "pattern".parse().unwrap();
        assert_eq!(pattern.to_string(), "pattern:1280x720@30");
    }

    #[test]
    fn what_is_malformed_gets_a_sentence_that_helps() {
        let sentence = |spec: &str| spec.parse::<MicrophoneSpec>().unwrap_err().to_string();
        assert_eq!(
            sentence("mic"),
            "“mic” is not a microphone; use default, device:NAME, tone:440, wav:FILE, silence or none"
        );
        assert_eq!(
            sentence("wav:"),
            "“wav:” says nothing after the colon; write wav:FILE"
        );
        for tone in ["tone:loud", "tone:0", "tone:99999999999", "tone:-1"] {
            assert_eq!(
                sentence(tone),
                format!("“{tone}” cannot be used: a tone is a whole number of Hz from 20 to 20000")
            );
        }
        for camera in [
            "",
            "pattern:",
            "pattern:1280x720",
            "pattern:0x0@30",
            "pattern:9999x720@30",
            "pattern:640x360@0",
            "y4m:",
            "screen",
        ] {
            assert!(camera.parse::<CameraSpec>().is_err(), "{camera:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_parses_comes_back_the_same(text in "(device:|wav:|tone:|y4m:|pattern:)?\\PC{0,20}") {
            if let Ok(spec) = text.parse::<MicrophoneSpec>() {
                prop_assert_eq!(spec.to_string().parse::<MicrophoneSpec>(), Ok(spec));
            }
            if let Ok(spec) = text.parse::<CameraSpec>() {
                prop_assert_eq!(spec.to_string().parse::<CameraSpec>(), Ok(spec));
            }
        }
    }
}
