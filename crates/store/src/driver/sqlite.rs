//! SQLite: bundled, WAL, `synchronous=FULL`. One connection writes; readers cannot.
//!
//! The pragmas are read back on every connection, because SQLite ignores what it does not know without a word.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OpenFlags, ToSql, ffi};

use crate::{Param, Row};

/// The first release whose WAL reset cannot corrupt a database that several connections use.
const OLDEST_SOUND_SQLITE: i32 = 3_051_003;
const STATEMENTS_KEPT: usize = 512;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

pub(crate) struct Connection {
    inner: rusqlite::Connection,
    /// Pages in the write-ahead log after the newest commit of this connection, told by SQLite's hook.
    log_pages: Arc<AtomicI64>,
}

/// What a failed COMMIT means for the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The transaction is undone; the next may succeed (disk full, locked by another process).
    Passing,
    /// What is on disk is unknown: nothing may be answered from this process any more.
    Fatal,
}

impl Connection {
    pub(crate) fn open(file: &Path, access: Access, cache_kib: u32) -> Result<Connection> {
        if rusqlite::version_number() < OLDEST_SOUND_SQLITE {
            return Err(Error::internal(format_args!("SQLite {} can lose a WAL", rusqlite::version())));
        }
        let flags = match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        let inner =
            rusqlite::Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(error)?;
        inner.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
        inner.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // Plans do not depend on what is bound: otherwise many statements would be planned again at every call.
        inner.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(error)?;
        let mut connection = Connection { inner, log_pages: Arc::default() };
        if access == Access::Write {
            connection.pragma("journal_mode", "wal")?;
        }
        connection.pragma("synchronous", "2")?;
        connection.pragma("foreign_keys", "1")?;
        connection.pragma("mmap_size", "0")?;
        connection.pragma("trusted_schema", "0")?;
        connection.pragma("wal_autocheckpoint", "0")?;
        connection.pragma("cache_size", &format!("-{cache_kib}"))?;
        connection.pragma("temp_store", "2")?;
        // What a row held is wiped where its page is written anyway: a sealed copy that was replaced is gone.
        connection.inner.pragma_update(None, "secure_delete", "fast").map_err(error)?;
        if access == Access::Write {
            let log_pages = Arc::clone(&connection.log_pages);
            connection
                .inner
                .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                    log_pages.store(i64::from(pages), Ordering::Relaxed);
                    Ok(())
                }))
                .map_err(error)?;
        }
        Ok(connection)
    }

    /// Sets a pragma and makes sure that it was taken.
    fn pragma(&self, name: &str, value: &str) -> Result<()> {
        self.inner.pragma_update(None, name, value).map_err(error)?;
        let is: rusqlite::types::Value = self.inner.pragma_query_value(None, name, |row| row.get(0)).map_err(error)?;
        let is = match is {
            rusqlite::types::Value::Integer(number) => number.to_string(),
            rusqlite::types::Value::Text(text) => text,
            other => format!("{other:?}"),
        };
        if is == value {
            return Ok(());
        }
        Err(Error::internal(format_args!("SQLite keeps {name} at {is}, not {value}")))
    }

    pub(crate) fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        let mut statement = self.inner.prepare_cached(sql).map_err(error)?;
        let changed = statement.execute(rusqlite::params_from_iter(params)).map_err(error)?;
        Ok(changed as u64)
    }

    pub(crate) fn each(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        row: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut statement = self.inner.prepare_cached(sql).map_err(error)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params)).map_err(error)?;
        while let Some(next) = rows.next().map_err(error)? {
            if !row(&Row::Sqlite(next))? {
                break;
            }
        }
        Ok(())
    }

    /// Runs a script of several statements: migrations, and the words that begin and end a transaction.
    pub(crate) fn script(&mut self, sql: &str) -> Result<()> {
        self.inner.execute_batch(sql).map_err(error)
    }

    /// A word of transaction control, kept prepared because it is said for every job.
    pub(crate) fn control(&mut self, sql: &'static str) -> std::result::Result<(), rusqlite::Error> {
        self.inner.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    /// True after an error that made SQLite undo the whole transaction by itself.
    pub(crate) fn is_idle(&self) -> bool {
        self.inner.is_autocommit()
    }

    /// Pages in the log since this connection last folded it.
    pub(crate) fn log_pages(&self) -> i64 {
        self.log_pages.load(Ordering::Relaxed)
    }

    /// Copies what it can of the WAL into the database without waiting for anyone.
    /// Answers (frames in the WAL, frames copied).
    pub(crate) fn checkpoint(&mut self) -> std::result::Result<(i64, i64), rusqlite::Error> {
        let mut statement = self.inner.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
        self.log_pages.store(0, Ordering::Relaxed);
        statement.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
    }

    /// Reads every page and makes sure that the file is what SQLite wrote.
    pub(crate) fn require_sound(&mut self) -> Result<()> {
        let mut faults = Vec::new();
        let each = |row: &rusqlite::Row<'_>| {
            faults.push(row.get::<_, String>(0)?);
            Ok(())
        };
        self.inner.pragma_query(None, "integrity_check", each).map_err(error)?;
        if faults == ["ok"] {
            Ok(())
        } else {
            Err(Error::internal(format_args!("the file is damaged: {}", faults.join("; "))))
        }
    }

    pub(crate) fn inner(&self) -> &rusqlite::Connection {
        &self.inner
    }
}

/// What an error of SQLite is to a rule.
pub(crate) fn error(cause: rusqlite::Error) -> Error {
    match severity(&cause) {
        Some(Severity::Passing) => Error::Unavailable,
        _ => Error::internal(cause),
    }
}

/// Which errors of the engine pass by themselves and which end the process; `None` for mistakes of ours.
pub(crate) fn severity(cause: &rusqlite::Error) -> Option<Severity> {
    match cause.sqlite_error()?.extended_code & 0xff {
        ffi::SQLITE_FULL | ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => Some(Severity::Passing),
        ffi::SQLITE_IOERR | ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_READONLY | ffi::SQLITE_CANTOPEN => {
            Some(Severity::Fatal)
        }
        _ => None,
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Param::Null => ValueRef::Null,
            Param::Int(value) => ValueRef::Integer(value),
            Param::Bool(value) => ValueRef::Integer(i64::from(value)),
            Param::Text(value) => ValueRef::Text(value.as_bytes()),
            Param::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}
