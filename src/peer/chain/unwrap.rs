//! Retransmissions become what they repair, before anybody counts what is missing.
//!
//! `rtc` 0.21.1 unwraps RTX behind the interceptors, so that its NACK generator never learns of a
//! repair and asks again and again (measured: 25 retransmissions for each lost packet).

use std::collections::HashMap;

use rtc::interceptor::{Attribute, Packet, StreamInfo, TaggedPacket};
use rtc::rtp;

use super::stage::{Hop, Lanes};

/// Packets whose numbers are remembered for each stream.
const WINDOW: usize = 4_096;
/// Streams that are remembered.
const MAX_STREAMS: usize = 8;

/// RFC 4588 section 4, and no packet twice.
#[derive(Default)]
pub(super) struct RtxUnwrap {
    /// By the SSRC of the retransmissions.
    repaired: HashMap<u32, Repaired>,
    /// By the SSRC of the media.
    seen: HashMap<u32, SeenPackets>,
}

struct Repaired {
    ssrc: u32,
    payload_type: u8,
    payload_type_rtx: u8,
}

impl RtxUnwrap {
    /// Turns a retransmission back into the packet that was lost; `None` for one without content,
    /// which some send to probe the path.
    fn unwrap(repaired: &Repaired, mut packet: rtp::Packet) -> Option<rtp::Packet> {
        if packet.header.payload_type != repaired.payload_type_rtx {
            return None;
        }
        let number = packet.payload.get(..2)?;
        packet.header.sequence_number = u16::from_be_bytes([number[0], number[1]]);
        packet.header.ssrc = repaired.ssrc;
        packet.header.payload_type = repaired.payload_type;
        packet.header.padding = false;
        packet.payload = packet.payload.slice(2..);
        Some(packet)
    }
}

impl Hop for RtxUnwrap {
    fn handle_inbound(&mut self, mut packet: TaggedPacket, lanes: &mut Lanes) {
        if let Packet::Rtp(rtp) = &mut packet.message.packet {
            if let Some(repaired) = self.repaired.get(&rtp.header.ssrc) {
                let Some(original) = Self::unwrap(repaired, std::mem::take(rtp)) else {
                    return;
                };
                *rtp = original;
                packet.message.add(Attribute::Retransmission);
            }
            let Packet::Rtp(rtp) = &packet.message.packet else {
                return;
            };
            if let Some(seen) = self.seen.get_mut(&rtp.header.ssrc)
                && !seen.is_new(rtp.header.sequence_number)
            {
                return;
            }
        }
        lanes.inbound.push_back(packet);
    }

    fn bind_remote(&mut self, info: &StreamInfo) {
        if self.repaired.contains_key(&info.ssrc) {
            return;
        }
        if self.seen.len() >= MAX_STREAMS {
            self.seen.clear();
            self.repaired.clear();
        }
        self.seen.entry(info.ssrc).or_default();
        if let (Some(ssrc_rtx), Some(payload_type_rtx)) = (info.ssrc_rtx, info.payload_type_rtx) {
            self.repaired.insert(
                ssrc_rtx,
                Repaired {
                    ssrc: info.ssrc,
                    payload_type: info.payload_type,
                    payload_type_rtx,
                },
            );
        }
    }
}

/// Which of the last [`WINDOW`] sequence numbers have come.
struct SeenPackets {
    highest: Option<i64>,
    slots: Box<[i64]>,
}

impl Default for SeenPackets {
    fn default() -> Self {
        Self {
            highest: None,
            slots: vec![i64::MIN; WINDOW].into_boxed_slice(),
        }
    }
}

impl SeenPackets {
    /// Takes note of a packet; `false` if it came before, or is too old to tell.
    fn is_new(&mut self, sequence_number: u16) -> bool {
        let number = match self.highest {
            None => i64::from(sequence_number),
            Some(highest) => {
                let step = sequence_number.wrapping_sub(highest as u16) as i16;
                highest + i64::from(step)
            }
        };
        let highest = self.highest.map_or(number, |highest| highest.max(number));
        self.highest = Some(highest);
        if number <= highest - WINDOW as i64 {
            return false;
        }
        let slot = &mut self.slots[number.rem_euclid(WINDOW as i64) as usize];
        std::mem::replace(slot, number) != number
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;
    use proptest::prelude::*;
    use rtc::interceptor::AttributedPacket;

    use super::*;

    fn unwrapper() -> RtxUnwrap {
        let mut unwrap = RtxUnwrap::default();
        let video = StreamInfo {
            ssrc: 1,
            ssrc_rtx: Some(2),
            payload_type: 96,
            payload_type_rtx: Some(97),
            mime_type: "video/VP8".to_owned(),
            ..StreamInfo::default()
        };
        unwrap.bind_remote(&video);
        unwrap.bind_remote(&StreamInfo {
            ssrc: 2,
            ssrc_rtx: None,
            payload_type: 97,
            ..video
        });
        unwrap
    }

    fn receive(
        unwrap: &mut RtxUnwrap,
        ssrc: u32,
        number: u16,
        payload_type: u8,
        payload: &[u8],
    ) -> Option<(u32, u16, u8, Bytes, bool)> {
        let mut lanes = Lanes::default();
        let mut packet = rtp::Packet::default();
        packet.header.ssrc = ssrc;
        packet.header.sequence_number = number;
        packet.header.payload_type = payload_type;
        packet.payload = Bytes::copy_from_slice(payload);
        let message = AttributedPacket::new(Packet::Rtp(packet));
        unwrap.handle_inbound(
            TaggedPacket {
                now: Instant::now(),
                transport: Default::default(),
                message,
            },
            &mut lanes,
        );
        let passed = lanes.inbound.pop_front()?;
        let recovered = passed.message.has(&Attribute::Retransmission);
        let Packet::Rtp(rtp) = passed.message.packet else {
            return None;
        };
        let header = rtp.header;
        Some((
            header.ssrc,
            header.sequence_number,
            header.payload_type,
            rtp.payload,
            recovered,
        ))
    }

    #[test]
    fn a_retransmission_becomes_the_packet_that_was_lost() {
        let mut unwrap = unwrapper();
        let got = receive(&mut unwrap, 2, 9, 97, &[0x12, 0x34, 7, 8]);
        assert_eq!(
            got,
            Some((1, 0x1234, 96, Bytes::from_static(&[7, 8]), true))
        );
        let late = receive(&mut unwrap, 1, 0x1234, 96, &[7, 8]);
        assert_eq!(late, None, "the original comes after its repair");
    }

    #[test]
    fn probes_without_content_go_no_further() {
        let mut unwrap = unwrapper();
        assert_eq!(receive(&mut unwrap, 2, 9, 97, &[]), None);
        assert_eq!(receive(&mut unwrap, 2, 9, 97, &[1]), None);
        assert_eq!(receive(&mut unwrap, 2, 9, 111, &[1, 2, 3]), None);
    }

    #[test]
    fn numbers_that_wrap_are_new_again() {
        let mut unwrap = unwrapper();
        for round in 0..3_u32 {
            for number in 0..=u16::MAX {
                let passed = receive(&mut unwrap, 1, number, 96, &[0]).is_some();
                assert!(passed, "round {round}, packet {number}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_packet_is_passed_on_twice(
            numbers in proptest::collection::vec((any::<bool>(), 0..300_u16), 1..600)
        ) {
            let mut unwrap = unwrapper();
            let mut passed = std::collections::HashSet::new();
            for (repair, number) in numbers {
                let number = number.wrapping_sub(100);
                let bytes = number.to_be_bytes();
                let got = if repair {
                    receive(&mut unwrap, 2, 0, 97, &bytes)
                } else {
                    receive(&mut unwrap, 1, number, 96, &[])
                };
                prop_assert_eq!(got.is_some(), passed.insert(number));
            }
        }
    }
}
