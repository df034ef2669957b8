use std::io;

use tracing::debug;
use twocan_protocol::ServerUrl;

use super::entrances::Way;
use super::invite_file::{InviteFileError, invite_in_file, named_file};
use crate::call::{CallSecret, Part};
use crate::signaling::{EmbeddedServer, Switchboard, WebsocketSwitchboard};
use crate::trust::{Code, Invitation, InvitationError, Invite, InviteError, PublicIdentity};

/// A place to meet: the server, the ways into the call there, and the server itself if it is ours.
pub struct Meeting {
    /// What we do there.
    pub part: Part,
    /// The link for others, or the one that was given to us.
    pub invite: Option<Invite>,
    /// Where it is, as people say it.
    pub server: String,
    /// Where friends of this call are met again; none for the server of the settings.
    pub meets_at: Option<ServerUrl>,
    /// The way to the server.
    pub switchboard: Box<dyn Switchboard>,
    /// Into the call.
    pub ways: Vec<Way>,
    /// Kept alive for the call when the server runs in this app.
    pub embedded: Option<EmbeddedServer>,
}

/// How others are to find us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inviting {
    /// By a link.
    Link,
    /// By a spoken code.
    Code,
    /// By either.
    Both,
}

/// Why there is no place to meet.
#[derive(Debug, thiserror::Error)]
pub enum MeetingError {
    /// The text is neither code nor link.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// The text names a file, and there is no invite in it.
    #[error(transparent)]
    File(#[from] InviteFileError),
    /// No server has been named for a code.
    #[error("a code is of a call server, and none is named; name the one that your friend uses")]
    NoServer,
    /// This code was tried here before.
    #[error("this code was tried already, and is good for one try; ask your friend for a new one")]
    Tried,
    /// No server can be started here.
    #[error("this computer cannot host a call: {}", NotHosted::from(.0))]
    Host(#[from] io::Error),
}

impl From<InviteError> for MeetingError {
    fn from(error: InviteError) -> Self {
        Self::Invitation(error.into())
    }
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
    /// A new call, at `server` or, without one, at a server in this app.
    ///
    /// # Errors
    /// When no server can be started here.
    pub async fn host(server: Option<ServerUrl>, inviting: Inviting) -> Result<Self, MeetingError> {
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
        let invite = match inviting {
            Inviting::Link | Inviting::Both => Some(Invite::new(told, &mut rand::rng())?),
            Inviting::Code => None,
        };
        let mut ways: Vec<_> = invite.iter().cloned().map(Way::OwnLink).collect();
        if inviting != Inviting::Link {
            ways.push(Way::OwnCode);
        }
        Ok(Self {
            part: Part::Waits,
            invite,
            server: own.short().to_owned(),
            meets_at: None,
            switchboard: Box::new(WebsocketSwitchboard::connect(&[own])),
            ways,
            embedded,
        })
    }

    /// The call of a link or a code, or of a text that holds a link, or that names a file with the picture of
    /// one; a code is of `server`, and none of those that were `tried`: a server could have a second guess at
    /// the words of one. Must be called on a tokio runtime; a picture takes up to seconds.
    ///
    /// # Errors
    /// When there is none in it, or no server for a code, or it was tried.
    pub fn join(
        text: &str,
        server: Option<ServerUrl>,
        tried: &[Code],
    ) -> Result<Self, MeetingError> {
        let invitation = match text.parse::<Invitation>() {
            Ok(invitation) => invitation,
            Err(error) => match named_file(text) {
                Some(file) => Invitation::Link(invite_in_file(&file)?),
                None => return Err(error.into()),
            },
        };
        match invitation {
            Invitation::Link(invite) => Ok(Self::follow(invite)),
            Invitation::Code(code) if tried.contains(&code) => Err(MeetingError::Tried),
            Invitation::Code(code) => Self::try_code(code, server),
        }
    }

    /// The call with a contact, to which one of the two has called the other: we ([`Part::Rings`]), or they
    /// ([`Part::IsRung`]). Must be called on a tokio runtime.
    pub fn with_contact(
        part: Part,
        contact: PublicIdentity,
        call: &CallSecret,
        server: ServerUrl,
    ) -> Self {
        Self {
            part,
            invite: None,
            server: server.short().to_owned(),
            meets_at: None,
            ways: vec![Way::Room {
                room: call.room(),
                door: call.door(),
                expects: Some(contact),
            }],
            switchboard: Box::new(WebsocketSwitchboard::connect(&[server])),
            embedded: None,
        }
    }

    /// Where a link leads: to the call of whoever made it, who is rung, or to a standing room, where we meet
    /// whoever is there or comes. Must be called on a tokio runtime.
    pub fn follow(invite: Invite) -> Self {
        let server = invite.servers().first().map(ServerUrl::short);
        Self {
            part: if invite.is_standing() {
                Part::Meets
            } else {
                Part::Rings
            },
            server: server.unwrap_or_default().to_owned(),
            // One without a certificate may be inside of the app of a friend, and end with this call.
            meets_at: invite
                .servers()
                .first()
                .filter(|server| server.is_secure())
                .cloned(),
            switchboard: Box::new(WebsocketSwitchboard::connect(invite.servers())),
            ways: vec![Way::Room {
                room: invite.room().clone(),
                door: invite.door(),
                expects: None,
            }],
            invite: Some(invite),
            embedded: None,
        }
    }

    fn try_code(code: Code, server: Option<ServerUrl>) -> Result<Self, MeetingError> {
        let server = server.ok_or(MeetingError::NoServer)?;
        Ok(Self {
            part: Part::Rings,
            invite: None,
            server: server.short().to_owned(),
            meets_at: None,
            switchboard: Box::new(WebsocketSwitchboard::connect(&[server])),
            ways: vec![Way::Code(code)],
            embedded: None,
        })
    }
}
