//! Microphone and speaker against a real sound server.

use std::time::{Duration, Instant};

use twocan::capture::{AudioSource, DeviceError, MicrophoneSpec, Pull, ToneSource, devices};
use twocan::media::{AudioFrame, FRAME_DURATION, Level};
use twocan::playout::{AudioSink, SpeakerSpec};

use crate::support::child::{self, Child};
use crate::support::pulse::PulseServer;
use crate::support::{TempDir, share_of_tone, wait_until};

fn start(role: &str, server: &PulseServer) -> Child {
    Child::start(
        "sound::in_a_process_of_its_own",
        role,
        &server.environment(),
    )
}

/// The children of the other tests; nothing by itself.
#[test]
fn in_a_process_of_its_own() {
    match child::role().as_deref() {
        Some("list") => tell_devices(),
        Some("listen") => listen(),
        Some("speak") => speak(),
        Some("lose the microphone") => lose_the_microphone(),
        Some("lose the speaker") => lose_the_speaker(),
        Some("lose the server") => lose_the_server(),
        Some("come and go") => come_and_go(),
        Some("be without") => be_without(),
        _ => {}
    }
}

fn microphone(spec: &str) -> Result<Box<dyn AudioSource>, DeviceError> {
    let spec: MicrophoneSpec = spec.parse().unwrap();
    spec.open(Instant::now()).map(Option::unwrap)
}

fn speaker(spec: &str) -> Result<Box<dyn AudioSink>, DeviceError> {
    let spec: SpeakerSpec = spec.parse().unwrap();
    spec.open(Instant::now())
}

/// The next frame, or why there will be none.
fn next(source: &mut dyn AudioSource) -> Result<AudioFrame, DeviceError> {
    loop {
        match source.pull(Instant::now()) {
            Pull::Ready(frame) => return Ok(frame),
            Pull::NotBefore(moment) => wait_until(moment),
            Pull::Ended => panic!("a device has no end"),
            Pull::Lost(error) => return Err(error),
        }
    }
}

fn tell_devices() {
    child::tell(&serde_json::to_string(&devices()).unwrap());
}

#[test]
fn devices_are_listed_by_stable_id_and_human_label_without_monitors() {
    let server = PulseServer::start();
    let mut child = start("list", &server);
    let list: serde_json::Value = serde_json::from_str(&child.next_line().unwrap()).unwrap();
    child.finish();
    assert_eq!(
        list["microphones"],
        serde_json::json!([{ "id": "micsrc", "label": "Test-Microphone", "default": true }])
    );
    let speakers = list["speakers"].as_array().unwrap();
    let ids: Vec<_> = speakers
        .iter()
        .map(|speaker| speaker["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["speaker", "mic"]);
    assert_eq!(speakers[0]["default"], true);
    assert_eq!(speakers[1]["default"], false);
}

/// Takes the microphone by its label and waits for a second of loud sound.
fn listen() {
    let mut source = microphone("device:Test-Microphone").unwrap();
    child::tell("open");
    let mut loud: Vec<AudioFrame> = Vec::new();
    for _ in 0..2_000 {
        let frame = next(source.as_mut()).unwrap();
        let age = Instant::now().saturating_duration_since(frame.captured_at);
        assert!(age < Duration::from_secs(1), "captured {age:?} ago");
        if Level::of(&frame.samples).rms > 0.1 {
            loud.push(frame);
        }
        if loud.len() == 110 {
            break;
        }
    }
    assert_eq!(loud.len(), 110, "the tone was not heard for a second");
    let heard = &loud[5..105];
    let samples: Vec<f32> = heard.iter().flat_map(|frame| frame.samples).collect();
    let share = share_of_tone(&samples, 440.0);
    let first = heard[0].captured_at;
    let span = heard[99].captured_at.saturating_duration_since(first);
    drop(source);
    child::tell(&format!("{share} {}", span.as_millis()));
    child::wait_for_parent();
}

/// Whether a child of ours has a microphone open, as the server sees it.
fn is_recording(server: &PulseServer) -> bool {
    server
        .control(&["list", "source-outputs"])
        .contains("cpal-pulseaudio")
}

#[test]
fn a_microphone_hears_what_is_played_and_lets_go_when_dropped() {
    let server = PulseServer::start();
    let dir = TempDir::new();
    let recording = dir.path().join("tone.wav");
    let now = Instant::now();
    let mut tone = ToneSource::new(440, now);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&recording, spec).unwrap();
    for index in 0..500 {
        if let Pull::Ready(frame) = tone.pull(now + FRAME_DURATION * index) {
            for sample in frame.samples {
                writer.write_sample((sample * 32_767.0) as i16).unwrap();
            }
        }
    }
    writer.finalize().unwrap();

    let mut child = start("listen", &server);
    assert_eq!(child.next_line().unwrap(), "open");
    assert!(is_recording(&server));
    let _playing = server.play_into_microphone(&recording);
    let told = child.next_line().unwrap();
    let (share, span_ms) = told.split_once(' ').unwrap();
    let (share, span_ms): (f64, u64) = (share.parse().unwrap(), span_ms.parse().unwrap());
    assert!(share > 0.999, "only {share} of what was heard is the tone");
    // 99 frames further by the moments of capture, which the device's clock gives.
    assert!((960..=1_020).contains(&span_ms), "{span_ms} ms");
    assert!(!is_recording(&server), "the microphone was not let go");
    child.go_on();
    child.finish();
}

/// Plays a tone on the default speaker until the parent has heard enough.
fn speak() {
    let mut sink = speaker("default").unwrap();
    let mut tone = ToneSource::new(440, Instant::now());
    let mut pushed = 0_u32;
    let mut now = Instant::now();
    let mut longest = Duration::ZERO;
    while pushed < 400 {
        for _ in 0..sink.demand(now) {
            let frame = next(&mut tone).unwrap();
            sink.push(&frame.samples, now).unwrap();
            pushed += 1;
        }
        longest = longest.max(sink.delay());
        wait_until(now + FRAME_DURATION / 2);
        now = Instant::now();
    }
    drop(sink);
    child::tell(&longest.as_millis().to_string());
}

#[test]
fn a_speaker_plays_what_it_demands() {
    let server = PulseServer::start();
    let mut listening = server.listen_to_speaker();
    let mut child = start("speak", &server);
    let mut heard = Vec::new();
    while Level::of(&heard).rms < 0.1 {
        heard = listening.hear(0.1);
    }
    let tone = listening.hear(2.0);
    let delay_ms: u64 = child.next_line().unwrap().parse().unwrap();
    child.finish();
    let whole = tone
        .chunks_exact(480)
        .filter(|block| Level::of(block).rms > 0.15)
        .count();
    assert!(whole >= 190, "only {whole} of 200 blocks were filled");
    assert!(delay_ms < 300, "{delay_ms} ms");
    assert!(
        server.control(&["list", "short", "sink-inputs"]).is_empty(),
        "the speaker was freed"
    );
}

fn tell_loss(error: &DeviceError) {
    child::tell(&error.to_string());
}

fn lose_the_microphone() {
    let mut source = microphone("default").unwrap();
    next(source.as_mut()).unwrap();
    child::tell("open");
    let error = loop {
        if let Err(error) = next(source.as_mut()) {
            break error;
        }
    };
    drop(source);
    tell_loss(&error);
    child::wait_for_parent();
    let mut again = microphone("device:micsrc").unwrap();
    next(again.as_mut()).unwrap();
    child::tell("again");
}

#[test]
fn a_microphone_that_is_pulled_out_is_lost_and_comes_back() {
    let server = PulseServer::start();
    let mut child = start("lose the microphone", &server);
    assert_eq!(child.next_line().unwrap(), "open");
    // The sinks' monitors stay, and the server would quietly go on with one of them.
    server.unplug_microphone();
    assert_eq!(child.next_line().unwrap(), "the microphone was unplugged");
    server.plug_microphone_in();
    child.go_on();
    assert_eq!(child.next_line().unwrap(), "again");
    child.finish();
}

/// Feeds the speaker until it is lost.
fn play_until_lost(sink: &mut dyn AudioSink) -> DeviceError {
    let mut told = false;
    loop {
        let now = Instant::now();
        for _ in 0..sink.demand(now) {
            if let Err(error) = sink.push(&[0.0; 480], now) {
                return error;
            }
            if !told {
                told = true;
                child::tell("open");
            }
        }
        wait_until(now + FRAME_DURATION / 2);
    }
}

fn lose_the_speaker() {
    let mut sink = speaker("device:speaker").unwrap();
    tell_loss(&play_until_lost(sink.as_mut()));
}

#[test]
fn a_speaker_that_is_pulled_out_is_lost() {
    let server = PulseServer::start();
    let mut child = start("lose the speaker", &server);
    assert_eq!(child.next_line().unwrap(), "open");
    // The other sink stays.
    server.unload("sink_name=speaker");
    assert_eq!(child.next_line().unwrap(), "the speaker was unplugged");
    child.finish();
}

fn lose_the_server() {
    let mut source = microphone("default").unwrap();
    next(source.as_mut()).unwrap();
    let mut sink = speaker("default").unwrap();
    tell_loss(&play_until_lost(sink.as_mut()));
    let error = loop {
        if let Err(error) = next(source.as_mut()) {
            break error;
        }
    };
    tell_loss(&error);
    drop((source, sink));
    child::wait_for_parent();
    next(microphone("default").unwrap().as_mut()).unwrap();
    child::tell("again");
}

#[test]
fn a_server_that_ends_loses_both_and_both_come_back_with_it() {
    let server = PulseServer::start();
    let mut child = start("lose the server", &server);
    assert_eq!(child.next_line().unwrap(), "open");
    server.stop();
    assert_eq!(child.next_line().unwrap(), "the speaker was unplugged");
    assert_eq!(child.next_line().unwrap(), "the microphone was unplugged");
    server.run();
    child.go_on();
    assert_eq!(child.next_line().unwrap(), "again");
    child.finish();
}

/// Opens and drops both again and again, and tells what that left behind.
fn come_and_go() {
    let count = |what: &str| {
        std::fs::read_dir(format!("/proc/self/{what}"))
            .unwrap()
            .count()
    };
    let come_and_go = || {
        let mut source = microphone("default").unwrap();
        next(source.as_mut()).unwrap();
        drop((source, speaker("default").unwrap()));
    };
    come_and_go();
    let (files, threads) = (count("fd"), count("task"));
    for _ in 0..20 {
        come_and_go();
    }
    let (files_after, threads_after) = (count("fd"), count("task"));
    assert_eq!(files_after, files, "open files and sockets");
    // The system may still be burying the last.
    assert!(
        threads_after < threads + 5,
        "{threads} threads became {threads_after}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn twenty_calls_leave_no_socket_and_no_thread() {
    let server = PulseServer::start();
    start("come and go", &server).finish();
}

fn be_without() {
    for (spec, expected) in [
        ("default", "no microphone is connected"),
        ("device:micsrc", "the microphone “micsrc” is not connected"),
    ] {
        child::tell(&microphone(spec).err().unwrap().to_string());
        assert_eq!(microphone(spec).err().unwrap().to_string(), expected);
    }
    assert_eq!(
        speaker("default").err().unwrap().to_string(),
        "no speaker is connected"
    );
    let list = devices();
    assert!(
        list.microphones.is_empty() && list.speakers.is_empty(),
        "{list:?}"
    );
}

#[test]
fn a_computer_without_sound_says_so() {
    let dir = TempDir::new();
    let nowhere = dir.path().display();
    let environment = [
        ("XDG_RUNTIME_DIR", nowhere.to_string()),
        ("PULSE_SERVER", format!("unix:{nowhere}/pulse/native")),
        // ALSA knows of nothing either, whatever this computer has.
        ("ALSA_CONFIG_PATH", "/dev/null".to_owned()),
    ];
    let environment = environment
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    Child::start("sound::in_a_process_of_its_own", "be without", &environment).finish();
}
