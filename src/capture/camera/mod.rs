//! Real cameras. On Linux we speak V4L2 ourselves: the crate `cameras` sets no frame rate there,
//! keeps the oldest pictures instead of the newest, takes unknown formats for MJPEG, and waits for
//! a picture for ever when it is to stop. Elsewhere `cameras` speaks for us.

mod convert;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod driver;
#[cfg(any(target_os = "macos", windows))]
#[path = "other.rs"]
mod driver;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
#[path = "none.rs"]
mod driver;
mod mode;
#[cfg(target_os = "linux")]
mod v4l2;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::worker::Worker;
use super::{Device, DeviceError, Pull, VideoMode, VideoSource};
use crate::media::VideoFrame;

const KIND: &str = "camera";
/// How long a camera may take to open; some take a second to wake up.
const OPENING: Duration = Duration::from_secs(5);
/// A camera that sends nothing for so long does not work.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a camera is waited for before it is looked whether we are to stop.
const WAIT: Duration = Duration::from_millis(100);

/// The cameras that are connected now.
pub(crate) fn list() -> Vec<Device> {
    driver::list()
}

/// A real camera. The newest picture waits in a slot; those that nobody took are gone.
pub struct Camera {
    slot: Arc<Slot>,
    mode: VideoMode,
    _worker: Worker,
}

/// Between the camera's thread and whoever pulls.
#[derive(Default)]
struct Slot {
    newest: Mutex<Option<VideoFrame>>,
    lost: OnceLock<DeviceError>,
    stopped: AtomicBool,
}

impl Camera {
    /// Opens the camera with this id or label (on Linux also the path of its node), or the
    /// system's choice, in the mode nearest to `wish` that it has. May take five seconds.
    ///
    /// # Errors
    /// A sentence on why it cannot be used.
    pub fn open(name: Option<&str>, wish: VideoMode) -> Result<Self, DeviceError> {
        let failed = |reason: String| DeviceError::Failed { kind: KIND, reason };
        let slot = Arc::new(Slot::default());
        let (opened, opening) = sync_channel(1);
        let worker = Worker::spawn(KIND, {
            let (slot, name) = (slot.clone(), name.map(str::to_owned));
            move || run(&slot, name.as_deref(), wish, &opened)
        })
        .map_err(|error| failed(error.to_string()))?;
        let mut stop_if_failed = StopOnDrop(Some(slot.clone()));
        let mode = opening
            .recv_timeout(OPENING)
            .map_err(|_| failed("it does not answer".to_owned()))??;
        stop_if_failed.0 = None;
        Ok(Self {
            slot,
            mode,
            _worker: worker,
        })
    }

    /// What the camera was set to.
    pub fn mode(&self) -> VideoMode {
        self.mode
    }
}

struct StopOnDrop(Option<Arc<Slot>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(slot) = &self.0 {
            slot.stopped.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.slot.stopped.store(true, Ordering::Relaxed);
    }
}

impl VideoSource for Camera {
    fn pull(&mut self, now: Instant) -> Pull<VideoFrame> {
        let mut newest = self
            .slot
            .newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(frame) = newest.take() {
            return Pull::Ready(frame);
        }
        match self.slot.lost.get() {
            Some(error) => Pull::Lost(error.clone()),
            // Nobody knows when the next is there; this adds little to its age.
            None => Pull::NotBefore(now + Duration::from_millis(2)),
        }
    }
}

/// The camera's thread: opens it, brings its pictures into the slot, and closes it.
fn run(
    slot: &Slot,
    name: Option<&str>,
    wish: VideoMode,
    opened: &SyncSender<Result<VideoMode, DeviceError>>,
) {
    let mut grabber = match driver::open(name, wish) {
        Ok((grabber, mode)) => {
            if opened.send(Ok(mode)).is_err() {
                return;
            }
            grabber
        }
        Err(error) => {
            // Nobody waits any more: the opener lost its patience.
            let _ = opened.send(Err(error));
            return;
        }
    };
    let mut last = Instant::now();
    while !slot.stopped.load(Ordering::Relaxed) {
        let error = match grabber.grab(WAIT) {
            Ok(Some(frame)) => {
                last = Instant::now();
                *slot.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(frame);
                continue;
            }
            Ok(None) if last.elapsed() < PATIENCE => continue,
            Ok(None) => DeviceError::Failed {
                kind: KIND,
                reason: "it sends no pictures".to_owned(),
            },
            Err(error) => error,
        };
        tracing::info!(%error, "lost the camera");
        // Set only here.
        let _ = slot.lost.set(error);
        return;
    }
}

fn not_found(name: Option<&str>) -> DeviceError {
    match name {
        Some(name) => DeviceError::NotFound {
            kind: KIND,
            name: name.to_owned(),
        },
        None => DeviceError::Missing { kind: KIND },
    }
}
