//! Table `vendor_token`: keys that stand in for a vendor's CIK in the management API.

use model::{Result, TokenId};

use crate::{KeyHash, Revoked, Row, Sealed, Tx, params};

const INSERT: &str = "
    INSERT INTO vendor_token (id, vendor_id, name, key_hash, key_sealed, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (vendor_id, name) DO NOTHING";

/// Adds a token. False when the vendor has one of that id.
pub fn insert(
    tx: &mut Tx<'_>,
    id: i64,
    vendor_id: i64,
    name: &TokenId,
    hash: &KeyHash,
    sealed: &Sealed,
) -> Result<bool> {
    let now = tx.now();
    Ok(tx.execute(INSERT, params![id, vendor_id, name.as_str(), hash.as_bytes(), &sealed.0, now])? == 1)
}

const FIND_KEY: &str = "SELECT vendor_id, key_hash FROM vendor_token WHERE id = $1";

/// The vendor of the token with this row id, and the hash that its key must have.
pub fn find_with_hash(tx: &mut Tx<'_>, id: i64) -> Result<Option<(i64, KeyHash)>> {
    tx.find(FIND_KEY, params![id], |row| Ok((row.int(0)?, KeyHash::from_bytes(row.array(1)?))))
}

const FIND: &str = "SELECT id, key_sealed FROM vendor_token WHERE vendor_id = $1 AND name = $2";

/// The row id and the sealed key of a vendor's token.
pub fn find(tx: &mut Tx<'_>, vendor_id: i64, name: &TokenId) -> Result<Option<(i64, Sealed)>> {
    tx.find(FIND, params![vendor_id, name.as_str()], |row| Ok((row.int(0)?, Sealed(row.bytes(1)?))))
}

const LIST: &str = "SELECT name FROM vendor_token WHERE vendor_id = $1 ORDER BY name";

/// The ids of a vendor's tokens.
pub fn list(tx: &mut Tx<'_>, vendor_id: i64) -> Result<Vec<TokenId>> {
    tx.list(LIST, params![vendor_id], |row| Ok(TokenId::from_stored(row.text(0)?)))
}

const DELETE: &str = "
    DELETE FROM vendor_token
    WHERE vendor_id = $1 AND name = $2
    RETURNING id, key_hash";

/// Kills a token. False when there was none.
pub fn delete(tx: &mut Tx<'_>, vendor_id: i64, name: &TokenId) -> Result<bool> {
    let dead = tx.find(DELETE, params![vendor_id, name.as_str()], revoked)?;
    dead.into_iter().for_each(|token| tx.revoke(token));
    Ok(dead.is_some())
}

const DELETE_ALL: &str = "DELETE FROM vendor_token WHERE vendor_id = $1 RETURNING id, key_hash";

/// Kills all tokens of a vendor.
pub fn delete_all(tx: &mut Tx<'_>, vendor_id: i64) -> Result<()> {
    let dead = tx.list(DELETE_ALL, params![vendor_id], revoked)?;
    dead.into_iter().for_each(|token| tx.revoke(token));
    Ok(())
}

const DELETE_REVOKED: &str = "DELETE FROM vendor_token WHERE id = $1 AND key_hash = $2 RETURNING vendor_id";

/// Kills a token by its row and its hash; answers its vendor.
pub fn delete_revoked(tx: &mut Tx<'_>, id: i64, hash: &KeyHash) -> Result<Option<i64>> {
    let vendor_id = tx.find(DELETE_REVOKED, params![id, hash.as_bytes()], |row| row.int(0))?;
    if vendor_id.is_some() {
        tx.revoke(Revoked::Token { id, hash: *hash });
    }
    Ok(vendor_id)
}

fn revoked(row: &Row<'_>) -> Result<Revoked> {
    Ok(Revoked::Token { id: row.int(0)?, hash: KeyHash::from_bytes(row.array(1)?) })
}
