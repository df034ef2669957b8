//! A network that carries little.

use std::time::{Duration, Instant};

use super::scene::{Scene, Seat, Side};
use crate::call::{CallEndReason, ParticipantId};
use crate::capture::{Pull, VideoSource};
use crate::media::{Bitrate, VideoFrame};
use crate::peer::runtime::seeded_random::on_a_thread;
use crate::peer::runtime::{LinkConditions, LinkProfile, VirtualRuntime};

const NARROW: Bitrate = Bitrate::from_kbps(500);
const CUT: Duration = Duration::from_secs(15);
const LIFTED: Duration = Duration::from_secs(35);
const TALK: Duration = Duration::from_secs(55);
const LOOK: Duration = Duration::from_millis(250);

/// A camera that pans over rough ground: more to encode than bars.
#[derive(Debug)]
pub(super) struct Pan {
    size: (usize, usize),
    frame_rate: u32,
    ground: Vec<u8>,
    frame: VideoFrame,
    due: Instant,
    index: usize,
}

impl Pan {
    /// How far it pans, in pixels.
    const WAY: usize = 256;

    pub(super) fn new(width: u32, height: u32, frame_rate: u32, now: Instant) -> Self {
        let rough = |x: usize, y: usize, grain: usize| {
            let place =
                (x / grain).wrapping_mul(0x9e37_79b1) ^ (y / grain).wrapping_mul(0x85eb_ca6b);
            (place.wrapping_mul(0xc2b2_ae35) >> 13) & 0xff
        };
        let size = (width as usize, height as usize);
        let wide = size.0 + Self::WAY;
        let at = |place| {
            let (x, y) = (place % wide, place / wide);
            ((2 * rough(x, y, 40) + rough(x, y, 8) + rough(x, y, 3)) / 4) as u8
        };
        Self {
            size,
            frame_rate,
            ground: (0..wide * size.1).map(at).collect(),
            frame: VideoFrame::black(width, height, now),
            due: now,
            index: 0,
        }
    }
}

impl VideoSource for Pan {
    fn pull(&mut self, now: Instant) -> Pull<VideoFrame> {
        if now < self.due {
            return Pull::NotBefore(self.due);
        }
        let step = (3 * self.index) % (2 * Self::WAY);
        let left = step.min(2 * Self::WAY - step);
        let width = self.size.0;
        let (luma, _, _) = self.frame.planes_mut();
        for (line, ground) in luma
            .chunks_exact_mut(width)
            .zip(self.ground.chunks_exact(width + Self::WAY))
        {
            line.copy_from_slice(&ground[left..left + width]);
        }
        let mut frame = self.frame.clone();
        frame.captured_at = self.due;
        self.index += 1;
        self.due += Duration::from_secs(1) / self.frame_rate;
        Pull::Ready(frame)
    }
}

/// The line at a moment.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Duration,
    target: Bitrate,
    /// Sound, write to wire, in the last seconds.
    wait_p95: Duration,
    link_queue: Duration,
    lines: u32,
}

async fn watch(
    scene: &Scene,
    seat: &Seat,
    path: &VirtualRuntime,
    friend: ParticipantId,
) -> Vec<Moment> {
    let mut moments = Vec::new();
    while scene.world.elapsed() < TALK {
        seat.wait(LOOK).await;
        if let Some(counters) = seat.view().counters.get(&friend) {
            moments.push(Moment {
                at: scene.world.elapsed(),
                target: counters.peer.target_bitrate,
                wait_p95: counters.peer.audio_queue_p95,
                link_queue: path.link().queue_delay(scene.world.now()),
                lines: counters.video_sender.frame_height,
            });
        }
    }
    moments
}

fn cut_while_filming(before: Option<Bitrate>) {
    let scene = Scene::new();
    let wide = LinkConditions {
        delay: Duration::from_millis(25),
        rate: before,
        ..LinkConditions::default()
    };
    let path = LinkProfile::new(1, wide.clone())
        .then(CUT, |link| link.rate = Some(NARROW))
        .then(LIFTED, |link| link.rate = before);
    let mut host = Side::host(path, TALK);
    host.film = Some(Box::new(Pan::new(1_280, 720, 30, scene.world.now())));
    let (host, here, out) = scene.seat(host);
    let guest = Side::guest(LinkProfile::new(2, wide)).filming("none");
    let friend = guest.id();
    let (guest, there, _) = scene.seat(guest);
    let sessions = vec![host, guest];
    let (reports, moments) = scene.play(sessions, watch(&scene, &here, &out, friend));
    for moment in moments.iter().step_by(4) {
        println!("{moment:?}");
    }
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    let between = |from: Duration, to: Duration| {
        let within = move |moment: &&Moment| moment.at >= from && moment.at < to;
        moments.iter().filter(within).copied().collect::<Vec<_>>()
    };
    let second = Duration::from_secs(1);
    let filming = between(CUT - second, CUT);
    assert!(
        filming.iter().any(|moment| moment.lines == 720),
        "{filming:?}"
    );
    assert!(
        filming
            .iter()
            .all(|moment| moment.target > Bitrate::from_kbps(1_500))
    );
    let worst_wait = moments.iter().map(|moment| moment.wait_p95).max();
    let narrow = between(CUT + 5 * second, LIFTED);
    let mut queues: Vec<_> = narrow.iter().map(|moment| moment.link_queue).collect();
    queues.sort();
    let (median, worst) = (queues[queues.len() / 2], queues[queues.len() - 1]);
    let (speech, worst_speech) = there.intelligibility(3 * second, TALK);
    println!(
        "sound waits {worst_wait:?} at worst; queue in the narrow path: median {median:?}, worst {worst:?}; \
         speech {speech:.3}, worst {worst_speech:.3}; longest gap {:?}",
        there.longest_gap(there.pictures()[0])
    );
    assert!(
        worst_wait.is_some_and(|wait| wait <= Duration::from_millis(20)),
        "{worst_wait:?}"
    );
    // Half a second's worth of pictures is in the path before the cut can be known of; sound waits in it.
    assert!(speech >= 0.82, "{speech}");
    for moment in &narrow {
        assert!(moment.target <= NARROW, "{moment:?}");
        assert!(moment.target >= Bitrate::from_kbps(150), "{moment:?}");
    }
    assert!(
        median <= Duration::from_millis(60),
        "a standing queue of {median:?}"
    );
    let after = between(LIFTED + 15 * second, TALK);
    assert!(
        after
            .iter()
            .any(|moment| moment.target > Bitrate::from_kbps(1_200)),
        "{after:?}"
    );
}

#[test]
fn sound_never_waits_and_pictures_settle_when_3_mbps_become_500_kbps() {
    on_a_thread(1, || cut_while_filming(Some(Bitrate::from_kbps(3_000))));
}

#[test]
fn sound_never_waits_and_pictures_settle_when_an_open_path_becomes_500_kbps() {
    on_a_thread(1, || cut_while_filming(None));
}
