//! Bad paths, on virtual time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use webrtc::runtime::Runtime;

use super::pair::{End, connected_on};
use crate::congestion::Allocator;
use crate::media::{Bitrate, MediaKind, OutgoingRtp, RtpTimestamp};
use crate::peer::PeerEvent;
use crate::peer::runtime::{
    Jitter, LinkConditions, LinkProfile, Queue, VirtualRuntime, VirtualWorld,
};

const TICK: Duration = Duration::from_millis(5);
const PAYLOAD: usize = 1_100;

struct Scene {
    world: VirtualWorld,
    near: Arc<VirtualRuntime>,
    far: Arc<VirtualRuntime>,
}

impl Scene {
    fn new(there: LinkProfile, back: LinkProfile) -> Self {
        let world = VirtualWorld::new();
        let (near, far) = (world.host("near", there), world.host("far", back));
        Self { world, near, far }
    }

    async fn connected(&self) -> (End, End) {
        let near = Arc::clone(&self.near) as Arc<dyn Runtime>;
        let far = Arc::clone(&self.far) as Arc<dyn Runtime>;
        connected_on(&near, &far).await
    }
}

/// Sound at 50 packets a second, and pictures at 30.
struct Source {
    audio: u32,
    frames: u32,
    packets: u32,
    ticks: u32,
}

impl Source {
    fn new() -> Self {
        Self {
            audio: 0,
            frames: 0,
            packets: 0,
            ticks: 0,
        }
    }

    /// 5 ms go by; a picture is `picture_bytes` long.
    fn tick(&mut self, end: &End, picture_bytes: usize) {
        let captured_at = end.runtime.now();
        if self.ticks.is_multiple_of(4) {
            end.link.send_rtp(&[OutgoingRtp {
                kind: MediaKind::Audio,
                rtp_timestamp: RtpTimestamp(self.audio * 960),
                marker: false,
                payload: Bytes::from(vec![1; 80]),
                captured_at,
            }]);
            self.audio += 1;
        }
        // 30 a second: 33 ms is six or seven ticks.
        if self.ticks * 3 / 20 >= self.frames {
            let mut picture = Vec::new();
            let mut left = picture_bytes;
            while left > 0 {
                let length = left.min(PAYLOAD);
                left -= length;
                let mut payload = vec![2; length.max(4)];
                payload[..4].copy_from_slice(&self.packets.to_be_bytes());
                self.packets += 1;
                picture.push(OutgoingRtp {
                    kind: MediaKind::Video,
                    rtp_timestamp: RtpTimestamp(self.frames * 3_000),
                    marker: left == 0,
                    payload: payload.into(),
                    captured_at,
                });
            }
            end.link.send_rtp(&picture);
            self.frames += 1;
        }
        self.ticks += 1;
    }
}

fn number_of(payload: &[u8]) -> u32 {
    payload
        .get(..4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(u32::MAX, u32::from_be_bytes)
}

#[test]
fn every_picture_survives_a_tenth_of_the_packets_lost_without_a_flood_of_repairs() {
    let conditions = LinkConditions {
        delay: Duration::from_millis(40),
        jitter: Jitter::Uniform {
            spread: Duration::from_millis(30),
        },
        loss: 0.1,
        ..LinkConditions::default()
    };
    let scene = Scene::new(
        LinkProfile::new(11, conditions.clone()),
        LinkProfile::new(12, conditions),
    );
    scene.world.block_on(async {
        let (a, mut b) = scene.connected().await;
        let mut source = Source::new();
        let runtime = Arc::clone(&a.runtime);
        for _ in 0..60 * 200 {
            source.tick(&a, 3_300);
            runtime.sleep(TICK).await;
        }
        runtime.sleep(Duration::from_secs(2)).await;
        let (mut arrived, mut sound, mut video_ssrc) = (BTreeSet::new(), 0, 0);
        // Nobody can miss what was lost before anything came.
        let mut first = None;
        while let Ok(packet) = b.rtp.try_recv() {
            match packet.kind {
                MediaKind::Audio => sound += 1,
                MediaKind::Video => {
                    video_ssrc = packet.ssrc;
                    let number = number_of(&packet.payload);
                    first.get_or_insert(number);
                    let new = arrived.insert(number);
                    assert!(new, "no packet is delivered twice");
                }
            }
        }
        let missing: Vec<_> = (first.unwrap_or(0)..source.packets)
            .filter(|number| !arrived.contains(number))
            .collect();
        let stats = a.link.stats().await;
        let lost = scene
            .near
            .link()
            .stats()
            .streams
            .get(&video_ssrc)
            .map_or(0, |stream| stream.lost);
        let again = stats.video_outbound.retransmitted_packets;
        let ratio = again as f64 / lost as f64;
        println!(
            "{} packets, {lost} lost, {again} sent again ({ratio:.2} for each lost), missing: {missing:?}; \
             {sound} of {} packets of sound; round trip {:?}",
            source.packets, source.audio, stats.round_trip_time
        );
        assert!(lost > 300);
        assert!(missing.is_empty(), "{missing:?}");
        assert!(ratio <= 1.3, "{ratio}");
        let reported = stats.video_outbound.packets_lost as f64 / source.packets as f64;
        assert!((0.08..0.12).contains(&reported), "reported loss: {reported}");
        let round_trip = stats.round_trip_time.expect("measured");
        assert!((60..140).contains(&round_trip.as_millis()), "{round_trip:?}");
    });
}

#[test]
fn a_call_connects_though_a_tenth_of_the_packets_is_lost() {
    let mut times = Vec::new();
    for seed in 0..20 {
        let conditions = LinkConditions {
            delay: Duration::from_millis(40),
            jitter: Jitter::Uniform {
                spread: Duration::from_millis(30),
            },
            loss: 0.1,
            ..LinkConditions::default()
        };
        let scene = Scene::new(
            LinkProfile::new(2 * seed, conditions.clone()),
            LinkProfile::new(2 * seed + 1, conditions),
        );
        let ends = scene.world.block_on(scene.connected());
        times.push((scene.world.elapsed(), seed));
        drop(ends);
    }
    times.sort_unstable();
    println!(
        "connected after {:?} (median of 20), {:?} (90 %), {:?} (the slowest, seed {})",
        times[10].0, times[17].0, times[19].0, times[19].1
    );
    assert!(times[10].0 < Duration::from_secs(3));
    assert!(times[19].0 < Duration::from_secs(10));
}

#[test]
fn sound_does_not_wait_behind_a_key_frame() {
    let scene = Scene::new(LinkProfile::perfect(1), LinkProfile::perfect(2));
    scene.world.block_on(async {
        let (a, _b) = scene.connected().await;
        let mut source = Source::new();
        for tick in 0..5 * 200 {
            let key_frame = tick % 200 == 0;
            source.tick(&a, if key_frame { 60_000 } else { 1_500 });
            a.runtime.sleep(TICK).await;
        }
        let stats = a.link.stats().await;
        println!("sound waits {:?} (p95)", stats.audio_queue_p95);
        assert!(stats.audio_outbound.packets >= 245);
        assert!(stats.audio_queue_p95 <= Duration::from_millis(2));
    });
}

/// What a second looked like.
#[derive(Default)]
struct Second {
    target: Bitrate,
    wait_p95: Duration,
    link_queue: Duration,
}

#[test]
fn a_link_cut_to_500_kbps_is_followed_within_five_seconds_and_sound_never_waits() {
    let conditions = LinkConditions {
        delay: Duration::from_millis(25),
        rate: Some(Bitrate::from_kbps(3_000)),
        queue: Queue::Bytes(125_000),
        ..LinkConditions::default()
    };
    let narrow = LinkProfile::new(21, conditions.clone()).then(Duration::from_secs(20), |link| {
        link.rate = Some(Bitrate::from_kbps(500));
    });
    let scene = Scene::new(narrow, LinkProfile::new(22, conditions));
    scene.world.block_on(async {
        let (mut a, _b) = scene.connected().await;
        let mut source = Source::new();
        let (mut picture, mut seconds, mut next_key_frame) = (4_000, Vec::new(), 0);
        for tick in 0..60_u32 * 200 {
            while let Ok(event) = a.events.try_recv() {
                match event {
                    PeerEvent::EncoderControl(control) => {
                        let share = Allocator::allocate(control.target_bitrate, control.loss);
                        picture = share.video.bps() as usize / 8 / 30;
                    }
                    PeerEvent::KeyFrameRequested | PeerEvent::PictureDropped => {
                        next_key_frame = tick;
                    }
                    _ => {}
                }
            }
            // Key frames are six times as large as the others, which pay for them.
            let key_frame = tick >= next_key_frame;
            if key_frame {
                next_key_frame = tick + 2_000;
            }
            source.tick(&a, if key_frame { 6 * picture } else { picture });
            a.runtime.sleep(TICK).await;
            if tick % 200 == 199 {
                let stats = a.link.stats().await;
                seconds.push(Second {
                    target: stats.target_bitrate,
                    wait_p95: stats.audio_queue_p95,
                    link_queue: scene.near.link().queue_delay(scene.world.now()),
                });
            }
        }
        for (second, it) in seconds.iter().enumerate() {
            println!(
                "{second:2} s: target {:4} kb/s, sound waits {:?}, link queue {:?}",
                it.target.bps() / 1_000,
                it.wait_p95,
                it.link_queue
            );
        }
        let worst = seconds.iter().map(|second| second.wait_p95).max();
        assert!(
            worst.expect("a minute") <= Duration::from_millis(20),
            "{worst:?}"
        );
        for (second, it) in seconds.iter().enumerate().skip(25) {
            assert!(it.target <= Bitrate::from_kbps(500), "at {second} s");
            assert!(it.target >= Bitrate::from_kbps(150), "at {second} s");
        }
    });
}
