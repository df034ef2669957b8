//! The doorstep: at each server where contacts are met, their mailboxes. One task, beside all calls.

use std::collections::BTreeMap;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use twocan_protocol::{RoomId, ServerUrl};

use crate::call::{CallSecret, MailboxOutput, Mailboxes, Presence, Reach};
use crate::signaling::{Signaling, SignalingEvent, Switchboard};
use crate::trust::{Card, PublicIdentity};

/// Orders and news that may wait; a full queue means that the other side is stuck.
const QUEUE: usize = 64;
/// How long a server that had no place for us in a mailbox is left alone.
const TURNED_AWAY: Duration = Duration::from_secs(60);

/// How the engine wants it at the doorstep; of two the later one counts.
#[derive(Debug, Clone, Default)]
pub(super) struct DoorstepWish {
    /// The contacts, and where each is met.
    pub(super) contacts: Vec<(PublicIdentity, ServerUrl)>,
    /// How we are.
    pub(super) presence: Presence,
}

/// What the engine tells the doorstep to do once.
#[derive(Debug)]
pub(super) enum DoorstepOrder {
    /// Call somebody to this call.
    Knock(PublicIdentity, CallSecret),
    /// Tell somebody who knocked that we are in another call.
    Busy(PublicIdentity, CallSecret),
}

/// What the doorstep tells the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DoorstepNews {
    /// Somebody is there now, or not any more (none).
    Presence(PublicIdentity, Option<Presence>),
    /// Somebody calls us to this call, at this server.
    Knocked(PublicIdentity, CallSecret, ServerUrl),
    /// Somebody whom we called is in another call.
    Busy(PublicIdentity, CallSecret),
    /// Somebody whom we called to this is not there.
    Offline(PublicIdentity, CallSecret),
    /// We are not at the server where somebody is met whom we called to this.
    Unreachable(PublicIdentity, CallSecret),
    /// Somebody called when we were not there, so long ago.
    Missed(PublicIdentity, Duration),
    /// Our clock and this server's are days apart.
    ClocksApart(ServerUrl),
}

/// Makes the way to a server.
pub(super) type Connect = Box<dyn Fn(&ServerUrl) -> Box<dyn Switchboard> + Send + Sync>;

/// The engine's end of the doorstep; when it is dropped, all is left.
pub(super) struct Doorstep {
    pub(super) wish: watch::Sender<DoorstepWish>,
    pub(super) orders: mpsc::Sender<DoorstepOrder>,
    pub(super) news: mpsc::Receiver<DoorstepNews>,
}

impl Doorstep {
    /// Nobody is met yet. Must be called on a tokio runtime.
    pub(super) fn open(card: Card, connect: Connect) -> Self {
        let (wish, wish_rx) = watch::channel(DoorstepWish::default());
        let (orders, orders_rx) = mpsc::channel(QUEUE);
        let (news_tx, news) = mpsc::channel(QUEUE);
        let task = Task {
            card,
            connect,
            presence: Presence::default(),
            places: BTreeMap::new(),
            wish: wish_rx,
            orders: orders_rx,
            news: news_tx,
        };
        tokio::spawn(task.run());
        Self { wish, orders, news }
    }
}

struct Task {
    card: Card,
    connect: Connect,
    presence: Presence,
    /// By the server's address.
    places: BTreeMap<String, Place>,
    wish: watch::Receiver<DoorstepWish>,
    orders: mpsc::Receiver<DoorstepOrder>,
    news: mpsc::Sender<DoorstepNews>,
}

/// One server, and the mailboxes there.
struct Place {
    server: ServerUrl,
    switchboard: Box<dyn Switchboard>,
    clock: watch::Receiver<Option<(u64, Instant)>>,
    mailboxes: Mailboxes,
    rooms: Vec<(RoomId, Box<dyn Signaling>)>,
    /// The server had no place for us there; and when to ask again.
    turned_away: Vec<(RoomId, Instant)>,
    /// The latest day that the server has told: it is not believed an earlier one.
    day: Option<u64>,
    warned: bool,
}

/// What happened.
enum Happened {
    /// Where nobody wishes any more, all is to be left.
    Wished(bool),
    Ordered(Option<DoorstepOrder>),
    /// In this place, in this room.
    Signaled(String, RoomId, Option<SignalingEvent>),
    /// A server said what time it is, or something is due.
    Time,
}

impl Task {
    async fn run(mut self) {
        loop {
            let due = self.next_due();
            let late = async {
                match due {
                    Some(due) => sleep_until(due.into()).await,
                    None => pending().await,
                }
            };
            let happened = tokio::select! {
                // Whoever is called is to be known before.
                biased;
                changed = self.wish.changed() => Happened::Wished(changed.is_ok()),
                order = self.orders.recv() => Happened::Ordered(order),
                signaled = next_of(&mut self.places) => signaled,
                () = late => Happened::Time,
            };
            match happened {
                Happened::Wished(true) => self.take_wish(),
                Happened::Ordered(Some(order)) => self.obey(order).await,
                Happened::Wished(false) | Happened::Ordered(None) => return,
                Happened::Signaled(place, room, event) => self.hear(&place, &room, event),
                Happened::Time => self.keep_time().await,
            }
            if !self.settle().await {
                return;
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let places = self.places.values();
        places.filter_map(Place::next_due).min()
    }

    fn take_wish(&mut self) {
        let wish = self.wish.borrow_and_update().clone();
        if self.presence != wish.presence {
            self.presence = wish.presence;
            for place in self.places.values_mut() {
                place.mailboxes.set_presence(wish.presence);
            }
        }
        self.set_contacts(&wish.contacts);
    }

    async fn obey(&mut self, order: DoorstepOrder) {
        match order {
            DoorstepOrder::Knock(contact, call) => {
                let now = Instant::now();
                let places = self.places.values_mut();
                let reached = places.map(|place| place.mailboxes.knock(contact, &call, now));
                let news = match reached.max() {
                    Some(Reach::Devices(_)) => return,
                    Some(Reach::Nobody) => DoorstepNews::Offline(contact, call),
                    Some(Reach::Unknown) | None => DoorstepNews::Unreachable(contact, call),
                };
                let _ = self.news.send(news).await;
            }
            DoorstepOrder::Busy(contact, call) => {
                for place in self.places.values_mut() {
                    place.mailboxes.say_busy(contact, &call);
                }
            }
        }
    }

    fn set_contacts(&mut self, contacts: &[(PublicIdentity, ServerUrl)]) {
        let mut by_server: BTreeMap<String, (ServerUrl, Vec<PublicIdentity>)> = BTreeMap::new();
        for (contact, server) in contacts {
            let (_, there) = by_server
                .entry(server.to_string())
                .or_insert_with(|| (server.clone(), Vec::new()));
            there.push(*contact);
        }
        // Who is met nowhere any more is told of by their mailbox; then the connection is of no use.
        for (name, place) in &mut self.places {
            if !by_server.contains_key(name) {
                place.mailboxes.set_contacts(&[]);
            }
        }
        for (name, (server, there)) in by_server {
            let place = self.places.entry(name).or_insert_with(|| {
                let mut mailboxes = Mailboxes::new(self.card.clone());
                mailboxes.set_presence(self.presence);
                let switchboard = (self.connect)(&server);
                Place {
                    clock: switchboard.clock().watch(),
                    switchboard,
                    server,
                    mailboxes,
                    rooms: Vec::new(),
                    turned_away: Vec::new(),
                    day: None,
                    warned: false,
                }
            });
            place.mailboxes.set_contacts(&there);
            place.read_clock(Instant::now());
        }
    }

    fn hear(&mut self, place: &str, room: &RoomId, event: Option<SignalingEvent>) {
        let (now, rng) = (Instant::now(), &mut rand::rng());
        let Some(place) = self.places.get_mut(place) else {
            return;
        };
        let mailboxes = &mut place.mailboxes;
        match event {
            Some(SignalingEvent::Connected { members, .. }) => {
                mailboxes.handle_entered(room, &members, now, rng);
            }
            Some(SignalingEvent::Joined(member)) => {
                mailboxes.handle_joined(room, member, now, rng);
            }
            Some(SignalingEvent::Left(member)) => mailboxes.handle_left(room, member, now),
            Some(SignalingEvent::Relayed { from, payload }) => {
                mailboxes.handle_relayed(room, from, &payload, now);
            }
            Some(SignalingEvent::Disconnected { .. }) => {
                mailboxes.handle_lost(room, now);
                // Another day may be right when it is back.
                place.day = None;
            }
            Some(
                SignalingEvent::Allotted { .. }
                | SignalingEvent::NotAllotted
                | SignalingEvent::NoSuchNameplate,
            ) => {}
            Some(SignalingEvent::Refused(_)) | None => {
                mailboxes.handle_lost(room, now);
                place.rooms.retain(|(known, _)| known != room);
                place.turned_away.push((room.clone(), now + TURNED_AWAY));
            }
        }
    }

    async fn keep_time(&mut self) {
        let now = Instant::now();
        let mut apart = Vec::new();
        for place in self.places.values_mut() {
            place.mailboxes.handle_timeout(now);
            place.read_clock(now);
            place.ask_again(now);
            if place.is_days_off() && !place.warned {
                place.warned = true;
                apart.push(place.server.clone());
            }
        }
        for server in apart {
            let _ = self.news.send(DoorstepNews::ClocksApart(server)).await;
        }
    }

    /// Does what the mailboxes want; false when nobody wants to hear of it any more.
    async fn settle(&mut self) -> bool {
        let mut news = Vec::new();
        for place in self.places.values_mut() {
            while let Some(output) = place.mailboxes.poll_output() {
                news.extend(place.carry_out(output).await);
            }
        }
        self.places.retain(|_, place| !place.mailboxes.are_none());
        for news in news {
            if self.news.send(news).await.is_err() {
                return false;
            }
        }
        true
    }
}

impl Place {
    fn next_due(&self) -> Option<Instant> {
        let midnight = self.switchboard.clock().day();
        // A moment after it, so that it is another day then.
        let midnight = midnight.map(|(_, left)| Instant::now() + left + Duration::from_secs(1));
        let again = self.turned_away.iter().map(|(_, at)| *at).min();
        [self.mailboxes.poll_timeout(), midnight, again]
            .into_iter()
            .flatten()
            .min()
    }

    fn read_clock(&mut self, now: Instant) {
        let Some((day, _)) = self.switchboard.clock().day() else {
            return;
        };
        if self.day.is_none_or(|known| day > known) {
            self.day = Some(day);
            self.mailboxes.set_day(day, now);
        }
    }

    fn ask_again(&mut self, now: Instant) {
        let turned_away = std::mem::take(&mut self.turned_away);
        let (due, later): (Vec<_>, Vec<_>) =
            turned_away.into_iter().partition(|(_, at)| *at <= now);
        self.turned_away = later;
        for (room, _) in due {
            // It may be another day's by now, or of nobody any more.
            if self.mailboxes.is_mailbox(&room) {
                let signaling = self.switchboard.enter(&room);
                self.rooms.push((room, signaling));
            }
        }
    }

    fn is_days_off(&self) -> bool {
        let own = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let own = own.unwrap_or_default().as_secs();
        let theirs = self.switchboard.clock().now();
        theirs.is_some_and(|theirs| theirs.abs_diff(own) > 86_400)
    }

    async fn carry_out(&mut self, output: MailboxOutput) -> Option<DoorstepNews> {
        match output {
            MailboxOutput::Enter(room) => {
                let signaling = self.switchboard.enter(&room);
                self.rooms.push((room, signaling));
                None
            }
            MailboxOutput::Leave(room) => {
                self.rooms.retain(|(known, _)| *known != room);
                None
            }
            MailboxOutput::Send { room, to, text } => {
                let found = self.rooms.iter().find(|(known, _)| *known == room);
                if let Some((_, signaling)) = found
                    && let Err(error) = signaling.send(Some(to), text).await
                {
                    tracing::debug!(%error, "a contact was not told");
                }
                None
            }
            MailboxOutput::Presence { contact, presence } => {
                Some(DoorstepNews::Presence(contact, presence))
            }
            MailboxOutput::Knocked { contact, call } => {
                Some(DoorstepNews::Knocked(contact, call, self.server.clone()))
            }
            MailboxOutput::Busy { contact, call } => Some(DoorstepNews::Busy(contact, call)),
            MailboxOutput::Missed { contact, ago } => Some(DoorstepNews::Missed(contact, ago)),
        }
    }
}

/// The next event of any room in any place, or that a server has told the time; forever nothing where there
/// is none.
async fn next_of(places: &mut BTreeMap<String, Place>) -> Happened {
    let mut waiting: Vec<Pin<Box<dyn Future<Output = Happened> + Send + '_>>> = Vec::new();
    for (name, place) in places {
        let Place { clock, rooms, .. } = place;
        waiting.push(Box::pin(async {
            match clock.changed().await {
                Ok(()) => Happened::Time,
                // A place has its clock for as long as it is there.
                Err(_) => pending().await,
            }
        }));
        for (room, signaling) in rooms {
            waiting.push(Box::pin(async move {
                let event = signaling.next_event().await;
                Happened::Signaled(name.clone(), room.clone(), event)
            }));
        }
    }
    if waiting.is_empty() {
        return pending().await;
    }
    poll_fn(|context| {
        for next in &mut waiting {
            if let Poll::Ready(happened) = next.as_mut().poll(context) {
                return Poll::Ready(happened);
            }
        }
        Poll::Pending
    })
    .await
}
