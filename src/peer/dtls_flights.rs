//! Sends the flights of the DTLS handshake again when they or their answers are lost, instead of
//! `rtc-dtls` 0.21.1.
//!
//! Its own timer (`handshaker.rs`) waits for a full second, cannot be set through `webrtc`, and is
//! disarmed for good by whatever arrives of the handshake, be it nothing new (`wait`): of calls with a
//! tenth of the packets lost one in ten never connected. With repeats kept from it so that its timer
//! runs, half still took more than 1.4 s, and the slowest of forty 5.5 s.
//!
//! So the socket keeps the datagrams of our latest flight and sends them once more, unchanged, until
//! the other side's next flight has come. Whoever has one already takes a copy for what it is: their
//! replay window drops it (RFC 6347 section 4.1.2.6). The last flight of all has no answer: it is sent
//! again when the other side repeats the one before (section 4.2.4).

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Runtime, Transmit};

/// The wait before the first copy: about a round trip of a usual path. A copy too many does no harm.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Each wait is so much longer than the one before,
const BACKOFF: f64 = 1.5;
/// up to this.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// A flight is sent again so often at most: for more than half a minute.
const MAX_COPIES: u32 = 80;
/// A handshake has about twenty datagrams, and their copies by the library's timer.
const MAX_HEARD: usize = 256;
/// A flight fits into two datagrams.
const MAX_FLIGHT: usize = 8;

/// RFC 6347 section 4.1: types of records.
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
/// RFC 6347 section 4.1: type, version, epoch, sequence number, length.
const RECORD_HEADER: usize = 13;

/// Whether the handshake of one connection is over, for all of its sockets.
#[derive(Debug, Default)]
pub(super) struct Handshake(AtomicBool);

impl Handshake {
    /// From now on flights are sent again only to who repeats theirs.
    pub(super) fn end(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a datagram of a handshake begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Of the server, only the last flight begins so: it is not answered.
    ChangeCipherSpec,
    /// Type and number of the message.
    Message(u8, u16),
    /// Not to be told apart.
    Encrypted,
}

impl Start {
    /// Of a datagram as it is on the wire, through a relay or not; `None` if it is of no handshake.
    fn of(datagram: &[u8]) -> Option<Self> {
        let record = match datagram.first()? {
            // ChannelData of TURN (RFC 8656 section 12.4).
            0x40..=0x4f => datagram.get(4..)?,
            _ => datagram,
        };
        let kind = *record.first()?;
        let epoch = record.get(3..5)?;
        let body = record.get(RECORD_HEADER..)?;
        match kind {
            CHANGE_CIPHER_SPEC => Some(Self::ChangeCipherSpec),
            HANDSHAKE if epoch != [0, 0] => Some(Self::Encrypted),
            HANDSHAKE => {
                let header = body.get(..6)?;
                Some(Self::Message(
                    header[0],
                    u16::from_be_bytes([header[4], header[5]]),
                ))
            }
            _ => None,
        }
    }
}

/// Our latest flight, and what of theirs was heard. Without clock.
#[derive(Debug, Default)]
struct Flights {
    latest: Vec<(Start, SocketAddr, Vec<u8>)>,
    /// Something new came since it left.
    answered: bool,
    copies: u32,
    wait: Duration,
    due: Option<Instant>,
    /// Of each datagram.
    heard: HashSet<u64>,
}

/// What to do with a datagram that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is for the library, which may not have listened to an earlier copy.
    New,
    /// The library had it already.
    Copy,
    /// The other side misses our last flight.
    CopyThatAsks,
}

impl Flights {
    fn handle_sent(&mut self, now: Instant, to: SocketAddr, datagram: &[u8]) {
        let Some(start) = Start::of(datagram) else {
            return;
        };
        let known = self.latest.iter_mut().find(|(known, ..)| *known == start);
        if let Some(sent) = known {
            // The library's timer. Its copy is as good as the one before.
            *sent = (start, to, datagram.to_vec());
            return;
        }
        if self.answered {
            self.latest.clear();
        }
        if self.latest.len() < MAX_FLIGHT {
            self.latest.push((start, to, datagram.to_vec()));
        }
        (self.answered, self.copies, self.wait) = (false, 0, FIRST_WAIT);
        self.due = (!self.is_last()).then(|| now + FIRST_WAIT);
    }

    fn handle_received(&mut self, datagram: &[u8]) -> Verdict {
        if Start::of(datagram).is_none() {
            return Verdict::New;
        }
        let mut hasher = DefaultHasher::new();
        datagram.hash(&mut hasher);
        if self.heard.len() >= MAX_HEARD || self.heard.insert(hasher.finish()) {
            self.answered = true;
            return Verdict::New;
        }
        if self.latest.is_empty() {
            // Until its side of ICE has a pair, the library drops what comes of a handshake.
            Verdict::New
        } else if self.is_last() && self.copies < MAX_COPIES {
            self.copies += 1;
            Verdict::CopyThatAsks
        } else {
            Verdict::Copy
        }
    }

    /// Whether it is time for a copy of the latest flight.
    fn poll_copy(&mut self, now: Instant) -> bool {
        if self.due.is_none_or(|due| now < due) {
            return false;
        }
        self.copies += 1;
        self.wait = self.wait.mul_f64(BACKOFF).min(LONGEST_WAIT);
        self.due = (self.copies < MAX_COPIES).then(|| now + self.wait);
        true
    }

    /// Whether our latest flight is one that has no answer.
    fn is_last(&self) -> bool {
        let first = self.latest.first();
        first.is_some_and(|(start, ..)| *start == Start::ChangeCipherSpec)
    }
}

/// A socket that sends flights of a handshake again, and keeps copies of theirs from the library.
pub(super) struct HandshakeSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    handshake: Arc<Handshake>,
    runtime: Arc<dyn Runtime>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    flights: Flights,
    alarm: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// To be woken when there is a new alarm to set.
    reader: Option<Waker>,
}

impl fmt::Debug for HandshakeSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandshakeSocket")
            .field(&self.socket)
            .finish()
    }
}

impl HandshakeSocket {
    pub(super) fn new(
        socket: Arc<dyn AsyncUdpSocket>,
        handshake: Arc<Handshake>,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        Self {
            socket,
            handshake,
            runtime,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is due, and has `cx` woken when more will be.
    fn watch(&self, cx: &mut Context<'_>) {
        let mut state = self.state();
        if self.handshake.is_over() {
            (state.alarm, state.flights.due, state.reader) = (None, None, None);
            return;
        }
        state.reader = Some(cx.waker().clone());
        loop {
            let now = self.runtime.now();
            if state.flights.poll_copy(now) {
                self.send_copies(&state.flights, cx);
                state.alarm = None;
            }
            let Some(due) = state.flights.due else {
                state.alarm = None;
                return;
            };
            let alarm = state
                .alarm
                .get_or_insert_with(|| self.runtime.sleep(due.saturating_duration_since(now)));
            if alarm.as_mut().poll(cx).is_pending() {
                return;
            }
            state.alarm = None;
        }
    }

    /// A socket that is full loses them, as a network may.
    fn send_copies(&self, flights: &Flights, cx: &mut Context<'_>) {
        tracing::trace!(copies = flights.copies, "handshake flight sent again");
        for (_, to, datagram) in &flights.latest {
            let _ = self.socket.poll_send(
                cx,
                &Transmit {
                    destination: *to,
                    ecn: None,
                    contents: datagram,
                    segment_size: None,
                    src_ip: None,
                },
            );
        }
    }
}

impl AsyncUdpSocket for HandshakeSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let sent = self.socket.poll_send(cx, transmit);
        if sent.is_ready() && !self.handshake.is_over() {
            let mut state = self.state();
            let due = state.flights.due;
            let (now, to) = (self.runtime.now(), transmit.destination);
            if let Some(start) = Start::of(transmit.contents) {
                tracing::trace!(?start, "handshake datagram sent");
            }
            state.flights.handle_sent(now, to, transmit.contents);
            if state.flights.due != due {
                state.alarm = None;
                if let Some(reader) = state.reader.take() {
                    reader.wake();
                }
            }
        }
        sent
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.watch(cx);
        loop {
            let received = self.socket.poll_recv(cx, bufs, meta);
            // The library asks for one at a time; several at once are never a lone copy.
            let Poll::Ready(Ok(1)) = received else {
                return received;
            };
            let (Some(buf), Some(meta)) = (bufs.first(), meta.first()) else {
                return received;
            };
            if meta.len > meta.stride {
                return received;
            }
            let datagram = buf.get(..meta.len).unwrap_or_default();
            let mut state = self.state();
            let verdict = state.flights.handle_received(datagram);
            if let Some(start) = Start::of(datagram) {
                tracing::trace!(?start, ?verdict, "handshake datagram received");
            }
            match verdict {
                Verdict::New => return received,
                Verdict::Copy => {}
                Verdict::CopyThatAsks => self.send_copies(&state.flights, cx),
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

    const MS: Duration = Duration::from_millis(1);

    fn record(kind: u8, epoch: u8, record_number: u8, body: &[u8]) -> Vec<u8> {
        let mut datagram = vec![kind, 254, 253, 0, epoch];
        datagram.extend([0, 0, 0, 0, 0, record_number, 0, body.len() as u8]);
        datagram.extend(body);
        datagram
    }

    fn message(kind: u8, number: u8, record_number: u8) -> Vec<u8> {
        let body = [kind, 0, 0, 1, 0, number, 0, 0, 0, 0, 0, 1, 0];
        record(HANDSHAKE, 0, record_number, &body)
    }

    fn there() -> SocketAddr {
        ([127, 0, 0, 1], 9).into()
    }

    fn copies_at(flights: &mut Flights, start: Instant, until: u32) -> Vec<u32> {
        let mut at = Vec::new();
        for ms in 0..until {
            if flights.poll_copy(start + ms * MS) {
                at.push(ms);
            }
        }
        at
    }

    #[test]
    fn a_flight_is_sent_again_until_the_next_one_of_ours() {
        let (mut flights, start) = (Flights::default(), Instant::now());
        flights.handle_sent(start, there(), &message(1, 0, 0));
        assert_eq!(copies_at(&mut flights, start, 500), [100, 250, 475]);
        assert_eq!(flights.handle_received(&message(3, 0, 0)), Verdict::New);
        assert_eq!(flights.handle_received(&message(3, 0, 0)), Verdict::Copy);
        let later = start + 500 * MS;
        flights.handle_sent(later, there(), &message(1, 1, 1));
        assert_eq!(flights.latest.len(), 1, "the first hello was answered");
        assert_eq!(copies_at(&mut flights, later, 200), [100]);
    }

    #[test]
    fn what_the_librarys_timer_sends_is_the_same_flight() {
        let (mut flights, start) = (Flights::default(), Instant::now());
        flights.handle_sent(start, there(), &message(11, 2, 0));
        flights.handle_sent(start, there(), &record(CHANGE_CIPHER_SPEC, 0, 1, &[1]));
        assert_eq!(flights.latest.len(), 2, "two datagrams, one flight");
        assert!(!flights.is_last(), "it begins with a certificate");
        flights.handle_received(&message(2, 1, 0));
        flights.handle_sent(start + 90 * MS, there(), &message(11, 2, 2));
        assert_eq!(flights.latest.len(), 2);
        assert_eq!(flights.latest[0].2, message(11, 2, 2));
        assert_eq!(copies_at(&mut flights, start, 120), [100]);
    }

    #[test]
    fn the_last_flight_waits_until_it_is_asked_for() {
        let (mut flights, start) = (Flights::default(), Instant::now());
        flights.handle_sent(start, there(), &message(2, 0, 0));
        assert_eq!(flights.handle_received(&message(11, 1, 0)), Verdict::New);
        flights.handle_sent(start, there(), &record(CHANGE_CIPHER_SPEC, 0, 1, &[1]));
        assert!(copies_at(&mut flights, start, 2_000).is_empty());
        let copy = flights.handle_received(&message(11, 1, 0));
        assert_eq!(copy, Verdict::CopyThatAsks);
        // The library answers what is not a copy, byte by byte.
        assert_eq!(flights.handle_received(&message(11, 1, 5)), Verdict::New);
    }

    #[test]
    fn copies_reach_the_library_until_it_answers() {
        let (mut flights, hello) = (Flights::default(), message(1, 0, 0));
        for _ in 0..3 {
            assert_eq!(flights.handle_received(&hello), Verdict::New);
        }
        flights.handle_sent(Instant::now(), there(), &message(3, 0, 0));
        assert_eq!(flights.handle_received(&hello), Verdict::Copy);
    }

    #[test]
    fn nobody_has_it_sent_without_end() {
        let (mut flights, start) = (Flights::default(), Instant::now());
        flights.handle_sent(start, there(), &record(CHANGE_CIPHER_SPEC, 0, 1, &[1]));
        flights.handle_received(&message(11, 1, 0));
        let asked = |flights: &mut Flights| {
            flights.handle_received(&message(11, 1, 0)) == Verdict::CopyThatAsks
        };
        assert_eq!((0..1_000).filter(|_| asked(&mut flights)).count(), 80);
        let mut flights = Flights::default();
        flights.handle_sent(start, there(), &message(1, 0, 0));
        assert_eq!(copies_at(&mut flights, start, 600_000).len(), 80);
    }

    proptest! {
        #[test]
        fn other_datagrams_always_pass(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut flights = Flights::default();
            flights.handle_sent(Instant::now(), there(), &bytes);
            for _ in 0..2 {
                let verdict = flights.handle_received(&bytes);
                prop_assert!(verdict == Verdict::New || Start::of(&bytes).is_some());
            }
        }
    }
}
