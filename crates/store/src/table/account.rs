//! Table `account`: people who use the portal. Passwords and the secrets of one-time codes go in and out sealed.

use model::{AccountName, Result, Role, UnixSeconds};

use crate::{Row, Sealed, Tx, params};

/// A row without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Row id.
    pub id: i64,
    /// The name with which the person signs in.
    pub name: AccountName,
    /// What the person may do.
    pub role: Role,
    /// The client as which the person acts.
    pub client_id: i64,
    /// Whether a password was chosen.
    pub has_password: bool,
    /// Whether one-time codes are asked for.
    pub has_second_factor: bool,
    /// The time step of the newest one-time code that was used.
    pub totp_step: i64,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When the person signed in last.
    pub signed_in_at: Option<UnixSeconds>,
}

const INSERT: &str = "
    INSERT INTO account (id, name, folded, role, client_id, totp_step, created_at)
    VALUES ($1, $2, $3, $4, $5, 0, $6)
    ON CONFLICT DO NOTHING";

/// Adds an account without a password. False when the name is taken in any case.
pub fn insert(tx: &mut Tx<'_>, id: i64, name: &AccountName, role: Role, client_id: i64) -> Result<bool> {
    let (now, folded) = (tx.now(), name.folded());
    Ok(tx.execute(INSERT, params![id, name.as_str(), &folded, role.code(), client_id, now])? == 1)
}

const FIND: &str = "
    SELECT id, name, role, client_id, password_sealed IS NOT NULL, totp_sealed IS NOT NULL, totp_step, created_at, signed_in_at
    FROM account
    WHERE id = $1";

/// The account with this row id.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Account>> {
    tx.find(FIND, params![id], value)
}

const FIND_BY_NAME: &str = "
    SELECT id, name, role, client_id, password_sealed IS NOT NULL, totp_sealed IS NOT NULL, totp_step, created_at, signed_in_at
    FROM account
    WHERE folded = $1";

/// The account of that name, whatever its case.
pub fn find_by_name(tx: &mut Tx<'_>, name: &AccountName) -> Result<Option<Account>> {
    tx.find(FIND_BY_NAME, params![&name.folded()], value)
}

const LIST: &str = "
    SELECT id, name, role, client_id, password_sealed IS NOT NULL, totp_sealed IS NOT NULL, totp_step, created_at, signed_in_at
    FROM account
    WHERE folded > $1
    ORDER BY folded
    LIMIT $2";

/// A page of all accounts after a name without case.
pub fn list(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<Account>> {
    tx.list(LIST, params![after, limit], value)
}

const LIST_OF_CLIENT: &str = "
    SELECT id, name, role, client_id, password_sealed IS NOT NULL, totp_sealed IS NOT NULL, totp_step, created_at, signed_in_at
    FROM account
    WHERE client_id = $1
    ORDER BY folded
    LIMIT $2";

/// The accounts that act as a client.
pub fn list_of_client(tx: &mut Tx<'_>, client_id: i64, limit: i64) -> Result<Vec<Account>> {
    tx.list(LIST_OF_CLIENT, params![client_id, limit], value)
}

const LIST_OF_OWNERS: &str = "
    SELECT a.id, a.name, a.role, a.client_id, a.password_sealed IS NOT NULL, a.totp_sealed IS NOT NULL, a.totp_step,
        a.created_at, a.signed_in_at
    FROM account a
    JOIN resource r ON r.id = a.client_id
    WHERE r.owner_id = $1 AND a.role = 4 AND a.folded > $2
    ORDER BY a.folded
    LIMIT $3";

/// A page of the owners' accounts whose clients a vendor's client owns.
pub fn list_of_owners(tx: &mut Tx<'_>, vendor_id: i64, after: &str, limit: i64) -> Result<Vec<Account>> {
    tx.list(LIST_OF_OWNERS, params![vendor_id, after, limit], value)
}

const COUNT_OF_ROLE: &str = "SELECT count(*) FROM account WHERE client_id = $1 AND role = $2";

/// How many accounts with a role act as a client.
pub fn count_of_role(tx: &mut Tx<'_>, client_id: i64, role: Role) -> Result<i64> {
    tx.one(COUNT_OF_ROLE, params![client_id, role.code()], |row| row.int(0))
}

const PASSWORD: &str = "SELECT password_sealed FROM account WHERE id = $1";

/// The sealed password.
pub fn sealed_password(tx: &mut Tx<'_>, id: i64) -> Result<Option<Sealed>> {
    Ok(tx.find(PASSWORD, params![id], |row| row.bytes_or_null(0))?.flatten().map(Sealed))
}

const SET_PASSWORD: &str = "UPDATE account SET password_sealed = $1 WHERE id = $2";

/// Replaces the password.
pub fn set_password(tx: &mut Tx<'_>, id: i64, sealed: &Sealed) -> Result<()> {
    tx.execute(SET_PASSWORD, params![&sealed.0, id]).map(|_| ())
}

const TOTP: &str = "SELECT totp_sealed, totp_pending FROM account WHERE id = $1";

/// The sealed secret of the one-time codes, and the one that is not confirmed yet.
pub fn sealed_totp(tx: &mut Tx<'_>, id: i64) -> Result<(Option<Sealed>, Option<Sealed>)> {
    let found = tx.find(TOTP, params![id], |row| Ok((row.bytes_or_null(0)?, row.bytes_or_null(1)?)))?;
    let (secret, pending) = found.unwrap_or_default();
    Ok((secret.map(Sealed), pending.map(Sealed)))
}

const SET_TOTP: &str = "UPDATE account SET totp_sealed = $1, totp_pending = $2, totp_step = 0 WHERE id = $3";

/// Replaces both secrets.
pub fn set_totp(tx: &mut Tx<'_>, id: i64, secret: Option<&Sealed>, pending: Option<&Sealed>) -> Result<()> {
    let bytes = |sealed: Option<&Sealed>| sealed.map(|sealed| sealed.0.clone());
    let (secret, pending) = (bytes(secret), bytes(pending));
    tx.execute(SET_TOTP, params![secret.as_deref(), pending.as_deref(), id]).map(|_| ())
}

const USE_STEP: &str = "UPDATE account SET totp_step = $1 WHERE id = $2 AND totp_step < $1";

/// Uses the code of a time step up. False when it, or a later one, was used before.
pub fn use_step(tx: &mut Tx<'_>, id: i64, step: i64) -> Result<bool> {
    Ok(tx.execute(USE_STEP, params![step, id])? == 1)
}

const NOTE_SIGN_IN: &str = "UPDATE account SET signed_in_at = $1 WHERE id = $2";

/// Writes down that the person signed in.
pub fn note_sign_in(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let now = tx.now();
    tx.execute(NOTE_SIGN_IN, params![now, id]).map(|_| ())
}

const SET_ROLE: &str = "UPDATE account SET role = $1 WHERE id = $2";

/// Gives another role.
pub fn set_role(tx: &mut Tx<'_>, id: i64, role: Role) -> Result<()> {
    tx.execute(SET_ROLE, params![role.code(), id]).map(|_| ())
}

const DELETE: &str = "DELETE FROM account WHERE id = $1";

/// Removes an account. False when there was none.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    Ok(tx.execute(DELETE, params![id])? == 1)
}

fn value(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        id: row.int(0)?,
        name: AccountName::from_stored(row.text(1)?),
        role: Role::from_code(row.int(2)?)?,
        client_id: row.int(3)?,
        has_password: row.bool(4)?,
        has_second_factor: row.bool(5)?,
        totp_step: row.int(6)?,
        created_at: row.int(7)?,
        signed_in_at: row.int_or_null(8)?,
    })
}
