use serde::{Deserialize, Serialize};

use super::{Part, ParticipantId};
use crate::peer::IceCandidate;
use crate::trust::Portrait;

/// The version of what two Twocans say to each other; both must speak the same one.
pub const CALL_VERSION: u32 = 2;
/// The longest name that is taken from anyone, in characters.
pub const MAX_NAME_CHARS: usize = 64;
/// The longest session description that is taken from anyone, in bytes.
pub const MAX_SDP_BYTES: usize = 40 * 1024;
/// The longest candidate that is taken from anyone, in bytes.
pub const MAX_CANDIDATE_BYTES: usize = 512;

/// Offer or answer (JSEP, RFC 9429).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DescriptionKind {
    /// Opens a negotiation.
    Offer,
    /// Closes it.
    Answer,
}

/// What two Twocans say to each other over the signaling server, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Who is there. No address is in it.
    Hello {
        /// Of this language.
        version: u32,
        /// The same for the whole call, even when the signaling connection is made anew.
        session: ParticipantId,
        /// What they do until talking begins.
        part: Part,
        /// The person has said that the call may start.
        ready: bool,
    },
    /// The person has said that the call may start.
    Ready,
    /// How the person looks; only after they have said that the call may start.
    Portrait {
        /// None: they do not show it, or no more.
        portrait: Option<Portrait>,
    },
    /// A session description.
    Description {
        /// Offer or answer.
        kind: DescriptionKind,
        /// RFC 8866.
        sdp: String,
    },
    /// A candidate (RFC 8838), after the description that it belongs to.
    Candidate {
        /// The candidate.
        candidate: IceCandidate,
    },
    /// This side has hung up.
    Bye,
    /// This side talks with as many as it can already.
    Busy,
    /// This person does not want the call.
    Decline,
    /// Another device of the same person has taken the call.
    Elsewhere,
}

/// A message that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Not JSON of this shape.
    #[error("not a message of a call: {0}")]
    Malformed(String),
    /// A part of it is longer than anyone honest makes it.
    #[error("the {0} is too long")]
    TooLong(&'static str),
}

impl Message {
    /// As JSON.
    pub fn encode(&self) -> Vec<u8> {
        // Plain structs with string keys: serializing them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From JSON of a stranger, every part bounded.
    ///
    /// # Errors
    /// When it is malformed or a part is too long.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let message: Self = serde_json::from_slice(bytes)
            .map_err(|error| MessageError::Malformed(error.to_string()))?;
        match &message {
            Self::Description { sdp, .. } if sdp.len() > MAX_SDP_BYTES => {
                return Err(MessageError::TooLong("session description"));
            }
            Self::Candidate { candidate } if candidate.candidate.len() > MAX_CANDIDATE_BYTES => {
                return Err(MessageError::TooLong("candidate"));
            }
            Self::Hello { .. }
            | Self::Description { .. }
            | Self::Candidate { .. }
            // A portrait that is too large is none.
            | Self::Portrait { .. }
            | Self::Ready
            | Self::Bye
            | Self::Busy
            | Self::Decline
            | Self::Elsewhere => {}
        }
        Ok(message)
    }
}

/// A name that can be shown: on one line, without control characters, not too long.
pub fn clean_name(name: &str) -> String {
    let visible: String = name
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .take(MAX_NAME_CHARS)
        .collect();
    visible.trim().to_owned()
}

/// What is not seen, but could make one name look like another: marks of direction, fillers, joiners, tags.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// What two Twocans say to each other over the direct line, where the server is not needed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlMessage {
    /// Whether this side sends sound and pictures, and how loud the other side is heard here;
    /// several times a second, so that "Maya hears you" is her word.
    State {
        /// Sound is not sent.
        muted: bool,
        /// Pictures are sent.
        camera_on: bool,
        /// Root mean square of what is played here of the other side, 0.0..=1.0; none when no
        /// sound has come in lately.
        hears: Option<f32>,
        /// The share of the other side's packets that did not arrive here lately, 0.0..=1.0.
        loss: f32,
    },
    /// This side has hung up.
    Bye,
}

impl ControlMessage {
    /// As JSON.
    pub fn encode(self) -> Vec<u8> {
        serde_json::to_vec(&self).unwrap_or_default()
    }

    /// From JSON of a stranger; numbers out of range are clamped.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let message = serde_json::from_slice(bytes)
            .map_err(|error| MessageError::Malformed(error.to_string()))?;
        Ok(match message {
            Self::State {
                muted,
                camera_on,
                hears,
                loss,
            } => Self::State {
                muted,
                camera_on,
                hears: hears.map(|level| level.clamp(0.0, 1.0)),
                loss: loss.clamp(0.0, 1.0),
            },
            Self::Bye => Self::Bye,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64URL_NOPAD;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_shown_on_one_line_and_cannot_pretend() {
        assert_eq!(
            clean_name("  Maya\n\u{202e}Lindqvist\u{7} "),
            "Maya Lindqvist"
        );
        assert_eq!(clean_name("Ma\u{ad}y\u{3164}a\u{e0041}\u{2064}"), "Maya");
        assert_eq!(clean_name(&"x".repeat(1_000)).len(), MAX_NAME_CHARS);
    }

    #[test]
    fn an_endless_description_is_refused() {
        let message = Message::Description {
            kind: DescriptionKind::Offer,
            sdp: "v".repeat(MAX_SDP_BYTES + 1),
        };
        assert_eq!(
            Message::decode(&message.encode()),
            Err(MessageError::TooLong("session description"))
        );
    }

    #[test]
    fn a_portrait_survives_the_way_in_a_parcel_of_16_kib_and_anything_else_is_refused() {
        let portrait = Portrait::plain([200, 30, 40]);
        let message = Message::Portrait {
            portrait: Some(portrait),
        };
        assert_eq!(Message::decode(&message.encode()), Ok(message));
        let written = |portrait: &str| format!(r#"{{"type":"portrait","portrait":"{portrait}"}}"#);
        let largest = written(&BASE64URL_NOPAD.encode(&[0; Portrait::MAX_BYTES]));
        // Four bytes more say how long it is.
        assert!(largest.len() + 4 <= 16_384, "{}", largest.len());
        let larger = "A".repeat(40_000);
        for text in [largest, written(&larger), written(""), written("AAAA")] {
            let refused = Message::decode(text.as_bytes());
            assert!(matches!(refused, Err(MessageError::Malformed(_))));
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = Message::decode(&bytes);
            let _ = ControlMessage::decode(&bytes);
        }

        #[test]
        fn a_message_with_a_foreign_part_never_panics(
            kind in "hello|ready|portrait|description|candidate|bye|busy|decline|elsewhere|state|[a-z]{0,8}",
            key in "version|session|part|portrait|sdp|kind|candidate|hears|loss",
            value in "-?[0-9]{1,40}|\"[^\"\\\\]{0,80}\"|null|\\{\\}|\\[\\[\\]\\]|1e999",
        ) {
            let mut text = format!(
                r#"{{"type":"{kind}","{key}":{value},"ready":true,"muted":false,"camera_on":true}}"#
            );
            let _ = Message::decode(text.as_bytes());
            let _ = ControlMessage::decode(text.as_bytes());
            text.pop();
            prop_assert!(Message::decode(text.as_bytes()).is_err());
        }

        #[test]
        fn a_description_survives_the_way(sdp in ".{0,200}", offer in any::<bool>()) {
            let kind = if offer { DescriptionKind::Offer } else { DescriptionKind::Answer };
            let message = Message::Description { kind, sdp };
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }

        #[test]
        fn levels_stay_in_range(hears in any::<f32>(), loss in any::<f32>()) {
            let sent = ControlMessage::State { muted: false, camera_on: true, hears: Some(hears), loss };
            if let Ok(ControlMessage::State { hears: Some(hears), loss, .. }) =
                ControlMessage::decode(&sent.encode())
            {
                prop_assert!((0.0..=1.0).contains(&hears) && (0.0..=1.0).contains(&loss));
            }
        }
    }
}
