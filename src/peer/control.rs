//! The control channel: ordered, reliable, and one of a name.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::runtime::Runtime;

use super::PeerEvent;
use super::shared::Shared;

/// The name of the channel.
pub(super) const LABEL: &str = "control";
/// Agreed upon beforehand (RFC 8832 section 4 does not apply): both sides open it, whoever offers.
/// Below the 1,024 streams of a browser, above the numbers that it gives away itself.
const STREAM_ID: u16 = 1_000;
/// What a browser takes in one message at the least.
const MAX_MESSAGE: usize = 64 * 1_024;
/// Messages that wait to be sent. Full: refused.
const QUEUE: usize = 256;

/// How our end of the channel is opened.
pub(super) fn options() -> RTCDataChannelInit {
    RTCDataChannelInit {
        ordered: true,
        negotiated: Some(STREAM_ID),
        ..RTCDataChannelInit::default()
    }
}

/// Whichever channel of that name is open: ours, or one that the other side opened in band.
pub(super) struct Control {
    shared: Arc<Shared>,
    current: Mutex<Option<Arc<dyn DataChannel>>>,
    open: AtomicBool,
    /// For good: a channel that opens while the connection closes stays unused.
    closed: AtomicBool,
    outgoing: mpsc::Sender<Bytes>,
}

impl Control {
    /// The channel, and what [`Self::send_all`] needs.
    pub(super) fn new(shared: Arc<Shared>) -> (Arc<Self>, mpsc::Receiver<Bytes>) {
        let (outgoing, rx) = mpsc::channel(QUEUE);
        let control = Self {
            shared,
            current: Mutex::new(None),
            open: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            outgoing,
        };
        (Arc::new(control), rx)
    }

    /// Queues a message; `false` if the channel is not open, or can take no more.
    pub(super) fn send(&self, message: Bytes) -> bool {
        self.open.load(Ordering::Acquire)
            && message.len() <= MAX_MESSAGE
            && self.outgoing.try_send(message).is_ok()
    }

    /// Sends what is queued, until [`Self::close`].
    pub(super) async fn send_all(self: Arc<Self>, mut queue: mpsc::Receiver<Bytes>) {
        while let Some(message) = queue.recv().await {
            if self.closed.load(Ordering::Acquire) {
                break;
            }
            let Some(channel) = self.current() else {
                continue;
            };
            if let Err(error) = channel.send(BytesMut::from(message)).await {
                tracing::debug!(%error, "a control message was not sent");
            }
        }
    }

    fn current(&self) -> Option<Arc<dyn DataChannel>> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// Reads a channel in a task of its own, until it closes.
    pub(super) fn attach(self: &Arc<Self>, runtime: &dyn Runtime, channel: Arc<dyn DataChannel>) {
        let control = Arc::clone(self);
        runtime.spawn(Box::pin(control.read(channel))).detach();
    }

    async fn read(self: Arc<Self>, channel: Arc<dyn DataChannel>) {
        if channel.label().await.ok().as_deref() != Some(LABEL) {
            return;
        }
        while let Some(event) = channel.poll().await {
            match event {
                DataChannelEvent::OnOpen => self.opened(&channel),
                DataChannelEvent::OnMessage(message) => {
                    let message = message.data.freeze();
                    self.shared.report(PeerEvent::Control(message));
                }
                DataChannelEvent::OnClose => break,
                _ => {}
            }
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|it| Arc::ptr_eq(it, &channel)) {
            *current = None;
            self.open.store(false, Ordering::Release);
        }
    }

    /// The latest to open is written to: a side that opens one in band knows of no other.
    fn opened(&self, channel: &Arc<dyn DataChannel>) {
        {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            // Under the lock that `close` takes: one of the two sees the other.
            if self.closed.load(Ordering::Acquire) {
                return;
            }
            *current = Some(Arc::clone(channel));
        }
        if !self.open.swap(true, Ordering::AcqRel) {
            self.shared.report(PeerEvent::ControlOpen);
        }
    }

    /// Lets go of the channel, which holds the connection.
    pub(super) fn close(&self) {
        {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            self.closed.store(true, Ordering::Release);
            self.open.store(false, Ordering::Release);
            *current = None;
        }
        // Wakes the sender, which sees that it is over. If the queue is full it is awake.
        let _ = self.outgoing.try_send(Bytes::new());
    }
}
