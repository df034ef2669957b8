use super::pair::{connected, ends, media_flows};
use crate::peer::{IceCandidate, PeerError};

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
    let candidate = IceCandidate {
        candidate: "candidate:nonsense".to_owned(),
        sdp_mid: None,
        sdp_m_line_index: None,
    };
    let _ = b.link.add_candidate(candidate).await;
    super::pair::negotiate(&a, &b, false).await;
    a.until(crate::peer::ConnectionState::Connected).await;
    b.until(crate::peer::ConnectionState::Connected).await;
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
