//! Removing points (contract, rpc.md `flush`).

use model::{Result, UnixSeconds};
use store::Tx;
use store::table::point;

use super::Series;

/// Removes the points that are newer than one second and older than another; those that stand at either stay. Where an end is
/// not given, there is none.
pub fn flush(
    tx: &mut Tx<'_>,
    series: &Series,
    newer_than: Option<UnixSeconds>,
    older_than: Option<UnixSeconds>,
) -> Result<u64> {
    point::delete_between(tx, series.id, newer_than.unwrap_or(i64::MIN), older_than.unwrap_or(i64::MAX))
}
