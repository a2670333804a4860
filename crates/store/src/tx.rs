//! A transaction as a rule sees it: statements, the instant, the keys, and what to tell the process afterwards.

use model::{Error, Result, UnixSeconds};

use crate::allocator::Allocator;
use crate::connection::Connection;
use crate::keyring::Keyring;
use crate::{Param, Row, Subject};

/// One transaction. A rule may run twice (PostgreSQL retries a serialization failure), so it must do nothing but use this.
pub struct Tx<'t> {
    connection: &'t mut Connection,
    keyring: &'t Keyring,
    allocator: &'t Allocator,
    now: UnixSeconds,
    writing: bool,
    touched: Vec<Subject>,
}

impl<'t> Tx<'t> {
    pub(crate) fn new(
        connection: &'t mut Connection,
        keyring: &'t Keyring,
        allocator: &'t Allocator,
        now: UnixSeconds,
        writing: bool,
    ) -> Tx<'t> {
        Tx { connection, keyring, allocator, now, writing, touched: Vec::new() }
    }

    /// The instant of this transaction.
    pub fn now(&self) -> UnixSeconds {
        self.now
    }

    /// Makes sure that this transaction can write; where it cannot, the store runs the rule again on its writer.
    pub fn require_writing(&self) -> Result<()> {
        if self.writing { Ok(()) } else { Err(Error::ReadOnly) }
    }

    /// The keys that make and find secrets.
    pub fn keyring(&self) -> &'t Keyring {
        self.keyring
    }

    /// A row id that was never given before.
    pub fn next_id(&self) -> i64 {
        self.allocator.next_row()
    }

    /// An event id above all that were given before.
    pub fn next_event_id(&self) -> i64 {
        self.allocator.next_event()
    }

    /// Says that everything cached about the subject is out of date once this commits.
    pub fn touch(&mut self, subject: Subject) {
        self.touched.push(subject);
    }

    /// Runs a statement that answers no rows; answers how many rows it changed.
    pub fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        match self.connection {
            Connection::Sqlite(connection) => connection.execute(sql, params),
        }
    }

    /// Calls `row` for each row until it answers false.
    pub fn each(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        mut row: impl FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        match self.connection {
            Connection::Sqlite(connection) => connection.each(sql, params, &mut row),
        }
    }

    /// The first row, if there is one.
    pub fn find<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        mut value: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.each(sql, params, |row| {
            found = Some(value(row)?);
            Ok(false)
        })?;
        Ok(found)
    }

    /// The one row that the statement always answers.
    pub fn one<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        value: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.find(sql, params, value)?.ok_or_else(|| Error::internal(format_args!("no row from: {sql}")))
    }

    /// All rows, in order.
    pub fn list<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        mut value: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.each(sql, params, |row| {
            all.push(value(row)?);
            Ok(true)
        })?;
        Ok(all)
    }

    /// True when some row answers.
    pub fn any(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<bool> {
        Ok(self.find(sql, params, |_| Ok(()))?.is_some())
    }

    pub(crate) fn into_touched(self) -> Vec<Subject> {
        self.touched
    }
}
