//! Engines as windows have them, and a call between two.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use twocan::capture::MicrophoneSpec;
use twocan::engine::{CallStage, Command, EngineOptions, Handle, Phase, Snapshot, start};
use twocan::playout::SpeakerSpec;

const PATIENCE: Duration = Duration::from_secs(20);

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
        self.wait_within(PATIENCE, what, find)
    }

    /// Waits so long at most until the snapshot has something.
    #[track_caller]
    pub fn wait_within<T>(
        &self,
        patience: Duration,
        what: &str,
        find: impl Fn(&Snapshot) -> Option<T>,
    ) -> T {
        let began = Instant::now();
        loop {
            let snapshot = self.handle.snapshot();
            if let Some(found) = find(&snapshot) {
                return found;
            }
            if began.elapsed() > patience || self.changes.recv_timeout(PATIENCE).is_err() {
                panic!("not {what}, but {}", name(&snapshot.phase));
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

    /// Waits until the call is over.
    pub fn wait_for_lobby(&self) {
        self.wait_for("back in the lobby", |snapshot| {
            matches!(snapshot.phase, Phase::Lobby).then_some(())
        });
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
    guest.wait_for_check();
    guest.handle.send(Command::Enter);
    let incoming = host.wait_for("rung", |snapshot| snapshot.incoming.clone());
    host.handle.send(Command::Accept {
        caller: incoming.caller,
        camera: true,
    });
    for engine in [guest, host] {
        engine.wait_for_picture();
    }
}

/// Without what it carries: a link is nobody's business.
fn name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Lobby => "in the lobby",
        Phase::Preparing { .. } => "preparing",
        Phase::Waiting { .. } => "waiting",
        Phase::Check { .. } => "in the check",
        Phase::Call(_) => "in a call",
    }
}
