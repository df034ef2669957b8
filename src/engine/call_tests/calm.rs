//! A network as it should be.

use std::time::Duration;

use super::scene::{Scene, Side, number};
use crate::call::CallEndReason;
use crate::peer::runtime::seeded_random::on_a_thread;
use crate::peer::runtime::{LinkConditions, LinkProfile};

#[test]
fn a_minute_of_call_on_a_clean_network() {
    on_a_thread(1, minute_of_call);
}

fn minute_of_call() {
    let began = std::time::Instant::now();
    let scene = Scene::new();
    let clean = LinkConditions {
        delay: Duration::from_millis(25),
        ..LinkConditions::default()
    };
    let talk = Duration::from_secs(60);
    let (host, _here, _) = scene.seat(Side::host(LinkProfile::new(1, clean.clone()), talk));
    let (guest, ear, _) = scene.seat(Side::guest(LinkProfile::new(2, clean)));
    let (reports, ()) = scene.play(vec![host, guest], async {});
    println!("60 s of call took {:?}", began.elapsed());
    let [host, guest] = &reports[..] else {
        panic!("two reports")
    };
    assert_eq!(host.ended, CallEndReason::DurationReached);
    assert_eq!(guest.ended, CallEndReason::RemoteHangup);
    for report in [host, guest] {
        let [other] = &report.participants[..] else {
            panic!("one friend")
        };
        let frames = number(&other.video_inbound, "frames_decoded");
        assert!(frames > 15.0 * 55.0, "{frames} pictures");
        assert_eq!(number(&other.video_inbound, "freeze_count"), 0.0);
        let packets = number(&other.audio_inbound, "packets_received");
        assert!(
            (2_900.0..3_100.0).contains(&packets),
            "{packets} packets of sound"
        );
        let concealed = number(&other.audio_inbound, "concealed_samples");
        assert!(concealed < 4_800.0, "{concealed} samples made up");
        assert_eq!(other.local_candidate_type.as_deref(), Some("host"));
    }
    let connected = guest.setup.joined_to_connected_ms;
    assert!(connected.is_some_and(|ms| ms < 1_000.0), "{connected:?}");
    let (mean, worst) = ear.intelligibility(Duration::from_secs(3), talk);
    println!("speech: {mean:.3}, worst {worst:.3}; connected in {connected:?} ms");
    assert!(mean > 0.93, "{mean}");
}
