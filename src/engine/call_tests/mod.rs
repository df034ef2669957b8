//! Whole calls: engines without devices, a real `webrtc` between them, and a network that does as it
//! is told. On virtual time a minute of call takes a second or two.

mod blips;
mod calm;
mod handicaps;
mod hostile;
mod lossy;
mod narrow;
mod proof;
#[cfg(target_os = "linux")]
mod repeat;
mod scene;
mod setup;
mod stories;
