//! Counts what leaves, next to the wire.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use rtc::interceptor::{Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;

use super::departure::Padding;
use super::stage::{Hop, Lanes, RemoteStreams};
use super::tap::{signed_24_bits, ticks};
use crate::media::{MediaKind, RtpTimestamp};
use crate::peer::shared::Shared;

/// The last step before the wire.
pub(super) struct Meter {
    shared: Arc<Shared>,
    remote: RemoteStreams,
}

impl Meter {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            remote: RemoteStreams::default(),
        }
    }

    fn count_rtp(&self, rtp: &rtp::Packet, padding: bool, now: Instant) {
        let Some(kind) = self.shared.ssrcs.kind_of(rtp.header.ssrc) else {
            return;
        };
        let mut ledger = self.shared.ledger();
        let stats = match kind {
            MediaKind::Audio => &mut ledger.stats.audio_outbound,
            MediaKind::Video => &mut ledger.stats.video_outbound,
        };
        stats.packets += 1;
        stats.bytes += rtp.payload.len() as u64;
        if rtp.header.ssrc == self.shared.ssrcs.video_rtx && !padding {
            stats.retransmitted_packets += 1;
        }
        if kind == MediaKind::Audio {
            ledger.audio_on_the_wire(RtpTimestamp(rtp.header.timestamp), now);
        }
    }

    fn count_rtcp(&self, packet: &dyn Any) {
        let mut ledger = self.shared.ledger();
        if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
            for block in &report.reports {
                let Some(stream) = self.remote.get(block.ssrc) else {
                    continue;
                };
                let stats = match stream.kind {
                    MediaKind::Audio => &mut ledger.stats.audio_inbound,
                    MediaKind::Video => &mut ledger.stats.video_inbound,
                };
                stats.packets_lost = signed_24_bits(block.total_lost);
                stats.jitter = ticks(block.jitter, stream.kind);
            }
        } else if packet.is::<TransportLayerNack>() {
            ledger.stats.video_inbound.nack_count += 1;
        } else if packet.is::<PictureLossIndication>() {
            ledger.stats.video_inbound.pli_count += 1;
        }
    }
}

impl Hop for Meter {
    fn handle_outbound(&mut self, packet: TaggedPacket, lanes: &mut Lanes) {
        match &packet.message.packet {
            Packet::Rtp(rtp) => {
                let padding = packet.message.custom::<Padding>().is_some();
                self.count_rtp(rtp, padding, packet.now);
            }
            Packet::Rtcp(packets) => {
                for rtcp in packets {
                    self.count_rtcp(rtcp.as_any());
                }
            }
            _ => {}
        }
        lanes.outbound.push_back(packet);
    }

    fn bind_remote(&mut self, info: &StreamInfo) {
        self.remote.bind(info);
    }
}
