//! Table `rule_timer`: when a datarule is to be looked at again by itself. It is kept, so that it survives a restart.

use model::{Result, UnixSeconds};

use crate::{Tx, params};

/// A timer that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleTimer {
    /// The row id of the datarule.
    pub resource_id: i64,
    /// At that second it elapses.
    pub due_at: UnixSeconds,
    /// How many values have counted since it began.
    pub count: i64,
}

const PUT: &str = "
    INSERT INTO rule_timer (resource_id, due_at, count)
    VALUES ($1, $2, $3)
    ON CONFLICT (resource_id) DO UPDATE SET due_at = excluded.due_at, count = excluded.count";

/// Starts a timer, or starts it anew.
pub fn put(tx: &mut Tx<'_>, timer: &RuleTimer) -> Result<()> {
    tx.execute(PUT, params![timer.resource_id, timer.due_at, timer.count]).map(|_| ())
}

const FIND: &str = "SELECT resource_id, due_at, count FROM rule_timer WHERE resource_id = $1";

/// The timer of a datarule, if it runs.
pub fn find(tx: &mut Tx<'_>, resource_id: i64) -> Result<Option<RuleTimer>> {
    tx.find(FIND, params![resource_id], |row| {
        Ok(RuleTimer { resource_id: row.int(0)?, due_at: row.int(1)?, count: row.int(2)? })
    })
}

const DUE: &str = "
    SELECT resource_id, due_at, count
    FROM rule_timer
    WHERE due_at <= $1
    ORDER BY due_at
    LIMIT $2";

/// Timers that have elapsed, the oldest first.
pub fn list_due(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<RuleTimer>> {
    let now = tx.now();
    tx.list(DUE, params![now, limit], |row| {
        Ok(RuleTimer { resource_id: row.int(0)?, due_at: row.int(1)?, count: row.int(2)? })
    })
}

const DELETE: &str = "DELETE FROM rule_timer WHERE resource_id = $1";

/// Stops a timer, if it runs.
pub fn delete(tx: &mut Tx<'_>, resource_id: i64) -> Result<()> {
    tx.execute(DELETE, params![resource_id]).map(|_| ())
}
