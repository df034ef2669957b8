//! Two real links, talking on loopback or in a world of their own.

mod hostile;
mod loopback;
mod pair;
