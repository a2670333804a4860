//! Table `share_code`: codes by which a resource's owner lets one other client read it, or clone it.

use model::Result;

use crate::{KeyHash, Row, Sealed, Tx, params};

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
    /// True when the owner killed it.
    pub revoked: bool,
}

const INSERT: &str = "
    INSERT INTO share_code (id, resource_id, key_hash, key_sealed, meta, activated_by, revoked)
    VALUES ($1, $2, $3, $4, $5, NULL, $6)";

/// Adds a code.
pub fn insert(tx: &mut Tx<'_>, id: i64, resource_id: i64, hash: &KeyHash, sealed: &Sealed, meta: &str) -> Result<()> {
    tx.execute(INSERT, params![id, resource_id, hash.as_bytes(), &sealed.0, meta, false]).map(|_| ())
}

const FIND: &str = "
    SELECT id, resource_id, meta, activated_by, revoked, key_hash
    FROM share_code
    WHERE id = $1";

/// The code with this row id, and the hash that its key must have.
pub fn find_with_hash(tx: &mut Tx<'_>, id: i64) -> Result<Option<(ShareCode, KeyHash)>> {
    tx.find(FIND, params![id], |row| Ok((value(row)?, KeyHash::from_bytes(row.array(5)?))))
}

const SEALED: &str = "SELECT key_sealed FROM share_code WHERE id = $1";

/// The sealed code.
pub fn sealed_key(tx: &mut Tx<'_>, id: i64) -> Result<Option<Sealed>> {
    tx.find(SEALED, params![id], |row| Ok(Sealed(row.bytes(0)?)))
}

const DELETE_OF: &str = "DELETE FROM share_code WHERE resource_id = $1";

/// Removes the codes of a resource.
pub fn delete_of(tx: &mut Tx<'_>, resource_id: i64) -> Result<()> {
    tx.execute(DELETE_OF, params![resource_id]).map(|_| ())
}

fn value(row: &Row<'_>) -> Result<ShareCode> {
    Ok(ShareCode {
        id: row.int(0)?,
        resource_id: row.int(1)?,
        meta: row.text(2)?,
        activated_by: row.int_or_null(3)?,
        revoked: row.bool(4)?,
    })
}
