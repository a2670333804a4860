//! What the aliases of clients point at and the newest values there, remembered, so that a device which reads its data costs
//! no look into the store.
//!
//! Everything here is believed only while nothing that it was made from has changed: an alias that was moved and a value
//! that was replaced are gone before the call that did it is answered (see `store::Stamp`).

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use domain::data::Target;
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use store::{Stamp, Store, Subject};

const REMEMBERED: usize = 1 << 17;
/// A longer value is not remembered, so that the memory of all of them is bounded too.
const VALUE_BYTES: usize = 128;

/// The aliases and newest values of late.
pub struct Profiles {
    targets: Cache<Name<Box<str>>, Target>,
    latest: Cache<i64, Latest>,
}

/// A client's alias.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name<T> {
    client_id: i64,
    alias: T,
}

#[derive(Clone)]
struct Latest {
    text: Option<Arc<str>>,
    stamp: Stamp,
}

impl Profiles {
    /// None remembered.
    pub fn new() -> Profiles {
        Profiles { targets: Cache::new(REMEMBERED), latest: Cache::new(REMEMBERED) }
    }

    /// What an alias points at.
    pub fn target(&self, store: &Store, client_id: i64, alias: &str) -> Option<Target> {
        self.targets.get(&Name { client_id, alias }).filter(|target| target.is_believed(store))
    }

    /// The text of the newest value of what an alias points at; Some(None) where it is known to hold nothing.
    pub fn latest(&self, store: &Store, client_id: i64, alias: &str) -> Option<Option<Arc<str>>> {
        let id = self.target(store, client_id, alias)?.series().id;
        let latest = self.latest.get(&id)?;
        store.is_unchanged(Subject::Series(id), latest.stamp).then_some(latest.text)
    }

    /// Keeps what an alias points at.
    pub fn keep_target(&self, client_id: i64, alias: &str, target: &Target) {
        self.targets.insert(Name { client_id, alias: alias.into() }, target.clone());
    }

    /// Keeps a newest value that was read under a stamp.
    pub fn keep_latest(&self, series_id: i64, text: Option<&str>, stamp: Stamp) {
        if text.is_none_or(|text| text.len() <= VALUE_BYTES) {
            self.latest.insert(series_id, Latest { text: text.map(Arc::from), stamp });
        }
    }
}

impl Default for Profiles {
    fn default() -> Profiles {
        Profiles::new()
    }
}

impl<T: AsRef<str>> Hash for Name<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.client_id.hash(state);
        self.alias.as_ref().hash(state);
    }
}

impl Equivalent<Name<Box<str>>> for Name<&str> {
    fn equivalent(&self, kept: &Name<Box<str>>) -> bool {
        self.client_id == kept.client_id && self.alias == &*kept.alias
    }
}
