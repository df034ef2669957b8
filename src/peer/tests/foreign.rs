//! The library's own connections with other habits, in the place of a browser: other codecs before
//! ours, other payload types, sections in another order or missing.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use tokio::sync::{mpsc, watch};
use webrtc::data_channel::DataChannelEvent;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceCandidateInit, RTCPeerConnectionIceEvent, RTCPeerConnectionState, RTCSessionDescription,
    Registry,
};
use webrtc::runtime::Runtime;

use super::pair::{End, config, host, packet};
use crate::media::MediaKind;
use crate::peer::{ConnectionState, IceCandidate, PeerEvent};

const FOREIGN_VP8: u8 = 120;
const FOREIGN_RTX: u8 = 121;
const FOREIGN_OPUS: u8 = 63;

struct Handler {
    candidates: mpsc::UnboundedSender<RTCIceCandidateInit>,
    packets: mpsc::UnboundedSender<rtp::Packet>,
    connected: watch::Sender<bool>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let candidate = event.candidate.to_json().expect("its own");
        let _ = self.candidates.send(candidate);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let packets = self.packets.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _ = packets.send(packet);
                }
            }
        });
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.connected
            .send_replace(state == RTCPeerConnectionState::Connected);
    }
}

struct Foreigner {
    connection: Arc<dyn PeerConnection>,
    tracks: Vec<(u32, u8, Arc<TrackLocalStaticRTP>)>,
    candidates: Mutex<Option<mpsc::UnboundedReceiver<RTCIceCandidateInit>>>,
    packets: mpsc::UnboundedReceiver<rtp::Packet>,
    connected: watch::Receiver<bool>,
}

fn parameters(mime_type: &str, payload_type: u8, fmtp: &str) -> RTCRtpCodecParameters {
    let audio = mime_type.starts_with("audio");
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate: if audio { 48_000 } else { 90_000 },
            channels: if audio { 2 } else { 0 },
            sdp_fmtp_line: fmtp.to_owned(),
            ..RTCRtpCodec::default()
        },
        payload_type,
    }
}

impl Foreigner {
    async fn new(runtime: &Arc<dyn Runtime>, kinds: &[RtpCodecKind]) -> Self {
        let mut engine = MediaEngine::default();
        let video = RtpCodecKind::Video;
        for codec in [
            parameters(
                "video/H264",
                98,
                "packetization-mode=1;profile-level-id=42e01f",
            ),
            parameters("video/rtx", 99, "apt=98"),
            parameters("video/VP8", FOREIGN_VP8, ""),
            parameters("video/rtx", FOREIGN_RTX, &format!("apt={FOREIGN_VP8}")),
        ] {
            engine.register_codec(codec, video).expect("a new engine");
        }
        let opus = parameters("audio/opus", FOREIGN_OPUS, "minptime=10;useinbandfec=1");
        engine
            .register_codec(opus, RtpCodecKind::Audio)
            .expect("a new engine");
        let registry = register_default_interceptors(Registry::new(), &mut engine);
        let (candidates_tx, candidates) = mpsc::unbounded_channel();
        let (packets_tx, packets) = mpsc::unbounded_channel();
        let (connected_tx, connected) = watch::channel(false);
        let handler = Handler {
            candidates: candidates_tx,
            packets: packets_tx,
            connected: connected_tx,
        };
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_media_engine(engine)
                .with_interceptor_registry(registry.expect("its own"))
                .with_runtime(Arc::clone(runtime))
                .with_handler(Arc::new(handler))
                .with_udp_addrs(vec!["127.0.0.1:0"])
                .build()
                .await
                .expect("loopback"),
        );
        let mut tracks = Vec::new();
        for (place, kind) in kinds.iter().enumerate() {
            let ssrc = 1_000 + place as u32;
            let (mime_type, payload_type) = match kind {
                RtpCodecKind::Audio => ("audio/opus", FOREIGN_OPUS),
                _ => ("video/VP8", FOREIGN_VP8),
            };
            let fmtp = if *kind == RtpCodecKind::Audio {
                "minptime=10;useinbandfec=1"
            } else {
                ""
            };
            let encoding = RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters {
                    ssrc: Some(ssrc),
                    ..RTCRtpCodingParameters::default()
                },
                codec: parameters(mime_type, payload_type, fmtp).rtp_codec,
                ..RTCRtpEncodingParameters::default()
            };
            let name = format!("track-{place}");
            let track = MediaStreamTrack::new(
                "stream".to_owned(),
                name.clone(),
                name,
                *kind,
                vec![encoding],
            );
            let track = Arc::new(TrackLocalStaticRTP::new(track));
            connection
                .add_track(Arc::clone(&track) as Arc<dyn TrackLocal>)
                .await
                .expect("a track");
            tracks.push((ssrc, payload_type, track));
        }
        Self {
            connection,
            tracks,
            candidates: Mutex::new(Some(candidates)),
            packets,
            connected,
        }
    }

    /// Its candidates go to ours, and ours to it.
    fn introduce(&self, end: &mut End) {
        let mut theirs = self
            .candidates
            .lock()
            .expect("no panic")
            .take()
            .expect("once");
        let link = Arc::clone(&end.link);
        tokio::spawn(async move {
            while let Some(candidate) = theirs.recv().await {
                let candidate = IceCandidate {
                    candidate: candidate.candidate,
                    sdp_mid: candidate.sdp_mid,
                    sdp_m_line_index: candidate.sdp_mline_index,
                };
                link.add_candidate(candidate).await.expect("its own");
            }
        });
    }

    async fn take(&self, candidate: IceCandidate) {
        let candidate = RTCIceCandidateInit {
            candidate: candidate.candidate,
            ..RTCIceCandidateInit::default()
        };
        let _ = self.connection.add_ice_candidate(candidate).await;
    }

    async fn offers(&self, end: &mut End) -> (String, String) {
        let offer = self.connection.create_offer(None).await.expect("an offer");
        let text = offer.sdp.clone();
        self.connection
            .set_local_description(offer)
            .await
            .expect("its own");
        let answer = end.link.handle_offer(&text).await.expect("an answer");
        let description = RTCSessionDescription::answer(answer.clone()).expect("an answer");
        self.connection
            .set_remote_description(description)
            .await
            .expect("our answer");
        self.introduce(end);
        (text, answer)
    }

    async fn answers(&self, end: &mut End) {
        let offer = end.link.create_offer(false).await.expect("an offer");
        let description = RTCSessionDescription::offer(offer).expect("an offer");
        self.connection
            .set_remote_description(description)
            .await
            .expect("our offer");
        let answer = self
            .connection
            .create_answer(None)
            .await
            .expect("an answer");
        let text = answer.sdp.clone();
        self.connection
            .set_local_description(answer)
            .await
            .expect("its own");
        end.link.handle_answer(&text).await.expect("agreement");
        self.introduce(end);
    }

    /// Media of `kind` flows both ways, each side with the payload type that was agreed upon.
    async fn talks(&mut self, end: &mut End, kind: MediaKind, payload_type: u8) {
        let outgoing = packet(end, kind, 5);
        end.link.send_rtp(std::slice::from_ref(&outgoing));
        let got = self.packets.recv().await.expect("a packet");
        assert_eq!(got.payload, outgoing.payload);
        assert_eq!(got.header.payload_type, payload_type);
        let (ssrc, _, track) = self
            .tracks
            .iter()
            .find(|(_, own, _)| (*own == FOREIGN_OPUS) == (kind == MediaKind::Audio))
            .expect("a track of this kind");
        let header = rtp::Header {
            version: 2,
            payload_type,
            sequence_number: 77,
            timestamp: 1_234,
            ssrc: *ssrc,
            ..rtp::Header::default()
        };
        let payload = outgoing.payload.clone();
        track
            .write_rtp(rtp::Packet { header, payload })
            .await
            .expect("a bound track");
        let got = end.next_rtp().await;
        assert_eq!((got.kind, got.sequence_number), (kind, 77));
        assert_eq!(got.payload, outgoing.payload);
    }
}

/// Hands our candidates over until the connection stands at both ends.
async fn connect(foreigner: &mut Foreigner, end: &mut End) {
    loop {
        let event = end.next_event(Some).await;
        match event {
            PeerEvent::Candidate(candidate) => foreigner.take(candidate).await,
            PeerEvent::Connection(ConnectionState::Connected) => break,
            _ => {}
        }
    }
    foreigner
        .connected
        .wait_for(|connected| *connected)
        .await
        .expect("a connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_with_pictures_first_other_numbers_and_no_channel_is_answered() {
    let runtime = host();
    let mut end = End::new(&runtime, config()).await;
    let kinds = [RtpCodecKind::Video, RtpCodecKind::Audio];
    let mut foreigner = Foreigner::new(&runtime, &kinds).await;
    let (_, answer) = foreigner.offers(&mut end).await;
    let video = answer.find("m=video").expect("pictures");
    let audio = answer.find("m=audio").expect("sound");
    assert!(video < audio, "{answer}");
    assert!(!answer.contains("m=application"), "{answer}");
    assert!(answer.contains("a=rtpmap:120 VP8/90000"), "{answer}");
    assert!(!answer.contains("H264"), "{answer}");
    connect(&mut foreigner, &mut end).await;
    foreigner
        .talks(&mut end, MediaKind::Audio, FOREIGN_OPUS)
        .await;
    foreigner
        .talks(&mut end, MediaKind::Video, FOREIGN_VP8)
        .await;
    let stats = end.link.stats().await;
    assert_eq!(stats.video_codec.as_deref(), Some("video/VP8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_of_sound_alone_is_answered_and_pictures_are_not_sent() {
    let runtime = host();
    let mut end = End::new(&runtime, config()).await;
    let mut foreigner = Foreigner::new(&runtime, &[RtpCodecKind::Audio]).await;
    let (_, answer) = foreigner.offers(&mut end).await;
    assert_eq!(answer.matches("m=").count(), 1, "{answer}");
    connect(&mut foreigner, &mut end).await;
    end.link.send_rtp(&[packet(&end, MediaKind::Video, 9)]);
    foreigner
        .talks(&mut end, MediaKind::Audio, FOREIGN_OPUS)
        .await;
    let stats = end.link.stats().await;
    assert_eq!(stats.video_outbound.packets, 0);
    assert_eq!(stats.video_codec, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_offer_is_answered_by_one_who_takes_pictures_without_sending_any() {
    let runtime = host();
    let mut end = End::new(&runtime, config()).await;
    let mut foreigner = Foreigner::new(&runtime, &[RtpCodecKind::Audio]).await;
    foreigner.answers(&mut end).await;
    connect(&mut foreigner, &mut end).await;
    foreigner.talks(&mut end, MediaKind::Audio, 111).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_opened_in_band_is_used_for_control() {
    let runtime = host();
    let mut end = End::new(&runtime, config()).await;
    let mut foreigner = Foreigner::new(&runtime, &[RtpCodecKind::Audio]).await;
    let channel = foreigner
        .connection
        .create_data_channel("control", None)
        .await
        .expect("a channel");
    foreigner.offers(&mut end).await;
    connect(&mut foreigner, &mut end).await;
    while let Some(event) = channel.poll().await {
        if matches!(event, DataChannelEvent::OnOpen) {
            break;
        }
    }
    channel.send_text("hello").await.expect("an open channel");
    let got = end
        .next_event(|event| match event {
            PeerEvent::Control(message) => Some(message),
            _ => None,
        })
        .await;
    assert_eq!(&got[..], b"hello");
    assert!(end.link.send_control(bytes::Bytes::from_static(b"and you")));
    while let Some(event) = channel.poll().await {
        if let DataChannelEvent::OnMessage(message) = event {
            assert_eq!(&message.data[..], b"and you");
            return;
        }
    }
    panic!("the channel closed");
}
