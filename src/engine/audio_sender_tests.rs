use super::*;
use crate::codec::{OpusDecoder, opus_packet_has_fec};
use crate::process::render_reference;
use crate::process::speech::speech_frames;

/// A sender fed with speech, frame after frame, on virtual time.
struct Bench {
    sender: AudioSender,
    speech: Box<dyn Iterator<Item = [f32; FRAME_SAMPLES]>>,
    now: Instant,
    packets: Vec<OutgoingRtp>,
}

impl Bench {
    fn new() -> Self {
        let sender = AudioSender::new(
            RtpTimestamp(u32::MAX - 960),
            Processing::OFF,
            OpusMode::Voice,
            None,
        )
        .unwrap();
        Self {
            sender,
            // The clip begins with a breath of silence.
            speech: Box::new(speech_frames().skip(20)),
            now: Instant::now(),
            packets: Vec::new(),
        }
    }

    fn frames(&mut self, count: usize) -> usize {
        let before = self.packets.len();
        for _ in 0..count {
            let samples = self.speech.next().unwrap();
            let frame = AudioFrame {
                samples,
                captured_at: self.now,
            };
            self.packets.extend(self.sender.handle_frame(frame));
            self.now += FRAME_DURATION;
        }
        self.packets.len() - before
    }

    fn decoded(&self) -> Vec<f32> {
        let mut decoder = OpusDecoder::new().unwrap();
        let mut out = Vec::new();
        for packet in &self.packets {
            decoder.decode(&packet.payload, &mut out).unwrap();
        }
        out
    }
}

fn control(kbps: u64, loss: f32) -> EncoderControl {
    EncoderControl {
        target_bitrate: Bitrate::from_kbps(kbps),
        loss,
        round_trip_time: None,
    }
}

#[test]
fn two_frames_make_a_packet_on_a_clock_that_wraps() {
    let mut bench = Bench::new();
    let start = bench.now;
    assert_eq!(bench.frames(9), 4);
    let times: Vec<u32> = bench.packets.iter().map(|p| p.rtp_timestamp.0).collect();
    assert_eq!(times, [u32::MAX - 960, u32::MAX, 959, 1_919]);
    let markers: Vec<bool> = bench.packets.iter().map(|p| p.marker).collect();
    assert_eq!(markers, [true, false, false, false]);
    // What is in a packet was captured a little before its first frame: Opus holds 6.5 ms back.
    let apart = bench.packets[2].captured_at - bench.packets[1].captured_at;
    assert_eq!(apart, Duration::from_millis(20));
    assert!(bench.packets[1].captured_at > start + Duration::from_millis(10));
    assert!(bench.packets[1].captured_at < start + Duration::from_millis(20));
}

#[test]
fn muting_fades_out_and_unmuting_goes_on_where_the_clock_is() {
    for odd in [0, 1] {
        let mut bench = Bench::new();
        bench.frames(100 + odd);
        bench.sender.set_muted(true);
        assert!(bench.sender.is_muted());
        let ending = bench.frames(20);
        assert!((3..=5).contains(&ending), "{ending}");
        assert_eq!(bench.frames(179 + odd), 0);
        assert!(
            bench.sender.level().rms > 1e-3,
            "the meter works while muted"
        );
        // The last packets are silence, as the other side decodes them.
        let heard = bench.decoded();
        let tail = Level::of(&heard[heard.len() - 960..]);
        assert!(tail.peak < 1e-3, "{}", tail.peak);

        let before = bench.packets.len();
        bench.sender.set_muted(false);
        bench.frames(10);
        let first = &bench.packets[before];
        assert!(first.marker);
        assert!(bench.packets[before + 1..].iter().all(|p| !p.marker));
        let elapsed = first
            .rtp_timestamp
            .ticks_since(bench.packets[0].rtp_timestamp);
        assert_eq!(elapsed % 960, 0);
        assert!((300 * 480..=304 * 480).contains(&elapsed), "{elapsed}");
    }
}

#[test]
fn muting_and_unmuting_within_a_packet_clicks_nowhere() {
    let mut bench = Bench::new();
    for round in 0..60 {
        bench.frames(2 + round % 5);
        bench.sender.set_muted(round % 2 == 0);
    }
    let sent = bench.packets.len();
    assert!(sent > 40);
    let steps = bench
        .packets
        .windows(2)
        .map(|pair| pair[1].rtp_timestamp.ticks_since(pair[0].rtp_timestamp));
    for step in steps {
        assert!(step > 0 && step % 480 == 0, "{step}");
    }
}

#[test]
fn a_gap_in_the_capture_is_a_gap_on_the_rtp_clock_and_lateness_is_not() {
    let mut bench = Bench::new();
    bench.frames(100);
    // Two frames come late, as when the machine was busy; the rest is in time again.
    bench.now += Duration::from_millis(150);
    bench.frames(2);
    bench.now -= Duration::from_millis(150);
    bench.frames(98);
    let so_far = |bench: &Bench| {
        let last = bench.packets.last().unwrap();
        last.rtp_timestamp
            .ticks_since(bench.packets[0].rtp_timestamp)
    };
    assert_eq!(so_far(&bench), 198 * 480);
    // The microphone was away for three seconds.
    bench.now += Duration::from_secs(3);
    let before = bench.packets.len();
    bench.frames(4);
    assert!(bench.packets[before].marker);
    let expected = (200 + 300 + 2) * 480;
    assert!(
        (so_far(&bench) - expected).abs() < 480,
        "{}",
        so_far(&bench)
    );
}

#[test]
fn the_network_moves_bitrate_and_copies_within_bounds() {
    let mut bench = Bench::new();
    bench.sender.handle_control(control(1, 0.0)).unwrap();
    assert_eq!(bench.sender.stats().target_bitrate, 16_000);
    bench
        .sender
        .handle_control(control(9_000, f32::NAN))
        .unwrap();
    assert_eq!(bench.sender.stats().target_bitrate, 48_000);
    bench.sender.handle_control(control(32, 0.9)).unwrap();
    assert_eq!(bench.sender.stats().expected_loss, MOST_EXPECTED_LOSS);
    bench.frames(200);
    let copies = bench
        .packets
        .iter()
        .filter(|packet| opus_packet_has_fec(&packet.payload))
        .count();
    assert!(copies > 60, "{copies} of 100");
    // Ten seconds without loss later it expects little again.
    for _ in 0..150 {
        bench.sender.handle_control(control(32, 0.0)).unwrap();
    }
    assert_eq!(bench.sender.stats().expected_loss, LEAST_EXPECTED_LOSS);
}

#[test]
fn statistics_count_what_was_sent() {
    let mut bench = Bench::new();
    bench.frames(200);
    bench.sender.set_muted(true);
    bench.frames(100);
    let stats = bench.sender.stats();
    assert_eq!(stats.packets_encoded, bench.packets.len() as u64);
    assert_eq!(stats.total_samples_sent, 960 * stats.packets_encoded);
    let bytes: usize = bench.packets.iter().map(|p| p.payload.len()).sum();
    assert_eq!(stats.bytes_encoded, bytes as u64);
    assert!((stats.total_samples_duration - 3.0).abs() < 1e-6);
    assert!(stats.audio_level > 0.0 && stats.total_audio_energy > 0.0);
    assert_eq!(stats.encoder_errors, 0);
}

#[test]
fn what_was_played_reaches_the_canceller() {
    // The far end speaks; the microphone hears only that, 40 ms later and 6 dB weaker.
    let (mut source, reference) = render_reference();
    let mut sender = AudioSender::new(
        RtpTimestamp(0),
        Processing {
            remove_echo: true,
            ..Processing::OFF
        },
        OpusMode::Voice,
        Some(reference),
    )
    .unwrap();
    let mut line = vec![[0.0; FRAME_SAMPLES]; 4];
    let now = Instant::now();
    let (mut before, mut after) = (0.0, 0.0);
    for (i, played) in speech_frames().take(1_000).enumerate() {
        source.push(&played);
        line.push(played.map(|sample| 0.5 * sample));
        let samples = line.remove(0);
        sender.handle_frame(AudioFrame {
            samples,
            captured_at: now + FRAME_DURATION * i as u32,
        });
        if i > 500 {
            before += Level::of(&samples).rms.powi(2);
            after = sender.stats().total_audio_energy as f32 / 0.01;
        } else {
            after = 0.0_f32.max(after);
        }
    }
    // All of the energy that got through in 10 s is little against the echo of the last 5 s.
    assert!(after < 0.1 * before, "{after} of {before}");
}

#[test]
fn music_is_sent_with_more_bits() {
    let mut bench = Bench::new();
    bench.sender.set_mode(OpusMode::Music).unwrap();
    bench.sender.handle_control(control(96, 0.0)).unwrap();
    assert_eq!(bench.sender.stats().target_bitrate, 96_000);
    bench.sender.set_mode(OpusMode::Voice).unwrap();
    assert_eq!(bench.sender.stats().target_bitrate, 48_000);
    assert_eq!(bench.frames(10), 5);
}
