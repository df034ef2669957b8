use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use twocan::media::VideoFrame;

use super::Seat;
use super::program::Program;
use super::record::write_json;
use super::shown::Shown;

/// Twocan without a window.
pub struct Ours {
    program: Program,
    folder: PathBuf,
    pictures: bool,
}

/// What pictures are scaled to.
const SIZE: &str = "640x360";

impl Ours {
    /// Starts a call; its invite, once the room is entered.
    ///
    /// # Errors
    /// When it does not come so far in time.
    pub fn host(seat: &Seat, server: &str, deadline: Instant) -> anyhow::Result<(Self, String)> {
        let mut ours = Self::start(seat, &["host", "--server", server])?;
        let invite = ours.program.wait_for("gave an invite", deadline, |line| {
            line.starts_with("twocan:").then(|| line.trim().to_owned())
        })?;
        ours.program
            .wait_for("entered the room", deadline, |line| {
                line.contains("in the room").then_some(())
            })?;
        Ok((ours, invite))
    }

    /// Joins the call of an invite.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn join(seat: &Seat, invite: &str) -> anyhow::Result<Self> {
        Self::start(seat, &["join", invite])
    }

    fn start(seat: &Seat, action: &[&str]) -> anyhow::Result<Self> {
        anyhow::ensure!(
            seat.twocan.is_file(),
            "{} is missing; `./dev lab` builds it.",
            seat.twocan.display()
        );
        let mut command = Command::new(&seat.twocan);
        let file = |name: &str| seat.folder.join(name).display().to_string();
        command
            .args(action)
            .args(["--headless", "--processing", "off"]);
        command.args(["--report", &file("report.json")]);
        command.args(["--speaker", &format!("wav:{}", file("heard.wav"))]);
        let microphone = format!("wav:{}", seat.microphone.display());
        command.args(["--microphone", &microphone]);
        match &seat.camera {
            Some(film) => {
                command.args(["--camera", &format!("y4m:{}", film.display())]);
                let display = format!("y4m:{SIZE}:{}", file("shown.y4m"));
                command.args(["--display", &display]);
            }
            None => {
                command.args(["--camera", "none"]);
            }
        }
        for handicap in seat.handicaps {
            command.args(["--handicap", &handicap.to_string()]);
        }
        Ok(Self {
            program: Program::start("Twocan", command, seat.namespace, seat.alarm.clone())?,
            folder: seat.folder.clone(),
            pictures: seat.camera.is_some(),
        })
    }

    /// The process that is billed.
    pub fn process(&self) -> u32 {
        self.program.id()
    }

    /// Waits until it is connected.
    ///
    /// # Errors
    /// When it is not in time.
    pub fn connected(&mut self, deadline: Instant) -> anyhow::Result<()> {
        self.program.wait_for("was connected", deadline, |line| {
            (line.trim() == "connected").then_some(())
        })
    }

    /// Whether it is at work still.
    ///
    /// # Errors
    /// When it has ended.
    pub fn goes_on(&mut self) -> anyhow::Result<()> {
        self.program.goes_on()
    }

    /// Asks it to hang up.
    pub fn hang_up(&self) {
        self.program.interrupt();
    }

    /// Waits for its end, and tells in the lab's words what it heard and saw.
    ///
    /// # Errors
    /// When it goes on, ends badly, or leaves no report.
    pub fn finish(self, deadline: Instant) -> anyhow::Result<()> {
        self.program.finish(deadline)?;
        let report = fs::read(self.folder.join("report.json")).context("no report of Twocan's")?;
        let report: Value = serde_json::from_slice(&report)?;
        write_json(&self.folder.join("side.json"), &side(&report))?;
        if self.pictures {
            let origin = report["moments"]["display"].as_f64().unwrap_or_default();
            sort_pictures(&self.folder, origin).context("what Twocan showed cannot be read")?;
        }
        Ok(())
    }
}

/// `side.json` of a call's report.
pub fn side(report: &Value) -> Value {
    let friend = &report["participants"][0];
    let was = &report["moments"];
    let mut moments = Map::new();
    for (name, of_report) in [
        ("joining", "began"),
        ("connected", "connected"),
        ("microphone", "microphone"),
        ("camera", "camera"),
        ("speaker", "speaker"),
    ] {
        if was[of_report].is_number() {
            moments.insert(name.to_owned(), was[of_report].clone());
        }
    }
    let statistics: Map<_, _> = [
        "audio_inbound",
        "audio_outbound",
        "video_inbound",
        "video_outbound",
    ]
    .into_iter()
    .map(|name| (name.to_owned(), friend[name].clone()))
    .collect();
    json!({
        "program": "Twocan",
        "version": report["program_version"].as_str().unwrap_or("unknown"),
        "moments": moments,
        "statistics": statistics,
        "payload_types": friend["payload_types"],
    })
}

/// Makes `shown.csv` and `seen.y4m` of `shown.y4m`, whose times begin at `origin`, Unix seconds.
fn sort_pictures(folder: &Path, origin: f64) -> anyhow::Result<()> {
    let path = folder.join("shown.y4m");
    let times = fs::read_to_string(folder.join("shown.y4m.times"))?;
    let mut film = BufReader::new(File::open(&path)?);
    let mut header = String::new();
    film.read_line(&mut header)?;
    if header.is_empty() {
        // Nothing was shown at all.
        fs::write(folder.join("shown.csv"), "shown_s,number,picture\n")?;
        return Ok(());
    }
    let (width, height) = size(&header).context("no size")?;
    let mut sorted = Shown::create(folder, header.trim_end())?;
    let now = Instant::now();
    for time in times.lines() {
        let mut marker = [0; 6];
        film.read_exact(&mut marker)?;
        let mut data = vec![0; VideoFrame::size_of(width, height)];
        film.read_exact(&mut data)?;
        let frame = VideoFrame::new(width, height, data, now).context("not a picture")?;
        let shown = origin + time.parse::<f64>()? / 1_000.0;
        sorted.push(shown, &frame, Cow::Borrowed)?;
    }
    sorted.flush()?;
    fs::remove_file(path)?;
    Ok(())
}

/// Of a Y4M file's header.
fn size(header: &str) -> Option<(u32, u32)> {
    let field = |name: char| {
        let mut words = header.split_whitespace().skip(1);
        words.find_map(|word| word.strip_prefix(name)?.parse().ok())
    };
    Some((field('W')?, field('H')?))
}
