//! A transaction as a rule sees it: statements, the instant, the keys, and what to tell the process afterwards.

use std::sync::Arc;

use model::{Error, Result, UnixSeconds};

use crate::allocator::Allocator;
use crate::connection::Connection;
use crate::driver::postgres::{Fault, Sequence};
use crate::effects::{Changes, Effects, Stamp, Stored};
use crate::keyring::Keyring;
use crate::{Param, Revoked, Row, Subject};

/// One transaction. A rule may run twice (PostgreSQL retries a serialization failure), so it must do nothing but use this.
pub struct Tx<'t> {
    connection: Connection<'t>,
    keyring: &'t Keyring,
    allocator: &'t Allocator,
    changes: &'t Changes,
    stamp: Stamp,
    now: UnixSeconds,
    /// What this transaction did, behind what others did that will be committed with it. None where it only reads.
    effects: Option<&'t mut Effects>,
    beside: Beside,
}

/// Who may write while a transaction runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nobody.
    Nobody,
    /// Rules whose every change guards itself, like this one.
    Guarded,
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
        connection: Connection<'t>,
        shared: Shared<'t>,
        stamp: Stamp,
        now: UnixSeconds,
        effects: Option<&'t mut Effects>,
    ) -> Tx<'t> {
        let Shared { keyring, allocator, changes } = shared;
        Tx { connection, keyring, allocator, changes, stamp, now, effects, beside: Beside::Nobody }
    }

    /// The same where others may write at the same time.
    pub(crate) fn beside(mut self, others: Beside) -> Tx<'t> {
        self.beside = others;
        self
    }

    /// The instant of this transaction.
    pub fn now(&self) -> UnixSeconds {
        self.now
    }

    /// Makes sure that this transaction can write; where it cannot, the store runs the rule again on its writer.
    pub fn require_writing(&self) -> Result<()> {
        if self.effects.is_some() { Ok(()) } else { Err(Error::ReadOnly) }
    }

    /// Makes sure that nobody writes beside this transaction; where others do, the store runs the rule again alone. A rule that runs
    /// beside others ([`crate::Store::write_beside`]) says this before it changes anything that does not guard itself.
    pub fn require_alone(&self) -> Result<()> {
        self.require_writing()?;
        match self.beside {
            Beside::Nobody => Ok(()),
            Beside::Guarded => Err(Error::ReadOnly),
        }
    }

    /// The keys that make and find secrets.
    pub fn keyring(&self) -> &'t Keyring {
        self.keyring
    }

    /// A row id that was never given before.
    pub fn next_id(&mut self) -> Result<i64> {
        match &mut self.connection {
            Connection::Sqlite(_) => Ok(self.allocator.next_row()),
            Connection::Postgres(connection) if self.effects.is_some() => {
                connection.next_id(Sequence::Rows).map_err(Fault::into_error)
            }
            Connection::Postgres(_) => Err(Error::ReadOnly),
        }
    }

    /// An event id that was never given before.
    pub fn next_event_id(&mut self) -> Result<i64> {
        match &mut self.connection {
            Connection::Sqlite(_) => Ok(self.allocator.next_event()),
            Connection::Postgres(connection) if self.effects.is_some() => {
                connection.next_id(Sequence::Events).map_err(Fault::into_error)
            }
            Connection::Postgres(_) => Err(Error::ReadOnly),
        }
    }

    /// Stamps all that this transaction reads, for a cache.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Whether nothing of the subject has changed since the stamp, what this transaction and those that are committed with
    /// it did included: then what was read under that stamp is what this transaction would read. Where other nodes write,
    /// only the rows themselves say so, and the answer is always false.
    pub fn is_unchanged(&self, subject: Subject, since: Stamp) -> bool {
        matches!(self.connection, Connection::Sqlite(_)) && self.seems_unchanged(subject, since)
    }

    /// The same as far as this process has heard. A change that another node made is heard of two seconds later at the latest,
    /// so this is for work that is done again and again.
    pub fn seems_unchanged(&self, subject: Subject, since: Stamp) -> bool {
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
        self.connection.execute(sql, params)
    }

    /// Runs a statement for each of many rows of parameters, as long as `each` answers true to how many rows it changed. A few more may
    /// have run by then: where a round trip costs something, many travel together.
    pub fn execute_all<'p, const N: usize>(
        &mut self,
        sql: &'static str,
        rows: &mut dyn Iterator<Item = [Param<'p>; N]>,
        mut each: impl FnMut(u64) -> bool,
    ) -> Result<()> {
        const TOGETHER: usize = 256;
        loop {
            match &mut self.connection {
                Connection::Sqlite(connection) => match rows.next() {
                    Some(params) if each(connection.execute(sql, &params)?) => {}
                    _ => return Ok(()),
                },
                Connection::Postgres(connection) => {
                    let some: Vec<_> = Iterator::take(&mut *rows, TOGETHER).collect();
                    let counts = connection.execute_all(sql, &some).map_err(Fault::into_error)?;
                    if some.is_empty() || !counts.into_iter().all(&mut each) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Calls `row` for each row until it answers false.
    pub fn each(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        mut row: impl FnMut(&Row<'_>) -> Result<bool>,
    ) -> Result<()> {
        self.connection.each(sql, params, &mut row)
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

    /// Ends a transaction that only reads.
    pub(crate) fn end(&mut self, sql: &'static str) -> Result<()> {
        match &mut self.connection {
            Connection::Sqlite(_) => self.control(sql),
            Connection::Postgres(connection) => connection.send_off(sql).map_err(Fault::into_error),
        }
    }

    fn control(&mut self, sql: &'static str) -> Result<()> {
        self.connection.control(sql)
    }
}
