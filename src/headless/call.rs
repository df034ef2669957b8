use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt as _;
use tokio::task::JoinHandle;

use super::companion::Companion;
use super::gear::Gear;
use super::{BAD_FILE, Exit};
use crate::call::{Answer, CallEndReason, CallOptions, CallRole, Part, ParticipantId};
use crate::cli::CallArgs;
use crate::codec::OpusMode;
use crate::engine::{
    CallReport, DirectWith, Media, Meeting, Pictures, Session, SessionCommand, SessionOptions,
    SessionRemote, WallClock, Workshop, least_bitrate,
};
use crate::media::Bitrate;
use crate::peer::runtime::{HostRuntime, Runtime};
use crate::peer::{Certificate, PeerConfig, START_BITRATE, WebrtcFactory};
use crate::process::Processing;
use crate::signaling::EmbeddedServer;
use crate::trust::{Identity, Portrait, PublicIdentity};

/// One side of a call.
pub struct Side {
    /// Whose call it is.
    pub role: CallRole,
    /// Who this side is to the other.
    pub identity: Arc<Identity>,
    /// How they look, if they show it.
    pub portrait: Option<Portrait>,
    /// To these nobody is here.
    pub ignored: BTreeSet<PublicIdentity>,
    /// When the call was asked for.
    pub started: Instant,
    /// What each of its lines on stderr begins with.
    pub prefix: &'static str,
}

impl Side {
    /// Somebody new, whom nobody knows from another call.
    pub fn stranger(role: CallRole, started: Instant, prefix: &'static str) -> Self {
        Self {
            role,
            identity: Arc::new(Identity::new(&mut rand::rng())),
            portrait: None,
            ignored: BTreeSet::new(),
            started,
            prefix,
        }
    }
}

/// Has one side's call.
///
/// # Errors
/// When it cannot even begin, or panics.
pub async fn call(
    args: CallArgs,
    gear: Gear,
    meeting: Meeting,
    side: Side,
) -> anyhow::Result<(CallReport, Exit)> {
    Ongoing::begin(args, gear, meeting, side)?.over().await
}

/// A call that goes on for as long as [`Self::over`] is waited for.
pub struct Ongoing {
    remote: SessionRemote,
    companion: Companion,
    task: JoinHandle<CallReport>,
    prefix: &'static str,
    /// Lives as long as the call.
    embedded: Option<EmbeddedServer>,
}

impl Ongoing {
    /// Enters it. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When it cannot even begin.
    pub fn begin(args: CallArgs, gear: Gear, meeting: Meeting, side: Side) -> anyhow::Result<Self> {
        let Side {
            role,
            identity,
            portrait,
            ignored,
            started,
            prefix,
        } = side;
        let Gear { devices, display } = gear;
        let processing = if args.processing.unwrap_or(true) {
            Processing::ALL
        } else {
            Processing::OFF
        };
        let pictures = Arc::<Pictures>::default();
        let own = pictures.own().clone();
        let (media, opened) = Media::new(
            Workshop::Threads,
            processing,
            OpusMode::Voice,
            own,
            display,
            &args.handicap,
        )?;
        let media = Arc::new(media);
        let max_bitrate = Bitrate::from_kbps(args.max_bitrate);
        // To a standing room others come when they like.
        let asked = role == CallRole::Guest && meeting.part != Part::Meets;
        let options = SessionOptions {
            call: CallOptions {
                part: meeting.part,
                // Nobody is here to be asked; whoever starts it invites whoever has the invite.
                answer: Answer::Everybody,
                portrait,
                ignored,
                ..CallOptions::new(role, ParticipantId(rand::rng().random()))
            },
            identity,
            name: args.name.clone(),
            ways: meeting.ways,
            direct_with: DirectWith::Everybody,
            peer: PeerConfig {
                ice_servers: args.stun.iter().chain(&args.turn).cloned().collect(),
                bind: Vec::new(),
                certificate: Certificate::new()?,
                relay_only: args.relay_only,
                start_bitrate: START_BITRATE,
                min_bitrate: least_bitrate(max_bitrate, &args.handicap),
                max_bitrate,
            },
            patience: args.patience.or(asked.then_some(Duration::from_secs(60))),
            duration: args.duration,
            started,
            clock: WallClock::read(),
        };
        let runtime: Arc<dyn Runtime> = Arc::new(HostRuntime::new());
        let factory = Arc::new(WebrtcFactory::new(|| {
            Arc::new(HostRuntime::new()) as Arc<dyn Runtime>
        }));
        let (session, remote, events) = Session::new(
            options,
            runtime,
            meeting.switchboard,
            factory,
            media.clone(),
            pictures,
        );
        // Whoever starts a headless call has said that it may start.
        let _ = remote.commands.try_send(SessionCommand::Ready);
        let companion = Companion::new(
            remote.clone(),
            events,
            media,
            opened,
            devices,
            prefix,
            started,
        )?;
        Ok(Self {
            remote,
            companion,
            task: tokio::spawn(session.run()),
            prefix,
            embedded: meeting.embedded,
        })
    }

    /// Talking has begun.
    pub fn is_talking(&self) -> bool {
        self.remote.view.load().connected_at.is_some()
    }

    /// As whoever accompanies it does at the wish to stop, if there was nobody yet when it came.
    pub fn hang_up(&self) {
        self.end(if self.is_talking() {
            CallEndReason::LocalHangup
        } else {
            CallEndReason::Cancelled
        });
    }

    /// Ends it.
    pub fn end(&self, reason: CallEndReason) {
        // Full or closed: the call is ending.
        let _ = self.remote.commands.try_send(SessionCommand::End(reason));
    }

    /// Accompanies it to its end. May be dropped while waiting, and asked again; not after the end.
    ///
    /// # Errors
    /// When it panics.
    pub async fn over(&mut self) -> anyhow::Result<(CallReport, Exit)> {
        let report = loop {
            tokio::select! {
                report = &mut self.task => break report.context("the call broke off")?,
                () = self.companion.accompany() => {}
            }
        };
        self.companion.finish();
        let exit = match (self.companion.bad_file(), self.companion.away()) {
            (Some(sentence), _) => Exit {
                code: BAD_FILE,
                sentence: Some(sentence.to_owned()),
            },
            // What the server is or does says more than that it does not answer.
            (None, Some(away)) if report.ended == CallEndReason::ServerUnreachable => Exit {
                code: report.ended.exit_code(),
                sentence: Some(away.to_owned()),
            },
            (None, _) => Exit::of(report.ended),
        };
        drop(self.embedded.take());
        if exit.sentence.is_none() {
            eprintln!("{}{}", self.prefix, report.ended_sentence);
        }
        Ok((report, exit))
    }
}
