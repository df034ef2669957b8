//! Contacts as windows have them: engines with folders of their own, and a real server between them.

use std::time::{Duration, Instant};

use twocan::capture::MicrophoneSpec;
use twocan::contacts::{NoKeyring, kept_identity};
use twocan::engine::{
    CallEndReason, CallStage, Command, EngineOptions, Incoming, Phase, Presence, Recent, Snapshot,
};
use twocan::playout::SpeakerSpec;
use twocan::settings::Settings;
use twocan::trust::{Portrait, PublicIdentity};

use crate::support::TempDir;
use crate::support::engine::Engine;
use crate::support::place::Place;

/// Somebody with a computer of their own.
struct Person {
    engine: Option<Engine>,
    name: &'static str,
    identity: PublicIdentity,
    server: String,
    folder: TempDir,
}

impl Person {
    fn new(name: &'static str, place: &Place) -> Self {
        let folder = TempDir::new();
        let kept = kept_identity(folder.path(), &NoKeyring, &mut rand::rng());
        let mut person = Self {
            engine: None,
            name,
            identity: kept.expect("an identity").0.public(),
            server: place.url.clone(),
            folder,
        };
        person.start();
        person
    }

    fn start(&mut self) {
        self.engine = Some(Engine::with(EngineOptions {
            folder: Some(self.folder.path().to_owned()),
            server: Some(self.server.parse().expect("a server")),
            name: self.name.into(),
            microphone: Some(MicrophoneSpec::Silence),
            speaker: Some(SpeakerSpec::Null),
            camera: Some("pattern:320x180@15".parse().expect("a camera")),
            ..EngineOptions::default()
        }));
    }

    fn quit(&mut self) {
        self.engine = None;
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("their window is open")
    }

    fn send(&self, command: Command) {
        self.engine().handle.send(command);
    }

    fn save(&self, friend: &Self) {
        self.send(Command::SaveContact {
            identity: friend.identity,
            name: friend.name.into(),
        });
        self.sees(friend.name, |snapshot| {
            let known =
                |contact: &&twocan::engine::ContactView| contact.identity == friend.identity;
            snapshot.contacts.iter().find(known).map(|_| ())
        });
    }

    /// Chooses a picture all of one colour.
    #[track_caller]
    fn shows(&self, color: [u8; 3]) -> Portrait {
        let before = self.sees("a window", |snapshot| Some(snapshot.portrait.clone()));
        let file = self.folder.path().join("me.png");
        let picture = image::RgbImage::from_pixel(300, 200, image::Rgb(color));
        picture.save(&file).expect("room for a file");
        self.send(Command::SetPortrait {
            file: file.to_str().expect("text").to_owned(),
        });
        self.sees("their own picture", |snapshot| {
            let now = snapshot.portrait.clone();
            now.filter(|now| before.as_ref() != Some(now))
        })
    }

    #[track_caller]
    fn sees<T>(&self, what: &str, find: impl Fn(&Snapshot) -> Option<T>) -> T {
        self.engine().wait_for(what, find)
    }

    #[track_caller]
    fn sees_presence(&self, friend: &Self, presence: Option<Presence>) {
        self.sees("how a friend is", |snapshot| {
            let mut contacts = snapshot.contacts.iter();
            let known = contacts.find(|contact| contact.identity == friend.identity)?;
            (known.presence == presence).then_some(())
        });
    }

    /// Answers whoever of them calls.
    #[track_caller]
    fn answers(&self, friend: &Self) {
        let caller = self.is_called_by(friend).caller;
        self.send(Command::Accept {
            caller,
            camera: true,
        });
    }

    #[track_caller]
    fn declines(&self, friend: &Self) {
        let caller = self.is_called_by(friend).caller;
        self.send(Command::Decline(caller));
    }

    fn call(&self, friend: &Self) {
        self.send(Command::CallContact {
            contact: friend.identity,
            camera: true,
        });
    }

    #[track_caller]
    fn is_called_by(&self, friend: &Self) -> Incoming {
        self.sees("a call coming in", |snapshot| {
            let incoming = snapshot.incoming.clone()?;
            assert_eq!(incoming.identity, friend.identity);
            Some(incoming)
        })
    }

    #[track_caller]
    fn talks(&self) {
        self.sees("in a call", |snapshot| match &snapshot.phase {
            Phase::Call(call) if call.stage == CallStage::Connected => {
                call.participants.first().map(|_| ())
            }
            _ => None,
        });
    }

    /// The latest call, when it is over.
    #[track_caller]
    fn remembers(&self, calls: usize) -> Recent {
        self.sees("a call that is over", |snapshot| {
            let over = matches!(snapshot.phase, Phase::Lobby) && snapshot.recents.len() == calls;
            over.then(|| snapshot.recents[0].clone())
        })
    }

    #[track_caller]
    fn is_told(&self, part: &str) {
        self.sees(part, |snapshot| {
            let problem = snapshot.problem.as_ref()?;
            problem.title.contains(part).then_some(())
        });
    }
}

/// Two who have saved each other, and see that the other is there.
fn friends(place: &Place) -> (Person, Person) {
    let (anna, ben) = (Person::new("Anna", place), Person::new("Ben", place));
    anna.save(&ben);
    ben.save(&anna);
    anna.sees_presence(&ben, Some(Presence::Free));
    ben.sees_presence(&anna, Some(Presence::Free));
    (anna, ben)
}

#[test]
fn a_contact_is_called_answers_and_is_verified() {
    let place = Place::open();
    let (anna, ben) = friends(&place);
    anna.call(&ben);
    assert_eq!(ben.is_called_by(&anna).friend, "Anna");
    ben.answers(&anna);
    anna.talks();
    ben.talks();
    anna.sees_presence(&ben, Some(Presence::Busy));
    let words = |person: &Person| {
        person.sees("safety words", |snapshot| match &snapshot.phase {
            Phase::Call(call) => Some(call.participants.first()?.phrase),
            _ => None,
        })
    };
    assert_eq!(words(&anna).words(), words(&ben).words());
    anna.send(Command::SetVerified {
        contact: ben.identity,
        verified: true,
    });
    anna.sees("a verified friend", |snapshot| {
        snapshot.contacts[0].verified.then_some(())
    });
    anna.send(Command::Leave);
    let (ours, theirs) = (anna.remembers(1), ben.remembers(1));
    assert_eq!(
        (ours.ended, theirs.ended),
        (CallEndReason::LocalHangup, CallEndReason::RemoteHangup)
    );
    assert_eq!(
        (ours.identity, theirs.identity),
        (Some(ben.identity), Some(anna.identity))
    );
    anna.sees_presence(&ben, Some(Presence::Free));
}

/// And it is kept with the contact.
#[test]
fn a_caller_is_seen_while_it_rings_and_who_is_called_once_they_answer() {
    let place = Place::open();
    let (anna, mut ben) = friends(&place);
    let (annas, bens) = (anna.shows([200, 30, 40]), ben.shows([20, 60, 190]));
    anna.call(&ben);
    ben.sees("who calls", |snapshot| {
        let incoming = snapshot.incoming.as_ref()?;
        (incoming.portrait.as_ref() == Some(&annas)).then_some(())
    });
    let contact = |snapshot: &Snapshot| snapshot.contacts[0].portrait.clone();
    // He is there, and has not answered.
    let seen = anna.sees("him", |snapshot| Some(contact(snapshot)));
    assert_eq!(seen, None);
    ben.answers(&anna);
    for (person, friends) in [(&anna, &bens), (&ben, &annas)] {
        person.sees("whom they talk with", |snapshot| match &snapshot.phase {
            Phase::Call(call) => {
                let friend = call.participants.first()?;
                (friend.portrait.as_ref() == Some(friends)).then_some(())
            }
            _ => None,
        });
        person.sees("a friend as they last looked", |snapshot| {
            (contact(snapshot).as_ref() == Some(friends)).then_some(())
        });
    }
    anna.send(Command::Leave);
    ben.remembers(1);
    ben.quit();
    ben.start();
    ben.sees("both of them", |snapshot| {
        let known = (snapshot.portrait.clone(), contact(snapshot));
        (known == (Some(bens.clone()), Some(annas.clone()))).then_some(())
    });
    // Another one is seen in the next call, and none in the one after.
    let later = anna.shows([20, 200, 30]);
    for shown in [Some(later), None] {
        if shown.is_none() {
            anna.send(Command::RemovePortrait);
            anna.sees("no picture", |snapshot| {
                snapshot.portrait.is_none().then_some(())
            });
        }
        anna.sees_presence(&ben, Some(Presence::Free));
        ben.sees_presence(&anna, Some(Presence::Free));
        anna.call(&ben);
        let rings = |snapshot: &Snapshot| Some(snapshot.incoming.as_ref()?.portrait == shown);
        ben.sees("who calls", |snapshot| rings(snapshot)?.then_some(()));
        ben.sees("a friend as they last looked, or not", |snapshot| {
            (contact(snapshot) == shown).then_some(())
        });
        ben.declines(&anna);
        anna.is_told("Ben can’t talk now");
        anna.send(Command::DismissProblem);
        ben.sees("the lobby", |snapshot| {
            snapshot.incoming.is_none().then_some(())
        });
    }
}

#[test]
fn a_picture_that_is_none_is_told_and_changes_nothing() {
    let place = Place::open();
    let anna = Person::new("Anna", &place);
    let portrait = anna.shows([200, 30, 40]);
    let file = anna.folder.path().join("diary.png");
    std::fs::write(&file, "Dear diary").expect("room for a file");
    anna.send(Command::SetPortrait {
        file: file.to_str().expect("text").to_owned(),
    });
    let told = anna.sees("a notice", |snapshot| {
        let notice = snapshot.notices.first()?;
        Some((notice.text.clone(), snapshot.portrait.clone()))
    });
    let why = "Your picture stays as it was: this is not a picture that Twocan can read; a PNG or JPEG file is.";
    assert_eq!(told, (why.to_owned(), Some(portrait)));
}

#[test]
fn no_is_an_answer_and_a_caller_may_give_up() {
    let place = Place::open();
    let (anna, ben) = friends(&place);
    anna.call(&ben);
    ben.declines(&anna);
    anna.is_told("Ben can’t talk now");
    assert_eq!(anna.remembers(1).ended, CallEndReason::RemoteDeclined);
    assert_eq!(ben.remembers(1).ended, CallEndReason::Declined);
    anna.send(Command::DismissProblem);
    anna.call(&ben);
    ben.is_called_by(&anna);
    anna.send(Command::Leave);
    assert_eq!(ben.remembers(2).ended, CallEndReason::Missed);
    assert_eq!(anna.remembers(2).ended, CallEndReason::Cancelled);
    let rings = ben.sees("the lobby", |snapshot| Some(snapshot.incoming.is_some()));
    assert!(!rings);
}

#[test]
fn it_rings_for_a_minute_and_then_was_missed() {
    let place = Place::open();
    let (anna, ben) = friends(&place);
    anna.call(&ben);
    ben.is_called_by(&anna);
    let began = Instant::now();
    anna.engine()
        .wait_within(Duration::from_secs(80), "no answer", |snapshot| {
            let problem = snapshot.problem.as_ref()?;
            problem.title.contains("No answer from Ben").then_some(())
        });
    let rang = began.elapsed();
    assert!(rang > Duration::from_secs(55), "for {rang:?} only");
    assert_eq!(anna.remembers(1).ended, CallEndReason::NoAnswer);
    assert_eq!(ben.remembers(1).ended, CallEndReason::Missed);
    let rings = ben.sees("the lobby", |snapshot| Some(snapshot.incoming.is_some()));
    assert!(!rings);
}

#[test]
fn two_who_call_each_other_at_once_have_one_call() {
    let place = Place::open();
    let (anna, ben) = friends(&place);
    for calls in 1..=3 {
        anna.call(&ben);
        ben.call(&anna);
        // Whoever is too late to call at once is called.
        let answer = |snapshot: &Snapshot| match &snapshot.phase {
            Phase::Call(call) if call.stage == CallStage::Connected => Some(None),
            _ => snapshot
                .incoming
                .as_ref()
                .map(|incoming| Some(incoming.caller)),
        };
        for person in [&anna, &ben] {
            if let Some(caller) = person.sees("one call", answer) {
                person.send(Command::Accept {
                    caller,
                    camera: true,
                });
            }
        }
        anna.talks();
        ben.talks();
        ben.send(Command::Leave);
        for person in [&anna, &ben] {
            assert!(person.remembers(calls).talked.is_some());
        }
    }
}

#[test]
fn who_calls_back_whoever_rings_answers() {
    let place = Place::open();
    let (anna, ben) = friends(&place);
    anna.call(&ben);
    ben.is_called_by(&anna);
    ben.call(&anna);
    anna.talks();
    ben.talks();
    anna.send(Command::Leave);
    for person in [&anna, &ben] {
        assert!(person.remembers(1).talked.is_some());
    }
}

#[test]
fn who_is_in_a_call_is_busy() {
    let place = Place::open();
    let (anna, ben) = friends(&place);
    let carl = Person::new("Carl", &place);
    carl.save(&ben);
    ben.save(&carl);
    carl.sees_presence(&ben, Some(Presence::Free));
    anna.call(&ben);
    ben.answers(&anna);
    ben.talks();
    carl.sees_presence(&ben, Some(Presence::Busy));
    carl.call(&ben);
    carl.is_told("Ben is in another call");
    anna.talks();
    ben.send(Command::Leave);
    let missed = ben.sees("both calls", |snapshot| {
        let missed = |recent: &&Recent| recent.ended == CallEndReason::Missed;
        snapshot.recents.iter().find(missed).cloned()
    });
    assert_eq!(missed.identity, Some(carl.identity));
}

#[test]
fn who_was_away_sees_that_they_were_called() {
    let place = Place::open();
    let (anna, mut ben) = friends(&place);
    ben.quit();
    anna.sees_presence(&ben, None);
    anna.call(&ben);
    anna.is_told("Ben isn’t there");
    assert_eq!(anna.remembers(1).ended, CallEndReason::Offline);
    ben.start();
    let missed = ben.remembers(1);
    assert_eq!(
        (missed.ended, missed.identity),
        (CallEndReason::Missed, Some(anna.identity))
    );
    assert_eq!(
        ben.sees("who it was", |snapshot| Some(
            snapshot.contacts[0].name.clone()
        )),
        "Anna"
    );
}

#[test]
fn the_blocked_and_where_it_is_wished_strangers_do_not_ring() {
    let place = Place::open();
    let (anna, ben) = friends(&place);
    let carl = Person::new("Carl", &place);
    ben.send(Command::Block {
        identity: anna.identity,
        name: "Anna".into(),
    });
    anna.sees_presence(&ben, None);
    anna.call(&ben);
    anna.is_told("Ben isn’t there");
    // The same person with a link, and then a stranger where only contacts ring.
    for (caller, contacts_only) in [(&anna, false), (&carl, true)] {
        caller.send(Command::DismissProblem);
        ben.send(Command::ChangeSettings(Box::new(Settings {
            contacts_only,
            ..Settings::default()
        })));
        ben.send(Command::Host);
        let invite = ben.sees("a link", |snapshot| match &snapshot.phase {
            Phase::Waiting { invite, .. } => Some(invite.to_string()),
            _ => None,
        });
        caller.send(Command::Join { invite });
        caller.sees("the check", |snapshot| {
            matches!(snapshot.phase, Phase::Check { .. }).then_some(())
        });
        caller.send(Command::Enter);
        caller.sees("an answer", |snapshot| {
            snapshot.problem.as_ref().map(|_| ())
        });
        let rings = ben.sees("somebody", |snapshot| Some(snapshot.incoming.is_some()));
        assert!(!rings);
        ben.send(Command::Leave);
        ben.sees("the lobby", |snapshot| {
            matches!(snapshot.phase, Phase::Lobby).then_some(())
        });
    }
}

#[test]
fn a_call_by_link_makes_a_contact_who_is_met_again() {
    let place = Place::open();
    let (anna, ben) = (Person::new("Anna", &place), Person::new("Ben", &place));
    anna.send(Command::Host);
    let invite = anna.sees("a link", |snapshot| match &snapshot.phase {
        Phase::Waiting { invite, .. } => Some(invite.to_string()),
        _ => None,
    });
    ben.send(Command::Join { invite });
    ben.sees("the check", |snapshot| {
        matches!(
            &snapshot.phase,
            Phase::Check {
                friend: Some(_),
                ..
            }
        )
        .then_some(())
    });
    ben.send(Command::Enter);
    anna.answers(&ben);
    anna.talks();
    ben.talks();
    anna.save(&ben);
    ben.save(&anna);
    anna.send(Command::Leave);
    ben.remembers(1);
    anna.sees_presence(&ben, Some(Presence::Free));
    ben.call(&anna);
    anna.answers(&ben);
    ben.talks();
}

/// What is kept survives the end of a window, and its names those of the friends themselves.
#[test]
fn contacts_are_there_again_after_a_restart() {
    let place = Place::open();
    let (anna, mut ben) = friends(&place);
    ben.send(Command::RenameContact {
        contact: anna.identity,
        name: "Anna from work".into(),
    });
    ben.sees("another name", |snapshot| {
        (snapshot.contacts[0].name == "Anna from work").then_some(())
    });
    ben.quit();
    ben.start();
    anna.sees_presence(&ben, Some(Presence::Free));
    ben.sees_presence(&anna, Some(Presence::Free));
    anna.call(&ben);
    assert_eq!(ben.is_called_by(&anna).friend, "Anna from work");
    ben.declines(&anna);
    assert_eq!(ben.remembers(1).name, "Anna from work");
}

/// The link that is waited behind.
fn link_of(person: &Person) -> String {
    person.sees("a link", |snapshot| match &snapshot.phase {
        Phase::Waiting { invite, .. } => Some(invite.to_string()),
        _ => None,
    })
}

/// Past the check.
fn enters(person: &Person) {
    person.sees("the check", |snapshot| {
        matches!(snapshot.phase, Phase::Check { .. }).then_some(())
    });
    person.send(Command::Enter);
}

/// Has entered, and nobody else is there.
#[track_caller]
fn waits(person: &Person) {
    person.sees("waiting for somebody", |snapshot| match &snapshot.phase {
        Phase::Call(call) if call.stage == CallStage::WaitingForFriend => Some(()),
        _ => None,
    });
}

fn enter_room(name: &str) -> Command {
    Command::EnterRoom {
        name: name.into(),
        camera: true,
    }
}

/// A room that Anna has made and Ben keeps; its link.
fn family(anna: &Person, ben: &Person) -> String {
    anna.send(Command::MakeRoom {
        name: "Family".into(),
        lasts: None,
    });
    let link = anna.sees("a room", |snapshot| {
        Some(snapshot.rooms.first()?.link.to_string())
    });
    ben.send(Command::KeepRoom {
        name: "The Webers".into(),
        invite: link.clone(),
    });
    ben.sees("the room of a friend", |snapshot| {
        let kept = snapshot.rooms.first()?;
        (*kept.name == *"The Webers" && *kept.link == *link).then_some(())
    });
    link
}

#[test]
fn in_a_room_whoever_comes_meets_whoever_is_there_and_nobody_rings() {
    let place = Place::open();
    let (anna, ben) = (Person::new("Anna", &place), Person::new("Ben", &place));
    let link = family(&anna, &ben);
    // By the link, as if it had just been given.
    ben.send(Command::Join { invite: link });
    enters(&ben);
    waits(&ben);
    anna.send(enter_room("Family"));
    anna.sees("the check of a room with somebody in it", |snapshot| {
        let Phase::Check { friend, .. } = &snapshot.phase else {
            return None;
        };
        (friend.as_deref() == Some("Ben")).then_some(())
    });
    // Nothing begins before she has entered as well.
    let rings = ben.sees("the room", |snapshot| Some(snapshot.incoming.is_some()));
    assert!(!rings);
    waits(&ben);
    anna.send(Command::Enter);
    anna.talks();
    ben.talks();
    anna.send(Command::Leave);
    assert_eq!(anna.remembers(1).ended, CallEndReason::LocalHangup);
    assert_eq!(ben.remembers(1).ended, CallEndReason::RemoteHangup);
    // The next time she comes first.
    anna.send(enter_room("Family"));
    enters(&anna);
    waits(&anna);
    ben.send(enter_room("The Webers"));
    enters(&ben);
    anna.talks();
    ben.talks();
    ben.send(Command::Leave);
    for person in [&anna, &ben] {
        assert!(person.remembers(2).talked.is_some());
    }
}

#[test]
fn who_is_blocked_finds_nobody_in_a_room() {
    let place = Place::open();
    let [anna, ben, cleo] = ["Anna", "Ben", "Cleo"].map(|name| Person::new(name, &place));
    let link = family(&anna, &ben);
    for other in [&anna, &cleo] {
        ben.send(Command::Block {
            identity: other.identity,
            name: other.name.into(),
        });
    }
    anna.send(enter_room("Family"));
    enters(&anna);
    waits(&anna);
    ben.send(enter_room("The Webers"));
    enters(&ben);
    waits(&ben);
    // Whoever comes after him meets her, and he is as he was.
    cleo.send(Command::Join { invite: link });
    enters(&cleo);
    for person in [&anna, &cleo] {
        person.talks();
    }
    waits(&ben);
}

#[test]
fn a_room_that_has_run_out_is_not_entered_and_one_that_is_removed_is_gone() {
    let place = Place::open();
    let anna = Person::new("Anna", &place);
    anna.send(Command::MakeRoom {
        name: "Trip".into(),
        lasts: Some(Duration::ZERO),
    });
    anna.sees("a room", |snapshot| {
        snapshot
            .rooms
            .first()
            .map(|room| assert!(room.until.is_some()))
    });
    anna.send(enter_room("Trip"));
    anna.sees("why it is not entered", |snapshot| {
        let mut notices = snapshot.notices.iter();
        let says = |text: &str| text.starts_with("The room “Trip” ran out on ");
        notices.find(|notice| says(&notice.text)).map(|_| ())
    });
    let in_lobby = anna.sees("the lobby", |snapshot| {
        Some(matches!(snapshot.phase, Phase::Lobby))
    });
    assert!(in_lobby);
    anna.send(Command::RemoveRoom {
        name: "Trip".into(),
    });
    anna.sees("no room", |snapshot| {
        snapshot.rooms.is_empty().then_some(())
    });
}

#[test]
fn a_link_that_was_replaced_leads_to_nobody_and_the_new_one_rings() {
    let place = Place::open();
    let [anna, ben, cleo] = ["Anna", "Ben", "Cleo"].map(|name| Person::new(name, &place));
    anna.send(Command::Host);
    let old = link_of(&anna);
    anna.send(Command::NewLink);
    let new = anna.sees("another link", |snapshot| match &snapshot.phase {
        Phase::Waiting { invite, .. } if **invite != *old => Some(invite.to_string()),
        _ => None,
    });
    ben.send(Command::Join { invite: old });
    enters(&ben);
    waits(&ben);
    // Whoever comes after him by the new one rings, and he does not.
    cleo.send(Command::Join { invite: new });
    enters(&cleo);
    anna.answers(&cleo);
    for person in [&anna, &cleo] {
        person.talks();
    }
    waits(&ben);
}
