//! What was counted: our own figures, and from the library which way the packets take.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use rtc::peer_connection::transport::RTCIceCandidatePair;
use webrtc::peer_connection::StatsSelector;

use super::PeerStats;
use super::link::Core;

pub(super) async fn collect(core: &Core) -> PeerStats {
    let mut stats = {
        let ledger = core.shared.ledger();
        PeerStats {
            audio_queue_p95: ledger.audio_queue_p95(),
            ..ledger.stats.clone()
        }
    };
    let from_library = async {
        if let Some(pair) = selected_pair(core).await {
            stats.local_candidate_type = Some(pair.local().typ.to_string());
            stats.remote_candidate_type = Some(pair.remote().typ.to_string());
        }
        if stats.round_trip_time.is_none() {
            stats.round_trip_time = stun_round_trip(core).await;
        }
    };
    if AssertUnwindSafe(from_library).catch_unwind().await.is_err() {
        tracing::warn!("the library could not tell its statistics");
    }
    stats
}

/// From the transport: in the report of 0.21.1 a pair names its candidates by other names than the
/// candidates bear, and those that were learnt from the path are missing.
async fn selected_pair(core: &Core) -> Option<RTCIceCandidatePair> {
    let sender = core.media.audio_transceiver.sender().await.ok()??;
    let transport = sender.transport().await.ok()??;
    let ice = transport.ice_transport();
    ice.get_selected_candidate_pair().await.ok()?
}

/// The round trip of the connectivity checks, for as long as no report told of one.
async fn stun_round_trip(core: &Core) -> Option<Duration> {
    let now = core.runtime.now();
    let report = core.connection.get_stats(now, StatsSelector::None).await;
    let seconds = report
        .candidate_pairs()
        .find(|pair| pair.nominated)?
        .current_round_trip_time;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|round_trip| !round_trip.is_zero())
}
