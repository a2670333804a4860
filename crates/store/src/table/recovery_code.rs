//! Table `recovery_code`: codes that stand in for a lost second factor, kept as keyed hashes.

use model::Result;

use crate::{KeyHash, Tx, params};

const INSERT: &str = "INSERT INTO recovery_code (account_id, code_hash) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// Adds a code.
pub fn insert(tx: &mut Tx<'_>, account_id: i64, hash: &KeyHash) -> Result<()> {
    tx.execute(INSERT, params![account_id, hash.as_bytes()]).map(|_| ())
}

const DELETE: &str = "DELETE FROM recovery_code WHERE account_id = $1 AND code_hash = $2";

/// Uses a code up. False when there is no such code.
pub fn delete(tx: &mut Tx<'_>, account_id: i64, hash: &KeyHash) -> Result<bool> {
    Ok(tx.execute(DELETE, params![account_id, hash.as_bytes()])? == 1)
}

const COUNT: &str = "SELECT count(*) FROM recovery_code WHERE account_id = $1";

/// How many codes are left.
pub fn count(tx: &mut Tx<'_>, account_id: i64) -> Result<i64> {
    tx.one(COUNT, params![account_id], |row| row.int(0))
}

const DELETE_ALL: &str = "DELETE FROM recovery_code WHERE account_id = $1";

/// Removes all codes of an account.
pub fn delete_all(tx: &mut Tx<'_>, account_id: i64) -> Result<()> {
    tx.execute(DELETE_ALL, params![account_id]).map(|_| ())
}
