//! Asks for pictures' packets that did not come (NACK, RFC 4585 section 6.2.1).
//!
//! Instead of the generator of `rtc-interceptor` 0.21.1, which asks every 100 ms for as long as it
//! remembers, whatever the round trip. Sound is not asked for: it repairs itself (RFC 7587 section 4.5).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rtc::interceptor::{Attribute, AttributedPacket, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};

use super::stage::{Hop, Lanes};
use crate::congestion::NackSchedule;
use crate::media::MediaKind;
use crate::peer::codecs::kind_of;
use crate::peer::shared::Shared;

/// Streams of pictures that are watched; a call has one.
const MAX_STREAMS: usize = 4;

/// One schedule for each stream of pictures.
pub(super) struct AskAgain {
    shared: Arc<Shared>,
    schedules: BTreeMap<u32, NackSchedule>,
    wake: Option<Instant>,
}

impl AskAgain {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            schedules: BTreeMap::new(),
            wake: None,
        }
    }

    fn ask(&mut self, now: Instant, lanes: &mut Lanes) {
        let round_trip = self.shared.ledger().stats.round_trip_time;
        self.wake = None;
        for (ssrc, schedule) in &mut self.schedules {
            if let Some(round_trip) = round_trip {
                schedule.set_round_trip_time(round_trip);
            }
            let missing = schedule.poll(now);
            if !missing.is_empty() {
                let nack = TransportLayerNack {
                    sender_ssrc: self.shared.ssrcs.video,
                    media_ssrc: *ssrc,
                    nacks: nack_pairs_from_sequence_numbers(&missing),
                };
                // Twice: requests get lost as packets do, and whoever gets both answers once.
                for _ in 0..2 {
                    lanes.outbound.push_back(TaggedPacket {
                        now,
                        transport: Default::default(),
                        message: AttributedPacket::new(Packet::Rtcp(vec![Box::new(nack.clone())])),
                    });
                }
            }
            let wake = schedule.next_wake(now);
            self.wake = [self.wake, wake].into_iter().flatten().min();
        }
    }
}

impl Hop for AskAgain {
    fn handle_inbound(&mut self, packet: TaggedPacket, lanes: &mut Lanes) {
        let now = packet.now;
        let recovered = packet.message.has(&Attribute::Retransmission);
        if let Packet::Rtp(rtp) = &packet.message.packet
            && let Some(schedule) = self.schedules.get_mut(&rtp.header.ssrc)
        {
            schedule.handle_packet(now, rtp.header.sequence_number, recovered);
            self.ask(now, lanes);
        }
        lanes.inbound.push_back(packet);
    }

    fn handle_timeout(&mut self, now: Instant, lanes: &mut Lanes) {
        if self.wake.is_some_and(|wake| now >= wake) {
            self.ask(now, lanes);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.wake
    }

    fn bind_remote(&mut self, info: &StreamInfo) {
        // Without retransmissions the answer would be the same packet under the same nonce, see
        // `LocalSsrcs::video_rtx`; what repairs is bound as a stream of its own, without one.
        if kind_of(info) != Some(MediaKind::Video) || info.ssrc_rtx.is_none() {
            return;
        }
        if self.schedules.len() >= MAX_STREAMS {
            self.schedules.clear();
        }
        self.schedules.entry(info.ssrc).or_default();
    }
}
