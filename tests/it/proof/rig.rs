//! Real processes, what they play, and what measures what comes out.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use serde_json::Value;

use crate::support::TempDir;
use crate::support::program::Program;
use twocan::trust::Code;

/// The right to have a call: two at a time would only measure each other.
pub fn alone() -> MutexGuard<'static, ()> {
    static CALL: Mutex<()> = Mutex::new(());
    CALL.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn python(arguments: &[&OsStr]) -> String {
    let output = Command::new(in_repository("target/measure/venv/bin/python"))
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("what measures is installed (./dev test installs it)");
    assert!(output.status.success(), "{arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// The folder of clips, made when it is first asked for.
pub fn clips() -> &'static Path {
    static CLIPS: OnceLock<PathBuf> = OnceLock::new();
    CLIPS.get_or_init(|| {
        let folder = in_repository("target/proof/clips");
        let (script, done) = (in_repository("tests/proof/clips.py"), folder.join("done"));
        // All that they are made by, so that none is left of an earlier state of it.
        let made_by = [
            "proof/clips.py",
            "lab/measure/film.py",
            "lab/measure/sound.py",
        ];
        let text = made_by.map(|name| {
            let script = in_repository("tests").join(name);
            std::fs::read_to_string(script).expect("our script")
        });
        let text = text.concat();
        if std::fs::read_to_string(&done).ok().as_ref() != Some(&text) {
            python(&[script.as_os_str(), folder.as_os_str()]);
            std::fs::write(done, text).expect("the clips were written there too");
        }
        folder
    })
}

/// One clip.
pub fn clip(name: &str) -> PathBuf {
    clips().join(name)
}

/// One of the lab's stimuli, which are made where they are missing.
pub fn stimulus(name: &str) -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = || {
        let folder = in_repository("target/lab/stimuli");
        let script = in_repository("tests/lab/measure/stimuli.py");
        python(&[script.as_os_str(), folder.as_os_str()]);
        folder
    };
    MADE.get_or_init(made).join(name)
}

/// What `tests/proof/measure.py` finds.
pub fn measure(arguments: &[&dyn AsRef<OsStr>]) -> Value {
    let script = in_repository("tests/proof/measure.py");
    let mut all = vec![script.as_os_str()];
    all.extend(arguments.iter().map(|argument| (*argument).as_ref()));
    serde_json::from_str(&python(&all)).expect("JSON")
}

pub fn measure_itself() {
    let script = in_repository("tests/proof/check_measures.py");
    python(&[script.as_os_str(), clips().as_os_str()]);
}

/// Says a figure, in a table of what was measured.
pub fn figure(name: &str, value: impl Display) {
    println!("  {name:<58} {value}");
}

/// A number out of a report or a measurement.
#[track_caller]
pub fn number(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("no number {pointer} in {value:#}"))
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How much earlier `one` was made than `other`, in seconds: a recording counts from there.
pub fn made_earlier(one: &Path, other: &Path) -> f64 {
    let made = |path: &Path| -> SystemTime {
        let metadata = std::fs::metadata(path).expect("it was written");
        metadata.created().expect("the file system notes that")
    };
    let (one, other) = (made(one), made(other));
    match other.duration_since(one) {
        Ok(earlier) => earlier.as_secs_f64(),
        Err(later) => -later.duration().as_secs_f64(),
    }
}

/// A folder of a proof's own and a real server; calls can be made over it.
pub struct Rig {
    pub folder: TempDir,
    _server: Program,
    url: String,
    cores: Cores,
}

/// Variables of a program's environment, by name.
pub type Environment = HashMap<String, String>;

/// What the programs of a call share.
#[derive(Debug, Clone, Copy)]
enum Cores {
    All,
    Two,
}

impl Cores {
    fn command(self, program: &Path) -> Command {
        let there = std::thread::available_parallelism().expect("the system counts them");
        if let Self::Two = self
            && there.get() > 2
        {
            // It becomes the program, under the same process number.
            let mut command = Command::new("taskset");
            command.args(["-c", "0,1"]).arg(program);
            return command;
        }
        Command::new(program)
    }
}

impl Rig {
    pub fn start() -> Self {
        Self::start_on(Cores::All)
    }

    /// Server and both sides on two cores, however many there are.
    pub fn start_on_two_cores() -> Self {
        Self::start_on(Cores::Two)
    }

    fn start_on(cores: Cores) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_twocan")).with_file_name("twocan-server");
        assert!(
            program.exists(),
            "`cargo build --workspace` makes the server first"
        );
        let mut command = cores.command(&program);
        command.args(["--listen", "127.0.0.1:0"]);
        let mut server = Program::start("twocan-server", command);
        let line = server.wait_for("listening on ");
        let address = line.trim_start_matches("listening on ").trim();
        Self {
            folder: TempDir::within(clips().parent().expect("it has one")),
            url: format!("ws://{address}"),
            _server: server,
            cores,
        }
    }

    /// The address of the server.
    pub fn server(&self) -> &str {
        &self.url
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn twocan(&self, name: &'static str, side: Side<'_>) -> Command {
        let mut command = self.cores.command(env!("CARGO_BIN_EXE_twocan").as_ref());
        let home = self.path(&format!("{name}-home"));
        std::fs::create_dir_all(&home).expect("our folder");
        command
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env("HOME", home);
        command.envs(side.environment);
        command.arg(side.action);
        if let Some(invite) = side.invite {
            command.arg(invite);
        }
        command
            .args(["--headless", "--report"])
            .arg(self.path(&format!("{name}.json")));
        command.args(side.options);
        command
    }

    /// Starts the side that invites by a link; gives the link, too.
    pub fn host(&self, options: &[String], environment: &Environment) -> (Program, String) {
        let mut host = self.start_host(&[], options, environment);
        let invite = host.wait_for("twocan://").trim().to_owned();
        (host, invite)
    }

    /// Starts the side that invites by a code; gives the code, too.
    pub fn host_by_code(&self, options: &[String], environment: &Environment) -> (Program, String) {
        let mut host = self.start_host(&["--code"], options, environment);
        let code = host.wait_until("a code", |line| line.parse::<Code>().is_ok());
        (host, code)
    }

    fn start_host(&self, how: &[&str], options: &[String], environment: &Environment) -> Program {
        let side = Side {
            action: "host",
            invite: None,
            options,
            environment,
        };
        let mut command = self.twocan("host", side);
        command.args(how).args(["--server", &self.url]);
        Program::start("host", command)
    }

    /// Starts the side that was invited.
    pub fn join(&self, invite: &str, options: &[String], environment: &Environment) -> Program {
        let side = Side {
            action: "join",
            invite: Some(invite),
            options,
            environment,
        };
        let mut command = self.twocan("join", side);
        // A link says which server it is of, and a code does not.
        if invite.parse::<Code>().is_ok() {
            command.args(["--server", &self.url]);
        }
        Program::start("join", command)
    }

    /// Starts a call of one process with itself.
    pub fn demo(&self, options: &[String], environment: &Environment) -> Program {
        let side = Side {
            action: "demo",
            invite: None,
            options,
            environment,
        };
        Program::start("demo", self.twocan("demo", side))
    }

    /// What a side reported.
    pub fn report(&self, name: &str) -> Value {
        let text = std::fs::read(self.path(&format!("{name}.json"))).expect("a report");
        serde_json::from_slice(&text).expect("JSON")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        // What a failed call sounded like is worth more than words; its pictures are too large.
        let kept = in_repository("target/proof/failed");
        let _ = std::fs::create_dir_all(&kept);
        for entry in std::fs::read_dir(self.folder.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            if ["wav", "json", "times"]
                .map(|kind| name.to_string_lossy().ends_with(kind))
                .contains(&true)
            {
                let _ = std::fs::copy(entry.path(), kept.join(name));
            }
        }
        eprintln!(
            "the call's recordings and reports are in {}",
            kept.display()
        );
    }
}

struct Side<'a> {
    action: &'a str,
    invite: Option<&'a str>,
    options: &'a [String],
    environment: &'a Environment,
}

/// `--name value` of each pair.
pub fn options(pairs: &[(&str, &dyn Display)]) -> Vec<String> {
    pairs
        .iter()
        .flat_map(|(name, value)| [format!("--{name}"), value.to_string()])
        .collect()
}

/// Writes down mono sound of 48 kHz.
pub fn write_wav(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("our folder");
    for sample in samples {
        writer
            .write_sample((sample * 32_767.0) as i16)
            .expect("our folder");
    }
    writer.finalize().expect("our folder");
}
