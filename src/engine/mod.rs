//! The only driver: it owns the runtime, the media threads and real time. Commands in, snapshots out.
