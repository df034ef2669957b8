//! Calls over a real TURN server (Debian's coturn), between real processes.
#![cfg(target_os = "linux")]

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use twocan::capture::MicrophoneSpec;
use twocan::engine::{Command as Wish, EngineOptions, Phase};
use twocan::peer::IceServer;
use twocan::playout::SpeakerSpec;
use twocan::trust::PublicIdentity;

use crate::support::TempDir;
use crate::support::engine::{Engine, meet};
use crate::support::program::Program;

const NO_RELAY: &str = "there is no relay to be had: the TURN server does not answer, or refuses the name and password";

/// A TURN server on loopback that knows one account.
struct TurnServer {
    port: u16,
    _server: Program,
}

impl TurnServer {
    fn start(folder: &Path) -> Self {
        let port = free_port();
        let mut command = Command::new("turnserver");
        command
            .args(["-n", "--no-cli", "--no-tls", "--no-dtls", "--no-tcp"])
            .args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1"])
            .args(["--listening-port", &port.to_string()])
            .args(["--lt-cred-mech", "--realm", "twocan", "--user", "me:secret"])
            // Both ends are on this computer.
            .arg("--allow-loopback-peers")
            .args(["--log-file", "stdout", "--simple-log"])
            .arg("--pidfile")
            .arg(folder.join("turn.pid"))
            .arg("--userdb")
            .arg(folder.join("turn.db"));
        let server = Program::start("turnserver", command);
        wait_for_answer(port);
        Self {
            port,
            _server: server,
        }
    }
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.local_addr().expect("it is bound").port()
}

/// Asks for our address (a Binding request, RFC 8489, section 5) until the server says it.
fn wait_for_answer(port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect(("127.0.0.1", port)).expect("loopback");
    socket
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("a timeout");
    let mut request = [7; 20];
    request[..8].copy_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        // Refused as long as nobody listens.
        let _ = socket.send(&request);
        if socket.recv(&mut [0; 512]).is_ok() {
            return;
        }
    }
    panic!("the TURN server does not answer (./dev test installs it)");
}

fn side(folder: &Path, action: &[&str], options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twocan"));
    command
        .current_dir(folder)
        .env("HOME", folder)
        .args(action)
        .args(["--headless", "--camera", "none", "--speaker", "null"])
        .args(["--microphone", "tone:440", "--processing", "off"])
        .args(options.split(' '));
    command
}

/// A call of four seconds, both sides with these options; what each said, and how it ended.
fn call(folder: &Path, options: &str) -> [(Vec<String>, Option<i32>); 2] {
    let host = side(
        folder,
        &["host"],
        &format!("{options} --report host.json --duration 4s"),
    );
    let mut host = Program::start("host", host);
    let invite = host.wait_for("twocan://");
    let join = side(
        folder,
        &["join", invite.trim()],
        &format!("{options} --report join.json"),
    );
    let join = Program::start("join", join);
    [host.ended(), join.ended()]
}

fn report(folder: &Path, name: &str) -> Value {
    let text = std::fs::read(folder.join(name)).expect("a report");
    serde_json::from_slice(&text).expect("JSON")
}

/// Sound came both ways, over a relay or not.
#[track_caller]
fn assert_heard(relayed: bool, folder: &Path) {
    let sides = ["host.json", "join.json"].map(|name| report(folder, name));
    for (report, other) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
        let participant = &report["participants"][0];
        for end in ["local_candidate_type", "remote_candidate_type"] {
            // Without a relay: a host candidate, or a peer-reflexive one that came before it was told of.
            let kind = participant[end].as_str().expect("a kind");
            assert_eq!(kind == "relay", relayed, "{report:#}");
        }
        let count = |counters: &Value, name: &str| counters[name].as_u64().expect("a number");
        let received = count(&participant["audio_inbound"], "packets_received");
        let sent = count(&other["participants"][0]["audio_outbound"], "packets_sent");
        // Fifty a second, for four seconds; fewer where the computer is busy.
        assert!(sent > 100, "{sent} packets of sound left: {other:#}");
        // All but the last, which the end of the call overtakes.
        assert!(received + 10 >= sent, "{received} of {sent}: {report:#}");
    }
}

#[test]
fn a_call_goes_through_a_relay_and_through_nothing_else() {
    let folder = TempDir::new();
    let server = TurnServer::start(folder.path());
    let options = format!(
        "--relay-only --turn turn:me:secret@127.0.0.1:{}",
        server.port
    );
    for (said, code) in call(folder.path(), &options) {
        assert_eq!(code, Some(0), "{said:#?}");
        assert!(
            said.iter()
                .any(|line| line == "the call goes through a relay"),
            "{said:#?}"
        );
    }
    assert_heard(true, folder.path());
}

#[test]
fn a_relay_that_refuses_us_is_told_and_the_call_goes_on_without() {
    let folder = TempDir::new();
    let server = TurnServer::start(folder.path());
    let options = format!("--turn turn:me:wrong@127.0.0.1:{}", server.port);
    for (said, code) in call(folder.path(), &options) {
        assert_eq!(code, Some(0), "{said:#?}");
        let times = said.iter().filter(|line| *line == NO_RELAY).count();
        assert_eq!(times, 1, "{said:#?}");
    }
    assert_heard(false, folder.path());
}

#[test]
fn a_relay_that_is_not_there_ends_a_call_that_may_go_no_other_way() {
    let folder = TempDir::new();
    let options = format!(
        "--relay-only --turn turn:me:secret@127.0.0.1:{}",
        free_port()
    );
    for (said, code) in call(folder.path(), &options) {
        assert_eq!(code, Some(18), "{said:#?}");
        let times = said.iter().filter(|line| *line == NO_RELAY).count();
        assert_eq!(times, 1, "{said:#?}");
        assert!(
            said.iter()
                .any(|line| line.starts_with("twocan: No direct line was found")),
            "{said:#?}"
        );
    }
}

/// A window's engine that knows the relay.
fn window(folder: &TempDir, turn: &TurnServer) -> Engine {
    Engine::with(EngineOptions {
        folder: Some(folder.path().to_owned()),
        microphone: Some(MicrophoneSpec::Silence),
        speaker: Some(SpeakerSpec::Null),
        camera: Some("pattern:320x180@30".parse().expect("a camera")),
        ice_servers: vec![IceServer {
            url: format!("turn:127.0.0.1:{}", turn.port),
            username: "me".into(),
            credential: "secret".into(),
        }],
        ..EngineOptions::default()
    })
}

/// In the call that stands: whether it goes through the relay, and who the other is.
fn relayed(engine: &Engine) -> (bool, PublicIdentity) {
    engine.wait_for("how the call goes", |snapshot| {
        let Phase::Call(call) = &snapshot.phase else {
            return None;
        };
        let friend = call.participants.first()?.identity;
        Some((call.statistics.relayed?, friend))
    })
}

#[test]
fn strangers_get_the_relays_address_and_contacts_ours() {
    let folder = TempDir::new();
    let turn = TurnServer::start(folder.path());
    let (host_folder, guest_folder) = (TempDir::new(), TempDir::new());
    let (host, guest) = (window(&host_folder, &turn), window(&guest_folder, &turn));
    meet(&host, &guest);
    let (strangers, identity) = relayed(&host);
    assert!(strangers, "a stranger learned where we are");
    host.handle.send(Wish::SaveContact {
        identity,
        name: "Maya".into(),
    });
    let (_, identity) = relayed(&guest);
    guest.handle.send(Wish::SaveContact {
        identity,
        name: "Jonas".into(),
    });
    for engine in [&host, &guest] {
        engine.wait_for("a contact", |snapshot| {
            snapshot.contacts.first().map(|_| ())
        });
    }
    host.handle.send(Wish::Leave);
    for engine in [&guest, &host] {
        engine.wait_for_lobby();
    }
    meet(&host, &guest);
    let (contacts, _) = relayed(&guest);
    assert!(!contacts, "contacts go the long way");
}
