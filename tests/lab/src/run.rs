//! Rounds of calls, each measured, and what came out of them side by side.

use std::path::{self, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use twocan::engine::Handicap;

use crate::bench::Bench;
use crate::call::Peer;
use crate::results::{Results, versions};
use crate::scenario::Scenario;
use crate::sim;

/// Which calls to have.
#[derive(Debug)]
pub struct Plan {
    /// On which lines.
    pub scenarios: Vec<Scenario>,
    /// Between whom.
    pub peers: Vec<Peer>,
    /// How often each.
    pub rounds: u32,
    /// How long each, instead of what the scenario says.
    pub length: Option<Duration>,
    /// Our program.
    pub twocan: PathBuf,
    /// Where the results go.
    pub json: PathBuf,
    /// Together with those that are there already.
    pub add: bool,
    /// Where the table goes besides, as Markdown.
    pub markdown: Option<PathBuf>,
    /// The command as it was given.
    pub command: String,
}

impl Plan {
    /// Has all of the calls, measures them, and presents what is in the results file then.
    ///
    /// # Errors
    /// When something is missing that the lab needs. A call that fails is a result.
    pub fn run(&self) -> anyhow::Result<()> {
        let bench = Bench::new(self.twocan.clone())?;
        let mut results = self.earlier(&bench)?;
        let calls = self.folder()?;
        for peer in &self.peers {
            bench.warm_up(peer)?;
        }
        let mut progress = Progress::new(self);
        results.command.push(self.command.clone());
        // Rounds go on where those that are there already ended: the line of each is another one.
        let had = results.last_rounds();
        for turn in 1..=self.rounds {
            for scenario in &self.scenarios {
                let length = self.length.unwrap_or(scenario.length);
                let alike = bench.alike(scenario, length)?;
                let round_of = |peer: &Peer| {
                    let name = (scenario.name.clone(), peer.name.clone());
                    had.get(&name).copied().unwrap_or(0).saturating_add(turn)
                };
                // Who comes first has the cooler machine; so they take turns.
                let mut peers: Vec<_> = self.peers.iter().collect();
                if peers.first().is_some_and(|peer| round_of(peer) % 2 == 0) {
                    peers.reverse();
                }
                for peer in peers {
                    let round = round_of(peer);
                    progress.next(scenario, peer, round);
                    let folder = calls
                        .join(&scenario.name)
                        .join(&peer.name)
                        .join(format!("round-{round}"));
                    let measured = bench.measure(scenario, peer, round, length, &folder);
                    let mut result = json!({
                        "scenario": scenario.name,
                        "about": scenario.about,
                        "peer": peer.name,
                        "round": round,
                        "seconds": alike.seconds,
                        "line": alike.line,
                        "stimuli": alike.stimuli,
                        "folder": folder,
                    });
                    match measured {
                        Ok(measured) => {
                            result["versions"] = versions(&folder);
                            result["measures"] = measured;
                        }
                        Err(error) => {
                            eprintln!("  {error:#}");
                            result["failure"] = format!("{error:#}").into();
                        }
                    }
                    results.results.push(result);
                    results.write(&self.json)?;
                }
            }
        }
        bench.lay_open(&self.json, self.markdown.as_deref())
    }

    /// Where the calls are left: a file of results has its own.
    fn folder(&self) -> std::io::Result<PathBuf> {
        let mut beside = path::absolute(&self.json)?.into_os_string();
        beside.push(".calls");
        Ok(beside.into())
    }

    /// What is in the file already, if it is to stay.
    fn earlier(&self, bench: &Bench) -> anyhow::Result<Results> {
        if !self.add || !self.json.exists() {
            return Ok(Results::default());
        }
        let earlier = Results::read(&self.json)?;
        for scenario in &self.scenarios {
            let length = self.length.unwrap_or(scenario.length);
            earlier.takes(&scenario.name, &bench.alike(scenario, length)?)?;
        }
        Ok(earlier)
    }
}

/// Calls between two of ours on virtual time.
#[derive(Debug)]
pub struct Simulations {
    /// On which lines.
    pub scenarios: Vec<Scenario>,
    /// Decides all that is random.
    pub seed: u64,
    /// What both sides are told to do badly.
    pub handicaps: Vec<Handicap>,
    /// Where each leaves a folder.
    pub folder: PathBuf,
    /// The command as it was given.
    pub command: String,
}

impl Simulations {
    /// Has them all, measures them, and prints the tables.
    ///
    /// # Errors
    /// When one does not come about.
    pub fn run(&self, bench: &Bench) -> anyhow::Result<()> {
        let mut results = Results::default();
        results.command.push(self.command.clone());
        for scenario in &self.scenarios {
            let name = &scenario.name;
            if let Some(why) = sim::why_not(scenario) {
                eprintln!("{name}: not on virtual time, {why}");
                continue;
            }
            let (began, folder) = (Instant::now(), self.folder.join(name));
            let length = scenario.length;
            let measured = bench
                .simulate(scenario, self.seed, length, &folder, &self.handicaps)
                .with_context(|| format!("{name} went wrong"))?;
            eprintln!(
                "{name}: {} s of call had and measured in {:.0} s, left in {}",
                length.as_secs(),
                began.elapsed().as_secs_f64(),
                folder.display()
            );
            results.results.push(json!({
                "scenario": name,
                "about": scenario.about,
                "peer": sim::PEER,
                "round": 1,
                "seconds": length.as_secs_f64(),
                "folder": folder,
                "versions": versions(&folder),
                "measures": measured,
            }));
        }
        let path = self.folder.join("results.json");
        results.write(&path)?;
        bench.present("table.py", &[&path])
    }
}

/// Tells how far it is, and how long it will take.
struct Progress {
    began: Instant,
    done: u32,
    all: u32,
    /// How long the calls themselves are, of those that are done and of all.
    talked: Duration,
    to_talk: Duration,
    current: Duration,
    length: Option<Duration>,
}

impl Progress {
    fn new(plan: &Plan) -> Self {
        let peers = plan.peers.len() as u32;
        let length = |scenario: &Scenario| plan.length.unwrap_or(scenario.length);
        let once: Duration = plan.scenarios.iter().map(length).sum();
        Self {
            began: Instant::now(),
            done: 0,
            all: plan.rounds * peers * plan.scenarios.len() as u32,
            talked: Duration::ZERO,
            to_talk: once * peers * plan.rounds,
            current: Duration::ZERO,
            length: plan.length,
        }
    }

    fn next(&mut self, scenario: &Scenario, peer: &Peer, round: u32) {
        self.talked += self.current;
        self.current = self.length.unwrap_or(scenario.length);
        let left = if self.talked.is_zero() {
            // Opening, closing and measuring take about half as long as talking.
            self.to_talk.mul_f64(1.5)
        } else {
            let each = self.began.elapsed().as_secs_f64() / self.talked.as_secs_f64();
            (self.to_talk - self.talked).mul_f64(each)
        };
        self.done += 1;
        eprintln!(
            "{} of {}: {}, {}, round {round} (about {} left)",
            self.done,
            self.all,
            scenario.name,
            peer.name,
            in_words(left)
        );
    }
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..90 => format!("{seconds} s"),
        seconds @ 90..5_400 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{:.1} h", seconds as f64 / 3_600.0),
    }
}
