use std::time::Instant;

use super::audio_worker::{AudioOrder, Trial};
use super::driver::EngineOptions;
use super::snapshot::{DeviceState, LocalMedia, SoundTrial};
use super::{DeviceKind, Media, Opened};
use crate::capture::{CameraSpec, Device, DeviceError, Devices, MicrophoneSpec};
use crate::codec::OpusMode;
use crate::playout::SpeakerSpec;
use crate::process::Processing;
use crate::settings::Settings;

/// What the settings ask of the sound processing.
pub fn processing(settings: &Settings) -> Processing {
    if settings.music_mode {
        return Processing::OFF;
    }
    Processing {
        remove_echo: settings.remove_echo,
        reduce_noise: settings.reduce_noise,
        even_volume: settings.even_volume,
    }
}

/// What the settings ask of the sound codec.
pub fn mode(settings: &Settings) -> OpusMode {
    if settings.music_mode {
        OpusMode::Music
    } else {
        OpusMode::Voice
    }
}

/// One device: what is wanted of it, what was asked for, and how it is.
#[derive(Debug)]
struct Slot<S> {
    /// From the command line, in place of the settings.
    fixed: Option<S>,
    /// What was last asked to be opened.
    asked: Option<S>,
    state: DeviceState,
}

impl<S: Clone + PartialEq> Slot<S> {
    fn new(fixed: Option<S>) -> Self {
        Self {
            fixed,
            asked: None,
            state: DeviceState::Off,
        }
    }

    /// What to open now, if that differs from what was asked for.
    fn reconcile(&mut self, wanted: Option<S>) -> Option<Option<S>> {
        if wanted == self.asked {
            return None;
        }
        self.state = if wanted.is_some() {
            DeviceState::Opening
        } else {
            DeviceState::Off
        };
        self.asked = wanted.clone();
        Some(wanted)
    }

    /// The next reconciliation opens it anew.
    fn reopen(&mut self) {
        self.asked = None;
    }
}

/// This side's microphone, speaker and camera: opened when they are wanted, closed when not,
/// replaced when they vanish.
#[derive(Debug)]
pub struct LocalDevices {
    microphone: Slot<MicrophoneSpec>,
    speaker: Slot<SpeakerSpec>,
    camera: Slot<CameraSpec>,
    preview_microphone: bool,
    preview_camera: bool,
    muted: bool,
    holding: bool,
    camera_on: bool,
    announced: Option<(bool, bool)>,
}

impl LocalDevices {
    /// Nothing is open.
    pub fn new(options: &EngineOptions, camera_on: bool) -> Self {
        Self {
            microphone: Slot::new(options.microphone.clone()),
            speaker: Slot::new(options.speaker.clone()),
            camera: Slot::new(options.camera.clone()),
            preview_microphone: false,
            preview_camera: false,
            muted: false,
            holding: false,
            camera_on,
            announced: None,
        }
    }

    /// Opens and closes what is to be; `in_call` counts the check as well.
    pub fn reconcile(&mut self, media: &Media, settings: &Settings, in_call: bool) {
        let chosen = settings.microphone.clone().map(MicrophoneSpec::Device);
        let microphone = (in_call || self.preview_microphone)
            .then(|| self.microphone.fixed.clone().or(chosen).unwrap_or_default());
        if let Some(change) = self.microphone.reconcile(microphone) {
            media.open_microphone(change.unwrap_or(MicrophoneSpec::None));
        }
        let chosen = settings.speaker.clone().map(SpeakerSpec::Device);
        let speaker = (in_call || self.preview_microphone)
            .then(|| self.speaker.fixed.clone().or(chosen).unwrap_or_default());
        if let Some(change) = self.speaker.reconcile(speaker) {
            media.open_speaker(change.unwrap_or(SpeakerSpec::Null));
        }
        let chosen = settings.camera.clone().map(CameraSpec::Device);
        let camera = ((in_call && self.camera_on) || self.preview_camera)
            .then(|| self.camera.fixed.clone().or(chosen).unwrap_or_default());
        if let Some(change) = self.camera.reconcile(camera) {
            media.open_camera(change.unwrap_or(CameraSpec::None));
        }
    }

    /// Something is in use.
    pub fn any_open(&self) -> bool {
        self.microphone.asked.is_some() || self.camera.asked.is_some()
    }

    /// A call begins: heard, and seen if so set.
    pub fn start_call(&mut self, media: &Media, camera_on: bool) {
        self.camera_on = camera_on;
        self.announced = None;
        self.holding = false;
        self.set_muted(media, false);
    }

    /// A call is over.
    pub fn end_call(&mut self, media: &Media) {
        self.holding = false;
        self.set_muted(media, false);
    }

    /// Stops or goes on sending sound.
    pub fn set_muted(&mut self, media: &Media, muted: bool) {
        self.muted = muted;
        self.apply_mute(media);
    }

    /// Talks although muted, while held.
    pub fn hold_to_talk(&mut self, media: &Media, held: bool) {
        self.holding = held && self.muted;
        self.apply_mute(media);
    }

    fn apply_mute(&self, media: &Media) {
        media.order_audio(AudioOrder::SetMuted(self.muted && !self.holding));
    }

    /// Stops or goes on sending pictures.
    pub fn set_camera(&mut self, on: bool) {
        self.camera_on = on;
    }

    /// Opens devices outside a call.
    pub fn preview(&mut self, microphone: bool, camera: bool) {
        self.preview_microphone = microphone;
        self.preview_camera = camera;
    }

    /// Records a while, then plays it back.
    pub fn try_sound(&self, media: &Media) {
        media.order_audio(AudioOrder::Try);
    }

    /// Where that is.
    pub fn trial(&self, media: &Media, asked: Instant, now: Instant) -> SoundTrial {
        const RECORDING: std::time::Duration = std::time::Duration::from_secs(5);
        match media.audio().status().trial {
            Trial::Idle => SoundTrial::Idle,
            Trial::Recording => SoundTrial::Recording { since: asked },
            Trial::Playing => SoundTrial::Playing {
                since: (asked + RECORDING).min(now),
            },
        }
    }

    /// Applies what is not a device.
    pub fn settings_changed(&mut self, media: &Media, old: &Settings, new: &Settings) {
        if (processing(old), mode(old)) != (processing(new), mode(new)) {
            media.order_audio(AudioOrder::SetProcessing(processing(new), mode(new)));
        }
    }

    /// What became of a device; a sentence if it is worth a notice.
    pub fn handle_opened(&mut self, opened: Opened) -> Option<String> {
        let state = match &opened.result {
            Ok(()) => DeviceState::On {
                label: String::new(),
            },
            Err(error) => DeviceState::Unusable {
                why: sentence(error),
            },
        };
        let (slot, wanted) = match opened.kind {
            DeviceKind::Microphone => (&mut self.microphone.state, self.microphone.asked.is_some()),
            DeviceKind::Speaker => (&mut self.speaker.state, self.speaker.asked.is_some()),
            DeviceKind::Camera => (&mut self.camera.state, self.camera.asked.is_some()),
        };
        *slot = if wanted { state } else { DeviceState::Off };
        // The screens with pickers show this themselves; the speaker's is shown nowhere else.
        match (opened.kind, opened.result) {
            (DeviceKind::Speaker, Err(error)) if wanted => Some(sentence(&error)),
            _ => None,
        }
    }

    /// Devices came or went: what could not be opened is tried again.
    pub fn handle_devices(&mut self, _devices: &Devices) {
        if let DeviceState::Unusable { .. } = self.microphone.state {
            self.microphone.reopen();
        }
        if let DeviceState::Unusable { .. } = self.speaker.state {
            self.speaker.reopen();
        }
        if let DeviceState::Unusable { .. } = self.camera.state {
            self.camera.reopen();
        }
    }

    /// What vanished while in use is replaced by the system's choice, or the call goes on without;
    /// a sentence for each.
    pub fn notice_lost(&mut self, media: &Media, devices: &Devices) -> Vec<String> {
        let mut sentences = Vec::new();
        let audio = media.audio().status();
        if audio.source_lost.is_some() && matches!(self.microphone.state, DeviceState::On { .. }) {
            let now_using = fallback(&devices.microphones, "Your friend can't hear you");
            sentences.push(format!("Your microphone was unplugged. {now_using}"));
            self.microphone.state = DeviceState::Opening;
            media.open_microphone(MicrophoneSpec::Default);
        }
        if audio.sink_lost.is_some() && matches!(self.speaker.state, DeviceState::On { .. }) {
            let now_using = fallback(&devices.speakers, "You can't hear your friend");
            sentences.push(format!("Your speaker was unplugged. {now_using}"));
            self.speaker.state = DeviceState::Opening;
            media.open_speaker(SpeakerSpec::Default);
        }
        if let (Some(error), DeviceState::On { .. }) =
            (&media.video_out().status().source_lost, &self.camera.state)
        {
            sentences.push("Your camera was unplugged. The call goes on with sound only.".into());
            self.camera.state = DeviceState::Unusable {
                why: sentence(error),
            };
        }
        sentences
    }

    /// What the others are to know, if it is news.
    pub fn take_announcement(&mut self) -> Option<(bool, bool)> {
        let microphone_works = matches!(self.microphone.state, DeviceState::On { .. });
        let camera_works = matches!(self.camera.state, DeviceState::On { .. });
        let now = (
            (self.muted && !self.holding) || !microphone_works,
            self.camera_on && camera_works,
        );
        (self.announced != Some(now)).then(|| *self.announced.insert(now))
    }

    /// For the window.
    pub fn view(&self, media: &Media, devices: &Devices) -> LocalMedia {
        let label =
            |state: &DeviceState, list: &[Device], id: Option<&str>, fixed: Option<String>| {
                let DeviceState::On { .. } = state else {
                    return state.clone();
                };
                let known = list.iter().find(|device| match id {
                    Some(id) => device.id == id || device.label == id,
                    None => device.default,
                });
                let label = known
                    .map(|device| device.label.clone())
                    .or(fixed)
                    .unwrap_or_default();
                DeviceState::On { label }
            };
        let microphone_id = match &self.microphone.asked {
            Some(MicrophoneSpec::Device(id)) => Some(id.as_str()),
            _ => None,
        };
        let speaker_id = match &self.speaker.asked {
            Some(SpeakerSpec::Device(id)) => Some(id.as_str()),
            _ => None,
        };
        let camera_id = match &self.camera.asked {
            Some(CameraSpec::Device(id)) => Some(id.as_str()),
            _ => None,
        };
        LocalMedia {
            muted: self.muted,
            holding_to_talk: self.holding,
            microphone: label(
                &self.microphone.state,
                &devices.microphones,
                microphone_id,
                self.microphone.fixed.as_ref().map(ToString::to_string),
            ),
            speaker: label(
                &self.speaker.state,
                &devices.speakers,
                speaker_id,
                self.speaker.fixed.as_ref().map(ToString::to_string),
            ),
            camera: label(
                &self.camera.state,
                &devices.cameras,
                camera_id,
                self.camera.fixed.as_ref().map(ToString::to_string),
            ),
            level: media.audio().status().level,
        }
    }
}

fn fallback(devices: &[Device], otherwise: &str) -> String {
    match devices
        .iter()
        .find(|device| device.default)
        .or(devices.first())
    {
        Some(device) => format!("Now using {}.", device.label),
        None => format!("{otherwise} until another one is connected."),
    }
}

fn sentence(error: &DeviceError) -> String {
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
