//! Table `transfer`: devices that their owners offer to others.

use model::{Result, UnixSeconds};

use crate::{KeyHash, Row, Tx, params};

/// A row without its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The device's client.
    pub client_id: i64,
    /// The client that owned it when it was offered.
    pub made_by: i64,
    /// Its values are removed before it changes hands.
    pub erases: bool,
    /// From that second on the code is good for nothing.
    pub expires_at: UnixSeconds,
}

const PUT: &str = "
    INSERT INTO transfer (client_id, code_hash, made_by, erases, expires_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (client_id) DO UPDATE
    SET code_hash = excluded.code_hash, made_by = excluded.made_by, erases = excluded.erases, expires_at = excluded.expires_at";

/// Offers a device; an earlier offer of it is void.
pub fn put(tx: &mut Tx<'_>, transfer: &Transfer, hash: &KeyHash) -> Result<()> {
    let params = params![transfer.client_id, hash.as_bytes(), transfer.made_by, transfer.erases, transfer.expires_at];
    tx.execute(PUT, params).map(|_| ())
}

const FIND_BY_HASH: &str = "
    SELECT client_id, made_by, erases, expires_at, code_hash
    FROM transfer
    WHERE code_hash = $1";

/// The offer whose code has that hash, and the hash that the row holds.
pub fn find_by_hash(tx: &mut Tx<'_>, hash: &KeyHash) -> Result<Option<(Transfer, KeyHash)>> {
    tx.find(FIND_BY_HASH, params![hash.as_bytes()], |row| Ok((value(row)?, KeyHash::from_bytes(row.array(4)?))))
}

const FIND: &str = "
    SELECT client_id, made_by, erases, expires_at
    FROM transfer
    WHERE client_id = $1";

/// The offer of a device.
pub fn find(tx: &mut Tx<'_>, client_id: i64) -> Result<Option<Transfer>> {
    tx.find(FIND, params![client_id], value)
}

const TAKE: &str = "DELETE FROM transfer WHERE client_id = $1 AND code_hash = $2 AND expires_at > $3";

/// Uses an offer up. False when it was used, withdrawn or replaced meanwhile, or its time is over.
pub fn take(tx: &mut Tx<'_>, client_id: i64, hash: &KeyHash) -> Result<bool> {
    let now = tx.now();
    Ok(tx.execute(TAKE, params![client_id, hash.as_bytes(), now])? == 1)
}

const DELETE: &str = "DELETE FROM transfer WHERE client_id = $1";

/// Withdraws an offer, if there is one.
pub fn delete(tx: &mut Tx<'_>, client_id: i64) -> Result<()> {
    tx.execute(DELETE, params![client_id]).map(|_| ())
}

fn value(row: &Row<'_>) -> Result<Transfer> {
    Ok(Transfer { client_id: row.int(0)?, made_by: row.int(1)?, erases: row.bool(2)?, expires_at: row.int(3)? })
}
