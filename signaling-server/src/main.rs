//! The thin program of the signaling server.
fn main() {}
