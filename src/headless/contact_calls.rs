use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::time::{sleep, timeout};
use twocan_protocol::ServerUrl;

use super::call::{Ongoing, Side};
use super::contact_list::contact_called;
use super::gear::Gear;
use super::home::Home;
use super::report_file::{ReportFile, write_report};
use super::stop::StopWish;
use super::words::summarize;
use super::{BAD_FILE, Exit, files_of, say};
use crate::call::{CallEndReason, CallRole, CallSecret, Part, Presence};
use crate::cli::{Accept, CallArgs, ListenArgs};
use crate::contacts::{BookError, Contact, Recent};
use crate::engine::{CallReport, Meeting, People, PeopleNews};
use crate::settings::Store;
use crate::signaling::probe;
use crate::trust::{Card, Fingerprint, Identity, PublicIdentity};

/// How long a contact who is there may take to be seen.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

/// Calls a contact.
///
/// # Errors
/// When it cannot even begin.
pub async fn call_contact(who: &str, args: CallArgs) -> anyhow::Result<Exit> {
    match Desk::to_call(who, args) {
        Ok((desk, contact)) => desk.call(contact).await,
        Err(exit) => Ok(exit),
    }
}

/// Waits for contacts who call, and answers them.
///
/// # Errors
/// When a call cannot even begin.
pub async fn listen(how: ListenArgs, args: CallArgs) -> anyhow::Result<Exit> {
    // There is nobody else yet who could be answered.
    let Accept::Contacts = how.accept;
    match Desk::to_listen(args) {
        Ok(desk) => desk.listen(how.once).await,
        Err(exit) => Ok(exit),
    }
}

/// Where this person is met by contacts and talks with one at a time.
struct Desk {
    /// Nobody else has what this person keeps.
    _store: Store,
    identity: Arc<Identity>,
    people: People,
    args: CallArgs,
    /// For the next call; the first was tried before it.
    gear: Option<Gear>,
    report: Option<ReportFile>,
    stop: StopWish,
    stopped: bool,
}

/// A call with a contact.
struct Appointment {
    contact: Contact,
    part: Part,
    secret: CallSecret,
    server: ServerUrl,
}

/// How a contact was found.
enum Seen {
    /// At the call server.
    There,
    /// Calling us.
    Calls(CallSecret, ServerUrl),
    /// Not at all: it is to be stopped.
    Stopped,
}

/// What came of waiting to be called.
enum Waited {
    Called(Box<Appointment>),
    Stopped,
    InVain,
}

/// What came of a call.
enum Had {
    /// It is over, with this report.
    Over(Box<CallReport>, Exit),
    /// The contact calls us to another, which is to be had instead.
    GoOver(CallSecret, ServerUrl),
}

/// What to do about a call that comes during another.
#[derive(Debug, PartialEq, Eq)]
enum Clash {
    /// They come to ours, or it is ours.
    Ignore,
    /// They are told that there is another.
    SayBusy,
    /// It takes the place of ours.
    GoOver,
}

impl Appointment {
    /// Whether we call them.
    fn rings(&self, contact: &PublicIdentity) -> bool {
        self.part == Part::Rings && self.contact.identity == *contact
    }

    fn clash(&self, talking: bool, from: &PublicIdentity, theirs: &CallSecret) -> Clash {
        if self.contact.identity != *from {
            return Clash::SayBusy;
        }
        if self.secret == *theirs {
            return Clash::Ignore;
        }
        match self.part {
            // From another device of theirs, or one that has lost the line.
            _ if talking => Clash::SayBusy,
            // Each calls the other: both go to the room that comes first by its name, as both can tell.
            Part::Rings if self.secret.room() < theirs.room() => Clash::Ignore,
            // Or they have given up what they called us to before.
            Part::Rings | Part::IsRung | Part::Waits | Part::Meets => Clash::GoOver,
        }
    }
}

impl Desk {
    /// To call somebody: who that is.
    fn to_call(who: &str, args: CallArgs) -> Result<(Self, Contact), Exit> {
        let mut desk = Self::open(args)?;
        let contact = contact_called(&desk.contacts(), who)?;
        if contact.server.is_none() && desk.args.server.is_none() {
            return Err(Exit::wrong_words(format!(
                "it is not known at which call server {} is met; name it with --server",
                contact.name
            )));
        }
        desk.open_files()?;
        Ok((desk, contact))
    }

    /// To be called.
    fn to_listen(args: CallArgs) -> Result<Self, Exit> {
        let mut desk = Self::open(args)?;
        let contacts = desk.contacts();
        if contacts.is_empty() {
            return Err(Exit::wrong_words(
                "you have no contacts who could call; twocan contacts add saves one",
            ));
        }
        if desk.args.server.is_none() {
            let nowhere = |contact: &&Contact| contact.server.is_none();
            let unmet: Vec<_> = contacts.iter().filter(nowhere).collect();
            if unmet.len() == contacts.len() {
                return Err(Exit::wrong_words(
                    "it is not known at which call server your contacts call; name it with --server",
                ));
            }
            for contact in unmet {
                eprintln!(
                    "{} cannot call: it is not known at which call server",
                    contact.name
                );
            }
        }
        desk.open_files()?;
        Ok(desk)
    }

    /// Contacts with a server of their own are met from now on. Must be called on a tokio runtime.
    fn open(args: CallArgs) -> Result<Self, Exit> {
        let home = Home::open()?;
        let args = home.complete(args);
        let identity = Arc::new(home.identity()?);
        let card = Card {
            identity: identity.clone(),
            name: args.name.clone(),
            // No line is made where contacts only meet.
            fingerprint: Fingerprint::new([0; 32]),
        };
        let stop = StopWish::new().map_err(|error| Exit::bad_file(&error))?;
        let Home { store, book, .. } = home;
        Ok(Self {
            _store: store,
            identity,
            people: People::open(book, card)?,
            args,
            gear: None,
            report: None,
            stop,
            stopped: false,
        })
    }

    /// All files that the call reads and writes, before anybody is called.
    fn open_files(&mut self) -> Result<(), Exit> {
        let (gear, report) = files_of(&self.args)?;
        self.gear = Some(gear);
        self.report = report;
        Ok(())
    }

    fn contacts(&self) -> Vec<Contact> {
        let view = self.people.view();
        let known = view.iter().map(|contact| &contact.identity);
        known
            .filter_map(|identity| self.people.find(identity).cloned())
            .collect()
    }

    fn take_gear(&mut self) -> Result<Gear, Exit> {
        match self.gear.take() {
            Some(gear) => Ok(gear),
            None => Gear::new(&self.args).map_err(|error| Exit::bad_file(&error)),
        }
    }

    async fn call(mut self, contact: Contact) -> anyhow::Result<Exit> {
        let began = SystemTime::now();
        self.people.set_presence(Presence::Busy);
        self.people.set_server(self.args.server.clone());
        let patience = self.args.patience.unwrap_or(SEEN_WITHIN);
        let seen = timeout(patience, self.look_for(&contact.identity)).await;
        let (part, secret, server) = match seen {
            Ok(Seen::There) => {
                let secret = CallSecret::new(&mut rand::rng());
                match self.people.knock(&contact.identity, &secret) {
                    Some(server) => (Part::Rings, secret, server),
                    None => return Ok(Exit::of(CallEndReason::Offline)),
                }
            }
            Ok(Seen::Calls(secret, server)) => (Part::IsRung, secret, server),
            Ok(Seen::Stopped) => return Ok(Exit::of(CallEndReason::Cancelled)),
            Err(_) => return Ok(self.unseen(&contact, began).await),
        };
        let mut now = Appointment {
            contact,
            part,
            secret,
            server,
        };
        loop {
            let gear = match self.take_gear() {
                Ok(gear) => gear,
                Err(exit) => return Ok(exit),
            };
            match self.have(&now, gear).await? {
                Had::Over(report, exit) => {
                    summarize(&report)?;
                    write_report(self.report.take(), &*report)?;
                    return Ok(exit);
                }
                Had::GoOver(secret, server) => {
                    now = Appointment {
                        part: Part::IsRung,
                        secret,
                        server,
                        ..now
                    };
                }
            }
        }
    }

    /// Waits until a contact is seen at their server, or calls themselves.
    async fn look_for(&mut self, identity: &PublicIdentity) -> Seen {
        loop {
            tokio::select! {
                news = self.people.next() => match news {
                    PeopleNews::Presence(who) if who == *identity && is_there(&self.people, &who) => {
                        return Seen::There;
                    }
                    PeopleNews::Called(who, secret, server) if who == *identity => {
                        return Seen::Calls(secret, server);
                    }
                    PeopleNews::Called(who, secret, _) => turn_away(&mut self.people, who, secret),
                    news => tell(&mut self.people, news),
                },
                () = self.stop.wished() => return Seen::Stopped,
            }
        }
    }

    /// Says why a contact was not seen.
    async fn unseen(&mut self, contact: &Contact, began: SystemTime) -> Exit {
        let server = contact.server.as_ref().or(self.args.server.as_ref());
        let (ended, exit) = match server {
            Some(server) => match probe(server).await {
                Ok(_) => (CallEndReason::Offline, Exit::of(CallEndReason::Offline)),
                Err(error) => {
                    let ended = CallEndReason::ServerUnreachable;
                    let exit = Exit {
                        code: ended.exit_code(),
                        sentence: Some(error.to_string()),
                    };
                    (ended, exit)
                }
            },
            None => (CallEndReason::Offline, Exit::of(CallEndReason::Offline)),
        };
        let recent = Recent {
            name: contact.name.clone(),
            identity: Some(contact.identity),
            server: server.cloned(),
            role: CallRole::Host,
            began,
            talked: None,
            ended,
        };
        say_if_not_kept(self.people.add_recent(&recent));
        exit
    }

    /// Has a call, and minds meanwhile what contacts do.
    async fn have(&mut self, now: &Appointment, gear: Gear) -> anyhow::Result<Had> {
        // Who rings, or is alone, gives up by itself.
        let (role, patience) = match now.part {
            Part::Rings => (CallRole::Host, self.args.patience),
            Part::IsRung | Part::Waits | Part::Meets => (CallRole::Guest, None),
        };
        let args = CallArgs {
            patience,
            ..self.args.clone()
        };
        let side = Side {
            role,
            identity: self.identity.clone(),
            portrait: self.people.own_portrait().cloned(),
            ignored: BTreeSet::new(),
            started: Instant::now(),
            prefix: "",
        };
        let contact = now.contact.identity;
        let meeting = Meeting::with_contact(now.part, contact, &now.secret, now.server.clone());
        let began = SystemTime::now();
        let mut ongoing = Ongoing::begin(args, gear, meeting, side)?;
        let mut elsewhere = None;
        let (report, exit) = loop {
            tokio::select! {
                over = ongoing.over() => break over?,
                news = self.people.next() => {
                    let talking = ongoing.is_talking();
                    match news {
                        PeopleNews::Called(from, theirs, server) => {
                            match now.clash(talking, &from, &theirs) {
                                Clash::Ignore => {}
                                Clash::SayBusy => turn_away(&mut self.people, from, theirs),
                                Clash::GoOver => {
                                    elsewhere = Some((theirs, server));
                                    ongoing.end(CallEndReason::AnsweredElsewhere);
                                }
                            }
                        }
                        PeopleNews::Busy(from, ours)
                            if now.rings(&from) && ours == now.secret && !talking =>
                        {
                            ongoing.end(CallEndReason::RemoteBusy);
                        }
                        PeopleNews::Offline(from, ours)
                            if now.rings(&from) && ours == now.secret && !talking =>
                        {
                            ongoing.end(CallEndReason::Offline);
                        }
                        PeopleNews::Unreachable(from, ours)
                            if now.rings(&from) && ours == now.secret && !talking =>
                        {
                            ongoing.end(CallEndReason::ServerUnreachable);
                        }
                        news => tell(&mut self.people, news),
                    }
                }
                () = self.stop.wished() => {
                    self.stopped = true;
                    ongoing.hang_up();
                }
            }
        };
        if let Some((secret, server)) = elsewhere
            && report.ended == CallEndReason::AnsweredElsewhere
        {
            return Ok(Had::GoOver(secret, server));
        }
        let recent = Recent {
            name: now.contact.name.clone(),
            identity: Some(contact),
            server: Some(now.server.clone()),
            role,
            began,
            talked: (report.talked > 0.0).then(|| Duration::from_secs_f64(report.talked)),
            ended: report.ended,
        };
        say_if_not_kept(self.people.add_recent(&recent));
        Ok(Had::Over(Box::new(report), exit))
    }

    async fn listen(mut self, once: bool) -> anyhow::Result<Exit> {
        self.people.set_server(self.args.server.clone());
        let servers = self.servers();
        tokio::select! {
            () = say_unreachable(&servers) => {}
            () = self.stop.wished() => return Ok(Exit::good()),
        }
        let mut next = None;
        loop {
            let now = match next.take() {
                Some(now) => now,
                None => match self.next_caller().await {
                    Waited::Called(now) => *now,
                    Waited::Stopped => return Ok(Exit::good()),
                    Waited::InVain => {
                        return Ok(Exit {
                            code: CallEndReason::NoAnswer.exit_code(),
                            sentence: Some("Nobody called.".to_owned()),
                        });
                    }
                },
            };
            let name = now.contact.name.clone();
            eprintln!("{name} calls");
            let gear = match self.take_gear() {
                Ok(gear) => gear,
                Err(exit) => return Ok(exit),
            };
            self.people.set_presence(Presence::Busy);
            let (report, exit) = match self.have(&now, gear).await? {
                Had::Over(report, exit) => (report, exit),
                Had::GoOver(secret, server) => {
                    next = Some(Appointment {
                        part: Part::IsRung,
                        secret,
                        server,
                        ..now
                    });
                    continue;
                }
            };
            self.people.set_presence(Presence::Free);
            say(&format!(
                "finished        {name}, {:.1} s: {}",
                report.talked, report.ended_sentence
            ))?;
            summarize(&report)?;
            if self.stopped {
                write_report(self.report.take(), &*report)?;
                return Ok(Exit::good());
            }
            // The next call would have the same file.
            if once || exit.code == BAD_FILE {
                write_report(self.report.take(), &*report)?;
                return Ok(exit);
            }
            if let Some(sentence) = exit.sentence {
                eprintln!("{sentence}");
            }
        }
    }

    /// All where contacts are met.
    fn servers(&self) -> Vec<ServerUrl> {
        let own = self.contacts().into_iter().map(|contact| contact.server);
        let mut servers: Vec<_> = own
            .filter_map(|server| server.or_else(|| self.args.server.clone()))
            .collect();
        servers.sort();
        servers.dedup();
        servers
    }

    async fn next_caller(&mut self) -> Waited {
        eprintln!("listening");
        let patience = self.args.patience;
        let in_vain = async move {
            match patience {
                Some(patience) => sleep(patience).await,
                None => pending().await,
            }
        };
        tokio::pin!(in_vain);
        loop {
            tokio::select! {
                news = self.people.next() => match news {
                    PeopleNews::Called(from, secret, server) => {
                        if let Some(contact) = self.people.find(&from).cloned() {
                            return Waited::Called(Box::new(Appointment {
                                contact,
                                part: Part::IsRung,
                                secret,
                                server,
                            }));
                        }
                    }
                    news => tell(&mut self.people, news),
                },
                () = self.stop.wished() => return Waited::Stopped,
                () = &mut in_vain => return Waited::InVain,
            }
        }
    }
}

fn is_there(people: &People, who: &PublicIdentity) -> bool {
    let view = people.view();
    let mut contacts = view.iter();
    contacts.any(|contact| contact.identity == *who && contact.presence.is_some())
}

/// What whoever waits is told as it is.
fn tell(people: &mut People, news: PeopleNews) {
    match news {
        PeopleNews::Missed(from, ago) => {
            let Some(contact) = people.find(&from) else {
                return;
            };
            match ago.as_secs() / 60 {
                0 => eprintln!("{} called just now", contact.name),
                minutes => eprintln!("{} called {minutes} minutes ago", contact.name),
            }
            say_if_not_kept(people.add_missed(from, ago));
        }
        PeopleNews::Said(sentence) => eprintln!("{sentence}"),
        PeopleNews::Presence(_)
        | PeopleNews::Called(..)
        | PeopleNews::Busy(..)
        | PeopleNews::Offline(..)
        | PeopleNews::Unreachable(..) => {}
    }
}

/// Whoever calls while there is another call is told so, and has called.
fn turn_away(people: &mut People, caller: PublicIdentity, call: CallSecret) {
    people.say_busy(caller, call);
    tell(people, PeopleNews::Missed(caller, Duration::ZERO));
}

fn say_if_not_kept(kept: Result<(), BookError>) {
    if let Err(error) = kept {
        eprintln!("{error}");
    }
}

/// They are tried again and again; whoever waits is to know that it may be in vain.
async fn say_unreachable(servers: &[ServerUrl]) {
    for server in servers {
        if let Err(error) = probe(server).await {
            eprintln!("{error}; it is tried again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn public(seed: u64) -> PublicIdentity {
        Identity::new(&mut StdRng::seed_from_u64(seed)).public()
    }

    fn secret(seed: u64) -> CallSecret {
        CallSecret::new(&mut StdRng::seed_from_u64(seed))
    }

    fn appointment(part: Part, secret: CallSecret) -> Appointment {
        Appointment {
            contact: Contact {
                identity: public(1),
                name: "Maya".to_owned(),
                verified: false,
                server: None,
            },
            part,
            secret,
            server: "wss://call.example.org".parse().expect("a server"),
        }
    }

    #[test]
    fn two_who_call_each_other_agree_on_one_call() {
        for (ours, theirs) in [(1, 2), (2, 1), (3, 4), (5, 6)].map(|(a, b)| (secret(a), secret(b)))
        {
            let here = appointment(Part::Rings, ours.clone()).clash(false, &public(1), &theirs);
            let there = appointment(Part::Rings, theirs).clash(false, &public(1), &ours);
            let both = [here, there];
            assert!(both.contains(&Clash::Ignore), "{both:?}");
            assert!(both.contains(&Clash::GoOver), "{both:?}");
        }
    }

    #[test]
    fn who_calls_during_a_call_is_told_so() {
        let now = |part| appointment(part, secret(1));
        for part in [Part::Rings, Part::IsRung] {
            for talking in [false, true] {
                let other = now(part).clash(talking, &public(2), &secret(2));
                assert_eq!(other, Clash::SayBusy);
                let same = now(part).clash(talking, &public(1), &secret(1));
                assert_eq!(same, Clash::Ignore);
            }
            let again = now(part).clash(true, &public(1), &secret(2));
            assert_eq!(again, Clash::SayBusy);
        }
        // Who was gone and calls anew is not where they called us to before.
        let anew = now(Part::IsRung).clash(false, &public(1), &secret(2));
        assert_eq!(anew, Clash::GoOver);
    }
}
