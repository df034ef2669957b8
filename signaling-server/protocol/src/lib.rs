//! What Twocan and its signaling server say to each other.
