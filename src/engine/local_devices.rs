use std::time::{Duration, Instant};

use super::audio_worker::{AudioOrder, Trial};
use super::device_news::{DeviceNews, sentence};
use super::device_slot::Slot;
use super::snapshot::{DeviceState, LocalMedia, SoundTrial};
use super::{DeviceKind, Media, Opened};
use crate::capture::{CameraSpec, Device, DeviceError, Devices, MicrophoneSpec};
use crate::codec::OpusMode;
use crate::playout::SpeakerSpec;
use crate::process::Processing;
use crate::settings::Settings;

/// From one attempt to open a device that cannot be used to the next.
const RETRY: Duration = Duration::from_secs(2);

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

/// The devices of the command line, in place of those of the settings.
#[derive(Debug, Clone, Default)]
pub struct FixedDevices {
    /// Sound in.
    pub microphone: Option<MicrophoneSpec>,
    /// Sound out.
    pub speaker: Option<SpeakerSpec>,
    /// Pictures in.
    pub camera: Option<CameraSpec>,
}

/// This side's microphone, speaker and camera: opened when they are wanted, closed when not,
/// replaced when they vanish, and opened again when they come back.
#[derive(Debug)]
pub struct LocalDevices {
    fixed: FixedDevices,
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
    pub fn new(fixed: FixedDevices, camera_on: bool) -> Self {
        Self {
            fixed,
            microphone: Slot::default(),
            speaker: Slot::default(),
            camera: Slot::default(),
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
            .then(|| self.fixed.microphone.clone().or(chosen).unwrap_or_default())
            .filter(|spec| *spec != MicrophoneSpec::None);
        if let Some(change) = self.microphone.reconcile(microphone) {
            media.open_microphone(change.unwrap_or(MicrophoneSpec::None));
        }
        let chosen = settings.speaker.clone().map(SpeakerSpec::Device);
        let speaker = (in_call || self.preview_microphone)
            .then(|| self.fixed.speaker.clone().or(chosen).unwrap_or_default());
        if let Some(change) = self.speaker.reconcile(speaker) {
            media.open_speaker(change.unwrap_or(SpeakerSpec::Null));
        }
        let chosen = settings.camera.clone().map(CameraSpec::Device);
        let camera = ((in_call && self.camera_on) || self.preview_camera)
            .then(|| self.fixed.camera.clone().or(chosen).unwrap_or_default())
            .filter(|spec| *spec != CameraSpec::None);
        if let Some(change) = self.camera.reconcile(camera) {
            media.open_camera(change.unwrap_or(CameraSpec::None));
        }
    }

    /// Something is in use.
    pub fn any_open(&self) -> bool {
        self.microphone.asked().is_some() || self.camera.asked().is_some()
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

    /// What became of a device; if it is worth telling.
    pub fn handle_opened(&mut self, opened: Opened, now: Instant) -> Option<DeviceNews> {
        let Opened { kind, result } = opened;
        match kind {
            DeviceKind::Microphone => self.microphone.handle_opened(kind, result, now),
            DeviceKind::Speaker => self.speaker.handle_opened(kind, result, now),
            DeviceKind::Camera => self.camera.handle_opened(kind, result, now),
        }
    }

    /// What cannot be used is tried again: at once when devices came or went (`changed`), and now
    /// and then while there are any, for another app may let go of it.
    pub fn try_again(&mut self, media: &Media, devices: &Devices, changed: bool, now: Instant) {
        let hope = |list: &[Device]| changed || !list.is_empty();
        let pause = if changed { Duration::ZERO } else { RETRY };
        if hope(&devices.microphones)
            && let Some(spec) = self.microphone.again(pause, now)
        {
            media.open_microphone(spec);
        }
        if hope(&devices.speakers)
            && let Some(spec) = self.speaker.again(pause, now)
        {
            media.open_speaker(spec);
        }
        if hope(&devices.cameras)
            && let Some(spec) = self.camera.again(pause, now)
        {
            media.open_camera(spec);
        }
    }

    /// Sound that vanished while in use is replaced by the system's choice; without pictures, and
    /// without what the command line has named, the call goes on until they are back.
    pub fn notice_lost(
        &mut self,
        media: &Media,
        devices: &Devices,
        now: Instant,
    ) -> Vec<DeviceNews> {
        let mut news = Vec::new();
        // Word of a device that was only just opened waits until that it was is known.
        if self.microphone.works()
            && let Some(error) = media.audio().source_lost().take()
        {
            let named = !matches!(self.fixed.microphone, None | Some(MicrophoneSpec::Default));
            let other = replacement(&error, named, &devices.microphones);
            let lost = self
                .microphone
                .handle_lost(DeviceKind::Microphone, error, other, now);
            if self.microphone.is_opening() && lost.is_some() {
                media.open_microphone(MicrophoneSpec::Default);
            }
            news.extend(lost);
        }
        if self.speaker.works()
            && let Some(error) = media.audio().sink_lost().take()
        {
            let named = !matches!(self.fixed.speaker, None | Some(SpeakerSpec::Default));
            let other = replacement(&error, named, &devices.speakers);
            let lost = self
                .speaker
                .handle_lost(DeviceKind::Speaker, error, other, now);
            if self.speaker.is_opening() && lost.is_some() {
                media.open_speaker(SpeakerSpec::Default);
            }
            news.extend(lost);
        }
        if self.camera.works()
            && let Some(error) = media.video_out().source_lost().take()
        {
            let lost = self
                .camera
                .handle_lost(DeviceKind::Camera, error, None, now);
            news.extend(lost);
        }
        news
    }

    /// What the others are to know, if it is news: `(muted, camera_on)`.
    pub fn take_announcement(&mut self) -> Option<(bool, bool)> {
        let now = (
            (self.muted && !self.holding) || !self.microphone.works(),
            self.camera_on && self.camera.works(),
        );
        (self.announced != Some(now)).then(|| *self.announced.insert(now))
    }

    /// For the window.
    pub fn view(&self, media: &Media, devices: &Devices) -> LocalMedia {
        let microphone_id = match self.microphone.asked() {
            Some(MicrophoneSpec::Device(id)) => Some(id.as_str()),
            _ => None,
        };
        let speaker_id = match self.speaker.asked() {
            Some(SpeakerSpec::Device(id)) => Some(id.as_str()),
            _ => None,
        };
        let camera_id = match self.camera.asked() {
            Some(CameraSpec::Device(id)) => Some(id.as_str()),
            _ => None,
        };
        let fixed = &self.fixed;
        LocalMedia {
            muted: self.muted,
            holding_to_talk: self.holding,
            microphone: state(
                &self.microphone,
                label(&devices.microphones, microphone_id, &fixed.microphone),
            ),
            speaker: state(
                &self.speaker,
                label(&devices.speakers, speaker_id, &fixed.speaker),
            ),
            camera: state(
                &self.camera,
                label(&devices.cameras, camera_id, &fixed.camera),
            ),
            level: media.audio().status().level,
        }
    }
}

/// What the window shows of a device that is called `label` while it works.
fn state<S: Clone + PartialEq>(slot: &Slot<S>, label: String) -> DeviceState {
    if let Some(error) = slot.fault() {
        return DeviceState::Unusable {
            why: sentence(error),
        };
    }
    if slot.works() {
        DeviceState::On { label }
    } else if slot.is_opening() {
        DeviceState::Opening
    } else {
        DeviceState::Off
    }
}

fn label(list: &[Device], id: Option<&str>, fixed: &Option<impl ToString>) -> String {
    let known = list.iter().find(|device| match id {
        Some(id) => device.id == id || device.label == id,
        None => device.default,
    });
    known
        .map(|device| device.label.clone())
        .or_else(|| fixed.as_ref().map(ToString::to_string))
        .unwrap_or_default()
}

/// The label of what the system would choose, in place of one that was unplugged and that the
/// command line does not insist on.
fn replacement(error: &DeviceError, named: bool, devices: &[Device]) -> Option<String> {
    if named || !matches!(error, DeviceError::Unplugged { .. }) {
        return None;
    }
    let device = devices.iter().find(|device| device.default);
    device
        .or(devices.first())
        .map(|device| device.label.clone())
}

#[cfg(test)]
#[path = "local_devices_tests.rs"]
mod tests;
