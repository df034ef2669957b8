use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::media::{Bitrate, RtpTimestamp};

use super::probe::Probe;

/// What a packet is for, which decides who goes first: sound, then what was lost, then pictures, then
/// padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketClass {
    /// Sound: never waits.
    Audio,
    /// A packet that is sent again.
    Retransmission,
    /// A packet of the picture with this timestamp; the packets of a picture are pushed in a row.
    Video(RtpTimestamp),
    /// Carries nothing; it only fills a probe.
    Padding,
}

/// Sent faster than the target by this, so that a picture does not take a whole picture's time.
const PACING_FACTOR: f64 = 1.5;
/// Never faster than this, whatever waits: it would only wait in the network, in front of the sound.
const MAX_PACING_FACTOR: f64 = 4.0;
/// The pace rises so that pictures wait no longer than this.
const AIMED_QUEUE_TIME: Duration = Duration::from_millis(250);
/// A picture that has waited longer and was not begun is thrown away, with all behind it.
const STALE_AFTER: Duration = Duration::from_millis(300);
/// After pictures were thrown away, a key frame is on its way that must not meet the same fate at once.
const GRACE_AFTER_DROP: Duration = Duration::from_secs(1);
/// The receiver has asked again by then, or given up.
const RETRANSMISSION_STALE_AFTER: Duration = Duration::from_millis(500);
/// As much as this time carries may leave at once, so that timers need not be finer.
const BURST: Duration = Duration::from_millis(5);
/// A pacer at rate zero would stand still for ever.
const SLOWEST: Bitrate = Bitrate::from_kbps(30);
/// Of each class; more means that nobody polls.
const MAX_PACKETS: usize = 4_096;
/// How far back the queue times of [`PacerQueue::queue_time`] go.
const STATISTICS_WINDOW: Duration = Duration::from_secs(5);

/// Packets that wait for their turn on the wire: sound first, the rest evenly, all counted.
///
/// Without clock and without IO: `push` what is to be sent; `poll` until `None` after each push and at
/// [`next_wake`](Self::next_wake).
#[derive(Debug)]
pub struct PacerQueue<T> {
    target: Bitrate,
    audio: VecDeque<Waiting<T>>,
    retransmissions: VecDeque<Waiting<T>>,
    video: VecDeque<Waiting<T>>,
    padding: VecDeque<Waiting<T>>,
    /// Of retransmissions and video.
    queued_bytes: usize,
    /// When what was sent so far has been paid for at the pace.
    paid_until: Instant,
    /// Until where the burst that has begun may run up debts.
    burst_until: Instant,
    /// The picture that the latest video packet was of: the rest of it is not thrown away.
    begun: Option<RtpTimestamp>,
    /// The newest picture that was thrown away: what comes of it later is thrown away, too.
    dropped: Option<RtpTimestamp>,
    keep_until: Instant,
    key_frame_needed: bool,
    probe: Option<RunningProbe>,
    times: Times,
    stats: PacerStats,
}

#[derive(Debug)]
struct Waiting<T> {
    since: Instant,
    class: PacketClass,
    size: usize,
    item: T,
}

#[derive(Debug)]
struct RunningProbe {
    rate: Bitrate,
    until: Instant,
}

/// What a pacer did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacerStats {
    /// Bytes sent of sound.
    pub audio_bytes: u64,
    /// Bytes sent of retransmissions.
    pub retransmission_bytes: u64,
    /// Bytes sent of pictures.
    pub video_bytes: u64,
    /// Bytes sent of padding.
    pub padding_bytes: u64,
    /// Packets thrown away because they were stale or nobody polled.
    pub dropped_packets: u64,
}

#[derive(Debug, Default)]
struct Times {
    audio: VecDeque<(Instant, Duration)>,
    retransmission: VecDeque<(Instant, Duration)>,
    video: VecDeque<(Instant, Duration)>,
}

impl<T> PacerQueue<T> {
    /// An empty queue that sends at `target`.
    pub fn new(now: Instant, target: Bitrate) -> Self {
        Self {
            target,
            audio: VecDeque::new(),
            retransmissions: VecDeque::new(),
            video: VecDeque::new(),
            padding: VecDeque::new(),
            queued_bytes: 0,
            paid_until: now,
            burst_until: now,
            begun: None,
            dropped: None,
            keep_until: now,
            key_frame_needed: false,
            probe: None,
            times: Times::default(),
            stats: PacerStats::default(),
        }
    }

    /// Sends at `target` from now on; what was sent before stays paid at the old pace.
    pub fn set_target(&mut self, target: Bitrate) {
        self.target = target;
    }

    /// Fills the wire at the rate of `probe` for its time: see [`Self::padding_owed`].
    pub fn start_probe(&mut self, now: Instant, probe: Probe) {
        self.probe = Some(RunningProbe {
            rate: probe.rate,
            until: now + probe.duration,
        });
        self.paid_until = now;
    }

    /// Takes a packet of `size` bytes on the wire (see [`WIRE_OVERHEAD`](super::WIRE_OVERHEAD)).
    pub fn push(&mut self, now: Instant, class: PacketClass, size: usize, item: T) {
        if let PacketClass::Video(frame) = class
            && self.dropped == Some(frame)
        {
            self.stats.dropped_packets += 1;
            return;
        }
        let waiting = Waiting {
            since: now,
            class,
            size,
            item,
        };
        let queue = match class {
            PacketClass::Audio => &mut self.audio,
            PacketClass::Retransmission => &mut self.retransmissions,
            PacketClass::Video(_) => &mut self.video,
            PacketClass::Padding => &mut self.padding,
        };
        if queue.len() >= MAX_PACKETS {
            self.stats.dropped_packets += 1;
            if let PacketClass::Video(frame) = class {
                self.drop_newest(frame);
            }
            return;
        }
        queue.push_back(waiting);
        if matches!(class, PacketClass::Retransmission | PacketClass::Video(_)) {
            self.queued_bytes += size;
        }
    }

    /// The next packet whose turn has come.
    pub fn poll(&mut self, now: Instant) -> Option<T> {
        if self.probe.as_ref().is_some_and(|probe| probe.until <= now) {
            self.probe = None;
        }
        if let Some(packet) = self.audio.pop_front() {
            return Some(self.send(now, packet));
        }
        self.drop_stale(now);
        if !self.may_send(now) {
            return None;
        }
        let packet = self
            .retransmissions
            .pop_front()
            .or_else(|| self.video.pop_front())
            .or_else(|| self.padding.pop_front())?;
        Some(self.send(now, packet))
    }

    /// When to poll again: a moment that has passed means at once; `None` until something is pushed.
    pub fn next_wake(&self) -> Option<Instant> {
        if let Some(audio) = self.audio.front() {
            return Some(audio.since);
        }
        let paced = [&self.retransmissions, &self.video, &self.padding];
        let waiting = paced.iter().any(|queue| !queue.is_empty()) || self.probe.is_some();
        waiting.then_some(if self.paid_until < self.burst_until {
            self.burst_until - BURST
        } else {
            self.paid_until
        })
    }

    /// After `poll` gave nothing: how many bytes of padding to send now to fill the probe that runs. Ask
    /// again after [`Self::charge_padding`], until `None`. Who starts a probe calls this, or is woken for
    /// nothing.
    pub fn padding_owed(&mut self, now: Instant) -> Option<usize> {
        let probe = self.probe.as_ref().filter(|probe| probe.until > now)?;
        let rate = probe.rate;
        if !self.may_send(now) {
            return None;
        }
        let owed = self
            .burst_until
            .saturating_duration_since(self.paid_until.max(now));
        Some((owed.as_secs_f64() * rate.bps() as f64 / 8.0).ceil() as usize)
    }

    /// `bytes` of padding were sent, which may be more than was owed: what follows waits for it to be
    /// paid. None at all ends the probe, for there is nothing to fill it with.
    pub fn charge_padding(&mut self, now: Instant, bytes: usize) {
        if bytes == 0 {
            self.probe = None;
        }
        self.charge(now, bytes);
        self.stats.padding_bytes += bytes as u64;
    }

    /// Whether pictures were thrown away since the last call, so that a key frame is needed.
    pub fn take_key_frame_needed(&mut self) -> bool {
        std::mem::take(&mut self.key_frame_needed)
    }

    /// How long the oldest packet of a picture has waited. An encoder that skips pictures while this
    /// is over 100 ms never loses one here.
    pub fn video_delay(&self, now: Instant) -> Duration {
        let oldest = self.video.front();
        oldest.map_or(Duration::ZERO, |packet| {
            now.saturating_duration_since(packet.since)
        })
    }

    /// The queue time that `share` (0.0..=1.0) of the packets of this class stayed at or below in the
    /// last 5 s; the timestamp in the class does not matter. Padding does not wait.
    pub fn queue_time(&self, now: Instant, class: PacketClass, share: f64) -> Duration {
        let times = match class {
            PacketClass::Audio => &self.times.audio,
            PacketClass::Retransmission => &self.times.retransmission,
            PacketClass::Video(_) => &self.times.video,
            PacketClass::Padding => return Duration::ZERO,
        };
        let mut recent: Vec<_> = times
            .iter()
            .filter(|(sent_at, _)| *sent_at + STATISTICS_WINDOW >= now)
            .map(|(_, time)| *time)
            .collect();
        recent.sort_unstable();
        let rank = (share.clamp(0.0, 1.0) * recent.len() as f64).ceil() as usize;
        recent
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// What was counted so far.
    pub fn stats(&self) -> PacerStats {
        self.stats
    }

    fn may_send(&mut self, now: Instant) -> bool {
        if self.paid_until <= now {
            self.burst_until = now + BURST;
        }
        self.paid_until < self.burst_until
    }

    fn send(&mut self, now: Instant, packet: Waiting<T>) -> T {
        // The pace is that of the queue with this packet still in it.
        self.charge(now, packet.size);
        let size = packet.size as u64;
        let times = match packet.class {
            PacketClass::Audio => {
                self.stats.audio_bytes += size;
                Some(&mut self.times.audio)
            }
            PacketClass::Retransmission => {
                self.stats.retransmission_bytes += size;
                self.queued_bytes -= packet.size;
                Some(&mut self.times.retransmission)
            }
            PacketClass::Video(frame) => {
                self.stats.video_bytes += size;
                self.queued_bytes -= packet.size;
                self.begun = Some(frame);
                Some(&mut self.times.video)
            }
            PacketClass::Padding => {
                self.stats.padding_bytes += size;
                None
            }
        };
        if let Some(times) = times {
            times.push_back((now, now.saturating_duration_since(packet.since)));
            while times
                .front()
                .is_some_and(|(sent_at, _)| *sent_at + STATISTICS_WINDOW < now)
            {
                times.pop_front();
            }
        }
        packet.item
    }

    fn charge(&mut self, now: Instant, size: usize) {
        let pace = self.pace(now);
        self.paid_until = self.paid_until.max(now) + pace.time_for(size);
    }

    fn pace(&self, now: Instant) -> Bitrate {
        let target = self.target.max(SLOWEST).bps() as f64;
        let left = AIMED_QUEUE_TIME
            .saturating_sub(self.video_delay(now))
            .max(BURST);
        let needed = self.queued_bytes as f64 * 8.0 / left.as_secs_f64();
        let pace = needed.clamp(PACING_FACTOR * target, MAX_PACING_FACTOR * target);
        let probe = self.probe.as_ref().map_or(0, |probe| probe.rate.bps());
        Bitrate((pace as u64).max(probe))
    }

    /// Throws the newest picture away: without its end, what waits of it is of no use either.
    fn drop_newest(&mut self, frame: RtpTimestamp) {
        while let Some(packet) = self
            .video
            .pop_back_if(|packet| packet.class == PacketClass::Video(frame))
        {
            self.queued_bytes -= packet.size;
            self.stats.dropped_packets += 1;
        }
        self.dropped = Some(frame);
        self.key_frame_needed = true;
    }

    fn drop_stale(&mut self, now: Instant) {
        while let Some(packet) = self.retransmissions.front()
            && packet.since + RETRANSMISSION_STALE_AFTER < now
        {
            self.queued_bytes -= packet.size;
            self.retransmissions.pop_front();
            self.stats.dropped_packets += 1;
        }
        // The rest of a picture that was begun is worth its time; what waits behind it may not be.
        let first = self.video.iter().position(|packet| match packet.class {
            PacketClass::Video(frame) => self.begun != Some(frame),
            _ => false,
        });
        let Some(first) = first else {
            return;
        };
        let is_stale = self
            .video
            .get(first)
            .is_some_and(|packet| packet.since + STALE_AFTER < now);
        if !is_stale || now < self.keep_until {
            return;
        }
        // What comes after a missing picture cannot be decoded without a key frame: all must go.
        for packet in self.video.drain(first..) {
            self.queued_bytes -= packet.size;
            self.stats.dropped_packets += 1;
            if let PacketClass::Video(frame) = packet.class {
                self.dropped = Some(frame);
            }
        }
        self.key_frame_needed = true;
        self.keep_until = now + GRACE_AFTER_DROP;
    }
}
