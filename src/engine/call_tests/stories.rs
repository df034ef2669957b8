//! What happens to calls.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use twocan_protocol::{MAX_MEMBERS, RefusalReason};
use zeroize::Zeroizing;

use super::scene::{Scene, Seat, Side, number};
use crate::call::{CallEndReason, CallRole, ParticipantId, Stage};
use crate::capture::CameraSpec;
use crate::engine::CallReport;
use crate::engine::audio_worker::AudioOrder;
use crate::engine::session::{SessionCommand, SessionEvent, SessionView};
use crate::peer::runtime::{LinkConditions, LinkProfile, VirtualRuntime};
use crate::signaling::{Signaling as _, SignalingEvent};
use crate::trust::{Door, Identity};

const SECOND: Duration = Duration::from_secs(1);

fn path(seed: u64) -> LinkProfile {
    LinkProfile::new(
        seed,
        LinkConditions {
            delay: Duration::from_millis(25),
            ..LinkConditions::default()
        },
    )
}

fn connected(view: &SessionView) -> bool {
    matches!(view.stage, Stage::Connected { .. })
}

fn reconnecting(view: &SessionView) -> bool {
    matches!(view.stage, Stage::Reconnecting { .. })
}

/// Nothing goes through, or everything.
fn set_dark(hosts: &[&VirtualRuntime], dark: bool) {
    for host in hosts {
        let now = crate::peer::runtime::Runtime::now(*host);
        let mut link = host.link();
        let conditions = LinkConditions {
            loss: if dark { 1.0 } else { 0.0 },
            ..link.conditions().clone()
        };
        link.set_conditions(now, conditions);
    }
}

/// Sound and pictures come in now.
async fn assert_alive(seat: &Seat) {
    let (then, pictures) = (seat.runtime.now(), seat.pictures().len());
    seat.wait(3 * SECOND).await;
    let sound = seat.sound_since(then);
    assert!(sound > 1.5, "{sound} s of 3 s were heard");
    let pictures = seat.pictures().len() - pictures;
    assert!(pictures > 35, "{pictures} pictures in 3 s");
}

/// A call in which nothing goes through for `dark`, from the tenth second on.
fn blackout(dark: Duration) {
    let scene = Scene::new();
    let talk = 30 * SECOND + dark;
    let (host, mut here, out) = scene.seat(Side::host(path(1), talk));
    let (guest, mut there, back) = scene.seat(Side::guest(path(2)));
    let story = async {
        here.until("talking", connected).await;
        here.wait(10 * SECOND).await;
        set_dark(&[&out, &back], true);
        let noticed = here.until("reconnecting", reconnecting).await;
        there.until("reconnecting", reconnecting).await;
        here.wait(dark - noticed).await;
        set_dark(&[&out, &back], false);
        let back_after = here.until("back", connected).await;
        there.until("back", connected).await;
        println!("{dark:?} of darkness: noticed after {noticed:?}, back {back_after:?} after it");
        assert!(noticed < 4 * SECOND, "{noticed:?}");
        assert!(back_after < 6 * SECOND, "{back_after:?}");
        here.wait(SECOND).await;
        assert_alive(&here).await;
        assert_alive(&there).await;
    };
    let (reports, ()) = scene.play(vec![host, guest], story);
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    assert_eq!(reports[1].ended, CallEndReason::RemoteHangup);
    for seat in [&mut here, &mut there] {
        let events = seat.events();
        let dropped = events
            .iter()
            .filter(|event| **event == SessionEvent::Dropped);
        assert_eq!(dropped.count(), 1, "{events:?}");
        assert!(events.contains(&SessionEvent::Back), "{events:?}");
    }
}

#[test]
fn five_seconds_without_a_line_and_the_call_picks_itself_up() {
    blackout(5 * SECOND);
}

#[test]
fn twenty_seconds_without_a_line_and_ice_finds_the_way_again() {
    blackout(20 * SECOND);
}

#[test]
fn a_line_that_stays_dark_ends_the_call_with_its_reason() {
    let scene = Scene::new();
    let (host, here, out) = scene.seat(Side::host(path(1), 120 * SECOND));
    let (guest, _there, back) = scene.seat(Side::guest(path(2)));
    let (reports, ()) = scene.play(vec![host, guest], async {
        here.until("talking", connected).await;
        here.wait(5 * SECOND).await;
        set_dark(&[&out, &back], true);
    });
    for report in &reports {
        assert_eq!(report.ended, CallEndReason::ConnectionLost);
        assert!((30.0..45.0).contains(&report.talked), "{}", report.talked);
    }
}

#[test]
fn a_call_goes_on_without_the_server_and_can_still_hang_up() {
    let scene = Scene::new();
    let (host, here, _) = scene.seat(Side::host(path(1), 30 * SECOND));
    let (guest, there, _) = scene.seat(Side::guest(path(2)));
    let (reports, ()) = scene.play(vec![host, guest], async {
        here.until("talking", connected).await;
        here.wait(5 * SECOND).await;
        scene.server.set_reachable(false);
        here.wait(5 * SECOND).await;
        assert!(connected(&here.view()) && connected(&there.view()));
        assert_alive(&here).await;
        assert_alive(&there).await;
    });
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    assert_eq!(reports[1].ended, CallEndReason::RemoteHangup);
}

#[test]
fn a_server_that_comes_back_finds_the_same_two_and_helps_them_reconnect() {
    let scene = Scene::new();
    let (host, mut here, out) = scene.seat(Side::host(path(1), 60 * SECOND));
    let (guest, there, back) = scene.seat(Side::guest(path(2)));
    let (reports, ()) = scene.play(vec![host, guest], async {
        here.until("talking", connected).await;
        here.wait(3 * SECOND).await;
        // Line and server go at once, as when a computer changes its network.
        scene.server.set_reachable(false);
        set_dark(&[&out, &back], true);
        here.until("reconnecting", reconnecting).await;
        here.wait(15 * SECOND).await;
        set_dark(&[&out, &back], false);
        scene.server.set_reachable(true);
        let took = here.until("back", connected).await;
        println!("back {took:?} after the server");
        assert!(took < 5 * SECOND, "{took:?}");
        here.wait(2 * SECOND).await;
        assert_alive(&here).await;
        assert_alive(&there).await;
        assert_eq!(here.view().participants.len(), 1);
    });
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    let rang = |event: &&SessionEvent| matches!(event, SessionEvent::Rang(..));
    assert_eq!(here.events().iter().filter(rang).count(), 1);
}

#[test]
fn a_server_that_will_not_have_us_back_does_not_end_a_call() {
    let scene = Scene::new();
    let (host, mut here, _) = scene.seat(Side::host(path(1), 20 * SECOND));
    let (guest, there, _) = scene.seat(Side::guest(path(2)));
    let (reports, _strangers) = scene.play(vec![host, guest], async {
        here.until("talking", connected).await;
        scene.server.set_reachable(false);
        here.wait(SECOND).await;
        scene.server.set_reachable(true);
        // Others are in the room before the two come back: it is full, for good.
        let room = scene.invite.room();
        let mut strangers: Vec<_> = (0..MAX_MEMBERS)
            .map(|_| scene.server.connect(room))
            .collect();
        for stranger in &mut strangers {
            let entered = stranger.next_event().now_or_never().flatten();
            assert!(matches!(entered, Some(SignalingEvent::Connected { .. })));
        }
        // A session that asked the ended connection again and again would let no time pass.
        here.wait(SECOND).await;
        let away = SessionEvent::ServerAway(RefusalReason::RoomFull.to_string());
        assert!(here.events().contains(&away));
        assert_alive(&here).await;
        assert_alive(&there).await;
        strangers
    });
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    assert_eq!(reports[1].ended, CallEndReason::RemoteHangup);
}

#[test]
fn who_leaves_before_talking_is_not_waited_for_although_the_server_goes_with_them() {
    let scene = Scene::new();
    let (host, here, _) = scene.seat(Side::host(path(1), SECOND).looking_around());
    let (guest, mut there, _) = scene.seat(Side::guest(path(2)));
    let (reports, host) = scene.play(vec![guest], async {
        let cancel = async {
            here.wait(SECOND).await;
            here.order(SessionCommand::End(CallEndReason::Cancelled));
        };
        let (host, ()) = join(host.run(), cancel).await;
        scene.server.set_reachable(false);
        host
    });
    assert_eq!(host.ended, CallEndReason::Cancelled);
    assert_eq!(reports[0].ended, CallEndReason::RemoteDeclined);
    let met = |event: &SessionEvent| matches!(event, SessionEvent::Rang(..));
    assert!(there.events().iter().any(met));
}

#[test]
fn a_friend_who_does_not_join_in_time_is_not_a_line_that_failed() {
    let scene = Scene::new();
    let (host, _here, _) = scene.seat(Side::host(path(1), SECOND).looking_around());
    let (guest, mut there, _) = scene.seat(Side::guest(path(2)));
    let (reports, ()) = scene.play(vec![host, guest], async {});
    let met = |event: &SessionEvent| matches!(event, SessionEvent::Rang(..));
    assert!(there.events().iter().any(met));
    let no_answer = |report: &CallReport| report.ended == CallEndReason::NoAnswer;
    assert!(reports.iter().any(no_answer), "{reports:?}");
    let blamed = |report: &CallReport| report.ended == CallEndReason::ConnectionFailed;
    assert!(!reports.iter().any(blamed), "{reports:?}");
}

/// A knock may be held back, and who knocked may lose power.
#[test]
fn who_was_called_and_finds_nobody_there_does_not_wait_for_ever() {
    let scene = Scene::new();
    let stranger = Identity::new(&mut StdRng::seed_from_u64(9)).public();
    let expecting = |side: Side| Side {
        expects: Some(stranger),
        ..side
    };
    let (host, here, _) = scene.seat(expecting(Side::host(path(1), SECOND)));
    let (reports, ()) = scene.play(vec![host], async {
        here.wait(25 * SECOND).await;
        let ended = || matches!(here.view().stage, Stage::Ended(CallEndReason::NoAnswer));
        assert!(ended(), "{:?}", here.view().stage);
    });
    assert_eq!(reports[0].ended, CallEndReason::NoAnswer);
}

#[test]
fn three_talk_and_two_go_on_when_one_leaves() {
    let scene = Scene::new();
    let (host, here, _) = scene.seat(Side::host(path(1), 25 * SECOND).among(2));
    let (maya, there, _) = scene.seat(Side::guest(path(2)).among(2));
    let (ines, third, _) = scene.seat(Side::guest(path(3)).named("Ines").among(2));
    let (reports, ()) = scene.play(vec![host, maya, ines], async {
        let seats = [&here, &there, &third];
        for seat in seats {
            seat.until("all connected", |view| {
                view.counters
                    .values()
                    .filter(|friend| friend.connected)
                    .count()
                    == 2
            })
            .await;
        }
        here.wait(6 * SECOND).await;
        for seat in seats {
            let view = seat.view();
            for friend in &view.participants {
                let counters = &view.counters[&friend.id];
                let pictures = counters.video_receiver.frames_decoded;
                assert!(pictures > 60, "{pictures} pictures of {}", friend.name);
                let sound = counters.peer.audio_inbound.packets;
                assert!(sound > 200, "{sound} packets of {}'s sound", friend.name);
            }
        }
        third.order(SessionCommand::End(CallEndReason::LocalHangup));
        here.until("one gone", |view| view.participants.len() == 1)
            .await;
        here.wait(SECOND).await;
        assert_alive(&here).await;
        assert_alive(&there).await;
    });
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    assert_eq!(reports[1].ended, CallEndReason::RemoteHangup);
    assert_eq!(reports[2].ended, CallEndReason::LocalHangup);
    assert_eq!(reports[0].participants.len(), 2);
}

#[test]
fn whoever_is_muted_sends_no_sound_and_whose_camera_is_off_no_pictures() {
    let scene = Scene::new();
    let (host, here, _) = scene.seat(Side::host(path(1), 40 * SECOND));
    let (guest, there, _) = scene.seat(Side::guest(path(2)));
    let (reports, ()) = scene.play(vec![host, guest], async {
        here.until("talking", connected).await;
        here.wait(5 * SECOND).await;
        there.media.order_audio(AudioOrder::SetMuted(true));
        there.order(SessionCommand::Announce {
            muted: true,
            camera_on: true,
        });
        let told = here.until("muted", |view| view.participants[0].muted).await;
        assert!(told < SECOND, "{told:?}");
        here.wait(SECOND).await;
        let before = sound_packets(&there);
        here.wait(5 * SECOND).await;
        let sent = sound_packets(&there) - before;
        assert!(sent <= 5, "{sent} packets of muted sound in 5 s");
        there.media.order_audio(AudioOrder::SetMuted(false));
        there.media.open_camera(CameraSpec::None);
        there.order(SessionCommand::Announce {
            muted: false,
            camera_on: false,
        });
        let dark = |view: &SessionView| !view.participants[0].camera_on;
        here.until("camera off", dark).await;
        here.wait(SECOND).await;
        let (pictures, video) = (here.pictures().len(), video_packets(&there));
        let then = here.runtime.now();
        here.wait(5 * SECOND).await;
        assert_eq!(here.pictures().len(), pictures);
        assert!(here.sound_since(then) > 3.0, "heard again");
        let sent = video_packets(&there) - video;
        assert!(sent < 10, "{sent} packets of no pictures");
        there
            .media
            .open_camera("pattern:192x108@15".parse().expect("a spec"));
        there.order(SessionCommand::Announce {
            muted: false,
            camera_on: true,
        });
        here.wait(2 * SECOND).await;
        assert_alive(&here).await;
    });
    let [friend] = &reports[0].participants[..] else {
        panic!("one friend")
    };
    let freezes = number(&friend.video_inbound, "freeze_count");
    assert_eq!(freezes, 0.0, "a camera that is off is no freeze");
}

fn sound_packets(seat: &Seat) -> u64 {
    let view = seat.view();
    let counters = view.counters.values().next().expect("a friend");
    counters.peer.audio_outbound.packets
}

fn video_packets(seat: &Seat) -> u64 {
    let view = seat.view();
    let counters = view.counters.values().next().expect("a friend");
    let video = &counters.peer.video_outbound;
    video.packets - video.retransmitted_packets
}

#[test]
fn a_stranger_in_the_room_is_not_heard_of() {
    let scene = Scene::new();
    let (host, mut here, _) = scene.seat(Side::host(path(1), 10 * SECOND));
    // Who waits for somebody else stays there during the call.
    let mut stranger = Side::host(path(3), SECOND).named("Nobody");
    stranger.door = Some(other_door(7));
    let (stranger, mut elsewhere, _) = scene.seat(stranger);
    let mut lost = Side::guest(path(4)).named("Wanderer");
    lost.door = Some(other_door(8));
    let (lost, _nowhere, _) = scene.seat(lost);
    let guest = async {
        here.wait(5 * SECOND).await;
        assert_eq!(here.view().stage, Stage::Waiting);
        let (guest, there, _) = scene.seat(Side::guest(path(2)));
        (guest.run().await, there)
    };
    let (reports, (guest, _)) = scene.play(vec![host, stranger, lost], guest);
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    assert_eq!(reports[0].role, CallRole::Host);
    assert_eq!(reports[1].ended, CallEndReason::NoAnswer);
    assert_eq!(reports[2].ended, CallEndReason::NotTrusted);
    assert_eq!(guest.ended, CallEndReason::RemoteHangup);
    let maya = Side::guest(path(2)).id();
    assert_eq!(rang(&mut here), [(maya, "Maya".to_owned())]);
    assert!(rang(&mut elsewhere).is_empty());
}

/// Who came, and as whom.
fn rang(seat: &mut Seat) -> Vec<(ParticipantId, String)> {
    let names = seat.events().into_iter().filter_map(|event| match event {
        SessionEvent::Rang(id, person) => Some((id, person.name)),
        _ => None,
    });
    names.collect()
}

/// Another than that of everybody's invite.
fn other_door(number: u8) -> Door {
    Door::Secret(Zeroizing::new([number; 32]))
}

#[test]
fn calls_that_begin_at_the_same_moment_connect_once() {
    for seed in 0..5 {
        let scene = Scene::new();
        let (host, mut here, _) = scene.seat(Side::host(path(seed), 3 * SECOND));
        let (guest, mut there, _) = scene.seat(Side::guest(path(seed + 100)));
        // Whoever enters first, and whoever is ready first.
        let sessions = if seed % 2 == 0 {
            vec![host, guest]
        } else {
            vec![guest, host]
        };
        let (reports, ()) = scene.play(sessions, async {});
        for report in &reports {
            assert!(report.ended.is_success(), "{:?}", report.ended);
        }
        for seat in [&mut here, &mut there] {
            let joined = |event: &SessionEvent| matches!(event, SessionEvent::Joined(_));
            assert_eq!(seat.events().into_iter().filter(joined).count(), 1);
        }
    }
}
