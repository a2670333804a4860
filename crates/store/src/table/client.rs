//! Table `client`: the one key of a client, its state and its activation window.
//!
//! Every change of state guards itself in its own WHERE clause (promises I1 and I6): the row that comes back, or the lack of
//! one, is the decision.

use model::{Error, Result, UnixSeconds};

use super::revocation;
use crate::{KeyHash, Row, Sealed, Tx, params};

/// Where a client stands. The wire knows no difference between `Answered` and `Used`: both are `activated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It has a key that its device may still fetch.
    NotActivated,
    /// Its device fetched the key and has not used it yet.
    Answered,
    /// The key has authenticated at least once.
    Used,
    /// Its key is dead.
    Expired,
}

/// A row without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Row id, the same as the resource's.
    pub id: i64,
    /// Where it stands.
    pub state: State,
    /// The end of the activation window; from that second on it is closed.
    pub expires_at: Option<UnixSeconds>,
    /// The event of the activation that gave the present key.
    pub answer_id: Option<i64>,
    /// The newest event of its serial number.
    pub event_id: Option<i64>,
    /// How many events its serial number has had.
    pub event_count: i64,
}

const INSERT: &str = "
    INSERT INTO client (id, key_hash, key_sealed, state, expires_at, answer_id, event_id, event_count)
    VALUES ($1, $2, $3, $4, $5, NULL, $6, $7)";

/// Adds the key of a new client.
pub fn insert(tx: &mut Tx<'_>, client: &Client, hash: &KeyHash, sealed: &Sealed) -> Result<()> {
    let params = params![
        client.id,
        hash.as_bytes(),
        &sealed.0,
        client.state.code(),
        client.expires_at,
        client.event_id,
        client.event_count,
    ];
    tx.execute(INSERT, params).map(|_| ())
}

const FIND: &str = "
    SELECT id, state, expires_at, answer_id, event_id, event_count
    FROM client
    WHERE id = $1";

/// The client with this row id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Client>> {
    tx.find(FIND, params![id], |row| value(row, 0))
}

const FIND_KEY: &str = "
    SELECT id, state, expires_at, answer_id, event_id, event_count, key_hash
    FROM client
    WHERE id = $1";

/// The client with this row id, and the hash that its key must have.
pub fn find_with_hash(tx: &mut Tx<'_>, id: i64) -> Result<Option<(Client, KeyHash)>> {
    tx.find(FIND_KEY, params![id], |row| Ok((value(row, 0)?, KeyHash::from_bytes(row.array(6)?))))
}

const CALLING: &str = "
    SELECT c.id, c.state, c.expires_at, c.answer_id, c.event_id, c.event_count, c.key_hash, r.locked
    FROM client c
    JOIN resource r ON r.id = c.id
    WHERE c.id = $1";

/// The client with this row id, the hash that its key must have, and whether its owner has locked it.
pub fn find_calling(tx: &mut Tx<'_>, id: i64) -> Result<Option<(Client, KeyHash, bool)>> {
    tx.find(CALLING, params![id], |row| Ok((value(row, 0)?, KeyHash::from_bytes(row.array(6)?), row.bool(7)?)))
}

const SEALED: &str = "SELECT key_sealed FROM client WHERE id = $1";

/// The sealed key.
pub fn sealed_key(tx: &mut Tx<'_>, id: i64) -> Result<Option<Sealed>> {
    tx.find(SEALED, params![id], |row| Ok(Sealed(row.bytes(0)?)))
}

const ACTIVATE: &str = "
    UPDATE client
    SET state = 2, answer_id = $1, event_id = $1, event_count = event_count + 1
    WHERE id = $2
        AND state = 1
        AND expires_at > $3
        AND coalesce(event_id, 0) = $4
    RETURNING key_sealed";

/// The one step that makes an activation succeed: `None` when the client is not waiting in an open window, or when another
/// transaction wrote its log since `client` was read.
pub fn activate(tx: &mut Tx<'_>, client: &Client, event_id: i64) -> Result<Option<Sealed>> {
    let params = params![event_id, client.id, tx.now(), client.event_id.unwrap_or(0)];
    tx.find(ACTIVATE, params, |row| Ok(Sealed(row.bytes(0)?)))
}

const OPEN_WINDOW: &str = "
    UPDATE client
    SET state = 1, key_hash = $1, key_sealed = $2, expires_at = $3, answer_id = NULL
    WHERE id = $4";

/// A new key and a new window; the old key is dead.
pub fn open_window(tx: &mut Tx<'_>, id: i64, hash: &KeyHash, sealed: &Sealed, expires_at: UnixSeconds) -> Result<bool> {
    note_dying(tx, id)?;
    Ok(tx.execute(OPEN_WINDOW, params![hash.as_bytes(), &sealed.0, expires_at, id])? == 1)
}

const REPLACE_KEY: &str = "
    UPDATE client
    SET key_hash = $1, key_sealed = $2
    WHERE id = $3
        AND state = 2
        AND answer_id = $4
        AND expires_at > $5";

/// A new key for an answer that was lost; the old one is dead. False when the client has moved on.
pub fn replace_answered_key(tx: &mut Tx<'_>, client: &Client, hash: &KeyHash, sealed: &Sealed) -> Result<bool> {
    let params = params![hash.as_bytes(), &sealed.0, client.id, client.answer_id, tx.now()];
    let dying = revocation::dying_key(tx, client.id)?;
    let replaced = tx.execute(REPLACE_KEY, params)? == 1;
    dying.filter(|_| replaced).into_iter().for_each(|key| tx.revoke(key));
    Ok(replaced)
}

const MARK_USED: &str = "UPDATE client SET state = 3 WHERE id = $1 AND state = 2 AND key_hash = $2";

/// The key has authenticated for the first time. False when it is not that client's living, unused key.
pub fn mark_used(tx: &mut Tx<'_>, id: i64, hash: &KeyHash) -> Result<bool> {
    Ok(tx.execute(MARK_USED, params![id, hash.as_bytes()])? == 1)
}

const ACTIVATE_BY_OWNER: &str = "UPDATE client SET state = 3 WHERE id = $1 AND state = 1 AND expires_at > $2";

/// Makes a key work without its device. False when the client is not waiting in an open window.
pub fn activate_by_owner(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let now = tx.now();
    Ok(tx.execute(ACTIVATE_BY_OWNER, params![id, now])? == 1)
}

const EXPIRE: &str = "UPDATE client SET state = 4 WHERE id = $1 AND state <> 4";

/// Kills the key. False when it was dead already.
pub fn expire(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    note_dying(tx, id)?;
    Ok(tx.execute(EXPIRE, params![id])? == 1)
}

const EXPIRE_WINDOW: &str = "UPDATE client SET state = 4 WHERE id = $1 AND state = 1 AND expires_at <= $2";

/// Writes down that a window is over, so that it stays closed whatever the clock does later.
pub fn expire_window(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let now = tx.now();
    Ok(tx.execute(EXPIRE_WINDOW, params![id, now])? == 1)
}

const KEEP_EVENT: &str = "
    UPDATE client
    SET event_id = $1, event_count = event_count + 1
    WHERE id = $2
        AND coalesce(event_id, 0) = $3";

/// Makes an event the newest of the client's serial number, if `previous` was until now.
pub fn keep_event(tx: &mut Tx<'_>, id: i64, previous: Option<i64>, event_id: i64) -> Result<bool> {
    Ok(tx.execute(KEEP_EVENT, params![event_id, id, previous.unwrap_or(0)])? == 1)
}

const SET_LOG: &str = "UPDATE client SET event_id = $1, event_count = $2 WHERE id = $3";

/// Gives the client the log of another serial number.
pub fn set_log(tx: &mut Tx<'_>, id: i64, event_id: Option<i64>, event_count: i64) -> Result<()> {
    tx.execute(SET_LOG, params![event_id, event_count, id]).map(|_| ())
}

const DELETE: &str = "DELETE FROM client WHERE id = $1";

/// Removes the key.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    note_dying(tx, id)?;
    tx.execute(DELETE, params![id]).map(|_| ())
}

/// Whatever kills a key says so to the revocation journal. A window that ends by time needs no line: it ends in every copy.
fn note_dying(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let dying = revocation::dying_key(tx, id)?;
    dying.into_iter().for_each(|key| tx.revoke(key));
    Ok(())
}

impl State {
    /// Its number in rows.
    pub fn code(self) -> i64 {
        match self {
            State::NotActivated => 1,
            State::Answered => 2,
            State::Used => 3,
            State::Expired => 4,
        }
    }

    /// The state with this number.
    pub fn from_code(code: i64) -> Result<State> {
        [State::NotActivated, State::Answered, State::Used, State::Expired]
            .into_iter()
            .find(|state| state.code() == code)
            .ok_or_else(|| Error::internal(format_args!("stored state {code}")))
    }
}

impl Client {
    /// Its status as the contract tells it, at this instant: a window that is over reads `expired` before anybody wrote it.
    pub fn status(&self, now: UnixSeconds) -> model::Status {
        match self.state {
            State::NotActivated if self.expires_at.is_some_and(|end| end <= now) => model::Status::Expired,
            State::NotActivated => model::Status::NotActivated,
            State::Answered | State::Used => model::Status::Activated,
            State::Expired => model::Status::Expired,
        }
    }
}

/// Reads a client whose six columns begin at `first`.
pub(crate) fn value(row: &Row<'_>, first: usize) -> Result<Client> {
    Ok(Client {
        id: row.int(first)?,
        state: State::from_code(row.int(first + 1)?)?,
        expires_at: row.int_or_null(first + 2)?,
        answer_id: row.int_or_null(first + 3)?,
        event_id: row.int_or_null(first + 4)?,
        event_count: row.int(first + 5)?,
    })
}
