//! Rounds of calls, each measured, and what came out of them side by side.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};
use twocan::engine::Handicap;

use crate::bench::Bench;
use crate::call::Peer;
use crate::folders;
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
        for peer in &self.peers {
            bench.warm_up(peer)?;
        }
        let mut progress = Progress::new(self);
        let (mut commands, mut results) = self.earlier()?;
        commands.push(self.command.clone());
        // Rounds go on where those that are there already ended: the line of each is another one.
        let had = had(&results);
        for round in 1..=self.rounds {
            for scenario in &self.scenarios {
                let length = self.length.unwrap_or(scenario.length);
                // Who comes first has the cooler machine; so they take turns.
                let mut peers: Vec<_> = self.peers.iter().collect();
                if round % 2 == 0 {
                    peers.reverse();
                }
                for peer in peers {
                    let name = (scenario.name.clone(), peer.name.clone());
                    let round = had.get(&name).copied().unwrap_or(0).saturating_add(round);
                    progress.next(scenario, peer, round);
                    let folder = folders::in_results("calls")
                        .join(&scenario.name)
                        .join(&peer.name)
                        .join(format!("round-{round}"));
                    let measured = bench.measure(scenario, peer, round, length, &folder);
                    let mut result = json!({
                        "scenario": scenario.name,
                        "about": scenario.about,
                        "peer": peer.name,
                        "round": round,
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
                    results.push(result);
                    write_results(&self.json, &commands, &results)?;
                }
            }
        }
        self.present(&bench)
    }

    /// The commands and results that are in the file already, if they are to stay.
    fn earlier(&self) -> anyhow::Result<(Vec<String>, Vec<Value>)> {
        if !self.add || !self.json.exists() {
            return Ok((Vec::new(), Vec::new()));
        }
        let read =
            || -> anyhow::Result<Results> { Ok(serde_json::from_slice(&fs::read(&self.json)?)?) };
        let earlier = read().with_context(|| {
            let path = self.json.display();
            format!("{path} holds no results that could be added to")
        })?;
        Ok((earlier.command, earlier.results))
    }

    fn present(&self, bench: &Bench) -> anyhow::Result<()> {
        let page = folders::in_results("report.html");
        let mut table: Vec<&dyn AsRef<OsStr>> = vec![&self.json];
        table.extend(self.markdown.iter().map(|path| path as &dyn AsRef<OsStr>));
        bench.present("table.py", &table)?;
        bench.present("report.py", &[&self.json, &page])?;
        println!("The page is {}", page.canonicalize()?.display());
        Ok(())
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
        let mut results = Vec::new();
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
            results.push(json!({
                "scenario": name,
                "about": scenario.about,
                "peer": sim::PEER,
                "round": 1,
                "folder": folder,
                "versions": versions(&folder),
                "measures": measured,
            }));
        }
        let path = self.folder.join("results.json");
        write_results(&path, slice::from_ref(&self.command), &results)?;
        bench.present("table.py", &[&path])
    }
}

/// The last round of each scenario and peer.
fn had(results: &[Value]) -> BTreeMap<(String, String), u32> {
    let mut had = BTreeMap::new();
    for result in results {
        let word = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        let round = result["round"].as_u64().unwrap_or_default();
        let last = had.entry((word("scenario"), word("peer"))).or_default();
        *last = u32::try_from(round).unwrap_or(u32::MAX).max(*last);
    }
    had
}

fn write_results(path: &Path, commands: &[String], results: &[Value]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(&json!({
        "command": commands,
        "results": results,
    }))?;
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// As they are in their file.
#[derive(Deserialize)]
struct Results {
    command: Vec<String>,
    results: Vec<Value>,
}

/// What took part on each side.
fn versions(folder: &Path) -> Value {
    let side = |name: &str| {
        let text = fs::read(folder.join(name).join("side.json")).unwrap_or_default();
        let side: Value = serde_json::from_slice(&text).unwrap_or_default();
        let word = |key: &str| side[key].as_str().unwrap_or("unknown").to_owned();
        (word("program"), word("version"))
    };
    let sides = [side("left"), side("right")];
    Value::Object(
        sides
            .map(|(program, version)| (program, version.into()))
            .into_iter()
            .collect(),
    )
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
