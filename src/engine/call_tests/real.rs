//! The same on real sockets and in real time, through impairments in the process. What a busy
//! machine can spoil is printed; what it cannot is asserted.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;

use super::narrow::Pan;
use super::scene::{Seat, Side, invite, number, take_seat};
use crate::call::CallEndReason;
use crate::engine::Workshop;
use crate::engine::report::CallReport;
use crate::media::Bitrate;
use crate::peer::runtime::{HostRuntime, Jitter, LinkConditions, LinkProfile};
use crate::signaling::MemoryServer;

/// A call of `talk`; reports and seats of host and guest, and the paths that they sent over.
fn real_call(sides: [Side; 2]) -> ([CallReport; 2], [Seat; 2], [Arc<HostRuntime>; 2]) {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    tokio.block_on(async {
        let (server, invite) = (MemoryServer::new(), invite());
        let seat = |side: Side| {
            let host = Arc::new(HostRuntime::impaired(side.egress.clone()));
            let (session, seat) =
                take_seat(host.clone(), Workshop::Threads, &server, &invite, side);
            (session, seat, host)
        };
        let [host, guest] = sides;
        let ((host, here, out), (guest, there, back)) = (seat(host), seat(guest));
        let (host, guest) = join(host.run(), guest.run()).await;
        ([host, guest], [here, there], [out, back])
    })
}

#[test]
fn a_minute_over_real_sockets_that_lose_a_tenth() {
    let path = |seed| {
        LinkProfile::new(
            seed,
            LinkConditions {
                delay: Duration::from_millis(40),
                jitter: Jitter::Uniform {
                    spread: Duration::from_millis(30),
                },
                loss: 0.1,
                ..LinkConditions::default()
            },
        )
    };
    let talk = Duration::from_secs(62);
    let (reports, seats, _) = real_call([Side::host(path(1), talk), Side::guest(path(2))]);
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    assert_eq!(reports[1].ended, CallEndReason::RemoteHangup);
    for (report, seat) in reports.iter().zip(&seats) {
        let [friend] = &report.participants[..] else {
            panic!("one friend")
        };
        let pictures = seat.pictures();
        let end = *pictures.last().expect("pictures");
        let (speech, worst) = seat.intelligibility(Duration::from_secs(3), talk);
        println!(
            "speech {speech:.3} (worst {worst:.3}), {} pictures, longest gap {:?}, {} sent again, {} lost here",
            pictures.len(),
            seat.longest_gap(end),
            number(&friend.video_outbound, "retransmitted_packets_sent"),
            number(&friend.video_inbound, "packets_lost"),
        );
        assert!(pictures.len() > 600, "{} pictures in 62 s", pictures.len());
        let packets = number(&friend.audio_inbound, "packets_received");
        assert!(packets > 2_000.0, "{packets} packets of sound in 62 s");
        assert!(number(&friend.video_inbound, "packets_lost") > 0.0);
    }
}

#[test]
fn ten_seconds_over_real_sockets_cut_to_500_kbps() {
    let narrow = Bitrate::from_kbps(500);
    let wide = LinkConditions {
        delay: Duration::from_millis(25),
        rate: Some(Bitrate::from_kbps(3_000)),
        ..LinkConditions::default()
    };
    let path = LinkProfile::new(1, wide.clone())
        .then(Duration::from_secs(8), |link| link.rate = Some(narrow));
    let talk = Duration::from_secs(17);
    let mut host = Side::host(path, talk);
    host.film = Some(Box::new(Pan::new(
        1_280,
        720,
        30,
        std::time::Instant::now(),
    )));
    let guest = Side::guest(LinkProfile::new(2, wide)).filming("none");
    let (reports, [_, there], [out, _]) = real_call([host, guest]);
    assert_eq!(reports[0].ended, CallEndReason::DurationReached);
    let [friend] = &reports[0].participants[..] else {
        panic!("one friend")
    };
    let queue = |share| out.link().map(|link| link.stats().queue_delay(share));
    println!(
        "target {} kb/s, sound waits {:.1} ms (p95), path's queue p50 {:?} p95 {:?}, {} pictures, longest gap {:?}",
        friend.target_bitrate / 1_000,
        friend.audio_queue_p95_ms,
        queue(0.5),
        queue(0.95),
        there.pictures().len(),
        there.longest_gap(there.pictures()[0]),
    );
    assert!(
        friend.target_bitrate <= narrow.bps(),
        "{}",
        friend.target_bitrate
    );
    assert!(there.pictures().len() > 30);
}
