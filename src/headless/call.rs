use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt as _;

use super::companion::Companion;
use super::gear::Gear;
use super::{BAD_FILE, Exit};
use crate::call::{Answer, CallEndReason, CallOptions, CallRole, ParticipantId};
use crate::cli::CallArgs;
use crate::codec::OpusMode;
use crate::engine::{
    CallReport, Media, Meeting, Pictures, Session, SessionCommand, SessionOptions, WallClock,
    Workshop, least_bitrate,
};
use crate::media::Bitrate;

use crate::peer::runtime::{HostRuntime, Runtime};
use crate::peer::{Certificate, PeerConfig, START_BITRATE, WebrtcFactory};
use crate::process::Processing;
use crate::trust::Identity;

/// Has one side's call; each line on stderr begins with `prefix`.
///
/// # Errors
/// When it cannot even begin, or panics.
pub async fn call(
    args: CallArgs,
    gear: Gear,
    role: CallRole,
    meeting: Meeting,
    started: Instant,
    prefix: &'static str,
) -> anyhow::Result<(CallReport, Exit)> {
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
    let options = SessionOptions {
        call: CallOptions {
            // Nobody is here to be asked; whoever starts it invites whoever has the invite.
            answer: Answer::Everybody,
            ..CallOptions::new(role, ParticipantId(rand::rng().random()))
        },
        identity: Arc::new(Identity::new(&mut rand::rng())),
        name: args.name.clone(),
        ways: meeting.ways,
        peer: PeerConfig {
            ice_servers: args.stun.iter().chain(&args.turn).cloned().collect(),
            bind: Vec::new(),
            certificate: Certificate::new()?,
            relay_only: args.relay_only,
            start_bitrate: START_BITRATE,
            min_bitrate: least_bitrate(max_bitrate, &args.handicap),
            max_bitrate,
        },
        patience: args
            .patience
            .or((role == CallRole::Guest).then_some(Duration::from_secs(60))),
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
    let mut companion = Companion::new(remote, events, media, opened, devices, prefix, started)?;
    let mut task = tokio::spawn(session.run());
    let report = loop {
        tokio::select! {
            report = &mut task => break report.context("the call broke off")?,
            () = companion.accompany() => {}
        }
    };
    companion.finish();
    let exit = match (companion.bad_file(), companion.away()) {
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
    drop(meeting.embedded);
    if exit.sentence.is_none() {
        eprintln!("{prefix}{}", report.ended_sentence);
    }
    Ok((report, exit))
}
