use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::{debug, info};
use twocan_protocol::ServerUrl;
use twocan_server::{Limits, RegistryLimits};

/// An invite with every address of a computer with many networks would be long.
const MAX_ADDRESSES: usize = 4;
/// Networks between this computer and its own virtual machines; no friend is there.
const VIRTUAL: [&str; 6] = ["docker", "br-", "veth", "virbr", "vmnet", "cni"];

/// Those who are invited, some who try, and no more: a stranger on the same network must not be able
/// to use up what this app may open.
fn limits() -> Limits {
    Limits {
        connections: 64,
        registry: RegistryLimits {
            rooms: 16,
            ..RegistryLimits::default()
        },
        ..Limits::default()
    }
}

/// A server inside the app, for when no other is configured. Dropping it closes it, politely.
#[derive(Debug)]
pub struct EmbeddedServer {
    port: u16,
    addresses: Vec<ServerUrl>,
    _stop: oneshot::Sender<()>,
}

impl EmbeddedServer {
    /// Serves on all addresses of this computer, at `port` or, for 0, at one that is free. Must be called on
    /// a tokio runtime, on which it then runs.
    pub async fn start(port: u16) -> io::Result<Self> {
        let listener = listen(port).await?;
        let port = listener.local_addr()?.port();
        let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
            debug!(%error, "the addresses of this computer are not known");
            Vec::new()
        });
        let known = interfaces.iter().map(|i| (i.name.as_str(), i.ip()));
        let addresses = reachable(known).into_iter();
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(twocan_server::serve_with_limits(
            listener,
            async {
                // Nobody sends; the sender is dropped.
                let _ = stopped.await;
            },
            limits(),
        ));
        info!("hosting a call server");
        Ok(Self {
            port,
            addresses: addresses.filter_map(|ip| url(ip, port)).collect(),
            _stop: stop,
        })
    }

    /// Where others reach it, the likeliest first: the addresses for an invite. With no network, loopback.
    pub fn addresses(&self) -> &[ServerUrl] {
        &self.addresses
    }

    /// Where this computer itself reaches it, whatever becomes of its networks.
    pub fn loopback(&self) -> Option<ServerUrl> {
        url(Ipv4Addr::LOCALHOST.into(), self.port)
    }
}

/// On IPv6 and IPv4 together, or where there is no IPv6 on IPv4.
async fn listen(port: u16) -> io::Result<TcpListener> {
    let both = || {
        let socket = socket2::Socket::new(
            socket2::Domain::IPV6,
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        socket.set_only_v6(false)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
        socket.listen(128)?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket.into())
    };
    match both() {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        Err(error) => {
            debug!(%error, "no IPv6");
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
    }
}

fn url(ip: IpAddr, port: u16) -> Option<ServerUrl> {
    format!("ws://{}", SocketAddr::new(ip, port)).parse().ok()
}

/// Of the addresses of all interfaces those where a friend may find us, the likeliest first.
fn reachable<'a>(interfaces: impl Iterator<Item = (&'a str, IpAddr)>) -> Vec<IpAddr> {
    let mut ranked: Vec<_> = interfaces
        .filter(|(name, _)| !VIRTUAL.iter().any(|prefix| name.starts_with(prefix)))
        .filter_map(|(_, ip)| Some((rank(ip)?, ip)))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let mut addresses: Vec<_> = ranked.into_iter().map(|(_, ip)| ip).collect();
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
    }
    addresses
}

/// Lower is likelier; `None` for what means nothing to another computer.
fn rank(ip: IpAddr) -> Option<u8> {
    match ip {
        IpAddr::V4(ip) if ip.is_private() => Some(0),
        IpAddr::V4(ip)
            if ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_broadcast() =>
        {
            None
        }
        IpAddr::V4(_) => Some(1),
        // Global unicast, 2000::/3 (RFC 4291 section 2.4).
        IpAddr::V6(ip) if ip.segments()[0] & 0xe000 == 0x2000 => Some(2),
        IpAddr::V6(ip) if ip.is_unique_local() => Some(3),
        IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(interfaces: &[(&str, &str)]) -> Vec<String> {
        let parsed = interfaces.iter().map(|(n, ip)| (*n, ip.parse().unwrap()));
        reachable(parsed).iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn the_likeliest_addresses_come_first_and_useless_ones_not_at_all() {
        let interfaces = [
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("docker0", "172.17.0.1"),
            ("eth0", "2001:db8::7"),
            ("eth0", "fe80::1"),
            ("eth1", "169.254.3.4"),
            ("ppp0", "100.64.0.9"),
            ("wlan0", "192.168.1.5"),
            ("wlan0", "fd00::5"),
        ];
        assert_eq!(
            of(&interfaces),
            ["192.168.1.5", "100.64.0.9", "2001:db8::7", "fd00::5"]
        );
    }

    #[test]
    fn without_a_network_there_is_loopback() {
        assert_eq!(of(&[("lo", "127.0.0.1"), ("lo", "::1")]), ["127.0.0.1"]);
        assert_eq!(of(&[]), ["127.0.0.1"]);
    }

    #[test]
    fn an_invite_does_not_get_endless() {
        let names: Vec<_> = (0..20).map(|i| format!("10.0.0.{i}")).collect();
        let interfaces: Vec<_> = names.iter().map(|ip| ("eth0", ip.as_str())).collect();
        assert_eq!(of(&interfaces).len(), MAX_ADDRESSES);
    }
}
