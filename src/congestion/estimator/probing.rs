use std::time::Duration;

use crate::media::Bitrate;

use super::super::probe::Probe;

/// A probe is this many times the target.
const STEP: f64 = 2.0;
/// How long a probe lasts, in seconds: long enough for several packets, short enough for any queue.
const PROBE_SECONDS: f64 = 0.04;
/// Between probes once the start is over, in seconds.
const PAUSE_SECONDS: f64 = 5.0;
/// A probe that is delivered at this share of its own rate was carried.
const CARRIED: f64 = 0.9;
/// What comes through a full path is a bit more than it can keep up.
const FULL_PATH: f64 = 0.95;
const MIN_PACKETS: usize = 5;

/// Sends short bursts at more than the target, and reads from their arrival what the path carries.
#[derive(Debug, Clone, Default)]
pub(super) struct Probing {
    running: Option<Running>,
    last_started: Option<f64>,
}

#[derive(Debug, Clone)]
struct Running {
    from: f64,
    until: f64,
    /// When it is given up, if reports do not come.
    deadline: f64,
    /// A packet sent after it was reported.
    over: bool,
    /// Sent, arrived, size.
    packets: Vec<(f64, f64, usize)>,
}

impl Probing {
    pub(super) fn poll(
        &mut self,
        now: f64,
        startup: bool,
        target: f64,
        max: f64,
        round_trip: f64,
    ) -> Option<Probe> {
        let pause = if startup {
            round_trip + 0.15
        } else {
            PAUSE_SECONDS
        };
        let due = self.last_started.is_none_or(|last| now - last >= pause);
        if !due || self.running.is_some() {
            return None;
        }
        self.last_started = Some(now);
        self.running = Some(Running {
            from: now,
            until: now + PROBE_SECONDS,
            deadline: now + PROBE_SECONDS + 2.0 * round_trip + 0.5,
            over: false,
            packets: Vec::new(),
        });
        Some(Probe {
            rate: Bitrate((STEP * target).min(1.2 * max) as u64),
            duration: Duration::from_secs_f64(PROBE_SECONDS),
        })
    }

    pub(super) fn add(&mut self, sent: f64, arrived: f64, size: usize) {
        let Some(running) = &mut self.running else {
            return;
        };
        if (running.from..=running.until).contains(&sent) {
            running.packets.push((sent, arrived, size));
        } else if sent > running.until {
            running.over = true;
        }
    }

    pub(super) fn cancel(&mut self) {
        self.running = None;
    }

    /// What the path carries by the probe that has just ended, in bits a second.
    pub(super) fn take_result(&mut self, now: f64) -> Option<f64> {
        let running = self
            .running
            .take_if(|running| running.over || now > running.deadline)?;
        if running.packets.len() < MIN_PACKETS {
            return None;
        }
        let sent = rate_of(running.packets.iter().map(|(sent, _, size)| (*sent, *size)))?;
        let arrived = rate_of(
            running
                .packets
                .iter()
                .map(|(_, arrived, size)| (*arrived, *size)),
        )?;
        Some(if arrived >= CARRIED * sent {
            arrived.min(sent)
        } else {
            FULL_PATH * arrived
        })
    }
}

/// Bits a second of packets by their times: the size of the first does not count, it only begins.
fn rate_of(packets: impl Iterator<Item = (f64, usize)>) -> Option<f64> {
    let mut first: Option<(f64, usize)> = None;
    let (mut last, mut bytes) = (f64::NEG_INFINITY, 0);
    for (at, size) in packets {
        if first.is_none_or(|(begin, _)| at < begin) {
            first = Some((at, size));
        }
        last = last.max(at);
        bytes += size;
    }
    let (begin, size) = first?;
    let span = last - begin;
    (span > 0.0).then(|| (bytes - size) as f64 * 8.0 / span)
}
