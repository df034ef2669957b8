//! Microphone and speaker without a sound server: ALSA, and the kernel's loop-back card, what is
//! played on whose first device comes in on its second. In the guest of `tests/camera-vm/run`.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use twocan::capture::{AudioSource, MicrophoneSpec, Pull, ToneSource, devices};
use twocan::media::Level;
use twocan::playout::SpeakerSpec;

use crate::support::{in_the_guest, share_of_tone, wait_until};

/// For a second of sound, on an emulated computer.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_card_plays_and_records_without_a_sound_server() {
    if !in_the_guest() {
        return;
    }
    let list = devices();
    let microphones: Vec<_> = list.microphones.iter().map(|device| &*device.id).collect();
    let speakers: Vec<_> = list.speakers.iter().map(|device| &*device.id).collect();
    for listed in [&microphones, &speakers] {
        assert!(listed.contains(&"plughw:CARD=Loopback,DEV=0"), "{listed:?}");
        assert!(listed.contains(&"plughw:CARD=Loopback,DEV=1"), "{listed:?}");
        assert!(
            listed.len() <= 3,
            "only what a person would pick: {listed:?}"
        );
    }
    let speaker: SpeakerSpec = "device:plughw:CARD=Loopback,DEV=0".parse().unwrap();
    let microphone: MicrophoneSpec = "device:plughw:CARD=Loopback,DEV=1".parse().unwrap();
    let start = Instant::now();
    let mut speaker = speaker.open(start).unwrap();
    let mut microphone = microphone.open(start).unwrap().unwrap();
    let mut tone = ToneSource::new(440, Instant::now());
    let mut heard: Vec<f32> = Vec::new();
    while heard.len() < 48_000 {
        let now = Instant::now();
        assert!(
            now < start + PATIENCE,
            "only {} samples of the tone were heard",
            heard.len()
        );
        for _ in 0..speaker.demand(now) {
            if let Pull::Ready(frame) = tone.pull(now) {
                speaker.push(&frame.samples, now).unwrap();
            }
        }
        match microphone.pull(now) {
            Pull::Ready(frame) => {
                if Level::of(&frame.samples).rms > 0.1 {
                    heard.extend(frame.samples);
                }
            }
            Pull::NotBefore(moment) => wait_until(moment),
            Pull::Ended => panic!("a device has no end"),
            Pull::Lost(error) => panic!("{error}"),
        }
    }
    // The emulated computer drops a period now and then; within one the tone is whole.
    let mut shares: Vec<f64> = heard
        .chunks_exact(2_400)
        .map(|piece| share_of_tone(piece, 440.0))
        .collect();
    shares.sort_by(f64::total_cmp);
    println!("pieces of 50 ms that are a tone, from worst to best: {shares:.3?}");
    let median = shares[shares.len() / 2];
    assert!(median > 0.99, "half are a tone to {median} or less");
}
