use std::collections::BTreeMap;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::codec::vp8::rtp::PictureId;
use crate::media::RtpTimestamp;

/// A frame of which some packets came in; it has at least one.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) rtp_timestamp: RtpTimestamp,
    pub(super) picture_id: Option<PictureId>,
    /// By sequence number.
    pub(super) packets: BTreeMap<i64, (Bytes, Instant)>,
    /// The packet that begins it, and whether it says "key frame".
    pub(super) first: Option<(i64, bool)>,
    /// The packet with the marker.
    pub(super) last: Option<i64>,
    pub(super) completed_at: Instant,
}

impl Partial {
    pub(super) fn lowest(&self) -> i64 {
        self.packets
            .first_key_value()
            .map_or(i64::MAX, |(sequence, _)| *sequence)
    }

    pub(super) fn highest(&self) -> i64 {
        self.packets
            .last_key_value()
            .map_or(i64::MIN, |(sequence, _)| *sequence)
    }

    /// `None` as long as its first packet is missing.
    pub(super) fn is_key(&self) -> Option<bool> {
        self.first.map(|(_, key_frame)| key_frame)
    }

    /// Whether its first packet is here and says so.
    pub(super) fn is_no_key(&self) -> bool {
        self.is_key() == Some(false)
    }

    pub(super) fn is_whole(&self) -> bool {
        match (self.first, self.last) {
            (Some((first, _)), Some(last)) => {
                (self.lowest(), self.highest()) == (first, last)
                    && self.packets.len() as i64 == last - first + 1
            }
            _ => false,
        }
    }

    pub(super) fn first_arrival(&self) -> Instant {
        let arrivals = self.packets.values().map(|(_, arrived_at)| *arrived_at);
        arrivals.min().unwrap_or(self.completed_at)
    }

    /// When the first packet behind a hole came in.
    pub(super) fn hole(&self) -> Option<Instant> {
        let sequences = self.packets.keys().zip(self.packets.iter().skip(1));
        let mut behind = sequences.filter(|(before, (after, _))| **after != *before + 1);
        behind.next().map(|(_, (_, (_, arrived_at)))| *arrived_at)
    }

    pub(super) fn into_data(self) -> Bytes {
        if self.packets.len() == 1 {
            return self
                .packets
                .into_values()
                .map(|(data, _)| data)
                .next()
                .unwrap_or_default();
        }
        let size = self.packets.values().map(|(data, _)| data.len()).sum();
        let mut whole = BytesMut::with_capacity(size);
        self.packets
            .values()
            .for_each(|(data, _)| whole.extend_from_slice(data));
        whole.freeze()
    }
}
