use std::time::Duration;

use crate::media::Bitrate;

/// A short stretch of sending faster than the target, to see whether the path carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// How fast.
    pub rate: Bitrate,
    /// For how long.
    pub duration: Duration,
}
