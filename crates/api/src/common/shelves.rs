//! What devices may download, remembered, so that a poll for new content costs no look into the store.
//!
//! A shelf is believed only while the versions that were read before it was made still stand: a key that was revoked, a
//! membership that was changed or a blob that was replaced ends it before the change is answered (see `store::Versions`).

use std::sync::Arc;

use domain::caller::{self, Credential};
use domain::provision::{self, Shelf};
use model::{Error, Result, UnixSeconds};
use quick_cache::sync::Cache;
use store::{Store, Subject, Version};

const REMEMBERED: usize = 50_000;

/// The shelves of recent devices, by the keyed hash of their keys.
pub struct Shelves {
    cache: Cache<[u8; 32], Arc<Remembered>>,
}

struct Remembered {
    shelf: Arc<Shelf>,
    client: (Subject, Version),
    model: (Subject, Version),
    until: Option<UnixSeconds>,
}

impl Shelves {
    /// None remembered.
    pub fn new() -> Shelves {
        Shelves { cache: Cache::new(REMEMBERED) }
    }

    /// The shelf of the device that shows this credential; `None` for a good credential of no device.
    pub async fn find(&self, store: &Store, credential: &Credential) -> Result<Option<Arc<Shelf>>> {
        let Some((hash, client_id)) = caller::fingerprint(store.keyring(), credential) else {
            return Err(Error::Unauthorized);
        };
        if let Some(remembered) = self.cache.get(&hash) {
            if remembered.is_believed(store) {
                return Ok(Some(Arc::clone(&remembered.shelf)));
            }
            self.cache.remove(&hash);
        }
        // Which model is concerned is known only after a look; the look that counts comes after its version was read.
        let mut guess = None;
        loop {
            let client = Subject::Client(client_id);
            let client = (client, store.version(client));
            let model = guess.map(|id| (Subject::Model(id), store.version(Subject::Model(id))));
            let shown = credential.clone();
            let shelf = store
                .peek(move |tx| {
                    let caller = caller::client(tx, &shown)?;
                    provision::device_shelf(tx, &caller)
                })
                .await?;
            let Some(shelf) = shelf else { return Ok(None) };
            let Some(model) = model.filter(|(subject, _)| *subject == Subject::Model(shelf.model_id)) else {
                guess = Some(shelf.model_id);
                continue;
            };
            let until = shelf.until;
            let shelf = Arc::new(shelf);
            let remembered = Remembered { shelf: Arc::clone(&shelf), client, model, until };
            self.cache.insert(hash, Arc::new(remembered));
            return Ok(Some(shelf));
        }
    }
}

impl Default for Shelves {
    fn default() -> Shelves {
        Shelves::new()
    }
}

impl Remembered {
    fn is_believed(&self, store: &Store) -> bool {
        store.version(self.client.0) == self.client.1
            && store.version(self.model.0) == self.model.1
            && self.until.is_none_or(|until| store.clock().now() < until)
    }
}
