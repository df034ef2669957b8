use std::time::Duration;

use twocan::media::Bitrate;
use twocan::peer::runtime::{
    Bursts, Jitter, LinkConditions, LinkProfile, OPPORTUNITY_BYTES, Outages, Queue, RateTrace,
    Reordering,
};

use super::figure::Figure;
use super::traffic::{Outcome, Traffic};

/// Something that is asked of the line, and how it shows.
pub struct Case {
    pub name: &'static str,
    pub line: LinkProfile,
    pub traffic: Traffic,
    /// It is played with each of them, each time on a new line.
    pub seeds: &'static [u64],
    /// What to look at.
    pub judge: fn(&[Outcome]) -> Vec<Figure>,
}

const PACKETS: u32 = 100_000;
const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const SEED: u64 = 7;
const OTHER_SEED: u64 = 8;
/// On the wire.
const SIZE: usize = 200;

/// Ten thousand small packets a second.
const STEADY: Traffic = Traffic {
    packets: PACKETS,
    size: SIZE,
    per_second: Some(10_000),
};

/// Twenty of the steady packets at a time.
const OUTAGES: Outages = Outages {
    share: 0.2,
    mean: Duration::from_millis(2),
};
/// While half of the steady packets are still to come.
const RATE_CHANGES_AT: Duration = Duration::from_secs(5);

fn delayed(milliseconds: u32, jitter: Jitter) -> LinkConditions {
    LinkConditions {
        delay: milliseconds * MS,
        jitter,
        ..LinkConditions::default()
    }
}

/// The value below which `share` of the sorted ones lie.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = (share * sorted.len() as f64) as usize;
    sorted
        .get(index.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

fn delay_at(outcomes: &[Outcome], share: f64) -> f64 {
    quantile(&outcomes[0].delays(), share)
}

fn in_order(milliseconds: u32, jitter: Jitter) -> LinkConditions {
    LinkConditions {
        keep_order: true,
        ..delayed(milliseconds, jitter)
    }
}

fn overtaken(outcome: &Outcome) -> Figure {
    Figure::near("overtaken", 100.0 * outcome.reordered(), 0.0, 0.0, "%")
}

fn percent(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64 * 100.0
}

fn lost(outcome: &Outcome) -> f64 {
    percent(outcome.lost(), outcome.sent.len())
}

/// Whether the line's own count is what was seen of it.
fn own_count(outcome: &Outcome) -> Figure {
    let off = outcome.counted_lost as f64 - outcome.lost() as f64;
    Figure::near("own count off by", off, 0.0, 0.0, "packets")
}

/// What was carried, in Mb/s.
fn megabits(packets_per_second: f64, size: usize) -> f64 {
    packets_per_second * size as f64 * 8.0 / 1e6
}

/// Everything at once, for the case that plays it twice.
fn all_at_once() -> LinkConditions {
    LinkConditions {
        loss: 0.05,
        bursts: Some(BURSTS),
        duplication: 0.02,
        reordering: Some(Reordering {
            share: 0.05,
            by: 20 * MS,
        }),
        ..delayed(30, Jitter::Normal { deviation: 5 * MS })
    }
}

/// Four lost at a time.
const BURSTS: Bursts = Bursts {
    to_bad: 0.02,
    to_good: 0.25,
    loss_in_good: 0.0,
    loss_in_bad: 1.0,
};

/// A trace that waxes and wanes around 50 Mb/s.
fn waves() -> RateTrace {
    let mut times = Vec::new();
    for millisecond in 1..=1_000_u32 {
        let opportunities = if (millisecond / 100) % 2 == 0 { 2 } else { 6 };
        times.extend(std::iter::repeat_n(millisecond, opportunities));
    }
    RateTrace::try_from(times).unwrap_or_else(|error| unreachable!("{error}"))
}

/// A rate that falls, with a queue that is told in bytes.
fn rate_change() -> LinkProfile {
    let before = LinkConditions {
        rate: Some(Bitrate::from_kbps(50_000)),
        queue: Queue::Bytes(250_000),
        ..LinkConditions::default()
    };
    LinkProfile::new(SEED, before).then(RATE_CHANGES_AT, |line| {
        line.rate = Some(Bitrate::from_kbps(20_000));
    })
}

/// In how many places they differ; what one has more counts as well.
fn differing<T: PartialEq>(some: &[T], others: &[T]) -> usize {
    let both = some.iter().zip(others);
    both.filter(|(one, other)| one != other).count() + some.len().abs_diff(others.len())
}

pub fn all() -> Vec<Case> {
    let steady = |name, conditions, judge| Case {
        name,
        line: LinkProfile::new(SEED, conditions),
        traffic: STEADY,
        seeds: &[SEED],
        judge,
    };
    vec![
        steady("delay", delayed(40, Jitter::None), |outcomes| {
            vec![
                Figure::near("median", delay_at(outcomes, 0.5), 40.0, 1.0, "ms"),
                Figure::near("95 %", delay_at(outcomes, 0.95), 40.0, 1.0, "ms"),
                Figure::near("lost", lost(&outcomes[0]), 0.0, 0.3, "%"),
                Figure::near(
                    "handed over late, 99 %",
                    outcomes[0].punctuality.late_p99_ms,
                    0.0,
                    1.0,
                    "ms",
                ),
                Figure::near(
                    "not taken",
                    outcomes[0].punctuality.failed_writes as f64,
                    0.0,
                    0.0,
                    "packets",
                ),
            ]
        }),
        steady(
            "uniform jitter",
            delayed(40, Jitter::Uniform { spread: 20 * MS }),
            |outcomes| {
                vec![
                    Figure::near("5 %", delay_at(outcomes, 0.05), 22.0, 1.0, "ms"),
                    Figure::near("median", delay_at(outcomes, 0.5), 40.0, 1.0, "ms"),
                    Figure::near("95 %", delay_at(outcomes, 0.95), 58.0, 1.0, "ms"),
                ]
            },
        ),
        steady(
            "normal jitter",
            delayed(60, Jitter::Normal { deviation: 10 * MS }),
            |outcomes| {
                // Of the normal distribution: one and two deviations from its middle.
                vec![
                    Figure::near("2.3 %", delay_at(outcomes, 0.022_75), 40.0, 1.0, "ms"),
                    Figure::near("15.9 %", delay_at(outcomes, 0.158_66), 50.0, 1.0, "ms"),
                    Figure::near("median", delay_at(outcomes, 0.5), 60.0, 1.0, "ms"),
                    Figure::near("84.1 %", delay_at(outcomes, 0.841_34), 70.0, 1.0, "ms"),
                ]
            },
        ),
        steady(
            "Pareto jitter",
            delayed(100, Jitter::Pareto { deviation: 25 * MS }),
            |outcomes| {
                // 100 + 25 (q^(-1/3) - 1.5) / 0.866, of which a share q lies above.
                vec![
                    Figure::near("median", delay_at(outcomes, 0.5), 93.07, 1.0, "ms"),
                    Figure::near("90 %", delay_at(outcomes, 0.9), 118.89, 1.0, "ms"),
                    Figure::near("99 %", delay_at(outcomes, 0.99), 190.69, 5.0, "ms"),
                ]
            },
        ),
        steady(
            "order kept, uniform jitter",
            in_order(40, Jitter::Uniform { spread: 10 * MS }),
            |outcomes| {
                vec![
                    overtaken(&outcomes[0]),
                    Figure::near("10 %", delay_at(outcomes, 0.1), 32.0, 1.0, "ms"),
                    Figure::near("median", delay_at(outcomes, 0.5), 40.0, 1.0, "ms"),
                    Figure::near("90 %", delay_at(outcomes, 0.9), 48.0, 1.0, "ms"),
                ]
            },
        ),
        steady(
            "order kept, Pareto jitter",
            in_order(40, Jitter::Pareto { deviation: 5 * MS }),
            |outcomes| {
                vec![
                    overtaken(&outcomes[0]),
                    Figure::near("10 %", delay_at(outcomes, 0.1), 37.32, 1.0, "ms"),
                    Figure::near("median", delay_at(outcomes, 0.5), 38.61, 1.0, "ms"),
                    Figure::near("90 %", delay_at(outcomes, 0.9), 43.78, 1.0, "ms"),
                ]
            },
        ),
        steady(
            "loss",
            LinkConditions {
                loss: 0.1,
                ..LinkConditions::default()
            },
            |outcomes| {
                vec![
                    Figure::near("lost", lost(&outcomes[0]), 10.0, 0.3, "%"),
                    own_count(&outcomes[0]),
                    // Independent: a run goes on with one in ten.
                    Figure::near(
                        "at a time",
                        outcomes[0].mean_burst(),
                        1.111,
                        0.055,
                        "packets",
                    ),
                ]
            },
        ),
        Case {
            traffic: Traffic {
                packets: 2 * PACKETS,
                per_second: Some(20_000),
                ..STEADY
            },
            ..steady(
                "bursts",
                LinkConditions {
                    bursts: Some(BURSTS),
                    ..LinkConditions::default()
                },
                |outcomes| {
                    let share = BURSTS.to_bad / (BURSTS.to_bad + BURSTS.to_good);
                    vec![
                        Figure::near("at a time", outcomes[0].mean_burst(), 4.0, 0.2, "packets"),
                        Figure::near("lost", lost(&outcomes[0]), 100.0 * share, 0.3, "%"),
                    ]
                },
            )
        },
        steady(
            "outages",
            LinkConditions {
                outages: Some(OUTAGES),
                ..LinkConditions::default()
            },
            |outcomes| {
                // From one packet to the next, a tenth of a millisecond, it stays dead so often.
                let stays = (-0.1 * MS.as_secs_f64() / OUTAGES.mean.as_secs_f64()).exp();
                let asked = 1.0 / (1.0 - stays);
                // Ten seconds have a thousand of them: three standard errors are so much.
                let burst = outcomes[0].mean_burst();
                vec![
                    Figure::near("at a time", burst, asked, 0.1 * asked, "packets"),
                    Figure::near("lost", lost(&outcomes[0]), 100.0 * OUTAGES.share, 2.2, "%"),
                    own_count(&outcomes[0]),
                ]
            },
        ),
        steady(
            "duplicates",
            LinkConditions {
                duplication: 0.05,
                ..LinkConditions::default()
            },
            |outcomes| {
                vec![Figure::near(
                    "twice",
                    percent(outcomes[0].twice(), outcomes[0].sent.len()),
                    5.0,
                    0.3,
                    "%",
                )]
            },
        ),
        steady(
            "reordering",
            LinkConditions {
                reordering: Some(Reordering {
                    share: 0.05,
                    by: 20 * MS,
                }),
                ..delayed(20, Jitter::None)
            },
            |outcomes| {
                let overtaken = 100.0 * outcomes[0].reordered();
                vec![
                    Figure::near("overtaken", overtaken, 5.0, 0.3, "%"),
                    Figure::near("delay, 50 %", delay_at(outcomes, 0.5), 20.0, 1.0, "ms"),
                    // In the middle of the twentieth that is late.
                    Figure::near("delay, 97.5 %", delay_at(outcomes, 0.975), 40.0, 1.0, "ms"),
                ]
            },
        ),
        Case {
            traffic: Traffic {
                size: 1_200,
                per_second: Some(20_000),
                ..STEADY
            },
            ..steady(
                "rate",
                LinkConditions {
                    rate: Some(Bitrate::from_kbps(100_000)),
                    queue: Queue::Milliseconds(50),
                    ..LinkConditions::default()
                },
                |outcomes| {
                    vec![
                        Figure::near(
                            "carried",
                            megabits(outcomes[0].arrived_per_second(), 1_200),
                            100.0,
                            2.0,
                            "Mb/s",
                        ),
                        Figure::near("queue, 95 %", delay_at(outcomes, 0.95), 50.0, 2.0, "ms"),
                    ]
                },
            )
        },
        Case {
            traffic: Traffic {
                size: 1_200,
                per_second: Some(10_000),
                ..STEADY
            },
            ..steady(
                "trace",
                LinkConditions {
                    trace: Some(waves()),
                    queue: Queue::Milliseconds(200),
                    ..LinkConditions::default()
                },
                |outcomes| {
                    let asked =
                        |a_millisecond| a_millisecond * OPPORTUNITY_BYTES as f64 * 8.0 / 1e3;
                    let carried = outcomes[0].arrived_per_second();
                    // Half of the time it wanes, half of it it waxes; a few packets more or less fall into each part.
                    let parts = outcomes[0].arrived_per_second_by(10 * MS);
                    let near = |what, packets, asked, share| {
                        let carried = megabits(packets, 1_200);
                        Figure::near(what, carried, asked, asked * share, "Mb/s")
                    };
                    vec![
                        near("carried", carried, asked(4.0), 0.02),
                        near("waning", quantile(&parts, 0.25), asked(2.0), 0.05),
                        near("waxing", quantile(&parts, 0.75), asked(6.0), 0.05),
                    ]
                },
            )
        },
        Case {
            traffic: Traffic {
                size: 1_200,
                ..STEADY
            },
            line: rate_change(),
            ..steady("rate change", LinkConditions::default(), |outcomes| {
                let carried = |time| megabits(outcomes[0].arrived_per_second_within(time), 1_200);
                let queue = |time| quantile(&outcomes[0].delays_within(time), 0.95);
                let (before, after) = (SECOND..4 * SECOND, 6 * SECOND..9 * SECOND);
                // A queue of 250,000 bytes is 40 ms and then 100 ms.
                vec![
                    Figure::near("carried before", carried(before.clone()), 50.0, 1.0, "Mb/s"),
                    Figure::near("carried after", carried(after.clone()), 20.0, 0.4, "Mb/s"),
                    Figure::near("queue before, 95 %", queue(before), 40.0, 1.0, "ms"),
                    Figure::near("queue after, 95 %", queue(after), 100.0, 1.0, "ms"),
                ]
            })
        },
        Case {
            seeds: &[SEED, SEED, OTHER_SEED],
            ..steady("the same seed", all_at_once(), |outcomes| {
                let (first, again, other) = (&outcomes[0], &outcomes[1], &outcomes[2]);
                let fates = |one: &Outcome| differing(&first.fates, &one.fates) as f64;
                let arrivals = differing(&first.copies(), &again.copies()) as f64;
                vec![
                    Figure::near("other fates", fates(again), 0.0, 0.0, "packets"),
                    Figure::near("other arrivals", arrivals, 0.0, 0.0, "packets"),
                    Figure::at_least(
                        "other fates with another seed",
                        fates(other),
                        0.9 * f64::from(PACKETS),
                        "packets",
                    ),
                ]
            })
        },
        Case {
            traffic: Traffic {
                packets: 3 * PACKETS,
                size: 1_200,
                per_second: None,
            },
            ..steady("large packets", LinkConditions::default(), |outcomes| {
                let carried = megabits(outcomes[0].carried_per_second(), 1_200);
                vec![Figure::at_least("carried", carried, 200.0, "Mb/s")]
            })
        },
        Case {
            traffic: Traffic {
                packets: 3 * PACKETS,
                size: 100,
                per_second: None,
            },
            ..steady("small packets", LinkConditions::default(), |outcomes| {
                let carried = outcomes[0].carried_per_second();
                vec![Figure::at_least("carried", carried, 40_000.0, "packets/s")]
            })
        },
    ]
}
