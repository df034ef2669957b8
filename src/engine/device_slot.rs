use std::time::{Duration, Instant};

use super::DeviceKind;
use super::device_news::DeviceNews;
use crate::capture::DeviceError;

/// One device: what was asked for, how it is, and what the person knows of it.
#[derive(Debug)]
pub struct Slot<S> {
    asked: Option<S>,
    state: State,
    /// What became of an attempt to open it will be told.
    trying: bool,
    /// What the person was told is wrong with it.
    told: Option<DeviceNews>,
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
        self.asked = wanted.clone();
        Some(wanted)
    }

    /// An attempt to open it has ended.
    pub fn handle_opened(
        &mut self,
        kind: DeviceKind,
        result: Result<(), DeviceError>,
        now: Instant,
    ) -> Option<DeviceNews> {
        self.asked.as_ref()?;
        self.trying = false;
        match result {
            Ok(()) => {
                self.state = State::On;
                let was = Box::new(self.told.take()?);
                Some(DeviceNews::Back { kind, was })
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
        } else {
            self.state = State::Unusable { error, since: now };
            self.told = Some(news.clone());
        }
        Some(news)
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
        assert_eq!(back, Some(DeviceNews::Back { kind: KIND, was }));

        slot.handle_lost(KIND, unplugged(), Some("b".into()), now);
        assert!(slot.is_opening());
        assert_eq!(slot.handle_opened(KIND, Ok(()), now), None, "said before");
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
