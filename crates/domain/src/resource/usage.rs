//! How much a client and all below it used in a time (contract, rpc.md `usage`).

use model::{Result, UnixSeconds};
use store::Tx;
use store::table::resource::Kind;
use store::table::usage::{self, Metric};

use crate::caller::ClientWithin;

/// Resources: each times the seconds that it was there. What is used up: how much. What has not been yet counts for nothing.
pub fn usage(
    tx: &mut Tx<'_>,
    client: &ClientWithin,
    metric: Metric,
    start: UnixSeconds,
    end: UnixSeconds,
) -> Result<i64> {
    let (start, end) = (start.max(0), end.min(tx.now()));
    if start >= end && matches!(metric, Metric::Entity(_)) {
        return Ok(0);
    }
    match metric {
        Metric::Entity(kind) => usage::entity_seconds(tx, client.id(), kind, start, end),
        consumed => usage::used(tx, client.id(), consumed, start, end),
    }
}

/// A resource leaves its owner with all below it: that it was there stays known.
pub(super) fn note_leaving(tx: &mut Tx<'_>, id: i64, owner_id: i64) -> Result<()> {
    let now = tx.now();
    for (kind, since, count) in usage::list_leaving(tx, id)? {
        if since < now {
            usage::add(tx, owner_id, Metric::Entity(kind), since, count)?;
            usage::add(tx, owner_id, Metric::Entity(kind), now, -count)?;
        }
    }
    Ok(())
}

/// A resource is dropped with all below it: what its clients used stays known of its owner.
pub(super) fn note_dropping(tx: &mut Tx<'_>, id: i64, kind: Kind, owner_id: i64) -> Result<()> {
    note_leaving(tx, id, owner_id)?;
    match kind {
        Kind::Client => usage::hand_up(tx, id, owner_id),
        _ => Ok(()),
    }
}
