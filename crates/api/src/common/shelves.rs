//! What devices may download, remembered, so that a poll for new content costs no look into the store.
//!
//! A shelf is believed only while nothing that it was made from has changed: a key that was revoked, a membership that was
//! changed or a blob that was replaced ends it before the change is answered (see `store::Stamp`).

use std::sync::Arc;

use domain::caller::{self, Credential};
use domain::provision::{self, Shelf};
use model::{Result, UnixSeconds};
use quick_cache::sync::Cache;
use store::{Stamp, Store, Subject};

use super::callers::Callers;

const REMEMBERED: usize = 50_000;

/// The shelves of recent devices, by the row ids of their clients.
pub struct Shelves {
    cache: Cache<i64, Arc<Remembered>>,
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
    pub async fn find(&self, store: &Store, callers: &Callers, credential: &Credential) -> Result<Option<Arc<Shelf>>> {
        let caller = callers.find(store, credential).await?;
        if let Some(remembered) = self.cache.get(&caller.id()).filter(|remembered| remembered.is_believed(store)) {
            return Ok(Some(Arc::clone(&remembered.shelf)));
        }
        let shown = credential.clone();
        let (stamp, shelf) = store
            .peek(move |tx| {
                let caller = caller::again(tx, &caller, &shown)?;
                Ok((tx.stamp(), provision::device_shelf(tx, &caller)?))
            })
            .await?;
        let Some(shelf) = shelf else { return Ok(None) };
        let (client, model, until) = (Subject::Client(caller.id()), Subject::Model(shelf.model_id), shelf.until);
        let shelf = Arc::new(shelf);
        let remembered = Remembered { shelf: Arc::clone(&shelf), client, model, stamp, until };
        self.cache.insert(caller.id(), Arc::new(remembered));
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
