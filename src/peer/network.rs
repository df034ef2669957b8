//! Where a connection binds, which servers it may ask, and how patient it is.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::ice::url::{ProtoType, SchemeType, Url};
use webrtc::peer_connection::{
    RTCConfiguration, RTCConfigurationBuilder, RTCIceServer, RTCIceTransportPolicy, SettingEngine,
    SettingEngineBuilder,
};

use super::{IceServer, PeerConfig, PeerError};

/// How long without a word until the connection counts as disconnected.
const DISCONNECTED_AFTER: Duration = Duration::from_millis(2_500);
/// How long disconnected until it counts as failed.
const FAILED_AFTER: Duration = Duration::from_secs(12);
/// How often a quiet path is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// How often each candidate pair is tried (Ta of RFC 8445 section 14.2). The library's 200 ms are
/// what a connection on loopback waits for: nomination happens on the next round.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// For ten seconds: the other side may still be asking its user.
const CHECKS_PER_PAIR: u16 = 200;
/// How long a better way than the reflexive one may take to show up.
const REFLEXIVE_WAIT: Duration = Duration::from_millis(100);
/// How long a direct way may take to show up before a relay is taken.
const RELAY_WAIT: Duration = Duration::from_millis(500);
/// More interfaces than this are not bound.
const MAX_INTERFACES: usize = 16;

/// The library's configuration of servers, every URL checked.
pub(super) fn configuration(config: &PeerConfig) -> Result<RTCConfiguration, PeerError> {
    let servers = config
        .ice_servers
        .iter()
        .map(ice_server)
        .collect::<Result<Vec<_>, _>>()?;
    let policy = if config.relay_only {
        RTCIceTransportPolicy::Relay
    } else {
        RTCIceTransportPolicy::All
    };
    Ok(RTCConfigurationBuilder::new()
        .with_ice_servers(servers)
        .with_ice_transport_policy(policy)
        .with_certificates(vec![config.certificate.own.clone()])
        .build())
}

/// Refuses what `webrtc` 0.21.1 would skip with a line in its log: `turns:`, `stuns:` and TURN over
/// TCP. A server in the settings that is never asked looks like one that does not answer.
fn ice_server(server: &IceServer) -> Result<RTCIceServer, PeerError> {
    let bad = || PeerError::BadIceServer(server.url.clone());
    let url = Url::parse_url(server.url.trim()).map_err(|_| bad())?;
    let credentials_fit = match url.scheme {
        SchemeType::Stun => true,
        SchemeType::Turn => !server.username.is_empty() && !server.credential.is_empty(),
        _ => false,
    };
    if url.host.is_empty() || url.port == 0 || url.proto != ProtoType::Udp || !credentials_fit {
        return Err(bad());
    }
    Ok(RTCIceServer {
        urls: vec![server.url.trim().to_owned()],
        username: server.username.clone(),
        credential: server.credential.clone(),
    })
}

/// Timers and switches of the library.
pub(super) fn settings(config: &PeerConfig) -> SettingEngine {
    let relay_wait = if config.relay_only {
        Duration::ZERO
    } else {
        RELAY_WAIT
    };
    SettingEngineBuilder::new()
        .with_ice_timeouts(
            Some(DISCONNECTED_AFTER),
            Some(FAILED_AFTER),
            Some(KEEPALIVE),
        )
        .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS_PER_PAIR))
        .with_srflx_acceptance_min_wait(Some(REFLEXIVE_WAIT))
        .with_prflx_acceptance_min_wait(Some(REFLEXIVE_WAIT))
        .with_relay_acceptance_min_wait(Some(relay_wait))
        // Looking up `.local` names needs a multicast socket, whose failure fails the whole
        // connection in 0.21.1. A browser that hides its address still reaches ours.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        // New sockets on the interfaces of the moment: a restart is how a call survives a change
        // of network.
        .with_discard_local_candidates_during_ice_restart(true)
        .build()
}

/// Addresses to bind, looked up again for each ICE restart.
#[derive(Debug)]
pub(super) enum BindAddresses {
    /// Exactly these.
    Fixed(Vec<SocketAddr>),
    /// Every interface that is there at the moment, at a port of the system's choice.
    EveryInterface,
}

impl BindAddresses {
    pub(super) fn of(config: &PeerConfig) -> Self {
        if config.bind.is_empty() {
            Self::EveryInterface
        } else {
            Self::Fixed(config.bind.clone())
        }
    }
}

impl ToSocketAddrs for BindAddresses {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
        let addresses = match self {
            Self::Fixed(addresses) => addresses.clone(),
            Self::EveryInterface => {
                let all = if_addrs::get_if_addrs()?;
                reachable(all.iter().map(if_addrs::Interface::ip).collect())
            }
        };
        Ok(addresses.into_iter())
    }
}

/// The addresses worth telling anyone; loopback only where there is nothing else, so that two on
/// one computer without a network can still talk. Done here because the library's own expansion of
/// a wildcard never offers loopback (0.21.1).
fn reachable(all: Vec<IpAddr>) -> Vec<SocketAddr> {
    let (loopback, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter(|ip| !ip.is_unspecified() && !is_link_local(ip))
        .partition(IpAddr::is_loopback);
    let chosen = if others.is_empty() { loopback } else { others };
    chosen
        .into_iter()
        .take(MAX_INTERFACES)
        .map(|ip| SocketAddr::new(ip, 0))
        .collect()
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::Bitrate;

    fn config(url: &str, username: &str, credential: &str) -> PeerConfig {
        PeerConfig {
            ice_servers: vec![IceServer {
                url: url.to_owned(),
                username: username.to_owned(),
                credential: credential.to_owned(),
            }],
            bind: Vec::new(),
            certificate: crate::peer::Certificate::new().unwrap(),
            relay_only: false,
            start_bitrate: Bitrate::from_kbps(500),
            min_bitrate: crate::peer::LEAST_BITRATE,
            max_bitrate: Bitrate::from_kbps(2_500),
        }
    }

    #[test]
    fn servers_that_would_never_be_asked_are_refused_by_name() {
        for (url, user) in [
            ("", "u"),
            ("stun:", "u"),
            ("http://example.org", "u"),
            ("example.org:3478", "u"),
            ("stuns:example.org", "u"),
            ("turns:example.org", "u"),
            ("turn:example.org?transport=tcp", "u"),
            ("turn:example.org", ""),
        ] {
            let refused = configuration(&config(url, user, user)).err();
            assert_eq!(
                refused,
                Some(PeerError::BadIceServer(url.to_owned())),
                "{url}"
            );
        }
        for url in ["stun:example.org", "stun:[::1]:3478", "stun:127.0.0.1:1"] {
            assert!(configuration(&config(url, "", "")).is_ok(), "{url}");
        }
        assert!(configuration(&config("turn:example.org:3478", "u", "c")).is_ok());
    }

    #[test]
    fn loopback_is_told_only_where_there_is_nothing_else() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let told = reachable(vec![ip("127.0.0.1"), ip("192.168.0.5"), ip("fe80::1")]);
        assert_eq!(told, vec![SocketAddr::new(ip("192.168.0.5"), 0)]);
        let told = reachable(vec![ip("127.0.0.1"), ip("169.254.0.1")]);
        assert_eq!(told, vec![SocketAddr::new(ip("127.0.0.1"), 0)]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_server_or_refused(url in ".{0,64}", user in ".{0,8}") {
            let _ = configuration(&config(&url, &user, &user));
        }
    }
}
