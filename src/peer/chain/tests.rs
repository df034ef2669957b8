//! The whole chain under foreign bytes: whatever an authenticated peer sends is taken or ignored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;
use rtc::interceptor::{
    AttributedPacket, Interceptor, Packet, RTCPFeedback, RTPHeaderExtension, StreamInfo,
    TaggedPacket,
};
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
use rtc::sansio::Protocol;
use rtc::sdp::extmap::TRANSPORT_CC_URI;
use rtc::shared::marshal::Unmarshal;
use rtc::{rtcp, rtp};

use super::registry;
use crate::media::{Bitrate, MediaKind, RtpPacket, RtpTimestamp};
use crate::peer::shared::{ClockPoint, Shared};
use crate::peer::{Certificate, LEAST_BITRATE, PeerConfig, PeerEvent, PeerObserver};

pub(super) struct Nobody;

impl PeerObserver for Nobody {
    fn handle_rtp(&self, _packet: RtpPacket) {}
    fn handle_event(&self, _event: PeerEvent) {}
}

pub(super) fn config() -> PeerConfig {
    PeerConfig {
        ice_servers: Vec::new(),
        bind: Vec::new(),
        certificate: Certificate::new().expect("a certificate"),
        relay_only: false,
        start_bitrate: Bitrate::from_kbps(500),
        min_bitrate: LEAST_BITRATE,
        max_bitrate: Bitrate::from_kbps(2_500),
    }
}

/// SSRC, packets and octets of each sender report among `packets`.
pub(super) fn sender_reports(packets: impl Iterator<Item = TaggedPacket>) -> Vec<(u32, u32, u32)> {
    packets
        .filter_map(|packet| match packet.message.packet {
            Packet::Rtcp(packets) => Some(packets),
            _ => None,
        })
        .flatten()
        .filter_map(|rtcp| {
            let report = rtcp.as_any().downcast_ref::<SenderReport>()?;
            Some((report.ssrc, report.packet_count, report.octet_count))
        })
        .collect()
}

fn video(ssrc: u32, ssrc_rtx: u32) -> StreamInfo {
    StreamInfo {
        ssrc,
        ssrc_rtx: Some(ssrc_rtx),
        payload_type: 96,
        payload_type_rtx: Some(97),
        mime_type: "video/VP8".to_owned(),
        clock_rate: 90_000,
        rtp_header_extensions: vec![RTPHeaderExtension {
            uri: TRANSPORT_CC_URI.to_owned(),
            id: 3,
        }],
        rtcp_feedback: vec![RTCPFeedback {
            typ: "nack".to_owned(),
            parameter: String::new(),
        }],
        ..StreamInfo::default()
    }
}

/// What comes in, or time that goes by.
#[derive(Debug, Clone)]
enum Step {
    Rtp {
        known: bool,
        repair: bool,
        number: u16,
        bytes: Vec<u8>,
    },
    /// A report with a fitting header and anything behind it.
    Rtcp {
        packet_type: u8,
        format: u8,
        about_us: bool,
        bytes: Vec<u8>,
    },
    Raw(Vec<u8>),
    Send(Vec<u8>),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..64);
    prop_oneof![
        (any::<bool>(), any::<bool>(), any::<u16>(), bytes()).prop_map(
            |(known, repair, number, bytes)| Step::Rtp {
                known,
                repair,
                number,
                bytes
            }
        ),
        (200..=207_u8, 0..32_u8, any::<bool>(), bytes()).prop_map(
            |(packet_type, format, about_us, bytes)| Step::Rtcp {
                packet_type,
                format,
                about_us,
                bytes
            }
        ),
        bytes().prop_map(Step::Raw),
        bytes().prop_map(Step::Send),
        (0..2_000_u64).prop_map(Step::Wait),
    ]
}

fn rtcp_packet(packet_type: u8, format: u8, about: u32, bytes: &[u8]) -> Bytes {
    let mut content = BytesMut::new();
    content.put_u32(1);
    content.put_u32(about);
    content.put_slice(bytes);
    content.resize(content.len().next_multiple_of(4), 0);
    let mut packet = BytesMut::new();
    packet.put_u8(0x80 | format);
    packet.put_u8(packet_type);
    packet.put_u16((content.len() / 4) as u16);
    packet.put_slice(&content);
    packet.freeze()
}

fn tagged(now: Instant, packet: Packet) -> TaggedPacket {
    TaggedPacket {
        now,
        transport: Default::default(),
        message: AttributedPacket::new(packet),
    }
}

#[test]
fn what_is_sent_again_counts_in_the_report_of_its_own_ssrc() {
    let mut now = Instant::now();
    let shared = Arc::new(Shared::new(&config(), Arc::new(Nobody), now));
    let ssrcs = shared.ssrcs;
    let point = ClockPoint {
        rtp_timestamp: RtpTimestamp(0),
        captured_at: now,
    };
    shared.ledger().set_clock_point(MediaKind::Video, point);
    let mut chain = registry(&shared, &config(), now).build();
    chain.bind_local_stream(&video(ssrcs.video, ssrcs.video_rtx));
    let mut on_the_wire = Vec::new();
    for _ in 0..4 {
        let header = rtp::Header {
            version: 2,
            ssrc: ssrcs.video,
            payload_type: 96,
            ..rtp::Header::default()
        };
        let payload = vec![0; 1_000].into();
        let packet = rtp::Packet { header, payload };
        let _ = chain.handle_write(tagged(now, Packet::Rtp(packet)));
        now += Duration::from_millis(50);
        let _ = chain.handle_timeout(now);
        on_the_wire.extend(std::iter::from_fn(|| chain.poll_write()));
    }
    let numbers: Vec<_> = on_the_wire
        .iter()
        .filter_map(|packet| match &packet.message.packet {
            Packet::Rtp(rtp) => Some(rtp.header.sequence_number),
            _ => None,
        })
        .collect();
    assert_eq!(numbers.len(), 4);
    let nacks = numbers[1..3].iter().map(|number| NackPair::new(*number));
    let nack = TransportLayerNack {
        sender_ssrc: 7,
        media_ssrc: ssrcs.video,
        nacks: nacks.collect(),
    };
    let _ = chain.handle_read(tagged(now, Packet::Rtcp(vec![Box::new(nack)])));
    // The first of them brought reports at once; the next come 500 ms later.
    let mut reports = Vec::new();
    for _ in 0..12 {
        now += Duration::from_millis(50);
        let _ = chain.handle_timeout(now);
        reports.extend(sender_reports(std::iter::from_fn(|| chain.poll_write())));
    }
    let last = &reports[reports.len().saturating_sub(2)..];
    // Two octets of each say which number it repairs.
    assert_eq!(last, [(ssrcs.video, 4, 4_000), (ssrcs.video_rtx, 2, 2_004)]);
}

proptest! {
    #[test]
    fn nothing_that_comes_in_breaks_the_chain_or_makes_it_send_without_measure(
        steps in proptest::collection::vec(step(), 1..80)
    ) {
        let config = config();
        let mut now = Instant::now();
        let shared = Arc::new(Shared::new(&config, Arc::new(Nobody), now));
        let ssrcs = shared.ssrcs;
        let mut chain = registry(&shared, &config, now).build();
        chain.bind_local_stream(&video(ssrcs.video, ssrcs.video_rtx));
        chain.bind_remote_stream(&video(7, 8));
        let (mut given, mut sent, mut waited) = (0_usize, 0_usize, Duration::ZERO);
        for step in steps {
            match step {
                Step::Rtp { known, repair, number, bytes } => {
                    let header = rtp::Header {
                        version: 2,
                        ssrc: if known { 7 + u32::from(repair) } else { 99 },
                        payload_type: if repair { 97 } else { 96 },
                        sequence_number: number,
                        ..rtp::Header::default()
                    };
                    let packet = rtp::Packet { header, payload: bytes.into() };
                    let _ = chain.handle_read(tagged(now, Packet::Rtp(packet)));
                }
                Step::Rtcp { packet_type, format, about_us, bytes } => {
                    let about = if about_us { ssrcs.video } else { 7 };
                    let mut bytes = rtcp_packet(packet_type, format, about, &bytes);
                    if let Ok(packets) = rtcp::packet::unmarshal(&mut bytes) {
                        let _ = chain.handle_read(tagged(now, Packet::Rtcp(packets)));
                    }
                }
                Step::Raw(bytes) => {
                    if let Ok(packet) = rtp::Packet::unmarshal(&mut Bytes::from(bytes)) {
                        let _ = chain.handle_read(tagged(now, Packet::Rtp(packet)));
                    }
                }
                Step::Send(bytes) => {
                    given += 1;
                    let header = rtp::Header {
                        version: 2,
                        ssrc: ssrcs.video,
                        payload_type: 96,
                        timestamp: given as u32,
                        ..rtp::Header::default()
                    };
                    let packet = rtp::Packet { header, payload: bytes.into() };
                    let _ = chain.handle_write(tagged(now, Packet::Rtp(packet)));
                }
                Step::Wait(milliseconds) => {
                    let wait = Duration::from_millis(milliseconds);
                    waited += wait;
                    now += wait;
                    let _ = chain.handle_timeout(now);
                }
            }
            while chain.poll_read().is_some() {}
            while chain.poll_write().is_some() {
                sent += 1;
            }
        }
        // Each packet of ours may be asked for again and again, but only so often in a time; reports
        // and requests have their own measure.
        let often = 200 + 100 * waited.as_millis() as usize / 10;
        prop_assert!(sent <= (1 + given) * often, "{sent} packets for {given} in {waited:?}");
    }
}
