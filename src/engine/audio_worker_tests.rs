use std::collections::VecDeque;

use super::*;
use crate::capture::DeviceError;
use crate::media::{AudioFrame, RtpTimestamp};
use crate::playout::NullSpeaker;
use crate::process::render_reference;

/// Gives one after the other, and silence at the end of them.
struct Script(VecDeque<Pull<AudioFrame>>);

impl AudioSource for Script {
    fn pull(&mut self, now: Instant) -> Pull<AudioFrame> {
        let next = self.0.pop_front();
        next.unwrap_or(Pull::NotBefore(now + Duration::from_millis(10)))
    }
}

fn lost() -> Pull<AudioFrame> {
    Pull::Lost(DeviceError::Unplugged { kind: "microphone" })
}

fn word(now: Instant) -> Pull<AudioFrame> {
    Pull::Ready(AudioFrame {
        samples: [0.1; FRAME_SAMPLES],
        captured_at: now,
    })
}

struct Bench {
    worker: AudioWorker,
    desk: AudioDesk,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        let (source, reference) = render_reference();
        let sender = AudioSender::new(
            RtpTimestamp(0),
            Processing::OFF,
            OpusMode::Voice,
            Some(reference),
        )
        .unwrap();
        let (worker, desk) =
            AudioWorker::new(sender, source, Box::new(NullSpeaker::new(now)), &[], now);
        Self { worker, desk, now }
    }

    fn source(&self, script: impl IntoIterator<Item = Pull<AudioFrame>>) {
        let source = Box::new(Script(script.into_iter().collect()));
        let order = AudioOrder::Source(Some(source), WayBack::nowhere());
        self.desk.order(order);
    }

    /// A turn, and where the trial is after it.
    fn turn(&mut self) -> Trial {
        self.now += STATUS_INTERVAL;
        self.worker.turn(self.now);
        self.desk.status().trial
    }
}

#[test]
fn a_microphone_is_lost_once_and_what_replaces_it_is_not() {
    let mut bench = Bench::new();
    bench.source([lost()]);
    bench.turn();
    assert!(bench.desk.source_lost().take().is_some());
    bench.turn();
    assert_eq!(bench.desk.source_lost().take(), None, "said already");
    bench.source([]);
    bench.turn();
    assert_eq!(bench.desk.source_lost().take(), None);
    bench.source([lost()]);
    bench.turn();
    // Nobody took it; it is not said of the next.
    bench.source([]);
    bench.turn();
    assert_eq!(bench.desk.source_lost().take(), None);
}

#[test]
fn what_is_replaced_is_handed_back_also_when_it_was_lost() {
    let mut bench = Bench::new();
    bench.source([lost()]);
    bench.turn();
    let (way_back, old) = WayBack::new();
    bench.desk.order(AudioOrder::Source(None, way_back));
    bench.turn();
    assert!(matches!(old.try_recv(), Ok(Some(_))));
    let (way_back, old) = WayBack::new();
    let sink = Box::new(NullSpeaker::new(bench.now));
    bench.desk.order(AudioOrder::Sink(sink, way_back));
    bench.turn();
    assert!(old.try_recv().is_ok());
}

#[test]
fn a_trial_ends_with_its_microphone() {
    let mut bench = Bench::new();
    bench.desk.order(AudioOrder::Try);
    assert_eq!(bench.turn(), Trial::Idle, "there is nothing to try");

    let begin = |bench: &mut Bench, words: usize, end: Option<Pull<AudioFrame>>| {
        let now = bench.now;
        bench.source((0..words).map(|_| word(now)).chain(end));
        bench.desk.order(AudioOrder::Try);
        bench.turn()
    };
    for words in [3, TRIAL_FRAMES] {
        let expected = if words == 3 {
            Trial::Recording
        } else {
            Trial::Playing
        };
        assert_eq!(begin(&mut bench, words, None), expected);
        let closed = AudioOrder::Source(None, WayBack::nowhere());
        bench.desk.order(closed);
        assert_eq!(bench.turn(), Trial::Idle);
        assert_eq!(begin(&mut bench, words, Some(lost())), Trial::Idle);
        assert_eq!(begin(&mut bench, words, Some(Pull::Ended)), Trial::Idle);
    }
}
