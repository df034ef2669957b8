use std::time::Duration;

use crate::media::Level;

/// How long the evidence must be of one kind before the sentence changes.
const STEADY: Duration = Duration::from_millis(600);
/// A voice that pauses between two words is still there: the envelope falls by half in this time.
const RELEASE_HALF_LIFE: Duration = Duration::from_millis(250);
/// Below this, nothing reaches us at all: no room is as quiet, -72 dBFS.
const SILENT_RMS: f32 = 0.000_25;
/// Below this, a voice is hard to follow, -44 dBFS.
const QUIET_RMS: f32 = 0.006_3;
/// Above this, peaks are cut off.
const LOUD_PEAK: f32 = 0.97;
/// Above this, it is uncomfortable even if nothing is cut off, -9 dBFS.
const LOUD_RMS: f32 = 0.355;

/// What is to be said about a microphone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Too early to say.
    #[default]
    Listening,
    /// Loud enough, and not too loud.
    Good,
    /// Something is there, barely.
    Quiet,
    /// Cut off, or nearly.
    Loud,
    /// Nothing at all.
    Silent,
}

impl Verdict {
    /// For a person.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Listening => "Say something…",
            Self::Good => "We hear you. Sounds good.",
            Self::Quiet => "Very quiet. Move a bit closer.",
            Self::Loud => "A bit loud. Move back a little.",
            Self::Silent => "No sound. Is the headset muted?",
        }
    }
}

/// Comes to a verdict from levels: only after 600 ms of steady evidence, so the sentence does not flicker.
#[derive(Debug, Clone, Copy, Default)]
pub struct VerdictTracker {
    shown: Verdict,
    candidate: Verdict,
    since: Duration,
    last: Option<Duration>,
    rms: f32,
    peak: f32,
}

impl VerdictTracker {
    /// The verdict at `now` (any clock that does not go backwards), given the latest level.
    pub fn update(&mut self, now: Duration, level: Level) -> Verdict {
        let elapsed = now.saturating_sub(self.last.unwrap_or(now));
        self.last = Some(now);
        let decay = 0.5_f32.powf(elapsed.as_secs_f32() / RELEASE_HALF_LIFE.as_secs_f32());
        self.rms = level.rms.max(self.rms * decay);
        self.peak = level.peak.max(self.peak * decay);
        let seen = self.evidence();
        if seen != self.candidate {
            self.candidate = seen;
            self.since = now;
        } else if now.saturating_sub(self.since) >= STEADY {
            self.shown = seen;
        }
        self.shown
    }

    fn evidence(&self) -> Verdict {
        if self.peak >= LOUD_PEAK || self.rms >= LOUD_RMS {
            Verdict::Loud
        } else if self.rms >= QUIET_RMS {
            Verdict::Good
        } else if self.rms >= SILENT_RMS {
            Verdict::Quiet
        } else {
            Verdict::Silent
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOICE: Level = Level {
        rms: 0.05,
        peak: 0.2,
    };
    const NOTHING: Level = Level {
        rms: 0.0,
        peak: 0.0,
    };

    /// Feeds `level(ms)` every 20 ms and gives what was shown after each.
    fn shown(ms: u64, level: impl Fn(u64) -> Level) -> Vec<(u64, Verdict)> {
        let mut tracker = VerdictTracker::default();
        (0..=ms)
            .step_by(20)
            .map(|at| (at, tracker.update(Duration::from_millis(at), level(at))))
            .collect()
    }

    #[test]
    fn a_verdict_needs_600_ms_of_steady_evidence() {
        for (at, verdict) in shown(1_000, |_| VOICE) {
            let expected = if at < 600 {
                Verdict::Listening
            } else {
                Verdict::Good
            };
            assert_eq!(verdict, expected, "after {at} ms");
        }
    }

    #[test]
    fn pauses_between_words_do_not_change_the_sentence() {
        // 300 ms of speech, 200 ms of pause.
        let speech = |at: u64| if at % 500 < 300 { VOICE } else { NOTHING };
        let verdicts = shown(6_000, speech);
        assert!(
            verdicts
                .iter()
                .all(|(at, verdict)| *at < 700 || *verdict == Verdict::Good)
        );
    }

    #[test]
    fn each_kind_of_trouble_gets_its_sentence() {
        let last = |rms, peak| {
            shown(1_000, |_| Level { rms, peak })
                .last()
                .map(|(_, verdict)| *verdict)
        };
        assert_eq!(last(0.0, 0.0), Some(Verdict::Silent));
        assert_eq!(last(0.001, 0.004), Some(Verdict::Quiet));
        assert_eq!(last(0.05, 0.3), Some(Verdict::Good));
        assert_eq!(last(0.2, 1.0), Some(Verdict::Loud));
        assert_eq!(last(0.5, 0.8), Some(Verdict::Loud));
    }

    #[test]
    fn one_clap_is_not_a_voice() {
        let clap = |at: u64| if at == 400 { VOICE } else { NOTHING };
        assert!(
            shown(600, clap)
                .iter()
                .all(|(_, verdict)| *verdict == Verdict::Listening)
        );
    }
}
