//! Moving the rows from one engine to the other, table by table in the order of their keys.
//!
//! Nothing has to be remembered to go on after an interruption: rows come in the order of their primary keys, so what is missing is
//! what stands behind the last row that is there. The settings come last, and with them the data key: a database that is
//! not whole cannot be served. At the end both sides are read once more, counted and digested.

mod postgres;
mod sqlite;
mod table;

use model::{Error, Result};

use self::table::{Digested, Table, Value};
use crate::{MasterKey, Place};

/// Rows that are copied in one transaction.
const STEP: usize = 10_000;

/// How far a move has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// The table.
    pub table: String,
    /// Rows of it that are done.
    pub rows: u64,
    /// Rows that it has.
    pub of: u64,
}

/// What is being done with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its rows are being copied.
    Copying,
    /// Both sides are being compared.
    Comparing,
}

/// What was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Tables.
    pub tables: usize,
    /// Rows in them.
    pub rows: u64,
}

/// One of the two sides.
enum Side {
    Sqlite(sqlite::Side),
    Postgres(Box<postgres::Side>),
}

/// Copies all rows from one engine to the other and compares them. The target is empty, or was begun by an earlier call. Nobody
/// may serve the source meanwhile: on PostgreSQL, writes of servers are kept out.
pub fn move_rows(from: &Place, to: &Place, master: &MasterKey, tell: &mut dyn FnMut(&Progress)) -> Result<Moved> {
    if matches!((from, to), (Place::File(_), Place::File(_)) | (Place::Postgres(_), Place::Postgres(_))) {
        return Err(Error::internal("rows are moved from one engine to the other"));
    }
    let (mut source, mut target) = (Side::open_source(from, master)?, Side::open_target(to)?);
    // The target was made by this release, and the source brought up to it.
    let tables = match (&mut source, &mut target) {
        (Side::Sqlite(side), _) | (_, Side::Sqlite(side)) => side.tables()?,
        _ => Vec::new(),
    };
    if target.has_data_key()? {
        return Err(Error::internal("the target already holds a server"));
    }
    let (settings, others): (Vec<_>, Vec<_>) = tables.into_iter().partition(|table| table.name == "setting");
    for table in &others {
        copy(table, &mut source, &mut target, tell)?;
    }
    let mut moved = Moved { tables: others.len(), rows: 0 };
    for table in &others {
        moved.rows += compare(table, &mut source, &mut target, tell)?;
    }
    for table in &settings {
        target.clear(table)?;
        copy(table, &mut source, &mut target, tell)?;
        moved.rows += compare(table, &mut source, &mut target, tell)?;
        moved.tables += 1;
    }
    target.finish(&others)?;
    Ok(moved)
}

fn copy(table: &Table, source: &mut Side, target: &mut Side, tell: &mut dyn FnMut(&Progress)) -> Result<()> {
    let (of, mut rows) = (source.count(table)?, target.count(table)?);
    let mut after = target.last_key(table)?;
    loop {
        tell(&Progress { stage: Stage::Copying, table: table.name.clone(), rows, of });
        let mut some = Vec::with_capacity(STEP.min(of as usize + 1));
        source.each(table, after.as_deref(), STEP, &mut |row| {
            some.push(row);
            Ok(())
        })?;
        let Some(last) = some.last() else { return Ok(()) };
        after = Some(table.key_of(last));
        rows += some.len() as u64;
        target.put(table, &some)?;
    }
}

fn compare(table: &Table, source: &mut Side, target: &mut Side, tell: &mut dyn FnMut(&Progress)) -> Result<u64> {
    let of = source.count(table)?;
    let mut digested = |side: &mut Side, half: u64| -> Result<Digested> {
        let (mut all, mut after) = (Digested::default(), None);
        loop {
            tell(&Progress { stage: Stage::Comparing, table: table.name.clone(), rows: (half + all.rows) / 2, of });
            let mut last = None;
            side.each(table, after.as_deref(), STEP, &mut |row| {
                all.take(&row);
                last = Some(table.key_of(&row));
                Ok(())
            })?;
            if last.is_none() {
                return Ok(all);
            }
            after = last;
        }
    };
    let (here, there) = (digested(source, 0)?, digested(target, of)?);
    if here.finish() == there.finish() {
        return Ok(of);
    }
    Err(Error::internal(format_args!("table {} is not the same on both sides", table.name)))
}

impl Side {
    fn open_source(place: &Place, master: &MasterKey) -> Result<Side> {
        match place {
            Place::File(file) => sqlite::Side::open_source(file, master).map(Side::Sqlite),
            Place::Postgres(url) => Ok(Side::Postgres(Box::new(postgres::Side::open_source(url, master)?))),
        }
    }

    fn open_target(place: &Place) -> Result<Side> {
        match place {
            Place::File(file) => sqlite::Side::open_target(file).map(Side::Sqlite),
            Place::Postgres(url) => Ok(Side::Postgres(Box::new(postgres::Side::open_target(url)?))),
        }
    }

    fn has_data_key(&mut self) -> Result<bool> {
        match self {
            Side::Sqlite(side) => side.has_data_key(),
            Side::Postgres(side) => side.has_data_key(),
        }
    }

    fn count(&mut self, table: &Table) -> Result<u64> {
        match self {
            Side::Sqlite(side) => side.count(table),
            Side::Postgres(side) => side.count(table),
        }
    }

    /// The key of the last row.
    fn last_key(&mut self, table: &Table) -> Result<Option<Vec<Value>>> {
        match self {
            Side::Sqlite(side) => side.last_key(table),
            Side::Postgres(side) => side.last_key(table),
        }
    }

    /// The rows after a key, at most `limit` of them.
    fn each(
        &mut self,
        table: &Table,
        after: Option<&[Value]>,
        limit: usize,
        row: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        match self {
            Side::Sqlite(side) => side.each(table, after, limit, row),
            Side::Postgres(side) => side.each(table, after, limit, row),
        }
    }

    /// Adds rows, all or none.
    fn put(&mut self, table: &Table, rows: &[Vec<Value>]) -> Result<()> {
        match self {
            Side::Sqlite(side) => side.put(table, rows),
            Side::Postgres(side) => side.put(table, rows),
        }
    }

    fn clear(&mut self, table: &Table) -> Result<()> {
        match self {
            Side::Sqlite(side) => side.clear(table),
            Side::Postgres(side) => side.clear(table),
        }
    }

    /// Lets ids be given out above those that are there.
    fn finish(&mut self, tables: &[Table]) -> Result<()> {
        match self {
            Side::Sqlite(_) => Ok(()),
            Side::Postgres(side) => side.finish(tables),
        }
    }
}
