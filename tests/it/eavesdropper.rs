//! A whole call, with somebody at the server who writes down everything that passes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};
use twocan::signaling::EmbeddedServer;
use twocan::trust::{BUCKETS, Code};
use twocan_protocol::{ClientMessage, ServerMessage};

use crate::support::TempDir;
use crate::support::program::Program;
use std::process::Command;

/// Everything that went either way.
type Written = Arc<Mutex<Vec<String>>>;

/// What is sealed has a kind, a number and a tag around it.
const MOST_ADDED: usize = 64;
/// Nothing of it is anybody else's business.
const SECRETS: [&str; 10] = [
    "Anna Lindgren",
    "Ben Okafor",
    "candidate",
    "fingerprint",
    "ice-ufrag",
    "v=0",
    "opus",
    "127.0.0.1",
    "identity",
    "ready",
];

/// Passes on to `server` what comes, and back; writes it down.
async fn listen_in(server: String) -> (SocketAddr, Written) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let written = Written::default();
    let pen = written.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(pass_on(stream, server.clone(), pen.clone()));
        }
    });
    (address, written)
}

async fn pass_on(client: TcpStream, server: String, pen: Written) {
    let (Ok(client), Ok((server, _))) = tokio::join!(accept_async(client), connect_async(&server))
    else {
        return;
    };
    let (mut to_client, from_client) = client.split();
    let (mut to_server, from_server) = server.split();
    let note = |message: &Message| {
        if let Message::Text(text) = message {
            let mut written = pen.lock().unwrap_or_else(PoisonError::into_inner);
            written.push(text.to_string());
        }
    };
    let up = from_client
        .inspect(|message| _ = message.as_ref().map(note))
        .forward(&mut to_server);
    let down = from_server
        .inspect(|message| _ = message.as_ref().map(note))
        .forward(&mut to_client);
    // One end closes, and the other follows.
    tokio::select! {
        _ = up => {
            let _ = to_server.close().await;
        }
        _ = down => {
            let _ = to_client.close().await;
        }
    }
}

fn side(server: SocketAddr, home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twocan"));
    command
        .env("HOME", home.path())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .args(arguments)
        .args(["--headless", "--server", &format!("ws://{server}")])
        .args(["--microphone", "tone:440", "--speaker", "null"])
        .args(["--camera", "pattern:320x180@15", "--display", "null"]);
    command
}

fn payload(text: &str) -> Option<String> {
    if let Ok(ClientMessage::Relay { payload, .. }) = ClientMessage::decode(text) {
        return Some(payload);
    }
    match ServerMessage::decode(text) {
        Ok(ServerMessage::Relayed { payload, .. }) => Some(payload),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_everything_at_the_server_reads_nothing() {
    let server = EmbeddedServer::start(0).await.expect("a server");
    let url = server.loopback().expect("an address").to_string();
    let (address, written) = listen_in(url).await;
    let code = tokio::task::spawn_blocking(move || {
        let home = TempDir::new();
        let host = [
            "host",
            "--code",
            "--name",
            "Anna Lindgren",
            "--duration",
            "3s",
        ];
        let mut host = Program::start("host", side(address, &home, &host));
        let code = host.wait_until("a code", |line| line.parse::<Code>().is_ok());
        let join = ["join", &code, "--name", "Ben Okafor"];
        let join = Program::start("join", side(address, &home, &join));
        host.finish();
        join.finish();
        code
    });
    let code = code.await.expect("a call");
    let words: Vec<&str> = code.split('-').skip(1).collect();
    let written = written.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sizes = BTreeMap::<usize, u32>::new();
    for text in written.iter() {
        let payload = payload(text);
        let content = payload.map(|payload| {
            BASE64URL_NOPAD
                .decode(payload.as_bytes())
                .expect("a parcel")
        });
        let content = content.unwrap_or_default();
        let readable = format!("{text}{}", String::from_utf8_lossy(&content));
        for secret in SECRETS.iter().chain(&words) {
            assert!(!readable.contains(secret), "{secret} can be read");
        }
        if !content.is_empty() {
            let fits =
                |bucket: &&usize| (**bucket..=**bucket + MOST_ADDED).contains(&content.len());
            let bucket = BUCKETS.iter().find(fits);
            let bucket = bucket.unwrap_or_else(|| panic!("a parcel of {} bytes", content.len()));
            *sizes.entry(*bucket).or_default() += 1;
        }
    }
    println!("{} messages, parcels by size: {sizes:?}", written.len());
    // Four words of each side's handshake, a greeting, a description, each seen coming and going.
    assert!(sizes.values().sum::<u32>() >= 24, "{sizes:?}");
}
