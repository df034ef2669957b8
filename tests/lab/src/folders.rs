//! Where the lab finds and leaves what.

use std::path::{Path, PathBuf};

/// In the folder of the lab's own files.
pub fn in_lab(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// In the folder of what is built.
pub fn in_target(path: &str) -> PathBuf {
    in_lab("../../target").join(path)
}

/// In the folder of what the lab makes.
pub fn in_results(path: &str) -> PathBuf {
    in_target("lab").join(path)
}
