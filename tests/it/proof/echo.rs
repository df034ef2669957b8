//! The near side's speaker is heard by its own microphone: does the far side hear itself?

use super::rig::{Rig, alone, clip, figure, measure, number, options, write_wav};
use crate::support::pulse::PulseServer;

#[test]
fn an_echo_comes_back_25_db_weaker_and_nothing_howls() {
    let _alone = alone();
    let rig = Rig::start();
    let (far, near) = (PulseServer::start(), PulseServer::start());
    // 40 ms from the loudspeaker to the microphone, at half the amplitude.
    near.control(&[
        "load-module",
        "module-loopback",
        "source=speaker.monitor",
        "sink=mic",
        "latency_msec=40",
    ]);
    near.control(&["set-sink-input-volume", &loop_of(&near), "-6dB"]);
    let side = options(&[
        ("microphone", &"default"),
        ("speaker", &"default"),
        ("camera", &"none"),
        ("duration", &"34s"),
    ]);
    let (mut host, invite) = rig.host(&side, &far.environment());
    let mut join = rig.join(&invite, &side, &near.environment());
    host.wait_for("connected");
    join.wait_for("connected");
    // What enters the near microphone, and what the far side hears of it, over the same time.
    let mut loud = near.listen_to("mic.monitor");
    let mut back = far.listen_to_speaker();
    let _playing = far.play_into_microphone(&clip("speech-a.wav"));
    let (loud, back) = std::thread::scope(|scope| {
        let loud = scope.spawn(|| loud.hear(30.0));
        let back = back.hear(30.0);
        (loud.join().expect("the sound server goes on"), back)
    });
    host.finish();
    join.finish();
    let (entered, returned) = (rig.path("loud.wav"), rig.path("back.wav"));
    write_wav(&entered, &loud);
    write_wav(&returned, &back);
    let found = measure(&[&"echo", &entered, &returned]);
    println!("echo of 40 ms and -6 dB");
    for (name, value) in found.as_object().into_iter().flatten() {
        figure(name, value);
    }
    assert!(
        number(&found, "/loud_db") > -45.0,
        "there was no echo: {found}"
    );
    let weaker = number(&found, "/weaker_db");
    assert!(
        weaker >= 25.0,
        "what comes back is only {weaker:.1} dB weaker"
    );
    let end = number(&found, "/back_last_5s_db");
    assert!(end < number(&found, "/back_db") + 6.0, "it grows: {found}");
}

/// The stream that goes from the speaker to the microphone.
fn loop_of(server: &PulseServer) -> String {
    let list = server.control(&["list", "short", "sink-inputs"]);
    let line = list.lines().next().expect("the loop is there");
    line.split('\t').next().expect("a number").to_owned()
}
