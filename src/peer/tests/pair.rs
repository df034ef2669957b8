//! Two links and the signalling between them, which is a function call.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use webrtc::runtime::{Runtime, timeout};

use crate::media::{Bitrate, MediaKind, OutgoingRtp, RtpPacket, RtpTimestamp};
use crate::peer::runtime::HostRuntime;
use crate::peer::{
    Certificate, ConnectionState, IceCandidate, LEAST_BITRATE, PeerConfig, PeerEvent, PeerFactory,
    PeerLink, PeerObserver, WebrtcFactory,
};

/// A failing test ends after this long instead of never.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn config() -> PeerConfig {
    PeerConfig {
        ice_servers: Vec::new(),
        bind: vec![([127, 0, 0, 1], 0).into()],
        certificate: Certificate::new().expect("a certificate"),
        relay_only: false,
        start_bitrate: Bitrate::from_kbps(1_000),
        min_bitrate: LEAST_BITRATE,
        max_bitrate: Bitrate::from_kbps(2_500),
    }
}

/// Keeps all that a link reports.
pub(super) struct Recorder {
    rtp: mpsc::UnboundedSender<RtpPacket>,
    events: mpsc::UnboundedSender<PeerEvent>,
    connection: watch::Sender<ConnectionState>,
    control_open: watch::Sender<bool>,
    /// Candidates until it is known where they go, and from then on where.
    candidates: Mutex<Candidates>,
    /// Panics at the next packet.
    pub(super) fragile: AtomicBool,
}

#[derive(Default)]
struct Candidates {
    kept: Vec<IceCandidate>,
    to: Option<mpsc::UnboundedSender<IceCandidate>>,
}

impl Recorder {
    /// From now on only a later connection counts.
    pub(super) fn expect_reconnection(&self) {
        self.connection.send_replace(ConnectionState::New);
    }

    /// Candidates go to `link` from now on, those that were kept first.
    fn candidates_to(&self, runtime: &dyn Runtime, link: Arc<dyn PeerLink>) {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let mut candidates = self.candidates.lock().expect("no panic");
        for candidate in candidates.kept.drain(..) {
            tx.send(candidate).expect("the other end is here");
        }
        candidates.to = Some(tx);
        runtime.spawn(Box::pin(async move {
            while let Some(candidate) = rx.recv().await {
                let _ = link.add_candidate(candidate).await;
            }
        }));
    }

    /// Takes back what [`Self::candidates_to`] gave.
    fn forget_the_other(&self) {
        self.candidates.lock().expect("no panic").to = None;
    }
}

impl PeerObserver for Recorder {
    fn handle_rtp(&self, packet: RtpPacket) {
        assert!(
            !self.fragile.load(Ordering::Relaxed),
            "as the test wants it"
        );
        let _ = self.rtp.send(packet);
    }

    fn handle_event(&self, event: PeerEvent) {
        match &event {
            PeerEvent::Connection(state) => {
                self.connection.send_replace(*state);
            }
            PeerEvent::ControlOpen => {
                self.control_open.send_replace(true);
            }
            PeerEvent::Candidate(candidate) => {
                let mut candidates = self.candidates.lock().expect("no panic");
                match &candidates.to {
                    Some(to) => drop(to.send(candidate.clone())),
                    None => candidates.kept.push(candidate.clone()),
                }
            }
            _ => {}
        }
        let _ = self.events.send(event);
    }
}

/// One end.
pub(super) struct End {
    pub(super) link: Arc<dyn PeerLink>,
    pub(super) rtp: mpsc::UnboundedReceiver<RtpPacket>,
    pub(super) events: mpsc::UnboundedReceiver<PeerEvent>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) runtime: Arc<dyn Runtime>,
}

impl End {
    pub(super) async fn new(runtime: &Arc<dyn Runtime>, config: PeerConfig) -> Self {
        let (rtp_tx, rtp) = mpsc::unbounded_channel();
        let (events_tx, events) = mpsc::unbounded_channel();
        let recorder = Arc::new(Recorder {
            rtp: rtp_tx,
            events: events_tx,
            connection: watch::Sender::new(ConnectionState::New),
            control_open: watch::Sender::new(false),
            candidates: Mutex::default(),
            fragile: AtomicBool::new(false),
        });
        let observer = Arc::clone(&recorder) as Arc<dyn PeerObserver>;
        let its_runtime = Arc::clone(runtime);
        let factory = WebrtcFactory::new(move || Arc::clone(&its_runtime));
        let link = factory.create(config, observer).await.expect("a link");
        Self {
            link,
            rtp,
            events,
            recorder,
            runtime: Arc::clone(runtime),
        }
    }

    async fn in_time<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        match timeout(&*self.runtime, PATIENCE, future).await {
            Ok(value) => value,
            Err(_) => panic!("never {what}"),
        }
    }

    pub(super) async fn until(&self, wanted: ConnectionState) {
        let mut connection = self.recorder.connection.subscribe();
        self.in_time(
            &format!("{wanted:?}"),
            connection.wait_for(|state| *state == wanted),
        )
        .await
        .expect("a state");
    }

    pub(super) async fn until_control_is_open(&self) {
        let mut open = self.recorder.control_open.subscribe();
        self.in_time("an open channel", open.wait_for(|open| *open))
            .await
            .expect("a state");
    }

    pub(super) async fn next_rtp(&mut self) -> RtpPacket {
        let runtime = Arc::clone(&self.runtime);
        timeout(&*runtime, PATIENCE, self.rtp.recv())
            .await
            .expect("a packet in time")
            .expect("a packet")
    }

    /// The next event that `wanted` picks.
    pub(super) async fn next_event<T>(&mut self, wanted: impl Fn(PeerEvent) -> Option<T>) -> T {
        let runtime = Arc::clone(&self.runtime);
        let search = async {
            loop {
                let event = self.events.recv().await.expect("an event");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        timeout(&*runtime, PATIENCE, search)
            .await
            .expect("an event in time")
    }
}

pub(super) fn host() -> Arc<dyn Runtime> {
    Arc::new(HostRuntime::new())
}

/// Two ends whose candidates find each other.
pub(super) async fn ends_on(a: &Arc<dyn Runtime>, b: &Arc<dyn Runtime>) -> (End, End) {
    let a = End::new(a, config()).await;
    let b = End::new(b, config()).await;
    a.recorder.candidates_to(&*a.runtime, Arc::clone(&b.link));
    b.recorder.candidates_to(&*b.runtime, Arc::clone(&a.link));
    (a, b)
}

pub(super) async fn ends() -> (End, End) {
    let host = host();
    ends_on(&host, &host).await
}

/// So that each end is held by its own handle only.
pub(super) fn part(a: &End, b: &End) {
    a.recorder.forget_the_other();
    b.recorder.forget_the_other();
}

/// `a` offers, `b` answers.
pub(super) async fn negotiate(a: &End, b: &End, ice_restart: bool) {
    let offer = a.link.create_offer(ice_restart).await.expect("an offer");
    let answer = b.link.handle_offer(&offer).await.expect("an answer");
    a.link.handle_answer(&answer).await.expect("agreement");
}

pub(super) async fn connected_on(a: &Arc<dyn Runtime>, b: &Arc<dyn Runtime>) -> (End, End) {
    let (a, b) = ends_on(a, b).await;
    negotiate(&a, &b, false).await;
    a.until(ConnectionState::Connected).await;
    b.until(ConnectionState::Connected).await;
    (a, b)
}

pub(super) async fn connected() -> (End, End) {
    let host = host();
    connected_on(&host, &host).await
}

/// Packets of sound by number, or of one and the same picture.
pub(super) fn packet(end: &End, kind: MediaKind, number: u32) -> OutgoingRtp {
    OutgoingRtp {
        kind,
        rtp_timestamp: match kind {
            MediaKind::Audio => RtpTimestamp(number.wrapping_mul(960)),
            MediaKind::Video => RtpTimestamp(3_000),
        },
        marker: number.is_multiple_of(3),
        payload: Bytes::from(number.to_be_bytes().repeat(50)),
        captured_at: end.runtime.now(),
    }
}

/// Sends a few of each kind from `a` and sees that `b` gets exactly these.
pub(super) async fn media_flows(a: &End, b: &mut End) {
    while b.rtp.try_recv().is_ok() {}
    let mut sent = Vec::new();
    for number in 0..30 {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let outgoing = packet(a, kind, number);
            a.link.send_rtp(std::slice::from_ref(&outgoing));
            sent.push(outgoing);
        }
    }
    let mut numbers = std::collections::HashMap::new();
    for _ in 0..sent.len() {
        let got = b.next_rtp().await;
        let matching = sent.iter().position(|sent| {
            sent.kind == got.kind
                && sent.payload == got.payload
                && sent.rtp_timestamp == got.rtp_timestamp
                && sent.marker == got.marker
        });
        sent.remove(matching.expect("one of those that were sent"));
        if let Some(last) = numbers.insert(got.kind, got.sequence_number) {
            assert_eq!(got.sequence_number, u16::wrapping_add(last, 1));
        }
        assert!(!got.recovered);
    }
    assert!(sent.is_empty());
}
