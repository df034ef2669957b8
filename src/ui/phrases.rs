//! Words about calls and times, the same wherever they are read.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Datelike, Local, NaiveDateTime};

use crate::call::CallEndReason;
use crate::contacts::{local_time, name_not_taken};
use crate::engine::{Presence, Recent, RoomView, ServerStatus};
use crate::ui::widgets::Tone;

/// Before a call, of the server that is to introduce them.
pub const SERVER_AWAY: &str = "The call server doesn’t answer right now. We keep trying.";

/// How a call that is over is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing to worry about.
    Fine,
    /// Somebody might want to call again.
    Open,
    /// Something is wrong, and there is more to say about it.
    Broken,
}

/// How a recent call ended, in a few words.
pub fn ended(recent: &Recent) -> (Ending, String) {
    let how = match recent.ended {
        CallEndReason::LocalHangup => (Ending::Fine, "you hung up"),
        CallEndReason::RemoteHangup | CallEndReason::DurationReached => {
            (Ending::Fine, "ended well")
        }
        CallEndReason::Cancelled => (Ending::Fine, "you left before it began"),
        CallEndReason::NoAnswer => (Ending::Open, "no answer"),
        CallEndReason::RemoteBusy => (Ending::Open, "busy"),
        CallEndReason::Offline => (Ending::Open, "not there"),
        CallEndReason::Missed => (Ending::Open, "missed"),
        CallEndReason::Declined => (Ending::Fine, "you declined"),
        CallEndReason::RemoteDeclined => (Ending::Open, "declined"),
        CallEndReason::AnsweredElsewhere => (Ending::Fine, "answered elsewhere"),
        CallEndReason::WrongCode => (Ending::Open, "the code didn’t match"),
        CallEndReason::NoSuchCode => (Ending::Open, "the code had run out"),
        CallEndReason::NotTrusted => (Ending::Broken, "stopped: somebody may be in between"),
        CallEndReason::ConnectionLost => (Ending::Broken, "the line dropped"),
        CallEndReason::RoomFull => (Ending::Broken, "the call was full"),
        CallEndReason::BadInvite => (Ending::Broken, "the link didn’t work"),
        CallEndReason::RemoteVersion => (Ending::Broken, "another version of Twocan"),
        CallEndReason::ServerUnreachable
        | CallEndReason::ServerVersion
        | CallEndReason::ConnectionFailed
        | CallEndReason::InternalError => (Ending::Broken, "couldn’t connect"),
    };
    let (ending, how) = how;
    let words = match recent.talked.filter(|talked| talked.as_secs() > 0) {
        Some(talked) => format!("{} · {how}", duration(talked)),
        None => capitalized(how),
    };
    (ending, words)
}

/// "48 s", "42 min", "1 h 8 min".
pub fn duration(talked: Duration) -> String {
    let seconds = talked.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// "Today 09:12", "Yesterday", "Sunday", "3 Nov", "3 Nov 2025".
pub fn when(then: SystemTime, now: SystemTime) -> String {
    let local = |time: SystemTime| DateTime::<Local>::from(time).naive_local();
    when_local(local(then), local(now))
}

fn when_local(then: NaiveDateTime, now: NaiveDateTime) -> String {
    let days = now.date().signed_duration_since(then.date()).num_days();
    match days {
        // A clock that was set back makes calls of tomorrow.
        ..=0 => format!("Today {}", then.format("%H:%M")),
        1 => "Yesterday".to_owned(),
        2..=6 => then.format("%A").to_string(),
        _ if then.year() == now.year() => then.format("%-d %b").to_string(),
        _ => then.format("%-d %b %Y").to_string(),
    }
}

/// Until when something lasts: "today 18:30", "tomorrow", "Friday", "3 Nov", "3 Nov 2027".
fn until(then: NaiveDateTime, now: NaiveDateTime) -> String {
    let days = then.date().signed_duration_since(now.date()).num_days();
    match days {
        ..=0 => format!("today {}", then.format("%H:%M")),
        1 => format!("tomorrow {}", then.format("%H:%M")),
        2..=6 => then.format("%A").to_string(),
        _ if then.year() == now.year() => then.format("%-d %b").to_string(),
        _ => then.format("%-d %b %Y").to_string(),
    }
}

/// Where a standing room is and how long: "Room at call.weber.family", "Until Friday, room at
/// call.weber.family", "Ran out yesterday". What matters most comes first: the rest may be cut off.
pub fn about_room(room: &RoomView, now: SystemTime) -> String {
    let at = &room.server;
    match room.until {
        None => format!("Room at {at}"),
        Some(then) if room.has_run_out(now) => format!("Ran out {}", ran_out(then, now)),
        Some(then) => {
            let until = until(local_time(then), local_time(now));
            format!("{}, room at {at}", capitalized(&format!("until {until}")))
        }
    }
}

/// How long a standing room lasts, and what that means.
pub fn room_lasts(room: &RoomView, now: SystemTime) -> String {
    match room.until {
        None => "It lasts until you remove it.".to_owned(),
        Some(then) if room.has_run_out(now) => {
            format!("It ran out {}. Make a new one.", ran_out(then, now))
        }
        Some(then) => format!(
            "It lasts until {}.",
            until(local_time(then), local_time(now))
        ),
    }
}

fn ran_out(then: SystemTime, now: SystemTime) -> String {
    let when = when_local(local_time(then), local_time(now));
    // Days of the week and months keep their capitals.
    when.replace("Today", "today")
        .replace("Yesterday", "yesterday")
}

/// What to keep the room of a friend as: of those names that `rooms` have not.
pub fn name_of_room(friend: &str, rooms: &[RoomView]) -> String {
    let base = match friend.split_whitespace().next() {
        Some(first) => format!("Room with {first}"),
        None => "Room".to_owned(),
    };
    name_not_taken(&base, |name| rooms.iter().any(|room| room.is_called(name)))
}

/// `name`, or what a friend without one is called.
pub fn friend(name: &str) -> &str {
    let name = name.trim();
    if name.is_empty() { "Your friend" } else { name }
}

/// How a friend is spoken of: "Maya", or "Your friend".
pub fn first_name(name: &str) -> &str {
    name.split_whitespace().next().unwrap_or("Your friend")
}

/// The same within a sentence.
pub fn first_name_inside(name: &str) -> &str {
    name.split_whitespace().next().unwrap_or("your friend")
}

/// What to save somebody as: the name they give, or a word in its place.
pub fn name_to_save(name: &str) -> &str {
    let name = name.trim();
    if name.is_empty() { "Friend" } else { name }
}

/// How a contact is: "Here now", "In a call", "Not here".
pub fn presence(presence: Option<Presence>) -> &'static str {
    match presence {
        Some(Presence::Free) => "Here now",
        Some(Presence::Busy) => "In a call",
        None => "Not here",
    }
}

/// The same within a sentence.
pub fn presence_inside(presence: Option<Presence>) -> &'static str {
    match presence {
        Some(Presence::Free) => "here now",
        Some(Presence::Busy) => "in a call",
        None => "not here",
    }
}

/// Of somebody who has the name of a contact, and other keys.
pub fn may_be_another(name: &str) -> String {
    let name = first_name(name);
    format!("This may not be the {name} you know. Compare the safety words before you talk.")
}

/// What is said about the call server: tone, short words, and all of it.
pub fn server_words(status: &ServerStatus) -> (Tone, String, String) {
    match status {
        ServerStatus::HostedHere => (
            Tone::Accent,
            "Hosting on this computer".to_owned(),
            "No call server is set: calls that you start are hosted on this computer.".to_owned(),
        ),
        ServerStatus::Checking { name } => (
            Tone::Neutral,
            "Connecting…".to_owned(),
            format!("Asking {name} whether it is there."),
        ),
        ServerStatus::Reachable { name, .. } => (
            Tone::Good,
            format!("Connected · {name}"),
            "Your call server. It only introduces you to each other.".to_owned(),
        ),
        ServerStatus::Unreachable { name, why } => (
            Tone::Bad,
            format!("Can’t reach {name}"),
            format!("Can’t reach {name}. Trying again. {why}"),
        ),
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::CallRole;

    fn recent(ended: CallEndReason, minutes: Option<u64>) -> Recent {
        Recent {
            name: "Maya".to_owned(),
            identity: None,
            server: None,
            role: CallRole::Host,
            began: SystemTime::UNIX_EPOCH,
            talked: minutes.map(|minutes| Duration::from_secs(minutes * 60)),
            ended,
        }
    }

    #[test]
    fn recents_say_how_long_and_how_it_ended() {
        let words = |reason, minutes| ended(&recent(reason, minutes)).1;
        assert_eq!(
            words(CallEndReason::LocalHangup, Some(42)),
            "42 min · you hung up"
        );
        assert_eq!(
            words(CallEndReason::RemoteHangup, Some(68)),
            "1 h 8 min · ended well"
        );
        assert_eq!(words(CallEndReason::NoAnswer, None), "No answer");
        assert_eq!(words(CallEndReason::RemoteBusy, None), "Busy");
        assert_eq!(words(CallEndReason::Missed, None), "Missed");
        assert_eq!(
            ended(&recent(CallEndReason::Offline, None)),
            (Ending::Open, "Not there".to_owned())
        );
        assert_eq!(words(CallEndReason::Declined, None), "You declined");
        assert_eq!(
            ended(&recent(CallEndReason::RemoteDeclined, None)),
            (Ending::Open, "Declined".to_owned())
        );
        assert_eq!(
            ended(&recent(CallEndReason::ConnectionFailed, None)),
            (Ending::Broken, "Couldn’t connect".to_owned())
        );
        assert_eq!(
            ended(&recent(CallEndReason::ConnectionLost, Some(12))),
            (Ending::Broken, "12 min · the line dropped".to_owned())
        );
        // Less than a second is no time to tell.
        assert_eq!(words(CallEndReason::LocalHangup, Some(0)), "You hung up");
    }

    #[test]
    fn who_gave_no_name_is_a_friend_all_the_same() {
        assert_eq!(friend(" Maya Lindqvist "), "Maya Lindqvist");
        assert_eq!(first_name(" Maya Lindqvist "), "Maya");
        assert_eq!(friend(" "), "Your friend");
        assert_eq!(first_name(" "), "Your friend");
        assert_eq!(name_to_save(" Maya Lindqvist "), "Maya Lindqvist");
        assert_eq!(name_to_save(" "), "Friend");
    }

    #[test]
    fn who_has_the_name_of_a_friend_is_not_taken_for_them() {
        assert_eq!(
            may_be_another("Maya Lindqvist"),
            "This may not be the Maya you know. Compare the safety words before you talk."
        );
    }

    #[test]
    fn durations_are_as_people_say_them() {
        let said = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(said(0), "0 s");
        assert_eq!(said(59), "59 s");
        assert_eq!(said(60), "1 min");
        assert_eq!(said(3_600), "1 h");
        assert_eq!(said(3_660), "1 h 1 min");
    }

    fn room(name: &str, until: Option<SystemTime>) -> RoomView {
        RoomView {
            name: name.into(),
            link: "twocan://call.weber.family/r#s".into(),
            server: "call.weber.family".into(),
            until,
        }
    }

    #[test]
    fn a_room_says_where_it_is_and_how_long() {
        let now = SystemTime::now();
        let (for_good, later) = (
            room("family", None),
            now + Duration::from_secs(400 * 86_400),
        );
        assert_eq!(about_room(&for_good, now), "Room at call.weber.family");
        assert_eq!(room_lasts(&for_good, now), "It lasts until you remove it.");
        let long = about_room(&room("family", Some(later)), now);
        assert!(
            long.starts_with("Until ") && long.ends_with(", room at call.weber.family"),
            "{long}"
        );
        let yesterday = room("family", Some(now - Duration::from_secs(86_400)));
        assert_eq!(about_room(&yesterday, now), "Ran out yesterday");
        assert_eq!(
            room_lasts(&yesterday, now),
            "It ran out yesterday. Make a new one."
        );
    }

    #[test]
    fn the_room_of_a_friend_gets_a_name_of_its_own() {
        let rooms = [room("room with maya", None), room("Room with Maya 2", None)];
        assert_eq!(name_of_room("Maya Lindqvist", &[]), "Room with Maya");
        assert_eq!(name_of_room("Maya Lindqvist", &rooms), "Room with Maya 3");
        assert_eq!(name_of_room(" ", &rooms), "Room");
    }

    #[test]
    fn times_are_told_from_today() {
        let at = |text| {
            NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("the test's own time")
        };
        // A Thursday.
        let now = at("2026-11-05 10:00");
        let said = |then| when_local(at(then), now);
        assert_eq!(said("2026-11-05 09:12"), "Today 09:12");
        assert_eq!(said("2026-11-05 10:01"), "Today 10:01");
        assert_eq!(said("2026-11-04 23:59"), "Yesterday");
        assert_eq!(said("2026-11-01 09:00"), "Sunday");
        assert_eq!(said("2026-10-30 09:00"), "Friday");
        assert_eq!(said("2026-10-29 09:00"), "29 Oct");
        assert_eq!(said("2025-11-03 09:00"), "3 Nov 2025");
        let said = |then| until(at(then), now);
        assert_eq!(said("2026-11-05 18:30"), "today 18:30");
        assert_eq!(said("2026-11-06 00:00"), "tomorrow 00:00");
        assert_eq!(said("2026-11-08 09:00"), "Sunday");
        assert_eq!(said("2026-11-12 09:00"), "12 Nov");
        assert_eq!(said("2027-01-03 09:00"), "3 Jan 2027");
    }
}
