use std::path::PathBuf;

use super::Exit;
use crate::cli::CallArgs;
use crate::contacts::{Book, SystemKeyring, kept_identity};
use crate::engine::EngineOptions;
use crate::settings::Store;
use crate::trust::Identity;

/// What this person keeps on this computer. No other Twocan has it for as long as this lives.
pub struct Home {
    /// Where.
    pub folder: PathBuf,
    /// The folder, and the settings in it.
    pub store: Store,
    /// Whom they know.
    pub book: Book,
}

impl Home {
    /// Takes it, made where it is missing.
    ///
    /// # Errors
    /// When another Twocan has it, or it cannot be used.
    pub fn open() -> Result<Self, Exit> {
        let folder = Store::usual_folder()?;
        let store = Store::open(&folder)?;
        let book = Book::open(&folder)?;
        Ok(Self {
            folder,
            store,
            book,
        })
    }

    /// Where their secret is kept, if the system has one.
    pub fn keyring(&self) -> SystemKeyring {
        SystemKeyring::of(&self.folder)
    }

    /// Who they are; somebody new at the first time.
    ///
    /// # Errors
    /// When it cannot be read or kept.
    pub fn identity(&self) -> Result<Identity, Exit> {
        let (identity, _) = kept_identity(&self.folder, &self.keyring(), &mut rand::rng())?;
        Ok(identity)
    }

    /// What was said for this run, and of the settings what was not.
    pub fn complete(&self, args: CallArgs) -> CallArgs {
        let (settings, sentence) = self.store.load_settings();
        if let Some(sentence) = sentence {
            eprintln!("{sentence}");
        }
        let said = EngineOptions {
            server: args.server.clone(),
            name: args.name.clone(),
            ice_servers: args.stun.iter().chain(&args.turn).cloned().collect(),
            relay_only: args.relay_only,
            ..EngineOptions::default()
        };
        let settings = said.in_force(&settings);
        CallArgs {
            server: settings.server.and_then(|server| server.parse().ok()),
            name: settings.name,
            stun: settings.ice_servers,
            turn: Vec::new(),
            relay_only: settings.relay_only,
            ..args
        }
    }
}
