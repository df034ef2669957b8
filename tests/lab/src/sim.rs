//! The workbench: a scenario's call between two of our own engines on virtual time, a minute in
//! seconds. It leaves the same folder as a call on the judge's line, and the same seed leaves the
//! same again.

mod recorder;
/// The tests' own: nothing of it is in the product.
#[path = "../../../src/peer/runtime/seeded_random.rs"]
mod seeded_random;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use twocan::call::{Answer, CallOptions, CallRole, ParticipantId};
use twocan::capture::{WavSource, Y4mSource};
use twocan::engine::workbench::{Party, Place, Workbench};
use twocan::engine::{CallReport, Handicap, SessionCommand, Way};
use twocan::media::Bitrate;
use twocan::peer::runtime::{LinkProfile, VirtualRuntime};
use twocan::peer::{Certificate, LEAST_BITRATE, PeerConfig, START_BITRATE};
use twocan::playout::WavSink;
use twocan::trust::{Identity, Invite};

use self::recorder::Recorder;
use self::seeded_random::on_a_thread;
use crate::call::{self, Record, write_json};
use crate::emulator::PacketLog;
use crate::scenario::Scenario;

/// What the peer is called whose calls these are.
pub const PEER: &str = "workbench";
/// What may be sent at most, as our program has it if nothing is said.
const MAX_BITRATE: Bitrate = Bitrate::from_kbps(2_500);

/// Why there can be no such call on virtual time, if so.
pub fn why_not(scenario: &Scenario) -> Option<&'static str> {
    if scenario.calls > 1 {
        Some("where a line has two ends")
    } else if scenario.download_at.is_some() {
        Some("where there is no TCP")
    } else {
        None
    }
}

/// Has the call of `scenario`, fed from the files in `stimuli`, and leaves what came of it in
/// `folder`, instead of the call that was there. `seed` decides all that is random; `handicaps` are both sides'.
///
/// # Errors
/// When a file is missing or cannot be written, or the call does not come about.
pub fn run(
    scenario: &Scenario,
    stimuli: &Path,
    seed: u64,
    folder: &Path,
    handicaps: &[Handicap],
) -> anyhow::Result<()> {
    if let Some(why) = why_not(scenario) {
        anyhow::bail!("it cannot be had on virtual time, {why}");
    }
    // What is there may be a call, or nothing yet.
    let is_ours = folder.join("call.json").is_file()
        || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    anyhow::ensure!(
        is_ours || !folder.exists(),
        "{} is no folder of a call, and stays as it is",
        folder.display()
    );
    let mut unfinished = folder.as_os_str().to_owned();
    unfinished.push(".part");
    let unfinished = PathBuf::from(unfinished);
    let simulation = Simulation {
        scenario: scenario.of_round(seed)?,
        stimuli: stimuli.to_owned(),
        seed,
        folder: unfinished.clone(),
        handicaps: handicaps.to_vec(),
    };
    on_a_thread(seed, move || simulation.run())?;
    call::remove(folder)?;
    Ok(fs::rename(unfinished, folder)?)
}

struct Simulation {
    scenario: Scenario,
    stimuli: PathBuf,
    seed: u64,
    folder: PathBuf,
    handicaps: Vec<Handicap>,
}

/// One of the two of a call.
struct Side {
    name: &'static str,
    role: CallRole,
    sound: &'static str,
}

const LEFT: Side = Side {
    name: "left",
    role: CallRole::Host,
    sound: "speech.wav",
};
const RIGHT: Side = Side {
    name: "right",
    role: CallRole::Guest,
    sound: "clicks.wav",
};

impl Simulation {
    fn run(&self) -> anyhow::Result<()> {
        call::remove(&self.folder)?;
        fs::create_dir_all(&self.folder)?;
        let mut rng = StdRng::seed_from_u64(self.seed);
        let invite = Invite::new(vec!["ws://127.0.0.1:1".parse()?], &mut rng)?;
        let bench = Workbench::new(invite);
        let way = |name: &str, profile: &LinkProfile| {
            let host = bench.world.host(name, profile.clone());
            host.link().keep_log(true);
            host
        };
        let there = way(LEFT.name, &self.scenario.there);
        let back = way(RIGHT.name, &self.scenario.back);
        let left = self.place(&bench, &there, &LEFT, Some(self.scenario.length))?;
        let right = self.place(&bench, &back, &RIGHT, None)?;
        let sessions = vec![left.session, right.session];
        let (reports, ()) = bench.play(sessions, std::future::ready(()));
        for (media, side) in [(&left.media, &LEFT), (&right.media, &RIGHT)] {
            if let Some(fault) = media.video_in().sink_fault() {
                anyhow::bail!("what {} saw cannot be written: {fault}", side.name);
            }
            if let Some(fault) = media.audio().sink_lost().take() {
                anyhow::bail!("what {} heard cannot be written: {fault}", side.name);
            }
        }
        for (report, side) in reports.iter().zip([&LEFT, &RIGHT]) {
            self.write_side(report, side)?;
        }
        self.write_record(&reports, &there, &back)
    }

    fn place(
        &self,
        bench: &Workbench,
        host: &Arc<VirtualRuntime>,
        side: &Side,
        duration: Option<Duration>,
    ) -> anyhow::Result<Place> {
        let folder = self.folder.join(side.name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let film = self.stimuli.join(format!("film-{}.y4m", side.name));
        let now = bench.now();
        let party = Party {
            call: CallOptions {
                answer: Answer::Everybody,
                ..CallOptions::new(side.role, ParticipantId(side.role as u64 + 1))
            },
            identity: Arc::new(Identity::new(&mut StdRng::seed_from_u64(side.role as u64))),
            name: String::new(),
            ways: vec![Way::Room {
                room: bench.invite.room().clone(),
                door: bench.invite.door(),
                expects: None,
            }],
            peer: PeerConfig {
                ice_servers: Vec::new(),
                bind: vec!["127.0.0.1:0".parse()?],
                certificate: Certificate::new()?,
                relay_only: false,
                start_bitrate: START_BITRATE,
                min_bitrate: LEAST_BITRATE,
                max_bitrate: MAX_BITRATE,
            },
            duration,
            microphone: Box::new(WavSource::open(&self.stimuli.join(side.sound), now)?),
            speaker: Box::new(WavSink::create(&folder.join("heard.wav"), now)?),
            camera: Some(Box::new(Y4mSource::open(&film, now)?)),
            display: Box::new(Recorder::create(&folder, bench.clock())?),
            handicaps: self.handicaps.clone(),
        };
        let place = bench.place(host, party)?;
        place.remote.commands.try_send(SessionCommand::Ready)?;
        Ok(place)
    }

    /// `side.json`, and the whole report beside it.
    fn write_side(&self, report: &CallReport, side: &Side) -> anyhow::Result<()> {
        let folder = self.folder.join(side.name);
        let report = serde_json::to_value(report)?;
        write_json(&folder.join("report.json"), &report)?;
        let friend = &report["participants"][0];
        anyhow::ensure!(
            friend["connected"] == true,
            "the call did not come about: {}",
            report["ended_sentence"].as_str().unwrap_or_default()
        );
        write_json(&folder.join("side.json"), &call::side(&report))
    }

    /// `call.json` and `line.csv`.
    fn write_record(
        &self,
        reports: &[CallReport],
        there: &VirtualRuntime,
        back: &VirtualRuntime,
    ) -> anyhow::Result<()> {
        let [left, _] = reports else {
            anyhow::bail!("a call has two sides");
        };
        let connected = moment(left.moments.connected).context("the call did not come about")?;
        let record = Record {
            scenario: &self.scenario,
            peer: PEER,
            round: self.seed,
            seed: self.seed,
            length: self.scenario.length,
            stimuli: &self.stimuli,
            began: beginning(),
            // From then on there are only farewells.
            ended: connected + self.scenario.length,
            punctuality: None,
        };
        let log = |way: &VirtualRuntime| PacketLog::of_datagrams(beginning(), &way.link());
        record.write(&self.folder, &[log(there), log(back)])
    }
}

/// Of a report.
fn moment(seconds: Option<f64>) -> Option<SystemTime> {
    Some(UNIX_EPOCH + Duration::from_secs_f64(seconds?))
}

/// What the system's clock shows when a world begins.
fn beginning() -> SystemTime {
    UNIX_EPOCH + Workbench::BEGINNING
}

#[cfg(test)]
mod tests;
