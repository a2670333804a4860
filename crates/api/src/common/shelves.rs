//! What devices may download, remembered, so that a poll for new content costs no look into the store.
//!
//! A shelf is believed only while nothing that it was made from has changed: a key that was revoked, a membership that was
//! changed or a blob that was replaced ends it before the change is answered (see `store::Stamp`).

use std::sync::Arc;

use domain::caller::{self, Credential};
use domain::provision::{self, Shelf};
use model::{Error, Result, UnixSeconds};
use quick_cache::sync::Cache;
use store::{Stamp, Store, Subject};

const REMEMBERED: usize = 50_000;

/// The shelves of recent devices, by the keyed hash of their keys.
pub struct Shelves {
    cache: Cache<[u8; 32], Arc<Remembered>>,
}

struct Remembered {
    shelf: Arc<Shelf>,
    client: Subject,
    model: Subject,
    stamp: Stamp,
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
        let shown = credential.clone();
        let (stamp, shelf) = store
            .peek(move |tx| {
                let caller = caller::client(tx, &shown)?;
                Ok((tx.stamp(), provision::device_shelf(tx, &caller)?))
            })
            .await?;
        let Some(shelf) = shelf else { return Ok(None) };
        let (client, model, until) = (Subject::Client(client_id), Subject::Model(shelf.model_id), shelf.until);
        let shelf = Arc::new(shelf);
        let remembered = Remembered { shelf: Arc::clone(&shelf), client, model, stamp, until };
        self.cache.insert(hash, Arc::new(remembered));
        Ok(Some(shelf))
    }
}

impl Default for Shelves {
    fn default() -> Shelves {
        Shelves::new()
    }
}

impl Remembered {
    fn is_believed(&self, store: &Store) -> bool {
        store.is_unchanged(self.client, self.stamp)
            && store.is_unchanged(self.model, self.stamp)
            && self.until.is_none_or(|until| store.clock().now() < until)
    }
}
