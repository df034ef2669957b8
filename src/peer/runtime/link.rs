use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::media::Bitrate;

use super::link_stats::{LinkRecord, LinkStats, Verdict};
use super::ordered_jitter::OrderedJitter;
use super::profile::{Bursts, LinkChange, LinkConditions, LinkProfile, Outages, Queue};
use super::rate_trace::{Opportunities, RateTrace};
use super::split_mix::{hash, unit};

/// IPv4 and UDP headers, which a link carries besides the datagram.
const IP_UDP_OVERHEAD: usize = 28;
/// Of a line that is dead now and then, each time; so that time goes on.
const SHORTEST_TURN: Duration = Duration::from_micros(1);
/// A rate of zero would never end; this is slow enough.
const SLOWEST_BPS: f64 = 1.0;

/// One direction of a path, without clock or socket: it says when each packet comes out, if it does.
///
/// What happens to a packet hangs on the seed and on which packet it is: the n-th of its RTP stream (by
/// sequence number, streams in the order of their first packet), or the n-th that is no RTP. So an extra
/// packet does not change the fate of all that follow, and random SSRCs and first sequence numbers do
/// not change the run. Outages, and jitter that keeps order, hang on the seed and the time alone; bursts
/// on the seed and on how many packets there were, so that they are shorter for who sends more.
#[derive(Debug)]
pub struct Link {
    started_at: Instant,
    seed: u64,
    conditions: LinkConditions,
    /// Not yet in force, soonest first.
    changes: VecDeque<LinkChange>,
    in_bad_state: bool,
    outage: Outage,
    offered: u64,
    others: u64,
    streams: HashMap<u32, Stream>,
    /// When the last bit of what was accepted leaves the queue.
    busy_until: Instant,
    /// What waits or is being sent: when each packet has left, and its size on the wire.
    waiting: VecDeque<(Instant, usize)>,
    waiting_bytes: usize,
    /// Of a link with a trace.
    opportunities: Opportunities,
    /// Of a link that keeps order.
    ordered_jitter: OrderedJitter,
    last_delivery: Instant,
    stats: LinkStats,
}

#[derive(Debug)]
struct Stream {
    /// Streams are counted in the order of their first packet.
    index: u64,
    sequence_number: u16,
    /// How far `sequence_number` is from the first, wraps counted.
    position: i64,
}

/// What is offered, as far as it matters here.
#[derive(Debug, Clone, Copy)]
struct Packet {
    offered_at: Instant,
    wire_size: usize,
    rtp: Option<(u32, u16)>,
    first_bytes: [u8; 2],
}

/// When a packet comes out: never, once, or twice.
pub type Deliveries = Vec<Instant>;

impl Link {
    /// A link that begins at `started_at`.
    pub fn new(profile: LinkProfile, started_at: Instant) -> Self {
        let mut changes = profile.changes;
        changes.sort_by_key(|change| change.at);
        Self {
            started_at,
            seed: profile.seed,
            conditions: profile.conditions,
            changes: changes.into(),
            in_bad_state: false,
            outage: Outage {
                now: false,
                until: started_at,
                turns: 0,
            },
            offered: 0,
            others: 0,
            streams: HashMap::new(),
            busy_until: started_at,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            opportunities: Opportunities::default(),
            ordered_jitter: OrderedJitter::new(profile.seed),
            last_delivery: started_at,
            stats: LinkStats::default(),
        }
    }

    /// Replaces the conditions from `now` on; changes that were planned are forgotten. Packets that are
    /// under way keep their time.
    pub fn set_conditions(&mut self, now: Instant, conditions: LinkConditions) {
        self.apply_changes(now);
        self.changes.clear();
        let backlog = self.busy_until.saturating_duration_since(now);
        self.busy_until = match (self.conditions.rate, conditions.rate) {
            (Some(old), Some(new)) => {
                now + seconds(backlog.as_secs_f64() * rate_of(old) / rate_of(new))
            }
            _ => now,
        };
        self.conditions = conditions;
    }

    /// The conditions at the time of the latest packet.
    pub fn conditions(&self) -> &LinkConditions {
        &self.conditions
    }

    /// What was counted so far.
    pub fn stats(&self) -> &LinkStats {
        &self.stats
    }

    /// Keeps a record of each packet from now on (or no longer).
    pub fn keep_log(&mut self, keep: bool) {
        self.stats.keep_log(keep);
    }

    /// How long a packet offered at `now` would wait for the ones before it.
    pub fn queue_delay(&self, now: Instant) -> Duration {
        self.busy_until.saturating_duration_since(now)
    }

    /// Takes a UDP datagram at `now`; returns when it comes out at the other end. Times do not go back.
    pub fn admit(&mut self, now: Instant, datagram: &[u8]) -> Deliveries {
        self.take(Packet {
            offered_at: now,
            wire_size: datagram.len() + IP_UDP_OVERHEAD,
            rtp: rtp_identity(datagram),
            first_bytes: datagram.first_chunk().copied().unwrap_or_default(),
        })
    }

    /// Takes a packet of `wire_size` bytes; `rtp` is its SSRC and sequence number if it is RTP.
    pub fn admit_packet(
        &mut self,
        now: Instant,
        wire_size: usize,
        rtp: Option<(u32, u16)>,
    ) -> Deliveries {
        self.take(Packet {
            offered_at: now,
            wire_size,
            rtp,
            first_bytes: [0; 2],
        })
    }

    fn take(&mut self, packet: Packet) -> Deliveries {
        let now = packet.offered_at;
        self.apply_changes(now);
        self.offered += 1;
        let key = self.key_of(packet.rtp);
        let queue_delay = match self.enqueue(now, packet.wire_size) {
            Ok(delay) => delay,
            Err(delay) => {
                self.record(packet, delay, Verdict::Overflowed, &[]);
                return Vec::new();
            }
        };
        // Lost behind the bottleneck: what is lost has used the link, as on a real radio hop.
        let sent_at = self.busy_until.max(now);
        if self.is_lost(key, sent_at) {
            self.record(packet, queue_delay, Verdict::Lost, &[]);
            return Vec::new();
        }
        let mut deliveries = vec![self.delivery(sent_at, key, 0)];
        if self.chance(key, Choice::Duplication) < self.conditions.duplication {
            deliveries.push(self.delivery(sent_at, key, 1));
        }
        self.record(packet, queue_delay, Verdict::Delivered, &deliveries);
        deliveries
    }

    fn record(
        &mut self,
        packet: Packet,
        queue_delay: Duration,
        verdict: Verdict,
        deliveries: &[Instant],
    ) {
        let since_start = |at: Instant| at.saturating_duration_since(self.started_at);
        self.stats.record(LinkRecord {
            offered_at: since_start(packet.offered_at),
            delivered_at: deliveries.first().copied().map(since_start),
            copies: deliveries.len(),
            queue_delay,
            wire_size: packet.wire_size,
            rtp: packet.rtp,
            first_bytes: packet.first_bytes,
            verdict,
        });
    }

    fn apply_changes(&mut self, now: Instant) {
        while let Some(change) = self.changes.front()
            && self.started_at + change.at <= now
        {
            // What waits was already given its way through this change; see `transmission_end`.
            if let Some(change) = self.changes.pop_front() {
                self.conditions = change.conditions;
            }
        }
    }

    /// Puts a packet at the end of the queue and says how long it waits until it is being sent, or how
    /// long the queue was that had no room.
    fn enqueue(&mut self, now: Instant, wire_size: usize) -> Result<Duration, Duration> {
        while let Some((left_at, size)) = self.waiting.front().copied()
            && left_at <= now
        {
            self.waiting.pop_front();
            self.waiting_bytes -= size;
        }
        let trace = self.conditions.trace.as_ref();
        let Some(rate) = trace.map(RateTrace::mean_rate).or(self.conditions.rate) else {
            return Ok(Duration::ZERO);
        };
        let start = self.busy_until.max(now);
        let room = match self.conditions.queue {
            Queue::Bytes(bytes) => bytes,
            Queue::Milliseconds(ms) => (ms as f64 / 1_000.0 * rate_of(rate) / 8.0) as usize,
        };
        // The packet on the wire takes room until its last bit is out; an idle link takes any packet.
        if !self.waiting.is_empty() && self.waiting_bytes + wire_size > room {
            return Err(start - now);
        }
        let (begin, end) = match &self.conditions.trace {
            Some(trace) => self
                .opportunities
                .take(trace, self.started_at, start, wire_size),
            None => (start, self.transmission_end(start, wire_size as f64 * 8.0)),
        };
        self.busy_until = end;
        self.waiting.push_back((end, wire_size));
        self.waiting_bytes += wire_size;
        Ok(begin.saturating_duration_since(now))
    }

    /// When `bits` are through that start at `start`, with the rate changes that are already known.
    fn transmission_end(&self, start: Instant, mut bits: f64) -> Instant {
        let mut at = start;
        let mut rate = self.conditions.rate;
        for change in &self.changes {
            let Some(current) = rate else {
                return at;
            };
            let until = self.started_at + change.at;
            let capacity = until.saturating_duration_since(at).as_secs_f64() * rate_of(current);
            if capacity >= bits {
                break;
            }
            bits -= capacity;
            at = at.max(until);
            rate = change.conditions.rate;
        }
        rate.map_or(at, |rate| at + seconds(bits / rate_of(rate)))
    }

    fn is_lost(&mut self, key: u64, sent_at: Instant) -> bool {
        let random = self.chance(key, Choice::Loss) < self.conditions.loss;
        let burst = self
            .conditions
            .bursts
            .is_some_and(|bursts| self.burst_takes(bursts));
        let outage = self.conditions.outages;
        let dead = outage.is_some_and(|outages| self.outage.at(sent_at, outages, self.seed));
        random || burst || dead
    }

    /// The state moves packet by packet, whatever they are.
    fn burst_takes(&mut self, bursts: Bursts) -> bool {
        let turn = unit(hash(self.seed ^ hash(self.offered ^ 0x6275_7273)));
        let leave = if self.in_bad_state {
            bursts.to_good
        } else {
            bursts.to_bad
        };
        if turn < leave {
            self.in_bad_state = !self.in_bad_state;
        }
        let loss = if self.in_bad_state {
            bursts.loss_in_bad
        } else {
            bursts.loss_in_good
        };
        unit(hash(self.seed ^ hash(self.offered ^ 0x6c6f_7373))) < loss
    }

    fn delivery(&mut self, sent_at: Instant, key: u64, copy: u64) -> Instant {
        let key = hash(key).wrapping_add(copy);
        let delay = self.conditions.delay.as_secs_f64();
        let jitter = self.conditions.jitter;
        let at = if self.conditions.keep_order {
            let since_start = sent_at.saturating_duration_since(self.started_at);
            let offset = self.ordered_jitter.at(since_start, jitter);
            let at = sent_at + seconds((delay + offset).max(0.0));
            // Order is kept also where the conditions have changed.
            at.max(self.last_delivery)
        } else {
            let offset = jitter.offset(self.chance(key, Choice::Jitter));
            sent_at + seconds((delay + offset).max(0.0))
        };
        match self.conditions.reordering {
            Some(reordering) if self.chance(key, Choice::Reordering) < reordering.share => {
                at + reordering.by
            }
            _ => {
                self.last_delivery = self.last_delivery.max(at);
                at
            }
        }
    }

    fn key_of(&mut self, rtp: Option<(u32, u16)>) -> u64 {
        let Some((ssrc, sequence_number)) = rtp else {
            self.others += 1;
            return self.others;
        };
        let index = self.streams.len() as u64 + 1;
        let stream = self.streams.entry(ssrc).or_insert(Stream {
            index,
            sequence_number,
            position: 0,
        });
        let step = sequence_number.wrapping_sub(stream.sequence_number) as i16;
        stream.sequence_number = sequence_number;
        stream.position += i64::from(step);
        hash(stream.index) ^ stream.position as u64
    }

    fn chance(&self, key: u64, choice: Choice) -> f64 {
        unit(hash(self.seed ^ hash(key ^ ((choice as u64) << 56))))
    }
}

/// Whether the line is dead, and until when that or the contrary holds.
#[derive(Debug)]
struct Outage {
    now: bool,
    until: Instant,
    turns: u64,
}

impl Outage {
    fn at(&mut self, now: Instant, outages: Outages, seed: u64) -> bool {
        while self.until <= now {
            // A line begins alive.
            self.now = self.turns % 2 == 1;
            let good = outages.mean.mul_f64((1.0 - outages.share) / outages.share);
            let mean = if self.now { outages.mean } else { good };
            let chance = unit(hash(seed ^ hash(self.turns ^ 0x6f75_7461)));
            self.until += mean
                .mul_f64(-(1.0 - chance).max(1e-6).ln())
                .max(SHORTEST_TURN);
            self.turns += 1;
        }
        self.now
    }
}

/// Independent choices about one packet.
#[derive(Debug, Clone, Copy)]
enum Choice {
    Loss = 1,
    Duplication,
    Jitter,
    Reordering,
}

/// SSRC and sequence number if the datagram is RTP or SRTP (RFC 3550 section 5.1, RFC 5761 section 4).
pub fn rtp_identity(datagram: &[u8]) -> Option<(u32, u16)> {
    let header: &[u8; 12] = datagram.first_chunk()?;
    let is_rtp = header[0] >> 6 == 2 && !(192..=223).contains(&header[1]);
    is_rtp.then(|| {
        (
            u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
            u16::from_be_bytes([header[2], header[3]]),
        )
    })
}

fn rate_of(rate: Bitrate) -> f64 {
    (rate.bps() as f64).max(SLOWEST_BPS)
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::from_secs(86_400))
}
