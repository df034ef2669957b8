//! Microphone and speaker without a sound server: ALSA, and the kernel's loop-back card, what is
//! played on whose first device comes in on its second. In the guest of `tests/camera-vm/run`.
#![cfg(target_os = "linux")]

use std::time::Instant;

use twocan::capture::{AudioSource, MicrophoneSpec, Pull, ToneSource, devices};
use twocan::media::Level;
use twocan::playout::SpeakerSpec;

use crate::support::{in_the_guest, share_of_tone, wait_until};

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
    let best = heard
        .chunks_exact(2_400)
        .map(|piece| share_of_tone(piece, 440.0))
        .fold(0.0, f64::max);
    assert!(best > 0.99, "the best 50 ms are a tone to {best}");
}
