//! Devices, and what stands in for them, as sources of frames: microphone, camera, tone, WAV, test
//! pattern, Y4M. No source ever sleeps or blocks: the caller asks again when it is told to.

mod camera;
mod devices;
mod microphone;
mod pacer;
mod pattern;
pub(crate) mod sound;
mod spec;
mod tone;
mod wav;
mod worker;
mod y4m;

pub use camera::Camera;
pub use devices::{DeviceWatcher, devices};
pub use microphone::Microphone;
pub use pattern::TestPattern;
pub(crate) use spec::after;
pub use spec::{CameraSpec, MicrophoneSpec, SpecError, VideoMode};
pub use tone::{SilenceSource, ToneSource};
pub use wav::WavSource;
pub(crate) use wav::{bad_file, file_error};
pub use y4m::Y4mSource;

use std::time::Instant;

use crate::media::{AudioFrame, VideoFrame};

/// What a source had when it was asked.
#[derive(Debug)]
pub enum Pull<T> {
    /// The next frame.
    Ready(T),
    /// Nothing yet; asking before this moment is of no use.
    NotBefore(Instant),
    /// There will be no more: the file has ended.
    Ended,
    /// The device is gone; the source is of no further use.
    Lost(DeviceError),
}

/// A microphone, or what stands in for one: 10 ms of mono 48 kHz at a time.
pub trait AudioSource: Send {
    /// The next frame that is due at `now`. Call until it is not [`Pull::Ready`].
    fn pull(&mut self, now: Instant) -> Pull<AudioFrame>;

    /// When its first sample is due, if that is known; a device does not tell.
    fn time_zero(&self) -> Option<Instant> {
        None
    }
}

/// A camera, or what stands in for one.
pub trait VideoSource: Send {
    /// The newest picture that is due at `now`; older ones that nobody asked for are skipped.
    fn pull(&mut self, now: Instant) -> Pull<VideoFrame>;

    /// When its first picture is due, if that is known; a device does not tell.
    fn time_zero(&self) -> Option<Instant> {
        None
    }
}

/// Why a microphone, speaker or camera cannot be used; each is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// No device of the kind is connected.
    #[error("no {kind} is connected")]
    Missing {
        /// "microphone", "speaker" or "camera".
        kind: &'static str,
    },
    /// A device of that name is not there.
    #[error("the {kind} “{name}” is not connected")]
    NotFound {
        /// "microphone", "speaker" or "camera".
        kind: &'static str,
        /// As it was asked for.
        name: String,
    },
    /// Another program holds it.
    #[error("another app is using the {kind}; close it and try again")]
    Busy {
        /// "microphone", "speaker" or "camera".
        kind: &'static str,
    },
    /// The system does not let us.
    #[error("the system does not let Twocan use the {kind}")]
    Denied {
        /// "microphone", "speaker" or "camera".
        kind: &'static str,
    },
    /// It was there and went away.
    #[error("the {kind} was unplugged")]
    Unplugged {
        /// "microphone", "speaker" or "camera".
        kind: &'static str,
    },
    /// A file that stands in for a device cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// As it was given.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Anything else that the system says.
    #[error("the {kind} does not work: {reason}")]
    Failed {
        /// "microphone", "speaker" or "camera".
        kind: &'static str,
        /// In the system's words.
        reason: String,
    },
}

/// A device that a person can pick.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Device {
    /// What the system knows it by, the same at the next start.
    pub id: String,
    /// What a person knows it by.
    pub label: String,
    /// The system's own choice.
    pub default: bool,
}

/// Everything that is connected now.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Devices {
    /// Sound in.
    pub microphones: Vec<Device>,
    /// Sound out.
    pub speakers: Vec<Device>,
    /// Pictures in.
    pub cameras: Vec<Device>,
}
