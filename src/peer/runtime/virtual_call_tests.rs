//! Whole `webrtc` connections on the virtual network, with the library's plain API.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_VP8, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, Registry,
};
use webrtc::runtime::{Sender, channel};

use super::*;

const CALL: Duration = Duration::from_secs(60);
const PACKETS_PER_SECOND: u32 = 300;
const PAYLOAD: &[u8] = &[0x10; 850];

/// A sequence number, and when it came.
type Arrivals = Arc<Mutex<Vec<(u16, Duration)>>>;

struct Handler {
    runtime: Arc<dyn Runtime>,
    began: std::time::Instant,
    gathered: Sender<()>,
    connected: Sender<()>,
    arrivals: Arrivals,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.try_send(());
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            let _ = self.connected.try_send(());
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let (runtime, arrivals, began) = (self.runtime.clone(), self.arrivals.clone(), self.began);
        self.runtime.spawn(Box::pin(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let at = runtime.now() - began;
                    let mut arrivals = arrivals.lock().expect("one thread");
                    arrivals.push((packet.header.sequence_number, at));
                }
            }
        }));
    }
}

struct Side {
    connection: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    gathered: webrtc::runtime::Receiver<()>,
    connected: webrtc::runtime::Receiver<()>,
    arrivals: Arrivals,
}

async fn side(runtime: Arc<dyn Runtime>, ssrc: u32) -> Side {
    let (gathered_tx, gathered) = channel(1);
    let (connected_tx, connected) = channel(1);
    let arrivals = Arrivals::default();
    let mut media = MediaEngine::default();
    media.register_default_codecs().expect("the library's own");
    let registry = register_default_interceptors(Registry::new(), &mut media);
    let settings = SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_interceptor_registry(registry.expect("the library's own"))
        .with_setting_engine(settings)
        .with_handler(Arc::new(Handler {
            began: runtime.now(),
            runtime: runtime.clone(),
            gathered: gathered_tx,
            connected: connected_tx,
            arrivals: arrivals.clone(),
        }))
        .with_runtime(for_connection(runtime))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await
        .expect("loopback");
    let codec = RTCRtpCodec {
        mime_type: MIME_TYPE_VP8.to_owned(),
        clock_rate: 90_000,
        ..Default::default()
    };
    let coding = RTCRtpCodingParameters {
        ssrc: Some(ssrc),
        ..Default::default()
    };
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: coding,
        codec,
        ..Default::default()
    };
    let name = || "track".to_owned();
    let track = MediaStreamTrack::new(name(), name(), name(), RtpCodecKind::Video, vec![encoding]);
    let track = Arc::new(TrackLocalStaticRTP::new(track));
    connection
        .add_track(track.clone() as Arc<dyn TrackLocal>)
        .await
        .expect("an open connection");
    Side {
        connection: Arc::new(connection),
        track,
        ssrc,
        gathered,
        connected,
        arrivals,
    }
}

async fn connect(a: &mut Side, b: &mut Side) {
    let offer = a.connection.create_offer(None).await.expect("open");
    a.connection
        .set_local_description(offer)
        .await
        .expect("ours");
    a.gathered.recv().await;
    let offer = a.connection.local_description().await.expect("just set");
    b.connection
        .set_remote_description(offer)
        .await
        .expect("of the same library");
    let answer = b.connection.create_answer(None).await.expect("open");
    b.connection
        .set_local_description(answer)
        .await
        .expect("ours");
    b.gathered.recv().await;
    let answer = b.connection.local_description().await.expect("just set");
    a.connection
        .set_remote_description(answer)
        .await
        .expect("of the same library");
    a.connected.recv().await;
    b.connected.recv().await;
}

async fn send(runtime: Arc<dyn Runtime>, track: Arc<TrackLocalStaticRTP>, ssrc: u32) {
    let mut clock = runtime.interval(Duration::from_secs(1) / PACKETS_PER_SECOND);
    for number in 0..CALL.as_secs() as u32 * PACKETS_PER_SECOND {
        clock.tick().await;
        let header = rtp::header::Header {
            version: 2,
            payload_type: 96,
            sequence_number: number as u16,
            timestamp: number * 300,
            ssrc,
            ..Default::default()
        };
        let payload = Bytes::from_static(PAYLOAD);
        let packet = rtp::packet::Packet { header, payload };
        track.write_rtp(packet).await.expect("an open connection");
    }
}

struct Outcome {
    /// What each side received.
    arrivals: [Vec<(u16, Duration)>; 2],
    /// The RTP packets of each link: when, size, order of its stream, fate.
    logs: [Vec<LinkRecord>; 2],
    left: (usize, usize),
}

fn call(seed: u64) -> Outcome {
    let world = VirtualWorld::new();
    let path = |seed| {
        let conditions = LinkConditions {
            delay: Duration::from_millis(25),
            loss: 0.02,
            ..LinkConditions::default()
        };
        LinkProfile::new(seed, conditions)
    };
    let hosts = [
        world.host("alice", path(seed)),
        world.host("bob", path(seed + 1)),
    ];
    hosts.iter().for_each(|host| host.link().keep_log(true));
    let arrivals = world.block_on(async {
        let mut a = side(hosts[0].clone(), 11).await;
        let mut b = side(hosts[1].clone(), 22).await;
        connect(&mut a, &mut b).await;
        let sender = |host: &Arc<VirtualRuntime>, side: &Side| {
            host.spawn(Box::pin(send(host.clone(), side.track.clone(), side.ssrc)));
        };
        sender(&hosts[0], &a);
        sender(&hosts[1], &b);
        hosts[0].sleep(CALL + Duration::from_secs(2)).await;
        for side in [&a, &b] {
            side.connection.close().await.expect("open");
        }
        let arrivals = [a.arrivals.clone(), b.arrivals.clone()];
        drop((a, b));
        hosts[0].sleep(Duration::from_secs(1)).await;
        arrivals
    });
    let media = |host: &VirtualRuntime| {
        let link = host.link();
        let is_media = |record: &&LinkRecord| matches!(record.rtp, Some((11 | 22, _)));
        link.stats()
            .log()
            .iter()
            .filter(is_media)
            .cloned()
            .collect::<Vec<_>>()
    };
    Outcome {
        arrivals: arrivals.map(|list| std::mem::take(&mut *list.lock().expect("one thread"))),
        logs: [media(&hosts[0]), media(&hosts[1])],
        left: (world.live_tasks(), world.live_sockets()),
    }
}

#[test]
fn a_minute_of_two_connections_repeats_by_seed_and_leaves_nothing() {
    let began = std::time::Instant::now();
    let (first, again, other) = (call(1), call(1), call(7));
    println!("three calls of {CALL:?} took {:?}", began.elapsed());

    let sent = CALL.as_secs() as usize * PACKETS_PER_SECOND as usize;
    for (log, arrivals) in first.logs.iter().zip(first.arrivals.iter().rev()) {
        let lost = log
            .iter()
            .filter(|record| record.verdict == Verdict::Lost)
            .count();
        println!(
            "{} packets, {lost} lost, {} arrived",
            log.len(),
            arrivals.len()
        );
        assert!(log.len() >= sent);
        assert!(
            (0.01..0.03).contains(&(lost as f64 / log.len() as f64)),
            "{lost}"
        );
        let mut numbers: Vec<_> = arrivals.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert!(
            numbers.len() + lost >= sent,
            "only what the link lost may be missing"
        );
    }

    let fates = |outcome: &Outcome| {
        let fate = |record: &LinkRecord| {
            (
                record.rtp,
                record.wire_size,
                record.verdict,
                record.delivered_at,
            )
        };
        outcome.logs.each_ref().map(|log| {
            let began = log[0].offered_at;
            let after = |at: Duration| at.saturating_sub(began).as_micros();
            log.iter()
                .map(fate)
                .map(|(rtp, size, verdict, at)| (rtp, size, verdict, at.map(after)))
                .collect::<Vec<_>>()
        })
    };
    assert!(
        fates(&first) == fates(&again),
        "the same seed must repeat the media packets"
    );
    assert!(
        fates(&first) != fates(&other),
        "another seed must be another run"
    );
    assert_eq!(first.left, (0, 0), "tasks and sockets after closing");
}
