use std::time::Instant;

use crate::capture::{CameraSpec, DeviceError, MicrophoneSpec};
use crate::cli::CallArgs;
use crate::engine::FixedDevices;
use crate::playout::{SpeakerSpec, VideoSink};

/// What the command line asks for, as far as it can be had before the call.
pub struct Gear {
    /// Opened when there is somebody to talk to.
    pub devices: FixedDevices,
    /// Where pictures go.
    pub display: Option<Box<dyn VideoSink>>,
}

impl Gear {
    /// Tries the files at once: better a sentence now than when the friend has come.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn new(args: &CallArgs) -> Result<Self, DeviceError> {
        let microphone = args.devices.microphone.clone().unwrap_or_default();
        let camera = args.devices.camera.clone().unwrap_or_default();
        if let MicrophoneSpec::Wav(_) = microphone {
            microphone.open(Instant::now())?;
        }
        if let CameraSpec::Y4m(_) = camera {
            camera.open(Instant::now())?;
        }
        let speaker = args.devices.speaker.clone().unwrap_or_default();
        if let SpeakerSpec::Wav(_) = speaker {
            speaker.open(Instant::now())?;
        }
        let display = args.display.as_ref();
        Ok(Self {
            devices: FixedDevices {
                microphone: Some(microphone),
                speaker: Some(speaker),
                camera: Some(camera),
            },
            display: display.map(|spec| spec.open(Instant::now())).transpose()?,
        })
    }
}
