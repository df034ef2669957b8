//! A person's computer: a display, a keyboard and a pointer, sound, a clipboard, and Twocan's window.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::film::Film;
use super::reader::Reader;
use super::rig::in_repository;

pub use super::reader::Element;
use crate::support::program::Program;
use crate::support::pulse::PulseServer;

/// How long a window may take to show what is waited for, on however slow a computer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks: no more often than the window is painted.
const LOOK_EVERY: Duration = Duration::from_millis(30);
/// In pixels.
const SCREEN: &str = "2000x1400";
/// At first the card of a call is deaf to what was pressed for something else; by then it is not.
const LISTENS_AFTER: Duration = Duration::from_secs(1);

/// The folder of pictures of windows.
pub fn photographs() -> PathBuf {
    let folder = in_repository("target/proof/windows");
    std::fs::create_dir_all(&folder).expect("our folder");
    folder
}

/// The computers of Jonas Weber and Maya Lindqvist, and what the camera of each sees: a film that is made in
/// `folder`. Without a `server`, whoever starts a call hosts it. Twocan is not open yet.
pub fn two_desks(folder: &Path, server: Option<&str>) -> [(Desk, Film); 2] {
    let desk = |who: usize, name: &str, theme: &str| {
        let film = Film::of(who, folder);
        let settings = json!({ "name": name, "theme": theme, "server": server });
        (Desk::new(&settings, &film.file), film)
    };
    [
        desk(0, "Jonas Weber", "light"),
        desk(1, "Maya Lindqvist", "dark"),
    ]
}

/// The computer; everything on it ends when it is dropped.
pub struct Desk {
    /// None while Twocan is closed.
    window: Option<Program>,
    window_id: String,
    reader: Reader,
    sound: PulseServer,
    display: String,
    config: PathBuf,
    camera: PathBuf,
    photographs: PathBuf,
    _screen: Program,
}

/// What the screen shows: RGB, row by row.
pub struct Sight {
    pub width: usize,
    pub height: usize,
    rgb: Vec<u8>,
}

impl Desk {
    /// Somebody's computer. `settings` is their settings file, `camera` what stands in for their camera.
    fn new(settings: &Value, camera: &Path) -> Self {
        let sound = PulseServer::start();
        let environment = sound.environment();
        let reader = Reader::start(&environment);
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-screen", "0", &format!("{SCREEN}x24")])
            .args(["-nolisten", "tcp", "-noreset"]);
        let mut screen = Program::start("Xvfb", command);
        // It says its number when it is ready, between complaints about the numbers that were taken.
        let number = std::iter::repeat_with(|| screen.next_line())
            .find_map(|line| line.trim().parse::<u32>().ok());
        let display = format!(":{}", number.expect("it says one or ends"));

        let config = Path::new(&environment["HOME"]).join(".config");
        let folder = config.join("twocan");
        std::fs::create_dir_all(&folder).expect("our folder");
        std::fs::write(folder.join("settings.json"), settings.to_string()).expect("our folder");
        Self {
            window: None,
            window_id: String::new(),
            reader,
            sound,
            display,
            config,
            camera: camera.to_owned(),
            photographs: photographs(),
            _screen: screen,
        }
    }

    fn twocan(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twocan"));
        command
            .envs(self.sound.environment())
            .env_remove("WAYLAND_DISPLAY")
            .env("DISPLAY", &self.display)
            .env("XDG_CONFIG_HOME", &self.config)
            .env("DBUS_SESSION_BUS_ADDRESS", self.reader.address())
            .env("NO_COLOR", "1")
            .env("TWOCAN_LOG", "error,twocan::ui::frame_times=debug");
        command
    }

    /// Runs Twocan in a terminal, to its end; gives what it prints.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.twocan().args(arguments).output().expect("it starts");
        said(&format!("twocan {arguments:?}"), output)
    }

    /// Opens Twocan.
    #[track_caller]
    pub fn open(&mut self) {
        let mut command = self.twocan();
        command
            .arg("--camera")
            .arg(format!("y4m:{}", self.camera.display()));
        self.window = Some(Program::start("twocan", command));
        self.turn_to("Twocan");
        self.xdotool(&["windowmove", "--sync", &self.window_id, "0", "0"]);
    }

    /// From now on keys go to the window of this title, once it is there, and it is what is looked at.
    #[track_caller]
    pub fn turn_to(&mut self, title: &str) {
        let title = format!("^{title}$");
        let found = self.xdotool(&["search", "--sync", "--onlyvisible", "--name", &title]);
        self.window_id = found.lines().next().expect("its number").to_owned();
        // There is no window manager that would.
        self.xdotool(&["windowfocus", "--sync", &self.window_id]);
    }

    /// Waits until no window has this title.
    #[track_caller]
    pub fn loses(&self, title: &str) {
        let deadline = Instant::now() + PATIENCE;
        let title = format!("^{title}$");
        let is_there = || {
            let mut search = self.command("xdotool");
            let found = search.args(["search", "--onlyvisible", "--name", &title]);
            !found.output().expect("it starts").stdout.is_empty()
        };
        while is_there() {
            assert!(Instant::now() < deadline, "{title} stays");
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Puts another program's window before all there are, until it is dropped.
    #[track_caller]
    pub fn cover(&self) -> Program {
        let mut command = self.command("display");
        command.args(["-size", SCREEN, "-geometry", "+0+0", "xc:gray"]);
        let cover = Program::start("display", command);
        self.xdotool(&[
            "search",
            "--sync",
            "--onlyvisible",
            "--name",
            "^ImageMagick",
        ]);
        cover
    }

    /// Ends Twocan with no time to say goodbye, as a computer does that is switched off.
    pub fn close(&mut self) {
        self.window = None;
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display);
        command
    }

    #[track_caller]
    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = self
            .command("xdotool")
            .args(arguments)
            .output()
            .expect("xdotool is installed (./dev test installs it)");
        said(&format!("xdotool {arguments:?}"), output)
    }

    /// Presses keys, one after the other, such as `ctrl+n`.
    #[track_caller]
    pub fn press(&self, keys: &[&str]) {
        self.xdotool(&[&["key", "--delay", "60"], keys].concat());
    }

    /// Types letters, digits and hyphens.
    #[track_caller]
    pub fn write(&self, text: &str) {
        self.xdotool(&["type", "--delay", "40", text]);
    }

    /// Waits for an element whose name begins so, and clicks its middle.
    #[track_caller]
    pub fn click(&mut self, name: &str) {
        let element = self.find(name);
        let [left, top, width, height] = self.reader.place(&element).expect("it is still there");
        let (x, y) = (left + width / 2, top + height / 2);
        self.point_at(x, y);
        self.xdotool(&["click", "1"]);
    }

    /// Moves the pointer there, in pixels of the window.
    #[track_caller]
    pub fn point_at(&self, x: i32, y: i32) {
        let is_there = self
            .xdotool(&["getmouselocation"])
            .starts_with(&format!("x:{x} y:{y} "));
        // It would wait for a pointer to move that is there already.
        if !is_there {
            self.xdotool(&["mousemove", "--sync", &x.to_string(), &y.to_string()]);
        }
    }

    /// Tabs to the element whose name begins so, and presses it.
    #[track_caller]
    pub fn tab_to_and_press(&mut self, name: &str) {
        self.find(name);
        let mut passed = Vec::new();
        loop {
            let focused = |elements: &[Element]| elements.iter().find(|e| e.focused).cloned();
            self.press(&["Tab"]);
            let before = passed.last().cloned().unwrap_or_default();
            let now = self.wait("another element to have the focus", |elements| {
                focused(elements).filter(|element| element.name != before)
            });
            if now.name.starts_with(name) {
                break;
            }
            assert!(!passed.contains(&now.name), "Tab passes {passed:?} only");
            passed.push(now.name);
        }
        self.press(&["Return"]);
    }

    /// Waits for an element whose name begins so.
    #[track_caller]
    pub fn find(&mut self, name: &str) -> Element {
        self.wait(&format!("“{name}”"), |elements| {
            elements.iter().find(|e| e.name.starts_with(name)).cloned()
        })
    }

    /// Waits until no element's name begins so.
    #[track_caller]
    pub fn miss(&mut self, name: &str) {
        self.wait(&format!("no “{name}”"), |elements| {
            let there = elements.iter().any(|e| e.name.starts_with(name));
            (!there).then_some(())
        });
    }

    /// Waits until `button` is there and takes a press: of a call that comes in, or in another's place.
    #[track_caller]
    pub fn rings(&mut self, button: &str) {
        self.find(button);
        let seen = Instant::now();
        self.wait("the card to stay", |elements| {
            let there = elements.iter().any(|e| e.name.starts_with(button));
            (there && seen.elapsed() > LISTENS_AFTER).then_some(())
        });
    }

    /// Begins a call; gives the code by which a friend joins it.
    #[track_caller]
    pub fn begin_call(&mut self) -> String {
        self.find("Join the call");
        self.press(&["ctrl+n"]);
        let spoken = self.find("Call code: ").name;
        spoken.trim_start_matches("Call code: ").replace(", ", "-")
    }

    /// Waits until the list of recent calls has one with `friend` that ended so: after how long they talked,
    /// or, of less than a second, by itself with a capital.
    #[track_caller]
    pub fn remembers(&mut self, friend: &str, how: &str) {
        let ended = format!("{how},");
        self.wait(&format!("a call with {friend}, “{how}”"), |elements| {
            let mut names = elements.iter().map(|element| &element.name);
            let is_so = |name: &str| name.to_lowercase().contains(&ended);
            let found = names.any(|name| name.starts_with(friend) && is_so(name));
            found.then_some(())
        });
    }

    /// Waits until `look` finds something among the elements of the window.
    #[track_caller]
    pub fn wait<T>(&mut self, what: &str, look: impl Fn(&[Element]) -> Option<T>) -> T {
        self.wait_within(PATIENCE, what, look)
    }

    /// Waits for so long at most until `look` finds something among the elements of the window.
    #[track_caller]
    pub fn wait_within<T>(
        &mut self,
        patience: Duration,
        what: &str,
        look: impl Fn(&[Element]) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + patience;
        loop {
            let elements = self.reader.elements();
            if let Some(found) = look(&elements) {
                return found;
            }
            if Instant::now() > deadline {
                let names: Vec<&str> = elements.iter().map(|e| e.name.as_str()).collect();
                self.photograph("failed");
                panic!("{} shows {names:?}, not {what}", self.display);
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Waits until `look` finds something in what the window shows.
    #[track_caller]
    pub fn watch<T>(&self, what: &str, look: impl Fn(&Sight) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(&self.look()) {
                return found;
            }
            if Instant::now() > deadline {
                self.photograph("failed");
                panic!("{} never shows {what}", self.display);
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// What the window shows now.
    pub fn look(&self) -> Sight {
        let output = self
            .command("import")
            .args([
                "-silent",
                "-window",
                &self.window_id,
                "-depth",
                "8",
                "ppm:-",
            ])
            .output()
            .expect("ImageMagick is installed (./dev test installs it)");
        assert!(output.status.success(), "import: {output:?}");
        Sight::from_ppm(&output.stdout).expect("a picture")
    }

    /// Keeps what the window shows now, as a file of this name.
    pub fn photograph(&self, name: &str) {
        let path = self.photographs.join(format!("{name}.png"));
        self.look().save(&path);
    }

    /// A point of a round button, off its icon.
    #[track_caller]
    pub fn beside_the_icon(&mut self, name: &str) -> (usize, usize) {
        let button = self.find(name);
        let [left, top, width, height] = self.reader.place(&button).expect("it is still there");
        ((left + width / 5) as usize, (top + height / 2) as usize)
    }

    /// A point of what words stand on.
    #[track_caller]
    pub fn left_of(&mut self, words: &str) -> (usize, usize) {
        let words = self.find(words);
        let [left, top, _, height] = self.reader.place(&words).expect("it is still there");
        ((left - 3) as usize, (top + height / 2) as usize)
    }

    /// Resizes the window and waits until the element whose name begins so is within it.
    #[track_caller]
    pub fn resize(&mut self, width: i32, height: i32, name: &str) {
        let size = [width, height].map(|side| side.to_string());
        self.xdotool(&["windowsize", "--sync", &self.window_id, &size[0], &size[1]]);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let element = self.find(name);
            let [left, top, across, down] = self.reader.place(&element).expect("it stays");
            if left >= 0 && top >= 0 && left + across <= width && top + down <= height {
                return;
            }
            assert!(Instant::now() < deadline, "“{name}” stays out of sight");
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Takes a text out of the clipboard, as if pasting it elsewhere.
    #[track_caller]
    pub fn clipboard(&self) -> String {
        let arguments = ["-selection", "clipboard", "-out"];
        let output = self.command("xclip").args(arguments).output();
        said(
            "xclip",
            output.expect("xclip is installed (./dev test installs it)"),
        )
    }

    /// Puts a text into the clipboard, as if copied elsewhere.
    pub fn put_into_clipboard(&self, text: &str) {
        let mut child = self
            .command("xclip")
            .args(["-selection", "clipboard", "-in"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("xclip is installed (./dev test installs it)");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(text.as_bytes()).expect("xclip reads");
        drop(stdin);
        // It has the clipboard when it has gone into the background.
        assert!(child.wait().expect("our child").success());
    }

    /// The person's sound.
    pub fn sound(&self) -> &PulseServer {
        &self.sound
    }

    /// How long the window's frames take, how far apart they are, and how many there are a second,
    /// from now on; and what the window costs meanwhile.
    #[track_caller]
    pub fn frame_times(&mut self) -> (String, Cost) {
        const LINE: &str = "window: frame time";
        self.program().skip();
        // A line every five seconds. The first one is still about what was before.
        self.program().wait_for(LINE);
        let (began, before) = (Instant::now(), self.used());
        self.program().wait_for(LINE);
        let line = self.program().wait_for(LINE);
        let (passed, after) = (began.elapsed().as_secs_f32(), self.used());
        let (_, figures) = line.split_once("window: ").expect("just found");
        let share = |place: usize| (after[place] - before[place]) / passed;
        let cost = Cost {
            program: share(0),
            window: share(1),
        };
        (figures.to_owned(), cost)
    }

    fn program(&mut self) -> &mut Program {
        self.window.as_mut().expect("Twocan is open")
    }

    /// The seconds of a processor that the program has used, and of those its window's thread.
    fn used(&mut self) -> [f32; 2] {
        let id = self.program().id();
        [
            format!("/proc/{id}/stat"),
            format!("/proc/{id}/task/{id}/stat"),
        ]
        .map(|path| {
            let stat = std::fs::read_to_string(path).expect("the window is open");
            let (_, fields) = stat.rsplit_once(')').expect("as in proc(5)");
            let ticks = fields.split_whitespace().skip(11).take(2);
            let ticks: f32 = ticks
                .map(|ticks| ticks.parse::<f32>().expect("a number"))
                .sum();
            ticks / 100.0
        })
    }
}

/// What a window costs, in processors.
pub struct Cost {
    /// All of its threads.
    pub program: f32,
    /// The one that paints it.
    pub window: f32,
}

#[track_caller]
fn said(what: &str, output: Output) -> String {
    assert!(output.status.success(), "{what}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

impl Sight {
    fn from_ppm(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(b"P6\n")?;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            std::str::from_utf8(line).ok()
        };
        let (width, height) = line()?.split_once(' ')?;
        let deepest = line()?;
        let (width, height) = (width.parse().ok()?, height.parse().ok()?);
        (deepest == "255" && rest.len() == width * height * 3).then(|| Self {
            width,
            height,
            rgb: rest.to_vec(),
        })
    }

    /// How bright a pixel is, 0.0..=255.0.
    pub fn brightness(&self, x: usize, y: usize) -> f32 {
        let [r, g, b] = self.color(x, y).map(f32::from);
        0.299 * r + 0.587 * g + 0.114 * b
    }

    /// A pixel.
    pub fn color(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * 3;
        [self.rgb[at], self.rgb[at + 1], self.rgb[at + 2]]
    }

    fn save(&self, path: &Path) {
        let file = std::fs::File::create(path).expect("our folder");
        let (width, height) = (self.width as u32, self.height as u32);
        let mut encoder = png::Encoder::new(file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::Balanced);
        let mut writer = encoder.write_header().expect("room for a picture");
        writer
            .write_image_data(&self.rgb)
            .expect("room for a picture");
    }
}
