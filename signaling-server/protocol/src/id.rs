use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest room id, in bytes.
pub const MAX_ROOM_ID_LENGTH: usize = 64;

/// A connection to a server, as those see it who share a room with it. A server gives each out once, in
/// rising order. After a reconnect a person is a new member.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct MemberId(pub u64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a spoken code: it leads to the room of whoever was allotted it, for a while and for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Nameplate(u32);

impl Nameplate {
    /// The largest.
    pub const MAX: Self = Self(99_999);
}

impl TryFrom<u32> for Nameplate {
    type Error = BadNameplate;

    fn try_from(number: u32) -> Result<Self, BadNameplate> {
        if (1..=Self::MAX.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(BadNameplate)
        }
    }
}

impl From<Nameplate> for u32 {
    fn from(nameplate: Nameplate) -> Self {
        nameplate.0
    }
}

impl FromStr for Nameplate {
    type Err = BadNameplate;

    fn from_str(text: &str) -> Result<Self, BadNameplate> {
        text.parse::<u32>().map_err(|_| BadNameplate)?.try_into()
    }
}

impl fmt::Display for Nameplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// It is no number from 1 to 99999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the number of a code is 1 to {}", Nameplate::MAX)]
pub struct BadNameplate;

/// The name of a room: 1 to 64 characters of `A-Z a-z 0-9 _ -`, opaque to the server. Who knows it can
/// enter, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomId(String);

impl RoomId {
    /// As it travels.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomId {
    type Err = BadRoomId;

    fn from_str(text: &str) -> Result<Self, BadRoomId> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for RoomId {
    type Error = BadRoomId;

    fn try_from(text: String) -> Result<Self, BadRoomId> {
        let length_fits = (1..=MAX_ROOM_ID_LENGTH).contains(&text.len());
        let opaque = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if length_fits && text.bytes().all(opaque) {
            Ok(Self(text))
        } else {
            Err(BadRoomId)
        }
    }
}

impl From<RoomId> for String {
    fn from(room: RoomId) -> Self {
        room.0
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomId(…)")
    }
}

/// It is empty, too long, or has other characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a room id is 1 to {MAX_ROOM_ID_LENGTH} characters of A-Z, a-z, 0-9, _ and -")]
pub struct BadRoomId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_id_is_short_and_plain() {
        for good in ["a", "A-z_09", &"x".repeat(MAX_ROOM_ID_LENGTH)] {
            assert_eq!(
                good.parse::<RoomId>().map(|room| room.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        for bad in ["", " a", "a/b", "ä", &"x".repeat(MAX_ROOM_ID_LENGTH + 1)] {
            assert_eq!(bad.parse::<RoomId>(), Err(BadRoomId), "{bad:?}");
        }
    }

    #[test]
    fn a_nameplate_is_a_short_number() {
        for (text, number) in [("1", Some(1)), ("007", Some(7)), ("99999", Some(99_999))] {
            assert_eq!(text.parse::<Nameplate>().ok().map(u32::from), number);
        }
        for bad in ["", "0", "100000", "-1", "1.5", "seven", "99999999999999"] {
            assert_eq!(bad.parse::<Nameplate>(), Err(BadNameplate), "{bad}");
        }
    }

    #[test]
    fn a_room_id_does_not_show_in_debug() {
        let room: RoomId = "very-secret".parse().unwrap();
        assert!(!format!("{room:?}").contains("secret"));
    }
}
