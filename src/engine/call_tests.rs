//! Whole calls on virtual time: two engines without devices, a real `webrtc` between them, an
//! in-memory network, and a minute of call in about a second.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::media::Media;
use super::report::CallReport;
use super::session::{Session, SessionCommand, SessionOptions};
use super::{Pictures, Workshop};
use crate::call::{CallEndReason, CallOptions, CallRole, ParticipantId};
use crate::capture::{CameraSpec, MicrophoneSpec};
use crate::codec::OpusMode;
use crate::media::Bitrate;
use crate::peer::runtime::{Jitter, LinkConditions, LinkProfile, Runtime, VirtualWorld};
use crate::peer::{PeerConfig, WebrtcFactory};
use crate::playout::SpeakerSpec;
use crate::process::Processing;
use crate::signaling::MemoryServer;
use crate::trust::Invite;

struct Side {
    microphone: MicrophoneSpec,
    speaker: SpeakerSpec,
    camera: CameraSpec,
    egress: LinkProfile,
}

impl Side {
    fn new(egress: LinkProfile) -> Self {
        Self {
            microphone: MicrophoneSpec::Tone(440),
            speaker: SpeakerSpec::Null,
            camera: "pattern:192x108@15".parse().expect("a spec"),
            egress,
        }
    }
}

fn peer_config() -> PeerConfig {
    PeerConfig {
        ice_servers: Vec::new(),
        bind: vec!["127.0.0.1:0".parse().expect("an address")],
        relay_only: false,
        start_bitrate: Bitrate::from_kbps(600),
        max_bitrate: Bitrate::from_kbps(2_500),
    }
}

/// Two sides call each other for `talk`; the reports of host and guest.
fn call(sides: [Side; 2], talk: Duration) -> [CallReport; 2] {
    // `TWOCAN_LOG=debug` shows what the engines decide.
    let filter = tracing_subscriber::EnvFilter::from_env("TWOCAN_LOG");
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_test_writer()
        .try_init();
    let world = VirtualWorld::new();
    let server = MemoryServer::new();
    let invite = {
        let somewhere = "ws://127.0.0.1:1".parse().expect("an address");
        Invite::new(vec![somewhere], &mut StdRng::seed_from_u64(1)).expect("an invite")
    };
    let [host, guest] = sides;
    let prepare = |side: Side, role: CallRole, id: u64, name: &str| {
        let runtime: Arc<dyn Runtime> = world.host(name, side.egress);
        let workshop = Workshop::Tasks(runtime.clone());
        let pictures = Arc::<Pictures>::default();
        let (media, _) = Media::new(
            workshop,
            Processing::OFF,
            OpusMode::Voice,
            pictures.own().clone(),
            None,
        )
        .expect("media");
        let media = Arc::new(media);
        media.open_microphone(side.microphone);
        media.open_speaker(side.speaker);
        media.open_camera(side.camera);
        let options = SessionOptions {
            call: CallOptions::new(role, ParticipantId(id), name.to_owned()),
            key: *invite.key(),
            peer: peer_config(),
            patience: Some(Duration::from_secs(30)),
            duration: (role == CallRole::Host).then_some(talk),
            started: runtime.now(),
        };
        let factory = {
            let runtime = runtime.clone();
            Arc::new(WebrtcFactory::new(move || runtime.clone()))
        };
        let signaling = Box::new(server.connect(invite.room()));
        Session::new(options, runtime, signaling, factory, media, pictures)
    };
    let (host, host_remote, _host_events) = prepare(host, CallRole::Host, 1, "Jonas");
    let (guest, guest_remote, _guest_events) = prepare(guest, CallRole::Guest, 2, "Maya");
    for remote in [&host_remote, &guest_remote] {
        remote
            .commands
            .try_send(SessionCommand::Ready)
            .expect("room for a command");
    }
    let (host, guest) =
        world.block_on(async { futures_util::future::join(host.run(), guest.run()).await });
    [host, guest]
}

fn number(fields: &std::collections::BTreeMap<String, serde_json::Value>, name: &str) -> f64 {
    fields[name]
        .as_f64()
        .unwrap_or_else(|| panic!("{name} is {}", fields[name]))
}

#[test]
fn a_minute_of_call_on_a_clean_network() {
    let began = std::time::Instant::now();
    let clean = || {
        Side::new(LinkProfile::new(
            1,
            LinkConditions {
                delay: Duration::from_millis(25),
                ..LinkConditions::default()
            },
        ))
    };
    let [host, guest] = call([clean(), clean()], Duration::from_secs(60));
    println!("60 s of call took {:?}", began.elapsed());
    println!("{}", serde_json::to_string_pretty(&guest).expect("JSON"));
    assert_eq!(host.ended, CallEndReason::DurationReached);
    assert_eq!(guest.ended, CallEndReason::RemoteHangup);
    for report in [&host, &guest] {
        let [other] = &report.participants[..] else {
            panic!("one friend")
        };
        let frames = number(&other.video_inbound, "frames_decoded");
        assert!(frames > 15.0 * 55.0, "{frames} pictures");
        assert_eq!(number(&other.video_inbound, "freeze_count"), 0.0);
        let packets = number(&other.audio_inbound, "packets_received");
        assert!(
            (2_900.0..3_100.0).contains(&packets),
            "{packets} packets of sound"
        );
        let concealed = number(&other.audio_inbound, "concealed_samples");
        assert!(concealed < 4_800.0, "{concealed} samples made up");
        assert_eq!(other.local_candidate_type.as_deref(), Some("host"));
    }
    assert!(
        guest
            .setup
            .joined_to_connected_ms
            .is_some_and(|ms| ms < 1_000.0)
    );
}

#[test]
fn a_lossy_network_costs_neither_the_call_nor_the_picture() {
    let lossy = |seed| {
        Side::new(LinkProfile::new(
            seed,
            LinkConditions {
                delay: Duration::from_millis(40),
                jitter: Jitter::Uniform {
                    spread: Duration::from_millis(30),
                },
                loss: 0.1,
                ..LinkConditions::default()
            },
        ))
    };
    let [host, guest] = call([lossy(11), lossy(12)], Duration::from_secs(60));
    println!("{}", serde_json::to_string_pretty(&guest).expect("JSON"));
    assert_eq!(host.ended, CallEndReason::DurationReached);
    for report in [&host, &guest] {
        let [other] = &report.participants[..] else {
            panic!("one friend")
        };
        let frames = number(&other.video_inbound, "frames_decoded");
        assert!(frames > 12.0 * 55.0, "{frames} pictures");
        let frozen = number(&other.video_inbound, "total_freezes_duration");
        assert!(frozen < 1.0, "the picture stood for {frozen} s");
    }
}
