//! Twocan against real devices.

mod camera;
mod sound;
mod sound_card;
#[path = "../support/mod.rs"]
mod support;
