//! Where a connection gets its clock, tasks and sockets from: the real ones ([`HostRuntime`]), or those
//! of a [`VirtualWorld`], where a minute of call takes a second and a seed repeats it.
//!
//! Both can put a [`Link`] in front of what they send: delay, jitter, loss, a narrow rate with a queue.
//! The rest of the house speaks to either through [`Runtime`].

mod host;
mod impaired;
mod link;
mod link_stats;
mod ordered_jitter;
mod profile;
mod rate_trace;
mod relay_kick;
mod split_mix;
mod virtual_runtime;
mod virtual_world;

#[cfg(test)]
mod host_tests;
#[cfg(test)]
mod link_tests;
#[cfg(test)]
pub(crate) mod seeded_random;
#[cfg(test)]
mod virtual_call_tests;
#[cfg(test)]
mod virtual_tests;

pub use host::{HostRuntime, Live};
pub use link::{Deliveries, Link, rtp_identity};
pub use link_stats::{DelayHistogram, LinkRecord, LinkStats, StreamLosses, Verdict};
pub use profile::{
    Bursts, Jitter, LinkChange, LinkConditions, LinkProfile, Outages, Queue, Reordering,
};
pub use rate_trace::{BadTrace, OPPORTUNITY_BYTES, RateTrace};
pub use relay_kick::for_connection;
pub use split_mix::SplitMix;
pub use virtual_runtime::VirtualRuntime;
pub use virtual_world::VirtualWorld;
pub use webrtc::runtime::{AsyncInterval, AsyncUdpSocket, Elapsed, JoinHandle, Runtime, timeout};

use webrtc::runtime::Transmit;

/// The datagrams of one transmission: several of the same size in a row if it is segmented (GSO).
fn segments<'a>(transmit: &Transmit<'a>) -> impl Iterator<Item = &'a [u8]> {
    let whole = transmit.contents.len().max(1);
    let size = transmit
        .segment_size
        .filter(|size| *size > 0)
        .unwrap_or(whole);
    // An empty datagram is one, too.
    let empty: Option<&[u8]> = transmit.contents.is_empty().then_some(&[]);
    empty.into_iter().chain(transmit.contents.chunks(size))
}
