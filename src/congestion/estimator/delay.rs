//! Sees queues: from the one-way delays of acknowledged packets, whose clock offset does not matter.

use std::collections::VecDeque;

/// Packets sent this close together are one group: a queue takes them as one burst.
const GROUP_SECONDS: f64 = 0.005;
/// How far back the trend looks.
const TREND_SECONDS: f64 = 0.4;
/// Fewer groups show no trend.
const MIN_TREND_GROUPS: usize = 8;
/// A rise of less than this over the window is nothing.
const MIN_RISE_SECONDS: f64 = 0.006;
/// So many standard errors make a rise significant.
const SIGNIFICANCE: f64 = 3.0;
/// The least delayed of this time says how long the queue is; jitter only adds.
const QUEUE_WINDOW_SECONDS: f64 = 0.12;
/// Scatter beyond this is no jitter but a queue on the move.
const MAX_NOISE_SECONDS: f64 = 0.03;
const NOISE_SMOOTHING: f64 = 0.1;
/// The empty path is looked for this far back, in steps of a second: clocks drift and routes change.
const BASE_SECONDS: usize = 15;

/// The queue of the path as far as it shows.
#[derive(Debug, Clone, Default)]
pub(super) struct QueueWatch {
    /// Arrival and one-way delay of packets lately, by arrival.
    recent: VecDeque<(f64, f64)>,
    group: Option<Group>,
    /// Arrival and least delay of finished groups.
    groups: VecDeque<(f64, f64)>,
    base: BaseDelay,
    queue: f64,
    trend: Trend,
    /// What jitter may add to `queue`, in seconds.
    noise: f64,
}

#[derive(Debug, Clone)]
struct Group {
    first_sent: f64,
    arrived: f64,
    least_delay: f64,
}

/// Where the delay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Trend {
    Falling,
    #[default]
    Level,
    Rising,
}

impl QueueWatch {
    /// Takes a packet by its times in seconds, each on its own clock.
    pub(super) fn add(&mut self, sent: f64, arrived: f64) {
        let delay = arrived - sent;
        self.recent.push_back((arrived, delay));
        match &mut self.group {
            Some(group) if sent - group.first_sent < GROUP_SECONDS => {
                group.arrived = group.arrived.max(arrived);
                group.least_delay = group.least_delay.min(delay);
            }
            group => {
                let next = Group {
                    first_sent: sent,
                    arrived,
                    least_delay: delay,
                };
                if let Some(done) = group.replace(next) {
                    self.groups.push_back((done.arrived, done.least_delay));
                }
            }
        }
    }

    /// After all packets of a report were added.
    pub(super) fn update(&mut self) {
        let Some(newest) = self
            .recent
            .iter()
            .map(|(arrived, _)| *arrived)
            .reduce(f64::max)
        else {
            return;
        };
        self.recent
            .retain(|(arrived, _)| newest - arrived <= QUEUE_WINDOW_SECONDS);
        self.groups
            .retain(|(arrived, _)| newest - arrived <= TREND_SECONDS);
        let least = self
            .recent
            .iter()
            .map(|(_, delay)| *delay)
            .fold(f64::INFINITY, f64::min);
        self.base.add(newest, least);
        self.queue = (least - self.base.delay()).max(0.0);
        let (trend, scatter) = trend_of(&self.groups);
        self.trend = trend;
        self.noise += NOISE_SMOOTHING * (scatter.min(MAX_NOISE_SECONDS) - self.noise);
    }

    /// How long a packet waits on the way, in seconds.
    pub(super) fn queue(&self) -> f64 {
        self.queue
    }

    /// From sending to arrival over the empty path, each on its own clock, in seconds.
    pub(super) fn empty_delay(&self) -> f64 {
        self.base.delay()
    }

    /// How far from the truth [`Self::queue`] may be, in seconds.
    pub(super) fn noise(&self) -> f64 {
        self.noise
    }

    pub(super) fn trend(&self) -> Trend {
        self.trend
    }

    /// Takes the present delay for that of the empty path: it does not go away by sending less.
    pub(super) fn accept_delay(&mut self) {
        self.base = BaseDelay::default();
        self.groups.clear();
        self.queue = 0.0;
        self.trend = Trend::Level;
    }
}

/// The line through the points by least squares; it rises if it does so beyond its own uncertainty.
/// Also how far the points are from it.
fn trend_of(points: &VecDeque<(f64, f64)>) -> (Trend, f64) {
    if points.len() < MIN_TREND_GROUPS {
        return (Trend::Level, 0.0);
    }
    let count = points.len() as f64;
    let (x_mean, y_mean) = points.iter().fold((0.0, 0.0), |(x, y), point| {
        (x + point.0 / count, y + point.1 / count)
    });
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in points {
        let (dx, dy) = (x - x_mean, y - y_mean);
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    if xx <= 0.0 {
        return (Trend::Level, 0.0);
    }
    let slope = xy / xx;
    let residual = (yy - slope * xy).max(0.0) / (count - 2.0);
    let error = (residual / xx).sqrt();
    let span = (12.0 * xx / count).sqrt();
    let threshold = MIN_RISE_SECONDS.max(SIGNIFICANCE * error * span);
    let trend = if slope * span > threshold {
        Trend::Rising
    } else if slope * span < -threshold {
        Trend::Falling
    } else {
        Trend::Level
    };
    (trend, residual.sqrt())
}

/// The delay of the empty path: the least of the averages of each second. An average, because the
/// single least packet of a path with jitter is far below what the next window will show.
#[derive(Debug, Clone, Default)]
struct BaseDelay {
    /// Second, sum and count.
    seconds: VecDeque<(i64, f64, u32)>,
}

impl BaseDelay {
    fn add(&mut self, at: f64, delay: f64) {
        let second = at.floor() as i64;
        match self.seconds.back_mut() {
            Some((last, sum, count)) if *last >= second => {
                *sum += delay;
                *count += 1;
            }
            _ => self.seconds.push_back((second, delay, 1)),
        }
        while self.seconds.len() > BASE_SECONDS {
            self.seconds.pop_front();
        }
    }

    fn delay(&self) -> f64 {
        let averages = self
            .seconds
            .iter()
            .map(|(_, sum, count)| sum / f64::from(*count));
        averages.fold(f64::INFINITY, f64::min)
    }
}
