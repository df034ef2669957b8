use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use twocan_protocol::{RoomId, ServerUrl, ServerUrlError};
use zeroize::Zeroizing;

use super::code::{Code, CodeError};
use super::handshake::Door;
use super::keys::{Schedule, expand_room};

/// What every link begins with.
const PREFIX: &str = "twocan://";
/// The secret: 128 random bits, 22 characters.
const SECRET_BYTES: usize = 16;
/// A computer that hosts has an address or two on each of its networks.
const MAX_SERVERS: usize = 8;

/// What one person gives the other so that they meet: servers, and a secret.
///
/// As text it is a link, `twocan://call.example.org/ROOM#SECRET`. The room follows from the secret, so that
/// it tells whether the link is whole, and nothing of the secret; what comes after the `#` no server sees.
/// From the same secret the room of a call and a standing room follow in two ways, so that it tells as well
/// which of the two the link leads to. Other servers, and a scheme that is not the one that people would mean,
/// follow the room: `?w=HOST&s=HOST` for `ws://` and `wss://`, `?ws` or `?wss` for the first.
///
/// Who has the invite can join and read. `Debug` shows neither room nor secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    servers: Vec<ServerUrl>,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
    room: RoomId,
    kind: Kind,
}

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A call: whoever made the link is rung there.
    Call,
    /// A room that stays: whoever comes talks with whoever is there.
    Standing,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Call, Self::Standing];

    fn room_name(self) -> &'static [u8] {
        match self {
            Self::Call => b"link",
            Self::Standing => b"standing",
        }
    }

    fn door_name(self) -> &'static [u8] {
        match self {
            Self::Call => b"door",
            Self::Standing => b"standing door",
        }
    }
}

impl Invite {
    /// To a new call, to be found at any one of 1 to 8 `servers`.
    ///
    /// # Errors
    /// When there are none, or too many.
    pub fn new(servers: Vec<ServerUrl>, rng: &mut impl CryptoRng) -> Result<Self, InviteError> {
        Self::from_parts(servers, some_secret(rng), Kind::Call)
    }

    /// To a new standing room, to be found at any one of 1 to 8 `servers`.
    ///
    /// # Errors
    /// When there are none, or too many.
    pub fn standing(
        servers: Vec<ServerUrl>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, InviteError> {
        Self::from_parts(servers, some_secret(rng), Kind::Standing)
    }

    fn from_parts(
        servers: Vec<ServerUrl>,
        secret: Zeroizing<[u8; SECRET_BYTES]>,
        kind: Kind,
    ) -> Result<Self, InviteError> {
        match servers.len() {
            0 => Err(InviteError::Incomplete),
            1..=MAX_SERVERS => Ok(Self {
                servers,
                room: room_of(&secret, kind),
                secret,
                kind,
            }),
            _ => Err(InviteError::TooManyServers),
        }
    }

    /// Whether it leads to a standing room, where nobody is rung.
    pub fn is_standing(&self) -> bool {
        self.kind == Kind::Standing
    }

    /// Where to try, in this order; at least one.
    pub fn servers(&self) -> &[ServerUrl] {
        &self.servers
    }

    /// The room to enter there.
    pub fn room(&self) -> &RoomId {
        &self.room
    }

    /// What the people in the room have in common.
    pub fn door(&self) -> Door {
        let keys = Schedule::new(b"twocan link 2", self.secret.as_ref());
        Door::Secret(keys.expand(self.kind.door_name()))
    }
}

fn some_secret(rng: &mut impl CryptoRng) -> Zeroizing<[u8; SECRET_BYTES]> {
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    rng.fill_bytes(secret.as_mut());
    secret
}

fn room_of(secret: &[u8; SECRET_BYTES], kind: Kind) -> RoomId {
    expand_room(&Schedule::new(b"twocan link 2", secret), kind.room_name())
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.servers.split_first() else {
            return Ok(());
        };
        write!(f, "{PREFIX}{}/{}", first.short(), self.room.as_str())?;
        let meant = first.short().parse::<ServerUrl>().as_ref() == Ok(first);
        let scheme = |server: &ServerUrl| if server.is_secure() { "s" } else { "w" };
        let mut extras = Vec::new();
        if !meant {
            extras.push(if first.is_secure() { "wss" } else { "ws" }.to_owned());
        }
        extras.extend(
            others
                .iter()
                .map(|server| format!("{}={}", scheme(server), server.short())),
        );
        if !extras.is_empty() {
            write!(f, "?{}", extras.join("&"))?;
        }
        write!(f, "#{}", BASE64URL_NOPAD.encode(self.secret.as_ref()))
    }
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite")
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

impl FromStr for Invite {
    type Err = InviteError;

    /// Takes the link with whatever people paste around it: spaces, quotes, brackets, a whole sentence.
    fn from_str(text: &str) -> Result<Self, InviteError> {
        // Mail programs and web pages write & as an entity.
        let text = text.replace("&amp;", "&");
        let link = find_link(&text).ok_or(InviteError::NotAnInvite)?;
        let (place, rest) = link.split_once('#').ok_or(InviteError::NoSecret)?;
        let secret = parse_secret(rest)?;
        let (path, extras) = place.split_once('?').unwrap_or((place, ""));
        let (first, room) = path.rsplit_once('/').ok_or(InviteError::Incomplete)?;
        let mut servers = vec![first.to_owned()];
        for extra in extras.split('&').filter(|extra| !extra.is_empty()) {
            match extra.split_once('=') {
                Some(("s", server)) => servers.push(format!("wss://{server}")),
                Some(("w", server)) => servers.push(format!("ws://{server}")),
                None if extra == "ws" || extra == "wss" => {
                    servers[0] = format!("{extra}://{first}")
                }
                Some(_) | None => return Err(InviteError::Newer),
            }
            if servers.len() > MAX_SERVERS {
                return Err(InviteError::TooManyServers);
            }
        }
        let servers: Vec<ServerUrl> = servers
            .iter()
            .map(|server| server.parse())
            .collect::<Result<_, _>>()?;
        let mut kinds = Kind::ALL.into_iter();
        let kind = kinds.find(|kind| room_of(&secret, *kind).as_str() == room);
        // How many servers there are is said first.
        let invite = Self::from_parts(servers, secret, kind.unwrap_or(Kind::Call))?;
        match kind {
            Some(_) => Ok(invite),
            None => Err(InviteError::Damaged),
        }
    }
}

/// What comes after `twocan://`, up to the first character that no link has.
fn find_link(text: &str) -> Option<&str> {
    let at = text.to_ascii_lowercase().find(PREFIX)?;
    let rest = text.get(at + PREFIX.len()..)?;
    let in_link = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@%&=+".contains(c);
    let end = rest.find(|c| !in_link(c)).unwrap_or(rest.len());
    Some(&rest[..end])
}

/// What follows it, such as a full stop, does no harm.
fn parse_secret(text: &str) -> Result<Zeroizing<[u8; SECRET_BYTES]>, InviteError> {
    let of_it = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let end = text.find(|c| !of_it(c)).unwrap_or(text.len());
    let secret = &text[..end];
    match secret.len() {
        0 => return Err(InviteError::NoSecret),
        short if short < BASE64URL_NOPAD.encode_len(SECRET_BYTES) => {
            return Err(InviteError::Incomplete);
        }
        _ => {}
    }
    let bytes = BASE64URL_NOPAD
        .decode(secret.as_bytes())
        .map_err(|_| InviteError::Damaged)?;
    let bytes = bytes.try_into().map_err(|_| InviteError::Damaged)?;
    Ok(Zeroizing::new(bytes))
}

/// What a person was given, said or sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invitation {
    /// Number and words.
    Code(Code),
    /// A link.
    Link(Invite),
}

impl FromStr for Invitation {
    type Err = InvitationError;

    /// Tells them apart by what a link begins with.
    fn from_str(text: &str) -> Result<Self, InvitationError> {
        if text.to_ascii_lowercase().contains("twocan:") {
            return Ok(Self::Link(text.parse()?));
        }
        let code = text.trim();
        if code.contains("://") {
            return Err(InviteError::NotAnInvite.into());
        }
        Ok(Self::Code(code.parse()?))
    }
}

/// Why a text is neither. The sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// Meant to be a link.
    #[error(transparent)]
    Link(#[from] InviteError),
    /// Meant to be a code.
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// Why a text is not an invite. The sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// No `twocan://` in it.
    #[error("this is not a Twocan invite; an invite begins with twocan://")]
    NotAnInvite,
    /// Cut off.
    #[error("the invite is not whole; copy all of it, to the last letter")]
    Incomplete,
    /// Cut off at the `#`.
    #[error(
        "the secret at the end of the invite is missing; copy all of it, with what comes after the #"
    )]
    NoSecret,
    /// Changed on its way.
    #[error("the invite is damaged; ask your friend to send it again")]
    Damaged,
    /// It has parts that this version does not know.
    #[error("this invite was made by a newer Twocan; update yours to use it")]
    Newer,
    /// More than 8.
    #[error("the invite names too many call servers; it can have {MAX_SERVERS}")]
    TooManyServers,
    /// One of the servers.
    #[error("the invite is damaged: {0}")]
    Server(#[from] ServerUrlError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn invite(servers: &[&str], seed: u64) -> Invite {
        let servers = servers.iter().map(|s| s.parse().unwrap()).collect();
        Invite::new(servers, &mut StdRng::seed_from_u64(seed)).unwrap()
    }

    fn one() -> Invite {
        invite(&["ws://192.168.1.5:4455", "wss://call.example.org/x"], 7)
    }

    fn standing(seed: u64) -> Invite {
        let servers = vec!["wss://call.example.org".parse().unwrap()];
        Invite::standing(servers, &mut StdRng::seed_from_u64(seed)).unwrap()
    }

    #[test]
    fn the_room_tells_whether_a_link_is_that_of_a_call_or_of_a_standing_room() {
        let (call, family) = (invite(&["wss://call.example.org"], 1), standing(1));
        assert!(!call.is_standing() && family.is_standing());
        // The same secret: only the room and the door are others.
        let (of_call, of_family) = (call.to_string(), family.to_string());
        assert_eq!(of_call.len(), of_family.len());
        assert_eq!(of_call.split('#').nth(1), of_family.split('#').nth(1));
        assert_ne!(call.room(), family.room());
        let Door::Secret(of_call_door) = call.door() else {
            panic!("a link has a secret")
        };
        let Door::Secret(of_family_door) = family.door() else {
            panic!("a link has a secret")
        };
        assert!(*of_call_door != *of_family_door);
        assert_eq!(of_call.parse(), Ok(call));
        assert_eq!(of_family.parse(), Ok(family));
    }

    #[test]
    fn the_link_is_short_and_names_each_server() {
        let text = one().to_string();
        assert!(text.starts_with("twocan://192.168.1.5:4455/"), "{text}");
        assert!(text.contains("?s=call.example.org/x#"), "{text}");
        let short = invite(&["wss://call.example.org"], 1).to_string();
        assert_eq!(short.len(), 9 + 16 + 1 + 16 + 1 + 22, "{short}");
        let unusual = invite(&["ws://call.example.org"], 1).to_string();
        assert!(unusual.contains("?ws#"), "{unusual}");
    }

    #[test]
    fn every_invite_is_another_and_the_room_does_not_tell_the_secret() {
        let mut rng = StdRng::seed_from_u64(3);
        let servers = vec!["a.example".parse().unwrap()];
        let first = Invite::new(servers.clone(), &mut rng).unwrap();
        let second = Invite::new(servers, &mut rng).unwrap();
        assert_ne!(first.room(), second.room());
        let secret = BASE64URL_NOPAD.encode(first.secret.as_ref());
        assert!(!secret.contains(first.room().as_str()));
    }

    #[test]
    fn it_is_found_in_whatever_people_paste() {
        let (invite, text) = (one(), one().to_string());
        for pasted in [
            text.clone(),
            format!("  {text}\r\n"),
            format!("\"{text}\""),
            format!("<{text}>"),
            format!("“{text}”"),
            format!("({text})."),
            format!("[call me]({text})!"),
            format!("Hi Maya, come to\n{text}, will you? I am there, see http://x.example/?a=b&c"),
            text.replace("twocan:", "TWOCAN:"),
            text.replace('&', "&amp;"),
        ] {
            assert_eq!(pasted.parse::<Invite>().as_ref(), Ok(&invite), "{pasted}");
        }
    }

    #[test]
    fn what_is_wrong_with_it_is_said() {
        let text = one().to_string();
        let (head, secret) = text.rsplit_once('#').unwrap();
        let room = one().room().as_str().to_owned();
        for (bad, error) in [
            (String::new(), InviteError::NotAnInvite),
            ("https://example.org".into(), InviteError::NotAnInvite),
            ("twocan://".into(), InviteError::NoSecret),
            (head.to_owned(), InviteError::NoSecret),
            (format!("{head}#"), InviteError::NoSecret),
            (text[..text.len() - 1].to_owned(), InviteError::Incomplete),
            (
                format!("twocan://a.example#{secret}"),
                InviteError::Incomplete,
            ),
            (format!("{text}A"), InviteError::Damaged),
            (text.replace(&room, "anotherRoom"), InviteError::Damaged),
            (text.replace('#', "&z=1#"), InviteError::Newer),
            (
                text.replace('#', &("&s=a.example".repeat(8) + "#")),
                InviteError::TooManyServers,
            ),
        ] {
            assert_eq!(bad.parse::<Invite>(), Err(error), "{bad}");
        }
        let bad_server = text.replace("192.168.1.5:4455", "192.168.1.5:99999");
        assert!(matches!(
            bad_server.parse::<Invite>(),
            Err(InviteError::Server(_))
        ));
    }

    #[test]
    fn any_wrong_letter_of_the_secret_is_noticed() {
        let text = one().to_string();
        let at = text.rfind('#').unwrap() + 3;
        let mut bytes = text.into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(changed.parse::<Invite>(), Err(InviteError::Damaged));
    }

    #[test]
    fn a_code_and_a_link_are_told_apart() {
        let link = one();
        assert_eq!(link.to_string().parse(), Ok(Invitation::Link(link)));
        let code = "7-guitar-lamp".parse().unwrap();
        assert_eq!(" 7 guitar lamp ".parse(), Ok(Invitation::Code(code)));
        let wrong = |text: &str| text.parse::<Invitation>().unwrap_err();
        assert_eq!(wrong("twocan://x"), InviteError::NoSecret.into());
        assert_eq!(
            wrong("https://example.org"),
            InviteError::NotAnInvite.into()
        );
        assert_eq!(wrong("7-guitar"), CodeError::Unfinished.into());
    }

    #[test]
    fn an_invite_needs_a_server_and_not_too_many() {
        let mut rng = StdRng::seed_from_u64(1);
        assert_eq!(
            Invite::new(Vec::new(), &mut rng),
            Err(InviteError::Incomplete)
        );
        let many = vec!["a.example".parse().unwrap(); 9];
        assert_eq!(
            Invite::new(many, &mut rng),
            Err(InviteError::TooManyServers)
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let invite = one();
        let shown = format!("{invite:?}");
        let secret = BASE64URL_NOPAD.encode(invite.secret.as_ref());
        assert!(
            !shown.contains(invite.room().as_str()) && !shown.contains(&secret),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn no_link_is_taken_for_one_of_the_other_kind(seed in any::<u64>(), room in "[A-Za-z0-9_-]{16}") {
            let (call, family) = (invite(&["call.example.org"], seed), standing(seed));
            for (link, stands) in [(&call, false), (&family, true)] {
                let read: Invite = link.to_string().parse().unwrap();
                prop_assert_eq!(read.is_standing(), stands);
                prop_assert_eq!(&read, link);
                // Any other room is neither.
                let other = link.to_string().replace(link.room().as_str(), &room);
                if room != call.room().as_str() && room != family.room().as_str() {
                    prop_assert_eq!(other.parse::<Invite>(), Err(InviteError::Damaged));
                }
            }
        }

        #[test]
        fn every_invite_reads_back_from_the_middle_of_a_text(
            stands in any::<bool>(),
            seed in any::<u64>(),
            hosts in proptest::collection::vec("[a-z]{1,10}\\.example(:[1-9][0-9]{0,3})?(/[a-z]{1,5})?", 1..=8),
            secure in any::<[bool; 8]>(),
            before in "[^:]{0,20}",
        ) {
            let servers = hosts
                .iter()
                .zip(secure)
                .map(|(host, secure)| format!("{}://{host}", if secure { "wss" } else { "ws" }))
                .map(|server| server.parse().unwrap())
                .collect();
            let rng = &mut StdRng::seed_from_u64(seed);
            let invite = match stands {
                true => Invite::standing(servers, rng),
                false => Invite::new(servers, rng),
            };
            let invite = invite.unwrap();
            let text = format!("{before} {invite} after");
            prop_assert_eq!(text.parse::<Invite>(), Ok(invite));
        }

        #[test]
        fn any_text_is_taken_without_a_panic(text in any::<String>(), rest in any::<String>()) {
            let _ = text.parse::<Invitation>();
            let _ = format!("twocan://{rest}").parse::<Invitation>();
        }

        #[test]
        fn any_damage_is_taken_without_a_panic(
            at in any::<proptest::sample::Index>(),
            with in any::<char>(),
        ) {
            let mut text: Vec<char> = one().to_string().chars().collect();
            let at = at.index(text.len());
            text[at] = with;
            let _ = text.into_iter().collect::<String>().parse::<Invite>();
        }
    }
}
