use std::time::{Duration, Instant};

use super::DeviceKind;
use super::device_news::DeviceNews;
use crate::capture::{Device, DeviceError};

/// By then the list of what is connected knows of a loss. Whatever came back before that was never
/// seen to be away.
const SETTLING: Duration = Duration::from_secs(4);

/// One device: what was asked for, how it is, and what the person knows of it.
#[derive(Debug)]
pub struct Slot<S> {
    asked: Option<S>,
    state: State,
    /// What became of an attempt to open it will be told.
    trying: bool,
    /// What the person was told is wrong with it.
    told: Option<DeviceNews>,
    place: Place,
    /// What the system knows the device by that what was asked for turned out to be.
    home: Option<String>,
}

/// Which device is meant by the state.
#[derive(Debug)]
enum Place {
    /// What was asked for.
    Asked,
    /// Another one in its place.
    StandIn {
        /// What the person was told of that.
        told: DeviceNews,
        /// When to go back, if what was asked for is there by then; unless devices come or go.
        due: Option<Instant>,
    },
    /// What was asked for, after another one.
    Returning { told: DeviceNews, name: String },
}

#[derive(Debug)]
enum State {
    Off,
    Opening,
    On,
    Unusable { error: DeviceError, since: Instant },
}

impl<S> Default for Slot<S> {
    fn default() -> Self {
        Self {
            asked: None,
            state: State::Off,
            trying: false,
            told: None,
            place: Place::Asked,
            home: None,
        }
    }
}

impl<S: Clone + PartialEq> Slot<S> {
    /// What was asked for, whatever became of it.
    pub fn asked(&self) -> Option<&S> {
        self.asked.as_ref()
    }

    /// It is open and gives or takes what it should.
    pub fn works(&self) -> bool {
        matches!(self.state, State::On)
    }

    /// It is being opened for the first time, or in place of one that vanished.
    pub fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening)
    }

    /// Another device is meant than was asked for.
    pub fn is_stand_in(&self) -> bool {
        matches!(self.place, Place::StandIn { .. })
    }

    /// The device that what was asked for turned out to be.
    pub fn home(&self) -> Option<&str> {
        self.home.as_deref()
    }

    /// Remembers which device that is; the first word of it counts.
    pub fn settle(&mut self, device: Option<&Device>) {
        if self.home.is_none() && self.works() && matches!(self.place, Place::Asked) {
            self.home = device.map(|device| device.id.clone());
        }
    }

    /// Why it cannot be used.
    pub fn fault(&self) -> Option<&DeviceError> {
        match &self.state {
            State::Unusable { error, .. } => Some(error),
            State::Off | State::Opening | State::On => None,
        }
    }

    /// What to open now, if that differs from what was asked for; `Some(None)` closes it.
    pub fn reconcile(&mut self, wanted: Option<S>) -> Option<Option<S>> {
        if wanted == self.asked {
            return None;
        }
        self.trying = wanted.is_some();
        self.state = if self.trying {
            State::Opening
        } else {
            State::Off
        };
        self.told = None;
        self.place = Place::Asked;
        self.home = None;
        self.asked = wanted.clone();
        Some(wanted)
    }

    /// An attempt to open it has ended. Where it was to come back and cannot be used, what stood in
    /// for it is opening again then.
    pub fn handle_opened(
        &mut self,
        kind: DeviceKind,
        result: Result<(), DeviceError>,
        now: Instant,
    ) -> Option<DeviceNews> {
        self.asked.as_ref()?;
        self.trying = false;
        let place = std::mem::replace(&mut self.place, Place::Asked);
        match result {
            Ok(()) => {
                self.state = State::On;
                let (was, name) = match place {
                    Place::Asked => (self.told.take()?, None),
                    Place::StandIn { .. } => {
                        self.place = place;
                        return None;
                    }
                    Place::Returning { told, name } => (told, Some(name)),
                };
                let was = Box::new(was);
                Some(DeviceNews::Back { kind, name, was })
            }
            Err(_) if let Place::Returning { told, .. } = place => {
                self.place = Place::StandIn { told, due: None };
                self.state = State::Opening;
                self.trying = true;
                None
            }
            Err(error) => {
                let news = DeviceNews::Unusable {
                    kind,
                    error: error.clone(),
                };
                self.state = State::Unusable { error, since: now };
                self.told.is_none().then(|| self.told.insert(news).clone())
            }
        }
    }

    /// It vanished. With something to put in its place that is opening then; without, it cannot be
    /// used for now.
    pub fn handle_lost(
        &mut self,
        kind: DeviceKind,
        error: DeviceError,
        other: Option<String>,
        now: Instant,
    ) -> Option<DeviceNews> {
        if !self.works() {
            return None;
        }
        let news = DeviceNews::Lost {
            kind,
            error: error.clone(),
            instead: other,
        };
        if let DeviceNews::Lost {
            instead: Some(_), ..
        } = news
        {
            self.state = State::Opening;
            self.trying = true;
            self.told = None;
            self.place = Place::StandIn {
                told: news.clone(),
                due: Some(now + SETTLING),
            };
        } else {
            self.state = State::Unusable { error, since: now };
            self.told = Some(news.clone());
            self.place = Place::Asked;
        }
        Some(news)
    }

    /// What to open once more because what was asked for, which people call `name`, is there again
    /// while another one stands in for it: when devices came or went (`changed`), else once.
    pub fn back(&mut self, name: &str, changed: bool, now: Instant) -> Option<S> {
        let Place::StandIn { told, due } = &self.place else {
            return None;
        };
        if !self.works() || !(changed || due.is_some_and(|due| due <= now)) {
            return None;
        }
        self.place = Place::Returning {
            told: told.clone(),
            name: name.to_owned(),
        };
        self.state = State::Opening;
        self.trying = true;
        self.asked.clone()
    }

    /// What to open once more, if it has been unusable for `pause` and there is hope.
    pub fn again(&mut self, pause: Duration, now: Instant) -> Option<S> {
        let State::Unusable { error, since } = &self.state else {
            return None;
        };
        let hopeless = match error {
            // It would fail in the same way, over and over.
            DeviceError::Failed { .. } => !pause.is_zero(),
            DeviceError::File { .. } => true,
            DeviceError::Missing { .. }
            | DeviceError::NotFound { .. }
            | DeviceError::Busy { .. }
            | DeviceError::Denied { .. }
            | DeviceError::Unplugged { .. } => false,
        };
        if self.trying || hopeless || now < *since + pause {
            return None;
        }
        self.trying = true;
        self.asked.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: DeviceKind = DeviceKind::Camera;
    const RETRY: Duration = Duration::from_secs(2);

    fn busy() -> DeviceError {
        DeviceError::Busy { kind: "camera" }
    }

    fn unplugged() -> DeviceError {
        DeviceError::Unplugged { kind: "camera" }
    }

    fn working(now: Instant) -> Slot<&'static str> {
        let mut slot = Slot::default();
        assert_eq!(slot.reconcile(Some("a")), Some(Some("a")));
        assert!(slot.is_opening());
        assert_eq!(slot.handle_opened(KIND, Ok(()), now), None);
        assert!(slot.works());
        slot
    }

    #[test]
    fn what_is_busy_is_told_once_and_tried_until_it_is_free() {
        let mut now = Instant::now();
        let mut slot = Slot::default();
        slot.reconcile(Some("a"));
        let told = slot.handle_opened(KIND, Err(busy()), now);
        assert!(
            matches!(told, Some(DeviceNews::Unusable { .. })),
            "{told:?}"
        );
        for _ in 0..3 {
            assert_eq!(slot.again(RETRY, now), None, "not so soon");
            now += RETRY;
            assert_eq!(slot.again(RETRY, now), Some("a"));
            assert_eq!(slot.again(Duration::ZERO, now), None, "one at a time");
            assert_eq!(slot.handle_opened(KIND, Err(busy()), now), None);
            assert_eq!(slot.fault(), Some(&busy()));
        }
        assert_eq!(slot.again(Duration::ZERO, now), Some("a"));
        let told = slot.handle_opened(KIND, Ok(()), now);
        assert!(matches!(told, Some(DeviceNews::Back { .. })), "{told:?}");
        assert!(slot.works());
        assert_eq!(slot.again(Duration::ZERO, now), None);
    }

    #[test]
    fn what_vanishes_comes_back_or_is_replaced() {
        let now = Instant::now();
        let mut slot = working(now);
        let lost = slot.handle_lost(KIND, unplugged(), None, now);
        assert!(matches!(lost, Some(DeviceNews::Lost { .. })), "{lost:?}");
        assert_eq!(slot.handle_lost(KIND, unplugged(), None, now), None);
        assert_eq!(slot.again(Duration::ZERO, now), Some("a"));
        let back = slot.handle_opened(KIND, Ok(()), now);
        let was = Box::new(lost.expect("it was lost"));
        let name = None;
        assert_eq!(
            back,
            Some(DeviceNews::Back {
                kind: KIND,
                name,
                was
            })
        );

        slot.handle_lost(KIND, unplugged(), Some("b".into()), now);
        assert!(slot.is_opening());
        assert_eq!(slot.handle_opened(KIND, Ok(()), now), None, "said before");
        assert!(slot.is_stand_in());
    }

    fn replaced(now: Instant) -> (Slot<&'static str>, Option<DeviceNews>) {
        let mut slot = working(now);
        let lost = slot.handle_lost(KIND, unplugged(), Some("b".into()), now);
        assert_eq!(slot.back("A", true, now), None, "the other one is opening");
        slot.handle_opened(KIND, Ok(()), now);
        (slot, lost)
    }

    #[test]
    fn what_was_asked_for_takes_its_place_again() {
        let now = Instant::now();
        let (mut slot, lost) = replaced(now);
        assert_eq!(slot.back("A", false, now), None, "the list may be old");
        assert_eq!(slot.back("A", true, now), Some("a"));
        assert_eq!(slot.back("A", true, now), None, "one at a time");
        let news = slot.handle_opened(KIND, Ok(()), now).expect("it is back");
        assert_eq!(news.sentence(), "Your camera is back. Now using A.");
        assert!(matches!(news, DeviceNews::Back { was, .. } if Some(&*was) == lost.as_ref()));
        assert!(slot.works() && !slot.is_stand_in());
        assert_eq!(slot.back("A", true, now), None, "it is there");

        let (mut slot, _) = replaced(now);
        let later = now + SETTLING;
        assert_eq!(slot.back("A", false, later), Some("a"), "never seen away");
    }

    #[test]
    fn what_is_back_and_cannot_be_used_leaves_the_other_in_its_place() {
        let now = Instant::now();
        let (mut slot, _) = replaced(now);
        assert_eq!(slot.back("A", true, now), Some("a"));
        assert_eq!(slot.handle_opened(KIND, Err(busy()), now), None);
        assert!(slot.is_opening() && slot.is_stand_in());
        assert_eq!(slot.handle_opened(KIND, Ok(()), now), None);
        assert_eq!(slot.back("A", false, now + SETTLING), None, "not by itself");
        assert_eq!(slot.back("A", true, now), Some("a"));
    }

    #[test]
    fn what_was_picked_meanwhile_stays() {
        let now = Instant::now();
        let (mut slot, _) = replaced(now);
        assert_eq!(slot.reconcile(Some("b")), Some(Some("b")));
        slot.handle_opened(KIND, Ok(()), now);
        assert!(!slot.is_stand_in());
        assert_eq!(slot.back("A", true, now), None);
    }

    #[test]
    fn what_is_turned_off_stays_off() {
        let now = Instant::now();
        let mut slot = working(now);
        slot.handle_lost(KIND, unplugged(), None, now);
        assert_eq!(slot.again(Duration::ZERO, now), Some("a"));
        assert_eq!(slot.reconcile(None), Some(None));
        assert_eq!(slot.handle_opened(KIND, Ok(()), now), None);
        assert!(!slot.works() && !slot.is_opening() && slot.fault().is_none());
        assert_eq!(slot.again(Duration::ZERO, now + RETRY), None);
    }

    #[test]
    fn what_fails_is_not_tried_over_and_over() {
        let now = Instant::now();
        let failed = || DeviceError::Failed {
            kind: "camera",
            reason: "it sends no pictures".into(),
        };
        let mut slot = working(now);
        slot.handle_lost(KIND, failed(), None, now);
        assert_eq!(slot.again(RETRY, now + RETRY), None);
        assert_eq!(slot.again(Duration::ZERO, now), Some("a"), "plugged anew");
    }
}
