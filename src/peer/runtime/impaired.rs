//! A [`Link`] in front of a real socket, for tests on real time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::time::sleep_until;
use webrtc::runtime::{AsyncUdpSocket, JoinHandle, RecvMeta, Runtime, TokioRuntime, Transmit};

use super::link::Link;
use super::segments;

/// When it is due, in which order it came, where to, and what.
type Delayed = Reverse<(Instant, u64, SocketAddr, Vec<u8>)>;

/// More than this under way at once is not delayed but dropped: 100 Mb/s for two seconds.
const MAX_UNDER_WAY: usize = 20_000;

/// A socket whose packets go through a link before they are really sent.
pub(super) struct ImpairedSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    link: Arc<Mutex<Link>>,
    under_way: Arc<UnderWay>,
    sender: Box<dyn JoinHandle>,
}

#[derive(Default)]
struct UnderWay {
    heap: Mutex<(BinaryHeap<Delayed>, u64)>,
    changed: Notify,
}

impl ImpairedSocket {
    pub(super) fn new(socket: Arc<dyn AsyncUdpSocket>, link: Arc<Mutex<Link>>) -> Self {
        let under_way = Arc::<UnderWay>::default();
        let sender = TokioRuntime.spawn(Box::pin(send_when_due(
            Arc::downgrade(&under_way),
            socket.clone(),
        )));
        Self {
            socket,
            link,
            under_way,
            sender,
        }
    }
}

impl std::fmt::Debug for ImpairedSocket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ImpairedSocket")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl Drop for ImpairedSocket {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

async fn send_when_due(under_way: Weak<UnderWay>, socket: Arc<dyn AsyncUdpSocket>) {
    while let Some(queue) = under_way.upgrade() {
        match queue.next() {
            Next::Send(to, bytes) => {
                // A datagram that the system refuses is one more that the path lost.
                let _ = socket.send_to(&bytes, to).await;
            }
            Next::Wait(Some(until)) => {
                tokio::select! {
                    () = sleep_until(until.into()) => {}
                    () = queue.changed.notified() => {}
                }
            }
            Next::Wait(None) => queue.changed.notified().await,
        }
    }
}

enum Next {
    Send(SocketAddr, Vec<u8>),
    Wait(Option<Instant>),
}

impl UnderWay {
    fn push(&self, at: Instant, to: SocketAddr, bytes: &[u8]) {
        let mut guard = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        let (heap, count) = &mut *guard;
        if heap.len() >= MAX_UNDER_WAY {
            return;
        }
        *count += 1;
        let is_next = heap.peek().is_none_or(|Reverse((next, ..))| at < *next);
        heap.push(Reverse((at, *count, to, bytes.to_vec())));
        drop(guard);
        if is_next {
            self.changed.notify_one();
        }
    }

    fn next(&self) -> Next {
        let mut guard = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        let heap = &mut guard.0;
        match heap.peek() {
            None => Next::Wait(None),
            Some(Reverse((at, ..))) if *at > Instant::now() => Next::Wait(Some(*at)),
            Some(_) => match heap.pop() {
                Some(Reverse((_, _, to, bytes))) => Next::Send(to, bytes),
                None => Next::Wait(None),
            },
        }
    }
}

impl AsyncUdpSocket for ImpairedSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_gro_segments(&self) -> usize {
        self.socket.max_gro_segments()
    }

    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let now = Instant::now();
        for datagram in segments(transmit) {
            let deliveries = self
                .link
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .admit(now, datagram);
            for at in deliveries {
                self.under_way.push(at, transmit.destination, datagram);
            }
        }
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_recv(context, buffers, meta)
    }
}
