//! A runtime around the runtime that notices when the library's driver ends, be it by a panic.
//!
//! The driver of `webrtc` 0.21.1 returns at the first error of a timer or of a relayed packet, and
//! tells nobody; a panic in it (some `assert!`s sit on the path of foreign packets, such as in
//! `rtc`'s `handler/interceptor.rs`) would be as silent. Either way the call must hear of it.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime,
};

use super::dtls_flights::{Handshake, HandshakeSocket};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type DriverEnded = Box<dyn FnOnce() + Send>;

/// Runs everything on `inner`; the first task that is spawned is the driver.
pub(super) struct GuardedRuntime {
    inner: Arc<dyn Runtime>,
    handshake: Arc<Handshake>,
    driver_ended: Mutex<Option<DriverEnded>>,
}

impl GuardedRuntime {
    /// `handshake` watches over the datagrams of the connection's sockets.
    pub(super) fn new(
        inner: Arc<dyn Runtime>,
        handshake: Arc<Handshake>,
        driver_ended: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self {
            inner,
            handshake,
            driver_ended: Mutex::new(Some(Box::new(driver_ended))),
        }
    }
}

impl fmt::Debug for GuardedRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GuardedRuntime").field(&self.inner).finish()
    }
}

impl Runtime for GuardedRuntime {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Box<dyn JoinHandle> {
        let driver_ended = self
            .driver_ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.inner.spawn(Box::pin(async move {
            if AssertUnwindSafe(future).catch_unwind().await.is_err() {
                tracing::error!("the connection's task panicked");
            }
            if let Some(driver_ended) = driver_ended {
                driver_ended();
            }
        }))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(HandshakeSocket::new(
            self.inner.wrap_udp_socket(socket)?,
            Arc::clone(&self.handshake),
            Arc::clone(&self.inner),
        )))
    }

    fn wrap_tcp_listener(
        &self,
        listener: std::net::TcpListener,
    ) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.inner.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote_addr: SocketAddr,
    ) -> BoxFuture<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        self.inner.connect_tcp(remote_addr)
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        self.inner.resolve_host(host)
    }

    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.inner.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.inner.block_on(future);
    }

    fn yield_now(&self) -> BoxFuture<'static, ()> {
        self.inner.yield_now()
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }
}
