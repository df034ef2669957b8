//! Twocan against real devices, and whole calls between real processes.

mod bad_input;
mod camera;
mod camera_call;
mod chromium;
mod corpora;
mod device_return;
mod eavesdropper;
mod engine_lifetime;
mod friends;
mod keyring;
mod lifetime;
mod people;
mod proof;
mod relay;
mod sound;
mod sound_card;
#[path = "../support/mod.rs"]
mod support;
