//! The sans-IO heart: the state machine of a call.
