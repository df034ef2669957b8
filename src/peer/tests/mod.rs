//! Two real links, talking on loopback or in a world of their own.

mod again;
mod foreign;
mod hostile;
mod lifetime;
mod loopback;
mod pair;
mod weather;
