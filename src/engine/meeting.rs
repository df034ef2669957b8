use std::io;

use tracing::debug;
use twocan_protocol::ServerUrl;

use crate::signaling::{EmbeddedServer, Signaling, WebsocketSignaling};
use crate::trust::{Invite, InviteError};

/// A place to meet: the invite, the way into its room, and the server if it is ours.
pub struct Meeting {
    /// The room and its key.
    pub invite: Invite,
    /// The way into the room.
    pub signaling: Box<dyn Signaling>,
    /// Kept alive for the call when the server runs in this app.
    pub embedded: Option<EmbeddedServer>,
}

/// Why there is no place to meet.
#[derive(Debug, thiserror::Error)]
pub enum MeetingError {
    /// The text is no invite.
    #[error(transparent)]
    Invite(#[from] InviteError),
    /// No server can be started here.
    #[error("this computer cannot host a call: {}", NotHosted::from(.0))]
    Host(#[from] io::Error),
}

/// Why no server can be started here; a clause for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotHosted {
    /// No file is left for the process or the system.
    #[error("too many files are open")]
    TooManyFiles,
    /// All ports are taken.
    #[error("no port is free")]
    NoPort,
    /// This computer has none for a server to listen on.
    #[error("it has no address")]
    NoAddress,
    /// A firewall or the like.
    #[error("the system does not allow it")]
    Forbidden,
    /// Anything else.
    #[error("the system refuses, and Twocan does not know why")]
    Unknown,
}

impl From<&io::Error> for NotHosted {
    fn from(error: &io::Error) -> Self {
        // These have no kind of their own: no file is left for the process (24) or the system (23).
        let files = cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24));
        match error.kind() {
            _ if files => Self::TooManyFiles,
            io::ErrorKind::AddrInUse => Self::NoPort,
            io::ErrorKind::AddrNotAvailable => Self::NoAddress,
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ => Self::Unknown,
        }
    }
}

impl Meeting {
    /// A new room, at `server` or, without one, at a server in this app.
    ///
    /// # Errors
    /// When no server can be started here.
    pub async fn host(server: Option<ServerUrl>) -> Result<Self, MeetingError> {
        let (told, own, embedded) = match server {
            Some(server) => (vec![server.clone()], server, None),
            None => {
                let embedded = EmbeddedServer::start(0).await;
                let embedded = embedded
                    .inspect_err(|error| debug!(%error, "no server can be started here"))?;
                let told = embedded.addresses().to_vec();
                let own = embedded.loopback().or_else(|| told.first().cloned());
                let own = own.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
                (told, own, Some(embedded))
            }
        };
        let invite = Invite::new(told, &mut rand::rng())?;
        let signaling = Box::new(WebsocketSignaling::connect(&[own], invite.room()));
        Ok(Self {
            invite,
            signaling,
            embedded,
        })
    }

    /// The room of an invite, or of a text that holds one. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When there is no invite in it.
    pub fn join(invite: &str) -> Result<Self, MeetingError> {
        let invite: Invite = invite.parse()?;
        let signaling = Box::new(WebsocketSignaling::connect(invite.servers(), invite.room()));
        Ok(Self {
            invite,
            signaling,
            embedded: None,
        })
    }
}
