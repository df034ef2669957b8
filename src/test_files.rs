//! What tests of more than one room need: a folder of a test's own, gone when the test is, and somebody to
//! know.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::contacts::Contact;
use crate::trust::Identity;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Removed with all that is in it when dropped.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("twocan-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Somebody of this name; who that is depends on the seed alone.
pub(crate) fn contact(seed: u64, name: &str) -> Contact {
    Contact {
        identity: Identity::new(&mut StdRng::seed_from_u64(seed)).public(),
        name: name.to_owned(),
        verified: false,
        server: None,
    }
}
