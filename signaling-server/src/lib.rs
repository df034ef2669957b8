//! The signaling server: it introduces, and nothing else.
