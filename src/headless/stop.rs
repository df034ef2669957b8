use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The wish from outside that a call may end: ctrl-c, and where there is one SIGTERM. Heard from
/// when it is made, whether anybody waits for it or not.
#[cfg(unix)]
pub struct StopWish {
    interrupt: Signal,
    terminate: Signal,
}

#[cfg(unix)]
impl StopWish {
    /// # Errors
    /// When the system lets nobody listen.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Done at each wish.
    pub async fn wished(&mut self) {
        tokio::select! {
            Some(()) = self.interrupt.recv() => {}
            Some(()) = self.terminate.recv() => {}
            else => std::future::pending().await,
        }
    }
}

/// The wish from outside that a call may end: ctrl-c.
#[cfg(not(unix))]
pub struct StopWish;

#[cfg(not(unix))]
impl StopWish {
    /// # Errors
    /// None.
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Done at each wish.
    pub async fn wished(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
