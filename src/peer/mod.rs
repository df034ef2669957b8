//! The only room that knows `webrtc`: one direct, encrypted connection to one participant.

mod certificate;
mod chain;
mod codecs;
mod control;
mod dtls_flights;
mod events;
mod factory;
mod guard;
mod link;
mod network;
mod ntp;
mod outbox;
pub mod runtime;
mod shared;
mod stats;
#[cfg(test)]
mod tests;

pub use certificate::Certificate;
pub use factory::WebrtcFactory;
pub use link::WebrtcLink;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::media::{Bitrate, EncoderControl, OutgoingRtp, RtpPacket, SenderReport};

/// How the connection is (W3C `RTCPeerConnectionState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Nothing has happened.
    New,
    /// Looking for a way, or shaking hands.
    Connecting,
    /// Media flows.
    Connected,
    /// No answer for a while; it may come back by itself.
    Disconnected,
    /// It will not come back without an ICE restart.
    Failed,
    /// Closed by us.
    Closed,
}

/// An ICE candidate as it travels (W3C `RTCIceCandidateInit`).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IceCandidate {
    /// RFC 8839 section 5.1; empty for the end of candidates.
    pub candidate: String,
    /// The media section it is for.
    pub sdp_mid: Option<String>,
    /// The index of that section.
    pub sdp_m_line_index: Option<u16>,
}

/// What a connection reports besides media.
#[derive(Debug, Clone, PartialEq)]
pub enum PeerEvent {
    /// A candidate of ours, to be sent to the other side.
    Candidate(IceCandidate),
    /// The connection changed.
    Connection(ConnectionState),
    /// The other side cannot decode our pictures without a key frame, as it was when it said so (PLI
    /// or FIR, RFC 4585, 5104): one may be on its way.
    KeyFrameRequested,
    /// A picture was thrown away here: those after it cannot be decoded before a key frame, and if it
    /// was one itself none is on its way.
    PictureDropped,
    /// How fast to send from now on; about ten a second, and at each change.
    EncoderControl(EncoderControl),
    /// For lip-sync.
    SenderReport(SenderReport),
    /// The control channel can be written to.
    ControlOpen,
    /// A message on the control channel.
    Control(Bytes),
}

/// Takes what a connection reports. Called on the connection's own task: it must not block.
pub trait PeerObserver: Send + Sync + 'static {
    /// A media packet came in.
    fn handle_rtp(&self, packet: RtpPacket);
    /// Something else happened.
    fn handle_event(&self, event: PeerEvent);
}

/// A server that helps to find or be the way (W3C `RTCIceServer`).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IceServer {
    /// `stun:host:port` or `turn:host:port` (RFC 7064, 7065).
    pub url: String,
    /// For TURN.
    #[serde(default)]
    pub username: String,
    /// For TURN.
    #[serde(default)]
    pub credential: String,
}

/// How to make a connection.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// STUN and TURN.
    pub ice_servers: Vec<IceServer>,
    /// Where to bind; empty for every interface, and loopback if there is no other.
    pub bind: Vec<std::net::SocketAddr>,
    /// With which the line is encrypted; its fingerprint is what the other side knows us by.
    pub certificate: Certificate,
    /// Use relays only: no address of ours is told.
    pub relay_only: bool,
    /// What is tried before anything was measured.
    pub start_bitrate: Bitrate,
    /// Never less than this, whatever becomes of it: [`LEAST_BITRATE`] where that is to matter.
    pub min_bitrate: Bitrate,
    /// Never more than this.
    pub max_bitrate: Bitrate,
}

/// What calls begin with.
pub const START_BITRATE: Bitrate = Bitrate::from_kbps(800);
/// Sound and its headers, with a little left for reports: less is no call.
pub const LEAST_BITRATE: Bitrate = Bitrate::from_kbps(60);

/// A connection to one participant. Dropping the last handle closes it.
#[async_trait]
pub trait PeerLink: Send + Sync {
    /// Makes an offer and takes it as the local description. It has the candidates that were reported
    /// so far, unless ICE restarts: then all are looked for anew.
    async fn create_offer(&self, ice_restart: bool) -> Result<String, PeerError>;
    /// Takes the other side's offer (rolling back ours, if one is out) and returns our answer, which
    /// has the candidates that were reported so far, unless ICE restarts.
    async fn handle_offer(&self, sdp: &str) -> Result<String, PeerError>;
    /// Takes the other side's answer.
    async fn handle_answer(&self, sdp: &str) -> Result<(), PeerError>;
    /// Takes a candidate of the other side, kept until a remote description is there.
    async fn add_candidate(&self, candidate: IceCandidate) -> Result<(), PeerError>;
    /// Queues the packets of one frame of sound or of one picture; before the connection stands they
    /// are dropped. A picture for which there is no room is dropped as a whole, and
    /// [`PeerEvent::PictureDropped`] follows.
    fn send_rtp(&self, packets: &[OutgoingRtp]);
    /// Sends a message on the control channel (reliable, ordered); `false` if it is not open.
    fn send_control(&self, message: Bytes) -> bool;
    /// Asks the other side for a key frame (PLI).
    fn request_key_frame(&self);
    /// What was counted so far.
    async fn stats(&self) -> PeerStats;
    /// Closes it and frees its sockets and tasks.
    async fn close(&self);
}

/// Makes connections.
#[async_trait]
pub trait PeerFactory: Send + Sync {
    /// A new connection that reports to `observer`.
    async fn create(
        &self,
        config: PeerConfig,
        observer: Arc<dyn PeerObserver>,
    ) -> Result<Arc<dyn PeerLink>, PeerError>;
}

/// Why a connection refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// What the other side sent is not a session description or candidate that we can use.
    #[error("the other side sent a description that cannot be used: {0}")]
    BadDescription(String),
    /// A STUN or TURN address of the settings.
    #[error("“{0}” is not a STUN or TURN address; use stun:host:port or turn:host:port")]
    BadIceServer(String),
    /// No socket, no thread, or a fault of the library.
    #[error("the connection failed: {0}")]
    Failed(String),
}

/// Counters of one direction of one kind (W3C webrtc-stats names).
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct StreamStats {
    /// Of what we send; of what we get it is not told (0).
    pub ssrc: u32,
    /// RTP packets, retransmissions included.
    pub packets: u64,
    /// RTP payload bytes.
    pub bytes: u64,
    /// `retransmitted_packets_sent` or `_received`.
    pub retransmitted_packets: u64,
    /// As reported by the receiver (ours for inbound, theirs for outbound).
    pub packets_lost: i64,
    /// RFC 3550 section 6.4.1.
    pub jitter: Duration,
    /// NACK packets received (outbound) or sent (inbound).
    pub nack_count: u64,
    /// PLI packets received (outbound) or sent (inbound).
    pub pli_count: u64,
}

/// Counters of a connection.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct PeerStats {
    /// Sound that we send.
    pub audio_outbound: StreamStats,
    /// Sound that we get.
    pub audio_inbound: StreamStats,
    /// Pictures that we send.
    pub video_outbound: StreamStats,
    /// Pictures that we get.
    pub video_inbound: StreamStats,
    /// The latest measured round trip.
    pub round_trip_time: Option<Duration>,
    /// What we may send now.
    pub target_bitrate: Bitrate,
    /// How long sound waited before the wire, 95th percentile of the last 5 s.
    pub audio_queue_p95: Duration,
    /// `host`, `srflx`, `prflx` or `relay`, once chosen.
    pub local_candidate_type: Option<String>,
    /// `host`, `srflx`, `prflx` or `relay`, once chosen.
    pub remote_candidate_type: Option<String>,
    /// The negotiated sound codec, such as `audio/opus`.
    pub audio_codec: Option<String>,
    /// The negotiated picture codec, such as `video/VP8`.
    pub video_codec: Option<String>,
    /// What the negotiated payload types stand for, such as 97 for `video/rtx`.
    pub payload_types: std::collections::BTreeMap<u8, String>,
}
