use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::{Command, ParticipantId, Snapshot};
use crate::call::CallEndReason;
use crate::playout::FrameSlot;

/// Commands that may wait for the engine; more are dropped, which a person cannot cause.
const COMMAND_QUEUE: usize = 64;
/// Moments that may wait for the window; when it does not read them, further ones are not told.
const EVENT_QUEUE: usize = 64;

type Wake = Arc<dyn Fn() + Send + Sync>;

/// Something that happened once, for sounds, toasts and screen readers.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A friend came while this app was waiting.
    Rang,
    /// Somebody is in the call now.
    Joined {
        /// May be empty.
        name: String,
    },
    /// The call is over.
    Ended {
        /// How.
        reason: CallEndReason,
    },
    /// The line dropped.
    Reconnecting,
    /// The line is back.
    Back,
    /// A device went away or came; a sentence says which and what is used now.
    DeviceChanged {
        /// The sentence.
        text: String,
    },
}

/// The latest pictures, one slot each for the others and one for ourselves.
#[derive(Debug, Default)]
pub struct Pictures {
    own: Arc<FrameSlot>,
    others: ArcSwap<BTreeMap<ParticipantId, Arc<FrameSlot>>>,
}

impl Pictures {
    /// Our own, before it is sent.
    pub fn own(&self) -> &Arc<FrameSlot> {
        &self.own
    }

    /// Replaces who there is.
    pub fn set_others(&self, others: BTreeMap<ParticipantId, Arc<FrameSlot>>) {
        self.others.store(Arc::new(others));
    }
}

/// The window's end of the engine: commands in, snapshots out, and it never waits. Dropping the
/// last one hangs up, frees the devices, and returns when that is done.
pub struct Handle {
    commands: mpsc::Sender<Command>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    events: Mutex<mpsc::Receiver<Event>>,
    pictures: Arc<Pictures>,
    wake: Arc<ArcSwap<Wake>>,
    /// Joins the engine's threads when dropped.
    _engine: Box<dyn std::any::Any + Send>,
}

/// The engine's end of a [`Handle`].
pub struct HandleBackend {
    /// What the window asks for.
    pub commands: mpsc::Receiver<Command>,
    /// Where pictures go.
    pub pictures: Arc<Pictures>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    events: mpsc::Sender<Event>,
    wake: Arc<ArcSwap<Wake>>,
}

impl HandleBackend {
    /// Replaces the snapshot and wakes the window.
    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
        (self.wake.load())();
    }

    /// Reports a moment. When the window has not looked for long, it is dropped.
    pub fn report(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            tracing::debug!("the window is not reading its events");
        }
        (self.wake.load())();
    }
}

impl Handle {
    /// A handle whose other end is yours: the engine's, or a test's. `engine` is dropped with it.
    pub fn new(first: Snapshot, engine: Box<dyn std::any::Any + Send>) -> (Self, HandleBackend) {
        let (command_tx, command_rx) = mpsc::channel(COMMAND_QUEUE);
        let (event_tx, event_rx) = mpsc::channel(EVENT_QUEUE);
        let snapshot = Arc::new(ArcSwap::from_pointee(first));
        let pictures = Arc::<Pictures>::default();
        let wake: Arc<ArcSwap<Wake>> = Arc::new(ArcSwap::from_pointee(Arc::new(|| ()) as Wake));
        let backend = HandleBackend {
            commands: command_rx,
            pictures: pictures.clone(),
            snapshot: snapshot.clone(),
            events: event_tx,
            wake: wake.clone(),
        };
        let handle = Self {
            commands: command_tx,
            snapshot,
            events: Mutex::new(event_rx),
            pictures,
            wake,
            _engine: engine,
        };
        (handle, backend)
    }

    /// Asks for something.
    pub fn send(&self, command: Command) {
        if self.commands.try_send(command).is_err() {
            tracing::warn!("the engine is not taking commands");
        }
    }

    /// How everything is now. Read it once a frame.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The next moment that was not looked at yet.
    pub fn next_event(&self) -> Option<Event> {
        self.events.lock().ok()?.try_recv().ok()
    }

    /// Our own picture.
    pub fn self_view(&self) -> Arc<FrameSlot> {
        self.pictures.own.clone()
    }

    /// Somebody else's picture.
    pub fn picture_of(&self, participant: ParticipantId) -> Option<Arc<FrameSlot>> {
        self.pictures.others.load().get(&participant).cloned()
    }

    /// Calls `wake` at each change, from any thread: it must be quick.
    pub fn on_change(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.wake.store(Arc::new(Arc::new(wake)));
    }
}
