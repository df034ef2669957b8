//! Two computers and the bad line between them, on one computer: two network namespaces, each with a
//! TUN device, and this process as the wire. Needs the right to make namespaces, nothing else: no
//! kernel module, no file, no name that could be left behind. When the process ends, all of it is gone.

mod bridge;
mod ipv4;
mod namespace;
mod packet_log;
mod punctuality;
mod tun;

pub use bridge::Bridge;
pub use namespace::Namespace;
pub use packet_log::PacketLog;
pub use punctuality::Punctuality;

use std::net::Ipv4Addr;

use twocan::peer::runtime::LinkProfile;

/// The address of the computer on the left.
pub const LEFT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The address of the computer on the right.
pub const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

/// Two computers and the line between them.
#[derive(Debug)]
pub struct Emulator {
    /// Where one peer lives.
    pub left: Namespace,
    /// Where the other one lives.
    pub right: Namespace,
    /// What is between them.
    pub bridge: Bridge,
}

impl Emulator {
    /// Both computers, and a line that does as it is told each way.
    ///
    /// # Errors
    /// Without the right to make namespaces, or without `/dev/net/tun`.
    pub fn new(to_right: LinkProfile, to_left: LinkProfile) -> anyhow::Result<Self> {
        let (left, right) = (Namespace::new()?, Namespace::new()?);
        let here = left.tun(LEFT, RIGHT)?;
        let there = right.tun(RIGHT, LEFT)?;
        Ok(Self {
            left,
            right,
            bridge: Bridge::between(here, there, to_right, to_left)?,
        })
    }
}
