use serde::{Deserialize, Serialize};

/// How a call ended: an outcome, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEndReason {
    /// This person hung up.
    LocalHangup,
    /// The friend hung up.
    RemoteHangup,
    /// The asked-for duration has passed.
    DurationReached,
    /// This person left before anybody came.
    Cancelled,
    /// Nobody came in time.
    NoAnswer,
    /// The friend is in another call.
    RemoteBusy,
    /// The friend is not at any call server where we would meet.
    Offline,
    /// This person did not want the call.
    Declined,
    /// The friend did not want the call.
    RemoteDeclined,
    /// The friend gave up before this person answered.
    Missed,
    /// Another device of this person took it.
    AnsweredElsewhere,
    /// The code was not that of the friend.
    WrongCode,
    /// The number of the code leads nowhere.
    NoSuchCode,
    /// The friend could not prove who they are, or somebody is in between.
    NotTrusted,
    /// The invite is not one, or was damaged on the way.
    BadInvite,
    /// No call server answers.
    ServerUnreachable,
    /// The call server refused: a foreign version.
    ServerVersion,
    /// The call already has as many people as it takes.
    RoomFull,
    /// The friend uses a Twocan that this one does not understand.
    RemoteVersion,
    /// No way was found between the two computers.
    ConnectionFailed,
    /// The line dropped and did not come back.
    ConnectionLost,
    /// A fault of our own.
    InternalError,
}

impl CallEndReason {
    /// The call went as people wanted it to.
    pub fn is_success(self) -> bool {
        match self {
            Self::LocalHangup | Self::RemoteHangup | Self::DurationReached => true,
            Self::Cancelled
            | Self::NoAnswer
            | Self::RemoteBusy
            | Self::Offline
            | Self::Declined
            | Self::RemoteDeclined
            | Self::Missed
            | Self::AnsweredElsewhere
            | Self::WrongCode
            | Self::NoSuchCode
            | Self::NotTrusted
            | Self::BadInvite
            | Self::ServerUnreachable
            | Self::ServerVersion
            | Self::RoomFull
            | Self::RemoteVersion
            | Self::ConnectionFailed
            | Self::ConnectionLost
            | Self::InternalError => false,
        }
    }

    /// The exit code of a headless call that ended so.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::LocalHangup | Self::RemoteHangup | Self::DurationReached => 0,
            Self::Cancelled => 10,
            Self::NoAnswer => 11,
            Self::RemoteBusy => 12,
            Self::BadInvite => 13,
            Self::ServerUnreachable => 14,
            Self::ServerVersion => 15,
            Self::RoomFull => 16,
            Self::RemoteVersion => 17,
            Self::ConnectionFailed => 18,
            Self::ConnectionLost => 19,
            Self::InternalError => 20,
            Self::Declined => 21,
            Self::RemoteDeclined => 22,
            Self::AnsweredElsewhere => 23,
            Self::WrongCode => 24,
            Self::NoSuchCode => 25,
            Self::NotTrusted => 26,
            Self::Missed => 27,
            Self::Offline => 28,
        }
    }

    /// What happened and what helps, for a person.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::LocalHangup => "You hung up.",
            Self::RemoteHangup => "Your friend hung up.",
            Self::DurationReached => "The call lasted as long as it was asked to.",
            Self::Cancelled => "You left before your friend came.",
            Self::NoAnswer => "Nobody answered. Try again in a while.",
            Self::RemoteBusy => "Your friend is in another call. Try again later.",
            Self::Offline => "Your friend isn't there now.",
            Self::Declined => "You declined the call.",
            Self::RemoteDeclined => "Your friend declined the call.",
            Self::Missed => "You missed the call.",
            Self::AnsweredElsewhere => "The call was answered on another device.",
            Self::WrongCode => {
                "The code is not your friend's. It works once: ask for a new one, and type it carefully."
            }
            Self::NoSuchCode => {
                "This code leads nowhere: it was used, or its ten minutes are over. Ask your friend for a new one."
            }
            Self::NotTrusted => {
                "Somebody may be between you and your friend, so Twocan did not start the call. Try another call server."
            }
            Self::BadInvite => {
                "That is not an invite that Twocan knows. Copy the whole link and try again."
            }
            Self::ServerUnreachable => {
                "The call server doesn't answer. Check your internet connection and the server's address."
            }
            Self::ServerVersion => {
                "The call server speaks another version of Twocan. Update Twocan or the server."
            }
            Self::RoomFull => "This call is full. Ask for an invite of your own.",
            Self::RemoteVersion => {
                "Your friend's Twocan is of another version. Both of you need the newest one."
            }
            Self::ConnectionFailed => {
                "No direct line was found between the two computers. Try another network, or a relay."
            }
            Self::ConnectionLost => "The line dropped and did not come back. Call again?",
            Self::InternalError => "Twocan made a mistake and ended the call. Please try again.",
        }
    }
}
