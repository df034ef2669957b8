//! How fast to send: what left, what the other side says became of it, and our estimator's conclusion.
//!
//! In the place of the congestion control of `rtc-interceptor` 0.21.1, which takes what is merely late
//! for lost; its numbering and its feedback are exact, and stay.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{Packet, StreamInfo, TaggedPacket, convert_twcc};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtp;
use rtc::sdp::extmap::TRANSPORT_CC_URI;

use super::stage::{Hop, Lanes};
use crate::congestion::{ArrivalClock, Estimator, EstimatorConfig, SentHistory, WIRE_OVERHEAD};
use crate::media::Bitrate;
use crate::peer::PeerConfig;
use crate::peer::shared::Shared;

/// How often the encoders hear of it.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);
/// A change of more than this share is told at once.
const NOTABLE_CHANGE: f64 = 0.05;

/// Follows what became of our packets.
pub(super) struct Estimate {
    shared: Arc<Shared>,
    estimator: Estimator,
    sent: SentHistory,
    arrivals: ArrivalClock,
    /// Where the transport-wide number stands in the packets of each of our streams.
    extensions: BTreeMap<u32, u8>,
    published: Bitrate,
    next: Instant,
}

impl Estimate {
    pub(super) fn new(shared: Arc<Shared>, config: &PeerConfig, now: Instant) -> Self {
        let config = EstimatorConfig {
            start: config.start_bitrate,
            min: config.min_bitrate.min(config.max_bitrate),
            max: config.max_bitrate,
        };
        Self {
            shared,
            estimator: Estimator::new(now, config),
            sent: SentHistory::new(),
            arrivals: ArrivalClock::default(),
            extensions: BTreeMap::new(),
            published: Bitrate::default(),
            next: now,
        }
    }

    /// The transport-wide number of a packet of ours, if the other side asked for it.
    fn number_of(&self, rtp: &rtp::Packet) -> Option<u16> {
        let id = self.extensions.get(&rtp.header.ssrc)?;
        let bytes = rtp.header.get_extension(*id)?;
        Some(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]))
    }

    fn handle_feedback(&mut self, packet: &dyn Any, now: Instant) {
        let Some(feedback) = packet.downcast_ref::<TransportLayerCc>() else {
            return;
        };
        let offset = self.arrivals.offset(feedback.reference_time);
        let told = convert_twcc(feedback).into_iter().map(|told| {
            let arrival = told.arrival.filter(|_| told.arrived);
            (told.sequence_number, arrival.map(|at| at + offset))
        });
        let results = self.sent.handle_feedback(now, told);
        self.estimator.handle_results(now, &results);
        self.publish(now);
    }

    /// Tells the pacer and the encoders, if it is time or worth it.
    fn publish(&mut self, now: Instant) {
        if let Some(probe) = self.estimator.poll_probe(now) {
            self.shared.ledger().probe = Some((probe, now));
        }
        let target = self.estimator.target();
        let change = target.bps().abs_diff(self.published.bps()) as f64;
        if now >= self.next || change > NOTABLE_CHANGE * self.published.bps() as f64 {
            self.next = now + PUBLISH_INTERVAL;
            self.published = target;
            self.shared.control_encoders(target, self.estimator.loss());
        }
    }
}

impl Hop for Estimate {
    fn handle_inbound(&mut self, packet: TaggedPacket, lanes: &mut Lanes) {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            for rtcp in packets {
                self.handle_feedback(rtcp.as_any(), packet.now);
            }
        }
        lanes.inbound.push_back(packet);
    }

    fn handle_outbound(&mut self, packet: TaggedPacket, lanes: &mut Lanes) {
        if let Packet::Rtp(rtp) = &packet.message.packet
            && let Some(number) = self.number_of(rtp)
        {
            // An RTP header with one extension of two bytes.
            let size = 12 + 8 + rtp.payload.len() + WIRE_OVERHEAD;
            self.sent.handle_sent(packet.now, number, size);
            self.estimator.handle_sent(packet.now);
        }
        lanes.outbound.push_back(packet);
    }

    fn handle_timeout(&mut self, now: Instant, _lanes: &mut Lanes) {
        let silence = self.estimator.next_timeout();
        if silence.is_some_and(|timeout| now >= timeout) {
            self.estimator.handle_timeout(now);
            self.publish(now);
        }
        if now >= self.next {
            self.publish(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let silence = self.estimator.next_timeout();
        Some(silence.map_or(self.next, |timeout| timeout.min(self.next)))
    }

    fn bind_local(&mut self, info: &StreamInfo) {
        let extension = info
            .rtp_header_extensions
            .iter()
            .find(|extension| extension.uri == TRANSPORT_CC_URI);
        let Some(id) = extension.and_then(|extension| u8::try_from(extension.id).ok()) else {
            return;
        };
        for ssrc in [Some(info.ssrc), info.ssrc_rtx].into_iter().flatten() {
            self.extensions.insert(ssrc, id);
        }
    }
}
