use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use rand::CryptoRng;
use twocan_protocol::{RoomId, ServerUrl, ServerUrlError};

/// What every invite begins with.
const PREFIX: &str = "twocan:join?";
/// The room's name: 96 random bits, 16 characters.
const ROOM_BYTES: usize = 12;
/// The key: 256 random bits, 43 characters.
const KEY_BYTES: usize = 32;
/// A computer that hosts has an address or two on each of its networks.
const MAX_SERVERS: usize = 8;

/// What one person gives the other so that they meet: servers, a room and a secret key.
///
/// As text it is a link, `twocan:join?w=192.168.1.5:4455&s=call.example.org&r=ROOM&k=KEY`, where `w` is a
/// server at `ws://` and `s` one at `wss://`, in the order in which they are to be tried. The key comes
/// last, so that a link that was cut off is noticed and a full stop after it does no harm.
///
/// Who has the invite can join and read. `Debug` shows neither room nor key.
#[derive(Clone, PartialEq, Eq)]
pub struct Invite {
    servers: Vec<ServerUrl>,
    room: RoomId,
    key: [u8; KEY_BYTES],
}

impl Invite {
    /// A new room with a new key, to be found at any one of 1 to 8 `servers`.
    pub fn new(servers: Vec<ServerUrl>, rng: &mut impl CryptoRng) -> Result<Self, InviteError> {
        let (mut room, mut key) = ([0; ROOM_BYTES], [0; KEY_BYTES]);
        rng.fill_bytes(&mut room);
        rng.fill_bytes(&mut key);
        let room = BASE64URL_NOPAD.encode(&room);
        let room = room.parse().map_err(|_| InviteError::Damaged)?;
        Self::from_parts(servers, room, key)
    }

    fn from_parts(
        servers: Vec<ServerUrl>,
        room: RoomId,
        key: [u8; KEY_BYTES],
    ) -> Result<Self, InviteError> {
        match servers.len() {
            0 => Err(InviteError::Incomplete),
            1..=MAX_SERVERS => Ok(Self { servers, room, key }),
            _ => Err(InviteError::TooManyServers),
        }
    }

    /// Where to try, in this order; at least one.
    pub fn servers(&self) -> &[ServerUrl] {
        &self.servers
    }

    /// The room to enter there.
    pub fn room(&self) -> &RoomId {
        &self.room
    }

    /// The secret that the people in the room share.
    pub fn key(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }
}

impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for server in &self.servers {
            let name = if server.is_secure() { 's' } else { 'w' };
            write!(f, "{name}={}&", server.short())?;
        }
        let key = BASE64URL_NOPAD.encode(&self.key);
        write!(f, "r={}&k={key}", self.room.as_str())
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
        let query = find_query(&text).ok_or(InviteError::NotAnInvite)?;
        let (mut servers, mut room, mut key) = (Vec::new(), None, None);
        for part in query.split('&') {
            let (name, value) = part.split_once('=').ok_or(InviteError::Incomplete)?;
            match name {
                "s" => servers.push(format!("wss://{value}").parse()?),
                "w" => servers.push(format!("ws://{value}").parse()?),
                "r" if room.is_none() => room = Some(parse_room(value)?),
                "k" if key.is_none() => key = Some(parse_key(value)?),
                "r" | "k" => return Err(InviteError::Damaged),
                _ => return Err(InviteError::Newer),
            }
            if servers.len() > MAX_SERVERS {
                return Err(InviteError::TooManyServers);
            }
        }
        match (room, key) {
            (Some(room), Some(key)) => Self::from_parts(servers, room, key),
            _ => Err(InviteError::Incomplete),
        }
    }
}

/// What comes after `twocan:join?`, up to the first character that no invite has.
fn find_query(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    // Some programs take every link for one with a host, and put slashes in.
    let start = [PREFIX, "twocan://join?", "twocan://join/?"]
        .iter()
        .filter_map(|prefix| lower.find(prefix).map(|at| (at, at + prefix.len())))
        .min()
        .map(|(_, end)| end)?;
    let rest = text.get(start..)?;
    let in_link = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@%&=+".contains(c);
    let end = rest.find(|c| !in_link(c)).unwrap_or(rest.len());
    let of_key = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    Some(rest[..end].trim_end_matches(|c| !of_key(c)))
}

fn parse_room(value: &str) -> Result<RoomId, InviteError> {
    if value.is_empty() {
        return Err(InviteError::Incomplete);
    }
    value.parse().map_err(|_| InviteError::Damaged)
}

fn parse_key(value: &str) -> Result<[u8; KEY_BYTES], InviteError> {
    if value.len() < BASE64URL_NOPAD.encode_len(KEY_BYTES) {
        return Err(InviteError::Incomplete);
    }
    let bytes = BASE64URL_NOPAD
        .decode(value.as_bytes())
        .map_err(|_| InviteError::Damaged)?;
    bytes.try_into().map_err(|_| InviteError::Damaged)
}

/// Why a text is not an invite. The sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// No `twocan:join?` in it.
    #[error("this is not a Twocan invite; an invite begins with twocan:join?")]
    NotAnInvite,
    /// Cut off.
    #[error("the invite is not whole; copy all of it, to the last letter")]
    Incomplete,
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

    #[test]
    fn the_link_is_short_and_names_each_server() {
        let text = one().to_string();
        assert!(
            text.starts_with("twocan:join?w=192.168.1.5:4455&s=call.example.org/x&r="),
            "{text}"
        );
        let short = invite(&["wss://call.example.org"], 1).to_string();
        assert_eq!(short.len(), 12 + 19 + 19 + 45, "{short}");
    }

    #[test]
    fn every_invite_is_another() {
        let mut rng = StdRng::seed_from_u64(3);
        let servers = vec!["a.example".parse().unwrap()];
        let first = Invite::new(servers.clone(), &mut rng).unwrap();
        let second = Invite::new(servers, &mut rng).unwrap();
        assert_ne!(first.room(), second.room());
        assert_ne!(first.key(), second.key());
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
            text.replace("twocan:", "twocan://"),
            text.replace('&', "&amp;"),
        ] {
            assert_eq!(pasted.parse::<Invite>().as_ref(), Ok(&invite), "{pasted}");
        }
    }

    #[test]
    fn what_is_wrong_with_it_is_said() {
        let text = one().to_string();
        let (head, key) = text.rsplit_once("&k=").unwrap();
        for (bad, error) in [
            (String::new(), InviteError::NotAnInvite),
            ("https://example.org".into(), InviteError::NotAnInvite),
            ("twocan:join?".into(), InviteError::Incomplete),
            (text[..text.len() - 1].to_owned(), InviteError::Incomplete),
            (head.to_owned(), InviteError::Incomplete),
            ("twocan:join?s=a.example".into(), InviteError::Incomplete),
            (
                format!("twocan:join?r=abc&k={key}"),
                InviteError::Incomplete,
            ),
            (format!("{text}A"), InviteError::Damaged),
            (format!("{text}&k={key}"), InviteError::Damaged),
            (format!("{text}&z=1"), InviteError::Newer),
            (text.replace("&r=", "&r=."), InviteError::Damaged),
            (
                text.replace("&r=", &"&s=a.example".repeat(8)) + "&r=x",
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
        let key = BASE64URL_NOPAD.encode(invite.key());
        assert!(!shown.contains(invite.room().as_str()) && !shown.contains(&key));
        assert!(!shown.contains(&format!("{:?}", invite.key())), "{shown}");
    }

    proptest! {
        #[test]
        fn every_invite_reads_back_from_the_middle_of_a_text(
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
            let invite = Invite::new(servers, &mut StdRng::seed_from_u64(seed)).unwrap();
            let text = format!("{before} {invite} after");
            prop_assert_eq!(text.parse::<Invite>(), Ok(invite));
        }

        #[test]
        fn any_text_is_taken_without_a_panic(text in any::<String>(), rest in any::<String>()) {
            let _ = text.parse::<Invite>();
            let _ = format!("twocan:join?{rest}").parse::<Invite>();
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
