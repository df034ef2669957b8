//! A hundred calls of one window's engine leave nothing behind: unlike the calls of `lifetime`, its
//! media threads, devices and runtime live on from call to call.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use twocan::engine::{Command, share_memory_pools};

use crate::lifetime::{CALLS, GROWTH, Held, WARM_UP};
use crate::support::child::{Child, role, tell};
use crate::support::engine::{Engine, meet};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_hundred_calls_of_one_engine_leave_nothing_behind() {
    if role().as_deref() == Some("engine calls") {
        // As the program itself begins.
        share_memory_pools();
        call_often();
        return;
    }
    let name = "engine_lifetime::a_hundred_calls_of_one_engine_leave_nothing_behind";
    let mut child = Child::start(name, "engine calls", &HashMap::new());
    while let Some(line) = child.next_line() {
        println!("{line}");
    }
    child.finish();
}

fn call_often() {
    let (host, guest) = (Engine::start(), Engine::start());
    let idle = Held::now();
    for _ in 0..WARM_UP {
        call(&host, &guest);
    }
    let before = Held::now();
    for round in 1..=CALLS {
        call(&host, &guest);
        freed(before);
        if round % 25 == 0 {
            tell(&format!("after {round} calls: {:?}", Held::now()));
        }
    }
    freed(idle);
    let after = Held::now();
    tell(&format!(
        "idle {idle:?}, before {before:?}, after {after:?}"
    ));
    let growth = after.bytes.saturating_sub(before.bytes);
    assert!(growth < GROWTH, "{growth} bytes more");
}

fn call(host: &Engine, guest: &Engine) {
    meet(host, guest);
    host.handle.send(Command::Leave);
    for engine in [guest, host] {
        engine.wait_for_lobby();
    }
}

/// Waits until no thread and no socket of a call is left: what closes by itself takes a moment.
fn freed(before: Held) {
    let began = Instant::now();
    loop {
        let now = Held::now();
        if now.threads <= before.threads && now.files <= before.files {
            return;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "before {before:?}, and left {now:?}"
        );
        std::thread::yield_now();
    }
}
