use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{MAX_MESSAGE_BYTES, MemberId, Nameplate, RoomId};

/// From a client to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The first message of a connection, and only the first.
    Hello {
        /// [`crate::PROTOCOL_VERSION`] of the client. `type` and `version` stay as they are in every version.
        version: u32,
    },
    /// Into this room as well; it begins to exist with its first member.
    Enter {
        /// Which.
        room: RoomId,
    },
    /// Out of this room.
    Leave {
        /// Which.
        room: RoomId,
    },
    /// Pass this on.
    Relay {
        /// In this room, in which the client is.
        room: RoomId,
        /// To this member, or to everybody else in the room. What is for somebody who has just left
        /// is dropped: the sender is told that they left.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<MemberId>,
        /// Opaque to the server.
        payload: String,
    },
    /// A number is wanted that leads to this room, in which the client is.
    Allot {
        /// Which.
        room: RoomId,
    },
    /// Into the room that this number leads to. It leads there once.
    Claim {
        /// The number.
        nameplate: Nameplate,
    },
    /// Going, on purpose.
    Bye,
}

/// From the server to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The client is let in.
    Welcome {
        /// [`crate::PROTOCOL_VERSION`] of the server.
        version: u32,
        /// Who the client is in all of its rooms.
        you: MemberId,
        /// By the server's clock, seconds since 1970 (UTC): whoever meets here agrees on the day.
        time: u64,
    },
    /// The client is in a room.
    Entered {
        /// Which.
        room: RoomId,
        /// The number that led there, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Nameplate>,
        /// Who else is there, longest first.
        members: Vec<MemberId>,
    },
    /// The client is not let into a room.
    NotEntered {
        /// Which.
        room: RoomId,
        /// Why.
        reason: RefusalReason,
    },
    /// Somebody entered.
    Joined {
        /// Which room.
        room: RoomId,
        /// Who.
        member: MemberId,
    },
    /// Somebody left, lost the connection, or was dropped.
    Left {
        /// Which room.
        room: RoomId,
        /// Who.
        member: MemberId,
    },
    /// Somebody sent this.
    Relayed {
        /// In which room.
        room: RoomId,
        /// Who.
        from: MemberId,
        /// As it was sent.
        payload: String,
    },
    /// This number leads to the room now, once.
    Allotted {
        /// Which room.
        room: RoomId,
        /// The number.
        nameplate: Nameplate,
        /// How long it does, in seconds.
        seconds: u32,
    },
    /// No more numbers are to be had for now.
    NotAllotted {
        /// For which room.
        room: RoomId,
    },
    /// A number leads nowhere: it never did, not any more, or somebody else was there before.
    NoSuchNameplate {
        /// Which.
        nameplate: Nameplate,
    },
    /// The server ends the connection.
    Refused {
        /// Why.
        reason: RefusalReason,
    },
    /// The server ends all connections; it may come back.
    ShuttingDown,
}

/// Why a server ends a connection, or does not let somebody into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// See [`crate::PROTOCOL_VERSION`].
    #[error(
        "the call server and this Twocan are of different versions; update the one that is older"
    )]
    WrongVersion,
    /// [`crate::MAX_MEMBERS`] are in the room.
    #[error("the call is full")]
    RoomFull,
    /// The server takes no more rooms, or no more of one client.
    #[error("the call server has no room for another call; try again later")]
    TooManyRooms,
    /// Not a message of this language, or not at this time.
    #[error("the call server did not understand this Twocan")]
    BadRequest,
    /// A message was over [`MAX_MESSAGE_BYTES`].
    #[error("a message was too big for the call server")]
    TooBig,
    /// Messages came faster than the server passes on.
    #[error("this Twocan sent messages faster than the call server passes on")]
    TooManyMessages,
    /// The client does not read what is sent to it.
    #[error("this computer reads too slowly from the call server")]
    TooSlow,
    /// A reason that this version does not know.
    #[serde(other)]
    #[error("the call server refused, for a reason this Twocan does not know")]
    Unknown,
}

impl RefusalReason {
    /// Whether trying again by itself could help.
    pub fn is_final(self) -> bool {
        match self {
            Self::WrongVersion | Self::RoomFull | Self::BadRequest | Self::TooBig => true,
            Self::TooManyRooms | Self::TooManyMessages | Self::TooSlow | Self::Unknown => false,
        }
    }
}

/// Why a text is not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Over [`MAX_MESSAGE_BYTES`].
    #[error("a message of {bytes} bytes is over the limit of {MAX_MESSAGE_BYTES}")]
    TooBig {
        /// How big it is.
        bytes: usize,
    },
    /// Not JSON, or not of the shape of any message.
    #[error("the text is not a message")]
    Malformed,
    /// A hello of another version, whatever else is in it.
    #[error("the other side speaks version {0}")]
    WrongVersion(u32),
}

impl ClientMessage {
    /// As JSON.
    pub fn encode(&self) -> Result<String, ProtocolError> {
        encode(self)
    }

    /// From JSON. A hello of another version is recognised even if the rest of it changed.
    pub fn decode(text: &str) -> Result<Self, ProtocolError> {
        match decode(text) {
            Ok(Self::Hello { version, .. }) if version != crate::PROTOCOL_VERSION => {
                Err(ProtocolError::WrongVersion(version))
            }
            Ok(message) => Ok(message),
            Err(error @ ProtocolError::TooBig { .. }) => Err(error),
            Err(error) => match decode(text) {
                Ok(AnyHello::Hello { version }) if version != crate::PROTOCOL_VERSION => {
                    Err(ProtocolError::WrongVersion(version))
                }
                _ => Err(error),
            },
        }
    }
}

impl ServerMessage {
    /// As JSON.
    pub fn encode(&self) -> Result<String, ProtocolError> {
        encode(self)
    }

    /// From JSON.
    pub fn decode(text: &str) -> Result<Self, ProtocolError> {
        decode(text)
    }
}

/// What never changes in a hello.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum AnyHello {
    Hello { version: u32 },
}

fn encode(message: &impl Serialize) -> Result<String, ProtocolError> {
    let text = serde_json::to_string(message).map_err(|_| ProtocolError::Malformed)?;
    check_size(&text)?;
    Ok(text)
}

fn decode<M: DeserializeOwned>(text: &str) -> Result<M, ProtocolError> {
    check_size(text)?;
    serde_json::from_str(text).map_err(|_| ProtocolError::Malformed)
}

fn check_size(text: &str) -> Result<(), ProtocolError> {
    let bytes = text.len();
    if bytes > MAX_MESSAGE_BYTES {
        return Err(ProtocolError::TooBig { bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PROTOCOL_VERSION;
    use proptest::prelude::*;

    fn member() -> impl Strategy<Value = MemberId> {
        any::<u64>().prop_map(MemberId)
    }

    fn room() -> impl Strategy<Value = RoomId> {
        "[A-Za-z0-9_-]{1,64}".prop_map(|room| room.parse().unwrap())
    }

    fn nameplate() -> impl Strategy<Value = Nameplate> {
        (1..=99_999_u32).prop_map(|number| number.try_into().unwrap())
    }

    fn client_message() -> impl Strategy<Value = ClientMessage> {
        prop_oneof![
            Just(ClientMessage::Hello {
                version: PROTOCOL_VERSION
            }),
            room().prop_map(|room| ClientMessage::Enter { room }),
            room().prop_map(|room| ClientMessage::Leave { room }),
            (room(), proptest::option::of(member()), any::<String>())
                .prop_map(|(room, to, payload)| ClientMessage::Relay { room, to, payload }),
            room().prop_map(|room| ClientMessage::Allot { room }),
            nameplate().prop_map(|nameplate| ClientMessage::Claim { nameplate }),
            Just(ClientMessage::Bye),
        ]
    }

    fn reason() -> impl Strategy<Value = RefusalReason> {
        prop_oneof![
            Just(RefusalReason::WrongVersion),
            Just(RefusalReason::RoomFull),
            Just(RefusalReason::TooManyRooms),
            Just(RefusalReason::BadRequest),
            Just(RefusalReason::TooBig),
            Just(RefusalReason::TooManyMessages),
            Just(RefusalReason::TooSlow),
        ]
    }

    fn server_message() -> impl Strategy<Value = ServerMessage> {
        prop_oneof![
            (any::<u32>(), member(), any::<u64>())
                .prop_map(|(version, you, time)| ServerMessage::Welcome { version, you, time }),
            (
                room(),
                proptest::option::of(nameplate()),
                proptest::collection::vec(member(), 0..8)
            )
                .prop_map(|(room, by, members)| ServerMessage::Entered {
                    room,
                    by,
                    members
                }),
            (room(), reason())
                .prop_map(|(room, reason)| ServerMessage::NotEntered { room, reason }),
            (room(), member()).prop_map(|(room, member)| ServerMessage::Joined { room, member }),
            (room(), member()).prop_map(|(room, member)| ServerMessage::Left { room, member }),
            (room(), member(), any::<String>()).prop_map(|(room, from, payload)| {
                ServerMessage::Relayed {
                    room,
                    from,
                    payload,
                }
            }),
            (room(), nameplate(), any::<u32>()).prop_map(|(room, nameplate, seconds)| {
                ServerMessage::Allotted {
                    room,
                    nameplate,
                    seconds,
                }
            }),
            room().prop_map(|room| ServerMessage::NotAllotted { room }),
            nameplate().prop_map(|nameplate| ServerMessage::NoSuchNameplate { nameplate }),
            reason().prop_map(|reason| ServerMessage::Refused { reason }),
            Just(ServerMessage::ShuttingDown),
        ]
    }

    proptest! {
        #[test]
        fn what_a_client_says_is_heard(message in client_message()) {
            let text = message.encode().unwrap();
            prop_assert_eq!(ClientMessage::decode(&text), Ok(message));
        }

        #[test]
        fn what_a_server_says_is_heard(message in server_message()) {
            let text = message.encode().unwrap();
            prop_assert_eq!(ServerMessage::decode(&text), Ok(message));
        }

        #[test]
        fn any_text_is_taken_without_a_panic(text in any::<String>()) {
            let _ = ClientMessage::decode(&text);
            let _ = ServerMessage::decode(&text);
        }

        #[test]
        fn a_damaged_message_is_taken_without_a_panic(
            message in server_message(),
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = message.encode().unwrap().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let text = String::from_utf8_lossy(&bytes);
            let _ = ClientMessage::decode(&text);
            let _ = ServerMessage::decode(&text);
        }
    }

    #[test]
    fn the_wire_is_as_documented() {
        let hello = ClientMessage::decode(r#"{"type":"hello","version":2}"#);
        assert_eq!(hello, Ok(ClientMessage::Hello { version: 2 }));
        let room: RoomId = "k3J".parse().unwrap();
        let relay = ClientMessage::Relay {
            room: room.clone(),
            to: None,
            payload: "x".into(),
        };
        assert_eq!(
            relay.encode().unwrap(),
            r#"{"type":"relay","room":"k3J","payload":"x"}"#
        );
        let entered = ServerMessage::Entered {
            room: room.clone(),
            by: None,
            members: vec![MemberId(3)],
        };
        assert_eq!(
            entered.encode().unwrap(),
            r#"{"type":"entered","room":"k3J","members":[3]}"#
        );
        let full = ServerMessage::NotEntered {
            room,
            reason: RefusalReason::RoomFull,
        };
        assert_eq!(
            full.encode().unwrap(),
            r#"{"type":"not_entered","room":"k3J","reason":"room_full"}"#
        );
        let claim = ClientMessage::decode(r#"{"type":"claim","nameplate":7}"#);
        let nameplate = "7".parse().unwrap();
        assert_eq!(claim, Ok(ClientMessage::Claim { nameplate }));
    }

    #[test]
    fn a_hello_of_another_version_is_told_apart_from_nonsense() {
        let newer = r#"{"type":"hello","version":3,"house":{"name":"x"}}"#;
        assert_eq!(
            ClientMessage::decode(newer),
            Err(ProtocolError::WrongVersion(3))
        );
        let older = r#"{"type":"hello","version":1,"room":"x"}"#;
        assert_eq!(
            ClientMessage::decode(older),
            Err(ProtocolError::WrongVersion(1))
        );
        for nonsense in [
            r#"{"type":"hello"}"#,
            r#"{"type":"enter","room":"not a room"}"#,
            r#"{"type":"claim","nameplate":0}"#,
            r#"{"type":"claim","nameplate":"7"}"#,
            r#"{"type":"dance"}"#,
            "",
            "[[[[",
        ] {
            let heard = ClientMessage::decode(nonsense);
            assert_eq!(heard, Err(ProtocolError::Malformed), "{nonsense}");
        }
    }

    #[test]
    fn a_reason_of_the_future_is_still_a_refusal() {
        let text = r#"{"type":"refused","reason":"full_moon"}"#;
        let reason = RefusalReason::Unknown;
        assert_eq!(
            ServerMessage::decode(text),
            Ok(ServerMessage::Refused { reason })
        );
    }

    #[test]
    fn too_big_is_refused_both_ways() {
        let relay = ClientMessage::Relay {
            room: "r".parse().unwrap(),
            to: None,
            payload: "x".repeat(MAX_MESSAGE_BYTES),
        };
        assert!(matches!(relay.encode(), Err(ProtocolError::TooBig { .. })));
        let text = " ".repeat(MAX_MESSAGE_BYTES + 1);
        let heard = ClientMessage::decode(&text);
        assert!(matches!(heard, Err(ProtocolError::TooBig { .. })));
    }
}
