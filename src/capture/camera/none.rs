use std::convert::Infallible;
use std::time::Duration;

use super::not_found;
use crate::capture::{Device, DeviceError, VideoMode};
use crate::media::VideoFrame;

pub(super) fn list() -> Vec<Device> {
    Vec::new()
}

/// There is none on this system.
pub(super) struct Grabber(Infallible);

pub(super) fn open(name: Option<&str>, _: VideoMode) -> Result<(Grabber, VideoMode), DeviceError> {
    Err(not_found(name))
}

impl Grabber {
    pub(super) fn grab(&mut self, _: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        match self.0 {}
    }
}
