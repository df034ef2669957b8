use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cpal::traits::StreamTrait;
use cpal::{BufferSize, ErrorKind, Stream};

use super::{Chosen, Direction, choose, device_error, find, is_connected};
use crate::capture::DeviceError;
use crate::capture::worker::Worker;

/// How long a device may take to open.
const OPENING: Duration = Duration::from_secs(3);
/// How often it is looked whether the device is still there: PulseAudio quietly goes on with
/// another when it vanishes, and no error says so.
const WATCHING: Duration = Duration::from_millis(500);

enum Signal {
    Close,
    Fatal(cpal::Error),
}

/// Takes the errors of a stream, on whatever thread they come.
#[derive(Clone)]
pub(crate) struct OnError(SyncSender<Signal>);

impl OnError {
    /// The first fatal one ends the stream; what follows is dropped, and ALSA follows up with
    /// hundreds of thousands.
    pub(crate) fn handle(&self, error: cpal::Error) {
        match error.kind() {
            // The rings' ends count what was lost; the others change nothing for us.
            ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {}
            _ => match self.0.try_send(Signal::Fatal(error)) {
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            },
        }
    }
}

/// A running stream to or from a device. It lives on a thread of its own, which opens it, watches
/// whether the device is still connected, and closes it: each of these may block.
pub(crate) struct SoundStream {
    lost: Arc<OnceLock<DeviceError>>,
    signals: SyncSender<Signal>,
    _worker: Worker,
}

impl SoundStream {
    /// Opens the device with this id or label, or the system's choice. `build` makes the stream
    /// and whatever its owner needs of it.
    pub(crate) fn open<T: Send + 'static>(
        direction: Direction,
        name: Option<&str>,
        build: impl Fn(&cpal::Device, Chosen, OnError) -> Result<(Stream, T), cpal::Error>
        + Send
        + 'static,
    ) -> Result<(Self, T), DeviceError> {
        let kind = direction.kind();
        let name = name.map(str::to_owned);
        let (signals, received) = sync_channel(1);
        let (opened, opening) = sync_channel(1);
        let lost = Arc::new(OnceLock::new());
        let worker = Worker::spawn(kind, {
            let (lost, on_error) = (lost.clone(), OnError(signals.clone()));
            move || match open(direction, name.as_deref(), on_error, build) {
                Ok((stream, ends, watched)) => {
                    if opened.send(Ok(ends)).is_ok() {
                        run(stream, direction, watched.as_deref(), &received, &lost);
                    }
                }
                Err(error) => {
                    // Nobody waits any more: the opener lost its patience.
                    let _ = opened.send(Err(error));
                }
            }
        });
        let worker = worker.map_err(|error| DeviceError::Failed {
            kind,
            reason: error.to_string(),
        })?;
        let ends = wait(opening, OPENING, &signals).ok_or_else(|| DeviceError::Failed {
            kind,
            reason: "it does not answer".to_owned(),
        })??;
        let stream = Self {
            lost,
            signals,
            _worker: worker,
        };
        Ok((stream, ends))
    }

    /// Why the device is of no use any more, if it is not.
    pub(crate) fn lost(&self) -> Option<&DeviceError> {
        self.lost.get()
    }
}

impl Drop for SoundStream {
    fn drop(&mut self) {
        // Full means that a fatal error is on its way, which ends the thread as well.
        let _ = self.signals.try_send(Signal::Close);
    }
}

/// What became of the opening. A device that takes longer closes itself when it is open at last.
fn wait<T>(opening: Receiver<T>, patience: Duration, signals: &SyncSender<Signal>) -> Option<T> {
    let opened = opening.recv_timeout(patience).ok();
    if opened.is_none() {
        // Full means that a fatal error is on its way, which ends the thread as well.
        let _ = signals.try_send(Signal::Close);
    }
    opened
}

type Opened<T> = (Stream, T, Option<String>);

fn open<T>(
    direction: Direction,
    name: Option<&str>,
    on_error: OnError,
    build: impl Fn(&cpal::Device, Chosen, OnError) -> Result<(Stream, T), cpal::Error>,
) -> Result<Opened<T>, DeviceError> {
    let (device, info, listed) = find(direction, name)?;
    let start = || {
        let mut chosen = choose(&device, direction)?;
        let (stream, ends) = match build(&device, chosen, on_error.clone()) {
            Err(error) if error.kind() == ErrorKind::UnsupportedConfig => {
                // Not every device that takes any period takes ours.
                chosen.config.buffer_size = BufferSize::Default;
                build(&device, chosen, on_error.clone())?
            }
            other => other?,
        };
        stream.play()?;
        Ok((stream, ends, chosen))
    };
    let (stream, ends, chosen) = start().map_err(|error| device_error(direction, name, &error))?;
    tracing::info!(
        kind = direction.kind(),
        label = info.label,
        rate_hz = chosen.config.sample_rate,
        channels = chosen.config.channels,
        format = %chosen.format,
        "opened"
    );
    Ok((stream, ends, listed.then_some(info.id)))
}

/// Keeps the stream until it is closed or lost.
fn run(
    stream: Stream,
    direction: Direction,
    watched: Option<&str>,
    signals: &Receiver<Signal>,
    lost: &OnceLock<DeviceError>,
) {
    let kind = direction.kind();
    let reason = loop {
        match signals.recv_timeout(WATCHING) {
            Ok(Signal::Close) | Err(RecvTimeoutError::Disconnected) => break None,
            Ok(Signal::Fatal(error)) => break Some(lost_by(direction, &error)),
            Err(RecvTimeoutError::Timeout) => {
                if watched.is_some_and(|id| is_connected(direction, id) == Some(false)) {
                    break Some(DeviceError::Unplugged { kind });
                }
            }
        }
    };
    if let Some(reason) = reason {
        tracing::info!(kind, %reason, "lost");
        // Nobody else sets it.
        let _ = lost.set(reason);
    }
    drop(stream);
}

/// A device that worked and does not any more.
fn lost_by(direction: Direction, error: &cpal::Error) -> DeviceError {
    let kind = direction.kind();
    match error.kind() {
        ErrorKind::DeviceNotAvailable
        | ErrorKind::HostUnavailable
        | ErrorKind::StreamInvalidated => DeviceError::Unplugged { kind },
        _ => device_error(direction, None, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_opens_too_late_is_told_to_close() {
        let (signals, received) = sync_channel(1);
        let (opened, opening) = sync_channel(1);
        assert_eq!(wait(opening, Duration::ZERO, &signals), None);
        // Whether it opens before or after nobody waits any more, it does not stay open.
        assert!(matches!(received.try_recv(), Ok(Signal::Close)));
        assert!(opened.send(()).is_err(), "nobody takes it");

        let (opened, opening) = sync_channel(1);
        opened.send(()).unwrap();
        assert_eq!(wait(opening, Duration::ZERO, &signals), Some(()));
        assert!(received.try_recv().is_err(), "it stays open");
    }
}
