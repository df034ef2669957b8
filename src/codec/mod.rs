//! Frames to encoded frames and back, without threads, clocks or IO.
