use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::audio::{
    Adjustment, AudioJitterStats, CONCEAL_SILENT_FROM, Inserted, MAX_TRANSIT_STEP_S, Next,
};
use super::audio_delay::ArrivalDelays;
use crate::media::{AUDIO_CLOCK_HZ, FRAME_SAMPLES, RtpPacket, RtpTimestamp};

const FRAME_TICKS: i64 = FRAME_SAMPLES as i64;
/// Packets that are held at most: 5 s of 20 ms.
pub(super) const MAX_PACKETS: usize = 250;
/// What is waited before the first sample when nothing is known of the network yet.
const START_TARGET_S: f64 = 0.020;
/// Delay over the target at which sound is skipped instead of played faster.
const SKIP_OVER_S: f64 = 0.5;
/// How far the wait may be off the target before it is corrected.
const TOLERANCE_S: f64 = 0.002;
/// Surplus decoded sound, beyond whole frames, that is worth removing: 3 ms.
const MIN_SURPLUS: usize = 144;
/// A wait over or under the target that is worth an audible splice.
const URGENT_OVER_S: f64 = 0.080;
const URGENT_UNDER_S: f64 = 0.020;
/// Pulls between two gentle changes.
const PULLS_BETWEEN_CHANGES: u32 = 6;
/// Packets over which the least wait is looked for: 400 ms, longer than any device's period.
const WAIT_WINDOW: usize = 20;
/// Share of lost packets from which it pays to wait for the copy in the next packet, and below which
/// it no longer does.
const WAIT_FOR_COPY: (f64, f64) = (0.015, 0.005);
const LOSS_SHARE: f64 = 0.01;

/// One stream of packets and where it is played, from its first packet to the next restart.
#[derive(Debug)]
pub(super) struct Stream {
    ssrc: u32,
    /// By unwrapped RTP time.
    packets: BTreeMap<i64, Stored>,
    delays: ArrivalDelays,
    last_transit: f64,
    newest_sequence: i64,
    newest_ticks: i64,
    first_sequence: i64,
    received: u64,
    playout: Option<Playout>,
    /// How long packets waited until they were needed, lately, without the base, which may move.
    recent: VecDeque<f64>,
    /// Decoded samples beyond whole frames at the latest adjustment.
    surplus: usize,
    pulls_since_change: u32,
    loss: f64,
    waits_for_copy: bool,
    copies_seen: u32,
    packet_ticks: i64,
    /// In seconds; in place of what the arrivals ask for.
    fixed_target: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Playout {
    /// Unwrapped RTP time of the next sample to be decoded.
    next: i64,
    last_sequence: Option<i64>,
    concealed_run: usize,
}

#[derive(Debug)]
struct Stored {
    sequence: i64,
    ticks: i64,
    payload: Bytes,
    arrived_at: Instant,
    carries_copy: bool,
}

impl Stream {
    pub(super) fn new(packet: &RtpPacket, fixed_target: Option<f64>) -> Self {
        let ticks = i64::from(packet.rtp_timestamp.0);
        let sequence = i64::from(packet.sequence_number);
        let delays = ArrivalDelays::new(packet.arrived_at);
        Self {
            ssrc: packet.ssrc,
            packets: BTreeMap::new(),
            last_transit: delays.transit(ticks, packet.arrived_at),
            delays,
            newest_sequence: sequence,
            newest_ticks: ticks,
            first_sequence: sequence,
            received: 0,
            playout: None,
            recent: VecDeque::with_capacity(WAIT_WINDOW),
            surplus: 0,
            pulls_since_change: 0,
            loss: 0.0,
            waits_for_copy: false,
            copies_seen: 0,
            packet_ticks: 2 * FRAME_TICKS,
            fixed_target,
        }
    }

    /// The RTP time of the sample after `buffered` decoded ones; `None` before the first.
    pub(super) fn rtp_timestamp(&self, buffered: usize) -> Option<RtpTimestamp> {
        Some(RtpTimestamp((self.playout?.next - buffered as i64) as u32))
    }

    /// How long that sample will have waited at `now`, in seconds.
    pub(super) fn delay(&self, now: Instant, buffered: usize) -> Option<f64> {
        let ticks = self.playout?.next - buffered as i64;
        Some(self.delays.delay_of(ticks, now))
    }

    /// How many packets are held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.packets.len()
    }

    fn unwrap_ticks(&self, packet: &RtpPacket) -> i64 {
        let newest = RtpTimestamp(self.newest_ticks as u32);
        self.newest_ticks + i64::from(packet.rtp_timestamp.ticks_since(newest))
    }

    /// Whether the packet is of this stream and its RTP clock has not jumped.
    pub(super) fn fits(&self, packet: &RtpPacket) -> bool {
        let transit = self
            .delays
            .transit(self.unwrap_ticks(packet), packet.arrived_at);
        packet.ssrc == self.ssrc && (transit - self.last_transit).abs() < MAX_TRANSIT_STEP_S
    }

    pub(super) fn insert(
        &mut self,
        packet: RtpPacket,
        samples: u32,
        carries_copy: bool,
        stats: &mut AudioJitterStats,
    ) -> Inserted {
        let ticks = self.unwrap_ticks(&packet);
        let step = packet
            .sequence_number
            .wrapping_sub(self.newest_sequence as u16) as i16;
        let sequence = self.newest_sequence + i64::from(step);
        let late = self.playout.is_some_and(|playout| ticks < playout.next);
        if self.packets.contains_key(&ticks)
            || (late && self.playout.and_then(|playout| playout.last_sequence) == Some(sequence))
        {
            stats.packets_duplicated += 1;
            return Inserted::Duplicate;
        }

        self.received += 1;
        stats.packets_received += 1;
        self.first_sequence = self.first_sequence.min(sequence);
        self.newest_sequence = self.newest_sequence.max(sequence);
        self.newest_ticks = self.newest_ticks.max(ticks);
        let expected = self.newest_sequence - self.first_sequence + 1;
        stats.packets_lost = expected - self.received as i64;
        // What was sent again says nothing of the way, and late packets are what the target is for.
        if !packet.recovered {
            self.last_transit = self.delays.transit(ticks, packet.arrived_at);
            self.delays.record(ticks, packet.arrived_at);
        }
        self.copies_seen = if carries_copy {
            50
        } else {
            self.copies_seen.saturating_sub(1)
        };
        if late {
            stats.packets_discarded += 1;
            return Inserted::Discarded;
        }
        self.packet_ticks = i64::from(samples);
        self.packets.insert(
            ticks,
            Stored {
                sequence,
                ticks: i64::from(samples),
                payload: packet.payload,
                arrived_at: packet.arrived_at,
                carries_copy,
            },
        );
        if self.packets.len() > MAX_PACKETS {
            // The newest matter: what is this far behind will be skipped anyway.
            self.packets.pop_first();
            stats.packets_discarded += 1;
        }
        Inserted::Accepted
    }

    /// The target of the arrivals, and one packet more where copies are worth waiting for.
    pub(super) fn target(&mut self, now: Instant) -> f64 {
        if let Some(target) = self.fixed_target {
            return target;
        }
        let copies = self.copies_seen > 0;
        self.waits_for_copy = copies
            && if self.waits_for_copy {
                self.loss > WAIT_FOR_COPY.1
            } else {
                self.loss > WAIT_FOR_COPY.0
            };
        let extra = if self.waits_for_copy {
            self.packet_ticks as f64 / f64::from(AUDIO_CLOCK_HZ)
        } else {
            0.0
        };
        self.delays.target(now) + extra
    }

    fn shift_recent(&mut self, samples: i64) {
        let seconds = samples as f64 / f64::from(AUDIO_CLOCK_HZ);
        for delay in &mut self.recent {
            *delay += seconds;
        }
    }

    pub(super) fn adjust(
        &mut self,
        now: Instant,
        buffered: usize,
        stats: &mut AudioJitterStats,
    ) -> Adjustment {
        let target = self.target(now);
        let Some(playout) = self.playout else {
            return Adjustment::None;
        };
        self.pulls_since_change = self.pulls_since_change.saturating_add(1);
        if buffered < FRAME_SAMPLES {
            // The next packet is needed now, though its first sample is played a little later.
            if self.recent.len() == WAIT_WINDOW {
                self.recent.pop_front();
            }
            self.recent
                .push_back(self.delays.transit(playout.next, now));
        }
        if self.recent.is_empty() {
            return Adjustment::None;
        }
        // Devices pull in bursts, so the wait saws; its least is what must suffice.
        let least = self.recent.iter().copied().fold(f64::INFINITY, f64::min) - self.delays.base();
        let over = least - target;
        if over > SKIP_OVER_S {
            self.skip(now, target, stats);
            return Adjustment::None;
        }
        self.surplus = buffered % FRAME_SAMPLES;
        let frames = |seconds: f64| (seconds.max(0.0) * 100.0) as usize;
        let rested = self.pulls_since_change >= PULLS_BETWEEN_CHANGES;
        let removable = self.surplus + FRAME_SAMPLES * frames(over - TOLERANCE_S);
        if playout.concealed_run > 0 {
            Adjustment::None
        } else if over < -TOLERANCE_S && (rested || over < -URGENT_UNDER_S) {
            Adjustment::Expand {
                samples: FRAME_SAMPLES * (frames(-over) + 2) - 1 - self.surplus,
                urgent: over < -URGENT_UNDER_S,
            }
        } else if removable >= MIN_SURPLUS && (rested || over > URGENT_OVER_S) {
            Adjustment::Accelerate {
                samples: removable,
                urgent: over > URGENT_OVER_S,
            }
        } else {
            Adjustment::None
        }
    }

    /// Whole frames come and go between pulls, so the wait changes by whole frames only: the surplus
    /// can be removed, or added to, while the next packet is still needed at the same pull.
    pub(super) fn handle_adjusted(&mut self, removed: usize, inserted: usize) {
        let sooner = removed.saturating_sub(self.surplus).div_ceil(FRAME_SAMPLES);
        let later = if inserted > 0 {
            (self.surplus + inserted) / FRAME_SAMPLES
        } else {
            0
        };
        self.shift_recent(FRAME_TICKS * (later as i64 - sooner as i64));
        self.pulls_since_change = 0;
    }

    /// Far too much has piled up (the machine slept, the network stood still): go on with what is due.
    fn skip(&mut self, now: Instant, target: f64, stats: &mut AudioJitterStats) {
        let due = self.delays.ticks_due(target, now);
        let Some(playout) = &mut self.playout else {
            return;
        };
        while let Some(first) = self.packets.first_entry()
            && *first.key() + first.get().ticks <= due
        {
            first.remove();
            stats.packets_discarded += 1;
        }
        let next = self
            .packets
            .first_key_value()
            .map_or(due, |(ticks, _)| *ticks);
        let skipped = next - playout.next;
        if skipped > 0 {
            playout.next = next;
            playout.last_sequence = None;
            stats.removed_samples_for_acceleration += skipped as u64;
        }
        self.recent.clear();
        self.pulls_since_change = 0;
    }

    pub(super) fn has_next(&self) -> bool {
        match (self.playout, self.packets.first_key_value()) {
            (Some(playout), Some((ticks, _))) => *ticks <= playout.next,
            _ => false,
        }
    }

    pub(super) fn next(
        &mut self,
        now: Instant,
        buffered: usize,
        quiet: bool,
        stats: &mut AudioJitterStats,
    ) -> Next {
        let Some(mut playout) = self.playout.or_else(|| self.begin(now, stats)) else {
            return Next::Silence(FRAME_SAMPLES);
        };
        let next = match self.packets.first_key_value() {
            Some((ticks, first)) if *ticks > playout.next => {
                let missing = *ticks - playout.next;
                let paused = playout.last_sequence == Some(first.sequence - 1);
                self.fill(&mut playout, missing, paused, stats)
            }
            Some(_) => self.decode(now, buffered, &mut playout, stats),
            None => {
                if !quiet {
                    let waited = self.delays.delay_of(playout.next, now);
                    let patience =
                        self.target(now) + self.packet_ticks as f64 / f64::from(AUDIO_CLOCK_HZ);
                    let next = conceal(&mut playout, FRAME_SAMPLES, stats);
                    if waited < patience {
                        // Probably it is only late: it will still be played, and the delay grows.
                        self.shift_recent(FRAME_TICKS);
                    } else {
                        playout.next += FRAME_TICKS;
                    }
                    next
                } else {
                    playout.next += FRAME_TICKS;
                    Next::Silence(FRAME_SAMPLES)
                }
            }
        };
        self.playout = Some(playout);
        next
    }

    /// Begins with the packet that has waited for the target, if there is one; older ones would only
    /// be delay.
    fn begin(&mut self, now: Instant, stats: &mut AudioJitterStats) -> Option<Playout> {
        let target = self.target(now).max(START_TARGET_S);
        let due = self.delays.ticks_due(target, now);
        let (&first, _) = self.packets.range(..=due).next_back()?;
        while let Some(entry) = self.packets.first_entry()
            && *entry.key() < first
        {
            entry.remove();
            stats.packets_discarded += 1;
        }
        Some(Playout {
            next: first,
            last_sequence: None,
            concealed_run: 0,
        })
    }

    fn decode(
        &mut self,
        now: Instant,
        buffered: usize,
        playout: &mut Playout,
        stats: &mut AudioJitterStats,
    ) -> Next {
        let Some((ticks, packet)) = self.packets.pop_first() else {
            return conceal(playout, FRAME_SAMPLES, stats);
        };
        let in_order = playout
            .last_sequence
            .is_none_or(|last| packet.sequence == last + 1);
        if in_order {
            self.loss -= LOSS_SHARE * self.loss;
        }
        playout.next = ticks + packet.ticks;
        playout.last_sequence = Some(packet.sequence);
        playout.concealed_run = 0;
        let count = packet.ticks as f64;
        let waited = now
            .saturating_duration_since(packet.arrived_at)
            .as_secs_f64()
            + (buffered as f64 + count / 2.0) / f64::from(AUDIO_CLOCK_HZ);
        stats.jitter_buffer_delay += waited * count;
        stats.jitter_buffer_target_delay += self.target(now) * count;
        stats.jitter_buffer_emitted_count += packet.ticks as u64;
        Next::Decode(packet.payload)
    }

    /// Something is missing before the first packet that is here.
    fn fill(
        &mut self,
        playout: &mut Playout,
        missing: i64,
        paused: bool,
        stats: &mut AudioJitterStats,
    ) -> Next {
        if paused {
            // No packet is missing, only time: the sender had nothing to send.
            let samples = missing.min(FRAME_TICKS);
            playout.next += samples;
            playout.concealed_run = 0;
            return Next::Silence(samples as usize);
        }
        let first = self.packets.first_key_value().map(|(_, first)| first);
        let duration = first.map_or(self.packet_ticks, |first| first.ticks);
        if missing > duration || first.is_none_or(|first| !first.carries_copy) {
            let samples = missing.min(FRAME_TICKS);
            // Counted once a packet: when its last part is passed.
            if missing % duration.max(1) == samples % duration.max(1) {
                self.loss += LOSS_SHARE * (1.0 - self.loss);
            }
            playout.next += samples;
            return conceal(playout, samples as usize, stats);
        }
        self.loss += LOSS_SHARE * (1.0 - self.loss);
        let next = first.map_or_else(Bytes::new, |first| first.payload.clone());
        playout.next += missing;
        playout.concealed_run = 0;
        stats.fec_recovered_samples += missing as u64;
        Next::Recover {
            next,
            samples: missing as usize,
        }
    }
}

fn conceal(playout: &mut Playout, samples: usize, stats: &mut AudioJitterStats) -> Next {
    let run = playout.concealed_run;
    playout.concealed_run = run.saturating_add(samples);
    stats.concealment_events += u64::from(run == 0);
    stats.concealed_samples += samples as u64;
    if run >= CONCEAL_SILENT_FROM {
        stats.silent_concealed_samples += samples as u64;
    }
    Next::Conceal { samples, run }
}
