//! A connection to either engine, and what crosses it: parameters in, rows out.

use model::{Error, Result};

use crate::driver::postgres::Fault;
use crate::driver::{postgres, sqlite};

/// The connection of the thread that runs a rule. An enum, not a trait: nothing above it carries a type parameter.
pub(crate) enum Connection<'c> {
    Sqlite(&'c mut sqlite::Connection),
    Postgres(&'c mut postgres::Connection),
}

impl Connection<'_> {
    pub(crate) fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        match self {
            Connection::Sqlite(connection) => connection.execute(sql, params),
            Connection::Postgres(connection) => connection.execute(sql, params).map_err(Fault::into_error),
        }
    }

    /// Calls `row` for each row until it answers false.
    pub(crate) fn each(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        row: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => connection.each(sql, params, row),
            Connection::Postgres(connection) => {
                let each = connection.each(sql, params, &mut |found| row(&Row::Postgres(*found)));
                each.map(|_| ()).map_err(Fault::into_error)
            }
        }
    }

    /// The first row, if there is one.
    pub(crate) fn find<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        value: &mut dyn FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.each(sql, params, &mut |row| {
            found = Some(value(row)?);
            Ok(false)
        })?;
        Ok(found)
    }

    /// A word of transaction control.
    pub(crate) fn control(&mut self, sql: &'static str) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => connection.control(sql).map_err(sqlite::error),
            // It travels with the statement that comes next.
            Connection::Postgres(connection) => connection.later(sql, &[]).map_err(Fault::into_error),
        }
    }
}

/// One bound value. Statements use `$1`, `$2`, … in the order of their first appearance.
#[derive(Clone, Copy, Debug)]
pub enum Param<'a> {
    /// SQL NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// BOOLEAN.
    Bool(bool),
    /// TEXT.
    Text(&'a str),
    /// BYTEA.
    Bytes(&'a [u8]),
}

/// One row of an answer; columns are counted from 0.
pub enum Row<'r> {
    /// A row of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// A row of PostgreSQL.
    Postgres(postgres::Row<'r>),
}

macro_rules! column {
    ($(#[$doc:meta])* $name:ident, $optional:ident, $type:ty) => {
        $(#[$doc])*
        pub fn $name(&self, column: usize) -> Result<$type> {
            match self {
                Row::Sqlite(row) => row.get(column).map_err(sqlite::error),
                Row::Postgres(row) => row.require(column),
            }
        }

        /// The same, where the column may be NULL.
        pub fn $optional(&self, column: usize) -> Result<Option<$type>> {
            match self {
                Row::Sqlite(row) => row.get(column).map_err(sqlite::error),
                Row::Postgres(row) => row.find(column),
            }
        }
    };
}

impl Row<'_> {
    column! {
        /// A BIGINT.
        int, int_or_null, i64
    }
    column! {
        /// A BOOLEAN.
        bool, bool_or_null, bool
    }
    column! {
        /// A TEXT.
        text, text_or_null, String
    }
    column! {
        /// A BYTEA.
        bytes, bytes_or_null, Vec<u8>
    }

    /// A BYTEA of exactly `N` bytes.
    pub fn array<const N: usize>(&self, column: usize) -> Result<[u8; N]> {
        let array = match self {
            Row::Sqlite(row) => {
                let value = row.get_ref(column).map_err(sqlite::error)?;
                value.as_blob().ok().and_then(|bytes| bytes.try_into().ok())
            }
            Row::Postgres(row) => row.bytes(column)?.and_then(|bytes| bytes.try_into().ok()),
        };
        array.ok_or_else(|| Error::internal(format_args!("column {column} is not {N} bytes")))
    }
}

impl<'a> From<i64> for Param<'a> {
    fn from(value: i64) -> Param<'a> {
        Param::Int(value)
    }
}

impl<'a> From<bool> for Param<'a> {
    fn from(value: bool) -> Param<'a> {
        Param::Bool(value)
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Param<'a> {
        Param::Text(value)
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(value: &'a String) -> Param<'a> {
        Param::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(value: &'a [u8]) -> Param<'a> {
        Param::Bytes(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Param<'a> {
    fn from(value: &'a Vec<u8>) -> Param<'a> {
        Param::Bytes(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Param<'a> {
    fn from(value: &'a [u8; N]) -> Param<'a> {
        Param::Bytes(value)
    }
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Param<'a> {
        value.map_or(Param::Null, Into::into)
    }
}

/// `params![a, b]`: the bound values of one statement.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::Param::from($value)),*]
    };
}
