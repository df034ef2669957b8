use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use twocan_protocol::MAX_MESSAGE_BYTES;

use crate::rate::Rate;
use crate::registry::RegistryLimits;

/// Bytes read from a socket at once. The library's default, 128 KiB, is 640 MB for 5,000 idle members.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// How much of everything, and how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Open connections; more are turned away with HTTP status 503.
    pub connections: usize,
    /// Rooms, members and what waits for them.
    pub registry: RegistryLimits,
    /// What one member may send.
    pub rate: Rate,
    /// From the TCP connection to the end of the websocket handshake.
    pub handshake: Duration,
    /// From the handshake to the hello.
    pub hello: Duration,
    /// A member that was not heard for this long is pinged.
    pub ping_after: Duration,
    /// A member that does not answer a ping for this long is dropped.
    pub pong_within: Duration,
    /// A member that does not take what is written to it for this long is dropped.
    pub write: Duration,
    /// For the other side to take our last words before the socket goes.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            registry: RegistryLimits::default(),
            rate: Rate::default(),
            handshake: Duration::from_secs(10),
            hello: Duration::from_secs(10),
            ping_after: Duration::from_secs(20),
            pong_within: Duration::from_secs(10),
            write: Duration::from_secs(10),
            linger: Duration::from_secs(1),
        }
    }
}

pub(crate) fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        // Each message goes to the socket at once; what the socket does not take waits in the registry.
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_MESSAGE_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
}
