//! One call between two programs over the emulated line, and the folder of what came of it.

mod alarm;
mod capacity;
mod cost;
mod download;
mod foreign;
mod ours;
mod peer;
mod program;
mod record;
mod room;
mod server;
mod shown;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use serde_json::Value;
use twocan::call::{Part, ParticipantId};
use twocan::engine::{Handicap, WallClock};
use twocan::peer::runtime::LinkProfile;
use twocan::trust::Invite;

pub use self::ours::side;
pub use self::peer::{Peer, Program};
pub use self::record::{Record, write_json};
pub use self::shown::Shown;

use self::alarm::Alarm;
use self::cost::{Cost, CostWatch};
use self::download::Downloads;
use self::foreign::Foreign;
use self::ours::Ours;
use self::server::Server;
use crate::apart;
use crate::emulator::{Emulator, Namespace};
use crate::scenario::Scenario;

/// How long programs may take to open what they need; browsers are large.
const OPENING: Duration = Duration::from_secs(60);
/// How long they may take to find each other on the worst of lines.
const CONNECTING: Duration = Duration::from_secs(60);
/// How long they may take to write down what they have.
const CLOSING: Duration = Duration::from_secs(60);

/// By how much the system's clock may move in a call against the one that only goes on. Somebody who
/// corrects it bit by bit, as NTP does, moves both; only who sets it anew moves them apart.
const CLOCK_MOVES: f64 = 0.001;

/// What programs record as long as the call lasts. It is raw and large, and made into something else then.
const RAW: [&str; 2] = ["shown.y4m", "heard.part"];

/// A call to be had.
#[derive(Debug)]
pub struct Call<'a> {
    /// What the line is like, in this round.
    pub scenario: &'a Scenario,
    /// Who talks with whom.
    pub peer: &'a Peer,
    /// Which of the rounds.
    pub round: u32,
    /// How long, from being connected on.
    pub length: Duration,
    /// Where to leave what comes of it, instead of what is there.
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
    handicaps: &'a [Handicap],
    alarm: Alarm,
}

/// One side of a call.
enum Side {
    Ours(Ours),
    Foreign(Foreign),
}

impl Side {
    fn connected(&mut self, deadline: Instant) -> anyhow::Result<()> {
        match self {
            Self::Ours(ours) => ours.connected(deadline),
            Self::Foreign(foreign) => foreign.connected(deadline),
        }
    }

    fn goes_on(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Ours(ours) => ours.goes_on(),
            Self::Foreign(foreign) => foreign.goes_on(),
        }
    }
}

impl Call<'_> {
    /// Has it. Of one that is interrupted nothing is left, of one that fails what may tell why.
    ///
    /// # Errors
    /// When a program or the line fails. A call that does not come about is such a failure.
    pub fn have(&self) -> anyhow::Result<()> {
        let unfinished = apart::unfinished()?.join("call");
        remove(&unfinished)?;
        fs::create_dir_all(&unfinished)?;
        let had = self.have_in(&unfinished);
        sweep(&unfinished)?;
        remove(&self.folder)?;
        if let Some(parent) = self.folder.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(&unfinished, &self.folder)?;
        had
    }

    fn have_in(&self, folder: &Path) -> anyhow::Result<()> {
        let clock = WallClock::read();
        // Until it begins the line is a good one: nobody is to wait for it to open a program.
        let emulator = Emulator::new(LinkProfile::perfect(1), LinkProfile::perfect(1))?;
        let server = Server::start(&emulator.left)?;
        let (alarm, alarmed) = Alarm::new();
        let mut pairs = self.prepare(&emulator, &server, folder, &alarm)?;
        let (began, downloads) = self.begin(&emulator)?;
        connect(&mut pairs)?;
        pairs.iter_mut().for_each(Pair::watch_costs);
        talk(&mut pairs, &alarmed, Instant::now() + self.length)?;
        let ended = SystemTime::now();
        pairs.iter_mut().for_each(Pair::bill);
        downloads
            .map_or(Ok(()), Downloads::finish)
            .context("a bulk transfer broke")?;
        let logs = emulator.bridge.logs();
        let punctuality = Some(emulator.bridge.punctuality());
        for pair in pairs {
            pair.finish()?;
        }
        emulator.bridge.close()?;
        clock_stood(clock, WallClock::read())?;
        let record = Record {
            scenario: self.scenario,
            peer: &self.peer.name,
            round: self.round.into(),
            seed: self.round.into(),
            length: self.length,
            stimuli: self.stimuli,
            began,
            ended,
            punctuality,
        };
        record.write(folder, &logs)
    }

    /// Makes the line what the scenario says, from then on.
    fn begin(&self, emulator: &Emulator) -> anyhow::Result<(SystemTime, Option<Downloads>)> {
        let (began, start) = (SystemTime::now(), Instant::now());
        let [there, back] = [&self.scenario.there, &self.scenario.back].map(LinkProfile::clone);
        emulator.bridge.begin(there, back);
        let downloads = match self.scenario.download_at {
            Some(at) => Some(Downloads::from(start + at, emulator)?),
            None => None,
        };
        Ok((began, downloads))
    }

    /// All pairs of the line, the first of which leaves its sides in `folder` itself.
    fn prepare<'a>(
        &'a self,
        emulator: &'a Emulator,
        server: &Server,
        folder: &Path,
        alarm: &Alarm,
    ) -> anyhow::Result<Vec<Pair<'a>>> {
        let mut opening = Vec::new();
        for index in 0..self.scenario.calls {
            let folder = match index {
                0 => folder.to_owned(),
                _ => folder.join(format!("call-{}", index + 1)),
            };
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
                    alarm: alarm.clone(),
                })
            };
            let left = seat("left", &emulator.left, "speech.wav")?;
            let right = seat("right", &emulator.right, "clicks.wav")?;
            // All open at once: browsers take seconds, and film from then on.
            opening.push(Opening::begin(self.peer, left, right)?);
        }
        let deadline = Instant::now() + OPENING;
        let pairs = opening.into_iter();
        pairs
            .map(|opening| opening.open(server.url(), deadline))
            .collect()
    }
}

/// Has the right ones join, and waits until all are connected.
fn connect(pairs: &mut [Pair]) -> anyhow::Result<()> {
    for pair in &mut *pairs {
        pair.join()?;
    }
    let deadline = Instant::now() + CONNECTING;
    for pair in pairs {
        for side in pair.sides() {
            side.connected(deadline)?;
        }
    }
    Ok(())
}

/// Lets them talk until then.
///
/// # Errors
/// At once when a program ends or fails before.
fn talk(pairs: &mut [Pair], alarmed: &Receiver<()>, until: Instant) -> anyhow::Result<()> {
    // The alarm is there as long as the programs: nothing else than the time ends this.
    while let Ok(()) = alarmed.recv_timeout(until.saturating_duration_since(Instant::now())) {
        for side in pairs.iter_mut().flat_map(Pair::sides) {
            side.goes_on()?;
        }
    }
    Ok(())
}

/// All moments of a call are on the system's clock, as several programs tell them.
fn clock_stood(before: WallClock, after: WallClock) -> anyhow::Result<()> {
    let now = Instant::now();
    let moved = after.seconds_at(now) - before.seconds_at(now);
    anyhow::ensure!(
        moved.abs() <= CLOCK_MOVES,
        "Somebody set the system's clock during the call, by {moved:.3} s: no delay of it can be told."
    );
    Ok(())
}

/// Removes a folder, if it is there.
///
/// # Errors
/// When it cannot be removed.
pub fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what is raw in a folder, where a program could not do it any more.
fn sweep(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sweep(&entry.path())?;
        } else if RAW.iter().any(|name| entry.file_name() == *name) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Two programs that are to talk with each other.
struct Pair<'a> {
    left: Side,
    /// None if it is only started to join.
    right: Option<Side>,
    right_seat: Seat<'a>,
    left_folder: PathBuf,
    invite: String,
    processes: [u32; 2],
    watches: Vec<CostWatch>,
    costs: Vec<Option<Cost>>,
}

/// Whom the room's rule makes the one who offers, as far as it is on us.
const LEFT_ID: ParticipantId = ParticipantId(1);
const RIGHT_ID: ParticipantId = ParticipantId(u64::MAX);

/// A pair that opens what it needs.
struct Opening<'a> {
    seats: [Seat<'a>; 2],
    foreign: [Option<Foreign>; 2],
}

impl<'a> Opening<'a> {
    fn begin(peer: &Peer, left: Seat<'a>, right: Seat<'a>) -> anyhow::Result<Self> {
        let foreign = |program: &Program, seat: &Seat| {
            let driver = program.driver();
            driver
                .map(|(name, script)| Foreign::prepare(name, script, seat))
                .transpose()
        };
        Ok(Self {
            foreign: [foreign(&peer.left, &left)?, foreign(&peer.right, &right)?],
            seats: [left, right],
        })
    }

    /// Waits until they are ready; then the left one is in its room.
    fn open(self, url: &str, deadline: Instant) -> anyhow::Result<Pair<'a>> {
        let [left, right] = self.seats;
        let [left_foreign, right_foreign] = self.foreign;
        let mut processes = [0; 2];
        if let Some(right) = &right_foreign {
            processes[1] = right.ready(deadline)?;
        }
        let (left_side, invite) = match left_foreign {
            Some(foreign) => {
                processes[0] = foreign.ready(deadline)?;
                let invite = Invite::new(vec![url.parse()?], &mut rand::rng())?;
                let text = invite.to_string();
                foreign.join(invite, LEFT_ID, Part::Waits, deadline)?;
                (Side::Foreign(foreign), text)
            }
            None => {
                let (ours, invite) = Ours::host(&left, url, deadline)?;
                processes[0] = ours.process();
                (Side::Ours(ours), invite)
            }
        };
        Ok(Pair {
            left: left_side,
            right: right_foreign.map(Side::Foreign),
            left_folder: left.folder,
            right_seat: right,
            invite,
            processes,
            watches: Vec::new(),
            costs: Vec::new(),
        })
    }
}

impl Pair<'_> {
    /// Has the right one join.
    fn join(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + CONNECTING;
        let invite = self.invite.parse().context("an invite")?;
        match &self.right {
            Some(Side::Foreign(foreign)) => {
                foreign.join(invite, RIGHT_ID, Part::Rings, deadline)?;
            }
            Some(Side::Ours(_)) | None => {
                let ours = Ours::join(&self.right_seat, &self.invite)?;
                self.processes[1] = ours.process();
                self.right = Some(Side::Ours(ours));
            }
        }
        Ok(())
    }

    fn sides(&mut self) -> impl Iterator<Item = &mut Side> {
        [Some(&mut self.left), self.right.as_mut()]
            .into_iter()
            .flatten()
    }

    /// From now on it is counted what both sides cost.
    fn watch_costs(&mut self) {
        self.watches = self.processes.map(CostWatch::start).into();
    }

    /// Until now.
    fn bill(&mut self) {
        self.costs = self.watches.drain(..).map(CostWatch::finish).collect();
    }

    fn finish(self) -> anyhow::Result<()> {
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
        // All at once: what one counts while the other is gone already is no part of the call.
        others.iter().for_each(Foreign::stop);
        for side in others {
            side.finish(deadline)?;
        }
        if let Some(first) = ours.first() {
            first.hang_up();
        }
        for side in ours {
            side.finish(deadline)?;
        }
        for (folder, cost) in folders.iter().zip(self.costs) {
            add_cost(folder, cost)?;
        }
        Ok(())
    }
}

fn add_cost(folder: &Path, cost: Option<Cost>) -> anyhow::Result<()> {
    let path = folder.join("side.json");
    let mut side: Value = serde_json::from_slice(&fs::read(&path)?)?;
    side["cost"] = serde_json::to_value(cost)?;
    write_json(&path, &side)
}
