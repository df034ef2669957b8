use std::net::TcpListener;
use std::thread;

use anyhow::Context as _;
use tokio::sync::oneshot;

use crate::emulator::{LEFT, Namespace};

/// Our call server on one of the computers; it ends when it is dropped.
pub struct Server {
    url: String,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// On the computer on the left.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub fn start(left: &Namespace) -> anyhow::Result<Self> {
        let listener = left.within(|| TcpListener::bind((LEFT, 0)))??;
        listener.set_nonblocking(true)?;
        let url = format!("ws://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime for the call server")?;
        thread::Builder::new()
            .name("call-server".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listener = match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => listener,
                        // Whoever wants to enter will say that nobody answers.
                        Err(_) => return,
                    };
                    let stopped = async {
                        let _ = stopped.await;
                    };
                    twocan_server::serve(listener, stopped).await;
                });
            })?;
        Ok(Self { url, _stop: stop })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}
