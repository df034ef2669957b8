//! Invites and sealed envelopes (sans-IO).
