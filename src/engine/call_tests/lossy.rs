//! A network that loses and delays at random.

use std::time::Duration;

use super::narrow::Pan;
use super::scene::{Scene, Seat, Side, number};
use crate::call::CallEndReason;
use crate::engine::report::CallReport;
use crate::peer::runtime::seeded_random::on_a_thread;
use crate::peer::runtime::{Jitter, LinkConditions, LinkProfile, LinkStats};

const TALK: Duration = Duration::from_secs(60);

/// 40 ms one way, give or take 30.
pub(super) fn around_40_ms() -> LinkConditions {
    LinkConditions {
        delay: Duration::from_millis(40),
        jitter: Jitter::Uniform {
            spread: Duration::from_millis(30),
        },
        loss: 0.1,
        ..LinkConditions::default()
    }
}

/// 25 ms one way, and up to 30 more.
fn from_25_ms() -> LinkConditions {
    LinkConditions {
        delay: Duration::from_millis(40),
        jitter: Jitter::Uniform {
            spread: Duration::from_millis(15),
        },
        loss: 0.1,
        ..LinkConditions::default()
    }
}

/// How one side was served.
#[derive(Debug)]
pub(super) struct Service {
    speech: f64,
    worst_speech: f64,
    frames_per_second: f64,
    longest_freeze: Duration,
    key_frames_asked: f64,
    /// Of the pictures that came here.
    lost: u64,
    sent_again: u64,
}

impl Service {
    /// Of a call of `talk`; `way` is the path from the other side to here.
    pub(super) fn of(
        seat: &Seat,
        report: &CallReport,
        way: &LinkStats,
        other: &CallReport,
        talk: Duration,
    ) -> Self {
        let [me] = &report.participants[..] else {
            panic!("one friend")
        };
        let [them] = &other.participants[..] else {
            panic!("one friend")
        };
        let (speech, worst_speech) = seat.intelligibility(Duration::from_secs(3), talk);
        let pictures = seat.pictures();
        let end = pictures[0] + talk - Duration::from_secs(1);
        let pictures_ssrc = number(&them.video_outbound, "ssrc") as u32;
        Self {
            speech,
            worst_speech,
            frames_per_second: pictures.len() as f64 / talk.as_secs_f64(),
            longest_freeze: seat.longest_gap(end.max(pictures[pictures.len() - 1])),
            key_frames_asked: number(&me.video_inbound, "key_frames_requested"),
            lost: way.streams[&pictures_ssrc].lost,
            sent_again: number(&them.video_outbound, "retransmitted_packets_sent") as u64,
        }
    }

    fn repairs_per_loss(&self) -> f64 {
        self.sent_again as f64 / self.lost as f64
    }

    pub(super) fn print(&self, call: &str) {
        println!(
            "{call}: speech {:.3}, worst {:.3}; {:.1} pictures a second, longest gap {:?}, {} key \
             frames asked for; {} packets lost, {:.2} repairs for each",
            self.speech,
            self.worst_speech,
            self.frames_per_second,
            self.longest_freeze,
            self.key_frames_asked,
            self.lost,
            self.repairs_per_loss()
        );
    }
}

/// Width, height and pictures a second.
type Film = (u32, u32, u32);

const SMALL: Film = (320, 180, 15);

/// The same again for the same seed.
fn bad_call(
    conditions: &LinkConditions,
    seed: u64,
    films: [Film; 2],
    talk: Duration,
) -> ([CallReport; 2], [Service; 2]) {
    let conditions = conditions.clone();
    on_a_thread(seed, move || play(&conditions, seed, films, talk))
}

fn play(
    conditions: &LinkConditions,
    seed: u64,
    films: [Film; 2],
    talk: Duration,
) -> ([CallReport; 2], [Service; 2]) {
    let scene = Scene::new();
    let path = |seed| LinkProfile::new(seed, conditions.clone());
    let film = |side: Side, (width, height, rate): Film| Side {
        film: Some(Box::new(Pan::new(width, height, rate, scene.world.now()))),
        ..side
    };
    let (host, here, out) = scene.seat(film(Side::host(path(seed), talk), films[0]));
    let (guest, there, back) = scene.seat(film(Side::guest(path(seed + 1_000)), films[1]));
    let (reports, ()) = scene.play(vec![host, guest], async {});
    let reports: [CallReport; 2] = reports.try_into().expect("two");
    let services = [
        Service::of(&here, &reports[0], back.link().stats(), &reports[1], talk),
        Service::of(&there, &reports[1], out.link().stats(), &reports[0], talk),
    ];
    for service in &services {
        service.print(&format!("seed {seed}"));
    }
    (reports, services)
}

pub(super) fn assert_served(reports: &[CallReport; 2], services: &[Service; 2]) {
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    assert_eq!(reports[1].ended, CallEndReason::RemoteHangup);
    for service in services {
        assert!(service.speech >= 0.85, "{service:?}");
        assert!(service.frames_per_second >= 13.0, "{service:?}");
        assert!(
            service.longest_freeze <= Duration::from_secs(1),
            "{service:?}"
        );
        assert!(service.lost > 50, "{service:?}");
        assert!(service.repairs_per_loss() <= 1.3, "{service:?}");
    }
}

fn assert_all_served(conditions: &LinkConditions, seeds: &[u64]) {
    for seed in seeds {
        let (reports, services) = bad_call(conditions, *seed, [SMALL; 2], TALK);
        assert_served(&reports, &services);
    }
}

#[test]
fn a_tenth_lost_and_30_ms_of_jitter_either_way_cost_neither_speech_nor_picture() {
    assert_all_served(&around_40_ms(), &[11, 12, 13, 31]);
}

#[test]
fn a_tenth_lost_and_up_to_30_ms_more_cost_neither_speech_nor_picture() {
    assert_all_served(&from_25_ms(), &[21, 22]);
}

#[test]
fn a_tenth_lost_costs_a_large_picture_no_freeze() {
    let talk = Duration::from_secs(30);
    let large = (1_280, 720, 30);
    let (reports, services) = bad_call(&around_40_ms(), 41, [large, SMALL], talk);
    assert_served(&reports, &services);
}

/// Many seeds, for whoever changes something here: `TWOCAN_SEEDS=1-40`.
#[test]
#[ignore = "takes minutes"]
fn whatever_the_seed() {
    let seeds = std::env::var("TWOCAN_SEEDS").unwrap_or_else(|_| "1-20".to_owned());
    let (first, last) = seeds.split_once('-').expect("from-to");
    let seeds: Vec<u64> = (first.parse().expect("from")..=last.parse().expect("to")).collect();
    assert_all_served(&around_40_ms(), &seeds);
    assert_all_served(&from_25_ms(), &seeds);
}
