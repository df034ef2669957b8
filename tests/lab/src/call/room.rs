use anyhow::Context as _;
use serde_json::{Value, json};
use twocan::call::{CALL_VERSION, DescriptionKind, Message, ParticipantId};
use twocan::signaling::{Signaling, SignalingError, SignalingEvent, WebsocketSignaling};
use twocan::trust::{Envelope, Invite};
use twocan_protocol::MemberId;

/// Stands in a room of the call server for a program that cannot read our envelopes: what both say goes
/// the way that Twocan's own words go.
pub struct Room {
    signaling: Box<dyn Signaling>,
    invite: Invite,
    /// As of the latest time that the server let us in.
    envelope: Option<Envelope>,
    /// Whom we have said hello to since.
    greeted: Vec<MemberId>,
    /// Where the other one was heard of last.
    other: Option<MemberId>,
    met: Option<ParticipantId>,
    /// The larger of the two offers.
    id: ParticipantId,
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
    /// Goes to the room of the invite, from the network of the calling thread.
    pub fn join(invite: Invite, id: ParticipantId) -> Self {
        let signaling = WebsocketSignaling::connect(invite.servers(), invite.room());
        Self::over(Box::new(signaling), invite, id)
    }

    fn over(signaling: Box<dyn Signaling>, invite: Invite, id: ParticipantId) -> Self {
        Self {
            signaling,
            invite,
            envelope: None,
            greeted: Vec::new(),
            other: None,
            met: None,
            id,
        }
    }

    /// What happens next; nothing is lost where somebody stops waiting for it.
    ///
    /// # Errors
    /// When the server is gone before the other one was met. After that nobody needs it.
    pub async fn next_event(&mut self) -> anyhow::Result<SignalingEvent> {
        match self.signaling.next_event().await {
            Some(event) => Ok(event),
            None if self.met.is_some() => std::future::pending().await,
            None => anyhow::bail!("the call server is gone"),
        }
    }

    /// Makes something of an event.
    ///
    /// # Errors
    /// When somebody says what cannot be understood, or the server does not let us in.
    pub async fn handle(&mut self, event: SignalingEvent) -> anyhow::Result<Option<Heard>> {
        match event {
            SignalingEvent::Connected { you, members } => {
                self.enter(you, &members).await?;
                Ok(Some(Heard::Entered))
            }
            SignalingEvent::Relayed { from, payload } => {
                let Some(envelope) = &mut self.envelope else {
                    anyhow::bail!("the call server relays before it lets us in");
                };
                let opened = envelope.open(from, &payload)?;
                self.other = Some(from);
                self.understand(from, Message::decode(&opened)?).await
            }
            // It is tried again, as Twocan itself does.
            SignalingEvent::Disconnected { .. }
            | SignalingEvent::Joined(_)
            | SignalingEvent::Left(_) => Ok(None),
            SignalingEvent::Refused(_) if self.met.is_some() => Ok(None),
            SignalingEvent::Refused(reason) => anyhow::bail!("{reason}"),
        }
    }

    /// As somebody new, whom nobody knows: each time that the server lets us in.
    async fn enter(&mut self, you: MemberId, members: &[MemberId]) -> anyhow::Result<()> {
        self.envelope = Some(Envelope::new(self.invite.key(), you, &mut rand::rng()));
        self.greeted.clear();
        self.other = None;
        // All of them: who we were before may be among them still.
        for member in members {
            self.greet(*member).await?;
        }
        Ok(())
    }

    async fn understand(
        &mut self,
        from: MemberId,
        message: Message,
    ) -> anyhow::Result<Option<Heard>> {
        Ok(match message {
            Message::Hello { session, .. } => {
                self.greet(from).await?;
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
            Message::Ready | Message::Bye | Message::Busy => None,
        })
    }

    async fn greet(&mut self, member: MemberId) -> anyhow::Result<()> {
        if self.greeted.contains(&member) {
            return Ok(());
        }
        self.greeted.push(member);
        let hello = Message::Hello {
            version: CALL_VERSION,
            session: self.id,
            name: String::new(),
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
        if let Some(other) = self.other {
            self.say(other, &message).await?;
        } else {
            // What is said while there is no server is lost, as it is for Twocan.
            anyhow::ensure!(self.met.is_some(), "there is nobody to talk to yet");
        }
        Ok(true)
    }

    async fn say(&mut self, to: MemberId, message: &Message) -> anyhow::Result<()> {
        let envelope = self.envelope.as_mut().context("no server has let us in")?;
        let sealed = envelope.seal(Some(to), &message.encode())?;
        match self.signaling.send(Some(to), sealed).await {
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
        // More than enough: each event leads to two more at most, and then there are none.
        for _ in 0..20 {
            for (room, met) in rooms.iter_mut().zip(&mut met) {
                while let Some(event) = event_now(room).await {
                    if let Some(Heard::Met { offer }) = room.handle(event).await.expect("fine") {
                        met.push(offer);
                    }
                }
            }
        }
        met
    }

    async fn event_now(room: &mut Room) -> Option<SignalingEvent> {
        tokio::select! {
            biased;
            event = room.next_event() => Some(event.expect("a server")),
            () = std::future::ready(()) => None,
        }
    }

    fn rooms(server: &MemoryServer) -> [Room; 2] {
        let servers = vec!["ws://127.0.0.1:1".parse().expect("a server")];
        let invite = Invite::new(servers, &mut rand::rng()).expect("an invite");
        [1, 2].map(|id| {
            let signaling = Box::new(server.connect(invite.room()));
            Room::over(signaling, invite.clone(), ParticipantId(id))
        })
    }

    const NOBODY: [Vec<bool>; 2] = [Vec::new(), Vec::new()];

    #[tokio::test(flavor = "current_thread")]
    async fn they_meet_once_however_often_the_server_is_lost() {
        let server = MemoryServer::new();
        let mut rooms = rooms(&server);
        // Lost before the second has entered, and again when they know each other.
        assert!(event_now(&mut rooms[0]).await.is_some());
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
        let event = event_now(&mut rooms[1]).await.expect("heard");
        let heard = rooms[1].handle(event).await.expect("understood");
        assert!(matches!(heard, Some(Heard::Said(said)) if said["sdp"] == "v=0"));
    }
}
