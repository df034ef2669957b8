//! The encoder and the decoder together, on pictures whose numbers can be read back.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::test_pictures::{luma_psnr, scene};
use super::{Vp8Decoder, Vp8Encoder};
use crate::codec::{VideoCodecError, VideoDecoder, VideoEncoder, VideoEncoderSettings};
use crate::media::{Bitrate, EncodedFrame, Resolution, VideoFrame, read_frame_number};

const FRAME: Duration = Duration::from_nanos(33_333_333);

fn encoder(width: u32, height: u32, kbps: u64) -> Vp8Encoder {
    let resolution = Resolution { width, height };
    Vp8Encoder::new(resolution, Bitrate::from_kbps(kbps), 30).expect("sensible settings")
}

fn settings(width: u32, height: u32, kbps: u64) -> VideoEncoderSettings {
    let resolution = Resolution { width, height };
    VideoEncoderSettings {
        resolution,
        bitrate: Bitrate::from_kbps(kbps),
        frame_rate: 30,
        speed: Vp8Encoder::speed_for(resolution),
    }
}

/// Encodes scene pictures `numbers`, 30 a second.
fn encode_scene(
    encoder: &mut Vp8Encoder,
    (width, height): (u32, u32),
    start: Instant,
    numbers: std::ops::Range<u16>,
) -> Vec<(u16, EncodedFrame)> {
    numbers
        .filter_map(|number| {
            let frame = scene(width, height, number, start + FRAME * u32::from(number));
            let encoded = encoder.encode(&frame, false).expect("encodes");
            encoded.map(|encoded| (number, encoded))
        })
        .collect()
}

fn mean_kbps(frames: &[(u16, EncodedFrame)], span: Duration) -> f64 {
    let bytes: usize = frames.iter().map(|(_, frame)| frame.data.len()).sum();
    bytes as f64 * 8.0 / 1_000.0 / span.as_secs_f64()
}

#[test]
fn pictures_arrive_in_order_and_look_like_what_was_sent() {
    let start = Instant::now();
    let mut encoder = encoder(1280, 720, 1_500);
    let frames = encode_scene(&mut encoder, (1280, 720), start, 0..60);
    assert_eq!(frames.len(), 60, "nothing is skipped at a comfortable rate");
    let mut decoder = Vp8Decoder::new();
    for (index, (number, encoded)) in frames.iter().enumerate() {
        assert_eq!(encoded.key_frame, index == 0);
        let picture = decoder
            .decode(&encoded.data, start)
            .expect("whole")
            .expect("shown");
        assert_eq!(read_frame_number(&picture), Some(*number));
        let psnr = luma_psnr(&picture, &scene(1280, 720, *number, start));
        assert!(psnr > 33.0, "picture {number}: {psnr:.1} dB");
    }
}

#[test]
fn odd_sizes_come_back_without_padding() {
    for (width, height) in [(641, 361), (16, 16), (1, 1), (97, 3)] {
        let now = Instant::now();
        let sent = scene(width, height, 3, now);
        let encoded = encoder(width, height, 2_000)
            .encode(&sent, true)
            .expect("encodes")
            .expect("a key frame is never skipped");
        let back = Vp8Decoder::new()
            .decode(&encoded.data, now)
            .expect("whole")
            .expect("shown");
        assert_eq!(back.resolution(), sent.resolution());
        let psnr = luma_psnr(&sent, &back);
        assert!(psnr > 20.0, "{width}x{height}: {psnr:.1} dB");
    }
}

#[test]
fn the_rate_follows_the_setting_at_once() {
    let start = Instant::now();
    let mut encoder = encoder(640, 360, 600);
    let before = encode_scene(&mut encoder, (640, 360), start, 0..120);
    encoder
        .configure(settings(640, 360, 200))
        .expect("a rate alone is always taken");
    let after = encode_scene(&mut encoder, (640, 360), start, 120..240);
    assert!(
        after.iter().all(|(_, frame)| !frame.key_frame),
        "no key frame for a rate"
    );
    let (before, after) = (
        mean_kbps(&before, FRAME * 120),
        mean_kbps(&after, FRAME * 120),
    );
    assert!((420.0..700.0).contains(&before), "{before:.0} kb/s of 600");
    assert!((120.0..240.0).contains(&after), "{after:.0} kb/s of 200");
}

#[test]
fn a_key_frame_comes_when_asked_and_stays_bounded() {
    let start = Instant::now();
    let mut encoder = encoder(1280, 720, 1_000);
    encode_scene(&mut encoder, (1280, 720), start, 0..30);
    let frame = scene(1280, 720, 30, start + FRAME * 30);
    let key = encoder
        .encode(&frame, true)
        .expect("encodes")
        .expect("never skipped");
    assert!(key.key_frame);
    let mean = 1_000_000 / 8 / 30;
    assert!(key.data.len() < mean * 12, "{} bytes", key.data.len());
    assert!(
        encoder
            .last_quantizer()
            .is_some_and(|quantizer| quantizer <= 127)
    );
}

#[test]
fn a_new_size_begins_with_a_key_frame_of_that_size() {
    let start = Instant::now();
    let (mut encoder, mut decoder) = (encoder(320, 180, 300), Vp8Decoder::new());
    for (step, (width, height)) in [(320, 180), (1280, 720), (640, 360)]
        .into_iter()
        .enumerate()
    {
        encoder
            .configure(settings(width, height, 800))
            .expect("sensible");
        let from = step as u16 * 3;
        let frames = encode_scene(&mut encoder, (width, height), start, from..from + 3);
        for (number, encoded) in frames {
            assert_eq!(encoded.key_frame, number == from);
            let picture = decoder
                .decode(&encoded.data, start)
                .expect("whole")
                .expect("shown");
            assert_eq!((picture.width(), picture.height()), (width, height));
            assert_eq!(read_frame_number(&picture), Some(number));
        }
    }
    let wrong = VideoFrame::black(320, 180, start);
    assert!(matches!(
        encoder.encode(&wrong, false),
        Err(VideoCodecError::BadInput(_))
    ));
}

#[test]
fn nonsense_settings_are_refused() {
    for resolution in [(0, 720), (1280, 0), (20_000, 10)] {
        let resolution = Resolution {
            width: resolution.0,
            height: resolution.1,
        };
        let refused = Vp8Encoder::new(resolution, Bitrate::from_kbps(500), 30);
        assert!(matches!(refused, Err(VideoCodecError::BadInput(_))));
    }
}

#[test]
fn a_picture_that_would_take_all_memory_is_refused_before_it_is_decoded() {
    let now = Instant::now();
    let mut decoder = Vp8Decoder::new();
    for (width, height) in [(16_383_u16, 16_383_u16), (8_192, 8_192), (16_383, 16)] {
        let mut data = vec![0x10, 2, 0, 0x9d, 0x01, 0x2a];
        data.extend(width.to_le_bytes());
        data.extend(height.to_le_bytes());
        data.extend([0x55; 2_000]);
        assert_eq!(
            decoder.decode(&data, now),
            Err(VideoCodecError::TooLarge {
                width: width.into(),
                height: height.into()
            })
        );
    }
}

#[test]
fn after_damage_only_a_key_frame_helps() {
    let start = Instant::now();
    let (mut encoder, mut decoder) = (encoder(320, 180, 300), Vp8Decoder::new());
    let frames = encode_scene(&mut encoder, (320, 180), start, 0..4);
    assert_eq!(
        decoder.decode(&frames[1].1.data, start),
        Err(VideoCodecError::KeyFrameMissing)
    );
    assert!(decoder.decode(&frames[0].1.data, start).is_ok());
    assert!(decoder.decode(&[], start).is_err());
    assert_eq!(
        decoder.decode(&frames[1].1.data, start),
        Err(VideoCodecError::KeyFrameMissing)
    );
    let frame = scene(320, 180, 9, start + FRAME * 9);
    let key = encoder
        .encode(&frame, true)
        .expect("encodes")
        .expect("never skipped");
    let picture = decoder
        .decode(&key.data, start)
        .expect("whole")
        .expect("shown");
    assert_eq!(read_frame_number(&picture), Some(9));
}

/// A key frame and a difference, to be damaged.
fn specimens() -> [Vec<u8>; 2] {
    let start = Instant::now();
    let frames = encode_scene(&mut encoder(160, 90, 300), (160, 90), start, 0..2);
    [frames[0].1.data.to_vec(), frames[1].1.data.to_vec()]
}

proptest! {
    #[test]
    fn any_bytes_decode_or_not_but_never_crash(data: Vec<u8>) {
        let _ = Vp8Decoder::new().decode(&data, Instant::now());
    }

    #[test]
    fn a_damaged_stream_never_crashes_the_decoder(
        changes in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cuts in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8),
    ) {
        let mut frames = specimens();
        for (second, at, value) in changes {
            let frame = &mut frames[usize::from(second)];
            let at = at.index(frame.len());
            // The size stays, so that thousands of cases do not allocate 4K pictures.
            if !(3..10).contains(&at) {
                frame[at] = value;
            }
        }
        for (frame, (cut, chosen)) in frames.iter_mut().zip([(cuts.0, cuts.2 & 1), (cuts.1, cuts.2 & 2)]) {
            if chosen != 0 {
                frame.truncate(cut.index(frame.len()));
            }
        }
        let (now, mut decoder) = (Instant::now(), Vp8Decoder::new());
        for frame in frames {
            if let Ok(Some(picture)) = decoder.decode(&frame, now) {
                prop_assert!(picture.width() <= VideoFrame::MAX_SIDE);
            }
        }
    }
}
