use proptest::prelude::*;

use super::*;
use crate::process::speech::speech_clip;
use crate::process::stoi::stoi;

fn voice() -> Vec<[f32; OPUS_PACKET_SAMPLES]> {
    speech_clip()
        .chunks_exact(OPUS_PACKET_SAMPLES)
        .map(|chunk| chunk.try_into().unwrap())
        .collect()
}

fn packets(encoder: &mut OpusEncoder) -> Vec<Bytes> {
    voice()
        .iter()
        .map(|samples| encoder.encode(samples).unwrap())
        .collect()
}

/// The ratio in dB of `original` to its difference from `heard`.
fn snr_db(original: &[f32], heard: &[f32]) -> f32 {
    let (mut signal, mut noise) = (0.0_f32, 0.0_f32);
    for (a, b) in original.iter().zip(heard) {
        signal += a * a;
        noise += (a - b) * (a - b);
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn a_voice_goes_through_at_about_the_bitrate_that_was_asked_for() {
    for kbps in [16, 32, 48] {
        let mut encoder = OpusEncoder::new(OpusMode::Voice).unwrap();
        encoder.set_bitrate(Bitrate::from_kbps(kbps)).unwrap();
        let lookahead = encoder.lookahead() as usize;
        let packets = packets(&mut encoder);
        let bits: usize = packets.iter().map(|packet| packet.len() * 8).sum();
        let measured = bits as f64 / (packets.len() as f64 * 20.0);
        assert!(
            (0.5 * kbps as f64..1.3 * kbps as f64).contains(&measured),
            "{kbps}: {measured}"
        );

        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = Vec::new();
        for packet in &packets {
            assert_eq!(opus_packet_samples(packet), Some(960));
            assert_eq!(decoder.decode(packet, &mut out), Ok(960));
        }
        let intelligibility = stoi(&speech_clip(), &out[lookahead..], 48_000).unwrap();
        assert!(intelligibility > 0.97, "{kbps}: {intelligibility}");
    }
}

/// What is left of every fifth packet's sound, in dB below the original, when it is lost.
fn damage_db(expected_loss: f32, recover: bool) -> f32 {
    let mut encoder = OpusEncoder::new(OpusMode::Voice).unwrap();
    encoder.set_expected_loss(expected_loss).unwrap();
    let packets = packets(&mut encoder);
    let mut decoder = OpusDecoder::new().unwrap();
    let mut reference = OpusDecoder::new().unwrap();
    let (mut out, mut whole) = (Vec::new(), Vec::new());
    for (n, packet) in packets.iter().enumerate().take(packets.len() - 1) {
        reference.decode(packet, &mut whole).unwrap();
        if n % 5 != 3 {
            decoder.decode(packet, &mut out).unwrap();
        } else if recover {
            decoder.recover(&packets[n + 1], 960, &mut out).unwrap();
        } else {
            decoder.conceal(960, &mut out).unwrap();
        }
    }
    snr_db(&whole, &out)
}

#[test]
fn the_copy_in_the_next_packet_beats_guessing() {
    let (guessed, recovered) = (damage_db(0.2, false), damage_db(0.2, true));
    assert!(
        recovered > guessed + 3.0,
        "guessed {guessed} dB, recovered {recovered} dB"
    );
}

#[test]
fn copies_are_carried_when_loss_is_expected_and_only_then() {
    for (loss, expected) in [(0.0, false), (0.2, true)] {
        let mut encoder = OpusEncoder::new(OpusMode::Voice).unwrap();
        encoder.set_expected_loss(loss).unwrap();
        let packets = packets(&mut encoder);
        let with_copy = packets
            .iter()
            .filter(|packet| opus_packet_has_fec(packet))
            .count();
        // Pauses need no copy.
        let many = with_copy * 2 > packets.len();
        assert_eq!(many, expected, "{with_copy} of {}", packets.len());
        assert!(expected || with_copy == 0, "{with_copy}");
    }
}

#[test]
fn foreign_durations_and_stereo_are_understood() {
    for milliseconds in [10, 20, 40, 60] {
        for channels in [opus::Channels::Mono, opus::Channels::Stereo] {
            let mut encoder =
                opus::Encoder::new(48_000, channels, opus::Application::Voip).unwrap();
            encoder.set_inband_fec(true).unwrap();
            encoder.set_packet_loss_perc(20).unwrap();
            let samples = milliseconds * 48;
            let width = if channels == opus::Channels::Stereo {
                2
            } else {
                1
            };
            let sound: Vec<f32> = (0..samples * width)
                .map(|i| 0.3 * (0.03 * (i / width) as f32).sin())
                .collect();
            let mut decoder = OpusDecoder::new().unwrap();
            let mut out = Vec::new();
            for _ in 0..10 {
                let packet = encoder.encode_vec_float(&sound, 4_000).unwrap();
                assert_eq!(opus_packet_samples(&packet), Some(samples as u32));
                decoder.recover(&packet, samples, &mut out).unwrap();
                assert_eq!(decoder.decode(&packet, &mut out), Ok(samples));
            }
            let loudest = out.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
            assert!(
                (0.2..=0.5).contains(&loudest),
                "{milliseconds} ms: {loudest}"
            );
        }
    }
}

#[test]
fn nothing_is_not_a_packet() {
    let mut decoder = OpusDecoder::new().unwrap();
    let mut out = Vec::new();
    assert_eq!(decoder.decode(&[], &mut out), Err(OpusError::Empty));
    assert_eq!(decoder.recover(&[], 960, &mut out), Err(OpusError::Empty));
    assert!(matches!(
        decoder.decode(&[0x03], &mut out),
        Err(OpusError::Malformed(_))
    ));
    assert!(out.is_empty());
    assert_eq!(opus_packet_samples(&[]), None);
    assert!(!opus_packet_has_fec(&[]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn arbitrary_bytes_never_panic_and_never_leave_the_range(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..5),
        missing in 0_usize..10_000,
    ) {
        let mut decoder = OpusDecoder::new().unwrap();
        for packet in &packets {
            let mut out = Vec::new();
            let parsed = opus_packet_samples(packet);
            let _ = opus_packet_has_fec(packet);
            let _ = decoder.recover(packet, missing, &mut out);
            let _ = decoder.conceal(missing, &mut out);
            out.clear();
            match decoder.decode(packet, &mut out) {
                Ok(samples) => {
                    prop_assert_eq!(Some(samples as u32), parsed);
                    prop_assert_eq!(samples, out.len());
                }
                Err(error) => {
                    prop_assert!(out.is_empty());
                    prop_assert!(!error.to_string().is_empty());
                }
            }
            prop_assert!(out.iter().all(|sample| (-1.0..=1.0).contains(sample)));
        }
    }
}
