//! Table `alias`: names that point from a client at its resources. Whatever changes a name touches its client, because
//! caches and waiting requests hold what names point at.

use model::Result;

use crate::{Subject, Tx, params};

const INSERT: &str = "
    INSERT INTO alias (client_id, name, resource_id)
    VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING";

/// Maps a name. False when the client has that name already.
pub fn insert(tx: &mut Tx<'_>, client_id: i64, name: &str, resource_id: i64) -> Result<bool> {
    tx.touch(Subject::Client(client_id));
    Ok(tx.execute(INSERT, params![client_id, name, resource_id])? == 1)
}

const FIND: &str = "SELECT resource_id FROM alias WHERE client_id = $1 AND name = $2";

/// The resource that a name points at.
pub fn find(tx: &mut Tx<'_>, client_id: i64, name: &str) -> Result<Option<i64>> {
    tx.find(FIND, params![client_id, name], |row| row.int(0))
}

const LIST: &str = "SELECT name, resource_id FROM alias WHERE client_id = $1 ORDER BY name";

/// All names of a client, with the row ids that they point at.
pub fn list(tx: &mut Tx<'_>, client_id: i64) -> Result<Vec<(String, i64)>> {
    tx.list(LIST, params![client_id], |row| Ok((row.text(0)?, row.int(1)?)))
}

const LIST_OF: &str = "SELECT client_id, name FROM alias WHERE resource_id = $1 ORDER BY client_id, name";

/// All names of a resource, with the clients that gave them by row id.
pub fn list_of(tx: &mut Tx<'_>, resource_id: i64) -> Result<Vec<(i64, String)>> {
    tx.list(LIST_OF, params![resource_id], |row| Ok((row.int(0)?, row.text(1)?)))
}

const DELETE: &str = "DELETE FROM alias WHERE client_id = $1 AND name = $2";

/// Unmaps a name. False when it was not mapped.
pub fn delete(tx: &mut Tx<'_>, client_id: i64, name: &str) -> Result<bool> {
    tx.touch(Subject::Client(client_id));
    Ok(tx.execute(DELETE, params![client_id, name])? == 1)
}

const DELETE_OF: &str = "DELETE FROM alias WHERE client_id = $1 OR resource_id = $1 RETURNING client_id";

/// Removes the names that a resource has and, if it is a client, gives.
pub fn delete_of(tx: &mut Tx<'_>, resource_id: i64) -> Result<()> {
    let clients = tx.list(DELETE_OF, params![resource_id], |row| row.int(0))?;
    clients.into_iter().for_each(|client| tx.touch(Subject::Client(client)));
    Ok(())
}
