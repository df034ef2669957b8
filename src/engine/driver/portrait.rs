use std::future::pending;

use tokio::task::{JoinHandle, spawn_blocking};

use super::Core;
use crate::engine::invite_file::portrait_in_named_file;
use crate::engine::{PortraitFileError, SessionCommand};
use crate::trust::{Portrait, PortraitError, PublicIdentity};

/// A portrait that is being made of a picture.
pub(super) type Reading = JoinHandle<Result<Portrait, PortraitFileError>>;

impl Core {
    /// Another one that was begun before is not waited for any more.
    pub(super) fn read_portrait(&mut self, file: String) {
        self.reading = Some(spawn_blocking(move || portrait_in_named_file(&file)));
    }

    pub(super) fn handle_read(&mut self, read: Result<Portrait, PortraitFileError>) {
        match read {
            Ok(portrait) => self.set_portrait(Some(portrait)),
            Err(error) => {
                self.reading = None;
                self.notify(format!("Your picture stays as it was: {error}."), true);
            }
        }
    }

    /// Whom this person has not answered yet sees it, or nothing.
    pub(super) fn set_portrait(&mut self, portrait: Option<Portrait>) {
        self.reading = None;
        for call in self
            .activity
            .call()
            .into_iter()
            .chain(self.knock.as_deref())
        {
            call.order(SessionCommand::SetPortrait(portrait.clone()));
        }
        let kept = self.people.set_own_portrait(portrait);
        self.tell_if_not_kept(kept);
    }

    pub(super) fn handle_shown(&mut self, who: &PublicIdentity, portrait: Option<&Portrait>) {
        let kept = self.people.keep_portrait(who, portrait);
        self.tell_if_not_kept(kept);
    }
}

pub(super) async fn read(reading: &mut Option<Reading>) -> Result<Portrait, PortraitFileError> {
    match reading {
        // Whatever breaks over a file, it is none that can be read.
        Some(task) => task
            .await
            .unwrap_or_else(|_| Err(PortraitError::NotAPicture.into())),
        None => pending().await,
    }
}
