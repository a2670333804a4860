//! One list of migrations, run in order at start, each in a transaction of its own; and the few settings of the store.
//!
//! The text is the shared subset of both engines. What they do not share is three tokens, which `postgres` rewrites:
//! `INTEGER PRIMARY KEY` (an identity column there), `WITHOUT ROWID` (dropped) and `TEXT` (`COLLATE "C"`).

use model::{Error, Result, UnixSeconds};
use zeroize::Zeroizing;

use crate::connection::Connection;
use crate::driver::sqlite;
use crate::keyring::{MasterKey, Sealed, random};
use crate::params;
use crate::table::revocation;

pub(crate) mod postgres;

/// Append only; a migration that was released is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_revocation.sql"),
    include_str!("0003_account.sql"),
    include_str!("0004_transfer.sql"),
];

/// How many migrations a release must know to work with the schema as it is after all of them. While migrations only add, it
/// stays: nodes of the release before then go on beside those of the new one (only PostgreSQL has several nodes).
const WORKS_FROM: usize = 1;

pub(crate) const KEEP_TIME_MARK: &str = "UPDATE setting SET number = $1 WHERE name = 'time mark'";

/// Brings the schema up to date; refuses a database made by a later release.
pub(crate) fn migrate(connection: &mut sqlite::Connection) -> Result<()> {
    let done: i64 = pragma(connection, "user_version")?;
    if done as usize > MIGRATIONS.len() {
        return Err(Error::internal("the database was made by a later release of cikada"));
    }
    for (number, migration) in MIGRATIONS.iter().enumerate().skip(done as usize) {
        let version = number + 1;
        connection.script(&format!("BEGIN IMMEDIATE;\n{migration}\nPRAGMA user_version = {version};\nCOMMIT;"))?;
    }
    Ok(())
}

pub(crate) fn keep_new_data_key(connection: &mut Connection<'_>, master: &MasterKey) -> Result<()> {
    let mut key = Zeroizing::new([0; 32]);
    random(key.as_mut())?;
    let Sealed(wrapped) = master.wrap("data key", &key)?;
    const INSERT: &str = "INSERT INTO setting (name, bytes) VALUES ('data key', $1)";
    connection.execute(INSERT, params![&wrapped]).map(|_| ())
}

/// The data key; None where there is none yet.
pub(crate) fn data_key(connection: &mut Connection<'_>, master: &MasterKey) -> Result<Option<Zeroizing<[u8; 32]>>> {
    key(connection, master, "data key")
}

/// A key of the database, if it is there.
pub(crate) fn key(
    connection: &mut Connection<'_>,
    master: &MasterKey,
    name: &str,
) -> Result<Option<Zeroizing<[u8; 32]>>> {
    wrapped_key(connection, name)?.map(|wrapped| master.unwrap(name, &Sealed(wrapped))).transpose()
}

/// The same, as it stands there.
pub(crate) fn wrapped_key(connection: &mut Connection<'_>, name: &str) -> Result<Option<Vec<u8>>> {
    const SELECT: &str = "SELECT bytes FROM setting WHERE name = $1";
    connection.find(SELECT, params![name], &mut |row| row.bytes(0))
}

pub(crate) fn time_mark(connection: &mut Connection<'_>) -> Result<UnixSeconds> {
    const SELECT: &str = "SELECT number FROM setting WHERE name = 'time mark'";
    number(connection, SELECT)
}

/// Whether its first clients were made.
pub(crate) fn is_founded(connection: &mut Connection<'_>) -> Result<bool> {
    const SELECT: &str = "SELECT id FROM resource WHERE owner_id IS NULL LIMIT 1";
    Ok(connection.find(SELECT, &[], &mut |row| row.int(0))?.is_some())
}

/// The highest id of an event.
pub(crate) fn highest_event(connection: &mut Connection<'_>) -> Result<i64> {
    number(connection, "SELECT coalesce(max(id), 0) FROM event")
}

/// The highest id of the tables whose ids are given out by the allocator.
pub(crate) fn highest_id(connection: &mut Connection<'_>) -> Result<i64> {
    const SELECT: &str = "
        SELECT coalesce(max(id), 0)
        FROM (
            SELECT max(id) AS id FROM resource
            UNION ALL SELECT max(id) FROM model
            UNION ALL SELECT max(id) FROM vendor_token
            UNION ALL SELECT max(id) FROM share_code
            UNION ALL SELECT max(id) FROM grant_token
            UNION ALL SELECT max(id) FROM account
            UNION ALL SELECT max(id) FROM account_session
            UNION ALL SELECT max(id) FROM invitation
            UNION ALL SELECT max(subject_id) FROM sweep
        ) highest";
    number(connection, SELECT)
}

/// The number of the newest right that the database knows to have ended.
pub(crate) fn newest_revocation(connection: &mut Connection<'_>) -> Result<i64> {
    number(connection, revocation::NEWEST)
}

/// Rights that ended after that number, each as (number, second, entry).
pub(crate) fn revocations_after(
    connection: &mut Connection<'_>,
    number: i64,
) -> Result<Vec<(i64, UnixSeconds, String)>> {
    let mut all = Vec::new();
    connection.each(revocation::LIST, params![number], &mut |row| {
        all.push((row.int(0)?, row.int(1)?, row.text(2)?));
        Ok(true)
    })?;
    Ok(all)
}

fn number(connection: &mut Connection<'_>, sql: &'static str) -> Result<i64> {
    let found = connection.find(sql, &[], &mut |row| row.int(0))?;
    found.ok_or_else(|| Error::internal(format_args!("no row from: {sql}")))
}

fn pragma(connection: &sqlite::Connection, name: &str) -> Result<i64> {
    connection.inner().pragma_query_value(None, name, |row| row.get(0)).map_err(sqlite::error)
}
