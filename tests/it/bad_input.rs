//! What a person gets for wrong input: one sentence and an exit code, from the real program.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use twocan::call::CallEndReason;
use twocan::engine::{self, EngineOptions, ServerStatus};
use twocan::settings::{Settings, Store};
use twocan::signaling::{EmbeddedServer, Signaling as _, SignalingEvent, WebsocketSignaling};
use twocan::trust::{Code, Invite};
use twocan_protocol::{MAX_MEMBERS, RefusalReason, ServerMessage};

use crate::support::TempDir;
use crate::support::child::{self, Child};
use crate::support::engine::Engine;
use crate::support::program::Program;
use crate::support::pulse::PulseServer;

/// What the program said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The program, in a home of its own and without a sound server.
fn program(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twocan"));
    command
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_RUNTIME_DIR", home)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("PULSE_SERVER")
        .env_remove("TWOCAN_LOG");
    command
}

fn twocan(home: &Path, arguments: &[&str]) -> Said {
    let output = program(home)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let said = Said {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    assert!(
        !said.err.contains("panicked"),
        "{arguments:?}: {}",
        said.err
    );
    said
}

/// It ends with `code` and says this one sentence and nothing else.
fn refuses(home: &Path, arguments: &[&str], code: i32, sentence: &str) {
    let said = twocan(home, arguments);
    assert_eq!(said.err, format!("twocan: {sentence}\n"), "{arguments:?}");
    assert_eq!(said.code, Some(code), "{arguments:?}");
    assert_eq!(said.out, "", "{arguments:?}");
}

/// A link as it should be; at the end of it is nobody.
fn whole_link() -> String {
    invite_to("127.0.0.1:1".parse().expect("an address")).to_string()
}

#[test]
fn what_is_no_link_gets_a_sentence() {
    let home = TempDir::new();
    let whole = whole_link();
    let (place, secret) = whole.split_once('#').expect("a secret");
    let no_link = "this is not a Twocan invite; an invite begins with twocan://";
    let no_secret = "the secret at the end of the invite is missing; copy all of it, with what \
                     comes after the #";
    let not_whole = "the invite is not whole; copy all of it, to the last letter";
    for (text, sentence) in [
        ("https://example.org/", no_link),
        ("twocan:call?r=1", no_link),
        ("twocan://", no_secret),
        (place, no_secret),
        (&*format!("{place}#"), no_secret),
        (&whole[..whole.len() - 5], not_whole),
        (&*format!("twocan://127.0.0.1:1#{secret}"), not_whole),
        (
            &*format!("twocan://127.0.0.1:1/another-room#{secret}"),
            "the invite is damaged; ask your friend to send it again",
        ),
        (
            &*whole.replace('#', "?z=1#"),
            "this invite was made by a newer Twocan; update yours to use it",
        ),
    ] {
        refuses(home.path(), &["join", "--headless", text], 13, sentence);
    }
}

#[test]
fn what_is_no_code_gets_a_sentence() {
    let home = TempDir::new();
    let no_code = "this is not a code; a code is a number and two words, such as 7-guitar-lamp";
    for (text, sentence) in [
        ("", no_code),
        ("rubbish", no_code),
        (
            "guitar-lamp",
            "the number before the words is missing; a code looks like 7-guitar-lamp",
        ),
        (
            "7-guitar",
            "a word is missing; a code is a number and two words, such as 7-guitar-lamp",
        ),
        (
            "7-guitra-lamp",
            "no code has the word “guitra”; did you mean “guitar”?",
        ),
        (
            "7 guitar qqqq",
            "no code has the word “qqqq”; ask your friend to spell it",
        ),
    ] {
        refuses(home.path(), &["join", "--headless", text], 13, sentence);
        // Before any server is asked for it.
        let server = "ws://127.0.0.1:1";
        let arguments = ["join", "--headless", "--server", server, text];
        refuses(home.path(), &arguments, 13, sentence);
    }
    let no_server =
        "a code is of a call server, and none is named; name the one that your friend uses";
    let arguments = ["join", "--headless", "7-guitar-lamp"];
    refuses(home.path(), &arguments, 13, no_server);
}

/// A picture of so many shades of grey, as a file.
fn save_picture(path: &Path, width: u32, shades: &[u8]) {
    let file = fs::File::create(path).expect("a file of the test");
    let mut encoder = png::Encoder::new(file, width, shades.len() as u32 / width);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("room for a picture");
    writer.write_image_data(shades).expect("room for a picture");
}

/// The code of `text` as the window shows it, as a file.
fn save_code(path: &Path, text: &str) {
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M);
    let code = code.expect("short enough");
    let modules = code.width();
    let colors = code.into_colors();
    // Each is 5 pixels wide, and there are 4 around them.
    let width = (modules + 8) * 5;
    let mut shades = vec![255_u8; width * width];
    for (at, shade) in shades.iter_mut().enumerate() {
        let module = |at: usize| (at / 5).checked_sub(4).filter(|at| *at < modules);
        if let (Some(x), Some(y)) = (module(at % width), module(at / width))
            && colors[y * modules + x] == qrcode::Color::Dark
        {
            *shade = 0;
        }
    }
    save_picture(path, width as u32, &shades);
}

#[test]
fn a_picture_without_the_code_of_an_invite_gets_a_sentence() {
    let home = TempDir::new();
    let path = |name: &str| home.path().join(name);
    fs::write(path("text.png"), b"no picture").expect("a file of the test");
    save_picture(&path("grey.png"), 64, &[128; 64 * 48]);
    save_picture(&path("wide.png"), 9_000, &[255; 9_000]);
    save_code(&path("web.png"), "https://example.org/");
    let link = whole_link();
    save_code(&path("cut.png"), &link[..link.len() - 5]);
    let missing = format!("file://{}/none.png", home.path().display());
    for (text, sentence) in [
        (
            "text.png",
            "this is not a picture that Twocan can read; a PNG or JPEG file is",
        ),
        (
            "grey.png",
            "no code can be read in this picture; a closer and sharper one may help",
        ),
        (
            "wide.png",
            "this picture is too large; cut the code out of it",
        ),
        ("web.png", "the code in this picture is not a Twocan invite"),
        (
            "cut.png",
            "the invite is not whole; copy all of it, to the last letter",
        ),
        (
            &*missing,
            "the picture cannot be read: there is no such file",
        ),
    ] {
        refuses(home.path(), &["join", "--headless", text], 13, sentence);
    }
    save_code(&path("code.png"), &link);
    let server = ["--server", "ws://127.0.0.1:1"];
    refuses(
        home.path(),
        &["join", "--headless", "code.png", server[0], server[1]],
        2,
        "--server does not go with this invite: it says which server it is",
    );
}

#[test]
fn the_picture_of_a_code_leads_where_its_link_does() {
    let home = TempDir::new();
    let picture = home.path().join("Maya’s code.png");
    save_code(&picture, &whole_link());
    let picture = picture.to_str().expect("text");
    let mut arguments = vec!["join", picture, "--headless", "--patience", "2s"];
    arguments.extend(SILENT);
    let said = twocan(home.path(), &arguments);
    let words = "cannot reach the call server 127.0.0.1:1: nothing listens there";
    gives_up(&said, 14, words);
}

#[test]
fn a_file_that_cannot_be_used_is_told_before_anybody_is_invited() {
    let home = TempDir::new();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(home.path().join(name), bytes).expect("a file of the test");
    };
    write("other.wav", b"OggS is another format");
    write("other.y4m", b"RIFF is another format");
    write("cut.wav", &cut_wav());
    write(
        "cut.y4m",
        b"YUV4MPEG2 W64 H48 F30:1\nFRAME\nand then nothing",
    );
    let missing = "there is no such file or folder";
    for (option, value, reason) in [
        ("--microphone", "wav:none.wav", missing),
        (
            "--microphone",
            "wav:cut.wav",
            "the file is truncated: it says 1.0 s and holds 0.5 s",
        ),
        (
            "--microphone",
            "wav:other.wav",
            "this is not a WAV file that can be read (no RIFF tag found)",
        ),
        ("--camera", "y4m:none.y4m", missing),
        (
            "--camera",
            "y4m:cut.y4m",
            "the file is truncated: it ends within picture 1",
        ),
        (
            "--camera",
            "y4m:other.y4m",
            "this is not a Y4M file: it does not begin with YUV4MPEG2",
        ),
        ("--speaker", "wav:nowhere/x.wav", missing),
        ("--display", "y4m:nowhere/x.y4m", missing),
    ] {
        let path = value.split_once(':').expect("a file").1;
        let sentence = format!("{path}: {reason}");
        for action in ["host", "demo"] {
            refuses(
                home.path(),
                &[action, "--headless", option, value],
                3,
                &sentence,
            );
        }
    }
    for action in ["host", "demo"] {
        refuses(
            home.path(),
            &[action, "--headless", "--report", "nowhere/r.json"],
            3,
            "the report cannot be written to nowhere/r.json: there is no such folder",
        );
    }
}

/// A header for a second of sound, and half of it.
fn cut_wav() -> Vec<u8> {
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + 96_000_u32).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    wav.extend([48_000_u32, 96_000].map(u32::to_le_bytes).concat());
    wav.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    wav.extend(b"data");
    wav.extend(96_000_u32.to_le_bytes());
    wav.resize(wav.len() + 48_000, 0);
    wav
}

#[test]
fn wrong_arguments_get_a_sentence_and_the_usage() {
    let home = TempDir::new();
    let link = whole_link();
    let window_has_both = "--code and --link go only with --headless; a window shows both";
    for (arguments, words) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["host", "--bogus"], "--bogus"),
        (&["join"], "<INVITE>"),
        (&["demo", "--duration", "soon"], "30s, 5m or 1500ms"),
        (&["demo", "--camera", "pattern:big"], "pattern"),
        (&["host", "--server", "gopher://x"], "--server"),
        (
            &["join", &*link, "--headless", "--server", "ws://a.example"],
            "--server does not go with this invite: it says which server it is",
        ),
        (&["host", "--code"], window_has_both),
        (&["host", "--link"], window_has_both),
        (&["host", "--code", "--link"], window_has_both),
    ] {
        let said = twocan(home.path(), arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert!(
            said.err.starts_with("error: "),
            "{arguments:?}: {}",
            said.err
        );
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
        assert_eq!(said.out, "");
    }
}

/// Heard and seen by nobody.
const SILENT: [&str; 6] = [
    "--microphone",
    "silence",
    "--speaker",
    "null",
    "--camera",
    "none",
];

/// Tries to join at a server there; nothing but the progress lines and one last sentence come.
fn join(invite: &Invite) -> Said {
    let home = TempDir::new();
    let invite = invite.to_string();
    let mut arguments = vec!["join", &*invite, "--headless", "--patience", "2s"];
    arguments.extend(SILENT);
    let said = twocan(home.path(), &arguments);
    assert_eq!(said.out, "");
    said
}

fn invite_to(address: SocketAddr) -> Invite {
    let server = format!("ws://{address}").parse().expect("a server");
    Invite::new(vec![server], &mut rand::rng()).expect("an invite")
}

/// It ends with `code`, the last line is the sentence, and no line is said twice.
fn gives_up(said: &Said, code: i32, sentence: &str) {
    let lines: Vec<_> = said.err.lines().collect();
    let last = format!("twocan: {sentence}");
    assert_eq!(lines.last(), Some(&&*last), "{}", said.err);
    assert_eq!(said.code, Some(code));
    for (at, line) in lines.iter().enumerate() {
        assert!(!lines[..at].contains(line), "twice: {}", said.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_none_or_refuses_gets_a_sentence() {
    let loopback = "127.0.0.1:0";
    let free = TcpListener::bind(loopback).await.expect("a port");
    let nobody = free.local_addr().expect("an address");
    drop(free);
    let said = blocking(move || join(&invite_to(nobody))).await;
    let words = format!("cannot reach the call server {nobody}: nothing listens there");
    gives_up(&said, 14, &words);

    let listener = TcpListener::bind(loopback).await.expect("a port");
    let web = listener.local_addr().expect("an address");
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let page = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
            let _ = stream.write_all(page).await;
        }
    });
    let said = blocking(move || join(&invite_to(web))).await;
    serving.abort();
    let words = format!("{web} is not a call server: it does not speak websocket");
    gives_up(&said, 14, &words);

    let listener = TcpListener::bind(loopback).await.expect("a port");
    let old = listener.local_addr().expect("an address");
    let serving = tokio::spawn(refuse(listener));
    let said = blocking(move || join(&invite_to(old))).await;
    serving.abort();
    let words = "The call server speaks another version of Twocan. Update Twocan or the server.";
    gives_up(&said, 15, words);

    let server = EmbeddedServer::start(0).await.expect("a server");
    let address = server.loopback().expect("an address");
    let full = Invite::new(vec![address.clone()], &mut rand::rng()).expect("an invite");
    let mut members = Vec::new();
    for _ in 0..MAX_MEMBERS {
        let mut member = WebsocketSignaling::connect(std::slice::from_ref(&address), full.room());
        loop {
            match member.next_event().await {
                Some(SignalingEvent::Connected { .. }) => break,
                Some(_) => {}
                None => panic!("the server refuses a member"),
            }
        }
        members.push(member);
    }
    let said = blocking(move || join(&full)).await;
    gives_up(
        &said,
        16,
        "This call is full. Ask for an invite of your own.",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_gets_a_sentence_and_who_made_it_a_new_one() {
    let server = EmbeddedServer::start(0).await.expect("a server");
    let url = server.loopback().expect("an address").to_string();
    blocking(move || {
        let home = TempDir::new();
        let side = |arguments: &[&str]| {
            let mut command = program(home.path());
            command
                .args(arguments)
                .args(["--headless", "--server", &*url])
                .args(SILENT);
            command
        };
        let fails = |code: &str, exit: i32, sentence: &str| {
            let (lines, ended) = Program::start("join", side(&["join", code])).ended();
            let last = format!("twocan: {sentence}");
            assert_eq!(lines.last(), Some(&last), "{lines:#?}");
            assert_eq!(ended, Some(exit), "{lines:#?}");
        };
        fails(
            "7-guitar-lamp",
            25,
            "This code leads nowhere: it was used, or its ten minutes are over. Ask your friend \
             for a new one.",
        );
        let is_code = |line: &str| line.parse::<Code>().is_ok();
        let mut host = Program::start("host", side(&["host", "--code", "--duration", "1s"]));
        let code = host.wait_until("a code", is_code);
        let (number, words) = code.split_once('-').expect("a number and words");
        let others = match words {
            "guitar-lamp" => "lamp-guitar",
            _ => "guitar-lamp",
        };
        fails(
            &format!("{number}-{others}"),
            24,
            "The code is not your friend's. It works once: ask for a new one, and type it \
             carefully.",
        );
        let again = host.wait_until("another code", |line| is_code(line) && line != code);
        let join = Program::start("join", side(&["join", &*again]));
        let said = host.finish();
        let told = "somebody tried the code and had it wrong; here is a new one";
        assert!(said.iter().any(|line| line == told), "{said:#?}");
        join.finish();
    })
    .await;
}

/// A server of another version.
async fn refuse(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
            continue;
        };
        let reason = RefusalReason::WrongVersion;
        let refused = ServerMessage::Refused { reason }.encode().expect("short");
        let _ = socket.send(Message::text(refused)).await;
        let _ = socket.close(None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_was_invited_to_is_not_among_the_recent_ones() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let old = listener.local_addr().expect("an address");
    let serving = tokio::spawn(refuse(listener));
    blocking(move || {
        let home = TempDir::new();
        let engine = Engine::with(EngineOptions {
            folder: Some(home.path().to_owned()),
            server: Some(format!("ws://{old}").parse().expect("a server")),
            ..EngineOptions::default()
        });
        engine.handle.send(engine::Command::Host);
        let recents = engine.wait_for("told why", |snapshot| {
            snapshot.problem.as_ref()?;
            Some(snapshot.recents.clone())
        });
        assert_eq!(*recents, []);
        // Whoever joins has a friend in mind.
        let invite = invite_to(old).to_string();
        engine.handle.send(engine::Command::Join { invite });
        let recent = engine.wait_for("told of it", |snapshot| snapshot.recents.first().cloned());
        assert_eq!(recent.ended, CallEndReason::ServerVersion);
    })
    .await;
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_judged_by_its_own_server_and_not_by_the_settings_of_now() {
    // It is connected to at once, and answers when somebody accepts.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let old = listener.local_addr().expect("an address");
    let engine = blocking(move || {
        let engine = Engine::start();
        let set_server = |server: Option<String>| {
            let settings = Settings {
                server,
                ..(*engine.handle.snapshot().settings).clone()
            };
            let change = engine::Command::ChangeSettings(Box::new(settings));
            engine.handle.send(change);
        };
        set_server(Some(format!("ws://{old}")));
        engine.handle.send(engine::Command::Host);
        engine.wait_for("preparing a call", |snapshot| {
            let preparing = matches!(snapshot.phase, engine::Phase::Preparing { .. });
            preparing.then_some(())
        });
        set_server(None);
        engine.wait_for("without a server", |snapshot| {
            (snapshot.server == ServerStatus::HostedHere).then_some(())
        });
        engine
    })
    .await;
    let serving = tokio::spawn(refuse(listener));
    let problem =
        blocking(move || engine.wait_for("told why", |snapshot| snapshot.problem.clone())).await;
    assert_eq!(problem.title, "The call server is of another version");
    assert_eq!(problem.rungs[1].detail, "No answer", "one that is not here");
    serving.abort();
}

const NOT_HOSTED: &str =
    "bad_input::a_computer_that_cannot_host_says_why_and_can_when_it_is_well_again";

#[test]
fn a_computer_that_cannot_host_says_why_and_can_when_it_is_well_again() {
    if child::role().as_deref() == Some("host without files") {
        host_without_files();
        return;
    }
    let mut child = Child::start(NOT_HOSTED, "host without files", &HashMap::new());
    let id = child.next_line().expect("its number");
    let limit = |files: &str| {
        let status = Command::new("prlimit")
            .args(["--pid", &id, &format!("--nofile={files}:")])
            .status();
        assert!(status.expect("util-linux has it").success());
    };
    limit("0");
    child.go_on();
    assert_eq!(
        child.next_line().expect("a title"),
        "This computer can’t host the call"
    );
    assert_eq!(
        child.next_line().expect("why"),
        "Calls that you start are hosted on this computer, and that doesn’t work: too many files \
         are open."
    );
    limit("1024");
    child.go_on();
    assert_eq!(child.next_line().expect("a link"), "waiting");
    child.finish();
}

fn host_without_files() {
    let engine = Engine::start();
    child::tell(&std::process::id().to_string());
    child::wait_for_parent();
    engine.handle.send(engine::Command::Host);
    let problem = engine.wait_for("told why", |snapshot| snapshot.problem.clone());
    child::tell(&problem.title);
    child::tell(&problem.explanation);
    assert!(!problem.cure.contains("address"), "{}", problem.cure);
    assert!(problem.can_try_again);
    child::wait_for_parent();
    engine.handle.send(engine::Command::TryAgain);
    engine.wait_for("waiting", |snapshot| {
        matches!(snapshot.phase, engine::Phase::Waiting { .. }).then_some(())
    });
    child::tell("waiting");
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("no panic")
}

#[test]
fn a_call_goes_on_without_devices_and_says_so_once() {
    let home = TempDir::new();
    let nowhere = "device:nowhere";
    let mut arguments = vec!["demo", "--headless", "--duration", "4s"];
    for option in ["--microphone", "--speaker", "--camera"] {
        arguments.extend([option, nowhere]);
    }
    let said = twocan(home.path(), &arguments);
    assert_eq!(said.code, Some(0), "{}", said.err);
    for line in [
        "host: the microphone “nowhere” is not connected; the call goes on, but your friend will not hear you",
        "host: the speaker “nowhere” is not connected; the call goes on, but you will not hear your friend",
        "host: the camera “nowhere” is not connected; the call goes on, but your friend will not see you",
    ] {
        let times = said.err.lines().filter(|said| *said == line).count();
        assert_eq!(times, 1, "{line}\n{}", said.err);
    }
    // Libraries have errors to return and nothing to say.
    let mut lines = said.err.lines();
    assert!(
        lines.all(|line| line.starts_with("host: ") || line.starts_with("guest: ")),
        "{}",
        said.err
    );
}

#[test]
fn a_disk_that_is_full_for_pictures_ends_with_the_code_of_a_file() {
    full_disk(
        "--display y4m:/dev/full",
        "pictures are no longer written down: /dev/full: the disk is full",
    );
}

#[test]
fn a_disk_that_is_full_for_sound_ends_with_the_code_of_a_file() {
    full_disk(
        "--speaker wav:/dev/full",
        "sound is no longer written down: /dev/full: the disk is full",
    );
}

#[track_caller]
fn full_disk(option: &str, sentence: &str) {
    let home = TempDir::new();
    let arguments = format!("demo --headless --duration 3s {option}");
    let arguments: Vec<_> = arguments.split(' ').collect();
    let said = twocan(home.path(), &arguments);
    assert_eq!(said.code, Some(3), "{}", said.err);
    // At the moment, and at the end why there is a code.
    let (before, end) = said.err.trim_end().rsplit_once('\n').expect("many lines");
    assert_eq!(end, format!("twocan: {sentence}"), "{}", said.err);
    let told = before.lines().filter(|line| line.ends_with(sentence));
    assert_eq!(told.collect::<Vec<_>>(), [format!("host: {sentence}")]);
    let mut others = before.lines();
    assert!(
        others.all(|line| line.starts_with("host: ") || line.starts_with("guest: ")),
        "{}",
        said.err
    );
    // The call itself went on to its end.
    assert!(said.out.contains("packets of sound"), "{}", said.out);
}

#[test]
fn a_microphone_that_vanishes_in_the_call_is_told_once() {
    let server = PulseServer::start();
    let home = TempDir::new();
    let mut call = program(home.path())
        .envs(server.environment())
        .args(["demo", "--headless", "--duration", "6s", "--camera", "none"])
        .args(["--microphone", "device:micsrc", "--speaker", "null"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let err = BufReader::new(call.stderr.take().expect("piped"));
    let mut lines = Vec::new();
    for line in err.lines().map(|line| line.expect("text")) {
        // The first figures: by then the microphone is open.
        if line.contains("delay") && !lines.iter().any(|line: &String| line.contains("delay")) {
            server.unplug_microphone();
        }
        lines.push(line);
    }
    let status = call.wait().expect("our child");
    assert!(status.success(), "{lines:#?}");
    let told = "host: the microphone was unplugged; the call goes on without it";
    let times = lines.iter().filter(|line| *line == told).count();
    assert_eq!(times, 1, "{lines:#?}");
}

#[test]
fn damaged_settings_are_kept_aside_and_a_second_window_is_refused() {
    let home = TempDir::new();
    let settings = home.path().join("settings.json");
    fs::write(&settings, "{ \"name\": ").expect("a file of the test");
    let options = || EngineOptions {
        folder: Some(home.path().to_owned()),
        ..EngineOptions::default()
    };
    let first = engine::start(options()).expect("an engine");
    let (changed, changes) = mpsc::channel();
    first.on_change(move || {
        let _ = changed.send(());
    });
    while first.snapshot().notices.is_empty() {
        let patience = Duration::from_secs(20);
        changes.recv_timeout(patience).expect("the notice comes");
    }
    let notices = first.snapshot().notices.clone();
    assert_eq!(notices.len(), 1, "{notices:?}");
    let kept = fs::read_dir(home.path())
        .expect("the folder")
        .filter_map(Result::ok)
        .filter_map(|entry| fs::read_to_string(entry.path()).ok())
        .any(|text| text == "{ \"name\": ");
    assert!(kept, "the damaged file is kept aside");

    let second = engine::start(options()).err().expect("one at a time");
    assert_eq!(
        second.to_string(),
        "Twocan is already open; look for its window"
    );
    drop(first);
    let third = engine::start(options()).expect("the first is gone");
    drop(third);
}

#[test]
fn a_second_window_and_a_window_without_a_display_get_a_sentence() {
    let home = TempDir::new();
    let window = || {
        let output = program(home.path())
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .output()
            .expect("the program starts");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
            String::from_utf8(output.stderr).expect("text"),
        )
    };
    let (code, out, err) = window();
    assert_eq!(code, Some(4), "{err}");
    assert_eq!((out.lines().count(), err.lines().count()), (0, 1), "{err}");
    assert!(err.starts_with("twocan: "), "{err}");

    let folder = home.path().join(".config/twocan");
    let _open = Store::open(folder).expect("nobody else has it");
    let (code, out, err) = window();
    assert_eq!(err, "twocan: Twocan is already open; look for its window\n");
    assert_eq!((code, &*out), (Some(5), ""));
}
