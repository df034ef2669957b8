//! Twocan against real devices.

mod sound;
#[path = "../support/mod.rs"]
mod support;
