use std::time::{Duration, Instant};

use crate::media::Bitrate;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn rtp_datagram(ssrc: u32, sequence_number: u16, size: usize) -> Vec<u8> {
    let mut datagram = vec![0; size.max(12)];
    datagram[0] = 0x80;
    datagram[1] = 96;
    datagram[2..4].copy_from_slice(&sequence_number.to_be_bytes());
    datagram[8..12].copy_from_slice(&ssrc.to_be_bytes());
    datagram
}

fn limited(kbps: u64, queue: Queue) -> LinkConditions {
    LinkConditions {
        rate: Some(Bitrate::from_kbps(kbps)),
        queue,
        ..LinkConditions::default()
    }
}

#[test]
fn the_bottleneck_spaces_packets_by_their_size() {
    let start = Instant::now();
    let mut link = Link::new(
        LinkProfile::new(1, limited(80, Queue::Bytes(10_000))),
        start,
    );
    // 100 bytes on the wire take 10 ms at 80 kb/s.
    let times: Vec<_> = (0..3)
        .flat_map(|_| link.admit_packet(start, 100, None))
        .collect();
    assert_eq!(times, [start + 10 * MS, start + 20 * MS, start + 30 * MS]);
    assert_eq!(link.queue_delay(start + 5 * MS), 25 * MS);
}

#[test]
fn a_full_queue_drops_at_its_tail_and_takes_again_when_there_is_room() {
    let start = Instant::now();
    for queue in [Queue::Bytes(300), Queue::Milliseconds(30)] {
        let mut link = Link::new(LinkProfile::new(1, limited(80, queue)), start);
        let delivered = (0..5)
            .filter(|_| !link.admit_packet(start, 100, None).is_empty())
            .count();
        assert_eq!(delivered, 3, "{queue:?}");
        assert_eq!(link.stats().overflowed, 2);
        assert_eq!(
            link.admit_packet(start + 10 * MS, 100, None),
            [start + 40 * MS]
        );
    }
}

#[test]
fn a_planned_rate_cut_slows_what_already_waits() {
    let start = Instant::now();
    let profile = LinkProfile::new(1, limited(80, Queue::Bytes(10_000)))
        .then(15 * MS, |c| c.rate = Some(Bitrate::from_kbps(8)));
    let mut link = Link::new(profile, start);
    assert_eq!(link.admit_packet(start, 100, None), [start + 10 * MS]);
    // Half of it at 80 kb/s until 15 ms, then 50 bytes at 8 kb/s.
    assert_eq!(link.admit_packet(start, 100, None), [start + 65 * MS]);
}

#[test]
fn the_fate_of_a_packet_hangs_on_seed_stream_order_and_number_only() {
    let start = Instant::now();
    let run = |seed, ssrc: u32, first: u16, extra_rtcp: bool| {
        let conditions = LinkConditions {
            loss: 0.1,
            jitter: Jitter::Uniform { spread: 5 * MS },
            delay: 20 * MS,
            ..LinkConditions::default()
        };
        let mut link = Link::new(LinkProfile::new(seed, conditions), start);
        (0..1_000_u16)
            .map(|n| {
                if extra_rtcp && n % 7 == 0 {
                    link.admit(start, &[0x80, 200, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                }
                link.admit(start, &rtp_datagram(ssrc, first.wrapping_add(n), 100))
            })
            .collect::<Vec<_>>()
    };
    let reference = run(1, 10, 0, false);
    assert_eq!(
        reference,
        run(1, 77, 65_000, true),
        "SSRC, first number and RTCP must not matter"
    );
    assert_ne!(reference, run(2, 10, 0, false), "the seed must matter");
    let lost = reference.iter().filter(|times| times.is_empty()).count();
    assert!(
        (70..=130).contains(&lost),
        "10 % of 1,000 was asked, {lost} were lost"
    );
}

/// Those of our lines, and values below which shares of the delays lie, in milliseconds around the delay.
fn jitters() -> [(Jitter, [(f64, f64); 3]); 3] {
    let (uniform, normal, pareto) = (20 * MS, 33 * MS, 25 * MS);
    // 25 ((1 - share)^(-1/3) - 1.5) / 0.866, and the normal distribution's table.
    [
        (
            Jitter::Uniform { spread: uniform },
            [(0.1, -16.0), (0.5, 0.0), (0.9, 16.0)],
        ),
        (
            Jitter::Normal { deviation: normal },
            [(0.1, -42.29), (0.5, 0.0), (0.9, 42.29)],
        ),
        (
            Jitter::Pareto { deviation: pareto },
            [(0.1, -13.40), (0.5, -6.93), (0.9, 18.89)],
        ),
    ]
}

const JITTER_DELAY: Duration = Duration::from_millis(150);

/// What each packet takes, in seconds, of so many that come evenly at `per_second`.
fn delays(jitter: Jitter, keep_order: bool, packets: u32, per_second: u32) -> Vec<f64> {
    let start = Instant::now();
    let conditions = LinkConditions {
        delay: JITTER_DELAY,
        jitter,
        keep_order,
        ..LinkConditions::default()
    };
    let mut link = Link::new(LinkProfile::new(3, conditions), start);
    let mut last = start;
    let mut in_order = true;
    let delays = (0..packets).map(|n| {
        let at = start + Duration::from_secs(1) * n / per_second;
        // Two streams, which have to keep order among each other as well.
        let out = link.admit_packet(at, 100, Some((n % 2, (n / 2) as u16)))[0];
        in_order &= out >= last;
        last = out;
        (out - at).as_secs_f64()
    });
    let delays = delays.collect();
    assert_eq!(in_order, keep_order, "{jitter:?}");
    delays
}

fn assert_distributed(mut delays: Vec<f64>, quantiles: &[(f64, f64)], jitter: Jitter) {
    delays.sort_by(f64::total_cmp);
    for (share, asked) in quantiles {
        let found = delays[(share * delays.len() as f64) as usize];
        let off = (found - JITTER_DELAY.as_secs_f64()) * 1_000.0 - asked;
        assert!(off.abs() < 1.0, "{jitter:?}, {share}: {off} ms off");
    }
}

#[test]
fn jitter_is_distributed_as_asked_whether_order_is_kept_or_not() {
    for (jitter, quantiles) in jitters() {
        for keep_order in [false, true] {
            let delays = delays(jitter, keep_order, 400_000, 100);
            assert_distributed(delays, &quantiles, jitter);
        }
    }
}

#[test]
fn whoever_sends_more_meets_the_same_delays_where_order_is_kept() {
    for (jitter, quantiles) in jitters() {
        let few = delays(jitter, true, 200_000, 50);
        let many = delays(jitter, true, 1_600_000, 400);
        let at_the_same_time = many.iter().step_by(8);
        for (few, many) in few.iter().zip(at_the_same_time) {
            assert!((few - many).abs() < 1e-4, "{jitter:?}: {few} s, {many} s");
        }
        for delays in [few, many] {
            assert_distributed(delays, &quantiles, jitter);
        }
    }
}

#[test]
fn where_order_is_kept_the_seed_makes_the_jitter() {
    let start = Instant::now();
    let course = |seed| {
        let conditions = LinkConditions {
            delay: JITTER_DELAY,
            jitter: Jitter::Uniform { spread: 20 * MS },
            keep_order: true,
            ..LinkConditions::default()
        };
        let mut link = Link::new(LinkProfile::new(seed, conditions), start);
        let times = (0..500_u32).flat_map(|n| link.admit_packet(start + n * MS, 100, None));
        times.collect::<Vec<_>>()
    };
    assert_eq!(course(3), course(3));
    assert_ne!(course(3), course(4));
}

#[test]
fn bursts_lose_runs_of_packets_and_duplicates_come_twice() {
    let start = Instant::now();
    let conditions = LinkConditions {
        bursts: Some(Bursts {
            to_bad: 0.01,
            to_good: 0.1,
            loss_in_good: 0.0,
            loss_in_bad: 1.0,
        }),
        duplication: 0.05,
        ..LinkConditions::default()
    };
    let mut link = Link::new(LinkProfile::new(5, conditions), start);
    link.keep_log(true);
    for n in 0..10_000_u32 {
        link.admit_packet(start + n * MS, 100, Some((1, n as u16)));
    }
    let stats = link.stats();
    // Bad a tenth of 1.1 of the time, ten packets at a time.
    assert!((600..1_300).contains(&stats.lost), "{}", stats.lost);
    let runs = stats
        .log()
        .windows(2)
        .filter(|pair| pair[0].verdict == Verdict::Delivered && pair[1].verdict == Verdict::Lost)
        .count() as f64;
    let mean_run = stats.lost as f64 / runs;
    assert!((7.0..14.0).contains(&mean_run), "{mean_run}");
    assert!(
        (350..600).contains(&stats.duplicated),
        "{}",
        stats.duplicated
    );
    assert_eq!(stats.streams[&1].lost, stats.lost);
}

#[test]
fn outages_take_a_share_of_the_time_and_last_as_long_as_asked() {
    let start = Instant::now();
    let conditions = LinkConditions {
        outages: Some(Outages {
            share: 0.2,
            mean: 100 * MS,
        }),
        ..LinkConditions::default()
    };
    let mut dead = Vec::new();
    // Twice as many packets find the same moments dead.
    for every in [2, 1] {
        let mut link = Link::new(LinkProfile::new(5, conditions.clone()), start);
        let lost = (0..1_000_000_u32).step_by(every).map(|at| {
            let out = link.admit_packet(start + at * MS, 100, None);
            out.is_empty()
        });
        dead.push(lost.collect::<Vec<_>>());
    }
    let each_second: Vec<_> = dead[1].iter().copied().step_by(2).collect();
    assert_eq!(each_second, dead[0]);
    let share = dead[1].iter().filter(|dead| **dead).count() as f64 / 1e6;
    assert!((0.19..0.21).contains(&share), "{share}");
    let begins = dead[1].windows(2).filter(|pair| !pair[0] && pair[1]);
    let mean = share * 1e6 / begins.count() as f64;
    assert!((95.0..105.0).contains(&mean), "{mean} ms");
}

#[test]
fn queue_delay_percentiles_are_within_three_percent() {
    let start = Instant::now();
    let mut link = Link::new(
        LinkProfile::new(1, limited(80, Queue::Bytes(100_000))),
        start,
    );
    for _ in 0..100 {
        link.admit_packet(start, 100, None);
    }
    let median = link.stats().queue_delay(0.5).as_secs_f64();
    assert!((0.485..=0.515).contains(&median), "{median}");
}

#[test]
fn conditions_can_be_changed_by_hand() {
    let start = Instant::now();
    let mut link = Link::new(
        LinkProfile::new(1, limited(80, Queue::Bytes(10_000))),
        start,
    );
    link.admit_packet(start, 200, None);
    link.set_conditions(start + 10 * MS, limited(800, Queue::Bytes(10_000)));
    // The 100 bytes left take 1 ms now, and so does the next packet.
    assert_eq!(
        link.admit_packet(start + 10 * MS, 100, None),
        [start + 12 * MS]
    );
    link.set_conditions(
        start + 20 * MS,
        LinkConditions {
            loss: 1.0,
            ..LinkConditions::default()
        },
    );
    assert!(link.admit_packet(start + 20 * MS, 100, None).is_empty());
}

#[test]
fn pareto_delays_have_their_mean_and_a_long_tail_on_one_side() {
    let start = Instant::now();
    let conditions = LinkConditions {
        delay: 100 * MS,
        jitter: Jitter::Pareto { deviation: 25 * MS },
        ..LinkConditions::default()
    };
    let mut link = Link::new(LinkProfile::new(3, conditions), start);
    let mut delays: Vec<_> = (0..20_000_u16)
        .flat_map(|n| link.admit_packet(start, 100, Some((1, n))))
        .map(|at| (at - start).as_secs_f64())
        .collect();
    delays.sort_by(f64::total_cmp);
    let mean = delays.iter().sum::<f64>() / delays.len() as f64;
    assert!((0.099..0.101).contains(&mean), "{mean}");
    // The least value lies 0.577 deviations below the mean, the largest 23 above.
    assert!((0.0855..0.0857).contains(&delays[0]), "{}", delays[0]);
    let longest = delays[delays.len() - 1];
    assert!((0.4..0.68).contains(&longest), "{longest}");
}

#[test]
fn packets_are_overtaken_as_often_as_asked_also_where_jitter_keeps_order() {
    let start = Instant::now();
    let conditions = LinkConditions {
        delay: 20 * MS,
        jitter: Jitter::Uniform { spread: 5 * MS },
        keep_order: true,
        reordering: Some(Reordering {
            share: 0.05,
            by: 30 * MS,
        }),
        ..LinkConditions::default()
    };
    let mut link = Link::new(LinkProfile::new(3, conditions), start);
    let times: Vec<_> = (0..10_000_u16)
        .flat_map(|n| link.admit_packet(start + u32::from(n) * MS, 100, Some((1, n))))
        .collect();
    // Seen from the end, whoever comes out after one that went in later.
    let mut soonest = None;
    let mut overtaken = 0;
    for at in times.iter().rev() {
        overtaken += u32::from(soonest.is_some_and(|soonest| *at > soonest));
        soonest = Some(soonest.map_or(*at, |soonest: Instant| soonest.min(*at)));
    }
    assert!((430..=570).contains(&overtaken), "{overtaken}");
}

#[test]
fn a_link_with_a_trace_sends_when_the_trace_says() {
    let start = Instant::now();
    let conditions = LinkConditions {
        delay: 10 * MS,
        trace: Some(RateTrace::try_from(vec![5, 20]).expect("a trace")),
        queue: Queue::Bytes(4_000),
        ..LinkConditions::default()
    };
    let mut link = Link::new(LinkProfile::new(1, conditions), start);
    link.keep_log(true);
    let mut send = || link.admit_packet(start, 1_504, None);
    assert_eq!(send(), [start + 15 * MS]);
    assert_eq!(send(), [start + 30 * MS]);
    assert!(send().is_empty(), "there is room for 4,000 bytes");
    assert_eq!(
        link.admit_packet(start + 21 * MS, 1_504, None),
        [start + 35 * MS]
    );
    // Also the first of an idle line waits until that can send.
    let waited: Vec<_> = link
        .stats()
        .log()
        .iter()
        .map(|record| record.queue_delay)
        .collect();
    assert_eq!(waited, [5 * MS, 20 * MS, 20 * MS, 4 * MS]);
}
