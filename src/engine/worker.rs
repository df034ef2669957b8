use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::peer::runtime::Runtime;

/// Media work that is done in turns: devices in, devices out, never blocking for long.
pub trait Worker: Send + 'static {
    /// Does what is due at `now`.
    fn turn(&mut self, now: Instant) -> Turn;
}

/// When a worker wants its next turn. It also gets one when it is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Not before this moment.
    At(Instant),
    /// Only when woken.
    WhenWoken,
}

/// How a worker's thread stands to others on this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Before everything else, where the system grants it: for sound, which is heard when it is
    /// late, and takes little.
    RealTime,
    /// Like everything else. Coding pictures takes so long that it would hold up whoever serves
    /// the sound devices.
    Normal,
}

/// Measures how long work takes: on a virtual clock none takes any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopwatch {
    /// The real clock.
    Real,
    /// Stands still.
    Stopped,
}

impl Stopwatch {
    /// To be given to [`Self::elapsed`].
    pub fn start(self) -> Option<Instant> {
        match self {
            Self::Real => Some(Instant::now()),
            Self::Stopped => None,
        }
    }

    /// How long ago `started` was.
    pub fn elapsed(self, started: Option<Instant>) -> Duration {
        started.map_or(Duration::ZERO, |started| started.elapsed())
    }
}

/// Where workers work, and so where time comes from.
#[derive(Clone)]
pub enum Workshop {
    /// On threads of their own, in real time.
    Threads,
    /// As tasks of a runtime, which may be a virtual one.
    Tasks(Arc<dyn Runtime>),
}

impl Workshop {
    /// The time here.
    pub fn now(&self) -> Instant {
        match self {
            Self::Threads => Instant::now(),
            Self::Tasks(runtime) => runtime.now(),
        }
    }

    /// Measures work done here.
    pub fn stopwatch(&self) -> Stopwatch {
        match self {
            Self::Threads => Stopwatch::Real,
            Self::Tasks(_) => Stopwatch::Stopped,
        }
    }

    /// Sets a worker to work. `name` is the thread's, 15 characters at most.
    ///
    /// # Errors
    /// When the system has no thread to spare.
    pub fn employ(
        &self,
        name: &str,
        priority: Priority,
        worker: impl Worker,
    ) -> std::io::Result<Employment> {
        let dismissed = Arc::new(AtomicBool::new(false));
        let bell = match self {
            Self::Threads => {
                let handle = thread::Builder::new().name(name.to_owned()).spawn({
                    let dismissed = dismissed.clone();
                    move || work_on_thread(worker, priority, &dismissed)
                })?;
                Bell::Thread(handle.thread().clone(), Some(handle))
            }
            Self::Tasks(runtime) => {
                let notify = Arc::new(Notify::new());
                let task = runtime.spawn(Box::pin(work_as_task(
                    worker,
                    runtime.clone(),
                    dismissed.clone(),
                    notify.clone(),
                )));
                task.detach();
                Bell::Task(notify)
            }
        };
        Ok(Employment { bell, dismissed })
    }
}

fn work_on_thread(mut worker: impl Worker, priority: Priority, dismissed: &AtomicBool) {
    // Where the system grants no priority, it goes on without.
    let _granted = (priority == Priority::RealTime)
        .then(|| audio_thread_priority::promote_current_thread_to_real_time(480, 48_000));
    while !dismissed.load(Ordering::Acquire) {
        match worker.turn(Instant::now()) {
            Turn::At(due) => {
                thread::park_timeout(due.saturating_duration_since(Instant::now()));
            }
            Turn::WhenWoken => thread::park(),
        }
    }
}

async fn work_as_task(
    mut worker: impl Worker,
    runtime: Arc<dyn Runtime>,
    dismissed: Arc<AtomicBool>,
    notify: Arc<Notify>,
) {
    while !dismissed.load(Ordering::Acquire) {
        let now = runtime.now();
        match worker.turn(now) {
            Turn::At(due) => tokio::select! {
                // In this order, so that the same call on virtual time is the same again.
                biased;
                () = runtime.sleep(due.saturating_duration_since(now)) => {}
                () = notify.notified() => {}
            },
            Turn::WhenWoken => notify.notified().await,
        }
    }
}

#[derive(Debug)]
enum Bell {
    Thread(thread::Thread, Option<thread::JoinHandle<()>>),
    Task(Arc<Notify>),
}

/// A worker at work. Dropping it lets the worker finish its turn, and waits for that on a thread.
#[derive(Debug)]
pub struct Employment {
    bell: Bell,
    dismissed: Arc<AtomicBool>,
}

/// Wakes a worker, from anywhere, as often as one likes.
#[derive(Debug, Clone)]
pub enum Waker {
    /// Of a thread.
    Thread(thread::Thread),
    /// Of a task.
    Task(Arc<Notify>),
}

impl Waker {
    /// Gives the worker a turn soon.
    pub fn wake(&self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Task(notify) => notify.notify_one(),
        }
    }
}

impl Employment {
    /// To wake it from elsewhere.
    pub fn waker(&self) -> Waker {
        match &self.bell {
            Bell::Thread(thread, _) => Waker::Thread(thread.clone()),
            Bell::Task(notify) => Waker::Task(notify.clone()),
        }
    }
}

impl Drop for Employment {
    fn drop(&mut self) {
        self.dismissed.store(true, Ordering::Release);
        self.waker().wake();
        if let Bell::Thread(_, handle) = &mut self.bell
            && let Some(handle) = handle.take()
            && handle.join().is_err()
        {
            tracing::error!("a media thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    struct Counter {
        turns: mpsc::Sender<()>,
        gone: mpsc::Sender<&'static str>,
    }

    impl Worker for Counter {
        fn turn(&mut self, _now: Instant) -> Turn {
            let _ = self.turns.send(());
            Turn::WhenWoken
        }
    }

    impl Drop for Counter {
        fn drop(&mut self) {
            let _ = self.gone.send("gone");
        }
    }

    #[test]
    fn a_thread_works_when_woken_and_is_gone_when_dismissed() {
        let (turns, turns_rx) = mpsc::channel();
        let (gone, gone_rx) = mpsc::channel();
        let employment = Workshop::Threads
            .employ("counter", Priority::Normal, Counter { turns, gone })
            .expect("a thread");
        let patience = Duration::from_secs(20);
        turns_rx.recv_timeout(patience).expect("the first turn");
        employment.waker().wake();
        turns_rx
            .recv_timeout(patience)
            .expect("a turn after waking");
        drop(employment);
        assert_eq!(
            gone_rx.try_recv(),
            Ok("gone"),
            "dropping waits for the worker"
        );
    }
}
