//! A connection to either engine, and what crosses it: parameters in, rows out.

use model::{Error, Result};

use crate::driver::sqlite;

/// A connection owned by one thread. An enum, not a trait: nothing above it carries a type parameter.
pub(crate) enum Connection {
    Sqlite(sqlite::Connection),
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
}

macro_rules! column {
    ($(#[$doc:meta])* $name:ident, $optional:ident, $type:ty) => {
        $(#[$doc])*
        pub fn $name(&self, column: usize) -> Result<$type> {
            match self {
                Row::Sqlite(row) => row.get(column).map_err(sqlite::error),
            }
        }

        /// The same, where the column may be NULL.
        pub fn $optional(&self, column: usize) -> Result<Option<$type>> {
            match self {
                Row::Sqlite(row) => row.get(column).map_err(sqlite::error),
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
