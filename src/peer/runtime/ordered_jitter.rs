use std::time::Duration;

use super::profile::Jitter;
use super::split_mix::{hash, unit};

/// How finely its course is drawn.
const SLOT: Duration = Duration::from_micros(250);
/// Draws a second; so that few fall into one slot.
const MOST_DRAWS: f64 = 500.0;
/// Sets its draws apart from the other choices of the seed.
const DRAWN: u64 = 0x6472_6177 << 32;

/// The jitter of a line on which nothing overtakes: one course of the delay over the time of the line,
/// which all packets meet alike. Were it drawn for each packet and then kept in order, the delay would
/// be the largest of many draws, and more of them for whoever sends more.
///
/// The course is that of a rank among the delays that were asked for (0.0 the least, 1.0 the largest).
/// Draws come at random moments, `rate` a second. One that is higher lifts the rank to itself, and a
/// share of (1 - u)ᵃ of them is higher than u; between them the rank sinks by rate · u · (1 - u)ᵃ a second.
/// So as much sinks through each rank as is lifted over it, and in the long run all ranks are equally
/// frequent: the delays are distributed as asked. The rate is the highest with which no delay sinks
/// faster than time goes by, which is what keeps order. So a large jitter changes more slowly than a
/// small one.
#[derive(Debug)]
pub(super) struct OrderedJitter {
    seed: u64,
    /// Which slot of time it is in.
    slot: u64,
    /// Where the slot begins.
    rank: f64,
}

/// How a rank moves.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// Draws a second.
    rate: f64,
    /// The `a` of above.
    exponent: f64,
}

impl Course {
    fn of(jitter: Jitter) -> Option<Self> {
        // The largest of u (1 - u)ᵃ / density(u), where the density is that of a deviation of one.
        let (rate, exponent) = match jitter {
            Jitter::None => return None,
            // u (1 - u) is at most a quarter, and the density 1 / (2 · spread).
            Jitter::Uniform { spread } => (2.0 / spread.as_secs_f64(), 1.0),
            // Largest in the middle: a quarter by 1 / √(2π).
            Jitter::Normal { deviation } => {
                let middle = (std::f64::consts::TAU).sqrt() / 4.0;
                (1.0 / (middle * deviation.as_secs_f64()), 1.0)
            }
            // The density is 3 (1 - u)^(4/3) by the scale.
            Jitter::Pareto { deviation } => {
                let scale = deviation.as_secs_f64() / Jitter::PARETO_DEVIATION;
                (3.0 / scale, 4.0 / 3.0)
            }
        };
        Some(Self {
            rate: rate.min(MOST_DRAWS),
            exponent,
        })
    }

    /// In a slot, on the average.
    fn draws(self) -> f64 {
        self.rate * SLOT.as_secs_f64()
    }

    /// Where a rank is a slot later if nothing lifts it.
    fn sunk(self, rank: f64) -> f64 {
        let slope = |rank: f64| self.draws() * rank * (1.0 - rank).powf(self.exponent);
        rank - slope(rank - slope(rank) / 2.0)
    }
}

impl OrderedJitter {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            slot: 0,
            rank: unit(hash(seed)),
        }
    }

    /// What it adds to the delay of what is sent so long after the start of the line, in seconds. Times
    /// do not go back.
    pub(super) fn at(&mut self, since_start: Duration, jitter: Jitter) -> f64 {
        let Some(course) = Course::of(jitter) else {
            return 0.0;
        };
        let slots = since_start.as_secs_f64() / SLOT.as_secs_f64();
        while self.slot < slots as u64 {
            self.slot += 1;
            self.rank = course.sunk(self.rank).max(self.drawn(course));
        }
        let within = (slots - self.slot as f64).clamp(0.0, 1.0);
        let begin = jitter.offset(self.rank);
        let end = jitter.offset(course.sunk(self.rank));
        begin + (end - begin) * within
    }

    /// The highest of the draws of this slot; 0.0 where there are none. There are Poisson's number of
    /// them, and a share S = (1 - u)ᵃ of them is higher than u: none is, with the chance exp(-draws · S).
    fn drawn(&self, course: Course) -> f64 {
        let chance = unit(hash(self.seed ^ hash(self.slot ^ DRAWN)));
        let higher = -(1.0 - chance).ln() / course.draws();
        1.0 - higher.min(1.0).powf(1.0 / course.exponent)
    }
}
