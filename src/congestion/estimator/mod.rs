//! How fast to send: from the delays and losses of what was sent.
//!
//! In the spirit of Google's congestion control (draft-ietf-rmcat-gcc-02: send less when the delay
//! rises, by the rate that arrives; more when it does not) with three differences: a rise counts when it
//! is statistically significant instead of against a threshold in search of a gain; a queue that stands
//! without rising is seen as well; and losses count only if they go when less is sent.

mod acked;
mod delay;
mod loss;
mod narrowing;
mod probing;
mod trains;

#[cfg(test)]
mod closed_loop_tests;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::media::Bitrate;

use self::acked::AckedRate;
use self::delay::{QueueWatch, Trend};
use self::loss::{LossAdvice, LossWatch, TEST_SHARE};
use self::narrowing::Narrowing;
use self::probing::Probing;
use self::trains::Trains;
use super::probe::Probe;

/// A rising queue of this length is too much, in seconds.
const RISING_QUEUE: f64 = 0.020;
/// A queue of this length is too much even if it stands.
const STANDING_QUEUE: f64 = 0.055;
/// A queue shorter than this is none.
const EMPTY_QUEUE: f64 = 0.012;
/// What is sent after a decrease, as a share of what arrived.
const DECREASE: f64 = 0.85;
/// So much less on top for each second of queue, to be rid of it.
const DRAIN: f64 = 0.8;
/// A path that carries less than this share of the target all at once is not left time to show it.
const NARROWED: f64 = 0.6;
/// Never below this share of what arrived.
const DEEPEST_DECREASE: f64 = 0.5;
/// While a queue of this length, in seconds, goes, next to nothing is sent: sound waits in it.
const LONG_QUEUE: f64 = 0.4;
/// The least that is sent then, as a share of what the path can carry: sound has to fit.
const DEEPEST_DRAIN: f64 = 0.2;
/// What is sent again when the queue is gone, as a share of what the path can carry.
const AFTER_DRAIN: f64 = 0.9;
/// As long as no queue was ever seen, the target grows so much a second.
const STARTUP_GROWTH: f64 = 2.6;
/// After a queue, so long in seconds nothing above this share of what was carried is tried.
const SETTLED_SECONDS: f64 = 8.0;
const SETTLED_SHARE: f64 = 0.92;
/// Near the known capacity, the target grows by a packet for each answer, and by no more than this a
/// second.
const CAREFUL_GROWTH: f64 = 0.04;
const PACKET_BITS: f64 = 9_600.0;
/// The target stays below this multiple of what arrives: more is untested.
const UNTESTED: f64 = 1.5;
/// Beyond this multiple of the known capacity, it is known no more.
const CAPACITY_EXCEEDED: f64 = 1.1;
/// Trains of packets that come at this multiple of the known capacity show that it has grown.
const TRAINS_EXCEED: f64 = 1.2;
/// More of it for each second of jitter.
const TRAINS_DOUBT: f64 = 20.0;
/// After so many decreases in a row without any effect on the delay, the path is longer, not fuller.
const FUTILE_DECREASES: u32 = 4;
/// A report after a longer pause continues, but does not grow for all the time.
const LONGEST_STEP: f64 = 0.25;
/// No queue makes a packet so much later than the one before it, in seconds: the receiver's clock was
/// set, or the report is not true.
const CLOCK_JUMP: f64 = 10.0;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketResult {
    /// When it left here.
    pub sent_at: Instant,
    /// When it arrived, on the receiver's clock; `None` if it was lost.
    pub arrived_at: Option<Duration>,
    /// On the wire: see [`WIRE_OVERHEAD`](super::WIRE_OVERHEAD).
    pub size: usize,
}

/// Between what an estimator moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EstimatorConfig {
    /// Before anything is known.
    pub start: Bitrate,
    /// Never less.
    pub min: Bitrate,
    /// Never more.
    pub max: Bitrate,
}

/// Follows what a path can carry. Without clock: times come with the reports.
#[derive(Debug, Clone)]
pub struct Estimator {
    config: EstimatorConfig,
    epoch: Instant,
    target: f64,
    queue: QueueWatch,
    acked: AckedRate,
    loss: LossWatch,
    probing: Probing,
    trains: Trains,
    narrowing: Narrowing,
    /// From sending to arrival of the latest packet, each on its own clock, in seconds.
    latest_delay: Option<f64>,
    phase: Phase,
    /// What arrived when the path was full.
    capacity: Option<f64>,
    round_trip_time: Option<Duration>,
    last_report: Option<Instant>,
    unreported_since: Option<Instant>,
    futile: u32,
    /// The target when the queue was first seen.
    target_before: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// No queue was seen yet.
    Startup,
    /// Sending less until the queue is gone.
    Draining { since: f64, queue_then: f64 },
    /// No queue; growing since then.
    Growing { since: f64 },
}

impl Estimator {
    /// An estimator that knows nothing yet.
    pub fn new(now: Instant, config: EstimatorConfig) -> Self {
        let target = config.start.clamp(config.min, config.max.max(config.min));
        Self {
            config,
            epoch: now,
            target: target.bps() as f64,
            queue: QueueWatch::default(),
            acked: AckedRate::default(),
            loss: LossWatch::default(),
            probing: Probing::default(),
            trains: Trains::default(),
            narrowing: Narrowing::default(),
            latest_delay: None,
            phase: Phase::Startup,
            capacity: None,
            round_trip_time: None,
            last_report: None,
            unreported_since: None,
            futile: 0,
            target_before: 0.0,
        }
    }

    /// How fast to send, all together.
    pub fn target(&self) -> Bitrate {
        Bitrate(self.target as u64)
    }

    /// The share of packets lost in the last second.
    pub fn loss(&self) -> f32 {
        self.loss.loss() as f32
    }

    /// The round trip of the latest reports, with the time that they waited to be made.
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.round_trip_time
    }

    /// How long packets wait on the way at present.
    pub fn queue_delay(&self) -> Duration {
        Duration::from_secs_f64(self.queue.queue().clamp(0.0, 3_600.0))
    }

    /// What arrives at present; `None` before enough did.
    pub fn acknowledged(&self) -> Option<Bitrate> {
        self.acked.bps().map(|bps| Bitrate(bps as u64))
    }

    /// Something was sent of which a report is expected.
    pub fn handle_sent(&mut self, now: Instant) {
        self.unreported_since.get_or_insert(now);
    }

    /// Takes the results of packets, roughly in the order of their sending.
    pub fn handle_results(&mut self, now: Instant, results: &[PacketResult]) {
        if results.is_empty() {
            return;
        }
        let step = self
            .last_report
            .map_or(0.0, |last| {
                now.saturating_duration_since(last).as_secs_f64()
            })
            .min(LONGEST_STEP);
        self.last_report = Some(now);
        self.unreported_since = None;
        for result in results {
            let sent = self.seconds(result.sent_at);
            self.loss.add(sent, result.arrived_at.is_none());
            if let Some(arrived_at) = result.arrived_at {
                let arrived = arrived_at.as_secs_f64();
                self.follow_clock(arrived - sent);
                self.queue.add(sent, arrived);
                self.acked.add(arrived, result.size);
                self.probing.add(sent, arrived, result.size);
                self.trains.add(sent, arrived, result.size, self.target);
                self.narrowing.add(sent, arrived, result.size);
            }
        }
        let arrived = results.iter().filter(|result| result.arrived_at.is_some());
        if let Some(latest) = arrived.map(|result| result.sent_at).max() {
            self.round_trip_time = Some(now.saturating_duration_since(latest));
        }
        self.queue.update();
        self.acked.update();
        self.narrowing.update(self.queue.empty_delay());
        self.decide(self.seconds(now), step);
        self.target = self.target.clamp(
            self.config.min.bps() as f64,
            self.config.max.max(self.config.min).bps() as f64,
        );
    }

    /// What arrived by another clock cannot be compared.
    fn follow_clock(&mut self, delay: f64) {
        let latest = self.latest_delay.replace(delay);
        if latest.is_some_and(|latest| (delay - latest).abs() > CLOCK_JUMP) {
            self.queue = QueueWatch::default();
            self.acked = AckedRate::default();
            self.trains = Trains::default();
            self.narrowing = Narrowing::default();
            self.probing.cancel();
        }
    }

    /// Watches over the silence: call it at [`Self::next_timeout`] or later.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_timeout().is_some_and(|timeout| timeout <= now) {
            self.target = (self.target / 2.0).max(self.config.min.bps() as f64);
            self.unreported_since = Some(now);
        }
    }

    /// When to call [`Self::handle_timeout`]; `None` while nothing is on its way.
    pub fn next_timeout(&self) -> Option<Instant> {
        let patience = 2 * self.round_trip_time.unwrap_or_default() + Duration::from_millis(500);
        self.unreported_since.map(|since| since + patience)
    }

    /// A probe to send now, if one would tell something. Who cannot send padding does not ask.
    pub fn poll_probe(&mut self, now: Instant) -> Option<Probe> {
        let clear = self.queue.queue() < EMPTY_QUEUE + self.queue.noise()
            && !matches!(self.phase, Phase::Draining { .. })
            && !self.loss.is_testing()
            && self.last_report.is_some();
        let max = self.config.max.bps() as f64;
        if !clear || self.target >= max {
            return None;
        }
        let (seconds, target) = (self.seconds(now), self.target);
        let startup = self.phase == Phase::Startup;
        let round_trip = self.round_trip();
        self.probing.poll(seconds, startup, target, max, round_trip)
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.epoch).as_secs_f64()
    }

    fn round_trip(&self) -> f64 {
        self.round_trip_time.map_or(0.1, |time| time.as_secs_f64())
    }

    fn decide(&mut self, now: f64, step: f64) {
        let Some(acked) = self.acked.bps() else {
            return;
        };
        let queue = self.queue.queue();
        let doubt = self.queue.noise();
        let overused = queue > STANDING_QUEUE + doubt
            || queue > RISING_QUEUE + doubt && self.queue.trend() == Trend::Rising;
        if let Some(carried) = self.probing.take_result(now) {
            self.target = self.target.max(DECREASE * carried);
        }
        if let Some(narrow) = self.narrowing.found(doubt)
            && narrow.carries < NARROWED * self.target
        {
            if !matches!(self.phase, Phase::Draining { .. }) {
                self.target_before = self.target;
            }
            self.capacity = Some(narrow.carries);
            self.cut(now, narrow.carries, narrow.queue);
            return;
        }
        if let Phase::Draining { since, queue_then } = self.phase {
            self.drain(now, acked, since, queue_then, overused);
            return;
        }
        if overused {
            self.target_before = self.target;
            self.decrease(now);
            return;
        }
        match self.loss.advise(now, self.target, acked, self.round_trip()) {
            LossAdvice::Nothing => {}
            LossAdvice::Test(rate) => self.target = self.target.min(rate),
            LossAdvice::Restore(rate) => self.target = self.target.max(rate),
            LossAdvice::Stay => {
                self.capacity = Some(self.target / TEST_SHARE);
                self.phase = Phase::Growing { since: now };
            }
        }
        if !self.loss.is_testing() && queue < RISING_QUEUE + doubt {
            self.grow(now, acked, step);
        }
    }

    fn decrease(&mut self, now: f64) {
        let Some(acked) = self.acked.bps_when_full() else {
            return;
        };
        let queue = self.queue.queue();
        self.capacity = Some(match self.capacity {
            Some(capacity) if (0.7..1.4).contains(&(acked / capacity)) => {
                0.7 * capacity + 0.3 * acked
            }
            _ => acked,
        });
        self.cut(now, acked, queue);
    }

    /// Sends less than what arrives, so that a queue of this length goes.
    fn cut(&mut self, now: f64, acked: f64, queue: f64) {
        let share = (DECREASE - DRAIN * (queue - STANDING_QUEUE).max(0.0)).max(DEEPEST_DECREASE);
        self.target = self.target.min(share * acked);
        self.phase = Phase::Draining {
            since: now,
            queue_then: queue,
        };
        self.loss.disregard();
        self.probing.cancel();
        self.trains.clear();
    }

    /// Waits for the queue to go; decreases again if it does not.
    fn drain(&mut self, now: f64, acked: f64, since: f64, queue_then: f64, overused: bool) {
        let queue = self.queue.queue();
        self.loss.disregard();
        if queue > STANDING_QUEUE && now - since > 0.3 {
            // What comes out of a queue is exactly what the path carries.
            self.capacity = self.capacity.map(|capacity| 0.7 * capacity + 0.3 * acked);
        }
        let doubt = self.queue.noise();
        if queue > STANDING_QUEUE + doubt {
            let share = (1.0 - queue / LONG_QUEUE).max(DEEPEST_DRAIN);
            self.target = self.target.min(share * self.capacity.unwrap_or(acked));
        }
        // What was cut early does not yet show in the queue.
        let narrowed = self.narrowing.found(doubt).is_some();
        if !narrowed
            && (queue < EMPTY_QUEUE + doubt
                || queue < RISING_QUEUE + doubt && self.queue.trend() != Trend::Rising)
        {
            self.futile = 0;
            if let Some(capacity) = self.capacity {
                self.target = self
                    .target
                    .max(AFTER_DRAIN * capacity.min(UNTESTED * acked));
            }
            self.phase = Phase::Growing { since: now };
            return;
        }
        // The encoder, the way there and the report back take their time.
        let answered = now - since > self.round_trip() + 0.25;
        if !answered {
            return;
        }
        let effect = queue < 0.85 * queue_then;
        if effect {
            // It goes, if slowly.
            self.futile = 0;
            self.phase = Phase::Draining {
                since: now,
                queue_then: queue,
            };
        } else if overused {
            self.futile += 1;
            if self.futile >= FUTILE_DECREASES {
                self.futile = 0;
                self.queue.accept_delay();
                self.capacity = None;
                self.target = self.target.max(AFTER_DRAIN * self.target_before);
                self.phase = Phase::Growing { since: now };
            } else {
                self.decrease(now);
            }
        }
    }

    fn grow(&mut self, now: f64, acked: f64, step: f64) {
        if let (Some(capacity), Some(carried)) = (self.capacity, self.trains.carried())
            // Jitter presses trains together as often as apart, but the first is believed.
            && carried > (TRAINS_EXCEED + TRAINS_DOUBT * self.queue.noise()) * capacity
        {
            self.capacity = None;
            // As fast as it gets: the path was seen to carry it.
            self.phase = Phase::Growing { since: now - 60.0 };
        }
        if self
            .capacity
            .is_some_and(|capacity| self.target > CAPACITY_EXCEEDED * capacity)
        {
            self.capacity = None;
            if self.phase != Phase::Startup {
                self.phase = Phase::Growing { since: now };
            }
        }
        let grown = match (self.phase, self.capacity) {
            (Phase::Startup, _) => self.target * STARTUP_GROWTH.powf(step),
            // Near what it carried: a packet for each time that an answer takes.
            (Phase::Growing { since }, Some(capacity))
                if now - since < SETTLED_SECONDS && self.target > 0.8 * capacity =>
            {
                let below = SETTLED_SHARE * capacity;
                (self.target + CAREFUL_GROWTH * step * self.target).min(below.max(self.target))
            }
            (_, Some(capacity)) if self.target > 0.8 * capacity => {
                let packets = step / (self.round_trip() + 0.1);
                self.target + (packets * PACKET_BITS).min(CAREFUL_GROWTH * step * self.target)
            }
            // Beyond what is known: faster and faster.
            (Phase::Growing { since }, _) => {
                let growth = (1.25 + 0.25 * (now - since)).min(2.0);
                self.target * growth.powf(step)
            }
            (Phase::Draining { .. }, _) => self.target,
        };
        let tested = UNTESTED * acked + 20_000.0;
        self.target = grown.min(self.target.max(tested));
    }
}
