//! Do both legs of the lab agree? The same lines, seeds and lengths, once under the sockets of our program
//! and once in memory on virtual time.

use std::time::Duration;

use serde_json::Value;

use crate::bench::Bench;
use crate::call::Peer;
use crate::folders;
use crate::scenario::Scenario;

const LENGTH: Duration = Duration::from_secs(30);
const SEED: u32 = 1;
/// The simple ones: nothing in them hangs on how long something takes on this computer.
/// With each, within how many milliseconds of mouth to ear the legs agree there. Where sound waits in
/// the line's queue behind pictures, rounds of the judge's leg alone differ by 20 ms: by how a picture
/// and a packet of sound happen to meet, and the jitter buffer follows in steps of 10 ms.
const LINES: [(&str, f64); 3] = [("clean", 10.0), ("loss-10", 10.0), ("rate-1m", 25.0)];

/// A figure, and by how much the legs may differ in it.
struct Figure {
    what: &'static str,
    pointer: &'static str,
    within: f64,
}

/// One real computer's scheduling is in one of the legs: some milliseconds, and what the jitter buffer
/// and the estimates make of them.
fn figures(mouth_to_ear_within: f64) -> [Figure; 9] {
    [
        Figure {
            what: "packets lost, share",
            pointer: "/network/there/lost_share",
            within: 0.02,
        },
        Figure {
            what: "the same, on the way back",
            pointer: "/network/back/lost_share",
            within: 0.02,
        },
        Figure {
            what: "of sound, kb/s",
            pointer: "/network/there/kbps/audio",
            within: 8.0,
        },
        Figure {
            what: "the same, on the way back",
            pointer: "/network/back/kbps/audio",
            within: 8.0,
        },
        Figure {
            what: "mouth to ear, p50, ms",
            pointer: "/delay/p50_ms",
            within: mouth_to_ear_within,
        },
        Figure {
            what: "speech, PLCMOS",
            pointer: "/speech/plcmos",
            within: 0.2,
        },
        Figure {
            what: "speech, STOI",
            pointer: "/speech/stoi",
            within: 0.03,
        },
        Figure {
            what: "pictures, VMAF",
            pointer: "/picture/there/vmaf",
            within: 5.0,
        },
        Figure {
            what: "pictures a second",
            pointer: "/picture/there/fps",
            within: 3.0,
        },
    ]
}

/// Has the calls, and lays their figures side by side.
///
/// # Errors
/// When the legs do not agree.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let ours = &Peer::named(&["twocan".to_owned()])?[0];
    let mut apart = Vec::new();
    for (line, mouth_to_ear_within) in LINES {
        let scenarios = Scenario::named(&[line.to_owned()])?;
        let scenario = &scenarios[0];
        let folder = folders::in_results("legs").join(&scenario.name);
        eprintln!("{}, on both legs", scenario.name);
        let judge = bench.measure(scenario, ours, SEED, LENGTH, &folder.join("judge"))?;
        let workbench = folder.join("workbench");
        let workbench = bench.simulate(scenario, SEED.into(), LENGTH, &workbench, &[])?;
        println!("{}: the judge's line, and virtual time", scenario.name);
        for figure in figures(mouth_to_ear_within) {
            let (one, other) = (figure.of(&judge)?, figure.of(&workbench)?);
            let agree = (one - other).abs() <= figure.within;
            println!(
                "  {:<25} {one:>9.3} {other:>9.3}  {}",
                figure.what,
                if agree { "" } else { "APART" }
            );
            if !agree {
                apart.push(format!("{} on {}", figure.what, scenario.name));
            }
        }
    }
    anyhow::ensure!(
        apart.is_empty(),
        "The legs do not agree: {}.",
        apart.join(", ")
    );
    Ok(())
}

impl Figure {
    fn of(&self, measures: &Value) -> anyhow::Result<f64> {
        let found = measures.pointer(self.pointer).and_then(Value::as_f64);
        found.ok_or_else(|| anyhow::anyhow!("no figure for {}", self.what))
    }
}
