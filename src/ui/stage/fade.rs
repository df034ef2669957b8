//! When the controls step aside.

use std::time::Duration;

/// Without pointer or focus for this long, the controls fade.
const PATIENCE: Duration = Duration::from_secs(3);

/// Remembers when somebody last did something, on the window's clock in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fade {
    last_active: Option<f64>,
}

impl Fade {
    /// Tells what is going on at `now`, and learns whether the controls are shown. `pinned` keeps
    /// them: somebody is muted, or the connection is weak.
    pub(super) fn update(&mut self, now: f64, active: bool, pinned: bool) -> bool {
        if active || pinned {
            self.last_active = Some(now);
        }
        let since = *self.last_active.get_or_insert(now);
        now - since < PATIENCE.as_secs_f64()
    }

    /// How long until they fade if nothing happens; none when they have.
    pub(super) fn fades_in(&self, now: f64) -> Option<Duration> {
        let rest = PATIENCE.as_secs_f64() - (now - self.last_active?);
        (rest > 0.0).then(|| Duration::from_secs_f64(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_fade_after_three_quiet_seconds_and_come_back() {
        let mut fade = Fade::default();
        assert!(fade.update(10.0, false, false), "shown when the call opens");
        assert!(fade.update(12.9, false, false));
        assert!(!fade.update(13.1, false, false));
        assert_eq!(fade.fades_in(13.1), None);
        assert!(fade.update(20.0, true, false));
        let rest = fade.fades_in(21.0).expect("they are shown");
        assert!((rest.as_secs_f64() - 2.0).abs() < 1e-9);
        assert!(!fade.update(23.5, false, false));
    }

    #[test]
    fn muted_or_weak_they_stay_and_fade_three_seconds_later() {
        let mut fade = Fade::default();
        assert!(fade.update(0.0, false, true));
        assert!(fade.update(60.0, false, true));
        assert!(fade.update(62.9, false, false));
        assert!(!fade.update(63.1, false, false));
    }
}
