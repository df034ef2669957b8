//! Tells the other side when a point of each RTP clock was captured, and how much was sent
//! (RFC 3550 section 6.4.1).
//!
//! Each SSRC counts for itself and reports for itself, retransmissions too (RFC 4588 section 4).
//! libwebrtc reports the sum of both as that of the media; who compares the count with what came in
//! takes each repair for a packet that was lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{AttributedPacket, Packet, TaggedPacket};
use rtc::rtcp::sender_report::SenderReport;

use super::stage::{Hop, Lanes};
use crate::media::MediaKind;
use crate::peer::shared::{ClockPoint, Shared};

/// More often than RFC 3550 asks for: each report also begins a measurement of the round trip.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);

/// Sender reports for all our streams.
pub(super) struct SenderReports {
    shared: Arc<Shared>,
    streams: [Sent; 3],
    next: Option<Instant>,
}

/// Counts of one SSRC since the start, as they stand in a report; they wrap.
struct Sent {
    ssrc: u32,
    /// Whose clock its timestamps follow.
    clock: MediaKind,
    packets: u32,
    octets: u32,
}

impl Sent {
    fn nothing_of(ssrc: u32, clock: MediaKind) -> Self {
        Self {
            ssrc,
            clock,
            packets: 0,
            octets: 0,
        }
    }
}

impl SenderReports {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let ssrcs = shared.ssrcs;
        Self {
            shared,
            streams: [
                Sent::nothing_of(ssrcs.audio, MediaKind::Audio),
                Sent::nothing_of(ssrcs.video, MediaKind::Video),
                Sent::nothing_of(ssrcs.video_rtx, MediaKind::Video),
            ],
            next: None,
        }
    }

    fn report(&self, sent: &Sent, now: Instant) -> Option<TaggedPacket> {
        let point = self.shared.ledger().clock_point(sent.clock)?;
        if sent.packets == 0 {
            return None;
        }
        let report = SenderReport {
            ssrc: sent.ssrc,
            ntp_time: self.shared.ntp.ntp(now),
            rtp_time: rtp_time(point, sent.clock, now),
            packet_count: sent.packets,
            octet_count: sent.octets,
            ..SenderReport::default()
        };
        Some(TaggedPacket {
            now,
            transport: Default::default(),
            message: AttributedPacket::new(Packet::Rtcp(vec![Box::new(report)])),
        })
    }

    fn emit(&mut self, now: Instant, lanes: &mut Lanes) {
        let reports = self
            .streams
            .iter()
            .filter_map(|sent| self.report(sent, now));
        lanes.outbound.extend(reports);
        self.next = Some(now + INTERVAL);
    }
}

/// Where the RTP clock of what is captured is at `now`.
fn rtp_time(point: ClockPoint, kind: MediaKind, now: Instant) -> u32 {
    let since = now.saturating_duration_since(point.captured_at);
    let ticks = since.as_nanos() * u128::from(kind.clock_hz()) / 1_000_000_000;
    point.rtp_timestamp.advanced_by(ticks as u32).0
}

impl Hop for SenderReports {
    fn handle_outbound(&mut self, packet: TaggedPacket, lanes: &mut Lanes) {
        let now = packet.now;
        let mut first = false;
        if let Packet::Rtp(rtp) = &packet.message.packet {
            let mut streams = self.streams.iter_mut();
            if let Some(sent) = streams.find(|sent| sent.ssrc == rtp.header.ssrc) {
                first = sent.packets == 0;
                sent.packets = sent.packets.wrapping_add(1);
                sent.octets = sent.octets.wrapping_add(rtp.payload.len() as u32);
            }
        }
        lanes.outbound.push_back(packet);
        if first {
            // At once: lip-sync and the round trip wait for it.
            self.emit(now, lanes);
        }
    }

    fn handle_timeout(&mut self, now: Instant, lanes: &mut Lanes) {
        if self.next.is_some_and(|next| now >= next) {
            self.emit(now, lanes);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use rtc::rtp;

    use super::super::tests::{Nobody, config, sender_reports};
    use super::*;
    use crate::media::RtpTimestamp;

    #[test]
    fn the_clock_of_a_report_runs_on_from_the_moment_of_capture() {
        let captured_at = Instant::now();
        let point = ClockPoint {
            rtp_timestamp: RtpTimestamp(u32::MAX - 100),
            captured_at,
        };
        let now = captured_at + Duration::from_millis(10);
        assert_eq!(rtp_time(point, MediaKind::Audio, now), 480 - 101);
        assert_eq!(rtp_time(point, MediaKind::Video, now), 900 - 101);
    }

    /// A packet of `length` octets on its way.
    fn rtp(ssrc: u32, length: usize, now: Instant) -> TaggedPacket {
        let header = rtp::Header {
            ssrc,
            ..rtp::Header::default()
        };
        let payload = vec![0; length].into();
        TaggedPacket {
            now,
            transport: Default::default(),
            message: AttributedPacket::new(Packet::Rtp(rtp::Packet { header, payload })),
        }
    }

    #[test]
    fn each_ssrc_reports_its_own_packets_and_octets_once_it_has_sent() {
        let begun = Instant::now();
        let shared = Arc::new(Shared::new(&config(), Arc::new(Nobody), begun));
        let ssrcs = shared.ssrcs;
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let point = ClockPoint {
                rtp_timestamp: RtpTimestamp(0),
                captured_at: begun,
            };
            shared.ledger().set_clock_point(kind, point);
        }
        let mut reports = SenderReports::new(shared);
        let mut lanes = Lanes::default();
        let mut second = begun;
        let mut after = |packets: &[(u32, usize, u32)]| {
            for (ssrc, length, times) in packets {
                for _ in 0..*times {
                    reports.handle_outbound(rtp(*ssrc, *length, second), &mut lanes);
                }
            }
            lanes.outbound.clear();
            second += INTERVAL;
            reports.handle_timeout(second, &mut lanes);
            sender_reports(lanes.outbound.drain(..))
        };
        let counts = after(&[(ssrcs.audio, 80, 5), (ssrcs.video, 1_000, 7), (99, 500, 11)]);
        assert_eq!(counts, [(ssrcs.audio, 5, 400), (ssrcs.video, 7, 7_000)]);
        let counts = after(&[(ssrcs.video_rtx, 1_002, 3), (ssrcs.video, 500, 1)]);
        assert_eq!(
            counts,
            [
                (ssrcs.audio, 5, 400),
                (ssrcs.video, 8, 7_500),
                (ssrcs.video_rtx, 3, 3_006),
            ]
        );
    }
}
