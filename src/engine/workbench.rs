//! Whole calls without devices, on virtual time or on real sockets: what tests are made of, and the
//! call lab's calls of minutes in seconds.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use tokio::sync::mpsc;

use super::audio_worker::AudioOrder;
use super::entrances::Way;
use super::media::{Media, MediaError};
use super::session::{
    DirectWith, Session, SessionCommand, SessionEvent, SessionOptions, SessionRemote,
};
use super::video_worker::VideoOrder;
use super::way_back::WayBack;
use super::{CallReport, Handicap, Pictures, WallClock, Workshop, least_bitrate};
use crate::call::CallOptions;
use crate::capture::{AudioSource, VideoSource};
use crate::codec::OpusMode;
use crate::peer::runtime::{Runtime, VirtualRuntime, VirtualWorld};
use crate::peer::{PeerConfig, WebrtcFactory};
use crate::playout::{AudioSink, VideoSink};
use crate::process::Processing;
use crate::signaling::{MemoryServer, MemorySwitchboard, Switchboard};
use crate::trust::{Identity, Invite};

/// How long somebody waits for the others.
const PATIENCE: Duration = Duration::from_secs(30);

/// One party to a call, and what stands in for its devices.
pub struct Party {
    /// Whose call it is, and how long what may take.
    pub call: CallOptions,
    /// Who it is to the others.
    pub identity: Arc<Identity>,
    /// As it calls itself.
    pub name: String,
    /// Where the others are met.
    pub ways: Vec<Way>,
    /// How its line is made.
    pub peer: PeerConfig,
    /// Hangs up when they have talked so long.
    pub duration: Option<Duration>,
    /// What it says; it is sent as it is.
    pub microphone: Box<dyn AudioSource>,
    /// Where the others are heard.
    pub speaker: Box<dyn AudioSink>,
    /// What it shows.
    pub camera: Option<Box<dyn VideoSource>>,
    /// Where the others are seen.
    pub display: Box<dyn VideoSink>,
    /// What is made worse on purpose.
    pub handicaps: Vec<Handicap>,
}

/// One party's call, before it has begun.
pub struct Place {
    /// The call; to be run.
    pub session: Session,
    /// Tells it something. It does not start before [`SessionCommand::Ready`].
    pub remote: SessionRemote,
    /// What happens in it.
    pub events: mpsc::Receiver<SessionEvent>,
    /// What is seen and heard.
    pub media: Arc<Media>,
}

impl Party {
    /// Takes part over `switchboard`; the moments of the report are told by `clock`.
    ///
    /// # Errors
    /// When there is no thread, or a codec does not start.
    pub fn take_place(
        self,
        runtime: Arc<dyn Runtime>,
        workshop: Workshop,
        clock: WallClock,
        switchboard: Box<dyn Switchboard>,
    ) -> Result<Place, MediaError> {
        let pictures = Arc::<Pictures>::default();
        let (media, _) = Media::new(
            workshop,
            Processing::OFF,
            OpusMode::Voice,
            pictures.own().clone(),
            Some(self.display),
            &self.handicaps,
        )?;
        media.order_audio(AudioOrder::Source(
            Some(self.microphone),
            WayBack::nowhere(),
        ));
        media.order_audio(AudioOrder::Sink(self.speaker, WayBack::nowhere()));
        let camera_on = self.camera.is_some();
        media.order_video(VideoOrder::Source(self.camera, WayBack::nowhere()));
        let media = Arc::new(media);
        let least = least_bitrate(self.peer.max_bitrate, &self.handicaps);
        let options = SessionOptions {
            call: self.call,
            identity: self.identity,
            name: self.name,
            ways: self.ways,
            direct_with: DirectWith::Everybody,
            peer: PeerConfig {
                min_bitrate: least.max(self.peer.min_bitrate),
                ..self.peer
            },
            patience: Some(PATIENCE),
            duration: self.duration,
            started: runtime.now(),
            clock,
        };
        let factory = {
            let runtime = runtime.clone();
            Arc::new(WebrtcFactory::new(move || runtime.clone()))
        };
        let (session, remote, events) = Session::new(
            options,
            runtime,
            switchboard,
            factory,
            media.clone(),
            pictures,
        );
        // There is room for the first of all orders.
        let _ = remote.commands.try_send(SessionCommand::Announce {
            muted: false,
            camera_on,
        });
        Ok(Place {
            session,
            remote,
            events,
            media,
        })
    }
}

/// A world of virtual time with a call server and an invite to it.
#[derive(Debug)]
pub struct Workbench {
    /// Where hosts are.
    pub world: VirtualWorld,
    /// Introduces them.
    pub server: MemoryServer,
    /// To a room of the server; the addresses in it lead nowhere.
    pub invite: Invite,
    clock: WallClock,
}

impl Workbench {
    /// What the clock of every such world shows at its beginning, in seconds since the epoch; not
    /// nothing, which could be taken for no time at all.
    pub const BEGINNING: Duration = Duration::from_secs(1_000);

    /// A world at its beginning, in which everybody has this invite.
    pub fn new(invite: Invite) -> Self {
        let world = VirtualWorld::new();
        Self {
            clock: WallClock::new(world.now(), Self::BEGINNING),
            world,
            server: MemoryServer::new(),
            invite,
        }
    }

    /// What tells the moments of this world.
    pub fn clock(&self) -> WallClock {
        self.clock
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.world.now()
    }

    /// A place in the call for `party`, on `host`.
    ///
    /// # Errors
    /// When a codec does not start.
    pub fn place(&self, host: &Arc<VirtualRuntime>, party: Party) -> Result<Place, MediaError> {
        let runtime: Arc<dyn Runtime> = host.clone();
        let workshop = Workshop::Tasks(runtime.clone());
        let switchboard = Box::new(MemorySwitchboard::new(self.server.clone(), 0));
        party.take_place(runtime, workshop, self.clock, switchboard)
    }

    /// Everybody's call to its end, while `script` goes on beside it.
    pub fn play<T>(
        &self,
        sessions: Vec<Session>,
        script: impl Future<Output = T>,
    ) -> (Vec<CallReport>, T) {
        let calls = join_all(sessions.into_iter().map(Session::run));
        self.world.block_on(join(calls, script))
    }
}
