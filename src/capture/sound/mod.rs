//! The system's sound devices through cpal: which there are, and streams to and from them.
//!
//! The first sound system that answers is used: on Linux the PulseAudio protocol (PulseAudio or
//! PipeWire), whose devices have names for people, else ALSA; elsewhere the platform's own.

#[cfg(target_os = "linux")]
mod alsa;
mod config;
mod stream;

pub(crate) use config::{Chosen, choose, dispatch_format};
pub(crate) use stream::{OnError, SoundStream};

use std::sync::{Arc, Mutex, PoisonError};

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{ErrorKind, Host};

use super::{Device, DeviceError};

/// Sound in or sound out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Input,
    Output,
}

impl Direction {
    /// The kind of a [`DeviceError`].
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Input => "microphone",
            Self::Output => "speaker",
        }
    }
}

/// One connection to the sound system for the whole process, made again when it broke. The
/// PulseAudio client keeps a thread and a socket for each that was ever made, so there is only one.
static HOST: Mutex<Option<Arc<Host>>> = Mutex::new(None);

fn host() -> Result<Arc<Host>, cpal::Error> {
    #[cfg(target_os = "linux")]
    alsa::hush();
    let mut kept = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    let mut refused = cpal::Error::new(ErrorKind::HostUnavailable);
    for id in cpal::available_hosts() {
        if let Some(host) = kept.as_ref().filter(|host| host.id() == id) {
            return Ok(host.clone());
        }
        match cpal::host_from_id(id) {
            Ok(host) => return Ok(kept.insert(Arc::new(host)).clone()),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn forget(host: &Arc<Host>) {
    let mut kept = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, host)) {
        *kept = None;
    }
}

/// Asks the sound system something, once more where its connection turns out to be broken.
fn ask<T>(question: impl Fn(&Host) -> Result<T, cpal::Error>) -> Result<T, cpal::Error> {
    let first = host()?;
    match question(&first) {
        Err(error) if is_broken(error.kind()) => {
            forget(&first);
            question(&*host()?)
        }
        answer => answer,
    }
}

fn is_broken(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated
    )
}

/// A device that is connected now.
pub(crate) struct Found {
    pub(crate) device: cpal::Device,
    pub(crate) info: Device,
    /// A person would pick it; false for what only echoes a speaker and for inner parts of ALSA.
    listed: bool,
}

/// Everything of this direction, the default first.
fn found(host: &Host, direction: Direction) -> Result<Vec<Found>, cpal::Error> {
    let default = match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    };
    let default = default.and_then(|device| device.id().ok());
    let mut found: Vec<Found> = host
        .devices()?
        .filter(|device| match direction {
            Direction::Input => device.supports_input(),
            Direction::Output => device.supports_output(),
        })
        .filter_map(|device| {
            let id = device.id().ok()?;
            let label = device.description().map_or_else(
                |_| id.id().to_owned(),
                |description| description.name().to_owned(),
            );
            Some(Found {
                listed: is_for_people(&id),
                info: Device {
                    id: id.id().to_owned(),
                    label,
                    default: Some(&id) == default.as_ref(),
                },
                device,
            })
        })
        .collect();
    found.sort_by_key(|found| !found.info.default);
    Ok(found)
}

fn is_for_people(id: &cpal::DeviceId) -> bool {
    match id.host().to_string().as_str() {
        "pulseaudio" => !id.id().ends_with(".monitor"),
        // ALSA lists each card some fifteen times; `plughw` takes every rate and channel count. Each
        // is there once by the card's name, which stays, and once by its number, which does not.
        "alsa" => match id.id().strip_prefix("plughw:CARD=") {
            Some(card) => !card.starts_with(|c: char| c.is_ascii_digit()),
            None => id.id() == "default",
        },
        _ => true,
    }
}

/// The devices of this direction that a person can pick; none where there is no sound system.
pub(crate) fn list(direction: Direction) -> Vec<Device> {
    let found = ask(|host| found(host, direction)).unwrap_or_else(|error| {
        tracing::debug!(%error, "no {} can be listed", direction.kind());
        Vec::new()
    });
    let listed = found.into_iter().filter(|found| found.listed);
    listed.map(|found| found.info).collect()
}

/// Whether the device is still connected; `None` where that cannot be told.
fn is_connected(direction: Direction, id: &str) -> Option<bool> {
    let found = ask(|host| found(host, direction)).ok()?;
    Some(found.iter().any(|found| found.info.id == id))
}

/// The device with this id or label, or the system's choice, and whether the list shows it.
fn find(
    direction: Direction,
    name: Option<&str>,
) -> Result<(cpal::Device, Device, bool), DeviceError> {
    let kind = direction.kind();
    let missing = || match name {
        Some(name) => DeviceError::NotFound {
            kind,
            name: name.to_owned(),
        },
        None => DeviceError::Missing { kind },
    };
    let (found, default) = ask(|host| {
        let default = match direction {
            Direction::Input => host.default_input_device(),
            Direction::Output => host.default_output_device(),
        };
        Ok((found(host, direction)?, default))
    })
    .map_err(|error| device_error(direction, name, &error))?;
    let position = match name {
        Some(name) => found
            .iter()
            .position(|found| found.info.id == name)
            .or_else(|| found.iter().position(|found| found.info.label == name)),
        // The default comes first; but a server without a microphone offers what the speaker
        // plays as its default source, and that would send the friend's own voice back.
        None => found.iter().position(|found| found.listed),
    };
    if let Some(found) = position.and_then(|position| found.into_iter().nth(position)) {
        return Ok((found.device, found.info, true));
    }
    // ALSA's default may work without being listed, as where a file redirects it.
    match default {
        Some(device) if name.is_none_or(|name| name == "default") && is_alsa(&device) => {
            let info = Device {
                id: "default".to_owned(),
                label: device.to_string(),
                default: true,
            };
            Ok((device, info, false))
        }
        _ => Err(missing()),
    }
}

fn is_alsa(device: &cpal::Device) -> bool {
    device.id().is_ok_and(|id| id.host().to_string() == "alsa")
}

/// What cpal says when a device is opened or used, as a sentence for a person.
fn device_error(direction: Direction, name: Option<&str>, error: &cpal::Error) -> DeviceError {
    let kind = direction.kind();
    match (error.kind(), name) {
        (ErrorKind::DeviceBusy, _) => DeviceError::Busy { kind },
        (ErrorKind::PermissionDenied, _) => DeviceError::Denied { kind },
        (ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable, Some(name)) => {
            DeviceError::NotFound {
                kind,
                name: name.to_owned(),
            }
        }
        (ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable, None) => {
            DeviceError::Missing { kind }
        }
        _ => DeviceError::Failed {
            kind,
            reason: error.to_string(),
        },
    }
}
