use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ::keyring::{Entry, Error};
use zeroize::Zeroizing;

use super::identity_file::{IdentityKeeper, KeyringRefusal};

const SERVICE: &str = "twocan";
/// The system may ask the person to unlock it, and they may be slow; but it may also never answer.
const PATIENCE: Duration = Duration::from_secs(90);

/// The system's keyring: Secret Service, Keychain, Credential Manager.
#[derive(Debug, Clone)]
pub struct SystemKeyring {
    /// Two folders of one person are two identities.
    user: String,
}

impl SystemKeyring {
    /// For the identity of this folder.
    pub fn of(folder: &Path) -> Self {
        Self {
            user: folder.display().to_string(),
        }
    }

    /// Never for longer than a person takes.
    fn ask<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, KeyringRefusal> {
        let (answer, answered) = mpsc::sync_channel(1);
        let user = self.user.clone();
        let asking = thread::Builder::new().name("twocan-keyring".into());
        let asking = asking.spawn(move || {
            let asked = Entry::new(SERVICE, &user).and_then(|entry| act(&entry));
            // Who asked has given up, or waits.
            let _ = answer.send(asked);
        });
        asking.map_err(|error| KeyringRefusal(error.to_string()))?;
        match answered.recv_timeout(PATIENCE) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(KeyringRefusal(why(&error))),
            Err(_) => Err(KeyringRefusal("it does not answer".into())),
        }
    }
}

impl IdentityKeeper for SystemKeyring {
    fn load(&self) -> Result<Option<Zeroizing<String>>, KeyringRefusal> {
        self.ask(|entry| match entry.get_password() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn keep(&self, secret: &str) -> Result<(), KeyringRefusal> {
        let secret = Zeroizing::new(secret.to_owned());
        self.ask(move |entry| entry.set_password(&secret))
    }
}

/// Some errors hold what was kept: of those only their kind is told.
fn why(error: &Error) -> String {
    match error {
        Error::PlatformFailure(error) | Error::NoStorageAccess(error) => error.to_string(),
        Error::NoDefaultStore => "this system has none".into(),
        _ => "what it holds is not understood".into(),
    }
}
