//! Takes pictures of every screen of the window, from made-up snapshots, in the real window:
//!
//! ```text
//! cargo run --example shots -- OUT_DIR [NAME…]
//! ```
//!
//! A name that ends in `*` stands for all that begin so. Needs a display; `Xvfb :81 -screen 0 2100x1500x24` will do.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use eframe::egui::{
    self, ColorImage, Event, Key, Modifiers, ScreenshotCallback, Vec2, ViewportBuilder,
    ViewportCommand, vec2,
};
use twocan::call::CallEndReason;
use twocan::capture::{Device, Devices};
use twocan::engine::{
    CallRole, CallStage, CallView, DeviceState, Handle, HandleBackend, Notice, ParticipantId,
    ParticipantView, Phase, Problem, Quality, Recent, Rung, RungState, ServerStatus, Snapshot,
};
use twocan::media::{Level, VideoFrame};
use twocan::settings::{IceServer, Settings, ThemeChoice};
use twocan::ui::App;

/// One picture: its name, what the window shows, how it gets there, and how large it is.
struct Shot {
    name: String,
    snapshot: Snapshot,
    keys: &'static [(Modifiers, Key)],
    typed: &'static str,
    size: Vec2,
}

const WIDE: Vec2 = vec2(980.0, 680.0);
const NARROW: Vec2 = vec2(420.0, 640.0);
const TO_SETTINGS: &[(Modifiers, Key)] = &[(Modifiers::COMMAND, Key::Comma)];
const TO_SEARCH: &[(Modifiers, Key)] = &[FIND];
/// From the search down the list of pages.
const TAB: (Modifiers, Key) = (Modifiers::NONE, Key::Tab);
const ENTER: (Modifiers, Key) = (Modifiers::NONE, Key::Enter);
const FIND: (Modifiers, Key) = (Modifiers::COMMAND, Key::F);
const TO_CAMERA: &[(Modifiers, Key)] = &[FIND, TAB, TAB, ENTER];
const TO_NETWORK: &[(Modifiers, Key)] = &[FIND, TAB, TAB, TAB, ENTER];
const TO_APPEARANCE: &[(Modifiers, Key)] = &[FIND, TAB, TAB, TAB, TAB, ENTER];
const TO_ABOUT: &[(Modifiers, Key)] = &[FIND, TAB, TAB, TAB, TAB, TAB, ENTER];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().ok_or("usage: shots OUT_DIR [PREFIX]")?);
    std::fs::create_dir_all(&out)?;
    let wanted: Vec<String> = arguments.collect();
    let is_wanted = |name: &str| {
        wanted.is_empty()
            || wanted.iter().any(|wanted| match wanted.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == wanted,
            })
    };
    let shots = all_shots()
        .into_iter()
        .filter(|shot| is_wanted(&shot.name))
        .collect();
    let native = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_inner_size(WIDE)
            .with_decorations(false),
        ..eframe::NativeOptions::default()
    };
    eframe::run_native(
        "Twocan",
        native,
        Box::new(move |_| {
            Ok(Box::new(Photographer {
                shots,
                out,
                at: 0,
                frame: 0,
                shown: None,
            }))
        }),
    )?;
    Ok(())
}

struct Photographer {
    shots: Vec<Shot>,
    out: PathBuf,
    at: usize,
    frame: usize,
    shown: Option<(App, HandleBackend)>,
}

impl eframe::App for Photographer {
    fn raw_input_hook(&mut self, _: &egui::Context, input: &mut egui::RawInput) {
        let Some(shot) = self.shots.get(self.at) else {
            return;
        };
        if let Phase::Call(_) = shot.snapshot.phase {
            // Somebody is there: what fades stays.
            let x = 300.0 + (self.frame % 2) as f32 * 20.0;
            input.events.push(Event::PointerMoved(egui::pos2(x, 300.0)));
        }
        // One key every second frame, once everything has its size.
        let keys_from = 7;
        if let Some(turn) = self.frame.checked_sub(keys_from)
            && turn.is_multiple_of(2)
            && let Some((modifiers, key)) = shot.keys.get(turn / 2)
        {
            for pressed in [true, false] {
                input.events.push(Event::Key {
                    key: *key,
                    physical_key: None,
                    pressed,
                    repeat: false,
                    modifiers: *modifiers,
                });
            }
        }
        if self.frame == keys_from + 2 * shot.keys.len() + 2 && !shot.typed.is_empty() {
            input.events.push(Event::Text(shot.typed.to_owned()));
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let Some(shot) = self.shots.get(self.at) else {
            ctx.send_viewport_cmd(ViewportCommand::Close);
            return;
        };
        if self.frame == 0 {
            ctx.memory_mut(|memory| *memory = egui::Memory::default());
            let (handle, backend) = Handle::new(shot.snapshot.clone(), Box::new(()));
            let camera = matches!(shot.snapshot.local.camera, DeviceState::On { .. });
            if camera {
                handle.self_view().publish(Arc::new(portrait(0)));
            }
            if let Phase::Call(call) = &shot.snapshot.phase {
                let others = call
                    .participants
                    .iter()
                    .filter(|participant| participant.camera_on)
                    .map(|participant| {
                        let slot = Arc::new(twocan::playout::FrameSlot::new());
                        slot.publish(Arc::new(portrait(1)));
                        (participant.id, slot)
                    })
                    .collect();
                backend.pictures.set_others(others);
            }
            self.shown = Some((App::new(&ctx, handle), backend));
        }
        if self.frame == 0 || self.frame == 4 {
            let size = shot.size / ctx.zoom_factor() * shot.snapshot.settings.scale;
            ctx.send_viewport_cmd(ViewportCommand::InnerSize(size));
        }
        if let Some((app, backend)) = &mut self.shown {
            if self.frame > 6 {
                backend.publish(shot.snapshot.clone());
            }
            eframe::App::ui(app, ui, frame);
        }
        let last = 16 + 2 * shot.keys.len() + 2 * usize::from(!shot.typed.is_empty());
        if self.frame == last {
            let path = self.out.join(format!("{}.png", shot.name));
            let keep = ScreenshotCallback::new(move |image| match save(&path, &image) {
                Ok(()) => println!("{}", path.display()),
                Err(error) => eprintln!("{}: {error}", path.display()),
            });
            ctx.send_viewport_cmd(ViewportCommand::Screenshot(keep));
        }
        self.frame += 1;
        if self.frame > last + 3 {
            self.frame = 0;
            self.at += 1;
        }
        ctx.request_repaint();
    }
}

fn save(path: &Path, image: &ColorImage) -> Result<(), Box<dyn std::error::Error>> {
    let file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, image.size[0] as u32, image.size[1] as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let bytes: Vec<u8> = image
        .pixels
        .iter()
        .flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()])
        .collect();
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(())
}

fn all_shots() -> Vec<Shot> {
    let mut shots = Vec::new();
    for (theme, suffix) in [(ThemeChoice::Light, ""), (ThemeChoice::Dark, "-dark")] {
        for (name, snapshot, keys, typed) in screens() {
            let mut add = |name: String, size: Vec2, scale: f32| {
                let settings = Settings {
                    theme,
                    scale,
                    ..(*snapshot.settings).clone()
                };
                shots.push(Shot {
                    name,
                    snapshot: Snapshot {
                        settings: Arc::new(settings),
                        ..snapshot.clone()
                    },
                    keys,
                    typed,
                    size,
                });
            };
            add(format!("{name}{suffix}"), WIDE, 1.0);
            if theme == ThemeChoice::Light {
                add(format!("{name}-narrow"), NARROW, 1.0);
                add(format!("{name}-2x"), WIDE, 2.0);
            } else {
                add(format!("{name}-narrow-dark"), NARROW, 1.0);
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
        recents: recents().into(),
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
            invite: "twocan:192.168.178.24:47713/k3Vn8Qe1xT7mZ0#b2R6yLwPq4uJ9sHdXc5FgA".into(),
            since: Instant::now(),
            hosted_here: true,
        },
        ..base()
    };
    let check = open(Snapshot {
        phase: Phase::Check {
            friend: Some("Maya Lindqvist".to_owned()),
            role: CallRole::Guest,
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
        (
            "lobby-join",
            home(),
            &[(Modifiers::COMMAND, Key::J)],
            "twocan:192.168.178.24:47713/k3Vn8Qe1",
        ),
        ("waiting", waiting, &[], ""),
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

fn recents() -> Vec<Recent> {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let recent = |name: &str, role, ago: u64, minutes: Option<u64>, ended| Recent {
        name: name.to_owned(),
        role,
        began: SystemTime::now() - hours(ago),
        talked: minutes.map(|minutes| Duration::from_secs(minutes * 60)),
        ended,
    };
    use CallEndReason as End;
    use CallRole::{Guest, Host};
    vec![
        recent("Maya Lindqvist", Host, 1, Some(42), End::LocalHangup),
        recent("Tom Okafor", Host, 24, None, End::NoAnswer),
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
            connected_at: Instant::now().checked_sub(Duration::from_secs(1_491)),
            participants: vec![ParticipantView {
                id: ParticipantId(1),
                name: "Maya Lindqvist".to_owned(),
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

/// Somebody in front of a wall, painted here so that no real person is needed: 1280×720.
fn portrait(who: usize) -> VideoFrame {
    let (width, height) = (1280_u32, 720_u32);
    let mut frame = VideoFrame::black(width, height, Instant::now());
    let look = [
        // Wall, skin, shirt, hair.
        [
            [86, 126, 150],
            [229, 178, 140],
            [150, 158, 170],
            [92, 58, 38],
        ],
        [
            [176, 178, 160],
            [224, 170, 132],
            [198, 138, 36],
            [60, 36, 26],
        ],
    ][who % 2];
    let color = |x: f32, y: f32| -> [f32; 3] {
        let inside = |cx: f32, cy: f32, rx: f32, ry: f32| {
            let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
            dx * dx + dy * dy < 1.0
        };
        let shade = 0.72 + 0.34 * (x / width as f32) - 0.18 * (y / height as f32);
        let [wall, skin, shirt, hair] = look.map(|color| color.map(|value| value as f32));
        let eye = |cx: f32| inside(cx, 300.0, 13.0, 10.0);
        if eye(590.0) || eye(690.0) {
            [38.0, 30.0, 26.0]
        } else if inside(640.0, 400.0, 52.0, 16.0) && y > 398.0 {
            [170.0, 70.0, 66.0]
        } else if inside(640.0, 320.0, 116.0, 150.0) && !inside(640.0, 190.0, 150.0, 62.0) {
            skin
        } else if inside(640.0, 270.0, 150.0, 160.0)
            || (who % 2 == 1 && inside(640.0, 330.0, 162.0, 190.0))
        {
            hair
        } else if inside(640.0, 520.0, 60.0, 110.0) {
            skin.map(|value| value * 0.86)
        } else if inside(640.0, 760.0, 340.0, 230.0) {
            shirt
        } else {
            wall.map(|value| value * shade)
        }
    };
    let chroma_width = frame.chroma_width();
    let (luma, cb, cr) = frame.planes_mut();
    for y in 0..height {
        for x in 0..width {
            let [r, g, b] = color(x as f32, y as f32);
            luma[(y * width + x) as usize] =
                (16.0 + 0.257 * r + 0.504 * g + 0.098 * b).clamp(16.0, 235.0) as u8;
            if x % 2 == 0 && y % 2 == 0 {
                let at = (y / 2) as usize * chroma_width + (x / 2) as usize;
                cb[at] = (128.0 - 0.148 * r - 0.291 * g + 0.439 * b).clamp(16.0, 240.0) as u8;
                cr[at] = (128.0 + 0.439 * r - 0.368 * g - 0.071 * b).clamp(16.0, 240.0) as u8;
            }
        }
    }
    frame
}
