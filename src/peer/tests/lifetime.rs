use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use webrtc::runtime::Runtime;

use super::pair::{connected_on, ends_on, media_flows, packet, part};
use crate::media::MediaKind;
use crate::peer::runtime::{HostRuntime, LinkConditions, LinkProfile, Live, VirtualWorld, timeout};
use crate::peer::{ConnectionState, PeerEvent};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_leave_no_socket_and_no_task() {
    let host = Arc::new(HostRuntime::new());
    let runtime = Arc::clone(&host) as Arc<dyn Runtime>;
    let mut times_to_connect = Vec::new();
    let mut longest_close = Duration::ZERO;
    for round in 0..100 {
        let begun = Instant::now();
        let (a, b) = connected_on(&runtime, &runtime).await;
        times_to_connect.push(begun.elapsed());
        part(&a, &b);
        let begun = Instant::now();
        a.link.close().await;
        b.link.close().await;
        let left = timeout(&*runtime, Duration::from_secs(10), host.drained()).await;
        assert!(left.is_ok(), "round {round}: {:?} left", host.live());
        longest_close = longest_close.max(begun.elapsed());
    }
    times_to_connect.sort_unstable();
    println!(
        "connected after {:?} (median of 100, both made anew); both closed within {longest_close:?}",
        times_to_connect[50]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_closes() {
    let host = Arc::new(HostRuntime::new());
    let runtime = Arc::clone(&host) as Arc<dyn Runtime>;
    let (a, b) = connected_on(&runtime, &runtime).await;
    part(&a, &b);
    assert_ne!(host.live(), Live::default());
    drop((a, b));
    let left = timeout(&*runtime, Duration::from_secs(10), host.drained()).await;
    assert!(left.is_ok(), "{:?} left", host.live());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_never_connected_closes_too() {
    let host = Arc::new(HostRuntime::new());
    let runtime = Arc::clone(&host) as Arc<dyn Runtime>;
    let (mut a, b) = ends_on(&runtime, &runtime).await;
    a.link.create_offer(false).await.expect("an offer");
    part(&a, &b);
    a.link.close().await;
    while let Ok(event) = a.events.try_recv() {
        let failed = PeerEvent::Connection(ConnectionState::Failed);
        assert_ne!(event, failed, "to be closed is not to fail");
    }
    a.until(ConnectionState::Closed).await;
    a.link.close().await;
    assert!(a.link.create_offer(false).await.is_err());
    drop((a, b));
    let left = timeout(&*runtime, Duration::from_secs(10), host.drained()).await;
    assert!(left.is_ok(), "{:?} left", host.live());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_on_the_connections_own_task_is_a_failed_connection() {
    let host = Arc::new(HostRuntime::new());
    let runtime = Arc::clone(&host) as Arc<dyn Runtime>;
    let (a, b) = connected_on(&runtime, &runtime).await;
    b.recorder.fragile.store(true, Ordering::Relaxed);
    a.link.send_rtp(&[packet(&a, MediaKind::Audio, 1)]);
    b.until(ConnectionState::Failed).await;
    part(&a, &b);
    drop((a, b));
    let left = timeout(&*runtime, Duration::from_secs(10), host.drained()).await;
    assert!(left.is_ok(), "{:?} left", host.live());
}

#[test]
fn a_silent_path_is_noticed_and_an_ice_restart_brings_the_call_back() {
    let world = VirtualWorld::new();
    let (left, right) = (
        world.host("left", LinkProfile::perfect(1)),
        world.host("right", LinkProfile::perfect(2)),
    );
    let runtimes = (
        Arc::clone(&left) as Arc<dyn Runtime>,
        Arc::clone(&right) as Arc<dyn Runtime>,
    );
    world.block_on(async {
        let (mut a, mut b) = connected_on(&runtimes.0, &runtimes.1).await;
        media_flows(&a, &mut b).await;
        let cut = world.now();
        let silence = LinkConditions {
            loss: 1.0,
            ..LinkConditions::default()
        };
        left.link().set_conditions(cut, silence.clone());
        right.link().set_conditions(cut, silence);
        a.until(ConnectionState::Disconnected).await;
        let noticed = world.now() - cut;
        assert!(
            noticed < Duration::from_secs(4),
            "noticed after {noticed:?}"
        );
        a.until(ConnectionState::Failed).await;
        let given_up = world.now() - cut;
        assert!(given_up < Duration::from_secs(16), "{given_up:?}");
        b.until(ConnectionState::Failed).await;
        let now = world.now();
        left.link().set_conditions(now, LinkConditions::default());
        right.link().set_conditions(now, LinkConditions::default());
        a.recorder.expect_reconnection();
        b.recorder.expect_reconnection();
        super::pair::negotiate(&a, &b, true).await;
        a.until(ConnectionState::Connected).await;
        b.until(ConnectionState::Connected).await;
        media_flows(&a, &mut b).await;
        media_flows(&b, &mut a).await;
    });
}
