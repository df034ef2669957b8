use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use webrtc::runtime::Transmit;

use super::*;

fn bind(runtime: &HostRuntime) -> (Arc<dyn AsyncUdpSocket>, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let address = socket.local_addr().expect("it is bound");
    (runtime.wrap_udp_socket(socket).expect("loopback"), address)
}

async fn receive(socket: &dyn AsyncUdpSocket) -> Vec<u8> {
    let mut buffer = [0; 100];
    let (length, _) = socket.recv_from(&mut buffer).await.expect("loopback");
    buffer[..length].to_vec()
}

#[tokio::test]
async fn dropping_sockets_and_ending_tasks_leaves_nothing_alive() {
    let runtime = HostRuntime::impaired(LinkProfile::perfect(1));
    let (socket, _) = bind(&runtime);
    let ends = runtime.spawn(Box::pin(async {}));
    let aborted = runtime.spawn(Box::pin(std::future::pending()));
    assert_eq!(
        runtime.live(),
        Live {
            sockets: 1,
            tasks: 2
        }
    );
    aborted.abort();
    drop(socket);
    runtime.drained().await;
    assert_eq!(runtime.live(), Live::default());
    drop(ends);
}

#[tokio::test]
async fn segments_arrive_as_datagrams_with_and_without_impairment() {
    for runtime in [
        HostRuntime::new(),
        HostRuntime::impaired(LinkProfile::perfect(1)),
    ] {
        let (a, _) = bind(&runtime);
        // A plain socket does not coalesce what it receives.
        let b = tokio::net::UdpSocket::bind("127.0.0.1:0")
            .await
            .expect("loopback");
        let size = if a.max_gso_segments() > 1 || runtime.link().is_some() {
            3
        } else {
            8
        };
        let transmit = Transmit {
            destination: b.local_addr().expect("it is bound"),
            ecn: None,
            contents: b"abcdefgh",
            segment_size: Some(size),
            src_ip: None,
        };
        std::future::poll_fn(|context| a.poll_send(context, &transmit))
            .await
            .expect("loopback");
        for expected in b"abcdefgh".chunks(size) {
            let mut buffer = [0; 100];
            let length = b.recv(&mut buffer).await.expect("loopback");
            assert_eq!(&buffer[..length], expected);
        }
    }
}

#[tokio::test]
async fn an_impaired_socket_delays_reorders_and_loses_as_its_link_says() {
    let runtime = HostRuntime::impaired(LinkProfile::new(
        1,
        LinkConditions {
            delay: Duration::from_millis(40),
            ..LinkConditions::default()
        },
    ));
    let ((a, _), (b, to)) = (bind(&runtime), bind(&runtime));
    let sent_at = runtime.now();
    a.send_to(b"slow", to).await.expect("loopback");
    let set = |conditions| {
        let mut link = runtime.link().expect("it was given one");
        link.set_conditions(runtime.now(), conditions);
    };
    set(LinkConditions {
        loss: 1.0,
        ..LinkConditions::default()
    });
    a.send_to(b"lost", to).await.expect("loopback");
    set(LinkConditions::default());
    a.send_to(b"fast", to).await.expect("loopback");
    assert_eq!(receive(&*b).await, b"fast");
    assert_eq!(receive(&*b).await, b"slow");
    assert!(runtime.now() - sent_at >= Duration::from_millis(40));
    let mut buffer = [0; 100];
    let mut third = b.recv_from(&mut buffer);
    std::future::poll_fn(|context| {
        assert!(third.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
    assert_eq!(runtime.link().expect("it was given one").stats().lost, 1);
}

#[test]
fn socket_buffers_are_as_large_as_the_system_allows() {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let _context = tokio.as_ref().expect("a runtime").enter();
    let plain = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let ours = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let same = ours.try_clone().expect("one more descriptor");
    let _wrapped = HostRuntime::new().wrap_udp_socket(ours).expect("loopback");
    let size = |socket: &UdpSocket| {
        socket2::SockRef::from(socket)
            .recv_buffer_size()
            .expect("open")
    };
    assert!(
        size(&same) > size(&plain),
        "{} > {}",
        size(&same),
        size(&plain)
    );
}
