//! One list of migrations, run in order at start, each in a transaction of its own; and the few settings of the store.
//!
//! The text is the shared subset of both engines. What they do not share is three tokens, which the PostgreSQL driver
//! rewrites: `INTEGER PRIMARY KEY` (an identity column there), `WITHOUT ROWID` (dropped) and `TEXT` (`COLLATE "C"`).

use model::{Error, Result, UnixSeconds};
use rusqlite::OptionalExtension as _;
use zeroize::Zeroizing;

use crate::driver::sqlite::{self, Connection};
use crate::keyring::{MasterKey, Sealed, random};
use crate::table::revocation;

/// Append only; a migration that was released is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_revocation.sql"),
    include_str!("0003_account.sql"),
    include_str!("0004_transfer.sql"),
];

pub(crate) const KEEP_TIME_MARK: &str = "UPDATE setting SET number = $1 WHERE name = 'time mark'";

/// Brings the schema up to date; refuses a database made by a later release.
pub(crate) fn migrate(connection: &mut Connection) -> Result<()> {
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

pub(crate) fn keep_new_data_key(connection: &mut Connection, master: &MasterKey) -> Result<()> {
    let mut key = Zeroizing::new([0; 32]);
    random(key.as_mut())?;
    let Sealed(wrapped) = master.wrap("data key", &key)?;
    let insert = "INSERT INTO setting (name, bytes) VALUES ('data key', $1)";
    connection.inner().execute(insert, [wrapped]).map_err(sqlite::error)?;
    Ok(())
}

/// A key of the database, if it is there.
pub(crate) fn key(connection: &Connection, master: &MasterKey, name: &str) -> Result<Option<Zeroizing<[u8; 32]>>> {
    wrapped_key(connection, name)?.map(|wrapped| master.unwrap(name, &Sealed(wrapped))).transpose()
}

/// The same, as it stands there.
pub(crate) fn wrapped_key(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>> {
    let select = "SELECT bytes FROM setting WHERE name = $1";
    connection.inner().query_row(select, [name], |row| row.get(0)).optional().map_err(sqlite::error)
}

pub(crate) fn time_mark(connection: &mut Connection) -> Result<UnixSeconds> {
    let select = "SELECT number FROM setting WHERE name = 'time mark'";
    connection.inner().query_row(select, [], |row| row.get(0)).map_err(sqlite::error)
}

/// The highest id of an event.
pub(crate) fn highest_event(connection: &mut Connection) -> Result<i64> {
    let select = "SELECT coalesce(max(id), 0) FROM event";
    connection.inner().query_row(select, [], |row| row.get(0)).map_err(sqlite::error)
}

/// The highest id of the tables whose ids are given out by the allocator.
pub(crate) fn highest_id(connection: &mut Connection) -> Result<i64> {
    let select = "
        SELECT max(
            (SELECT coalesce(max(id), 0) FROM resource),
            (SELECT coalesce(max(id), 0) FROM model),
            (SELECT coalesce(max(id), 0) FROM vendor_token),
            (SELECT coalesce(max(id), 0) FROM share_code),
            (SELECT coalesce(max(id), 0) FROM grant_token),
            (SELECT coalesce(max(id), 0) FROM account),
            (SELECT coalesce(max(id), 0) FROM account_session),
            (SELECT coalesce(max(id), 0) FROM invitation),
            (SELECT coalesce(max(subject_id), 0) FROM sweep))";
    connection.inner().query_row(select, [], |row| row.get(0)).map_err(sqlite::error)
}

/// The number of the newest right that the database knows to have ended.
pub(crate) fn newest_revocation(connection: &mut Connection) -> Result<i64> {
    connection.inner().query_row(revocation::NEWEST, [], |row| row.get(0)).map_err(sqlite::error)
}

/// Rights that ended after that number, each as (number, second, entry).
pub(crate) fn revocations_after(connection: &mut Connection, number: i64) -> Result<Vec<(i64, UnixSeconds, String)>> {
    let mut statement = connection.inner().prepare(revocation::LIST).map_err(sqlite::error)?;
    let rows =
        statement.query_map([number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(sqlite::error)?;
    rows.collect::<rusqlite::Result<_>>().map_err(sqlite::error)
}

fn pragma(connection: &Connection, name: &str) -> Result<i64> {
    connection.inner().pragma_query_value(None, name, |row| row.get(0)).map_err(sqlite::error)
}
