use std::time::Duration;

use crate::media::Bitrate;

/// What one direction of a path does to packets, and when it changes. The same seed repeats it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkProfile {
    /// Decides every random choice.
    pub seed: u64,
    /// From the start on.
    #[serde(rename = "start")]
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
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LinkChange {
    /// After the start of the link.
    #[serde(rename = "at_ms", with = "milliseconds")]
    pub at: Duration,
    /// What holds from then on.
    #[serde(flatten)]
    pub conditions: LinkConditions,
}

/// What one direction of a path does to packets.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct LinkConditions {
    /// One-way, before jitter and queue.
    #[serde(rename = "delay_ms", with = "milliseconds")]
    pub delay: Duration,
    /// Varies the delay packet by packet.
    pub jitter: Jitter,
    /// Jitter does not let a packet overtake another.
    pub keep_order: bool,
    /// The share of packets lost at random, 0.0..=1.0.
    pub loss: f64,
    /// Losses that come in bursts, besides `loss`.
    pub bursts: Option<Bursts>,
    /// The share of packets that arrive twice, 0.0..=1.0.
    pub duplication: f64,
    /// What the link carries, headers included; unlimited if absent.
    #[serde(rename = "rate_bps")]
    pub rate: Option<Bitrate>,
    /// How much may wait for the link before packets are dropped at its tail.
    pub queue: Queue,
}

impl Default for LinkConditions {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Jitter::None,
            keep_order: false,
            loss: 0.0,
            bursts: None,
            duplication: 0.0,
            rate: None,
            queue: Queue::Bytes(125_000),
        }
    }
}

/// How the delay of a packet varies. A delay never falls below zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
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
}

/// Losses in bursts after Gilbert and Elliott: two states, each with its own loss.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
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
    fn a_profile_written_by_hand_is_read_and_survives_writing() {
        let profile: LinkProfile = serde_json::from_str(
            r#"{"seed": 7,
                "start": {"delay_ms": 25, "loss": 0.1, "jitter": {"kind": "uniform", "spread_ms": 30},
                          "rate_bps": 2000000, "queue": {"milliseconds": 200}},
                "changes": [{"at_ms": 10000, "delay_ms": 25.5, "rate_bps": 500000}]}"#,
        )
        .expect("our own text");
        assert_eq!(profile.conditions.rate, Some(Bitrate::from_kbps(2_000)));
        assert_eq!(profile.conditions.queue, Queue::Milliseconds(200));
        assert_eq!(profile.changes[0].at, Duration::from_secs(10));
        assert_eq!(
            profile.changes[0].conditions.delay,
            Duration::from_micros(25_500)
        );
        let text = serde_json::to_string(&profile).expect("plain data");
        assert_eq!(
            serde_json::from_str::<LinkProfile>(&text).expect("our own text"),
            profile
        );
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
