//! What the statistics panel says, in words and curves.

use std::time::Duration;

use super::words::first_name_inside;
use crate::engine::{CallStatistics, PictureSample, StatisticsSample};

/// How a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nothing to complain of.
    Good,
    /// It can be noticed.
    Warn,
    /// It hurts.
    Bad,
    /// A fact.
    Plain,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) detail: String,
    pub(super) mood: Mood,
    /// One a second, the newest last.
    pub(super) series: Vec<f32>,
    /// The scale of the curve reaches at least to here.
    pub(super) at_least: f32,
}

/// Delays that a talk bears well, and just so (ITU-T G.114).
const DELAY_GOOD: Duration = Duration::from_millis(150);
const DELAY_BEARABLE: Duration = Duration::from_millis(400);

/// The five rows.
pub(super) fn figures(statistics: &CallStatistics, friend: &str) -> [Figure; 5] {
    let history = &statistics.history;
    let series = |of: fn(&StatisticsSample) -> f32| history.iter().map(of).collect::<Vec<_>>();
    let name = first_name_inside(friend);
    let newest = history.last();
    let say = |of: fn(&StatisticsSample) -> (String, Mood)| {
        newest.map_or_else(|| ("…".into(), Mood::Plain), of)
    };
    let figure = |name: String, (value, mood), detail, series, at_least| Figure {
        name,
        value,
        detail,
        mood,
        series,
        at_least,
    };
    let rate = |of: fn(&StatisticsSample) -> f32| newest.map_or(String::new(), |s| bitrate(of(s)));
    [
        figure(
            "Delay".into(),
            say(|s| delay(s.delay)),
            "how late words arrive".into(),
            series(|s| s.delay.as_secs_f32()),
            0.15,
        ),
        figure(
            "Lost on the way".into(),
            say(|s| loss(s.loss_in)),
            format!("from {name}"),
            series(|s| s.loss_in),
            0.05,
        ),
        figure(
            format!("Picture from {name}"),
            say(|s| picture(s.picture_in, true)),
            rate(|s| s.picture_in.bps),
            series(|s| s.picture_in.bps),
            500_000.0,
        ),
        figure(
            format!("Picture to {name}"),
            say(|s| picture(s.picture_out, false)),
            rate(|s| s.picture_out.bps),
            series(|s| s.picture_out.bps),
            500_000.0,
        ),
        figure(
            format!("Sound from {name}"),
            say(|s| sound(s.sound_in_bps, s.concealed)),
            rate(|s| s.sound_in_bps),
            series(|s| s.sound_in_bps),
            40_000.0,
        ),
    ]
}

fn delay(delay: Duration) -> (String, Mood) {
    let mood = if delay <= DELAY_GOOD {
        Mood::Good
    } else if delay <= DELAY_BEARABLE {
        Mood::Warn
    } else {
        Mood::Bad
    };
    (format!("{} ms", delay.as_millis()), mood)
}

fn loss(share: f32) -> (String, Mood) {
    let percent = (share * 100.0).clamp(0.0, 100.0);
    let mood = match percent {
        ..2.0 => Mood::Good,
        ..8.0 => Mood::Warn,
        _ => Mood::Bad,
    };
    (format!("{percent:.1} %"), mood)
}

/// "720p · 30/s"; a picture that we get is judged, one that we send is a fact.
fn picture(sample: PictureSample, judged: bool) -> (String, Mood) {
    let Some(resolution) = sample.resolution else {
        return ("no picture".into(), Mood::Plain);
    };
    let lines = resolution.width.min(resolution.height);
    let frames = sample.frames_per_second.max(0.0).round();
    let mood = if !judged {
        Mood::Plain
    } else if frames < 10.0 {
        Mood::Bad
    } else if frames < 25.0 || lines < 360 {
        Mood::Warn
    } else {
        Mood::Good
    };
    (format!("{lines}p · {frames}/s"), mood)
}

fn sound(bps: f32, concealed: f32) -> (String, Mood) {
    let (words, mood) = if bps <= 0.0 {
        ("none", Mood::Plain)
    } else if concealed < 0.02 {
        ("clear", Mood::Good)
    } else if concealed < 0.10 {
        ("small gaps", Mood::Warn)
    } else {
        ("broken", Mood::Bad)
    };
    (words.into(), mood)
}

fn bitrate(bps: f32) -> String {
    let bps = bps.max(0.0);
    if bps >= 100_000.0 {
        format!("{:.1} Mbit/s", bps / 1e6)
    } else {
        format!("{:.0} kbit/s", bps / 1e3)
    }
}

/// "Direct · last 60 seconds".
pub(super) fn footer(statistics: &CallStatistics) -> String {
    let way = match statistics.relayed {
        Some(false) => "Direct",
        Some(true) => "Over a relay",
        None => "Looking for the line",
    };
    match statistics.history.len() {
        0 => way.into(),
        1 => format!("{way} · last second"),
        seconds => format!("{way} · last {} seconds", seconds.min(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Resolution;

    fn sample() -> StatisticsSample {
        StatisticsSample {
            delay: Duration::from_millis(64),
            loss_in: 0.031,
            picture_in: PictureSample {
                resolution: Some(Resolution {
                    width: 960,
                    height: 540,
                }),
                frames_per_second: 24.2,
                bps: 700_000.0,
            },
            picture_out: PictureSample {
                resolution: Some(Resolution {
                    width: 720,
                    height: 1280,
                }),
                frames_per_second: 29.97,
                bps: 1_600_000.0,
            },
            sound_in_bps: 32_000.0,
            ..StatisticsSample::default()
        }
    }

    #[test]
    fn figures_are_words_about_who_is_affected() {
        let statistics = CallStatistics {
            history: vec![sample(); 3],
            relayed: Some(false),
            ..CallStatistics::default()
        };
        let rows = figures(&statistics, "Maya Lindqvist");
        let said: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.value.as_str(), row.detail.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                ("Delay", "64 ms", "how late words arrive"),
                ("Lost on the way", "3.1 %", "from Maya"),
                ("Picture from Maya", "540p · 24/s", "0.7 Mbit/s"),
                ("Picture to Maya", "720p · 30/s", "1.6 Mbit/s"),
                ("Sound from Maya", "clear", "32 kbit/s"),
            ]
        );
        let moods: Vec<_> = rows.iter().map(|row| row.mood).collect();
        use Mood::{Good, Plain, Warn};
        assert_eq!(moods, [Good, Warn, Warn, Plain, Good]);
        assert!(rows.iter().all(|row| row.series.len() == 3));
        assert_eq!(footer(&statistics), "Direct · last 3 seconds");
    }

    #[test]
    fn before_there_are_any_nothing_is_claimed() {
        let rows = figures(&CallStatistics::default(), "");
        for row in &rows {
            assert_eq!((row.value.as_str(), row.mood), ("…", Mood::Plain));
        }
        assert_eq!(rows[2].name, "Picture from your friend");
        assert_eq!(footer(&CallStatistics::default()), "Looking for the line");
    }

    #[test]
    fn trouble_is_called_so() {
        assert_eq!(delay(Duration::from_millis(500)).1, Mood::Bad);
        assert_eq!(loss(0.2), ("20.0 %".into(), Mood::Bad));
        assert_eq!(loss(f32::NAN).1, Mood::Bad);
        assert_eq!(sound(32_000.0, 0.05), ("small gaps".into(), Mood::Warn));
        assert_eq!(sound(0.0, 0.0), ("none".into(), Mood::Plain));
        assert_eq!(picture(PictureSample::default(), true).0, "no picture");
    }
}
