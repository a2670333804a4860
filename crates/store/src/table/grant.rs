//! Tables `grant_token` and `grant_right`: tokens with some rights for some time.

use model::{Result, UnixSeconds};

use crate::{KeyHash, Revoked, Row, Tx, params};

/// A token without its key.
#[derive(Clone, Copy)]
pub struct GrantToken {
    /// Row id.
    pub id: i64,
    /// The client that calls with it.
    pub client_id: i64,
    /// The client that lent it.
    pub lender_id: i64,
    /// The keyed hash of the key that the lender had then.
    pub lender_hash: KeyHash,
    /// From that second on it is dead.
    pub expires_at: UnixSeconds,
}

const INSERT: &str = "
    INSERT INTO grant_token (id, key_hash, client_id, lender_id, lender_hash, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6)";

/// Adds a token.
pub fn insert(tx: &mut Tx<'_>, token: &GrantToken, hash: &KeyHash) -> Result<()> {
    let params = params![
        token.id,
        hash.as_bytes(),
        token.client_id,
        token.lender_id,
        token.lender_hash.as_bytes(),
        token.expires_at,
    ];
    tx.execute(INSERT, params).map(|_| ())
}

const INSERT_RIGHT: &str = "INSERT INTO grant_right (token_id, resource_id, rights) VALUES ($1, $2, $3)";

/// Adds rights on a resource, a set of bits.
pub fn insert_right(tx: &mut Tx<'_>, token_id: i64, resource_id: i64, rights: i64) -> Result<()> {
    tx.execute(INSERT_RIGHT, params![token_id, resource_id, rights]).map(|_| ())
}

const FIND: &str = "
    SELECT id, client_id, lender_id, lender_hash, expires_at, key_hash
    FROM grant_token
    WHERE id = $1";

/// The token with this row id, and the hash that its key must have.
pub fn find_with_hash(tx: &mut Tx<'_>, id: i64) -> Result<Option<(GrantToken, KeyHash)>> {
    tx.find(FIND, params![id], |row| {
        let token = GrantToken {
            id: row.int(0)?,
            client_id: row.int(1)?,
            lender_id: row.int(2)?,
            lender_hash: KeyHash::from_bytes(row.array(3)?),
            expires_at: row.int(4)?,
        };
        Ok((token, KeyHash::from_bytes(row.array(5)?)))
    })
}

const RIGHTS: &str = "SELECT resource_id, rights FROM grant_right WHERE token_id = $1 ORDER BY resource_id";

/// What a token may do: (resource, bits).
pub fn list_rights(tx: &mut Tx<'_>, token_id: i64) -> Result<Vec<(i64, i64)>> {
    tx.list(RIGHTS, params![token_id], |row| Ok((row.int(0)?, row.int(1)?)))
}

const COUNT_OF: &str = "SELECT count(*) FROM grant_token WHERE client_id = $1";

/// How many tokens call as a client.
pub fn count_of(tx: &mut Tx<'_>, client_id: i64) -> Result<i64> {
    tx.one(COUNT_OF, params![client_id], |row| row.int(0))
}

const EXPIRED: &str = "
    SELECT id
    FROM grant_token
    WHERE expires_at <= $1
    ORDER BY expires_at
    LIMIT $2";
const DELETE_RIGHTS: &str = "DELETE FROM grant_right WHERE token_id = $1";
const DELETE: &str = "DELETE FROM grant_token WHERE id = $1";

/// Whether some token is dead.
pub fn has_expired(tx: &mut Tx<'_>) -> Result<bool> {
    let now = tx.now();
    tx.any(EXPIRED, params![now, 1])
}

/// Removes some of the tokens that are dead; answers how many.
pub fn delete_expired(tx: &mut Tx<'_>, limit: i64) -> Result<usize> {
    let now = tx.now();
    let dead = tx.list(EXPIRED, params![now, limit], |row| row.int(0))?;
    for id in &dead {
        delete(tx, *id)?;
    }
    Ok(dead.len())
}

const OF_CLIENT: &str = "SELECT id, key_hash FROM grant_token WHERE client_id = $1 ORDER BY id";

/// Removes the tokens that call as a client.
pub fn delete_of(tx: &mut Tx<'_>, client_id: i64) -> Result<()> {
    let dead = |row: &Row<'_>| Ok((row.int(0)?, KeyHash::from_bytes(row.array(1)?)));
    for (id, hash) in tx.list(OF_CLIENT, params![client_id], dead)? {
        delete(tx, id)?;
        tx.revoke(Revoked::Grant { id, hash });
    }
    Ok(())
}

/// Removes a token by its row and its hash; false where there is none.
pub fn delete_revoked(tx: &mut Tx<'_>, id: i64, hash: &KeyHash) -> Result<bool> {
    let lives = find_with_hash(tx, id)?.is_some_and(|(_, kept)| kept.matches(hash));
    if lives {
        delete(tx, id)?;
        tx.revoke(Revoked::Grant { id, hash: *hash });
    }
    Ok(lives)
}

fn delete(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    tx.execute(DELETE_RIGHTS, params![id])?;
    tx.execute(DELETE, params![id]).map(|_| ())
}
