use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::capture::{DeviceError, file_error};
use crate::media::VideoFrame;

/// What becomes of a picture that came to be seen so long after the start.
pub(crate) trait PictureWriter: Send + 'static {
    /// Writes it down.
    fn write(&mut self, frame: &VideoFrame, since_start: Duration) -> io::Result<()>;
}

/// Writes pictures on a thread of its own, so that a slow disk never holds up the call. Its queue
/// is bounded; a picture that comes while it is full is left out and said so once.
pub(crate) struct Recorder {
    path: PathBuf,
    start: Instant,
    queue: Option<SyncSender<(Arc<VideoFrame>, Duration)>>,
    worker: Option<JoinHandle<()>>,
    failure: Arc<OnceLock<DeviceError>>,
    left_out: u64,
}

impl Recorder {
    pub(crate) fn start(
        path: &Path,
        start: Instant,
        queued: usize,
        writer: impl PictureWriter,
    ) -> Result<Self, DeviceError> {
        let (queue, pictures) = sync_channel(queued);
        let failure = Arc::new(OnceLock::new());
        let worker = std::thread::Builder::new()
            .name("picture-writer".into())
            .spawn({
                let (failure, path) = (failure.clone(), path.to_owned());
                move || {
                    if let Err(error) = run(writer, &pictures) {
                        // Set only here, so the cell is empty.
                        let _ = failure.set(file_error(&path, &error));
                    }
                }
            })
            .map_err(|error| file_error(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            start,
            queue: Some(queue),
            worker: Some(worker),
            failure,
            left_out: 0,
        })
    }

    /// What the times of pictures count from.
    pub(crate) fn start_time(&self) -> Instant {
        self.start
    }

    pub(crate) fn push(
        &mut self,
        frame: &Arc<VideoFrame>,
        now: Instant,
    ) -> Result<(), DeviceError> {
        if let Some(error) = self.failure.get() {
            return Err(error.clone());
        }
        let since_start = now.saturating_duration_since(self.start);
        let Some(queue) = &self.queue else {
            return Ok(());
        };
        // A writer that stopped has said why, and the next push reports it.
        if let Err(TrySendError::Full(_)) = queue.try_send((frame.clone(), since_start)) {
            if self.left_out == 0 {
                tracing::warn!(path = %self.path.display(), "the disk is too slow: pictures are left out");
            }
            self.left_out += 1;
        }
        Ok(())
    }
}

fn run(
    mut writer: impl PictureWriter,
    pictures: &Receiver<(Arc<VideoFrame>, Duration)>,
) -> io::Result<()> {
    for (frame, since_start) in pictures {
        writer.write(&frame, since_start)?;
    }
    Ok(())
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(worker) = self.worker.take()
            && worker.join().is_err()
        {
            tracing::error!(path = %self.path.display(), "the picture writer failed");
        }
        if self.left_out > 0 {
            tracing::warn!(path = %self.path.display(), left_out = self.left_out, "pictures are missing");
        }
    }
}
