//! Is the line what was asked for? Real packets through it, their delays and losses counted.

mod cases;
mod figure;
mod traffic;

use std::time::Instant;

use twocan::peer::runtime::LinkProfile;

use self::cases::Case;
use self::figure::Figure;
use self::traffic::Outcome;
use crate::emulator::Emulator;

/// Runs the cases whose names contain one of `names`, or all.
///
/// # Errors
/// When a figure is off, naming each, or when the line cannot be had.
pub fn run(names: &[String]) -> anyhow::Result<()> {
    let all = cases::all();
    let chosen: Vec<_> = all
        .iter()
        .filter(|case| names.is_empty() || names.iter().any(|name| case.name.contains(name)))
        .collect();
    anyhow::ensure!(
        !chosen.is_empty(),
        "There is no such case: {}.",
        listed(&all)
    );
    let mut off = Vec::new();
    for case in chosen {
        let began = Instant::now();
        let (figures, outcomes) = case.measure()?;
        println!(
            "{} ({} packets, {:.1} s)",
            case.name,
            case.traffic.packets,
            began.elapsed().as_secs_f64()
        );
        for outcome in &outcomes {
            let kept = &outcome.punctuality;
            println!(
                "      handed over 99 % within {:.3} ms, the latest after {:.3} ms, {} not taken",
                kept.late_p99_ms, kept.late_max_ms, kept.failed_writes
            );
        }
        for figure in figures {
            println!("  {figure}");
            if !figure.holds() {
                off.push(format!("{}: {figure}", case.name));
            }
        }
    }
    anyhow::ensure!(
        off.is_empty(),
        "The line is not what was asked for:\n{}",
        off.join("\n")
    );
    Ok(())
}

fn listed(cases: &[Case]) -> String {
    let names: Vec<_> = cases.iter().map(|case| case.name).collect();
    names.join(", ")
}

impl Case {
    fn measure(&self) -> anyhow::Result<(Vec<Figure>, Vec<Outcome>)> {
        let mut outcomes = Vec::new();
        for seed in self.seeds {
            let line = LinkProfile {
                seed: *seed,
                ..self.line.clone()
            };
            let perfect = LinkProfile::perfect(1);
            let emulator = Emulator::new(perfect.clone(), perfect.clone())?;
            // With a log, as for a call.
            emulator.bridge.begin(line, perfect);
            outcomes.push(self.traffic.through(&emulator)?);
            emulator.bridge.close()?;
        }
        Ok(((self.judge)(&outcomes), outcomes))
    }
}
