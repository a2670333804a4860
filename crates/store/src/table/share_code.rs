//! Table `share_code`: codes by which a resource's owner lets one other client read it, or clone it.

use model::{Result, Rid};

use crate::{KeyHash, Revoked, Row, Sealed, Tx, params};

/// A row without its key.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareCode {
    /// Row id.
    pub id: i64,
    /// What is shared.
    pub resource_id: i64,
    /// Free text of the owner.
    pub meta: String,
    /// The one client that activated it.
    pub activated_by: Option<i64>,
}

const INSERT: &str = "
    INSERT INTO share_code (id, resource_id, key_hash, key_sealed, meta, activated_by)
    VALUES ($1, $2, $3, $4, $5, NULL)";

/// Adds a code.
pub fn insert(tx: &mut Tx<'_>, id: i64, resource_id: i64, hash: &KeyHash, sealed: &Sealed, meta: &str) -> Result<()> {
    tx.execute(INSERT, params![id, resource_id, hash.as_bytes(), &sealed.0, meta]).map(|_| ())
}

const FIND: &str = "
    SELECT id, resource_id, meta, activated_by, key_hash
    FROM share_code
    WHERE id = $1";

/// The code with this row id, and the hash that its key must have.
pub fn find_with_hash(tx: &mut Tx<'_>, id: i64) -> Result<Option<(ShareCode, KeyHash)>> {
    tx.find(FIND, params![id], |row| Ok((value(row)?, KeyHash::from_bytes(row.array(4)?))))
}

const SEALED: &str = "SELECT key_sealed FROM share_code WHERE id = $1";

/// The sealed code.
pub fn sealed_key(tx: &mut Tx<'_>, id: i64) -> Result<Option<Sealed>> {
    tx.find(SEALED, params![id], |row| Ok(Sealed(row.bytes(0)?)))
}

const COUNT_OF: &str = "SELECT count(*) FROM share_code WHERE resource_id = $1";

/// How many codes a resource has.
pub fn count_of(tx: &mut Tx<'_>, resource_id: i64) -> Result<i64> {
    tx.one(COUNT_OF, params![resource_id], |row| row.int(0))
}

const COUNT_OF_CHILDREN: &str = "
    SELECT count(*)
    FROM share_code
    WHERE resource_id IN (SELECT id FROM resource WHERE owner_id = $1)";

/// How many codes there are of what a client owns directly.
pub fn count_of_children(tx: &mut Tx<'_>, client_id: i64) -> Result<i64> {
    tx.one(COUNT_OF_CHILDREN, params![client_id], |row| row.int(0))
}

const COUNT_BELOW: &str = "
    WITH RECURSIVE below (id) AS (
        SELECT id FROM resource WHERE owner_id = $1
        UNION ALL
        SELECT child.id FROM resource child JOIN below ON child.owner_id = below.id
    )
    SELECT count(*) FROM share_code WHERE resource_id IN (SELECT id FROM below)";

/// How many codes there are of all that is below a client.
pub fn count_below(tx: &mut Tx<'_>, client_id: i64) -> Result<i64> {
    tx.one(COUNT_BELOW, params![client_id], |row| row.int(0))
}

const LIST_OF: &str = "
    SELECT id, resource_id, meta, activated_by, key_sealed
    FROM share_code
    WHERE resource_id = $1
    ORDER BY id";

/// The living codes of a resource, each with its sealed key.
pub fn list_of(tx: &mut Tx<'_>, resource_id: i64) -> Result<Vec<(ShareCode, Sealed)>> {
    tx.list(LIST_OF, params![resource_id], |row| Ok((value(row)?, Sealed(row.bytes(4)?))))
}

const IS_ACTIVATED: &str = "
    SELECT 1
    FROM share_code
    WHERE activated_by = $1 AND resource_id = $2";

/// Whether a client has activated a living code of a resource.
pub fn is_activated(tx: &mut Tx<'_>, client_id: i64, resource_id: i64) -> Result<bool> {
    tx.any(IS_ACTIVATED, params![client_id, resource_id])
}

const ACTIVATED: &str = "
    SELECT DISTINCT resource_id
    FROM share_code
    WHERE activated_by = $1
    ORDER BY resource_id";

/// The row ids of what others share with a client.
pub fn list_activated(tx: &mut Tx<'_>, client_id: i64) -> Result<Vec<i64>> {
    tx.list(ACTIVATED, params![client_id], |row| row.int(0))
}

const SET_META: &str = "UPDATE share_code SET meta = $1 WHERE id = $2";

/// Replaces the owner's text.
pub fn set_meta(tx: &mut Tx<'_>, id: i64, meta: &str) -> Result<()> {
    tx.execute(SET_META, params![meta, id]).map(|_| ())
}

const ACTIVATE: &str = "UPDATE share_code SET activated_by = $1 WHERE id = $2 AND coalesce(activated_by, $1) = $1";

/// Gives the code to a client. False when another one has it.
pub fn activate(tx: &mut Tx<'_>, id: i64, client_id: i64) -> Result<bool> {
    Ok(tx.execute(ACTIVATE, params![client_id, id])? == 1)
}

const DEACTIVATE: &str = "
    UPDATE share_code
    SET activated_by = NULL
    WHERE id = $1 AND activated_by = $2
    RETURNING id, key_hash";

/// Takes the code from a client. False when it did not have it.
pub fn deactivate(tx: &mut Tx<'_>, id: i64, client_id: i64) -> Result<bool> {
    let ended = tx.list(DEACTIVATE, params![id, client_id], dead)?;
    Ok(note_ended(tx, client_id, &ended)? > 0)
}

const DEACTIVATE_RESOURCE: &str = "
    UPDATE share_code
    SET activated_by = NULL
    WHERE resource_id = $1 AND activated_by = $2
    RETURNING id, key_hash";

/// Takes all codes of a resource from a client. False when it had none.
pub fn deactivate_resource(tx: &mut Tx<'_>, resource_id: i64, client_id: i64) -> Result<bool> {
    let ended = tx.list(DEACTIVATE_RESOURCE, params![resource_id, client_id], dead)?;
    Ok(note_ended(tx, client_id, &ended)? > 0)
}

const FORGET_CLIENT: &str = "UPDATE share_code SET activated_by = NULL WHERE activated_by = $1";

/// Takes all codes from a client.
pub fn forget_client(tx: &mut Tx<'_>, client_id: i64) -> Result<()> {
    tx.execute(FORGET_CLIENT, params![client_id]).map(|_| ())
}

const DELETE: &str = "DELETE FROM share_code WHERE id = $1 RETURNING id, key_hash";

/// Kills a code.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let gone = tx.find(DELETE, params![id], dead)?;
    gone.into_iter().for_each(|(id, hash)| tx.revoke(Revoked::ShareCode { id, hash }));
    Ok(gone.is_some())
}

const DELETE_OF: &str = "DELETE FROM share_code WHERE resource_id = $1 RETURNING id, key_hash";

/// Removes the codes of a resource.
pub fn delete_of(tx: &mut Tx<'_>, resource_id: i64) -> Result<()> {
    let gone = tx.list(DELETE_OF, params![resource_id], dead)?;
    gone.into_iter().for_each(|(id, hash)| tx.revoke(Revoked::ShareCode { id, hash }));
    Ok(())
}

const CLIENT: &str = "SELECT rid FROM resource WHERE id = $1";

/// Says to the revocation journal which codes a client has lost; answers how many.
fn note_ended(tx: &mut Tx<'_>, client_id: i64, ended: &[(i64, KeyHash)]) -> Result<usize> {
    if !ended.is_empty() {
        let client = tx.one(CLIENT, params![client_id], |row| Ok(Rid::from_bytes(row.array(0)?)))?;
        ended.iter().for_each(|(code_id, hash)| tx.revoke(Revoked::Reading { code_id: *code_id, hash: *hash, client }));
    }
    Ok(ended.len())
}

fn dead(row: &Row<'_>) -> Result<(i64, KeyHash)> {
    Ok((row.int(0)?, KeyHash::from_bytes(row.array(1)?)))
}

fn value(row: &Row<'_>) -> Result<ShareCode> {
    Ok(ShareCode { id: row.int(0)?, resource_id: row.int(1)?, meta: row.text(2)?, activated_by: row.int_or_null(3)? })
}
