use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use twocan::peer::runtime::{Deliveries, Link, LinkProfile, LinkStats, rtp_identity};

use super::ipv4::Ipv4;
use super::packet_log::{PacketIdentity, PacketLog};
use super::punctuality::{Lateness, Punctuality};
use super::tun::Tun;
use crate::prompt::be_prompt;

/// Larger than any packet of these interfaces.
const BUFFER: usize = 2_048;
/// So many packets are taken before what is due is looked at again.
const BATCH: usize = 32;
/// How soon an idle wire notices that it is to end.
const IDLE: Duration = Duration::from_millis(100);

/// The line between two computers, each way with a link of its own, carried by two threads.
#[derive(Debug)]
pub struct Bridge {
    to_right: Way,
    to_left: Way,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// One direction of a line, to look at and to change.
#[derive(Debug, Clone)]
pub struct Way(Arc<Mutex<Lane>>);

/// A link, and what each packet was that it has taken.
#[derive(Debug)]
struct Lane {
    link: Link,
    began: SystemTime,
    /// Kept only where the link keeps its log.
    identities: Option<Vec<PacketIdentity>>,
    lateness: Lateness,
}

impl Way {
    fn new(profile: LinkProfile) -> Self {
        Self(Arc::new(Mutex::new(Lane {
            link: Link::new(profile, Instant::now()),
            began: SystemTime::now(),
            identities: None,
            lateness: Lateness::default(),
        })))
    }

    fn lane(&self) -> MutexGuard<'_, Lane> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the link has counted. Packets wait meanwhile.
    pub fn stats(&self) -> LinkStats {
        self.lane().link.stats().clone()
    }

    /// A new link from now on, which logs each packet. What is under way keeps its time.
    fn begin(&self, profile: LinkProfile) {
        let mut lane = self.lane();
        lane.link = Link::new(profile, Instant::now());
        lane.link.keep_log(true);
        lane.began = SystemTime::now();
        lane.identities = Some(Vec::new());
        lane.lateness = Lateness::default();
    }

    /// Of all packets since the link began.
    fn log(&self) -> PacketLog {
        let lane = self.lane();
        let identities = lane.identities.as_deref().unwrap_or_default();
        PacketLog::new(lane.began, identities, &lane.link)
    }
}

impl Lane {
    fn admit(&mut self, packet: &[u8]) -> Deliveries {
        if let Some(identities) = &mut self.identities {
            identities.push(PacketIdentity::of(packet));
        }
        let datagram = Ipv4::of(packet).and_then(|packet| packet.whole_datagram());
        let rtp = datagram.and_then(rtp_identity);
        self.link.admit_packet(Instant::now(), packet.len(), rtp)
    }
}

impl Bridge {
    pub(super) fn between(
        left: Tun,
        right: Tun,
        to_right: LinkProfile,
        to_left: LinkProfile,
    ) -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let (to_right, to_left) = (Way::new(to_right), Way::new(to_left));
        let (left, right) = (Arc::new(left), Arc::new(right));
        let carry = |name: &str, from: &Arc<Tun>, to: &Arc<Tun>, way: &Way| {
            let wire = Wire {
                from: Arc::clone(from),
                to: Arc::clone(to),
                way: way.clone(),
                under_way: BinaryHeap::new(),
                taken: 0,
            };
            let ended = Arc::clone(&ended);
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || wire.carry(&ended))
        };
        let threads = vec![
            carry("line-to-right", &left, &right, &to_right)?,
            carry("line-to-left", &right, &left, &to_left)?,
        ];
        Ok(Self {
            to_right,
            to_left,
            ended,
            threads,
        })
    }

    /// What goes from the left to the right.
    pub fn to_right(&self) -> &Way {
        &self.to_right
    }

    /// Makes the line a new one from now on, whose packets are logged.
    pub fn begin(&self, to_right: LinkProfile, to_left: LinkProfile) {
        self.to_right.begin(to_right);
        self.to_left.begin(to_left);
    }

    /// What became of each packet since the line began, to the right and to the left.
    pub fn logs(&self) -> [PacketLog; 2] {
        [self.to_right.log(), self.to_left.log()]
    }

    /// How well the computer has kept the line's times since it began, to the right and to the left.
    pub fn punctuality(&self) -> [Punctuality; 2] {
        [&self.to_right, &self.to_left].map(|way| way.lane().lateness.so_far())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it broke before.
    pub fn close(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.ended.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread
                .join()
                .map_err(|_| io::Error::other("the line panicked"))??;
        }
        Ok(())
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// A packet on its way: when it comes out, and the how-manieth it is.
type UnderWay = Reverse<(Instant, u64, Vec<u8>)>;

/// Carries one direction.
struct Wire {
    from: Arc<Tun>,
    to: Arc<Tun>,
    way: Way,
    under_way: BinaryHeap<UnderWay>,
    taken: u64,
}

impl Wire {
    fn carry(mut self, ended: &AtomicBool) -> io::Result<()> {
        be_prompt();
        let mut buffer = [0; BUFFER];
        while !ended.load(Ordering::Acquire) {
            self.deliver(Instant::now());
            let mut taken = 0;
            while taken < BATCH
                && let Some(packet) = self.from.read(&mut buffer)?
            {
                self.take(packet);
                taken += 1;
            }
            if taken == 0 {
                self.wait()?;
            }
        }
        Ok(())
    }

    fn take(&mut self, packet: &[u8]) {
        let deliveries = self.way.lane().admit(packet);
        for at in deliveries {
            self.taken += 1;
            self.under_way
                .push(Reverse((at, self.taken, packet.to_vec())));
        }
    }

    fn deliver(&mut self, now: Instant) {
        while let Some(Reverse((at, ..))) = self.under_way.peek()
            && *at <= now
        {
            if let Some(Reverse((at, _, packet))) = self.under_way.pop() {
                // A computer that takes none just now loses it, as a full buffer would.
                let handed_over = self.to.write(&packet).is_ok();
                let late = Instant::now().saturating_duration_since(at);
                self.way.lane().lateness.add(late, handed_over);
            }
        }
    }

    /// Until a packet comes, or one is due.
    fn wait(&self) -> io::Result<()> {
        let next = self.under_way.peek();
        let wait = next.map_or(IDLE, |Reverse((at, ..))| {
            at.saturating_duration_since(Instant::now()).min(IDLE)
        });
        let mut poll = libc::pollfd {
            fd: self.from.descriptor(),
            events: libc::POLLIN,
            revents: 0,
        };
        let wait = libc::timespec {
            tv_sec: wait.as_secs() as libc::time_t,
            tv_nsec: wait.subsec_nanos() as libc::c_long,
        };
        // SAFETY: both are read and written during the call alone.
        let ready = unsafe { libc::ppoll(&raw mut poll, 1, &raw const wait, std::ptr::null()) };
        let error = io::Error::last_os_error();
        if ready < 0 && error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        Ok(())
    }
}
