//! A hundred calls of one window's engine leave nothing behind: unlike the calls of `lifetime`, its
//! media threads, devices and runtime live on from call to call.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use twocan::capture::MicrophoneSpec;
use twocan::engine::{CallStage, Command, EngineOptions, Handle, Phase, Snapshot, start};
use twocan::playout::SpeakerSpec;

use crate::lifetime::{CALLS, GROWTH, Held, WARM_UP};
use crate::support::child::{Child, role, tell};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_hundred_calls_of_one_engine_leave_nothing_behind() {
    if role().as_deref() == Some("engine calls") {
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

/// An engine as a window has it.
pub struct Engine {
    pub handle: Handle,
    changes: Receiver<()>,
}

impl Engine {
    /// With devices that every computer has.
    pub fn start() -> Self {
        Self::with(EngineOptions {
            microphone: Some(MicrophoneSpec::Silence),
            speaker: Some(SpeakerSpec::Null),
            camera: Some("pattern:320x180@30".parse().expect("a camera")),
            ..EngineOptions::default()
        })
    }

    pub fn with(options: EngineOptions) -> Self {
        let handle = start(options).expect("an engine");
        let (changed, changes) = sync_channel(1);
        handle.on_change(move || {
            // One that waits is as good as two.
            let _ = changed.try_send(());
        });
        let engine = Self { handle, changes };
        // By then all its threads have started.
        engine.changes.recv().expect("a first snapshot");
        engine
    }

    /// Waits until the snapshot has something.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, find: impl Fn(&Snapshot) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            let snapshot = self.handle.snapshot();
            if let Some(found) = find(&snapshot) {
                return found;
            }
            if began.elapsed() > PATIENCE || self.changes.recv_timeout(PATIENCE).is_err() {
                panic!("not {what}: {snapshot:?}");
            }
        }
    }

    fn wait_for_check(&self) {
        self.wait_for("in the check with a friend", |snapshot| {
            matches!(
                &snapshot.phase,
                Phase::Check {
                    friend: Some(_),
                    ..
                }
            )
            .then_some(())
        });
    }

    /// Waits until the other is in the call and seen.
    fn wait_for_picture(&self) {
        self.wait_for("in a call with a picture", |snapshot| {
            let Phase::Call(call) = &snapshot.phase else {
                return None;
            };
            let friend = call.participants.first()?;
            let picture = self.handle.picture_of(friend.id)?;
            (call.stage == CallStage::Connected && picture.latest().is_some()).then_some(())
        });
    }

    fn wait_for_lobby(&self) {
        self.wait_for("back in the lobby", |snapshot| {
            matches!(snapshot.phase, Phase::Lobby).then_some(())
        });
    }
}

fn call(host: &Engine, guest: &Engine) {
    meet(host, guest);
    host.handle.send(Command::Leave);
    for engine in [guest, host] {
        engine.wait_for_lobby();
    }
}

/// Until both see each other.
pub fn meet(host: &Engine, guest: &Engine) {
    host.handle.send(Command::Host);
    let invite = host.wait_for("waiting", |snapshot| match &snapshot.phase {
        Phase::Waiting { invite, .. } => Some(invite.to_string()),
        _ => None,
    });
    guest.handle.send(Command::Join { invite });
    for engine in [guest, host] {
        engine.wait_for_check();
        engine.handle.send(Command::Enter);
    }
    for engine in [guest, host] {
        engine.wait_for_picture();
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
