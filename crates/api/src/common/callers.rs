//! Who shows which CIK, remembered, so that a request of a client that called lately costs no look into the store.
//!
//! A caller is believed only while its client is unchanged: a key that was revoked is unknown before the call that revoked
//! it is answered (see `store::Stamp`). Unknown keys are not remembered.

use domain::caller::{self, Credential, Remembered};
use model::{Error, Result};
use quick_cache::sync::Cache;
use store::Store;

const REMEMBERED: usize = 1 << 17;

/// The callers of late, by the keyed hashes of their keys.
pub struct Callers {
    cache: Cache<[u8; 32], Remembered>,
}

impl Callers {
    /// None remembered.
    pub fn new() -> Callers {
        Callers { cache: Cache::new(REMEMBERED) }
    }

    /// The client that shows this credential. What is remembered of it may be believed in the request from here on.
    pub async fn find(&self, store: &Store, credential: &Credential) -> Result<Remembered> {
        let hash = caller::fingerprint(store.keyring(), credential).ok_or(Error::Unauthorized)?;
        store.catch_up().await?;
        if let Some(remembered) = self.recall(store, &hash) {
            return Ok(remembered);
        }
        let shown = credential.clone();
        let remembered = store.peek(move |tx| caller::remember(tx, &shown)).await?;
        self.cache.insert(hash, remembered);
        Ok(remembered)
    }

    /// The client of a key with this hash, if it called lately and nothing has changed since, as far as this process has heard.
    pub fn recall(&self, store: &Store, hash: &[u8; 32]) -> Option<Remembered> {
        self.cache.get(hash).filter(|remembered| remembered.is_believed(store))
    }
}

impl Default for Callers {
    fn default() -> Callers {
        Callers::new()
    }
}
