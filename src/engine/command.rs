use crate::settings::Settings;

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
    /// From the check: everything is fine, start the call.
    Enter,
    /// Talk with whoever calls, with or without our pictures.
    Accept {
        /// Pictures are sent from the beginning.
        camera: bool,
    },
    /// Do not talk with whoever calls.
    Decline,
    /// Ring no more for whoever calls; they may still be answered.
    Silence,
    /// Make another spoken code in place of the one there is.
    NewCode,
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
    /// Empty the list of recent calls.
    ForgetRecents,
}
