//! Calls that are made worse on purpose are, each in its own way.

use std::time::Duration;

use super::lossy::around_40_ms;
use super::narrow::Pan;
use super::scene::{Fields, Scene, Seat, Side, lock, number};
use crate::engine::{Handicap, ParticipantReport};
use crate::media::Bitrate;
use crate::peer::runtime::seeded_random::on_a_thread;
use crate::peer::runtime::{LinkConditions, LinkProfile};
use crate::process::speech::speech_clip;
use crate::process::stoi::delay_between;

const TALK: Duration = Duration::from_secs(14);

/// How a call was in which both sides have the same handicap, if any.
struct Outcome {
    host: ParticipantReport,
    guest: ParticipantReport,
    /// How much later than it was said the host is heard, in milliseconds.
    sound_delay_ms: f64,
}

fn call(handicap: Option<Handicap>, conditions: &LinkConditions) -> Outcome {
    let conditions = conditions.clone();
    on_a_thread(3, move || {
        let scene = Scene::new();
        let path = |seed| LinkProfile::new(seed, conditions.clone());
        let mut host = Side::host(path(1), TALK);
        let mut guest = Side::guest(path(2));
        host.film = Some(Box::new(Pan::new(640, 360, 30, scene.world.now())));
        host.handicaps.extend(handicap);
        guest.handicaps.extend(handicap);
        let (host, _here, _) = scene.seat(host);
        let (guest, there, _) = scene.seat(guest);
        let (mut reports, ()) = scene.play(vec![host, guest], async {});
        let mut friend = || reports.remove(0).participants.remove(0);
        Outcome {
            host: friend(),
            guest: friend(),
            sound_delay_ms: sound_delay_ms(&there),
        }
    })
}

/// Of four seconds, the fifth to the eighth.
fn sound_delay_ms(seat: &Seat) -> f64 {
    let (from, length) = (4 * 48_000, 4 * 48_000);
    let said: Vec<_> = speech_clip()
        .into_iter()
        .cycle()
        .skip(from)
        .take(length)
        .collect();
    let heard = lock(&seat.heard);
    delay_between(&said, &heard[from..from + length + 48_000]) as f64 / 48.0
}

/// In milliseconds.
fn mean_target(inbound: &Fields) -> f64 {
    let emitted = number(inbound, "jitter_buffer_emitted_count");
    number(inbound, "jitter_buffer_target_delay") / emitted * 1_000.0
}

fn clean() -> LinkConditions {
    LinkConditions {
        delay: Duration::from_millis(25),
        ..LinkConditions::default()
    }
}

#[test]
fn sound_is_not_waited_for() {
    let [fair, worse] = [None, Some(Handicap::NoJitterBuffer)]
        .map(|handicap| call(handicap, &around_40_ms()).guest.audio_inbound);
    assert!(mean_target(&fair) > 40.0, "{} ms", mean_target(&fair));
    assert_eq!(mean_target(&worse), 0.0);
    let guessed = |inbound: &Fields| number(inbound, "concealed_samples");
    assert!(guessed(&worse) > 3.0 * guessed(&fair), "{worse:?}");
}

#[test]
fn what_is_lost_of_sound_is_not_repaired() {
    let [fair, worse] = [None, Some(Handicap::NoRepairOfSound)]
        .map(|handicap| call(handicap, &around_40_ms()).guest.audio_inbound);
    let repaired = |inbound: &Fields| number(inbound, "fec_recovered_samples");
    assert!(repaired(&fair) > 20_000.0, "{fair:?}");
    assert_eq!(repaired(&worse), 0.0);
}

#[test]
fn what_the_line_does_to_packets_slows_nobody() {
    let narrow = LinkConditions {
        rate: Some(Bitrate::from_kbps(500)),
        ..clean()
    };
    let [fair, worse] =
        [None, Some(Handicap::NoCongestionControl)].map(|handicap| call(handicap, &narrow).host);
    assert!(fair.target_bitrate < 600_000, "{}", fair.target_bitrate);
    assert_eq!(worse.target_bitrate, 2_500_000);
    let sent = |report: &ParticipantReport| number(&report.video_outbound, "bytes_sent");
    assert!(sent(&worse) > 2.0 * sent(&fair), "{}", sent(&worse));
}

#[test]
fn pictures_get_half_of_their_share() {
    let [fair, worse] = [None, Some(Handicap::HalfBitrate)].map(|handicap| {
        let host = call(handicap, &clean()).host;
        number(&host.video_outbound, "target_bitrate") / host.target_bitrate as f64
    });
    assert!((0.8..0.95).contains(&fair), "{fair}");
    assert!((0.4..0.5).contains(&worse), "{worse}");
}

#[test]
fn sound_comes_late_and_pictures_do_not_wait_for_it() {
    let [fair, worse] = [None, Some(Handicap::LateSound)].map(|handicap| call(handicap, &clean()));
    let later = worse.sound_delay_ms - fair.sound_delay_ms;
    assert!((later - 100.0).abs() < 10.0, "{later} ms");
    for outcome in [&fair, &worse] {
        let lag = number(&outcome.guest.video_inbound, "picture_lag_ms");
        assert!(
            lag.abs() < 30.0,
            "{lag} ms: as far as it knows they go together"
        );
    }
}
