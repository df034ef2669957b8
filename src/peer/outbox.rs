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
/// More than a key frame at the highest rate. A picture that does not fit is refused as a whole.
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

    /// Queues a frame of sound or the packets of a picture; never waits. `false` if a picture does
    /// not fit: then nothing of it goes, for the beginning alone is of no use, and without numbers
    /// yet it would leave no hole that the other side could ask to have filled.
    #[must_use]
    pub(super) fn push(&self, kind: MediaKind, packets: Vec<rtp::Packet>) -> bool {
        {
            let mut lanes = self.lanes();
            if lanes.closed {
                return true;
            }
            match kind {
                MediaKind::Audio => {
                    lanes.audio.extend(packets);
                    let late = lanes.audio.len().saturating_sub(MAX_AUDIO);
                    lanes.audio.drain(..late);
                }
                MediaKind::Video if lanes.video.len() + packets.len() > MAX_VIDEO => return false,
                MediaKind::Video => lanes.video.extend(packets),
            }
        }
        self.filled.notify_one();
        true
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn frame(timestamp: u32, length: usize) -> Vec<rtp::Packet> {
        let packets = (1..=length).map(|number| {
            let header = rtp::Header {
                timestamp,
                marker: number == length,
                ..rtp::Header::default()
            };
            rtp::Packet {
                header,
                ..rtp::Packet::default()
            }
        });
        packets.collect()
    }

    /// Takes `count` packets: the timestamps of each kind, and which of them ended something.
    fn take(outbox: &Outbox, count: usize) -> Vec<(MediaKind, u32, bool)> {
        let mut taken = Vec::new();
        while taken.len() < count
            && let Some(Some(Outgoing::Rtp(kind, packet))) = outbox.pop().now_or_never()
        {
            taken.push((kind, packet.header.timestamp, packet.header.marker));
        }
        taken
    }

    #[test]
    fn a_picture_goes_as_a_whole_or_not_at_all() {
        let outbox = Outbox::default();
        let fitting = (0..20).filter(|n| outbox.push(MediaKind::Video, frame(*n, 100)));
        assert_eq!(fitting.collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        // A smaller one still fits, and sound has a lane of its own.
        assert!(outbox.push(MediaKind::Video, frame(20, 24)));
        assert!(!outbox.push(MediaKind::Video, frame(21, 1)));
        assert!(outbox.push(MediaKind::Audio, frame(99, 1)));
        // The first is on its way when there is room again.
        let mut taken = take(&outbox, 1 + 30);
        assert_eq!(taken[0], (MediaKind::Audio, 99, true));
        assert!(!outbox.push(MediaKind::Video, frame(22, 31)));
        assert!(outbox.push(MediaKind::Video, frame(23, 30)));
        taken.extend(take(&outbox, usize::MAX));
        let whole: Vec<_> = (0..10)
            .map(|n| (n, 100))
            .chain([(20, 24), (23, 30)])
            .collect();
        let mut pictures = taken[1..].iter();
        for (timestamp, length) in whole {
            for number in 1..=length {
                let packet = (MediaKind::Video, timestamp, number == length);
                assert_eq!(pictures.next(), Some(&packet));
            }
        }
        assert_eq!(pictures.next(), None);
    }

    #[test]
    fn the_oldest_sound_gives_way() {
        let outbox = Outbox::default();
        for timestamp in 0..60 {
            assert!(outbox.push(MediaKind::Audio, frame(timestamp, 1)));
        }
        let taken = take(&outbox, usize::MAX);
        let timestamps = taken.iter().map(|(_, timestamp, _)| *timestamp);
        assert!(timestamps.eq(10..60));
    }
}
