//! Calls to a contact that meet with something else: a call the other way, a call that they have already, and
//! nobody at the desk. Two windows on two computers, and a real server between them.

use std::path::Path;
use std::time::{Duration, Instant};

use super::desk::{Desk, two_desks};
use super::film::{Film, moves};
use super::rig::{Rig, alone, options};
use crate::support::place::Wire;

/// How long it rings.
const RING: Duration = Duration::from_secs(60);

/// Jonas and Maya, who have saved each other, and see that the other is there; and what their cameras see.
fn two_friends(folder: &Path, server: &str) -> [(Desk, Film); 2] {
    let mut desks = two_desks(folder, Some(server));
    let [(jonas, _), (maya, _)] = &mut desks;
    let [his, hers] = [&*jonas, &*maya].map(|desk| desk.run(&["identity", "show"]));
    jonas.run(&["contacts", "add", "Maya Lindqvist", hers.trim()]);
    maya.run(&["contacts", "add", "Jonas Weber", his.trim()]);
    jonas.open();
    maya.open();
    jonas.find("Maya Lindqvist, here now");
    maya.find("Jonas Weber, here now");
    desks
}

/// Waits until nobody calls, and the recent calls are these and no others: with whom, and how each was.
#[track_caller]
fn remembers_only(desk: &mut Desk, calls: &[(&str, &str)]) {
    desk.wait(&format!("only {calls:?}, and no call"), |elements| {
        let names = || elements.iter().map(|element| element.name.as_str());
        let quiet = !names().any(|name| name.starts_with("Answer "));
        let ways = [", you called", ", you were called", ". See why"];
        let listed = names().filter(|name| ways.iter().any(|way| name.ends_with(*way)));
        let listed: Vec<&str> = listed.collect();
        let all_there = calls.iter().all(|(friend, how)| {
            // After how long they talked, or by itself, with a capital.
            let ended = format!("{how},");
            let is_so = |name: &str| name.to_lowercase().contains(&ended);
            let is_this = |name: &&str| name.starts_with(*friend) && is_so(name);
            listed.iter().any(is_this)
        });
        (quiet && all_there && listed.len() == calls.len()).then_some(())
    });
}

#[test]
fn two_who_call_each_other_at_once_have_one_call() {
    let _alone = alone();
    let rig = Rig::start();
    let wire = Wire::to(rig.server());
    let desks = two_friends(rig.folder.path(), &wire.url());
    let [(mut jonas, jonas_film), (mut maya, maya_film)] = desks;

    // Both have pressed before either can have heard of the other's call.
    wire.hold();
    jonas.click("Video call Maya Lindqvist, here now");
    maya.click("Video call Jonas Weber, here now");
    jonas.find("Calling Maya…");
    maya.find("Calling Jonas…");
    jonas.photograph("contact-both-call");
    maya.photograph("contact-both-call-dark");
    wire.let_go();

    jonas.find("Maya’s video");
    maya.find("Jonas’s video");
    moves("Jonas, who called and was called,", &jonas, &maya_film);
    moves("Maya, who called and was called,", &maya, &jonas_film);
    for desk in [&mut jonas, &mut maya] {
        desk.miss("Answer ");
    }
    jonas.photograph("contact-one-call");
    maya.photograph("contact-one-call-dark");

    // It was one call, also for the lists.
    jonas.press(&["ctrl+shift+h"]);
    remembers_only(&mut jonas, &[("Maya Lindqvist", "you hung up")]);
    remembers_only(&mut maya, &[("Jonas Weber", "ended well")]);
    jonas.find("Video call Maya Lindqvist, here now");
    maya.find("Video call Jonas Weber, here now");
    jonas.photograph("contact-one-call-over");
}

#[test]
fn a_contact_in_another_call_is_busy_and_sees_afterwards_who_called() {
    let _alone = alone();
    let rig = Rig::start();
    let [(mut jonas, _), (mut maya, _)] = two_friends(rig.folder.path(), rig.server());

    // Maya talks with Priya, who has no window.
    let code = maya.begin_call();
    let priya = options(&[
        ("name", &"Priya Raman"),
        ("microphone", &"tone:440"),
        ("speaker", &"null"),
        ("camera", &"pattern:320x180@15"),
        ("display", &"null"),
    ]);
    let mut priya = rig.join(&code, &priya, &Default::default());
    let answer = "Answer Priya with voice";
    maya.rings(answer);
    maya.press(&["ctrl+Return"]);
    maya.miss(answer);
    priya.wait_for("connected");
    maya.find("Priya’s video");

    // Jonas sees that she is in a call, calls all the same, and is told.
    jonas.click("Voice call Maya Lindqvist, in a call");
    jonas.find("Maya Lindqvist is in another call");
    jonas.find("Only one call at a time. Try again in a while.");
    remembers_only(&mut jonas, &[("Maya Lindqvist", "busy")]);
    jonas.photograph("contact-busy");
    jonas.click("Try again");
    remembers_only(&mut jonas, &[("Maya Lindqvist", "busy"); 2]);
    jonas.find("Maya Lindqvist is in another call");

    // Nothing of it comes between her and Priya.
    maya.miss("Answer ");
    maya.find("Priya’s video");
    maya.photograph("contact-is-busy-dark");

    // When she has hung up she sees who called. Both times in one minute: that is one call in her list.
    maya.press(&["ctrl+shift+h"]);
    priya.finish();
    let both = [("Priya Raman", "you hung up"), ("Jonas Weber", "missed")];
    remembers_only(&mut maya, &both);
    maya.photograph("contact-was-busy-dark");
    jonas.press(&["Escape"]);
    jonas.miss("Maya Lindqvist is in another call");
    jonas.find("Video call Maya Lindqvist, here now");
}

#[test]
fn a_contact_who_does_not_come_to_the_desk_has_missed_a_call() {
    let _alone = alone();
    let rig = Rig::start();
    let [(mut jonas, _), (mut maya, _)] = two_friends(rig.folder.path(), rig.server());

    let began = Instant::now();
    jonas.click("Video call Maya Lindqvist, here now");
    jonas.find("Calling Maya…");
    maya.find("Answer Jonas with video");
    // It is to ring for a minute, and a while longer on a slow computer.
    jonas.wait_within(2 * RING, "no answer", |elements| {
        let mut names = elements.iter().map(|element| &element.name);
        let told = names.any(|name| name.starts_with("No answer from Maya Lindqvist"));
        told.then_some(())
    });
    let rang = began.elapsed();
    assert!(rang >= RING, "it rang for {rang:?} only");
    jonas.find("It rang, and nobody answered.");
    remembers_only(&mut jonas, &[("Maya Lindqvist", "no answer")]);
    jonas.photograph("contact-no-answer");
    remembers_only(&mut maya, &[("Jonas Weber", "missed")]);
    maya.photograph("contact-no-answer-dark");
    jonas.press(&["Escape"]);
    jonas.miss("No answer from Maya Lindqvist");
    jonas.find("Video call Maya Lindqvist, here now");
}
