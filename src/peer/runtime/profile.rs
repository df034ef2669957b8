use std::time::Duration;

use crate::media::Bitrate;

use super::rate_trace::RateTrace;

/// A line that takes longer carries no call, and its times are past all clocks.
const LONGEST: Duration = Duration::from_secs(60);

/// What one direction of a path does to packets, and when it changes. The same seed repeats it.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkProfile {
    /// Decides every random choice.
    pub seed: u64,
    /// From the start on.
    pub conditions: LinkConditions,
    /// Later conditions, in order of time; each replaces those before it wholly.
    pub changes: Vec<LinkChange>,
}

impl Default for LinkProfile {
    fn default() -> Self {
        Self::perfect(1)
    }
}

impl LinkProfile {
    /// A link that delivers everything at once.
    pub fn perfect(seed: u64) -> Self {
        Self {
            seed,
            conditions: LinkConditions::default(),
            changes: Vec::new(),
        }
    }

    /// A link under `conditions`.
    pub fn new(seed: u64, conditions: LinkConditions) -> Self {
        Self {
            seed,
            conditions,
            changes: Vec::new(),
        }
    }

    /// The same profile with the latest conditions edited by `change` from `at` after the start on.
    pub fn then(mut self, at: Duration, change: impl FnOnce(&mut LinkConditions)) -> Self {
        let mut conditions = self
            .changes
            .last()
            .map_or(&self.conditions, |last| &last.conditions)
            .clone();
        change(&mut conditions);
        self.changes.push(LinkChange { at, conditions });
        self
    }
}

/// New conditions from a moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkChange {
    /// After the start of the link.
    pub at: Duration,
    /// What holds from then on.
    pub conditions: LinkConditions,
}

/// What one direction of a path does to packets.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkConditions {
    /// One-way, before jitter and queue.
    #[serde(rename = "delay_ms", with = "milliseconds")]
    pub delay: Duration,
    /// Varies the delay.
    pub jitter: Jitter,
    /// Jitter does not let a packet overtake another.
    pub keep_order: bool,
    /// The share of packets lost at random, 0.0..=1.0.
    pub loss: f64,
    /// Losses that come in bursts, besides `loss`.
    pub bursts: Option<Bursts>,
    /// Moments in which nothing gets through, besides the others.
    pub outages: Option<Outages>,
    /// The share of packets that arrive twice, 0.0..=1.0.
    pub duplication: f64,
    /// Packets that later ones overtake, besides what jitter does.
    pub reordering: Option<Reordering>,
    /// What the link carries, headers included; unlimited if absent.
    #[serde(rename = "rate_bps")]
    pub rate: Option<Bitrate>,
    /// When it can send, instead of a rate.
    pub trace: Option<RateTrace>,
    /// How much may wait for the link before packets are dropped at its tail.
    pub queue: Queue,
}

impl LinkConditions {
    /// Whether a line can be so: shares from 0 to 1, times of a minute at most, a rate above nothing, one
    /// of rate and trace.
    ///
    /// # Errors
    /// With the key that is wrong and what it may be.
    pub fn check(&self) -> Result<(), String> {
        let mut shares = vec![("loss", self.loss), ("duplication", self.duplication)];
        if let Some(bursts) = self.bursts {
            shares.extend([
                ("bursts.to_bad", bursts.to_bad),
                ("bursts.to_good", bursts.to_good),
                ("bursts.loss_in_good", bursts.loss_in_good),
                ("bursts.loss_in_bad", bursts.loss_in_bad),
            ]);
        }
        if let Some(outages) = self.outages {
            if !(outages.share > 0.0 && outages.share < 1.0) {
                let share = outages.share;
                return Err(format!(
                    "`outages.share` is {share}; it is a share of the time, above 0 and below 1"
                ));
            }
            if outages.mean.is_zero() {
                return Err("`outages.mean_ms` is 0; they would have no end".to_owned());
            }
        }
        if let Some(reordering) = self.reordering {
            shares.push(("reordering.share", reordering.share));
        }
        for (key, time) in self.times() {
            if time > LONGEST {
                return Err(format!(
                    "`{key}` is {} ms; it is {} ms at most",
                    time.as_secs_f64() * 1_000.0,
                    LONGEST.as_millis()
                ));
            }
        }
        for (key, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("`{key}` is {share}; it is a share, from 0 to 1"));
            }
        }
        if self.bursts.is_some_and(|bursts| bursts.to_good == 0.0) {
            return Err("`bursts.to_good` is 0; a burst would have no end".to_owned());
        }
        if self.rate.is_some_and(|rate| rate.bps() == 0) {
            return Err("`rate_bps` is 0; leave it out for a line without a limit".to_owned());
        }
        if self.rate.is_some() && self.trace.is_some() {
            return Err("there is a `rate_bps` and a `trace`; a line has one of them".to_owned());
        }
        if matches!(self.queue, Queue::Bytes(0) | Queue::Milliseconds(0)) {
            return Err("`queue` is 0; not even one packet would get through".to_owned());
        }
        Ok(())
    }

    /// All that is a time, by its key.
    fn times(&self) -> Vec<(&'static str, Duration)> {
        let mut times = vec![("delay_ms", self.delay)];
        times.extend(match self.jitter {
            Jitter::None => None,
            Jitter::Uniform { spread } => Some(("jitter.spread_ms", spread)),
            Jitter::Normal { deviation } | Jitter::Pareto { deviation } => {
                Some(("jitter.deviation_ms", deviation))
            }
        });
        times.extend(self.outages.map(|it| ("outages.mean_ms", it.mean)));
        times.extend(self.reordering.map(|it| ("reordering.by_ms", it.by)));
        times
    }
}

impl Default for LinkConditions {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Jitter::None,
            keep_order: false,
            loss: 0.0,
            bursts: None,
            outages: None,
            duplication: 0.0,
            reordering: None,
            rate: None,
            trace: None,
            queue: Queue::Bytes(125_000),
        }
    }
}

/// How the delay varies. A delay never falls below zero. Each packet has its own draw; where order is
/// kept the delay varies with time instead, over which it is distributed so.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// Anywhere within `delay ± spread`.
    Uniform {
        /// Half the width.
        #[serde(rename = "spread_ms", with = "milliseconds")]
        spread: Duration,
    },
    /// Normally distributed around the delay, cut at three deviations.
    Normal {
        /// The standard deviation.
        #[serde(rename = "deviation_ms", with = "milliseconds")]
        deviation: Duration,
    },
    /// With a long tail: mostly a little less than the delay, now and then far more (Pareto of shape
    /// 3, its mean the delay, cut where one in ten thousand lies: 23 deviations above).
    Pareto {
        /// The standard deviation.
        #[serde(rename = "deviation_ms", with = "milliseconds")]
        deviation: Duration,
    },
}

impl Jitter {
    /// Of the Pareto distribution whose least value is 1: mean and standard deviation follow from the
    /// shape.
    const PARETO_SHAPE: f64 = 3.0;
    const PARETO_MEAN: f64 = 1.5;
    pub(super) const PARETO_DEVIATION: f64 = 0.866_025_403_784_438_6;

    /// What it adds to the delay, in seconds, of which the share `rank` (0.0..=1.0) lies below.
    pub(super) fn offset(self, rank: f64) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Uniform { spread } => (2.0 * rank - 1.0) * spread.as_secs_f64(),
            Self::Normal { deviation } => {
                normal_quantile(rank).clamp(-3.0, 3.0) * deviation.as_secs_f64()
            }
            Self::Pareto { deviation } => {
                let above = (1.0 - rank).max(1e-4);
                (above.powf(-1.0 / Self::PARETO_SHAPE) - Self::PARETO_MEAN) / Self::PARETO_DEVIATION
                    * deviation.as_secs_f64()
            }
        }
    }
}

/// In standard deviations, to 0.000,45 of one (Abramowitz and Stegun 1964, 26.2.23).
fn normal_quantile(rank: f64) -> f64 {
    let tail = rank.min(1.0 - rank).max(1e-12);
    let t = (-2.0 * tail.ln()).sqrt();
    let over = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let under = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - over / under).copysign(rank - 0.5)
}

/// Packets that come late for no reason of the packets before them.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reordering {
    /// How many, 0.0..=1.0.
    pub share: f64,
    /// How much later than the others.
    #[serde(rename = "by_ms", with = "milliseconds")]
    pub by: Duration,
}

/// Losses in bursts after Gilbert and Elliott: two states, each with its own loss.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// The chance, at each packet, of going from good to bad.
    pub to_bad: f64,
    /// The chance, at each packet, of going from bad to good.
    pub to_good: f64,
    /// The share lost while good.
    pub loss_in_good: f64,
    /// The share lost while bad.
    pub loss_in_bad: f64,
}

/// A line that is dead for moments, whatever is sent meanwhile: a Gilbert channel in time instead of
/// packets. Both the dead and the good times are exponentially distributed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outages {
    /// Of the time, above 0.0 and below 1.0.
    pub share: f64,
    /// How long one lasts on the average.
    #[serde(rename = "mean_ms", with = "milliseconds")]
    pub mean: Duration,
}

/// How much may wait for a link of limited rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// Bytes on the wire.
    Bytes(usize),
    /// As long as this takes at the rate of the moment, in milliseconds.
    Milliseconds(u64),
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(value.as_secs_f64() * 1_000.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let milliseconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(milliseconds / 1_000.0).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_written_by_hand_are_read_and_survive_writing() {
        let conditions: LinkConditions = serde_json::from_str(
            r#"{"delay_ms": 25.5, "loss": 0.1, "jitter": {"kind": "pareto", "deviation_ms": 30},
                "reordering": {"share": 0.05, "by_ms": 20},
                "rate_bps": 2000000, "queue": {"milliseconds": 200}}"#,
        )
        .expect("our own text");
        assert_eq!(conditions.rate, Some(Bitrate::from_kbps(2_000)));
        assert_eq!(conditions.queue, Queue::Milliseconds(200));
        assert_eq!(conditions.delay, Duration::from_micros(25_500));
        assert_eq!(conditions.check(), Ok(()));
        let text = serde_json::to_string(&conditions).expect("plain data");
        let again: LinkConditions = serde_json::from_str(&text).expect("our own text");
        assert_eq!(again, conditions);
    }

    #[test]
    fn what_no_line_can_be_is_refused_by_its_name() {
        let refused = |text: &str| match serde_json::from_str::<LinkConditions>(text) {
            Ok(conditions) => conditions.check().expect_err("no such line"),
            Err(error) => error.to_string(),
        };
        for (text, name) in [
            (r#"{"delay": 20}"#, "`delay`"),
            (r#"{"delay_ms": -1}"#, "negative"),
            (r#"{"jitter": {"kind": "uniform", "spread": 3}}"#, "spread"),
            (r#"{"loss": 10}"#, "`loss`"),
            (
                r#"{"reordering": {"share": 2, "by_ms": 1}}"#,
                "`reordering.share`",
            ),
            (
                r#"{"outages": {"share": 1, "mean_ms": 100}}"#,
                "`outages.share`",
            ),
            (
                r#"{"outages": {"share": 0.1, "mean_ms": 0}}"#,
                "`outages.mean_ms`",
            ),
            (
                r#"{"bursts": {"to_bad": 0.1, "to_good": 0, "loss_in_good": 0, "loss_in_bad": 1}}"#,
                "`bursts.to_good`",
            ),
            (r#"{"delay_ms": 60000.1}"#, "`delay_ms`"),
            (r#"{"delay_ms": 1e22}"#, "`delay_ms`"),
            (
                r#"{"jitter": {"kind": "uniform", "spread_ms": 1e22}}"#,
                "`jitter.spread_ms`",
            ),
            (
                r#"{"jitter": {"kind": "pareto", "deviation_ms": 1e22}}"#,
                "`jitter.deviation_ms`",
            ),
            (
                r#"{"reordering": {"share": 0.1, "by_ms": 1e22}}"#,
                "`reordering.by_ms`",
            ),
            (
                r#"{"outages": {"share": 0.1, "mean_ms": 1e22}}"#,
                "`outages.mean_ms`",
            ),
            (r#"{"rate_bps": 0}"#, "`rate_bps`"),
            (r#"{"rate_bps": 1000, "trace": [1, 2]}"#, "`trace`"),
            (r#"{"trace": [2, 1]}"#, "earlier"),
            (r#"{"queue": {"bytes": 0}}"#, "`queue`"),
        ] {
            let why = refused(text);
            assert!(why.contains(name), "{text}: {why}");
        }
    }

    #[test]
    fn a_change_starts_from_the_conditions_before_it() {
        let profile = LinkProfile::new(
            1,
            LinkConditions {
                delay: Duration::from_millis(25),
                ..LinkConditions::default()
            },
        )
        .then(Duration::from_secs(10), |c| {
            c.rate = Some(Bitrate::from_kbps(500))
        })
        .then(Duration::from_secs(20), |c| c.rate = None);
        assert!(
            profile
                .changes
                .iter()
                .all(|c| c.conditions.delay == Duration::from_millis(25))
        );
        assert_eq!(
            profile.changes[0].conditions.rate,
            Some(Bitrate::from_kbps(500))
        );
        assert_eq!(profile.changes[1].conditions.rate, None);
    }
}
