use std::time::Instant;

use super::{Position, VideoAssembler};

/// What stands between the position and the next frame.
pub(super) enum Obstacle {
    /// Nothing: it can be decoded.
    None,
    /// The rest may still be on its way in the ordinary course of things.
    Incoming,
    /// Packets are missing, which showed at this moment.
    Missing { since: Instant },
    /// No packet is missing, yet a picture is: the sender skipped it.
    Skipped,
}

impl VideoAssembler {
    /// Looks at the first frame after the position.
    pub(super) fn obstacle(&self) -> Obstacle {
        let Position::After {
            sequence,
            picture_id,
        } = self.position
        else {
            return Obstacle::Incoming;
        };
        let Some(front) = self.frames.front() else {
            return Obstacle::Incoming;
        };
        let begins = front.first.map(|(first, _)| first);
        let adjacent = begins == Some(sequence + 1);
        let follows = match (front.picture_id, picture_id) {
            (Some(this), Some(before)) => Some(this.follows(before)),
            _ => None,
        };
        if begins.is_none() || !follows.unwrap_or(adjacent) {
            // A key frame leans on nothing, so after it nothing is missing.
            if adjacent && front.is_key() == Some(true) && front.is_whole() {
                return Obstacle::None;
            }
            if adjacent && follows == Some(false) {
                return Obstacle::Skipped;
            }
            return Obstacle::Missing {
                since: front.first_arrival(),
            };
        }
        if front.is_whole() {
            return Obstacle::None;
        }
        if let Some(since) = front.hole() {
            return Obstacle::Missing { since };
        }
        match self.frames.get(1) {
            None => Obstacle::Incoming,
            Some(next) if next.lowest() == front.highest() + 1 => Obstacle::Skipped,
            Some(next) => Obstacle::Missing {
                since: next.first_arrival(),
            },
        }
    }
}
