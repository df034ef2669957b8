//! Tells losses that come of sending too much from those that come anyway: it sends less for a
//! moment and looks whether the losses go.

use std::collections::VecDeque;

/// Losses are counted over four of these, not the newest: what is lost is told later than what arrives.
const BUCKET_SECONDS: f64 = 0.25;
const BUCKETS: usize = 5;
/// Fewer packets say nothing.
const MIN_PACKETS: u32 = 50;
/// Losses up to this beyond the inherent ones are not worth a doubt.
const TOLERATED: f64 = 0.02;
/// In standard deviations of what chance does to the count.
const CHANCE: f64 = 2.5;
/// What is sent during a test, as a share of what arrived before.
pub(super) const TEST_SHARE: f64 = 0.8;
/// How long a test lasts beyond the round trip.
const TEST_SECONDS: f64 = 1.3;
/// Losses that fall below this share of what they were during a test came of our sending.
const OUR_FAULT: f64 = 0.7;
/// How fast the inherent losses are forgotten when they are gone, in seconds.
const FORGET_SECONDS: f64 = 3.0;

/// Watches the losses of a path.
#[derive(Debug, Clone, Default)]
pub(super) struct LossWatch {
    /// Start, packets, lost.
    buckets: VecDeque<(f64, u32, u32)>,
    inherent: f64,
    test: Option<Test>,
    counted_at: f64,
}

#[derive(Debug, Clone)]
struct Test {
    /// Packets sent from here on are looked at.
    from: f64,
    until: f64,
    target_before: f64,
    loss_before: f64,
}

/// What the losses ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LossAdvice {
    Nothing,
    /// Send this much, and no more until the next advice.
    Test(f64),
    /// The losses are inherent: send this much again.
    Restore(f64),
    /// The losses went: the test's rate is what the path takes.
    Stay,
}

impl LossWatch {
    /// Takes the fate of a packet; `sent` in seconds.
    pub(super) fn add(&mut self, sent: f64, lost: bool) {
        if self.test.as_ref().is_some_and(|test| sent < test.from) {
            return;
        }
        // A loss is told late, and belongs to when it was sent.
        let index = self.buckets.iter().rposition(|(start, ..)| sent >= *start);
        let last = self.buckets.len().checked_sub(1);
        match index.and_then(|index| self.buckets.get_mut(index)) {
            Some((start, packets, lost_packets)) if sent - *start < BUCKET_SECONDS => {
                *packets += 1;
                *lost_packets += u32::from(lost);
            }
            _ if index == last => self.buckets.push_back((sent, 1, u32::from(lost))),
            _ => {}
        }
        while self.buckets.len() > BUCKETS {
            self.buckets.pop_front();
        }
    }

    /// The share of packets lost in the last second.
    pub(super) fn loss(&self) -> f64 {
        let (packets, lost) = self.count();
        f64::from(lost) / f64::from(packets.max(1))
    }

    /// Whether a test is going on.
    pub(super) fn is_testing(&self) -> bool {
        self.test.is_some()
    }

    /// A queue was seen: losses now are explained by it, and a test would show nothing.
    pub(super) fn disregard(&mut self) {
        self.test = None;
        self.buckets.clear();
    }

    /// What to do at `now`, in seconds of the sender's clock.
    pub(super) fn advise(
        &mut self,
        now: f64,
        target: f64,
        acked: f64,
        round_trip: f64,
    ) -> LossAdvice {
        let (packets, _) = self.count();
        let loss = self.loss();
        if let Some(test) = &self.test {
            if now < test.until || packets < MIN_PACKETS && now < test.until + 2.0 {
                return LossAdvice::Nothing;
            }
            let (before, target_before) = (test.loss_before, test.target_before);
            self.test = None;
            return if loss > OUR_FAULT * before {
                self.inherent = loss.max(0.5 * (loss + before));
                LossAdvice::Restore(target_before)
            } else {
                self.inherent = self.inherent.min(loss);
                LossAdvice::Stay
            };
        }
        if packets < MIN_PACKETS {
            return LossAdvice::Nothing;
        }
        let elapsed = (now - self.counted_at).clamp(0.0, 1.0);
        self.counted_at = now;
        if loss < self.inherent {
            self.inherent += (loss - self.inherent) * elapsed / FORGET_SECONDS;
        }
        let share = loss.max(self.inherent);
        let chance = CHANCE * (share * (1.0 - share) / f64::from(packets)).sqrt();
        if loss - self.inherent <= TOLERATED + chance {
            return LossAdvice::Nothing;
        }
        let from = now;
        self.test = Some(Test {
            from,
            until: from + round_trip + TEST_SECONDS,
            target_before: target,
            // A test begins when chance has added to the losses; that part will go in any case.
            loss_before: (loss - 0.6 * chance).max(0.5 * loss),
        });
        self.buckets.clear();
        LossAdvice::Test(TEST_SHARE * acked.min(target))
    }

    fn count(&self) -> (u32, u32) {
        self.buckets.iter().fold((0, 0), |(packets, lost), bucket| {
            (packets + bucket.1, lost + bucket.2)
        })
    }
}
