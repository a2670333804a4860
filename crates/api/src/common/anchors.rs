//! Where pages of long lists ended, so that the next page begins there and not at the beginning: whoever reads a list of millions page
//! by page costs what the list is long, not its square.
//!
//! A place is believed only while no number of the model has come or gone since (see `store::Stamp`): an offset means what it
//! always means.

use model::{Page, SerialNumber};
use quick_cache::sync::Cache;
use store::{Stamp, Store, Subject};

/// Lists that are being read at the same time.
const REMEMBERED: usize = 1_000;
/// Nearer to the beginning, counting costs less than remembering.
const WORTH_IT: u64 = 1_000;

/// The last number before an offset, by model and offset.
pub struct Anchors {
    cache: Cache<(i64, u64), (Stamp, SerialNumber)>,
}

impl Anchors {
    /// None remembered.
    pub fn new() -> Anchors {
        Anchors { cache: Cache::new(REMEMBERED) }
    }

    /// The number after which a page of a model's numbers begins, where that is known.
    pub fn before(&self, store: &Store, model_id: i64, page: Page) -> Option<SerialNumber> {
        let (stamp, last) = self.cache.get(&(model_id, page.offset))?;
        store.is_unchanged(Subject::Numbers(model_id), stamp).then_some(last)
    }

    /// Remembers where a page ended that was read at this moment.
    pub fn keep(&self, model_id: i64, page: Page, count: usize, stamp: Stamp, last: SerialNumber) {
        let next = page.offset + count as u64;
        if next >= WORTH_IT {
            self.cache.insert((model_id, next), (stamp, last));
        }
    }
}

impl Default for Anchors {
    fn default() -> Anchors {
        Anchors::new()
    }
}
