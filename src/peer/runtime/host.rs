use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::sync::watch;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    TokioRuntime, Transmit,
};

use super::impaired::ImpairedSocket;
use super::link::Link;
use super::profile::LinkProfile;

type BoxedFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Asked of the system, which may give less (`net.core.rmem_max`): its default of 208 kB overflows at
/// 50 Mb/s (measured).
const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// The real clock, tokio's tasks and the system's sockets, with larger buffers, a count of what is
/// alive, and a [`Link`] in front of every socket if asked for.
#[derive(Debug)]
pub struct HostRuntime {
    link: Option<Arc<Mutex<Link>>>,
    live: Arc<watch::Sender<Live>>,
}

/// What was made through a [`HostRuntime`] and is not gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Live {
    /// UDP sockets.
    pub sockets: usize,
    /// Spawned tasks.
    pub tasks: usize,
}

impl Default for HostRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl HostRuntime {
    /// Straight to the sockets.
    pub fn new() -> Self {
        Self {
            link: None,
            live: Arc::new(watch::Sender::new(Live::default())),
        }
    }

    /// With one link that all sockets of this runtime share for what they send.
    pub fn impaired(egress: LinkProfile) -> Self {
        Self {
            link: Some(Arc::new(Mutex::new(Link::new(egress, Instant::now())))),
            ..Self::new()
        }
    }

    /// The link, if there is one. Hold the guard only for a moment.
    pub fn link(&self) -> Option<MutexGuard<'_, Link>> {
        let link = self.link.as_ref()?;
        Some(link.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is alive.
    pub fn live(&self) -> Live {
        *self.live.borrow()
    }

    /// Waits until no socket and no task is left.
    pub async fn drained(&self) {
        // The sender is ours, so it cannot be gone.
        let _ = self
            .live
            .subscribe()
            .wait_for(|live| *live == Live::default())
            .await;
    }

    fn counted(&self, future: BoxedFuture) -> BoxedFuture {
        let guard = LiveGuard::new(&self.live, |live| &mut live.tasks);
        Box::pin(async move {
            let _guard = guard;
            future.await;
        })
    }
}

/// Counts one thing for as long as it lives.
#[derive(Debug)]
struct LiveGuard {
    live: Arc<watch::Sender<Live>>,
    count: fn(&mut Live) -> &mut usize,
}

impl LiveGuard {
    fn new(live: &Arc<watch::Sender<Live>>, count: fn(&mut Live) -> &mut usize) -> Self {
        live.send_modify(|live| *count(live) += 1);
        Self {
            live: live.clone(),
            count,
        }
    }
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        self.live.send_modify(|live| *(self.count)(live) -= 1);
    }
}

/// Best effort: a call works with the system's default, too.
fn enlarge_buffers(socket: &std::net::UdpSocket) {
    let socket = SockRef::from(socket);
    for (name, result) in [
        ("receive", socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)),
        ("send", socket.set_send_buffer_size(SOCKET_BUFFER_BYTES)),
    ] {
        if let Err(error) = result {
            tracing::debug!(%error, "the {name} buffer of a socket stays as it is");
        }
    }
}

impl Runtime for HostRuntime {
    fn spawn(&self, future: BoxedFuture) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(self.counted(future))
    }

    fn spawn_reactor(&self, reactor_pool_size: usize, future: BoxedFuture) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn_reactor(reactor_pool_size, self.counted(future))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        enlarge_buffers(&socket);
        let socket = TokioRuntime.wrap_udp_socket(socket)?;
        let socket = match &self.link {
            Some(link) => Arc::new(ImpairedSocket::new(socket, link.clone())),
            None => socket,
        };
        Ok(Arc::new(CountedSocket {
            socket,
            _guard: LiveGuard::new(&self.live, |live| &mut live.sockets),
        }))
    }

    fn wrap_tcp_listener(
        &self,
        listener: std::net::TcpListener,
    ) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        Box::pin(async move { TokioRuntime.connect_tcp(remote).await })
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        TokioRuntime.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        TokioRuntime.yield_now()
    }

    fn name(&self) -> &'static str {
        "host"
    }
}

/// A socket that is counted; segmentation (GSO, GRO) is as the socket itself can.
#[derive(Debug)]
struct CountedSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    _guard: LiveGuard,
}

impl AsyncUdpSocket for CountedSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_gso_segments(&self) -> usize {
        self.socket.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.socket.max_gro_segments()
    }

    fn poll_send(
        &self,
        context: &mut Context<'_>,
        transmit: &Transmit<'_>,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_send(context, transmit)
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_recv(context, buffers, meta)
    }
}
