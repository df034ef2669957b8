use std::collections::VecDeque;
use std::time::Instant;

use crate::media::AUDIO_CLOCK_HZ;

/// How far back arrivals are remembered.
const WINDOW_S: f64 = 10.0;
/// Bound for floods: 50 packets a second need 500.
const MAX_ARRIVALS: usize = 1_200;
/// Of the arrivals in the window, this share shall be in time.
const QUANTILE: f64 = 0.97;
/// Peaks are looked for in the latest arrivals: one late packet is an accident, two are a pattern.
const PEAK_WINDOW_S: f64 = 4.0;
/// Packets this close behind another one come out of the same queue.
const BURST_S: f64 = 0.003;
/// Added to the measured spread, for the threads between socket and buffer.
const MARGIN_S: f64 = 0.004;
/// Below this, scheduling alone makes packets late.
const MIN_TARGET_S: f64 = 0.008;
const MAX_TARGET_S: f64 = 1.0;
/// The target falls by this, or by this share of what is too much, a second: a pause in the jitter is
/// not mistaken for its end.
const FALL_S_PER_S: f64 = 0.020;
const FALL_SHARE_PER_S: f64 = 0.25;

/// Seconds on the clock of a stream's first packet.
fn seconds(ticks: i64) -> f64 {
    ticks as f64 / f64::from(AUDIO_CLOCK_HZ)
}

/// When packets arrive, compared with when the fastest of them did.
///
/// A packet's *transit* is its arrival minus its RTP time, up to a constant. The fastest transit of
/// the last 10 s is the base from which all delay is counted, so that clocks that drift apart and
/// routes that change move the base and not the delay. The idea of sizing the buffer by a quantile of
/// relative delays is NetEQ's; quantile and base are taken here from one exact window.
#[derive(Debug, Clone)]
pub(super) struct ArrivalDelays {
    epoch: Instant,
    arrivals: VecDeque<Arrival>,
    base: f64,
    wanted: f64,
    target: f64,
    target_at: f64,
    scratch: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Arrival {
    at: f64,
    transit: f64,
    /// It was queued behind the packet before it: one standstill of the network is one late packet,
    /// however many it held up.
    queued: bool,
}

impl ArrivalDelays {
    pub(super) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            arrivals: VecDeque::new(),
            base: 0.0,
            wanted: MIN_TARGET_S,
            target: MIN_TARGET_S,
            target_at: 0.0,
            scratch: Vec::new(),
        }
    }

    /// Seconds from the epoch to `at`.
    pub(super) fn time(&self, at: Instant) -> f64 {
        match at.checked_duration_since(self.epoch) {
            Some(after) => after.as_secs_f64(),
            None => -self.epoch.duration_since(at).as_secs_f64(),
        }
    }

    /// The transit of a packet with this RTP time that arrived `at`.
    pub(super) fn transit(&self, ticks: i64, at: Instant) -> f64 {
        self.time(at) - seconds(ticks)
    }

    /// Notes an arrival.
    pub(super) fn record(&mut self, ticks: i64, at: Instant) {
        let (at, transit) = (self.time(at), self.transit(ticks, at));
        let queued = self
            .arrivals
            .back()
            .is_some_and(|last| at - last.at < BURST_S && transit < last.transit);
        let arrival = Arrival {
            at,
            transit,
            queued,
        };
        self.arrivals.push_back(arrival);
        while self.arrivals.len() > MAX_ARRIVALS
            || self
                .arrivals
                .front()
                .is_some_and(|first| first.at < arrival.at - WINDOW_S)
        {
            self.arrivals.pop_front();
        }
        self.measure(arrival.at);
    }

    fn measure(&mut self, now: f64) {
        self.base = self
            .arrivals
            .iter()
            .fold(f64::INFINITY, |least, arrival| least.min(arrival.transit));
        self.scratch.clear();
        self.scratch.extend(
            self.arrivals
                .iter()
                .filter(|arrival| !arrival.queued)
                .map(|arrival| arrival.transit),
        );
        if self.scratch.is_empty() {
            return;
        }
        let index = ((self.scratch.len() - 1) as f64 * QUANTILE).round() as usize;
        let (_, quantile, _) = self.scratch.select_nth_unstable_by(index, f64::total_cmp);
        let quantile = *quantile - self.base;

        let (mut most, mut second) = (0.0_f64, 0.0_f64);
        let recent = |arrival: &&Arrival| arrival.at >= now - PEAK_WINDOW_S;
        for arrival in self.arrivals.iter().rev().take_while(recent) {
            if arrival.queued {
                continue;
            }
            let delay = arrival.transit - self.base;
            second = second.max(delay.min(most));
            most = most.max(delay);
        }
        self.wanted = (quantile.max(second) + MARGIN_S).clamp(MIN_TARGET_S, MAX_TARGET_S);
        if self.wanted >= self.target {
            self.target = self.wanted;
        }
    }

    /// How long a packet is to wait between its fastest possible arrival and its decoding, in seconds;
    /// it rises at once and falls slowly.
    pub(super) fn target(&mut self, now: Instant) -> f64 {
        let now = self.time(now);
        let elapsed = (now - self.target_at).clamp(0.0, 1.0);
        self.target_at = now;
        let fall = FALL_S_PER_S.max(FALL_SHARE_PER_S * (self.target - self.wanted));
        self.target = self.wanted.max(self.target - fall * elapsed);
        self.target
    }

    /// How long after its fastest possible arrival the sample with this RTP time is played when it is
    /// played at `at`, in seconds.
    pub(super) fn delay_of(&self, ticks: i64, at: Instant) -> f64 {
        self.transit(ticks, at) - self.base
    }

    /// The RTP time that has waited for `delay` seconds at `at`.
    pub(super) fn ticks_due(&self, delay: f64, at: Instant) -> i64 {
        ((self.time(at) - self.base - delay) * f64::from(AUDIO_CLOCK_HZ)).floor() as i64
    }

    /// The fastest transit, in seconds.
    pub(super) fn base(&self) -> f64 {
        self.base
    }
}
