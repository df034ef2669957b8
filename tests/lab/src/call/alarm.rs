use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Rings when a program of a call has ended, so that nobody waits for what will not come any more.
#[derive(Debug, Clone)]
pub struct Alarm(SyncSender<()>);

impl Alarm {
    /// One, and where it is heard.
    pub fn new() -> (Self, Receiver<()>) {
        // One ring is as good as several: whoever hears it looks at all programs.
        let (ring, heard) = sync_channel(1);
        (Self(ring), heard)
    }

    /// Rings, where somebody listens still.
    pub fn ring(&self) {
        let _ = self.0.try_send(());
    }
}
