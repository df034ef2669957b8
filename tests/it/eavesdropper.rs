//! A whole call, with somebody at the server who writes down everything that passes.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use twocan::trust::{BUCKETS, Code};
use twocan_protocol::{ClientMessage, ServerMessage};

use crate::support::TempDir;
use crate::support::place::{Place, Wire};
use crate::support::program::Program;

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

fn side(server: &str, home: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twocan"));
    command
        .env("HOME", home.path())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .args(arguments)
        .args(["--headless", "--server", server])
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

#[test]
fn who_hears_everything_at_the_server_reads_nothing() {
    let place = Place::open();
    // Everything that goes either way.
    let written = Arc::new(Mutex::new(Vec::<String>::new()));
    let pen = written.clone();
    let wire = Wire::with(&place.url, move |text| {
        let mut written = pen.lock().unwrap_or_else(PoisonError::into_inner);
        written.push(text.to_owned());
        text.to_owned()
    });
    let home = TempDir::new();
    let host = [
        "host",
        "--code",
        "--name",
        "Anna Lindgren",
        "--duration",
        "3s",
    ];
    let mut host = Program::start("host", side(&wire.url(), &home, &host));
    let code = host.wait_until("a code", |line| line.parse::<Code>().is_ok());
    let join = ["join", &code, "--name", "Ben Okafor"];
    let join = Program::start("join", side(&wire.url(), &home, &join));
    host.finish();
    join.finish();
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
