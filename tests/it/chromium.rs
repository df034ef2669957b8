//! Twocan calls a real browser: a person's Twocan on one side, Chromium's WebRTC on the other.
//!
//! Chromium does not know our handshake, so this test stands in the room for it and passes on what
//! both say; sound and pictures go straight between the two.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use twocan::call::{CALL_VERSION, DescriptionKind, Message, Part, ParticipantId};
use twocan::engine::{Heard, StandIn};
use twocan::peer::runtime::HostRuntime;
use twocan::signaling::WebsocketSignaling;
use twocan::trust::{Card, Fingerprint, Identity, Invite};
use twocan_protocol::MemberId;

use crate::proof::rig::{Rig, alone, figure, number, options, stimulus};

/// The larger of two participants offers.
const BROWSER_OFFERS: ParticipantId = ParticipantId(u64::MAX);
const TWOCAN_OFFERS: ParticipantId = ParticipantId(0);
/// How long they talk. The rate is found within the first seconds.
const TALK: Duration = Duration::from_secs(8);

/// The browser, driven by `tests/lab/peers/chromium.mjs`; killed when dropped.
struct Browser {
    process: Child,
    hears: Option<ChildStdin>,
    says: mpsc::UnboundedReceiver<Value>,
}

impl Browser {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/peers/chromium.mjs");
        let mut process = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed (./dev test installs it)");
        let (tx, says) = mpsc::unbounded_channel();
        let stdout = BufReader::new(process.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let Ok(message) = serde_json::from_str(&line) else {
                    continue;
                };
                if tx.send(message).is_err() {
                    return;
                }
            }
        });
        let hears = process.stdin.take();
        Self {
            process,
            hears,
            says,
        }
    }

    fn tell(&mut self, message: &Value) {
        let hears = self.hears.as_mut().expect("still open");
        writeln!(hears, "{message}").expect("the browser lives");
    }

    async fn hear(&mut self) -> Value {
        self.says.recv().await.expect("the browser lives")
    }

    /// Lets it close by itself.
    fn finish(mut self) {
        self.hears = None;
        let status = self.process.wait().expect("our child");
        assert!(status.success(), "the browser failed: {status}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Has ended already where the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Stands in a room for the browser.
struct Room {
    stand_in: StandIn,
    host: Option<MemberId>,
    id: ParticipantId,
}

impl Room {
    /// With the fingerprint of the browser's certificate.
    fn enter(invite: &Invite, fingerprint: Fingerprint, id: ParticipantId) -> Self {
        let card = Card {
            identity: Arc::new(Identity::new(&mut rand::rng())),
            name: "Chromium".into(),
            fingerprint,
        };
        let signaling = Box::new(WebsocketSignaling::connect(invite.servers(), invite.room()));
        let runtime = Arc::new(HostRuntime::new());
        Self {
            stand_in: StandIn::new(signaling, card, invite.door(), runtime),
            host: None,
            id,
        }
    }

    async fn say(&mut self, message: &Message) {
        let host = self.host.expect("somebody to talk to");
        let said = self.stand_in.say(host, message).await;
        said.expect("the server takes it");
    }

    /// What happened; passes what Twocan says on to the browser.
    async fn handle(&mut self, heard: Heard, browser: &mut Browser) {
        match heard {
            Heard::Met { member, .. } => {
                self.host = Some(member);
                self.say(&Message::Hello {
                    version: CALL_VERSION,
                    session: self.id,
                    part: Part::Rings,
                    ready: true,
                })
                .await;
                let offer = self.id == BROWSER_OFFERS;
                browser.tell(&json!({ "type": "start", "offer": offer }));
            }
            Heard::Said { message, .. } => match message.expect("a message") {
                Message::Description { kind, sdp } => {
                    let kind = match kind {
                        DescriptionKind::Offer => "offer",
                        DescriptionKind::Answer => "answer",
                    };
                    browser.tell(&json!({ "type": "description", "kind": kind, "sdp": sdp }));
                }
                Message::Candidate { candidate } => {
                    browser.tell(&json!({ "type": "candidate", "candidate": candidate }));
                }
                Message::Hello { .. }
                | Message::Ready
                | Message::Portrait { .. }
                | Message::Bye
                | Message::Busy
                | Message::Decline
                | Message::Elsewhere => {}
            },
            Heard::Entered | Heard::Left(_) => {}
            Heard::Refused { why, .. } => panic!("{why}"),
            Heard::ServerAway(reason) => panic!("{reason}"),
            Heard::ServerRefused(reason) => panic!("{reason}"),
        }
    }
}

/// Lets them talk for a while, until the browser has written down what it saw and heard.
async fn talk(room: &mut Room, browser: &mut Browser) {
    let mut enough = None;
    loop {
        tokio::select! {
            () = until(enough) => {
                browser.tell(&json!({ "type": "finish" }));
                enough = None;
            }
            heard = room.stand_in.next() => {
                room.handle(heard.expect("the server goes on"), browser).await;
            }
            said = browser.hear() => match said["type"].as_str() {
                Some("description") => {
                    let sdp = said["sdp"].as_str().expect("text").to_owned();
                    let kind = match said["kind"].as_str() {
                        Some("offer") => DescriptionKind::Offer,
                        _ => DescriptionKind::Answer,
                    };
                    room.say(&Message::Description { kind, sdp }).await;
                }
                Some("candidate") => {
                    let candidate = serde_json::from_value(said["candidate"].clone()).expect("one");
                    room.say(&Message::Candidate { candidate }).await;
                }
                Some("connection") => match said["state"].as_str() {
                    Some("connected") => enough = Some(Instant::now() + TALK),
                    Some("failed") => panic!("the browser found no way"),
                    _ => {}
                },
                Some("finished") => return,
                _ => panic!("the browser said {said}"),
            },
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

fn call_with_a_browser(browser_offers: bool) {
    let _alone = alone();
    let rig = Rig::start();
    let side = options(&[
        ("microphone", &"tone:440"),
        ("speaker", &"null"),
        ("camera", &"pattern:1280x720@30"),
        ("display", &"null"),
        ("duration", &"12s"),
    ]);
    let (mut host, invite) = rig.host(&side, &Default::default());
    host.wait_for("in the room");
    let mut browser = Browser::start();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let browser_folder = rig.folder.path().join("browser");
    runtime.block_on(async {
        browser.tell(&json!({
            "type": "prepare",
            "folder": browser_folder,
            "microphone": stimulus("clicks.wav"),
            "camera": stimulus("film-right.y4m"),
        }));
        let ready = browser.hear().await;
        assert_eq!(ready["type"], "ready", "{ready}");
        let invite: Invite = invite.parse().expect("an invite");
        let fingerprint = ready["fingerprint"].as_str().expect("text");
        let fingerprint: Fingerprint = fingerprint.parse().expect("a fingerprint");
        let id = if browser_offers {
            BROWSER_OFFERS
        } else {
            TWOCAN_OFFERS
        };
        let mut room = Room::enter(&invite, fingerprint, id);
        talk(&mut room, &mut browser).await;
    });
    host.finish();
    browser.finish();

    let who = if browser_offers { "Chromium" } else { "Twocan" };
    println!("a call with Chromium, {who} offers");
    let side = std::fs::read(browser_folder.join("side.json")).expect("it has written it");
    let side: Value = serde_json::from_slice(&side).expect("JSON");
    let measured = &side["statistics"];
    figure("Chromium's video_inbound", &measured["video_inbound"]);
    figure("Chromium's audio_inbound", &measured["audio_inbound"]);
    let report = rig.report("host");
    let friend = &report["participants"][0];
    figure("our video_inbound", &friend["video_inbound"]);
    figure("our audio_inbound", &friend["audio_inbound"]);
    assert!(number(measured, "/video_inbound/frames_per_second") >= 25.0);
    assert!(number(measured, "/audio_inbound/total_audio_energy") > 0.01);
    let seconds = number(&report, "/talked");
    assert!(number(friend, "/video_inbound/frames_decoded") / seconds >= 20.0);
    assert!(number(friend, "/audio_inbound/packets_received") / seconds >= 40.0);
    assert!(number(friend, "/audio_inbound/total_audio_energy") > 0.0);
}

#[test]
fn chromium_answers_and_both_see_and_hear_each_other() {
    call_with_a_browser(false);
}

#[test]
fn chromium_offers_and_both_see_and_hear_each_other() {
    call_with_a_browser(true);
}
