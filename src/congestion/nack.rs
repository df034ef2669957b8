use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Asked so often for one packet at most.
const MAX_TRIES: u32 = 10;
/// More missing packets than this are not recovered one by one.
const MAX_MISSING: usize = 1_024;
/// A step back further than this, or forth, is another stream.
const MAX_STEP: i16 = 3_000;
/// Paths reorder by this even if it was not seen yet.
const MIN_REORDERING: Duration = Duration::from_millis(8);
/// A packet that is later than this is lost for all practical purposes.
const MAX_REORDERING: Duration = Duration::from_millis(150);
/// Reordering that was seen is forgotten by half in this time. The worst is rare, and each time that
/// it is forgotten, what is merely late is asked for.
const REORDERING_HALF_LIFE: Duration = Duration::from_secs(30);
/// Before anything was measured.
const ASSUMED_ROUND_TRIP: Duration = Duration::from_millis(100);
/// An answer may be so much slower than those before it without being lost.
const RETRY_MARGIN: Duration = Duration::from_millis(5);
/// A wait between two requests for the same packet is never shorter.
const MIN_RETRY: Duration = Duration::from_millis(20);
/// A picture this old is not waited for, if the path is quick.
const MIN_GIVE_UP_AGE: Duration = Duration::from_secs(1);

/// Which packets of one stream to ask for again (NACK, RFC 4585 section 6.2.1), and when: not before
/// they are later than packets on this path use to be, and not again before an answer could be here.
#[derive(Debug, Default)]
pub struct NackSchedule {
    /// The highest sequence number so far, wraps counted.
    newest: Option<u64>,
    missing: BTreeMap<u64, Missing>,
    round_trip_time: Option<Duration>,
    response: Response,
    reordering: Reordering,
    stats: NackStats,
}

#[derive(Debug)]
struct Missing {
    noticed_at: Instant,
    tries: u32,
    asked_at: Instant,
}

/// What a schedule did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NackStats {
    /// Requests for a packet, repeated ones included.
    pub requests: u64,
    /// Packets that came after a request.
    pub recovered: u64,
    /// Packets that came late by themselves, before a request.
    pub reordered: u64,
    /// Packets that are not asked for any more.
    pub given_up: u64,
}

impl NackSchedule {
    /// A schedule for a stream that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// The latest round trip of the connection.
    pub fn set_round_trip_time(&mut self, round_trip_time: Duration) {
        self.round_trip_time = Some(round_trip_time);
    }

    /// Takes the arrival of a packet; `retransmitted` if it came by RTX. Returns `false` for one that
    /// was here already, as far back as is known.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        sequence_number: u16,
        retransmitted: bool,
    ) -> bool {
        let Some(newest) = self.newest else {
            // Room below, so that what comes before the first does not wrap.
            self.newest = Some((1 << 32) | u64::from(sequence_number));
            return true;
        };
        let step = sequence_number.wrapping_sub(newest as u16) as i16;
        let number = newest.wrapping_add_signed(i64::from(step));
        if !(-MAX_STEP..=MAX_STEP).contains(&step) {
            self.stats.given_up += self.missing.len() as u64;
            self.missing.clear();
            self.newest = Some((newest | 0xffff) + 1 + u64::from(sequence_number));
            return true;
        }
        if step <= 0 {
            return self.fill(now, number, retransmitted);
        }
        for number in newest + 1..number {
            let missing = Missing {
                noticed_at: now,
                tries: 0,
                asked_at: now,
            };
            self.missing.insert(number, missing);
        }
        self.newest = Some(number);
        while self.missing.len() > MAX_MISSING {
            self.missing.pop_first();
            self.stats.given_up += 1;
        }
        true
    }

    fn fill(&mut self, now: Instant, number: u64, retransmitted: bool) -> bool {
        let Some(missing) = self.missing.remove(&number) else {
            return false;
        };
        if retransmitted {
            self.stats.recovered += 1;
            // Of several requests it is not known which one was answered (Karn).
            if missing.tries == 1 {
                self.response
                    .add(now.saturating_duration_since(missing.asked_at));
            }
        } else {
            let lateness = now.saturating_duration_since(missing.noticed_at);
            self.reordering.add(now, lateness);
            if missing.tries == 0 {
                self.stats.reordered += 1;
            }
        }
        true
    }

    /// The packets to ask for now, oldest first.
    pub fn poll(&mut self, now: Instant) -> Vec<u16> {
        let waits = self.waits(now);
        let give_up_age = self.give_up_age(now);
        let mut due = Vec::new();
        let stats = &mut self.stats;
        self.missing.retain(|number, missing| {
            if missing.tries >= MAX_TRIES && missing.asked_at + waits.retry <= now
                || missing.noticed_at + give_up_age <= now
            {
                stats.given_up += 1;
                return false;
            }
            if missing.tries < MAX_TRIES && missing.due(&waits) <= now {
                missing.tries += 1;
                missing.asked_at = now;
                stats.requests += 1;
                due.push(*number as u16);
            }
            true
        });
        due
    }

    /// When to poll again; `None` while nothing is missing. `now` only ages what was learned.
    pub fn next_wake(&self, now: Instant) -> Option<Instant> {
        let waits = self.waits(now);
        let give_up_age = self.give_up_age(now);
        let wake = |missing: &Missing| missing.due(&waits).min(missing.noticed_at + give_up_age);
        self.missing.values().map(wake).min()
    }

    /// What was counted so far.
    pub fn stats(&self) -> NackStats {
        self.stats
    }

    /// How many packets are missing and still hoped for.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    fn waits(&self, now: Instant) -> Waits {
        let first = self.reordering.allowance(now);
        let round_trip = self.round_trip_time.unwrap_or(ASSUMED_ROUND_TRIP);
        let retry = match self.response.timeout() {
            Some(timeout) => timeout.max(round_trip),
            None => round_trip + first,
        };
        Waits {
            first,
            retry: retry.max(MIN_RETRY),
        }
    }

    /// From when a gap shows; until the first request it may be none.
    fn give_up_age(&self, now: Instant) -> Duration {
        let round_trip = self.round_trip_time.unwrap_or(ASSUMED_ROUND_TRIP);
        self.reordering.allowance(now) + MIN_GIVE_UP_AGE.max(4 * round_trip)
    }
}

/// How long to wait at the moment before a request,
struct Waits {
    /// the first: the packet may be merely late;
    first: Duration,
    /// and each after it: the answer may be on its way.
    retry: Duration,
}

impl Missing {
    fn due(&self, waits: &Waits) -> Instant {
        if self.tries == 0 {
            self.noticed_at + waits.first
        } else {
            self.asked_at + waits.retry
        }
    }
}

/// How long answers take, with the spread, much as TCP learns its timeout (RFC 6298). A request too
/// many costs a packet, not a collapse, so the timeout is what nearly all answers keep.
#[derive(Debug, Default)]
struct Response {
    smoothed: Option<(f64, f64)>,
}

impl Response {
    fn add(&mut self, time: Duration) {
        let time = time.as_secs_f64();
        self.smoothed = Some(match self.smoothed {
            None => (time, time / 2.0),
            Some((mean, spread)) => {
                let spread = 0.875 * spread + 0.125 * (mean - time).abs();
                (0.875 * mean + 0.125 * time, spread)
            }
        });
    }

    fn timeout(&self) -> Option<Duration> {
        let (mean, spread) = self.smoothed?;
        Some(Duration::from_secs_f64((mean + 3.0 * spread).min(10.0)) + RETRY_MARGIN)
    }
}

/// How late packets of this path come by themselves: the worst lately.
#[derive(Debug, Default)]
struct Reordering {
    worst: Option<(Instant, Duration)>,
}

impl Reordering {
    fn add(&mut self, now: Instant, lateness: Duration) {
        if lateness >= self.faded(now) {
            self.worst = Some((now, lateness.min(MAX_REORDERING)));
        }
    }

    fn faded(&self, now: Instant) -> Duration {
        let Some((at, worst)) = self.worst else {
            return Duration::ZERO;
        };
        let age = now.saturating_duration_since(at).as_secs_f64();
        worst.mul_f64(0.5_f64.powf(age / REORDERING_HALF_LIFE.as_secs_f64()))
    }

    fn allowance(&self, now: Instant) -> Duration {
        // A little more than was seen, for what was not seen yet.
        (self.faded(now).mul_f64(1.1) + Duration::from_millis(2)).max(MIN_REORDERING)
    }
}
