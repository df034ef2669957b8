//! Two windows on two computers, driven as two people would, with a keyboard and a pointer.

use super::desk::{Element, photographs, two_desks};
use super::film::moves;
use super::rig::{alone, figure, in_repository};
use crate::support::TempDir;

/// An element whose name has these words in it.
fn with<'a>(elements: &'a [Element], words: &str) -> Option<&'a Element> {
    elements.iter().find(|element| element.name.contains(words))
}

#[test]
fn two_people_call_each_other_with_keyboard_and_pointer() {
    let _alone = alone();
    let folder = TempDir::within(photographs().parent().expect("it has one"));
    let desks = two_desks(folder.path(), None);
    let [(mut jonas, jonas_film), (mut maya, maya_film)] = desks;
    jonas.open();
    maya.open();
    let speech = in_repository("assets/clips/speech.wav");

    // Jonas starts a call by keyboard, and copies the link with the pointer.
    jonas.find("Join the call");
    jonas.photograph("lobby-first");
    jonas.press(&["ctrl+n"]);
    jonas.find("Invite link");
    jonas.click("Copy link");
    jonas.find("Link copied");
    jonas.photograph("waiting");
    let link = jonas.clipboard();
    assert!(link.starts_with("twocan://"), "{link}");

    // He sends it to Maya by other means; she pastes it, and looks herself over.
    maya.put_into_clipboard(&link);
    maya.find("Join the call");
    maya.press(&["ctrl+j", "ctrl+v", "Return"]);
    maya.find("Join with microphone, on");
    maya.find("Jonas Weber is waiting for you.");
    let talking = maya.sound().play_into_microphone(&speech);
    maya.wait("its owner to be heard", |elements| {
        with(elements, "We hear you").cloned()
    });
    maya.photograph("check-dark");

    // She goes in with the keyboard. It rings at his computer, and he answers with the pointer.
    maya.tab_to_and_press("Join the call");
    let answer = "Answer Maya with video";
    jonas.rings(answer);
    jonas.find("Maya Lindqvist is calling");
    jonas.photograph("incoming");
    jonas.click(answer);
    jonas.miss(answer);
    jonas.find("Maya’s video");
    maya.find("Jonas’s video");
    moves("Jonas", &jonas, &maya_film);
    moves("Maya", &maya, &jonas_film);
    drop(talking);
    let talking = [&jonas, &maya].map(|desk| desk.sound().play_into_microphone(&speech));
    for (desk, friend) in [(&mut jonas, "Maya"), (&mut maya, "Jonas")] {
        desk.find(&format!("Mute microphone, on, {friend} hears you"));
    }
    jonas.photograph("call");
    maya.photograph("call-dark");

    // Maya mutes herself by key: both are told, and her button turns white.
    let (x, y) = maya.beside_the_icon("Mute microphone");
    // Nobody has touched hers for a while: the controls come back with the pointer.
    maya.point_at(490, 300);
    maya.watch("a dark button", |sight| {
        (sight.brightness(x, y) < 100.0).then_some(())
    });
    maya.press(&["ctrl+d"]);
    maya.find("Unmute microphone, muted, Jonas can’t hear you");
    maya.find("You’re muted. Jonas can’t hear you.");
    let (left_of_words, middle) = jonas.left_of("Maya is muted");
    jonas.watch("dark glass under words about Maya", |sight| {
        (sight.brightness(left_of_words, middle) < 90.0).then_some(())
    });
    maya.watch("a white button", |sight| {
        (sight.brightness(x, y) > 200.0).then_some(())
    });
    jonas.photograph("friend-muted");
    maya.photograph("muted-dark");
    maya.press(&["ctrl+d"]);
    maya.find("Mute microphone, on");
    jonas.miss("Maya is muted");

    // The windows keep up while both pictures play.
    println!("the window's thread, while 720p30 plays in both windows");
    for (name, desk) in [("Jonas", &mut jonas), ("Maya", &mut maya)] {
        let (times, cost) = desk.frame_times();
        let usual = times
            .strip_prefix("frame time p50 ")
            .and_then(|rest| rest.split(' ').next()?.parse::<f32>().ok());
        let rate = times
            .strip_suffix(" a second")
            .and_then(|rest| rest.rsplit(' ').next()?.parse::<f32>().ok());
        figure(name, &times);
        let cost = format!("{:.2}, and all of it {:.2}", cost.window, cost.program);
        figure(&format!("{name}, processors"), cost);
        assert!(usual.is_some_and(|ms| ms < 33.0), "{name}: {times}");
        // Two films of 30 pictures a second, meters and clocks: one frame for all of them. Two calls
        // share two processors here and starve now and then, but half of the pictures are shown.
        let rate = rate.unwrap_or_else(|| panic!("{name}: {times}"));
        assert!((15.0..37.0).contains(&rate), "{name}: {times}");
    }
    jonas.press(&["ctrl+i"]);
    let (x, y) = jonas.beside_the_icon("Close statistics");
    jonas.watch("a dark panel", |sight| {
        (sight.brightness(x, y) < 60.0).then_some(())
    });
    jonas.photograph("statistics");
    maya.resize(380, 520, "Hang up");
    let (x, y) = maya.beside_the_icon("Hang up");
    maya.point_at(190, 200);
    maya.watch("the red button to hang up", |sight| {
        let [r, g, b] = sight.color(x, y);
        (r > 180 && g < 90 && b < 90).then_some(())
    });
    maya.photograph("call-narrow-dark");
    drop(talking);

    jonas.click("Hang up");
    for (desk, friend, how) in [
        (&mut jonas, "Maya Lindqvist", "you hung up"),
        (&mut maya, "Jonas Weber", "ended well"),
    ] {
        desk.find("Join the call");
        desk.wait("how the call ended", |elements| {
            let recent = with(elements, how)?;
            recent.name.starts_with(friend).then_some(())
        });
    }
    jonas.photograph("lobby");
    maya.photograph("lobby-dark");
    // Both can be used again.
    jonas.press(&["ctrl+n"]);
    jonas.find("Invite link");
}
