use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;

use twocan_protocol::{MemberId, RefusalReason};

use crate::call::{Message, MessageError};
use crate::peer::runtime::Runtime;
use crate::signaling::{Signaling, SignalingError, SignalingEvent};
use crate::trust::{Card, Door, HandshakeError, Introduced, Introduction, Introductions};

/// Somebody in a room without a call of their own, who says what they are told to say: for programs that
/// do not know our handshake, and for tests of what people with an invite can do.
pub struct StandIn {
    signaling: Box<dyn Signaling>,
    introductions: Introductions,
    runtime: Arc<dyn Runtime>,
    heard: VecDeque<Heard>,
}

/// What happened in the room.
#[derive(Debug)]
pub enum Heard {
    /// The server let us in; nobody was met yet, or not any more.
    Entered,
    /// Somebody has shown who they are.
    Met {
        /// Where the server finds them.
        member: MemberId,
        /// Who it is.
        who: Box<Introduced>,
    },
    /// Somebody who was met said something.
    Said {
        /// Who.
        member: MemberId,
        /// What.
        message: Result<Message, MessageError>,
    },
    /// Somebody could not show it.
    Refused {
        /// Whom the server calls so.
        member: MemberId,
        /// Why.
        why: HandshakeError,
    },
    /// Somebody left.
    Left(MemberId),
    /// The server is away, and is tried again.
    ServerAway(SignalingError),
    /// The server does not want us.
    ServerRefused(RefusalReason),
}

impl StandIn {
    /// Goes into the room of `signaling`, which is behind `door`.
    pub fn new(
        signaling: Box<dyn Signaling>,
        card: Card,
        door: Door,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        Self {
            signaling,
            introductions: Introductions::new(card, door, None),
            runtime,
            heard: VecDeque::new(),
        }
    }

    /// What happens next; none when nothing more does. May be dropped while waiting without losing anything.
    pub async fn next(&mut self) -> Option<Heard> {
        while self.heard.is_empty() {
            let due = self.introductions.poll_timeout();
            let runtime = self.runtime.clone();
            let late = async {
                match due {
                    Some(due) => {
                        runtime
                            .sleep(due.saturating_duration_since(runtime.now()))
                            .await
                    }
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                event = self.signaling.next_event() => self.handle(event?),
                () = late => self.introductions.handle_timeout(self.runtime.now()),
            }
            self.settle().await;
        }
        self.heard.pop_front()
    }

    /// Says something to somebody who was met; nothing to anybody else.
    ///
    /// # Errors
    /// When the way to the server does not take it.
    pub async fn say(&mut self, to: MemberId, message: &Message) -> Result<(), SignalingError> {
        let sealed = self.introductions.seal(to, &message.encode());
        match sealed.map_err(|_| SignalingError::TooBig)? {
            Some(text) => self.send_text(Some(to), text).await,
            None => Ok(()),
        }
    }

    /// Has the server pass on any text.
    ///
    /// # Errors
    /// When the way to the server does not take it.
    pub async fn send_text(
        &self,
        to: Option<MemberId>,
        text: String,
    ) -> Result<(), SignalingError> {
        self.signaling.send(to, text).await
    }

    fn handle(&mut self, event: SignalingEvent) {
        let now = self.runtime.now();
        let introductions = &mut self.introductions;
        match event {
            SignalingEvent::Connected { members, .. } => {
                self.heard.push_back(Heard::Entered);
                introductions.handle_entered(&members, now, &mut rand::rng());
            }
            SignalingEvent::Joined(member) => {
                introductions.handle_joined(member, now, &mut rand::rng());
            }
            SignalingEvent::Left(member) => {
                introductions.handle_left(member);
                self.heard.push_back(Heard::Left(member));
            }
            SignalingEvent::Relayed { from, payload } => {
                introductions.handle_relayed(from, &payload);
            }
            SignalingEvent::Disconnected { reason, .. } => {
                introductions.handle_lost();
                self.heard.push_back(Heard::ServerAway(reason));
            }
            SignalingEvent::Refused(reason) => self.heard.push_back(Heard::ServerRefused(reason)),
            SignalingEvent::Allotted { .. }
            | SignalingEvent::NotAllotted
            | SignalingEvent::NoSuchNameplate => {}
        }
    }

    async fn settle(&mut self) {
        while let Some(introduction) = self.introductions.poll_output() {
            match introduction {
                Introduction::Send { to, text } => {
                    if let Err(error) = self.send_text(Some(to), text).await {
                        tracing::debug!(%error, "a word of a handshake was not sent");
                    }
                }
                Introduction::Met { member, who } => {
                    self.heard.push_back(Heard::Met { member, who });
                }
                Introduction::Said { member, payload } => {
                    let message = Message::decode(&payload);
                    self.heard.push_back(Heard::Said { member, message });
                }
                Introduction::Refused { member, why } => {
                    self.heard.push_back(Heard::Refused { member, why });
                }
                Introduction::CodeSpent => {}
            }
        }
    }
}
