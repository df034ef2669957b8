//! A call server of a test's own, and a wire to it on which the test can put its hand.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{accept_async, connect_async};
use twocan::signaling::EmbeddedServer;

/// A server, for as long as it is kept.
pub struct Place {
    /// Where it is.
    pub url: String,
    _server: EmbeddedServer,
    _runtime: Runtime,
}

impl Place {
    /// Opens it.
    pub fn open() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let server = runtime
            .block_on(EmbeddedServer::start(0))
            .expect("a server");
        Self {
            url: server.loopback().expect("an address").to_string(),
            _server: server,
            _runtime: runtime,
        }
    }
}

/// What becomes of each message, whichever way it goes.
type Change = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Stands before a server, and passes on what comes and goes, for as long as it is kept.
pub struct Wire {
    address: SocketAddr,
    held: watch::Sender<bool>,
    _runtime: Runtime,
}

impl Wire {
    /// To this server, which hears and says all as it is.
    pub fn to(server: &str) -> Self {
        Self::with(server, str::to_owned)
    }

    /// To this server; each message, either way, is passed on as `change` makes it.
    pub fn with(server: &str, change: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let (held, is_held) = watch::channel(false);
        let change: Change = Arc::new(change);
        let server = server.to_owned();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let passed = pass_on(stream, server.clone(), change.clone(), is_held.clone());
                tokio::spawn(passed);
            }
        });
        Self {
            address,
            held,
            _runtime: runtime,
        }
    }

    /// Where those find it who are to come this way.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// From now on nothing reaches the server; what is said to it waits.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// All that has waited goes on, in its order.
    pub fn let_go(&self) {
        self.held.send_replace(false);
    }
}

async fn pass_on(client: TcpStream, server: String, change: Change, held: watch::Receiver<bool>) {
    let (Ok(client), Ok((server, _))) = tokio::join!(accept_async(client), connect_async(&server))
    else {
        return;
    };
    let (mut to_client, from_client) = client.split();
    let (mut to_server, from_server) = server.split();
    let changed = |message: Message| match message {
        Message::Text(text) => Message::text(change(text.as_str())),
        other => other,
    };
    let when_let_go = |message: Result<Message, Error>| {
        let mut held = held.clone();
        async move {
            // Who could hold it is there for as long as the wire is.
            let _ = held.wait_for(|held| !*held).await;
            message
        }
    };
    let up = from_client
        .map_ok(&changed)
        .then(when_let_go)
        .forward(&mut to_server);
    let down = from_server.map_ok(&changed).forward(&mut to_client);
    // One end closes, and the other follows.
    tokio::select! {
        _ = up => {
            let _ = to_server.close().await;
        }
        _ = down => {
            let _ = to_client.close().await;
        }
    }
}
