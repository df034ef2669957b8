use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    Transmit,
};

use super::link::Link;
use super::segments;
use super::virtual_world::{SpawnedTask, TaskFuture, World};

/// A host of a [`VirtualWorld`](super::VirtualWorld): clock, tasks and UDP sockets of the world behind
/// a link of its own. It has no TCP, and resolves only literal addresses.
#[derive(Debug)]
pub struct VirtualRuntime {
    name: String,
    world: Arc<World>,
    link: Arc<Mutex<Link>>,
}

impl VirtualRuntime {
    /// What a runtime of virtual time calls itself.
    pub const NAME: &'static str = "virtual";

    pub(super) fn new(name: &str, world: Arc<World>, link: Arc<Mutex<Link>>) -> Self {
        Self {
            name: name.to_owned(),
            world,
            link,
        }
    }

    /// What this host sends goes through here. Hold the guard only for a moment.
    pub fn link(&self) -> MutexGuard<'_, Link> {
        lock(&self.link)
    }
}

fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    link.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_tcp<T>() -> io::Result<T> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "a virtual host has no TCP",
    ))
}

impl Runtime for VirtualRuntime {
    #[track_caller]
    fn spawn(&self, future: TaskFuture) -> Box<dyn JoinHandle> {
        let origin = Location::caller().to_string();
        Box::new(VirtualJoinHandle(
            self.world.spawn(&self.name, origin, future),
        ))
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let address = socket.local_addr()?;
        self.world.open_inbox(address);
        Ok(Arc::new(VirtualSocket {
            world: self.world.clone(),
            link: self.link.clone(),
            address,
            _reservation: socket,
        }))
    }

    fn wrap_tcp_listener(&self, _: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        no_tcp()
    }

    fn connect_tcp<'a>(
        &'a self,
        _: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        Box::pin(std::future::ready(no_tcp()))
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        let resolved = host.parse().map(|address| vec![address]).map_err(|_| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "a virtual host knows only literal addresses",
            )
        });
        Box::pin(std::future::ready(resolved))
    }

    fn now(&self) -> Instant {
        self.world.now()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        Box::pin(self.world.sleep(duration))
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        Box::new(VirtualInterval {
            next: self.world.now(),
            world: self.world.clone(),
            period,
        })
    }

    /// Refused: a world is run from outside, by [`VirtualWorld::block_on`](super::VirtualWorld::block_on).
    fn block_on(&self, _: Pin<Box<dyn Future<Output = ()> + '_>>) {
        panic!("a virtual host cannot block; use VirtualWorld::block_on");
    }

    fn name(&self) -> &'static str {
        Self::NAME
    }
}

struct VirtualJoinHandle(SpawnedTask);

impl JoinHandle for VirtualJoinHandle {
    /// Nothing to do: dropping the handle does not end the task.
    fn detach(&self) {}

    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

struct VirtualInterval {
    world: Arc<World>,
    period: Duration,
    next: Instant,
}

impl AsyncInterval for VirtualInterval {
    fn tick(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let wait = self.next.saturating_duration_since(self.world.now());
            // Even a late tick gives others a turn, so that a period of zero is no busy loop of one.
            self.world.sleep(wait).await;
            self.next += self.period;
        })
    }
}

#[derive(Debug)]
struct VirtualSocket {
    world: Arc<World>,
    link: Arc<Mutex<Link>>,
    address: SocketAddr,
    /// Keeps the address from being given out twice; nothing is ever sent on it.
    _reservation: std::net::UdpSocket,
}

impl Drop for VirtualSocket {
    fn drop(&mut self) {
        self.world.close_inbox(self.address);
    }
}

impl AsyncUdpSocket for VirtualSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }

    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let now = self.world.now();
        for datagram in segments(transmit) {
            let deliveries = lock(&self.link).admit(now, datagram);
            for at in deliveries {
                self.world
                    .send_at(at, self.address, transmit.destination, datagram);
            }
        }
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut count = 0;
        for (buffer, meta) in buffers.iter_mut().zip(meta) {
            match self.world.poll_inbox(self.address, context) {
                Poll::Ready(Some((from, bytes))) => {
                    let length = bytes.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&bytes[..length]);
                    *meta = RecvMeta::default();
                    meta.addr = from;
                    meta.len = length;
                    meta.stride = length.max(1);
                    meta.dst_ip = Some(self.address.ip());
                    count += 1;
                }
                Poll::Ready(None) => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
                Poll::Pending => break,
            }
        }
        if count == 0 {
            Poll::Pending
        } else {
            Poll::Ready(Ok(count))
        }
    }
}
