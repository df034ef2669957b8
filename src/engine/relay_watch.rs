use crate::peer::{IceCandidate, IceServer};

/// Notices that no TURN server gives a relay: the library says nothing of one that does not answer
/// or refuses the credentials (0.21.1).
#[derive(Debug)]
pub struct RelayWatch {
    wanted: bool,
}

impl RelayWatch {
    /// Watches if there is a TURN server among these.
    pub fn new(servers: &[IceServer]) -> Self {
        Self {
            wanted: servers.iter().any(|server| server.url.starts_with("turn")),
        }
    }

    /// One of our candidates; whether it was the last of them and none is a relay. True once.
    pub fn handle_candidate(&mut self, candidate: &IceCandidate) -> bool {
        let mut words = candidate.candidate.split_whitespace();
        // RFC 8839, section 5.1.
        let relay = words.any(|word| word == "typ") && words.next() == Some("relay");
        if relay {
            self.wanted = false;
        }
        candidate.candidate.is_empty() && self.give_up()
    }

    /// There will be no line; whether a relay was waited for in vain. True once.
    pub fn give_up(&mut self) -> bool {
        std::mem::take(&mut self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(url: &str) -> RelayWatch {
        RelayWatch::new(&[IceServer {
            url: url.into(),
            username: String::new(),
            credential: String::new(),
        }])
    }

    fn candidate(text: &str) -> IceCandidate {
        IceCandidate {
            candidate: text.into(),
            sdp_mid: None,
            sdp_m_line_index: Some(0),
        }
    }

    const HOST: &str = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host";
    const RELAY: &str =
        "candidate:2 1 udp 16777215 192.0.2.9 50001 typ relay raddr 192.0.2.1 rport 50000";

    #[test]
    fn a_relay_that_does_not_come_is_noticed_once() {
        let mut relay = watch("turn:192.0.2.9");
        assert!(!relay.handle_candidate(&candidate(HOST)));
        assert!(relay.handle_candidate(&candidate("")));
        assert!(!relay.handle_candidate(&candidate("")));
        assert!(!relay.give_up());
    }

    #[test]
    fn one_that_comes_or_that_nobody_wanted_is_not() {
        let mut relay = watch("turn:192.0.2.9");
        assert!(!relay.handle_candidate(&candidate(RELAY)));
        assert!(!relay.handle_candidate(&candidate("")));
        let mut none = watch("stun:192.0.2.9");
        assert!(!none.handle_candidate(&candidate("")));
        assert!(!none.give_up());
    }
}
