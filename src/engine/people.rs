use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use twocan_protocol::ServerUrl;

use super::doorstep::{Connect, Doorstep, DoorstepNews, DoorstepOrder};
use super::{ContactView, RoomView};
use crate::call::{CallEndReason, CallRole, CallSecret, Presence, as_read};
use crate::contacts::{Book, BookError, Contact, Recent, StandingRoom};
use crate::signaling::WebsocketSwitchboard;
use crate::trust::{Card, Portrait, PublicIdentity};

mod portraits;
mod rooms;

/// Missed calls of one contact that are closer than this are one.
const SAME_MISSED: Duration = Duration::from_secs(60);

/// Whom this person knows: kept in the book, met at the doorstep of a call server.
pub struct People {
    book: Book,
    /// Of this person.
    own: PublicIdentity,
    contacts: Vec<Contact>,
    blocked: Arc<[(PublicIdentity, String)]>,
    recents: Arc<[Recent]>,
    presence: BTreeMap<PublicIdentity, Presence>,
    /// Of contacts, and of this person.
    portraits: BTreeMap<PublicIdentity, Portrait>,
    doorstep: Doorstep,
    /// Where contacts are met who have no server of their own.
    server: Option<ServerUrl>,
    view: Arc<[ContactView]>,
    rooms: Vec<StandingRoom>,
    room_views: Arc<[RoomView]>,
}

/// What contacts do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeopleNews {
    /// Somebody came, went, or is in a call or out of it.
    Presence(PublicIdentity),
    /// One calls, to this call at this server.
    Called(PublicIdentity, CallSecret, ServerUrl),
    /// One whom we called to this call is in another.
    Busy(PublicIdentity, CallSecret),
    /// One whom we called to this is not there.
    Offline(PublicIdentity, CallSecret),
    /// We are not at the server where one is met whom we called to this.
    Unreachable(PublicIdentity, CallSecret),
    /// One called when we were not there, so long ago.
    Missed(PublicIdentity, Duration),
    /// To be told as it is.
    Said(String),
}

impl People {
    /// Those of the book, who see us by this card; none is met before [`Self::set_server`]. Must be called
    /// on a tokio runtime.
    ///
    /// # Errors
    /// When the book cannot be read.
    pub fn open(book: Book, card: Card) -> Result<Self, BookError> {
        let connect: Connect = Box::new(|server| {
            Box::new(WebsocketSwitchboard::connect(std::slice::from_ref(server)))
        });
        let mut people = Self {
            recents: book.recents()?.into(),
            portraits: book.portraits()?.into_iter().collect(),
            book,
            own: card.identity.public(),
            contacts: Vec::new(),
            blocked: Arc::new([]),
            presence: BTreeMap::new(),
            doorstep: Doorstep::open(card, connect),
            server: None,
            view: Arc::new([]),
            rooms: Vec::new(),
            room_views: Arc::new([]),
        };
        people.read()?;
        people.read_rooms()?;
        Ok(people)
    }

    /// Everybody who was saved, by name, and whether they are there.
    pub fn view(&self) -> Arc<[ContactView]> {
        self.view.clone()
    }

    /// Of whom nothing is heard, and the name they had.
    pub fn blocked(&self) -> Arc<[(PublicIdentity, String)]> {
        self.blocked.clone()
    }

    /// The latest calls, the last one first.
    pub fn recents(&self) -> Arc<[Recent]> {
        self.recents.clone()
    }

    /// What contacts do next. May be dropped while waiting.
    pub async fn next(&mut self) -> PeopleNews {
        let Some(news) = self.doorstep.news.recv().await else {
            return std::future::pending().await;
        };
        match news {
            DoorstepNews::Presence(contact, presence) => {
                match presence {
                    Some(presence) => self.presence.insert(contact, presence),
                    None => self.presence.remove(&contact),
                };
                self.show();
                PeopleNews::Presence(contact)
            }
            DoorstepNews::Knocked(contact, call, server) => {
                PeopleNews::Called(contact, call, server)
            }
            DoorstepNews::Busy(contact, call) => PeopleNews::Busy(contact, call),
            DoorstepNews::Offline(contact, call) => PeopleNews::Offline(contact, call),
            DoorstepNews::Unreachable(contact, call) => PeopleNews::Unreachable(contact, call),
            DoorstepNews::Missed(contact, ago) => PeopleNews::Missed(contact, ago),
            DoorstepNews::ClocksApart(server) => PeopleNews::Said(format!(
                "The clock of this computer and that of {} are days apart. If yours is right, the call server's is wrong.",
                server.short()
            )),
        }
    }

    /// Contacts without a server of their own are met here.
    pub fn set_server(&mut self, server: Option<ServerUrl>) {
        if self.server != server {
            self.server = server;
            self.tell_doorstep();
        }
    }

    /// How we are, for contacts.
    pub fn set_presence(&self, presence: Presence) {
        self.doorstep
            .wish
            .send_modify(|wish| wish.presence = presence);
    }

    /// Calls a contact to a call; where. None: there is no server to meet at, or no way to it now.
    pub fn knock(&self, contact: &PublicIdentity, call: &CallSecret) -> Option<ServerUrl> {
        let server = self.server_of(self.find(contact)?)?;
        let knock = DoorstepOrder::Knock(*contact, call.clone());
        self.order(knock).then_some(server)
    }

    /// Tells a contact who calls that we are in another call.
    pub fn say_busy(&self, contact: PublicIdentity, call: CallSecret) {
        self.order(DoorstepOrder::Busy(contact, call));
    }

    /// Somebody who was saved.
    pub fn find(&self, identity: &PublicIdentity) -> Option<&Contact> {
        let mut contacts = self.contacts.iter();
        contacts.find(|contact| contact.identity == *identity)
    }

    /// Whether nothing is to be heard of them.
    pub fn is_blocked(&self, identity: &PublicIdentity) -> bool {
        self.blocked.iter().any(|(blocked, _)| blocked == identity)
    }

    /// Saves somebody, or what has changed about them.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn save(&mut self, contact: &Contact) -> Result<(), BookError> {
        self.book.save(contact)?;
        self.read()
    }

    /// Changes what is kept of a contact; of nobody else.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn change(
        &mut self,
        identity: &PublicIdentity,
        change: impl FnOnce(&mut Contact),
    ) -> Result<(), BookError> {
        let Some(contact) = self.find(identity) else {
            return Ok(());
        };
        let mut contact = contact.clone();
        change(&mut contact);
        self.save(&contact)
    }

    /// Forgets a contact.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn remove(&mut self, identity: &PublicIdentity) -> Result<(), BookError> {
        self.book.remove(identity)?;
        self.read()
    }

    /// Nothing is to be heard of them from now on.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn block(&mut self, identity: &PublicIdentity, name: &str) -> Result<(), BookError> {
        self.book.block(identity, name)?;
        self.read()
    }

    /// They may be heard again.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn unblock(&mut self, identity: &PublicIdentity) -> Result<(), BookError> {
        self.book.unblock(identity)?;
        self.read()
    }

    /// Adds a call that is over.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn add_recent(&mut self, recent: &Recent) -> Result<(), BookError> {
        self.book.add_recent(recent)?;
        self.recents = self.book.recents()?.into();
        Ok(())
    }

    /// Adds a call of a contact, so long ago, that was not answered. Who calls again and again has called
    /// once.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn add_missed(&mut self, contact: PublicIdentity, ago: Duration) -> Result<(), BookError> {
        let Some(known) = self.find(&contact) else {
            return Ok(());
        };
        let began = SystemTime::now();
        let began = began.checked_sub(ago).unwrap_or(began);
        let is_this = |recent: &Recent| {
            let apart = recent.began.duration_since(began);
            let apart = apart.unwrap_or_else(|earlier| earlier.duration());
            recent.identity == Some(contact)
                && recent.ended == CallEndReason::Missed
                && apart < SAME_MISSED
        };
        if self.recents.iter().any(is_this) {
            return Ok(());
        }
        let recent = Recent {
            name: known.name.clone(),
            identity: Some(contact),
            server: known.server.clone(),
            role: CallRole::Guest,
            began,
            talked: None,
            ended: CallEndReason::Missed,
        };
        self.add_recent(&recent)
    }

    /// Forgets all calls.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn forget_recents(&mut self) -> Result<(), BookError> {
        self.book.forget_recents()?;
        self.recents = Arc::new([]);
        Ok(())
    }

    fn server_of(&self, contact: &Contact) -> Option<ServerUrl> {
        contact.server.clone().or_else(|| self.server.clone())
    }

    fn read(&mut self) -> Result<(), BookError> {
        self.contacts = self.book.contacts()?;
        self.blocked = self.book.blocked()?.into();
        self.forget_portraits();
        self.tell_doorstep();
        self.show();
        Ok(())
    }

    fn tell_doorstep(&self) {
        let met = self.contacts.iter().filter_map(|contact| {
            let server = self.server_of(contact)?;
            Some((contact.identity, server))
        });
        let met = met.collect();
        self.doorstep.wish.send_modify(|wish| wish.contacts = met);
    }

    fn show(&mut self) {
        let view = self.contacts.iter().map(|contact| ContactView {
            identity: contact.identity,
            name: contact.name.clone(),
            read_as: as_read(&contact.name),
            verified: contact.verified,
            presence: self.presence.get(&contact.identity).copied(),
            portrait: self.portraits.get(&contact.identity).cloned(),
        });
        self.view = view.collect();
    }

    /// False when the doorstep is stuck.
    fn order(&self, order: DoorstepOrder) -> bool {
        let ordered = self.doorstep.orders.try_send(order);
        if let Err(error) = &ordered {
            tracing::warn!(%error, "the doorstep does not listen");
        }
        ordered.is_ok()
    }
}
