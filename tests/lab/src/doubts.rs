//! Would the lab notice a bad call? Calls that are made bad on purpose, each in one way, beside the same
//! calls left alone.

use std::time::Duration;

use serde_json::Value;
use twocan::engine::Handicap;

use crate::bench::Bench;
use crate::call::Peer;
use crate::folders;
use crate::scenario::Scenario;

const LENGTH: Duration = Duration::from_secs(20);
/// Good and bad calls take turns, a good one first and last.
const BAD_ROUNDS: u32 = 2;

/// A way to make calls bad, and what should show it.
struct Doubt {
    /// What Twocan is told.
    handicap: Handicap,
    /// Where it matters.
    scenario: &'static str,
    what: &'static str,
    unit: &'static str,
    /// Of the measures of a call.
    measure: fn(&Value) -> Option<f64>,
    /// What is bad is more of it, or less.
    bad: Bad,
    /// A difference that is not larger says nothing, however much alike the good calls are.
    step: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    More,
    Less,
}

const DOUBTS: [Doubt; 5] = [
    Doubt {
        handicap: Handicap::NoJitterBuffer,
        scenario: "wifi",
        what: "speech, PLCMOS",
        unit: "",
        measure: |measures| measures.pointer("/speech/plcmos")?.as_f64(),
        bad: Bad::Less,
        step: 0.1,
    },
    Doubt {
        handicap: Handicap::NoRepairOfSound,
        scenario: "loss-10",
        what: "speech, STOI",
        unit: "",
        measure: |measures| measures.pointer("/speech/stoi")?.as_f64(),
        bad: Bad::Less,
        step: 0.01,
    },
    Doubt {
        handicap: Handicap::NoCongestionControl,
        scenario: "rate-500k",
        what: "packets for which the line has no room",
        unit: " %",
        measure: |measures| {
            let share = measures.pointer("/network/there/lost_share")?.as_f64()?;
            Some(share * 100.0)
        },
        bad: Bad::More,
        step: 1.0,
    },
    Doubt {
        handicap: Handicap::HalfBitrate,
        scenario: "rate-1m",
        what: "pictures, VMAF",
        unit: "",
        measure: |measures| measures.pointer("/picture/there/vmaf")?.as_f64(),
        bad: Bad::Less,
        step: 1.0,
    },
    Doubt {
        handicap: Handicap::LateSound,
        scenario: "clean",
        what: "sound later than its picture",
        unit: " ms",
        measure: |measures| measures.pointer("/lipsync/there_ms")?.as_f64(),
        bad: Bad::More,
        step: 20.0,
    },
];

/// What can be doubted.
pub fn names() -> Vec<String> {
    DOUBTS.map(|doubt| doubt.handicap.to_string()).into()
}

/// Has the calls of those that are named, of all if none is, and says what was seen.
///
/// # Errors
/// When a bad call does not look worse than the good ones by more than these differ.
pub fn run(bench: &Bench, names: &[String]) -> anyhow::Result<()> {
    let ours = &Peer::named(&["twocan".to_owned()])?[0];
    bench.warm_up(ours)?;
    let mut unnoticed = Vec::new();
    for doubt in DOUBTS {
        let name = doubt.handicap.to_string();
        if names.is_empty() || names.contains(&name) {
            let seen = doubt.have(bench, ours)?;
            println!("{}", seen.in_words(&doubt));
            if !seen.shows(doubt.bad, doubt.step) {
                unnoticed.push(name);
            }
        }
    }
    anyhow::ensure!(
        unnoticed.is_empty(),
        "The lab does not notice {}.",
        unnoticed.join(", ")
    );
    Ok(())
}

impl Doubt {
    fn have(&self, bench: &Bench, ours: &Peer) -> anyhow::Result<Seen> {
        let scenarios = Scenario::named(&[self.scenario.to_owned()])?;
        let bad = Peer {
            handicaps: vec![self.handicap],
            ..ours.clone()
        };
        let mut seen = Seen::default();
        for round in 1..=2 * BAD_ROUNDS + 1 {
            let (peer, name, values) = match round % 2 {
                1 => (ours, "good", &mut seen.good),
                _ => (&bad, "bad", &mut seen.bad),
            };
            let folder = folders::in_results("doubts")
                .join(self.handicap.to_string())
                .join(format!("{name}-{round}"));
            eprintln!(
                "{}: {name}, {} of {}",
                self.handicap,
                round,
                2 * BAD_ROUNDS + 1
            );
            // The line of each round is another one, as in all that the lab measures.
            let measures = bench.measure(&scenarios[0], peer, round, LENGTH, &folder)?;
            let value = (self.measure)(&measures);
            values.push(value.ok_or_else(|| {
                anyhow::anyhow!("{}: no figure for {}", self.handicap, self.what)
            })?);
        }
        Ok(seen)
    }
}

#[derive(Debug, Default)]
struct Seen {
    good: Vec<f64>,
    bad: Vec<f64>,
}

impl Seen {
    /// How much the good calls differ among themselves.
    fn noise(&self) -> f64 {
        most(&self.good) - least(&self.good)
    }

    /// How much worse the best of the bad calls is than the worst of the good ones; below zero if it is
    /// not.
    fn distance(&self, bad: Bad) -> f64 {
        match bad {
            Bad::More => least(&self.bad) - most(&self.good),
            Bad::Less => least(&self.good) - most(&self.bad),
        }
    }

    fn shows(&self, bad: Bad, step: f64) -> bool {
        self.distance(bad) > self.noise().max(step)
    }

    fn in_words(&self, doubt: &Doubt) -> String {
        let range = |values: &[f64]| format!("{:.2} to {:.2}", least(values), most(values));
        format!(
            "{} on {}: {}, left alone {}{unit}, with it {}{unit}: {}",
            doubt.handicap,
            doubt.scenario,
            doubt.what,
            range(&self.good),
            range(&self.bad),
            if self.shows(doubt.bad, doubt.step) {
                "noticed"
            } else {
                "NOT NOTICED"
            },
            unit = doubt.unit,
        )
    }
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_worse_by_more_than_the_noise_shows() {
        let seen = |bad: [f64; 2]| Seen {
            good: vec![10.0, 12.0, 11.0],
            bad: bad.to_vec(),
        };
        assert!(seen([14.5, 30.0]).shows(Bad::More, 1.0));
        assert!(!seen([13.5, 30.0]).shows(Bad::More, 1.0));
        assert!(!seen([14.5, 30.0]).shows(Bad::Less, 1.0));
        assert!(seen([7.5, 1.0]).shows(Bad::Less, 1.0));
        assert!(!seen([9.0, 1.0]).shows(Bad::Less, 1.0));
    }

    #[test]
    fn where_there_is_no_noise_a_little_shows_nothing() {
        let seen = |bad: f64| Seen {
            good: vec![4.0; 3],
            bad: vec![bad; 2],
        };
        assert!(!seen(3.95).shows(Bad::Less, 0.1));
        assert!(seen(3.85).shows(Bad::Less, 0.1));
    }
}
