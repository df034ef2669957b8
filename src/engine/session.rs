mod lines;
mod outside;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use twocan_protocol::RefusalReason;

use self::lines::Linked;
pub use self::outside::{
    DirectWith, SessionCommand, SessionEvent, SessionOptions, SessionRemote, SessionView,
};
use super::Pictures;
use super::entrances::{Entrances, Way};
use super::media::Media;
use super::relay_watch::RelayWatch;
use super::report::{CallReport, Moments, ParticipantReport, ProcessCost, program_version};
use crate::call::{
    Action, CallEndReason, DescriptionKind, EntranceId, Part, ParticipantId, Person, SealedCall,
    SealedOutput,
};
use crate::peer::runtime::{Runtime, timeout};
use crate::peer::{PeerEvent, PeerFactory};
use crate::playout::FrameSlot;
use crate::signaling::{SignalingEvent, Switchboard};
use crate::trust::{Card, Fingerprint, Invite};

/// Reports of lines that may wait; a full queue means that this task is stuck.
const PEER_EVENT_QUEUE: usize = 512;
/// What the others say over lines may wait as well, in a queue of its own: somebody who talks too
/// much is not heard, and keeps nobody from hearing how the lines are.
const TALK_QUEUE: usize = 512;
/// How often levels and states go to the others and to the view.
const TICK: Duration = Duration::from_millis(100);
/// Ticks from one second of statistics to the next.
const TICKS_PER_SECOND: u32 = 10;
/// Without a report for so long, nobody knows whether they hear us.
const HEARS_US_VALID: Duration = Duration::from_secs(2);
/// How long who called a contact, or was called by one, waits for them in the room of the call.
const ALONE: Duration = Duration::from_secs(20);
/// How long whoever hangs up waits for the others to go.
const GOODBYE_PATIENCE: Duration = Duration::from_millis(250);

/// One call, from entering the room to its end: drives [`SealedCall`] with a signaling connection, lines
/// and media. One task, on whatever runtime.
pub struct Session {
    sealed: SealedCall,
    options: SessionOptions,
    runtime: Arc<dyn Runtime>,
    entrances: Entrances,
    factory: Arc<dyn PeerFactory>,
    media: Arc<Media>,
    pictures: Arc<Pictures>,
    slots: BTreeMap<ParticipantId, Arc<FrameSlot>>,
    links: BTreeMap<ParticipantId, Linked>,
    peer_events: mpsc::Receiver<(ParticipantId, PeerEvent)>,
    peer_events_tx: mpsc::Sender<(ParticipantId, PeerEvent)>,
    talk: mpsc::Receiver<(ParticipantId, PeerEvent)>,
    talk_tx: mpsc::Sender<(ParticipantId, PeerEvent)>,
    commands: mpsc::Receiver<SessionCommand>,
    events: mpsc::Sender<SessionEvent>,
    view: Arc<ArcSwap<SessionView>>,
    moments: Moments<Option<Instant>>,
    relay: RelayWatch,
    announced: (bool, bool),
    /// The server was lost, and is not back yet.
    is_away: bool,
    /// Since when nobody else is there; none while somebody is, or talking has begun.
    alone_since: Option<Instant>,
    tick: u32,
    next_tick: Instant,
    cost_at_start: ProcessCost,
    finished: Vec<ParticipantReport>,
    ended: Option<CallEndReason>,
}

impl Session {
    /// A call that begins with [`Self::run`].
    pub fn new(
        options: SessionOptions,
        runtime: Arc<dyn Runtime>,
        switchboard: Box<dyn Switchboard>,
        factory: Arc<dyn PeerFactory>,
        media: Arc<Media>,
        pictures: Arc<Pictures>,
    ) -> (Self, SessionRemote, mpsc::Receiver<SessionEvent>) {
        let (peer_events_tx, peer_events) = mpsc::channel(PEER_EVENT_QUEUE);
        let (talk_tx, talk) = mpsc::channel(TALK_QUEUE);
        let (commands_tx, commands) = mpsc::channel(32);
        let (events, events_rx) = mpsc::channel(64);
        let view = Arc::<ArcSwap<SessionView>>::default();
        let now = runtime.now();
        let card = Card {
            identity: options.identity.clone(),
            name: options.name.clone(),
            fingerprint: Fingerprint::new(options.peer.certificate.sha256()),
        };
        let mut sealed = SealedCall::new(options.call.clone(), card);
        let mut entrances = Entrances::new(switchboard);
        for way in &options.ways {
            entrances.add(way, &mut sealed, now, &mut rand::rng());
        }
        let session = Self {
            sealed,
            moments: Moments {
                began: Some(options.started),
                display: media.display_since(),
                ..Moments::default()
            },
            relay: RelayWatch::new(&options.peer.ice_servers),
            options,
            runtime,
            entrances,
            factory,
            media,
            pictures,
            slots: BTreeMap::new(),
            links: BTreeMap::new(),
            peer_events,
            peer_events_tx,
            talk,
            talk_tx,
            commands,
            events,
            view: view.clone(),
            announced: (false, false),
            is_away: false,
            alone_since: None,
            tick: 0,
            next_tick: now + TICK,
            cost_at_start: ProcessCost::now(),
            finished: Vec::new(),
            ended: None,
        };
        (
            session,
            SessionRemote {
                commands: commands_tx,
                view,
            },
            events_rx,
        )
    }

    /// Has the call; returns when it is over and everything of it is freed.
    pub async fn run(mut self) -> CallReport {
        while self.ended.is_none() {
            let now = self.runtime.now();
            let due = self.next_due();
            let sleep = self.runtime.sleep(due.saturating_duration_since(now));
            tokio::select! {
                // Time and the person here before whatever others send, however much that is. And in
                // this order always, so that the same call on virtual time is the same again.
                biased;
                () = sleep => self.handle_time(),
                command = self.commands.recv() => match command {
                    Some(command) => self.handle_command(command),
                    None => self.hang_up(CallEndReason::LocalHangup),
                },
                (id, event) = self.entrances.next_event() => self.handle_signaling(id, event).await,
                Some((id, event)) = self.peer_events.recv() => self.handle_peer(id, event),
                Some((id, event)) = self.talk.recv() => self.handle_peer(id, event),
            }
            self.drain().await;
        }
        self.finish().await
    }

    fn next_due(&self) -> Instant {
        let talked = || Some(self.moments.connected? + self.options.duration?);
        let due = [
            self.sealed.poll_timeout(),
            self.entrances.next_expiry(),
            self.alone_until(),
            talked(),
        ];
        due.into_iter()
            .flatten()
            .fold(self.next_tick, |soonest, due| soonest.min(due))
    }

    fn alone_until(&self) -> Option<Instant> {
        Some(self.alone_since? + ALONE)
    }

    fn note_who_is_there(&mut self, now: Instant) {
        let expects = |way: &Way| matches!(way, Way::Room { expects, .. } if expects.is_some());
        let alone = self.options.ways.iter().any(expects)
            && self.sealed.call().participants().is_empty()
            && self.moments.entered.is_some()
            && self.moments.connected.is_none();
        self.alone_since = alone.then(|| self.alone_since.unwrap_or(now));
    }

    fn handle_command(&mut self, command: SessionCommand) {
        match command {
            SessionCommand::Ready => self.sealed.call_mut().handle_ready(self.runtime.now()),
            SessionCommand::Accept(id) => {
                self.sealed.call_mut().handle_accept(id, self.runtime.now());
            }
            SessionCommand::Decline(id) => self.sealed.call_mut().handle_decline(id),
            SessionCommand::NewCode => self.make_new_code(),
            SessionCommand::NewLink => self.make_new_link(SessionEvent::NewLink),
            SessionCommand::SetPortrait(portrait) => {
                self.sealed.call_mut().set_portrait(portrait);
            }
            SessionCommand::End(reason) => self.hang_up(reason),
            SessionCommand::Announce { muted, camera_on } => {
                self.announced = (muted, camera_on);
                self.send_states();
            }
        }
    }

    fn hang_up(&mut self, reason: CallEndReason) {
        self.sealed.call_mut().handle_hangup(reason);
    }

    /// The old one is good for nothing from now on.
    fn make_new_code(&mut self) {
        self.entrances.close_codes(&mut self.sealed);
        let (now, rng) = (self.runtime.now(), &mut rand::rng());
        self.entrances
            .add(&Way::OwnCode, &mut self.sealed, now, rng);
    }

    /// The old one leads to nobody from now on.
    fn make_new_link(&mut self, news: fn(Box<Invite>) -> SessionEvent) {
        let (now, rng) = (self.runtime.now(), &mut rand::rng());
        let new = self.entrances.replace_link(&mut self.sealed, now, rng);
        if let Some(new) = new {
            self.report(news(Box::new(new)));
        }
    }

    async fn handle_signaling(&mut self, id: EntranceId, event: Option<SignalingEvent>) {
        let now = self.runtime.now();
        let Some(event) = event else {
            self.lose_entrance(id, CallEndReason::ServerUnreachable);
            return;
        };
        self.entrances.note(id, &event, &self.sealed).await;
        match event {
            SignalingEvent::Connected { members, .. } => {
                if self.moments.entered.is_none() || self.is_away {
                    self.report(SessionEvent::Entered);
                }
                self.is_away = false;
                self.moments.entered.get_or_insert(now);
                self.sealed
                    .handle_entered(id, &members, now, &mut rand::rng());
            }
            SignalingEvent::Joined(member) => {
                self.sealed.handle_joined(id, member, now, &mut rand::rng());
            }
            SignalingEvent::Left(member) => self.sealed.handle_left(id, member, now),
            SignalingEvent::Relayed { from, payload } => {
                self.sealed.handle_relayed(id, from, &payload, now);
            }
            SignalingEvent::Allotted { nameplate, lasts } => {
                let number = (nameplate, lasts);
                let (sealed, rng) = (&mut self.sealed, &mut rand::rng());
                if let Some(code) = self.entrances.allotted(id, number, sealed, now, rng) {
                    self.report(SessionEvent::NewCode { code, lasts });
                }
            }
            SignalingEvent::NotAllotted => {
                if self.entrances.is_own_code(id) {
                    self.report(SessionEvent::NoCode);
                    self.lose_entrance(id, CallEndReason::ServerUnreachable);
                }
            }
            SignalingEvent::NoSuchNameplate => self.lose_entrance(id, CallEndReason::NoSuchCode),
            SignalingEvent::Disconnected { reason, .. } => {
                self.sealed.handle_server_lost(id, now);
                if !self.sealed.is_inside() {
                    self.is_away = true;
                    self.report(SessionEvent::ServerAway(reason.to_string()));
                }
            }
            // A call that stands goes on without.
            SignalingEvent::Refused(reason) => {
                self.report(SessionEvent::ServerAway(reason.to_string()));
                self.lose_entrance(id, refusal(reason));
            }
        }
    }

    /// For good.
    fn lose_entrance(&mut self, id: EntranceId, reason: CallEndReason) {
        self.entrances.close(id);
        self.sealed.close(id);
        if self.entrances.are_all_closed() {
            self.sealed.call_mut().handle_refused(reason);
        }
    }

    fn handle_time(&mut self) {
        let now = self.runtime.now();
        if self.entrances.expire(&mut self.sealed, now) {
            self.report(SessionEvent::CodeExpired);
        }
        if self.entrances.has_link_run_out(&self.sealed, now) {
            self.make_new_link(SessionEvent::LinkRanOut);
        }
        self.sealed.handle_timeout(now);
        if self.alone_until().is_some_and(|until| now >= until) {
            self.hang_up(match self.options.call.part {
                Part::IsRung => CallEndReason::Missed,
                Part::Waits | Part::Rings | Part::Meets => CallEndReason::NoAnswer,
            });
        }
        let nobody_yet = self.moments.connected.is_none();
        if nobody_yet
            && self
                .options
                .patience
                .is_some_and(|patience| now >= self.options.started + patience)
        {
            // Whoever is there and never joined leaves no line to blame.
            let lines_tried = !(self.links.is_empty() && self.finished.is_empty());
            let reason = match (self.moments.entered, lines_tried) {
                (None, _) => CallEndReason::ServerUnreachable,
                (Some(_), false) => CallEndReason::NoAnswer,
                (Some(_), true) => CallEndReason::ConnectionFailed,
            };
            self.hang_up(reason);
        }
        if let (Some(connected), Some(duration)) = (self.moments.connected, self.options.duration)
            && now >= connected + duration
        {
            self.hang_up(CallEndReason::DurationReached);
        }
    }

    /// Does what the call wants, until it wants nothing more; then what is due by the clock.
    async fn drain(&mut self) {
        while let Some(output) = self.sealed.poll_output() {
            match output {
                SealedOutput::Relay { entrance, to, text } => {
                    self.entrances.send(entrance, to, text).await;
                }
                SealedOutput::CodeSpent(id) => {
                    self.entrances.close(id);
                    self.sealed.close(id);
                    self.report(SessionEvent::CodeSpent);
                }
                SealedOutput::CodeUsed(id) => {
                    if self.entrances.is_own_code(id) {
                        self.report(SessionEvent::CodeUsed);
                    }
                }
                SealedOutput::Do(action) => self.carry_out(action).await,
            }
        }
        let now = self.runtime.now();
        self.note_who_is_there(now);
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.tick = self.tick.wrapping_add(1);
            self.send_states();
            if self.tick.is_multiple_of(TICKS_PER_SECOND) {
                self.count(now).await;
            }
        }
        self.publish(now);
    }

    async fn carry_out(&mut self, action: Action) {
        match action {
            Action::OpenLink { participant } => self.open_link(participant).await,
            Action::Offer {
                participant,
                ice_restart,
            } => {
                let Some(link) = self.link_of(participant) else {
                    return;
                };
                let offer = self.patiently(link.create_offer(ice_restart)).await;
                self.described(participant, DescriptionKind::Offer, offer);
            }
            Action::TakeDescription {
                participant,
                kind,
                sdp,
            } => {
                let Some(link) = self.link_of(participant) else {
                    return;
                };
                match kind {
                    DescriptionKind::Offer => {
                        let answer = self.patiently(link.handle_offer(&sdp)).await;
                        self.described(participant, DescriptionKind::Answer, answer);
                    }
                    DescriptionKind::Answer => {
                        if let Err(error) = self.patiently(link.handle_answer(&sdp)).await {
                            tracing::debug!(%error, "an answer was of no use");
                            self.sealed.call_mut().handle_link_fault(participant);
                        }
                    }
                }
            }
            Action::TakeCandidate {
                participant,
                candidate,
            } => {
                let Some(link) = self.link_of(participant) else {
                    return;
                };
                if let Err(error) = self.patiently(link.add_candidate(candidate)).await {
                    tracing::debug!(%error, "a candidate was of no use");
                }
            }
            Action::CloseLink { participant } => self.close_link(participant).await,
            Action::Rang { participant } => {
                self.moments.met.get_or_insert(self.runtime.now());
                if let Some(person) = self.person(participant) {
                    self.report(SessionEvent::Rang(participant, Box::new(person)));
                }
            }
            Action::Gone { participant } => self.report(SessionEvent::Gone(participant)),
            Action::Portrait { participant } => {
                let known = self.sealed.call().participants().get(&participant);
                let shown = known.map(|known| (known.person.identity, known.portrait.clone()));
                if let Some((who, portrait)) = shown {
                    self.report(SessionEvent::Portrait(who, portrait));
                }
            }
            Action::Joined { participant } => {
                self.moments.connected.get_or_insert(self.runtime.now());
                self.media.set_sending(participant, true);
                if let Some(linked) = self.links.get_mut(&participant) {
                    linked.counters.connected = true;
                }
                let name = self.name_of(participant);
                self.report(SessionEvent::Joined(name));
            }
            Action::Dropped { participant } => {
                self.media.set_sending(participant, false);
                self.report(SessionEvent::Dropped);
            }
            Action::Back { participant } => {
                self.media.set_sending(participant, true);
                self.report(SessionEvent::Back);
            }
            Action::Ended(reason) => {
                if reason == CallEndReason::ConnectionFailed && self.relay.give_up() {
                    self.report(SessionEvent::NoRelay);
                }
                self.ended = Some(reason);
            }
        }
    }

    fn name_of(&self, participant: ParticipantId) -> String {
        self.person(participant)
            .map(|person| person.name)
            .unwrap_or_default()
    }

    fn person(&self, participant: ParticipantId) -> Option<Person> {
        let known = self.sealed.call().participants().get(&participant);
        known.map(|participant| participant.person.clone())
    }

    fn publish(&mut self, now: Instant) {
        let audio = self.media.audio().status();
        for receiver in audio.receivers.values() {
            if let Some(first) = receiver.first_audio_at {
                self.moments.first_audio.get_or_insert(first);
            }
        }
        for receiver in self.media.video_in().status().values() {
            if let Some(first) = receiver.first_picture_at {
                self.moments.first_picture.get_or_insert(first);
            }
        }
        let camera = self.media.video_out().status().camera_since;
        let moments = &mut self.moments;
        moments.microphone = moments.microphone.or(audio.microphone_since);
        moments.speaker = moments.speaker.or(audio.speaker_since);
        moments.camera = moments.camera.or(camera);
        let others = self.sealed.call().participants();
        let portraits = others
            .iter()
            .filter_map(|(id, other)| Some((*id, other.portrait.clone()?)));
        let portraits: BTreeMap<_, _> = portraits.collect();
        let participants = self
            .links
            .iter()
            .map(|(id, linked)| super::ParticipantView {
                id: *id,
                portrait: portraits.get(id).cloned(),
                identity: linked.identity,
                phrase: linked.phrase,
                name: linked.name.clone(),
                muted: linked.muted,
                camera_on: linked.camera_on,
                level: audio.receivers.get(id).map(|r| r.level).unwrap_or_default(),
                hears_us: linked
                    .hears_us
                    .filter(|(_, at)| now.saturating_duration_since(*at) < HEARS_US_VALID)
                    .map(|(level, _)| level),
                quality: linked.statistics.quality(),
            });
        let statistics = self
            .links
            .values()
            .next()
            .map(|linked| linked.statistics.view());
        let counters = self
            .links
            .iter()
            .map(|(id, linked)| (*id, linked.counters.clone()));
        self.view.store(Arc::new(SessionView {
            stage: self.sealed.call().stage(),
            connected_at: self.moments.connected,
            participants: participants.collect(),
            portraits,
            statistics: statistics.unwrap_or_default(),
            counters: counters.collect(),
        }));
    }

    fn report(&self, event: SessionEvent) {
        if self.events.try_send(event).is_err() {
            tracing::debug!("nobody listens to the call");
        }
    }

    /// Whoever ends a call waits a moment until the others have gone as well: the server may be
    /// ours and end with the call, and the goodbye must pass it before.
    async fn see_them_off(&mut self) {
        // Who left by themselves is no participant any more.
        let others = self.sealed.call().participants().values();
        let mut left_there = others.filter(|other| other.member.is_some()).count();
        if self.entrances.are_all_closed() {
            return;
        }
        let entrances = &mut self.entrances;
        let gone = async {
            while left_there > 0 {
                match entrances.next_event().await {
                    (_, Some(SignalingEvent::Left(_))) => left_there -= 1,
                    (_, Some(SignalingEvent::Disconnected { .. }) | None) => break,
                    (_, Some(_)) => {}
                }
            }
        };
        if timeout(&*self.runtime, GOODBYE_PATIENCE, gone)
            .await
            .is_err()
        {
            tracing::debug!("somebody stays in the room");
        }
    }

    async fn finish(mut self) -> CallReport {
        let left: Vec<_> = self.links.keys().copied().collect();
        for id in left {
            self.close_link(id).await;
        }
        self.see_them_off().await;
        let now = self.runtime.now();
        let ended = self.ended.unwrap_or(CallEndReason::InternalError);
        let cost = ProcessCost::now();
        let talked = self
            .moments
            .connected
            .map(|since| now.saturating_duration_since(since));
        tracing::info!(?ended, "the call is over");
        CallReport {
            version: 1,
            program_version: program_version(),
            role: self.options.call.role,
            ended,
            ended_sentence: ended.sentence(),
            talked: talked.unwrap_or_default().as_secs_f64(),
            setup: self.moments.times(),
            moments: self.moments.on(self.options.clock),
            process: ProcessCost {
                cpu_seconds: cost.cpu_seconds - self.cost_at_start.cpu_seconds,
                peak_rss_bytes: cost.peak_rss_bytes,
            },
            participants: std::mem::take(&mut self.finished),
        }
    }
}

fn refusal(reason: RefusalReason) -> CallEndReason {
    match reason {
        RefusalReason::WrongVersion => CallEndReason::ServerVersion,
        RefusalReason::RoomFull => CallEndReason::RoomFull,
        RefusalReason::TooManyRooms
        | RefusalReason::BadRequest
        | RefusalReason::TooBig
        | RefusalReason::TooManyMessages
        | RefusalReason::TooSlow
        | RefusalReason::Unknown => CallEndReason::ServerUnreachable,
    }
}
