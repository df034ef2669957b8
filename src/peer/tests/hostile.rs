use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use webrtc::runtime::Runtime;

use super::pair::{End, config, connected, ends, media_flows, negotiate};
use crate::peer::runtime::{LinkProfile, VirtualWorld};
use crate::peer::{ConnectionState, IceCandidate, PeerError};

fn candidate(text: &str) -> IceCandidate {
    IceCandidate {
        candidate: text.to_owned(),
        sdp_mid: None,
        sdp_m_line_index: Some(0),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_description_is_refused_and_forgotten() {
    let (mut a, mut b) = ends().await;
    for text in ["", "v=0", "hello", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"] {
        let refused = b.link.handle_offer(text).await;
        assert!(
            matches!(refused, Err(PeerError::BadDescription(_))),
            "{text}: {refused:?}"
        );
        let refused = b.link.handle_answer(text).await;
        assert!(matches!(refused, Err(PeerError::BadDescription(_))));
    }
    let _ = b.link.add_candidate(candidate("candidate:nonsense")).await;
    negotiate(&a, &b, false).await;
    a.until(ConnectionState::Connected).await;
    b.until(ConnectionState::Connected).await;
    media_flows(&a, &mut b).await;
    media_flows(&b, &mut a).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_asked_for_is_refused() {
    let (a, b) = connected().await;
    let offer = a.link.create_offer(false).await.expect("an offer");
    let answer = b.link.handle_offer(&offer).await.expect("an answer");
    a.link.handle_answer(&answer).await.expect("agreement");
    let again = a.link.handle_answer(&answer).await;
    assert!(matches!(again, Err(PeerError::BadDescription(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_candidates_are_not_tried() {
    let (a, b) = ends().await;
    negotiate(&a, &b, false).await;
    let mut taken = 0;
    for number in 0..10_000_u32 {
        let port = 1_024 + number % 60_000;
        let text = format!("candidate:{number} 1 udp 2130706431 127.0.0.1 {port} typ host");
        taken += usize::from(b.link.add_candidate(candidate(&text)).await.is_ok());
    }
    assert!(taken <= 64, "{taken}");
}

/// An offer and an answer of our own.
fn descriptions() -> &'static (String, String) {
    static DESCRIPTIONS: OnceLock<(String, String)> = OnceLock::new();
    DESCRIPTIONS.get_or_init(|| {
        alone(|a, b| async move {
            let offer = a.link.create_offer(false).await.expect("an offer");
            let answer = b.link.handle_offer(&offer).await.expect("an answer");
            (offer, answer)
        })
    })
}

/// Two unconnected ends in a world of their own.
fn alone<T, F: Future<Output = T>>(scene: impl FnOnce(End, End) -> F) -> T {
    let world = VirtualWorld::new();
    let host = world.host("alone", LinkProfile::perfect(1)) as Arc<dyn Runtime>;
    world.block_on(async {
        let a = End::new(&host, config()).await;
        let b = End::new(&host, config()).await;
        scene(a, b).await
    })
}

/// One line of a description made something else.
#[derive(Debug, Clone)]
enum Edit {
    Drop,
    Twice,
    Cut(prop::sample::Index),
    Byte(prop::sample::Index, char),
    Number(prop::sample::Index, u64),
    SwapWith(prop::sample::Index),
    Insert(String),
}

fn edit() -> impl Strategy<Value = (prop::sample::Index, Edit)> {
    let change = prop_oneof![
        Just(Edit::Drop),
        Just(Edit::Twice),
        any::<prop::sample::Index>().prop_map(Edit::Cut),
        (any::<prop::sample::Index>(), any::<char>()).prop_map(|(at, with)| Edit::Byte(at, with)),
        (any::<prop::sample::Index>(), any::<u64>()).prop_map(|(at, with)| Edit::Number(at, with)),
        any::<prop::sample::Index>().prop_map(Edit::SwapWith),
        "[a-z]=[a-z0-9:/ -]{0,40}".prop_map(Edit::Insert),
    ];
    (any::<prop::sample::Index>(), change)
}

fn edited(text: &str, edits: &[(prop::sample::Index, Edit)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (place, edit) in edits {
        if lines.is_empty() {
            break;
        }
        let place = place.index(lines.len());
        let line = lines[place].clone();
        let characters: Vec<char> = line.chars().collect();
        match edit {
            Edit::Drop => drop(lines.remove(place)),
            Edit::Twice => lines.insert(place, line),
            Edit::Cut(at) => {
                let kept = at.index(characters.len() + 1);
                lines[place] = characters[..kept].iter().collect();
            }
            Edit::Byte(at, with) if !characters.is_empty() => {
                let at = at.index(characters.len());
                let mut changed = characters;
                changed[at] = *with;
                lines[place] = changed.into_iter().collect();
            }
            Edit::Number(at, with) => {
                let words: Vec<&str> = line.split_inclusive([' ', ':', '=', '/']).collect();
                let at = at.index(words.len().max(1));
                let with = with.to_string();
                let changed = words
                    .iter()
                    .enumerate()
                    .map(|(index, word)| if index == at { with.as_str() } else { word });
                lines[place] = changed.collect();
            }
            Edit::SwapWith(other) => {
                let other = other.index(lines.len());
                lines.swap(place, other);
            }
            Edit::Insert(text) => lines.insert(place, text.clone()),
            Edit::Byte(..) => {}
        }
    }
    lines.join("\r\n") + "\r\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn offers_with_faults_are_answered_or_refused(
        edits in proptest::collection::vec(edit(), 1..6),
        text in ".{0,200}",
        more in proptest::collection::vec("(candidate:)?[ -~]{0,80}", 0..3),
    ) {
        let offer = edited(&descriptions().0, &edits);
        alone(|a, b| async move {
            let _ = b.link.handle_offer(&text).await;
            let _ = b.link.handle_offer(&offer).await;
            for text in more {
                let _ = b.link.add_candidate(candidate(&text)).await;
            }
            // Long enough for what was taken to have its effect.
            a.runtime.sleep(std::time::Duration::from_millis(500)).await;
            let _ = b.link.stats().await;
            b.link.close().await;
            a.link.close().await;
        });
    }

    #[test]
    fn answers_with_faults_are_taken_or_refused(
        edits in proptest::collection::vec(edit(), 1..6),
        text in ".{0,200}",
    ) {
        let answer = edited(&descriptions().1, &edits);
        alone(|a, b| async move {
            let _ = a.link.create_offer(false).await;
            let _ = a.link.handle_answer(&text).await;
            let _ = a.link.handle_answer(&answer).await;
            a.runtime.sleep(std::time::Duration::from_millis(500)).await;
            let _ = a.link.stats().await;
            a.link.close().await;
            b.link.close().await;
        });
    }
}
