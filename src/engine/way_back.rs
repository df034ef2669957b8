use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How a media worker hands back the device that an order took from it: closing one may block for
/// half a second, and the next can only be opened when this one is closed.
pub struct WayBack<T>(Option<SyncSender<T>>);

impl<T> WayBack<T> {
    /// And where the device comes out; nothing ever does when the worker is gone.
    pub fn new() -> (Self, Receiver<T>) {
        let (way, end) = sync_channel(1);
        (Self(Some(way)), end)
    }

    /// The worker closes the device itself.
    pub fn nowhere() -> Self {
        Self(None)
    }

    /// Hands it back.
    pub fn hand(self, device: T) {
        if let Some(way) = self.0 {
            // Where nobody waits any more it is closed here.
            drop(way.try_send(device));
        }
    }
}
