//! Table `account_session`: browsers that are signed in. The key of a session is kept as a keyed hash only.

use model::{Result, UnixSeconds};

use crate::{KeyHash, Row, Subject, Tx, params};

/// A row without its hash.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Row id.
    pub id: i64,
    /// Whose it is.
    pub account_id: i64,
    /// False while a one-time code is still asked for.
    pub is_whole: bool,
    /// The client as which a platform administrator works.
    pub acting_id: Option<i64>,
    /// When the person signed in.
    pub created_at: UnixSeconds,
    /// When it was used, to the minute.
    pub used_at: UnixSeconds,
    /// The peer address at sign-in.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

const INSERT: &str = "
    INSERT INTO account_session (id, key_hash, account_id, stage, created_at, used_at, address, agent)
    VALUES ($1, $2, $3, $4, $5, $5, $6, $7)";

/// Adds a session.
pub fn insert(tx: &mut Tx<'_>, session: &Session, hash: &KeyHash) -> Result<()> {
    let params = params![
        session.id,
        hash.as_bytes(),
        session.account_id,
        stage(session.is_whole),
        session.created_at,
        &session.address,
        &session.agent,
    ];
    tx.execute(INSERT, params).map(|_| ())
}

const FIND_BY_HASH: &str = "
    SELECT id, account_id, stage, acting_id, created_at, used_at, address, agent, key_hash
    FROM account_session
    WHERE key_hash = $1";

/// The session whose key has that hash, and the hash that the row holds.
pub fn find_by_hash(tx: &mut Tx<'_>, hash: &KeyHash) -> Result<Option<(Session, KeyHash)>> {
    tx.find(FIND_BY_HASH, params![hash.as_bytes()], |row| Ok((value(row)?, KeyHash::from_bytes(row.array(8)?))))
}

const LIST: &str = "
    SELECT id, account_id, stage, acting_id, created_at, used_at, address, agent
    FROM account_session
    WHERE account_id = $1
    ORDER BY used_at DESC, id DESC";

/// The sessions of an account, the one used last first.
pub fn list(tx: &mut Tx<'_>, account_id: i64) -> Result<Vec<Session>> {
    tx.list(LIST, params![account_id], value)
}

const NOTE_USE: &str = "UPDATE account_session SET used_at = $1 WHERE id = $2";

/// Writes down that it was used.
pub fn note_use(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let now = tx.now();
    tx.execute(NOTE_USE, params![now, id]).map(|_| ())
}

const ACT_AS: &str = "UPDATE account_session SET acting_id = $1 WHERE id = $2";

/// Lets it work as another client, or as itself again.
pub fn act_as(tx: &mut Tx<'_>, id: i64, client_id: Option<i64>) -> Result<()> {
    tx.execute(ACT_AS, params![client_id, id]).map(|_| ())
}

const DELETE: &str = "DELETE FROM account_session WHERE id = $1 AND account_id = $2";

/// Ends a session of an account. False when there was none.
pub fn delete(tx: &mut Tx<'_>, id: i64, account_id: i64) -> Result<bool> {
    tx.touch(Subject::Account(account_id));
    Ok(tx.execute(DELETE, params![id, account_id])? == 1)
}

const DELETE_OTHERS: &str = "DELETE FROM account_session WHERE account_id = $1 AND id <> $2";

/// Ends all sessions of an account but one; answers how many.
pub fn delete_others(tx: &mut Tx<'_>, account_id: i64, kept_id: i64) -> Result<u64> {
    tx.touch(Subject::Account(account_id));
    tx.execute(DELETE_OTHERS, params![account_id, kept_id])
}

const DELETE_UNUSED: &str = "
    DELETE FROM account_session
    WHERE id IN (SELECT id FROM account_session WHERE used_at < $1 ORDER BY used_at LIMIT $2)";

/// Removes some sessions that were not used since; answers how many.
pub fn delete_unused(tx: &mut Tx<'_>, since: UnixSeconds, limit: i64) -> Result<u64> {
    tx.execute(DELETE_UNUSED, params![since, limit])
}

const DELETE_ALL: &str = "DELETE FROM account_session";

/// Ends every session of everybody.
pub fn delete_all(tx: &mut Tx<'_>) -> Result<u64> {
    tx.execute(DELETE_ALL, params![])
}

fn stage(is_whole: bool) -> i64 {
    if is_whole { 1 } else { 2 }
}

fn value(row: &Row<'_>) -> Result<Session> {
    Ok(Session {
        id: row.int(0)?,
        account_id: row.int(1)?,
        is_whole: row.int(2)? == 1,
        acting_id: row.int_or_null(3)?,
        created_at: row.int(4)?,
        used_at: row.int(5)?,
        address: row.text(6)?,
        agent: row.text(7)?,
    })
}
