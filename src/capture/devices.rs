use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::sound::{self, Direction};
use super::worker::Worker;
use super::{Devices, camera};

/// How often the list is looked through: a vanished microphone raises no error of its own with
/// PulseAudio, and nobody should speak into one for longer than this.
const INTERVAL: Duration = Duration::from_secs(1);

/// Everything that is connected now. Asks the system, which takes some milliseconds, and up to two
/// seconds where a sound server hangs.
pub fn devices() -> Devices {
    Devices {
        microphones: sound::list(Direction::Input),
        speakers: sound::list(Direction::Output),
        cameras: camera::list(),
    }
}

/// Watches what is connected, on a thread of its own, until it is dropped.
#[derive(Debug)]
pub struct DeviceWatcher {
    // Fields are dropped in this order: without its sender the thread ends, then it is joined.
    _stop: SyncSender<()>,
    _worker: Worker,
}

impl DeviceWatcher {
    /// Calls `changed` on the watching thread, first with what is there, then with each change.
    ///
    /// # Errors
    /// When the system gives us no thread.
    pub fn start(changed: impl FnMut(Devices) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(0);
        Ok(Self {
            _stop: stop,
            _worker: Worker::spawn("device-watcher", move || watch(&stopped, changed, devices))?,
        })
    }
}

fn watch(
    stopped: &Receiver<()>,
    mut changed: impl FnMut(Devices),
    mut list: impl FnMut() -> Devices,
) {
    let mut known = None;
    loop {
        let now = list();
        if known.as_ref() != Some(&now) {
            known = Some(now.clone());
            changed(now);
        }
        match stopped.recv_timeout(INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Device;

    fn with_microphones(ids: &[&str]) -> Devices {
        let microphones = ids.iter().map(|id| Device {
            id: (*id).to_owned(),
            label: (*id).to_owned(),
            default: false,
        });
        Devices {
            microphones: microphones.collect(),
            ..Devices::default()
        }
    }

    #[test]
    fn the_first_list_and_every_change_are_told_and_nothing_else() {
        let (stop, stopped) = sync_channel(0);
        let mut stop = Some(stop);
        let lists = [&["a"][..], &["a"], &["a", "b"], &["b"], &["b"]];
        let mut lists = lists.into_iter();
        let mut told = Vec::new();
        watch(
            &stopped,
            |devices| told.push(devices),
            || {
                let ids = lists.next().unwrap();
                if lists.len() == 0 {
                    stop.take();
                }
                with_microphones(ids)
            },
        );
        assert_eq!(
            told,
            [
                with_microphones(&["a"]),
                with_microphones(&["a", "b"]),
                with_microphones(&["b"])
            ]
        );
    }

    #[test]
    fn a_watcher_tells_what_is_there_and_its_thread_ends_with_it() {
        let (told, devices) = std::sync::mpsc::channel();
        let watcher = DeviceWatcher::start(move |devices| {
            let _ = told.send(devices);
        })
        .unwrap();
        devices.recv().unwrap();
        drop(watcher);
        // The thread owned the sender: it is gone, so the thread is too.
        while devices.recv().is_ok() {}
    }
}
