//! Takes media packets without waiting and hands them to the library, sound first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use tokio::sync::Notify;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use crate::media::MediaKind;

/// A second of sound. Full: the oldest is dropped, for late sound is worth nothing.
const MAX_AUDIO: usize = 50;
/// More than a key frame at the highest rate. Full: what comes is dropped.
const MAX_VIDEO: usize = 1_024;

/// Between the encoders and the library, whose own queue is awaited.
#[derive(Default)]
pub(super) struct Outbox {
    lanes: Mutex<Lanes>,
    filled: Notify,
}

#[derive(Default)]
struct Lanes {
    audio: VecDeque<rtp::Packet>,
    video: VecDeque<rtp::Packet>,
    /// Asks for a key frame of this SSRC; two requests that wait are one.
    key_frame: Option<PictureLossIndication>,
    closed: bool,
}

enum Outgoing {
    Rtp(MediaKind, rtp::Packet),
    KeyFrameRequest(PictureLossIndication),
}

impl Outbox {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a packet; never waits.
    pub(super) fn push(&self, kind: MediaKind, packet: rtp::Packet) {
        {
            let mut lanes = self.lanes();
            if lanes.closed {
                return;
            }
            match kind {
                MediaKind::Audio => {
                    if lanes.audio.len() == MAX_AUDIO {
                        lanes.audio.pop_front();
                    }
                    lanes.audio.push_back(packet);
                }
                MediaKind::Video if lanes.video.len() == MAX_VIDEO => return,
                MediaKind::Video => lanes.video.push_back(packet),
            }
        }
        self.filled.notify_one();
    }

    /// Queues a request for a key frame; never waits.
    pub(super) fn request_key_frame(&self, request: PictureLossIndication) {
        let mut lanes = self.lanes();
        lanes.key_frame = Some(request).filter(|_| !lanes.closed);
        drop(lanes);
        self.filled.notify_one();
    }

    /// Ends [`Self::run`].
    pub(super) fn close(&self) {
        *self.lanes() = Lanes {
            closed: true,
            ..Lanes::default()
        };
        self.filled.notify_one();
    }

    /// The next packet, sound before pictures; `None` once closed.
    async fn pop(&self) -> Option<Outgoing> {
        loop {
            {
                let mut lanes = self.lanes();
                if lanes.closed {
                    return None;
                }
                if let Some(request) = lanes.key_frame.take() {
                    return Some(Outgoing::KeyFrameRequest(request));
                }
                if let Some(packet) = lanes.audio.pop_front() {
                    return Some(Outgoing::Rtp(MediaKind::Audio, packet));
                }
                if let Some(packet) = lanes.video.pop_front() {
                    return Some(Outgoing::Rtp(MediaKind::Video, packet));
                }
            }
            self.filled.notified().await;
        }
    }

    /// Hands packets over until the outbox is closed or the library is gone.
    pub(super) async fn run(
        self: Arc<Self>,
        audio: Arc<TrackLocalStaticRTP>,
        video: Arc<TrackLocalStaticRTP>,
    ) {
        while let Some(outgoing) = self.pop().await {
            let written = match outgoing {
                Outgoing::Rtp(MediaKind::Audio, packet) => audio.write_rtp(packet).await,
                Outgoing::Rtp(MediaKind::Video, packet) => video.write_rtp(packet).await,
                Outgoing::KeyFrameRequest(pli) => video.write_rtcp(vec![Box::new(pli)]).await,
            };
            if let Err(error) = written {
                tracing::debug!(%error, "the connection takes no more packets");
                self.close();
            }
        }
    }
}
