use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn bind(host: &VirtualRuntime) -> (Arc<dyn AsyncUdpSocket>, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let address = socket.local_addr().expect("it is bound");
    (host.wrap_udp_socket(socket).expect("virtual"), address)
}

fn message_of(panic: Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast::<String>()
        .map(|text| *text)
        .unwrap_or_default()
}

#[test]
fn timers_fire_in_order_and_an_hour_takes_no_time() {
    let world = VirtualWorld::new();
    let host = world.host("a", LinkProfile::perfect(1));
    let order = Arc::new(Mutex::new(Vec::new()));
    for (name, wait) in [("late", 3_000 * MS), ("first", 5 * MS), ("second", 5 * MS)] {
        let (order, sleep) = (order.clone(), host.sleep(wait));
        host.spawn(Box::pin(async move {
            sleep.await;
            order.lock().expect("one thread").push(name);
        }));
    }
    let began = world.now();
    world.block_on(host.sleep(Duration::from_secs(3_600)));
    assert_eq!(
        *order.lock().expect("one thread"),
        ["first", "second", "late"]
    );
    assert_eq!(world.now() - began, Duration::from_secs(3_600));
    assert_eq!(world.live_tasks(), 0);
}

#[test]
fn datagrams_take_the_way_of_the_link() {
    let world = VirtualWorld::new();
    let delayed = LinkConditions {
        delay: 25 * MS,
        ..LinkConditions::default()
    };
    let a = world.host("a", LinkProfile::new(1, delayed));
    let b = world.host("b", LinkProfile::perfect(1));
    let ((from, from_address), (to, to_address)) = (bind(&a), bind(&b));
    world.block_on(async {
        let mut buffer = [0; 10];
        from.send_to(b"hello", to_address).await.expect("virtual");
        let (length, sender) = to.recv_from(&mut buffer).await.expect("virtual");
        assert_eq!((&buffer[..length], sender), (&b"hello"[..], from_address));
        assert_eq!(world.elapsed(), 25 * MS);
        to.send_to(b"back", from_address).await.expect("virtual");
        from.recv_from(&mut buffer).await.expect("virtual");
        assert_eq!(world.elapsed(), 25 * MS, "the way back has no delay");
        // Nobody is there: gone, as on a real network.
        drop(to);
        from.send_to(b"void", to_address).await.expect("virtual");
    });
    assert_eq!(world.live_sockets(), 1);
}

#[test]
fn an_aborted_task_is_dropped_with_what_it_holds() {
    let world = VirtualWorld::new();
    let host = world.host("a", LinkProfile::perfect(1));
    let held = Arc::new(());
    let theirs = held.clone();
    let handle = host.spawn(Box::pin(async move {
        let _theirs = theirs;
        std::future::pending::<()>().await;
    }));
    world.block_on(host.sleep(MS));
    assert!(!handle.is_finished());
    handle.abort();
    world.block_on(host.sleep(MS));
    assert!(handle.is_finished());
    assert_eq!((Arc::strong_count(&held), world.live_tasks()), (1, 0));
}

#[test]
fn dropping_the_world_drops_its_tasks() {
    let held = Arc::new(());
    let world = VirtualWorld::new();
    let host = world.host("a", LinkProfile::perfect(1));
    let (theirs, sleep, runtime) = (held.clone(), host.sleep(MS), host.clone());
    host.spawn(Box::pin(async move {
        let _theirs = (theirs, runtime);
        sleep.await;
        std::future::pending::<()>().await;
    }));
    world.block_on(host.sleep(2 * MS));
    drop((world, host));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_deadlock_names_who_waits() {
    let world = VirtualWorld::new();
    let host = world.host("alice", LinkProfile::perfect(1));
    host.spawn(Box::pin(std::future::pending()));
    let run = AssertUnwindSafe(|| world.block_on(std::future::pending::<()>()));
    let message = message_of(catch_unwind(run).expect_err("it can never end"));
    assert!(
        message.contains("deadlock") && message.contains("alice#1"),
        "{message}"
    );
}

#[test]
fn a_wait_without_end_meets_the_horizon() {
    let world = VirtualWorld::new().with_horizon(Duration::from_secs(60));
    let host = world.host("alice", LinkProfile::perfect(1));
    let run = AssertUnwindSafe(|| {
        world.block_on(async {
            loop {
                host.sleep(Duration::from_secs(1)).await;
            }
        });
    });
    let message = message_of(catch_unwind(run).expect_err("it never ends"));
    assert!(message.contains("horizon"), "{message}");
}

#[test]
fn an_interval_begins_at_once_and_keeps_its_pace() {
    let world = VirtualWorld::new();
    let host = world.host("a", LinkProfile::perfect(1));
    world.block_on(async {
        let mut interval = host.interval(20 * MS);
        interval.tick().await;
        assert_eq!(world.elapsed(), Duration::ZERO);
        host.sleep(5 * MS).await;
        interval.tick().await;
        assert_eq!(world.elapsed(), 20 * MS);
    });
}
