use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The longest address that is taken, in bytes.
const MAX_LENGTH: usize = 255;

/// Where a call server is: `wss://host`, `ws://host:port`, with a path if it has one.
///
/// Parsing takes what people type: without a scheme it is `wss://`, but `ws://` for a bare IP address or
/// `localhost`, where nobody has certificates; `https://` and `http://` mean the same.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerUrl(Url);

impl ServerUrl {
    /// Whether the way to the server is encrypted (`wss://`).
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "wss"
    }

    /// The name or address of the host, an IPv6 address without its brackets.
    pub fn host(&self) -> String {
        match self.0.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => String::new(),
        }
    }

    /// The port, by default 443 for `wss://` and 80 for `ws://`.
    pub fn port(&self) -> u16 {
        let default = if self.is_secure() { 443 } else { 80 };
        self.0.port().unwrap_or(default)
    }

    /// Without the scheme, as people say it: `call.weber.family`, `192.168.1.5:4455`.
    pub fn short(&self) -> &str {
        let whole = self.as_str();
        whole.split_once("://").map_or(whole, |(_, rest)| rest)
    }

    /// Whole, without a slash at the end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let text = text.trim();
        let refuse = || ServerUrlError::NotAnAddress(shorten(text));
        if text.is_empty() {
            return Err(ServerUrlError::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(refuse());
        }
        let whole = match text.split_once("://") {
            None => format!("{}://{text}", guess_scheme(text)),
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "wss" | "https" => format!("wss://{rest}"),
                "ws" | "http" => format!("ws://{rest}"),
                _ => return Err(ServerUrlError::Scheme(shorten(scheme))),
            },
        };
        let mut url = Url::parse(&whole).map_err(|_| refuse())?;
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        let plain_path = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
        let is_address = url.host().is_some()
            && url.port() != Some(0)
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path().bytes().all(plain_path);
        if is_address {
            Ok(Self(url))
        } else {
            Err(refuse())
        }
    }
}

fn guess_scheme(text: &str) -> &'static str {
    let url = Url::parse(&format!("wss://{text}"));
    match url.as_ref().map(Url::host) {
        Ok(Some(Host::Ipv4(_) | Host::Ipv6(_))) => "ws",
        Ok(Some(Host::Domain("localhost"))) => "ws",
        _ => "wss",
    }
}

/// Enough of it to recognise it.
fn shorten(text: &str) -> String {
    const ENOUGH: usize = 60;
    if text.chars().count() <= ENOUGH {
        return text.to_owned();
    }
    text.chars().take(ENOUGH).chain(['…']).collect()
}

impl TryFrom<String> for ServerUrl {
    type Error = ServerUrlError;

    fn try_from(text: String) -> Result<Self, ServerUrlError> {
        text.parse()
    }
}

impl From<ServerUrl> for String {
    fn from(server: ServerUrl) -> Self {
        server.as_str().to_owned()
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({})", self.as_str())
    }
}

/// Why a text is not the address of a server. The sentences are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// Nothing there.
    #[error("the address of the call server is empty; it looks like wss://call.example.org")]
    Empty,
    /// `ftp://` and the like.
    #[error("a call server's address begins with wss:// or ws://, not with {0}://")]
    Scheme(String),
    /// Anything else.
    #[error("“{0}” is not the address of a call server; it looks like wss://call.example.org")]
    NotAnAddress(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_type_is_understood() {
        for (typed, meant) in [
            ("wss://call.example.org", "wss://call.example.org"),
            (" call.example.org ", "wss://call.example.org"),
            (
                "call.example.org:8443/twocan",
                "wss://call.example.org:8443/twocan",
            ),
            ("https://call.example.org/", "wss://call.example.org"),
            ("WS://Example.ORG:80", "ws://example.org"),
            ("192.168.1.5:4455", "ws://192.168.1.5:4455"),
            ("[::1]:4455", "ws://[::1]:4455"),
            ("localhost:4455", "ws://localhost:4455"),
        ] {
            let server: ServerUrl = typed.parse().unwrap();
            assert_eq!(server.to_string(), meant, "{typed}");
            assert_eq!(meant.parse::<ServerUrl>().as_ref(), Ok(&server));
        }
    }

    #[test]
    fn host_and_port_are_ready_to_connect_to() {
        let server: ServerUrl = "ws://[fd00::7]:4455/x".parse().unwrap();
        assert_eq!((server.host().as_str(), server.port()), ("fd00::7", 4455));
        assert_eq!(server.short(), "[fd00::7]:4455/x");
        let server: ServerUrl = "wss://call.example.org".parse().unwrap();
        assert_eq!(server.port(), 443);
        assert!(server.is_secure());
    }

    #[test]
    fn nonsense_is_refused_with_a_sentence() {
        assert_eq!("  ".parse::<ServerUrl>(), Err(ServerUrlError::Empty));
        assert_eq!(
            "ftp://example.org".parse::<ServerUrl>(),
            Err(ServerUrlError::Scheme("ftp".into()))
        );
        for bad in [
            "wss://",
            "wss://a b",
            "ws://host:99999",
            "ws://host:0",
            "ws://user@host",
            "ws://user:secret@host",
            "ws://host/?query",
            "ws://host/#part",
            "ws://host/%20",
            "ws://host/a&b",
            &format!("ws://{}", "a".repeat(300)),
        ] {
            let refused = bad.parse::<ServerUrl>();
            assert!(
                matches!(refused, Err(ServerUrlError::NotAnAddress(_))),
                "{bad}: {refused:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_that_stays_the_same_or_is_refused(text in any::<String>()) {
            if let Ok(server) = text.parse::<ServerUrl>() {
                prop_assert_eq!(server.to_string().parse::<ServerUrl>(), Ok(server));
            }
        }

        #[test]
        fn any_address_like_text_stays_the_same_or_is_refused(
            text in "(wss?://)?[a-zA-Z0-9.:/@?#%&\\[\\]_-]{0,40}"
        ) {
            if let Ok(server) = text.parse::<ServerUrl>() {
                prop_assert_eq!(server.to_string().parse::<ServerUrl>(), Ok(server));
            }
        }
    }
}
