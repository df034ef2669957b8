//! Works around a defect of `rtc-dtls` 0.21.1: whatever arrives of the handshake disarms its timer for
//! resending (`handshaker.rs`, `wait`), and if it was nothing new, for good. When the other side
//! repeats its flight because ours was lost, we never send ours again: of calls with a tenth of the
//! packets lost, one in ten never connected.
//!
//! So a repeated flight is kept from the library while its timer runs, which then does its work. Once
//! the timer must have fired or was disarmed by something else, repeats pass: they may be needed.

use std::collections::HashSet;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Runtime, Transmit};

/// The library's timer, and a little.
const TIMER: Duration = Duration::from_millis(1_100);
/// A handshake has about twenty messages.
const MAX_MESSAGES: usize = 256;

/// RFC 6347 section 4.1: a record of a handshake message.
const HANDSHAKE: u8 = 22;
/// RFC 6347 section 4.1: type, version, epoch, sequence number, length.
const RECORD_HEADER: usize = 13;

/// The state of one connection's handshake, as its datagrams show it.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    /// Type and number of the messages that begin a datagram.
    seen: HashSet<(u8, u16)>,
    sent_at: Option<Instant>,
    over: bool,
}

impl Handshake {
    /// From now on everything passes.
    pub(super) fn end(&mut self) {
        self.over = true;
        self.seen.clear();
    }

    fn handle_sent(&mut self, now: Instant, datagram: &[u8]) {
        if !self.over && first_message(datagram).is_some() {
            self.sent_at = Some(now);
        }
    }

    /// Whether a datagram is for the library.
    fn passes(&mut self, now: Instant, datagram: &[u8]) -> bool {
        if self.over {
            return true;
        }
        let Some(message) = first_message(datagram) else {
            return true;
        };
        let timer_runs = self
            .sent_at
            .is_some_and(|sent_at| now.saturating_duration_since(sent_at) < TIMER);
        let is_new = self.seen.len() >= MAX_MESSAGES || self.seen.insert(message);
        is_new || !timer_runs
    }
}

/// Type and number of the handshake message that a datagram begins with, through a relay or not.
fn first_message(datagram: &[u8]) -> Option<(u8, u16)> {
    let record = match datagram.first()? {
        // ChannelData of TURN (RFC 8656 section 12.4).
        0x40..=0x4f => datagram.get(4..)?,
        _ => datagram,
    };
    if *record.first()? != HANDSHAKE {
        return None;
    }
    let epoch = record.get(3..5)?;
    let header = record.get(RECORD_HEADER..RECORD_HEADER + 6)?;
    // What is encrypted cannot be told apart.
    (epoch == [0, 0]).then(|| (header[0], u16::from_be_bytes([header[4], header[5]])))
}

/// A socket that keeps repeats of a handshake to itself.
#[derive(Debug)]
pub(super) struct HandshakeSocket {
    pub(super) socket: Arc<dyn AsyncUdpSocket>,
    pub(super) handshake: Arc<Mutex<Handshake>>,
    pub(super) runtime: Arc<dyn Runtime>,
}

impl AsyncUdpSocket for HandshakeSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let sent = self.socket.poll_send(cx, transmit);
        if sent.is_ready() {
            let mut handshake = self
                .handshake
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            handshake.handle_sent(self.runtime.now(), transmit.contents);
        }
        sent
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            let received = self.socket.poll_recv(cx, bufs, meta);
            // The library asks for one at a time; several at once are never a lone repeat.
            let Poll::Ready(Ok(1)) = received else {
                return received;
            };
            let (Some(buf), Some(meta)) = (bufs.first(), meta.first()) else {
                return received;
            };
            let datagram = buf.get(..meta.len).unwrap_or_default();
            let mut handshake = self
                .handshake
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if meta.len > meta.stride || handshake.passes(self.runtime.now(), datagram) {
                return received;
            }
        }
    }

    fn max_gso_segments(&self) -> usize {
        self.socket.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.socket.max_gro_segments()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, number: u8) -> Vec<u8> {
        let mut datagram = vec![HANDSHAKE, 254, 253, 0, 0];
        datagram.extend([0; 8]);
        datagram.extend([kind, 0, 0, 1, 0, number, 0, 0, 0, 0, 0, 1, 0]);
        datagram
    }

    #[test]
    fn a_repeat_waits_for_the_timer_and_passes_after_it() {
        let (mut handshake, start) = (Handshake::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert!(handshake.passes(start, &message(1, 0)));
        assert!(
            handshake.passes(start, &message(1, 0)),
            "nothing of ours is on its way"
        );
        handshake.handle_sent(start, &message(2, 0));
        assert!(!handshake.passes(start + second, &message(1, 0)));
        assert!(
            handshake.passes(start + second, &message(1, 1)),
            "another message"
        );
        assert!(handshake.passes(start + 2 * second, &message(1, 0)));
        handshake.handle_sent(start + 2 * second, &message(2, 0));
        handshake.end();
        assert!(handshake.passes(start + 2 * second, &message(1, 0)));
    }

    proptest! {
        #[test]
        fn other_datagrams_always_pass(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let (mut handshake, now) = (Handshake::default(), Instant::now());
            handshake.handle_sent(now, &message(2, 0));
            for _ in 0..2 {
                let passes = handshake.passes(now, &bytes);
                prop_assert!(passes || first_message(&bytes).is_some());
            }
        }
    }
}
