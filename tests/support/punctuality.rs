//! Whether this machine wakes a thread when it asks to be woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A sound server keeps two pieces of 10 ms; what comes later than one of them leaves a gap.
const IN_TIME: Duration = Duration::from_millis(10);
/// A machine that is late by so much in all, in half a minute, cannot carry speech whole.
const TOO_LATE: Duration = Duration::from_millis(100);
const NAP: Duration = Duration::from_millis(5);

/// A thread that asks for nothing but to be woken in time, again and again.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Watch {
    pub fn start() -> Self {
        let stop = Arc::<AtomicBool>::default();
        let thread = std::thread::spawn({
            let stop = stop.clone();
            move || {
                let mut late = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let asleep = Instant::now();
                    std::thread::sleep(NAP);
                    late.push(asleep.elapsed().saturating_sub(NAP));
                }
                late
            }
        });
        Self { stop, thread }
    }

    /// How it went.
    pub fn finish(self) -> Punctuality {
        self.stop.store(true, Ordering::Relaxed);
        let mut late = self.thread.join().expect("it only sleeps");
        late.sort();
        Punctuality { late }
    }
}

/// How late it was woken, the least first.
pub struct Punctuality {
    late: Vec<Duration>,
}

impl Punctuality {
    /// Once in a hundred times it was this late or later: more than once in a second.
    pub fn p99(&self) -> Duration {
        self.late[self.late.len() * 99 / 100]
    }

    /// How long in all it was not woken though it was due, and had been for a while.
    pub fn stalled(&self) -> Duration {
        self.late
            .iter()
            .map(|late| late.saturating_sub(IN_TIME))
            .sum()
    }

    /// The machine stood still now and then, which no program on it can help.
    pub fn is_poor(&self) -> bool {
        self.stalled() > TOO_LATE
    }
}
