use std::time::Instant;

use serde::{Deserialize, Serialize};
use twocan_protocol::MemberId;

use crate::peer::IceCandidate;

/// Who somebody is within a call: chosen at random by themselves, the same until they hang up, even
/// when they reach the server anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParticipantId(pub u64);

/// Somebody else in the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// As they call themselves; may be empty.
    pub name: String,
    /// Where the server finds them; none while they are away from it, and, of those with whom we have
    /// a line, after we were away from it until they are heard of again.
    pub member: Option<MemberId>,
    /// They have said that the call may start.
    pub ready: bool,
    /// The direct line to them.
    pub link: Link,
    /// Candidates that they were told of, or should have been, while the line is being made.
    pub told: Vec<IceCandidate>,
}

/// The direct line to a participant.
///
/// ```text
/// Unlinked ── both ready ──→ Connecting ── connected ──→ Connected
///                                │                        │    ↑
///                            too long              dropped│    │connected
///                                ↓                        ↓    │
///                           call ends ←── too long ── Reconnecting
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Not both have said that the call may start; nothing is sent, no address is told.
    Unlinked,
    /// Looking for a way.
    Connecting {
        /// Since when.
        since: Instant,
    },
    /// Media flows.
    Connected {
        /// Since when.
        since: Instant,
    },
    /// It dropped.
    Reconnecting {
        /// Since when.
        since: Instant,
        /// When the next ICE restart is due; only the offerer restarts.
        restart_at: Instant,
    },
}

impl Link {
    /// There is a connection object for it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Unlinked => false,
            Self::Connecting { .. } | Self::Connected { .. } | Self::Reconnecting { .. } => true,
        }
    }
}
