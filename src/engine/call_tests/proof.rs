//! The same on real sockets and in real time, through impairments in the process: one at a time, for
//! two at once would only measure each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join3;

use super::lossy::{Service, around_40_ms, assert_served};
use super::narrow::Pan;
use super::scene::{Seat, Side, invite, take_seat};
use crate::call::{CallEndReason, ParticipantId};
use crate::engine::Workshop;
use crate::engine::report::CallReport;
use crate::media::Bitrate;
use crate::peer::runtime::{HostRuntime, LinkConditions, LinkProfile, LinkStats};
use crate::signaling::MemoryServer;

const LOOK: Duration = Duration::from_millis(50);

/// The line at a moment.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Duration,
    target: Bitrate,
    /// Sound, write to wire, in the last seconds.
    wait_p95: Duration,
    link_queue: Duration,
}

/// A call as it was seen from both sides.
struct Played {
    reports: [CallReport; 2],
    seats: [Seat; 2],
    /// Of what each side sent.
    ways: [LinkStats; 2],
    /// At the host, from the beginning of the paths on.
    moments: Vec<Moment>,
}

/// What the host sends, until `end`.
async fn watch(
    seat: &Seat,
    path: &HostRuntime,
    friend: ParticipantId,
    end: Duration,
) -> Vec<Moment> {
    let (began, mut moments) = (Instant::now(), Vec::new());
    while began.elapsed() < end {
        seat.wait(LOOK).await;
        if let Some(counters) = seat.view().counters.get(&friend) {
            let link = path.link().expect("an impaired path");
            moments.push(Moment {
                at: began.elapsed(),
                target: counters.peer.target_bitrate,
                wait_p95: counters.peer.audio_queue_p95,
                link_queue: link.queue_delay(Instant::now()),
            });
        }
    }
    moments
}

fn real_call([host, guest]: [Side; 2]) -> Played {
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
        let (friend, end) = (guest.id(), host.talk.expect("a host who hangs up"));
        let ((host, here, out), (guest, there, back)) = (seat(host), seat(guest));
        let script = watch(&here, &out, friend, end);
        let (host, guest, moments) = join3(host.run(), guest.run(), script).await;
        let stats = |path: &HostRuntime| path.link().expect("an impaired path").stats().clone();
        Played {
            reports: [host, guest],
            ways: [stats(&out), stats(&back)],
            seats: [here, there],
            moments,
        }
    })
}

#[test]
fn a_minute_over_real_sockets_that_lose_a_tenth() {
    let path = |seed| LinkProfile::new(seed, around_40_ms());
    let talk = Duration::from_secs(62);
    let call = real_call([Side::host(path(1), talk), Side::guest(path(2))]);
    let ([host, guest], [here, there], [out, back]) = (&call.reports, &call.seats, &call.ways);
    let services = [
        Service::of(here, host, back, guest, talk),
        Service::of(there, guest, out, host, talk),
    ];
    for service in &services {
        service.print("real sockets");
    }
    assert_served(&call.reports, &services);
}

#[test]
fn seconds_over_real_sockets_cut_to_500_kbps() {
    const CUT: Duration = Duration::from_secs(8);
    let narrow = Bitrate::from_kbps(500);
    let wide = LinkConditions {
        delay: Duration::from_millis(25),
        rate: Some(Bitrate::from_kbps(3_000)),
        ..LinkConditions::default()
    };
    let path = LinkProfile::new(1, wide.clone()).then(CUT, |link| link.rate = Some(narrow));
    let talk = Duration::from_secs(22);
    let mut host = Side::host(path, talk);
    host.film = Some(Box::new(Pan::new(1_280, 720, 30, Instant::now())));
    let guest = Side::guest(LinkProfile::new(2, wide)).filming("none");
    let call = real_call([host, guest]);
    let (moments, there) = (&call.moments, &call.seats[1]);
    assert_eq!(call.reports[0].ended, CallEndReason::DurationReached);
    let before = moments.iter().filter(|moment| moment.at < CUT);
    let most = before.map(|moment| moment.target).max();
    let settled = moments
        .iter()
        .rfind(|moment| moment.target >= narrow)
        .map_or(Duration::ZERO, |moment| moment.at.saturating_sub(CUT));
    let worst_wait = moments.iter().map(|moment| moment.wait_p95).max();
    let worst_queue = moments.iter().map(|moment| moment.link_queue).max();
    let (speech, worst_speech) = there.intelligibility(Duration::from_secs(3), talk);
    println!(
        "real sockets cut to 500 kb/s: {most:?} at most before, below the limit after {settled:?}; sound \
         waits {worst_wait:?} (p95) at worst; the path's queue {worst_queue:?} at worst; speech \
         {speech:.3}, worst {worst_speech:.3}; {} pictures, longest gap {:?}",
        there.pictures().len(),
        there.longest_gap(there.pictures()[0]),
    );
    assert!(most > Some(Bitrate::from_kbps(1_500)), "{most:?}");
    assert!(settled < Duration::from_secs(5), "{settled:?}");
    let last = moments.last().expect("moments");
    assert!(last.at > talk - Duration::from_secs(1), "{last:?}");
    assert!(
        worst_wait.is_some_and(|wait| wait <= Duration::from_millis(20)),
        "{worst_wait:?}"
    );
    assert!(there.pictures().len() > 100, "{}", there.pictures().len());
}
