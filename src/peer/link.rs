//! One connection: negotiation in order, media without waiting, and an end that frees everything.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use tokio::sync::oneshot;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCSessionDescription};
use webrtc::rtp_transceiver::RtpTransceiver;
use webrtc::runtime::Runtime;

use super::control::Control;
use super::factory::failed;
use super::outbox::Outbox;
use super::shared::{ClockPoint, Shared};
use super::{
    ConnectionState, IceCandidate, PeerError, PeerEvent, PeerLink, PeerStats, codecs, stats,
};
use crate::media::{MediaKind, OutgoingRtp};

/// No description of a call is longer.
const MAX_DESCRIPTION: usize = 64 * 1_024;
/// No candidate is longer.
const MAX_CANDIDATE: usize = 1_024;
/// Candidates of the other side that are tried in one go; each is paired with each of ours.
const MAX_REMOTE_CANDIDATES: usize = 64;

/// The two tracks of a call, for its whole life.
pub(super) struct Media {
    pub(super) audio: Arc<TrackLocalStaticRTP>,
    pub(super) video: Arc<TrackLocalStaticRTP>,
    pub(super) audio_transceiver: Arc<dyn RtpTransceiver>,
    pub(super) video_transceiver: Arc<dyn RtpTransceiver>,
}

/// What a connection is made of, shared with the task that ends it.
pub(super) struct Core {
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) connection: Arc<dyn PeerConnection>,
    pub(super) shared: Arc<Shared>,
    pub(super) media: Media,
    outbox: Arc<Outbox>,
    control: Arc<Control>,
    /// Held for the length of a step of negotiation; one at a time, in the order they come.
    negotiation: tokio::sync::Mutex<Negotiation>,
    closing: AtomicBool,
    closed: tokio::sync::Mutex<bool>,
}

#[derive(Default)]
struct Negotiation {
    /// Came before a description that they could belong to.
    early: Vec<RTCIceCandidateInit>,
    /// Taken since the last description.
    candidates: usize,
}

impl Core {
    pub(super) fn new(
        runtime: Arc<dyn Runtime>,
        connection: Arc<dyn PeerConnection>,
        shared: Arc<Shared>,
        media: Media,
        outbox: Arc<Outbox>,
        control: Arc<Control>,
    ) -> Self {
        Self {
            runtime,
            connection,
            shared,
            media,
            outbox,
            control,
            negotiation: tokio::sync::Mutex::default(),
            closing: AtomicBool::new(false),
            closed: tokio::sync::Mutex::new(false),
        }
    }

    /// Frees sockets and tasks; the second to call waits for the first.
    async fn close(&self) {
        let mut closed = self.closed.lock().await;
        if *closed {
            return;
        }
        *closed = true;
        self.closing.store(true, Ordering::Release);
        // First, so that the end of the library's driver is not taken for a failure.
        self.shared.set_connection(ConnectionState::Closed);
        self.outbox.close();
        self.control.close();
        let ended = AssertUnwindSafe(self.connection.close())
            .catch_unwind()
            .await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::debug!("the connection did not close cleanly");
        }
        self.shared.forget_observer();
    }

    /// Takes the other side's description, and the candidates that waited for it.
    async fn set_remote(
        &self,
        negotiation: &mut Negotiation,
        description: RTCSessionDescription,
    ) -> Result<(), PeerError> {
        self.connection
            .set_remote_description(description)
            .await
            .map_err(bad_description)?;
        negotiation.candidates = 0;
        for candidate in std::mem::take(&mut negotiation.early) {
            negotiation.candidates += 1;
            if let Err(error) = self.connection.add_ice_candidate(candidate).await {
                tracing::debug!(%error, "a candidate that waited cannot be used");
            }
        }
        Ok(())
    }

    async fn answer(
        &self,
        negotiation: &mut Negotiation,
        offer: RTCSessionDescription,
    ) -> Result<String, PeerError> {
        self.set_remote(negotiation, offer).await?;
        let answer = self
            .connection
            .create_answer(None)
            .await
            .map_err(bad_description)?;
        let sdp = answer.sdp.clone();
        self.connection
            .set_local_description(answer)
            .await
            .map_err(bad_description)?;
        self.agree_on_codecs().await;
        Ok(sdp)
    }

    /// Looks up what was agreed upon: payload types are the offerer's choice.
    async fn agree_on_codecs(&self) {
        let audio = negotiated(&self.media.audio_transceiver).await;
        let video = negotiated(&self.media.video_transceiver).await;
        let audio_type = payload_type(&audio, MediaKind::Audio);
        let video_type = payload_type(&video, MediaKind::Video);
        let mut ledger = self.shared.ledger();
        ledger.audio_payload_type = audio_type;
        ledger.video_payload_type = video_type;
        let stats = &mut ledger.stats;
        stats.audio_codec = audio_type.map(|_| codecs::codec(MediaKind::Audio).mime_type);
        stats.video_codec = video_type.map(|_| codecs::codec(MediaKind::Video).mime_type);
        stats.payload_types = audio.into_iter().chain(video).collect();
    }

    /// Runs a step of negotiation. `webrtc` 0.21.1 takes descriptions apart with some trust in
    /// their form; should one make it panic, the connection is of no more use, but the call learns
    /// of it by an error.
    async fn step<T>(
        &self,
        step: impl Future<Output = Result<T, PeerError>> + Send,
    ) -> Result<T, PeerError> {
        if self.closing.load(Ordering::Acquire) {
            return Err(PeerError::Failed("it is closed".to_owned()));
        }
        match AssertUnwindSafe(step).catch_unwind().await {
            Ok(result) => result,
            Err(_) => {
                self.shared.set_connection(ConnectionState::Failed);
                Err(PeerError::BadDescription(
                    "it breaks the library".to_owned(),
                ))
            }
        }
    }
}

/// The payload types that the other side takes, the preferred first, each with its format; none
/// where nothing may be sent.
async fn negotiated(transceiver: &Arc<dyn RtpTransceiver>) -> Vec<(u8, String)> {
    let codecs = async {
        transceiver.mid().await.ok().flatten()?;
        if !transceiver.current_direction().await.ok()?.has_send() {
            return None;
        }
        let sender = transceiver.sender().await.ok().flatten()?;
        Some(sender.get_parameters().await.ok()?.rtp_parameters.codecs)
    };
    let codecs = codecs.await.unwrap_or_default().into_iter();
    codecs
        .map(|codec| (codec.payload_type, codec.rtp_codec.mime_type))
        .collect()
}

/// The one of them that media of `kind` is sent with.
fn payload_type(negotiated: &[(u8, String)], kind: MediaKind) -> Option<u8> {
    let wanted = codecs::codec(kind).mime_type;
    let mut found = negotiated.iter();
    found
        .find(|(_, mime_type)| mime_type.eq_ignore_ascii_case(&wanted))
        .map(|(payload_type, _)| *payload_type)
}

fn bad_description(error: webrtc::error::Error) -> PeerError {
    PeerError::BadDescription(error.to_string())
}

/// The handle of a connection; dropping it closes the connection.
pub struct WebrtcLink {
    core: Arc<Core>,
    /// Dropped when the connection closes or with the handle, which wakes the task that closes.
    alive: Mutex<Option<oneshot::Sender<()>>>,
}

impl WebrtcLink {
    pub(super) fn new(core: Core, runtime: &dyn Runtime) -> Self {
        let core = Arc::new(core);
        let (alive, gone) = oneshot::channel::<()>();
        let closer = Arc::clone(&core);
        // A task that waits, because a runtime may not be at hand where a handle is dropped.
        let close = async move {
            let _ = gone.await;
            closer.close().await;
        };
        runtime.spawn(Box::pin(close)).detach();
        Self {
            core,
            alive: Mutex::new(Some(alive)),
        }
    }

    /// Sends reports of a test's own making, as one compound packet.
    #[cfg(test)]
    pub(crate) async fn send_rtcp(&self, packets: Vec<Box<dyn rtc::rtcp::Packet>>) {
        use webrtc::media_stream::track_local::TrackLocal as _;

        let sent = self.core.media.video.write_rtcp(packets).await;
        sent.expect("a connection that takes it");
    }
}

#[async_trait]
impl PeerLink for WebrtcLink {
    async fn create_offer(&self, ice_restart: bool) -> Result<String, PeerError> {
        let core = &self.core;
        let _negotiation = core.negotiation.lock().await;
        core.step(async {
            let options = RTCOfferOptions { ice_restart };
            let offer = core
                .connection
                .create_offer(Some(options))
                .await
                .map_err(failed)?;
            // 0.21.1 still writes the candidates of the sockets that the restart closes.
            let sdp = if ice_restart {
                without_candidates(&offer.sdp)
            } else {
                offer.sdp.clone()
            };
            core.connection
                .set_local_description(offer)
                .await
                .map_err(failed)?;
            Ok(sdp)
        })
        .await
    }

    async fn handle_offer(&self, sdp: &str) -> Result<String, PeerError> {
        let offer = description(sdp, RTCSessionDescription::offer)?;
        let core = &self.core;
        let mut negotiation = core.negotiation.lock().await;
        core.step(async {
            if core.connection.pending_local_description().await.is_some() {
                // Glare: theirs wins (RFC 9429 section 4.1.10.2).
                let rollback = RTCSessionDescription::rollback(None).map_err(failed)?;
                core.connection
                    .set_local_description(rollback)
                    .await
                    .map_err(failed)?;
            }
            let answered = core.answer(&mut negotiation, offer).await;
            if answered.is_err() && core.connection.pending_remote_description().await.is_some() {
                // As if it had never come, so that a better one can.
                let rollback = RTCSessionDescription::rollback(None).map_err(failed)?;
                let _ = core.connection.set_remote_description(rollback).await;
            }
            answered
        })
        .await
    }

    async fn handle_answer(&self, sdp: &str) -> Result<(), PeerError> {
        let answer = description(sdp, RTCSessionDescription::answer)?;
        let core = &self.core;
        let mut negotiation = core.negotiation.lock().await;
        core.step(async {
            if core.connection.pending_local_description().await.is_none() {
                return Err(PeerError::BadDescription("nothing was offered".to_owned()));
            }
            core.set_remote(&mut negotiation, answer).await?;
            core.agree_on_codecs().await;
            Ok(())
        })
        .await
    }

    async fn add_candidate(&self, candidate: IceCandidate) -> Result<(), PeerError> {
        if candidate.candidate.len() > MAX_CANDIDATE {
            return Err(PeerError::BadDescription("a candidate too long".to_owned()));
        }
        let init = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_m_line_index,
            username_fragment: None,
            url: None,
        };
        let core = &self.core;
        let mut negotiation = core.negotiation.lock().await;
        if negotiation.candidates + negotiation.early.len() >= MAX_REMOTE_CANDIDATES {
            return Err(PeerError::BadDescription("too many candidates".to_owned()));
        }
        core.step(async {
            if core.connection.remote_description().await.is_none() {
                negotiation.early.push(init);
                return Ok(());
            }
            negotiation.candidates += 1;
            core.connection
                .add_ice_candidate(init)
                .await
                .map_err(bad_description)
        })
        .await
    }

    fn send_rtp(&self, packets: &[OutgoingRtp]) {
        let Some(first) = packets.first() else {
            return;
        };
        let (kind, core) = (first.kind, &self.core);
        let ssrcs = &core.shared.ssrcs;
        let mut ledger = core.shared.ledger();
        let Some(payload_type) = ledger.payload_type(kind) else {
            return;
        };
        let ssrc = match kind {
            MediaKind::Audio => ssrcs.audio,
            MediaKind::Video => ssrcs.video,
        };
        if kind == MediaKind::Audio {
            ledger.audio_written(first.rtp_timestamp, core.runtime.now());
        }
        let point = ClockPoint {
            rtp_timestamp: first.rtp_timestamp,
            captured_at: first.captured_at,
        };
        ledger.set_clock_point(kind, point);
        drop(ledger);
        let packets = packets.iter().map(|packet| rtp::Packet {
            // Numbered where it departs.
            header: rtp::Header {
                version: 2,
                marker: packet.marker,
                payload_type,
                timestamp: packet.rtp_timestamp.0,
                ssrc,
                ..rtp::Header::default()
            },
            payload: packet.payload.clone(),
        });
        if !core.outbox.push(kind, packets.collect()) {
            tracing::debug!("a picture found no room and was thrown away");
            core.shared.report(PeerEvent::PictureDropped);
        }
    }

    fn send_control(&self, message: Bytes) -> bool {
        self.core.control.send(message)
    }

    fn request_key_frame(&self) {
        let core = &self.core;
        let Some(media_ssrc) = core.shared.ledger().remote_video_ssrc else {
            return;
        };
        core.outbox.request_key_frame(PictureLossIndication {
            sender_ssrc: core.shared.ssrcs.video,
            media_ssrc,
        });
    }

    async fn stats(&self) -> PeerStats {
        stats::collect(&self.core).await
    }

    async fn close(&self) {
        drop(
            self.alive
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.core.close().await;
    }
}

fn without_candidates(sdp: &str) -> String {
    let lines = sdp.split_inclusive('\n');
    lines
        .filter(|line| !line.starts_with("a=candidate:"))
        .collect()
}

/// A description of a bearable size, taken apart once to see that it is one.
fn description(
    sdp: &str,
    parse: fn(String) -> webrtc::error::Result<RTCSessionDescription>,
) -> Result<RTCSessionDescription, PeerError> {
    if sdp.len() > MAX_DESCRIPTION {
        return Err(PeerError::BadDescription("it is too long".to_owned()));
    }
    std::panic::catch_unwind(|| parse(sdp.to_owned()))
        .map_err(|_| PeerError::BadDescription("it breaks the library".to_owned()))?
        .map_err(bad_description)
}
