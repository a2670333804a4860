//! Table `dispatch_queue`: messages that wait to be sent. One that is being sent says so first, so that it is sent once at most,
//! also when the server ends meanwhile.

use model::Result;

use crate::{Tx, params};

/// A message of a dispatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Row id.
    pub id: i64,
    /// The dispatch.
    pub resource_id: i64,
    /// What is sent.
    pub message: String,
}

const INSERT: &str = "INSERT INTO dispatch_queue (resource_id, message, sending) VALUES ($1, $2, $3)";

/// Lets a message wait.
pub fn insert(tx: &mut Tx<'_>, resource_id: i64, message: &str) -> Result<()> {
    tx.execute(INSERT, params![resource_id, message, false]).map(|_| ())
}

const COUNT_OF: &str = "SELECT count(*) FROM dispatch_queue WHERE resource_id = $1";

/// How many messages of a dispatch wait.
pub fn count_of(tx: &mut Tx<'_>, resource_id: i64) -> Result<i64> {
    tx.one(COUNT_OF, params![resource_id], |row| row.int(0))
}

const WAITING: &str = "
    SELECT id, resource_id, message
    FROM dispatch_queue
    WHERE NOT sending
    ORDER BY id
    LIMIT $1";

/// Messages that nobody sends yet, the oldest first.
pub fn list_waiting(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Queued>> {
    tx.list(WAITING, params![limit], |row| {
        Ok(Queued { id: row.int(0)?, resource_id: row.int(1)?, message: row.text(2)? })
    })
}

const TAKE: &str = "UPDATE dispatch_queue SET sending = $1 WHERE id = $2 AND NOT sending";

/// Says that a message is being sent. False when somebody else does.
pub fn take(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    Ok(tx.execute(TAKE, params![true, id])? == 1)
}

const SENDING: &str = "SELECT id, resource_id, message FROM dispatch_queue WHERE sending ORDER BY id LIMIT $1";

/// Messages that are being sent; at the start of a server, those of which nobody knows what became of them.
pub fn list_sending(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Queued>> {
    tx.list(SENDING, params![limit], |row| {
        Ok(Queued { id: row.int(0)?, resource_id: row.int(1)?, message: row.text(2)? })
    })
}

const REMOVE: &str = "DELETE FROM dispatch_queue WHERE id = $1 RETURNING resource_id";

/// Removes a message; its dispatch, unless it was removed already.
pub fn remove(tx: &mut Tx<'_>, id: i64) -> Result<Option<i64>> {
    tx.find(REMOVE, params![id], |row| row.int(0))
}

const DELETE_OF: &str = "DELETE FROM dispatch_queue WHERE resource_id = $1";

/// Removes the messages of a dispatch.
pub fn delete_of(tx: &mut Tx<'_>, resource_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![resource_id]).map(|_| ())
}
