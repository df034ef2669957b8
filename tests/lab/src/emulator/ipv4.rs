/// TCP's number (RFC 9293).
pub const TCP: u8 = 6;
/// UDP's number (RFC 768).
pub const UDP: u8 = 17;

/// An IPv4 packet (RFC 791), as far as it matters what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4<'a> {
    /// What it carries, by number.
    pub protocol: u8,
    /// Whether its payload begins with the header of that protocol: it is whole, or a first fragment.
    begins: bool,
    /// Whether its payload is all that was sent.
    whole: bool,
    payload: &'a [u8],
}

impl<'a> Ipv4<'a> {
    /// None of what is no such packet.
    pub fn of(packet: &'a [u8]) -> Option<Self> {
        let fixed: &[u8; 20] = packet.first_chunk()?;
        let header = usize::from(fixed[0] & 0x0f) * 4;
        if fixed[0] >> 4 != 4 || header < fixed.len() {
            return None;
        }
        let fragment = u16::from_be_bytes([fixed[6], fixed[7]]);
        let (offset, more) = (fragment & 0x1fff, fragment & 0x2000 != 0);
        Some(Self {
            protocol: fixed[9],
            begins: offset == 0,
            whole: offset == 0 && !more,
            payload: packet.get(header..)?,
        })
    }

    /// From where to where, of TCP and UDP; later fragments do not tell.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let has_ports = self.begins && matches!(self.protocol, TCP | UDP);
        let [a, b, c, d] = *self.payload.first_chunk().filter(|_| has_ports)?;
        Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }

    /// What a UDP datagram carries, or the beginning of that where only the first fragment is here.
    pub fn datagram(&self) -> Option<&'a [u8]> {
        let is_datagram = self.begins && self.protocol == UDP;
        self.payload.get(8..).filter(|_| is_datagram)
    }

    /// What a UDP datagram carries, if all of it is here.
    pub fn whole_datagram(&self) -> Option<&'a [u8]> {
        self.datagram().filter(|_| self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram() -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17];
        packet.resize(20, 0);
        packet.extend([0, 7, 1, 0, 0, 11, 0, 0]);
        packet.extend([1, 2, 3]);
        packet
    }

    #[test]
    fn fragments_tell_only_what_they_hold() {
        let told = |at: usize, value: u8| {
            let mut packet = datagram();
            packet[at] = value;
            Ipv4::of(&packet).map(|packet| {
                let owned = |payload: Option<&[u8]>| payload.map(<[u8]>::to_vec);
                (
                    packet.ports(),
                    owned(packet.datagram()),
                    owned(packet.whole_datagram()),
                )
            })
        };
        let (ports, payload) = (Some((7, 256)), Some(vec![1, 2, 3]));
        let whole = Some((ports, payload.clone(), payload.clone()));
        assert_eq!(told(6, 0x40), whole, "not to be fragmented");
        assert_eq!(told(6, 0x20), Some((ports, payload, None)), "the first one");
        assert_eq!(told(7, 1), Some((None, None, None)), "a later one");
        assert_eq!(told(6, 0x01), Some((None, None, None)), "far behind");
        assert_eq!(told(9, TCP), Some((ports, None, None)), "TCP");
        assert_eq!(told(9, 1), Some((None, None, None)), "ICMP");
        assert_eq!(told(0, 0x65), None, "IPv6");
        assert_eq!(told(0, 0x44), None, "a header that is too short");
    }

    #[test]
    fn a_header_with_options_is_skipped() {
        let mut packet = datagram();
        packet[0] = 0x46;
        packet.splice(20..20, [1; 4]);
        let payload = Ipv4::of(&packet).and_then(|packet| packet.whole_datagram().map(<[u8]>::len));
        assert_eq!(payload, Some(3));
    }

    #[test]
    fn what_is_cut_off_is_no_trouble() {
        let packet = datagram();
        for length in 0..packet.len() {
            let cut = Ipv4::of(&packet[..length]);
            assert_eq!(cut.is_some(), length >= 20);
            if let Some(cut) = cut {
                assert_eq!(cut.ports().is_some(), length >= 24);
                assert_eq!(cut.whole_datagram().is_some(), length >= 28);
            }
        }
    }
}
