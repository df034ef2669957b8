//! What is photographed: every screen, with made-up people and devices.

use std::io::Cursor;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use eframe::egui::{Key, Modifiers, Vec2, vec2};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use twocan::call::CallEndReason;
use twocan::capture::{Device, Devices};
use twocan::engine::{
    CallRole, CallStage, CallStatistics, CallView, CodeView, ContactView, DeviceState, Incoming,
    Notice, ParticipantId, ParticipantView, Phase, PictureSample, Presence, Problem, Quality,
    Recent, RoomView, Rung, RungState, ServerStatus, Snapshot, StatisticsSample, as_read,
};
use twocan::media::{Level, Resolution};
use twocan::settings::{IceServer, Settings, ThemeChoice};
use twocan::trust::{Identity, Portrait, PublicIdentity, SafetyPhrase};

use crate::portrait::portrait;

/// One picture: its name, what the window shows, how it gets there, and how large it is.
pub struct Shot {
    pub name: String,
    pub snapshot: Snapshot,
    pub keys: &'static [(Modifiers, Key)],
    pub typed: &'static str,
    pub size: Vec2,
}

pub const WIDE: Vec2 = vec2(980.0, 680.0);
/// The smallest that the window becomes.
const NARROW: Vec2 = vec2(380.0, 520.0);
const TO_SETTINGS: &[(Modifiers, Key)] = &[(Modifiers::COMMAND, Key::Comma)];
const TO_SEARCH: &[(Modifiers, Key)] = &[FIND];
/// From the search down the list of pages.
const TAB: (Modifiers, Key) = (Modifiers::NONE, Key::Tab);
const ENTER: (Modifiers, Key) = (Modifiers::NONE, Key::Enter);
const FIND: (Modifiers, Key) = (Modifiers::COMMAND, Key::F);
const TO_CAMERA: &[(Modifiers, Key)] = &[FIND, TAB, TAB, ENTER];
const TO_NETWORK: &[(Modifiers, Key)] = &[FIND, TAB, TAB, TAB, ENTER];
const TO_PEOPLE: &[(Modifiers, Key)] = &[FIND, TAB, TAB, TAB, TAB, ENTER];
const TO_APPEARANCE: &[(Modifiers, Key)] = &[FIND, TAB, TAB, TAB, TAB, TAB, ENTER];
const TO_STATISTICS: &[(Modifiers, Key)] = &[(Modifiers::COMMAND, Key::I)];
const TO_ABOUT: &[(Modifiers, Key)] = &[FIND, TAB, TAB, TAB, TAB, TAB, TAB, ENTER];
/// In the lobby, from the field for a code to the first of the people, or of the rooms where there is nobody.
const TO_PERSON: &[(Modifiers, Key)] = &[(Modifiers::COMMAND, Key::J), TAB, TAB, TAB, ENTER];
/// The same on narrow windows, where the two tabs come between.
const TO_PERSON_NARROW: &[(Modifiers, Key)] =
    &[(Modifiers::COMMAND, Key::J), TAB, TAB, TAB, TAB, ENTER];
/// In the lobby of somebody new.
const TO_NEW_ROOM: &[(Modifiers, Key)] = &[
    (Modifiers::COMMAND, Key::J),
    TAB,
    TAB,
    TAB,
    (Modifiers::NONE, Key::Space),
];
/// In a call: they come first.
const TO_SAFETY_WORDS: &[(Modifiers, Key)] = &[TAB, ENTER];
/// The seeds of the keys of two: of the real one, and of one who has only her name.
const MAYA: u8 = 1;
const NOT_MAYA: u8 = 99;

static JONAS_SHOWS: LazyLock<Option<Portrait>> = LazyLock::new(|| shown(0));
static MAYA_SHOWS: LazyLock<Option<Portrait>> = LazyLock::new(|| shown(1));

const VERDICT: &str = "Maya’s upload is slow. We lowered the picture so the sound stays clear.";

pub fn all_shots() -> Vec<Shot> {
    let mut shots = Vec::new();
    for (theme, suffix) in [(ThemeChoice::Light, ""), (ThemeChoice::Dark, "-dark")] {
        for (name, snapshot, keys, typed) in screens() {
            let mut add = |name: String, size: Vec2, scale: f32| {
                let settings = Settings {
                    theme,
                    scale,
                    ..(*snapshot.settings).clone()
                };
                let narrow_person = keys == TO_PERSON && size == NARROW;
                shots.push(Shot {
                    name,
                    snapshot: Snapshot {
                        settings: Arc::new(settings),
                        ..snapshot.clone()
                    },
                    keys: if narrow_person {
                        TO_PERSON_NARROW
                    } else {
                        keys
                    },
                    typed,
                    size,
                });
            };
            add(format!("{name}{suffix}"), WIDE, 1.0);
            add(format!("{name}-narrow{suffix}"), NARROW, 1.0);
            if theme == ThemeChoice::Light {
                add(format!("{name}-1.25x"), WIDE, 1.25);
                add(format!("{name}-2x"), WIDE, 2.0);
            }
        }
    }
    shots
}

type Screen = (
    &'static str,
    Snapshot,
    &'static [(Modifiers, Key)],
    &'static str,
);

fn screens() -> Vec<Screen> {
    let home = || Snapshot {
        server: ServerStatus::Reachable {
            name: "call.weber.family".to_owned(),
            took: Duration::from_millis(31),
        },
        contacts: contacts().into(),
        rooms: rooms().into(),
        recents: recents().into(),
        portrait: JONAS_SHOWS.clone(),
        ..base()
    };
    let open = |snapshot: Snapshot| Snapshot {
        local: twocan::engine::LocalMedia {
            microphone: on("Jabra Evolve2 65"),
            speaker: on("Jabra Evolve2 65"),
            camera: on("Logitech Brio 100"),
            level: Level {
                rms: 0.04,
                peak: 0.11,
            },
            ..Default::default()
        },
        ..snapshot
    };
    let waiting = Snapshot {
        phase: Phase::Waiting {
            invite: "twocan://192.168.178.24:47713/cdUkrXM-srHqOZ90#2VVCU0hFNp6m1CtOQf0Ygw".into(),
            code: CodeView::None,
            since: Instant::now(),
            hosted_here: true,
        },
        ..base()
    };
    let with_code = Snapshot {
        phase: Phase::Waiting {
            invite: "twocan://call.weber.family/cdUkrXM-srHqOZ90#2VVCU0hFNp6m1CtOQf0Ygw".into(),
            code: CodeView::Ready {
                code: "7-guitar-lamp".into(),
                until: Instant::now() + Duration::from_secs(492),
                lasts: Duration::from_secs(600),
            },
            since: Instant::now(),
            hosted_here: false,
        },
        ..base()
    };
    let ringing = |seed, snapshot: Snapshot| Snapshot {
        incoming: Some(Incoming {
            caller: ParticipantId(1),
            identity: keys(seed),
            friend: "Maya Lindqvist".to_owned(),
            portrait: MAYA_SHOWS.clone().filter(|_| seed == MAYA),
        }),
        ..snapshot
    };
    let stranger = ringing(NOT_MAYA, with_code.clone());
    let blocking = Snapshot {
        blocked: [
            (keys(41), "Somebody from the fair".to_owned()),
            (keys(42), String::new()),
        ]
        .into(),
        ..home()
    };
    let calling = changed(call(home(), false), |call| {
        call.stage = CallStage::WaitingForFriend;
        call.calling = Some("Maya Lindqvist".into());
        call.portrait.clone_from(&MAYA_SHOWS);
        call.connected_at = None;
        call.participants.clear();
    });
    let without_contacts = |snapshot: Snapshot| Snapshot {
        contacts: Arc::new([]),
        ..snapshot
    };
    let without_people = |snapshot: Snapshot| Snapshot {
        rooms: Arc::new([]),
        ..without_contacts(snapshot)
    };
    let check = open(Snapshot {
        phase: Phase::Check {
            friend: Some("Maya Lindqvist".to_owned()),
            role: CallRole::Guest,
            camera: true,
        },
        ..base()
    });
    let without_camera = Snapshot {
        local: twocan::engine::LocalMedia {
            camera: DeviceState::Unusable {
                why: "Another app is using your camera. Close it, or join with sound only."
                    .to_owned(),
            },
            ..check.local.clone()
        },
        ..check.clone()
    };
    let network = {
        let snapshot = home();
        let settings = Settings {
            server: Some("wss://call.weber.family".to_owned()),
            ice_servers: vec![
                ice("stun:stun.weber.family:3478"),
                ice("turn:turn.weber.family:3478"),
            ],
            ..(*snapshot.settings).clone()
        };
        Snapshot {
            settings: Arc::new(settings),
            ..snapshot
        }
    };
    let noticed = Snapshot {
        notices: vec![Notice {
            id: 1,
            text: "Your settings could not be read. They are kept aside, and Twocan starts with its own."
                .to_owned(),
            warning: true,
        }]
        .into(),
        ..base()
    };
    vec![
        ("lobby", home(), &[], ""),
        ("lobby-empty", base(), &[], ""),
        ("lobby-no-people", without_people(home()), &[], ""),
        ("lobby-person", home(), TO_PERSON, ""),
        ("lobby-rooms", without_contacts(home()), &[], ""),
        ("lobby-room", without_contacts(home()), TO_PERSON, ""),
        (
            "lobby-new-room",
            Snapshot {
                recents: Arc::new([]),
                ..without_people(home())
            },
            TO_NEW_ROOM,
            "",
        ),
        (
            "lobby-join",
            home(),
            &[(Modifiers::COMMAND, Key::J)],
            "7-guitar-lamp",
        ),
        ("waiting", waiting, &[], ""),
        ("code", with_code, &[], ""),
        ("incoming", stranger, &[], ""),
        ("incoming-verified", ringing(MAYA, home()), &[], ""),
        ("incoming-namesake", ringing(NOT_MAYA, home()), &[], ""),
        (
            "preparing",
            Snapshot {
                phase: Phase::Preparing {
                    since: Instant::now(),
                },
                ..base()
            },
            &[],
            "",
        ),
        ("check", check, &[], ""),
        ("check-no-camera", without_camera, &[], ""),
        ("settings-sound", open(home()), TO_SETTINGS, ""),
        ("settings-camera", open(home()), TO_CAMERA, ""),
        ("settings-network", network, TO_NETWORK, ""),
        ("settings-people", blocking, TO_PEOPLE, ""),
        ("settings-appearance", home(), TO_APPEARANCE, ""),
        ("settings-about", home(), TO_ABOUT, ""),
        ("settings-search", open(home()), TO_SEARCH, "echo"),
        ("notice", noticed, &[], ""),
        (
            "problem",
            Snapshot {
                problem: Some(Arc::new(problem())),
                ..home()
            },
            &[],
            "",
        ),
        ("call", call(home(), true), &[], ""),
        ("call-audio", call(home(), false), &[], ""),
        ("call-muted", muted(call(home(), true)), &[], ""),
        (
            "call-statistics",
            with_statistics(call(home(), true)),
            TO_STATISTICS,
            "",
        ),
        (
            "call-reconnecting",
            at_stage(
                call(home(), true),
                CallStage::Reconnecting {
                    since: Instant::now(),
                },
            ),
            &[],
            "",
        ),
        (
            "call-waiting",
            at_stage(call(home(), false), CallStage::WaitingForFriend),
            &[],
            "",
        ),
        ("call-calling", calling, &[], ""),
        ("call-weak", weak(call(home(), true)), &[], ""),
        ("call-safety", call(home(), true), TO_SAFETY_WORDS, ""),
        (
            "call-safety-stranger",
            call(without_contacts(home()), true),
            TO_SAFETY_WORDS,
            "",
        ),
        (
            "call-namesake",
            changed(call(home(), true), |call| {
                call.participants[0].identity = keys(NOT_MAYA);
            }),
            &[],
            "",
        ),
    ]
}

fn base() -> Snapshot {
    let settings = Settings {
        name: "Jonas Weber".to_owned(),
        reduced_motion: false,
        ..Settings::default()
    };
    let device = |id: &str, label: &str, default| Device {
        id: id.to_owned(),
        label: label.to_owned(),
        default,
    };
    Snapshot {
        devices: Arc::new(Devices {
            microphones: vec![
                device("jabra", "Jabra Evolve2 65", true),
                device("built-in", "Built-in microphone", false),
            ],
            speakers: vec![
                device("jabra", "Jabra Evolve2 65", true),
                device("built-in", "Built-in speakers", false),
            ],
            cameras: vec![device("brio", "Logitech Brio 100", true)],
        }),
        ..Snapshot::lobby(Arc::new(settings))
    }
}

fn on(label: &str) -> DeviceState {
    DeviceState::On {
        label: label.to_owned(),
    }
}

fn ice(url: &str) -> IceServer {
    IceServer {
        url: url.to_owned(),
        username: "jonas".to_owned(),
        credential: "secret".to_owned(),
    }
}

/// The keys of somebody: of another one for each seed.
fn keys(seed: u8) -> PublicIdentity {
    Identity::from_seed(&[seed; 32]).public()
}

/// A painted person, as they would show themselves.
fn shown(who: usize) -> Option<Portrait> {
    let frame = portrait(who, 0.0);
    let (luma, cb, cr) = frame.planes();
    let painted = RgbImage::from_fn(frame.width(), frame.height(), |x, y| {
        let at = y * frame.width() + x;
        let chroma_at = (y / 2) as usize * frame.chroma_width() + (x / 2) as usize;
        let light = 1.164 * (f32::from(luma[at as usize]) - 16.0);
        let blue = f32::from(cb[chroma_at]) - 128.0;
        let red = f32::from(cr[chroma_at]) - 128.0;
        let color = [
            light + 1.596 * red,
            light - 0.392 * blue - 0.813 * red,
            light + 2.017 * blue,
        ];
        Rgb(color.map(|value| value as u8))
    });
    let mut file = Cursor::new(Vec::new());
    let painted = DynamicImage::from(painted);
    painted.write_to(&mut file, ImageFormat::Png).ok()?;
    Portrait::from_picture(&file.into_inner()).ok()
}

fn contacts() -> Vec<ContactView> {
    let contact = |seed, name: &str, verified, presence| ContactView {
        identity: keys(seed),
        name: name.to_owned(),
        read_as: as_read(name),
        verified,
        presence,
        portrait: MAYA_SHOWS.clone().filter(|_| seed == MAYA),
    };
    vec![
        contact(MAYA, "Maya Lindqvist", true, Some(Presence::Free)),
        contact(2, "Grandma Elsa", true, Some(Presence::Free)),
        contact(3, "Tom Okafor", false, Some(Presence::Busy)),
        contact(4, "Priya Nair", false, None),
        contact(5, "Workshop PC", false, None),
        contact(6, "Ada Weber", false, None),
    ]
}

fn rooms() -> Vec<RoomView> {
    let days = |days: u64| Duration::from_secs(days * 24 * 3_600);
    let room = |name: &str, link: &str, until| RoomView {
        name: name.into(),
        link: format!("twocan://call.weber.family/{link}").into(),
        server: "call.weber.family".into(),
        until,
    };
    vec![
        room("Family", "vUo0dDq1m7TzXk3b#2VVCU0hFNp6m1CtOQf0Ygw", None),
        room(
            "Summer trip",
            "Qm1xT7mZ0aQk3Vn8#b2R6yLwPq4uJ9sHdXc5FgA",
            Some(SystemTime::now() + days(3)),
        ),
        room(
            "Workshop",
            "T7mZ0aQk3Vn8Qm1x#yLwPq4uJ9sHdXc5FgAb2R6",
            Some(SystemTime::now() - days(1)),
        ),
    ]
}

fn recents() -> Vec<Recent> {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let recent = |name: &str, role, ago: u64, minutes: Option<u64>, ended| Recent {
        name: name.to_owned(),
        identity: match name {
            "Maya Lindqvist" => Some(keys(MAYA)),
            "Grandma Elsa" => Some(keys(2)),
            "Tom Okafor" => Some(keys(3)),
            "Lea Brandt" => Some(keys(50)),
            _ => None,
        },
        server: None,
        role,
        began: SystemTime::now() - hours(ago),
        talked: minutes.map(|minutes| Duration::from_secs(minutes * 60)),
        ended,
    };
    use CallEndReason as End;
    use CallRole::{Guest, Host};
    vec![
        recent("Maya Lindqvist", Host, 1, Some(42), End::LocalHangup),
        recent("Tom Okafor", Guest, 24, None, End::Missed),
        recent("Priya Nair", Guest, 26, None, End::ConnectionFailed),
        recent("Grandma Elsa", Guest, 72, Some(68), End::RemoteHangup),
        recent("Lea Brandt", Host, 450, None, End::RemoteBusy),
        recent("", Guest, 500, Some(6), End::ConnectionLost),
        recent("Tom Okafor", Host, 510, Some(11), End::RemoteHangup),
    ]
}

fn call(snapshot: Snapshot, with_picture: bool) -> Snapshot {
    let camera = if with_picture {
        on("Logitech Brio 100")
    } else {
        DeviceState::Off
    };
    Snapshot {
        phase: Phase::Call(CallView {
            stage: CallStage::Connected,
            role: CallRole::Host,
            calling: None,
            room: None,
            portrait: None,
            connected_at: Instant::now().checked_sub(Duration::from_secs(1_491)),
            participants: vec![ParticipantView {
                id: ParticipantId(1),
                identity: keys(MAYA),
                phrase: SafetyPhrase::of(b"what Maya and Jonas said"),
                name: "Maya Lindqvist".to_owned(),
                portrait: MAYA_SHOWS.clone(),
                muted: false,
                camera_on: with_picture,
                level: Level {
                    rms: 0.08,
                    peak: 0.2,
                },
                hears_us: Some(Level {
                    rms: 0.06,
                    peak: 0.2,
                }),
                quality: Quality::Good,
            }],
            statistics: Arc::default(),
        }),
        local: twocan::engine::LocalMedia {
            microphone: on("Jabra Evolve2 65"),
            speaker: on("Jabra Evolve2 65"),
            camera,
            level: Level {
                rms: 0.04,
                peak: 0.11,
            },
            ..Default::default()
        },
        ..snapshot
    }
}

/// The same call with something else about it.
fn changed(mut snapshot: Snapshot, change: impl FnOnce(&mut CallView)) -> Snapshot {
    if let Phase::Call(call) = &mut snapshot.phase {
        change(call);
    }
    snapshot
}

fn at_stage(snapshot: Snapshot, stage: CallStage) -> Snapshot {
    changed(snapshot, |call| call.stage = stage)
}

fn muted(mut snapshot: Snapshot) -> Snapshot {
    snapshot.local.muted = true;
    snapshot
}

fn weak(snapshot: Snapshot) -> Snapshot {
    changed(snapshot, |call| {
        call.participants[0].quality = Quality::TheirsWeak;
        call.statistics = Arc::new(CallStatistics {
            verdict: Some(VERDICT.to_owned()),
            ..CallStatistics::default()
        });
    })
}

fn with_statistics(snapshot: Snapshot) -> Snapshot {
    let history = (0..60)
        .map(|second| {
            let wave = (second as f32 * 0.5).sin();
            let burst = if (40..44).contains(&second) { 1.0 } else { 0.0 };
            let picture = |bps: f32| PictureSample {
                resolution: Some(Resolution {
                    width: 1280,
                    height: 720,
                }),
                frames_per_second: 29.8,
                bps,
            };
            StatisticsSample {
                delay: Duration::from_millis((84.0 + 9.0 * wave + 60.0 * burst) as u64),
                loss_in: 0.004 + 0.05 * burst,
                loss_out: 0.002,
                picture_in: picture(1.9e6 + 1e5 * wave - 8e5 * burst),
                picture_out: picture(2.2e6 - 1e5 * wave),
                sound_in_bps: 31_000.0,
                sound_out_bps: 30_000.0,
                concealed: 0.001 + 0.02 * burst,
            }
        })
        .collect();
    changed(snapshot, |call| {
        call.participants[0].quality = Quality::TheirsWeak;
        call.statistics = Arc::new(CallStatistics {
            history,
            relayed: Some(false),
            verdict: Some(VERDICT.to_owned()),
            report: String::new(),
        });
    })
}

fn problem() -> Problem {
    let rung = |name: &str, detail: &str, state| Rung {
        name: name.to_owned(),
        detail: detail.to_owned(),
        state,
    };
    Problem {
        title: "We couldn’t reach Priya".to_owned(),
        explanation: "You’re both online, but the network you’re on blocks calls straight to another computer. It’s fixable.".to_owned(),
        rungs: vec![
            rung("You’re on the internet", "Fine", RungState::Passed),
            rung("Your call server answers", "call.weber.family, 31 ms", RungState::Passed),
            rung("Priya’s Twocan answers", "It rang", RungState::Passed),
            rung("A direct line between you", "Blocked on your side", RungState::Failed),
            rung("A relay to go around it", "None is set", RungState::NotTried),
        ],
        cure: "Office and hotel networks often do this. Try your phone’s hotspot, or let your call server pass the sealed call along.".to_owned(),
        can_try_again: true,
        report: String::new(),
    }
}
