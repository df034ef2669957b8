use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::convert::{PixelFormat, Raw, to_i420};
use super::mode::{Offer, choose};
use super::v4l2::{Node, Settled, Sizes, Stream};
use super::{KIND, not_found};
use crate::capture::{Device, DeviceError, VideoMode};
use crate::media::{Resolution, VideoFrame};

/// A node that gives pictures.
struct Found {
    path: PathBuf,
    info: Device,
}

/// What there is, and whether there is more that we are not allowed to look at.
fn found() -> (Vec<Found>, bool) {
    let mut denied = false;
    let mut numbers: Vec<u32> = std::fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_prefix("video")?.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    let mut found = Vec::new();
    for number in numbers {
        let path = PathBuf::from(format!("/dev/video{number}"));
        let identity = match Node::open(&path).and_then(|node| node.identity()) {
            Ok(identity) => identity,
            Err(error) => {
                denied |= error.kind() == io::ErrorKind::PermissionDenied;
                continue;
            }
        };
        if !identity.captures {
            continue;
        }
        // Numbers are given in the order of plugging in; the place and the node within the device
        // stay.
        let index = std::fs::read_to_string(format!("/sys/class/video4linux/video{number}/index"));
        let index = index.as_deref().map_or("0", str::trim);
        found.push(Found {
            path,
            info: Device {
                id: format!("{}#{index}", identity.bus),
                label: identity.card,
                default: found.is_empty(),
            },
        });
    }
    (found, denied)
}

pub(super) fn list() -> Vec<Device> {
    found().0.into_iter().map(|found| found.info).collect()
}

fn find(name: Option<&str>) -> Result<Found, DeviceError> {
    let (mut found, denied) = found();
    let position = match name {
        None => (!found.is_empty()).then_some(0),
        Some(name) => found
            .iter()
            .position(|found| found.info.id == name || found.path == Path::new(name))
            .or_else(|| found.iter().position(|found| found.info.label == name)),
    };
    match position {
        Some(position) => Ok(found.swap_remove(position)),
        None if denied => Err(DeviceError::Denied { kind: KIND }),
        None => Err(not_found(name)),
    }
}

fn device_error(error: &io::Error) -> DeviceError {
    match error.raw_os_error() {
        Some(libc::EBUSY) => DeviceError::Busy { kind: KIND },
        Some(libc::EACCES | libc::EPERM) => DeviceError::Denied { kind: KIND },
        Some(libc::ENODEV | libc::ENXIO | libc::ENOENT) => DeviceError::Unplugged { kind: KIND },
        _ => DeviceError::Failed {
            kind: KIND,
            reason: error.to_string(),
        },
    }
}

/// The four letters of each format that we can read.
const FORMATS: [([u8; 4], PixelFormat); 9] = [
    (*b"YU12", PixelFormat::I420),
    (*b"NV12", PixelFormat::Nv12),
    (*b"YUYV", PixelFormat::Yuyv),
    (*b"MJPG", PixelFormat::Mjpeg),
    (*b"JPEG", PixelFormat::Mjpeg),
    (*b"RGB3", PixelFormat::Rgb),
    (*b"BGR3", PixelFormat::Bgr),
    (*b"AB24", PixelFormat::Rgba),
    (*b"AR24", PixelFormat::Bgra),
];

fn format_of(fourcc: [u8; 4]) -> Option<PixelFormat> {
    let known = FORMATS.iter().find(|(known, _)| *known == fourcc);
    known.map(|(_, format)| *format)
}

/// Every way in which the camera can be run that comes into question for `wish`.
fn offers(node: &Node, wish: VideoMode) -> Vec<([u8; 4], Offer)> {
    let mut offers = Vec::new();
    for fourcc in node.formats() {
        let Some(format) = format_of(fourcc) else {
            continue;
        };
        for sizes in node.sizes(fourcc) {
            let resolution = match sizes {
                Sizes::One(resolution) => resolution,
                Sizes::Range(least, most, step) => Resolution {
                    width: nearest(wish.resolution.width, least.width, most.width, step.width),
                    height: nearest(
                        wish.resolution.height,
                        least.height,
                        most.height,
                        step.height,
                    ),
                },
            };
            let mut rates = node.rates(fourcc, resolution);
            if rates.is_empty() {
                // It does not say; what it does is seen when it is set.
                rates.push((f64::from(wish.fps), f64::from(wish.fps)));
            }
            offers.extend(rates.into_iter().map(|(slowest, fastest)| {
                let fps = f64::from(wish.fps).max(slowest).min(fastest);
                let offer = Offer {
                    format,
                    resolution,
                    fps,
                };
                (fourcc, offer)
            }));
        }
    }
    offers
}

/// The value nearest to `wish` that lies in whole steps from `least`.
fn nearest(wish: u32, least: u32, most: u32, step: u32) -> u32 {
    let wish = wish.min(most).max(least);
    wish - (wish - least) % step.max(1)
}

/// A camera that sends pictures.
pub(super) struct Grabber {
    stream: Stream,
    path: PathBuf,
    format: PixelFormat,
    settled: Settled,
}

pub(super) fn open(
    name: Option<&str>,
    wish: VideoMode,
) -> Result<(Grabber, VideoMode), DeviceError> {
    let found = find(name)?;
    let unusable = |reason: &str| DeviceError::Failed {
        kind: KIND,
        reason: reason.to_owned(),
    };
    let node = Node::open(&found.path).map_err(|error| device_error(&error))?;
    let offers = offers(&node, wish);
    let plain: Vec<Offer> = offers.iter().map(|(_, offer)| *offer).collect();
    let chosen = choose(&plain, wish)
        .and_then(|chosen| offers.iter().find(|(_, offer)| *offer == chosen))
        .ok_or_else(|| unusable("it sends no kind of picture that can be read"))?;
    let (fourcc, offer) = *chosen;
    let settled = node
        .set_format(fourcc, offer.resolution)
        .map_err(|error| device_error(&error))?;
    let format = format_of(settled.fourcc)
        .ok_or_else(|| unusable("it does not send the kind of picture that it offers"))?;
    // A camera without this has one rate.
    let fps = node.set_rate(offer.fps).unwrap_or(offer.fps);
    let stream = Stream::start(node).map_err(|error| device_error(&error))?;
    let mode = VideoMode {
        resolution: settled.resolution,
        fps: fps.round().max(1.0) as u32,
    };
    tracing::info!(label = found.info.label, %mode, ?format, "opened the camera");
    let grabber = Grabber {
        stream,
        path: found.path,
        format,
        settled,
    };
    Ok((grabber, mode))
}

impl Grabber {
    /// The next picture, or `None` if none came within `patience`.
    pub(super) fn grab(&mut self, patience: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        let (format, settled) = (self.format, &self.settled);
        let taken = self.stream.next(patience, |bytes, captured_at| {
            let raw = Raw {
                format,
                width: settled.resolution.width,
                height: settled.resolution.height,
                stride: settled.stride,
                primary: bytes,
                secondary: &[],
                full_range: settled.full_range,
            };
            to_i420(&raw, captured_at)
        });
        match taken {
            Ok(frame) => Ok(frame.flatten()),
            // Whatever the driver says: without its node it was pulled out.
            Err(_) if !self.path.exists() => Err(DeviceError::Unplugged { kind: KIND }),
            Err(error) => Err(device_error(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_steps_are_met_from_below_and_stay_in_bounds() {
        assert_eq!(nearest(1_280, 16, 4_096, 16), 1_280);
        assert_eq!(nearest(720, 16, 4_096, 48), 688);
        assert_eq!(nearest(1_280, 16, 640, 16), 640);
        assert_eq!(nearest(90, 120, 640, 8), 120);
        assert_eq!(nearest(90, 50, 640, 0), 90);
    }
}
