use std::sync::Arc;

use serde_json::{Value, json};
use twocan::call::{CALL_VERSION, DescriptionKind, Message, Part, ParticipantId};
use twocan::engine::{self, StandIn};
use twocan::peer::runtime::HostRuntime;
use twocan::signaling::{Signaling, SignalingError, WebsocketSignaling};
use twocan::trust::{Card, Fingerprint, HandshakeError, Identity, Invite};
use twocan_protocol::MemberId;

/// Stands in a room of the call server for a program that does not know our handshake: what both
/// say goes the way that Twocan's own words go.
pub struct Room {
    stand_in: StandIn,
    /// Where the other one was heard of last.
    other: Option<MemberId>,
    met: Option<ParticipantId>,
    /// The larger of the two offers.
    id: ParticipantId,
    part: Part,
}

/// What happened in the room.
#[derive(Debug)]
pub enum Heard {
    /// The server let us in.
    Entered,
    /// The other one is there too; whether it is on us to offer.
    Met { offer: bool },
    /// For the program: a description or candidate as it takes it.
    Said(Value),
}

impl Room {
    /// Goes to the room of the invite, from the network of the calling thread, to play that part;
    /// `fingerprint` is of the program's certificate.
    pub fn join(invite: &Invite, id: ParticipantId, part: Part, fingerprint: Fingerprint) -> Self {
        let signaling = WebsocketSignaling::connect(invite.servers(), invite.room());
        Self::over(Box::new(signaling), invite, id, part, fingerprint)
    }

    fn over(
        signaling: Box<dyn Signaling>,
        invite: &Invite,
        id: ParticipantId,
        part: Part,
        fingerprint: Fingerprint,
    ) -> Self {
        let card = Card {
            identity: Arc::new(Identity::new(&mut rand::rng())),
            name: String::new(),
            fingerprint,
        };
        let runtime = Arc::new(HostRuntime::new());
        Self {
            stand_in: StandIn::new(signaling, card, invite.door(), runtime),
            other: None,
            met: None,
            id,
            part,
        }
    }

    /// What happens next; nothing is lost where somebody stops waiting for it.
    ///
    /// # Errors
    /// When somebody says what cannot be understood. And, before the other one was met, when the
    /// server is gone or does not let us in, or somebody is not met: after that nobody needs it.
    pub async fn next(&mut self) -> anyhow::Result<Heard> {
        loop {
            let heard = match self.stand_in.next().await {
                Some(heard) => heard,
                None if self.met.is_some() => std::future::pending().await,
                None => anyhow::bail!("the call server is gone"),
            };
            match heard {
                engine::Heard::Entered => return Ok(Heard::Entered),
                engine::Heard::Met { member, .. } => self.greet(member).await?,
                engine::Heard::Said { member, message } => {
                    self.other = Some(member);
                    if let Some(heard) = self.understand(message?) {
                        return Ok(heard);
                    }
                }
                // Who one of us was before the server was lost may be there still, and is silent.
                engine::Heard::Refused {
                    why: HandshakeError::Silent,
                    ..
                } => {}
                engine::Heard::Refused { .. } | engine::Heard::ServerRefused(_)
                    if self.met.is_some() => {}
                engine::Heard::Refused { why, .. } => anyhow::bail!("{why}"),
                engine::Heard::ServerRefused(reason) => anyhow::bail!("{reason}"),
                // It is tried again, as Twocan itself does.
                engine::Heard::ServerAway(_) | engine::Heard::Left(_) => {}
            }
        }
    }

    fn understand(&mut self, message: Message) -> Option<Heard> {
        match message {
            Message::Hello { session, .. } => {
                let offer = self.id > session;
                // Somebody who says it again has lost the server for a while.
                match self.met.replace(session) {
                    None => Some(Heard::Met { offer }),
                    Some(_) => None,
                }
            }
            Message::Description { kind, sdp } => {
                let kind = match kind {
                    DescriptionKind::Offer => "offer",
                    DescriptionKind::Answer => "answer",
                };
                let said = json!({ "type": "description", "kind": kind, "sdp": sdp });
                Some(Heard::Said(said))
            }
            Message::Candidate { candidate } => {
                let said = json!({ "type": "candidate", "candidate": candidate });
                Some(Heard::Said(said))
            }
            Message::Ready
            | Message::Portrait { .. }
            | Message::Bye
            | Message::Busy
            | Message::Decline
            | Message::Elsewhere => None,
        }
    }

    async fn greet(&mut self, member: MemberId) -> anyhow::Result<()> {
        let hello = Message::Hello {
            version: CALL_VERSION,
            session: self.id,
            part: self.part,
            ready: true,
        };
        self.say(member, &hello).await
    }

    /// Passes on what the program says; false if it is not for the room.
    ///
    /// # Errors
    /// When it cannot be said.
    pub async fn pass_on(&mut self, said: &Value) -> anyhow::Result<bool> {
        let message = match said["type"].as_str() {
            Some("description") => Message::Description {
                kind: match said["kind"].as_str() {
                    Some("offer") => DescriptionKind::Offer,
                    _ => DescriptionKind::Answer,
                },
                sdp: said["sdp"].as_str().unwrap_or_default().to_owned(),
            },
            Some("candidate") => Message::Candidate {
                candidate: serde_json::from_value(said["candidate"].clone())?,
            },
            _ => return Ok(false),
        };
        let Some(other) = self.other else {
            anyhow::bail!("there is nobody to talk to yet");
        };
        // What is said while there is no server is lost, as it is for Twocan.
        self.say(other, &message).await?;
        Ok(true)
    }

    async fn say(&mut self, to: MemberId, message: &Message) -> anyhow::Result<()> {
        match self.stand_in.say(to, message).await {
            Err(SignalingError::Closed) if self.met.is_some() => Ok(()),
            said => Ok(said?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twocan::signaling::MemoryServer;

    /// Both rooms take what has come by now; whom the one and the other met, as often as they did.
    async fn talk(rooms: &mut [Room; 2]) -> [Vec<bool>; 2] {
        let mut met = [Vec::new(), Vec::new()];
        // More than enough: each says four words to be known, then a greeting, and then nothing.
        for _ in 0..20 {
            for (room, met) in rooms.iter_mut().zip(&mut met) {
                while let Some(heard) = heard_now(room).await {
                    if let Heard::Met { offer } = heard {
                        met.push(offer);
                    }
                }
            }
        }
        met
    }

    async fn heard_now(room: &mut Room) -> Option<Heard> {
        tokio::select! {
            biased;
            heard = room.next() => Some(heard.expect("fine")),
            () = std::future::ready(()) => None,
        }
    }

    fn rooms(server: &MemoryServer) -> [Room; 2] {
        let servers = vec!["ws://127.0.0.1:1".parse().expect("a server")];
        let invite = Invite::new(servers, &mut rand::rng()).expect("an invite");
        [(1, Part::Waits), (2, Part::Rings)].map(|(id, part)| {
            let signaling = Box::new(server.connect(invite.room()));
            let fingerprint = Fingerprint::new([id; 32]);
            let id = ParticipantId(id.into());
            Room::over(signaling, &invite, id, part, fingerprint)
        })
    }

    const NOBODY: [Vec<bool>; 2] = [Vec::new(), Vec::new()];

    #[tokio::test(flavor = "current_thread")]
    async fn they_meet_once_however_often_the_server_is_lost() {
        let server = MemoryServer::new();
        let mut rooms = rooms(&server);
        // Lost before the second has entered, and again when they know each other.
        let entered = heard_now(&mut rooms[0]).await;
        assert!(matches!(entered, Some(Heard::Entered)), "{entered:?}");
        server.set_reachable(false);
        assert_eq!(talk(&mut rooms).await, NOBODY);
        server.set_reachable(true);
        assert_eq!(talk(&mut rooms).await, [vec![false], vec![true]]);
        server.set_reachable(false);
        assert_eq!(talk(&mut rooms).await, NOBODY);
        let late = json!({ "type": "description", "kind": "offer", "sdp": "v=0" });
        assert!(rooms[0].pass_on(&late).await.expect("lost, not wrong"));
        server.set_reachable(true);
        assert_eq!(talk(&mut rooms).await, NOBODY);
        // And they can talk again, under their new ids.
        assert!(rooms[0].pass_on(&late).await.expect("said"));
        let heard = heard_now(&mut rooms[1]).await;
        assert!(matches!(heard, Some(Heard::Said(said)) if said["sdp"] == "v=0"));
    }
}
