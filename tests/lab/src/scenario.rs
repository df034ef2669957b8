//! What a network is like, as a file says it: `tests/lab/scenarios/NAME.toml`.
//!
//! ```toml
//! about = "One sentence"
//! seconds = 64
//! [line]            # both ways; keys as in `LinkConditions`
//! delay_ms = 25
//! [back]            # what is different on the way back
//! delay_ms = 40
//! [[change]]        # what is different from a moment on, both ways
//! at_s = 20
//! rate_bps = 250000
//! ```
//!
//! Besides, a file may say `calls = 2` (that so many calls share the line), `download_at_s = 10` (bulk
//! transfers both ways from then on), and instead of a rate `trace_file = "x.trace"` in `line` or `back`
//! (in the format of Mahimahi; the file is beside this one) or `[mobile]` (see [`Mobile`]).

use std::fmt;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use toml::Table;
use twocan::peer::runtime::{Jitter, LinkConditions, LinkProfile, RateTrace};

use crate::folders;
use crate::mobile::Mobile;

/// A network, and how long a call on it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The name of its file.
    pub name: String,
    /// One sentence.
    pub about: String,
    /// How long the call is.
    pub length: Duration,
    /// From the first peer to the second, in the first round.
    pub there: LinkProfile,
    /// The way back.
    pub back: LinkProfile,
    /// How many calls share the line.
    pub calls: u32,
    /// When bulk transfers over TCP begin, one each way.
    pub download_at: Option<Duration>,
    /// What says when the line can send, if a model does.
    pub mobile: Option<Mobile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    about: String,
    #[serde(default = "a_minute_to_judge")]
    seconds: u32,
    line: Table,
    #[serde(default)]
    back: Table,
    #[serde(default)]
    change: Vec<Table>,
    #[serde(default = "one")]
    calls: u32,
    download_at_s: Option<f64>,
    mobile: Option<Mobile>,
}

fn one() -> u32 {
    1
}

/// The first three seconds belong to the set-up, the last half to the end.
fn a_minute_to_judge() -> u32 {
    64
}

impl Scenario {
    /// All of them, by name.
    ///
    /// # Errors
    /// When one of the files is wrong.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        let folder = folders::in_lab("scenarios");
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("{} cannot be read", folder.display()))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry?.path());
        }
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        });
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Those of these names, or all if there are none.
    ///
    /// # Errors
    /// When there is no such scenario, or a file is wrong.
    pub fn named(names: &[String]) -> anyhow::Result<Vec<Self>> {
        let all = Self::all()?;
        for name in names {
            anyhow::ensure!(
                all.iter().any(|scenario| scenario.name == *name),
                "There is no scenario {name}: {}.",
                all.iter()
                    .map(|scenario| scenario.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        let wanted = |scenario: &Self| names.is_empty() || names.contains(&scenario.name);
        Ok(all.into_iter().filter(wanted).collect())
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(path);
        text.map_err(anyhow::Error::from)
            .and_then(|text| {
                let folder = path.parent().unwrap_or(Path::new("."));
                Self::parse(&name, &text, folder)
            })
            .with_context(|| format!("{} cannot be used", path.display()))
    }

    /// Of a file's text that lies in `folder`.
    fn parse(name: &str, text: &str, folder: &Path) -> anyhow::Result<Self> {
        let text: Text = toml::from_str(text)?;
        anyhow::ensure!(
            SECONDS.contains(&text.seconds),
            "`seconds` is {}; a call takes {} to {} s",
            text.seconds,
            SECONDS.start(),
            SECONDS.end()
        );
        anyhow::ensure!(
            (1..=4).contains(&text.calls),
            "`calls` is {}; one to four share a line",
            text.calls
        );
        let length = Duration::from_secs(text.seconds.into());
        let download_at = text.download_at_s.map(|at| {
            let at = Duration::try_from_secs_f64(at).context("`download_at_s`")?;
            ensure_within("download_at_s", at, length)?;
            anyhow::Ok(at)
        });
        let traced = |keys: &Table| with_trace(keys.clone(), folder);
        let (line, back) = (traced(&text.line)?, traced(&text.back)?);
        let scenario = Self {
            name: name.to_owned(),
            length,
            there: profile(&line, &Table::new(), &text.change, length)?,
            back: profile(&line, &back, &text.change, length)?,
            about: text.about,
            calls: text.calls,
            download_at: download_at.transpose()?,
            mobile: text.mobile,
        };
        if scenario.mobile.is_some() {
            anyhow::ensure!(
                text.change.is_empty(),
                "there is a `mobile` model and a `change`; a line has one of them"
            );
            for line in [&scenario.there, &scenario.back] {
                anyhow::ensure!(
                    line.conditions.rate.is_none() && line.conditions.trace.is_none(),
                    "there is a `mobile` model and a `rate_bps` or a trace; a line has one of them"
                );
            }
        }
        scenario.of_round(1)
    }

    /// The same, with all that is random drawn for this round, which is one or more.
    ///
    /// # Errors
    /// When a model of the line makes none that can be.
    pub fn of_round(&self, round: u64) -> anyhow::Result<Self> {
        let mut scenario = self.clone();
        let [there, back] = [&mut scenario.there, &mut scenario.back];
        (there.seed, back.seed) = (round * 2, round * 2 + 1);
        if let Some(mobile) = self.mobile {
            let mobile = mobile.of_round(round);
            for (line, mobile) in [(there, mobile), (back, mobile.another())] {
                line.conditions.trace = Some(mobile.trace(self.length)?);
                line.conditions.check().map_err(anyhow::Error::msg)?;
            }
        }
        Ok(scenario)
    }
}

/// How long a call may be: something is to be said, and there is no more to be said than so.
const SECONDS: RangeInclusive<u32> = 5..=90;

fn ensure_within(key: &str, at: Duration, length: Duration) -> anyhow::Result<()> {
    anyhow::ensure!(
        at < length,
        "`{key}` is {}; the call is over at {} s",
        at.as_secs_f64(),
        length.as_secs()
    );
    Ok(())
}

/// With the trace that `trace_file` names.
fn with_trace(mut keys: Table, folder: &Path) -> anyhow::Result<Table> {
    let Some(name) = keys.remove("trace_file") else {
        return Ok(keys);
    };
    let name = name
        .as_str()
        .context("`trace_file` is the name of a file")?;
    anyhow::ensure!(
        !keys.contains_key("trace"),
        "there is a `trace` and a `trace_file`; a line has one of them"
    );
    let path = folder.join(name);
    let trace = fs::read_to_string(&path)
        .with_context(|| format!("the `trace_file` {} cannot be read", path.display()))?
        .parse::<RateTrace>()
        .with_context(|| format!("the `trace_file` {} is no trace", path.display()))?;
    let times = Vec::from(trace).into_iter();
    let times = times.map(|time| toml::Value::Integer(time.into()));
    keys.insert("trace".to_owned(), toml::Value::Array(times.collect()));
    Ok(keys)
}

impl fmt::Display for Scenario {
    /// Its name and sentence, how long it is, and what the line is like.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.about)?;
        write!(f, "    {} s", self.length.as_secs())?;
        if self.calls > 1 {
            write!(f, "; {} calls at a time", self.calls)?;
        }
        if let Some(at) = self.download_at {
            write!(f, "; bulk transfers from {} s on", at.as_secs_f64())?;
        }
        if let Some(mobile) = &self.mobile {
            write!(f, "; {mobile:?}")?;
        }
        let [there, back] = [&self.there, &self.back].map(|line| (&line.conditions, &line.changes));
        if there == back {
            return describe(f, "both ways", &self.there);
        }
        describe(f, "there", &self.there)?;
        describe(f, "back", &self.back)
    }
}

fn describe(f: &mut fmt::Formatter<'_>, way: &str, profile: &LinkProfile) -> fmt::Result {
    write!(f, "; {way}: {}", in_words(&profile.conditions))?;
    for change in &profile.changes {
        let from = change.at.as_secs_f64();
        write!(f, "; from {from} s: {}", in_words(&change.conditions))?;
    }
    Ok(())
}

fn in_words(conditions: &LinkConditions) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let percent = |share: f64| share * 100.0;
    let delay = ms(conditions.delay);
    let mut words = vec![match conditions.jitter {
        Jitter::None => format!("{delay} ms"),
        Jitter::Uniform { spread } => format!("{delay} ms ± {}", ms(spread)),
        Jitter::Normal { deviation } => format!("{delay} ms, normal, σ {}", ms(deviation)),
        Jitter::Pareto { deviation } => format!("{delay} ms, Pareto, σ {}", ms(deviation)),
    }];
    if conditions.keep_order && conditions.jitter != Jitter::None {
        words.push("in order".to_owned());
    }
    if conditions.loss > 0.0 {
        words.push(format!("{} % lost", percent(conditions.loss)));
    }
    if let Some(bursts) = conditions.bursts {
        let bad = bursts.to_bad / (bursts.to_bad + bursts.to_good);
        let lost = bad * bursts.loss_in_bad + (1.0 - bad) * bursts.loss_in_good;
        let at_a_time = 1.0 / bursts.to_good;
        words.push(format!(
            "{:.1} % in bursts of {at_a_time:.0}",
            percent(lost)
        ));
    }
    if let Some(outages) = conditions.outages {
        let (share, mean) = (percent(outages.share), ms(outages.mean));
        words.push(format!("dead {share} % of the time, {mean} ms at a time"));
    }
    if conditions.duplication > 0.0 {
        words.push(format!("{} % twice", percent(conditions.duplication)));
    }
    if let Some(reordering) = conditions.reordering {
        words.push(format!("{} % overtaken", percent(reordering.share)));
    }
    if let Some(rate) = conditions.rate {
        words.push(format!("{} kb/s", rate.bps() / 1_000));
    }
    if let Some(trace) = &conditions.trace {
        words.push(format!(
            "a trace of {} kb/s",
            trace.mean_rate().bps() / 1_000
        ));
    }
    words.join(", ")
}

/// What is written in `line`, but for what is written in `other`, changed as time goes by.
fn profile(
    line: &Table,
    other: &Table,
    changes: &[Table],
    length: Duration,
) -> anyhow::Result<LinkProfile> {
    let mut keys = line.clone();
    keys.extend(other.clone());
    let mut profile = LinkProfile::new(1, conditions(&keys)?);
    let mut last = Duration::ZERO;
    for change in changes {
        let mut change = change.clone();
        let at = match change.remove("at_s") {
            Some(toml::Value::Integer(at)) => u64::try_from(at).ok().map(Duration::from_secs),
            Some(toml::Value::Float(at)) => Duration::try_from_secs_f64(at).ok(),
            _ => None,
        };
        let at = at.context("a `change` needs `at_s`, in seconds from the start")?;
        ensure_within("at_s", at, length)?;
        // What a line carries is told of one trace, from its start on.
        anyhow::ensure!(
            !change.contains_key("trace") && !change.contains_key("trace_file"),
            "there is a trace in a `change`; it belongs into `line` or `back`"
        );
        anyhow::ensure!(at > last, "`change`s are to be in order of `at_s`");
        last = at;
        keys.extend(change);
        let now = conditions(&keys)?;
        profile = profile.then(at, |conditions| *conditions = now);
    }
    Ok(profile)
}

fn conditions(keys: &Table) -> anyhow::Result<LinkConditions> {
    let conditions = LinkConditions::deserialize(keys.clone())?;
    conditions.check().map_err(anyhow::Error::msg)?;
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use twocan::media::Bitrate;

    #[test]
    fn every_scenario_that_we_ship_can_be_used() {
        let all = Scenario::all().expect("our own files");
        assert!(all.len() >= 19, "{}", all.len());
        assert!(all.iter().all(|one| !one.about.is_empty()));
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_the_way_back_may_differ() {
        let text = "
            about = 'A test'
            seconds = 10
            [line]
            delay_ms = 25
            loss = 0.1
            [back]
            delay_ms = 40
            [[change]]
            at_s = 2.5
            rate_bps = 250000
            [[change]]
            at_s = 5
            loss = 0
        ";
        let scenario = Scenario::parse("test", text, Path::new(".")).expect("a scenario");
        let ms = Duration::from_millis;
        assert_eq!(scenario.length, ms(10_000));
        assert_eq!(scenario.there.conditions.delay, ms(25));
        assert_eq!(scenario.back.conditions.delay, ms(40));
        let [first, second] = &scenario.back.changes[..] else {
            panic!("two changes")
        };
        assert_eq!((first.at, second.at), (ms(2_500), ms(5_000)));
        assert_eq!(first.conditions.delay, ms(40));
        assert_eq!(first.conditions.loss, 0.1);
        assert_eq!(second.conditions.loss, 0.0);
        assert_eq!(second.conditions.rate, Some(Bitrate::from_kbps(250)));
    }

    #[test]
    fn a_mobile_line_has_neither_rate_nor_trace_nor_change() {
        let model = "[mobile]\nseed = 1\nmean_kbps = 1000\ndeviation = 0.5\nmemory_s = 3\n\
                     outage_every_s = 20\noutage_ms = 400\n";
        let parse = |keys: &str| {
            let text = format!("about = ''\n{keys}\n{model}");
            Scenario::parse("test", &text, Path::new("."))
        };
        let alone = parse("[line]\ndelay_ms = 30").expect("a scenario");
        let ways = [&alone.there, &alone.back].map(|way| way.conditions.trace.as_ref());
        assert!(ways.iter().all(Option::is_some));
        assert_ne!(ways[0], ways[1]);
        for keys in [
            "[line]\nrate_bps = 1000",
            "[line]\ntrace = [1]",
            "[line]\n[back]\nrate_bps = 1000",
            "[line]\n[back]\ntrace = [1]",
            "[line]\n[[change]]\nat_s = 1\nloss = 0.1",
        ] {
            let why = parse(keys).expect_err(keys).to_string();
            assert!(why.contains("`mobile`"), "{keys}: {why}");
        }
    }

    #[test]
    fn a_trace_can_come_from_a_file_beside_it() {
        let folder = std::env::temp_dir().join(format!("twocan-lab-trace-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("good.trace"), "5\n5\n20\n").expect("written");
        fs::write(folder.join("bad.trace"), "5\nx\n").expect("written");
        let parse = |name: &str| {
            let text = format!("about = ''\n[line]\n[back]\ntrace_file = '{name}'");
            Scenario::parse("test", &text, &folder)
        };
        let (good, bad) = (parse("good.trace"), parse("bad.trace"));
        fs::remove_dir_all(&folder).expect("removed");
        let good = good.expect("a scenario");
        let trace = RateTrace::try_from(vec![5, 5, 20]).expect("a trace");
        assert_eq!(good.back.conditions.trace, Some(trace));
        assert_eq!(good.there.conditions.trace, None);
        let why = format!("{:#}", bad.expect_err("no trace"));
        assert!(why.contains("bad.trace") && why.contains("line 2"), "{why}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str| {
            let error = Scenario::parse("test", text, Path::new(".")).expect_err("wrong");
            format!("{error:#}")
        };
        for (text, word) in [
            ("[line]", "about"),
            ("about = ''\nline = 3", "line"),
            ("about = ''\nlength = 3\n[line]", "length"),
            ("about = ''\n[line]\ndelay = 3", "delay"),
            ("about = ''\n[line]\nloss = 5", "`loss`"),
            ("about = ''\ncalls = 0\n[line]", "`calls`"),
            ("about = ''\ndownload_at_s = -1\n[line]", "`download_at_s`"),
            ("about = ''\n[line]\n[mobile]\nseed = 1", "mean_kbps"),
            ("about = ''\nseconds = 4\n[line]", "`seconds`"),
            ("about = ''\nseconds = 300\n[line]", "5 to 90 s"),
            (
                "about = ''\ndownload_at_s = 1e19\n[line]",
                "`download_at_s`",
            ),
            ("about = ''\ndownload_at_s = 64\n[line]", "over at 64 s"),
            ("about = ''\n[line]\n[[change]]\nat_s = 1e19", "`at_s`"),
            ("about = ''\n[line]\ndelay_ms = 1e22", "`delay_ms`"),
            (
                "about = ''\n[line]\n[[change]]\nat_s = 1\ntrace = [1]",
                "`change`",
            ),
            (
                "about = ''\n[line]\ntrace_file = 'none.trace'",
                "none.trace cannot be read",
            ),
            ("about = ''\n[line]\ntrace_file = 3", "name of a file"),
            (
                "about = ''\n[line]\ntrace = [1]\ntrace_file = 'x'",
                "one of them",
            ),
            ("about = ''\n[line]\n[[change]]\nloss = 0.1", "`at_s`"),
            ("about = ''\n[line]\n[[change]]\nat_s = -1", "`at_s`"),
            (
                "about = ''\n[line]\n[[change]]\nat_s = 2\n[[change]]\nat_s = 1",
                "order",
            ),
            ("about = ''\n[line]\n[[change]]\nat_s = 2\nlos = 1", "los"),
        ] {
            let why = wrong(text);
            assert!(why.contains(word), "{text}: {why}");
        }
    }
}
