//! Works around a defect of `webrtc` 0.21.1: its driver hands packets for a relay to the TURN client
//! after it has already sent what the TURN client had, so they wait for the driver's next turn, which
//! may be 20 ms away. Here, a driver that uses a relay gets one extra turn before each sleep.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    Transmit,
};

/// A STUN Allocate request (RFC 8656 section 18) begins so, after it four bytes length and cookie.
const ALLOCATE_REQUEST: [u8; 2] = [0x00, 0x03];
/// RFC 8489 section 5.
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// `runtime` for one `webrtc` connection: each connection needs its own, and nothing else may sleep on
/// it. Without a relay it behaves as `runtime` itself.
pub fn for_connection(runtime: Arc<dyn Runtime>) -> Arc<dyn Runtime> {
    Arc::new(ConnectionRuntime {
        runtime,
        kick: Arc::default(),
    })
}

#[derive(Debug, Default)]
struct Kick {
    /// An allocation was asked for on one of the sockets.
    relayed: AtomicBool,
    /// The extra turn before the next sleep was had.
    had_extra_turn: AtomicBool,
}

#[derive(Debug)]
struct ConnectionRuntime {
    runtime: Arc<dyn Runtime>,
    kick: Arc<Kick>,
}

impl Runtime for ConnectionRuntime {
    #[track_caller]
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        self.runtime.spawn(future)
    }

    fn spawn_reactor(
        &self,
        reactor_pool_size: usize,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn JoinHandle> {
        self.runtime.spawn_reactor(reactor_pool_size, future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(WatchedSocket {
            socket: self.runtime.wrap_udp_socket(socket)?,
            kick: self.kick.clone(),
        }))
    }

    fn wrap_tcp_listener(
        &self,
        listener: std::net::TcpListener,
    ) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.runtime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        self.runtime.connect_tcp(remote)
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        self.runtime.resolve_host(host)
    }

    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        let relayed = self.kick.relayed.load(Ordering::Relaxed);
        if duration.is_zero() || !relayed || self.kick.had_extra_turn.swap(false, Ordering::AcqRel)
        {
            return self.runtime.sleep(duration);
        }
        let (kick, turn) = (self.kick.clone(), self.runtime.yield_now());
        Box::pin(async move {
            turn.await;
            kick.had_extra_turn.store(true, Ordering::Release);
        })
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.runtime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.runtime.block_on(future);
    }

    fn yield_now(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        self.runtime.yield_now()
    }

    fn name(&self) -> &'static str {
        self.runtime.name()
    }
}

/// Notices when a relay comes into use.
#[derive(Debug)]
struct WatchedSocket {
    socket: Arc<dyn AsyncUdpSocket>,
    kick: Arc<Kick>,
}

impl AsyncUdpSocket for WatchedSocket {
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
        if transmit.contents.starts_with(&ALLOCATE_REQUEST)
            && transmit.contents.get(4..8) == Some(&MAGIC_COOKIE)
        {
            self.kick.relayed.store(true, Ordering::Relaxed);
        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{LinkProfile, VirtualWorld};
    use super::*;

    #[test]
    fn only_a_relayed_connection_gets_an_extra_turn_before_each_sleep() {
        let world = VirtualWorld::new();
        let host = world.host("a", LinkProfile::perfect(1));
        let runtime = for_connection(host);
        let second = Duration::from_secs(1);
        let waits = world.block_on(async {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
            let socket = runtime.wrap_udp_socket(socket).expect("virtual");
            let mut waits = Vec::new();
            for round in 0..6 {
                if round == 2 {
                    let request = [0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42];
                    let anywhere = "127.0.0.1:9".parse().expect("an address");
                    socket.send_to(&request, anywhere).await.expect("virtual");
                }
                let before = runtime.now();
                runtime.sleep(second).await;
                waits.push((runtime.now() - before).as_secs());
            }
            waits
        });
        assert_eq!(waits, [1, 1, 0, 1, 0, 1]);
    }
}
