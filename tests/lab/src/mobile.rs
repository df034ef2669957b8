use std::time::Duration;

use serde::Deserialize;
use twocan::peer::runtime::{OPPORTUNITY_BYTES, RateTrace, SplitMix};

/// What a mobile line carries from moment to moment, made up by a seeded model: the logarithm of the
/// rate wanders and is drawn back to its mean (an Ornstein-Uhlenbeck process), and now and then the line
/// is dead, as between two cells. After the model of Winstein et al., "Stochastic forecasts achieve high
/// throughput and low delay over cellular networks" (NSDI 2013), with a memory added.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mobile {
    /// The same seed makes the same line.
    seed: u64,
    /// The mean of the rate.
    mean_kbps: f64,
    /// Of the natural logarithm of the rate, its standard deviation in the long run.
    deviation: f64,
    /// How long the rate remembers, in seconds.
    memory_s: f64,
    /// The mean time from one dead moment to the next, in seconds.
    outage_every_s: f64,
    /// How long it is dead then, in milliseconds, on the average.
    outage_ms: f64,
}

impl Mobile {
    /// As far apart as the ways of one telephone: the same model, other moments.
    pub fn another(self) -> Self {
        Self {
            seed: self.seed ^ 0x6261_636b,
            ..self
        }
    }

    /// Another time on the same line; the first has the seed itself.
    pub fn of_round(self, round: u64) -> Self {
        Self {
            seed: self.seed.wrapping_add(round).wrapping_sub(1),
            ..self
        }
    }

    /// So long, then again from the start.
    ///
    /// # Errors
    /// When no line can be so.
    pub fn trace(&self, length: Duration) -> anyhow::Result<RateTrace> {
        for (key, value, most) in [
            ("mean_kbps", self.mean_kbps, 100_000.0),
            ("memory_s", self.memory_s, 3_600.0),
            ("outage_every_s", self.outage_every_s, 3_600.0),
            ("outage_ms", self.outage_ms, 60_000.0),
        ] {
            anyhow::ensure!(
                value > 0.0 && value <= most,
                "`mobile.{key}` is {value}; it is above 0, and {most} at most"
            );
        }
        anyhow::ensure!(
            (0.0..=1.0).contains(&self.deviation),
            "`mobile.deviation` is {}; it is from 0 to 1",
            self.deviation
        );
        let mut random = Random(SplitMix::new(self.seed));
        let step = 0.001;
        let keep = (-step / self.memory_s).exp();
        let push = self.deviation * (1.0 - keep * keep).sqrt();
        // So that the mean of the rate, and not of its logarithm, is as asked.
        let centre = self.mean_kbps * (-self.deviation * self.deviation / 2.0).exp();
        let mut wander = self.deviation * random.normal();
        let mut dead_until = 0.0;
        let mut next_outage = self.outage_every_s * random.exponential();
        let mut credit = 0.0;
        let mut times = Vec::new();
        for millisecond in 1..=u32::try_from(length.as_millis())? {
            let now = f64::from(millisecond) * step;
            wander = wander * keep + push * random.normal();
            if now >= next_outage {
                dead_until = now + self.outage_ms / 1_000.0 * random.exponential();
                next_outage = dead_until + self.outage_every_s * random.exponential();
            }
            if now < dead_until {
                continue;
            }
            // Kilobits a second are bits a millisecond.
            credit += centre * wander.exp();
            while credit >= OPPORTUNITY_BITS {
                credit -= OPPORTUNITY_BITS;
                times.push(millisecond);
            }
        }
        Ok(RateTrace::try_from(times)?)
    }
}

const OPPORTUNITY_BITS: f64 = (OPPORTUNITY_BYTES * 8) as f64;

/// Numbers of the distributions of the model.
struct Random(SplitMix);

impl Random {
    fn exponential(&mut self) -> f64 {
        -(1.0 - self.0.unit()).ln()
    }

    /// Box and Muller (1958).
    fn normal(&mut self) -> f64 {
        let (radius, angle) = ((2.0 * self.exponential()).sqrt(), self.0.unit());
        radius * (std::f64::consts::TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: Mobile = Mobile {
        seed: 3,
        mean_kbps: 1_500.0,
        deviation: 0.5,
        memory_s: 2.0,
        outage_every_s: 20.0,
        outage_ms: 400.0,
    };

    #[test]
    fn the_mean_is_as_asked_and_the_rate_wanders_and_dies_now_and_then() {
        let hour = Duration::from_secs(3_600);
        let trace = MODEL.trace(hour).expect("a line");
        let mean = trace.mean_rate().bps() as f64 / 1_000.0;
        let alive = 20.0 / 20.4;
        assert!((0.9..1.1).contains(&(mean / 1_500.0 / alive)), "{mean}");
        let times = Vec::from(trace.clone());
        let mut each_second = vec![0_u32; 3_600];
        for time in &times {
            each_second[(*time as usize / 1_000).min(3_599)] += 1;
        }
        each_second.sort_unstable();
        let (poor, rich) = (f64::from(each_second[360]), f64::from(each_second[3_240]));
        assert!(
            rich / poor > 2.5,
            "from {poor} to {rich} opportunities a second"
        );
        let dead = times.windows(2).filter(|pair| pair[1] - pair[0] > 150);
        assert!((90..230).contains(&dead.count()));
        assert_eq!(MODEL.trace(hour).expect("a line"), trace);
        assert_ne!(MODEL.another().trace(hour).expect("a line"), trace);
    }

    #[test]
    fn what_no_line_can_be_is_named() {
        let wrong = |change: fn(&mut Mobile)| {
            let mut model = MODEL;
            change(&mut model);
            let why = model.trace(Duration::from_secs(1)).expect_err("no line");
            why.to_string()
        };
        for (change, key) in [
            ((|it| it.memory_s = 0.0) as fn(&mut Mobile), "memory_s"),
            (|it| it.memory_s = 1e12, "memory_s"),
            (|it| it.mean_kbps = f64::INFINITY, "mean_kbps"),
            (|it| it.mean_kbps = 1e12, "mean_kbps"),
            (|it| it.mean_kbps = f64::NAN, "mean_kbps"),
            (|it| it.deviation = 1.5, "deviation"),
            (|it| it.outage_every_s = 1e12, "outage_every_s"),
            (|it| it.outage_ms = f64::INFINITY, "outage_ms"),
        ] {
            let why = wrong(change);
            assert!(why.contains(&format!("`mobile.{key}`")), "{why}");
        }
    }
}
