//! Tells the other side when a point of each RTP clock was captured (RFC 3550 section 6.4.1).

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{AttributedPacket, Packet, TaggedPacket};
use rtc::rtcp::sender_report::SenderReport;

use super::stage::{Hop, Lanes};
use crate::media::MediaKind;
use crate::peer::shared::{ClockPoint, Shared};

/// More often than RFC 3550 asks for: each report also begins a measurement of the round trip.
pub(super) const INTERVAL: Duration = Duration::from_millis(500);

/// Sender reports for both our streams.
pub(super) struct SenderReports {
    shared: Arc<Shared>,
    audio: Sent,
    video: Sent,
    next: Option<Instant>,
}

/// Counts since the start, as they stand in a report; they wrap.
#[derive(Default)]
struct Sent {
    packets: u32,
    octets: u32,
}

impl SenderReports {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            audio: Sent::default(),
            video: Sent::default(),
            next: None,
        }
    }

    fn report(&self, kind: MediaKind, now: Instant) -> Option<TaggedPacket> {
        let (sent, ssrc) = match kind {
            MediaKind::Audio => (&self.audio, self.shared.ssrcs.audio),
            MediaKind::Video => (&self.video, self.shared.ssrcs.video),
        };
        let point = self.shared.ledger().clock_point(kind)?;
        if sent.packets == 0 {
            return None;
        }
        let report = SenderReport {
            ssrc,
            ntp_time: self.shared.ntp.ntp(now),
            rtp_time: rtp_time(point, kind, now),
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
        for kind in [MediaKind::Audio, MediaKind::Video] {
            lanes.outbound.extend(self.report(kind, now));
        }
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
            let sent = match self.shared.ssrcs.kind_of(rtp.header.ssrc) {
                Some(MediaKind::Audio) => Some(&mut self.audio),
                Some(MediaKind::Video) => Some(&mut self.video),
                None => None,
            };
            if let Some(sent) = sent {
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
}
