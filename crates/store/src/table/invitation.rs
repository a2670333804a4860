//! Table `invitation`: links by which a person makes an account, or chooses a new password.

use model::{Result, Role, UnixSeconds};

use crate::{KeyHash, Row, Tx, params};

/// A row without its hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Invitation {
    /// Row id.
    pub id: i64,
    /// The account whose password may be chosen anew.
    pub account_id: Option<i64>,
    /// The role of a new account.
    pub role: Role,
    /// The client as which it acts.
    pub client_id: Option<i64>,
    /// The client below which a new one is made for it.
    pub below_id: Option<i64>,
    /// The name of that new client.
    pub owner_name: String,
    /// For whom it is, in the words of who made it.
    pub note: String,
    /// The account that made it; none where the operator did.
    pub made_by: Option<i64>,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// From that second on it is good for nothing.
    pub expires_at: UnixSeconds,
}

const INSERT: &str = "
    INSERT INTO invitation
        (id, key_hash, account_id, role, client_id, below_id, owner_name, note, made_by, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// Adds an invitation.
pub fn insert(tx: &mut Tx<'_>, invitation: &Invitation, hash: &KeyHash) -> Result<()> {
    let params = params![
        invitation.id,
        hash.as_bytes(),
        invitation.account_id,
        invitation.role.code(),
        invitation.client_id,
        invitation.below_id,
        &invitation.owner_name,
        &invitation.note,
        invitation.made_by,
        invitation.created_at,
        invitation.expires_at,
    ];
    tx.execute(INSERT, params).map(|_| ())
}

const FIND_BY_HASH: &str = "
    SELECT id, account_id, role, client_id, below_id, owner_name, note, made_by, created_at, expires_at, key_hash
    FROM invitation
    WHERE key_hash = $1";

/// The invitation whose key has that hash, and the hash that the row holds.
pub fn find_by_hash(tx: &mut Tx<'_>, hash: &KeyHash) -> Result<Option<(Invitation, KeyHash)>> {
    tx.find(FIND_BY_HASH, params![hash.as_bytes()], |row| Ok((value(row)?, KeyHash::from_bytes(row.array(10)?))))
}

const FIND: &str = "
    SELECT id, account_id, role, client_id, below_id, owner_name, note, made_by, created_at, expires_at
    FROM invitation
    WHERE id = $1";

/// The invitation with this row id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Invitation>> {
    tx.find(FIND, params![id], value)
}

const LIST: &str = "
    SELECT id, account_id, role, client_id, below_id, owner_name, note, made_by, created_at, expires_at
    FROM invitation
    WHERE (client_id = $1 OR below_id = $1) AND expires_at > $2
    ORDER BY id DESC
    LIMIT $3";

/// The open invitations to act as a client, or as a new one below it.
pub fn list(tx: &mut Tx<'_>, client_id: i64, limit: i64) -> Result<Vec<Invitation>> {
    let now = tx.now();
    tx.list(LIST, params![client_id, now, limit], value)
}

const DELETE: &str = "DELETE FROM invitation WHERE id = $1";

/// Uses an invitation up. False when it was gone already.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    Ok(tx.execute(DELETE, params![id])? == 1)
}

const DELETE_ALL: &str = "DELETE FROM invitation";

/// Takes every link back.
pub fn delete_all(tx: &mut Tx<'_>) -> Result<u64> {
    tx.execute(DELETE_ALL, params![])
}

const DELETE_OF_ACCOUNT: &str = "DELETE FROM invitation WHERE account_id = $1";

/// Takes back the links that choose an account's password.
pub fn delete_of_account(tx: &mut Tx<'_>, account_id: i64) -> Result<()> {
    tx.execute(DELETE_OF_ACCOUNT, params![account_id]).map(|_| ())
}

const DELETE_EXPIRED: &str = "
    DELETE FROM invitation
    WHERE id IN (SELECT id FROM invitation WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";

/// Removes some invitations that are over; answers how many.
pub fn delete_expired(tx: &mut Tx<'_>, limit: i64) -> Result<u64> {
    let now = tx.now();
    tx.execute(DELETE_EXPIRED, params![now, limit])
}

fn value(row: &Row<'_>) -> Result<Invitation> {
    Ok(Invitation {
        id: row.int(0)?,
        account_id: row.int_or_null(1)?,
        role: Role::from_code(row.int(2)?)?,
        client_id: row.int_or_null(3)?,
        below_id: row.int_or_null(4)?,
        owner_name: row.text(5)?,
        note: row.text(6)?,
        made_by: row.int_or_null(7)?,
        created_at: row.int(8)?,
        expires_at: row.int(9)?,
    })
}
