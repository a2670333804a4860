//! A transaction as a rule sees it: statements, the instant, the keys, and what to tell the process afterwards.

use std::sync::Arc;

use model::{Error, Result, UnixSeconds};

use crate::allocator::Allocator;
use crate::connection::Connection;
use crate::driver::sqlite;
use crate::effects::{Changes, Effects, Stamp, Stored};
use crate::keyring::Keyring;
use crate::{Param, Revoked, Row, Subject};

/// One transaction. A rule may run twice (PostgreSQL retries a serialization failure), so it must do nothing but use this.
pub struct Tx<'t> {
    connection: &'t mut Connection,
    keyring: &'t Keyring,
    allocator: &'t Allocator,
    changes: &'t Changes,
    stamp: Stamp,
    now: UnixSeconds,
    /// What this transaction did, behind what others did that will be committed with it. None where it only reads.
    effects: Option<&'t mut Effects>,
}

/// What every transaction of a store shares.
pub(crate) struct Shared<'t> {
    pub(crate) keyring: &'t Keyring,
    pub(crate) allocator: &'t Allocator,
    pub(crate) changes: &'t Changes,
}

impl<'t> Tx<'t> {
    /// `stamp` is from before the transaction began. A transaction with effects can write.
    pub(crate) fn new(
        connection: &'t mut Connection,
        shared: Shared<'t>,
        stamp: Stamp,
        now: UnixSeconds,
        effects: Option<&'t mut Effects>,
    ) -> Tx<'t> {
        let Shared { keyring, allocator, changes } = shared;
        Tx { connection, keyring, allocator, changes, stamp, now, effects }
    }

    /// The instant of this transaction.
    pub fn now(&self) -> UnixSeconds {
        self.now
    }

    /// Makes sure that this transaction can write; where it cannot, the store runs the rule again on its writer.
    pub fn require_writing(&self) -> Result<()> {
        if self.effects.is_some() { Ok(()) } else { Err(Error::ReadOnly) }
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

    /// Stamps all that this transaction reads, for a cache.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Whether nothing of the subject has changed since the stamp, what this transaction and those that are committed with
    /// it did included: then what was read under that stamp is what this transaction would read.
    pub fn is_unchanged(&self, subject: Subject, since: Stamp) -> bool {
        let changed_here = self.effects.as_ref().is_some_and(|effects| effects.hold(subject));
        !changed_here && self.changes.is_unchanged(subject, since)
    }

    /// Says that everything cached about the subject is out of date once this commits, and wakes who listens to it.
    pub fn touch(&mut self, subject: Subject) {
        if let Some(effects) = &mut self.effects
            && effects.touched.last() != Some(&subject)
        {
            effects.touched.push(subject);
        }
    }

    /// Says that a value was stored: once this commits, its series is touched and who listens to that hears the value.
    pub fn signal(&mut self, resource_id: i64, at: UnixSeconds, value: &str) {
        let is_current = at >= self.now;
        if let Some(effects) = &mut self.effects {
            effects.stored.push(Arc::new(Stored { resource_id, at, is_current, value: value.into() }));
        }
    }

    /// Says that a right ends with this transaction: its answer waits until that is in the revocation journal.
    pub(crate) fn revoke(&mut self, revoked: Revoked) {
        if let Some(effects) = &mut self.effects {
            effects.revoked.push(revoked);
        }
    }

    /// Runs a part of a rule that is wholly there or wholly absent: where it answers `Err`, nothing of it is left, and the
    /// rest of the rule can go on.
    pub fn attempt<T>(&mut self, part: impl FnOnce(&mut Tx<'t>) -> Result<T>) -> Result<T> {
        let Some(mark) = self.effects.as_ref().map(|effects| effects.mark()) else { return part(self) };
        self.control("SAVEPOINT part")?;
        let outcome = part(self);
        if outcome.is_err() {
            self.control("ROLLBACK TO part")?;
            if let Some(effects) = &mut self.effects {
                effects.go_back_to(mark);
            }
        }
        self.control("RELEASE part")?;
        outcome
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

    fn control(&mut self, sql: &'static str) -> Result<()> {
        match self.connection {
            Connection::Sqlite(connection) => connection.control(sql).map_err(sqlite::error),
        }
    }
}
