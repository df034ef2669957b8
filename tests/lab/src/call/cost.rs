use std::collections::HashMap;
use std::fs;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How often processes are looked at. One that lives shorter may be missed.
const GLANCE: Duration = Duration::from_millis(250);
/// Memory is looked at so rarely because that takes long: for all of a browser's processes 30 ms of a
/// processor, in which each of them waits in turn.
const GLANCES_A_LOOK_AT_MEMORY: u32 = 4;

/// What a program has cost, all its processes together, as the operating system counts it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// For so long it was watched.
    pub seconds: f64,
    /// User and system time in that time.
    pub cpu_seconds: f64,
    /// The most memory in any second's glance: what each process has for itself, and of what they may share the
    /// most that one of them has. For a single process that is its resident set (RSS). None if the
    /// system does not tell.
    pub peak_rss_bytes: Option<u64>,
}

/// Watches a program and all that it starts.
#[derive(Debug)]
pub struct CostWatch {
    /// Nothing is ever sent: it ends when this is gone.
    going_on: SyncSender<()>,
    thread: JoinHandle<Tree>,
}

impl CostWatch {
    /// Of the process `root`, from now on.
    pub fn start(root: u32) -> Self {
        let (going_on, stopped) = sync_channel(0);
        let mut tree = Tree::new(root);
        tree.look_at_time();
        let thread = thread::spawn(move || {
            let mut glances = 0;
            while stopped.recv_timeout(GLANCE) == Err(RecvTimeoutError::Timeout) {
                tree.look_at_time();
                glances += 1;
                if glances % GLANCES_A_LOOK_AT_MEMORY == 0 {
                    tree.look_at_memory();
                }
            }
            tree.look_at_time();
            tree.look_at_memory();
            tree
        });
        Self { going_on, thread }
    }

    /// What was spent since the start; none if it could not be seen.
    pub fn finish(self) -> Option<Cost> {
        drop(self.going_on);
        match self.thread.join() {
            Ok(tree) => tree.cost(),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// A process: its number, which may be given again, and when it was started, in clock ticks.
type Process = (u32, u64);

#[derive(Debug)]
struct Tree {
    root: u32,
    /// First and latest CPU time of each process that was seen, in clock ticks.
    times: HashMap<Process, (u64, u64)>,
    /// When it was looked at first and last.
    looked: Option<(Instant, Instant)>,
    peak_bytes: Option<u64>,
}

impl Tree {
    fn new(root: u32) -> Self {
        Self {
            root,
            times: HashMap::new(),
            looked: None,
            peak_bytes: None,
        }
    }

    fn look_at_time(&mut self) {
        let now = Instant::now();
        let members = self.members();
        for (id, stat) in &members {
            // Whoever came since has spent all its time since.
            let before = match self.looked {
                Some(_) => 0,
                None => stat.ticks,
            };
            let process = (*id, stat.started);
            let (_, latest) = self.times.entry(process).or_insert((before, stat.ticks));
            *latest = stat.ticks;
        }
        let (first, _) = self.looked.unwrap_or((now, now));
        self.looked = Some((first, now));
    }

    fn look_at_memory(&mut self) {
        let members = self.members();
        let each: Vec<_> = members
            .iter()
            .filter_map(|(id, _)| Memory::of(*id))
            .collect();
        self.peak_bytes = self.peak_bytes.max(Memory::together(&each));
    }

    /// The living processes under the root, with it.
    fn members(&self) -> Vec<(u32, Stat)> {
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
        all.iter()
            .filter(|(id, _)| belongs(**id))
            .map(|(id, stat)| (*id, *stat))
            .collect()
    }

    fn cost(&self) -> Option<Cost> {
        let (first, last) = self.looked?;
        if self.times.is_empty() {
            return None;
        }
        let spent = |(first, last): &(u64, u64)| last.saturating_sub(*first);
        let ticks: u64 = self.times.values().map(spent).sum();
        // SAFETY: only asks.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        Some(Cost {
            seconds: (last - first).as_secs_f64(),
            cpu_seconds: ticks as f64 / per_second as f64,
            peak_rss_bytes: self.peak_bytes,
        })
    }
}

/// Of `/proc/ID/stat`.
#[derive(Debug, Clone, Copy)]
struct Stat {
    parent: u32,
    /// Of its own, in user and system mode.
    ticks: u64,
    /// Since the system was started, in clock ticks.
    started: u64,
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
            started: number(19)?,
        })
    }
}

/// Of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    private: u64,
    /// What others may have as well, such as the pages of a library.
    shared: u64,
}

impl Memory {
    /// None when it has ended or may not be looked at.
    fn of(id: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: u64 = value.split_whitespace().next()?.parse().ok()?;
            Some(kibibytes * 1_024)
        };
        let private = bytes("Private_Clean:")? + bytes("Private_Dirty:")?;
        Some(Self {
            private,
            shared: bytes("Rss:")?.saturating_sub(private),
        })
    }

    /// Of processes of one program, which share with each other; none of none.
    fn together(each: &[Self]) -> Option<u64> {
        let shared = each.iter().map(|memory| memory.shared).max()?;
        Some(each.iter().map(|memory| memory.private).sum::<u64>() + shared)
    }
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
        assert_eq!((stat.parent, stat.ticks, stat.started), (7, 175, 100));
        assert!(Stat::parse("42 (a) S").is_none());
    }

    #[test]
    fn what_processes_share_is_counted_once() {
        let text = "00400000-7fff00000000 ---p 00000000 00:00 0 [rollup]\n\
                    Rss:                 100 kB\nPss:                  40 kB\n\
                    Shared_Clean:         70 kB\nPrivate_Clean:        10 kB\n\
                    Private_Dirty:        20 kB\n";
        let first = Memory::parse(text).expect("a process");
        let (private, shared) = (30 * 1_024, 70 * 1_024);
        assert_eq!(first, Memory { private, shared });
        assert_eq!(Memory::together(&[first]), Some(100 * 1_024), "its RSS");
        let second = Memory {
            private: 1,
            shared: 2,
        };
        let together = Memory::together(&[first, second]);
        assert_eq!(together, Some(private + 1 + shared));
        assert_eq!(Memory::together(&[]), None);
        assert_eq!(Memory::parse("Rss: 5 kB\n"), None);
    }

    #[test]
    fn what_could_not_be_seen_is_no_cost() {
        // Numbers of processes are smaller.
        assert_eq!(CostWatch::start(u32::MAX).finish(), None);
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
        let cost = watch.finish().expect("it was there");
        drop(hears);
        shell.wait().expect("our child");
        assert!(cost.cpu_seconds > 0.05, "{cost:?}");
        assert!(cost.peak_rss_bytes > Some(50_000), "{cost:?}");
        assert!(cost.seconds > 0.05 && cost.seconds < 60.0, "{cost:?}");
    }
}
