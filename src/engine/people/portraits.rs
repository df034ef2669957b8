use std::collections::BTreeSet;

use super::People;
use crate::contacts::BookError;
use crate::trust::{Portrait, PublicIdentity};

impl People {
    /// How this person looks, if they have chosen to show it.
    pub fn own_portrait(&self) -> Option<&Portrait> {
        self.portraits.get(&self.own)
    }

    /// How a contact looks, as they last showed it.
    pub fn portrait_of(&self, contact: &PublicIdentity) -> Option<&Portrait> {
        self.portraits.get(contact)
    }

    /// This person looks so from now on; none: they do not show it.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn set_own_portrait(&mut self, portrait: Option<Portrait>) -> Result<(), BookError> {
        self.write_portrait(self.own, portrait)
    }

    /// Somebody has shown how they look, which is kept of contacts, and of nobody else; or does not show it
    /// any more, which is then forgotten.
    ///
    /// # Errors
    /// When the book cannot be written.
    pub fn keep_portrait(
        &mut self,
        contact: &PublicIdentity,
        portrait: Option<&Portrait>,
    ) -> Result<(), BookError> {
        if self.find(contact).is_none() || self.portrait_of(contact) == portrait {
            return Ok(());
        }
        self.write_portrait(*contact, portrait.cloned())?;
        self.show();
        Ok(())
    }

    fn write_portrait(
        &mut self,
        who: PublicIdentity,
        portrait: Option<Portrait>,
    ) -> Result<(), BookError> {
        self.book.keep_portrait(&who, portrait.as_ref())?;
        match portrait {
            Some(portrait) => self.portraits.insert(who, portrait),
            None => self.portraits.remove(&who),
        };
        Ok(())
    }

    /// Of who is no contact any more.
    pub(super) fn forget_portraits(&mut self) {
        let contacts = self.contacts.iter().map(|contact| contact.identity);
        let known: BTreeSet<_> = contacts.chain([self.own]).collect();
        self.portraits.retain(|who, _| known.contains(who));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contacts::{Book, Contact};
    use crate::trust::{Card, Fingerprint, Identity};

    fn contact(seed: u8) -> Contact {
        Contact {
            identity: Identity::from_seed(&[seed; 32]).public(),
            name: "Maya".to_owned(),
            verified: false,
            server: None,
        }
    }

    fn people() -> People {
        let card = Card {
            identity: Arc::new(Identity::from_seed(&[9; 32])),
            name: String::new(),
            fingerprint: Fingerprint::new([0; 32]),
        };
        People::open(Book::in_memory().unwrap(), card).unwrap()
    }

    #[tokio::test]
    async fn the_portrait_of_a_contact_is_kept_and_goes_with_them() {
        let mut people = people();
        let [first, second] = [[200, 0, 0], [0, 200, 0]].map(Portrait::plain);
        let (maya, stranger) = (contact(1), contact(2));
        people.save(&maya).unwrap();
        for portrait in [Some(&first), Some(&second), None, Some(&first)] {
            people.keep_portrait(&maya.identity, portrait).unwrap();
            people.keep_portrait(&stranger.identity, portrait).unwrap();
            assert_eq!(people.view()[0].portrait.as_ref(), portrait);
        }
        assert_eq!(people.portrait_of(&stranger.identity), None);
        people.set_own_portrait(Some(first.clone())).unwrap();
        people.remove(&maya.identity).unwrap();
        assert_eq!(people.portrait_of(&maya.identity), None);
        assert_eq!(people.own_portrait(), Some(&first));
        people.save(&maya).unwrap();
        assert_eq!(people.view()[0].portrait, None);
        people.set_own_portrait(None).unwrap();
        assert_eq!(people.own_portrait(), None);
    }
}
