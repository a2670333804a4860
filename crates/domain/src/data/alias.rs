//! From an alias of the calling client to the series that it names (contract, data.md).

use std::sync::Arc;

use model::Result;
use store::table::alias;
use store::{Stamp, Store, Subject, Tx};

use super::Series;
use crate::caller::CallingClient;

/// What an alias pointed at when it was looked up: kept in caches, and believed while nothing has changed since.
#[derive(Clone, Debug)]
pub struct Target {
    client_id: i64,
    series: Arc<Series>,
    stamp: Stamp,
}

/// What an alias of the caller points at. `remembered` spares the look-up where it still stands. An alias that does not
/// exist, or names something that holds no values, is None.
pub fn resolve(
    tx: &mut Tx<'_>,
    caller: &CallingClient,
    name: &str,
    remembered: Option<&Target>,
) -> Result<Option<Target>> {
    let standing = remembered.filter(|target| target.client_id == caller.id() && target.stands(tx));
    if let Some(target) = standing {
        return Ok(Some(target.clone()));
    }
    let Some(id) = alias::find(tx, caller.id(), name)? else { return Ok(None) };
    let series = Series::find(tx, id)?;
    Ok(series.map(|series| Target { client_id: caller.id(), series: Arc::new(series), stamp: tx.stamp() }))
}

impl Target {
    /// The series.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// What its truth depends on.
    pub fn subjects(&self) -> [Subject; 2] {
        [Subject::Client(self.client_id), Subject::Resource(self.series.id)]
    }

    /// Whether the alias still points there, as far as this process knows.
    pub fn is_believed(&self, store: &Store) -> bool {
        self.subjects().into_iter().all(|subject| store.is_unchanged(subject, self.stamp))
    }

    fn stands(&self, tx: &Tx<'_>) -> bool {
        self.subjects().into_iter().all(|subject| tx.is_unchanged(subject, self.stamp))
    }
}
