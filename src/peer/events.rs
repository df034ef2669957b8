//! What the library reports, in the words of the house. Its callbacks run on the driver's own task.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use webrtc::data_channel::DataChannel;
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionIceEvent,
    RTCPeerConnectionState,
};
use webrtc::runtime::Runtime;

use super::control::Control;
use super::dtls_flights::Handshake;
use super::shared::Shared;
use super::{ConnectionState, IceCandidate, PeerEvent};

/// Held by the connection, so it holds nothing that holds the connection.
pub(super) struct Events {
    pub(super) shared: Arc<Shared>,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) control: Weak<Control>,
    pub(super) handshake: Arc<Handshake>,
}

impl Events {
    fn candidate(&self, candidate: String) {
        self.shared.report(PeerEvent::Candidate(IceCandidate {
            candidate,
            // 0.21.1 says `Some("")`, which browsers refuse as a section that does not exist.
            sdp_mid: None,
            sdp_m_line_index: Some(0),
        }));
    }
}

#[async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(init) => self.candidate(init.candidate),
            Err(error) => tracing::debug!(%error, "a candidate of ours cannot be written down"),
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.candidate(String::new());
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let state = match state {
            RTCPeerConnectionState::Connecting => ConnectionState::Connecting,
            RTCPeerConnectionState::Connected => {
                self.handshake.end();
                ConnectionState::Connected
            }
            RTCPeerConnectionState::Disconnected => ConnectionState::Disconnected,
            RTCPeerConnectionState::Failed => ConnectionState::Failed,
            // Closing is ours to report.
            _ => return,
        };
        self.shared.set_connection(state);
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        if let Some(control) = self.control.upgrade() {
            control.attach(&*self.runtime, channel);
        }
    }
}
