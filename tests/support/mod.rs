//! What the tests share: a real sound server, a real call server, engines as windows have them, and this
//! test program started again as a child.

pub mod child;
pub mod engine;
pub mod place;
pub mod program;
pub mod pulse;
pub mod punctuality;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// A folder of a test's own with a short path (sockets need that), gone when the test is.
pub struct TempDir(PathBuf);

impl TempDir {
    /// Makes it.
    pub fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// Makes it in `parent`, for what would be too large elsewhere.
    pub fn within(parent: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("twocan-it-{}-{count}", std::process::id());
        let path = parent.join(name);
        std::fs::create_dir(&path).expect("a folder for the test");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether this runs in the guest that `tests/camera-vm/run` starts, which has a camera and a sound
/// card of the kernel's own and nothing that anyone needs.
pub fn in_the_guest() -> bool {
    let there = std::env::var_os("TWOCAN_CAMERA_VM").is_some();
    if !there {
        println!("skipped: this computer has no test devices; tests/camera-vm/run brings them");
    }
    there
}

/// Gives the processor away until `moment`, as the driver of a source does.
pub fn wait_until(moment: Instant) {
    while let Some(left) = moment.checked_duration_since(Instant::now()) {
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}

/// How much of the power of `samples` (48 kHz) is a sine of `hz`, 0.0..=1.0.
pub fn share_of_tone(samples: &[f32], hz: f64) -> f64 {
    let step = std::f64::consts::TAU * hz / 48_000.0;
    let (mut sine, mut cosine, mut all) = (0.0, 0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let (s, c) = (step * index as f64).sin_cos();
        let sample = f64::from(*sample);
        sine += sample * s;
        cosine += sample * c;
        all += sample * sample;
    }
    if all == 0.0 {
        return 0.0;
    }
    2.0 * (sine * sine + cosine * cosine) / (samples.len() as f64 * all)
}
