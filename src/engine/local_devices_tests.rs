use super::*;
use crate::engine::Workshop;

const UNPLUGGED: DeviceError = DeviceError::Unplugged { kind: "microphone" };

fn media() -> (Media, tokio::sync::mpsc::Receiver<Opened>) {
    Media::new(
        Workshop::Threads,
        Processing::OFF,
        OpusMode::Voice,
        std::sync::Arc::default(),
        None,
        &[],
    )
    .expect("media")
}

#[test]
fn a_loss_is_told_once_and_only_of_what_is_open() {
    let (media, mut opened) = media();
    let fixed = FixedDevices {
        microphone: Some(MicrophoneSpec::Tone(440)),
        speaker: Some(SpeakerSpec::Null),
        camera: Some(CameraSpec::None),
    };
    let mut devices = LocalDevices::new(fixed, false);
    let (settings, connected, now) = (Settings::default(), Devices::default(), Instant::now());
    devices.reconcile(&media, &settings, true);
    for attempt in 1..=3 {
        while !devices.microphone.works() {
            let opened = opened.blocking_recv().expect("the media live");
            devices.handle_opened(&media, opened, now);
        }
        let news = devices.notice_lost(&media, &connected, now);
        assert_eq!(news, [], "attempt {attempt}");
        media.audio().source_lost().leave(UNPLUGGED);
        let news = devices.notice_lost(&media, &connected, now);
        assert_eq!(news.len(), 1, "{news:?}");
        // What is said of it while it is opened again is not said of the one that comes.
        media.audio().source_lost().leave(UNPLUGGED);
        assert_eq!(devices.notice_lost(&media, &connected, now), []);
        devices.try_again(&media, &connected, true, now);
    }
}

#[test]
fn only_what_was_unplugged_is_replaced() {
    let device = |id: &str, default| Device {
        id: id.to_owned(),
        label: id.to_uppercase(),
        default,
    };
    let ids = |error, away, listed: &[Device]| -> Vec<String> {
        let others = replacements(error, away, listed).into_iter();
        others.map(|device| device.id).collect()
    };
    let other = [device("other", true)];
    assert_eq!(ids(&UNPLUGGED, [None, None], &other), ["other"]);
    assert_eq!(ids(&UNPLUGGED, [None, None], &[]), [""; 0]);
    // A list from before the loss.
    let three = [
        device("lost", false),
        device("spare", false),
        device("other", true),
    ];
    let lost = [Some("lost"), None];
    assert_eq!(ids(&UNPLUGGED, lost, &three), ["other", "spare"]);
    assert_eq!(ids(&UNPLUGGED, lost, &three[..1]), [""; 0]);
    // One that stood in for the first.
    let both = [Some("lost"), Some("other")];
    assert_eq!(ids(&UNPLUGGED, both, &three), ["spare"]);
    let failed = DeviceError::Failed {
        kind: "speaker",
        reason: "no space left on device".into(),
    };
    assert_eq!(ids(&failed, [None, None], &other), [""; 0]);
}
