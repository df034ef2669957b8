//! What a person writes for a speaker or a display, and how it becomes a sink.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

use super::{AudioSink, NullDisplay, NullSpeaker, PngSink, VideoSink, WavSink, Y4mSink};
use crate::capture::{DeviceError, SpecError, after};
use crate::media::{Resolution, VideoFrame};

/// Where sound goes: `default | device:NAME | wav:FILE | null`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SpeakerSpec {
    /// The system's choice.
    #[default]
    Default,
    /// The device with this id or label.
    Device(String),
    /// Written down as it would have been heard.
    Wav(PathBuf),
    /// Taken in real time and thrown away.
    Null,
}

impl SpeakerSpec {
    const CHOICES: &str = "default, device:NAME, wav:FILE or null";

    /// Opens it; files want frames from `now` on.
    ///
    /// A device may take up to three seconds to answer: do not call this where that hurts.
    ///
    /// # Errors
    /// A sentence on why the device or file cannot be used.
    pub fn open(&self, now: Instant) -> Result<Box<dyn AudioSink>, DeviceError> {
        Ok(match self {
            Self::Default => Box::new(super::Speaker::open(None)?),
            Self::Device(name) => Box::new(super::Speaker::open(Some(name))?),
            Self::Wav(path) => Box::new(WavSink::create(path, now)?),
            Self::Null => Box::new(NullSpeaker::new(now)),
        })
    }
}

impl FromStr for SpeakerSpec {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        match spec {
            "default" => return Ok(Self::Default),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        if let Some(name) = after(spec, "device", "device:NAME") {
            return Ok(Self::Device(name?.to_owned()));
        }
        if let Some(path) = after(spec, "wav", "wav:FILE") {
            return Ok(Self::Wav(path?.into()));
        }
        Err(SpecError::Unknown {
            kind: "speaker",
            given: spec.to_owned(),
            choices: Self::CHOICES,
        })
    }
}

impl fmt::Display for SpeakerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(name) => write!(f, "device:{name}"),
            Self::Wav(path) => write!(f, "wav:{}", path.display()),
            Self::Null => f.write_str("null"),
        }
    }
}

/// Where pictures go without a window: `y4m:[WxH:]FILE | png:DIR | null`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DisplaySpec {
    /// Every picture that would have been seen, and beside it `FILE.times` with its moment. All of
    /// this size, or of the first one's.
    Y4m(PathBuf, Option<Resolution>),
    /// A folder of pictures, each named by its number and moment.
    Png(PathBuf),
    /// Thrown away.
    #[default]
    Null,
}

impl DisplaySpec {
    const CHOICES: &str = "y4m:FILE, y4m:1280x720:FILE, png:DIR or null";

    /// `FILE` or `WxH:FILE`. What is no size that a picture can have belongs to the name.
    fn parse_y4m(text: &str) -> Self {
        let sized = || {
            let (size, path) = text.split_once(':')?;
            let (width, height) = size.split_once('x')?;
            let (width, height) = (width.parse().ok()?, height.parse().ok()?);
            let sides = 2..=VideoFrame::MAX_SIDE;
            let possible = sides.contains(&width) && sides.contains(&height) && !path.is_empty();
            possible.then(|| Self::Y4m(path.into(), Some(Resolution { width, height })))
        };
        sized().unwrap_or_else(|| Self::Y4m(text.into(), None))
    }

    /// Opens it; the moments that it writes down count from `now` on.
    ///
    /// # Errors
    /// A sentence on why the file or folder cannot be written.
    pub fn open(&self, now: Instant) -> Result<Box<dyn VideoSink>, DeviceError> {
        Ok(match self {
            Self::Y4m(path, resolution) => Box::new(Y4mSink::create(path, *resolution, now)?),
            Self::Png(path) => Box::new(PngSink::create(path, now)?),
            Self::Null => Box::new(NullDisplay),
        })
    }
}

impl FromStr for DisplaySpec {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        if spec == "null" {
            return Ok(Self::Null);
        }
        if let Some(path) = after(spec, "y4m", "y4m:FILE") {
            return Ok(Self::parse_y4m(path?));
        }
        if let Some(path) = after(spec, "png", "png:DIR") {
            return Ok(Self::Png(path?.into()));
        }
        Err(SpecError::Unknown {
            kind: "display",
            given: spec.to_owned(),
            choices: Self::CHOICES,
        })
    }
}

impl fmt::Display for DisplaySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Y4m(path, None) => write!(f, "y4m:{}", path.display()),
            Self::Y4m(path, Some(Resolution { width, height })) => {
                write!(f, "y4m:{width}x{height}:{}", path.display())
            }
            Self::Png(path) => write!(f, "png:{}", path.display()),
            Self::Null => f.write_str("null"),
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
            "device:USB headset",
            "wav:/tmp/heard.wav",
            "null",
        ] {
            let parsed: SpeakerSpec = spec.parse().unwrap();
            assert_eq!(parsed.to_string(), spec);
        }
        for spec in [
            "y4m:seen.y4m",
            "y4m:1280x720:seen.y4m",
            "y4m:0x720:seen.y4m",
            "png:/tmp/seen",
            "null",
        ] {
            let parsed: DisplaySpec = spec.parse().unwrap();
            assert_eq!(parsed.to_string(), spec);
        }
    }

    #[test]
    fn what_is_malformed_gets_a_sentence_that_helps() {
        assert_eq!(
            "loud".parse::<SpeakerSpec>().unwrap_err().to_string(),
            "“loud” is not a speaker; use default, device:NAME, wav:FILE or null"
        );
        assert_eq!(
            "png:".parse::<DisplaySpec>().unwrap_err().to_string(),
            "“png:” says nothing after the colon; write png:DIR"
        );
        assert_eq!(
            "window".parse::<DisplaySpec>().unwrap_err().to_string(),
            "“window” is not a display; use y4m:FILE, y4m:1280x720:FILE, png:DIR or null"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_parses_comes_back_the_same(text in "(device:|wav:|png:|y4m:|y4m:8x6:)?\\PC{0,20}") {
            if let Ok(spec) = text.parse::<SpeakerSpec>() {
                prop_assert_eq!(spec.to_string().parse::<SpeakerSpec>(), Ok(spec));
            }
            if let Ok(spec) = text.parse::<DisplaySpec>() {
                prop_assert_eq!(spec.to_string().parse::<DisplaySpec>(), Ok(spec));
            }
        }
    }
}
