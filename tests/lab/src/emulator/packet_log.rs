use std::collections::HashMap;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twocan::peer::runtime::{Link, LinkRecord};

use super::ipv4::{Ipv4, TCP, UDP};

/// What a packet is, as far as its unencrypted part tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketIdentity {
    kind: PacketKind,
    /// Of RTP (RFC 3550).
    payload_type: Option<u8>,
    /// Addresses are the same for all packets of a way; transport and ports tell the flow. Fragments but
    /// the first have no ports.
    ports: (u8, u16, u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PacketKind {
    Rtp,
    Rtcp,
    Stun,
    Dtls,
    /// Over UDP, and none of these, or not the beginning of a datagram.
    Udp,
    Tcp,
    /// Such as ICMP.
    Other,
}

impl PacketKind {
    fn name(self) -> &'static str {
        match self {
            Self::Rtp => "rtp",
            Self::Rtcp => "rtcp",
            Self::Stun => "stun",
            Self::Dtls => "dtls",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Other => "other",
        }
    }
}

impl PacketIdentity {
    /// Of an IP packet.
    pub fn of(packet: &[u8]) -> Self {
        let packet = Ipv4::of(packet);
        let protocol = packet.map_or(0, |packet| packet.protocol);
        let (from, to) = packet.and_then(|packet| packet.ports()).unwrap_or_default();
        let mut identity = Self {
            kind: match protocol {
                TCP => PacketKind::Tcp,
                UDP => PacketKind::Udp,
                _ => PacketKind::Other,
            },
            payload_type: None,
            ports: (protocol, from, to),
        };
        if let Some(datagram) = packet.and_then(|packet| packet.datagram()) {
            identity.look_into(datagram);
        }
        identity
    }

    /// Of a datagram that begins so, between the only ports there are.
    fn of_datagram(first_bytes: [u8; 2]) -> Self {
        let mut identity = Self {
            kind: PacketKind::Udp,
            payload_type: None,
            ports: (UDP, 0, 0),
        };
        identity.look_into(&first_bytes);
        identity
    }

    /// The first byte of a datagram tells what it is (RFC 7983), the second RTCP from RTP (RFC 5761).
    fn look_into(&mut self, datagram: &[u8]) {
        let second = datagram.get(1).copied().unwrap_or_default();
        self.kind = match datagram.first() {
            Some(0..=3) => PacketKind::Stun,
            Some(20..=63) => PacketKind::Dtls,
            Some(128..=191) if (192..=223).contains(&second) => PacketKind::Rtcp,
            Some(128..=191) => {
                self.payload_type = Some(second & 0x7f);
                PacketKind::Rtp
            }
            _ => PacketKind::Udp,
        };
    }
}

/// What became of each packet of a way.
#[derive(Debug)]
pub struct PacketLog {
    began: SystemTime,
    packets: Vec<(PacketIdentity, LinkRecord)>,
}

impl PacketLog {
    /// The first line of a file of logs.
    pub const HEADER: &str = "way,offered_s,delivered_s,queue_ms,bytes,kind,payload_type,flow";

    /// Of a `link` that began at `began` and has kept its log, with what each packet was.
    pub(super) fn new(began: SystemTime, identities: &[PacketIdentity], link: &Link) -> Self {
        let records = link.stats().log().iter().cloned();
        Self {
            began,
            packets: identities.iter().copied().zip(records).collect(),
        }
    }

    /// Of a link of one flow of datagrams that began at `began` and has kept its log.
    pub fn of_datagrams(began: SystemTime, link: &Link) -> Self {
        let records = link.stats().log().iter();
        let packets = records.map(|record| {
            (
                PacketIdentity::of_datagram(record.first_bytes),
                record.clone(),
            )
        });
        Self {
            began,
            packets: packets.collect(),
        }
    }

    /// One line a packet. Times are Unix seconds; flows are counted in the order of their first packet.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, way: &str, to: &mut impl Write) -> io::Result<()> {
        let origin = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix = |since: Duration| (origin + since).as_secs_f64();
        let mut flows = HashMap::new();
        for (identity, record) in &self.packets {
            let known = flows.len();
            let flow = *flows.entry(identity.ports).or_insert(known);
            let delivered = record.delivered_at.map(|at| format!("{:.6}", unix(at)));
            let payload_type = identity.payload_type.map(|number| number.to_string());
            writeln!(
                to,
                "{way},{:.6},{},{:.3},{},{},{},{flow}",
                unix(record.offered_at),
                delivered.unwrap_or_default(),
                record.queue_delay.as_secs_f64() * 1_000.0,
                record.wire_size,
                identity.kind.name(),
                payload_type.unwrap_or_default(),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;
    use twocan::peer::runtime::LinkProfile;

    fn packet(protocol: u8, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol];
        packet.resize(20, 0);
        packet.extend(ports.0.to_be_bytes());
        packet.extend(ports.1.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(payload);
        packet
    }

    #[test]
    fn a_packet_is_told_by_its_first_bytes() {
        let kind = |protocol, payload: &[u8]| {
            let identity = PacketIdentity::of(&packet(protocol, (1, 2), payload));
            (identity.kind.name(), identity.payload_type)
        };
        assert_eq!(kind(17, &[0x80, 111, 0, 0]), ("rtp", Some(111)));
        assert_eq!(kind(17, &[0x90, 0x80 | 96, 0, 0]), ("rtp", Some(96)));
        assert_eq!(kind(17, &[0x80, 200, 0, 0]), ("rtcp", None));
        assert_eq!(kind(17, &[0, 1, 0, 0]), ("stun", None));
        assert_eq!(kind(17, &[22, 254, 253, 0]), ("dtls", None));
        assert_eq!(kind(17, &[]), ("udp", None));
        assert_eq!(kind(6, &[0x80, 111]), ("tcp", None));
        assert_eq!(kind(1, &[8, 0]), ("other", None));
        assert_eq!(PacketIdentity::of(&[]).kind, PacketKind::Other);
    }

    #[test]
    fn later_fragments_have_the_flow_of_no_datagram() {
        let mut fragment = packet(17, (0x8060, 2), &[0x80, 111, 0, 0]);
        fragment[7] = 185;
        let identity = PacketIdentity::of(&fragment);
        assert_eq!((identity.kind.name(), identity.payload_type), ("udp", None));
        assert_eq!(identity.ports, (17, 0, 0));
    }

    #[test]
    fn a_log_says_when_each_packet_went_in_and_came_out() {
        let start = Instant::now();
        let mut link = Link::new(LinkProfile::perfect(1), start);
        link.keep_log(true);
        let voice = packet(17, (7, 8), &[0x80, 111, 0, 0]);
        let tcp = packet(6, (9, 9), &[]);
        for (at, packet) in [(0, &voice), (20, &tcp), (40, &voice)] {
            link.admit_packet(start + Duration::from_millis(at), packet.len(), None);
        }
        let identities = [&voice, &tcp, &voice].map(|packet| PacketIdentity::of(packet));
        let began = UNIX_EPOCH + Duration::from_secs(1_000);
        let mut text = Vec::new();
        PacketLog::new(began, &identities, &link)
            .write("there", &mut text)
            .expect("memory");
        assert_eq!(
            String::from_utf8(text).expect("text"),
            "there,1000.000000,1000.000000,0.000,32,rtp,111,0\n\
             there,1000.020000,1000.020000,0.000,28,tcp,,1\n\
             there,1000.040000,1000.040000,0.000,32,rtp,111,0\n"
        );
    }

    #[test]
    fn a_link_that_takes_datagrams_tells_what_they_were() {
        let start = Instant::now();
        let mut link = Link::new(LinkProfile::perfect(1), start);
        link.keep_log(true);
        link.admit(start, &[0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        link.admit(start, &[22, 254]);
        let mut text = Vec::new();
        PacketLog::of_datagrams(UNIX_EPOCH + Duration::from_secs(1_000), &link)
            .write("back", &mut text)
            .expect("memory");
        assert_eq!(
            String::from_utf8(text).expect("text"),
            "back,1000.000000,1000.000000,0.000,40,rtp,96,0\n\
             back,1000.000000,1000.000000,0.000,30,dtls,,0\n"
        );
    }
}
