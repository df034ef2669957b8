//! Frames to better frames, pure: echo, noise, gain, resampling, level.

pub mod scale;
