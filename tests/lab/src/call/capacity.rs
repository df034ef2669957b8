use std::time::{Duration, SystemTime};

use twocan::peer::runtime::{LinkProfile, OPPORTUNITY_BYTES, RateTrace};

use super::record::unix;

/// What one way of a line carries from each of these moments on: Unix seconds and bits a second, none
/// for as much as one likes. A trace is told second by second.
pub fn over_time(
    profile: &LinkProfile,
    began: SystemTime,
    ended: SystemTime,
) -> Vec<(f64, Option<f64>)> {
    if let Some(trace) = &profile.conditions.trace {
        let length = ended.duration_since(began).unwrap_or_default();
        return second_by_second(trace, length)
            .map(|(at, bits)| (unix(began + at), Some(bits)))
            .collect();
    }
    let rate = |rate: Option<twocan::media::Bitrate>| rate.map(|rate| rate.bps() as f64);
    let mut over_time = vec![(unix(began), rate(profile.conditions.rate))];
    for change in &profile.changes {
        over_time.push((unix(began + change.at), rate(change.conditions.rate)));
    }
    over_time
}

fn second_by_second(trace: &RateTrace, length: Duration) -> impl Iterator<Item = (Duration, f64)> {
    let times = Vec::from(trace.clone());
    let period = times.last().copied().map_or(1, u64::from).max(1);
    let bits = (OPPORTUNITY_BYTES * 8) as f64;
    (0..=length.as_secs()).map(move |second| {
        let (from, to) = (second * 1_000, second * 1_000 + 1_000);
        let opportunities: u64 = times
            .iter()
            .map(|time| {
                let rounds_before =
                    |end: u64| end.saturating_sub(u64::from(*time)).div_ceil(period);
                rounds_before(to) - rounds_before(from)
            })
            .sum();
        (Duration::from_secs(second), opportunities as f64 * bits)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use twocan::media::Bitrate;
    use twocan::peer::runtime::LinkConditions;

    #[test]
    fn changes_and_traces_are_told_as_they_come() {
        let began = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let ended = began + Duration::from_secs(3);
        let limited = LinkConditions {
            rate: Some(Bitrate::from_kbps(300)),
            ..LinkConditions::default()
        };
        let profile = LinkProfile::new(1, limited).then(Duration::from_secs(2), |c| c.rate = None);
        assert_eq!(
            over_time(&profile, began, ended),
            [(100.0, Some(300_000.0)), (102.0, None)]
        );
        let trace: RateTrace = "500\n600\n2000".parse().expect("a trace");
        let conditions = LinkConditions {
            trace: Some(trace),
            ..LinkConditions::default()
        };
        let bits = 1_504.0 * 8.0;
        assert_eq!(
            over_time(&LinkProfile::new(1, conditions), began, ended),
            [
                (100.0, Some(2.0 * bits)),
                (101.0, Some(0.0)),
                // The last of the first round, as the second begins, and two of that.
                (102.0, Some(3.0 * bits)),
                (103.0, Some(0.0)),
            ]
        );
    }
}
