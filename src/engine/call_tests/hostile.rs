//! Friends who have the invite, and send anything.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::mpsc;
use twocan_protocol::MemberId;

use super::scene::{Scene, Side, number, peer_config};
use crate::call::{CALL_VERSION, CallEndReason, DescriptionKind, Message, ParticipantId, Stage};
use crate::media::{MediaKind, OutgoingRtp, RtpPacket, RtpTimestamp};
use crate::peer::runtime::{LinkProfile, Runtime};
use crate::peer::{
    ConnectionState, IceCandidate, PeerEvent, PeerFactory, PeerLink, PeerObserver, WebrtcFactory,
};
use crate::signaling::{MemorySignaling, Signaling, SignalingEvent};
use crate::trust::Envelope;

const SECOND: Duration = Duration::from_secs(1);

/// Somebody in the room who says what the test wants.
struct Impostor {
    signaling: MemorySignaling,
    envelope: Envelope,
    runtime: Arc<dyn Runtime>,
    rng: StdRng,
}

impl Impostor {
    async fn enter(scene: &Scene) -> Self {
        let mut signaling = scene.server.connect(scene.invite.room());
        let mut rng = StdRng::seed_from_u64(9);
        let Some(SignalingEvent::Connected { you, .. }) = signaling.next_event().await else {
            panic!("not let in")
        };
        Self {
            signaling,
            envelope: Envelope::new(scene.invite.key(), you, &mut rng),
            runtime: scene.world.host("impostor", LinkProfile::perfect(9)),
            rng,
        }
    }

    async fn send_text(&self, to: Option<MemberId>, text: String) {
        let sent = self.signaling.send(to, text).await;
        sent.expect("a server that takes it");
    }

    async fn say(&mut self, to: MemberId, message: &Message) {
        let sealed = self.envelope.seal(Some(to), &message.encode());
        self.send_text(Some(to), sealed.expect("not too big")).await;
    }

    async fn hear(&mut self) -> Option<(MemberId, Message)> {
        loop {
            if let SignalingEvent::Relayed { from, payload } = self.signaling.next_event().await? {
                let opened = self.envelope.open(from, &payload).expect("a friend");
                return Some((from, Message::decode(&opened).expect("a message")));
            }
        }
    }

    /// Greets back whoever greets, as `session` and ready.
    async fn greet(&mut self, session: u64) -> MemberId {
        let Some((host, Message::Hello { .. })) = self.hear().await else {
            panic!("no greeting")
        };
        self.say(host, &hello(session, true)).await;
        host
    }

    fn noise(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.rng.fill(&mut bytes[..]);
        bytes
    }
}

fn hello(session: u64, ready: bool) -> Message {
    Message::Hello {
        version: CALL_VERSION,
        session: ParticipantId(session),
        name: "Impostor".to_owned(),
        ready,
    }
}

fn candidate(text: &str) -> Message {
    Message::Candidate {
        candidate: IceCandidate {
            candidate: text.to_owned(),
            sdp_mid: None,
            sdp_m_line_index: Some(0),
        },
    }
}

/// Reports to the test.
struct Tap(mpsc::UnboundedSender<PeerEvent>);

impl PeerObserver for Tap {
    fn handle_rtp(&self, _: RtpPacket) {}

    fn handle_event(&self, event: PeerEvent) {
        let _ = self.0.send(event);
    }
}

async fn link(
    runtime: &Arc<dyn Runtime>,
) -> (Arc<dyn PeerLink>, mpsc::UnboundedReceiver<PeerEvent>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let runtime = runtime.clone();
    let factory = WebrtcFactory::new(move || runtime.clone());
    let link = factory.create(peer_config(), Arc::new(Tap(tx))).await;
    (link.expect("a link"), rx)
}

/// How a host's call ends whose only friend sends these.
fn ended_by(messages: impl FnOnce(&str) -> Vec<Message>) -> CallEndReason {
    let scene = Scene::new();
    let (host, here, _) = scene.seat(Side::host(LinkProfile::perfect(1), 60 * SECOND));
    let story = async {
        let mut impostor = Impostor::enter(&scene).await;
        let (link, _events) = link(&impostor.runtime).await;
        let offer = link.create_offer(false).await.expect("an offer");
        link.close().await;
        // A larger number than any other: this side offers.
        let host = impostor.greet(u64::MAX).await;
        for message in messages(&offer) {
            impostor.say(host, &message).await;
        }
        let ended = |view: &crate::engine::SessionView| matches!(view.stage, Stage::Ended(_));
        here.until("ended", ended).await;
    };
    let (reports, ()) = scene.play(vec![host], story);
    reports[0].ended
}

#[test]
fn offers_that_are_none_end_the_call_with_a_reason() {
    let offer = |sdp: String| Message::Description {
        kind: DescriptionKind::Offer,
        sdp,
    };
    let mangled: [fn(&str) -> String; 7] = [
        |_| String::new(),
        |_| "v=0".to_owned(),
        |_| "\u{1f4a5}".repeat(9_000),
        |real| real[..real.len() / 2].to_owned(),
        |real| real.replace("a=fingerprint", "a=fingerprunt"),
        |real| real.replace("m=audio", "m=audio 99999999999 m=audio"),
        |real| real.replace("96", "-1").replace("a=mid:", "a=mid:999"),
    ];
    for mangle in mangled {
        let ended = ended_by(|real| vec![offer(mangle(real))]);
        assert_eq!(ended, CallEndReason::ConnectionFailed);
    }
    let answer_to_nothing = ended_by(|real| {
        vec![Message::Description {
            kind: DescriptionKind::Answer,
            sdp: real.to_owned(),
        }]
    });
    assert_eq!(answer_to_nothing, CallEndReason::ConnectionFailed);
}

#[test]
fn candidates_that_are_none_change_nothing() {
    let ended = ended_by(|real| {
        let mut messages = vec![Message::Description {
            kind: DescriptionKind::Offer,
            sdp: real.to_owned(),
        }];
        for number in 0..500 {
            messages.push(candidate(&match number % 5 {
                0 => format!("candidate:{number}"),
                1 => "candidate:1 1 udp 1 999.1.1.1 99999 typ host".to_owned(),
                2 => "\u{0}\u{ffff}".repeat(number),
                3 => "x".repeat(511),
                _ => format!("candidate:1 1 udp {number} 127.0.0.1 9 typ nonsense"),
            }));
        }
        messages
    });
    // The description was right, so the way was looked for, in vain.
    assert_eq!(ended, CallEndReason::ConnectionFailed);
}

#[test]
fn ten_thousand_messages_of_a_third_do_not_disturb_a_call() {
    let scene = Scene::new();
    let (host, here, _) = scene.seat(Side::host(LinkProfile::perfect(1), 20 * SECOND));
    let (guest, there, _) = scene.seat(Side::guest(LinkProfile::perfect(2)));
    let (reports, ()) = scene.play(vec![host, guest], async {
        let connected =
            |view: &crate::engine::SessionView| matches!(view.stage, Stage::Connected { .. });
        here.until("talking", connected).await;
        here.wait(3 * SECOND).await;
        let mut impostor = Impostor::enter(&scene).await;
        let Some((host, _)) = impostor.hear().await else {
            panic!("no greeting")
        };
        for number in 0..10_000_u64 {
            match number % 5 {
                0 => impostor.send_text(Some(host), format!("{number}")).await,
                1 => impostor.send_text(None, "\u{1f4a5}".repeat(200)).await,
                2 => impostor.say(host, &hello(1_000 + number, false)).await,
                3 => impostor.say(host, &candidate("candidate:")).await,
                _ => {
                    let sdp = "v=0\r\n".repeat(20);
                    let kind = DescriptionKind::Offer;
                    impostor
                        .say(host, &Message::Description { kind, sdp })
                        .await;
                }
            }
            // Ten thousand in a second.
            if number % 100 == 0 {
                here.wait(SECOND / 100).await;
            }
        }
        here.wait(2 * SECOND).await;
        assert!(connected(&here.view()));
        assert_eq!(here.view().participants.len(), 1, "who talks");
    });
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    let [friend] = &reports[0].participants[..] else {
        panic!("one friend")
    };
    assert_eq!(number(&friend.video_inbound, "freeze_count"), 0.0);
    let (speech, _) = there.intelligibility(3 * SECOND, 19 * SECOND);
    assert!(speech > 0.93, "{speech}");
}

#[test]
fn packets_without_sense_are_survived() {
    let scene = Scene::new();
    let (host, here, _) = scene.seat(Side::host(LinkProfile::perfect(1), 10 * SECOND));
    let story = async {
        let mut impostor = Impostor::enter(&scene).await;
        let host = impostor.greet(1).await;
        let (link, mut events) = link(&impostor.runtime).await;
        let mut open = false;
        while !open {
            tokio::select! {
                Some((_, message)) = impostor.hear() => match message {
                    Message::Description { sdp, .. } => {
                        let sdp = link.handle_offer(&sdp).await.expect("a real offer");
                        let kind = DescriptionKind::Answer;
                        impostor.say(host, &Message::Description { kind, sdp }).await;
                    }
                    Message::Candidate { candidate } => {
                        link.add_candidate(candidate).await.expect("a real candidate");
                    }
                    _ => {}
                },
                Some(event) = events.recv() => match event {
                    PeerEvent::Candidate(candidate) => {
                        impostor.say(host, &Message::Candidate { candidate }).await;
                    }
                    PeerEvent::ControlOpen => open = true,
                    PeerEvent::Connection(ConnectionState::Failed) => panic!("not connected"),
                    _ => {}
                },
            }
        }
        for number in 0..3_000_u32 {
            let length = impostor.rng.random_range(0..1_200);
            let payload = impostor.noise(length);
            link.send_control(Bytes::from(impostor.noise(length % 300)));
            link.send_rtp(&[OutgoingRtp {
                kind: [MediaKind::Audio, MediaKind::Video][number as usize % 2],
                rtp_timestamp: RtpTimestamp(impostor.rng.random()),
                marker: impostor.rng.random(),
                payload: payload.into(),
                captured_at: here.runtime.now(),
            }]);
            if number % 4 == 0 {
                here.wait(Duration::from_millis(5)).await;
            }
        }
        let counters = here.view().counters.clone();
        let got = &counters.values().next().expect("a friend").peer;
        assert!(got.audio_inbound.packets > 500, "{:?}", got.audio_inbound);
        assert!(got.video_inbound.packets > 500, "{:?}", got.video_inbound);
        (impostor, link)
    };
    let (reports, _) = scene.play(vec![host], story);
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
}
