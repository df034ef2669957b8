//! What is said again when nobody knows what arrived.

use super::pair::{End, config, connected, ends_on, host, negotiate};
use crate::peer::{ConnectionState, PeerEvent};

/// The candidates in a description, by their addresses and ports.
fn candidates(sdp: &str) -> Vec<String> {
    let lines = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"));
    lines.map(place).collect()
}

fn place(candidate: &str) -> String {
    let words: Vec<_> = candidate.split(' ').collect();
    words[4..6].join(":")
}

/// Those that are reported, until there are no more.
async fn found(end: &mut End) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let next = end.next_event(|event| match event {
            PeerEvent::Candidate(candidate) => Some(candidate.candidate),
            _ => None,
        });
        match next.await {
            last if last.is_empty() => return found,
            candidate => found.push(place(&candidate)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_that_are_made_again_have_the_candidates_that_were_lost() {
    let host = host();
    // Nobody passes candidates on.
    let (mut a, mut b) = (
        End::new(&host, config()).await,
        End::new(&host, config()).await,
    );
    let lost = a.link.create_offer(false).await.expect("an offer");
    assert_eq!(candidates(&lost), [""; 0]);
    let of_a = found(&mut a).await;
    assert!(!of_a.is_empty());
    let offer = a.link.create_offer(false).await.expect("an offer");
    assert!(of_a.iter().all(|it| candidates(&offer).contains(it)));
    // This answer is lost.
    b.link.handle_offer(&offer).await.expect("an answer");
    let of_b = found(&mut b).await;
    assert!(!of_b.is_empty());
    let offer = a.link.create_offer(false).await.expect("an offer");
    let answer = b.link.handle_offer(&offer).await.expect("an answer");
    assert!(of_b.iter().all(|it| candidates(&answer).contains(it)));
    a.link.handle_answer(&answer).await.expect("agreement");
    a.until(ConnectionState::Connected).await;
    b.until(ConnectionState::Connected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_tells_of_no_candidate_of_the_sockets_that_it_closes() {
    let (mut a, mut b) = connected().await;
    let mut gone = found(&mut a).await;
    gone.extend(found(&mut b).await);
    let restart = a.link.create_offer(true).await.expect("an offer");
    let answer = b.link.handle_offer(&restart).await.expect("an answer");
    let mut told = candidates(&restart);
    told.extend(candidates(&answer));
    a.link.handle_answer(&answer).await.expect("agreement");
    told.extend(found(&mut a).await);
    told.extend(found(&mut b).await);
    assert!(told.len() >= 2, "{told:?}");
    let dead = told.iter().find(|it| gone.contains(it));
    assert_eq!(dead, None, "of {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_right_after_the_first_offer_connects() {
    let host = host();
    let (a, b) = ends_on(&host, &host).await;
    a.link.create_offer(false).await.expect("an offer");
    negotiate(&a, &b, true).await;
    a.until(ConnectionState::Connected).await;
    b.until(ConnectionState::Connected).await;
}
