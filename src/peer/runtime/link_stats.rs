use std::collections::BTreeMap;
use std::time::Duration;

/// What a link did, counted.
#[derive(Debug, Clone, Default)]
pub struct LinkStats {
    /// Packets that were offered.
    pub packets: u64,
    /// Bytes that were offered, IP and UDP headers included.
    pub bytes: u64,
    /// Bytes that came out at the other end, duplicates once.
    pub delivered_bytes: u64,
    /// Packets lost at random or in bursts.
    pub lost: u64,
    /// Packets that found the queue full.
    pub overflowed: u64,
    /// Packets that came out twice.
    pub duplicated: u64,
    /// The same by RTP stream.
    pub streams: BTreeMap<u32, StreamLosses>,
    queue_delays: DelayHistogram,
    log: Option<Vec<LinkRecord>>,
}

/// What a link did to one RTP stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamLosses {
    /// Packets that were offered.
    pub packets: u64,
    /// Bytes that were offered, IP and UDP headers included.
    pub bytes: u64,
    /// Packets that did not come out, for whatever reason.
    pub lost: u64,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It came out.
    Delivered,
    /// It was lost at random or in a burst.
    Lost,
    /// There was no room in the queue.
    Overflowed,
}

/// What a link did to one packet. Times are counted from the start of the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRecord {
    /// When it went in.
    pub offered_at: Duration,
    /// When its first copy came out.
    pub delivered_at: Option<Duration>,
    /// How often it came out.
    pub copies: usize,
    /// How long it waited until it was being sent: for packets before it, and for a moment at which the
    /// link can send. Of one that found no room, how long it would have waited for those before it.
    pub queue_delay: Duration,
    /// IP and UDP headers included.
    pub wire_size: usize,
    /// SSRC and sequence number of an RTP packet.
    pub rtp: Option<(u32, u16)>,
    /// The first two bytes of a datagram, which tell what it is (RFC 7983, RFC 5761); zeros where only
    /// a size was told.
    pub first_bytes: [u8; 2],
    /// What became of it.
    pub verdict: Verdict,
}

impl LinkStats {
    /// Each packet since the log was switched on, in order; empty without a log.
    pub fn log(&self) -> &[LinkRecord] {
        self.log.as_deref().unwrap_or_default()
    }

    /// The queue delay that `share` (0.0..=1.0) of all packets stayed at or below, within 3 %.
    pub fn queue_delay(&self, share: f64) -> Duration {
        self.queue_delays.percentile(share)
    }

    pub(super) fn keep_log(&mut self, keep: bool) {
        self.log = keep.then(|| self.log.take().unwrap_or_default());
    }

    pub(super) fn record(&mut self, record: LinkRecord) {
        let size = record.wire_size as u64;
        self.packets += 1;
        self.bytes += size;
        match record.verdict {
            Verdict::Delivered => self.delivered_bytes += size,
            Verdict::Lost => self.lost += 1,
            Verdict::Overflowed => self.overflowed += 1,
        }
        self.duplicated += u64::from(record.copies > 1);
        if let Some((ssrc, _)) = record.rtp {
            let stream = self.streams.entry(ssrc).or_default();
            stream.packets += 1;
            stream.bytes += size;
            stream.lost += u64::from(record.verdict != Verdict::Delivered);
        }
        self.queue_delays.add(record.queue_delay);
        if let Some(log) = &mut self.log {
            log.push(record);
        }
    }
}

/// Counts delays by size class of the logarithm, so that a long run needs little memory.
#[derive(Debug, Clone, Default)]
pub struct DelayHistogram {
    counts: BTreeMap<u32, u64>,
    total: u64,
}

/// Each class ends 3 % above the one before.
const CLASS_WIDTH: f64 = 1.03;

impl DelayHistogram {
    /// One more.
    pub fn add(&mut self, delay: Duration) {
        let microseconds = delay.as_secs_f64() * 1e6;
        let class = if microseconds < 1.0 {
            0
        } else {
            1 + (microseconds.ln() / CLASS_WIDTH.ln()) as u32
        };
        *self.counts.entry(class).or_default() += 1;
        self.total += 1;
    }

    /// What `share` (0.0..=1.0) of all stayed at or below, within 3 %.
    pub fn percentile(&self, share: f64) -> Duration {
        let rank = (share.clamp(0.0, 1.0) * self.total as f64).ceil() as u64;
        let mut seen = 0;
        for (class, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return match class {
                    0 => Duration::ZERO,
                    class => Duration::from_secs_f64(CLASS_WIDTH.powi(*class as i32) / 1e6),
                };
            }
        }
        Duration::ZERO
    }
}
