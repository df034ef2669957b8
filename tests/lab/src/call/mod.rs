//! One call between two programs over the emulated line, and the folder of what came of it.

mod capacity;
mod cost;
mod download;
mod foreign;
mod ours;
mod peer;
mod program;
mod room;
mod server;
mod shown;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde_json::{Value, json};
use twocan::call::ParticipantId;
use twocan::peer::runtime::LinkProfile;
use twocan::trust::Invite;

pub use self::capacity::over_time as capacity_over_time;
pub use self::ours::side;
pub use self::peer::{Peer, Program};
pub use self::shown::Shown;

use self::cost::{Cost, CostWatch};
use self::download::Downloads;
use self::foreign::Foreign;
use self::ours::Ours;
use self::server::Server;
use crate::emulator::{Emulator, Namespace, PacketLog};
use crate::scenario::Scenario;

/// How long programs may take to open what they need; browsers are large.
const OPENING: Duration = Duration::from_secs(60);
/// How long they may take to find each other on the worst of lines.
const CONNECTING: Duration = Duration::from_secs(60);
/// How long they may take to write down what they have.
const CLOSING: Duration = Duration::from_secs(60);

/// A call to be had.
#[derive(Debug)]
pub struct Call<'a> {
    /// What the line is like.
    pub scenario: &'a Scenario,
    /// Who talks with whom.
    pub peer: &'a Peer,
    /// Which of the rounds.
    pub round: u32,
    /// Of the line.
    pub seed: u64,
    /// How long, from being connected on.
    pub length: Duration,
    /// Where to leave what comes of it; emptied first.
    pub folder: PathBuf,
    /// What is said and filmed.
    pub stimuli: &'a Path,
    /// Our program.
    pub twocan: &'a Path,
}

/// One side's place in a call.
struct Seat<'a> {
    namespace: &'a Namespace,
    folder: PathBuf,
    microphone: PathBuf,
    camera: Option<PathBuf>,
    twocan: PathBuf,
    handicaps: &'a [String],
}

/// One side of a call.
enum Side {
    Ours(Ours),
    Foreign(Foreign),
}

impl Call<'_> {
    /// Has it.
    ///
    /// # Errors
    /// When a program or the line fails. A call that does not come about is such a failure.
    pub fn have(&self) -> anyhow::Result<()> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        // Until it begins the line is a good one: nobody is to wait for it to open a program.
        let emulator = Emulator::new(LinkProfile::perfect(1), LinkProfile::perfect(1))?;
        let server = Server::start(&emulator.left)?;
        let mut pairs = Vec::new();
        for index in 0..self.scenario.calls {
            let folder = match index {
                0 => self.folder.clone(),
                _ => self.folder.join(format!("call-{}", index + 1)),
            };
            pairs.push(self.prepare(&emulator, &server, &folder)?);
        }
        let began = SystemTime::now();
        let start = Instant::now();
        let [mut there, mut back] = [self.scenario.there.clone(), self.scenario.back.clone()];
        (there.seed, back.seed) = (self.seed * 2, self.seed * 2 + 1);
        emulator.bridge.begin(there, back);
        let downloads = self
            .scenario
            .download_at
            .map(|at| Downloads::from(start + at, &emulator));
        let downloads = downloads.transpose()?;
        for pair in &mut pairs {
            pair.join()?;
        }
        let deadline = Instant::now() + CONNECTING;
        for pair in &mut pairs {
            pair.connected(deadline)?;
        }
        let connected = Instant::now();
        thread::sleep((connected + self.length).saturating_duration_since(Instant::now()));
        let ended = SystemTime::now();
        if let Some(downloads) = downloads {
            downloads.finish()?;
        }
        let logs = emulator.bridge.logs();
        for pair in pairs {
            pair.finish()?;
        }
        emulator.bridge.close()?;
        self.write_log(&logs)?;
        let about = json!({
            "scenario": self.scenario.name,
            "peer": self.peer.name,
            "round": self.round,
            "seed": self.seed,
            "seconds": self.length.as_secs_f64(),
            "stimuli": self.stimuli,
            "began": unix(began),
            "ended": unix(ended),
            "capacity": {
                "there": capacity::over_time(&self.scenario.there, began, ended),
                "back": capacity::over_time(&self.scenario.back, began, ended),
            },
            "calls": self.scenario.calls,
        });
        fs::write(self.folder.join("call.json"), format!("{about:#}\n"))?;
        Ok(())
    }

    fn prepare<'a>(
        &'a self,
        emulator: &'a Emulator,
        server: &Server,
        folder: &Path,
    ) -> anyhow::Result<Pair<'a>> {
        let seat = |side: &str, namespace: &'a Namespace, sound: &str| -> anyhow::Result<_> {
            let folder = folder.join(side);
            fs::create_dir_all(&folder)?;
            let film = self.stimuli.join(format!("film-{side}.y4m"));
            Ok(Seat {
                namespace,
                folder,
                microphone: self.stimuli.join(sound),
                camera: self.peer.pictures.then_some(film),
                twocan: self.twocan.to_owned(),
                handicaps: &self.peer.handicaps,
            })
        };
        let left = seat("left", &emulator.left, "speech.wav")?;
        let right = seat("right", &emulator.right, "clicks.wav")?;
        Pair::prepare(self.peer, left, right, server.url())
    }

    fn write_log(&self, [there, back]: &[PacketLog; 2]) -> anyhow::Result<()> {
        let mut file = BufWriter::new(File::create(self.folder.join("line.csv"))?);
        writeln!(file, "{}", PacketLog::HEADER)?;
        there.write("there", &mut file)?;
        back.write("back", &mut file)?;
        file.flush()?;
        Ok(())
    }
}

/// Two programs that are to talk with each other.
struct Pair<'a> {
    left: Side,
    /// None if it is only started to join.
    right: Option<Side>,
    right_seat: Seat<'a>,
    left_folder: PathBuf,
    invite: String,
    costs: [Option<CostWatch>; 2],
    processes: [u32; 2],
}

/// Whom the room's rule makes the one who offers, as far as it is on us.
const LEFT_ID: ParticipantId = ParticipantId(1);
const RIGHT_ID: ParticipantId = ParticipantId(u64::MAX);

impl<'a> Pair<'a> {
    fn prepare(peer: &Peer, left: Seat<'a>, right: Seat<'a>, url: &str) -> anyhow::Result<Self> {
        let deadline = Instant::now() + OPENING;
        let [left_driver, right_driver] = [&peer.left, &peer.right].map(Program::driver);
        // Both open at once: browsers take seconds.
        let foreign = |driver: Option<(&'static str, &str)>, seat: &Seat| {
            driver
                .map(|(name, script)| Foreign::prepare(name, script, seat))
                .transpose()
        };
        let left_foreign = foreign(left_driver, &left)?;
        let right_foreign = foreign(right_driver, &right)?;
        let mut processes = [0; 2];
        if let Some(right) = &right_foreign {
            processes[1] = right.ready(deadline)?;
        }
        let (left_side, invite) = match left_foreign {
            Some(foreign) => {
                processes[0] = foreign.ready(deadline)?;
                let invite = Invite::new(vec![url.parse()?], &mut rand::rng())?;
                let text = invite.to_string();
                foreign.join(invite, LEFT_ID, deadline)?;
                (Side::Foreign(foreign), text)
            }
            None => {
                let (ours, invite) = Ours::host(&left, url, deadline)?;
                processes[0] = ours.process();
                (Side::Ours(ours), invite)
            }
        };
        Ok(Self {
            left: left_side,
            right: right_foreign.map(Side::Foreign),
            left_folder: left.folder,
            right_seat: right,
            invite,
            costs: [None, None],
            processes,
        })
    }

    /// Has the right one join.
    fn join(&mut self) -> anyhow::Result<()> {
        match &self.right {
            Some(Side::Foreign(foreign)) => {
                let deadline = Instant::now() + CONNECTING;
                let invite = self.invite.parse().context("an invite")?;
                foreign.join(invite, RIGHT_ID, deadline)?;
            }
            Some(Side::Ours(_)) | None => {
                let ours = Ours::join(&self.right_seat, &self.invite)?;
                self.processes[1] = ours.process();
                self.right = Some(Side::Ours(ours));
            }
        }
        Ok(())
    }

    /// Waits until both are connected; from then on it is counted what they cost.
    fn connected(&mut self, deadline: Instant) -> anyhow::Result<()> {
        for side in [Some(&mut self.left), self.right.as_mut()]
            .into_iter()
            .flatten()
        {
            match side {
                Side::Ours(ours) => ours.connected(deadline)?,
                Side::Foreign(foreign) => foreign.connected(deadline)?,
            }
        }
        self.costs = self
            .processes
            .map(|process| Some(CostWatch::start(process)));
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        let costs = self.costs.map(|watch| watch.map(CostWatch::finish));
        let deadline = Instant::now() + CLOSING;
        let folders = [self.left_folder, self.right_seat.folder];
        // Foreign ones first: whoever is hung up on has nothing more to record.
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for side in [Some(self.left), self.right].into_iter().flatten() {
            match side {
                Side::Ours(side) => ours.push(side),
                Side::Foreign(side) => others.push(side),
            }
        }
        for side in others {
            side.finish(deadline)?;
        }
        if let Some(first) = ours.first() {
            first.hang_up();
        }
        for side in ours {
            side.finish(deadline)?;
        }
        for (folder, cost) in folders.iter().zip(costs) {
            add_cost(folder, cost)?;
        }
        Ok(())
    }
}

fn add_cost(folder: &Path, cost: Option<Cost>) -> anyhow::Result<()> {
    let path = folder.join("side.json");
    let mut side: Value = serde_json::from_slice(&fs::read(&path)?)?;
    side["cost"] = serde_json::to_value(cost)?;
    fs::write(path, format!("{side:#}\n"))?;
    Ok(())
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}
