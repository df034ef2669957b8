use std::time::{Duration, Instant};

use super::audio_worker::{AudioOrder, Trial};
use super::device_news::{DeviceNews, sentence};
use super::device_slot::Slot;
use super::loss::Loss;
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

    /// Whether pictures are to be sent in a call.
    pub fn wants_camera(&self) -> bool {
        self.camera_on
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
    pub fn handle_opened(
        &mut self,
        media: &Media,
        opened: Opened,
        now: Instant,
    ) -> Option<DeviceNews> {
        let Opened { kind, result } = opened;
        match kind {
            DeviceKind::Microphone => handle_opened(&mut self.microphone, media, result, now),
            DeviceKind::Speaker => handle_opened(&mut self.speaker, media, result, now),
            DeviceKind::Camera => handle_opened(&mut self.camera, media, result, now),
        }
    }

    /// What cannot be used is tried again: at once when devices came or went (`changed`), and now
    /// and then while there are any, for another app may let go of it. What was chosen and has come
    /// back takes the place of what stood in for it; once, if it cannot be used.
    pub fn try_again(&mut self, media: &Media, devices: &Devices, changed: bool, now: Instant) {
        try_again(
            &mut self.microphone,
            media,
            &devices.microphones,
            changed,
            now,
        );
        try_again(&mut self.speaker, media, &devices.speakers, changed, now);
        try_again(&mut self.camera, media, &devices.cameras, changed, now);
    }

    /// Sound that vanished while in use is replaced by another device, the system's choice if it
    /// can be, which is told when that is open; without pictures, and without what the command line
    /// has named, the call goes on until they are back.
    pub fn notice_lost(
        &mut self,
        media: &Media,
        devices: &Devices,
        now: Instant,
    ) -> Vec<DeviceNews> {
        let fixed = &self.fixed;
        let free = matches!(fixed.microphone, None | Some(MicrophoneSpec::Default));
        let others = free.then_some(&*devices.microphones);
        let lost = media.audio().source_lost();
        let microphone = notice_lost(&mut self.microphone, media, lost, others, now);
        let free = matches!(fixed.speaker, None | Some(SpeakerSpec::Default));
        let others = free.then_some(&*devices.speakers);
        let lost = media.audio().sink_lost();
        let speaker = notice_lost(&mut self.speaker, media, lost, others, now);
        let lost = media.video_out().source_lost();
        let camera = notice_lost(&mut self.camera, media, lost, None, now);
        microphone
            .into_iter()
            .chain(speaker)
            .chain(camera)
            .collect()
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
        let fixed = &self.fixed;
        LocalMedia {
            muted: self.muted,
            holding_to_talk: self.holding,
            microphone: state(&self.microphone, &devices.microphones, &fixed.microphone),
            speaker: state(&self.speaker, &devices.speakers, &fixed.speaker),
            camera: state(&self.camera, &devices.cameras, &fixed.camera),
            level: media.audio().status().level,
        }
    }
}

/// What can be asked for in place of a device.
trait Asked: Clone + PartialEq + ToString {
    const KIND: DeviceKind;

    /// The device of this id.
    fn device(id: String) -> Self;

    /// The id or label of the device that it names.
    fn name(&self) -> Option<&str>;

    fn open(self, media: &Media);
}

impl Asked for MicrophoneSpec {
    const KIND: DeviceKind = DeviceKind::Microphone;

    fn device(id: String) -> Self {
        Self::Device(id)
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Device(name) => Some(name),
            _ => None,
        }
    }

    fn open(self, media: &Media) {
        media.open_microphone(self);
    }
}

impl Asked for SpeakerSpec {
    const KIND: DeviceKind = DeviceKind::Speaker;

    fn device(id: String) -> Self {
        Self::Device(id)
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Device(name) => Some(name),
            _ => None,
        }
    }

    fn open(self, media: &Media) {
        media.open_speaker(self);
    }
}

impl Asked for CameraSpec {
    const KIND: DeviceKind = DeviceKind::Camera;

    fn device(id: String) -> Self {
        Self::Device(id)
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Device(name) => Some(name),
            _ => None,
        }
    }

    fn open(self, media: &Media) {
        media.open_camera(self);
    }
}

fn handle_opened<S: Asked>(
    slot: &mut Slot<S>,
    media: &Media,
    result: Result<(), DeviceError>,
    now: Instant,
) -> Option<DeviceNews> {
    let (news, next) = slot.handle_opened(S::KIND, result, now);
    if let Some(id) = next {
        S::device(id).open(media);
    }
    news
}

fn try_again<S: Asked>(
    slot: &mut Slot<S>,
    media: &Media,
    list: &[Device],
    changed: bool,
    now: Instant,
) {
    slot.learn_id(in_use(slot.asked().and_then(S::name), list));
    let pause = if changed { Duration::ZERO } else { RETRY };
    let again = if changed || !list.is_empty() {
        slot.again(pause, now)
    } else {
        None
    };
    if let Some(spec) = again.or_else(|| slot.handle_list(asked_device(slot, list), now)) {
        spec.open(media);
    }
}

/// What was lost is replaced by one of `others`; without them it is waited for.
fn notice_lost<S: Asked>(
    slot: &mut Slot<S>,
    media: &Media,
    lost: &Loss,
    others: Option<&[Device]>,
    now: Instant,
) -> Option<DeviceNews> {
    // Word of a device that was only just opened waits until that it was is known.
    let error = slot.works().then(|| lost.take()).flatten()?;
    let used = slot.stand_in().map(|device| device.id.as_str());
    let away = [slot.asked_id(), used];
    let others = replacements(&error, away, others.unwrap_or_default());
    let (news, next) = slot.handle_lost(S::KIND, error, others, now);
    if let Some(id) = next {
        S::device(id).open(media);
    }
    news
}

/// What the window shows of a device.
fn state<S: Asked>(slot: &Slot<S>, list: &[Device], fixed: &Option<S>) -> DeviceState {
    if let Some(error) = slot.fault() {
        return DeviceState::Unusable {
            why: sentence(error),
        };
    }
    if slot.works() {
        DeviceState::On {
            label: label(slot, list, fixed),
        }
    } else if slot.is_opening() {
        DeviceState::Opening
    } else {
        DeviceState::Off
    }
}

fn label<S: Asked>(slot: &Slot<S>, list: &[Device], fixed: &Option<S>) -> String {
    slot.stand_in()
        .or_else(|| in_use(slot.asked().and_then(S::name), list))
        .map(|device| device.label.clone())
        .or_else(|| fixed.as_ref().map(ToString::to_string))
        .unwrap_or_default()
}

/// The device of this id or label; without one, the system's choice.
fn in_use<'a>(name: Option<&str>, list: &'a [Device]) -> Option<&'a Device> {
    list.iter().find(|device| match name {
        Some(name) => device.id == name || device.label == name,
        None => device.default,
    })
}

/// The device that was asked for, if it is there. The system's choice is when it is what it was.
fn asked_device<'a, S: Asked>(slot: &Slot<S>, list: &'a [Device]) -> Option<&'a Device> {
    let name = slot.asked()?.name();
    in_use(name, list).filter(|device| name.is_some() || slot.asked_id() == Some(&device.id))
}

/// What can take the place of one that was unplugged, the system's choice first. The list may still
/// have those that are `away`.
fn replacements(error: &DeviceError, away: [Option<&str>; 2], listed: &[Device]) -> Vec<Device> {
    if !matches!(error, DeviceError::Unplugged { .. }) {
        return Vec::new();
    }
    let others = listed
        .iter()
        .filter(|device| !away.contains(&Some(&device.id)));
    let mut others: Vec<Device> = others.cloned().collect();
    others.sort_by_key(|device| !device.default);
    others
}

#[cfg(test)]
#[path = "local_devices_tests.rs"]
mod tests;
