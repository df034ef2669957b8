use std::collections::HashMap;
use std::fs;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Serialize;

/// How often processes are looked at. One that lives shorter may be missed.
const GLANCE: Duration = Duration::from_millis(250);
/// Memory takes longer to look up: at each so many glances.
const MEMORY_EVERY: u32 = 4;

/// What a program has cost, all its processes together, as the operating system counts it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// User and system time.
    pub cpu_seconds: f64,
    /// The most memory at any time. What several processes share is counted once (PSS).
    pub peak_rss_bytes: u64,
}

/// Watches a program and all that it starts.
#[derive(Debug)]
pub struct CostWatch {
    stop: Sender<()>,
    thread: JoinHandle<Tree>,
}

impl CostWatch {
    /// Of the process `root`, from now on.
    pub fn start(root: u32) -> Self {
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || {
            let mut tree = Tree::new(root);
            for glance in 0.. {
                tree.look(glance % MEMORY_EVERY == 0);
                match stopped.recv_timeout(GLANCE) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            tree.look(true);
            tree
        });
        Self { stop, thread }
    }

    /// What was spent since the start; zero if it could not be seen.
    pub fn finish(self) -> Cost {
        let _ = self.stop.send(());
        match self.thread.join() {
            Ok(tree) => tree.cost(),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

#[derive(Debug)]
struct Tree {
    root: u32,
    /// First and latest CPU time of each process that was seen, in clock ticks.
    times: HashMap<u32, (u64, u64)>,
    looked_before: bool,
    peak_bytes: u64,
}

impl Tree {
    fn new(root: u32) -> Self {
        Self {
            root,
            times: HashMap::new(),
            looked_before: false,
            peak_bytes: 0,
        }
    }

    fn look(&mut self, at_memory: bool) {
        let members = self.members();
        for (id, ticks) in &members {
            // Whoever came since has spent all its time since.
            let before = if self.looked_before { 0 } else { *ticks };
            let (_, latest) = self.times.entry(*id).or_insert((before, *ticks));
            *latest = *ticks;
        }
        self.looked_before = true;
        if at_memory {
            let bytes = members.iter().map(|(id, _)| memory(*id)).sum();
            self.peak_bytes = self.peak_bytes.max(bytes);
        }
    }

    /// The living processes under the root, with it, and their CPU time.
    fn members(&self) -> Vec<(u32, u64)> {
        let all: HashMap<u32, Stat> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|id| Some((id, Stat::of(id)?)))
            .collect();
        let belongs = |mut id: u32| {
            // A family is not that deep; processes may come and go while it is read.
            for _ in 0..64 {
                if id == self.root {
                    return true;
                }
                match all.get(&id) {
                    Some(stat) => id = stat.parent,
                    None => return false,
                }
            }
            false
        };
        let mut members: Vec<_> = all
            .iter()
            .filter(|(id, _)| belongs(**id))
            .map(|(id, stat)| (*id, stat.ticks))
            .collect();
        members.sort_unstable();
        members
    }

    fn cost(&self) -> Cost {
        let ticks: u64 = self.times.values().map(|(first, last)| last - first).sum();
        // SAFETY: only asks.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        Cost {
            cpu_seconds: ticks as f64 / per_second as f64,
            peak_rss_bytes: self.peak_bytes,
        }
    }
}

/// Of `/proc/ID/stat`.
struct Stat {
    parent: u32,
    /// Of its own, in user and system mode.
    ticks: u64,
}

impl Stat {
    fn of(id: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name, in brackets, may have spaces and brackets in it.
        let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            parent: number(1)? as u32,
            ticks: number(11)? + number(12)?,
        })
    }
}

/// Of a process, in bytes; zero when it has ended or may not be looked at.
fn memory(id: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .and_then(|value| value.split_whitespace().next())
        .and_then(|value| value.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};

    #[test]
    fn a_line_of_the_system_is_read_whatever_the_program_is_called() {
        let stat = Stat::parse(
            "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 150 25 9 9 20 0 1 0 100 1000 10",
        )
        .expect("a process");
        assert_eq!((stat.parent, stat.ticks), (7, 175));
        assert!(Stat::parse("42 (a) S").is_none());
    }

    #[test]
    fn what_children_spend_is_counted() {
        let work =
            "read go; (i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; read x)";
        let mut shell = Command::new("sh")
            .args(["-c", work])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let watch = CostWatch::start(shell.id());
        let mut hears = shell.stdin.take().expect("piped");
        hears.write_all(b"go\n").expect("it listens");
        let mut says = BufReader::new(shell.stdout.take().expect("piped"));
        says.read_line(&mut String::new()).expect("it works");
        let cost = watch.finish();
        drop(hears);
        shell.wait().expect("our child");
        assert!(cost.cpu_seconds > 0.05, "{cost:?}");
        assert!(cost.peak_rss_bytes > 50_000, "{cost:?}");
    }
}
