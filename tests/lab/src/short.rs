//! One short call of ours and one of libwebrtc's on a moderate line, from end to end: does the lab work
//! here? What is asked of the figures holds on any computer, however slow or busy.

use std::time::Duration;

use serde_json::Value;

use crate::bench::Bench;
use crate::call::Peer;
use crate::folders;
use crate::scenario::Scenario;

const LENGTH: Duration = Duration::from_secs(12);
const LINE: &str = "moderate";

/// Has them.
///
/// # Errors
/// When one does not come about, or a figure cannot be true.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let scenarios = Scenario::named(&[LINE.to_owned()])?;
    let line = &scenarios[0].there.conditions;
    let least_delay = line.delay.as_secs_f64() * 1_000.0 / 2.0;
    let mut wrong = Vec::new();
    for peer in Peer::named(&["twocan".to_owned(), "libwebrtc".to_owned()])? {
        let folder = folders::in_results("short").join(&peer.name);
        let measures = bench.measure(&scenarios[0], &peer, 1, LENGTH, &folder)?;
        println!("{} on {LINE}, {} s", peer.name, LENGTH.as_secs());
        let mut expected = vec![
            (
                "both connected after, ms",
                "/setup/connected_ms/right",
                least_delay..60_000.0,
            ),
            ("mouth to ear, ms", "/delay/p50_ms", least_delay..5_000.0),
            ("speech, PLCMOS", "/speech/plcmos", 1.5..5.0),
            ("speech, STOI", "/speech/stoi", 0.4..1.0),
            (
                "packets lost, share",
                "/network/there/lost_share",
                line.loss * 0.5..line.loss * 1.6,
            ),
            ("of sound, kb/s", "/network/there/kbps/audio", 10.0..200.0),
            ("of a core, left", "/cost/left/cpu_share", 0.001..2.0),
        ];
        if peer.pictures {
            expected.extend([
                (
                    "of pictures, kb/s",
                    "/network/there/kbps/video",
                    50.0..3_000.0,
                ),
                (
                    "pictures, delay, ms",
                    "/picture/there/delay_p50_ms",
                    least_delay..5_000.0,
                ),
                ("pictures a second", "/picture/there/fps", 3.0..31.0),
                ("pictures, VMAF", "/picture/there/vmaf", 20.0..100.0),
                (
                    "sound and picture apart, ms",
                    "/lipsync/there_ms",
                    -2_000.0..2_000.0,
                ),
            ]);
        }
        for (what, pointer, range) in expected {
            let found = measures.pointer(pointer).and_then(Value::as_f64);
            match found {
                Some(found) if range.contains(&found) => println!("  {what:<32} {found:.3}"),
                _ => wrong.push(format!("{}: {what} {found:?}, not in {range:?}", peer.name)),
            }
        }
    }
    anyhow::ensure!(
        wrong.is_empty(),
        "What cannot be true:\n{}",
        wrong.join("\n")
    );
    Ok(())
}
