use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::link::Link;
use super::profile::LinkProfile;
use super::virtual_runtime::VirtualRuntime;

pub(super) type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The future that was given to `block_on`; spawned tasks count from 1.
const MAIN_TASK: u64 = 0;
/// So many polls without time moving are a busy loop.
const MAX_POLLS_AT_ONE_MOMENT: u64 = 5_000_000;
/// What a socket holds for a reader that does not read.
const INBOX_CAPACITY: usize = 4_096;

/// A world with its own time, tasks and UDP network: hosts are [`VirtualRuntime`]s, and time moves only
/// when nobody has anything left to do, straight to the next timer or packet.
///
/// One thread polls all tasks, in the order in which they woke; timers and packets of the same moment
/// come in the order in which they were made. Nothing in it may wait for another thread, a real socket,
/// or a tokio timer. Channels, locks and notifications of any library work. Dropping the world drops
/// its tasks.
#[derive(Debug)]
pub struct VirtualWorld {
    inner: Arc<World>,
    horizon: Duration,
}

impl Default for VirtualWorld {
    fn default() -> Self {
        Self::new()
    }
}

impl VirtualWorld {
    /// An empty world at time zero.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(World::new()),
            horizon: Duration::from_secs(3_600),
        }
    }

    /// The same world with an end of time (an hour if not said): reaching it is a panic, so that a test
    /// that waits for what never comes ends.
    pub fn with_horizon(mut self, horizon: Duration) -> Self {
        self.horizon = horizon;
        self
    }

    /// A new host; what its sockets send goes through a link of its own. `name` is for messages.
    pub fn host(&self, name: &str, egress: LinkProfile) -> Arc<VirtualRuntime> {
        let link = Arc::new(Mutex::new(Link::new(egress, self.inner.now())));
        Arc::new(VirtualRuntime::new(name, self.inner.clone(), link))
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.inner.now()
    }

    /// How much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        self.inner.state().now
    }

    /// How many spawned tasks have not ended.
    pub fn live_tasks(&self) -> usize {
        self.inner.state().tasks.len()
    }

    /// How many sockets are open.
    pub fn live_sockets(&self) -> usize {
        self.inner.state().inboxes.len()
    }

    /// Runs the world until `future` is done.
    ///
    /// # Panics
    ///
    /// If nothing can ever happen again (naming the tasks that wait), if the horizon is passed, or if
    /// tasks wake each other for ever without time moving.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut main = std::pin::pin!(future);
        self.inner.ready.push(MAIN_TASK);
        let main_waker = self.inner.waker_for(MAIN_TASK);
        let mut polls = 0_u64;
        loop {
            while let Some(id) = self.inner.ready.pop() {
                polls += 1;
                if polls > MAX_POLLS_AT_ONE_MOMENT {
                    panic!(
                        "busy loop at {:?}; alive: {}",
                        self.elapsed(),
                        self.inner.describe_tasks()
                    );
                }
                if id == MAIN_TASK {
                    main_waker.queued.store(false, Ordering::Release);
                    let waker = Waker::from(main_waker.clone());
                    let context = &mut Context::from_waker(&waker);
                    if let Poll::Ready(value) = main.as_mut().poll(context) {
                        return value;
                    }
                } else {
                    self.inner.poll_task(id);
                }
            }
            let before = self.elapsed();
            if !self.inner.advance() {
                panic!(
                    "deadlock at {:?}: no timer and no packet is under way; waiting: block_on, {}",
                    self.elapsed(),
                    self.inner.describe_tasks()
                );
            }
            if self.elapsed() > before {
                polls = 0;
            }
            if self.elapsed() > self.horizon {
                panic!(
                    "the horizon of {:?} has passed; alive: block_on, {}",
                    self.horizon,
                    self.inner.describe_tasks()
                );
            }
        }
    }
}

impl Drop for VirtualWorld {
    fn drop(&mut self) {
        // Tasks hold hosts, which hold the world: break the circle. What a task drops may touch the
        // world or even spawn, so each round is dropped outside the lock.
        loop {
            let (tasks, events) = {
                let mut state = self.inner.state();
                (
                    std::mem::take(&mut state.tasks),
                    std::mem::take(&mut state.events),
                )
            };
            if tasks.is_empty() && events.is_empty() {
                return;
            }
        }
    }
}

/// What all hosts share.
pub(super) struct World {
    started_at: Instant,
    state: Mutex<State>,
    ready: Arc<ReadyQueue>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("World").finish_non_exhaustive()
    }
}

struct State {
    now: Duration,
    next_id: u64,
    /// By time, then by the order of making.
    events: BTreeMap<(Duration, u64), Event>,
    tasks: BTreeMap<u64, Task>,
    inboxes: HashMap<SocketAddr, Inbox>,
}

enum Event {
    Timer(Option<Waker>),
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
}

struct Task {
    name: String,
    /// Absent while it is polled.
    future: Option<TaskFuture>,
    waker: Arc<TaskWaker>,
    handle: Arc<TaskState>,
}

/// What a join handle sees.
#[derive(Debug, Default)]
pub(super) struct TaskState {
    pub(super) aborted: AtomicBool,
    pub(super) finished: AtomicBool,
}

#[derive(Default)]
struct Inbox {
    datagrams: VecDeque<(SocketAddr, Vec<u8>)>,
    reader: Option<Waker>,
}

#[derive(Default)]
struct ReadyQueue(Mutex<VecDeque<u64>>);

impl ReadyQueue {
    fn push(&self, id: u64) {
        lock(&self.0).push_back(id);
    }

    fn pop(&self) -> Option<u64> {
        lock(&self.0).pop_front()
    }
}

struct TaskWaker {
    id: u64,
    queued: AtomicBool,
    ready: Arc<ReadyQueue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.push(self.id);
        }
    }
}

/// A panic of one task must not hide behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    fn new() -> Self {
        Self {
            started_at: Instant::now(),
            state: Mutex::new(State {
                now: Duration::ZERO,
                next_id: MAIN_TASK + 1,
                events: BTreeMap::new(),
                tasks: BTreeMap::new(),
                inboxes: HashMap::new(),
            }),
            ready: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn now(&self) -> Instant {
        self.started_at + self.state().now
    }

    fn waker_for(&self, id: u64) -> Arc<TaskWaker> {
        Arc::new(TaskWaker {
            id,
            queued: AtomicBool::new(true),
            ready: self.ready.clone(),
        })
    }

    pub(super) fn spawn(&self, host: &str, origin: String, future: TaskFuture) -> SpawnedTask {
        let mut state = self.state();
        let id = state.next_id;
        state.next_id += 1;
        let waker = self.waker_for(id);
        let handle = Arc::<TaskState>::default();
        let task = Task {
            name: format!("{host}#{id} ({origin})"),
            future: Some(future),
            waker: waker.clone(),
            handle: handle.clone(),
        };
        state.tasks.insert(id, task);
        self.ready.push(id);
        SpawnedTask { waker, handle }
    }

    fn poll_task(&self, id: u64) {
        let (future, waker, handle) = {
            let mut state = self.state();
            let Some(task) = state.tasks.get_mut(&id) else {
                return;
            };
            (task.future.take(), task.waker.clone(), task.handle.clone())
        };
        let Some(mut future) = future else {
            return;
        };
        waker.queued.store(false, Ordering::Release);
        let done = handle.aborted.load(Ordering::Acquire) || {
            let waker = Waker::from(waker);
            future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
        };
        if done || handle.aborted.load(Ordering::Acquire) {
            // Outside the lock: what the task holds may touch the world when it goes.
            drop(future);
            self.state().tasks.remove(&id);
            handle.finished.store(true, Ordering::Release);
        } else if let Some(task) = self.state().tasks.get_mut(&id) {
            task.future = Some(future);
        }
    }

    /// Moves time to the next timer or packet; `false` if there is none.
    fn advance(&self) -> bool {
        let waker = {
            let mut state = self.state();
            let Some(((at, _), event)) = state.events.pop_first() else {
                return false;
            };
            state.now = state.now.max(at);
            match event {
                Event::Timer(waker) => waker,
                Event::Datagram { from, to, bytes } => state.deliver(from, to, bytes),
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn describe_tasks(&self) -> String {
        let names: Vec<_> = self
            .state()
            .tasks
            .values()
            .map(|t| t.name.clone())
            .collect();
        if names.is_empty() {
            "no task".to_owned()
        } else {
            names.join(", ")
        }
    }

    pub(super) fn sleep(self: &Arc<Self>, duration: Duration) -> VirtualSleep {
        let mut state = self.state();
        let at = state.now.saturating_add(duration);
        let id = state.add_event(at, Event::Timer(None));
        drop(state);
        VirtualSleep {
            world: self.clone(),
            key: (at, id),
        }
    }

    pub(super) fn send_at(&self, at: Instant, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let at = at.saturating_duration_since(self.started_at);
        let bytes = bytes.to_vec();
        self.state()
            .add_event(at, Event::Datagram { from, to, bytes });
    }

    pub(super) fn open_inbox(&self, address: SocketAddr) {
        self.state().inboxes.insert(address, Inbox::default());
    }

    pub(super) fn close_inbox(&self, address: SocketAddr) {
        let inbox = self.state().inboxes.remove(&address);
        drop(inbox);
    }

    /// The oldest datagram of an inbox; without one, `context` is woken by the next.
    pub(super) fn poll_inbox(
        &self,
        address: SocketAddr,
        context: &mut Context<'_>,
    ) -> Poll<Option<(SocketAddr, Vec<u8>)>> {
        let mut state = self.state();
        let Some(inbox) = state.inboxes.get_mut(&address) else {
            return Poll::Ready(None);
        };
        if let Some(datagram) = inbox.datagrams.pop_front() {
            return Poll::Ready(Some(datagram));
        }
        inbox.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl State {
    fn add_event(&mut self, at: Duration, event: Event) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.events.insert((at, id), event);
        id
    }

    /// A datagram for nobody, or for somebody who does not read, is lost.
    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) -> Option<Waker> {
        let inbox = self.inboxes.get_mut(&to)?;
        if inbox.datagrams.len() < INBOX_CAPACITY {
            inbox.datagrams.push_back((from, bytes));
        }
        inbox.reader.take()
    }
}

/// A spawned task, seen from outside.
pub(super) struct SpawnedTask {
    waker: Arc<TaskWaker>,
    handle: Arc<TaskState>,
}

impl SpawnedTask {
    /// Its future is dropped at its next turn, not here, where the caller may hold locks.
    pub(super) fn abort(&self) {
        self.handle.aborted.store(true, Ordering::Release);
        self.waker.clone().wake();
    }

    pub(super) fn is_finished(&self) -> bool {
        self.handle.finished.load(Ordering::Acquire)
    }
}

/// Ends when its moment has come; forgotten when dropped.
pub(super) struct VirtualSleep {
    world: Arc<World>,
    key: (Duration, u64),
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.world.state().events.get_mut(&self.key) {
            Some(Event::Timer(waker)) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            // Its event has fired, or the world has ended.
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        let event = self.world.state().events.remove(&self.key);
        drop(event);
    }
}
