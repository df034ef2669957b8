//! How much memory an idle member costs: `cargo run --release -p twocan-server --example idle_memory [MEMBERS]`.
//!
//! The server runs in a process of its own; this one opens the members, each alone in a room, and reads
//! the server's resident memory before and after. What the kernel holds for the sockets is not in it.
//! Linux only, since it reads `/proc`. `ulimit -n` must be above the number of members.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use tokio::net::TcpListener;
use twocan_protocol::{ClientMessage, PROTOCOL_VERSION};

/// Opened first and not counted, so that the allocator and the runtime have what they need.
const WARM_UP: usize = 200;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("serve") => serve(),
        Some(members) => measure(members.parse().context("not a number of members")?),
        None => measure(5_000),
    }
}

fn serve() -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        twocan_server::serve(listener, std::future::pending()).await;
        Ok(())
    })
}

fn measure(count: usize) -> anyhow::Result<()> {
    let mut server = Command::new(std::env::current_exe()?)
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    let output = server.stdout.take().context("no output")?;
    BufReader::new(output).read_line(&mut address)?;
    let result = (|| {
        let mut members = open(address.trim(), 0..WARM_UP)?;
        let before = resident_bytes(server.id())?;
        members.extend(open(address.trim(), WARM_UP..WARM_UP + count)?);
        let after = resident_bytes(server.id())?;
        let each = after.saturating_sub(before) / count;
        println!("{count} idle members: {each} bytes each, {after} bytes in all");
        Ok(())
    })();
    server.kill()?;
    server.wait()?;
    result
}

fn open(address: &str, members: std::ops::Range<usize>) -> anyhow::Result<Vec<TcpStream>> {
    members
        .map(|i| enter(address, &format!("room-{i}")))
        .collect()
}

/// By hand, so that this process stays small.
fn enter(address: &str, room: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let version = PROTOCOL_VERSION;
    say(&mut stream, &ClientMessage::Hello { version })?;
    hear(&mut stream, "welcome")?;
    let room = room.parse()?;
    say(&mut stream, &ClientMessage::Enter { room })?;
    hear(&mut stream, "entered")?;
    Ok(stream)
}

fn say(stream: &mut TcpStream, message: &ClientMessage) -> anyhow::Result<()> {
    let text = message.encode()?;
    ensure!(text.len() < 126, "the message is too long");
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend(text.bytes());
    Ok(stream.write_all(&frame)?)
}

fn hear(stream: &mut TcpStream, kind: &str) -> anyhow::Result<()> {
    let mut header = [0; 2];
    stream.read_exact(&mut header)?;
    let mut text = vec![0; usize::from(header[1])];
    stream.read_exact(&mut text)?;
    if !text.starts_with(format!("{{\"type\":\"{kind}\"").as_bytes()) {
        bail!("not {kind}: {}", String::from_utf8_lossy(&text));
    }
    Ok(())
}

fn resident_bytes(process: u32) -> anyhow::Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: usize = line
        .and_then(|rest| rest.split_whitespace().next())
        .context("no VmRSS")?
        .parse()?;
    Ok(kilobytes * 1024)
}
