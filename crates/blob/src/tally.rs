//! What the blob store did, counted.

use model::tally::{Count, Gauge, Times};

/// Counts of one store since its process began: those of an object store, which is asked over a network.
#[derive(Debug, Default)]
pub struct Tally {
    /// How long each try of a call took.
    pub calls: Times,
    /// Calls that are under way, or wait for their turn.
    pub calling: Gauge,
    /// Tries that failed and were followed by another.
    pub tried_again: Count,
    /// Calls that failed for good.
    pub failed: Count,
    /// Downloads that came from what is kept here.
    pub from_here: Count,
    /// Downloads that came from the store.
    pub from_afar: Count,
}
