//! Speech for tests: a clip that espeak-ng spoke for us.

use super::Resampler;

/// About 8 s of speech, mono at 48 kHz.
pub(crate) fn speech_clip() -> Vec<f32> {
    let mut reader =
        hound::WavReader::new(&include_bytes!("../../assets/clips/speech.wav")[..]).unwrap();
    let samples: Vec<f32> = reader
        .samples::<i16>()
        .map(|sample| f32::from(sample.unwrap()) / 32_768.0)
        .collect();
    let mut out = Vec::new();
    Resampler::new(reader.spec().sample_rate, 48_000)
        .unwrap()
        .push(&samples, &mut out);
    out
}

/// The clip again and again, in frames of 10 ms, without end.
pub(crate) fn speech_frames() -> impl Iterator<Item = [f32; 480]> {
    frames(&speech_clip())
}

/// The same from another mouth: a synthetic voice says each sound in just the same way, so two who
/// speak must not have the same voice.
pub(crate) fn other_speech_frames() -> impl Iterator<Item = [f32; 480]> {
    let mut lower = Vec::new();
    Resampler::new(42_000, 48_000)
        .unwrap()
        .push(&speech_clip(), &mut lower);
    frames(&lower)
}

fn frames(clip: &[f32]) -> impl Iterator<Item = [f32; 480]> + use<> {
    let frames: Vec<[f32; 480]> = clip
        .chunks_exact(480)
        .map(|chunk| chunk.try_into().unwrap())
        .collect();
    frames.into_iter().cycle()
}
