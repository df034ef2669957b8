use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::codec::vp8::rtp::Packetizer;
use crate::media::MediaKind;

const MS: Duration = Duration::from_millis(1);

/// A sender whose frames say which they are: 3 packets each, every key frame 5.
struct Sender {
    packetizer: Packetizer,
    sequence_number: u16,
    frame: u16,
    start: Instant,
}

impl Sender {
    fn new(start: Instant) -> Self {
        Self {
            packetizer: Packetizer::new(0x7ffe),
            sequence_number: 65_530,
            frame: 0,
            start,
        }
    }

    fn time_of(&self, frame: u16) -> Instant {
        self.start + 33 * MS * u32::from(frame)
    }

    /// The packets of the next frame, all arriving when it was made.
    fn frame(&mut self, key_frame: bool) -> Vec<RtpPacket> {
        let number = self.frame;
        self.frame += 1;
        let mut data = vec![u8::from(!key_frame), 0, 0];
        data.extend(number.to_be_bytes());
        data.resize(if key_frame { 5_000 } else { 3_000 }, 7);
        let payloads = self.packetizer.packetize(&data);
        let last = payloads.len() - 1;
        let arrived_at = self.time_of(number);
        let packets = payloads.into_iter().enumerate();
        packets
            .map(|(index, payload)| {
                let sequence_number = self.sequence_number;
                self.sequence_number = sequence_number.wrapping_add(1);
                RtpPacket {
                    kind: MediaKind::Video,
                    ssrc: 1,
                    sequence_number,
                    rtp_timestamp: RtpTimestamp(u32::from(number) * 3_000),
                    marker: index == last,
                    payload,
                    arrived_at,
                    recovered: false,
                }
            })
            .collect()
    }
}

fn number_of(frame: &AssembledFrame) -> u16 {
    u16::from_be_bytes([frame.data[3], frame.data[4]])
}

fn drain(assembler: &mut VideoAssembler, now: Instant) -> Vec<u16> {
    std::iter::from_fn(|| assembler.poll_frame(now))
        .map(|frame| number_of(&frame))
        .collect()
}

fn feed<'a>(
    assembler: &mut VideoAssembler,
    packets: impl IntoIterator<Item = &'a RtpPacket>,
) -> Vec<u16> {
    let mut numbers = Vec::new();
    for packet in packets {
        assembler.handle_packet(packet);
        numbers.extend(drain(assembler, packet.arrived_at));
    }
    numbers
}

#[test]
fn frames_come_out_whole_and_at_once_across_every_wrap() {
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
    for number in 0..20 {
        let packets = sender.frame(number == 0);
        let (last, before) = packets.split_last().expect("several");
        assert!(feed(&mut assembler, before).is_empty());
        assert_eq!(feed(&mut assembler, [last]), [number]);
    }
    assert!(!assembler.poll_key_frame_request(sender.time_of(20)));
    assert_eq!(
        assembler.counters(),
        AssemblerCounters {
            frames_assembled: 20,
            ..Default::default()
        }
    );
}

#[test]
fn reordered_and_doubled_packets_change_nothing() {
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
    let mut packets: Vec<_> = (0..30)
        .flat_map(|number| sender.frame(number == 0))
        .collect();
    let copies: Vec<_> = packets.iter().step_by(3).cloned().collect();
    for (index, copy) in copies.into_iter().enumerate() {
        packets.insert((index * 4 + 9).min(packets.len()), copy);
    }
    for group in packets.chunks_mut(5) {
        group.reverse();
    }
    assert_eq!(feed(&mut assembler, &packets), (0..30).collect::<Vec<_>>());
    assert_eq!(assembler.counters().frames_dropped, 0);
}

#[test]
fn a_retransmission_within_patience_needs_no_key_frame() {
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
    feed(&mut assembler, &sender.frame(true));
    let broken = sender.frame(false);
    assert!(feed(&mut assembler, [&broken[0], &broken[2]]).is_empty());
    for _ in 2..6 {
        assert!(feed(&mut assembler, &sender.frame(false)).is_empty());
    }
    let late = RtpPacket {
        arrived_at: sender.time_of(6),
        recovered: true,
        ..broken[1].clone()
    };
    assert!(!assembler.poll_key_frame_request(late.arrived_at));
    assert_eq!(feed(&mut assembler, [&late]), [1, 2, 3, 4, 5]);
}

#[test]
fn a_gap_that_stays_ends_with_the_key_frame_that_was_asked_for() {
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
    assembler.handle_round_trip_time(40 * MS);
    feed(&mut assembler, &sender.frame(true));
    sender.frame(false);
    let mut requests = Vec::new();
    let mut shown = Vec::new();
    for number in 2..40 {
        let now = sender.time_of(number);
        // It answers the first request a round trip later.
        shown.extend(feed(&mut assembler, &sender.frame(number == 11)));
        if assembler.poll_key_frame_request(now) {
            requests.push(number);
        }
        shown.extend(drain(&mut assembler, now + 30 * MS));
    }
    // The gap shows with frame 2; 200 ms of patience are six frames.
    assert_eq!(requests, [9]);
    assert_eq!(shown, (11..40).collect::<Vec<_>>());
    assert_eq!(assembler.counters().frames_dropped, 9);
}

#[test]
fn a_gap_is_waited_for_as_long_as_repairs_take_on_this_path() {
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
    assembler.handle_round_trip_time(40 * MS);
    feed(&mut assembler, &sender.frame(true));
    // Each gap shows with the next frame and is mended five frames later.
    for _ in 0..20 {
        let missing = sender.frame(false);
        for _ in 0..6 {
            feed(&mut assembler, &sender.frame(false));
        }
        let repaired_at = sender.time_of(sender.frame - 1);
        let repairs = missing.into_iter().map(|packet| RtpPacket {
            arrived_at: repaired_at,
            recovered: true,
            ..packet
        });
        feed(&mut assembler, &repairs.collect::<Vec<_>>());
    }
    let before = assembler.counters().key_frames_requested;
    sender.frame(false);
    let first = sender.frame;
    let asked = (first..first + 30).find(|number| {
        feed(&mut assembler, &sender.frame(false));
        assembler.poll_key_frame_request(sender.time_of(*number))
    });
    // Two repairs of 165 ms; by the round trip alone it would have been 200 ms, six frames.
    let waited = asked.map(|number| number - first);
    assert!(
        waited.is_some_and(|frames| (10..=14).contains(&frames)),
        "{waited:?}"
    );
    assert_eq!(before, 0);
}

#[test]
fn requests_go_on_as_long_as_packets_come_but_not_faster() {
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
    let mut requests = Vec::new();
    for number in 0..60 {
        let now = sender.time_of(number);
        feed(&mut assembler, &sender.frame(false));
        if assembler.poll_key_frame_request(now) {
            requests.push(now);
        }
    }
    assert!(
        (10..=13).contains(&requests.len()),
        "{} in two seconds",
        requests.len()
    );
    assert!(
        requests
            .windows(2)
            .all(|pair| pair[1] - pair[0] >= 150 * MS)
    );
    let silence = sender.time_of(60);
    for second in 1..10 {
        assembler.poll_key_frame_request(silence + Duration::from_secs(second));
    }
    assert!(assembler.counters().key_frames_requested <= requests.len() as u64 + 1);
}

#[test]
fn a_key_frame_on_its_way_is_not_asked_for_again() {
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
    let key = sender.frame(true);
    feed(&mut assembler, &key[..3]);
    assert!(!assembler.poll_key_frame_request(sender.time_of(3)));
    assert!(assembler.poll_key_frame_request(sender.time_of(30)));
}

#[test]
fn what_came_behind_a_key_frame_that_was_not_whole_is_kept_for_it() {
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
    let mut key_frame = sender.frame(true);
    let lost = key_frame.remove(2);
    feed(&mut assembler, &key_frame);
    for _ in 1..4 {
        feed(&mut assembler, &sender.frame(false));
    }
    let now = sender.time_of(4);
    assert!(drain(&mut assembler, now).is_empty());
    assert_eq!(feed(&mut assembler, [&lost]), [0, 1, 2, 3]);
    assert_eq!(assembler.counters().frames_dropped, 0);
}

#[test]
fn a_picture_that_the_sender_skipped_is_noticed_at_once() {
    for cut in [0, 2] {
        let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
        feed(&mut assembler, &sender.frame(true));
        // The sender's queue dropped packets before they were numbered.
        let before = sender.sequence_number;
        let skipped = sender.frame(false);
        sender.sequence_number = before.wrapping_add(cut);
        feed(&mut assembler, &skipped[..usize::from(cut)]);
        assert!(feed(&mut assembler, &sender.frame(false)).is_empty());
        assert!(
            assembler.poll_key_frame_request(sender.time_of(2)),
            "cut at {cut}"
        );
        assert_eq!(feed(&mut assembler, &sender.frame(true)), [3]);
    }
}

#[test]
fn packets_without_content_leave_no_gap() {
    for with_picture_ids in [true, false] {
        let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
        let mut shown = Vec::new();
        for number in 0..10 {
            let mut packets = sender.frame(number == 0);
            for packet in packets.iter_mut().filter(|_| !with_picture_ids) {
                // The same without the extension: one byte, S where it was.
                let start = packet.payload[0] & 0x10;
                let bytes: Vec<u8> = std::iter::once(start)
                    .chain(packet.payload[4..].iter().copied())
                    .collect();
                packet.payload = bytes.into();
            }
            let padding = RtpPacket {
                sequence_number: sender.sequence_number,
                marker: false,
                payload: Bytes::new(),
                ..packets[0].clone()
            };
            sender.sequence_number = sender.sequence_number.wrapping_add(1);
            shown.extend(feed(&mut assembler, packets.iter().chain([&padding])));
        }
        assert_eq!(shown, (0..10).collect::<Vec<_>>());
    }
}

#[test]
fn a_sender_that_begins_anew_is_followed() {
    let start = Instant::now();
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(start));
    feed(&mut assembler, &sender.frame(true));
    sender.sequence_number = sender.sequence_number.wrapping_add(20_000);
    assert!(feed(&mut assembler, &sender.frame(false)).is_empty());
    assert_eq!(feed(&mut assembler, &sender.frame(true)), [2]);
    let mut other = Sender::new(start);
    let packets: Vec<_> = other
        .frame(true)
        .into_iter()
        .map(|packet| RtpPacket { ssrc: 2, ..packet })
        .collect();
    assert_eq!(feed(&mut assembler, &packets), [0]);
}

#[test]
fn after_a_decode_error_only_a_key_frame_comes() {
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(Instant::now()));
    feed(&mut assembler, &sender.frame(true));
    assembler.handle_decode_error();
    assert!(assembler.poll_key_frame_request(sender.time_of(1)));
    assert!(feed(&mut assembler, &sender.frame(false)).is_empty());
    assert_eq!(feed(&mut assembler, &sender.frame(true)), [2]);
}

#[test]
fn a_flood_without_end_takes_bounded_memory_and_a_call_can_go_on() {
    let start = Instant::now();
    let (mut assembler, mut sender) = (VideoAssembler::new(), Sender::new(start));
    feed(&mut assembler, &sender.frame(true));
    let template = sender.frame(false);
    for count in 0..20_000_u32 {
        let packet = RtpPacket {
            sequence_number: template[1].sequence_number.wrapping_add((count * 2) as u16),
            rtp_timestamp: RtpTimestamp(if count % 2 == 0 { 5 } else { count }),
            marker: false,
            ..template[1].clone()
        };
        assembler.handle_packet(&packet);
        assert!(assembler.poll_frame(start).is_none());
        assert!(assembler.packets <= MAX_PACKETS && assembler.frames.len() <= MAX_FRAMES);
        let held: usize = assembler
            .frames
            .iter()
            .map(|frame| frame.packets.len())
            .sum();
        assert_eq!(held, assembler.packets);
    }
    sender.sequence_number = 30_000;
    let mut shown = Vec::new();
    for number in 0..10 {
        shown.extend(feed(&mut assembler, &sender.frame(number % 5 == 0)));
    }
    assert!(shown.len() >= 5, "{shown:?}");
}

proptest! {
    #[test]
    fn any_packets_at_all_are_survived_within_bounds(
        packets in prop::collection::vec(
            (0..2_u32, any::<u16>(), 0..9_u32, any::<bool>(), prop::collection::vec(any::<u8>(), 0..9)),
            0..300,
        ),
    ) {
        let start = Instant::now();
        let mut assembler = VideoAssembler::new();
        for (index, (ssrc, sequence_number, time, marker, payload)) in packets.into_iter().enumerate() {
            let now = start + MS * index as u32;
            assembler.handle_packet(&RtpPacket {
                kind: MediaKind::Video,
                ssrc,
                sequence_number: sequence_number % 64,
                rtp_timestamp: RtpTimestamp(time),
                marker,
                payload: payload.into(),
                arrived_at: now,
                recovered: false,
            });
            while let Some(frame) = assembler.poll_frame(now) {
                prop_assert!(!frame.data.is_empty());
            }
            assembler.poll_key_frame_request(now);
            let _ = assembler.next_wake();
            prop_assert!(assembler.packets <= MAX_PACKETS && assembler.padding.len() <= MAX_PACKETS);
        }
    }
}
