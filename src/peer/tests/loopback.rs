use std::time::Instant;

use bytes::Bytes;

use super::pair::{connected, ends, media_flows, negotiate, packet};
use crate::media::MediaKind;
use crate::peer::{ConnectionState, PeerEvent};

#[tokio::test(flavor = "multi_thread")]
async fn two_links_connect_and_media_goes_both_ways_unchanged() {
    let begun = Instant::now();
    let (mut a, mut b) = connected().await;
    println!("connected after {:?}", begun.elapsed());
    media_flows(&a, &mut b).await;
    media_flows(&b, &mut a).await;
    let stats = a.link.stats().await;
    assert_eq!(stats.local_candidate_type.as_deref(), Some("host"));
    assert_eq!(stats.audio_codec.as_deref(), Some("audio/opus"));
    assert_eq!(stats.video_codec.as_deref(), Some("video/VP8"));
    let types = [(96, "video/VP8"), (97, "video/rtx"), (111, "audio/opus")];
    let types = types.map(|(number, format)| (number, format.to_owned()));
    assert_eq!(stats.payload_types, types.into());
    assert_eq!(stats.audio_outbound.packets, 30);
    assert_eq!(stats.video_inbound.packets, 30);
    assert_eq!(stats.video_inbound.bytes, 30 * 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn control_messages_arrive_whole_and_in_order() {
    let (a, mut b) = connected().await;
    a.until_control_is_open().await;
    b.until_control_is_open().await;
    for number in 0..100_u8 {
        assert!(a.link.send_control(Bytes::from(vec![number; 300])));
    }
    for number in 0..100_u8 {
        let got = b
            .next_event(|event| match event {
                PeerEvent::Control(message) => Some(message),
                _ => None,
            })
            .await;
        assert_eq!(got, Bytes::from(vec![number; 300]));
    }
    assert!(!a.link.send_control(Bytes::from(vec![0; 1 << 20])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_key_frame_reaches_the_sender() {
    let (mut a, mut b) = connected().await;
    a.link.send_rtp(&[packet(&a, MediaKind::Video, 1)]);
    b.next_rtp().await;
    b.link.request_key_frame();
    a.next_event(|event| (event == PeerEvent::KeyFrameRequested).then_some(()))
        .await;
    assert_eq!(b.link.stats().await.video_inbound.pli_count, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_finds_no_room_is_missed_as_a_whole_and_a_key_frame_asked_for() {
    let (mut a, mut b) = connected().await;
    // More packets than the outbox has room for.
    let monster: Vec<_> = (0..2_000)
        .map(|number| packet(&a, MediaKind::Video, number))
        .collect();
    a.link.send_rtp(&monster);
    a.next_event(|event| (event == PeerEvent::PictureDropped).then_some(()))
        .await;
    let next: Vec<_> = (5_000..5_010)
        .map(|number| packet(&a, MediaKind::Video, number))
        .collect();
    a.link.send_rtp(&next);
    for expected in next {
        assert_eq!(b.next_rtp().await.payload, expected.payload);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_carry_the_moment_of_capture_and_a_round_trip() {
    let (mut a, mut b) = connected().await;
    let mut outgoing = packet(&a, MediaKind::Audio, 7);
    let delay = std::time::Duration::from_millis(40);
    outgoing.captured_at = Instant::now().checked_sub(delay).expect("a while ago");
    a.link.send_rtp(&[outgoing.clone()]);
    let report = b
        .next_event(|event| match event {
            PeerEvent::SenderReport(report) => Some(report),
            _ => None,
        })
        .await;
    assert_eq!(report.kind, MediaKind::Audio);
    let ticks = report.rtp_timestamp.ticks_since(outgoing.rtp_timestamp);
    assert!(ticks >= 40 * 48, "the clock stands at the capture: {ticks}");
    let round_trip = a
        .next_event(|event| match event {
            PeerEvent::EncoderControl(control) => control.round_trip_time,
            _ => None,
        })
        .await;
    assert!(round_trip.as_secs_f64() < 1.0, "{round_trip:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn negotiating_again_from_the_other_side_changes_nothing() {
    let (mut a, mut b) = connected().await;
    media_flows(&a, &mut b).await;
    negotiate(&b, &a, false).await;
    media_flows(&a, &mut b).await;
    media_flows(&b, &mut a).await;
    negotiate(&a, &b, false).await;
    media_flows(&a, &mut b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_both_offer_the_polite_side_gives_way() {
    let (mut a, mut b) = ends().await;
    let ignored = a.link.create_offer(false).await.expect("an offer");
    assert!(!ignored.is_empty());
    let offer = b.link.create_offer(false).await.expect("an offer");
    let answer = a.link.handle_offer(&offer).await.expect("an answer");
    b.link.handle_answer(&answer).await.expect("agreement");
    a.until(ConnectionState::Connected).await;
    b.until(ConnectionState::Connected).await;
    media_flows(&a, &mut b).await;
    media_flows(&b, &mut a).await;
    // And once more, in the middle of the call.
    a.link.create_offer(false).await.expect("an offer");
    negotiate(&b, &a, false).await;
    media_flows(&a, &mut b).await;
    media_flows(&b, &mut a).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ice_restart_keeps_the_call() {
    let (mut a, mut b) = connected().await;
    media_flows(&a, &mut b).await;
    for (first, second) in [(true, false), (false, true)] {
        a.recorder.expect_reconnection();
        b.recorder.expect_reconnection();
        if first {
            negotiate(&a, &b, true).await;
        }
        if second {
            negotiate(&b, &a, true).await;
        }
        a.until(ConnectionState::Connected).await;
        b.until(ConnectionState::Connected).await;
        media_flows(&a, &mut b).await;
        media_flows(&b, &mut a).await;
    }
}
