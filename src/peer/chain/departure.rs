//! The gate to the wire: sound first, pictures evenly, and again what the other side misses.
//!
//! Pacing and resending are one step because a packet gets its sequence number here: a picture that is
//! thrown away while it waits leaves no hole that the other side would ask to have filled. It takes
//! the places of two steps of `rtc-interceptor` 0.21.1: a pacer with one queue, in which sound stands
//! behind a key frame, and a responder that resends as often as it is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, AttributedPacket, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;

use super::sent_packets::SentPackets;
use super::stage::{Hop, Lanes};
use crate::congestion::{PacerQueue, PacketClass, WIRE_OVERHEAD};
use crate::media::{MediaKind, RtpTimestamp};
use crate::peer::PeerEvent;
use crate::peer::shared::Shared;

/// An RTP header with its transport-wide number, which comes later.
const HEADER: usize = 12 + 8;
/// Asked for again sooner than this, a packet is still on its way, however short the round trip.
const MIN_RESEND_INTERVAL: Duration = Duration::from_millis(10);

/// Marks what nobody asked for.
pub(super) struct Padding;

/// Paces, numbers and resends.
pub(super) struct Departure {
    shared: Arc<Shared>,
    queue: PacerQueue<TaggedPacket>,
    numbers: Numbers,
    repair: Option<Repair>,
    sent: SentPackets,
}

/// The next sequence number of each stream; random at the start (RFC 3550 section 5.1).
struct Numbers {
    audio: u16,
    video: u16,
    video_rtx: u16,
}

/// How to resend, if the other side takes it (RFC 4588).
#[derive(Clone, Copy)]
struct Repair {
    ssrc: u32,
    payload_type: u8,
}

impl Departure {
    pub(super) fn new(shared: Arc<Shared>, now: Instant) -> Self {
        let target = shared.ledger().stats.target_bitrate;
        Self {
            shared,
            queue: PacerQueue::new(now, target),
            numbers: Numbers {
                audio: rand::random(),
                video: rand::random(),
                video_rtx: rand::random(),
            },
            repair: None,
            sent: SentPackets::default(),
        }
    }

    fn class_of(&self, rtp: &rtp::Packet) -> PacketClass {
        match self.shared.ssrcs.kind_of(rtp.header.ssrc) {
            Some(MediaKind::Video) => PacketClass::Video(RtpTimestamp(rtp.header.timestamp)),
            _ => PacketClass::Audio,
        }
    }

    /// Lets everything go whose turn has come.
    fn depart(&mut self, now: Instant, lanes: &mut Lanes) {
        let (target, probe) = {
            let mut ledger = self.shared.ledger();
            (ledger.stats.target_bitrate, ledger.probe.take())
        };
        self.queue.set_target(target);
        if let Some((probe, _)) = probe
            && self.repair.is_some()
        {
            self.queue.start_probe(now, probe);
        }
        while let Some(packet) = self.queue.poll(now) {
            self.send(now, packet, lanes);
        }
        while let Some(bytes) = self.queue.padding_owed(now) {
            let sent = self.send_padding(now, bytes, lanes);
            self.queue.charge_padding(now, sent);
        }
        if self.queue.take_key_frame_needed() {
            tracing::debug!("pictures waited too long and were thrown away");
            self.shared.report(PeerEvent::PictureDropped);
        }
    }

    fn send(&mut self, now: Instant, mut packet: TaggedPacket, lanes: &mut Lanes) {
        packet.now = now;
        if let Packet::Rtp(rtp) = &mut packet.message.packet {
            let ssrcs = self.shared.ssrcs;
            let number = match rtp.header.ssrc {
                ssrc if ssrc == ssrcs.audio => &mut self.numbers.audio,
                ssrc if ssrc == ssrcs.video => &mut self.numbers.video,
                _ => &mut self.numbers.video_rtx,
            };
            rtp.header.sequence_number = *number;
            *number = number.wrapping_add(1);
            if rtp.header.ssrc == ssrcs.video && self.repair.is_some() {
                self.sent.keep(rtp);
            }
        }
        lanes.outbound.push_back(packet);
    }

    /// Fills a probe with what was sent last: worth more than zeros to a receiver that missed some of it.
    /// Returns how many bytes that was: whole packets, so the last goes beyond `bytes`.
    fn send_padding(&mut self, now: Instant, bytes: usize, lanes: &mut Lanes) -> usize {
        let Some(repair) = self.repair else { return 0 };
        let mut filled = 0;
        for rtp in self.sent.latest() {
            if filled >= bytes {
                break;
            }
            filled += size_of(&rtp);
            let mut packet = retransmission(repair, &rtp, now);
            packet.message.add(Attribute::Custom(Arc::new(Padding)));
            self.send(now, packet, lanes);
        }
        filled
    }

    fn handle_nack(&mut self, nack: &TransportLayerNack, now: Instant) {
        let Some(repair) = self.repair else { return };
        if nack.media_ssrc != self.shared.ssrcs.video {
            return;
        }
        let round_trip = self.shared.ledger().stats.round_trip_time;
        // A request comes twice, jitter apart; the next for the same packet, a round trip and more.
        let interval = round_trip.unwrap_or_default().max(MIN_RESEND_INTERVAL);
        for pair in &nack.nacks {
            for sequence_number in pair.packet_list() {
                if let Some(rtp) = self.sent.again(sequence_number, now, interval) {
                    let size = size_of(&rtp);
                    let packet = retransmission(repair, &rtp, now);
                    self.queue
                        .push(now, PacketClass::Retransmission, size, packet);
                }
            }
        }
    }
}

/// On the wire.
fn size_of(rtp: &rtp::Packet) -> usize {
    HEADER + rtp.payload.len() + WIRE_OVERHEAD
}

/// RFC 4588 section 4; numbered when it departs.
fn retransmission(repair: Repair, rtp: &rtp::Packet, now: Instant) -> TaggedPacket {
    let mut payload = Vec::with_capacity(2 + rtp.payload.len());
    payload.extend_from_slice(&rtp.header.sequence_number.to_be_bytes());
    payload.extend_from_slice(&rtp.payload);
    let header = rtp::Header {
        version: 2,
        marker: rtp.header.marker,
        payload_type: repair.payload_type,
        timestamp: rtp.header.timestamp,
        ssrc: repair.ssrc,
        ..rtp::Header::default()
    };
    let packet = rtp::Packet {
        header,
        payload: payload.into(),
    };
    TaggedPacket {
        now,
        transport: Default::default(),
        message: AttributedPacket::new(Packet::Rtp(packet)).with(Attribute::Retransmission),
    }
}

impl Hop for Departure {
    fn handle_inbound(&mut self, packet: TaggedPacket, lanes: &mut Lanes) {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            for rtcp in packets {
                if let Some(nack) = rtcp.as_any().downcast_ref::<TransportLayerNack>() {
                    self.handle_nack(nack, packet.now);
                }
            }
            self.depart(packet.now, lanes);
        }
        lanes.inbound.push_back(packet);
    }

    fn handle_outbound(&mut self, packet: TaggedPacket, lanes: &mut Lanes) {
        let now = packet.now;
        match &packet.message.packet {
            Packet::Rtp(rtp) => {
                let (class, size) = (self.class_of(rtp), size_of(rtp));
                self.queue.push(now, class, size, packet);
                self.depart(now, lanes);
            }
            // Reports are small, and of use only while they are fresh.
            _ => lanes.outbound.push_back(packet),
        }
    }

    fn handle_timeout(&mut self, now: Instant, lanes: &mut Lanes) {
        if self.poll_timeout().is_some_and(|wake| now >= wake) {
            self.depart(now, lanes);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let probe = self.shared.ledger().probe.map(|(_, since)| since);
        [self.queue.next_wake(), probe].into_iter().flatten().min()
    }

    fn bind_local(&mut self, info: &StreamInfo) {
        if info.ssrc == self.shared.ssrcs.video {
            self.repair = info
                .ssrc_rtx
                .zip(info.payload_type_rtx)
                .map(|(ssrc, payload_type)| Repair { ssrc, payload_type });
        }
    }
}
