//! The frame around each of our interceptors: the queues that the library asks for.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use rtc::interceptor::{Interceptor, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use crate::media::MediaKind;
use crate::peer::codecs::kind_of;

/// Remote streams that are kept in mind; a call has two, with their repairs.
const MAX_REMOTE_STREAMS: usize = 16;

/// What goes on, in both directions.
#[derive(Default)]
pub(super) struct Lanes {
    pub(super) inbound: VecDeque<TaggedPacket>,
    pub(super) outbound: VecDeque<TaggedPacket>,
}

/// One step of the way between the wire and the call. What is not put into a lane goes no further.
pub(super) trait Hop: Send + Sync + 'static {
    fn handle_inbound(&mut self, packet: TaggedPacket, lanes: &mut Lanes) {
        lanes.inbound.push_back(packet);
    }
    fn handle_outbound(&mut self, packet: TaggedPacket, lanes: &mut Lanes) {
        lanes.outbound.push_back(packet);
    }
    fn handle_timeout(&mut self, _now: Instant, _lanes: &mut Lanes) {}
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    /// A stream of ours was agreed upon.
    fn bind_local(&mut self, _info: &StreamInfo) {}
    /// A stream of theirs is about to come; again after each renegotiation.
    fn bind_remote(&mut self, _info: &StreamInfo) {}
}

/// Makes an interceptor of a [`Hop`].
pub(super) struct Stage<H> {
    hop: H,
    lanes: Lanes,
}

impl<H: Hop> Stage<H> {
    pub(super) fn new(hop: H) -> Self {
        Self {
            hop,
            lanes: Lanes::default(),
        }
    }
}

impl<H: Hop> Protocol<TaggedPacket, TaggedPacket, ()> for Stage<H> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.hop.handle_inbound(packet, &mut self.lanes);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.lanes.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.hop.handle_outbound(packet, &mut self.lanes);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.lanes.outbound.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.hop.handle_timeout(now, &mut self.lanes);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.hop.poll_timeout()
    }
}

impl<H: Hop> Interceptor for Stage<H> {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.hop.bind_local(info);
    }
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        self.hop.bind_remote(info);
    }
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

/// An interceptor of the library that is told of our retransmission stream as well: `rtc` 0.21.1
/// binds a local stream without it, so that retransmissions would be neither numbered nor counted.
pub(super) struct WithRepair<I>(pub(super) I);

impl<I: Interceptor> Protocol<TaggedPacket, TaggedPacket, ()> for WithRepair<I> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.0.handle_read(packet)
    }
    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.0.poll_read()
    }
    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.0.handle_write(packet)
    }
    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.0.poll_write()
    }
    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.0.handle_timeout(now)
    }
    fn poll_timeout(&mut self) -> Option<Instant> {
        self.0.poll_timeout()
    }
}

impl<I: Interceptor> Interceptor for WithRepair<I> {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.0.bind_local_stream(info);
        if let Some(ssrc_rtx) = info.ssrc_rtx {
            self.0.bind_local_stream(&StreamInfo {
                ssrc: ssrc_rtx,
                ssrc_rtx: None,
                ..info.clone()
            });
        }
    }
    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.0.unbind_local_stream(info);
    }
    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        self.0.bind_remote_stream(info);
    }
    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.0.unbind_remote_stream(info);
    }
}

/// What is known of a stream of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RemoteStream {
    pub(super) kind: MediaKind,
    pub(super) payload_type: u8,
}

/// The other side's streams by SSRC, without those that only repair.
#[derive(Default)]
pub(super) struct RemoteStreams {
    media: HashMap<u32, RemoteStream>,
    repairs: HashSet<u32>,
}

impl RemoteStreams {
    /// `rtc` 0.21.1 binds the stream first and then, as a stream of its own, what repairs it.
    pub(super) fn bind(&mut self, info: &StreamInfo) {
        let Some(kind) = kind_of(info) else { return };
        if self.repairs.contains(&info.ssrc) {
            return;
        }
        if self.media.len() >= MAX_REMOTE_STREAMS {
            self.media.clear();
            self.repairs.clear();
        }
        self.repairs.extend(info.ssrc_rtx);
        self.media.insert(
            info.ssrc,
            RemoteStream {
                kind,
                payload_type: info.payload_type,
            },
        );
    }

    pub(super) fn get(&self, ssrc: u32) -> Option<RemoteStream> {
        self.media.get(&ssrc).copied()
    }
}
