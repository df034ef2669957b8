//! Twocan: two can talk, nobody in between.
//!
//! # One way through the house
//!
//! ```text
//! microphone → process → codec → peer ══ network ══ peer → jitter → codec → mixer → speaker
//! camera ────────────→ codec → peer ══ network ══ peer → jitter → codec → av_sync → frame slot → ui
//! ui ── Command ──→ engine ── Snapshot ──→ ui
//! ```
//!
//! Three backward edges: `RenderReference` (mixer → echo canceller), [`media::EncoderControl`]
//! (network feedback → encoders), and the statistics.
//!
//! # Invariants
//!
//! - `media` imports nothing of ours; `capture`, `playout`, `process` and `codec` know no network.
//! - Only `peer` knows `webrtc`; only `signaling` knows websockets; only `ui` knows egui; only
//!   `engine` knows all the others but `ui`.
//! - `contacts` is the only room that keeps people, and the secret by which friends know this person.
//! - `call`, `jitter`, `congestion` and `trust` take time and randomness as arguments: no clock, no
//!   lock, no IO.

pub mod call;
pub mod capture;
pub mod cli;
pub mod codec;
pub mod congestion;
pub mod contacts;
pub mod engine;
pub mod headless;
pub mod jitter;
pub mod media;
pub mod peer;
pub mod playout;
pub mod process;
pub mod settings;
pub mod signaling;
pub mod trust;
pub mod ui;

#[cfg(test)]
mod test_files;
