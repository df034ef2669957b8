use std::time::Duration;

use twocan_protocol::ServerUrl;

use super::Core;
use super::active::{Active, Activity, Dialed, Step};
use super::calls::{Beginning, not_met};
use crate::call::{Answer, CallEndReason, CallRole, CallSecret, Part, Person, Presence};
use crate::contacts::{BookError, Contact};
use crate::engine::problem::Failure;
use crate::engine::snapshot::ServerStatus;
use crate::engine::{Command, Meeting, PeopleNews, SessionCommand};
use crate::trust::PublicIdentity;

impl Core {
    /// Contacts are met where the settings say, and see how we are.
    pub(super) fn meet_people(&mut self) {
        let server = self.server_url();
        self.people.set_server(server);
        let presence = self.activity.presence();
        if self.presence != presence {
            self.presence = presence;
            self.people.set_presence(presence);
        }
        if presence == Presence::Busy {
            self.turn_knock_away();
        }
    }

    /// Whoever rings beside a call that has begun is told that there is one.
    fn turn_knock_away(&mut self) {
        let Some(knock) = self.knock.take() else {
            return;
        };
        if let Some(dialed) = &knock.dialed {
            self.people.say_busy(dialed.contact, dialed.call.clone());
        }
        self.remember(&knock, CallEndReason::Missed, None);
        self.quiet_if_nobody_rings();
    }

    pub(super) fn call_contact(&mut self, contact: PublicIdentity, camera: bool) {
        if !matches!(self.activity, Activity::None) {
            return;
        }
        let Some(name) = self.people.find(&contact).map(|known| known.name.clone()) else {
            return;
        };
        self.problem = None;
        self.last_attempt = Some(Command::CallContact { contact, camera });
        if self.is_knocked_by(&contact) {
            self.answer_knock(camera);
            return;
        }
        let call = CallSecret::new(&mut rand::rng());
        let Some(server) = self.people.knock(&contact, &call) else {
            self.explain(&Failure {
                reason: CallEndReason::Offline,
                friend: &name,
                dialed: true,
                ..not_met(CallRole::Host, &ServerStatus::HostedHere)
            });
            return;
        };
        let dialed = Dialed {
            contact,
            name: name.into(),
            portrait: self.people.portrait_of(&contact).cloned(),
            call,
        };
        self.talk_with(dialed, Part::Rings, server, camera);
    }

    fn is_knocked_by(&self, contact: &PublicIdentity) -> bool {
        let dialed = self.knock.as_ref().and_then(|knock| knock.dialed.as_ref());
        dialed.is_some_and(|dialed| dialed.contact == *contact)
    }

    /// Whom this person calls has called already.
    fn answer_knock(&mut self, camera: bool) {
        let Some(mut knock) = self.knock.take() else {
            return;
        };
        let ringing = knock.ringing().map(|(caller, _)| caller);
        knock.step = Step::Calling;
        knock.accepted = ringing;
        // Who does not ring yet is accepted as soon as they do.
        if let Some(caller) = ringing {
            knock.order(SessionCommand::Accept(caller));
        }
        self.bring_to_front(knock);
        self.devices.set_camera(camera);
        self.quiet_if_nobody_rings();
    }

    /// In front, from now on.
    fn talk_with(&mut self, dialed: Dialed, part: Part, server: ServerUrl, camera: bool) {
        let meeting = self.meeting_with(part, &dialed, server);
        let (role, answer) = match part {
            Part::Rings => (CallRole::Host, Answer::Asked),
            Part::Waits | Part::IsRung | Part::Meets => (CallRole::Guest, Answer::Everybody),
        };
        let beginning = Beginning {
            role,
            answer,
            step: Step::Calling,
            dialed: Some(dialed),
        };
        match self.open_call(beginning, meeting) {
            Some(active) => {
                active.order(SessionCommand::Ready);
                self.bring_to_front(active);
                self.devices.set_camera(camera);
            }
            None => self.handle_not_met(role, CallEndReason::InternalError, None),
        }
    }

    fn meeting_with(&self, part: Part, dialed: &Dialed, server: ServerUrl) -> Meeting {
        let known = self.people.find(&dialed.contact);
        Meeting {
            meets_at: known.and_then(|known| known.server.clone()),
            ..Meeting::with_contact(part, dialed.contact, &dialed.call, server)
        }
    }

    pub(super) fn handle_people(&mut self, news: PeopleNews) {
        match news {
            // It is in the next snapshot.
            PeopleNews::Presence(_) => {}
            PeopleNews::Called(contact, call, server) => self.handle_called(contact, call, server),
            PeopleNews::Busy(contact, call) => {
                self.end_ringing(contact, &call, CallEndReason::RemoteBusy);
            }
            PeopleNews::Offline(contact, call) => {
                self.end_ringing(contact, &call, CallEndReason::Offline);
            }
            PeopleNews::Unreachable(contact, call) => {
                self.end_ringing(contact, &call, CallEndReason::ServerUnreachable);
            }
            PeopleNews::Missed(contact, ago) => self.handle_missed(contact, ago),
            PeopleNews::Said(sentence) => self.notify(sentence, true),
        }
    }

    /// Gives up to call somebody, if it is them whom we call, and to this.
    fn end_ringing(&mut self, contact: PublicIdentity, call: &CallSecret, why: CallEndReason) {
        if let Some(active) = self.activity.call_mut()
            && ringing_to(active, &contact) == Some(call)
        {
            active.end(why);
        }
    }

    fn handle_called(&mut self, contact: PublicIdentity, call: CallSecret, server: ServerUrl) {
        let Some(name) = self.people.find(&contact).map(|known| known.name.clone()) else {
            return;
        };
        let dialed = Dialed {
            contact,
            name: name.into(),
            portrait: self.people.portrait_of(&contact).cloned(),
            call,
        };
        if let Some(ours) = self
            .activity
            .call()
            .and_then(|active| ringing_to(active, &contact))
        {
            // Both call: to the room that comes first by its name, as both can tell.
            if dialed.call.room() < ours.room() {
                let camera = self.devices.wants_camera();
                self.talk_with(dialed, Part::IsRung, server, camera);
            }
            return;
        }
        // Whoever has not rung yet may never.
        let ringing = self.knock.as_deref().and_then(Active::ringing);
        let beside_another = ringing.is_some_and(|(_, other)| other.identity != contact);
        if self.activity.presence() == Presence::Busy || beside_another {
            self.people.say_busy(contact, dialed.call);
            self.remember_missed(contact, Duration::ZERO);
            return;
        }
        let meeting = self.meeting_with(Part::IsRung, &dialed, server);
        let beginning = Beginning {
            role: CallRole::Guest,
            answer: Answer::Asked,
            step: Step::Waiting,
            dialed: Some(dialed),
        };
        // Another call of the same contact has taken the place of the one before.
        self.knock = self.open_call(beginning, meeting);
        self.quiet_if_nobody_rings();
    }

    fn handle_missed(&mut self, contact: PublicIdentity, ago: Duration) {
        if let Some(name) = self.people.find(&contact).map(|known| known.name.clone()) {
            self.notify(format!("{name} called while you were away."), false);
            self.remember_missed(contact, ago);
        }
    }

    fn remember_missed(&mut self, contact: PublicIdentity, ago: Duration) {
        let kept = self.people.add_missed(contact, ago);
        self.tell_if_not_kept(kept);
    }

    /// Blocked, or a stranger where only contacts are to ring.
    pub(super) fn is_unwanted(&self, person: &Person) -> bool {
        let stranger = self.people.find(&person.identity).is_none();
        self.people.is_blocked(&person.identity) || (self.settings.contacts_only && stranger)
    }

    pub(super) fn save_contact(&mut self, identity: PublicIdentity, name: String) {
        if identity == self.identity.public() {
            self.notify("That is you, on another device.".into(), false);
            return;
        }
        if self.people.find(&identity).is_some() {
            return;
        }
        let contact = Contact {
            identity,
            name,
            verified: false,
            server: self.server_of_friend(&identity),
        };
        let kept = self.people.save(&contact);
        self.tell_if_not_kept(kept);
        let active = self.activity.call();
        if let Some(portrait) = active.and_then(|active| active.portrait_of(&identity)) {
            self.handle_shown(&identity, Some(&portrait));
        }
    }

    /// Where somebody of this call or an earlier one is met.
    fn server_of_friend(&self, identity: &PublicIdentity) -> Option<ServerUrl> {
        let theirs = |active: &&Active| active.friend_identity().as_ref() == Some(identity);
        if let Some(active) = self.activity.call().filter(theirs) {
            return active.meets_at.clone();
        }
        let recents = self.people.recents();
        let met = recents.iter();
        let mut met = met.filter(|recent| recent.identity.as_ref() == Some(identity));
        met.find_map(|recent| recent.server.clone())
    }

    pub(super) fn block(&mut self, identity: &PublicIdentity, name: &str) {
        let kept = self.people.block(identity, name);
        self.tell_if_not_kept(kept);
    }

    /// A room was not made, kept or changed, and why.
    pub(super) fn tell_if_refused(&mut self, done: Result<(), String>) {
        if let Err(why) = done {
            self.notify(why, true);
        }
    }

    pub(super) fn tell_if_not_kept(&mut self, kept: Result<(), BookError>) {
        if let Err(error) = kept {
            self.notify(format!("That was not kept: {error}."), true);
        }
    }
}

/// The call to which we call this contact, if that is what we do.
fn ringing_to<'a>(active: &'a Active, contact: &PublicIdentity) -> Option<&'a CallSecret> {
    let dialed = active.dialed.as_ref()?;
    let rings = active.role == CallRole::Host && !active.is_talking() && !active.is_ending;
    (rings && dialed.contact == *contact).then_some(&dialed.call)
}
