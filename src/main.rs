//! Twocan's thin program.
fn main() {}
