use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::report::ParticipantCounters;
use super::snapshot::{CallStatistics, PictureSample, Quality, StatisticsSample};
use crate::media::Resolution;

/// The panel shows a minute, one sample a second.
const HISTORY: usize = 60;
/// A line is judged by its last seconds, so that a hiccup is not a verdict.
const JUDGED_SECONDS: usize = 3;
/// From this loss on people notice.
const WEAK_LOSS: f32 = 0.05;
/// From this delay on people talk over each other (ITU-T G.114).
const WEAK_DELAY: Duration = Duration::from_millis(400);
/// From this share of made-up sound on people notice.
const WEAK_CONCEALED: f32 = 0.08;

/// What one participant's line has been like: counters in, one sample a second out.
#[derive(Debug, Default)]
pub struct Statistics {
    last: Option<(Instant, ParticipantCounters)>,
    history: VecDeque<StatisticsSample>,
    sound_arrives: bool,
    view: Arc<CallStatistics>,
}

impl Statistics {
    /// Takes the counters as they are at `now`; `their_loss` is what they say is lost of ours.
    pub fn push(
        &mut self,
        counters: &ParticipantCounters,
        playout_delay: Duration,
        their_loss: f32,
        now: Instant,
    ) {
        if let Some((then, last)) = self.last.take() {
            let seconds = now.saturating_duration_since(then).as_secs_f32();
            if seconds > 0.0 {
                let sample = sample(&last, counters, playout_delay, their_loss, seconds);
                self.sound_arrives =
                    counters.peer.audio_inbound.packets > last.peer.audio_inbound.packets;
                if self.history.len() == HISTORY {
                    self.history.pop_front();
                }
                self.history.push_back(sample);
            }
        }
        self.last = Some((now, counters.clone()));
    }

    /// Their sound came in during the last second.
    pub fn sound_arrives(&self) -> bool {
        self.sound_arrives
    }

    /// What was lost of theirs lately.
    pub fn loss_in(&self) -> f32 {
        self.mean(|sample| sample.loss_in)
    }

    /// In words.
    pub fn quality(&self) -> Quality {
        if self.history.len() < JUDGED_SECONDS {
            return Quality::Unknown;
        }
        let late = self.mean(|sample| sample.delay.as_secs_f32()) > WEAK_DELAY.as_secs_f32();
        if self.mean(|sample| sample.loss_out) > WEAK_LOSS {
            Quality::OursWeak
        } else if late
            || self.loss_in() > WEAK_LOSS
            || self.mean(|sample| sample.concealed) > WEAK_CONCEALED
        {
            Quality::TheirsWeak
        } else {
            Quality::Good
        }
    }

    /// Writes the sentences; `name` may be empty.
    pub fn describe(&mut self, name: &str, camera_on: bool) {
        let (who, whose) = if name.is_empty() {
            ("Your friend".to_owned(), "Your friend's".to_owned())
        } else {
            (name.to_owned(), format!("{name}'s"))
        };
        let delay = self.mean(|sample| sample.delay.as_secs_f32());
        let verdict = match self.quality() {
            Quality::Unknown | Quality::Good => None,
            Quality::OursWeak => Some(
                "Your upload is slow. We lowered the picture so the sound stays clear.".to_owned(),
            ),
            Quality::TheirsWeak if delay > WEAK_DELAY.as_secs_f32() => Some(format!(
                "{who} is far away for the network: words arrive late."
            )),
            Quality::TheirsWeak if camera_on => Some(format!(
                "{whose} upload is slow. Turning their camera off would keep the sound clear."
            )),
            Quality::TheirsWeak => Some(format!("{whose} upload is slow.")),
        };
        let Some((_, counters)) = &self.last else {
            return;
        };
        let peer = &counters.peer;
        let relay = |kind: &Option<String>| kind.as_deref() == Some("relay");
        let relayed = peer
            .local_candidate_type
            .as_ref()
            .map(|_| relay(&peer.local_candidate_type) || relay(&peer.remote_candidate_type));
        self.view = Arc::new(CallStatistics {
            history: self.history.iter().copied().collect(),
            relayed,
            verdict,
            report: report(counters),
        });
    }

    /// For the panel.
    pub fn view(&self) -> Arc<CallStatistics> {
        self.view.clone()
    }

    fn mean(&self, value: impl Fn(&StatisticsSample) -> f32) -> f32 {
        let judged = self.history.iter().rev().take(JUDGED_SECONDS);
        let count = judged.len().max(1);
        // Not `sum`: of nothing that is -0.0.
        judged.map(value).fold(0.0, |all, one| all + one) / count as f32
    }
}

fn sample(
    last: &ParticipantCounters,
    now: &ParticipantCounters,
    playout_delay: Duration,
    their_loss: f32,
    seconds: f32,
) -> StatisticsSample {
    let bps = |after: u64, before: u64| after.saturating_sub(before) as f32 * 8.0 / seconds;
    let (was, is) = (&last.audio_receiver, &now.audio_receiver);
    let played = is
        .total_samples_received
        .saturating_sub(was.total_samples_received);
    let concealed = is
        .jitter
        .concealed_samples
        .saturating_sub(was.jitter.concealed_samples)
        - is.jitter
            .silent_concealed_samples
            .saturating_sub(was.jitter.silent_concealed_samples)
            .min(
                is.jitter
                    .concealed_samples
                    .saturating_sub(was.jitter.concealed_samples),
            );
    let (video_was, video_is) = (&last.peer.video_inbound, &now.peer.video_inbound);
    let (audio_was, audio_is) = (&last.peer.audio_inbound, &now.peer.audio_inbound);
    let lost = (audio_is.packets_lost - audio_was.packets_lost).max(0) as f32;
    let came = audio_is.packets.saturating_sub(audio_was.packets) as f32;
    let half_round_trip = now.peer.round_trip_time.unwrap_or_default() / 2;
    StatisticsSample {
        delay: half_round_trip + is.current_delay + playout_delay,
        loss_in: if lost + came > 0.0 {
            lost / (lost + came)
        } else {
            0.0
        },
        loss_out: their_loss,
        picture_in: PictureSample {
            resolution: resolution(
                now.video_receiver.frame_width,
                now.video_receiver.frame_height,
            )
            .filter(|_| video_is.packets > video_was.packets),
            frames_per_second: now.video_receiver.frames_per_second as f32,
            bps: bps(video_is.bytes, video_was.bytes),
        },
        picture_out: PictureSample {
            resolution: resolution(now.video_sender.frame_width, now.video_sender.frame_height)
                .filter(|_| now.video_sender.frames_encoded > last.video_sender.frames_encoded),
            frames_per_second: now.video_sender.frames_per_second as f32,
            bps: bps(
                now.peer.video_outbound.bytes,
                last.peer.video_outbound.bytes,
            ),
        },
        sound_in_bps: bps(audio_is.bytes, audio_was.bytes),
        sound_out_bps: bps(
            now.peer.audio_outbound.bytes,
            last.peer.audio_outbound.bytes,
        ),
        concealed: if played > 0 {
            concealed as f32 / played as f32
        } else {
            0.0
        },
    }
}

fn resolution(width: u32, height: u32) -> Option<Resolution> {
    (width > 0 && height > 0).then_some(Resolution { width, height })
}

/// Everything that was counted, as text; no address in it.
fn report(counters: &ParticipantCounters) -> String {
    let report = super::report::ParticipantReport::from(counters);
    serde_json::to_string_pretty(&report).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(loss_out: f32, lost_a_second: i64) -> Statistics {
        let began = Instant::now();
        let mut statistics = Statistics::default();
        let mut counters = ParticipantCounters::default();
        for second in 0..10 {
            counters.peer.audio_inbound.packets += 50;
            counters.peer.audio_inbound.packets_lost += lost_a_second;
            counters.peer.audio_inbound.bytes += 5_000;
            let now = began + Duration::from_secs(second);
            statistics.push(&counters, Duration::from_millis(20), loss_out, now);
        }
        statistics.describe("Maya", true);
        statistics
    }

    #[test]
    fn a_clean_line_is_good_and_shows_its_rates() {
        let statistics = line(0.0, 0);
        assert_eq!(statistics.quality(), Quality::Good);
        let view = statistics.view();
        assert_eq!(view.history.len(), 9);
        assert_eq!(view.history[8].sound_in_bps, 40_000.0);
        assert_eq!(view.verdict, None);
        assert!(statistics.sound_arrives());
    }

    #[test]
    fn whose_line_is_weak_is_told_apart() {
        assert_eq!(line(0.2, 0).quality(), Quality::OursWeak);
        let theirs = line(0.0, 10);
        assert_eq!(theirs.quality(), Quality::TheirsWeak);
        assert!((theirs.loss_in() - 1.0 / 6.0).abs() < 0.01);
        assert!(
            theirs
                .view()
                .verdict
                .as_ref()
                .is_some_and(|words| words.contains("Maya's"))
        );
    }

    #[test]
    fn of_nothing_nothing_is_lost() {
        let loss = Statistics::default().loss_in();
        assert_eq!(format!("{loss:.1}"), "0.0");
    }

    #[test]
    fn a_minute_is_kept() {
        let began = Instant::now();
        let mut statistics = Statistics::default();
        for second in 0..100 {
            let now = began + Duration::from_secs(second);
            statistics.push(&ParticipantCounters::default(), Duration::ZERO, 0.0, now);
        }
        statistics.describe("", false);
        assert_eq!(statistics.view().history.len(), HISTORY);
    }
}
