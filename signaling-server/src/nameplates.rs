use std::collections::HashMap;
use std::time::{Duration, Instant};

use twocan_protocol::{MemberId, Nameplate, RoomId};

/// The numbers are drawn from at least so many, and from so many times those in use: short enough to be
/// said, and rarely one that is in use already.
const LEAST_DRAWN: u32 = 99;
const TIMES_IN_USE: u32 = 4;
/// How often another number is drawn where one is in use.
const DRAWS: u32 = 64;

/// Bounds of the numbers that lead to rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameplateLimits {
    /// How long a number leads to its room.
    pub lifetime: Duration,
    /// How many of them in all.
    pub most: usize,
    /// How many of them for one member.
    pub most_of_one: usize,
}

impl Default for NameplateLimits {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(600),
            most: 20_000,
            most_of_one: 4,
        }
    }
}

/// The numbers that lead to rooms: each for a while, once, and as long as who was allotted it is there.
#[derive(Debug)]
pub(crate) struct Nameplates {
    limits: NameplateLimits,
    allotted: HashMap<Nameplate, Allotted>,
}

#[derive(Debug)]
struct Allotted {
    room: RoomId,
    to: MemberId,
    until: Instant,
}

impl Nameplates {
    pub(crate) fn new(limits: NameplateLimits) -> Self {
        Self {
            limits,
            allotted: HashMap::new(),
        }
    }

    /// How long one leads to its room.
    pub(crate) fn lifetime(&self) -> Duration {
        self.limits.lifetime
    }

    /// One that leads to `room` from now on; none where there are too many. `draw` gives a number below
    /// its argument.
    pub(crate) fn allot(
        &mut self,
        to: MemberId,
        room: RoomId,
        now: Instant,
        mut draw: impl FnMut(u32) -> u32,
    ) -> Option<Nameplate> {
        self.allotted.retain(|_, allotted| now < allotted.until);
        let of_them = self.allotted.values().filter(|allotted| allotted.to == to);
        if self.allotted.len() >= self.limits.most || of_them.count() >= self.limits.most_of_one {
            return None;
        }
        let in_use = u32::try_from(self.allotted.len()).unwrap_or(u32::MAX);
        let range = in_use
            .saturating_mul(TIMES_IN_USE)
            .clamp(LEAST_DRAWN, Nameplate::MAX.into());
        let mut drawn = (0..DRAWS).filter_map(|_| Nameplate::try_from(1 + draw(range)).ok());
        let nameplate = drawn.find(|drawn| !self.allotted.contains_key(drawn))?;
        let until = now + self.limits.lifetime;
        self.allotted
            .insert(nameplate, Allotted { room, to, until });
        Some(nameplate)
    }

    /// Where it leads, for anybody but who was allotted it; from now on nowhere.
    pub(crate) fn claim(
        &mut self,
        by: MemberId,
        nameplate: Nameplate,
        now: Instant,
    ) -> Option<RoomId> {
        self.allotted
            .get(&nameplate)
            .filter(|known| known.to != by)?;
        let allotted = self.allotted.remove(&nameplate)?;
        (now < allotted.until).then_some(allotted.room)
    }

    /// Who was allotted some is gone, from that room or altogether.
    pub(crate) fn forget(&mut self, member: MemberId, room: Option<&RoomId>) {
        let theirs = |allotted: &Allotted| {
            allotted.to == member && room.is_none_or(|room| *room == allotted.room)
        };
        self.allotted.retain(|_, allotted| !theirs(allotted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: MemberId = MemberId(1);
    const BEN: MemberId = MemberId(2);
    const CARL: MemberId = MemberId(3);

    fn room(name: &str) -> RoomId {
        name.parse().unwrap()
    }

    fn nameplates(most: usize, most_of_one: usize) -> Nameplates {
        Nameplates::new(NameplateLimits {
            most,
            most_of_one,
            ..NameplateLimits::default()
        })
    }

    /// Draws the numbers from 0 on.
    fn counter() -> impl FnMut(u32) -> u32 {
        let mut next = 0;
        move |below| {
            next += 1;
            (next - 1) % below
        }
    }

    #[test]
    fn a_number_leads_to_its_room_once_and_for_a_while() {
        let (mut nameplates, now) = (nameplates(10, 10), Instant::now());
        let mut draw = counter();
        let first = nameplates.allot(ANNA, room("a"), now, &mut draw).unwrap();
        let second = nameplates.allot(ANNA, room("b"), now, &mut draw).unwrap();
        assert_ne!(first, second);
        assert_eq!(nameplates.claim(ANNA, first, now), None, "her own");
        assert_eq!(nameplates.claim(BEN, first, now), Some(room("a")));
        assert_eq!(nameplates.claim(BEN, first, now), None);
        let late = now + nameplates.lifetime();
        assert_eq!(nameplates.claim(BEN, second, late), None);
    }

    #[test]
    fn it_leads_nowhere_when_its_owner_is_gone() {
        let (mut nameplates, now) = (nameplates(10, 10), Instant::now());
        let mut draw = counter();
        let mut allot = |nameplates: &mut Nameplates, who, name| {
            nameplates.allot(who, room(name), now, &mut draw).unwrap()
        };
        let left = allot(&mut nameplates, ANNA, "a");
        let stays = allot(&mut nameplates, ANNA, "b");
        let other = allot(&mut nameplates, BEN, "c");
        nameplates.forget(ANNA, Some(&room("a")));
        assert_eq!(nameplates.claim(CARL, left, now), None);
        nameplates.forget(BEN, None);
        assert_eq!(nameplates.claim(CARL, other, now), None);
        assert_eq!(nameplates.claim(CARL, stays, now), Some(room("b")));
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let (mut nameplates, now) = (nameplates(3, 2), Instant::now());
        let mut draw = counter();
        let mut allot =
            |nameplates: &mut Nameplates, who, at| nameplates.allot(who, room("a"), at, &mut draw);
        assert!(allot(&mut nameplates, ANNA, now).is_some());
        assert!(allot(&mut nameplates, ANNA, now).is_some());
        assert_eq!(allot(&mut nameplates, ANNA, now), None);
        assert!(allot(&mut nameplates, BEN, now).is_some());
        assert_eq!(allot(&mut nameplates, BEN, now), None);
        let later = now + nameplates.lifetime();
        assert!(
            allot(&mut nameplates, BEN, later).is_some(),
            "the old ones are over"
        );
    }

    #[test]
    fn numbers_are_short_while_there_are_few() {
        let (mut nameplates, now) = (nameplates(200, 200), Instant::now());
        let mut draw = counter();
        for _ in 0..25 {
            let nameplate = nameplates.allot(ANNA, room("a"), now, &mut draw).unwrap();
            assert!(u32::from(nameplate) <= LEAST_DRAWN);
        }
    }
}
