use super::meeting::NotHosted;
use super::snapshot::{Problem, Rung, RungState, ServerStatus};
use crate::call::{CallEndReason, CallRole};

/// What is known about a call that did not come about.
#[derive(Debug, Clone)]
pub struct Failure<'a> {
    /// How it ended.
    pub reason: CallEndReason,
    /// The friend's name; may be empty.
    pub friend: &'a str,
    /// Whose call it was.
    pub role: CallRole,
    /// It was with a contact, whom we called or who called us.
    pub dialed: bool,
    /// It was in a standing room.
    pub room: bool,
    /// The server that was to introduce them.
    pub server: &'a ServerStatus,
    /// What is wrong with it: a clause without a full stop.
    pub server_away: Option<&'a str>,
    /// What is wrong with the invite: a clause without a full stop.
    pub bad_invite: Option<&'a str>,
    /// Why there is no server, if it was to run in this app.
    pub not_hosted: Option<NotHosted>,
    /// The server let us in.
    pub entered: bool,
    /// The friend was there.
    pub met: bool,
    /// This computer has an address besides loopback.
    pub online: bool,
}

impl Failure<'_> {
    /// The server was to run in this app.
    fn is_hosted_here(&self) -> bool {
        self.role == CallRole::Host && *self.server == ServerStatus::HostedHere
    }
}

/// Climbs the ladder from the ground up; the first broken rung has the cure. `None` if nothing went
/// wrong that a person has to know about.
pub fn explain(failure: &Failure<'_>) -> Option<Problem> {
    let friend = if failure.friend.is_empty() {
        "your friend"
    } else {
        failure.friend
    };
    let why_away = failure.server_away.map(|why| {
        format!("You’re on the internet, but there is no way into the call server: {why}.")
    });
    let why_not_hosted = why_not_hosted(failure);
    let bad_invite = failure.bad_invite.unwrap_or("it was damaged on the way");
    let bad_invite = format!("{}.", capitalized(bad_invite));
    let (title, explanation, cure, can_try_again) = match failure.reason {
        CallEndReason::LocalHangup
        | CallEndReason::RemoteHangup
        | CallEndReason::DurationReached
        | CallEndReason::Cancelled
        | CallEndReason::Declined
        | CallEndReason::Missed
        | CallEndReason::AnsweredElsewhere => return None,
        CallEndReason::RemoteDeclined => (
            format!("{} can’t talk now", capitalized(friend)),
            "The call was declined.",
            "Try again in a while, or write to them.",
            true,
        ),
        CallEndReason::WrongCode => (
            "That code doesn’t match".to_owned(),
            "The number led to somebody, but the words were not theirs. A code is good for one try.",
            "Check it with your friend; they have to make a new one.",
            false,
        ),
        CallEndReason::NoSuchCode => (
            "That code leads nowhere".to_owned(),
            "It was used or tried before, its ten minutes are over, or it is of another call server.",
            "Ask your friend for a new one, and whether you both use the same call server.",
            false,
        ),
        CallEndReason::NotTrusted => (
            "Twocan stopped the call".to_owned(),
            "The other side could not show that it is who you mean. Somebody may be in between.",
            "Ask your friend for a new link, sent another way, or try another call server.",
            false,
        ),
        CallEndReason::NoAnswer if failure.dialed => (
            format!("No answer from {friend}"),
            "It rang, and nobody answered.",
            "They see that you called. Try again in a while.",
            true,
        ),
        CallEndReason::Offline if *failure.server == ServerStatus::HostedHere => (
            format!("There is no place to meet {friend}"),
            "Friends call each other over a call server, and none is set.",
            "Set one in the settings, under Network: the one that your friend uses as well.",
            false,
        ),
        CallEndReason::Offline => (
            format!("{} isn’t there", capitalized(friend)),
            "Their Twocan isn’t open, or it is at another call server, or they haven’t saved you.",
            "Leave Twocan open: when they come, they see that you called.",
            true,
        ),
        CallEndReason::NoAnswer => (
            format!("No answer from {friend}"),
            "Nobody opened the invite in time.",
            "Ask whether it arrived, then start the call again.",
            true,
        ),
        CallEndReason::RemoteBusy if failure.room => (
            "There are two in this room already".to_owned(),
            "Calls are between two people for now.",
            "Try again in a while, or start a call of your own.",
            true,
        ),
        CallEndReason::RemoteBusy => (
            format!("{} is in another call", capitalized(friend)),
            "Only one call at a time.",
            "Try again in a while.",
            true,
        ),
        CallEndReason::BadInvite => (
            "That isn’t an invite".to_owned(),
            bad_invite.as_str(),
            "Copy the whole link from your friend’s message, or type the code as they say it.",
            false,
        ),
        CallEndReason::ServerUnreachable if !failure.online => (
            "You’re not on the internet".to_owned(),
            "This computer has no network at the moment.",
            "Check the cable or the wireless network, then try again.",
            true,
        ),
        CallEndReason::ServerUnreachable if failure.is_hosted_here() => (
            "This computer can’t host the call".to_owned(),
            why_not_hosted.as_str(),
            what_helps_hosting(failure.not_hosted),
            true,
        ),
        CallEndReason::ServerUnreachable => (
            "The call server doesn’t answer".to_owned(),
            why_away.as_deref().unwrap_or(
                "You’re on the internet, but the server that introduces you to each other is not \
                 there.",
            ),
            match failure.role {
                _ if failure.room => {
                    "Try again in a while. A room can be met in only while its call server is there."
                }
                CallRole::Host => "Check its address in the settings, then try again.",
                CallRole::Guest => {
                    "Ask your friend for a new invite. If they host the call themselves, their \
                     Twocan has to stay open, and you have to be on the same network."
                }
            },
            true,
        ),
        CallEndReason::ServerVersion => (
            "The call server is of another version".to_owned(),
            "It answers, but it speaks another version of Twocan’s language.",
            "Update Twocan, or ask whoever runs the server to update it.",
            false,
        ),
        CallEndReason::RoomFull => (
            "This call is full".to_owned(),
            "As many people as it takes are in it already.",
            "Start a call of your own and send the new invite.",
            false,
        ),
        CallEndReason::RemoteVersion => (
            format!("{} has another version of Twocan", capitalized(friend)),
            "The two versions do not understand each other.",
            "Both of you need the newest one.",
            false,
        ),
        CallEndReason::ConnectionFailed => (
            format!("We couldn’t reach {friend}"),
            "You’re both online, but the network between you blocks calls straight to another \
             computer. It’s fixable.",
            "Office and hotel networks often do this. Try your phone’s hotspot, or add a TURN \
             server in the settings: it passes the sealed call along.",
            true,
        ),
        CallEndReason::ConnectionLost => (
            format!("We couldn’t get {friend} back"),
            "The line dropped and could not be picked up again.",
            "Call again when both of you have a network.",
            true,
        ),
        CallEndReason::InternalError => (
            "Twocan made a mistake".to_owned(),
            "The call ended because of a fault of our own.",
            "Please try again; the report helps us to mend it.",
            true,
        ),
    };
    let rungs = rungs(failure, friend);
    Some(Problem {
        report: report(failure, &title, &rungs),
        title,
        explanation: explanation.to_owned(),
        rungs,
        cure: cure.to_owned(),
        can_try_again,
    })
}

fn why_not_hosted(failure: &Failure<'_>) -> String {
    let own = failure.not_hosted.map(|why| why.to_string());
    let why = own.as_deref().or(failure.server_away);
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("Calls that you start are hosted on this computer, and that doesn’t work{why}.")
}

fn what_helps_hosting(why: Option<NotHosted>) -> &'static str {
    match why {
        Some(NotHosted::TooManyFiles | NotHosted::NoPort) => {
            "Close other apps or restart the computer, then try again. Or set a call server in the \
             settings, under Network."
        }
        Some(NotHosted::NoAddress) => {
            "Check the network settings of this computer, then try again."
        }
        Some(NotHosted::Forbidden) => {
            "Allow Twocan to accept connections, in the settings of your firewall or system, then \
             try again. Or set a call server in the settings, under Network."
        }
        // Without a cause it was started, and then was not there.
        Some(NotHosted::Unknown) | None => {
            "Restart Twocan and try again. Or set a call server in the settings, under Network."
        }
    }
}

fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

/// No rung where the ladder has nothing to do with it.
fn rungs(failure: &Failure<'_>, friend: &str) -> Vec<Rung> {
    match failure.reason {
        // Their Twocan has rung.
        CallEndReason::NoAnswer if failure.dialed => return Vec::new(),
        CallEndReason::BadInvite
        | CallEndReason::RoomFull
        | CallEndReason::RemoteBusy
        | CallEndReason::Offline
        | CallEndReason::RemoteDeclined
        | CallEndReason::WrongCode
        | CallEndReason::NoSuchCode
        | CallEndReason::NotTrusted
        | CallEndReason::InternalError => return Vec::new(),
        CallEndReason::LocalHangup
        | CallEndReason::RemoteHangup
        | CallEndReason::DurationReached
        | CallEndReason::Cancelled
        | CallEndReason::Declined
        | CallEndReason::Missed
        | CallEndReason::AnsweredElsewhere
        | CallEndReason::NoAnswer
        | CallEndReason::ServerUnreachable
        | CallEndReason::ServerVersion
        | CallEndReason::RemoteVersion
        | CallEndReason::ConnectionFailed
        | CallEndReason::ConnectionLost => {}
    }
    let server = match failure.server {
        ServerStatus::HostedHere => "On this computer".to_owned(),
        ServerStatus::Reachable { name, took } => format!("{name}, {} ms", took.as_millis()),
        ServerStatus::Checking { name } | ServerStatus::Unreachable { name, .. } => name.clone(),
    };
    let steps = [
        (
            "You’re on the internet".to_owned(),
            failure.online,
            "Fine".to_owned(),
            "No network",
        ),
        (
            match failure.role {
                CallRole::Host => "Your call server answers".to_owned(),
                CallRole::Guest => "The invite’s call server answers".to_owned(),
            },
            failure.entered,
            server,
            if failure.is_hosted_here() {
                "Not started"
            } else {
                "No answer"
            },
        ),
        (
            format!("{} answers", possessive_twocan(friend)),
            failure.met && failure.reason != CallEndReason::RemoteVersion,
            "It rang".to_owned(),
            if failure.met {
                "Another version"
            } else {
                "Not there"
            },
        ),
        (
            "A direct line between you".to_owned(),
            false,
            String::new(),
            "Blocked on the way",
        ),
    ];
    let mut holds = true;
    steps
        .into_iter()
        .map(|(name, passed, fine, broken)| {
            let state = match (holds, passed) {
                (true, true) => RungState::Passed,
                (true, false) => RungState::Failed,
                (false, _) => RungState::NotTried,
            };
            holds = state == RungState::Passed;
            let detail = match state {
                RungState::Passed => fine,
                RungState::Failed => broken.to_owned(),
                RungState::NotTried => "Not tried".to_owned(),
            };
            Rung {
                name,
                detail,
                state,
            }
        })
        .collect()
}

fn possessive_twocan(friend: &str) -> String {
    format!("{}’s Twocan", capitalized(friend))
}

/// No key, address or name in it: it is made to be sent to strangers.
fn report(failure: &Failure<'_>, title: &str, rungs: &[Rung]) -> String {
    let title = if failure.friend.is_empty() {
        title.to_owned()
    } else {
        title.replace(failure.friend, "the friend")
    };
    let mut text = format!(
        "Twocan {}\n{}\nreason: {:?}\n",
        env!("CARGO_PKG_VERSION"),
        title,
        failure.reason
    );
    let names = ["internet", "call server", "friend", "direct line"];
    for (name, rung) in names.iter().zip(rungs) {
        text.push_str(&format!("{name}: {:?}\n", rung.state));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(reason: CallEndReason) -> Failure<'static> {
        Failure {
            reason,
            friend: "Priya",
            dialed: false,
            room: false,
            role: CallRole::Host,
            server: &ServerStatus::HostedHere,
            server_away: None,
            bad_invite: None,
            not_hosted: None,
            entered: true,
            met: true,
            online: true,
        }
    }

    fn states(problem: &Problem) -> Vec<RungState> {
        problem.rungs.iter().map(|rung| rung.state).collect()
    }

    #[test]
    fn a_call_that_went_well_is_no_problem() {
        assert_eq!(explain(&failure(CallEndReason::RemoteHangup)), None);
        assert_eq!(explain(&failure(CallEndReason::Cancelled)), None);
    }

    #[test]
    fn a_call_that_one_did_not_take_is_no_problem() {
        use CallEndReason::{AnsweredElsewhere, Declined, Missed};
        for reason in [Declined, Missed, AnsweredElsewhere] {
            assert_eq!(explain(&failure(reason)), None, "{reason:?}");
        }
    }

    #[test]
    fn the_wrong_one_at_the_other_end_is_no_broken_rung() {
        use CallEndReason::{NoSuchCode, NotTrusted, RemoteDeclined, WrongCode};
        for (reason, title, again) in [
            (WrongCode, "That code doesn’t match", false),
            (NoSuchCode, "That code leads nowhere", false),
            (NotTrusted, "Twocan stopped the call", false),
            (RemoteDeclined, "Priya can’t talk now", true),
        ] {
            let problem = explain(&failure(reason)).expect("a problem");
            assert_eq!(problem.title, title);
            assert!(problem.rungs.is_empty(), "{problem:?}");
            assert_eq!(problem.can_try_again, again, "{problem:?}");
        }
    }

    #[test]
    fn the_first_broken_rung_is_the_one_that_failed() {
        use RungState::{Failed, NotTried, Passed};
        let blocked = explain(&failure(CallEndReason::ConnectionFailed)).expect("a problem");
        assert_eq!(blocked.title, "We couldn’t reach Priya");
        assert_eq!(states(&blocked), [Passed, Passed, Passed, Failed]);

        let away = Failure {
            entered: false,
            met: false,
            ..failure(CallEndReason::ServerUnreachable)
        };
        let away_problem = explain(&away).expect("a problem");
        assert_eq!(states(&away_problem), [Passed, Failed, NotTried, NotTried]);
        let offline = explain(&Failure {
            online: false,
            ..away
        })
        .expect("a problem");
        assert_eq!(states(&offline), [Failed, NotTried, NotTried, NotTried]);
        assert_eq!(offline.title, "You’re not on the internet");
    }

    #[test]
    fn what_is_wrong_with_the_server_is_said_of_the_right_one() {
        let server = ServerStatus::Checking {
            name: "call.example.org".to_owned(),
        };
        let guest = Failure {
            role: CallRole::Guest,
            server: &server,
            server_away: Some("call.example.org is not a call server for Twocan"),
            entered: false,
            met: false,
            ..failure(CallEndReason::ServerUnreachable)
        };
        let problem = explain(&guest).expect("a problem");
        let why = "call.example.org is not a call server for Twocan.";
        assert!(problem.explanation.ends_with(why), "{problem:?}");
        assert!(!problem.cure.contains("settings"), "{}", problem.cure);
        assert_eq!(problem.rungs[1].name, "The invite’s call server answers");
        assert!(
            !problem.report.contains("example.org"),
            "{}",
            problem.report
        );
        let blocked = Failure {
            entered: true,
            met: true,
            reason: CallEndReason::ConnectionFailed,
            ..guest
        };
        let problem = explain(&blocked).expect("a problem");
        assert_eq!(problem.rungs[1].detail, "call.example.org");
    }

    fn not_hosted(error: std::io::Error) -> Problem {
        let here = Failure {
            not_hosted: Some(NotHosted::from(&error)),
            entered: false,
            met: false,
            friend: "",
            ..failure(CallEndReason::ServerUnreachable)
        };
        explain(&here).expect("a problem")
    }

    #[test]
    fn what_helps_a_server_in_the_app_is_not_an_address() {
        let problem = not_hosted(std::io::ErrorKind::AddrInUse.into());
        assert_eq!(problem.title, "This computer can’t host the call");
        let why = "doesn’t work: no port is free.";
        assert!(problem.explanation.ends_with(why), "{problem:?}");
        assert!(problem.cure.starts_with("Close other apps"), "{problem:?}");
        assert_eq!(problem.rungs[1].detail, "Not started");
        assert!(problem.can_try_again);
        let elsewhere = explain(&Failure {
            server: &ServerStatus::Unreachable {
                name: "call.example.org".to_owned(),
                why: "nothing listens there".to_owned(),
            },
            entered: false,
            met: false,
            ..failure(CallEndReason::ServerUnreachable)
        })
        .expect("a problem");
        assert!(
            elsewhere.cure.starts_with("Check its address"),
            "{elsewhere:?}"
        );
    }

    #[test]
    fn what_helps_a_server_in_the_app_depends_on_what_is_wrong_with_it() {
        for (kind, helps) in [
            (std::io::ErrorKind::PermissionDenied, "Allow Twocan"),
            (std::io::ErrorKind::AddrNotAvailable, "Check the network"),
        ] {
            let problem = not_hosted(kind.into());
            assert!(problem.cure.starts_with(helps), "{problem:?}");
        }
        let unknown = std::io::Error::other("the stars are wrong (os error 99)");
        let problem = not_hosted(unknown);
        let why = "doesn’t work: the system refuses, and Twocan does not know why.";
        assert!(problem.explanation.ends_with(why), "{problem:?}");
        assert!(!problem.cure.contains("other apps"), "{problem:?}");
        // It was started and is gone.
        let gone = explain(&Failure {
            server_away: Some("nothing listens there"),
            entered: false,
            ..failure(CallEndReason::ServerUnreachable)
        });
        let gone = gone.expect("a problem");
        let why = "doesn’t work: nothing listens there.";
        assert!(gone.explanation.ends_with(why), "{gone:?}");
        assert!(!gone.cure.contains("other apps"), "{gone:?}");
    }

    #[test]
    fn who_comes_third_to_a_room_is_told_that_it_is_taken() {
        let room = |reason| {
            let failure = Failure {
                room: true,
                role: CallRole::Guest,
                ..failure(reason)
            };
            explain(&failure).expect("a problem")
        };
        let taken = room(CallEndReason::RemoteBusy);
        assert_eq!(taken.title, "There are two in this room already");
        assert!(taken.rungs.is_empty() && taken.can_try_again);
        let away = room(CallEndReason::ServerUnreachable);
        assert!(away.cure.contains("while its call server is there"));
    }

    #[test]
    fn a_report_names_nobody() {
        let problem = explain(&failure(CallEndReason::ConnectionLost)).expect("a problem");
        assert!(problem.title.contains("Priya"));
        assert!(!problem.report.contains("Priya"), "{}", problem.report);
        assert!(problem.report.contains("direct line: Failed"));
    }
}
