use super::*;

const KIND: DeviceKind = DeviceKind::Camera;
const RETRY: Duration = Duration::from_secs(2);

fn busy() -> DeviceError {
    DeviceError::Busy { kind: "camera" }
}

fn unplugged() -> DeviceError {
    DeviceError::Unplugged { kind: "camera" }
}

fn device(id: &str) -> Device {
    Device {
        id: id.to_owned(),
        label: id.to_uppercase(),
        default: false,
    }
}

fn open(id: &str) -> Option<String> {
    Some(id.to_owned())
}

fn sentence(news: Option<DeviceNews>) -> String {
    news.expect("some news").sentence()
}

/// What another one taking its place looks like to a person.
fn now_using(label: &str) -> String {
    format!("Your camera was unplugged. Now using {label}.")
}

const NONE_LEFT: &str = "Your camera was unplugged. The call goes on with sound only.";

fn working(now: Instant) -> Slot<&'static str> {
    let mut slot = Slot::default();
    assert_eq!(slot.reconcile(Some("a")), Some(Some("a")));
    assert!(slot.is_opening());
    assert_eq!(slot.handle_opened(KIND, Ok(()), now), (None, None));
    assert!(slot.works());
    slot
}

/// With the device b in place of a.
fn replaced(now: Instant) -> Slot<&'static str> {
    let mut slot = working(now);
    let lost = slot.handle_lost(KIND, unplugged(), vec![device("b")], now);
    assert_eq!(lost, (None, open("b")));
    let a = device("a");
    assert_eq!(slot.handle_list(Some(&a), now + SETTLING), None, "b opens");
    let (news, next) = slot.handle_opened(KIND, Ok(()), now);
    assert_eq!((sentence(news), next), (now_using("B"), None));
    assert_eq!(slot.stand_in(), Some(&device("b")));
    slot
}

#[test]
fn what_is_busy_is_told_once_and_tried_until_it_is_free() {
    let mut now = Instant::now();
    let mut slot = Slot::default();
    slot.reconcile(Some("a"));
    let (told, _) = slot.handle_opened(KIND, Err(busy()), now);
    assert!(
        matches!(told, Some(DeviceNews::Unusable { .. })),
        "{told:?}"
    );
    for _ in 0..3 {
        assert_eq!(slot.again(RETRY, now), None, "not so soon");
        now += RETRY;
        assert_eq!(slot.again(RETRY, now), Some("a"));
        assert_eq!(slot.again(Duration::ZERO, now), None, "one at a time");
        assert_eq!(slot.handle_opened(KIND, Err(busy()), now), (None, None));
        assert_eq!(slot.fault(), Some(&busy()));
    }
    assert_eq!(slot.again(Duration::ZERO, now), Some("a"));
    let (told, _) = slot.handle_opened(KIND, Ok(()), now);
    assert_eq!(sentence(told), "Your camera works again.");
    assert!(slot.works());
    assert_eq!(slot.again(Duration::ZERO, now), None);
}

#[test]
fn what_vanishes_comes_back() {
    let now = Instant::now();
    let mut slot = working(now);
    let (lost, next) = slot.handle_lost(KIND, unplugged(), Vec::new(), now);
    assert_eq!((sentence(lost), next), (NONE_LEFT.to_owned(), None));
    let again = slot.handle_lost(KIND, unplugged(), Vec::new(), now);
    assert_eq!(again, (None, None));
    assert_eq!(slot.again(Duration::ZERO, now), Some("a"));
    let (back, _) = slot.handle_opened(KIND, Ok(()), now);
    assert_eq!(sentence(back), "Your camera works again.");
}

#[test]
fn another_one_is_named_when_it_is_open_and_not_before() {
    let now = Instant::now();
    let others = ["b", "c"].map(device).to_vec();
    let mut slot = working(now);
    let lost = slot.handle_lost(KIND, unplugged(), others.clone(), now);
    assert_eq!(lost, (None, open("b")));
    let gone = slot.handle_opened(KIND, Err(unplugged()), now);
    assert_eq!(gone, (None, open("c")), "the list was old");
    let (news, next) = slot.handle_opened(KIND, Ok(()), now);
    assert_eq!((sentence(news), next), (now_using("C"), None));
    assert_eq!(slot.stand_in(), Some(&device("c")));

    let mut slot = working(now);
    slot.handle_lost(KIND, unplugged(), others, now);
    slot.handle_opened(KIND, Err(busy()), now);
    let (news, next) = slot.handle_opened(KIND, Err(busy()), now);
    assert_eq!((sentence(news), next), (NONE_LEFT.to_owned(), None));
    assert_eq!(slot.fault(), Some(&unplugged()));
}

#[test]
fn all_that_was_told_is_settled_when_it_is_back() {
    let now = Instant::now();
    let mut slot = replaced(now);
    let (news, next) = slot.handle_lost(KIND, unplugged(), Vec::new(), now);
    assert_eq!((sentence(news), next), (NONE_LEFT.to_owned(), None));
    assert_eq!(slot.again(RETRY, now + RETRY), Some("a"));
    let failed = slot.handle_opened(KIND, Err(busy()), now + RETRY);
    assert_eq!(failed, (None, None), "that it does not work is known");
    assert_eq!(slot.again(Duration::ZERO, now + RETRY), Some("a"));
    let (news, _) = slot.handle_opened(KIND, Ok(()), now);
    let Some(DeviceNews::Back { settled, .. }) = news else {
        panic!("{news:?}");
    };
    let settled: Vec<String> = settled.iter().map(DeviceNews::sentence).collect();
    assert_eq!(settled, [now_using("B"), NONE_LEFT.to_owned()]);

    // A third one in place of the second.
    let mut slot = replaced(now);
    let lost = slot.handle_lost(KIND, unplugged(), vec![device("c")], now);
    assert_eq!(lost, (None, open("c")));
    slot.handle_opened(KIND, Ok(()), now);
    assert_eq!(slot.handle_list(None, now), None);
    assert_eq!(slot.handle_list(Some(&device("a")), now), Some("a"));
    let (news, _) = slot.handle_opened(KIND, Ok(()), now);
    let Some(DeviceNews::Back { settled, .. }) = news else {
        panic!("{news:?}");
    };
    let settled: Vec<String> = settled.iter().map(DeviceNews::sentence).collect();
    assert_eq!(settled, [now_using("B"), now_using("C")]);
}

#[test]
fn what_was_asked_for_takes_its_place_again() {
    let now = Instant::now();
    let a = device("a");
    let mut slot = replaced(now);
    assert_eq!(slot.handle_list(Some(&a), now), None, "the list may be old");
    assert_eq!(slot.handle_list(None, now), None);
    assert_eq!(slot.handle_list(Some(&a), now), Some("a"));
    assert!(slot.is_opening());
    assert_eq!(slot.handle_list(Some(&a), now), None, "one at a time");
    let (news, next) = slot.handle_opened(KIND, Ok(()), now);
    assert_eq!(next, None);
    assert_eq!(sentence(news), "Your camera is back. Now using A.");
    assert!(slot.works() && slot.stand_in().is_none());
    assert_eq!(slot.handle_list(Some(&a), now), None, "it is there");

    let mut slot = replaced(now);
    let later = now + SETTLING;
    assert_eq!(
        slot.handle_list(Some(&a), later),
        Some("a"),
        "never seen away"
    );
}

#[test]
fn what_is_back_and_cannot_be_used_is_left_alone_until_it_was_away() {
    let now = Instant::now();
    let a = device("a");
    let mut slot = replaced(now);
    slot.handle_list(None, now);
    assert_eq!(slot.handle_list(Some(&a), now), Some("a"));
    let failed = slot.handle_opened(KIND, Err(busy()), now);
    assert_eq!(failed, (None, open("b")));
    assert_eq!(slot.handle_opened(KIND, Ok(()), now), (None, None));
    assert_eq!(slot.stand_in(), Some(&device("b")), "which is known");
    for later in [now, now + SETTLING, now + SETTLING * 100] {
        assert_eq!(slot.handle_list(Some(&a), later), None);
    }
    assert_eq!(slot.handle_list(None, now), None);
    assert_eq!(slot.handle_list(Some(&a), now), Some("a"));
}

#[test]
fn what_gave_way_in_vain_and_is_gone_then_is_told() {
    let now = Instant::now();
    let mut slot = replaced(now);
    slot.handle_list(Some(&device("a")), now + SETTLING);
    slot.handle_opened(KIND, Err(busy()), now);
    let (news, next) = slot.handle_opened(KIND, Err(busy()), now);
    assert_eq!((sentence(news), next), (NONE_LEFT.to_owned(), None));
    assert_eq!(slot.again(RETRY, now + RETRY), Some("a"));
}

#[test]
fn what_was_picked_meanwhile_stays() {
    let now = Instant::now();
    let mut slot = replaced(now);
    assert_eq!(slot.reconcile(Some("b")), Some(Some("b")));
    assert_eq!(slot.handle_opened(KIND, Ok(()), now), (None, None));
    assert_eq!(slot.stand_in(), None);
    assert_eq!(slot.handle_list(None, now), None);
    let later = now + SETTLING;
    assert_eq!(slot.handle_list(Some(&device("a")), later), None);
}

#[test]
fn what_is_turned_off_stays_off() {
    let now = Instant::now();
    let mut slot = working(now);
    slot.handle_lost(KIND, unplugged(), Vec::new(), now);
    assert_eq!(slot.again(Duration::ZERO, now), Some("a"));
    assert_eq!(slot.reconcile(None), Some(None));
    assert_eq!(slot.handle_opened(KIND, Ok(()), now), (None, None));
    assert!(!slot.works() && !slot.is_opening() && slot.fault().is_none());
    assert_eq!(slot.again(Duration::ZERO, now + RETRY), None);
}

#[test]
fn what_fails_is_not_tried_over_and_over() {
    let now = Instant::now();
    let failed = || DeviceError::Failed {
        kind: "camera",
        reason: "it sends no pictures".into(),
    };
    let mut slot = working(now);
    slot.handle_lost(KIND, failed(), Vec::new(), now);
    assert_eq!(slot.again(RETRY, now + RETRY), None);
    assert_eq!(slot.again(Duration::ZERO, now), Some("a"), "plugged anew");
}
