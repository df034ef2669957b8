//! Twocan against real devices.

mod camera;
mod sound;
#[path = "../support/mod.rs"]
mod support;
