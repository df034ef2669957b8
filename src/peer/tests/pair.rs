//! Two links and the signalling between them, which is a function call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use webrtc::runtime::{Runtime, TokioRuntime};

use crate::media::{Bitrate, MediaKind, OutgoingRtp, RtpPacket, RtpTimestamp};
use crate::peer::{
    ConnectionState, PeerConfig, PeerEvent, PeerFactory, PeerLink, PeerObserver, WebrtcFactory,
};

/// A failing test ends after this long instead of never.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn config() -> PeerConfig {
    PeerConfig {
        ice_servers: Vec::new(),
        bind: vec![([127, 0, 0, 1], 0).into()],
        relay_only: false,
        start_bitrate: Bitrate::from_kbps(1_000),
        max_bitrate: Bitrate::from_kbps(2_500),
    }
}

pub(super) fn factory() -> WebrtcFactory {
    WebrtcFactory::new(|| Arc::new(TokioRuntime) as Arc<dyn Runtime>)
}

/// Keeps all that a link reports.
pub(super) struct Recorder {
    rtp: mpsc::UnboundedSender<RtpPacket>,
    events: mpsc::UnboundedSender<PeerEvent>,
    connection: watch::Sender<ConnectionState>,
    /// Where the other side's candidates go.
    other: watch::Sender<Option<Arc<dyn PeerLink>>>,
    candidates: mpsc::UnboundedSender<PeerEvent>,
    control_open: watch::Sender<bool>,
}

impl Recorder {
    /// From now on only a later connection counts.
    pub(super) fn expect_reconnection(&self) {
        self.connection.send_replace(ConnectionState::New);
    }
}

impl PeerObserver for Recorder {
    fn handle_rtp(&self, packet: RtpPacket) {
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
            PeerEvent::Candidate(_) => {
                let _ = self.candidates.send(event.clone());
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
}

impl End {
    pub(super) async fn new(factory: &dyn PeerFactory, config: PeerConfig) -> Self {
        let (rtp_tx, rtp) = mpsc::unbounded_channel();
        let (events_tx, events) = mpsc::unbounded_channel();
        let (candidates, mut from_us) = mpsc::unbounded_channel();
        let (other, mut to_whom) = watch::channel(None::<Arc<dyn PeerLink>>);
        let recorder = Arc::new(Recorder {
            rtp: rtp_tx,
            events: events_tx,
            connection: watch::channel(ConnectionState::New).0,
            other,
            candidates,
            control_open: watch::channel(false).0,
        });
        let observer = Arc::clone(&recorder) as Arc<dyn PeerObserver>;
        let link = factory.create(config, observer).await.expect("a link");
        tokio::spawn(async move {
            while let Some(PeerEvent::Candidate(candidate)) = from_us.recv().await {
                let other = match to_whom.wait_for(Option::is_some).await {
                    Ok(other) => other.clone(),
                    Err(_) => return,
                };
                if let Some(other) = other {
                    let _ = other.add_candidate(candidate).await;
                }
            }
        });
        Self {
            link,
            rtp,
            events,
            recorder,
        }
    }

    pub(super) async fn until(&self, wanted: ConnectionState) {
        let mut connection = self.recorder.connection.subscribe();
        tokio::time::timeout(PATIENCE, connection.wait_for(|state| *state == wanted))
            .await
            .unwrap_or_else(|_| panic!("never {wanted:?}"))
            .expect("a state");
    }

    pub(super) async fn until_control_is_open(&self) {
        let mut open = self.recorder.control_open.subscribe();
        tokio::time::timeout(PATIENCE, open.wait_for(|open| *open))
            .await
            .expect("an open channel")
            .expect("a state");
    }

    pub(super) async fn next_rtp(&mut self) -> RtpPacket {
        tokio::time::timeout(PATIENCE, self.rtp.recv())
            .await
            .expect("a packet in time")
            .expect("a packet")
    }

    /// The next event that `wanted` picks.
    pub(super) async fn next_event<T>(&mut self, wanted: impl Fn(PeerEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("an event");
                if let Some(found) = wanted(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search)
            .await
            .expect("an event in time")
    }
}

/// Two ends whose candidates find each other.
pub(super) async fn ends() -> (End, End) {
    ends_of(&factory()).await
}

pub(super) async fn ends_of(factory: &dyn PeerFactory) -> (End, End) {
    let a = End::new(factory, config()).await;
    let b = End::new(factory, config()).await;
    a.recorder.other.send_replace(Some(Arc::clone(&b.link)));
    b.recorder.other.send_replace(Some(Arc::clone(&a.link)));
    (a, b)
}

/// `a` offers, `b` answers.
pub(super) async fn negotiate(a: &End, b: &End, ice_restart: bool) {
    let offer = a.link.create_offer(ice_restart).await.expect("an offer");
    let answer = b.link.handle_offer(&offer).await.expect("an answer");
    a.link.handle_answer(&answer).await.expect("agreement");
}

pub(super) async fn connected() -> (End, End) {
    let (a, b) = ends().await;
    negotiate(&a, &b, false).await;
    a.until(ConnectionState::Connected).await;
    b.until(ConnectionState::Connected).await;
    (a, b)
}

pub(super) fn packet(kind: MediaKind, number: u32) -> OutgoingRtp {
    OutgoingRtp {
        kind,
        rtp_timestamp: RtpTimestamp(number.wrapping_mul(960)),
        marker: number % 3 == 0,
        payload: Bytes::from(number.to_be_bytes().repeat(50)),
        captured_at: std::time::Instant::now(),
    }
}

/// Sends a few of each kind from `a` and sees that `b` gets exactly these.
pub(super) async fn media_flows(a: &End, b: &mut End) {
    while b.rtp.try_recv().is_ok() {}
    let mut sent = Vec::new();
    for number in 0..30 {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let outgoing = packet(kind, number);
            a.link.send_rtp(outgoing.clone());
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
