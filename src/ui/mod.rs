//! The window: views of a snapshot.
