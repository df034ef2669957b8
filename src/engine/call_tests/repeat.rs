//! The same seed, the same call: packet for packet, sample for sample.

use std::time::Duration;

use super::lossy::around_40_ms;
use super::narrow::Pan;
use super::scene::{Scene, Side, lock};
use crate::media::Bitrate;
use crate::peer::runtime::seeded_random::on_a_thread;
use crate::peer::runtime::{LinkConditions, LinkProfile, LinkRecord};

const TALK: Duration = Duration::from_secs(20);

/// What one side sent, heard and saw, everything with its time.
#[derive(PartialEq)]
struct Story {
    sent: Vec<LinkRecord>,
    heard: Vec<f32>,
    seen: Vec<Duration>,
}

fn call(seed: u64, conditions: LinkConditions) -> [Story; 2] {
    on_a_thread(seed, move || {
        let scene = Scene::new();
        let began = scene.world.now();
        let path = |seed| LinkProfile::new(seed, conditions.clone());
        let film = |side: Side| Side {
            film: Some(Box::new(Pan::new(640, 360, 15, began))),
            ..side
        };
        let (host, here, out) = scene.seat(film(Side::host(path(seed), TALK)));
        let (guest, there, back) = scene.seat(film(Side::guest(path(seed + 1_000))));
        for way in [&out, &back] {
            way.link().keep_log(true);
        }
        scene.play(vec![host, guest], async {});
        [(here, out), (there, back)].map(|(seat, way)| Story {
            sent: way.link().stats().log().to_vec(),
            heard: lock(&seat.heard).clone(),
            seen: seat.pictures().iter().map(|at| *at - began).collect(),
        })
    })
}

/// Says where two stories part.
fn assert_same(first: &[Story; 2], again: &[Story; 2]) {
    for (first, again) in first.iter().zip(again) {
        let parting = first.sent.iter().zip(&again.sent).find(|(a, b)| a != b);
        assert_eq!(parting, None, "packets");
        assert_eq!(first.sent.len(), again.sent.len());
        let parting = first.seen.iter().zip(&again.seen).find(|(a, b)| a != b);
        assert_eq!(parting, None, "pictures");
        assert_eq!(first.seen.len(), again.seen.len());
        assert!(first.heard == again.heard, "what was heard differs");
    }
}

fn assert_repeats(conditions: &LinkConditions) {
    let first = call(7, conditions.clone());
    assert!(first.iter().all(|side| side.sent.len() > 1_000));
    assert!(first.iter().all(|side| side.seen.len() > 100));
    assert_same(&first, &call(7, conditions.clone()));
    assert!(first != call(8, conditions.clone()), "two seeds, one call");
}

#[test]
fn a_call_with_a_tenth_lost_repeats_by_its_seed() {
    assert_repeats(&around_40_ms());
}

#[test]
fn a_call_through_a_narrow_line_repeats_by_its_seed() {
    assert_repeats(&LinkConditions {
        rate: Some(Bitrate::from_kbps(400)),
        loss: 0.02,
        ..around_40_ms()
    });
}
