//! Table `point`: the values of dataports and datarules, one a second and series.

use model::{Result, UnixSeconds};

use crate::{Tx, params};

const PUT: &str = "
    INSERT INTO point (resource_id, at, value)
    VALUES ($1, $2, $3)
    ON CONFLICT (resource_id, at) DO UPDATE SET value = excluded.value";

/// Stores a value; a later value of the same second replaces the earlier.
pub fn put(tx: &mut Tx<'_>, resource_id: i64, at: UnixSeconds, value: &str) -> Result<()> {
    tx.execute(PUT, params![resource_id, at, value]).map(|_| ())
}

const COPY: &str = "
    INSERT INTO point (resource_id, at, value)
    SELECT $1, at, value
    FROM point
    WHERE resource_id = $2";

/// Copies a series to a new resource.
pub fn copy(tx: &mut Tx<'_>, from: i64, to: i64) -> Result<()> {
    tx.execute(COPY, params![to, from]).map(|_| ())
}

const DELETE_SOME: &str = "
    DELETE FROM point
    WHERE resource_id = $1
        AND at IN (SELECT at FROM point WHERE resource_id = $1 ORDER BY at LIMIT $2)";

/// Removes the oldest points of a series; answers how many.
pub fn delete_some(tx: &mut Tx<'_>, resource_id: i64, limit: i64) -> Result<u64> {
    tx.execute(DELETE_SOME, params![resource_id, limit])
}
