use std::time::{Duration, Instant};

use super::DeviceKind;
use super::device_news::DeviceNews;
use crate::capture::{Device, DeviceError};

/// By then the list of what is connected knows of a loss. Whatever came back before that was never
/// seen to be away.
const SETTLING: Duration = Duration::from_secs(4);

/// One device: what was asked for, how it is, and what the person knows of it. It opens nothing
/// itself: what is to be opened is said, and what became of that is handed in.
#[derive(Debug)]
pub struct Slot<S> {
    asked: Option<S>,
    /// The id of the device that was asked for, once a list of what is connected has told it.
    asked_id: Option<String>,
    state: State,
    /// What the person was told is wrong and does not know to be over, the oldest first.
    told: Vec<DeviceNews>,
}

#[derive(Debug)]
enum State {
    /// None was asked for.
    Off,
    Opening(Which),
    On(Which),
    /// What was asked for, which people call `name`, is opened once more; `stand_in` was in use
    /// until then.
    Returning {
        name: String,
        stand_in: StandIn,
    },
    /// Neither what was asked for nor another one; `retrying` while that is tried once more.
    Unusable {
        error: DeviceError,
        since: Instant,
        retrying: bool,
    },
}

/// Which device is meant by a state.
#[derive(Debug)]
enum Which {
    Asked,
    Other(StandIn),
}

/// A device in place of the one that was asked for.
#[derive(Debug, Clone)]
struct StandIn {
    device: Device,
    /// What to try if it cannot be used, the best first.
    others: Vec<Device>,
    /// What became of the one before.
    lost: DeviceError,
    /// The person knows of that, and that this one is in its place.
    told: bool,
    /// From when on what was asked for takes its place again. Without, it was there and could not be
    /// used: it has to be seen away before it is tried again.
    due: Option<Instant>,
}

impl<S> Default for Slot<S> {
    fn default() -> Self {
        Self {
            asked: None,
            asked_id: None,
            state: State::Off,
            told: Vec::new(),
        }
    }
}

impl<S: Clone + PartialEq> Slot<S> {
    /// What was asked for, whatever became of it.
    pub fn asked(&self) -> Option<&S> {
        self.asked.as_ref()
    }

    /// The id of the device that was asked for, if it is known.
    pub fn asked_id(&self) -> Option<&str> {
        self.asked_id.as_deref()
    }

    /// Remembers the id of the device that was asked for and is in use; the first one counts.
    pub fn learn_id(&mut self, device: Option<&Device>) {
        if self.asked_id.is_none() && matches!(self.state, State::On(Which::Asked)) {
            self.asked_id = device.map(|device| device.id.clone());
        }
    }

    /// It is open and gives or takes what it should.
    pub fn works(&self) -> bool {
        matches!(self.state, State::On(_))
    }

    /// It is being opened for the first time, or in place of one that vanished.
    pub fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening(_) | State::Returning { .. })
    }

    /// The device that is in use in place of the one that was asked for.
    pub fn stand_in(&self) -> Option<&Device> {
        match &self.state {
            State::On(Which::Other(stand_in)) => Some(&stand_in.device),
            _ => None,
        }
    }

    /// Why it cannot be used.
    pub fn fault(&self) -> Option<&DeviceError> {
        match &self.state {
            State::Unusable { error, .. } => Some(error),
            State::Off | State::Opening(_) | State::On(_) | State::Returning { .. } => None,
        }
    }

    /// What to open now, if that differs from what was asked for; `Some(None)` closes it.
    pub fn reconcile(&mut self, wanted: Option<S>) -> Option<Option<S>> {
        if wanted == self.asked {
            return None;
        }
        self.state = match wanted {
            Some(_) => State::Opening(Which::Asked),
            None => State::Off,
        };
        self.told.clear();
        self.asked_id = None;
        self.asked = wanted.clone();
        Some(wanted)
    }

    /// An attempt to open it has ended: what to tell of that, and the id of what to open instead.
    pub fn handle_opened(
        &mut self,
        kind: DeviceKind,
        result: Result<(), DeviceError>,
        now: Instant,
    ) -> (Option<DeviceNews>, Option<String>) {
        let state = std::mem::replace(&mut self.state, State::Off);
        match (state, result) {
            (State::Off, _) => (None, None),
            (State::Opening(Which::Other(one)) | State::On(Which::Other(one)), Ok(())) => {
                (self.use_stand_in(kind, one), None)
            }
            (State::Opening(Which::Other(one)) | State::On(Which::Other(one)), Err(error)) => {
                tracing::debug!(%error, "another device cannot be used either");
                self.replace_stand_in(kind, one, now)
            }
            (State::Returning { stand_in, .. }, Err(_)) => {
                let due = None;
                (None, Some(self.open_stand_in(StandIn { due, ..stand_in })))
            }
            (State::Returning { name, .. }, Ok(())) => (self.use_asked(kind, Some(name)), None),
            (_, Ok(())) => (self.use_asked(kind, None), None),
            (_, Err(error)) => {
                let news = DeviceNews::Unusable {
                    kind,
                    error: error.clone(),
                };
                self.give_up(error, now);
                let news = self.told.is_empty().then(|| self.tell(news));
                (news, None)
            }
        }
    }

    /// It vanished. One of `others`, the best first, takes its place; without any it cannot be used
    /// for now. What to tell of that, and the id of what to open.
    pub fn handle_lost(
        &mut self,
        kind: DeviceKind,
        error: DeviceError,
        others: Vec<Device>,
        now: Instant,
    ) -> (Option<DeviceNews>, Option<String>) {
        if !self.works() {
            return (None, None);
        }
        let mut others = others.into_iter();
        match others.next() {
            Some(device) => {
                let stand_in = StandIn {
                    device,
                    others: others.collect(),
                    lost: error,
                    told: false,
                    due: Some(now + SETTLING),
                };
                (None, Some(self.open_stand_in(stand_in)))
            }
            None => (Some(self.lose(kind, error, now)), None),
        }
    }

    /// `device` is what was asked for, if that is connected. It is to be opened again if another one
    /// is in its place for long enough.
    pub fn handle_list(&mut self, device: Option<&Device>, now: Instant) -> Option<S> {
        let State::On(Which::Other(stand_in)) = &mut self.state else {
            return None;
        };
        let Some(device) = device else {
            stand_in.due = Some(now);
            return None;
        };
        if stand_in.due.is_none_or(|due| now < due) {
            return None;
        }
        self.state = State::Returning {
            name: device.label.clone(),
            stand_in: stand_in.clone(),
        };
        self.asked.clone()
    }

    /// What to open once more, if it has been unusable for `pause` and there is hope.
    pub fn again(&mut self, pause: Duration, now: Instant) -> Option<S> {
        let State::Unusable {
            error,
            since,
            retrying,
        } = &mut self.state
        else {
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
        if *retrying || hopeless || now < *since + pause {
            return None;
        }
        *retrying = true;
        self.asked.clone()
    }

    /// What was asked for works; `name` is what people call it where another one was in its place.
    fn use_asked(&mut self, kind: DeviceKind, name: Option<String>) -> Option<DeviceNews> {
        self.state = State::On(Which::Asked);
        let settled = std::mem::take(&mut self.told);
        (!settled.is_empty()).then_some(DeviceNews::Back {
            kind,
            name,
            settled,
        })
    }

    /// The id of what is to be opened.
    fn open_stand_in(&mut self, stand_in: StandIn) -> String {
        let id = stand_in.device.id.clone();
        self.state = State::Opening(Which::Other(stand_in));
        id
    }

    fn use_stand_in(&mut self, kind: DeviceKind, mut stand_in: StandIn) -> Option<DeviceNews> {
        let known = std::mem::replace(&mut stand_in.told, true);
        let news = DeviceNews::Lost {
            kind,
            error: stand_in.lost.clone(),
            instead: Some(stand_in.device.label.clone()),
        };
        self.state = State::On(Which::Other(stand_in));
        (!known).then(|| self.tell(news))
    }

    /// The next one in its place, if there is one more: what to tell, and its id.
    fn replace_stand_in(
        &mut self,
        kind: DeviceKind,
        mut stand_in: StandIn,
        now: Instant,
    ) -> (Option<DeviceNews>, Option<String>) {
        if stand_in.others.is_empty() {
            return (Some(self.lose(kind, stand_in.lost, now)), None);
        }
        stand_in.device = stand_in.others.remove(0);
        stand_in.told = false;
        (None, Some(self.open_stand_in(stand_in)))
    }

    /// Nothing is left to use.
    fn lose(&mut self, kind: DeviceKind, error: DeviceError, now: Instant) -> DeviceNews {
        self.give_up(error.clone(), now);
        self.tell(DeviceNews::Lost {
            kind,
            error,
            instead: None,
        })
    }

    fn give_up(&mut self, error: DeviceError, now: Instant) {
        self.state = State::Unusable {
            error,
            since: now,
            retrying: false,
        };
    }

    fn tell(&mut self, news: DeviceNews) -> DeviceNews {
        // What comes and goes for hours is remembered once.
        if !self.told.contains(&news) {
            self.told.push(news.clone());
        }
        news
    }
}

#[cfg(test)]
#[path = "device_slot_tests.rs"]
mod tests;
