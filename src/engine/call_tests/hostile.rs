//! Friends who have the invite, and send anything.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rtc::rtcp::goodbye::Goodbye;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, SymbolTypeTcc,
    TransportLayerCc,
};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
use tokio::sync::mpsc;
use twocan_protocol::MemberId;

use super::scene::{Scene, Side, number, peer_config};
use crate::call::{
    CALL_VERSION, CallEndReason, DescriptionKind, Message, Part, ParticipantId, Stage,
};
use crate::engine::{Heard, StandIn};
use crate::media::{MediaKind, OutgoingRtp, RtpPacket, RtpTimestamp};
use crate::peer::runtime::{LinkProfile, Runtime};
use crate::peer::{
    ConnectionState, IceCandidate, PeerConfig, PeerEvent, PeerLink, PeerObserver, WebrtcFactory,
    WebrtcLink,
};
use crate::trust::{Card, Fingerprint, Identity};

const SECOND: Duration = Duration::from_secs(1);
/// After so many messages the others get a turn: the server puts out for whom too much waits.
const BREATH: usize = 40;

/// Somebody in the room who is who they say they are, and says what the test wants.
struct Impostor {
    stand_in: StandIn,
    /// Of their lines, with the certificate that they introduce themselves with.
    config: PeerConfig,
    runtime: Arc<dyn Runtime>,
    rng: StdRng,
}

impl Impostor {
    fn enter(scene: &Scene) -> Self {
        let mut rng = StdRng::seed_from_u64(9);
        let config = peer_config();
        let card = Card {
            identity: Arc::new(Identity::new(&mut rng)),
            name: "Impostor".to_owned(),
            fingerprint: Fingerprint::new(config.certificate.sha256()),
        };
        let runtime: Arc<dyn Runtime> = scene.world.host("impostor", LinkProfile::perfect(9));
        let signaling = Box::new(scene.server.connect(scene.invite.room()));
        Self {
            stand_in: StandIn::new(signaling, card, scene.invite.door(), runtime.clone()),
            config,
            runtime,
            rng,
        }
    }

    async fn send_text(&self, to: Option<MemberId>, text: String) {
        let sent = self.stand_in.send_text(to, text).await;
        sent.expect("a server that takes it");
    }

    async fn say(&mut self, to: MemberId, message: &Message) {
        let said = self.stand_in.say(to, message).await;
        said.expect("a server that takes it");
    }

    async fn hear(&mut self) -> Option<(MemberId, Message)> {
        loop {
            if let Heard::Said { member, message } = self.stand_in.next().await? {
                return Some((member, message.expect("a message")));
            }
        }
    }

    /// Takes note of what was said by now: the server puts out who does not read.
    fn listen(&mut self) {
        while self.stand_in.next().now_or_never().flatten().is_some() {}
    }

    /// Waits until the host is met.
    async fn meet(&mut self) -> MemberId {
        loop {
            match self.stand_in.next().await.expect("a server") {
                Heard::Met { member, who } if who.name == "Jonas" => return member,
                Heard::Refused { why, .. } => panic!("not met: {why}"),
                _ => {}
            }
        }
    }

    /// Meets the host, and greets as `session` and ready.
    async fn greet(&mut self, session: u64) -> MemberId {
        let host = self.meet().await;
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
        part: Part::Rings,
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
struct Tap {
    events: mpsc::UnboundedSender<PeerEvent>,
    packets: mpsc::UnboundedSender<RtpPacket>,
}

impl PeerObserver for Tap {
    fn handle_rtp(&self, packet: RtpPacket) {
        let _ = self.packets.send(packet);
    }

    fn handle_event(&self, event: PeerEvent) {
        let _ = self.events.send(event);
    }
}

/// A line of the impostor's own.
struct Line {
    link: WebrtcLink,
    events: mpsc::UnboundedReceiver<PeerEvent>,
    packets: mpsc::UnboundedReceiver<RtpPacket>,
}

impl Line {
    async fn new(impostor: &Impostor) -> Self {
        let (events_tx, events) = mpsc::unbounded_channel();
        let (packets_tx, packets) = mpsc::unbounded_channel();
        let runtime = impostor.runtime.clone();
        let factory = WebrtcFactory::new(move || runtime.clone());
        let tap = Tap {
            events: events_tx,
            packets: packets_tx,
        };
        let link = factory.connect(impostor.config.clone(), Arc::new(tap));
        Self {
            link: link.await.expect("a link"),
            events,
            packets,
        }
    }

    /// Answers the host as a friend would, until the line stands.
    async fn answer(&mut self, impostor: &mut Impostor, host: MemberId) {
        let mut open = false;
        while !open {
            tokio::select! {
                Some((_, message)) = impostor.hear() => match message {
                    Message::Description { sdp, .. } => {
                        let sdp = self.link.handle_offer(&sdp).await.expect("a real offer");
                        let kind = DescriptionKind::Answer;
                        impostor.say(host, &Message::Description { kind, sdp }).await;
                    }
                    Message::Candidate { candidate } => {
                        self.link.add_candidate(candidate).await.expect("a real candidate");
                    }
                    _ => {}
                },
                Some(event) = self.events.recv() => match event {
                    PeerEvent::Candidate(candidate) => {
                        impostor.say(host, &Message::Candidate { candidate }).await;
                    }
                    PeerEvent::ControlOpen => open = true,
                    PeerEvent::Connection(ConnectionState::Failed) => panic!("not connected"),
                    _ => {}
                },
            }
        }
    }
}

/// How a host's call ends whose only friend sends these.
fn ended_by(messages: impl FnOnce(&str) -> Vec<Message>) -> CallEndReason {
    let scene = Scene::new();
    let (host, here, _) = scene.seat(Side::host(LinkProfile::perfect(1), 60 * SECOND));
    let story = async {
        let mut impostor = Impostor::enter(&scene);
        let Line { link, .. } = Line::new(&impostor).await;
        let offer = link.create_offer(false).await.expect("an offer");
        link.close().await;
        // A larger number than any other: this side offers.
        let host = impostor.greet(u64::MAX).await;
        for few in messages(&offer).chunks(BREATH) {
            for message in few {
                impostor.say(host, message).await;
            }
            here.wait(SECOND / 1_000).await;
        }
        let ended = |view: &crate::engine::SessionView| matches!(view.stage, Stage::Ended(_));
        here.until("ended", ended).await;
    };
    let (reports, ()) = scene.play(vec![host], story);
    reports[0].ended
}

/// With numbers of nothing in it; but not in the certificate's fingerprint, which is random and may
/// have any of them.
fn misnumbered(real: &str) -> String {
    let lines = real.split_inclusive('\n').map(|line| {
        if line.starts_with("a=fingerprint") {
            line.to_owned()
        } else {
            line.replace("96", "-1").replace("a=mid:", "a=mid:999")
        }
    });
    lines.collect()
}

#[test]
fn offers_that_are_none_end_the_call_with_a_reason() {
    let offer = |sdp: String| Message::Description {
        kind: DescriptionKind::Offer,
        sdp,
    };
    let mangled: [fn(&str) -> String; 3] = [
        // Whose certificate it is comes first, and is left as it is.
        |real| real[..real.len() / 2].to_owned(),
        |real| real.replace("m=audio", "m=audio 99999999999 m=audio"),
        misnumbered,
    ];
    for mangle in mangled {
        let ended = ended_by(|real| vec![offer(mangle(real))]);
        assert_eq!(ended, CallEndReason::ConnectionFailed);
    }
    // These do not name the impostor's certificate, or not only that.
    let untrusted: [fn(&str) -> String; 6] = [
        |_| String::new(),
        |_| "v=0".to_owned(),
        |_| "\u{1f4a5}".repeat(9_000),
        |real| real.replace("a=fingerprint", "a=fingerprunt"),
        |real| {
            format!(
                "{real}a=fingerprint:sha-256 {}\r\n",
                Fingerprint::new([1; 32])
            )
        },
        |real| real.replace("a=fingerprint:sha-256", "a=fingerprint:sha-512"),
    ];
    for mangle in untrusted {
        let ended = ended_by(|real| vec![offer(mangle(real))]);
        assert_eq!(ended, CallEndReason::NotTrusted);
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
        let mut impostor = Impostor::enter(&scene);
        let host = impostor.meet().await;
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
                impostor.listen();
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
        let mut impostor = Impostor::enter(&scene);
        let host = impostor.greet(1).await;
        let mut line = Line::new(&impostor).await;
        line.answer(&mut impostor, host).await;
        let link = &line.link;
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
        (impostor, line)
    };
    let (reports, _) = scene.play(vec![host], story);
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
}

/// Everything at once that a report can ask for or pretend, of the stream `ssrc` up to `newest`.
fn worst_report(rng: &mut StdRng, ssrc: u32, newest: u16) -> Vec<Box<dyn rtc::rtcp::Packet>> {
    let nacks = (0..32_u16).map(|pair| NackPair {
        packet_id: newest.wrapping_sub(17 * (pair + 1)).wrapping_add(1),
        lost_packets: u16::MAX,
    });
    let arrived = rng.random_range(0..200_u16);
    let delta = RecvDelta {
        type_tcc_packet: SymbolTypeTcc::PacketReceivedSmallDelta,
        delta: 250 * rng.random_range(0..255),
    };
    let chunk = |packet_status_symbol, run_length| {
        PacketStatusChunk::RunLengthChunk(RunLengthChunk {
            type_tcc: StatusChunkTypeTcc::RunLengthChunk,
            packet_status_symbol,
            run_length,
        })
    };
    vec![
        Box::new(ReceiverReport::default()),
        Box::new(PictureLossIndication {
            sender_ssrc: 1,
            media_ssrc: ssrc,
        }),
        Box::new(TransportLayerNack {
            sender_ssrc: 1,
            media_ssrc: ssrc,
            nacks: nacks.collect(),
        }),
        Box::new(ReceiverEstimatedMaximumBitrate {
            sender_ssrc: 1,
            bitrate: 1.0,
            ssrcs: vec![ssrc],
        }),
        Box::new(TransportLayerCc {
            sender_ssrc: 1,
            media_ssrc: ssrc,
            base_sequence_number: rng.random(),
            packet_status_count: 8_000 + arrived,
            reference_time: rng.random_range(0..1 << 23),
            fb_pkt_count: rng.random(),
            packet_chunks: vec![
                chunk(SymbolTypeTcc::PacketNotReceived, 8_000),
                chunk(SymbolTypeTcc::PacketReceivedSmallDelta, arrived),
            ],
            recv_deltas: vec![delta; usize::from(arrived)],
        }),
        Box::new(Goodbye {
            sources: vec![rng.random()],
            ..Goodbye::default()
        }),
    ]
}

#[test]
fn ten_thousand_reports_a_second_do_not_stop_a_call() {
    const FLOOD: u32 = 5;
    let scene = Scene::new();
    let (host, here, _) = scene.seat(Side::host(LinkProfile::perfect(1), 12 * SECOND));
    let story = async {
        let mut impostor = Impostor::enter(&scene);
        let host = impostor.greet(1).await;
        let mut line = Line::new(&impostor).await;
        line.answer(&mut impostor, host).await;
        here.wait(3 * SECOND).await;
        let packets = |line: &mut Line| {
            std::iter::from_fn(|| line.packets.try_recv().ok()).collect::<Vec<_>>()
        };
        let before = packets(&mut line);
        let mut video = before.iter().filter(|got| got.kind == MediaKind::Video);
        let newest = video.next_back().expect("pictures");
        let (ssrc, mut newest) = (newest.ssrc, newest.sequence_number);
        let began = std::time::Instant::now();
        let mut got = Vec::new();
        for number in 0..FLOOD * 10_000 {
            let report = worst_report(&mut impostor.rng, ssrc, newest);
            line.link.send_rtcp(report).await;
            if number % 50 == 49 {
                here.wait(SECOND / 200).await;
                got.extend(packets(&mut line));
                let video = got.iter().filter(|got| got.kind == MediaKind::Video);
                newest = video
                    .map(|got| got.sequence_number)
                    .last()
                    .unwrap_or(newest);
            }
        }
        let spent = began.elapsed();
        let sound = got.iter().filter(|got| got.kind == MediaKind::Audio);
        let sound = sound.count();
        // Who has everything sent again leaves no room for what is new; it comes when they stop.
        here.wait(3 * SECOND).await;
        let pictures = packets(&mut line);
        let pictures = pictures.iter().filter(|got| got.marker).count();
        let counters = here.view().counters.clone();
        let counters = counters.values().next().expect("a friend");
        let (sent, encoded) = (&counters.peer, &counters.video_sender);
        println!(
            "{FLOOD} s of flood took {spent:?}: {sound} packets of sound, {pictures} pictures after it, \
             {} key frames, {:?}, target {:?}",
            encoded.key_frames_encoded, sent.video_outbound, sent.target_bitrate
        );
        assert!(sent.video_outbound.pli_count >= u64::from(FLOOD) * 9_500);
        assert!(sound >= 245, "{sound} of 250 packets of sound");
        assert!(sent.audio_queue_p95 <= Duration::from_millis(20));
        assert!(pictures > 15, "{pictures} pictures");
        // No more often than every 300 ms, whoever asks.
        assert!(encoded.key_frames_encoded <= 40);
        // For the whole call, what is sent again included.
        let most = peer_config().max_bitrate.bps() / 8 * u64::from(3 + FLOOD + 3);
        assert!(sent.video_outbound.bytes <= most);
        (impostor, line)
    };
    let (reports, _) = scene.play(vec![host], story);
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
}
