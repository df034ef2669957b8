use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tracing::debug;
use twocan_protocol::{ClientMessage, ServerMessage, ServerUrl};

use super::End;
use crate::signaling::SignalingError;
use crate::signaling::dial::{Socket, lost, silent, stopped};

/// For the server to take what is written to it.
const WRITE: Duration = Duration::from_secs(10);
/// For the server to take our leave.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

/// A connection to a server, at a pace that it bears.
pub(super) struct Line {
    pub(super) socket: Socket,
    pub(super) server: ServerUrl,
    pace: Pace,
}

impl Line {
    pub(super) fn new(socket: Socket, server: ServerUrl) -> Self {
        Self {
            socket,
            server,
            pace: Pace::new(Instant::now()),
        }
    }

    pub(super) async fn say(&mut self, message: &ClientMessage) -> Result<(), End> {
        let Ok(text) = message.encode() else {
            debug!("a message too big for the call server");
            return Ok(());
        };
        sleep_until(self.pace.take(Instant::now())).await;
        match timeout(WRITE, self.socket.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            // Why is in what can still be read: a refusal, perhaps.
            Ok(Err(_)) => Err(self.last_words().await),
            Err(_) => Err(End::Failed(silent(&self.server))),
        }
    }

    pub(super) async fn ping(&mut self) -> Result<(), End> {
        match timeout(WRITE, self.socket.send(Message::Ping(Bytes::new()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Failed(lost(&self.server))),
            Err(_) => Err(End::Failed(silent(&self.server))),
        }
    }

    /// What the server said before it closed.
    async fn last_words(&mut self) -> End {
        while let Ok(Some(Ok(frame))) = timeout(GOODBYE, self.socket.next()).await {
            let Message::Text(text) = frame else { continue };
            match ServerMessage::decode(&text) {
                Ok(ServerMessage::Refused { reason }) => {
                    return SignalingError::Refused(reason).into();
                }
                Ok(ServerMessage::ShuttingDown) => return End::Failed(stopped(&self.server)),
                _ => {}
            }
        }
        End::Failed(lost(&self.server))
    }

    /// Says that we go, and waits for the server's close frame.
    pub(super) async fn leave(&mut self) {
        let Ok(text) = ClientMessage::Bye.encode() else {
            return;
        };
        let said = self.socket.send(Message::text(text)).await;
        if said.is_err() || self.socket.close(None).await.is_err() {
            return;
        }
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

/// A server takes so many messages at once and so many in a second, and closes on whoever sends more. Somebody
/// with many contacts who are all there has more to say.
#[derive(Debug)]
struct Pace {
    /// As long ago as what may be said at once takes at the pace of a long time; later, if less may be.
    paid_until: Instant,
}

impl Pace {
    /// Messages that may be said at once: fewer than the server's 250.
    const BURST: u32 = 200;
    /// From one to the next when there were many: the server bears 100 a second.
    const INTERVAL: Duration = Duration::from_micros(12_500);

    fn new(now: Instant) -> Self {
        Self { paid_until: now }
    }

    /// When the next message may go.
    fn take(&mut self, now: Instant) -> Instant {
        // Who was silent for long has saved up a burst, and no more.
        self.paid_until = self.paid_until.max(now) + Self::INTERVAL;
        let saved = Self::INTERVAL * Self::BURST;
        self.paid_until
            .checked_sub(saved)
            .map_or(now, |due| due.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_messages_go_as_fast_as_the_server_bears() {
        let start = Instant::now() + Duration::from_secs(3_600);
        let mut pace = Pace::new(start);
        let mut now = start;
        for _ in 0..Pace::BURST {
            assert_eq!(pace.take(now), now);
        }
        for _ in 0..80 {
            now = pace.take(now);
        }
        assert_eq!(now - start, Duration::from_secs(1));
        now += Pace::INTERVAL * 10;
        for _ in 0..10 {
            assert_eq!(pace.take(now), now);
        }
        assert!(pace.take(now) > now);
    }
}
