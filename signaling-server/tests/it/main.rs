//! The server over real websockets on loopback.

mod abuse;
mod life;
mod program;
mod rooms;
mod support;
