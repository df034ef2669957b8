//! A hundred calls in one process leave nothing behind, and hanging up frees everything at once.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use twocan::call::{Answer, CallOptions, CallRole};
use twocan::capture::MicrophoneSpec;
use twocan::codec::OpusMode;
use twocan::engine::{
    CallEndReason, CallReport, DirectWith, Inviting, Media, Meeting, ParticipantId, Pictures,
    Session, SessionCommand, SessionEvent, SessionOptions, SessionRemote, WallClock, Way, Workshop,
    share_memory_pools,
};
use twocan::media::Bitrate;
use twocan::peer::runtime::{HostRuntime, Runtime};
use twocan::peer::{Certificate, LEAST_BITRATE, PeerConfig, WebrtcFactory};
use twocan::playout::SpeakerSpec;
use twocan::process::Processing;
use twocan::signaling::Switchboard;
use twocan::trust::Identity;

use crate::support::child::{Child, role, tell};

pub const WARM_UP: usize = 10;
pub const CALLS: usize = 100;
pub const GROWTH: u64 = 5_000_000;
const HANG_UP: Duration = Duration::from_millis(500);

#[test]
fn a_hundred_calls_leave_nothing_behind() {
    if role().as_deref() == Some("calls") {
        // As the program itself begins.
        share_memory_pools();
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(call_often());
        return;
    }
    let name = "lifetime::a_hundred_calls_leave_nothing_behind";
    let mut child = Child::start(name, "calls", &HashMap::new());
    while let Some(line) = child.next_line() {
        println!("{line}");
    }
    child.finish();
}

async fn call_often() {
    for _ in 0..WARM_UP {
        call(None).await;
    }
    let before = Held::now();
    let mut hang_ups = Vec::new();
    for round in 1..=CALLS {
        hang_ups.push(call(Some(before)).await);
        if round % 25 == 0 {
            tell(&format!("after {round} calls: {:?}", Held::now()));
        }
    }
    let after = Held::now();
    hang_ups.sort_unstable();
    tell(&format!("before {before:?}, after {after:?}"));
    tell(&format!(
        "everything freed after hanging up: median {:?}, 95 of 100 within {:?}, longest {:?}",
        hang_ups[CALLS / 2],
        hang_ups[CALLS * 95 / 100 - 1],
        hang_ups[CALLS - 1]
    ));
    let growth = after.bytes.saturating_sub(before.bytes);
    assert!(growth < GROWTH, "{growth} bytes more");
    let slow = hang_ups[CALLS * 95 / 100 - 1];
    assert!(slow < HANG_UP, "freed only after {slow:?}");
}

/// What this process holds.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub bytes: u64,
    pub threads: u64,
    pub files: usize,
}

impl Held {
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|line| line.split_whitespace().next());
            value
                .and_then(|value| value.parse().ok())
                .expect("a number")
        };
        Self {
            bytes: field("VmRSS:") * 1_024,
            threads: field("Threads:"),
            // One of them is the folder that is being read.
            files: fs::read_dir("/proc/self/fd").expect("Linux").count() - 1,
        }
    }
}

/// One end of a call.
struct End {
    remote: SessionRemote,
    events: mpsc::Receiver<SessionEvent>,
    call: JoinHandle<CallReport>,
    media: Arc<Media>,
    sockets: Arc<HostRuntime>,
}

fn end(role: CallRole, ways: Vec<Way>, switchboard: Box<dyn Switchboard>) -> End {
    let pictures = Arc::<Pictures>::default();
    let own = pictures.own().clone();
    let (media, _) = Media::new(
        Workshop::Threads,
        Processing::OFF,
        OpusMode::Voice,
        own,
        None,
        &[],
    )
    .expect("media");
    let media = Arc::new(media);
    media.open_microphone(MicrophoneSpec::Silence);
    media.open_speaker(SpeakerSpec::Null);
    media.open_camera("pattern:320x180@30".parse().expect("a spec"));
    let sockets = Arc::new(HostRuntime::new());
    let runtime: Arc<dyn Runtime> = sockets.clone();
    let factory = {
        let runtime = runtime.clone();
        Arc::new(WebrtcFactory::new(move || runtime.clone()))
    };
    let id = ParticipantId(rand::rng().random());
    let options = SessionOptions {
        call: CallOptions {
            // Nobody is here to be asked.
            answer: Answer::Everybody,
            ..CallOptions::new(role, id)
        },
        identity: Arc::new(Identity::new(&mut rand::rng())),
        name: String::new(),
        ways,
        direct_with: DirectWith::Everybody,
        peer: PeerConfig {
            ice_servers: Vec::new(),
            bind: vec!["127.0.0.1:0".parse().expect("an address")],
            certificate: Certificate::new().expect("a certificate"),
            relay_only: false,
            start_bitrate: Bitrate::from_kbps(600),
            min_bitrate: LEAST_BITRATE,
            max_bitrate: Bitrate::from_kbps(2_500),
        },
        patience: Some(Duration::from_secs(30)),
        duration: None,
        started: Instant::now(),
        clock: WallClock::read(),
    };
    let (session, remote, events) = Session::new(
        options,
        runtime,
        switchboard,
        factory,
        media.clone(),
        pictures,
    );
    let shown = SessionCommand::Announce {
        muted: false,
        camera_on: true,
    };
    for command in [shown, SessionCommand::Ready] {
        remote
            .commands
            .try_send(command)
            .expect("room for a command");
    }
    End {
        remote,
        events,
        call: tokio::spawn(session.run()),
        media,
        sockets,
    }
}

impl End {
    async fn connected(&mut self) {
        loop {
            match self.events.recv().await {
                Some(SessionEvent::Joined(_)) => break,
                Some(_) => {}
                None => panic!("the call ended before it began"),
            }
        }
    }

    /// Waits until the other is heard and seen.
    async fn meets(&self) {
        let heard = || {
            let audio = self.media.audio().status();
            let mut receivers = audio.receivers.values();
            receivers.any(|receiver| receiver.first_audio_at.is_some())
        };
        let seen = || {
            let video = self.media.video_in().status();
            video
                .values()
                .any(|receiver| receiver.first_picture_at.is_some())
        };
        while !heard() || !seen() {
            tokio::task::yield_now().await;
        }
    }

    /// Lets go of everything once the call has ended.
    async fn over(self) -> CallEndReason {
        let report = self.call.await.expect("no panic");
        // Waits for the threads.
        drop(self.media);
        self.sockets.drained().await;
        report.ended
    }
}

/// Two ends find each other over a server of their own, talk and hang up; how long it took from
/// hanging up until this process held no more than `before`.
async fn call(before: Option<Held>) -> Duration {
    let meeting = Meeting::host(None, Inviting::Link)
        .await
        .expect("a server of our own");
    let link = meeting.invite.as_ref().expect("a link").to_string();
    let join = Meeting::join(&link, None, &[]).expect("an invite");
    let mut host = end(CallRole::Host, meeting.ways, meeting.switchboard);
    let mut guest = end(CallRole::Guest, join.ways, join.switchboard);
    host.connected().await;
    guest.connected().await;
    let met = async { tokio::join!(host.meets(), guest.meets()) };
    let met = tokio::time::timeout(Duration::from_secs(20), met).await;
    assert!(met.is_ok(), "sound and pictures arrive");
    let hung_up = Instant::now();
    let end = SessionCommand::End(CallEndReason::LocalHangup);
    host.remote
        .commands
        .try_send(end)
        .expect("room for a command");
    let ended = (host.over().await, guest.over().await);
    let expected = (CallEndReason::LocalHangup, CallEndReason::RemoteHangup);
    assert_eq!(ended, expected);
    drop(meeting.embedded);
    let Some(before) = before else {
        return Duration::ZERO;
    };
    // Tasks of the two connections to the server and of the server itself end by themselves.
    let freed = async {
        loop {
            let now = Held::now();
            if now.threads <= before.threads && now.files <= before.files {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(Duration::from_secs(10), freed)
        .await
        .is_err()
    {
        panic!("before {before:?}, and left {:?}", Held::now());
    }
    hung_up.elapsed()
}
