use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use twocan_protocol::MemberId;

use super::clean_name;
use crate::trust::{Fingerprint, Introduced, Portrait, PublicIdentity, SafetyPhrase};

/// Nobody shows themselves anew without end: what is kept of friends is written each time.
const MOST_PORTRAITS: u8 = 8;

/// Who somebody is within a call: chosen at random by themselves, the same until they hang up, even
/// when they reach the server anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParticipantId(pub u64);

/// Who somebody has proved to be, as far as a call is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their keys.
    pub identity: PublicIdentity,
    /// As they call themselves; may be empty.
    pub name: String,
    /// Of the only certificate with which a line to them is made.
    pub fingerprint: Fingerprint,
    /// What both see, if nobody is in between.
    pub phrase: SafetyPhrase,
}

impl Person {
    /// The same keys and the same certificate, if perhaps another name by now.
    pub fn is_still(&self, other: &Self) -> bool {
        self.identity == other.identity && self.fingerprint == other.fingerprint
    }
}

impl From<Introduced> for Person {
    fn from(introduced: Introduced) -> Self {
        Self {
            identity: introduced.identity,
            name: clean_name(&introduced.name),
            fingerprint: introduced.fingerprint,
            phrase: introduced.phrase,
        }
    }
}

/// Somebody else in the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Who it is, by the meeting that counts: the last one in which the line was talked about.
    pub person: Person,
    /// Where the server finds them. None: out of reach over the server until their next Hello, which
    /// is so after they were away from it, or, with a line between us, we.
    pub member: Option<MemberId>,
    /// They have said that the call may start.
    pub ready: bool,
    /// This person was told of them.
    pub announced: bool,
    /// This person has accepted them.
    pub accepted: bool,
    /// One of us two has said so, and the other has not: since then.
    pub rings_since: Option<Instant>,
    /// The direct line to them.
    pub link: Link,
    /// As they look, if they show it.
    pub portrait: Option<Portrait>,
    /// How often they have said how they look, and it was taken.
    pub(super) portraits: u8,
}

impl Participant {
    /// They are out of reach over the server. With a line between us, their next greeting then shows that
    /// something may have been lost on the way.
    pub(super) fn forget_way(&mut self) {
        if self.link.is_open() {
            self.member = None;
        }
    }

    /// They show how they look, or say that they do not; whether it is news.
    pub(super) fn take_portrait(&mut self, portrait: Option<Portrait>) -> bool {
        let known = self.portraits > 0 && self.portrait == portrait;
        if self.portraits == MOST_PORTRAITS || known {
            return false;
        }
        self.portraits += 1;
        self.portrait = portrait;
        true
    }
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
    Connecting(Attempt),
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
        /// When the latest one was offered.
        restarted_at: Option<Instant>,
    },
}

impl Link {
    /// There is a connection object for it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Unlinked => false,
            Self::Connecting(_) | Self::Connected { .. } | Self::Reconnecting { .. } => true,
        }
    }
}

/// The making of a line. When one of the two lost the server over it, it is talked about anew, and
/// has time anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// When the line was opened.
    pub(super) began: Instant,
    /// When it was last talked about anew, if ever.
    pub(super) renewed_at: Option<Instant>,
    /// When it was last offered anew, if ever; only the offerer offers.
    pub(super) offered_at: Option<Instant>,
    /// When it is to be offered anew.
    pub(super) offer_at: Option<Instant>,
    /// The connection gave up, and was not restarted since.
    pub(super) failed: bool,
}

impl Attempt {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            renewed_at: None,
            offered_at: None,
            offer_at: None,
            failed: false,
        }
    }

    /// From when the time to connect counts.
    pub fn since(&self) -> Instant {
        self.renewed_at.unwrap_or(self.began)
    }

    /// When it has lasted too long: others can have it talked about anew as often as they like, so
    /// in all it gets no more than twice the time.
    pub(super) fn give_up_at(&self, patience: Duration) -> Instant {
        (self.since() + patience).min(self.began + 2 * patience)
    }

    /// Offers anew at this time, if not before.
    pub(super) fn offer_by(&mut self, due: Instant) {
        self.offer_at = Some(self.offer_at.map_or(due, |earlier| earlier.min(due)));
    }
}
