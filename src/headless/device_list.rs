use std::io::Write as _;

use super::Exit;
use crate::capture::{Devices, devices};

/// Lists what can be picked.
///
/// # Errors
/// When stdout is closed.
pub fn list_devices(json: bool) -> anyhow::Result<Exit> {
    let devices = devices();
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&devices)?)?;
    } else {
        let Devices {
            microphones,
            speakers,
            cameras,
        } = &devices;
        for (title, list) in [
            ("Microphones", microphones),
            ("Speakers", speakers),
            ("Cameras", cameras),
        ] {
            writeln!(out, "{title}")?;
            if list.is_empty() {
                writeln!(out, "  none")?;
            }
            for device in list {
                let mark = if device.default { "*" } else { " " };
                writeln!(out, "{mark} {}  (device:{})", device.label, device.id)?;
            }
        }
    }
    Ok(Exit::good())
}
