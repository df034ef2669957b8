use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tracing::{debug, info, warn};

use crate::Limits;
use crate::connection::{self, Hub};

/// After a failure to accept (mostly: no file descriptors left), before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves on `listener` until `shutdown` is done; then tells every member, closes with 1001, and returns
/// when all connections have ended. If the future is dropped instead, the connections end the same way.
pub async fn serve(listener: TcpListener, shutdown: impl Future<Output = ()>) {
    serve_with_limits(listener, shutdown, Limits::default()).await;
}

/// [`serve`] with other bounds.
pub async fn serve_with_limits(
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
    limits: Limits,
) {
    let hub = Arc::new(Hub::new(limits));
    let open = Arc::new(Semaphore::new(limits.connections));
    // Only ever closed, never written: dropping the sender tells the connections.
    let (stop, stopped) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    info!("serving");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if concerns_one_connection(&error) => continue,
            Err(error) => {
                warn!(%error, "cannot accept connections");
                tokio::select! {
                    () = tokio::time::sleep(ACCEPT_PAUSE) => continue,
                    () = &mut shutdown => break,
                }
            }
        };
        match Arc::clone(&open).try_acquire_owned() {
            Ok(permit) => {
                let (hub, stopped) = (Arc::clone(&hub), stopped.clone());
                tokio::spawn(async move {
                    connection::run(stream, &hub, stopped).await;
                    drop(permit);
                });
            }
            Err(_) => turn_away(&stream),
        }
    }
    drop(listener);
    drop(stop);
    info!(
        "closing {} connections",
        limits.connections - open.available_permits()
    );
    let everything = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    // Each connection bounds its own end by `linger`, so this is for a machine that is very busy.
    if tokio::time::timeout(limits.linger * 3, open.acquire_many(everything))
        .await
        .is_err()
    {
        debug!("some connections did not end in time");
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// As much of an answer as fits into the socket at once.
fn turn_away(stream: &TcpStream) {
    debug!("turned a connection away: too many are open");
    let answer =
        b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    if let Err(error) = stream.try_write(answer) {
        debug!(%error, "could not say so");
    }
}
