mod obstacle;
mod partial;
mod repairs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::codec::vp8::rtp::{Descriptor, PictureId};
use crate::media::{RtpPacket, RtpTimestamp};
use obstacle::Obstacle;
use partial::Partial;
use repairs::Repairs;

/// What is kept at most; beyond it the oldest goes, and a key frame is needed. At 8 Mb/s this is
/// more than a second.
const MAX_PACKETS: usize = 1_024;
const MAX_FRAMES: usize = 128;
/// A sequence number further away than this is from a sender that began anew.
const MAX_JUMP: i64 = 3_000;
/// Nobody is asked for key frames more often. Requests get lost as well, and who has just made one
/// does not make another.
const MIN_REQUEST_INTERVAL: Duration = Duration::from_millis(150);
/// The round trip before one was measured.
const ASSUMED_ROUND_TRIP: Duration = Duration::from_millis(100);
/// A key frame may overtake what is missing before it by this much without being taken for a way
/// around: packets that merely changed places come within it.
const REORDERING: Duration = Duration::from_millis(20);

/// A whole picture, decodable after the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssembledFrame {
    /// The bitstream.
    pub data: Bytes,
    /// Decodable without any frame before it.
    pub key_frame: bool,
    /// When it was captured, on the sender's clock.
    pub rtp_timestamp: RtpTimestamp,
    /// When its last missing packet came in.
    pub completed_at: Instant,
}

/// Packets of one VP8 stream to whole frames in decodable order, whatever the network did to them.
///
/// Feed [`Self::handle_packet`], then drain [`Self::poll_frame`], then ask
/// [`Self::poll_key_frame_request`]. A frame that misses packets is waited for as long as
/// retransmission can be expected to help; then a key frame is asked for, and whichever comes first
/// ends the gap.
#[derive(Debug)]
pub struct VideoAssembler {
    ssrc: Option<u32>,
    /// The highest sequence number so far, not wrapping.
    highest: i64,
    /// After a jump: the number that would confirm it (RFC 3550 appendix A.1).
    restarts_at: Option<u16>,
    /// Frames with at least one packet, in order of sequence numbers.
    frames: VecDeque<Partial>,
    packets: usize,
    /// Numbers of packets without content, ahead of the position.
    padding: BTreeSet<i64>,
    position: Position,
    round_trip: Duration,
    repairs: Repairs,
    last_arrival: Option<Instant>,
    last_request: Option<Instant>,
    counters: AssemblerCounters,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AssemblerCounters {
    /// Frames handed out.
    pub frames_assembled: u64,
    /// Frames of which something came in and which were given up.
    pub frames_dropped: u64,
    /// Packets that came twice, too late, or make no sense.
    pub packets_discarded: u64,
    /// How often a key frame was asked for.
    pub key_frames_requested: u64,
}

/// Where in the stream the decoder is.
#[derive(Debug, Clone, Copy)]
enum Position {
    /// Nowhere: only a key frame helps.
    NeedKeyFrame,
    /// It has everything up to this packet, the end of this picture.
    After {
        sequence: i64,
        picture_id: Option<PictureId>,
    },
}

impl VideoAssembler {
    /// An assembler that waits for a key frame.
    pub fn new() -> Self {
        Self {
            ssrc: None,
            highest: 0,
            restarts_at: None,
            frames: VecDeque::new(),
            packets: 0,
            padding: BTreeSet::new(),
            position: Position::NeedKeyFrame,
            round_trip: ASSUMED_ROUND_TRIP,
            repairs: Repairs::default(),
            last_arrival: None,
            last_request: None,
            counters: AssemblerCounters::default(),
        }
    }

    /// What was counted so far.
    pub fn counters(&self) -> AssemblerCounters {
        self.counters
    }

    /// Takes the latest measured round trip; it says how long to wait for retransmissions.
    pub fn handle_round_trip_time(&mut self, round_trip: Duration) {
        self.round_trip = round_trip.min(Duration::from_secs(2));
    }

    /// The decoder stumbled: nothing but a key frame helps.
    pub fn handle_decode_error(&mut self) {
        self.need_key_frame();
    }

    /// Takes a packet in whatever order; [`Self::poll_frame`] may have something after it.
    pub fn handle_packet(&mut self, packet: &RtpPacket) {
        let Some(sequence) = self.place(packet) else {
            self.counters.packets_discarded += 1;
            return;
        };
        if packet.recovered
            && let Obstacle::Missing { since } = self.obstacle()
        {
            self.repairs
                .add(packet.arrived_at.saturating_duration_since(since));
        }
        if !matches!(self.position, Position::After { sequence: past, .. } if sequence <= past) {
            self.last_arrival = Some(packet.arrived_at);
            if packet.payload.is_empty() {
                self.padding.insert(sequence);
            } else if let Some((descriptor, data)) = Descriptor::parse(&packet.payload) {
                let data = packet.payload.slice_ref(data);
                if self.insert(packet, sequence, descriptor, data) {
                    self.enforce_bounds();
                    return;
                }
            }
        }
        if !packet.payload.is_empty() {
            self.counters.packets_discarded += 1;
        }
        self.enforce_bounds();
    }

    /// The next frame for the decoder, if it is whole and the one before it was handed out.
    pub fn poll_frame(&mut self, now: Instant) -> Option<AssembledFrame> {
        match self.position {
            Position::NeedKeyFrame => self.take_key_frame(),
            Position::After { .. } => {
                self.skip_padding();
                match self.obstacle() {
                    Obstacle::None => self.take_front(),
                    Obstacle::Incoming => None,
                    Obstacle::Missing { since } if now < since + REORDERING => None,
                    Obstacle::Missing { .. } => self.take_key_frame(),
                    Obstacle::Skipped => {
                        self.need_key_frame();
                        self.take_key_frame()
                    }
                }
            }
        }
    }

    /// Whether to ask the sender for a key frame now. Never more often than every 150 ms or
    /// round trip and a half, and not while nothing comes in at all.
    pub fn poll_key_frame_request(&mut self, now: Instant) -> bool {
        let due = self.request_due_at().is_some_and(|due| due <= now);
        if due {
            self.last_request = Some(now);
            self.counters.key_frames_requested += 1;
        }
        due
    }

    /// When [`Self::poll_frame`] or [`Self::poll_key_frame_request`] may have something without
    /// another packet.
    pub fn next_wake(&self) -> Option<Instant> {
        let reordered = match (self.position, self.obstacle()) {
            (Position::After { .. }, Obstacle::Missing { since }) if self.has_key_frame() => {
                Some(since + REORDERING)
            }
            _ => None,
        };
        self.request_due_at().into_iter().chain(reordered).min()
    }

    /// How long a missing packet is waited for: two retransmissions, the second of which may have
    /// met a queue.
    fn patience(&self) -> Duration {
        let patience = self.round_trip * 5 / 2 + Duration::from_millis(100);
        let patience = patience.max(2 * self.repairs.usual());
        patience.clamp(Duration::from_millis(150), Duration::from_millis(600))
    }

    fn request_due_at(&self) -> Option<Instant> {
        let last_arrival = self.last_arrival?;
        let needed_at = match self.position {
            Position::After { .. } => match self.obstacle() {
                Obstacle::Missing { since } => since + self.patience(),
                _ => return None,
            },
            Position::NeedKeyFrame => {
                // One that is coming in is worth waiting for.
                let incoming = self
                    .frames
                    .iter()
                    .filter(|frame| frame.is_key() == Some(true));
                incoming
                    .flat_map(|frame| frame.packets.values().map(|(_, arrived_at)| *arrived_at))
                    .max()
                    .map_or(last_arrival, |latest| latest + self.patience())
            }
        };
        let Some(last_request) = self.last_request else {
            return Some(needed_at);
        };
        // Nothing came since: asking the silence again is of no use.
        if last_arrival <= last_request {
            return None;
        }
        let interval = MIN_REQUEST_INTERVAL.max(self.round_trip * 3 / 2);
        Some(needed_at.max(last_request + interval))
    }

    /// The packet's place in the stream without wrapping; `None` if it cannot be trusted yet.
    fn place(&mut self, packet: &RtpPacket) -> Option<i64> {
        if self.ssrc != Some(packet.ssrc) {
            self.restart(packet);
        }
        let step = packet.sequence_number.wrapping_sub(self.highest as u16) as i16;
        if i64::from(step).abs() > MAX_JUMP {
            if self.restarts_at != Some(packet.sequence_number) {
                self.restarts_at = Some(packet.sequence_number.wrapping_add(1));
                return None;
            }
            self.restart(packet);
            return Some(self.highest);
        }
        let sequence = self.highest + i64::from(step);
        self.highest = self.highest.max(sequence);
        Some(sequence)
    }

    fn restart(&mut self, packet: &RtpPacket) {
        self.ssrc = Some(packet.ssrc);
        self.highest = i64::from(packet.sequence_number);
        self.restarts_at = None;
        self.need_key_frame();
        self.counters.frames_dropped += self.frames.len() as u64;
        self.frames.clear();
        self.padding.clear();
        self.packets = 0;
    }

    /// Whether the packet was new.
    fn insert(
        &mut self,
        packet: &RtpPacket,
        sequence: i64,
        descriptor: Descriptor,
        data: Bytes,
    ) -> bool {
        let known = self
            .frames
            .iter()
            .rposition(|frame| frame.rtp_timestamp == packet.rtp_timestamp);
        let index = known.unwrap_or_else(|| {
            let index = self
                .frames
                .partition_point(|frame| frame.lowest() < sequence);
            self.frames.insert(
                index,
                Partial {
                    rtp_timestamp: packet.rtp_timestamp,
                    picture_id: descriptor.picture_id,
                    packets: BTreeMap::new(),
                    first: None,
                    last: None,
                    completed_at: packet.arrived_at,
                },
            );
            index
        });
        let frame = &mut self.frames[index];
        if frame.packets.contains_key(&sequence) {
            return false;
        }
        if descriptor.starts_frame() && frame.first.is_none_or(|(first, _)| sequence < first) {
            let key_frame = data.first().is_some_and(|byte| byte & 1 == 0);
            frame.first = Some((sequence, key_frame));
        }
        if packet.marker {
            frame.last = Some(frame.last.map_or(sequence, |last| last.max(sequence)));
        }
        frame.completed_at = frame.completed_at.max(packet.arrived_at);
        frame.packets.insert(sequence, (data, packet.arrived_at));
        self.packets += 1;
        // What comes behind a key frame that still misses packets is of use once it is whole.
        let leans_on_nothing = self.frames.range(..=index).all(Partial::is_no_key);
        if matches!(self.position, Position::NeedKeyFrame) && leans_on_nothing {
            self.drop_frame(index);
        }
        true
    }

    fn enforce_bounds(&mut self) {
        while self.packets > MAX_PACKETS || self.frames.len() > MAX_FRAMES {
            self.drop_frame(0);
            self.need_key_frame();
        }
        while self.padding.len() > MAX_PACKETS {
            self.padding.pop_first();
        }
    }

    fn drop_frame(&mut self, index: usize) {
        if let Some(frame) = self.frames.remove(index) {
            self.packets -= frame.packets.len();
            self.counters.frames_dropped += 1;
        }
    }

    fn need_key_frame(&mut self) {
        self.position = Position::NeedKeyFrame;
        while self.frames.front().is_some_and(Partial::is_no_key) {
            self.drop_frame(0);
        }
    }

    fn has_key_frame(&self) -> bool {
        self.frames
            .iter()
            .any(|frame| frame.is_key() == Some(true) && frame.is_whole())
    }

    /// Jumps to the first whole key frame, dropping what is before it.
    fn take_key_frame(&mut self) -> Option<AssembledFrame> {
        let index = self
            .frames
            .iter()
            .position(|frame| frame.is_key() == Some(true) && frame.is_whole())?;
        for _ in 0..index {
            self.drop_frame(0);
        }
        self.take_front()
    }

    /// Hands out the first frame, which the caller found to be whole.
    fn take_front(&mut self) -> Option<AssembledFrame> {
        let frame = self.frames.pop_front()?;
        self.packets -= frame.packets.len();
        self.counters.frames_assembled += 1;
        self.position = Position::After {
            sequence: frame.highest(),
            picture_id: frame.picture_id,
        };
        self.padding = self.padding.split_off(&frame.highest());
        Some(AssembledFrame {
            key_frame: frame.is_key() == Some(true),
            rtp_timestamp: frame.rtp_timestamp,
            completed_at: frame.completed_at,
            data: frame.into_data(),
        })
    }

    fn skip_padding(&mut self) {
        if let Position::After { sequence, .. } = &mut self.position {
            while self.padding.remove(&(*sequence + 1)) {
                *sequence += 1;
            }
        }
    }
}

impl Default for VideoAssembler {
    fn default() -> Self {
        Self::new()
    }
}
