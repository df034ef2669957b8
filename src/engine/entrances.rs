use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use rand::CryptoRng;
use twocan_protocol::{MemberId, Nameplate, RoomId};

use crate::call::{CallSecret, EntranceId, SealedCall};
use crate::signaling::{Signaling, SignalingEvent, Switchboard};
use crate::trust::{Code, Door, Invite, PublicIdentity};

/// How long a code may be good.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(600);
/// Who is showing who they are when it runs out has so much longer.
const GRACE: Duration = Duration::from_secs(10);
/// How long the link of a call that nobody has come to is good.
const LINK_LASTS: Duration = Duration::from_secs(24 * 3_600);

/// A way into a call.
#[derive(Debug, Clone)]
pub enum Way {
    /// Into this room, behind a secret.
    Room {
        /// Where.
        room: RoomId,
        /// What opens it.
        door: Door,
        /// Nobody else will do.
        expects: Option<PublicIdentity>,
    },
    /// Wherever the code of a friend leads.
    Code(Code),
    /// A code of our own, for a friend.
    OwnCode,
    /// A link of our own, for friends.
    OwnLink(Invite),
}

/// The rooms of a call, and the ways there.
pub(super) struct Entrances {
    switchboard: Box<dyn Switchboard>,
    open: Vec<Entrance>,
    last_id: u32,
    /// The latest link of our own: another can be made even if the server has closed its room.
    own_link: Option<Invite>,
}

struct Entrance {
    id: EntranceId,
    signaling: Box<dyn Signaling>,
    /// Only of a code of our own.
    own_code: Option<OwnCode>,
    /// Only of a link of our own.
    own_link: Option<OwnLink>,
}

struct OwnLink {
    /// When it is good for nothing any more.
    until: Instant,
    /// Somebody was showing who they are when it ran out, and had time for that.
    prolonged: bool,
}

/// A code that was or is to be made.
#[derive(Default)]
struct OwnCode {
    /// Who is in its room already: somebody whom nobody can have told the way.
    members: Vec<MemberId>,
    /// When it is good for nothing any more; none before there is one.
    until: Option<Instant>,
}

impl Entrances {
    pub(super) fn new(switchboard: Box<dyn Switchboard>) -> Self {
        Self {
            switchboard,
            open: Vec::new(),
            last_id: 0,
            own_link: None,
        }
    }

    /// Opens a way in.
    pub(super) fn add(
        &mut self,
        way: &Way,
        sealed: &mut SealedCall,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) {
        self.last_id += 1;
        let id = EntranceId(self.last_id);
        let mut own_link = None;
        let (signaling, own_code) = match way {
            Way::Room {
                room,
                door,
                expects,
            } => {
                sealed.open(id, door.clone(), *expects);
                (self.switchboard.enter(room), None)
            }
            Way::Code(code) => {
                let door = Door::Code {
                    code: *code,
                    ours: false,
                };
                sealed.open(id, door, None);
                (self.switchboard.claim(code.nameplate()), None)
            }
            Way::OwnCode => {
                let room = CallSecret::new(rng).room();
                (self.switchboard.enter(&room), Some(OwnCode::default()))
            }
            Way::OwnLink(invite) => {
                sealed.open(id, invite.door(), None);
                self.own_link = Some(invite.clone());
                own_link = Some(OwnLink {
                    until: now + LINK_LASTS,
                    prolonged: false,
                });
                (self.switchboard.enter(invite.room()), None)
            }
        };
        self.open.push(Entrance {
            id,
            signaling,
            own_code,
            own_link,
        });
    }

    /// Makes another link of our own in place of the one there is, at the same servers; none where there is
    /// none. The old one leads to nobody from now on; who was accepted through it stays.
    pub(super) fn replace_link(
        &mut self,
        sealed: &mut SealedCall,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Option<Invite> {
        let servers = self.own_link.as_ref()?.servers().to_vec();
        let new = Invite::new(servers, rng).ok()?;
        let mut open = self.open.iter();
        let old = open.find(|entrance| entrance.own_link.is_some());
        let old = old.map(|entrance| entrance.id);
        self.add(&Way::OwnLink(new.clone()), sealed, now, rng);
        if let Some(id) = old {
            sealed.close(id);
            self.close(id);
        }
        Some(new)
    }

    /// Whether the link of our own has run out by now. It does not while somebody rings or is talked with;
    /// who is only there does not keep it good, nor whoever comes again and again.
    pub(super) fn has_link_run_out(&mut self, sealed: &SealedCall, now: Instant) -> bool {
        let mut links = self.open.iter_mut();
        let found = links.find_map(|entrance| Some((entrance.id, entrance.own_link.as_mut()?)));
        let Some((id, link)) = found else {
            return false;
        };
        if now < link.until {
            return false;
        }
        let mut participants = sealed.call().participants().values();
        let in_use = participants.any(|other| other.rings_since.is_some() || other.link.is_open());
        let meets = !link.prolonged && sealed.is_meeting(id);
        if in_use || meets {
            link.prolonged |= !in_use;
            link.until = now + GRACE;
        }
        !in_use && !meets
    }

    /// What happens next, and where; none at the end of one. Waits forever when there are none.
    pub(super) async fn next_event(&mut self) -> (EntranceId, Option<SignalingEvent>) {
        if self.open.is_empty() {
            return pending().await;
        }
        let mut waiting: Vec<_> = self
            .open
            .iter_mut()
            .map(|entrance| (entrance.id, entrance.signaling.next_event()))
            .collect();
        poll_fn(|context| {
            for (id, event) in &mut waiting {
                if let Poll::Ready(event) = Pin::new(event).poll(context) {
                    return Poll::Ready((*id, event));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Has it passed on.
    pub(super) async fn send(&self, id: EntranceId, to: MemberId, text: String) {
        let Some(entrance) = self.open.iter().find(|entrance| entrance.id == id) else {
            return;
        };
        if let Err(error) = entrance.signaling.send(Some(to), text).await {
            tracing::debug!(%error, "a message was not sent");
        }
    }

    /// Nothing comes from there any more.
    pub(super) fn close(&mut self, id: EntranceId) {
        self.open.retain(|entrance| entrance.id != id);
    }

    /// Whether a code of our own leads there.
    pub(super) fn is_own_code(&self, id: EntranceId) -> bool {
        let found = self.open.iter().find(|entrance| entrance.id == id);
        found.is_some_and(|entrance| entrance.own_code.is_some())
    }

    /// Whether nothing comes from anywhere.
    pub(super) fn are_all_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// Whatever code nobody has used yet is good for nothing any more.
    pub(super) fn close_codes(&mut self, sealed: &mut SealedCall) {
        let unused =
            |entrance: &Entrance| entrance.own_code.is_some() && !sealed.has_been_used(entrance.id);
        let unused = self.open.iter().filter(|entrance| unused(entrance));
        let unused: Vec<_> = unused.map(|entrance| entrance.id).collect();
        for id in unused {
            sealed.close(id);
            self.close(id);
        }
    }

    /// Whether a code that nobody has used has run out by now, and was closed.
    pub(super) fn expire(&mut self, sealed: &mut SealedCall, now: Instant) -> bool {
        let mut expired = false;
        self.open.retain_mut(|entrance| {
            let until = entrance.own_code.as_ref().and_then(|code| code.until);
            if until.is_none_or(|until| now < until) {
                return true;
            }
            if sealed.has_been_used(entrance.id) {
                entrance.own_code = None;
                return true;
            }
            if sealed.is_meeting(entrance.id) {
                entrance.own_code = entrance.own_code.take().map(|code| OwnCode {
                    until: Some(now + GRACE),
                    ..code
                });
                return true;
            }
            sealed.close(entrance.id);
            expired = true;
            false
        });
        expired
    }

    /// When the next code or link runs out.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let until = self.open.iter().flat_map(|entrance| {
            let code = entrance.own_code.as_ref().and_then(|code| code.until);
            let link = entrance.own_link.as_ref().map(|link| link.until);
            [code, link]
        });
        until.flatten().min()
    }

    /// Sees to a room whose code is still to be made.
    pub(super) async fn note(
        &mut self,
        id: EntranceId,
        event: &SignalingEvent,
        sealed: &SealedCall,
    ) {
        let entrance = self.open.iter_mut().find(|entrance| entrance.id == id);
        let Some(Entrance {
            signaling,
            own_code: Some(code),
            ..
        }) = entrance
        else {
            return;
        };
        match event {
            SignalingEvent::Connected { members, .. } => {
                code.members.clone_from(members);
                // The server has forgotten the number of who was away from it, but not who met by it.
                if !sealed.has_been_used(id) {
                    code.until = None;
                    if let Err(error) = signaling.allot().await {
                        tracing::debug!(%error, "no number is asked for");
                    }
                }
            }
            SignalingEvent::Joined(member) => code.members.push(*member),
            SignalingEvent::Left(member) => code.members.retain(|there| there != member),
            _ => {}
        }
    }

    /// Makes the words for a number; from now on they open the door of its room.
    pub(super) fn allotted(
        &mut self,
        id: EntranceId,
        (nameplate, lasts): (Nameplate, Duration),
        sealed: &mut SealedCall,
        now: Instant,
        rng: &mut impl CryptoRng,
    ) -> Option<Code> {
        let entrance = self.open.iter_mut().find(|entrance| entrance.id == id)?;
        let own_code = entrance.own_code.as_mut()?;
        // A server may send numbers nobody asked for.
        if own_code.until.is_some() || sealed.has_been_used(id) {
            return None;
        }
        // A server that says less or more only wants us to make many, or to keep one.
        let lasts = lasts.clamp(SHORTEST, LONGEST);
        own_code.until = Some(now + lasts);
        let code = Code::new(nameplate, rng);
        sealed.open(id, Door::Code { code, ours: true }, None);
        sealed.handle_entered(id, &own_code.members, now, rng);
        Some(code)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::call::{CallOptions, CallRole, ParticipantId};
    use crate::signaling::{MemoryServer, MemorySwitchboard};
    use crate::trust::{Card, Fingerprint, Identity};

    /// Somebody who waits behind a link of their own.
    struct Host {
        entrances: Entrances,
        sealed: SealedCall,
        rng: StdRng,
        began: Instant,
        link: Invite,
    }

    impl Host {
        fn new() -> Self {
            let mut rng = StdRng::seed_from_u64(1);
            let card = Card {
                identity: Arc::new(Identity::new(&mut rng)),
                name: "Jonas".to_owned(),
                fingerprint: Fingerprint::new([1; 32]),
            };
            let options = CallOptions::new(CallRole::Host, ParticipantId(1));
            let switchboard = MemorySwitchboard::new(MemoryServer::new(), 0);
            let servers = vec!["a.example".parse().unwrap(), "b.example".parse().unwrap()];
            let link = Invite::new(servers, &mut rng).unwrap();
            let mut host = Self {
                entrances: Entrances::new(Box::new(switchboard)),
                sealed: SealedCall::new(options, card),
                rng,
                began: Instant::now(),
                link,
            };
            host.add(&Way::OwnLink(host.link.clone()));
            host
        }

        fn add(&mut self, way: &Way) {
            let (sealed, rng) = (&mut self.sealed, &mut self.rng);
            self.entrances.add(way, sealed, self.began, rng);
        }

        fn replace_link(&mut self, now: Instant) -> Option<Invite> {
            let (sealed, rng) = (&mut self.sealed, &mut self.rng);
            self.entrances.replace_link(sealed, now, rng)
        }
    }

    #[test]
    fn another_link_takes_the_place_of_the_old_one_at_the_same_servers() {
        let mut host = Host::new();
        let new = host.replace_link(host.began).unwrap();
        assert_eq!(new.servers(), host.link.servers());
        assert_ne!(new.room(), host.link.room());
        assert!(!new.is_standing());
        // The old room was left.
        assert_eq!(host.entrances.open.len(), 1);
        assert_ne!(host.replace_link(host.began), Some(new));
    }

    #[test]
    fn another_link_is_made_though_the_server_has_closed_the_room_of_the_last() {
        let mut host = Host::new();
        host.entrances.close(EntranceId(1));
        let new = host.replace_link(host.began).unwrap();
        assert_eq!(new.servers(), host.link.servers());
        assert_eq!(host.entrances.open.len(), 1);
    }

    #[test]
    fn the_link_of_a_call_runs_out_after_a_day_and_so_does_the_next() {
        let mut host = Host::new();
        let mut now = host.began;
        for _ in 0..2 {
            let due = host.entrances.next_expiry().unwrap();
            assert_eq!(due, now + LINK_LASTS);
            let before = due.checked_sub(Duration::from_millis(1)).unwrap();
            assert!(!host.entrances.has_link_run_out(&host.sealed, before));
            now = due;
            assert!(host.entrances.has_link_run_out(&host.sealed, now));
            assert!(host.replace_link(now).is_some());
            assert!(!host.entrances.has_link_run_out(&host.sealed, now));
        }
    }

    #[test]
    fn who_has_no_link_of_their_own_gets_no_other() {
        let mut host = Host::new();
        host.entrances.open.clear();
        host.entrances.own_link = None;
        host.add(&Way::Room {
            room: host.link.room().clone(),
            door: host.link.door(),
            expects: None,
        });
        assert_eq!(host.replace_link(host.began), None);
        assert_eq!(host.entrances.next_expiry(), None);
        let much_later = host.began + 2 * LINK_LASTS;
        assert!(!host.entrances.has_link_run_out(&host.sealed, much_later));
        assert_eq!(host.entrances.open.len(), 1);
    }
}
