//! Two who meet by a code, save each other, and call each other from then on: two windows on two
//! computers, and a real server between them.

use super::desk::two_desks;
use super::film::moves;
use super::rig::{Rig, alone, in_repository};

#[test]
fn two_people_meet_by_a_code_and_call_each_other_as_contacts() {
    let _alone = alone();
    let rig = Rig::start();
    let speech = in_repository("assets/clips/speech.wav");
    let desks = two_desks(rig.folder.path(), Some(rig.server()));
    let [(mut jonas, jonas_film), (mut maya, maya_film)] = desks;
    jonas.open();
    maya.open();

    // Jonas starts a call and says the code to Maya, who types it.
    let code = jonas.begin_call();
    jonas.photograph("contact-code");
    maya.find("Join the call");
    maya.press(&["ctrl+j"]);
    maya.wait("the keyboard in the field for a code", |elements| {
        let focused = elements.iter().find(|element| element.focused)?;
        focused.name.starts_with("Code or link").then_some(())
    });
    maya.write(&code);
    maya.press(&["Return"]);
    maya.find("Jonas Weber is waiting for you.");
    maya.click("Join the call");

    // He does not know her yet, and answers with the keyboard, by voice.
    let answer = "Answer Maya with voice";
    jonas.rings(answer);
    jonas.find("Not in your contacts");
    jonas.photograph("contact-stranger");
    jonas.press(&["ctrl+Return"]);
    jonas.miss(answer);
    jonas.find("Maya’s video");
    let talking = [&jonas, &maya].map(|desk| desk.sound().play_into_microphone(&speech));
    for (desk, friend) in [(&mut jonas, "Maya"), (&mut maya, "Jonas")] {
        desk.find(&format!("Mute microphone, on, {friend} hears you"));
    }
    drop(talking);

    // They read the same four words, save each other, and say that the words are the same.
    let [his, hers] = [&mut jonas, &mut maya].map(|desk| desk.find("Safety words: ").name);
    assert_eq!(his, hers);
    assert_eq!(his.split(", ").count(), 4, "{his}");
    for desk in [&mut jonas, &mut maya] {
        desk.click("Safety words: ");
        desk.click("Save as contact");
        desk.rings("They are the same");
        desk.click("They are the same");
        desk.find("Not the same any more?");
    }
    jonas.photograph("contact-safety");
    maya.photograph("contact-safety-dark");
    for desk in [&mut jonas, &mut maya] {
        desk.press(&["Escape"]);
        desk.miss("Not the same any more?");
    }
    jonas.click("Hang up");
    jonas.remembers("Maya Lindqvist", "you hung up");
    maya.remembers("Jonas Weber", "ended well");

    // Now each is in the list of the other. He calls her; she sees who it is, and answers by key.
    maya.find("Jonas Weber, verified, here now");
    jonas.find("Maya Lindqvist, verified, here now");
    jonas.photograph("contact-here");
    jonas.click("Video call Maya Lindqvist, here now");
    let answer = "Answer Jonas with video";
    maya.rings(answer);
    maya.find("Jonas Weber is calling");
    maya.find("Verified");
    maya.photograph("contact-rings-dark");
    maya.press(&["ctrl+shift+Return"]);
    maya.miss(answer);
    jonas.find("Maya’s video");
    maya.find("Jonas’s video");
    moves("Jonas, who called a contact,", &jonas, &maya_film);
    moves("Maya, whom a contact called,", &maya, &jonas_film);
    jonas.photograph("contact-call");
    maya.press(&["ctrl+shift+h"]);
    maya.remembers("Jonas Weber", "you hung up");
    jonas.remembers("Maya Lindqvist", "ended well");

    // Her window is behind another program's: a small one comes before it. She declines, and both are told.
    let other_program = maya.cover();
    jonas.click("Voice call Maya Lindqvist, here now");
    let decline = "Decline the call of Jonas";
    maya.turn_to("Jonas Weber is calling");
    maya.rings(decline);
    maya.photograph("contact-small-window-dark");
    // What is typed for another program is no answer; the keyboard is on Silence, and goes on to Decline.
    maya.press(&["ctrl+Return", "Tab", "Return"]);
    maya.loses("Jonas Weber is calling");
    drop(other_program);
    maya.turn_to("Twocan");
    maya.miss(decline);
    maya.find("Jonas Weber, You declined");
    jonas.find("Maya Lindqvist can’t talk now");
    jonas.find("Maya Lindqvist, Declined");
    jonas.photograph("contact-declined");

    // He tries again at once, and gives up while it rings.
    jonas.click("Try again");
    jonas.find("Calling Maya…");
    maya.find(decline);
    jonas.photograph("contact-calling");
    jonas.click("Hang up");
    maya.miss(decline);
    maya.find("Jonas Weber, Missed");
    jonas.find("Maya Lindqvist, You left before it began");
    maya.photograph("contact-missed-dark");

    // Her computer is off: he sees it, and calls all the same.
    maya.close();
    jonas.click("Video call Maya Lindqvist, not here");
    jonas.find("Maya Lindqvist isn’t there");
    jonas.find("Maya Lindqvist, Not there");
    jonas.photograph("contact-not-there");
    jonas.press(&["Escape"]);
    jonas.miss("Maya Lindqvist isn’t there");

    // When she is back, she knows him still, and is told.
    maya.open();
    maya.find("Jonas Weber called while you were away.");
    maya.find("Jonas Weber, verified, here now");
    // Both times in one minute: that is one call in her list.
    maya.find("Jonas Weber, Missed");
    maya.photograph("contact-was-called-dark");
    jonas.find("Video call Maya Lindqvist, here now");
}
