use std::time::Duration;

use crate::call::ParticipantId;
use crate::settings::Settings;
use crate::trust::PublicIdentity;

/// What a person asks for. Sent without waiting; what became of it shows in the next snapshot.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make an invite and wait for a friend: the lobby's "Start a call".
    Host,
    /// Go to the call that a pasted invite leads to.
    Join {
        /// The link, a text that holds it, or a spoken code.
        invite: String,
    },
    /// Call a contact.
    CallContact {
        /// Whom.
        contact: PublicIdentity,
        /// Pictures are sent from the beginning.
        camera: bool,
    },
    /// From the check: everything is fine, start the call.
    Enter,
    /// Talk with somebody who calls, with or without our pictures.
    Accept {
        /// Whom: by the time that this is heard, somebody else may call.
        caller: ParticipantId,
        /// Pictures are sent from the beginning.
        camera: bool,
    },
    /// Do not talk with somebody who calls.
    Decline(ParticipantId),
    /// Do not talk with somebody who calls, and hear nothing of them any more.
    DeclineAndBlock(ParticipantId),
    /// Ring no more for whoever calls; they may still be answered.
    Silence,
    /// Make another spoken code in place of the one there is.
    NewCode,
    /// Make another link in place of the one that is waited behind; the old one leads to nobody any more.
    NewLink,
    /// Back to the lobby from wherever this is; in a call, hang up.
    Leave,
    /// Stop or go on sending sound.
    SetMuted(bool),
    /// While held, talk although muted.
    HoldToTalk(bool),
    /// Stop or go on sending pictures.
    SetCamera(bool),
    /// Open devices outside a call, for the check and the settings; both `false` closes them again.
    Preview {
        /// For the level meter.
        microphone: bool,
        /// For the self view.
        camera: bool,
    },
    /// Play a short sound on the chosen speaker.
    PlayTestSound,
    /// Record five seconds of the microphone and play them back.
    TrySound,
    /// Replace the settings; they are kept and take effect at once, devices included.
    ChangeSettings(Box<Settings>),
    /// Close the problem sheet.
    DismissProblem,
    /// From the problem sheet: do again what failed.
    TryAgain,
    /// Close a notice.
    DismissNotice(u64),
    /// Be seen by friends as in this picture from now on.
    SetPortrait {
        /// Its file: the path of one that is there, or a URL.
        file: String,
    },
    /// Be seen no more.
    RemovePortrait,
    /// Empty the list of recent calls.
    ForgetRecents,
    /// Save somebody of this call, or of a recent one, as a contact of this name.
    SaveContact {
        /// Whom.
        identity: PublicIdentity,
        /// What to call them.
        name: String,
    },
    /// Call a contact something else from now on.
    RenameContact {
        /// Whom.
        contact: PublicIdentity,
        /// What.
        name: String,
    },
    /// Both have compared the safety words of a call, and they were the same; or no longer count on it.
    SetVerified {
        /// Whose.
        contact: PublicIdentity,
        /// They were the same.
        verified: bool,
    },
    /// Forget a contact.
    RemoveContact(PublicIdentity),
    /// Hear nothing of somebody from now on.
    Block {
        /// Of whom.
        identity: PublicIdentity,
        /// To know them by in the list of those who are blocked.
        name: String,
    },
    /// Hear of somebody again.
    Unblock(PublicIdentity),
    /// Make a standing room at the call server of the settings.
    MakeRoom {
        /// What to call it.
        name: String,
        /// How long it lasts; until it is removed if nothing is said.
        lasts: Option<Duration>,
    },
    /// Keep the standing room of a friend.
    KeepRoom {
        /// What to call it.
        name: String,
        /// Its link.
        invite: String,
    },
    /// Call a standing room something else from now on.
    RenameRoom {
        /// What it is called.
        room: String,
        /// What to call it.
        name: String,
    },
    /// Forget a standing room.
    RemoveRoom {
        /// What it is called.
        name: String,
    },
    /// Go to a standing room, and talk with whoever is there or comes.
    EnterRoom {
        /// What it is called.
        name: String,
        /// Pictures are sent from the beginning.
        camera: bool,
    },
}
