//! What a headless call says.

use std::io::{self, Write as _};

use crate::call::Stage;
use crate::capture::DeviceError;
use crate::engine::{
    CallReport, DeviceKind, DeviceNews, ParticipantView, PictureSample, SessionView,
};

/// How to call somebody whose name may be empty.
pub fn friend(name: &str) -> &str {
    if name.is_empty() { "your friend" } else { name }
}

/// What takes its time; empty for what is said when it happens.
pub fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Joining => "reaching the call server",
        Stage::Waiting => "waiting for your friend",
        Stage::Connecting { .. } => "connecting",
        Stage::Connected { .. } | Stage::Reconnecting { .. } | Stage::Ended(_) => "",
    }
}

/// What became of a device, and what that means for the call.
pub fn device_news(news: &DeviceNews) -> String {
    match news {
        DeviceNews::Unusable { kind, error } => {
            let without = match kind {
                DeviceKind::Microphone => "your friend will not hear you",
                DeviceKind::Speaker => "you will not hear your friend",
                DeviceKind::Camera => "your friend will not see you",
            };
            match error {
                DeviceError::Busy { kind } => format!(
                    "another app is using the {kind}; the call goes on, but {without} until it is free"
                ),
                _ => format!("{error}; the call goes on, but {without}"),
            }
        }
        DeviceNews::Lost {
            error,
            instead: Some(instead),
            ..
        } => format!("{error}; now using {instead}"),
        DeviceNews::Lost {
            kind: DeviceKind::Speaker,
            error: error @ DeviceError::File { .. },
            instead: None,
        } => format!("sound is no longer written down: {error}"),
        DeviceNews::Lost {
            error,
            instead: None,
            ..
        } => format!("{error}; the call goes on without it"),
        DeviceNews::Back {
            kind,
            name: Some(name),
            ..
        } => format!("the {} is back; now using {name}", kind.name()),
        DeviceNews::Back {
            kind, name: None, ..
        } => format!("the {} works again", kind.name()),
    }
}

/// What was last said of the friend's microphone and camera.
#[derive(Debug)]
pub struct Friend {
    muted: bool,
    camera_on: bool,
}

impl Default for Friend {
    /// As everybody begins.
    fn default() -> Self {
        Self {
            muted: false,
            camera_on: true,
        }
    }
}

impl Friend {
    /// What is news of them.
    pub fn changes(&mut self, now: &ParticipantView) -> Vec<String> {
        let who = friend(&now.name);
        let mut lines = Vec::new();
        if std::mem::replace(&mut self.camera_on, now.camera_on) != now.camera_on {
            let how = if now.camera_on { "on" } else { "off" };
            lines.push(format!("{who}'s camera is {how}"));
        }
        if std::mem::replace(&mut self.muted, now.muted) != now.muted {
            let how = if now.muted {
                "muted"
            } else {
                "no longer muted"
            };
            lines.push(format!("{who} is {how}"));
        }
        lines
    }
}

/// The last second of a call in one line; none as long as there is none.
pub fn figures(view: &SessionView) -> Option<String> {
    let since = view.connected_at?;
    let last = view.statistics.history.last()?;
    let picture = |sample: &PictureSample| match sample.resolution {
        Some(size) => format!(
            "picture {}x{} {:.0}/s {:.0} kb/s",
            size.width,
            size.height,
            sample.frames_per_second,
            sample.bps / 1_000.0
        ),
        None => "no picture".to_owned(),
    };
    Some(format!(
        "{:>4} s  in: sound {:.0} kb/s, {}  out: sound {:.0} kb/s, {}  delay {:.0} ms, loss {:.1} % in, {:.1} % out",
        since.elapsed().as_secs(),
        last.sound_in_bps / 1_000.0,
        picture(&last.picture_in),
        last.sound_out_bps / 1_000.0,
        picture(&last.picture_out),
        last.delay.as_secs_f64() * 1_000.0,
        last.loss_in * 100.0,
        last.loss_out * 100.0,
    ))
}

/// How the call was, on stdout; nothing of one that never came about.
///
/// # Errors
/// When nobody reads stdout any more.
pub fn summarize(report: &CallReport) -> io::Result<()> {
    if report.talked == 0.0 {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    let ms =
        |value: Option<f64>| value.map_or("never".to_owned(), |ms| format!("after {ms:.0} ms"));
    let setup = &report.setup;
    writeln!(out, "talked          {:.1} s", report.talked)?;
    writeln!(out, "connected       {}", ms(setup.joined_to_connected_ms))?;
    writeln!(
        out,
        "first sound     {}",
        ms(setup.joined_to_first_audio_ms)
    )?;
    writeln!(
        out,
        "first picture   {}",
        ms(setup.joined_to_first_picture_ms)
    )?;
    for participant in &report.participants {
        let frames = &participant.video_inbound["frames_decoded"];
        let packets = &participant.audio_inbound["packets_received"];
        writeln!(
            out,
            "received        {packets} packets of sound, {frames} pictures"
        )?;
    }
    writeln!(out, "processor       {:.1} s", report.process.cpu_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_does_to_the_call_is_one_plain_sentence() {
        let kind = DeviceKind::Camera;
        let lost = |instead| DeviceNews::Lost {
            kind,
            error: DeviceError::Unplugged { kind: "camera" },
            instead,
        };
        for (news, words) in [
            (
                DeviceNews::Unusable {
                    kind,
                    error: DeviceError::Missing { kind: "camera" },
                },
                "no camera is connected; the call goes on, but your friend will not see you",
            ),
            (
                DeviceNews::Unusable {
                    kind,
                    error: DeviceError::Busy { kind: "camera" },
                },
                "another app is using the camera; the call goes on, but your friend will not see you until it is free",
            ),
            (
                lost(None),
                "the camera was unplugged; the call goes on without it",
            ),
            (
                lost(Some("Other".into())),
                "the camera was unplugged; now using Other",
            ),
            (
                DeviceNews::Back {
                    kind,
                    name: Some("Mine".into()),
                    settled: vec![lost(Some("Other".into()))],
                },
                "the camera is back; now using Mine",
            ),
            (
                DeviceNews::Back {
                    kind,
                    name: None,
                    settled: vec![lost(None)],
                },
                "the camera works again",
            ),
        ] {
            assert_eq!(device_news(&news), words);
        }
    }
}
