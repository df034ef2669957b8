//! What was sent lately, in case it has to be sent again.

use std::time::{Duration, Instant};

use rtc::rtp;

/// Three seconds at 2.5 Mb/s; older packets are of use to nobody.
const CAPACITY: usize = 1_024;
/// Packets that fill a probe.
const PADDING_PACKETS: usize = 16;

/// A ring of packets by sequence number.
pub(super) struct SentPackets {
    slots: Vec<Option<Sent>>,
    newest: u16,
}

struct Sent {
    packet: rtp::Packet,
    resent_at: Option<Instant>,
}

impl Default for SentPackets {
    fn default() -> Self {
        Self {
            slots: std::iter::repeat_with(|| None).take(CAPACITY).collect(),
            newest: 0,
        }
    }
}

impl SentPackets {
    /// Remembers a packet that goes out for the first time.
    pub(super) fn keep(&mut self, packet: &rtp::Packet) {
        self.newest = packet.header.sequence_number;
        if let Some(slot) = self.slots.get_mut(usize::from(self.newest) % CAPACITY) {
            *slot = Some(Sent {
                packet: packet.clone(),
                resent_at: None,
            });
        }
    }

    /// The packet of this number, if it is known and was not sent again within `interval`.
    pub(super) fn again(
        &mut self,
        sequence_number: u16,
        now: Instant,
        interval: Duration,
    ) -> Option<rtp::Packet> {
        let slot = self
            .slots
            .get_mut(usize::from(sequence_number) % CAPACITY)?;
        let sent = slot.as_mut()?;
        let too_soon = sent
            .resent_at
            .is_some_and(|resent_at| now.saturating_duration_since(resent_at) < interval);
        if sent.packet.header.sequence_number != sequence_number || too_soon {
            return None;
        }
        sent.resent_at = Some(now);
        Some(sent.packet.clone())
    }

    /// The latest few, the newest first.
    pub(super) fn latest(&self) -> Vec<rtp::Packet> {
        (0..PADDING_PACKETS as u16)
            .filter_map(|back| {
                let number = self.newest.wrapping_sub(back);
                let sent = self.slots.get(usize::from(number) % CAPACITY)?.as_ref()?;
                (sent.packet.header.sequence_number == number).then(|| sent.packet.clone())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence_number: u16) -> rtp::Packet {
        let header = rtp::Header {
            sequence_number,
            ..rtp::Header::default()
        };
        rtp::Packet {
            header,
            ..rtp::Packet::default()
        }
    }

    #[test]
    fn a_packet_is_sent_again_once_for_each_round_trip() {
        let (mut sent, now) = (SentPackets::default(), Instant::now());
        let round_trip = Duration::from_millis(50);
        sent.keep(&packet(7));
        assert!(sent.again(7, now, round_trip).is_some());
        assert!(sent.again(7, now, round_trip).is_none());
        assert!(sent.again(7, now + round_trip, round_trip).is_some());
        assert!(sent.again(8, now, round_trip).is_none(), "never sent");
    }

    #[test]
    fn only_the_latest_are_known_across_the_wrap() {
        let (mut sent, now) = (SentPackets::default(), Instant::now());
        for number in (u16::MAX - 99..=u16::MAX).chain(0..1_000) {
            sent.keep(&packet(number));
        }
        assert!(sent.again(u16::MAX - 99, now, Duration::ZERO).is_none());
        for number in (u16::MAX - 23..=u16::MAX).chain(0..1_000) {
            assert!(
                sent.again(number, now, Duration::ZERO).is_some(),
                "{number}"
            );
        }
        let latest: Vec<_> = sent
            .latest()
            .iter()
            .map(|p| p.header.sequence_number)
            .collect();
        assert_eq!(latest[..3], [999, 998, 997]);
    }
}
