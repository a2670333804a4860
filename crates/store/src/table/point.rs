//! Table `point`: the values of dataports, datarules and dispatches, one a second and series.

use model::{Result, UnixSeconds};

use crate::{Row, Subject, Tx, params};

/// A value as it is kept: its second, and its text as the wire prints it.
pub type Point = (UnixSeconds, String);

/// How much a series holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Points.
    pub count: i64,
    /// The second of the oldest.
    pub first: Option<UnixSeconds>,
    /// The second of the newest.
    pub last: Option<UnixSeconds>,
    /// Bytes of their texts.
    pub size: i64,
}

/// What a series holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// Values.
    pub count: i64,
    /// The second of the oldest; 0 where there is none.
    pub first: UnixSeconds,
    /// The second of the newest; 0 where there is none.
    pub last: UnixSeconds,
    /// Bytes of their texts.
    pub size_bytes: i64,
}

const STORAGE: &str = "
    SELECT count(*), coalesce(min(at), 0), coalesce(max(at), 0), coalesce(sum(octet_length(value)), 0)
    FROM point
    WHERE resource_id = $1";

/// What a series holds.
pub fn storage(tx: &mut Tx<'_>, resource_id: i64) -> Result<Storage> {
    tx.one(STORAGE, params![resource_id], |row| {
        Ok(Storage { count: row.int(0)?, first: row.int(1)?, last: row.int(2)?, size_bytes: row.int(3)? })
    })
}

const BYTES_OF_CHILDREN: &str = "
    SELECT coalesce(sum(octet_length(value)), 0)
    FROM (
        SELECT value
        FROM point
        WHERE resource_id IN (SELECT id FROM resource WHERE owner_id = $1)
        LIMIT $2
    ) looked_at";

/// Bytes of the values of what a client owns directly; at most that many values are looked at.
pub fn bytes_of_children(tx: &mut Tx<'_>, client_id: i64, limit: i64) -> Result<i64> {
    tx.one(BYTES_OF_CHILDREN, params![client_id, limit], |row| row.int(0))
}

const BYTES_BELOW: &str = "
    WITH RECURSIVE below (id) AS (
        SELECT id FROM resource WHERE owner_id = $1
        UNION ALL
        SELECT child.id FROM resource child JOIN below ON child.owner_id = below.id
    )
    SELECT coalesce(sum(octet_length(value)), 0)
    FROM (
        SELECT value
        FROM point
        WHERE resource_id IN (SELECT id FROM below)
        LIMIT $2
    ) looked_at";

/// Bytes of the values of all that is below a client; at most that many values are looked at.
pub fn bytes_below(tx: &mut Tx<'_>, client_id: i64, limit: i64) -> Result<i64> {
    tx.one(BYTES_BELOW, params![client_id, limit], |row| row.int(0))
}

const PUT: &str = "
    INSERT INTO point (resource_id, at, value)
    VALUES ($1, $2, $3)
    ON CONFLICT (resource_id, at) DO UPDATE SET value = excluded.value";

/// Stores a value; a later value of the same second replaces the earlier.
pub fn put(tx: &mut Tx<'_>, resource_id: i64, at: UnixSeconds, value: &str) -> Result<()> {
    tx.execute(PUT, params![resource_id, at, value]).map(|_| ())
}

const LATEST: &str = "
    SELECT at, value
    FROM point
    WHERE resource_id = $1
    ORDER BY at DESC
    LIMIT 1";

/// The newest point.
pub fn latest(tx: &mut Tx<'_>, resource_id: i64) -> Result<Option<Point>> {
    tx.find(LATEST, params![resource_id], value)
}

const FIRST_AFTER: &str = "
    SELECT at, value
    FROM point
    WHERE resource_id = $1
        AND at > $2
    ORDER BY at
    LIMIT 1";

/// The oldest point that stands after a second.
pub fn first_after(tx: &mut Tx<'_>, resource_id: i64, after: UnixSeconds) -> Result<Option<Point>> {
    tx.find(FIRST_AFTER, params![resource_id, after], value)
}

const OLDEST_WITHIN: &str = "
    SELECT at, value
    FROM point
    WHERE resource_id = $1
        AND at >= $2
        AND at <= $3
    ORDER BY at
    LIMIT $4";

/// The oldest points of a window whose both ends belong to it, oldest first, as long as `each` answers true.
pub fn oldest_within(
    tx: &mut Tx<'_>,
    resource_id: i64,
    window: (UnixSeconds, UnixSeconds),
    limit: i64,
    mut each: impl FnMut(Point) -> Result<bool>,
) -> Result<()> {
    tx.each(OLDEST_WITHIN, params![resource_id, window.0, window.1, limit], |row| each(value(row)?))
}

const NEWEST_WITHIN: &str = "
    SELECT at, value
    FROM point
    WHERE resource_id = $1
        AND at >= $2
        AND at <= $3
    ORDER BY at DESC
    LIMIT $4";

/// The newest points of a window whose both ends belong to it, newest first, as long as `each` answers true.
pub fn newest_within(
    tx: &mut Tx<'_>,
    resource_id: i64,
    window: (UnixSeconds, UnixSeconds),
    limit: i64,
    mut each: impl FnMut(Point) -> Result<bool>,
) -> Result<()> {
    tx.each(NEWEST_WITHIN, params![resource_id, window.0, window.1, limit], |row| each(value(row)?))
}

const COUNT_WITHIN: &str = "SELECT count(*) FROM point WHERE resource_id = $1 AND at >= $2 AND at <= $3";

/// How many points a window holds; each of them is looked at.
pub fn count_within(tx: &mut Tx<'_>, resource_id: i64, window: (UnixSeconds, UnixSeconds)) -> Result<i64> {
    tx.one(COUNT_WITHIN, params![resource_id, window.0, window.1], |row| row.int(0))
}

const FIRST_WITHIN: &str = "
    SELECT at, value
    FROM point
    WHERE resource_id = $1
        AND at >= $2
        AND at <= $3
    ORDER BY at
    LIMIT 1 OFFSET $4";

/// The oldest point of a window after that many others.
pub fn first_within(
    tx: &mut Tx<'_>,
    resource_id: i64,
    window: (UnixSeconds, UnixSeconds),
    passing_over: i64,
) -> Result<Option<Point>> {
    tx.find(FIRST_WITHIN, params![resource_id, window.0, window.1, passing_over], value)
}

const NEWEST_BEYOND: &str = "
    SELECT at
    FROM point
    WHERE resource_id = $1
    ORDER BY at DESC
    LIMIT 1 OFFSET $2";

/// The second of the newest point that stands behind `count` newer ones, which are looked at.
pub fn newest_beyond(tx: &mut Tx<'_>, resource_id: i64, count: i64) -> Result<Option<UnixSeconds>> {
    tx.find(NEWEST_BEYOND, params![resource_id, count], |row| row.int(0))
}

const SUMMARIZE: &str = "
    SELECT count(*), min(at), max(at), coalesce(sum(octet_length(value)), 0)
    FROM point
    WHERE resource_id = $1";

/// How much a series holds; each of its points is looked at.
pub fn summarize(tx: &mut Tx<'_>, resource_id: i64) -> Result<Summary> {
    tx.one(SUMMARIZE, params![resource_id], |row| {
        Ok(Summary { count: row.int(0)?, first: row.int_or_null(1)?, last: row.int_or_null(2)?, size: row.int(3)? })
    })
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

const DELETE_BETWEEN: &str = "
    DELETE FROM point
    WHERE resource_id = $1
        AND at > $2
        AND at < $3";

/// Removes the points between two seconds, which themselves stay.
pub fn delete_between(tx: &mut Tx<'_>, resource_id: i64, after: UnixSeconds, before: UnixSeconds) -> Result<u64> {
    tx.touch(Subject::Series(resource_id));
    tx.execute(DELETE_BETWEEN, params![resource_id, after, before])
}

const DELETE_SOME: &str = "
    DELETE FROM point
    WHERE resource_id = $1
        AND at IN (SELECT at FROM point WHERE resource_id = $1 AND at <= $2 ORDER BY at LIMIT $3)";

/// Removes the oldest points of a series up to a second, at most `limit` of them; answers how many.
pub fn delete_some(tx: &mut Tx<'_>, resource_id: i64, until: UnixSeconds, limit: i64) -> Result<u64> {
    tx.touch(Subject::Series(resource_id));
    tx.execute(DELETE_SOME, params![resource_id, until, limit])
}

fn value(row: &Row<'_>) -> Result<Point> {
    Ok((row.int(0)?, row.text(1)?))
}
