use std::time::{Duration, Instant};

use cameras::{Error, FormatDescriptor, PixelFormat as Theirs};

use super::convert::{PixelFormat, Raw, to_i420};
use super::mode::{Offer, choose};
use super::{KIND, not_found};
use crate::capture::{Device, DeviceError, VideoMode};
use crate::media::{Resolution, VideoFrame};

pub(super) fn list() -> Vec<Device> {
    let devices = cameras::devices().unwrap_or_else(|error| {
        tracing::debug!(%error, "no camera can be listed");
        Vec::new()
    });
    let listed = devices.into_iter().enumerate();
    listed
        .map(|(index, device)| Device {
            id: device.id.0,
            label: device.name,
            default: index == 0,
        })
        .collect()
}

fn device_error(error: &Error) -> DeviceError {
    match error {
        Error::PermissionDenied => DeviceError::Denied { kind: KIND },
        Error::DeviceInUse => DeviceError::Busy { kind: KIND },
        Error::DeviceNotFound(_) | Error::StreamEnded => DeviceError::Unplugged { kind: KIND },
        other => DeviceError::Failed {
            kind: KIND,
            reason: other.to_string(),
        },
    }
}

fn format_of(format: Theirs) -> Option<PixelFormat> {
    Some(match format {
        Theirs::Bgra8 => PixelFormat::Bgra,
        Theirs::Rgb8 => PixelFormat::Rgb,
        Theirs::Rgba8 => PixelFormat::Rgba,
        Theirs::Yuyv => PixelFormat::Yuyv,
        Theirs::Nv12 => PixelFormat::Nv12,
        Theirs::Mjpeg => PixelFormat::Mjpeg,
        _ => return None,
    })
}

fn offer_of(descriptor: &FormatDescriptor, wish: VideoMode) -> Option<Offer> {
    let range = descriptor.framerate_range;
    Some(Offer {
        format: format_of(descriptor.pixel_format)?,
        resolution: Resolution {
            width: descriptor.resolution.width,
            height: descriptor.resolution.height,
        },
        fps: f64::from(wish.fps).max(range.min).min(range.max),
    })
}

/// A camera that sends pictures.
pub(super) struct Grabber(cameras::Camera);

pub(super) fn open(
    name: Option<&str>,
    wish: VideoMode,
) -> Result<(Grabber, VideoMode), DeviceError> {
    let devices = cameras::devices().map_err(|error| device_error(&error))?;
    let position = match name {
        None => (!devices.is_empty()).then_some(0),
        Some(name) => devices
            .iter()
            .position(|device| device.id.0 == name)
            .or_else(|| devices.iter().position(|device| device.name == name)),
    };
    let device = position
        .and_then(|position| devices.get(position))
        .ok_or_else(|| not_found(name))?;
    let formats = cameras::probe(device)
        .map_err(|error| device_error(&error))?
        .formats;
    let offers: Vec<_> = formats
        .iter()
        .filter_map(|descriptor| Some((descriptor.pixel_format, offer_of(descriptor, wish)?)))
        .collect();
    let plain: Vec<Offer> = offers.iter().map(|(_, offer)| *offer).collect();
    let (pixel_format, offer) = choose(&plain, wish)
        .and_then(|chosen| offers.iter().find(|(_, offer)| *offer == chosen))
        .ok_or_else(|| DeviceError::Failed {
            kind: KIND,
            reason: "it sends no kind of picture that can be read".to_owned(),
        })?;
    let config = cameras::StreamConfig {
        resolution: cameras::Resolution {
            width: offer.resolution.width,
            height: offer.resolution.height,
        },
        framerate: offer.fps.round().max(1.0) as u32,
        pixel_format: *pixel_format,
    };
    let camera = cameras::open(device, config).map_err(|error| device_error(&error))?;
    let mode = VideoMode {
        resolution: Resolution {
            width: camera.config.resolution.width,
            height: camera.config.resolution.height,
        },
        fps: camera.config.framerate.max(1),
    };
    tracing::info!(label = device.name, %mode, "opened the camera");
    Ok((Grabber(camera), mode))
}

impl Grabber {
    /// The newest picture, or `None` if none came within `patience`.
    pub(super) fn grab(&mut self, patience: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        let mut frame = match cameras::next_frame(&self.0, patience) {
            Ok(frame) => frame,
            Err(Error::Timeout) => return Ok(None),
            Err(error) => return Err(device_error(&error)),
        };
        // Its queue keeps the oldest; only the newest is of use.
        while let Some(Ok(newer)) = cameras::try_next_frame(&self.0) {
            frame = newer;
        }
        let Some(format) = format_of(frame.pixel_format) else {
            return Ok(None);
        };
        let raw = Raw {
            format,
            width: frame.width,
            height: frame.height,
            stride: frame.stride,
            primary: &frame.plane_primary,
            secondary: &frame.plane_secondary,
            full_range: false,
        };
        // Its own moments have a different origin on each system.
        Ok(to_i420(&raw, Instant::now()))
    }
}
