//! Twocan against real devices.

mod bad_input;
mod camera;
mod lifetime;
mod sound;
mod sound_card;
#[path = "../support/mod.rs"]
mod support;
