use anyhow::Context as _;
use serde_json::{Value, json};
use twocan::call::{CALL_VERSION, DescriptionKind, Message, ParticipantId};
use twocan::signaling::{Signaling, SignalingEvent, WebsocketSignaling};
use twocan::trust::{Envelope, Invite};
use twocan_protocol::MemberId;

/// Stands in a room of the call server for a program that cannot read our envelopes: what both say goes
/// the way that Twocan's own words go.
pub struct Room {
    signaling: WebsocketSignaling,
    invite: Invite,
    envelope: Option<Envelope>,
    other: Option<MemberId>,
    greeted: bool,
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
        Self {
            signaling: WebsocketSignaling::connect(invite.servers(), invite.room()),
            invite,
            envelope: None,
            other: None,
            greeted: false,
            id,
        }
    }

    /// What happens next; nothing is lost where somebody stops waiting for it.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn next_event(&mut self) -> anyhow::Result<SignalingEvent> {
        let event = self.signaling.next_event().await;
        event.context("the call server is gone")
    }

    /// Makes something of an event.
    ///
    /// # Errors
    /// When somebody says what cannot be understood, or the server does not let us in.
    pub async fn handle(&mut self, event: SignalingEvent) -> anyhow::Result<Option<Heard>> {
        match event {
            SignalingEvent::Connected { you, members } => {
                self.envelope = Some(Envelope::new(self.invite.key(), you, &mut rand::rng()));
                if let Some(host) = members.first() {
                    self.other = Some(*host);
                    self.greet().await?;
                }
                Ok(Some(Heard::Entered))
            }
            SignalingEvent::Relayed { from, payload } => {
                let Some(envelope) = &mut self.envelope else {
                    anyhow::bail!("the call server relays before it lets us in");
                };
                let opened = envelope.open(from, &payload)?;
                self.other = Some(from);
                self.understand(Message::decode(&opened)?).await
            }
            SignalingEvent::Joined(_) | SignalingEvent::Left(_) => Ok(None),
            SignalingEvent::Disconnected { reason, .. } => anyhow::bail!("{reason}"),
            SignalingEvent::Refused(reason) => anyhow::bail!("{reason}"),
        }
    }

    async fn understand(&mut self, message: Message) -> anyhow::Result<Option<Heard>> {
        Ok(match message {
            Message::Hello { session, .. } => {
                self.greet().await?;
                let offer = self.id > session;
                Some(Heard::Met { offer })
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

    async fn greet(&mut self) -> anyhow::Result<()> {
        if self.greeted {
            return Ok(());
        }
        self.greeted = true;
        self.say(&Message::Hello {
            version: CALL_VERSION,
            session: self.id,
            name: String::new(),
            ready: true,
        })
        .await
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
        self.say(&message).await?;
        Ok(true)
    }

    async fn say(&mut self, message: &Message) -> anyhow::Result<()> {
        let (Some(envelope), Some(other)) = (&mut self.envelope, self.other) else {
            anyhow::bail!("there is nobody to talk to yet");
        };
        let sealed = envelope.seal(Some(other), &message.encode())?;
        self.signaling.send(Some(other), sealed).await?;
        Ok(())
    }
}
