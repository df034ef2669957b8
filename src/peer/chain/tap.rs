//! Where what came in leaves the library: the step nearest to the call.
//!
//! Media goes to the observer from here instead of through the library's tracks, whose queue of 256
//! drops what does not fit, loses the first packets of a relayed stream, and has forgotten when a
//! packet came and whether it was a retransmission (`webrtc` 0.21.1). Reports reach the call here
//! because the library keeps them to itself, and measures no round trip from them.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport as RtcpSenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;

use super::stage::{Hop, Lanes, RemoteStreams};
use crate::media::{MediaKind, RtpPacket, RtpTimestamp, SenderReport};
use crate::peer::PeerEvent;
use crate::peer::shared::Shared;

/// Ends the way of all that comes in.
pub(super) struct Tap {
    shared: Arc<Shared>,
    remote: RemoteStreams,
}

impl Tap {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            remote: RemoteStreams::default(),
        }
    }

    fn handle_rtp(&mut self, rtp: rtp::Packet, recovered: bool, arrived_at: Instant) {
        let header = &rtp.header;
        let Some(stream) = self.remote.get(header.ssrc) else {
            return;
        };
        if stream.payload_type != header.payload_type {
            return;
        }
        {
            let mut ledger = self.shared.ledger();
            let stats = match stream.kind {
                MediaKind::Audio => &mut ledger.stats.audio_inbound,
                MediaKind::Video => &mut ledger.stats.video_inbound,
            };
            stats.packets += 1;
            stats.bytes += rtp.payload.len() as u64;
            stats.retransmitted_packets += u64::from(recovered);
        }
        self.shared.deliver(RtpPacket {
            kind: stream.kind,
            ssrc: header.ssrc,
            sequence_number: header.sequence_number,
            rtp_timestamp: RtpTimestamp(header.timestamp),
            marker: header.marker,
            payload: rtp.payload,
            arrived_at,
            recovered,
        });
    }

    fn handle_rtcp(&mut self, packet: &dyn Any, now: Instant) {
        if let Some(report) = packet.downcast_ref::<RtcpSenderReport>() {
            if let Some(stream) = self.remote.get(report.ssrc) {
                self.shared.report(PeerEvent::SenderReport(SenderReport {
                    kind: stream.kind,
                    ntp_time: report.ntp_time,
                    rtp_timestamp: RtpTimestamp(report.rtp_time),
                    arrived_at: now,
                }));
            }
            self.handle_reception(&report.reports, now);
        } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
            self.handle_reception(&report.reports, now);
        } else if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
            if pli.media_ssrc == self.shared.ssrcs.video {
                self.key_frame_requested();
            }
        } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
            let video = self.shared.ssrcs.video;
            if fir.fir.iter().any(|entry| entry.ssrc == video) {
                self.key_frame_requested();
            }
        } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>()
            && self.shared.ssrcs.kind_of(nack.media_ssrc) == Some(MediaKind::Video)
        {
            self.shared.ledger().stats.video_outbound.nack_count += 1;
        }
    }

    fn key_frame_requested(&self) {
        self.shared.ledger().stats.video_outbound.pli_count += 1;
        self.shared.report(PeerEvent::KeyFrameRequested);
    }

    fn handle_reception(&self, reports: &[ReceptionReport], now: Instant) {
        let ssrcs = self.shared.ssrcs;
        for report in reports {
            let kind = match report.ssrc {
                ssrc if ssrc == ssrcs.audio => MediaKind::Audio,
                ssrc if ssrc == ssrcs.video => MediaKind::Video,
                _ => continue,
            };
            let mut ledger = self.shared.ledger();
            let stats = match kind {
                MediaKind::Audio => &mut ledger.stats.audio_outbound,
                MediaKind::Video => &mut ledger.stats.video_outbound,
            };
            stats.packets_lost = signed_24_bits(report.total_lost);
            stats.jitter = ticks(report.jitter, kind);
            if let Some(sample) =
                self.shared
                    .ntp
                    .round_trip(now, report.last_sender_report, report.delay)
            {
                ledger.round_trip_measured(sample);
            }
        }
    }
}

impl Hop for Tap {
    fn handle_inbound(&mut self, packet: TaggedPacket, _lanes: &mut Lanes) {
        let recovered = packet.message.has(&Attribute::Retransmission);
        match packet.message.packet {
            Packet::Rtp(rtp) => self.handle_rtp(rtp, recovered, packet.now),
            Packet::Rtcp(packets) => {
                for rtcp in &packets {
                    self.handle_rtcp(rtcp.as_any(), packet.now);
                }
            }
            _ => {}
        }
    }

    fn bind_remote(&mut self, info: &StreamInfo) {
        self.remote.bind(info);
        if let Some(stream) = self.remote.get(info.ssrc)
            && stream.kind == MediaKind::Video
        {
            self.shared.ledger().remote_video_ssrc = Some(info.ssrc);
        }
    }
}

/// The cumulative loss of a report: it can be negative, where packets came twice.
pub(super) fn signed_24_bits(value: u32) -> i64 {
    i64::from(((value << 8) as i32) >> 8)
}

/// Interarrival jitter as time.
pub(super) fn ticks(ticks: u32, kind: MediaKind) -> Duration {
    Duration::from_secs_f64(f64::from(ticks) / f64::from(kind.clock_hz()))
}
