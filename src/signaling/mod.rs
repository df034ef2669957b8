//! The websocket client, its reconnecting, and its in-memory twin.
